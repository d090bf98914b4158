"""Lines, as they are typed: completed, taken apart, kept, with files and commands in them."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Annotated

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as some
from prompt_toolkit.keys import Keys
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)
from ollm_plugins.repl.bang import Kept, Ran, as_text, stops_in_a_row
from ollm_plugins.repl.completion import Proposals
from ollm_plugins.repl.history import FolderHistory
from ollm_plugins.repl.inclusion import included
from ollm_plugins.repl.paths import paths
from ollm_plugins.repl.plugin import Plugin as Repl
from ollm_plugins.repl.sequences import KnownKeys
from ollm_plugins.repl.slash import Slash, split
from ollm_plugins.repl.unfinished import continued, goes_on, without_quotes
from ollm_plugins.repl.words import typed

from ollm.api import (
    Command,
    CommandContext,
    CommandGroup,
    Completes,
    OllmError,
    Specs,
    UsageError,
    ValueCompleter,
    hookimpl,
)


class Planets(Specs):
    @hookimpl
    def ollm_commands(self, ctx):
        def visit(
            planet: Annotated[str, Completes("planet")],
            how: Annotated[str, typer.Argument()] = "",
            *,
            moon: Annotated[str, typer.Option("--moon", "-m", help="Which."), Completes("planet")] = "",
            fast: Annotated[bool, typer.Option("--fast", help="In a hurry.")] = False,
            log: Annotated[str, typer.Option("--log"), Completes("path")] = "",
            orbit: Annotated[str, typer.Option("--orbit", help="Named as what it takes.")] = "",
        ):
            pass

        def broken(this: "Nowhere"):  # noqa: F821
            pass

        group = CommandGroup("planet", "Planets.")
        return [group, Command("planet visit", "Visit one.", visit), Command("planet broken", "Fail.", broken)]

    @hookimpl
    def ollm_value_completers(self, ctx):
        def complete(context):
            names = [("mars", "red"), ("venus", "hot"), ("the moon", "near"), ("jovian.europa", "wet")]
            return [pair for pair in names if pair[0].startswith(context.typed)]

        def round_about(context):
            return [("the sun's", ""), Completes("planet"), Completes("orbit"), Completes("folder")]

        def fail(context):
            return 1 / 0

        return [ValueCompleter("planet", complete), ValueCompleter("orbit", round_about), ValueCompleter("bad", fail)]


@pytest.fixture
def proposed(ollm_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "my notes.md").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.py").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    ollm = ollm_app(Repl, Planets)
    proposals = Slash(ollm.app, None).proposals()
    assert isinstance(proposals, Proposals)
    return lambda line: [each.text for each in proposals.of(line)[1]]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/pl", ["planet"]),
        ("/planet ", ["broken", "visit"]),
        ("/planet v", ["visit"]),
        ("/help planet v", ["visit"]),
        ("/planet visit ", ["mars", "venus", "'the moon'", "jovian.europa"]),
        ("/planet visit eu", ["jovian.europa"]),
        ("/planet visit v", ["venus"]),
        ("/planet visit 'the m", ["'the moon'"]),
        ("/planet visit mars --", ["--moon", "--fast", "--log", "--orbit", "--help"]),
        ("/planet visit --fast --moon m", ["mars"]),
        ("/planet visit -m v", ["venus"]),
        ("/planet visit mars ", []),
        ("/planet visit --log n", ["notes.md"]),
        ("/planet visit --orbit ma", ["mars"]),
        ("/planet visit --orbit s", ["sub/"]),
        ("/planet visit --log s", ["sub/"]),
        ("/planet broken x", []),
        ("/nosuch x", []),
        ("/help k", ["keys"]),
        ("/cd s", ["sub/"]),
        ("/qu", ["quit"]),
        ("//pl", []),
        ("hello", []),
        ("look at @n", ["@notes.md"]),
        ("look at @sub/", ["@sub/deep.py"]),
        ("@.h", ["@.hidden"]),
        ("mail me@n", []),
        ("!cat no", ["notes.md"]),
        ("!!no", ["notes.md"]),
        ("!cat m", ["'my notes.md'"]),
    ],
)
def test_what_is_proposed(proposed, line, found):
    assert [each for each in proposed(line) if each != "--help"] == [each for each in found if each != "--help"]


def test_commands_of_the_repl_are_proposed_with_what_they_do(ollm_app):
    ollm = ollm_app(Repl)
    _, found = Slash(ollm.app, None).proposals().of("/un")
    assert [(each.text, each.about) for each in found] == [("undo", "Take back the last prompt and its answer.")]


@given(some.text(alphabet="ab \"'\\/@", max_size=20))
def test_any_line_can_be_taken_apart(text):
    now = typed(text)
    assert text.endswith(now.raw)
    assert all(word is not None for word in now.before)


@given(some.text(alphabet="ab \"'\\/@", max_size=20))
def test_words_are_those_of_a_shell_but_for_apostrophes(text):
    text = re.sub("(?<=[ab])'(?=[ab])", "", text)
    try:
        wanted = shlex.split(text)
    except ValueError:
        with pytest.raises(UsageError):
            split(text)
    else:
        assert split(text) == wanted


def test_an_apostrophe_is_no_quote():
    assert split("system You're 'a pirate', don't you know") == [
        "system",
        "You're",
        "a pirate,",
        "don't",
        "you",
        "know",
    ]
    assert split("""memory add k "it's" 'so'""") == ["memory", "add", "k", "it's", "so"]
    assert typed("/memory add don't fo").before == ("/memory", "add", "don't")


def test_a_folder_of_many_files_costs_little(tmp_path):
    for number in range(300):
        (tmp_path / f"f{number:03}").touch()
    assert len(paths("f", tmp_path, 200)) == 200
    assert paths("nosuch/", tmp_path, 200) == []
    assert paths("\0", tmp_path, 200) == []


def keys_of(*pieces):
    """The keys that a terminal's bytes are taken for, piece by piece; None stands for a while in which nothing comes."""
    pressed = []
    parser = KnownKeys(lambda key: pressed.append(key.data if key.key is Keys.BracketedPaste else str(key.key)))
    for piece in pieces:
        parser.flush() if piece is None else parser.feed(piece)
    parser.flush()
    return pressed


