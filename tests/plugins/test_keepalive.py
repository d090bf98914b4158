"""Do models stay in memory as long as the user says, and no turn is ever held up for that?"""

import asyncio
import json
import os
import re
import tempfile
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from ollm_plugins.keepalive import commands, keeper, retry, upkeep
from ollm_plugins.keepalive.durations import FOREVER, exact, rough, seconds
from ollm_plugins.keepalive.keeper import keeper_of
from ollm_plugins.keepalive.plugin import Plugin as KeepAlive
from ollm_plugins.keepalive.status import render
from ollm_plugins.local.plugin import Plugin as Local
from ollm_plugins.ollama.plugin import Plugin as Ollama

from ollm.api import (
    GenerationOptions,
    LoadRequest,
    RequestAdjuster,
    SettingsError,
    Specs,
    StatusContext,
    UsageError,
    hookimpl,
    replace,
)
from tests.replay import entry, load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

SMALL, OTHER = "smollm2:135m", "gemma3:270m"


def settings(**section):
    return json.dumps({"version": 1, "model": {"default": SMALL, "provider": "ollama", "keepAlive": section}})


@pytest.fixture
def start(ollm_app, remembering, monkeypatch):
    """Start an app on a server that remembers; a look and a retry take no time."""
    monkeypatch.setattr(upkeep, "LOOK", 0.05)
    monkeypatch.setattr(retry, "FIRST", 0.05)

    def make(*plugins, server=None, background=True, **section):
        server = server or remembering()
        ollm = ollm_app(KeepAlive, Ollama, *plugins, settings=settings(**section), environ={"OLLM_HOST": server.url})
        if background:
            ollm.app.begin_background()
        return ollm, server

    return make


def until(ollm, is_so, timeout=30.0):
    """Let the app's event loop run until something is so."""

    async def wait():
        async with asyncio.timeout(timeout):
            while not is_so():
                await asyncio.sleep(0.005)

    ollm.app.run(wait())


def looks(ollm, server, count=4):
    """Let the background task look so many times more at what is in memory."""
    wanted = len(server.asked("/api/ps")) + count
    until(ollm, lambda: len(server.asked("/api/ps")) >= wanted)


def sent(server):
    """What was asked of /api/generate: model, time and context."""
    bodies = [each.json for each in server.asked("/api/generate")]
    return [(body["model"], body["keep_alive"], body.get("options", {}).get("num_ctx")) for body in bodies]


def bar(ollm):
    return render(StatusContext(ollm.app.context))


@pytest.mark.parametrize(
    ("given", "expected"),
    [(300, 300), (0, 0), (-1, FOREVER), ("-1", FOREVER), ("forever", FOREVER), ("90", 90), ("10m", 600), ("2h", 7200)]
    + [("1h30m", 5400), ("1.5h", 5400), ("45s", 45), (" 10M ", 600)],
)
def test_durations(given, expected):
    assert seconds(given) == expected


@pytest.mark.parametrize("given", ["", "soon", "-2", "5q", "10m!", "m", "1e3", "9" * 10, "1h1h1h1h", "١"])
def test_what_is_no_duration_is_refused(given):
    with pytest.raises(UsageError, match="is no duration"):
        seconds(given)


