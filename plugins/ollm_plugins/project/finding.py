"""Which types of project are here, and which one is meant?"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import ContributedProjects, DetectContext, Detection, Notice, OllmError, PluginError, visible
from ollm_plugins.project.counting import entries
from ollm_plugins.project.detectors import LIKELY, SURE
from ollm_plugins.project.folders import above, is_made

if TYPE_CHECKING:
    from ollm.api import HostContext, Owned, ProjectDetector

DEPTH: Final = 3
"""Levels below a root on which parts of it are looked for: `apps/GROUP/NAME` is the deepest usual form."""

FOLDERS: Final = 300
ENTRIES: Final = 1000
"""Folders that are looked at below a root, and entries of each, at most: about 0.1 s."""


class Found(Struct, frozen=True):
    """What the files say.

    :param folder: where the user works
    :param folders: that one and those above it in which a project's file may stand
    :param repository: the repository's root, if there is one
    :param detections: the nearest root first, of one root the surest first
    """

    folder: Path
    folders: tuple[Path, ...]
    repository: Path | None
    detections: tuple[Detection, ...]

    @property
    def chosen(self) -> Detection | None:
        """The type that is meant: the surest of the nearest folder that is surely a root, else likely one."""
        for least in (SURE, LIKELY):
            for each in self.detections:
                if each.confidence >= least:
                    return each
        return None

    @property
    def workspace(self) -> Path | None:
        """The root of the whole, when the chosen one is a part of it."""
        likely = [each.root for each in self.detections if each.confidence >= LIKELY]
        return likely[-1] if likely and self.chosen and likely[-1] != self.chosen.root else None


def find(ctx: HostContext, *, detecting: bool = True) -> Found:
    """Look at the working folder and those above it, up to the repository's root."""
    folders, repository = above(ctx.workspace)
    detections = tuple(found for each in folders for found in detect(ctx, each)) if detecting else ()
    return Found(ctx.workspace, folders, repository, detections)


def detect(ctx: HostContext, folder: Path) -> list[Detection]:
    """Ask all detectors about one folder, the surest answer first."""
    contributed = ctx.services.find(ContributedProjects)
    if contributed is None:
        return []
    question = DetectContext(ctx, folder)
    answers = (_answer(ctx, contributed, owned, question) for owned in contributed.project_detectors())
    return sorted((each for each in answers if each is not None), key=lambda each: -each.confidence)


def _answer(
    ctx: HostContext, contributed: ContributedProjects, owned: Owned[ProjectDetector], question: DetectContext
) -> Detection | None:
    """Ask a detector, which may be a stranger's; what is no detection is said and left out."""
    try:
        answer = contributed.use(owned, "detect", question)
    except PluginError:
        raise  # strict mode
    except OllmError as error:
        ctx.notify(Notice("detector-failed", f"The detector '{owned.item.name}' gave up: {error}"))
        return None
    if answer is None or _is_sound(answer, question.folder):
        found: Detection | None = answer
        return found
    text = f"The detector '{owned.item.name}' of plugin '{owned.record.name}' gave no sound answer; it is left out."
    ctx.notify(Notice("detector-unsound", text))
    return None


def _is_sound(answer: object, folder: Path) -> bool:
    return (
        isinstance(answer, Detection)
        and isinstance(answer.project_type, str)
        and visible(answer.project_type) == answer.project_type
        and answer.root == folder
        and isinstance(answer.confidence, int | float)
        and 0 <= answer.confidence <= 1
        and all(isinstance(each, str) for each in answer.evidence)
    )


class Parts(Struct, frozen=True):
    """The projects inside of one.

    :param complete: whether no folder was left out because there are too many
    """

    detections: tuple[Detection, ...]
    complete: bool


def parts(ctx: HostContext, root: Path) -> Parts:
    """Look for projects below a root, in a bounded number of folders; never in what tools have made."""
    found: list[Detection] = []
    walk = _below(root)
    for folder in itertools.islice(walk, FOLDERS):
        found.extend(each for each in detect(ctx, folder)[:1] if each.confidence >= SURE)
    return Parts(tuple(found), next(walk, None) is None)


def _below(root: Path) -> Iterator[Path]:
    """Yield the folders below a root, level by level."""
    waiting = deque([(root, 0)])
    while waiting:
        here, level = waiting.popleft()
        for each in _folders(here):
            yield each
            if level + 1 < DEPTH:
                waiting.append((each, level + 1))


def _folders(folder: Path) -> Iterable[Path]:
    names = [each.name for each in entries(folder, ENTRIES) if each.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(names) if not is_made(name)]
