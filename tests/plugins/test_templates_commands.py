"""Do the commands and options do what they say, in the shell, in scripts and on the page?"""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from ollm_plugins.templates.commands import show
from ollm_plugins.templates.plugin import _COMMANDS, Plugin
from ollm_plugins.templates.using import use

from ollm.api import CommandContext, Specs, Template, TemplateVariable, dispatch, hookimpl, root_group, tree
from tests.replay import ReplayServer

PAGE = (Path(__file__).parents[2] / "docs" / "rooms" / "templates.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
FILE = """\
description: Translate
template: |
  Into {language:English}: {text}
variables:
  - {name: text, required: true, description: What to translate}
  - {name: language}
system: You know {language}.
options: {temperature: 0.25}
schema: {type: object}
"""


@pytest.fixture
def server():
    with ReplayServer({"/api/chat": ["chat_stream"] * 9}) as running:
        yield running


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home" / "templates").mkdir(parents=True)
    (tmp_path / "home" / "templates" / "tr.yaml").write_text(FILE)
    return tmp_path / "home"


@pytest.fixture
def ollm(tmp_path, home):
    """Run the real program, without a terminal."""

    def run(*words, stdin=None, server=None, env=None):
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("OLLM_", "OLLAMA_"))}
        environ |= {"OLLM_HOME": str(home), "HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:9", **(env or {})}
        environ.pop("VISUAL", None)
        if env is None or "EDITOR" not in env:
            environ.pop("EDITOR", None)
        if server is not None:
            environ |= {"OLLM_HOST": server.url, "OLLM_MODEL": "smollm2:135m"}
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        command = [str(Path(sys.executable).with_name("ollm")), *words]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False, **given)

    return run


def sent(server):
    return server.asked("/api/chat")[-1].json


def messages(server):
    return [(each["role"], each["content"]) for each in sent(server)["messages"]]


@pytest.mark.parametrize(
    ("words", "stdin", "made"),
    [
        (["text=a=b {text}"], None, "Into English: a=b {text}\n"),
        (["text=x", "language=fr"], None, "Into fr: x\n"),
        (["text=@@x"], None, "Into English: @x\n"),
        (["text=-"], "größe\r\n\x1b[2J\n".encode(), "Into English: größe\n\x1b[2J\n\n"),
        (["text=@file.txt"], None, "Into English: from a file\n\n"),
        (["text="], None, "Into English: \n"),
    ],
)
def test_a_dry_run_prints_the_prompt_and_nothing_else(ollm, tmp_path, words, stdin, made):
    (tmp_path / "file.txt").write_text("from a file\n")
    done = ollm("template", "use", "tr", *words, "--dry-run", stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, made.encode(), b"")


def test_a_prompt_without_a_line_end_gets_one(ollm, home):
    (home / "templates" / "t.yaml").write_text('template: "{a:x}"')
    assert ollm("template", "use", "t", "--dry-run").stdout == b"x\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs text. Give it as text=TEXT, text=@FILE or text=-"),
        (["language=x"], "needs text."),
        (["text"], "'text' gives no variable a value"),
        (["=x"], "gives no variable a value"),
        (["txt=x"], "no variable 'txt'; did you mean text? It has text, language."),
        (["text=x", "text=y"], "'text' is given twice"),
        (["text=@nosuch"], "nosuch, which is to fill 'text', is no file"),
        (["text=@."], "is no file"),
        (["text=-", "language=-"], "can fill one variable only"),
        (["text=-"], "Nothing is piped in that could fill a variable"),
        (["text=@" + "x" * 5000], "is no file"),
    ],
)
def test_wrong_usage_ends_with_2(ollm, words, said):
    done = ollm("template", "use", "tr", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode().replace("cannot be read: File name too long", "is no file")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="a file that is a pipe")
def test_a_pipe_that_is_named_fills_a_variable(ollm, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["/bin/sh", "-c", "echo from a pipe >pipe"], cwd=tmp_path)
    done = ollm("template", "use", "tr", "text=@pipe", "--dry-run")
    assert (writer.wait(timeout=60), done.stdout) == (0, b"Into English: from a pipe\n\n"), done
    done = ollm("template", "use", "tr", "text=@/dev/stdin", "--dry-run", stdin=b"x" * ((16 << 20) + 1))
    assert (done.returncode, b"is larger than 16 MiB" in done.stderr) == (2, True), done