@pytest.mark.parametrize(
    ("duration", "full", "short"),
    [(0, "0s", "0s"), (0.9, "1s", "0s"), (59.9, "1m", "59s"), (299, "4m59s", "4m"), (5400, "1h30m", "1h")],
)
def test_durations_are_said(duration, full, short):
    assert (exact(duration), rough(duration)) == (full, short)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeout: soon", "timeout is 'soon': expected seconds, a duration such as"),
        ("timeout: -2", "timeout is -2: expected"),
        ("timeout: true", "timeout is True: expected"),
        ("timeout: 99999999999", "timeout is 99999999999: expected"),
        ("timeouts: {'phi*': 5q}", "expected seconds, a duration such as .*, at phi\\*"),
        ("timeouts: {'phi*': -2}", "at phi\\*"),
        ("timeouts: soon", "timeouts is 'soon'"),
        ("models: x", "models is 'x'"),
        ("enabled: 1", "enabled is 1"),
        ("tiemout: 1", "did you mean model.keepAlive.timeout"),
    ],
)
def test_a_bad_setting_is_one_line_that_says_where(ollm_app, text, said):
    ollm = ollm_app(KeepAlive, settings=f"version: 1\nmodel:\n  keepAlive:\n    {text}\n")
    with pytest.raises(SettingsError) as caught:
        ollm.app.check_settings()
    (line,) = caught.value.problems
    assert re.search(rf"config\.yaml:4: .*{said}", line), line


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, 300),
        ({"timeout": 0}, 0),
        ({"timeout": "10m"}, 600),
        ({"timeout": "forever"}, -1),
        ({"timeout": 5, "timeouts": {"smol*": "1h"}}, 3600),
        ({"timeouts": {"*": 7, "SMOLLM2:135M": 8, "smol*": 9}}, 8),
        ({"timeouts": {"gemma*": 9}}, 300),
        ({"enabled": False}, None),
    ],
)
def test_each_request_says_how_long_its_model_stays(start, section, expected):
    ollm, server = start(background=False, **section)
    ollm.ask("Hello")
    assert [each.json.get("keep_alive") for each in server.asked("/api/chat")] == [expected]


@pytest.mark.parametrize("options", [GenerationOptions(extra={"keep_alive": "7m"}), GenerationOptions(keep_alive="7m")])
def test_what_the_user_says_himself_holds(start, options):
    class Own(Specs):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            return [RequestAdjuster("own", lambda request, turn: replace(request, options=options))]

    ollm, server = start(Own, background=False)
    ollm.ask("Hello")
    assert server.asked("/api/chat")[0].json["keep_alive"] == "7m"


def test_models_are_loaded_one_after_another_and_told_again_in_time(start):
    ollm, server = start(models=[SMALL, OTHER], timeout=4)
    until(ollm, lambda: len(sent(server)) >= 6)
    assert [name for name, _ in server.loads] == [SMALL, OTHER]
    assert sent(server)[0] == (SMALL, 4, None)
    assert set(sent(server)) == {(SMALL, 4, None), (OTHER, 4, None), (SMALL, 4, 4096), (OTHER, 4, 4096)}
    assert set(server.loaded) == {SMALL, OTHER}
    assert set(bar(ollm).split(" · ")) == {f"{SMALL} kept", f"{OTHER} kept"}
    ollm.app.close()
    assert set(sent(server)[2:]) == {(SMALL, 4, 4096), (OTHER, 4, 4096)}, "at the end they are left to run out"


def test_a_model_is_told_again_with_the_context_that_it_has(start, remembering):
    server = remembering()
    ollm, _ = start(server=server, background=False)
    ollm.app.run(
        ollm.app.providers.ask(
            ollm.app.providers.entry("ollama"), lambda made: made.load_model(LoadRequest(SMALL, 300, 1024))
        )
    )
    ollm, _ = start(server=server, models=[SMALL], timeout=4)
    until(ollm, lambda: len(sent(server)) >= 4)
    assert set(sent(server)[1:]) == {(SMALL, 4, 1024)}
    assert server.loads == [(SMALL, 1024)]


def slow_chat(seconds):
    recording = load("chat_stream_warm")
    ms = int(seconds * 1000)
    return recording.but(header_ms=ms, line_ms=(ms,) * len(recording.lines), total_ms=ms)


def test_while_a_turn_is_under_way_nothing_is_asked(start, remembering):
    server = remembering(script={"/api/chat": slow_chat(1.0)}, speed=1.0, load_ms=0)
    ollm, _ = start(server=server, models=[SMALL, OTHER], timeout=1)
    until(ollm, lambda: len(server.loads) == 2 and len(sent(server)) > 4)
    ollm.ask("Hello")
    (chat,) = server.asked("/api/chat")
    meanwhile = [each for each in server.requests if 0 < each.at - chat.at < 0.95]
    assert meanwhile == []
    assert server.loads[:2] == [(SMALL, 4096), (OTHER, 4096)]
    told = len(sent(server))
    until(ollm, lambda: len(sent(server)) > told)


