"""Do other rooms reach models as the service says, with the server there or away?"""

import asyncio
import time
import uuid

import pytest
from ollm_plugins.models import completing, deleting

from ollm.api import (
    CompletionContext,
    Health,
    LoadRequest,
    ModelInfo,
    ModelManagement,
    ModelNotFound,
    OllmError,
    PluginError,
    ProviderEntry,
    ProviderError,
    ProviderUnreachable,
    Specs,
    UsageError,
    hookimpl,
)
from tests.helpers.managing import run  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.entries import entry
from tests.replay.fixtures import remembering, replay  # noqa: F401  (fixtures)

ALL = ["gemma3:270m", "smollm2-native:135m", "smollm2-pirate:latest", "smollm2:135m"]
SILENT = load("tags_some").but(header_ms=60_000)


def paths(server, since=0):
    """The paths that a server was asked for; requests that go out together come in either order."""
    return sorted(request.path for request in server.requests[since:])


class Fake:
    """A provider that hands over or raises whatever it was given."""

    def __init__(self, name, given):
        self.name, self.given = name, given

    async def check(self):
        return Health("here", "1")

    async def list_models(self):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def show_model(self, name):
        for model in await self.list_models():
            if model.name == name:
                return model
        raise ModelNotFound(f"Acme has no {name}")

    def chat(self, request):
        raise NotImplementedError

    async def aclose(self):
        pass


def giving(**given):
    """A plugin whose providers are named and do as given."""

    class Acme(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(name, "Acme's", lambda _, p=Fake(name, g): p) for name, g in given.items()]

    return Acme


# -- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_says_what_is_in_memory_and_since_when_it_holds(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.list_models("ollama"))
    server._load("smollm2:135m", {})
    catalogue = now(now.models.list_models("ollama"))
    assert sorted(model.info.name for model in catalogue.models) == ALL
    loaded = {model.info.name: model.loaded for model in catalogue.models if model.loaded}
    assert loaded["smollm2:135m"].context_size == 4096 and len(loaded) == 1
    (source,) = catalogue.sources
    assert (source.provider, source.offline) == ("ollama", "") and source.as_of.endswith("+00:00")
    assert paths(server) == ["/api/ps", "/api/ps", "/api/tags", "/api/tags"]


def test_without_a_choice_all_are_listed(run, remembering):
    now = run(remembering(), giving(acme=[ModelInfo("a:1b")]))
    catalogue = now(now.models.list_models())
    assert {model.provider for model in catalogue.models} == {"ollama", "acme", "scripted"}
    assert [source.provider for source in catalogue.sources] == ["ollama", "acme", "scripted"]


def test_who_does_not_answer_about_memory_is_listed_all_the_same(run, replay):
    now = run(replay({"/api/ps": "generate_queue_full"}))
    assert sorted(now.names()) == ALL


def test_a_young_answer_is_not_asked_for_again(run, remembering):
    server = remembering()
    now = run(server)
    first = now(now.models.list_models(max_age=60))
    asked = len(server.requests)
    assert now(now.models.list_models(max_age=60)) is first
    now.close()
    then = run(server)
    assert sorted(then.names(max_age=60)) == ALL and len(server.requests) == asked
    then.names(max_age=1e-6)
    assert paths(server, asked) == ["/api/ps", "/api/tags"]


@pytest.mark.parametrize("same_run", [True, False])
def test_the_models_of_a_server_that_is_away_are_those_that_it_had(run, remembering, same_run):
    server = remembering()
    now = run(server)
    before = now(now.models.list_models("ollama"))
    server.close()
    if not same_run:
        now.close()
        now = run(server)
    catalogue = now(now.models.list_models("ollama"))
    assert [model.info for model in catalogue.models] == [model.info for model in before.models]
    (source,) = catalogue.sources
    assert source.as_of == before.sources[0].as_of
    assert source.offline == f"Ollama does not answer at {server.url} (connection refused)"
    assert source.remedy.startswith("Start Ollama with")


def test_a_server_that_was_never_there_has_no_models(run):
    now = run("http://127.0.0.1:9")
    with pytest.raises(ProviderUnreachable, match="does not answer"):
        now(now.models.list_models("ollama"))
    catalogue = now(now.models.list_models())
    assert [model.provider for model in catalogue.models] == ["scripted"]
    away = catalogue.sources[0]
    assert (away.provider, away.as_of) == ("ollama", "") and "does not answer" in away.offline