def test_bytes_that_are_no_text_are_refused(ollm, tmp_path):
    (tmp_path / "bin").write_bytes(b"\xff\xfe")
    for word, stdin in (("text=@bin", None), ("text=-", b"\xff"), (b"text=\xff", None)):
        done = ollm("template", "use", "tr", word, "--dry-run", stdin=stdin)
        assert (done.returncode, done.stdout) == (2, b""), word
        assert b"text" in done.stderr


def test_use_has_it_answered_with_what_it_asks_for(ollm, server):
    done = ollm("template", "use", "tr", "text=hi", server=server)
    assert done.returncode == 0, done.stderr
    assert messages(server) == [("system", "You know English."), ("user", "Into English: hi\n")]
    assert sent(server)["format"] == {"type": "object"}
    assert sent(server)["options"]["temperature"] == 0.25


def test_flags_are_stronger(ollm, server):
    done = ollm("--temperature", "1", "-s", "Mine", "template", "use", "tr", "text=hi", server=server)
    assert messages(server)[0] == ("system", "Mine")
    assert sent(server)["options"]["temperature"] == 1.0
    assert (
        "The template 'tr' does not set system, temperature, since you have said it with -s and --temperature."
        in done.stderr.decode()
    )


@pytest.mark.parametrize(
    ("words", "stdin", "made"),
    [
        (["-p", "hi"], None, "Into English: hi\n"),
        ([], b"piped", "Into English: piped\n"),
        (["-p", "hi"], b"piped", "Into English: hi\n\npiped\n"),
        (["--var", "text=x", "-p", "more"], None, "Into English: x\n\nmore"),
        (["--var", "language=fr", "--var", "text=x"], None, "Into fr: x\n"),
        (["--var", "text=-"], b"piped", "Into English: piped\n"),
        (["--var", "language=-", "--var", "text=y"], b"fr", "Into fr: y\n"),
        (["--var", "text=@file.txt"], None, "Into English: from a file\n"),
    ],
)
def test_the_option_for_scripts(ollm, server, tmp_path, words, stdin, made):
    (tmp_path / "file.txt").write_text("from a file")
    done = ollm("-t", "tr", *words, stdin=stdin, server=server)
    assert done.returncode == 0, done.stderr
    assert messages(server)[-1] == ("user", made)


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (["template", "use", "tr", "text=\n Good  day \nto you", "language=fr"], "tr: Good day, fr"),
        (["-t", "tr", "--var", "text=x", "-p", "more\nof it"], "tr: x, more"),
        (["-t", "tr", "-p", "long " * 99], f"tr: {'long ' * 10}long…"),
        (["-t", "plain"], "Write a haiku"),
    ],
)
def test_what_fills_a_template_names_the_session(ollm, server, home, words, title):
    (home / "templates" / "plain.yaml").write_text("template: |\n  Write a haiku\n  at once\n")
    done = ollm(*words, server=server)
    assert done.returncode == 0, done.stderr
    (session,) = json.loads(ollm("session", "list", "--json").stdout)
    assert session["title"] == title