def test_what_is_asked_as_a_turn_begins_is_broken_off_or_not_looked_into(start, remembering):
    server = remembering(script={"/api/chat": slow_chat(1.0)}, speed=1.0, load_ms=500)
    ollm, _ = start(server=server, models=[SMALL])
    until(ollm, lambda: server.asked("/api/generate"))
    ollm.ask("Hello")
    (chat,) = server.asked("/api/chat")
    assert server.loads[0][0] == SMALL, "the load of that very model went on"
    assert [each.path for each in server.requests if 0 < each.at - chat.at < 0.95] == []
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")


def test_a_look_holds_up_no_turn(start, remembering):
    listed = load("ps_one_loaded")
    server = remembering(
        script={"/api/ps": listed.but(header_ms=30_000, line_ms=(30_000,), total_ms=30_000)}, speed=1.0
    )
    ollm, _ = start(server=server, models=[SMALL])
    until(ollm, lambda: server.asked("/api/ps"))
    ollm.ask("Hello")
    (chat,) = server.asked("/api/chat")
    assert chat.at - server.asked("/api/ps")[0].at < 20
    assert not any(each.at > chat.at for each in server.requests)


def test_after_a_turn_that_was_interrupted_it_goes_on(start, remembering):
    server = remembering(script={"/api/chat": load("chat_stream").first(3, end="client")})
    ollm, _ = start(server=server, models=[SMALL], timeout=1)

    async def interrupt():
        async with aclosing(ollm.app.conversation().ask("Hello")) as events:
            await anext(events)
            assert keeper_of(ollm.app.context).busy

    ollm.app.run(interrupt())
    assert not keeper_of(ollm.app.context).busy
    told = len(sent(server))
    until(ollm, lambda: len(sent(server)) > told)


@pytest.mark.parametrize(("model", "broken_off"), [(OTHER, True), (SMALL, False)])
def test_a_load_makes_way_for_a_turn_on_another_model(start, remembering, model, broken_off):
    server = remembering(speed=1.0, script={"/api/chat": slow_chat(0)})

    def ahead_takes_long(request):  # only the load that is broken off: the other is waited for
        server.load_ms = 60_000 if broken_off and not server.loads and request.path == "/api/generate" else 800

    server.on_request = ahead_takes_long
    ollm, _ = start(server=server, models=[SMALL])
    until(ollm, lambda: bool(server.asked("/api/generate")))
    ollm.app.settings.set_session("model.default", model)
    ollm.ask("Hello")
    assert bool(server.hangups) == broken_off
    until(ollm, lambda: bar(ollm) is not None and f"{SMALL} kept" in bar(ollm))


def test_what_was_driven_out_is_said_once_and_comes_back_when_there_is_room(start, monkeypatch):
    ollm, server = start(models=[SMALL])
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    ollm.app.settings.set_session("model.default", OTHER)
    ollm.ask("Hello")
    del server.loaded[SMALL]  # as a server does that has no room for both
    until(ollm, lambda: "was taken out of memory" in ollm.stderr.getvalue())
    looks(ollm, server, 8)
    assert server.loads == [(SMALL, 4096), (OTHER, 4096)], "it does not drive out a model in use"
    monkeypatch.setattr(keeper, "RECENT", 0.0)
    until(ollm, lambda: SMALL in server.loaded)
    assert ollm.stderr.getvalue().count("was taken out of memory") == 1


def test_two_kept_models_that_do_not_fit_do_not_drive_each_other_out(start, remembering, monkeypatch):
    monkeypatch.setattr(keeper, "RECENT", 0.0)
    server = remembering()
    ollm, _ = start(server=server, models=[SMALL, OTHER])

    def one_at_a_time(request):
        if request.path == "/api/generate":
            for name in {SMALL, OTHER} - {request.json["model"]}:
                server.loaded.pop(name, None)

    server.on_request = one_at_a_time
    until(ollm, lambda: len(server.loads) == 2)
    looks(ollm, server, 8)
    assert len(server.loads) == 2
    assert ollm.stderr.getvalue().count(f"{SMALL} was taken out of memory") == 1