def test_nobody_waits_for_a_silent_server_whose_answer_is_known(run, replay):
    server = replay({"/api/tags": ["tags_some", SILENT]}, speed=1)
    now = run(server)
    now.names()
    (source,) = now(now.models.list_models("ollama")).sources
    assert source.offline.startswith("Provider 'ollama' did not answer within 0.")
    assert server.wait_for_hangup(30).request.path == "/api/tags"


def test_tab_waits_once_for_a_silent_server_and_asks_it_once(run, replay, monkeypatch):
    server = replay({"/api/tags": SILENT}, speed=1)
    now = run(server)
    context = CompletionContext(now.harness.app.context, "smol")

    async def press_tab():
        await completing.stand_by(now.harness.app.context)
        monkeypatch.setattr(completing, "PATIENCE", 0.01)
        assert await asyncio.to_thread(completing.models, context) == []
        monkeypatch.setattr(completing, "PATIENCE", 60)
        async with asyncio.timeout(30):
            assert await asyncio.to_thread(completing.models, context) == []
        monkeypatch.setattr(completing, "AGAIN", 0)
        monkeypatch.setattr(completing, "PATIENCE", 0.01)
        assert await asyncio.to_thread(completing.models, context) == []

    now(press_tab())
    assert len(server.asked("/api/tags")) <= 1


