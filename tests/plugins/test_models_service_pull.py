"""Is a pull followed, joined, watched, stopped, and refused when there is no room for it?"""

import asyncio
import shutil
from contextlib import aclosing
from types import SimpleNamespace

import pytest
from ollm_plugins.models.fetch import PullStopped

from ollm.api import (
    Health,
    ModelNotFound,
    Notice,
    OllmError,
    PluginError,
    Progress,
    ProviderEntry,
    ProviderError,
    ProviderUnreachable,
    PullRequest,
    Specs,
    Step,
    UsageError,
    Waiting,
    hookimpl,
)
from tests.helpers.managing import run  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.fixtures import remembering, replay  # noqa: F401  (fixtures)

NAME = "smollm2:135m"
LAYER = "941f309b54ca"
SIZE = 98362432
CUT = load("pull_client_hangs_up")
TAIL = load("pull_registry_dies").objects[-60:-1]


async def heard(models, name=NAME, provider="ollama", until=None, enough=None):
    """Pull, and return what is heard until something of a kind comes, or to the end."""
    found = []
    async with aclosing(models.pull(PullRequest(name), provider)) as news:
        async for each in news:
            found.append(each)
            if (until and isinstance(each, until)) or (enough and len(found) >= enough):
                break
    return found


def stalled(shown):
    """A pull whose server repeats itself: the recorded lines of a registry that died, from a late point on."""
    recording = load("pull_registry_dies")
    times = recording.line_ms[-shown:]
    line_ms = tuple(time - times[0] for time in times)
    return recording.but(lines=recording.lines[-shown:], line_ms=line_ms, total_ms=line_ms[-1])


def acme(*events, error=None, name="acme", order=50):
    """A plugin with a provider that fetches everything so."""

    class Acme(Specs):
        def __init__(self):
            self.name, self.pulled, self.closed = name, [], 0

        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(name, "Acme's", lambda _: self, order=order)]

        async def check(self):
            return Health("here", "1")

        async def list_models(self):
            return []

        async def show_model(self, name):
            raise ModelNotFound("Acme has none")

        def chat(self, request):
            raise NotImplementedError

        async def aclose(self):
            pass

        async def pull(self, request):
            self.pulled.append(request.name)
            try:
                for event in events:
                    yield event
                if error:
                    raise error
            finally:
                self.closed += 1

    return Acme()


def test_layers_are_added_up(run, replay):
    now = run(replay({"/api/pull": "pull_fresh_local_fast"}))
    news = now(heard(now.models))
    steps = [each.text for each in news if isinstance(each, Step)]
    assert steps == ["pulling manifest", "verifying sha256 digest", "writing manifest"]
    bars = [each for each in news if isinstance(each, Progress)]
    assert {bar.label for bar in bars} == {LAYER, NAME}
    assert [bar for bar in bars if bar.label == NAME][-1] == Progress(NAME, SIZE, SIZE)


def test_what_was_there_before_is_added_up_too(run, replay):
    now = run(replay({"/api/pull": "pull_after_digest_mismatch"}))
    *_, total = (each for each in now(heard(now.models)) if isinstance(each, Progress) and each.label == NAME)
    small = 1385 + 68 + 10 + 59 + 152
    assert (total.done, total.total, total.resumed) == (SIZE + small, SIZE + small, small)


def test_a_model_that_was_pulled_is_asked_for_anew(run, remembering):
    server = remembering(pulls={NAME: "pull_fresh_local_fast"}, listed=[])
    now = run(server)
    assert now.names() == []
    now(heard(now.models))
    asked = len(server.requests)
    assert now.names(max_age=60) == [NAME]
    assert now.names(max_age=60) == [NAME]
    assert sorted(each.path for each in server.requests[asked:]) == ["/api/ps", "/api/tags"]


def test_a_pull_that_was_cut_changes_nothing(run, remembering):
    server = remembering(pulls={"gemma3:1b": CUT})
    now = run(server)
    now.names()
    now(heard(now.models, "gemma3:1b", until=Progress))
    asked = len(server.requests)
    now.names(max_age=60)
    assert len(server.requests) == asked


def test_leaving_ends_the_request(run, replay):
    server = replay({"/api/pull": CUT})
    now = run(server)
    now(heard(now.models, until=Progress))
    assert server.wait_for_hangup(30).request.path == "/api/pull"
    assert not now.models.cancel(NAME)


