"""Does the Ollama provider survive what a real Ollama does? Against recordings, over a real socket."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from msgspec import convert, structs
from ollm_plugins.ollama.address import Address, parse_address
from ollm_plugins.ollama.answer import Answer
from ollm_plugins.ollama.failures import one_line, server_error, words_of
from ollm_plugins.ollama.lines import Lines
from ollm_plugins.ollama.models import canonical
from ollm_plugins.ollama.plugin import Plugin
from ollm_plugins.ollama.provider import OllamaProvider, create
from ollm_plugins.ollama.settings import OllamaSettings
from ollm_plugins.ollama.wire import as_keep_alive, chat_body, encode

from ollm.api import (
    ContextOverflow,
    ChatRequest,
    CopiesModels,
    DefaultsModel,
    DeletesModels,
    Event,
    Finished,
    GenerationOptions,
    HostContext,
    KeepsModels,
    LoadedModel,
    LoadRequest,
    LoadsModels,
    Message,
    ModelInfo,
    ModelNotFound,
    Notice,
    OllmError,
    Provider,
    ProviderError,
    ProviderUnreachable,
    PullsModels,
    SettingsError,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    ToolSpec,
    UsageError,
)
from tests.replay import Recording, ReplayServer, by_model, load, names
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)

Replay = Callable[..., ReplayServer]
HI = ChatRequest("smollm2:135m", (Message("user", "Hi"),))
HTML = Recording("html", 200, {"Content-Type": "text/html"}, "<html>\n<body>Welcome to nginx!</body></html>")
CHATS = [name for name in names("chat_") if load(name).request["path"] == "/api/chat"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Settings:
    """A stand-in for the kernel's settings."""

    values: OllamaSettings

    def section(self, model: type) -> Any:
        assert model is OllamaSettings
        return self.values

    def origin(self, key: str) -> str:
        return f"origin of {key}"


MADE: list[OllamaProvider] = []


def provider_at(host: str, **values: Any) -> OllamaProvider:
    reader = Settings(OllamaSettings(host=host, **values))
    MADE.append(create(HostContext(None, reader, None, lambda notice: None, Path(), {})))  # type: ignore[arg-type]
    return MADE[-1]


@pytest.fixture(autouse=True)
async def tidy(anyio_backend: str) -> AsyncIterator[None]:
    yield
    while MADE:
        await MADE.pop().aclose()


async def events_of(provider: Provider, request: ChatRequest = HI) -> list[Event]:
    return [event async for event in provider.chat(request)]


async def chat(replay: Replay, answer: Any, request: ChatRequest = HI, **server: Any) -> list[Event]:
    provider = provider_at(replay({"/api/chat": answer}, **server).url)
    try:
        return await events_of(provider, request)
    finally:
        await provider.aclose()


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def is_plain(error: OllmError) -> bool:
    """One readable line: no nested JSON, no escapes, no control characters."""
    said = str(error)
    return said.isprintable() and '{"error' not in said and "\\" not in said and len(said) < 900


# What the server said, as events


@pytest.mark.anyio
@pytest.mark.parametrize("name", CHATS)
async def test_every_recorded_chat_ends_in_events_or_one_plain_error(replay: Replay, name: str) -> None:
    recording = load(name)
    recording = recording.but(end="complete") if recording.end == "client" else recording
    provider, events = provider_at(replay({"/api/chat": recording}).url), list[Event]()
    try:
        async for event in provider.chat(HI):
            events.append(event)
    except OllmError as error:
        assert is_plain(error), error
        assert recording.status != 200 or "error" in recording.objects[-1]
        assert not any(isinstance(event, Finished) for event in events)
    else:
        assert isinstance(events[-1], Finished)
        assert sum(isinstance(event, Finished) for event in events) == 1
        assert (events[-1].reason == "cut") == (not recording.objects[-1]["done"])
        assert (events[-1].reason == "cut") == any(isinstance(event, Notice) for event in events)
    finally:
        await provider.aclose()
    if recording.status == 200:
        assert text_of(events) == recording.text
        assert "".join(e.text for e in events if isinstance(e, ThinkingDelta)) == recording.thinking


@pytest.mark.anyio
async def test_counters_become_seconds(replay: Replay) -> None:
    *_, last = await chat(replay, "chat_stream")
    assert isinstance(last, Finished)
    assert last.reason == "length"
    assert last.usage.prompt_tokens == 36
    assert last.usage.completion_tokens == 48
    assert last.usage.load_seconds == pytest.approx(0.574825130)
    assert last.usage.prompt_seconds == pytest.approx(0.249082)
    assert last.usage.completion_seconds == pytest.approx(0.63269)
    assert last.usage.total_seconds == pytest.approx(1.462878511)


