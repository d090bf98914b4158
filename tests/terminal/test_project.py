"""What does a person see of a project? The real program in a real terminal, in a repository of a stranger's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.screen import Terminal
from tests.terminal.test_repl import install

Open = Callable[..., Terminal]
FILE = ".ollm/project.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / ".git").mkdir(parents=True)
    return root


@pytest.fixture
def open_terminal(tmp_path: Path, repository: Path) -> Iterator[Open]:
    """Run the program in the repository, with a home folder elsewhere; without words, the REPL with the stub."""
    site = install(tmp_path / "site")
    with ExitStack() as opened:

        def start(*words: str, **options: Any) -> Terminal:
            environ = {"OLLM_HOME": str(tmp_path / "own"), "PYTHONPATH": site, "OLLM_PROVIDER": "stub"}
            terminal = opened.enter_context(Terminal(repository, environ, *words, columns=160, **options))
            if not words:
                terminal.wait_for_prompt()
            return terminal

        yield start


def put(root: Path, text: str, name: str = FILE) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def bar(terminal: Terminal) -> str:
    row = terminal.screen.cursor.y + 1
    shown = terminal.display[row] if row < len(terminal.display) else ""
    others = re.compile(r"ollama/.*|context .*|[\w.]+:[\w.]+")
    return " · ".join(item for item in shown.split(" · ") if not others.fullmatch(item))


def in_force(open_terminal: Open) -> str:
    terminal = open_terminal("config", "get", "model.default")
    assert terminal.wait_for_end() == 0
    return terminal.text.strip()


@pytest.mark.parametrize(
    ("answer", "holds"), [("y", True), ("yes", True), ("n", False), ("", False), ("c-c", False), ("c-d", False)]
)
def test_the_question_is_asked_after_what_would_change(
    open_terminal: Open, repository: Path, answer: str, holds: bool
) -> None:
    put(repository, 'model: stub:2b\nproviders: {ollama: {host: evil.example}}\nsystemPrompt: "a\\e[2Jb"\n')
    terminal = open_terminal("project", "trust")
    terminal.wait_for(r"Trust .*/\.ollm/project\.yaml as it is\? \[y/N\]")
    assert "model.default: nothing → stub:2b" in terminal.text
    assert "project.yaml:2: providers is ignored: a project may not set it" in terminal.text
    assert "a␛[2Jb" in terminal.text and b"\x1b[2J" not in terminal.raw
    terminal.press(answer) if answer.startswith("c-") else terminal.send_line(answer)
    code = terminal.wait_for_end()
    assert "Traceback" not in terminal.text
    assert (code == 0) is (not answer.startswith("c-"))
    assert in_force(open_terminal) == ("stub:2b" if holds else "")


def test_a_changed_file_is_shown_as_a_difference(open_terminal: Open, repository: Path) -> None:
    put(repository, "model: stub:2b\n")
    terminal = open_terminal("project", "trust")
    terminal.wait_for("y/N")
    terminal.send_line("y")
    assert terminal.wait_for_end() == 0
    put(repository, "model: stub:3b\n")
    assert in_force(open_terminal) == ""
    terminal = open_terminal("project", "trust")
    terminal.wait_for("y/N")
    assert "-model: stub:2b" in terminal.text and "+model: stub:3b" in terminal.text
    terminal.send_line("y")
    assert terminal.wait_for_end() == 0
    assert in_force(open_terminal) == "stub:3b"


def test_in_the_repl_trust_holds_at_once(open_terminal: Open, repository: Path) -> None:
    put(repository, "profile: python\nmodel: stub:2b\n")
    terminal = open_terminal()
    terminal.wait_for(r"^ollm: This folder's \.ollm/project\.yaml is not trusted, so it is not applied; `/project")
    terminal.wait_until(lambda: "(project.yaml not trusted)" in bar(terminal), "the file in the bar")
    terminal.send_line("/project trust")
    terminal.wait_for("y/N")
    terminal.send_line("y")
    terminal.wait_for("is now trusted, as long as it stays as it is")
    terminal.wait_for_prompt()
    terminal.wait_until(lambda: bar(terminal).startswith("python"), "the profile in the bar")
    assert "not trusted" not in bar(terminal)
    terminal.ask("Hi")
    terminal.wait_for(r"^stub:2b \(stub\)$")
    terminal.wait_for(r"You said: \['Hi'\]")
    assert terminal.text.count("is not trusted") == 1
    terminal.ask("/project untrust")
    terminal.wait_for("is no longer trusted")
    terminal.ask("/config get model.default")
    terminal.wait_until(lambda: "(project.yaml not trusted)" in bar(terminal), "the file in the bar again")


def test_going_to_another_folder(open_terminal: Open, repository: Path) -> None:
    put(repository, "", "package.json")
    put(repository, "", "crates/one/Cargo.toml")
    terminal = open_terminal()
    terminal.wait_for(r"^ollm: This is a typescript project \(package\.json\), so the profile 'typescript' holds;")
    terminal.wait_until(lambda: bar(terminal) == "typescript", "the profile in the bar")
    terminal.ask("/cd crates/one")
    terminal.wait_for(r"^ollm: This is a rust project \(Cargo\.toml\)")
    terminal.wait_for(rf"^{repository}/crates/one$")
    terminal.wait_until(lambda: bar(terminal) == "rust", "the other profile in the bar")
    terminal.ask("/cd nowhere")
    terminal.wait_for("^ollm: nowhere cannot be entered: No such file or directory")
    terminal.ask("/cd")
    terminal.wait_for(rf"^{repository}/crates/one$", count=2)
    assert terminal.text.count("This is a") == 2


def test_init_at_a_terminal_asks_and_trusts(open_terminal: Open, repository: Path) -> None:
    put(repository, "", "pyproject.toml")
    terminal = open_terminal("project", "init")
    assert terminal.wait_for_end() == 0
    assert "has the profile 'python'" in terminal.text and "not applied" not in terminal.text
    written = (repository / FILE).read_text()
    terminal = open_terminal("project", "init", "rust")
    terminal.wait_for(r"exists\. Replace it\? \[y/N\]")
    terminal.send_line("n")
    assert terminal.wait_for_end() == 0
    assert "Nothing was written." in terminal.text
    assert (repository / FILE).read_text() == written
    terminal = open_terminal("project", "use", "rust")
    assert terminal.wait_for_end() == 0
    terminal = open_terminal("project", "show")
    assert terminal.wait_for_end() == 0
    assert ".ollm/project.yaml: trusted, so it is applied" in terminal.text
