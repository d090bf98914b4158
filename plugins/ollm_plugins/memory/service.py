"""What is remembered here and now? The service behind `MemoryService`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ollm.api import (
    HostContext,
    MemoryCategory,
    MemoryEntry,
    MemoryService,
    MemorySource,
    Notice,
    OllmError,
    TokenCounter,
    TurnContext,
    UsageError,
    replace,
)
from ollm_plugins.memory.addition import Addition, choose
from ollm_plugins.memory.changes import Change, put, remove, take_back
from ollm_plugins.memory.entries import SCOPES, Place, clean_key, clean_value, now, place_of, scope_named
from ollm_plugins.memory.ranking import Index
from ollm_plugins.memory.scopes import project_of
from ollm_plugins.memory.settings import MemorySettings
from ollm_plugins.memory.store import PATIENCE, Content, Store

T = TypeVar("T")
Work = Callable[[dict[Place, MemoryEntry], list[Change]], T]

BYTES_A_TOKEN = 2
"""Where nobody counts tokens: fewer than any tokenizer needs for text in Latin script, so that no budget is exceeded."""


class Memories:
    """What is remembered everywhere, in this project, and in this run."""

    def __init__(self, host: HostContext) -> None:
        self.store = Store(host.paths.home, host.notify)
        self.last: Addition | None = None
        self.says_left_out = False
        self._noting: tuple[str, list[str]] = ("", [])
        self._host = host
        self._session: dict[Place, MemoryEntry] = {}
        self._session_changes: list[Change] = []
        self._index = Index(())
        self._indexed: tuple[Content, str, tuple[MemoryEntry, ...]] | None = None

    @property
    def project(self) -> str:
        """The real path of the project that the user works in just now."""
        return project_of(self._host.workspace)

    def remember(
        self,
        key: str,
        value: str,
        *,
        category: MemoryCategory | None = None,
        scope: str = "global",
        source: MemorySource = "user",
        patience: float = PATIENCE,
    ) -> MemoryEntry:
        """Add an entry, or change the one that has this key in this scope.

        :param patience: seconds to wait for other processes that write
        :raises UsageError: key, value or scope cannot be, or a model wants to change what is not its own
        :raises OllmError: it could not be written; what was remembered is unchanged
        """
        key, value = clean_key(key), clean_value(value)
        project = self.project
        place = (scope_named(scope), project if scope == "project" else "", key)
        elsewhere = self.here() if scope == "session" else list(self._session.values())

        def work(entries: dict[Place, MemoryEntry], changes: list[Change]) -> MemoryEntry:
            former = entries.get(place)
            if source == "llm":
                _refuse_others(key, (*entries.values(), *elsewhere), project)
            kind = category or (former.category if former else "fact")
            moment = now()
            if former is not None and (former.value, former.category) == (value, kind):
                return former
            made = MemoryEntry(key, value, kind, moment, moment, 0, source, place[0], place[1])
            if former is not None:
                made = replace(made, created_at=former.created_at, access_count=former.access_count)
            changes.append(put(entries, [made], "edit" if former else "add", source))
            return made

        return self._change(scope, work, patience)

    def recall(self, key: str) -> MemoryEntry | None:
        """Return the entry that holds here under a key, and count that it was used; case matters only where it must."""
        found = self.find(key)
        if found is None:
            return None
        place = place_of(found)

        def work(entries: dict[Place, MemoryEntry], _: list[Change]) -> MemoryEntry | None:
            there = entries.get(place)
            if there is not None:
                entries[place] = there = replace(there, access_count=there.access_count + 1)
            return there

        try:
            return self._change(found.scope, work, PATIENCE) or found
        except OllmError as error:
            self._host.notify(Notice("memory-not-counted", f"That '{found.key}' was used is not counted: {error}"))
            return found

    def search(self, query: str) -> Sequence[MemoryEntry]:
        """List the entries that hold here and fit a query, the best first; slips of spelling are tolerated."""
        return self.index().search(query)

    def forget(
        self, key: str, *, scope: str | None = None, source: MemorySource = "user", patience: float = PATIENCE
    ) -> MemoryEntry | None:
        """Remove an entry and return it; None when there is none.

        :param scope: None: the narrowest in which the key is known here
        :raises UsageError: a model wants to remove what is not its own
        :raises OllmError: it could not be written; what was remembered is unchanged
        """
        found = self.find(key, scope)
        if found is None:
            return None
        place = place_of(found)

        def work(entries: dict[Place, MemoryEntry], changes: list[Change]) -> MemoryEntry | None:
            there = entries.get(place)
            if there is None:
                return None
            if source == "llm" and there.source != "llm":
                raise _not_its_own(there)
            changes.append(remove(entries, [place], "forget", source))
            return there

        return self._change(found.scope, work, patience)

    def list_all(self) -> Sequence[MemoryEntry]:
        """List the entries that hold here, in the order in which they were added."""
        return self.index().entries

    async def system_prompt_addition(self, turn: TurnContext) -> str:
        """Return what a turn's system prompt gets, and keep what was chosen; see `last`."""
        settings = self._host.settings.section(MemorySettings)
        self.last = await self.addition(turn) if settings.enabled else None
        return self.last.text if self.last else ""

    async def addition(self, turn: TurnContext) -> Addition:
        """Choose what goes into a turn's prompt.

        :raises OllmError: what is remembered cannot be read
        """
        counter = self._host.services.find(TokenCounter)

        async def count(text: str) -> int:
            if counter is None:
                return -(-len(text.encode()) // BYTES_A_TOKEN)
            return (await counter.count(text, turn.model, turn.provider)).tokens

        budget = self._host.settings.section(MemorySettings).token_budget
        return await choose(self.index(), turn.prompt, budget, count)

    def here(self) -> list[MemoryEntry]:
        """List all entries of the three scopes, those that are hidden by a narrower one included."""
        project = self.project
        kept = self.store.read().entries.values()
        return [each for each in (*kept, *self._session.values()) if each.project in ("", project)]

    def everything(self) -> list[MemoryEntry]:
        """List all entries, those of other projects included."""
        return [*self.store.read().entries.values(), *self._session.values()]

    def index(self) -> Index:
        """Return the entries that hold here, with their words; made anew only when something has changed."""
        state = (self.store.read(), self.project, tuple(self._session.values()))
        if self._indexed is None or self._indexed[0] is not state[0] or self._indexed[1:] != state[1:]:
            self._indexed = state
            here = self.here()
            narrowest = {each.key: each for scope in SCOPES for each in here if each.scope == scope}
            self._index = Index(sorted(narrowest.values(), key=lambda each: each.created_at))
        return self._index

    def find(self, key: str, scope: str | None = None) -> MemoryEntry | None:
        """Return the entry under a key in a scope, or in the narrowest; written otherwise only if nothing else fits."""
        there = [each for each in self.here() if scope in (None, each.scope)]
        there.sort(key=lambda each: -SCOPES.index(each.scope))
        wanted = clean_key(key)
        same = [each for each in there if each.key == wanted]
        alike = {each.key for each in there if each.key.casefold() == wanted.casefold()}
        if not same and len(alike) == 1:
            same = [each for each in there if each.key in alike]
        return same[0] if same else None

    def may_note(self, turn: str, call: str, most: int) -> bool:
        """Whether a model may change something by a call: it is among the first of its turn, however often asked.

        :param call: its id, which no other call has, whatever a server says
        """
        if self._noting[0] != turn:
            self._noting = (turn, [])
        calls = self._noting[1]
        if call not in calls and len(calls) < most:
            calls.append(call)
        return call in calls

    def clear(self, fits: Callable[[MemoryEntry], bool], *, for_good: bool = False) -> int:
        """Remove all entries that fit and return how many they were.

        :param for_good: nothing of what is kept for `undo` stays either
        """

        def work(entries: dict[Place, MemoryEntry], changes: list[Change]) -> int:
            places = [place for place, each in entries.items() if fits(each)]
            if places:
                changes.append(remove(entries, places, "clear", "user"))
            if for_good:
                changes.clear()
            return len(places)

        return self.store.change(work) + work(self._session, self._session_changes)

    def take_in(self, new: Sequence[MemoryEntry], *, replacing: bool) -> int:
        """Add entries that were exported and return how many they were.

        :param replacing: whether they take the place of what is there already
        """

        def work(entries: dict[Place, MemoryEntry], changes: list[Change]) -> int:
            wanted = [each for each in new if replacing or place_of(each) not in entries]
            if wanted:
                changes.append(put(entries, wanted, "import", "user"))
            return len(wanted)

        return self.store.change(work)

    def undo(self) -> Change | None:
        """Take back the last change that concerns what holds here, and return it; None when there is none."""
        project = self.project

        def concerns(change: Change) -> bool:
            return any(place[1] in ("", project) for place in change.places())

        def last(changes: Iterable[Change]) -> str:
            return max((each.at for each in changes if concerns(each)), default="")

        def work(entries: dict[Place, MemoryEntry], changes: list[Change]) -> Change | None:
            number = next((n for n in reversed(range(len(changes))) if concerns(changes[n])), None)
            if number is None:
                return None
            change = changes.pop(number)
            later = {place for each in changes[number:] for place in each.places()}
            take_back(entries, change.without(later))
            return change

        if last(self._session_changes) > last(self.store.read().changes):
            return work(self._session, self._session_changes)
        return self.store.change(work)

    def _change(self, scope: str, work: Work[T], patience: float) -> T:
        if scope == "session":
            return work(self._session, self._session_changes)
        return self.store.change(work, patience)


def _refuse_others(key: str, entries: Iterable[MemoryEntry], project: str) -> None:
    """Keep a model from changing, or hiding by a narrower scope, what is not its own.

    :raises UsageError: it is about to
    """
    for each in entries:
        if each.key.casefold() == key.casefold() and each.project in ("", project) and each.source != "llm":
            raise _not_its_own(each)


def _not_its_own(entry: MemoryEntry) -> UsageError:
    problem = f"'{entry.key}' was not noted by a model, so that a model cannot change it"
    return UsageError(problem, f"The user can: `/memory edit` or `/memory forget`, with {entry.key!r}.")


def memories(host: HostContext) -> Memories:
    """Return the room's own service.

    :raises OllmError: another plugin's is in its place
    """
    found = host.services.find(MemoryService)
    if not isinstance(found, Memories):
        raise OllmError("Another plugin remembers in the place of this one", "Disable one of the two.")
    return found