@pytest.mark.anyio
async def test_a_repeat_stop_keeps_the_text_and_says_why(replay: Replay) -> None:
    events = await chat(replay, "chat_repeat_abort_stream")
    assert text_of(events) == load("chat_repeat_abort_stream").text
    notice, last = events[-2:]
    assert isinstance(notice, Notice)
    assert notice.code == "answer-cut"
    assert "repeated itself" in notice.text
    assert last == Finished("cut")


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["server", "complete"])
async def test_a_stopped_server_keeps_the_text_and_marks_the_cut(replay: Replay, end: str) -> None:
    recording = load("chat_server_stopped")
    events = await chat(replay, recording.but(end=end))
    assert text_of(events) == recording.text
    assert isinstance(events[-2], Notice)
    assert ("closed the connection" in events[-2].text) == (end == "server")
    assert events[-1] == Finished("cut")


@pytest.mark.anyio
async def test_an_error_line_in_a_stream_comes_after_its_text(replay: Replay) -> None:
    provider, seen = provider_at(replay({"/api/chat": "chat_runner_killed_stream"}).url), ""
    with pytest.raises(ProviderError, match="unexpected EOF"):
        async for event in provider.chat(HI):
            assert isinstance(event, TextDelta)
            seen += event.text
    assert seen == load("chat_runner_killed_stream").text


@pytest.mark.anyio
async def test_thinking_is_never_in_the_answer(replay: Replay) -> None:
    events = await chat(replay, "chat_think_true_stream")
    assert "".join(e.text for e in events if isinstance(e, ThinkingDelta)) == "The user asks for 4+4. That is 8."
    assert text_of(events) == "4+4 is 8."


@pytest.mark.anyio
async def test_a_tool_call_is_an_event(replay: Replay) -> None:
    events = await chat(replay, "chat_tool_calls_stream")
    assert events[0] == ToolCalled(ToolCall("call_hw4uku5m", "get_weather", {"city": "Paris"}))
    assert isinstance(events[-1], Finished)


def test_a_tool_call_without_an_id_gets_one_of_its_own() -> None:
    line = load("chat_tool_calls_stream").objects[0]
    del line["message"]["tool_calls"][0]["id"]
    first, second = (Answer("x").read(encode(line))[0] for _ in range(2))
    assert isinstance(first, ToolCalled)
    assert isinstance(second, ToolCalled)
    assert first.call.id
    assert first.call.id != second.call.id


def bytes_of(recording: Recording) -> bytes:
    assert recording.lines is not None
    return "".join(f"{line}\n" for line in recording.lines).encode()


def events_in(pieces: Sequence[bytes], limit: int = 1 << 20) -> list[Event]:
    answer, lines = Answer("x"), Lines(limit)
    events = [event for piece in pieces for line in lines.feed(piece) for event in answer.read(line)]
    return [*events, *answer.end(lines.rest())]


@settings(max_examples=150, deadline=None)
@given(
    strategies.sampled_from(["chat_emoji_split", "chat_unicode", "chat_think_true_stream", "chat_repeat_abort_stream"]),
    strategies.lists(strategies.integers(0, 12000), max_size=40),
    strategies.booleans(),
)
def test_bytes_may_be_split_anywhere(name: str, cuts: list[int], ends_with_line_feed: bool) -> None:
    data = bytes_of(load(name))
    whole = events_in([data])
    data = data if ends_with_line_feed else data[:-1]
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:stop] for start, stop in itertools.pairwise(places)]
    assert events_in(pieces) == whole
    assert text_of(whole) == load(name).text


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_chunks_may_be_of_any_size(replay: Replay, size: int) -> None:
    events = await chat(replay, "chat_emoji_split", chunk_size=size)
    assert text_of(events) == load("chat_emoji_split").text