@pytest.mark.parametrize(
    ("pieces", "pressed"),
    [
        (("a\x1b[99", ";99~b"), ["a", "b"]),
        (("a\x1b[99;", None, "b"), ["a", "b"]),
        (("\x1b[1;5", "D"), ["Keys.ControlLeft"]),
        (("\x1b", "[D"), ["Keys.Left"]),
        (("\x1b[20", "0~a\x1b[99~", "b\x1b[20", None, "1~c"), ["a\x1b[99~b", "c"]),
        (("\x1b[200~a\x1b[20", None, "1~\x1b[99~c"), ["a", "c"]),
        (("\x1b[200~a\x1b[201~\x1b[99", "~c"), ["a", "c"]),
    ],
)
def test_sequences_may_come_in_pieces(pieces, pressed):
    assert keys_of(*pieces) == pressed


@given(some.lists(some.text(alphabet="a\x1b[0129;~DO\r", max_size=8), max_size=6))
def test_no_sequence_in_pieces_breaks_a_paste(pieces):
    text = "".join(pieces).replace("\x1b[201~", "")
    whole = f"\x1b[200~{text}\x1b[201~b"
    cuts = [whole[at : at + 3] for at in range(0, len(whole), 3)]
    assert keys_of(*cuts) == [text, "b"]


# Files in a prompt


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.py").write_text("print('a')\n")
    (tmp_path / "b c.txt").write_text("b\r\nc")
    (tmp_path / "fence.md").write_text("````\ncode\n````\n")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_text_file_goes_with_the_prompt(folder):
    found = included("Explain @a.py, please", folder)
    assert found.prompt == "Explain @a.py, please\n\na.py:\n```py\nprint('a')\n```"
    assert found.told == ("with a.py (1 line)",)