def test_what_nothing_drove_out_is_loaded_again(start):
    ollm, server = start(models=[SMALL])
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    server.loaded.clear()
    until(ollm, lambda: SMALL in server.loaded)
    assert "was taken out of memory" in ollm.stderr.getvalue()


def test_a_model_that_is_not_there_is_said_once_and_left_alone(start):
    ollm, server = start(models=["smolm2:135m", OTHER])
    until(ollm, lambda: bar(ollm) == f"{OTHER} kept")
    looks(ollm, server)
    said = ollm.stderr.getvalue()
    assert said.count("smolm2:135m is not kept in memory: Ollama at") == 1
    assert "Near to it: smollm2:135m" in said
    assert [model for model, *_ in sent(server)].count("smolm2:135m") == 1


def test_a_model_that_the_server_will_not_load_is_tried_again(start, remembering):
    busy = load("generate_queue_full")
    server = remembering(script={"/api/generate": [busy, busy, "generate_load"]})
    ollm, _ = start(server=server, models=[SMALL])
    until(ollm, lambda: len(sent(server)) == 3)
    assert ollm.stderr.getvalue().count("is not kept in memory: Ollama reports an error: server busy") == 1


def test_without_a_chosen_provider_the_first_that_has_the_model_keeps_it(ollm_app, remembering):
    server = remembering()
    text = json.dumps({"model": {"keepAlive": {"models": [SMALL, "nobodys:1b"]}}})
    ollm = ollm_app(KeepAlive, Ollama, settings=text, environ={"OLLAMA_HOST": server.url})
    assert ollm.app.providers.chosen() is None
    ollm.app.begin_background()
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    assert "nobodys:1b is not kept in memory: Ollama at" in ollm.stderr.getvalue()


def test_with_no_provider_chosen_and_the_server_away_it_is_said_once(ollm_app, remembering, monkeypatch):
    monkeypatch.setattr(upkeep, "LOOK", 0.05)
    monkeypatch.setattr(retry, "FIRST", 0.01)
    server = remembering()
    server.close()
    text = json.dumps({"model": {"keepAlive": {"models": [SMALL]}}})
    ollm = ollm_app(KeepAlive, Ollama, settings=text, environ={"OLLAMA_HOST": server.url})
    ollm.app.begin_background()
    until(ollm, lambda: "as soon as it answers, smollm2:135m will be kept in memory" in ollm.stderr.getvalue())
    server = remembering(port=server.port)
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    assert ollm.stderr.getvalue().count("as soon as it answers") == 1


def test_switched_off_nothing_is_asked_and_nothing_is_shown(start):
    ollm, server = start(models=[SMALL], enabled=False)
    ollm.ask("Hello")
    assert bar(ollm) is None
    assert {each.path for each in server.requests} <= {"/api/chat", "/api/show"}


def test_settings_that_change_are_followed(start):
    ollm, server = start(models=[SMALL])
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    ollm.app.settings.set_session("model.keepAlive.models", [OTHER])
    until(ollm, lambda: bar(ollm) == f"{OTHER} kept · {SMALL} 4m (next out)")
    ollm.app.settings.set_session("model.keepAlive.enabled", False)
    until(ollm, lambda: bar(ollm) is None)


def test_a_kept_model_whose_time_is_nothing_goes_with_the_program(start):
    ollm, server = start(models=[SMALL], timeout=0)
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    ollm.ask("Hello")
    assert server.asked("/api/chat")[0].json["keep_alive"] == keeper.PORTION
    ollm.app.close()
    assert server.loaded == {}


