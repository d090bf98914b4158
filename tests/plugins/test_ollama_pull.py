"""Does the Ollama provider pull, delete and copy as a real server wants it? Recordings over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from ollm_plugins.ollama.address import parse_address
from ollm_plugins.ollama.folder import folder_on_this_machine
from ollm_plugins.ollama.link import Link
from ollm_plugins.ollama.provider import OllamaProvider
from ollm_plugins.ollama.pull import Pull

from ollm.api import (
    ExitCode,
    LoadRequest,
    ModelNotFound,
    OllmError,
    Progress,
    ProviderError,
    ProviderUnreachable,
    PullRequest,
    Step,
    UsageError,
)
from tests.replay import Recording, RememberingServer, ReplayServer, load, names
from tests.replay.fixtures import remembering, replay  # noqa: F401  (fixtures)

pytestmark = pytest.mark.anyio

Replay = Callable[..., ReplayServer]
Remembering = Callable[..., RememberingServer]
At = Callable[..., OllamaProvider]
PULLS = names("pull_")
SMALL = "smollm2:135m"
BIG_LAYER = "941f309b54ca"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def at(anyio_backend: str) -> AsyncIterator[At]:
    """Make providers; each is closed with the test."""
    made: list[OllamaProvider] = []

    def make(host: str, read_timeout: float | None = None, environ: Mapping[str, str] | None = None) -> OllamaProvider:
        made.append(OllamaProvider(Link(parse_address(host), 2.0, read_timeout), environ or {}))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


async def pulled(provider: OllamaProvider, name: str = SMALL, **wish: Any) -> list[Any]:
    return [event async for event in provider.pull(PullRequest(name, **wish))]


async def refusal(provider: OllamaProvider, name: str = SMALL) -> tuple[list[Any], OllmError]:
    """Return the events of a pull that fails, and its error."""
    events: list[Any] = []
    with pytest.raises(OllmError) as caught:
        async for event in provider.pull(PullRequest(name)):
            events.append(event)
    return events, caught.value


def of_layer(events: list[Any], label: str = BIG_LAYER) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress) and event.label == label]


# What the server said, as events


SUCCESSES = [name for name in PULLS if load(name).end == "complete" and load(name).objects[-1] == {"status": "success"}]


@pytest.mark.parametrize("name", SUCCESSES)
async def test_every_recorded_success_ends_with_all_layers_whole(replay: Replay, at: At, name: str) -> None:
    events = await pulled(at(replay({"/api/pull": name}).url))
    layers = {event.label: event for event in events if isinstance(event, Progress)}
    assert all(0 <= e.resumed <= e.done <= (e.total or 0) for e in events if isinstance(e, Progress))
    assert all(event.done == event.total for event in layers.values())
    said = {line["digest"][7:19]: line["total"] for line in load(name).objects if "digest" in line}
    assert {label: event.total for label, event in layers.items()} == said
    steps = [line["status"] for line in load(name).objects if "digest" not in line and line["status"] != "success"]
    assert [event.text for event in events if isinstance(event, Step)] == steps


@pytest.mark.parametrize("name", [name for name in SUCCESSES if load(name).lines])
async def test_each_line_is_an_event_at_once(replay: Replay, at: At, name: str) -> None:
    events = await pulled(at(replay({"/api/pull": name}).url))
    lines = [line for line in load(name).objects if "digest" in line]
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in progress[: len(lines)]] == [line.get("completed", 0) for line in lines]


@pytest.mark.parametrize(
    ("name", "resumed"),
    [
        ("pull_fresh_gemma3", 0),
        ("pull_fresh_local_fast", 0),
        ("pull_after_digest_mismatch", 0),
        ("pull_two_clients_first", 0),
        ("pull_registry_away_9s", 0),
        ("pull_resumed", 40239104),
        ("pull_resumed_after_error", 32243712),
        ("pull_two_clients_second", 24313856),
        ("pull_blob_shared", 98362432),
    ],
)
async def test_what_was_there_before_is_told_apart(replay: Replay, at: At, name: str, resumed: int) -> None:
    events = await pulled(at(replay({"/api/pull": name}).url))
    layer = of_layer(events, load(name).objects[1]["digest"][7:19])
    assert layer[0].resumed == layer[0].done, "the first line counts for no rate in any case"
    assert {event.resumed for event in layer[1:]} <= {resumed}
    assert layer[-1].resumed == resumed


async def test_a_line_without_completed_means_nothing_yet(replay: Replay, at: At) -> None:
    recording = load("pull_fresh_local_fast")
    assert recording.lines
    first = {key: value for key, value in recording.objects[1].items() if key != "completed"}
    lines = (recording.lines[0], json.dumps(first), *recording.lines[1:])
    layer = of_layer(await pulled(at(replay({"/api/pull": recording.but(lines=lines, line_ms=())}).url)))
    assert (layer[0].done, layer[0].total) == (0, 98362432)
    assert {event.resumed for event in layer} == {0}


async def test_stages_that_nobody_knows_are_shown_and_control_nothing(replay: Replay, at: At) -> None:
    lines = ('{"status":"thawing\\u001b]0;x\\u0007\\n the model"}', '{"status":"success"}')
    recording = load("pull_fresh_local_fast").but(lines=lines, line_ms=())
    assert await pulled(at(replay({"/api/pull": recording}).url)) == [Step("thawing␛]0;x␇ the model")]


@pytest.mark.parametrize(("name", "insecure"), [("pull_fresh_gemma3", False), ("pull_fresh_local_fast", True)])
async def test_a_pull_asks_as_recorded(replay: Replay, at: At, name: str, insecure: bool) -> None:
    server, sent = replay({"/api/pull": name}), load(name).request["body"]
    await pulled(at(server.url), sent["model"], insecure=insecure)
    assert server.requests[0].json == {**sent, "stream": True}


async def test_the_connection_is_kept_after_a_pull(replay: Replay, at: At) -> None:
    server = replay({"/api/pull": "pull_blob_shared"})
    provider = at(server.url)
    await pulled(provider)
    await provider.check()
    assert server.connections == 1


# What goes wrong


FAILURES = {
    "pull_bad_name": (UsageError, r"invalid model name.*NAME:TAG"),
    "pull_empty_name": (UsageError, r"invalid model name"),
    "pull_digest_mismatch": (ProviderError, r"is damaged .*want sha256:941f.*pull again"),
    "pull_hf_name": (ProviderUnreachable, r"Ollama at http://\S+ is there, .*registry hf\.co \(.*Bad Gateway"),
    "pull_host_unknown": (ProviderUnreachable, r"registry registry\.example\.invalid \(.*Bad Gateway"),
    "pull_http_without_insecure": (ProviderError, r"does not trust the registry localhost:5000.*--insecure"),
    "pull_malformed_json": (ProviderError, r"unexpected EOF"),
    "pull_missing_model": (ModelNotFound, r"Ollama's library has no model nosuchmodel:1b.*q=nosuchmodel"),
    "pull_missing_model_no_stream": (ModelNotFound, r"no model nosuchmodel:1b"),
    "pull_missing_tag": (ModelNotFound, r"no model smollm2:999b.*there already: smollm2:135m"),
    "pull_no_body": (ProviderError, r"missing request body"),
    "pull_offline_no_stream": (ProviderUnreachable, r"registry registry\.ollama\.ai \(.*no such host.*what has come"),
    "pull_registry_dies": (ProviderUnreachable, r"registry 127\.0\.0\.1:5004 \(max retries exceeded.*refused"),
    "pull_registry_down_localhost": (ProviderUnreachable, r"registry localhost:5999 \(.*connection refused"),
}
CUT = {"pull_client_hangs_up"}


def test_every_recorded_pull_is_tested() -> None:
    assert {*SUCCESSES, *FAILURES, *CUT} == set(PULLS)


@pytest.mark.parametrize("name", FAILURES)
async def test_every_recorded_failure_is_one_plain_line(replay: Replay, at: At, name: str) -> None:
    kind, words = FAILURES[name]
    body = load(name).request.get("body")
    asked = body["model"] if isinstance(body, dict) else SMALL
    events, error = await refusal(at(replay({"/api/pull": name}).url), asked)
    assert type(error) is kind
    assert error.exit_code == {UsageError: 2, ModelNotFound: 3, ProviderUnreachable: 4}.get(kind, ExitCode.FAILED)
    said = str(error)
    assert re.search(words, said), said
    assert said.isprintable()
    assert len(events) == sum("digest" in line or "status" in line for line in load(name).objects) + (
        name == "pull_digest_mismatch"  # the layer is whole, which "verifying" says, and wrong
    )


def in_words(words: str) -> Recording:
    """An error line in those words."""
    recording = load("pull_missing_model")
    assert recording.lines
    return recording.but(lines=(recording.lines[0], json.dumps({"error": words})), line_ms=())


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("write /var/lib/ollama/models/x: no space left on device", ProviderError, "Free space on the server's disk"),
        ("pull model manifest: unauthorized", ProviderError, "ollama signin"),
        ("pull model manifest: 412: requires a newer version of Ollama", ProviderError, "Update Ollama"),
        ("pull model manifest: 503: busy", ProviderUnreachable, "registry registry.ollama.ai"),
        ("max retries exceeded: EOF", ProviderUnreachable, "registry registry.ollama.ai"),
        ('Get "https://x.io/v2/": tls: failed to verify certificate: x509: unknown', ProviderError, "--insecure"),
        ("the moon is in the way", ProviderError, "the moon is in the way"),
    ],
)
async def test_other_failures(replay: Replay, at: At, words: str, kind: type[OllmError], said: str) -> None:
    _, error = await refusal(at(replay({"/api/pull": in_words(words)}).url))
    assert type(error) is kind
    assert said in str(error)


async def test_no_signature_of_an_address_is_shown(replay: Replay, at: At) -> None:
    words = 'max retries exceeded: Get "https://me:s3cret@r2.example.com/blob?X-Amz-Signature=s3cret": EOF'
    _, error = await refusal(at(replay({"/api/pull": in_words(words)}).url))
    assert "registry r2.example.com" in str(error)
    assert "s3cret" not in str(error)


async def test_a_registry_of_its_own_is_where_to_look(replay: Replay, at: At) -> None:
    _, error = await refusal(at(replay({"/api/pull": "pull_missing_model"}).url), "hf.co/user/repo:Q4")
    assert "hf.co has no model hf.co/user/repo:Q4" in str(error)
    assert "https://hf.co/user/repo" in str(error)


@pytest.mark.parametrize("end", ["complete", "server"])
@pytest.mark.parametrize("lines", [1, 5, 9])
async def test_a_pull_without_success_has_failed(replay: Replay, at: At, lines: int, end: Any) -> None:
    recording = load("pull_already_present_registry_name").first(lines, end)
    events, error = await refusal(at(replay({"/api/pull": recording}).url))
    assert len(events) == lines
    assert type(error) is ProviderError
    assert "was cut" in str(error)
    assert "What has come is kept" in str(error)


def test_a_line_cut_in_its_middle_is_a_cut_pull() -> None:
    first, second, *_ = load("pull_fresh_local_fast").lines or ()
    pull = Pull(SMALL, "x")
    pull.read(first.encode())
    with pytest.raises(ProviderError, match=r"was cut: .* \(it closed the connection\)"):
        pull.end(second.encode()[:40], "it closed the connection")


def test_a_last_line_needs_no_line_feed() -> None:
    pull = Pull(SMALL, "x")
    pull.read(b'{"status":"pulling manifest"}')
    with pytest.raises(ModelNotFound):
        pull.end(b'{"error":"pull model manifest: file does not exist"}')
    assert pull.end(b'{"status":"success"}') == []


@pytest.mark.parametrize(
    "line",
    ["7", "[]", "{}", "<html>", '{"status":7}', '{"status":"x","digest":7}', '{"status":"x","digest":"a","total":"b"}',
     '{"status":"x","digest":"a","total":-1}', '{"status":"x","digest":"a","total":true}'],
)  # fmt: skip
async def test_what_is_no_pull_is_told_so(replay: Replay, at: At, line: str) -> None:
    recording = load("pull_fresh_local_fast").but(lines=(line,), line_ms=())
    _, error = await refusal(at(replay({"/api/pull": recording}).url))
    assert "is no Ollama server" in str(error)


async def test_nobody_there_is_not_the_registrys_fault(at: At) -> None:
    with ReplayServer() as server:
        gone = server.url
    _, error = await refusal(at(gone))
    assert isinstance(error, ProviderUnreachable)
    assert "registry" not in str(error)


# Time


async def test_closing_the_iterator_hangs_up_and_the_next_pull_goes_on(remembering: Remembering, at: At) -> None:
    server = remembering(listed=[], pulls={SMALL: ["pull_client_hangs_up", "pull_resumed"]})
    provider = at(server.url)
    async with aclosing(provider.pull(PullRequest(SMALL))) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, Progress) and event.done == 39780352:
                break
    hangup = await asyncio.to_thread(server.wait_for_hangup, 30.0)
    assert hangup is not None
    assert hangup.sent == len(load("pull_client_hangs_up").lines or ())
    assert await provider.list_models() == []
    assert of_layer(await pulled(provider))[-1].resumed == 40239104
    assert [model.name for model in await provider.list_models()] == [SMALL]


async def test_cancelling_hangs_up_before_anything_came(replay: Replay, at: At) -> None:
    server = replay({"/api/pull": load("pull_missing_model").but(header_ms=60_000, line_ms=())}, speed=1.0)
    task = asyncio.create_task(pulled(at(server.url)))
    assert await asyncio.to_thread(server.wait_for_request, 1, 30.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.wait_for_hangup, 30.0)


async def test_silence_counts_only_if_a_limit_is_set(replay: Replay, at: At) -> None:
    slow = load("pull_fresh_local_fast").but(line_ms=(0, *[700] * 6), total_ms=700)
    server = replay({"/api/pull": slow}, speed=1.0)
    await pulled(at(server.url))
    _, error = await refusal(at(server.url, read_timeout=0.1))
    assert "silence for too long" in str(error)


# Deleting and copying


async def test_a_model_is_copied_and_deleted(remembering: Remembering, at: At) -> None:
    server = remembering()
    provider = at(server.url)
    await provider.copy_model(SMALL, "mine")
    await provider.delete_model(SMALL)
    left = [model.name for model in await provider.list_models()]
    assert "mine:latest" in left
    assert SMALL not in left
    assert server.asked("/api/copy")[0].json == {"source": SMALL, "destination": "mine"}
    assert [request.method for request in server.asked("/api/delete")] == ["DELETE"]
    assert server.connections == 1


async def test_a_deleted_model_stays_in_memory_unless_it_is_unloaded_first(remembering: Remembering, at: At) -> None:
    server = remembering()
    provider = at(server.url)
    await provider.load_model(LoadRequest(SMALL))
    await provider.delete_model(SMALL)
    assert [model.name for model in await provider.loaded_models()] == [SMALL]
    with pytest.raises(ModelNotFound):
        await provider.unload_model(SMALL)


@pytest.mark.parametrize("name", ["delete_ok", "delete_after_pull", "copy_ok"])
async def test_an_empty_answer_is_enough(replay: Replay, at: At, name: str) -> None:
    body, path = load(name).request["body"], load(name).request["path"]
    server = replay({path: name})
    provider = at(server.url)
    if path == "/api/copy":
        await provider.copy_model(body["source"], body["destination"])
    else:
        await provider.delete_model(body["model"])
    assert server.requests[0].json == body


async def test_what_is_not_there_is_neither_deleted_nor_copied(remembering: Remembering, at: At) -> None:
    provider = at(remembering().url)
    for act in (provider.delete_model("smollm2:999b"), provider.copy_model("smollm2:999b", "mine")):
        with pytest.raises(ModelNotFound, match=r"no model smollm2:999b.*Near to it: smollm2:135m") as caught:
            await act
        assert caught.value.exit_code == ExitCode.NO_MODEL


@pytest.mark.parametrize(("path", "name"), [("/api/delete", "delete_bad_name"), ("/api/copy", "copy_bad_destination")])
async def test_a_bad_name_is_a_mistake_of_the_user(replay: Replay, at: At, path: str, name: str) -> None:
    provider = at(replay({path: name}).url)
    with pytest.raises(UsageError, match=r'"bad name!!" is invalid.*NAME:TAG'):
        await (provider.delete_model("bad name!!") if "delete" in name else provider.copy_model(SMALL, "bad name!!"))


# Where the models are


def test_the_models_folder_is_known_on_this_machine_only(at: At, tmp_path: Path) -> None:
    there = tmp_path / ".ollama" / "models"
    there.mkdir(parents=True)
    assert at("localhost", environ={"HOME": str(tmp_path)}).models_folder() == there
    assert at("localhost", environ={"OLLAMA_MODELS": "/m", "HOME": str(tmp_path)}).models_folder() == Path("/m")
    assert at("http://192.0.2.1", environ={"OLLAMA_MODELS": "/m"}).models_folder() is None


def test_no_models_folder_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollm_plugins.ollama.folder._SERVICES", (str(tmp_path / "none"),))
    assert folder_on_this_machine({"HOME": str(tmp_path)}) is None


# A real server


@pytest.mark.live
async def test_a_real_server_keeps_the_contract_of_copies_and_pulls(at: At, live_address: str) -> None:
    provider, copied = at(live_address), f"ollm-test-{uuid.uuid4().hex}:1"
    await provider.copy_model(await provider.default_model(), copied)
    assert copied in [model.name for model in await provider.list_models()]
    await provider.delete_model(copied)
    assert copied not in [model.name for model in await provider.list_models()]
    for act in (provider.delete_model(copied), provider.copy_model(copied, f"{copied}0")):
        with pytest.raises(ModelNotFound):
            await act
    _, error = await refusal(provider, copied)
    assert isinstance(error, ModelNotFound | ProviderUnreachable)  # the registry, if it cannot be reached


@pytest.mark.live
async def test_a_real_server_keeps_the_contract_of_loading(at: At, live_address: str) -> None:
    provider, mine = at(live_address), f"ollm-test-{uuid.uuid4().hex}:1"
    await provider.copy_model(await provider.default_model(), mine)
    try:
        await provider.load_model(LoadRequest(mine, keep_alive=60, context_size=1024))
        (loaded,) = [each for each in await provider.loaded_models() if each.name == mine]
        assert loaded.context_size == 1024
        assert loaded.expires
        await provider.load_model(LoadRequest(mine, keep_alive=-1, context_size=1024))
        (kept,) = [each for each in await provider.loaded_models() if each.name == mine]
        assert kept.expires == ""
    finally:
        await provider.unload_model(mine)
        await provider.delete_model(mine)