def test_names_with_spaces_and_fences_in_texts(folder):
    assert included('see @"b c.txt"', folder).prompt.endswith("b c.txt:\n```txt\nb\nc\n```")
    assert included("see @b\\ c.txt now", folder).told == ("with b c.txt (2 lines)",)
    assert included("see @fence.md", folder).prompt.endswith("`````md\n````\ncode\n````\n`````")


def test_an_image_goes_as_an_image(folder):
    found = included("What is on @image.png?", folder)
    assert (found.prompt, len(found.images)) == ("What is on @image.png?", 1)
    assert "PNG" in found.told[0]


def test_a_file_is_included_once(folder):
    assert included("@a.py and @./a.py", folder).prompt.count("print") == 1


@pytest.mark.parametrize("line", ["me@a.py", "\\@a.py", "@someone said", "5 @ 3", "@", "no files"])
def test_what_is_no_file_is_left_alone(folder, line):
    found = included(line, folder)
    assert (found.prompt, found.told) == (line.replace("\\@", "@"), ())


def test_what_looks_like_a_file_and_is_none_is_said(folder):
    assert included("@nosuch.py", folder).told == ("@nosuch.py is no file here, so it is sent as it stands",)


@pytest.mark.parametrize(("name", "said"), [("binary", "is no text"), ("sub", "is a folder")])
def test_what_cannot_be_included_is_refused(folder, name, said):
    with pytest.raises(UsageError, match=said):
        included(f"@{name}", folder)


def test_a_folder_is_named_as_its_files_would_be(folder):
    with pytest.raises(UsageError, match=r"Name a file in it: @sub/…"):
        included("@sub/", folder)


def test_a_huge_file_is_refused_before_it_is_read(folder):
    with (folder / "huge.log").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(UsageError, match="can be included"):
        included("@huge.log", folder)


# Text of many lines


@pytest.mark.parametrize(
    ("text", "more"),
    [("a", False), ("a\\", True), ("a\\\\", False), ('"""a', True), ('"""a\nb"""', False), ("", False)],
)
def test_when_a_text_goes_on(text, more):
    assert goes_on(text) is more


def test_how_it_goes_on():
    assert continued("a\\") == "a\n"
    assert continued('"""a\\') == '"""a\\\n'
    assert without_quotes('"""\na\nb\n"""') == "a\nb"
    assert without_quotes('say """x""" and """y"""') == 'say """x""" and """y"""'


# Earlier lines


def history(file, folder="/here"):
    told = []
    made = FolderHistory(file, lambda: folder, told.append)
    made.told = told
    return made


def test_lines_of_this_folder_come_first(tmp_path):
    file = tmp_path / "history" / "lines.jsonl"
    for folder, line in (("/here", "one"), ("/there", "two"), ("/here", "three"), ("/there", "one"), ("/here", "a\nb")):
        history(file, folder).store_string(line)
    assert list(history(file).load_history_strings()) == ["a\nb", "three", "one", "two"]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_line_that_begins_with_a_space_is_not_kept(tmp_path):
    file = tmp_path / "lines.jsonl"
    history(file).store_string(" secret")
    assert not file.exists()


def test_a_damaged_line_spoils_nothing(tmp_path):
    file = tmp_path / "lines.jsonl"
    history(file).store_string("good")
    with file.open("ab") as stream:
        stream.write(b'\xff\n{"no": 1}\n[1, 2, 3]\n[1, "/here", "cut')
    history(file).store_string("after")
    assert set(history(file).load_history_strings()) >= {"good"}


def test_a_line_that_cannot_be_kept_is_said(tmp_path):
    (tmp_path / "history").write_text("a file where a folder should be")
    made = history(tmp_path / "history" / "lines.jsonl")
    made.store_string("x")
    assert len(made.told) == 1
    made.store_string("y")
    assert len(made.told) == 1