def test_a_line_cut_in_its_middle_is_a_cut_answer() -> None:
    data = bytes_of(load("chat_stream"))
    events = events_in([data[: len(data) // 2]])
    assert load("chat_stream").text.startswith(text_of(events))
    assert events[-1] == Finished("cut")


def test_only_a_line_feed_ends_a_line() -> None:
    """Not U+0085 or U+2028, which str.splitlines takes for line ends, and which stand in JSON as they are."""
    line = load("chat_stream").objects[0]
    line["message"]["content"] = "a\u0085b\u2028c"
    assert text_of(events_in([encode(line) + b"\n"])) == "a\u0085b\u2028c"


def test_a_line_without_an_end_is_given_up() -> None:
    with pytest.raises(OverflowError):
        events_in([b"x" * 600] * 2000)


# Refusals


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "chat_images_unsupported_native",
            "Multimodal data provided, but model does not support multimodal requests",
        ),
        ("chat_overflow_history_truncate_false", "The prompt has 1626 tokens, the context of the model only 512"),
        ("chat_format_bad_schema", "JSON schema conversion failed: Unrecognized schema"),
        ("chat_format_invalid_string", 'invalid format: "yaml"; expected "json"'),
        ("chat_options_bad_type", 'option "temperature" must be of type float32'),
        ("generate_queue_full", "server busy, please try again. maximum pending requests exceeded"),
        ("chat_tools_unsupported_model_no_stream", "does not support tools"),
    ],
)
@pytest.mark.anyio
async def test_refusals_are_in_the_servers_own_words(replay: Replay, name: str, words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await chat(replay, name)
    assert words in caught.value.problem
    assert is_plain(caught.value)


@pytest.mark.parametrize("name", [name for name in names() if "error" in load(name).body[:9]])
def test_every_recorded_error_body_is_one_plain_line(name: str) -> None:
    assert is_plain(ProviderError(one_line(load(name).objects[0]["error"])))


def test_control_characters_of_an_error_are_visible() -> None:
    assert one_line("a\x1b]52;c;xx\x07b\u202ec") == "a␛]52;c;xx␇b\\u202ec"


@pytest.mark.anyio
async def test_a_missing_model_names_those_that_are_near(replay: Replay) -> None:
    with pytest.raises(ModelNotFound) as caught:
        await chat(replay, "chat_missing_model_no_tag", ChatRequest("smollm2", HI.messages))
    assert "smollm2:latest" in caught.value.problem
    assert "smollm2:135m" in caught.value.remedy
    assert "`ollm model pull smollm2`" in caught.value.remedy


@pytest.mark.anyio
async def test_a_missing_model_is_said_even_if_the_list_cannot_be_had(replay: Replay) -> None:
    server = replay({"/api/chat": "chat_missing_model", "/api/tags": HTML})
    with pytest.raises(ModelNotFound, match="ollm model pull"):
        await events_of(provider_at(server.url))


@pytest.mark.anyio
async def test_a_model_with_missing_files_is_to_be_pulled_again(replay: Replay) -> None:
    server = replay({"/api/show": "show_blob_missing", "/api/tags": "tags_blob_missing"})
    with pytest.raises(ModelNotFound, match=r"only a part of its files.*ollm model pull broken:1"):
        await provider_at(server.url).show_model("broken:1")


@pytest.mark.anyio
async def test_a_refused_host_name_is_explained(replay: Replay) -> None:
    with pytest.raises(ProviderError, match=r"403 Forbidden.*Host: localhost"):
        await provider_at(replay({"/api/version": "bad_host_header"}).url).check()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        HTML.but(status=404),
        HTML.but(status=302, headers={"Location": "https://example.com/"}),
        HTML.but(body="[1, 2]"),
        HTML.but(body="7"),
        HTML.but(body="[" * 100_000),
        HTML.but(body='{"hello": "world"}'),
        HTML.but(body='{"message": "hello"}'),
        HTML.but(body="\udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
        "method_not_allowed",
    ],
)
async def test_what_is_no_ollama_server_is_told_so(replay: Replay, answer: Any) -> None:
    server = replay(dict.fromkeys(["/api/chat", "/api/version", "/api/tags", "/api/show"], answer))
    provider = provider_at(server.url)
    for ask in (lambda: events_of(provider), provider.check, provider.list_models, provider.default_model):
        with pytest.raises(ProviderError, match="is no Ollama server") as caught:
            await ask()
        assert is_plain(caught.value), caught.value
    await provider.aclose()


@pytest.mark.anyio
async def test_nobody_there(unused_port: int) -> None:
    provider = provider_at(f"127.0.0.1:{unused_port}")
    for ask in (lambda: events_of(provider), provider.check, provider.list_models):
        with pytest.raises(ProviderUnreachable, match=r"refused.*ollama serve"):
            await ask()


@pytest.fixture
def unused_port() -> int:
    with ReplayServer() as server:
        return server.port


@pytest.mark.anyio
async def test_no_such_host_and_no_route() -> None:
    with pytest.raises(ProviderUnreachable, match="Check OLLM_HOST"):
        await provider_at("http://nosuchhost.invalid").check()


