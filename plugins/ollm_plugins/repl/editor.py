"""How does the user write a text in a program of theirs?"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ollm.api import OllmError, UsageError

_USUAL: Final = ("editor", "nano", "vi")
"""Editors that are looked for when the user has named none; the first is what Debian and its like have chosen."""


def editor_of(environ: Mapping[str, str]) -> str:
    """Return the command line of the user's editor.

    :raises UsageError: there is none
    """
    named = environ.get("VISUAL") or environ.get("EDITOR")
    found = named or next(filter(None, (shutil.which(name, path=environ.get("PATH")) for name in _USUAL)), None)
    if found is None:
        raise UsageError("No editor is set", "Set EDITOR, e.g. EDITOR=nano.")
    return found


async def in_editor(editor: str, text: str) -> str:
    """Let the user change a text in a program.

    :raises OllmError: it cannot be started, it failed, or what it wrote is no text
    """
    folder = Path(tempfile.mkdtemp(prefix="ollm-"))
    file = folder / "edit.md"
    try:
        file.write_text(text, encoding="utf-8", errors="replace", newline="")
        code = await _ran([*shlex.split(editor), os.fspath(file)])
        if code:
            raise OllmError(f"The editor failed: {editor} ended with {code}", "The text is as it was.")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise OllmError("The editor failed: it wrote no text in UTF-8", "The text is as it was.") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise OllmError(f"The editor failed: {editor}: {said}", "VISUAL or EDITOR names another one.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _ran(words: list[str]) -> int:
    """:raises OSError: it cannot be started"""
    process = await asyncio.create_subprocess_exec(*words)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