def test_the_only_variable_that_lacks_a_value_takes_the_prompt(ollm, server, home):
    (home / "templates" / "a.yaml").write_text("template: '{one} {two}'")
    ollm("-t", "a", "--var", "one=1", "-p", "2", server=server)
    assert messages(server)[-1][1] == "1 2"
    done = ollm("-t", "a", "-p", "2", server=server)
    assert (done.returncode, b"needs one, two" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-t", "nosuch", "-p", "x"], "There is no template 'nosuch'"),
        (["-t", "../tr", "-p", "x"], "is no name of a template"),
        (["-t", "tr"], "needs text. Give it as --var text=TEXT, text=@FILE or text=- for what is piped in."),
        (["--var", "text=x", "-p", "y"], "no template is named. Add -t NAME."),
        (["-t", "tr", "--var", "text=-"], "Nothing is piped in"),
        (["-t", "tr", "template", "list"], "exclude each other"),
    ],
)
def test_what_scripts_do_wrong_ends_with_2(ollm, words, said):
    done = ollm(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode()


def test_an_empty_prompt_is_refused(ollm, home):
    (home / "templates" / "a.yaml").write_text("template: '{input}'")
    for words in (["-t", "a", "--var", "input= "], ["template", "use", "a", "input="]):
        assert b"makes an empty prompt" in ollm(*words).stderr


def test_list_and_show(ollm, home):
    (home / "templates" / "bad.yaml").write_text("template: [\x1b")
    listed = {each["name"]: each for each in json.loads(ollm("template", "list", "--json").stdout)}
    assert listed["tr"]["variables"][0] == {
        "name": "text",
        "required": True,
        "default": None,
        "description": "What to translate",
    }
    assert listed["bad"]["problem"].startswith(str(home / "templates" / "bad.yaml"))
    assert "review" in listed
    lines = ollm("template", "list").stdout.decode().splitlines()
    assert "tr\tyours\tTranslate\ttext [language]" in lines
    assert len([line for line in lines if line.startswith("bad\t")]) == 1
    shown = ollm("template", "show", "tr").stdout.decode()
    assert "  text (required): What to translate\n  language (default: English)\n" in shown
    assert "  | Into {language:English}: {text}\n" in shown
    document = json.loads(ollm("template", "show", "tr", "--json").stdout)
    assert (document["template"], document["profile"]) == ("Into {language:English}: {text}\n", None)
    assert document["options"] == {"temperature": 0.25}


def test_check_ends_with_1_when_anything_is_wrong(ollm, home, tmp_path):
    assert (ollm("template", "check").returncode, ollm("template", "check", "tr").returncode) == (0, 0)
    (tmp_path / "loose.yaml").write_text("variables: [a]\ntemplate: '{b}'")
    done = ollm("template", "check", "loose.yaml")
    assert done.stdout.decode() == (
        "loose.yaml:2: {b} is not declared, so it stays as it is\n"
        "loose.yaml:1: the variable a is declared, but not used\n"
    )
    assert done.returncode == 1
    (home / "templates" / "bad.yaml").write_text("template: [")
    assert ollm("template", "check").returncode == 1
    assert ollm("template", "check", "bad").returncode == 1
    assert json.loads(ollm("template", "check", "--json").stdout)["problems"][0].startswith(str(home))
    assert ollm("template", "check", "nosuch").returncode == 2


def editor(tmp_path, code):
    """Make an editor of a few lines of Python that change `text`."""
    path = tmp_path / "editor"
    lines = ("import sys", "from pathlib import Path", "file = Path(sys.argv[-1])", "text = file.read_text()", code)
    path.write_text(f"#!{sys.executable}\n" + "\n".join(lines) + "\nfile.write_text(text)\n")
    path.chmod(0o755)
    return {"EDITOR": f"'{path}' --wait"}


def test_create_edit_delete(ollm, home, tmp_path):
    file = home / "templates" / "new.yaml"
    done = ollm("template", "create", "new", env=editor(tmp_path, "assert '{text}' in text; text += '# mine\\n'"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert file.read_text().endswith("# mine\n")
    assert ollm("template", "check", "new").returncode == 0
    assert b"Explain this to a beginner:\n\nX\n" == ollm("template", "use", "new", "text=X", "--dry-run").stdout
    assert b"already" in ollm("template", "create", "new", env=editor(tmp_path, "")).stderr
    done = ollm("template", "edit", "new", env=editor(tmp_path, "text = 'template: \"{a}\"\\nvariables: []\\n'"))
    assert b"new.yaml:1: {a} is not declared" in done.stderr
    assert b"Nothing was changed" in ollm("template", "edit", "new", env=editor(tmp_path, "pass")).stdout
    assert (ollm("template", "delete", "new").returncode, file.exists()) == (2, True)
    assert (ollm("template", "delete", "new", "--yes").returncode, file.exists()) == (0, False)
    file.write_text("template: x")
    assert json.loads(ollm("template", "delete", "new", "--yes", "--json").stdout) == {"deleted": ["new"]}
    assert ollm("template", "delete", "new", "--yes").returncode == 2
    assert b"not yours to delete" in ollm("template", "delete", "review", "--yes").stderr


def test_what_cannot_be_used_is_kept_beside_its_place(ollm, home, tmp_path):
    before = (home / "templates" / "tr.yaml").read_text()
    done = ollm("template", "edit", "tr", env=editor(tmp_path, "text = 'tempalte: x'"))
    assert done.returncode == 2
    assert b"tr.yaml:1: there is no 'tempalte'" in done.stderr
    assert (home / "templates" / "tr.yaml").read_text() == before
    assert (home / "templates" / "tr.yaml.draft").read_text() == "tempalte: x"
    done = ollm("template", "edit", "tr", env=editor(tmp_path, "text = text.replace('tempalte', 'template')"))
    assert (done.returncode, (home / "templates" / "tr.yaml").read_text()) == (0, "template: x")
    assert not (home / "templates" / "tr.yaml.draft").exists()


def test_a_file_that_somebody_else_changes_meanwhile_is_left_alone(ollm, home, tmp_path):
    file = home / "templates" / "tr.yaml"
    code = f"Path({str(file)!r}).write_text('template: theirs'); text = 'template: mine'"
    done = ollm("template", "edit", "tr", env=editor(tmp_path, code))
    assert (done.returncode, file.read_text()) == (1, "template: theirs")
    assert (home / "templates" / "tr.yaml.draft").read_text() == "template: mine"


def test_two_editors_lose_neither_text(ollm, home, tmp_path):
    draft = home / "templates" / "tr.yaml.draft"
    code = f"Path({str(draft)!r}).write_text('first: draft'); text = 'second: draft'"
    said = ollm("template", "edit", "tr", env=editor(tmp_path, code)).stderr.decode()
    assert draft.read_text() == "first: draft"
    kept = re.search(r"Your text is kept as (\S+)\.\n", said)
    assert kept, said
    assert Path(kept[1]).read_text() == "second: draft"


def script(tmp_path, line):
    """Make an editor of one line of a shell."""
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path)}


@pytest.mark.parametrize(
    ("line", "said", "written"),
    [
        ('echo mine >"$1"; exit 3', "ended with 3. What you wrote is kept as ", b"mine\n"),
        ('echo mine >"$1"; kill -9 $$', "was ended by signal 9. What you wrote is kept as ", b"mine\n"),
        ("printf '\\377' >\"$1\"", "/tr.yaml: is not UTF-8 text (byte 0). What you wrote is kept as ", b"\xff"),
        ('head -c 300000 /dev/zero >"$1"', "/tr.yaml: is larger than 256 KiB. What you wrote", b"\0" * 300_000),
        ("exit 3", "ended with 3. Nothing has changed.", None),
        ('rm "$1"', "left no file. Nothing has changed.", None),
    ],
)
def test_what_an_editor_that_fails_has_written_is_not_lost(ollm, home, tmp_path, line, said, written):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = ollm("template", "edit", "tr", env={**script(tmp_path, line), "TMPDIR": str(temporary)})
    text = done.stderr.decode()
    assert (done.returncode, said in text) == (2, True), text
    assert (home / "templates" / "tr.yaml").read_text() == FILE
    kept = [each.read_bytes() for each in temporary.rglob("*.yaml")]
    assert kept == ([] if written is None else [written])
    if written is not None:
        assert Path(text.rpartition("kept as ")[2].strip().removesuffix(".")).read_bytes() == written


def test_who_empties_a_text_gives_up_even_a_draft(ollm, home, tmp_path):
    draft = home / "templates" / "new.yaml.draft"
    assert b"Nothing was changed" in ollm("template", "create", "new", env=editor(tmp_path, "text = ' '")).stdout
    assert not draft.exists()
    ollm("template", "create", "new", env=editor(tmp_path, "text = 'tempalte: x'"))
    done = ollm("template", "create", "new", env=editor(tmp_path, "text = ''"))
    assert f"You go on with what is kept as {draft}".encode() in done.stderr
    assert (done.stdout, draft.exists()) == (b"Nothing was changed\n", False)
    assert b"Explain this" in ollm("template", "create", "new", env=editor(tmp_path, "print(text)")).stdout


def test_a_draft_of_another_editor_stays(ollm, home, tmp_path):
    draft = home / "templates" / "tr.yaml.draft"
    for then in ("pass", "text = 'template: mine'"):
        ollm("template", "edit", "tr", env=editor(tmp_path, f"Path({str(draft)!r}).write_text('theirs: x'); {then}"))
        assert draft.read_text() == "theirs: x"
        draft.unlink()
    assert (home / "templates" / "tr.yaml").read_text() == "template: mine"
    draft.write_text("x")
    assert b"is deleted, and the draft of it" in ollm("template", "delete", "tr", "--yes").stdout
    assert list((home / "templates").iterdir()) == []


@pytest.mark.parametrize("then", ["text += '# more\\n'", "text = 'tempalte: x'", "pass"])
def test_a_draft_that_is_no_text_is_left_alone(ollm, home, tmp_path, then):
    draft = home / "templates" / "tr.yaml.draft"
    draft.write_bytes(b"\xff")
    done = ollm("template", "edit", "tr", env=editor(tmp_path, then))
    assert f"{draft}: is not UTF-8 text (byte 0), so you do not go on with that draft".encode() in done.stderr
    assert draft.read_bytes() == b"\xff"
    if "more" in then:
        assert (home / "templates" / "tr.yaml").read_text() == f"{FILE}# more\n"
    elif "tempalte" in then:
        kept = re.search(r"Your text is kept as (\S+)\.\n", done.stderr.decode())
        assert kept, done
        assert Path(kept[1]).read_text() == "tempalte: x"
    else:
        assert done.stdout == b"Nothing was changed\n"


def test_what_leads_out_of_the_folder_is_not_edited(ollm, home, tmp_path):
    (tmp_path / "outside.yaml").write_text("template: outside")
    (home / "templates" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    done = ollm("template", "edit", "link", env=editor(tmp_path, "text = 'template: changed'"))
    assert (done.returncode, b"is a link that leads out of its folder" in done.stderr) == (2, True), done
    assert (tmp_path / "outside.yaml").read_text() == "template: outside"


def test_a_text_is_kept_when_its_file_is_no_text_any_more(ollm, home, tmp_path):
    code = f"Path({str(home / 'templates' / 'tr.yaml')!r}).write_bytes(bytes([255])); text = 'template: mine'"
    done = ollm("template", "edit", "tr", env=editor(tmp_path, code))
    assert (done.returncode, b"was changed by somebody else meanwhile" in done.stderr) == (1, True), done
    assert (home / "templates" / "tr.yaml.draft").read_text() == "template: mine"


def test_a_line_of_the_list_stays_short(ollm, home):
    variables = " ".join(f"{{v{number}}}" for number in range(5000))
    (home / "templates" / "many.yaml").write_text(f'template: "{variables}"')
    line = next(line for line in ollm("template", "list").stdout.decode().splitlines() if line.startswith("many"))
    assert line.endswith("v18 v19 …")


@pytest.mark.skipif(os.name == "nt", reason="a folder that takes no files")
def test_a_text_survives_that_cannot_be_written(ollm, home, tmp_path):
    code = f"import shutil; shutil.rmtree({str(home / 'templates')!r}); "
    code += f"Path({str(home / 'templates')!r}).write_text('no folder'); text = 'template: mine'"
    done = ollm("template", "create", "new", env=editor(tmp_path, code))
    assert done.returncode == 1
    kept = re.search(r"Your text is kept as (\S+)\.\n", done.stderr.decode())
    assert kept, done
    assert Path(kept[1]).read_text() == "template: mine"


def test_what_is_wrong_with_a_file_is_one_line_of_bounded_length(ollm, home):
    (home / "templates" / "long.yaml").write_text(f"? {'k' * 100_000}\n: 1\ntemplate: x\n")
    (home / "templates" / "lines.yaml").write_text('template: x\ndescription: "one\\ntwo"\n')
    lines = ollm("template", "list").stdout.decode().splitlines()
    assert [len(line) < 600 for line in lines if line.startswith("long\t")] == [True]
    assert "lines\tyours\tone two\t" in lines


def test_a_template_that_is_not_yours_is_copied(ollm, home, tmp_path):
    done = ollm("template", "edit", "review", env=editor(tmp_path, "text = text.replace('{most}', '{most} or 3')"))
    assert b"is ollm's; you change a copy of your own" in done.stderr
    listed = {each["name"]: each for each in json.loads(ollm("template", "list", "--json").stdout)}
    assert (listed["review"]["origin"], listed["review"]["hides"]) == ("user", [{"origin": "ollm", "plugin": None}])
    assert b"at most 7 or 3 findings" in ollm("template", "use", "review", "code=x", "--dry-run").stdout
    assert stat.S_IMODE((home / "templates" / "review.yaml").stat().st_mode) == 0o600


def test_a_copy_goes_on_with_the_draft_and_is_not_written_if_untouched(ollm, home, tmp_path):
    file = home / "templates" / "review.yaml"
    draft = home / "templates" / "review.yaml.draft"
    assert b"Nothing was changed" in ollm("template", "edit", "review", env=editor(tmp_path, "pass")).stdout
    assert not file.exists()
    done = ollm("template", "edit", "review", env=editor(tmp_path, "text = 'tempalte: x'"))
    assert b"the next edit goes on with it" in done.stderr
    assert draft.read_text() == "tempalte: x"
    done = ollm("template", "edit", "review", env=editor(tmp_path, "text = text.replace('tempalte', 'template')"))
    assert (done.returncode, file.read_text(), draft.exists()) == (0, "template: x", False)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "No editor is set"),
        ({"EDITOR": "nosuch-editor"}, "nosuch-editor cannot be started"),
        ({"EDITOR": "false"}, "The editor false ended with 1. Nothing has changed."),
        ({"EDITOR": "'open"}, "EDITOR cannot be understood"),
    ],
)
def test_editors_that_fail(ollm, environ, said):
    done = ollm("template", "create", "new", env=environ)
    assert (done.returncode, said in done.stderr.decode()) == (2, True)