@pytest.mark.anyio
async def test_a_connection_that_ends_before_the_header_is_unreachable(replay: Replay) -> None:
    listener = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    provider = provider_at(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    with pytest.raises(ProviderUnreachable):
        await events_of(provider)
    listener.close()


# Time


@pytest.mark.anyio
async def test_a_slow_load_is_no_time_out(replay: Replay) -> None:
    slow = load("chat_stream").but(header_ms=2500, line_ms=())
    provider = provider_at(replay({"/api/chat": slow}, speed=1.0).url, connect_timeout=2.0)
    assert text_of(await events_of(provider)) == slow.text


@pytest.mark.anyio
async def test_a_read_time_out_can_be_set(replay: Replay) -> None:
    slow = load("chat_stream").but(header_ms=3000)
    provider = provider_at(replay({"/api/chat": slow}, speed=1.0).url, read_timeout=0.2)
    with pytest.raises(ProviderUnreachable, match="readTimeout"):
        await events_of(provider)


@pytest.mark.anyio
async def test_closing_the_iterator_hangs_up_at_once(replay: Replay) -> None:
    taken = []
    for _ in range(3):
        server = replay({"/api/chat": "chat_cancelled"})
        stream = provider_at(server.url).chat(HI)
        for _ in range(20):
            await anext(stream)
        began = time.monotonic()
        await stream.aclose()  # type: ignore[attr-defined]
        hangup = await asyncio.to_thread(server.wait_for_hangup, 30.0)
        assert hangup is not None
        assert hangup.sent == 20
        taken.append(hangup.at - began)
    assert min(taken) < 0.2, taken  # what else the machine does is no fault


async def seconds_to_hang_up(server: ReplayServer, *, at_first_event: bool) -> float:
    """Cancel a chat, when its first event or its request has come, and return when the server has noticed."""
    seen = asyncio.Event()

    async def talk() -> None:
        async for _ in provider_at(server.url).chat(HI):
            seen.set()

    task = asyncio.create_task(talk())
    if at_first_event:
        await asyncio.wait_for(seen.wait(), 30)
    else:
        assert await asyncio.to_thread(server.wait_for_request, 1, 30.0)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hangup = await asyncio.to_thread(server.wait_for_hangup, 30.0)
    assert hangup is not None
    return hangup.at - began


LOADING = load("chat_stream").but(header_ms=60_000, line_ms=())


@pytest.mark.anyio
@pytest.mark.parametrize("recording", [load("chat_cancelled").but(line_ms=()), LOADING], ids=["answering", "loading"])
async def test_cancelling_hangs_up_at_once_even_while_the_model_is_loading(
    replay: Replay, recording: Recording
) -> None:
    servers = [replay({"/api/chat": recording}, speed=1.0) for _ in range(3)]
    taken = [await seconds_to_hang_up(each, at_first_event=recording is not LOADING) for each in servers]
    assert min(taken) < 0.2, taken  # what else the machine does is no fault


@pytest.mark.anyio
async def test_connections_are_used_again(replay: Replay) -> None:
    server = replay()
    provider = provider_at(server.url)
    await provider.check()
    await events_of(provider)
    await events_of(provider)
    await provider.list_models()
    assert server.connections == 1
    await provider.aclose()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # what the first loop leaves behind
def test_a_provider_outlives_an_event_loop(replay: Replay) -> None:
    provider = provider_at(replay().url)
    for _ in range(2):
        assert asyncio.run(provider.check()).version == "0.32.15"
    MADE.clear()
    del provider
    gc.collect()


@pytest.mark.anyio
async def test_a_connection_closed_while_idle_is_made_anew(replay: Replay) -> None:
    first = replay()
    provider = provider_at(first.url)
    await provider.check()
    first.close()
    second = replay(port=first.port)
    await provider.check()
    assert second.connections == 1


@pytest.mark.anyio
async def test_localhost_is_found_and_chats_run_side_by_side(replay: Replay) -> None:
    answers = threading.Event()
    server = replay({"/api/chat": load("chat_stream").but(held=(None, answers))})
    provider = provider_at(f"localhost:{server.port}")
    chats = [asyncio.create_task(events_of(provider)) for _ in range(3)]
    assert await asyncio.to_thread(server.wait_for_request, 3, 30.0)
    assert not any(chat.done() for chat in chats), "none waits for another's answer"
    answers.set()
    assert {text_of(await chat) for chat in chats} == {load("chat_stream").text}
    assert server.connections == 3


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine count as another, which is reached by httpx's own transport."""
    monkeypatch.setattr(Address, "loopback", False)
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.anyio
@pytest.mark.usefixtures("elsewhere")
async def test_other_machines_are_reached_alike(replay: Replay, unused_port: int) -> None:
    assert text_of(await chat(replay, "chat_emoji_split", chunk_size=5)) == load("chat_emoji_split").text
    assert (await chat(replay, "chat_server_stopped"))[-1] == Finished("cut")
    with pytest.raises(ProviderError, match="does not support thinking"):
        await chat(replay, "chat_think_true_unsupported")
    with pytest.raises(ProviderUnreachable, match=r"refused.*Check OLLM_HOST"):
        await provider_at(f"127.0.0.1:{unused_port}").check()


@pytest.mark.anyio
@pytest.mark.usefixtures("elsewhere")
async def test_other_machines_are_hung_up_on_alike(replay: Replay) -> None:
    servers = [replay({"/api/chat": "chat_cancelled"}) for _ in range(3)]
    taken = [await seconds_to_hang_up(each, at_first_event=True) for each in servers]
    assert min(taken) < 0.2, taken  # what else the machine does is no fault


# Questions besides chats


@pytest.mark.anyio
async def test_check_tells_the_version(replay: Replay) -> None:
    server = replay()
    health = await provider_at(server.url).check()
    assert (health.where, health.version) == (server.url, "0.32.15")


@pytest.mark.anyio
async def test_models_are_listed_with_details(replay: Replay) -> None:
    models = {model.name: model for model in await provider_at(replay().url).list_models()}
    model = models["smollm2:135m"]
    assert (model.size, model.family, model.parameters) == (98364106, "llama", "134.52M")
    assert (model.quantization, model.context_window) == ("Q4_1", 8192)
    assert model.capabilities == ("completion", "tools")
    assert model.digest.startswith("a10de68f60b4")
    assert model.modified.startswith("2026-11-22T07:28:27")


@pytest.mark.anyio
async def test_show_tells_what_the_list_does_not(replay: Replay) -> None:
    model = await provider_at(replay().url).show_model("smollm2:135m")
    assert (model.name, model.context_window, model.license) == ("smollm2:135m", 8192, "Apache-2.0")
    assert model.template.startswith("{{- if .Tools }}")
    assert "<|im_end|>" in model.default_options
    assert model.details["system"].startswith("You are a helpful AI assistant")
    assert model.details["model_info"]["general.parameter_count"] == 134515008


@pytest.mark.anyio
async def test_models_in_memory(replay: Replay) -> None:
    first, second = await provider_at(replay({"/api/ps": "ps_two_loaded"}).url).loaded_models()
    assert (first.name, first.size, first.size_gpu, first.context_size) == (
        "smollm2:135m",
        209505483,
        0,
        4096,
    )
    assert first.expires.startswith("2026-11-22T07:39:58")
    assert second.name == "gemma3:270m"


NONSENSE = (7, -5, 10**30, True, [1], {"a": 1}, "x")


@pytest.mark.anyio
@pytest.mark.parametrize("value", NONSENSE)
async def test_a_fact_that_is_nonsense_is_taken_as_not_said(replay: Replay, value: Any) -> None:
    texts, counts = ("digest", "modified_at", "license", "template", "parameters"), ("size", "size_vram")
    facts = dict.fromkeys([*texts, *counts, "context_length", "expires_at", "capabilities", "details"], value)
    details = dict.fromkeys(["family", "parameter_size", "quantization_level", "context_length"], value)
    body = json.dumps({"models": [{"name": "a:1b", **facts}, {"name": "b:1b", "details": details}, {"name": value}]})
    shown = json.dumps({**facts, "details": details, "model_info": facts})
    script = {
        "/api/tags": load("tags_some").but(body=body),
        "/api/ps": load("ps_one_loaded").but(body=body),
        "/api/show": load("show_ok").but(body=shown),
    }
    provider = provider_at(replay(script).url)
    for info in [*await provider.list_models(), await provider.show_model("a:1b")]:
        assert convert(structs.asdict(info), ModelInfo) == info
        assert info.size in (None, 7)
        assert info.context_window in (None, 7)
    for entry in await provider.loaded_models():
        assert convert(structs.asdict(entry), LoadedModel) == entry
        assert (entry.size, entry.size_gpu) in ((0, 0), (7, 7))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("ps", "tags", "model"),
    [
        ("ps_one_loaded", "tags_some", "smollm2:135m"),
        ("ps_two_loaded", "tags_some", "smollm2:135m"),
        ("ps_none", "tags_some", "smollm2-pirate:latest"),
    ],
)
async def test_the_default_model(replay: Replay, ps: str, tags: str, model: str) -> None:
    provider = provider_at(replay({"/api/ps": ps, "/api/tags": tags}).url)
    assert await provider.default_model() == model


