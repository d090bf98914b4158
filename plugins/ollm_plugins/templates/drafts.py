"""Where is kept what a user has written and cannot be used, and what does the next edit begin with?

Beside a template of the user's own; for a project's, in the user's folder: what lies beside a project's file, the project
may have brought, and nobody may take it for what they have written themselves.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from ollm.api import CommandContext, OllmError, write_atomically
from ollm_plugins.templates.reading import Broken, content
from ollm_plugins.templates.template import Origin


class Draft(Struct, frozen=True):
    """What may be kept of one template.

    :param of: the template's file
    """

    path: Path
    of: Path

    def begun(self, ctx: CommandContext, text: str) -> str:
        """Return what an earlier edit has kept, and say so; else the text."""
        if not os.path.lexists(self.path):
            return text
        try:
            kept = content(self.path)
        except Broken as error:
            ctx.out.say(f"ollm: {error.problem}, so you do not go on with that draft; it is left alone.")
            return text
        ctx.out.say(f"ollm: You go on with what is kept as {self.path}; without any text in it, it is given up.")
        return kept

    def forget(self, begun: str) -> None:
        """Delete what an edit began with, if it was kept; what another editor has kept there stays."""
        if self._holds(begun):
            self.path.unlink()

    def keep(self, text: str, begun: str) -> str:
        """Keep a text, without replacing what another editor has kept there, and say where it is.

        :param begun: what the edit began with
        :raises OllmError: it can be kept nowhere
        """
        if os.path.lexists(self.path) and not self._holds(begun):
            return rescued(self.of, text)
        try:
            write_atomically(self.path, text)
        except OllmError:
            return rescued(self.of, text)
        return f"Your text is kept as {self.path}; the next edit goes on with it."

    def _holds(self, text: str) -> bool:
        try:
            return content(self.path) == text
        except Broken:  # there is none, or none that an edit could have begun with
            return False


def draft_of(home: Path, origin: Origin, path: Path) -> Draft:
    """Return where a draft of a template's file is kept.

    :param home: the user's folder
    """
    if origin != "project":
        return Draft(path.with_name(f"{path.name}.draft"), path)
    from hashlib import sha256

    which = sha256(os.fsencode(os.path.realpath(path.parent))).hexdigest()[:16]
    return Draft(home / "drafts" / which / f"{path.name}.draft", path)


def rescued(path: Path, text: str) -> str:
    """Keep a text in a new folder for what is temporary, and say where it is.

    :param path: where it should have been written
    :raises OllmError: it can be kept nowhere
    """
    from tempfile import mkdtemp

    try:
        file = Path(mkdtemp(prefix="ollm-")) / path.name
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise OllmError(f"{path} is not written, and your text could not be kept: {error.strerror}") from error
    return f"Your text is kept as {file}."
