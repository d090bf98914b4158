"""What does somebody see who compares models in a terminal?"""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.test_compare_masking import said_by
from tests.replay import RememberingServer, Request, entry, load
from tests.terminal import screen
from tests.terminal.screen import Terminal

MODELS = ("one:1b", "two:1b", "three:1b")
ANSWER = load("chat_stream").text


@pytest.fixture
def server() -> Iterator[RememberingServer]:
    """A server whose model `slow:1b` takes two minutes for an answer."""
    recorded = load("chat_stream")
    assert recorded.lines is not None
    count = len(recorded.lines)

    def choose(request: Request) -> object:
        total = 120_000 if request.json["model"] == "slow:1b" else 300
        due = tuple(total * (number + 1) // count for number in range(count))
        return recorded.but(header_ms=0, line_ms=due, total_ms=total)

    listed = [entry(name) for name in (*MODELS, "slow:1b")]
    with RememberingServer(listed=listed, script={"/api/chat": choose}, speed=1.0, load_ms=0) as running:  # type: ignore[dict-item]
        yield running


def terminal(home: Path, server: RememberingServer, *words: str, columns: int = 120, rows: int = 24) -> Terminal:
    home.mkdir(exist_ok=True)
    return Terminal(home, {"OLLAMA_HOST": server.url, "OLLM_PROJECT_DETECT": "no"}, *words, columns=columns, rows=rows)


def compare(home: Path, server: RememberingServer, *words: str, columns: int = 120, rows: int = 24) -> Terminal:
    return terminal(home, server, "compare", *words, columns=columns, rows=rows)


def kept(home: Path, server: RememberingServer) -> dict[str, Any]:
    with terminal(home, server, "compare", "show", "last", "--json", columns=4000) as shell:
        assert shell.wait_for_end() == 0
        found: dict[str, Any] = json.loads(bytes(shell.raw).decode())
    return found


def test_answers_stand_side_by_side_and_the_choice_is_kept(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", *MODELS, "--parallel") as shell:
        shell.wait_for(r"Which is best\?")
        head = next(line for line in shell.display if "1 one:1b" in line)
        assert "2 two:1b" in head
        assert "3 three:1b" in head
        assert any(line.count("The Moon") >= 3 for line in shell.display)
        shell.send("2")
        shell.wait_for("You prefer ollama/two:1b")
        shell.press("enter")
        assert shell.wait_for_end() == 0
        printed = bytes(shell.raw).decode().rpartition("\x1b[?1049l")[2]
        assert printed.count(ANSWER[-40:].strip()) == 3
        assert "ollama/two:1b *" in printed
    assert kept(tmp_path, server)["winner"] == 1


def test_a_blind_choice_shows_the_names_only_afterwards_and_stands(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", *MODELS, "--parallel", "--blind") as shell:
        shell.wait_for(r"Which is best\?")
        assert ":1b" not in shell.text
        assert "tokens/s" not in shell.text
        shell.send("3")
        shell.wait_for("You prefer C: ollama/")
        shell.send("1")
        shell.press("enter")
        assert shell.wait_for_end() == 0
    assert (kept(tmp_path, server)["choice"], kept(tmp_path, server)["winner"]) == ("winner", 2)


def test_a_model_that_says_who_it_is_is_read_only_after_the_choice(tmp_path: Path) -> None:
    models = ("llama3:8b", "qwen3:4b")
    script = {"/api/chat": said_by("I am Llama 3, as everybody knows by now.")}
    with (
        RememberingServer(listed=[entry(name) for name in models], script=script, speed=1.0, load_ms=0) as server,
        compare(tmp_path, server, "P", *models, "gone:1b", "--parallel", "--blind") as shell,
    ):
        shell.wait_for(r"Which is best\?")
        assert shell.text.count("I am [name hidden], as") == 2
        assert "Llama" not in shell.text
        assert "gone" not in shell.text
        place = 1 + next(place for place in range(3) if f"{place + 1} {'ABC'[place]} failed" not in shell.text)
        shell.send(str(place))
        shell.wait_for("I am Llama 3, as", count=2)
        shell.press("enter")
        assert shell.wait_for_end() == 0
        assert "gone" in shell.text


def test_on_a_narrow_screen_answers_stand_one_above_the_other(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", *MODELS, "--parallel", columns=60) as shell:
        shell.wait_for(r"Which is best\?")
        heads = [number for number, line in enumerate(shell.display) if line[2:].startswith(("one", "two", "three"))]
        assert len(heads) == 3
        shell.send("t")
        shell.wait_for("A tie")
        shell.press("enter")
        assert shell.wait_for_end() == 0


def test_a_screen_that_becomes_narrow_is_laid_out_anew(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", *MODELS, "--parallel") as shell:
        shell.wait_for(r"Which is best\?")
        shell.screen.resize(24, 60)
        shell.process.setwinsize(24, 60)
        shell.wait_until(
            lambda: sum(line[2:].startswith(("one", "two", "three")) for line in shell.display) == 3, "rows"
        )
        shell.press("enter")
        assert shell.wait_for_end() == 0


def test_one_answer_can_be_ended_while_the_others_go_on(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", "slow:1b", "one:1b", "--parallel") as shell:
        shell.wait_for(r"2 one:1b: \d+\.\d s")
        shell.send("1x")
        shell.wait_for(r"1 slow:1b was ended")
        shell.wait_for(r"Which is best\?")
        shell.send("1")
        shell.wait_for("slow:1b has no whole answer, so it cannot be the best")
        shell.send("2")
        shell.wait_for("You prefer ollama/one:1b")
        shell.press("enter")
        assert shell.wait_for_end() == 0


@pytest.mark.parametrize("key", ["c-c", "q"])
def test_ctrl_c_ends_all_and_what_came_is_printed(tmp_path: Path, server: RememberingServer, key: str) -> None:
    with compare(tmp_path, server, "P", "slow:1b", "one:1b", "--parallel") as shell:
        shell.wait_for(r"2 one:1b: \d+\.\d s")
        shell.send("q") if key == "q" else shell.press(key)
        assert shell.wait_for_end() == 130
        printed = bytes(shell.raw).decode().rpartition("\x1b[?1049l")[2]
        assert "ended by the user" in printed
        assert ANSWER[-40:].strip() in printed
    assert kept(tmp_path, server)["interrupted"]


def test_what_came_is_kept_when_the_terminal_is_closed(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", "slow:1b", "one:1b", "--parallel") as shell:
        shell.wait_for(r"2 one:1b: \d+\.\d s")
        shell.hang_up()
    found = kept(tmp_path, server)
    assert found["interrupted"]
    assert [bool(answer["answered"]) for answer in found["answers"]] == [False, True]


def test_a_line_that_is_too_long_goes_on_where_there_is_room(tmp_path: Path, server: RememberingServer) -> None:
    for rows, ends in ((24, True), (12, False)):
        with compare(tmp_path, server, "P", *MODELS, "slow:1b", columns=80, rows=rows) as shell:
            shell.wait_for(r"1 one:1b: \d+\.\d s")
            foot = " ".join(shell.display[-4:])
            assert ("together fit into 4.0 GB that even a small GPU has." in foot) is ends, foot
            shell.press("c-c")
            assert shell.wait_for_end() == 130


def test_the_table_of_a_narrow_terminal_keeps_what_counts(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", *MODELS, "--winner", "2", columns=40) as shell:
        assert shell.wait_for_end() == 0
        assert all(re.search(rf"ollama/{name}( \*)? +\d+\.\d\d s +75\.9", shell.text) for name in MODELS)
        assert "Too narrow for: first token," in shell.text
    with terminal(tmp_path, server, "compare", "stats", columns=40) as shell:
        assert shell.wait_for_end() == 0
        assert re.search(r"^ ollama/two:1b +1 +\+\d+ +\d+$", shell.text, re.MULTILINE)
        assert "first token" in shell.text.partition("Too narrow for:")[2]


def test_a_failure_stays_in_its_column(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", "one:1b", "gone:1b", "--parallel") as shell:
        shell.wait_for(r"2 gone:1b failed")
        shell.wait_for(r"Which is best\?")
        assert "has no model" in shell.text
        shell.press("c-c")
        assert shell.wait_for_end() == 0


@contextmanager
def locked(home: Path, server: RememberingServer) -> Iterator[sqlite3.Connection]:
    """Hold the file of comparisons, which is there already, as another program that writes."""
    with compare(home, server, "P", "one:1b", "two:1b", "--winner", "1") as shell:
        assert shell.wait_for_end() == 0
    with closing(sqlite3.connect(home / ".ollm" / "comparisons.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_while_another_program_writes_the_screen_lives_and_the_choice_is_kept_afterwards(
    tmp_path: Path, server: RememberingServer
) -> None:
    with (
        locked(tmp_path, server) as other,
        compare(tmp_path, server, "P", "one:1b", "two:1b", "--parallel") as shell,
    ):
        shell.wait_for(r"Which is best\?")
        shell.send("2")
        shell.wait_for("You prefer ollama/two:1b")
        shell.press("enter")
        shell.wait_for("waits for another program that writes the comparisons")
        other.execute("ROLLBACK")
        assert shell.wait_for_end() == 0
    assert (kept(tmp_path, server)["id"], kept(tmp_path, server)["winner"]) == (2, 1)


@pytest.mark.parametrize("keys", ["qq", "\x03\x03"])
def test_another_program_that_writes_need_not_be_waited_for(
    tmp_path: Path, server: RememberingServer, keys: str
) -> None:
    with locked(tmp_path, server), compare(tmp_path, server, "P", "one:1b", "two:1b", "--parallel") as shell:
        shell.wait_for(r"Which is best\?")
        shell.send(keys)
        assert shell.wait_for_end() == 0
        assert "The comparison is not kept: Another program was writing, and you gave it up" in " ".join(shell.lines)
    assert kept(tmp_path, server)["id"] == 1


def test_forgetting_is_asked_about(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "What  is\nthis", "one:1b", "two:1b", "--json") as shell:
        assert shell.wait_for_end() == 0
    for answer, left in (("n", []), ("y", [1])):
        with terminal(tmp_path, server, "compare", "delete", "last", "--json") as shell:
            shell.wait_for(r"Forget comparison 1, 'What is this', for good\? \[y/N\]")
            shell.send_line(answer)
            assert shell.wait_for_end() == 0
            assert f'"deleted": {left}' in " ".join(shell.text.split()).replace("[ 1 ]", "[1]")


def test_nor_without_a_screen(tmp_path: Path, server: RememberingServer) -> None:
    with locked(tmp_path, server):
        environ = {"OLLAMA_HOST": server.url, "OLLM_PROJECT_DETECT": "no", "TERM": "dumb"}
        with Terminal(tmp_path, environ, "compare", "P", "one:1b", "two:1b", columns=120) as shell:
            shell.wait_for("Another program is writing the comparisons; Ctrl-C gives up waiting for it")
            shell.press("c-c")
            assert shell.wait_for_end() == 130
            assert "The comparison is not kept: Another program was writing, and you gave it up" in shell.text
        for words in (("choose", "1", "2"), ("delete", "1", "--yes")):
            with terminal(tmp_path, server, "compare", *words) as shell:
                shell.wait_for("Another program is writing the comparisons")
                shell.press("c-c")
                assert shell.wait_for_end() == 130


def test_what_a_template_lacks_is_asked_for(tmp_path: Path, server: RememberingServer) -> None:
    templates = tmp_path / ".ollm" / "templates"
    templates.mkdir(parents=True)
    (templates / "t.yaml").write_text("template: 'Say {what} to {whom}'\n")
    words = ("-t", "t", "--var", "whom=you", "one:1b", "two:1b", "--parallel")
    with compare(tmp_path, server, *words[:-2]) as shell:
        assert shell.wait_for_end() == 2  # one model: said before anything is asked
        assert "at least two models" in shell.text
    with compare(tmp_path, server, *words) as shell:
        shell.wait_for("^what:$")
        shell.press("c-c")
        assert shell.wait_for_end() == 130
        assert not [request for request in server.requests if request.path == "/api/chat"]
    with compare(tmp_path, server, *words) as shell:
        shell.wait_for("The template 't' needs a value")
        shell.wait_for("^what:$")
        shell.send_line("hello")
        shell.wait_for(r"Which is best\?")
        shell.press("enter")
        assert shell.wait_for_end() == 0
    with terminal(tmp_path, server, "-m", "three:1b") as shell:
        shell.wait_for_prompt()
        shell.send_line(f"/compare {' '.join(words)}")
        shell.wait_for("^what:$")
        shell.send_line("bye")
        shell.wait_for(r"Which is best\?")
        shell.press("enter")
        shell.wait_for_prompt()
    prompts = [request.json["messages"][-1]["content"] for request in server.requests if request.path == "/api/chat"]
    assert prompts == ["Say hello to you"] * 2 + ["Say bye to you"] * 2


def test_in_the_repl_the_winner_becomes_the_conversation(tmp_path: Path, server: RememberingServer) -> None:
    with terminal(tmp_path, server, "-m", "three:1b") as shell:
        shell.wait_for_prompt()
        shell.send_line('/compare "First question" one:1b two:1b --parallel')
        shell.wait_for(r"Which is best\?")
        shell.send("2")
        shell.wait_for("c goes on")
        shell.send("c")
        shell.wait_for_prompt()
        shell.ask("Second question")
        last = [request.json for request in server.requests if request.path == "/api/chat"][-1]
        said = [(message["role"], message["content"]) for message in last["messages"] if message["role"] != "system"]
        assert last["model"] == "two:1b"
        assert said == [("user", "First question"), ("assistant", ANSWER), ("user", "Second question")]


def test_the_last_prompt_is_compared_with_what_was_before_it(tmp_path: Path, server: RememberingServer) -> None:
    with terminal(tmp_path, server, "-m", "three:1b") as shell:
        shell.wait_for_prompt()
        shell.ask("First question")
        shell.ask("Second question")
        shell.send_line("/compare --last one:1b two:1b --parallel")
        shell.wait_for(r"Which is best\?")
        shell.press("enter")
        shell.wait_for_prompt()
    for request in [request.json for request in server.requests if request.path == "/api/chat"][-2:]:
        said = [message["content"] for message in request["messages"] if message["role"] == "user"]
        assert said == ["First question", "Second question"]


def test_the_bar_shows_the_winner_at_once(tmp_path: Path, server: RememberingServer) -> None:
    with terminal(tmp_path, server, "-m", "three:1b") as shell:
        shell.wait_for_prompt()
        shell.ask("First question")
        shell.wait_for(r"^ollama/three:1b · ")
        shell.send_line("/compare --last one:1b two:1b --parallel")
        shell.wait_for(r"Which is best\?")
        shell.send("2")
        shell.wait_for("c goes on")
        shell.send("c")
        shell.wait_for_prompt()
        shell.wait_for(r"^ollama/two:1b · ")


def test_in_the_shell_the_repl_opens_with_the_winner(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "First question", "one:1b", "two:1b", "--parallel") as shell:
        shell.wait_for(r"Which is best\?")
        shell.send("1")
        shell.wait_for("c goes on")
        shell.send("c")
        shell.wait_for_prompt()
        shell.ask("Second question")
        last = [request.json for request in server.requests if request.path == "/api/chat"][-1]
        assert last["model"] == "one:1b"
        assert [message["content"] for message in last["messages"] if message["role"] == "user"][0] == "First question"


def test_a_prompt_from_a_pipe_is_answered_on_the_screen_and_keys_come_from_the_terminal(
    tmp_path: Path, server: RememberingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f'echo "From a pipe" | {screen.OLLM} compare - one:1b two:1b --parallel'
    monkeypatch.setattr(screen, "OLLM", "/bin/bash")
    with terminal(tmp_path, server, "-c", command) as shell:
        shell.wait_for(r"Which is best\?")
        shell.send("2")
        shell.wait_for("You prefer ollama/two:1b")
        assert "c goes on" not in shell.text
        shell.press("enter")
        assert shell.wait_for_end() == 0
    assert server.requests[-1].json["messages"][-1]["content"].strip() == "From a pipe"


def test_a_terminal_that_is_closed_while_one_chooses_loses_no_answer(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", "one:1b", "two:1b", "--parallel") as shell:
        shell.wait_for(r"Which is best\?")
        shell.hang_up()
    assert [answer["answered"] for answer in kept(tmp_path, server)["answers"]] == [True, True]


def test_what_came_is_kept_when_nobody_reads_any_more(
    tmp_path: Path, server: RememberingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"{screen.OLLM} compare P one:1b slow:1b --parallel </dev/null | true"
    with monkeypatch.context() as patch:
        patch.setattr(screen, "OLLM", "/bin/bash")
        with terminal(tmp_path, server, "-c", command) as shell:
            shell.wait_for_end()
    assert [answer["answered"] for answer in kept(tmp_path, server)["answers"]] == [True, False]


def test_a_request_to_terminate_ends_all_and_leaves_the_screen(tmp_path: Path, server: RememberingServer) -> None:
    with compare(tmp_path, server, "P", "slow:1b", "one:1b", "--parallel") as shell:
        shell.wait_for(r"2 one:1b: \d+\.\d s")
        shell.signal(signal.SIGINT)
        assert shell.wait_for_end() == 130
        assert bytes(shell.raw).rfind(b"\x1b[?1049l") > bytes(shell.raw).rfind(b"\x1b[?1049h")
        assert "ended by the user" in bytes(shell.raw).decode()


def test_without_colours_none_are_written(tmp_path: Path, server: RememberingServer) -> None:
    tmp_path.joinpath("home").mkdir()
    environ = {"OLLAMA_HOST": server.url, "NO_COLOR": "1", "OLLM_PROJECT_DETECT": "no"}
    with Terminal(tmp_path / "home", environ, "compare", "P", "one:1b", "two:1b", columns=120) as shell:
        shell.wait_for(r"Which is best\?")
        shell.send("1")
        shell.wait_for("You prefer")
        shell.press("enter")
        assert shell.wait_for_end() == 0
        codes = {code for match in re.findall(rb"\x1b\[([\d;]*)m", bytes(shell.raw)) for code in match.split(b";")}
    assert codes <= {b"", b"0", b"1", b"7"}


def test_what_a_model_writes_is_not_obeyed(tmp_path: Path) -> None:
    evil = load("chat_stream")
    assert evil.lines is not None
    lines = tuple(line.replace('"content":"', '"content":"\\u001b]0;owned\\u0007\\u001b[2J', 1) for line in evil.lines)
    script = {"/api/chat": evil.but(lines=lines)}
    with RememberingServer(listed=[entry(name) for name in MODELS], script=script, load_ms=0) as server:
        with compare(tmp_path, server, "P", *MODELS, "--parallel") as shell:
            shell.wait_for(r"Which is best\?")
            shell.press("enter")
            assert shell.wait_for_end() == 0
            assert b"]0;owned\x07" not in shell.raw
            assert "␛]0;owned" in shell.text