@pytest.mark.anyio
async def test_a_deleted_or_embedding_model_in_memory_is_no_default(replay: Replay) -> None:
    tags = load("tags_some").objects[0]
    tags["models"] = [model for model in tags["models"] if model["name"] != "smollm2:135m"]
    tags["models"][0]["capabilities"] = ["embedding"]
    script = {
        "/api/ps": "ps_after_delete_while_loaded",
        "/api/tags": load("tags_some").but(body=json.dumps(tags)),
    }
    assert await provider_at(replay(script).url).default_model() == "smollm2-pirate:latest"


@pytest.mark.anyio
async def test_an_older_server_is_asked_what_its_models_can_do(replay: Replay) -> None:
    tags = load("tags_some").objects[0]
    for model in tags["models"]:
        del model["capabilities"]
    embedding = {**load("show_ok").objects[0], "capabilities": ["embedding"]}
    show = by_model({"smollm2-pirate:latest": load("show_ok").but(body=json.dumps(embedding))}, "show_ok")
    server = replay({"/api/tags": load("tags_some").but(body=json.dumps(tags)), "/api/show": show})
    assert await provider_at(server.url).default_model() == "gemma3:270m"
    assert len(server.asked("/api/show")) == 2


@pytest.mark.anyio
async def test_no_model_at_all(replay: Replay) -> None:
    with pytest.raises(ModelNotFound, match=r"no model that can chat.*ollm model pull"):
        await provider_at(replay({"/api/tags": "tags_none"}).url).default_model()


