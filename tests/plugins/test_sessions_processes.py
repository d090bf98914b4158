"""Is anything lost when programs are killed, write at once, or find the file damaged?"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ollm_plugins.sessions.mending import damage
from ollm_plugins.sessions.plugin import Plugin
from tests.helpers.program import SCRIPT, ollm  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)

SLOW = load("chat_stream").first(20, end="client")
SLOW = SLOW.but(line_ms=tuple(range(0, 4000, 200)), header_ms=0, total_ms=4000)
"""A word each 200 ms, and no end."""

FILL = """
import sys
from pathlib import Path
from ollm.testing import make_harness
from ollm.api import Message
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.service import sessions_of
ollm = make_harness(Path(sys.argv[1]), Plugin, replies=[f"answer {n} " + "word " * 50 for n in range(int(sys.argv[3]))])
async def hold():
    conversation = ollm.app.conversation()
    for number in range(int(sys.argv[3])):
        async for _ in conversation.ask(f"{sys.argv[2]} {number}"):
            pass
        print(number, flush=True)
ollm.app.run(hold())
ollm.app.close()
"""


def fill(home, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", FILL, str(home), name, str(count)], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def ask(ollm, replay):  # noqa: F811
    """Start to ask a server that answers slowly, and return the process."""
    server = replay({"/api/chat": SLOW}, speed=1.0)
    return lambda *words: ollm.process(
        *words, "-p", "Moon?", OLLM_HOST=server.url, OLLM_PROVIDER="ollama", OLLM_MODEL="smollm2:135m"
    )


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("after", [1.3, 1.7])
def test_a_kill_in_the_middle_of_an_answer_loses_less_than_a_second(ollm, ask, after):  # noqa: F811
    for _ in range(4):  # where the whole machine stands still, what is lost is not the program's
        kept, second_before = killed_in_the_middle(ollm, ask(), after)
        if kept.startswith(second_before):
            break
    assert second_before
    assert kept.startswith(second_before)
    assert "[cut: the program ended, or is still at it]" in ollm("session", "show").out


def killed_in_the_middle(ollm, process, after):  # noqa: F811
    """Kill it so many seconds after its first word; return what is kept, and what one saw a second before."""
    seen, begun, pipe = [], None, process.stdout.fileno()
    os.set_blocking(pipe, False)
    while begun is None or time.monotonic() - begun < after:
        with contextlib.suppress(BlockingIOError):
            piece = os.read(pipe, 65536)
            begun = begun or time.monotonic()
            seen.append((time.monotonic(), piece.decode()))
        time.sleep(0.005)
    killed = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    second_before = "".join(piece for at, piece in seen if at < killed - 1.0)
    shown = ollm("session", "show", "last", "--json")
    if shown.code:  # nothing is kept yet
        return "", second_before
    (turn,) = shown.json["turns"]
    assert turn["reason"] == "cut"
    assert turn["messages"][0]["content"] == "Moon?"
    return "".join(each["content"] for each in turn["messages"][1:]), second_before.rstrip("\n")


def test_what_was_cut_is_gone_on_with(ollm, ask, replay):  # noqa: F811
    process = ask()
    assert process.stdout.read(1)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(ValueError, IndexError):  # there is no session yet, or no answer in it
            if ollm("session", "show", "last", "--json").json["turns"][0]["messages"][1]["content"]:
                break
    process.kill()
    process.wait()
    server = replay({"/api/chat": "chat_stream"})
    environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
    assert ollm.real("-c", "-p", "Go on", **environ).code == 0
    (request,) = server.asked("/api/chat")
    said = [(each["role"], each["content"]) for each in request.json["messages"]]
    assert [role for role, _ in said] == ["user", "assistant", "user"]
    assert said[0][1] == "Moon?"
    assert SLOW.text.startswith(said[1][1])
    assert said[1][1]


@pytest.mark.parametrize("words", [("--no-save",), ("-c", "--no-save")])
def test_private_mode_writes_nothing(ollm, ask, replay, words):  # noqa: F811
    if "-c" in words:
        server = replay({"/api/chat": "chat_stream"})
        ollm.real("-p", "First", OLLM_HOST=server.url, OLLM_PROVIDER="ollama", OLLM_MODEL="smollm2:135m")
    before = ollm("session", "list", "--json").json
    process = ask(*words)
    assert process.stdout.read(1)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.wait()
    assert ollm("session", "list", "--json").json == before
    assert list(ollm.home.glob("sessions*")) == [] or "-c" in words


def test_many_programs_write_at_once(ollm):  # noqa: F811
    running = [fill(ollm.home, f"p{number}", 25) for number in range(4)]
    while any(process.poll() is None for process in running):
        assert ollm("session", "list", "--json").err == ""
    assert [process.communicate()[0].count("\n") for process in running] == [25] * 4
    listed = ollm("session", "list", "--json").json
    assert sorted(each["title"] for each in listed) == [f"p{number} 0" for number in range(4)]
    assert [each["turns"] for each in listed] == [25] * 4
    assert damage(ollm.home / "sessions.db") == ""


def test_programs_write_while_another_deletes_all(ollm):  # noqa: F811
    """What was deleted comes back with the next turn of its conversation, whole."""
    running = [fill(ollm.home, f"p{number}", 25) for number in range(3)]
    while any(process.poll() is None for process in running):
        done = ollm("session", "delete", "--all", "--yes")
        assert (done.code, done.err) == (0, "")
    assert [process.communicate()[0].count("\n") for process in running] == [25] * 3
    fill(ollm.home, "last", 1).communicate()
    for listed in ollm("session", "list", "--json").json:
        turns = ollm("session", "export", listed["id"], "--json").json["turns"]
        said = [each["content"] for turn in turns if not turn["takenBack"] for each in turn["messages"]]
        name = said[0].split()[0]
        assert said[::2] == [f"{name} {number}" for number in range(len(said) // 2)]
    assert damage(ollm.home / "sessions.db") == ""


def test_first_programs_make_the_file_at_once(ollm):  # noqa: F811
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: fill(ollm.home, f"p{number}", 1).communicate()[0], range(4)))
    assert done == ["0\n"] * 4
    assert len(ollm("session", "list", "--json").json) == 4


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_at_any_moment_damages_nothing(ollm):  # noqa: F811
    for number in range(6):
        process = fill(ollm.home, f"k{number}", 10_000)
        for _ in range(20 + 37 * number):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert damage(ollm.home / "sessions.db") == ""
    assert ollm("session", "list").err == ""


@pytest.fixture
def filled(ollm):  # noqa: F811
    """A file with 300 turns in one session, closed."""
    fill(ollm.home, "prompt", 300).communicate()
    return ollm.home / "sessions.db"


def test_a_file_that_is_no_database_is_set_aside(ollm):  # noqa: F811
    ollm.home.mkdir()
    (ollm.home / "sessions.db").write_bytes(b"This is no database. " * 500)
    done = ollm("session", "list")
    assert done.code == 0
    assert "it is kept as sessions.db.unreadable, and nothing of it could be recovered" in done.err
    assert done.out == "No session is kept yet\n"
    assert (ollm.home / "sessions.db.unreadable").read_bytes().startswith(b"This is no")
    assert ollm("session", "list").err == ""


@pytest.mark.skipif(os.name == "nt", reason="there are no modes")
def test_a_damaged_file_that_cannot_be_set_aside_stays_and_is_said(ollm_app, ollm_home, monkeypatch):
    """What could be read of it must not take its place: the file holds more, for better tools."""
    ollm_home.mkdir(exist_ok=True)
    path = ollm_home / "sessions.db"
    fill(ollm_home, "prompt", 30).communicate()
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    rename = Path.rename

    def refused(self, target):
        if self == path:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    done = ollm_app(Plugin).run_command("session search prompt")
    assert done.exit_code == 1
    assert "nor renamed (Operation not permitted): 30 turns of it could be recovered" in done.stderr
    assert path.read_bytes() == data
    assert [each.name for each in ollm_home.glob("*recovered*")] == []


@pytest.mark.parametrize("begin", [0.3, 0.6, 0.9])
def test_a_damaged_file_is_recovered_as_far_as_it_can_be_read(ollm, filled, begin):  # noqa: F811
    data = bytearray(filled.read_bytes())
    page = 4096
    first = int(len(data) * begin) // page * page
    data[first : first + 3 * page] = os.urandom(3 * page)
    filled.write_bytes(data)
    assert damage(filled)
    done = [ollm("session", "show", "--json"), ollm("session", "search", "word"), ollm("session", "rename", "1", "x")]
    said = "".join(each.err for each in done)
    assert said.count("could be recovered") <= 1
    if not said:
        pytest.skip("what was damaged is not what was read")
    assert "turns of it could be recovered" in said
    found = ollm("session", "show", "1", "--json")
    assert found.err == ""
    assert len(found.json["turns"]) > 150
    assert damage(filled) == ""
    assert list(ollm.home.glob("sessions.db.unreadable"))


@pytest.mark.parametrize("part", [0.25, 0.751])
def test_a_file_whose_end_is_missing(ollm, filled, part):  # noqa: F811
    whole = filled.read_bytes()
    filled.write_bytes(whole[: int(len(whole) * part)])
    said = ollm("session", "list").err
    assert int(re.search(r"(\d+) turns of it could be recovered", said)[1]) > 300 * part * 0.5
    assert damage(filled) == ""
    assert "prompt 1" in ollm("session", "show", "1").out
    assert ollm("session", "list").err == ""


@pytest.mark.parametrize(("begin", "end"), [(0, 16), (0, 100), (0, 4096), (100, 4096), (0, 300)])
@pytest.mark.parametrize("fill", [b"\0", b"X"])
def test_a_file_whose_beginning_was_overwritten_is_recovered_whole(ollm, filled, begin, end, fill):  # noqa: F811
    data = bytearray(filled.read_bytes())
    data[begin:end] = fill * (end - begin)
    filled.write_bytes(data)
    assert "300 turns of it could be recovered" in ollm("session", "list").err
    assert damage(filled) == ""
    assert len(ollm("session", "show", "1", "--json").json["turns"]) == 300
    assert sorted(each.name for each in ollm.home.glob("*sessions*") if each.suffix != ".lock") == [
        "sessions.db",
        "sessions.db.unreadable",
    ]


def test_what_a_killed_program_left_beside_a_file_is_recovered_with_it(ollm, filled):  # noqa: F811
    log, kept = filled.with_name("sessions.db-wal"), filled.with_name("kept")
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE sessions SET title='only in the log'")
        connection.commit()
        shutil.copyfile(log, kept)
    with filled.open("r+b") as file:
        file.write(bytes(4096))
    kept.rename(log)
    assert "300 turns of it could be recovered" in ollm("session", "list").err
    assert ollm("session", "list", "--json").json[0]["title"] == "only in the log"
    aside = filled.with_name("sessions.db.unreadable")
    assert any(
        b"only in the log" in each.read_bytes()
        for each in (aside, aside.with_name(f"{aside.name}-wal"))
        if each.exists()
    )


def test_a_database_of_somebody_else_is_set_aside(ollm):  # noqa: F811
    ollm.home.mkdir()
    with contextlib.closing(sqlite3.connect(ollm.home / "sessions.db")) as connection:
        connection.executescript("CREATE TABLE birds(name); INSERT INTO birds VALUES('wren'); PRAGMA user_version=1;")
    assert "it is kept as sessions.db.unreadable" in ollm("session", "list").err
    with contextlib.closing(sqlite3.connect(ollm.home / "sessions.db.unreadable")) as connection:
        assert connection.execute("SELECT name FROM birds").fetchall() == [("wren",)]


@pytest.mark.skipif(os.name == "nt", reason="there is no RLIMIT_FSIZE")
def test_a_damaged_file_stays_as_it_is_where_there_is_no_room_for_another(ollm, filled):  # noqa: F811
    import resource

    data = bytearray(filled.read_bytes())
    data[:100] = bytes(100)
    filled.write_bytes(data)
    done = subprocess.run(
        [str(SCRIPT), "session", "list"],
        env={**os.environ, "OLLM_HOME": str(ollm.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"ollm: .*sessions\.db cannot be used: .*\n", done.stderr)
    assert filled.read_bytes() == data
    assert [each.name for each in ollm.home.glob(".*")] == []
    assert "300 turns of it could be recovered" in ollm("session", "list").err


def test_an_index_of_words_that_is_damaged_is_made_anew(ollm, filled):  # noqa: F811
    with sqlite3.connect(filled) as connection:
        connection.execute("DELETE FROM words_data WHERE id>10")
    connection.close()
    done = ollm("session", "search", "prompt")
    assert "300 turns of it could be recovered" in done.err
    assert "prompt" in ollm("session", "search", "prompt").out


UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
"""Under which even the administrator may not write what is read-only."""


@pytest.mark.skipif(os.name == "nt" or not shutil.which("setpriv"), reason="there is no setpriv")
def test_a_home_that_is_read_only_can_be_read_and_ends_no_conversation(ollm, filled, replay):  # noqa: F811
    server = replay({"/api/chat": "chat_stream"})
    usual = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
    prefix = UNPRIVILEGED if os.geteuid() == 0 else []

    def run(*words):
        command = [*prefix, str(SCRIPT), *words]
        environ = {**os.environ, **usual, "OLLM_HOME": str(ollm.home)}
        return subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    filled.chmod(0o400)
    ollm.home.chmod(0o500)
    try:
        listed, answered = run("session", "list", "--json"), run("-o", "json", "-p", "Moon?")
        refused = run("session", "rename", "last", "x")
    finally:
        ollm.home.chmod(0o700)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert json.loads(listed.stdout)[0]["turns"] == 300
    assert answered.returncode == 0
    assert [each["code"] for each in json.loads(answered.stdout)["notices"]].count("session-unsaved") == 1
    assert "Make it and its folder writable" in refused.stderr


def test_a_file_that_cannot_grow_ends_no_conversation(ollm, filled, replay):  # noqa: F811
    import resource

    server = replay({"/api/chat": "chat_stream"})
    limit = 20_000  # bytes: less than SQLite needs to write beside the file

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [str(SCRIPT), "-o", "json", "-p", "Moon?", "-m", "smollm2:135m"],
        env={**os.environ, "OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_HOME": str(ollm.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,  # seconds: what cannot be written is not tried forever at the end
        preexec_fn=limited,
    )
    document = json.loads(done.stdout)
    assert "The Moon" in document["text"]
    assert "session-unsaved" in [each["code"] for each in document["notices"]]
    listed = subprocess.run(
        [str(SCRIPT), "session", "list", "--json"],
        env={**os.environ, "OLLM_HOME": str(ollm.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert (listed.returncode, listed.stderr) == (0, ""), "what is there can be read"
    assert json.loads(listed.stdout)[0]["turns"] == 300
    assert damage(filled) == ""
