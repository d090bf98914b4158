"""What is kept of conversations? The service behind `ConversationRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ollm.api import AuditedCall, ConversationRecords, HostContext, Message, Notice, OllmError
from ollm_plugins.sessions.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection
    from typing import TypeVar

    from ollm_plugins.sessions.database import Database
    from ollm_plugins.sessions.kept import KeptTurn

    T = TypeVar("T")
    U = TypeVar("U")


def path_in(home: Path) -> Path:
    """Return the file in which conversations are kept."""
    return home / "sessions.db"


class Sessions:
    """Keeps conversations."""

    def __init__(self, host: HostContext) -> None:
        self.recorder = Recorder(host, path_in(host.paths.home))
        self._host = host

    def read(self, work: Callable[[Connection], T], nothing: U) -> T | U:
        """Read, after all that was heard has been written.

        :param nothing: returned when nothing was ever kept
        :raises OllmError: it cannot be read
        """
        self.recorder.flush()
        with closing(self._database()) as database:  # the last one who closes it leaves a single file
            return database.read(work, nothing)

    def change(self, work: Callable[[Connection], T], *, wipe: bool = False) -> T:
        """Change something, all of it or nothing.

        :param wipe: what is deleted is overwritten
        :raises OllmError: it cannot be written
        """
        self.recorder.flush()
        with closing(self._database()) as database:
            return database.change(work, wipe=wipe)

    @property
    def keeps(self) -> bool:
        """Whether the user wants kept what is said now."""
        return self.recorder.keeps

    def load(self, session: str) -> list[Message]:
        """Return a conversation that is about to be gone on with, as far as it can be read.

        :raises OllmError: it cannot be read
        """
        from ollm_plugins.sessions.reading import Loaded, loaded, loaded_and_numbered
        from ollm_plugins.sessions.saving import Seen

        found = self.read(lambda connection: loaded(connection, session), Loaded([], Seen()))
        if found.moved and self.recorder.keeps:
            with suppress(OllmError):  # that nothing can be written is said by who writes
                found = self.change(lambda connection: loaded_and_numbered(connection, session))
        self._tell(found.lost)
        self.recorder.know(session, found.seen)
        return found.messages

    def turns(self, session: str, *, last: int = -1, gone: bool = False) -> list[KeptTurn]:
        """Return the turns of a session in their order, as far as they can be read.

        :param last: only so many at the end; -1 for all
        :param gone: also those that were taken back
        :raises OllmError: the file cannot be read
        """
        from ollm_plugins.sessions.reading import turns

        nothing: tuple[list[KeptTurn], int] = ([], 0)
        found, lost = self.read(lambda connection: turns(connection, session, last=last, gone=gone), nothing)
        self._tell(lost)
        return found

    def tool_calls(self, *, conversation: str = "", tool: str = "", limit: int = 100) -> Sequence[AuditedCall]:
        """Return tool calls, the latest first.

        :raises OllmError: the records cannot be read
        """
        from ollm_plugins.sessions.reading import tool_calls

        where = self.recorder.where(conversation)
        nothing: tuple[list[AuditedCall], int] = ([], 0)
        found, lost = self.read(lambda connection: tool_calls(connection, where, tool, limit), nothing)
        self._tell(lost)
        return found

    def _tell(self, lost: int) -> None:
        """Say how much was left out."""
        if lost:
            what = "One record of what was kept is" if lost == 1 else f"{lost} records of what was kept are"
            self._host.notify(Notice("session-unreadable", f"{what} unreadable and left out; the rest is whole."))

    def note(self, conversation: str, name: str, document: Any) -> None:
        """Keep something with a conversation; None removes it."""
        from ollm_plugins.sessions.kept import encoded

        self.recorder.note(conversation, name, None if document is None else encoded(document))

    def noted(self, conversation: str, name: str) -> Any:
        """Return what was kept under a name; None if nothing was.

        :raises OllmError: the records cannot be read
        """
        from ollm_plugins.sessions.kept import decoded

        place = (self.recorder.where(conversation), name)
        wanted = "SELECT document FROM notes WHERE session=? AND name=?"
        row = self.read(lambda connection: connection.execute(wanted, place).fetchone(), None)
        return decoded(row[0]) if row else None

    def _database(self) -> Database:
        from ollm_plugins.sessions.database import Database

        return Database(path_in(self._host.paths.home), self._host.notify)

    async def aclose(self) -> None:
        """Write what is left."""
        self.recorder.close()


def sessions_of(host: HostContext) -> Sessions:
    """Return the room's own service.

    :raises OllmError: another plugin's is in its place
    """
    found = host.services.find(ConversationRecords)
    if not isinstance(found, Sessions):
        raise OllmError("Another plugin keeps conversations in the place of this one", "Disable one of the two.")
    return found
