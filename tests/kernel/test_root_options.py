"""Options that plugins bring to `ollm` itself."""

from ollm.api import Command, Notice, Overrides, RootOption, Specs, hookimpl, replace
from ollm.cli import _run


class Options(Specs):
    @hookimpl
    def ollm_root_options(self, ctx):
        def fill(context, given):
            words = " ".join([given["fill"], *given.get("var", [])])
            return replace(context, prompt=f"{words}: {context.prompt}", overrides=Overrides(system="S"))

        return [
            RootOption("fill", ("--fill", "-F"), "Fill in.", metavar="NAME", prepare=fill),
            RootOption("var", ("--var",), "A value.", metavar="K=V", many=True),
            RootOption("loud", ("--loud",), "Say more.", prepare=lambda context, given: ctx.notify(Notice("x", "y"))),
        ]


class Once(Specs):
    """A front end that writes down what it gets."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def ollm_frontends(self, ctx):
        from ollm.api import Frontend

        return [Frontend("once", "once", lambda context: self.seen.append(context) or 0)]


def test_options_change_what_is_said(ollm_app):
    once = Once()
    ollm = ollm_app(Options, once)
    assert _run(ollm.app, ["-p", "hi", "-F", "a", "--var", "k=1", "--var", "k=2"]) == 0
    assert (once.seen[0].prompt, once.seen[0].overrides.system) == ("a k=1 k=2: hi", "S")


def test_one_that_is_not_given_changes_nothing(ollm_app):
    once = Once()
    assert _run(ollm_app(Options, once).app, ["-p", "hi"]) == 0
    assert once.seen[0].prompt == "hi"


def test_one_that_fails_ends_the_run_in_one_line(ollm_app):
    ollm = ollm_app(Options, Once(), strict=False)
    try:
        _run(ollm.app, ["-p", "hi", "--loud"])
    except Exception as error:
        assert "The option --loud of plugin 'options' failed" in str(error)
    else:
        raise AssertionError("it did not fail")


def test_two_options_of_one_name_are_not_left_to_chance(ollm_app):
    class Late(Specs):
        @hookimpl
        def ollm_root_options(self, ctx):
            return [RootOption("model", ("-m",), "Taken.", metavar="NAME")]

    ollm = ollm_app(Late, strict=False)
    assert ollm.app.hub.root_options() == []
    assert "its option -m is taken by ollm" in ollm.failures[0].line


def test_a_command_can_have_a_prompt_answered(ollm_app):
    class Ask(Specs):
        @hookimpl
        def ollm_commands(self, ctx):
            from ollm.api import CommandContext

            def ask(ctx: CommandContext) -> None:
                ctx.submit("a prompt", overrides=Overrides(system="S"))

            return [Command("ask", "Ask.", ask)]

    once = Once()
    ollm = ollm_app(Ask, once)
    assert ollm.run_command("ask").exit_code == 0
    assert (once.seen[0].prompt, once.seen[0].overrides.system) == ("a prompt", "S")
