"""What does this run know of the project that the user works in?"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ollm.api import Notice, OllmError, ProjectProfile, SettingsLayer
from ollm_plugins.project import inforce
from ollm_plugins.project.beside import beside_root
from ollm_plugins.project.plugin import Projects
from ollm_plugins.project.reading import FOLDER, written

if TYPE_CHECKING:
    from pathlib import Path

    from ollm.api import HostContext, ServiceFinder
    from ollm_plugins.project.trust import Trust


class KnownProjects:
    """The project of the working folder, looked at when settings are put together, and not in each turn."""

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self._now: inforce.InForce | None = None
        self._told: set[str] = set()
        self._folder: Path | None = None
        self.is_interactive = False

    @cached_property
    def trust(self) -> Trust:
        """What the user trusts; asked for only where there is a file."""
        from ollm_plugins.project.trust import Trust

        return Trust(self._host)

    @property
    def now(self) -> inforce.InForce:
        """What holds now."""
        if self._now is None:
            self._now = inforce.look(self._host, lambda: self.trust)
        return self._now

    @property
    def in_turns(self) -> inforce.InForce:
        """What turns get.

        A guess suits a conversation at the terminal, where it is said and seen; the answer to a script must not depend on
        what lies around it.
        """
        return self.now if self.is_interactive else self.now.without_guess()

    def layers(self) -> list[SettingsLayer]:
        """Look anew, and return the settings that the project gives; said at once when the user has gone elsewhere."""
        moved = self._folder not in (None, self._host.workspace)
        if self._folder != self._host.workspace:
            self._told.clear()
        self._folder = self._host.workspace
        self._now = None
        found = self.now.layers(self._host)
        if moved:
            self.announce()
        return found

    def profiles(self) -> list[ProjectProfile]:
        """Return the profiles that come with ollm."""
        from ollm_plugins.project.profiles import built_in

        return built_in()

    def folder(self) -> Path | None:
        """Return the project's folder of ollm's files, if the user trusts the project."""
        root = self._root()
        return root / FOLDER if root is not None and self._trusts(root) else None

    def distrusted(self) -> Path | None:
        """Return that folder if the user does not trust the project."""
        root = self._root()
        return root / FOLDER if root is not None and not self._trusts(root) else None

    def _root(self) -> Path | None:
        """Return the folder whose `.ollm` is the project's; without a file of its own it may have others."""
        return self.now.root if self.now.state != "none" else beside_root(self._host, self.now.found)

    def _trusts(self, root: Path) -> bool:
        """Whether the user trusts a project, as far as its file says what holds in it."""
        return self.now.state == "trusted" or (self.now.state == "none" and self.trust.of(root) is not None)

    def agreed(self, file: Path, text: str) -> bool:
        """Say whether the user has agreed to a file of the project with this content."""
        root = self._root()
        if root is None or not file.is_relative_to(root):
            return False
        return self.trust.trusts(root, written(root, file, text))

    def agree(self, file: Path, text: str) -> None:
        """Note that the user has written this content themselves.

        :raises OllmError: it cannot be noted
        """
        if (root := self._root()) is not None:
            self.trust.add(root, written(root, file, text))

    def announce(self) -> None:
        """Tell the user what holds here, and what does not, once."""
        for remark in self.in_turns.remarks:
            self.tell_once("project", remark)

    def tell_once(self, code: str, text: str) -> None:
        """Tell the user something once in this folder."""
        if text not in self._told:
            self._told.add(text)
            self._host.notify(Notice(code, text))

    def is_told(self) -> None:
        """Note that a command has said what holds now."""
        self._told.update(self.now.remarks)


def of_host(host: HostContext) -> KnownProjects:
    """Return what is known of projects, for those who ask for it by another Protocol."""
    return known(host.services)


def known(services: ServiceFinder) -> KnownProjects:
    """Return what is known of projects.

    :raises OllmError: the room's own service is not there
    """
    found = services.find(Projects)
    if not isinstance(found, KnownProjects):
        raise OllmError("What holds in this project is not known", "Run `ollm plugins doctor`.")
    return found