def test_a_server_whose_answer_is_not_known_is_waited_for(run, replay, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.patience.QUICK", 0.001)
    slow = load("tags_some").but(header_ms=50)
    now = run(replay({"/api/tags": slow}, speed=1))
    assert sorted(now.names()) == ALL


def test_a_server_that_is_slow_as_ever_is_waited_for(run, replay, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.patience.QUICK", 0.001)
    server = replay({"/api/tags": load("tags_some").but(header_ms=100)}, speed=1)
    now = run(server)
    now.names()
    assert now(now.models.list_models("ollama")).sources[0].offline == ""


def test_another_address_is_another_server(run, remembering):
    first, second = remembering(), remembering(listed=[entry("other:1b")])
    before = run(first)
    before.names()
    before.close()
    asked = len(first.requests)
    assert run(second).names(max_age=60) == ["other:1b"]
    assert sorted(run(first).names(max_age=60)) == ALL and len(first.requests) == asked


@pytest.mark.parametrize(
    ("given", "kind"), [(ProviderError("The disk is full"), ProviderError), (ValueError("oops"), PluginError)]
)
def test_one_that_answers_with_an_error_is_not_answered_for(run, remembering, given, kind):
    fake = giving(acme=[ModelInfo("a:1b")])
    now = run(remembering(), fake, strict=False)
    now.names("acme")
    now.harness.app.providers.make(now.harness.app.providers.entry("acme")).given = given
    with pytest.raises(kind):
        now.names("acme")
    catalogue = now(now.models.list_models())
    assert "acme" not in {model.provider for model in catalogue.models}
    (source,) = [source for source in catalogue.sources if source.provider == "acme"]
    assert source.as_of == "" and str(given) in source.offline


def test_five_thousand_models_are_joined_once(run, remembering):
    now = run(remembering(), giving(acme=[ModelInfo(f"m{number}:1b") for number in range(5000)]))
    first = now(now.models.list_models(max_age=60))
    assert len(first.models) == 5005
    assert now(now.models.list_models(max_age=60)) is first


def test_an_unknown_provider_is_wrong_usage(run, remembering):
    now = run(remembering())
    with pytest.raises(UsageError, match="no provider 'olama'"):
        now.names("olama")


# -- single models ----------------------------------------------------------------------------------------------------


def test_what_is_shown_is_completed_from_the_list(run, remembering):
    server = remembering()
    now = run(server)
    shown = now(now.models.show_model("SMOLLM2:135m", "ollama"))
    assert (shown.info.name, shown.info.size, shown.info.quantization) == ("smollm2:135m", 98364106, "Q4_1")
    assert shown.info.template and shown.info.license and shown.info.digest.startswith("a10de68f")
    assert paths(server) == ["/api/show", "/api/tags"]


def test_the_list_is_not_needed_for_it(run, replay):
    now = run(replay({"/api/tags": "generate_queue_full"}))
    shown = now(now.models.show_model("smollm2:135m", "ollama"))
    assert shown.info.size is None and shown.info.template


def test_a_model_of_the_same_digest_is_not_shown_again(run, remembering):
    server = remembering()
    before = run(server)
    before(before.models.show_model("smollm2:135m", "ollama"))
    before.close()
    now = run(server)
    asked = len(server.requests)
    first = now(now.models.show_model("smollm2:135m", "ollama"))
    assert paths(server, asked) == ["/api/tags"] and first.info.template
    server.listed["smollm2:135m"]["digest"] = "0" * 64
    again = now(now.models.show_model("smollm2:135m", "ollama"))
    assert again.info.digest == "0" * 64
    assert paths(server, asked + 1) == ["/api/show", "/api/tags"]


@pytest.mark.parametrize("name", ["smollm2-pirate", "smollm2-pirate:latest", "SmolLM2-Pirate"])
def test_a_young_show_needs_no_request(run, remembering, name):
    server = remembering()
    first = run(server)
    first(first.models.show_model("smollm2-pirate:latest", "ollama"))
    first.close()
    asked, now = len(server.requests), run(server)
    assert now(now.models.show_model(name, "ollama", max_age=60)).info.template
    assert len(server.requests) == asked


def test_a_list_that_says_otherwise_ends_a_young_show(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.show_model("smollm2:135m", "ollama"))
    server.listed["smollm2:135m"]["digest"] = "0" * 64
    now.names()
    asked = len(server.requests)
    assert now(now.models.show_model("smollm2:135m", "ollama", max_age=60)).info.digest == "0" * 64
    assert paths(server, asked) == ["/api/show"]


def test_what_was_shown_is_known_while_the_server_is_away(run, remembering):
    server = remembering()
    now = run(server)
    before = now(now.models.show_model("smollm2:135m", "ollama"))
    server.close()
    shown = now(now.models.show_model("smollm2:135m", "ollama"))
    assert shown.info == before.info and "connection refused" in shown.source.offline
    listed = now(now.models.show_model("gemma3:270m", "ollama"))
    assert listed.info.size == 253113180 and listed.info.template == "" and listed.source.offline
    with pytest.raises(ProviderUnreachable):
        now(now.models.show_model("qwen3:8b", "ollama"))


def test_a_model_that_is_gone_is_forgotten(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.show_model("smollm2:135m", "ollama"))
    now(now.models.show_model("gemma3:270m", "ollama"))
    del server.listed["smollm2:135m"]
    with pytest.raises(ModelNotFound):
        now(now.models.show_model("smollm2:135m", "ollama"))
    server.close()
    with pytest.raises(ProviderUnreachable):
        now(now.models.show_model("smollm2:135m", "ollama"))
    assert now(now.models.show_model("gemma3:270m", "ollama")).info.template


def test_the_first_provider_that_has_it_shows_it(run, remembering):
    now = run(remembering(), giving(acme=[ModelInfo("smollm2:135m"), ModelInfo("a:1b")]))
    assert now(now.models.show_model("smollm2:135m")).provider == "ollama"
    assert now(now.models.show_model("a:1b")).provider == "acme"
    with pytest.raises(ModelNotFound, match=r"no model nosuch:1b.*; Acme has no nosuch:1b"):
        now(now.models.show_model("nosuch:1b"))


def test_one_that_is_there_goes_before_one_that_was(run, remembering):
    server = remembering()
    now = run(server, giving(acme=[ModelInfo("smollm2:135m")]))
    now(now.models.show_model("smollm2:135m"))
    server.close()
    assert now(now.models.show_model("smollm2:135m")).provider == "acme"


def test_one_that_was_goes_before_one_that_is_only_offered(run, remembering):
    server = remembering()
    now = run(server, giving(acme=[ModelInfo("smollm2:135m", details={"fetched": False})]))
    now(now.models.show_model("smollm2:135m"))
    server.close()
    assert now(now.models.show_model("smollm2:135m")).provider == "ollama"


# -- changes ----------------------------------------------------------------------------------------------------------


def test_deleting_forgets_that_model_only(run, remembering):
    server = remembering()
    now = run(server)
    for name in ("smollm2:135m", "gemma3:270m"):
        now(now.models.show_model(name, "ollama"))
    deleted = now(now.models.delete_model("GEMMA3:270m", "ollama"))
    assert (deleted.provider, deleted.name, deleted.freed) == ("ollama", "gemma3:270m", 253113180)
    assert not deleted.unloaded and "gemma3:270m" not in server.listed
    asked = len(server.requests)
    assert sorted(now.names(max_age=60)) == ALL[1:]
    assert now(now.models.show_model("smollm2:135m", "ollama", max_age=60)).info.template
    assert len(server.requests) == asked
    with pytest.raises(ModelNotFound):
        now(now.models.show_model("gemma3:270m", "ollama", max_age=60))


def test_another_run_learns_of_a_deletion(run, remembering):
    server = remembering()
    one, other = run(server), run(server)
    one.names()
    one.close()
    one = run(server)
    assert "gemma3:270m" in one.names(max_age=60)
    other(other.models.delete_model("gemma3:270m", "ollama"))
    other.close()
    asked = len(server.requests)
    assert "gemma3:270m" not in one.names(max_age=60) and len(server.requests) == asked


def test_a_copy_makes_the_list_old_and_nothing_else(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.show_model("smollm2:135m", "ollama"))
    now(now.models.copy_model("smollm2:135m", "mine", "ollama"))
    asked = len(server.requests)
    assert now(now.models.show_model("smollm2:135m", "ollama", max_age=60)).info.template
    assert len(server.requests) == asked
    assert "mine:latest" in now.names(max_age=60)
    assert paths(server, asked) == ["/api/ps", "/api/tags"]


def test_a_copy_over_a_model_ends_what_was_known_of_that(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.show_model("gemma3:270m", "ollama"))
    now(now.models.copy_model("smollm2:135m", "gemma3:270m", "ollama"))
    assert now(now.models.show_model("gemma3:270m", "ollama", max_age=60)).info.family == "llama"


def test_loading_and_unloading_change_nothing_that_is_remembered(run, remembering):
    server = remembering()
    now = run(server)
    now(now.models.show_model("smollm2:135m", "ollama"))
    provider = now.harness.app.providers.make(now.harness.app.providers.entry("ollama"))
    now(provider.load_model(LoadRequest("smollm2:135m")))
    now(provider.unload_model("smollm2:135m"))
    asked = len(server.requests)
    now.names(max_age=60)
    now(now.models.show_model("smollm2:135m", "ollama", max_age=60))
    assert len(server.requests) == asked


@pytest.mark.parametrize("lingers", [0, 2])
def test_a_model_is_taken_out_of_memory_before_it_is_deleted(run, remembering, lingers, monkeypatch):
    monkeypatch.setattr(deleting, "PAUSE", 0.001)
    server = remembering(lingers=lingers)
    server._load("smollm2:135m", {})
    now = run(server)
    assert now(now.models.delete_model("smollm2:135m", "ollama")).unloaded
    order = [request.path for request in server.requests if request.path != "/api/tags"]
    unload, delete = order.index("/api/generate"), order.index("/api/delete")
    assert order[unload + 1 : delete].count("/api/ps") == lingers + 1 and server.loaded == {}


def test_a_model_that_stays_in_memory_is_not_deleted(run, remembering, monkeypatch):
    monkeypatch.setattr(deleting, "UNLOADING", 0.0)
    server = remembering(lingers=99)
    server._load("smollm2:135m", {})
    now = run(server)
    with pytest.raises(ProviderError, match="stays in memory, so it was not deleted"):
        now(now.models.delete_model("smollm2:135m", "ollama"))
    assert "smollm2:135m" in server.listed and not server.asked("/api/delete")


@pytest.mark.parametrize(
    ("model", "others", "freed"),
    [
        (ModelInfo("a", size=7, digest="1"), [], 7),
        (ModelInfo("a", size=7, digest="1"), [ModelInfo("b", size=7, digest="2")], 7),
        (ModelInfo("a", size=7, digest="1"), [ModelInfo("b", size=7, digest="1")], 0),
        (ModelInfo("a", size=7), [ModelInfo("b", size=7)], 7),
        (ModelInfo("a", digest="1"), [], None),
        (ModelInfo("a", size=7), [ModelInfo("b", details={"parent_model": "A:latest"})], None),
        (ModelInfo("a", size=7, details={"parent_model": "b"}), [ModelInfo("b:latest")], None),
        (ModelInfo("a", size=7, details={"parent_model": "gone"}), [ModelInfo("b", details={"parent_model": ""})], 7),
    ],
)
def test_only_what_no_other_model_needs_is_freed(model, others, freed):
    assert deleting.freed_by(model, [model, *others]) == freed


def test_what_cannot_be_deleted_is_said(run, remembering):
    server = remembering()
    now = run(server, giving(acme=[ModelInfo("a:1b")]))
    with pytest.raises(ModelNotFound, match="'ollama' has no model smollm:135m") as missing:
        now(now.models.delete_model("smollm:135m", "ollama"))
    assert "smollm2:135m" in missing.value.remedy
    with pytest.raises(UsageError, match="Provider 'acme' cannot delete models"):
        now(now.models.delete_model("a:1b", "acme"))
    with pytest.raises(UsageError, match="Provider 'acme' cannot copy models"):
        now(now.models.copy_model("a:1b", "b", "acme"))
    server.close()
    with pytest.raises(ProviderUnreachable):
        now(now.models.delete_model("smollm2:135m"))


def test_what_is_deleted_is_looked_for_now(run, remembering):
    slow = load("tags_some").but(header_ms=300)
    server = remembering(script={"/api/tags": ["tags_none", slow]}, speed=1)
    now = run(server)
    assert now.names() == []
    assert now(now.models.delete_model("gemma3:270m", "ollama")).name == "gemma3:270m"


def test_a_model_that_two_providers_have_is_not_deleted_by_chance(run, remembering):
    class Deleting(Fake):
        async def delete_model(self, name):
            raise AssertionError(name)

    class Acme(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("acme", "Acme's", lambda _: Deleting("acme", [ModelInfo("smollm2:135m")]))]

    now = run(remembering(), Acme)
    with pytest.raises(UsageError, match="'ollama' and 'acme' have smollm2:135m"):
        now(now.models.delete_model("smollm2:135m"))


# -- memory -----------------------------------------------------------------------------------------------------------


def test_the_models_in_memory_are_asked_for_now(run, remembering):
    server = remembering()
    now = run(server, giving(acme=[ModelInfo("a:1b")]))
    assert now(now.models.status()) == []
    server._load("smollm2:135m", {"options": {"num_ctx": 2048}})
    (status,) = now(now.models.status())
    assert (status.provider, status.loaded.name, status.loaded.context_size) == ("ollama", "smollm2:135m", 2048)
    with pytest.raises(UsageError, match="Provider 'acme' cannot hold models in memory"):
        now(now.models.status("acme"))
    server.close()
    with pytest.raises(ProviderUnreachable):
        now(now.models.status())


# -- runs -------------------------------------------------------------------------------------------------------------


def test_event_loops_may_change(run, remembering):
    server = remembering()
    now = run(server)
    for _ in range(2):
        models = asyncio.run(now.models.list_models("ollama"))
        assert len(models.models) == 4


def test_only_ollm_errors_come_out(run, remembering):
    now = run(remembering(), giving(acme=[object()]), strict=False)
    with pytest.raises(OllmError, match="Provider 'acme' failed: TypeError"):
        now.names("acme")
    assert now.harness.app.services.find(ModelManagement) is now.models


def test_who_holds_up_this_process_does_not_make_a_server_silent(run, remembering, monkeypatch):
    server = remembering()
    now = run(server)
    now.names()
    monkeypatch.setattr("ollm_plugins.models.source.patience_for", lambda usual: 0.3)

    async def busy():
        loop, held_up = asyncio.get_running_loop(), []

        def hold_up(request):
            if request.path == "/api/tags" and not held_up:
                held_up.append(loop.call_soon_threadsafe(time.sleep, 0.4))  # as an import does

        server.on_request = hold_up
        return await now.models.list_models("ollama")

    assert now(busy()).sources[0].offline == ""


# -- a real server ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["remembering", pytest.param("live", marks=pytest.mark.live)])
def somewhere(request, remembering):
    """A server that keeps the contract: ours, and a real one if there is one."""
    if request.param == "remembering":
        return remembering()
    return request.getfixturevalue("live_address") or "http://127.0.0.1:11434"


def test_a_copy_lives_and_dies(run, somewhere):
    now, mine = run(somewhere), f"ollm-test-{uuid.uuid4().hex}:1"
    if not (there := now.names()):
        pytest.skip("the server has no model that could be copied")
    now(now.models.copy_model(there[0], mine, "ollama"))
    try:
        original, copied = (now(now.models.show_model(name, "ollama")).info for name in (there[0], mine))
        assert mine in now.names(max_age=60)
        assert (copied.name, copied.digest, copied.template) == (mine, original.digest, original.template)
    finally:
        deleted = now(now.models.delete_model(mine, "ollama"))
    assert (deleted.freed, deleted.unloaded) == (0, False) and now.names(max_age=60) == now.names()
    assert mine not in now.names()
    with pytest.raises(ModelNotFound):
        now(now.models.show_model(mine, "ollama"))
