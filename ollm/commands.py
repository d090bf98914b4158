"""How is one command tree mounted twice?

A command is one typed function. The shell runs `ollm memory add k v`, the REPL `/memory add k v`: the same
tree, parsed by the same Typer parser. A command's module is imported when the command is called.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from ollm.command_tree import Node, names, tree
from ollm.command_words import for_users, measure, name_alike, refuse, where
from ollm.contexts import CommandContext
from ollm.contribution import resolve
from ollm.contributions import Command
from ollm.errors import ExitCode, OllmError, UsageError
from ollm.hub import label
from ollm.text import visible

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned

T = TypeVar("T")

_NEGATIVE = re.compile(r"-\.?\d.*")


class _Group(TyperGroup):
    """A group whose members are imported when they are called; help and lists use what is declared."""

    node: Node
    context: CommandContext
    hub: Hub

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (Typer's signature)
        return sorted(name for name, node in self.node.children.items() if not node.alias_of and node.is_mounted)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (Typer's signature)
        node = self.node.children.get(cmd_name)
        if node is None or not node.is_mounted:
            return None
        if not node.children:
            return _leaf(node, self.hub, self.context)
        return _both(node, self.hub, self.context) if node.owned else _group(node, self.hub, self.context)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """:raises UsageError: there is none of that name, but it can be told what was meant."""
        name = args[0]
        child = self.node.children.get(name)
        if not name.startswith("-") and (child is None or not child.is_mounted):
            refuse(self.node, name, ctx.command_path, self._elsewhere if ctx.parent is None else None)
        return super().resolve_command(ctx, args)

    def _elsewhere(self, name: str) -> bool:
        """Whether a command of the shell's is none, but one of the REPL's."""
        return self.context.surface == "shell" and name in set(names(tree(self.hub, "repl")))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, those with a heading of their own below the others, and then the commands."""
        panels: dict[str, list[Any]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            if record is not None:
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(record)
        for heading, rows in panels.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, self.node.children[name].summary) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def get_help(self, ctx: Any) -> str:
        return visible(super().get_help(ctx))


class _Both(_Group):
    """A group that is a command, too: what does not begin with the name of a member is the command's."""

    command: Any
    members: Any

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        chosen = self._meant_by(args)
        if chosen is self:  # its help tells of the command and of the members
            return super().make_context(info_name, args, parent, **extra)
        return chosen.make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def _meant_by(self, args: list[str]) -> Any:
        if args and args[0] in ("--help", "-h"):
            return self
        member = self.node.children.get(args[0]) if args else None
        return self.members if member is not None and member.is_mounted else self.command


