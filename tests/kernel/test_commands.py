import asyncio
from typing import Annotated

import pytest
import typer

from ollm.api import Command, CommandContext, CommandGroup, OllmError, Specs, UsageError, hookimpl
from ollm.command_tree import names, tree
from ollm.commands import root_group


def add(
    ctx: CommandContext, key: str, value: Annotated[str, typer.Argument(help="What to keep.")], times: int = 1
) -> None:
    """Keep a value.

    :raises OllmError: never
    """
    ctx.out.print(f"{ctx.surface}: {key}={value} x{times}")


def fail(ctx: CommandContext) -> None:
    raise ZeroDivisionError("oops")


def refuse() -> None:
    raise OllmError("It is full", "Empty it.")


def leave() -> None:
    raise typer.Exit(7)


def both(
    ctx: CommandContext,
    words: Annotated[list[str] | None, typer.Argument()] = None,
    *,
    loud: bool = False,
    often: Annotated[int, typer.Option(min=1, max=9)] = 1,
) -> None:
    """Say words."""
    ctx.out.print(" ".join(["both", *(words or ()), *(["loud"] if loud else ())]))


def inner(ctx: CommandContext) -> None:
    ctx.out.print("inner")


async def waits(ctx: CommandContext) -> None:
    await asyncio.sleep(0)
    ctx.out.print("waited")


def missing() -> None:
    open("/nosuch/\x1b[2Jfile")


class Plugin(Specs):
    @hookimpl
    def ollm_commands(self, ctx):
        return [
            CommandGroup("box", "A box of things."),
            CommandGroup("empty", "Announced, but nothing is in it."),
            Command("box add", "Keep a value.", add, aliases=("put",), examples=("box add k v",)),
            Command("box fail", "Fail.", fail),
            Command("box refuse", "Refuse.", refuse),
            Command("leave", "Leave.", leave),
            Command("broken", "Cannot be imported.", "nosuch.module:run"),
            Command("shy", "Only in the REPL.", leave, surfaces=("repl",)),
            Command("both", "A command and a group.", both),
            Command("both inner", "Its member.", inner),
            Command("waits", "Asynchronous.", waits),
            Command("counts", "Returns something.", lambda: 7),
            Command("missing", "Opens no file.", missing),
            Command("lenient", "Works with bad settings.", lambda: None, lenient=True),
        ]


def test_a_command_gets_its_context_and_typed_arguments(ollm_app):
    result = ollm_app(Plugin).run_command("box add k 'v w' --times 2")
    assert (result.exit_code, result.stdout) == (0, "shell: k=v w x2\n")


def test_an_alias_is_the_same_command(ollm_app):
    assert ollm_app(Plugin).run_command("put k v").stdout == "shell: k=v x1\n"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("box add k", 2, "ollm box add: missing argument 'VALUE'"),
        ("box add k v --times x", 2, "ollm box add: invalid value for '--times'"),
        ("box add k v --tmies 2", 2, "no such option: --tmies"),
        ("box ad", 2, "ollm: ollm box: no such command 'ad'; did you mean add? See `ollm box --help`.\n"),
        ("box", 2, ""),
        ("bxo add k v", 2, "ollm: no such command 'bxo'; did you mean box? See `ollm --help`.\n"),
        ("frobnicate", 2, "ollm: no such command 'frobnicate'. See `ollm --help`.\n"),
        ("'Why so?'", 2, """no such command 'Why so?'. To ask a model, write: ollm -p "…"\n"""),
        ("shy", 2, "ollm: 'shy' is a command of the REPL only. Start `ollm`, and write /shy there.\n"),
        ("box shy", 2, "ollm: ollm box: no such command 'shy'. See `ollm box --help`.\n"),
        ("empty", 2, "no such command 'empty'"),
        ("box refuse", 1, "It is full. Empty it."),
        ("box fail", 1, "The command 'box fail' of plugin 'plugin' failed: ZeroDivisionError: oops."),
        ("broken", 2, "The command 'broken' of plugin 'plugin' cannot be loaded."),
        ("leave", 7, ""),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(ollm_app, line, code, said):
    result = ollm_app(Plugin, strict=False).run_command(line)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_help_imports_no_command_and_shows_what_is_declared(ollm_app):
    ollm = ollm_app(Plugin)
    result = ollm.run_command("--help")
    assert result.exit_code == 0
    for shown in ("box      A box of things.", "broken   Cannot be imported.", "leave    Leave."):
        assert shown in result.stdout
    for hidden in ("put", "shy", "empty"):
        assert f"\n  {hidden}" not in result.stdout