def test_the_programs_end_breaks_no_promise(start):
    ollm, server = start(models=[SMALL], timeout=0)
    ollm.run_command(f"model keep {SMALL} --for forever")
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    told = sent(server)
    ollm.app.close()
    assert sent(server) == told


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_differs_is_learned(start, remembering, minutes):
    server = remembering(clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    ollm, _ = start(server=server, models=[SMALL], timeout=4)
    until(ollm, lambda: len(sent(server)) >= 4)
    times = [each.at for each in server.asked("/api/generate")]
    assert min(after - before for before, after in pairwise(times)) > 0.2, "not again and again, as if it had gone"
    assert len(server.loads) == 1, "nor too late, as if it stayed"


def test_the_bar_counts_down_and_names_the_next(start):
    ollm, server = start()
    ollm.ask("Hello")
    until(ollm, lambda: bar(ollm) == f"{SMALL} 4m")
    ollm.app.settings.set_session("model.default", OTHER)
    ollm.app.settings.set_session("model.keepAlive.timeout", 40)
    ollm.ask("Hello")
    until(ollm, lambda: re.fullmatch(rf"{SMALL} 4m · {OTHER} 3\ds \(next out\)", bar(ollm)) is not None)
    server.loaded[SMALL]["expires_at"] = "2318-01-01T00:00:00Z"
    until(ollm, lambda: bar(ollm).startswith(f"{SMALL} stays · "))


# --- commands ---


def test_keep_in_a_shell(start):
    ollm, server = start(background=False, timeout="20m")
    done = ollm.run_command(f"model keep {SMALL}")
    assert re.fullmatch(rf"{SMALL} stays in memory for 20m, until \d\d:\d\d:\d\d\n", done.stdout)
    found = ollm.run_command("model keep SMOLLM2:135M --for 10m --json").json
    assert found.pop("expires").startswith("20")
    assert found == {
        "name": SMALL,
        "provider": "ollama",
        "keepAlive": 600,
        "contextSize": 4096,
        "whileProgramLives": False,
    }
    done = ollm.run_command(f"model keep {SMALL} --for forever")
    assert done.stdout == f"{SMALL} stays in memory until it is unloaded\n"
    assert [(time, context) for _, time, context in sent(server)] == [(1200, None), (600, 4096), (-1, 4096)]
    assert len(server.loads) == 1


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("model keep smolm2:135m", 3, "Near to it: smollm2:135m"),
        (f"model keep {SMALL} --for soon", 2, "'soon' is no duration"),
        (f"model keep {SMALL} --for 0", 2, "ollm model unload smollm2:135m"),
        (f"model keep {SMALL} --provider nobody", 2, "There is no provider 'nobody'"),
        (f"model keep {SMALL} --provider scripted", 2, "Provider 'scripted' holds no models in memory"),
        ("model keep", 2, "missing argument 'NAME'"),
        ("model unload", 2, "Give either the name of a model or --all"),
        (f"model unload {SMALL} --all", 2, "Give either the name of a model or --all"),
        ("model unload smolm2:135m", 3, "Near to it: smollm2:135m"),
        ("model unload --all --provider scripted", 2, "holds models in memory"),
    ],
)
def test_misuse_is_one_line(start, line, code, said):
    ollm, server = start(background=False)
    done = ollm.run_command(line)
    assert done.exit_code == code
    assert said in done.stderr
    assert server.loaded == {}


def test_nobody_answers(start, remembering):
    server = remembering()
    server.close()
    ollm, _ = start(server=server, background=False)
    for line in (f"model keep {SMALL}", f"model unload {SMALL}", "model unload --all"):
        assert ollm.run_command(line).exit_code == 4


def test_unload(start):
    ollm, server = start(background=False)
    for name in (SMALL, OTHER):
        ollm.run_command(f"model keep {name}")
    assert ollm.run_command(f"model unload {SMALL}").stdout == f"{SMALL} is taken out of memory\n"
    assert set(server.loaded) == {OTHER}
    done = ollm.run_command(f"model unload {SMALL}")
    assert (done.exit_code, done.stdout) == (0, f"{SMALL} is not in memory\n")
    found = ollm.run_command("model unload --all --json").json
    assert found == [{"name": OTHER, "provider": "ollama", "unloaded": True}]
    assert ollm.run_command("model unload --all --json").json == []
    assert ollm.run_command("model unload --all").stdout == "No model is in memory\n"


def test_what_answers_just_now_ends_its_answer_first(start, remembering, monkeypatch):
    monkeypatch.setattr(commands, "LEAVING", 0.0)
    server = remembering(lingers=3)
    ollm, _ = start(server=server, background=False)
    ollm.run_command(f"model keep {SMALL}")
    done = ollm.run_command(f"model unload {SMALL}")
    assert done.stdout == f"{SMALL} is taken out of memory; it ends the answer that it gives just now first\n"