@pytest.mark.anyio
async def test_loading_and_unloading(replay: Replay) -> None:
    server = replay({"/api/generate": ["generate_load", "generate_load", "generate_load", "generate_unload"]})
    provider = provider_at(server.url)
    await provider.load_model(LoadRequest("smollm2:135m"))
    await provider.load_model(LoadRequest("smollm2:135m", "10m"))
    await provider.load_model(LoadRequest("smollm2:135m", "-1"))
    await provider.unload_model("smollm2:135m")
    sent = [request.json for request in server.asked("/api/generate")]
    assert sent[0] == {**sent_form("generate_load"), "stream": False}
    assert [body.get("keep_alive") for body in sent] == [None, "10m", -1, 0]
    assert not any("options" in body for body in sent)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["generate_load_num_ctx", "generate_load_num_ctx_too_large"])
async def test_loading_with_a_context_size_asks_as_recorded(replay: Replay, name: str) -> None:
    server, recorded = replay({"/api/generate": name}), sent_form(name)
    request = LoadRequest(recorded["model"], context_size=recorded["options"]["num_ctx"])
    await provider_at(server.url).load_model(request)
    assert server.requests[0].json == {**recorded, "stream": False}


@pytest.mark.anyio
async def test_loading_with_no_context_is_refused(replay: Replay) -> None:
    with pytest.raises(UsageError, match="holds no prompt"):
        await provider_at(replay().url).load_model(LoadRequest("smollm2:135m", context_size=0))


@pytest.mark.anyio
async def test_loading_what_is_not_there(replay: Replay) -> None:
    with pytest.raises(ModelNotFound):
        server = replay({"/api/generate": "generate_load_missing_model"})
        await provider_at(server.url).load_model(LoadRequest("nosuchmodel:1b"))


def test_it_is_what_it_can_do() -> None:
    provider = provider_at("localhost")
    for ability in (Provider, DefaultsModel, LoadsModels, PullsModels, DeletesModels, CopiesModels, KeepsModels):
        assert isinstance(provider, ability)


# What is sent


UNCUT = {"truncate": False, "shift": False}
"""Nothing is left out of a prompt unsaid."""


def sent_form(name: str) -> dict[str, Any]:
    body: dict[str, Any] = load(name).request["body"]
    return body


def test_a_conversation_with_tools_goes_back_as_recorded() -> None:
    recorded = sent_form("chat_tools_followup_with_tools")
    function = recorded["tools"][0]["function"]
    options = recorded["options"]
    call = ToolCall("call_abc12345", "get_weather", {"city": "Paris"})
    request = ChatRequest(
        recorded["model"],
        (
            Message("user", "What is the weather in Paris?"),
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", recorded["messages"][2]["content"], tool_call_id=call.id, tool_name=call.name),
        ),
        (ToolSpec(function["name"], function["description"], function["parameters"]),),
        GenerationOptions(temperature=options["temperature"], seed=7, context_size=2048, max_tokens=60),
    )
    assert json.loads(encode(chat_body(request))) == {**recorded, "stream": True, **UNCUT}


def test_thinking_goes_back_as_recorded() -> None:
    recorded = sent_form("chat_think_and_format")
    messages = tuple(Message(m["role"], m["content"], thinking=m.get("thinking", "")) for m in recorded["messages"])
    options = GenerationOptions(temperature=0, seed=7, max_tokens=60, think=True, extra={})
    body = chat_body(ChatRequest(recorded["model"], messages, options=options))
    assert {**body, "format": "json"} == {**recorded, "stream": True, **UNCUT}


