"""Which files stand beside the project's own, in folders from which plugins take what the user names?

Such as `.ollm/templates`. They change nothing by themselves; each is used only with the content that the user has agreed to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import SettingsError, visible
from ollm_plugins.project.folders import shown
from ollm_plugins.project.reading import FOLDER, Content, read

if TYPE_CHECKING:
    from ollm.api import HostContext
    from ollm_plugins.project.finding import Found

MOST: Final = 200
"""Entries that a folder may hold, at most: who is to agree to them reads them."""

MAX_BYTES: Final = 256 << 10
"""Bytes of such a file, at most."""

UNFINISHED: Final = ".draft"
"""The end of the name of what nobody uses, since it was never finished."""


class Beside(Struct, frozen=True):
    """What stands there.

    :param refused: a line for each that cannot be trusted
    """

    contents: tuple[Content, ...] = ()
    refused: tuple[str, ...] = ()


def beside(root: Path) -> Beside:
    """Read the files in the folders of a project's `.ollm`, in the order of their names."""
    contents: list[Content] = []
    refused: list[str] = []
    for folder in _folders(root):
        try:
            for name in _names(folder):
                _take(root, f"{FOLDER}/{folder.name}/{name}", contents, refused)
        except (OSError, SettingsError) as error:
            refused.append(f"{visible(shown(folder))} cannot be read" if isinstance(error, OSError) else str(error))
    return Beside(tuple(contents), tuple(refused))


def _take(root: Path, name: str, contents: list[Content], refused: list[str]) -> None:
    if not name.isprintable():  # nor is it text, if it holds bytes that are none
        refused.append(f"{visible(shown(root / name))} has a name that cannot be printed")
        return
    try:
        content = read(root, name, MAX_BYTES)
    except SettingsError as error:
        refused.append(str(error))
    else:
        contents += [content] if content is not None else []


def _folders(root: Path) -> Iterator[Path]:
    try:
        found = sorted(each.name for each in os.scandir(root / FOLDER) if each.is_dir(follow_symlinks=False))
    except OSError:  # there is none
        return iter(())
    return (root / FOLDER / name for name in found if not name.startswith("."))


def _names(folder: Path) -> list[str]:
    """Return the names of what could be files.

    :raises SettingsError: there are too many
    """
    with os.scandir(folder) as entries:
        found = list(islice(entries, MOST + 1))
    if len(found) > MOST:
        raise SettingsError((f"{shown(folder)} holds more than {MOST} entries",))
    files = (each.name for each in found if not each.is_dir(follow_symlinks=False))
    return sorted(name for name in files if not name.startswith(".") and not name.endswith(UNFINISHED))


def beside_root(ctx: HostContext, found: Found) -> Path | None:
    """Return the nearest folder whose `.ollm` has folders, where no project has a file of its own; not the user's own."""
    home = os.path.realpath(ctx.paths.home)
    for root in found.folders:
        own = os.path.realpath(root / FOLDER) == home
        if not own and not (root / FOLDER).is_symlink() and next(_folders(root), None) is not None:
            return root
    return None