class _Leaf(TyperCommand):
    """A command to which a negative number is a value, not an option."""

    def get_help(self, ctx: Any) -> str:
        return visible(super().get_help(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = any(_NEGATIVE.fullmatch(each) for each in args)
        return super().parse_args(ctx, args)


def root_group(root: Node, hub: Hub, context: CommandContext, callback: Callable[..., None] | None) -> Any:
    """Return the tree as one Typer group.

    :param callback: gets the options that stand before a command, and is called when there is none
    """
    return _group(root, hub, context, callback)


def _group(node: Node, hub: Hub, context: CommandContext, callback: Callable[..., None] | None = None) -> Any:
    base = typer.Typer(
        cls=_Group,
        name=node.name,
        help=node.summary,
        callback=callback or _show_help,
        invoke_without_command=True,
        rich_markup_mode=None,
        add_completion=callback is not None and context.surface == "shell",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    make = typer.main.get_group if callback is None else typer.main.get_command  # the latter adds completion
    group: Any = make(base)
    group.node, group.context, group.hub = node, context, hub
    return group


def _both(node: Node, hub: Hub, context: CommandContext) -> Any:
    assert node.owned is not None, "else it is a group only"
    leaf = _leaf(node, hub, context)
    group: Any = _Both(
        name=node.name,
        params=leaf.params,
        help=leaf.help,
        epilog=leaf.epilog,
        context_settings=leaf.context_settings,
        rich_markup_mode=None,
    )
    group.node, group.context, group.hub = node, context, hub
    group.command, group.members = leaf, _group(node, hub, context)
    return group


def _leaf(node: Node, hub: Hub, context: CommandContext) -> Any:
    assert node.owned is not None, "a node without children is a command"
    examples = node.owned.item.examples
    prefix = "/" if context.surface == "repl" else "ollm "
    epilog = "\b\nExamples:\n" + "\n".join(f"  {prefix}{example}" for example in examples) if examples else None
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command(
        node.name,
        cls=_Leaf,
        short_help=node.summary,
        epilog=epilog,
        context_settings={"help_option_names": ["--help", "-h"]},
    )(_bound(node.owned, hub, context))
    leaf: Any = _made(node.owned, hub, lambda: typer.main.get_command(single))
    name_alike(leaf.params)
    return leaf


def _show_help(context: typer.Context) -> None:
    """Do what a group does that is no command itself.

    :raises Exit: no command of the group was named
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def _made(owned: Owned[Command] | None, hub: Hub, make: Callable[[], T]) -> T:
    """Make what stands for a command; its module, signature and types are its plugin's.

    :raises UsageError: its plugin is at fault
    """
    if owned is None:
        return make()
    made = hub.host.guard(owned.record, label(owned.item), make)
    if made is None:
        problem = f"The {label(owned.item)} of plugin '{owned.record.name}' cannot be loaded"
        raise UsageError(problem, "Run `ollm plugins doctor`.")
    return made


def _function(command: Command) -> tuple[Callable[..., Any], inspect.Signature]:
    function = resolve(command.run)
    return function, inspect.signature(function, eval_str=True)


def _bound(owned: Owned[Command], hub: Hub, context: CommandContext) -> Callable[..., Any]:
    """Import a command's function and give it its context; Typer sees only the other parameters.

    :raises UsageError: its plugin cannot provide the function
    """
    what = label(owned.item)
    function, signature = _made(owned, hub, lambda: _function(owned.item))
    contexts = [each.name for each in signature.parameters.values() if each.annotation is CommandContext]

    def call(**arguments: Any) -> None:
        if not owned.item.lenient:
            context.app.check_settings()
        try:
            result = function(**dict.fromkeys(contexts, context), **arguments)
            if inspect.iscoroutine(result):
                context.run(result)
        except (OllmError, typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except SystemExit as error:
            if isinstance(error.code, str):
                raise OllmError(error.code) from error
            raise typer.Exit(error.code or ExitCode.DONE) from error
        except EOFError as error:
            raise OllmError("There is nobody to answer the question", "Run it on a terminal.") from error
        except Exception as error:
            hub.host.blame_error(owned.record, what, error, say=False)
            problem = f"The {what} of plugin '{owned.record.name}' failed: {type(error).__name__}: {error}"
            raise OllmError(problem, "Run it with OLLM_DEBUG=1 for the trace.") from error

    kept = [each for each in signature.parameters.values() if each.name not in contexts]
    call.__dict__["__signature__"] = signature.replace(parameters=[*map(_by_keyword, kept)])
    call.__annotations__ = {each.name: each.annotation for each in kept}
    call.__doc__ = for_users(inspect.getdoc(function) or owned.item.summary)
    return call


def _by_keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def dispatch(group: Any, words: Sequence[str], prog: str) -> int:
    """Parse and run a command line.

    :param prog: how the program is called in usage lines
    :return: the exit code
    :raises OllmError: what was typed does not fit, or the command failed
    :raises KeyboardInterrupt: the user pressed Ctrl-C
    :raises BrokenPipeError: nobody reads stdout any more
    """
    try:
        result = group.main(list(words), prog_name=prog, standalone_mode=False, windows_expand_args=False, **measure())
    except typer.TyperException as error:
        raise _in_our_words(error, prog) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer makes it an exit with code 1
            raise error.__context__ from None
        raise
    if result == ExitCode.INTERRUPTED:  # what Typer makes of KeyboardInterrupt
        raise KeyboardInterrupt
    return result if isinstance(result, int) else ExitCode.DONE


def _in_our_words(error: typer.TyperException, prog: str) -> OllmError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else prog
    message = error.format_message().rstrip(".")
    return UsageError(f"{where(path, is_root=path == prog)}{message[:1].lower()}{message[1:]}", f"See `{path} --help`.")