def test_images_go_as_base64() -> None:
    recorded = sent_form("chat_images_unsupported_native")["messages"][0]
    import base64

    image = base64.b64decode(recorded["images"][0])
    assert chat_body(ChatRequest("m", (Message("user", recorded["content"], (image,)),)))["messages"] == [recorded]


def test_only_what_is_set_is_sent() -> None:
    assert chat_body(HI) == {
        "model": "smollm2:135m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        **UNCUT,
    }


def test_a_prompt_that_is_too_long_is_refused_with_numbers() -> None:
    error = server_error(words_of(load("chat_overflow_history_truncate_false").body))
    assert isinstance(error, ContextOverflow)
    assert (error.needed, error.size) == (1626, 512)


def test_who_wants_ollama_to_cut_a_prompt_can_have_it() -> None:
    body = chat_body(structs.replace(HI, options=GenerationOptions(extra={"truncate": True})))
    assert (body["truncate"], body["shift"]) == (True, False)


def test_every_option_has_its_place() -> None:
    options = GenerationOptions(
        0.0,
        0,
        512,
        0.5,
        3,
        1.1,
        0,
        ("a",),
        False,
        {"typical_p": 0.9, "top_k": 4, "keep_alive": "-1", "truncate": False},
        min_p=0.1,
        repeat_last_n=-1,
        presence_penalty=0.2,
        frequency_penalty=0.0,
    )
    body = chat_body(ChatRequest("m", (), options=options, schema={"type": "object"}))
    assert body["options"] == {
        "temperature": 0.0, "num_predict": 0, "num_ctx": 512, "top_p": 0.5, "top_k": 4, "repeat_penalty": 1.1,
        "seed": 0, "stop": ["a"], "typical_p": 0.9, "min_p": 0.1, "repeat_last_n": -1, "presence_penalty": 0.2,
        "frequency_penalty": 0.0,
    }  # fmt: skip
    assert (body["think"], body["keep_alive"], body["truncate"]) == (False, -1, False)
    assert body["format"] == {"type": "object"}


@pytest.mark.parametrize("options", [GenerationOptions(context_size=0), GenerationOptions(extra={"num_ctx": -5})])
def test_a_context_of_no_tokens_is_refused(options: GenerationOptions) -> None:
    with pytest.raises(UsageError):
        chat_body(ChatRequest("m", (), options=options))


@pytest.mark.parametrize(("given", "sent"), [("-1", -1), ("30", 30), ("10m", "10m"), (0, 0), ("-1m", "-1m")])
def test_numbers_are_sent_as_numbers(given: Any, sent: Any) -> None:
    assert as_keep_alive(given) == sent


def test_half_a_surrogate_pair_can_be_sent() -> None:
    assert json.loads(encode({"content": "a\ud83d"})) == {"content": "a?"}


