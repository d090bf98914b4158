"""Does the server that remembers answer as a real one did, after what was done to it?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.replay import RememberingServer, entry, load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

Remembering = Callable[..., RememberingServer]
SMALL = "smollm2:135m"


def ask(server: RememberingServer, method: str, path: str, **body: Any) -> httpx.Response:
    return httpx.request(method, server.url + path, json=body or None, timeout=30)


def names(server: RememberingServer, path: str = "/api/tags") -> list[str]:
    return [item["name"] for item in ask(server, "GET", path).json()["models"]]


def in_memory(server: RememberingServer) -> list[tuple[str, int]]:
    return [(item["name"], item["context_length"]) for item in ask(server, "GET", "/api/ps").json()["models"]]


def test_a_pull_lists_the_model_only_when_it_succeeded(remembering: Remembering) -> None:
    server = remembering(listed=[], pulls={"Gemma3:270m": ["pull_registry_dies", "pull_fresh_gemma3"]})
    assert '"error"' in ask(server, "POST", "/api/pull", model="gemma3:270m").text
    assert names(server) == []
    assert ask(server, "POST", "/api/pull", model="gemma3:270m").text.endswith('"success"}\n')
    assert names(server) == ["gemma3:270m"]
    assert "pulling 941f309b54ca" in ask(server, "POST", "/api/pull", model="gemma3:270m").text
    assert "file does not exist" in ask(server, "POST", "/api/pull", model="other").text


def test_a_pull_that_was_cut_lists_nothing(remembering: Remembering) -> None:
    server = remembering(listed=[], pulls={SMALL: ["pull_client_hangs_up", "pull_resumed"]})
    with httpx.stream("POST", server.url + "/api/pull", json={"model": SMALL}) as answer:
        next(answer.iter_lines())
    assert server.wait_for_hangup(30)
    assert names(server) == []
    assert "40239104" in ask(server, "POST", "/api/pull", model=SMALL).text
    assert names(server) == [SMALL]


@pytest.mark.parametrize(
    ("options", "context"), [({}, 4096), ({"num_ctx": 1024}, 1024), ({"num_ctx": 65536}, 8192)], ids=str
)
def test_a_loaded_model_is_as_recorded(remembering: Remembering, options: dict[str, int], context: int) -> None:
    server = remembering()
    ask(server, "POST", "/api/generate", model=SMALL, options=options)
    found = ask(server, "GET", "/api/ps").json()["models"][0]
    recorded = load("ps_one_loaded").objects[0]["models"][0]
    assert set(found) == set(recorded)
    assert found["digest"] == recorded["digest"]
    assert found["context_length"] == context


def test_another_context_loads_anew_and_the_same_does_not(remembering: Remembering) -> None:
    server = remembering()
    for context in (2048, 2048, 1024):
        ask(server, "POST", "/api/generate", model=SMALL, options={"num_ctx": context})
    ask(server, "POST", "/api/chat", model=SMALL, options={"num_ctx": 1024})
    assert server.loads == [(SMALL, 2048), (SMALL, 1024)]
    assert in_memory(server) == [(SMALL, 1024)]


@pytest.mark.parametrize(
    ("keep_alive", "seconds"), [(30, 30), ("10m", 600), ("1h30m", 5400), (-1, 292 * 365 * 86400), ("-1m", None)]
)
def test_how_long_a_model_stays(remembering: Remembering, keep_alive: Any, seconds: int | None) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    server = remembering(clock=lambda: now)
    ask(server, "POST", "/api/generate", model=SMALL, keep_alive=keep_alive)
    expires = datetime.fromisoformat(ask(server, "GET", "/api/ps").json()["models"][0]["expires_at"])
    assert (expires - now).total_seconds() == (seconds or 292 * 365 * 86400)
    server.clock = lambda: expires + timedelta(seconds=1)
    assert in_memory(server) == []


def test_an_unload_may_take_a_while_to_show(remembering: Remembering) -> None:
    server = remembering(lingers=2)
    ask(server, "POST", "/api/generate", model=SMALL)
    assert ask(server, "POST", "/api/generate", model=SMALL, keep_alive=0).json()["done_reason"] == "unload"
    assert [len(in_memory(server)) for _ in range(4)] == [1, 1, 0, 0]


def test_a_keep_alive_that_is_no_duration_is_refused(remembering: Remembering) -> None:
    server = remembering()
    answer = ask(server, "POST", "/api/generate", model=SMALL, keep_alive="-1")
    assert (answer.status_code, in_memory(server)) == (400, [])


def test_a_model_deleted_while_loaded_stays_and_cannot_be_reached(remembering: Remembering) -> None:
    server = remembering()
    ask(server, "POST", "/api/chat", model=SMALL)
    deleted = ask(server, "DELETE", "/api/delete", model=SMALL)
    assert (deleted.status_code, deleted.content) == (200, b"")
    assert in_memory(server) == [(SMALL, 4096)]
    assert SMALL not in names(server)
    assert ask(server, "POST", "/api/generate", model=SMALL, keep_alive=0).status_code == 404
    again = ask(server, "DELETE", "/api/delete", model=SMALL)
    assert (again.status_code, again.json()) == (404, {"error": f"model '{SMALL}' not found"})


def test_a_copy_is_the_same_model_under_another_name(remembering: Remembering) -> None:
    server = remembering()
    assert ask(server, "POST", "/api/copy", source=SMALL, destination="mine").content == b""
    digests = {item["name"]: item["digest"] for item in ask(server, "GET", "/api/tags").json()["models"]}
    assert digests["mine:latest"] == digests[SMALL]
    assert ask(server, "POST", "/api/copy", source="nothing", destination="other").status_code == 404
    assert ask(server, "POST", "/api/copy", source=SMALL, destination="bad name!!").status_code == 400


def test_show_tells_what_the_entry_says(remembering: Remembering) -> None:
    big = entry("big:1b", "gemma3:270m", capabilities=["completion", "vision"], details={"context_length": 131072})
    server = remembering(listed=[big, entry(SMALL)])
    recorded = load("show_ok").objects[0]
    assert ask(server, "POST", "/api/show", model=SMALL).json() == {
        **recorded,
        "modified_at": entry(SMALL)["modified_at"],
    }
    shown = ask(server, "POST", "/api/show", model="BIG:1b").json()
    assert shown["model_info"]["gemma3.context_length"] == 131072
    assert shown["capabilities"] == ["completion", "vision"]
    assert ask(server, "POST", "/api/show", model="nothing").json() == {"error": "model 'nothing:latest' not found"}


def test_a_script_goes_before_the_state_and_a_chat_loads_all_the_same(remembering: Remembering) -> None:
    server = remembering(script={"/api/tags": "tags_none", "/api/chat": "chat_unicode"})
    assert names(server) == []
    lines = ask(server, "POST", "/api/chat", model=SMALL).text.splitlines()
    assert [json.loads(line) for line in lines] == load("chat_unicode").objects
    assert server.loads == [(SMALL, 4096)]
    assert ask(server, "POST", "/api/chat", model="nothing").status_code == 404