def test_what_was_unloaded_is_kept_no_longer(start):
    ollm, server = start(models=[SMALL])
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept")
    ollm.run_command(f"model unload {SMALL}")
    looks(ollm, server)
    assert server.loaded == {}
    assert "was taken out" not in ollm.stderr.getvalue()
    ollm.run_command(f"model keep {SMALL}")
    looks(ollm, server)
    assert set(server.loaded) == {SMALL}


@pytest.mark.parametrize(("time", "sends"), [("10m", 600), ("forever", -1), ("10s", 300)])
def test_a_later_answer_does_not_shorten_what_a_shell_promised(start, time, sends):
    ollm, server = start(background=False)
    ollm.run_command(f"model keep {SMALL} --for {time}")
    ollm, _ = start(server=server, background=False)
    ollm.ask("Hello")
    assert server.asked("/api/chat")[-1].json["keep_alive"] == sends
    ollm.run_command(f"model unload {SMALL}")
    ollm.ask("Hello")
    assert server.asked("/api/chat")[-1].json["keep_alive"] == 300


@pytest.mark.parametrize("text", ["nonsense", "{}x", '{"version": 2}', '{"version": 1, "promises": 3}', "\x00"])
def test_promises_that_cannot_be_read_are_set_aside(start, text):
    ollm, server = start(background=False)
    file = ollm.app.paths.home / "kept-models.json"
    file.write_text(text)
    ollm.ask("Hello")
    assert server.asked("/api/chat")[-1].json["keep_alive"] == 300
    assert "which models are to stay is forgotten" in ollm.stderr.getvalue()
    assert file.with_name(f"{file.name}.unreadable").read_text() == text
    assert ollm.run_command(f"model keep {SMALL} --for 10m").exit_code == 0
    assert json.loads(file.read_text())["version"] == 1


def test_pauses_grow_to_five_minutes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(retry.time, "monotonic", lambda: now[0])
    one = retry.Retry()
    assert one.is_due
    pauses = []
    for number in range(8):
        assert one.failed() == (number == 0)
        pauses.append(one.again - now[0])
        assert not one.is_due
        now[0] = one.again
        assert one.is_due
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert one.worked()
    assert not one.worked()


@pytest.fixture(scope="module")
def weights():
    """The embedded engine's weights, fetched once into a folder that later runs share."""
    from ollm_plugins.local import weights as local

    folder = Path(os.environ.get("OLLM_TEST_MODELS") or Path(tempfile.gettempdir()) / "ollm-test-models")

    async def fetch():
        async for _ in local.fetch(folder):
            pass

    asyncio.run(fetch())
    return folder / local.FILE


def test_the_embedded_engine_is_loaded_ahead_and_left_alone(ollm_app, ollm_home, weights):
    (ollm_home / "models").mkdir()
    (ollm_home / "models" / weights.name).symlink_to(weights)
    text = json.dumps({"model": {"provider": "local", "keepAlive": {"models": [SMALL]}}})
    ollm = ollm_app(KeepAlive, Local, settings=text)
    ollm.app.begin_background()
    until(ollm, lambda: bar(ollm) == f"{SMALL} kept", timeout=90)
    ollm.ask("Say hi.")
    done = ollm.run_command(f"model keep {SMALL} --for 10m")
    assert done.stdout == f"{SMALL} was loaded\n", "a command in the shell is over at once, and the engine with it"
    assert f"has its models in this program, so {SMALL} leaves memory when it ends." in done.stderr
    assert ollm.run_command("model unload --all").stdout == f"{SMALL} is taken out of memory\n"
    assert bar(ollm) is None
    assert ollm.stderr.getvalue() == done.stderr, "nothing else was worth a word"


def test_a_model_of_another_name_is_the_same(start, remembering):
    server = remembering(listed=[entry("tiny")])
    ollm, _ = start(server=server, models=["Tiny"])
    until(ollm, lambda: bar(ollm) == "tiny:latest kept")
    looks(ollm, server)
    assert len(sent(server)) == 1