def test_many_programs_write_at_once(tmp_path):
    file = tmp_path / "lines.jsonl"
    threads = [
        threading.Thread(target=lambda number=number: [history(file).store_string(f"{number}-{i}") for i in range(20)])
        for number in range(5)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(list(history(file).load_history_strings())) == 100


def test_the_file_stays_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("ollm_plugins.repl.history.MOST", 10)
    monkeypatch.setattr("ollm_plugins.repl.history.SPARE", 5)
    file = tmp_path / "lines.jsonl"
    file.write_text("".join(json.dumps([1, "/here", f"line {number}"]) + "\n" for number in range(50)))
    history(file).store_string("new")
    assert len(file.read_text().splitlines()) == 11


# Commands of the shell


def test_what_a_command_wrote_is_text():
    assert as_text(b"\x1b[31mred\x1b[0m\r\n10%\r20%\rdone\r\nab\bc\x07") == "red\ndone\nac"
    assert as_text(b"\x1b]52;c;aGk=\x07hi") == "hi"


def test_what_is_kept_is_bounded():
    kept = Kept()
    for _ in range(200):
        kept.add(b"x" * 1000)
    kept.add(b"end")
    assert len(kept.data) < 70_000
    assert kept.data.endswith(b"end")
    assert b"bytes" in kept.data


def test_the_model_is_told_what_ran():
    prompt = Ran("make", 2, "```\nbad\n```").prompt
    assert prompt.startswith("I ran `make`; it ended with exit code 2.")
    assert Ran("true", 0, "").prompt == "I ran `true`; it ended with exit code 0 and wrote nothing."
    assert "````\n```\nbad\n```\n````" in prompt


def test_a_command_runs_on_the_terminal_and_what_it_wrote_is_kept(tmp_path):
    """In a process with a real terminal, as the REPL has one."""
    code = textwrap.dedent(
        """
        import json, os, sys
        from pathlib import Path
        from ollm_plugins.repl.bang import run
        ran = run(sys.argv[1], Path(sys.argv[2]), {"SHELL": "/bin/sh"})
        Path(sys.argv[3]).write_text(json.dumps([ran.code, ran.output, os.getcwd()]))
        """
    )
    ours, theirs = pty.openpty()
    result, command = tmp_path / "result", "pwd; test -t 1 && echo tty; exit 3"
    folder = tmp_path / "my folder"
    folder.mkdir()
    words = [sys.executable, "-c", code, command, str(folder), str(result)]
    done = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 1024)
        except OSError:
            break
        if not data:
            break
        shown += data
    assert done.wait(20) == 0
    os.close(ours)
    assert json.loads(result.read_text()) == [3, f"{folder}\ntty", os.getcwd()]
    assert b"tty" in shown


def test_without_a_terminal_it_runs_all_the_same(tmp_path, capsys, monkeypatch):
    from ollm_plugins.repl.bang import run

    monkeypatch.setattr(sys, "stdin", open(os.devnull))
    ran = run("echo hi; false", tmp_path, {})
    assert (ran.code, ran.output, capsys.readouterr().out) == (1, "hi", "hi\n")
    with pytest.raises(UsageError):
        run("  ", tmp_path, {})


# Commands about the conversation


class Talk:
    def __init__(self, ollm):
        self.ollm, self.conversation = ollm, ollm.app.conversation()
        self.context = CommandContext(ollm.app, "repl", self.conversation)
        self.slash = Slash(ollm.app, self.conversation)

    def say(self, text):
        async def hold():
            return [event async for event in self.conversation.ask(text)]

        return self.ollm.app.run(hold())

    def obey(self, *words):
        return self.slash.run(words)


def test_undo_and_retry(ollm_app):
    talk = Talk(ollm_app(Repl, replies=["one", "two"]))
    talk.say("first")
    talk.say("second")
    talk.obey("undo")
    assert "Taken back: second" in talk.ollm.stdout.getvalue()
    (wanted,) = talk.obey("retry", "with", "scripted/other:1b")
    assert (wanted.prompt, wanted.overrides.provider, wanted.overrides.model) == ("first", "scripted", "other:1b")
    assert talk.conversation.messages == []
    for words in (("retry",), ("undo",), ("retry", "with"), ("retry", "a", "b")):
        with pytest.raises(OllmError):
            talk.obey(*words)


