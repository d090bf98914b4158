"""What does a person see who uses a template? The real program in a real terminal."""

import sys
from contextlib import ExitStack

import pytest

from tests.terminal.screen import Terminal
from tests.terminal.test_repl import install

FILE = """\
template: "echo {first}|{second}|{third:x}"
variables:
  - {name: first, required: true, description: "The first of them"}
  - {name: second, required: true}
  - {name: third}
"""


@pytest.fixture
def open_terminal(tmp_path):
    """Run the program with a template; without words, the REPL with the stub."""
    (tmp_path / ".ollm" / "templates").mkdir(parents=True)
    (tmp_path / ".ollm" / "templates" / "t.yaml").write_text(FILE)
    site = install(tmp_path / "site")
    with ExitStack() as opened:

        def start(*words, **environ):
            variables = {"PYTHONPATH": site, "OLLM_PROVIDER": "stub", **environ}
            terminal = opened.enter_context(Terminal(tmp_path, variables, *words, columns=100))
            if not words:
                terminal.wait_for_prompt()
            return terminal

        yield start


USE = ("template", "use", "t", "--dry-run")


def test_what_is_missing_is_asked_for_one_by_one(open_terminal, tmp_path):
    terminal = open_terminal(*USE)
    terminal.wait_for("^The template 't' needs 2 values; Alt-Enter begins a new line, Ctrl-C cancels\\.$")
    terminal.wait_for("first: The first of them\nfirst:$")
    terminal.send_line("")
    terminal.wait_for("It needs a text.\nfirst:$")
    terminal.send("one")
    terminal.press("escape", "enter")
    terminal.send_line("more")
    terminal.wait_for("^second:$")
    terminal.paste("a {first}\nb")
    terminal.press("enter")
    assert terminal.wait_for_end() == 0
    assert terminal.text.endswith("echo one\nmore|a {first}\nb|x")
    assert "one" in (tmp_path / ".ollm" / "history" / "templates" / "first.txt").read_text()
    assert (tmp_path / ".ollm" / "history" / "templates").stat().st_mode & 0o777 == 0o700


def test_former_values_come_back(open_terminal):
    for number in (1, 2):
        terminal = open_terminal(*USE, "second=y")
        terminal.wait_for("^first:$")
        if number == 1:
            terminal.send("remembered")
        else:
            terminal.press("up")
            terminal.wait_for("first: remembered")
        terminal.press("enter")
        assert terminal.wait_for_end() == 0
        assert terminal.text.endswith("echo remembered|y|x")


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        ((*USE, "second=y"), {"OLLM_SESSIONS_SAVE": "false"}),
        (("-t", "t", "--var", "second=y", "--no-save"), {}),
        (("--no-save", "-t", "t", "--var", "second=y"), {}),
    ],
)
def test_what_is_not_to_be_kept_is_in_no_history(open_terminal, tmp_path, words, environ):
    terminal = open_terminal(*words, **environ)
    terminal.wait_for("^first:$")
    terminal.send_line("secret")
    assert terminal.wait_for_end() == 0
    assert "echo secret|y|x" in terminal.text
    assert not (tmp_path / ".ollm" / "history").exists()


@pytest.mark.parametrize("file", ["folder", "/dev/full", b"\xff\n+\xff\x1b[2J\n"])
def test_values_that_cannot_be_read_or_kept_are_taken_all_the_same(open_terminal, tmp_path, file):
    path = tmp_path / ".ollm" / "history" / "templates" / "first.txt"
    path.parent.mkdir(parents=True)
    if isinstance(file, bytes):
        path.write_bytes(file)
    elif file == "folder":
        path.mkdir()
    else:
        path.symlink_to(file)
    terminal = open_terminal(*USE, "second=y")
    terminal.wait_for("^first:$")
    terminal.send_line("one")
    assert terminal.wait_for_end() == 0
    assert terminal.text.endswith("echo one|y|x")
    assert "Traceback" not in terminal.text
    assert ("could not be kept for later" in terminal.text) != isinstance(file, bytes)