def test_silence_is_said_again_and_again(run, replay, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.fetch.SILENCE", 0.02)
    now = run(replay({"/api/pull": CUT.first(2, end="client")}))

    async def wait():
        waits = []
        async with aclosing(now.models.pull(PullRequest(NAME), "ollama")) as news:
            async for each in news:
                waits += [each] if isinstance(each, Waiting) and each.subject == LAYER else []
                if len(waits) == 3:
                    return waits

    first, second, third = now(wait())
    assert 0.02 <= first.seconds < second.seconds < third.seconds


def test_a_server_that_repeats_itself_makes_no_progress(run, replay, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.fetch.SILENCE", 0.2)
    now = run(replay({"/api/pull": stalled(60)}, speed=1))
    news = now(heard(now.models, until=Waiting))
    assert [type(each) for each in news] == [Progress, Progress, Waiting]
    assert news[2].subject == LAYER


def test_a_registry_that_dies_is_an_error(run, replay):
    now = run(replay({"/api/pull": "pull_registry_dies"}))
    with pytest.raises(ProviderUnreachable, match=r"127\.0\.0\.1:5004"):
        now(heard(now.models))


def test_a_second_one_joins(run, replay):
    server = replay({"/api/pull": load("pull_fresh_gemma3")}, speed=0.01)
    now = run(server)

    async def both():
        first = asyncio.ensure_future(heard(now.models, "gemma3:270m"))
        await asyncio.to_thread(server.wait_for_request, 1, 30)
        second = heard(now.models, "GEMMA3:270m", None)
        return await asyncio.gather(first, second)

    one, other = now(both())
    assert len(server.asked("/api/pull")) == 1
    assert one[-2:] == other[-2:] == [Step("verifying sha256 digest"), Step("writing manifest")]


def test_one_that_leaves_ends_it_for_nobody_else(run, replay):
    server = replay({"/api/pull": CUT})
    now = run(server)

    async def both():
        async with aclosing(now.models.pull(PullRequest(NAME), "ollama")) as news:
            await anext(news)
            await heard(now.models, enough=1)
            assert not server.hangups
            stayed = [await anext(news) for _ in range(2)]
        return stayed

    assert now(both())[0].label == LAYER and server.wait_for_hangup(30)


def test_one_that_joins_late_hears_how_far_it_is(run, replay):
    now = run(replay({"/api/pull": CUT}))

    async def late():
        async with aclosing(now.models.pull(PullRequest(NAME), "ollama")) as news:
            while not isinstance(last := await anext(news), Progress) or last.done < 39_780_352:
                pass
            return await heard(now.models, enough=3)

    step, layer, total = now(late())
    assert step == Step("pulling manifest") and (layer.label, total.label) == (LAYER, NAME)
    assert layer.done == total.done == 39_780_352


def test_a_pull_can_be_stopped_by_its_name(run, replay):
    server = replay({"/api/pull": CUT})
    now = run(server)

    async def stop():
        async with aclosing(now.models.pull(PullRequest(NAME), "ollama")) as news:
            await anext(news)
            assert not now.models.cancel("another:1b") and now.models.cancel("SMOLLM2:135m")
            async for _ in news:
                pass

    with pytest.raises(PullStopped, match="The pull of smollm2:135m was stopped"):
        now(stop())
    assert server.wait_for_hangup(30) and not now.models.cancel(NAME)


def test_what_an_abandoned_loop_was_at_is_begun_anew(run, replay):
    server = replay({"/api/pull": CUT})
    now = run(server)
    left = asyncio.new_event_loop()
    news = now.models.pull(PullRequest(NAME), "ollama")
    left.run_until_complete(anext(news))
    assert asyncio.run(heard(now.models, until=Progress))
    assert len(server.asked("/api/pull")) == 2
    left.run_until_complete(news.aclose())
    left.close()


# -- room -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "fits"), [(SIZE, False), (SIZE + 17_500_000, True)])
def test_a_model_that_does_not_fit_is_not_fetched(run, replay, monkeypatch, tmp_path, free, fits):
    def disk_usage(folder):
        if not folder.exists():
            raise FileNotFoundError(folder)
        assert folder == tmp_path
        return SimpleNamespace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    server = replay({"/api/pull": CUT.first(2, end="client")})
    now = run(server, environ={"OLLAMA_MODELS": str(tmp_path / "not" / "yet")})
    if fits:
        assert len(now(heard(now.models, until=Progress))) == 2
        return
    with pytest.raises(OllmError) as refused:
        now(heard(now.models))
    assert str(refused.value).startswith(
        f"smollm2:135m needs 115 MB more on the disk of {tmp_path}/not/yet, where 98 MB are free. Make room there"
    )
    assert server.wait_for_hangup(30)


def test_only_what_is_missing_must_fit(run, replay, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    now = run(replay({"/api/pull": "pull_blob_shared"}), environ={"OLLAMA_MODELS": str(tmp_path)})
    assert isinstance(now(heard(now.models))[-1], Step)


def test_a_disk_that_nobody_knows_is_not_judged(run, replay, monkeypatch, tmp_path):
    def broken(folder):
        raise PermissionError(folder)

    monkeypatch.setattr(shutil, "disk_usage", broken)
    now = run(replay({"/api/pull": "pull_fresh_local_fast"}), environ={"OLLAMA_MODELS": str(tmp_path)})
    assert isinstance(now(heard(now.models))[-1], Step)


# -- who fetches it ---------------------------------------------------------------------------------------------------


def test_another_provider_fetches_what_the_first_has_not(run, replay):
    second = acme(Progress("file", 1, 2), Progress("file", 2, 2))
    now = run(replay({"/api/pull": "pull_missing_model"}), second)
    step, notice, *bars = now(heard(now.models, "nosuchmodel:1b", None))
    assert step == Step("pulling manifest") and second.pulled == ["nosuchmodel:1b"]
    assert isinstance(notice, Notice) and notice.code == "provider-fallback"
    assert notice.text.endswith("has no model nosuchmodel:1b: the provider 'acme' fetches nosuchmodel:1b.")
    assert bars[-1] == Progress("nosuchmodel:1b", 2, 2)


def test_another_provider_fetches_it_when_the_first_is_away(run):
    now = run("http://127.0.0.1:9", acme())
    (notice,) = now(heard(now.models, provider=None))
    assert notice.text.startswith("Ollama does not answer") and "'acme' fetches smollm2:135m" in notice.text


def test_a_provider_that_was_chosen_is_not_swapped(run):
    now = run("http://127.0.0.1:9", second := acme(), environ={"OLLM_HOST": "http://127.0.0.1:9"})
    with pytest.raises(ProviderUnreachable):
        now(heard(now.models, provider=None))
    assert second.pulled == []


@pytest.mark.parametrize(
    ("recording", "kind", "words"),
    [
        ("pull_missing_model", ModelNotFound, "; Acme has none"),
        ("pull_registry_down_localhost", ProviderUnreachable, "; Acme has none"),
        ("pull_digest_mismatch", ProviderError, "digest"),
    ],
)
def test_what_nobody_can_fetch_is_said_once_with_all_reasons(run, replay, recording, kind, words):
    now = run(replay({"/api/pull": recording}), acme(error=ModelNotFound("Acme has none")))
    with pytest.raises(kind, match=words):
        now(heard(now.models, provider=None))


def test_what_breaks_in_the_middle_is_not_begun_elsewhere(run):
    first = acme(Progress("file", 1, 2), error=ProviderUnreachable("Gone"), name="first", order=1)
    now = run("http://127.0.0.1:9", first, second := acme())
    with pytest.raises(ProviderUnreachable, match="^Gone"):
        now(heard(now.models, provider=None))
    assert second.pulled == []


def test_one_that_cannot_fetch_is_not_asked(run):
    now = run("http://127.0.0.1:9")
    with pytest.raises(UsageError, match="Provider 'scripted' cannot fetch models"):
        now(heard(now.models, provider="scripted"))


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        ("news", "TypeError: a pull brings Progress, Step and Notice, no str"),
        (Progress("file", "1"), "ValidationError"),
    ],
)
def test_a_plugin_that_brings_something_else_is_blamed(run, event, cause):
    plugin = acme(event)
    now = run("http://127.0.0.1:9", plugin, strict=False)
    with pytest.raises(PluginError, match=cause):
        now(heard(now.models, provider="acme"))
    assert now.harness.failures[0].plugin == "acme" and plugin.closed == 1


def test_bars_of_other_units_are_not_added_up(run):
    now = run("http://127.0.0.1:9", acme(Progress("files", 1, 3, "steps"), Progress("a", 5), Progress("b", 1, 2)))
    news = now(heard(now.models, provider="acme"))
    totals = [each for each in news if each.label == NAME]
    assert news[0] == Progress("files", 1, 3, "steps") and totals[-1] == Progress(NAME, 6, None)
