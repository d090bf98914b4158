"""Is what is done what somebody has seen beforehand?

A preview and the run after it are two calls. What was shown is kept between them, and a file that is another one by
then is not touched. What this very program has changed meanwhile, by another call of the same answer, is no such
surprise as long as the lines that change are the ones that were shown.

A model may edit only what it has read with somebody's consent. Else it could have a file told, piece by piece, by edits
that fail before anybody is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import HostContext, OllmError, ToolContext
from ollm_plugins.files.careful import runs, secret
from ollm_plugins.files.opening import Snapshot
from ollm_plugins.files.places import Place, shown

KEPT: Final = 1_000
"""Previews and changes that are remembered; far more than one turn has."""

_Key = tuple[str, str, str, str]


class Shown(Struct, frozen=True):
    """What somebody has seen of a call.

    :param path: the file or folder
    :param digest: of a file that is to be changed, as it was
    :param lines: digest of those that are added and removed
    """

    path: Path
    digest: str = ""
    lines: str = ""


_shown: OrderedDict[_Key, Shown] = OrderedDict()
_made: OrderedDict[tuple[Path, str], str] = OrderedDict()
_read: OrderedDict[tuple[str, Path, str], None] = OrderedDict()


def digest(data: bytes | None) -> str:
    """Return what tells contents apart; empty for no file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def content_of(seen: Snapshot | None) -> bytes | None:
    """Return what a file holds; None if there is none."""
    return None if seen is None else seen.data


def remember(ctx: ToolContext, change: Shown) -> None:
    """Keep what a preview shows until its run."""
    _shown[_key(ctx)] = change
    if len(_shown) > KEPT:
        _shown.popitem(last=False)


def verify(ctx: ToolContext, change: Shown) -> None:
    """Hold what is about to be done against what was shown.

    :raises OllmError: it is something else, or nothing was shown
    """
    seen = _shown.get(_key(ctx))
    if seen is None:
        raise OllmError("The call was not looked at beforehand, so nothing was done")
    if seen.path != change.path:
        raise OllmError(f"{shown(change.path)} is not what was looked at, since the path leads elsewhere by now")
    if seen.digest == change.digest or (seen.lines == change.lines and _led(seen, change.digest)):
        return
    problem = f"{shown(change.path)} was changed after this change was looked at, so it was not made"
    raise OllmError(problem, "Read the file again, then repeat the change if it is still right.")


def made(path: Path, before: bytes | None, after: bytes | None) -> None:
    """Note what this program has done to a file."""
    _made[path, digest(after)] = digest(before)
    if len(_made) > KEPT:
        _made.popitem(last=False)


def told(ctx: ToolContext, path: Path, data: bytes) -> None:
    """Note that the model knows what a file holds."""
    _read[ctx.turn.conversation, path, digest(data)] = None
    if len(_read) > KEPT:
        _read.popitem(last=False)


def knows(ctx: ToolContext, path: Path, data: bytes) -> bool:
    """Say whether the model was told what a file holds, in this conversation and as it is now."""
    return (ctx.turn.conversation, path, digest(data)) in _read


def _led(seen: Shown, now: str) -> bool:
    """Say whether a file became what it is now by this program's own changes to what was seen."""
    passed = set()
    while now != seen.digest and now not in passed and (seen.path, now) in _made:
        passed.add(now)
        now = _made[seen.path, now]
    return now == seen.digest


def _key(ctx: ToolContext) -> _Key:
    words = json.dumps(dict(ctx.call.arguments), sort_keys=True, default=str)
    return ctx.turn.id, ctx.call.id, ctx.call.name, digest(words.encode())


def reason(host: HostContext, place: Place, *, change: bool = False) -> str:
    """Return why somebody should look before a file is read, or changed; empty if nothing says so."""
    if not place.writable:
        return ""
    home = Path(os.path.realpath(Path("~").expanduser()))
    private = (Path(os.path.realpath(host.paths.home)),)
    return secret(place.path, private, home, place.root) or (runs(place.path) if change else "")
