"""How is a change of a tool taken back?

Only when the file is still what the change made of it, unless the user insists. Taking back is a change as well: it is
kept, so that it can be taken back itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ollm.api import OllmError, UsageError
from ollm_plugins.files.agreement import content_of, digest
from ollm_plugins.files.journal import Entry, Journal
from ollm_plugins.files.opening import Missing, Snapshot, snapshot
from ollm_plugins.files.places import Place, shown
from ollm_plugins.files.writing import remove_file, replace_file

WHOLE = 1 << 40
"""Bytes: what was changed once can be taken back, however large it has become."""


class Step(Struct, frozen=True):
    """What is to be done to one file.

    :param entries: the changes that are taken back by it, the earliest first
    :param seen: the file as it is
    :param former: what it is to hold; None: it is removed
    :param already: whether it holds that, so that nothing is to be done but to note it
    """

    entries: tuple[Entry, ...]
    place: Place
    seen: Snapshot | None
    former: bytes | None = None
    already: bool = False


def place_of(entry: Entry) -> Place:
    """Return where a change was made."""
    return Place(Path(entry.root), entry.parts)


def present(entry: Entry) -> Snapshot | None:
    """Return a file as it is now; None if there is none, or not even its folder.

    :raises OllmError: it cannot be read
    """
    try:
        return snapshot(place_of(entry), WHOLE)
    except Missing:
        return None


def take_back(journal: Journal, wanted: Sequence[Entry], *, force: bool) -> list[Step]:
    """Take changes back, all or none; return what was done to each file.

    :param wanted: changes of any files
    :param force: also where a file was changed since
    :raises OllmError: a file was changed since, or cannot be written; then those that were written are put back
    """
    with journal.locked():
        now = {each.id: each for each in journal.entries()}
        entries = [now[each.id] for each in wanted if each.id in now]
        paths = dict.fromkeys(each.path for each in entries)
        steps = [_step(journal, [each for each in entries if each.path == path], force=force) for path in paths]
        done: list[tuple[Step, Entry]] = []
        try:
            done.extend((step, _do(journal, step)) for step in steps if not step.already)
            _mark(journal, entries)
        except BaseException as error:
            left = [shown(step.place.path) for step, entry in reversed(done) if not _put_back(journal, step, entry)]
            if left:
                problem = f"{str(error) or type(error).__name__}; {', '.join(left)} could not be put back"
                raise OllmError(problem, "`files changes` lists what was done.") from error
            raise
    return steps


def _step(journal: Journal, entries: list[Entry], *, force: bool) -> Step:
    """Work out how changes of one file are taken back.

    :raises OllmError: it was changed since, or what it held is no longer kept
    """
    entries.sort(key=lambda each: each.id)
    first, last = entries[0], entries[-1]
    gone = [each.id for each in entries if each.undone]
    if gone and not force:
        raise UsageError(f"Change {gone[0]} was taken back already", "`ollm files changes` lists what can be.")
    seen = present(last)
    found = digest(content_of(seen))
    if found == first.before:
        return Step(tuple(entries), place_of(first), seen, already=True)
    if found != last.after and not force:
        later = [each.id for each in journal.entries() if each.path == last.path and each.after == found]
        by = f"by change {later[-1]}" if later else "by somebody else"
        problem = f"{shown(last.path)} was changed after change {last.id}, {by}"
        raise OllmError(problem, "`--force` replaces it all the same; what is replaced is kept as a change.")
    return Step(tuple(entries), place_of(first), seen, journal.former(first))


def _do(journal: Journal, step: Step) -> Entry:
    """Take changes of one file back, and keep that as a change, which is returned."""
    first, last = step.entries[0], step.entries[-1]
    seen, former = content_of(step.seen), step.former
    back = Entry(0, "", first.root, first.parts, "undo", undoes=last.id, before=digest(seen), after=digest(former))
    mode = step.seen.state.st_mode & 0o777 if step.seen is not None else 0
    entry = journal.add(replace(back, mode=mode, added=last.removed, removed=last.added), seen)
    try:
        if former is not None:
            replace_file(step.place, former, step.seen, first.mode)
        elif step.seen is not None:
            remove_file(step.place, step.seen, tuple(map(Path, first.made)))
    except BaseException:
        journal.drop(entry)
        raise
    return entry


def _put_back(journal: Journal, step: Step, entry: Entry) -> bool:
    """Give a file what it held before its changes were taken back; say whether that was possible."""
    try:
        now = present(entry)
        if digest(content_of(now)) != entry.after:
            return False
        if step.seen is not None:
            replace_file(step.place, step.seen.data, now, entry.mode)
        elif now is not None:
            remove_file(step.place, now)
        journal.drop(entry)
    except OllmError:
        return False
    return True


def _mark(journal: Journal, entries: Sequence[Entry]) -> None:
    """Note what was taken back; who takes back a taking back, makes the change that it undid hold again."""
    again = {each.undoes for each in entries if each.undoes}
    restored = [replace(each, undone=False) for each in journal.entries() if each.id in again]
    journal.change(*restored, *(replace(each, undone=True) for each in entries))
