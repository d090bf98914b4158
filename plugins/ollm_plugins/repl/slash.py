"""What does a line that begins with a slash do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ollm.api import CommandContext, Submission, UsageError, dispatch, names, nearest, root_group, tree
from ollm_plugins.repl.words import words

if TYPE_CHECKING:
    from ollm.api import App, Conversation
    from ollm_plugins.repl.completion import Proposals


def split(line: str) -> list[str]:
    """Split a command line into words.

    :param line: without its slash
    :raises UsageError: a quote is never closed
    """
    try:
        return [*words(line)]
    except ValueError as error:
        raise UsageError("A quote in this line is never closed", "Close it, or write \\' or \\\" for it.") from error


class Slash:
    """The commands of all plugins, as they are mounted in the REPL."""

    def __init__(self, app: App, conversation: Conversation | None) -> None:
        self._root = tree(app.hub, "repl")
        self._submissions: list[Submission] = []
        context = CommandContext(app, "repl", conversation, self._submissions)
        self._group = root_group(self._root, app.hub, context, None)
        self._app, self._conversation = app, conversation

    def proposals(self) -> Proposals:
        """Return what completes lines."""
        from ollm_plugins.repl.completion import Proposals

        return Proposals(self._app, self._root, self._group, self._conversation)

    def names(self) -> list[str]:
        """Return the full name of every command and group, aliases included."""
        return sorted(names(self._root))

    def run(self, line: Sequence[str]) -> list[Submission]:
        """Run a command; without words, list the commands.

        :return: prompts that it wants answered
        :raises OllmError: there is no such command, it was misused, or it failed
        :raises KeyboardInterrupt: the user pressed Ctrl-C
        """
        name, *rest = line or ("help",)
        command = self._group.get_command(None, name)
        if command is None:
            known = [f"/{each}" for each in self.names()]
            remedy = "/help lists the commands; // sends a text that begins with a slash."
            raise UsageError(f"There is no command /{name}{nearest(f'/{name}', known)}", remedy)
        self._submissions.clear()
        dispatch(command, rest, f"/{name}")
        return [*self._submissions]