# Names and addresses


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("smollm2", "smollm2:latest"),
        ("smollm2:135m", "smollm2:135m"),
        ("localhost:5000/library/smollm2", "localhost:5000/library/smollm2:latest"),
        ("localhost:5000/library/smollm2:135m", "localhost:5000/library/smollm2:135m"),
        ("hf.co/bartowski/X-GGUF:Q4_K_M", "hf.co/bartowski/X-GGUF:Q4_K_M"),
    ],
)
def test_a_name_without_a_tag_means_latest(name: str, whole: str) -> None:
    assert canonical(name) == whole


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("http://0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("example.com", "http://example.com:11434"),
        ("Example.COM:1234", "http://example.com:1234"),
        ("localhost", "http://localhost:11434"),
        ("localhost:", "http://localhost:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("[::]:1234", "http://[::1]:1234"),
        ("::1", "http://[::1]:11434"),
        ("::", "http://[::1]:11434"),
        ("2001:db8:0:0::1", "http://[2001:db8::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
        ("'1.2.3.4'", "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("HTTP://1.2.3.4", "http://1.2.3.4:80"),
        ("http://1.2.3.4:4321/", "http://1.2.3.4:4321"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("https://1.2.3.4:4321", "https://1.2.3.4:4321"),
        ("https://example.com/ollama", "https://example.com:443/ollama"),
        ("https://example.com/ollama/", "https://example.com:443/ollama"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("http://[::1]/x/y", "http://[::1]:80/x/y"),
        ("https://me:se%3Ccret@example.com", "https://example.com:443"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_hosts_in_all_forms_that_ollama_takes(host: str, url: str) -> None:
    assert parse_address(host).url == url


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (":66000", "66000"),
        (":-1", "-1"),
        ("localhost:0", "port"),
        ("localhost:abc", "abc"),
        ("ftp://localhost", "ftp"),
        ("local host", "local host"),
        ("a:b:c", "a:b"),
    ],
)
def test_a_host_that_is_none_names_setting_and_origin(host: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider_at(host)
    assert words in str(caught.value)
    assert "origin of providers.ollama.host" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://me:s3cret@localhost:abc", "https://…@localhost:abc"),
        ("me:s3cret@local host", "…@local host"),
        ("https://me:s3c/r3t@localhost", "%2F"),
        ("https://me:a@s3c/r3t@localhost", "%2F"),
        ("https://me:s3c://r3t@localhost", "%2F"),
        ("ftp://me:s3cret@localhost", "ftp://…@localhost"),
        ("me:s3cret@x://localhost", "…@x"),
        ("me:s3cret@x://y@localhost", "…@localhost"),
    ],
)
def test_a_host_that_is_none_shows_no_password(host: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider_at(host)
    said = str(caught.value)
    assert words in said
    assert not [part for part in ("s3c", "r3t") if part in said], said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.3.2.1", "::1", "0.0.0.0", "x.localhost", ""])
def test_this_machine(host: str) -> None:
    assert parse_address(host).loopback
    assert not parse_address("192.168.1.2").loopback


@pytest.mark.anyio
async def test_this_machine_is_not_reached_through_a_proxy(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await provider_at(replay().url).check()).version


@pytest.mark.anyio
async def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://proxy:1")
    with pytest.raises(OllmError, match="NO_PROXY"):
        await provider_at("http://192.0.2.1").check()


@pytest.mark.anyio
async def test_a_path_prefix_and_credentials_are_sent(replay: Replay) -> None:
    server = replay({"/proxy/api/version": "version"})
    provider = provider_at(f"http://me:secret@127.0.0.1:{server.port}/proxy/")
    health = await provider.check()
    assert server.requests[0].path == "/proxy/api/version"
    assert server.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert "secret" not in health.where


@pytest.mark.anyio
async def test_special_characters_in_credentials_are_written_as_in_urls(replay: Replay) -> None:
    server = replay()
    await provider_at(f"http://m%40e:a%2Fb@c@127.0.0.1:{server.port}").check()
    import base64

    assert server.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"m@e:a/b@c").decode()


@pytest.mark.anyio
@pytest.mark.usefixtures("elsewhere")
async def test_a_proxys_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://me:s3cret@proxy:1")
    with pytest.raises(OllmError) as caught:
        await provider_at("http://192.0.2.1").check()
    assert "s3cret" not in str(caught.value)


# The room


def test_the_room_declares_itself_without_importing_what_costs() -> None:
    code = (
        "import sys; from ollm_plugins.ollama.plugin import Plugin; p = Plugin();"
        "import ollm_plugins.ollama.settings;"
        "print([e.create for e in p.ollm_providers(None)], [s.name for s in p.ollm_settings_sections(None)]);"
        "print(sorted({'httpx', 'pydantic', 'asyncio', 'rich', 'typer'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert out == ["['ollm_plugins.ollama.provider:create'] ['providers.ollama']", "[]"]


def test_httpx_comes_without_its_command_line() -> None:
    code = "import sys, ollm_plugins.ollama.provider; print(sorted({'rich', 'click'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_contributions_are_sound() -> None:
    plugin = Plugin()
    for contribution in (*plugin.ollm_providers(None), *plugin.ollm_settings_sections(None)):  # type: ignore[arg-type]
        assert not list(contribution.mistakes())


def test_a_chat_with_this_machine_imports_no_second_http_library(replay: Replay) -> None:
    code = (
        "import sys, asyncio; from ollm_plugins.ollama.provider import *; from ollm.api import Message;"
        "provider = OllamaProvider(Link(parse_address(sys.argv[1]), 2.0, None), {});"
        "asyncio.run(provider.check());"
        "print(sorted({'httpcore', 'anyio', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, replay().url]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


# A real server


@pytest.mark.live
@pytest.mark.anyio
async def test_a_real_server_keeps_the_contract(live_address: str) -> None:
    provider = provider_at(live_address)
    assert re.match(r"\d+\.\d+", (await provider.check()).version)
    model = await provider.default_model()
    assert (await provider.show_model(model)).chats
    options = GenerationOptions(max_tokens=8, temperature=0)
    events = await events_of(provider, ChatRequest(model, (Message("user", "Say hello."),), options=options))
    assert isinstance(events[-1], Finished)
    assert any(model in entry.name for entry in await provider.loaded_models())
    with pytest.raises(ModelNotFound):
        await events_of(provider, ChatRequest("nosuchmodel:1b", HI.messages))
    await provider.unload_model(model)
    await provider.aclose()