@pytest.mark.parametrize(("key", "code"), [("c-c", 130), ("c-d", 2)])
def test_who_cancels_sends_nothing(open_terminal, key, code):
    terminal = open_terminal(*USE)
    terminal.wait_for("^first:$")
    terminal.send_line("one")
    terminal.wait_for("^second:$")
    terminal.press(key)
    assert terminal.wait_for_end() == code
    assert "echo one" not in terminal.text
    assert ("needs second" in terminal.text) == (code == 2)


def test_a_plain_terminal_asks_plainly(open_terminal):
    terminal = open_terminal(*USE, "second=y", TERM="dumb")
    terminal.wait_for("^first:$")
    terminal.send_line("größe")
    assert terminal.wait_for_end() == 0
    assert terminal.text.endswith("echo größe|y|x")
    assert b"\x1b" not in terminal.raw


def test_the_option_asks_as_well(open_terminal):
    terminal = open_terminal("-t", "t", "-p", "given", "--var", "second=y")
    assert terminal.wait_for_end() == 0
    assert "echo given|y|x" in terminal.text
    terminal = open_terminal("-t", "t")
    terminal.wait_for("^first:$")
    terminal.send_line("one")
    terminal.wait_for("^second:$")
    terminal.send_line("two")
    assert terminal.wait_for_end() == 0
    assert "one|two|x" in terminal.text


def test_in_the_repl(open_terminal):
    terminal = open_terminal()
    terminal.send_line("/template use t first=one")
    terminal.wait_for("^second:$")
    terminal.send_line("two")
    terminal.wait_for(r"one\|two\|x")
    terminal.wait_for_prompt()
    terminal.send_line("/template use t")
    terminal.wait_for("^first:$")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    terminal.ask("/template show t")
    assert "second (required)" in terminal.text
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0


def test_a_slip_is_edited_again(open_terminal, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text(
        f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\nfile = Path(sys.argv[1])\n"
        "file.write_text('template: fine' if 'tempalte' in file.read_text() else 'tempalte: x')\n"
    )
    editor.chmod(0o755)
    terminal = open_terminal("template", "create", "new", EDITOR=str(editor))
    terminal.wait_for(r"did you mean template\?\nEdit it again\? \[y/N\]")
    terminal.send_line("y")
    assert terminal.wait_for_end() == 0
    assert (tmp_path / ".ollm" / "templates" / "new.yaml").read_text() == "template: fine"


def test_ctrl_c_at_the_question_keeps_what_was_written(open_terminal, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'tempalte: mine' >\"$1\"\n")
    editor.chmod(0o755)
    terminal = open_terminal("template", "create", "new", EDITOR=str(editor))
    terminal.wait_for(r"Edit it again\? \[y/N\]")
    terminal.press("c-c")
    assert terminal.wait_for_end() == 2
    assert (tmp_path / ".ollm" / "templates" / "new.yaml.draft").read_text() == "tempalte: mine\n"


def test_deleting_is_asked_about(open_terminal, tmp_path):
    file = tmp_path / ".ollm" / "templates" / "t.yaml"
    for answer, stays in (("n", True), ("y", False)):
        terminal = open_terminal("template", "delete", "t", "--json")
        terminal.wait_for(r"\[y/N\]")
        terminal.send_line(answer)
        assert terminal.wait_for_end() == 0
        assert ('"deleted": []' in terminal.text) == stays
        assert file.exists() == stays


def test_control_characters_are_shown_and_not_obeyed(open_terminal, tmp_path):
    text = 'description: "d\\e]0;evil\\a"\ntemplate: "a\\e[2J{x:b}"\n'
    (tmp_path / ".ollm" / "templates" / "evil.yaml").write_text(text)
    for words in (("list",), ("show", "evil"), ("use", "evil", "--dry-run"), ("check", "evil")):
        terminal = open_terminal("template", *words)
        assert terminal.wait_for_end() in (0, 1)
        assert b"\x1b]0;evil" not in terminal.raw and b"\x1b[2J" not in terminal.raw


def test_names_and_variables_are_completed(open_terminal):
    terminal = open_terminal()
    terminal.send("/template use t fi\t")
    terminal.wait_for("/template use t first=$")
    terminal.send("1 se\t")
    terminal.wait_for("/template use t first=1 second=$")
    terminal.send("2\r")
    terminal.wait_for(r"echo 1\|2\|x")
