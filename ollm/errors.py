"""What went wrong, in words a user can act on?

Every error that a user may meet is an `OllmError`: it names the part, the cause and the remedy, and
carries the exit code of the shell command that met it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ollm.host import PluginRecord


class ExitCode(IntEnum):
    """The exit codes of every `ollm` command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_MODEL = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


class OllmError(Exception):
    """Something failed that a user can read about in one line.

    :param problem: what went wrong and where, without a full stop at the end
    :param remedy: what the user can do about it, as a whole sentence
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        end = "" if self.problem.endswith(("?", "!", ".")) else "."
        return f"{self.problem}{end} {self.remedy}" if self.remedy else self.problem


class UsageError(OllmError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = ExitCode.USAGE


class SettingsError(OllmError):
    """A settings value is unknown, of the wrong type or out of range.

    :param problems: one line for each mistake, each naming where it stands
    """

    exit_code = ExitCode.USAGE

    def __init__(self, problems: tuple[str, ...], remedy: str = "") -> None:
        super().__init__("\n".join(problems), remedy)
        self.problems = problems


class ModelNotFound(OllmError):
    """The provider answers but has no model of that name."""

    exit_code = ExitCode.NO_MODEL


class ProviderUnreachable(OllmError):
    """Nobody answers where the provider should be."""

    exit_code = ExitCode.UNREACHABLE


class ProviderError(OllmError):
    """The provider answered with an error of its own."""


class ContextOverflow(ProviderError):
    """The prompt is longer than the context that the model has been given; nothing of it was answered.

    :param needed: tokens of the prompt, as the provider counted them
    :param size: of the context, in tokens
    """

    def __init__(self, problem: str, remedy: str = "", *, needed: int, size: int) -> None:
        super().__init__(problem, remedy)
        self.needed = needed
        self.size = size


class PluginError(OllmError):
    """A plugin broke its contract; the ledger of `ollm.host` keeps the details.

    :param plugin: the plugin's entry point name
    """

    def __init__(self, plugin: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.plugin = plugin


def cause_of(error: BaseException) -> str:
    """Say in one line what was raised."""
    return " ".join(f"{type(error).__name__}: {error}".rstrip(": ").splitlines())


def remedy_for(record: PluginRecord, where: str, error: BaseException) -> str:
    """Say what the user can do about what a plugin has raised; names the plugin."""
    if isinstance(error, ImportError) and error.name == "ollm.api":
        return f"It was written for another version of ollm: upgrade ollm, or '{record.distribution[0]}'."
    again = where in ("import", "register") or where.startswith("ollm_")  # the doctor does these again
    trace = "Run `ollm plugins doctor --trace`" if again else "Set OLLM_DEBUG=1"
    return f"{trace} for the trace, or `ollm plugins disable {record.name}` to go on without it."