@pytest.mark.parametrize("command", ["create", "edit", "delete", "show", "use", "check"])
@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", "-", ".hidden", "a\nb", "", "x" * 200])
def test_no_name_leaves_its_folder(ollm_app, tmp_path, command, name):
    import shlex

    done = ollm_app(Plugin, environ={"EDITOR": "true"}).run_command(f"template {command} -- {shlex.quote(name)}")
    assert done.exit_code == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


class Asks(Specs):
    @hookimpl
    def ollm_templates(self, ctx):
        variables = (TemplateVariable("a", required=True),)
        return [Template("asks", "", "A {a}", variables, "S {a}", "m:1b", options={"seed": 1})]


def test_in_the_repl_it_becomes_the_next_turn(ollm_app):
    ollm = ollm_app(Plugin, Asks)
    context = CommandContext(ollm.app, "repl", None, [])
    group = root_group(tree(ollm.app.hub, "repl"), ollm.app.hub, context, None)
    assert dispatch(group, ["template", "use", "asks", "a=x"], "/") == 0
    (made,) = context.submissions
    assert (made.prompt, made.overrides.system, made.overrides.model, made.overrides.options.seed) == (
        "A x",
        "S x",
        "m:1b",
        1,
    )


def test_each_command_has_its_example_and_what_it_completes():
    assert {each[0] for each in _COMMANDS} == {"list", "show", "use", "create", "edit", "delete", "import", "check"}
    assert all(example.startswith(f"template {name}") for name, *_, examples in _COMMANDS for example in examples)
    assert "template-variable" in str(use.__annotations__["values"])
    assert "Completes('template')" in str(get_type_hints(show, include_extras=True)["name"]).replace("kind=", "")


