"""How is something done with one model after the other?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

from ollm.api import CommandContext, ExitCode, OllmError


class OneByOne:
    """Names whose failures are said and do not stop the others.

    :param done: a document for each name that is over
    """

    def __init__(self, ctx: CommandContext, names: Sequence[str], *, as_json: bool) -> None:
        self.left = list(dict.fromkeys(names))
        self.done: list[dict[str, Any]] = []
        self._ctx = ctx
        self._as_json = as_json
        self._code = ExitCode.DONE

    def run(self, work: Callable[[str], dict[str, Any]]) -> None:
        """Do something with each name; the exit code is that of the first failure.

        :param work: describes what became of a name, for programs
        :raises Exit: one has failed
        """
        try:
            while self.left:
                self.done.append(self._attempt(self.left.pop(0), work))
        finally:
            if self._as_json:
                self._ctx.out.document(self.done)
        if self._code:
            raise typer.Exit(self._code)

    def _attempt(self, name: str, work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        try:
            return work(name)
        except OllmError as error:
            self._code = self._code or error.exit_code
            for line in str(error).splitlines():
                self._ctx.out.say(f"ollm: {line}")
            return {"name": name, "provider": None, "status": "failed", "error": str(error)}