def test_system_holds_for_the_session(ollm_app):
    talk = Talk(ollm_app(Repl))
    talk.obey("system", "Be", "brief.")
    talk.say("hi")
    assert talk.ollm.provider.requests[-1].messages[0].content == "Be brief."
    talk.obey("system")
    assert "Be brief." in talk.ollm.stdout.getvalue()
    talk.obey("system", "--clear")
    talk.say("hi")
    assert talk.ollm.provider.requests[-1].messages[0].role == "user"


def test_the_editor_writes_a_prompt(ollm_app, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s and more\\n" "$(cat "$1")" > "$1"\n')
    editor.chmod(0o755)
    talk = Talk(ollm_app(Repl, environ={"EDITOR": str(editor)}))
    (wanted,) = talk.obey("edit", "Dear", "model")
    assert wanted.prompt == "Dear model and more"
    editor.write_text('#!/bin/sh\n: > "$1"\n')
    assert talk.obey("edit") == []
    editor.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(OllmError, match="ended with 1"):
        talk.obey("edit")
    with pytest.raises(UsageError, match="No editor is set"):
        Talk(ollm_app(Repl, environ={"PATH": str(tmp_path / "nothing")})).obey("edit")
    editor.rename(tmp_path / "nano").write_text('#!/bin/sh\necho found > "$1"\n')
    (wanted,) = Talk(ollm_app(Repl, environ={"PATH": str(tmp_path)})).obey("edit")
    assert wanted.prompt == "found"


@pytest.mark.parametrize(
    ("data", "stops"),
    [
        (b"", False),
        (b"a\r\n", False),
        (b"a\r\nb", True),
        (b"50%\r", False),
        (b"a\r\n\x1b[0m\x1b]0;title\x07", False),
        (b"^C", True),
        (b"\x1b[?1049h~ a screen\x1b[24;1H\x1b[?1049l\x1b[?1h", False),
        (b"\x1b[?1049h~ a screen\x1b[?1049lbye", True),
    ],
)
def test_where_the_cursor_is_after_a_command(data, stops):
    assert stops_in_a_row(data) == stops


# What the rooms know


@pytest.fixture
def everything(ollm_app, remembering):
    from ollm_plugins.config.plugin import Plugin as Config
    from ollm_plugins.memory.plugin import Plugin as Memory
    from ollm_plugins.models.plugin import Plugin as Models
    from ollm_plugins.ollama.plugin import Plugin as Ollama
    from ollm_plugins.options.plugin import Plugin as Options
    from ollm_plugins.project.plugin import Plugin as Project
    from ollm_plugins.providers.plugin import Plugin as Providers
    from ollm_plugins.routing.plugin import Plugin as Routing

    server = remembering()
    rooms = (Config, Memory, Models, Ollama, Options, Project, Providers, Routing, Repl)
    return ollm_app(*rooms, settings=f"providers: {{ollama: {{host: '{server.url}'}}}}")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/model info smollm2:1", ["smollm2:135m"]),
        ("/retry smollm2:1", ["smollm2:135m"]),
        ("/model delete gemma3:270m smollm2:1", ["smollm2:135m"]),
        ("/memory forget ed", ["editor"]),
        ("/config get model.def", ["model.default"]),
        ("/set options.temp", ["options.temperature"]),
        ("/provider use ol", ["ollama"]),
        ("/route use cre", ["creative"]),
        ("/project use rus", ["rust"]),
    ],
)
def test_what_the_rooms_know_is_proposed(everything, line, found):
    everything.run_command("model list")
    everything.run_command("memory add editor vim")
    assert [each.text for each in Slash(everything.app, None).proposals().of(line)[1]] == found