def test_the_example_of_use_works(ollm, tmp_path):
    (tmp_path / "main.py").write_text("x = 1")
    ((example, *_),) = [examples for name, *_, examples in _COMMANDS if name == "use"]
    assert b"x = 1" in ollm(*example.split()).stdout


def test_each_line_of_the_page_works(ollm, server, home, tmp_path):
    """In the order in which they stand, by a real shell."""
    for name, text in [
        ("main.go", "package main"),
        ("parser.py", "x = 1"),
        ("standup.yaml", "template: x"),
        ("fabric/patterns/explain_docs/system.md", "Explain {{input}}"),
        ("llm-templates/roast.yaml", "prompt: Roast $input"),
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run("git init -q && git add main.go", shell=True, cwd=tmp_path, check=True)
    wanted = editor(tmp_path, "text += '# more\\n'")
    environ = {**os.environ, "OLLM_HOME": str(home), "HOME": str(tmp_path), **wanted}
    environ |= {"OLLM_HOST": server.url, "OLLM_MODEL": "smollm2:135m"}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    assert len(LINES) == 15
    for line in LINES:
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environ, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
    assert "+package main" in messages_of(server, 0) and "package main" in messages_of(server, 1)
    assert "pytest" in messages_of(server, 2)


def messages_of(server, number):
    return server.asked("/api/chat")[number].json["messages"][-1]["content"]


def test_the_file_of_the_page_is_one(ollm, home):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (home / "templates" / "review-go.yaml").write_text(text)
    assert ollm("template", "check", "review-go").stdout == b"Nothing is wrong\n"


def test_an_answer_of_a_template_loads_nothing_heavy(ollm, server, home, tmp_path):
    code = (
        "import sys; from ollm.cli import main; code = main(sys.argv[1:]);"
        "print('heavy:', [m for m in ('pydantic', 'ruamel', 'prompt_toolkit', 'rich', 'anyio') if m in sys.modules])"
    )
    environ = {**os.environ, "OLLM_HOME": str(home), "OLLM_HOST": server.url, "OLLM_MODEL": "smollm2:135m"}
    words = [sys.executable, "-c", code, "-t", "commit", "-p", "x"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.stdout.endswith("heavy: []\n"), done
