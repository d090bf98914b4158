"""Which files do the `.gitignore` files of a workspace leave out?"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from ollm_plugins.files.opening import Folder

RULES: Final = 1_000_000
"""Bytes of a `.gitignore` that are read."""


def rules_of(folder: Folder, depth: int) -> list[tuple[int, GitIgnoreSpec]]:
    """Return what the `.gitignore` of a folder leaves out, with how deep the folder is."""
    state = folder.state(".gitignore")
    if state is None or not stat.S_ISREG(state.st_mode):
        return []
    try:
        lines = read_regular(folder, ".gitignore", RULES).decode("utf-8", "replace").splitlines()
    except OSError:  # as for git, what cannot be read leaves nothing out
        return []
    return [(depth, _spec(lines))]


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    """Return rules; a line that is none is passed over, as by git."""
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines(filter(_is_rule, lines))


def _is_rule(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def ignored(rules: Sequence[tuple[int, GitIgnoreSpec]], way: tuple[str, ...], *, is_folder: bool) -> bool:
    """Say whether rules leave something out; the nearest that says anything holds."""
    for depth, spec in reversed(rules):
        found = spec.check_file("/".join(way[depth:]) + ("/" if is_folder else "")).include
        if found is not None:
            return found
    return False


def read_regular(folder: Folder, name: str, most: int) -> bytes:
    """Return what a regular file holds; nothing, if it is something else by now.

    :raises OSError: it cannot be read
    """
    fd = folder.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(fd)
