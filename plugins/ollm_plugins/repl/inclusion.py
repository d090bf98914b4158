r"""Which files does a line include, and what becomes of them?

`@path` at the beginning of a word stands for a file: its text goes with the prompt, or the image. `\@` is an @.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import UsageError, fenced, visible

MOST_TEXT: Final = 512 * 1024
"""Bytes of a text file that may be included: about 130,000 tokens, more than most models take."""

MOST_IMAGE: Final = 20 * 1024 * 1024
"""Bytes of an image."""

_MARK: Final = re.compile(r"""(?<!\S)(\\?)@("[^"]+"|'[^']+'|[^\s"'](?:\\ |\S)*)""")
_BEHIND: Final = ",.;:!?)]}>"
_IMAGES: Final = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}


class Included(Struct, frozen=True):
    """A line with what it includes.

    :param prompt: the line, and the text of files behind it
    :param images: the bytes of each image
    :param told: a line for the user on each file, and on what looked like one
    """

    prompt: str
    images: tuple[bytes, ...] = ()
    told: tuple[str, ...] = ()


def included(line: str, workspace: Path) -> Included:
    """Return a line with the files that it names.

    :raises UsageError: a file is too large, is no text and no image, or cannot be read
    """
    if "@" not in line:
        return Included(line)
    parts, images, told, seen = [], [], [], set[Path]()
    for escaped, name in _MARK.findall(line):
        if escaped:
            continue
        path = _meant(name, workspace)
        if path is None:
            if "/" in name or "." in name.strip(_BEHIND):
                told.append(f"@{name} is no file here, so it is sent as it stands")
            continue
        if path in seen:
            continue
        seen.add(path)
        data = _read(path)
        shown = visible(os.path.relpath(path, workspace) if path.is_relative_to(workspace) else os.fspath(path))
        image = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
        if image is not None:
            images.append(data)
            told.append(f"with {shown} ({image}, {len(data):,} bytes)")
            continue
        text = _text(data, shown)
        parts.append(_block(shown, text))
        told.append(f"with {shown} ({counted(text)})")
    plain = _MARK.sub(lambda match: f"@{match[2]}" if match[1] else match[0], line)
    return Included("\n\n".join([plain, *parts]), tuple(images), tuple(told))


def _meant(name: str, workspace: Path) -> Path | None:
    """Return the file that a name means, without the full stop of its sentence; None when there is none."""
    bare = name[1:-1] if name[:1] in ("'", '"') else name.replace("\\ ", " ")
    for spelled in dict.fromkeys((bare, bare.rstrip(_BEHIND))):
        try:
            path = (workspace / os.path.expanduser(spelled)).resolve()  # noqa: PTH111  (fails on an unknown user)
            if path.is_file():
                return path
            if path.is_dir() and spelled:
                raise UsageError(
                    f"@{visible(spelled)} is a folder", f"Name a file in it: @{visible(spelled.rstrip('/'))}/…"
                )
        except (OSError, ValueError):
            continue
    return None


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
            most = MOST_IMAGE if any(head.startswith(magic) for magic in _IMAGES) else MOST_TEXT
            if size > most:
                problem = f"{visible(path.name)} has {size:,} bytes, and {most:,} can be included"
                raise UsageError(problem, "Include a part of it.")
            return head + file.read(most)
    except OSError as error:
        raise UsageError(f"{visible(os.fspath(path))} cannot be read: {error.strerror or error}") from error


def _text(data: bytes, shown: str) -> str:
    """:raises UsageError: it is no text"""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is no text in UTF-8", "Only texts, PNG and JPEG images can be included.") from error
    if "\0" in text:
        raise UsageError(f"{shown} is no text", "Only texts, PNG and JPEG images can be included.")
    return text.replace("\r\n", "\n")


def _block(shown: str, text: str) -> str:
    kind = Path(shown).suffix.removeprefix(".")
    return f"{shown}:\n{fenced(text, kind if kind.isalnum() else '')}"


def counted(text: str) -> str:
    """Say how many lines a text has."""
    lines = len(text.splitlines())
    return f"{lines:,} {'line' if lines == 1 else 'lines'}"
