"""Does the replay server answer as the recorded server did?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.replay import ReplayServer, by_model, load, names
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)

Replay = Callable[..., ReplayServer]


def ask(server: ReplayServer, name: str) -> httpx.Response:
    sent = load(name).request
    return httpx.request(sent["method"], server.url + sent["path"], json=sent.get("body"), timeout=30)


@pytest.mark.parametrize("name", [name for name in names() if load(name).end == "complete"])
def test_every_exchange_comes_as_it_was_recorded(replay: Replay, name: str) -> None:
    recording = load(name)
    answer = ask(replay({recording.request["path"]: name}), name)
    assert answer.status_code == recording.status
    assert answer.headers.get("content-type") == recording.headers.get("Content-Type")
    if recording.request["method"] == "HEAD":
        assert answer.content == b""
    elif recording.lines is None:
        assert answer.text == recording.body
    else:
        assert answer.text == "".join(f"{line}\n" for line in recording.lines)


def test_lines_come_in_their_own_time_scaled(replay: Replay) -> None:
    server, latest = replay({"/api/chat": "chat_stream"}, speed=0.2), list[float]()
    while not latest or (len(latest) < 10 and latest[-1] >= 500):  # as on a busy machine
        seen, began = list[float](), time.monotonic()
        with httpx.stream("POST", server.url + "/api/chat", json={}) as answer:
            seen.extend((time.monotonic() - began) / 0.2 * 1000 for _ in answer.iter_lines())
        late = [came - due for came, due in zip(seen, load("chat_stream").line_ms, strict=True)]
        assert min(late) > -20
        latest.append(max(late))
    assert latest[-1] < 500, latest


def test_the_stopped_server_closes_without_a_last_chunk(replay: Replay) -> None:
    server = replay({"/api/chat": "chat_server_stopped"})
    with pytest.raises(httpx.RemoteProtocolError), httpx.stream("POST", server.url + "/api/chat") as answer:
        list(answer.iter_lines())
    assert not server.hangups


def test_a_client_that_hangs_up_is_noticed(replay: Replay) -> None:
    server = replay({"/api/chat": "chat_cancelled"})
    with httpx.stream("POST", server.url + "/api/chat") as answer:
        lines = answer.iter_lines()
        for _ in range(20):
            next(lines)
        assert not server.hangups
    hangup = server.wait_for_hangup(30.0)
    assert hangup is not None
    assert hangup.sent == 20


def test_answers_in_turn_by_request_and_by_default(replay: Replay) -> None:
    script = {
        "/api/tags": ["tags_none", "tags_some"],
        "/api/show": by_model({"a": "show_ok"}, "show_missing"),
        "/api/chat": load("chat_stream").first(2, end="complete"),
    }
    server = replay(script)
    with httpx.Client(base_url=server.url) as client:
        assert [len(client.get("/api/tags").json()["models"]) > 0 for _ in range(3)] == [False, True, True]
        assert client.post("/api/show", json={"model": "a"}).status_code == 200
        assert client.post("/api/show", json={"model": "b"}).status_code == 404
        assert len(client.post("/api/chat", json={}).text.splitlines()) == 2
        assert client.get("/api/version").json() == {"version": "0.32.15"}
        assert client.get("/nowhere").status_code == 404
    assert server.connections == 1
    assert server.asked("/api/show")[1].json == {"model": "b"}
    assert server.requests[0].headers["accept"] == "*/*"


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [
        sys.executable,
        "-m",
        "tests.replay",
        "--log",
        str(log),
        "/api/chat=chat_stream,chat_think_off",
    ]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        texts = [httpx.post(f"{url}/api/chat", json={"model": "m"}).text for _ in range(2)]
        process.terminate()
    assert '"done_reason":"length"' in texts[0]
    assert "smollm2-think" in texts[1]
    assert [json.loads(line)["json"] for line in log.read_text().splitlines()] == [{"model": "m"}] * 2


def test_recordings_are_small_enough_to_keep() -> None:
    assert len(names()) == 228
    assert sum(path.stat().st_size for path in (Path(__file__).parent / "data" / "ollama").iterdir()) < 1_600_000
