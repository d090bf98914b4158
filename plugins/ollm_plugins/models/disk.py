"""Is there room on the disk for what is still to be fetched?"""

from __future__ import annotations

import shutil
from pathlib import Path

from ollm.api import KeepsModels, OllmError, Provider

_SPARE = 16_000_000
"""Bytes that are left for others who write on the same disk, besides a hundredth of what is fetched."""


def require_room(provider: Provider, name: str, missing: int) -> None:
    """Check that what is missing of a model fits on the disk, if anybody knows where it is put.

    :param missing: in bytes
    :raises OllmError: it does not fit
    """
    folder = provider.models_folder() if isinstance(provider, KeepsModels) else None
    free = None if folder is None or missing <= 0 else _free(folder)
    need = missing + missing // 100 + _SPARE
    if free is None or free >= need:
        return
    problem = f"{name} needs {_gigabytes(need)} more on the disk of {folder}, where {_gigabytes(free)} are free"
    raise OllmError(problem, "Make room there, e.g. with `ollm model delete`, then pull again.")


def _free(folder: Path) -> int | None:
    """Return the free bytes on the disk on which a folder is or will be; None if nobody can tell."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"  # noqa: PLR2004  (one GB)