def test_a_commands_help_shows_arguments_and_examples(ollm_app):
    text = ollm_app(Plugin).run_command("box add --help").stdout
    for shown in ("{KEY} {VALUE}", "Keep a value.\n", "What to keep.", "--times", "Examples:\n    ollm box add k v"):
        assert shown in text
    assert "ctx" not in text and "raises" not in text


@pytest.mark.parametrize("columns", ["36", "40", "51"])
def test_help_fits_a_narrow_terminal(ollm_app, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for line in ("box add --help", "both --help", "box --help"):
        rows = ollm_app(Plugin).run_command(line).stdout.splitlines()
        assert rows and max(map(len, rows)) <= int(columns)


def test_bad_settings_stop_a_command_but_not_one_that_helps_to_mend_them(ollm_app):
    ollm = ollm_app(Plugin, settings="model: {defualt: x}")
    result = ollm.run_command("box add k v")
    assert result.exit_code == 2
    assert "there is no setting 'model.defualt'; did you mean model.default?" in result.stderr
    assert ollm.run_command("lenient").exit_code == 0


def test_the_repl_mounts_the_same_tree(ollm_app):
    ollm = ollm_app(Plugin)
    root = tree(ollm.app.hub, "repl")
    assert {"box add", "put", "shy"} <= set(names(root))
    assert [path for path, _ in root.walk()] == [
        "both",
        "both inner",
        "box add",
        "box fail",
        "box refuse",
        "broken",
        "counts",
        "leave",
        "lenient",
        "missing",
        "shy",
        "waits",
    ]
    context = CommandContext(ollm.app, "repl")
    root_group(root, ollm.app.hub, context, None).main(["box", "add", "k", "v"], prog_name="/", standalone_mode=False)
    assert ollm.stdout.getvalue() == "repl: k=v x1\n"


def test_usage_errors_are_ours(ollm_app):
    assert isinstance(ollm_app(Plugin).run_command("box add").error, UsageError)


@pytest.mark.parametrize(
    ("line", "out"), [("both", "both\n"), ("both inner", "inner\n"), ("waits", "waited\n"), ("counts", "")]
)
def test_what_a_command_may_be(ollm_app, line, out):
    result = ollm_app(Plugin).run_command(line)
    assert (result.exit_code, result.stdout) == (0, out)


def test_a_plugins_missing_file_is_its_failure(ollm_app):
    ollm = ollm_app(Plugin, strict=False)
    result = ollm.run_command("missing")
    assert result.exit_code == 1
    assert "The command 'missing' of plugin 'plugin' failed: FileNotFoundError" in result.stderr
    assert "\x1b" not in result.stderr
    assert len(ollm.failures) == 1


def test_control_characters_in_declarations_are_refused(ollm_app):
    class Hostile(Specs):
        @hookimpl
        def ollm_commands(self, ctx):
            return [Command("x", "sum\x1b]0;owned\x07mary", leave)]

    ollm = ollm_app(Hostile, strict=False)
    assert "\x1b" not in ollm.run_command("--help").stdout
    assert "summary holds control characters" in ollm.failures[0].cause


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("both", "both\n"),
        ("both inner", "inner\n"),
        ("both other words", "both other words\n"),
        ("both --loud inner", "both inner loud\n"),
        ("both -- inner", "both inner\n"),
    ],
)
def test_a_command_may_have_arguments_and_members(ollm_app, line, said):
    result = ollm_app(Plugin).run_command(line)
    assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")


def test_the_help_of_a_command_with_members_tells_of_both(ollm_app):
    text = ollm_app(Plugin).run_command("both --help").stdout
    assert "both [OPTIONS] [WORDS…] COMMAND [ARGS]..." in text
    assert "--no-loud" in text and "--often <int> " in text
    assert "inner  Its member." in text


def test_the_repl_dispatches_to_a_command_with_members_alike(ollm_app):
    from ollm.api import dispatch, root_group, tree

    ollm = ollm_app(Plugin)
    group = root_group(tree(ollm.app.hub, "repl"), ollm.app.hub, CommandContext(ollm.app, "repl"), None)
    command = group.get_command(None, "both")
    for words in (["a"], ["inner"]):
        dispatch(command, words, "/both")
    assert ollm.stdout.getvalue() == "both a\ninner\n"
