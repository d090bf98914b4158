"""Which templates are there, and which is meant by a name?

Nearer ones hide others of the same name: those of a trusted project, the user's, those of plugins, those that come with
ollm. A file that cannot be used hides others as well, so that nobody gets a text that they did not mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ollm.api import (
    ContributedTemplates,
    FilledTemplate,
    Notice,
    OllmError,
    PromptTemplates,
    ServiceFinder,
    TemplateVariable,
    UsageError,
    nearest,
    replace,
    visible,
)
from ollm_plugins.templates.ofproject import FOLDER, OfProject
from ollm_plugins.templates.options import option_mistakes
from ollm_plugins.templates.reading import FILE_NAME, MAX_NAME, Broken, content, understood
from ollm_plugins.templates.template import Known, Origin, whose
from ollm_plugins.templates.text import NAME

if TYPE_CHECKING:
    from ollm.api import App, HostContext, SettingsReader, Template

ENDINGS = (".yaml", ".yml")
MAX_FILES = 1000
"""Files of a folder that are looked at, at most."""


class Listed(Struct, frozen=True):
    """One line of a list of templates.

    :param known: None for a file that cannot be used
    :param problem: why it cannot be used; empty for one that can
    :param hides: those of the same name that it stands before
    :param by: the plugin's name, or empty
    """

    name: str
    origin: Origin
    known: Known | None
    path: Path | None = None
    problem: str = ""
    hides: tuple[Listed, ...] = ()
    by: str = ""

    @property
    def whose(self) -> str:
        """Whose it is, for people."""
        return whose(self.origin, self.by)


class Library:
    """All templates; files are read when they are asked for.

    :ivar project: what may be used of the project's
    """

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self.project = OfProject(host.services)
        self._read_before: dict[Path, tuple[tuple[int, int, int], Known]] = {}

    @property
    def own_folder(self) -> Path:
        """Where the user's templates stand."""
        return self._host.paths.home / FOLDER

    def _folders(self) -> Iterator[tuple[Origin, Path]]:
        """Yield the folders of files, the nearest first."""
        project = self.project.folder
        if project is not None and os.path.realpath(project) != os.path.realpath(self.own_folder):
            yield "project", project
        yield "user", self.own_folder

    def find(self, name: str) -> Known:
        """Return the template that is meant by a name.

        :raises UsageError: there is none, or the name is none
        :raises Broken: its file cannot be used
        """
        found_file = self.file_of(name)
        if found_file is not None:
            origin, folder, path = found_file
            return self._read(folder, path, origin)
        found = next((each for each in self._without_files() if each.name == name), None)
        if found is None:
            return self._by_own_name(name)
        if found.known is None:
            raise Broken((found.problem,))
        return found.known

    def file_of(self, name: str) -> tuple[Origin, Path, Path] | None:
        """Return the file of a name, with its folder, whether it can be used or not; None where there is none.

        :raises UsageError: the name is none
        """
        if not FILE_NAME.fullmatch(name):
            raise UsageError(
                f"'{visible(name)}' is no name of a template", f"Take letters, digits and _ . -, up to {MAX_NAME}."
            )
        for origin, folder in self._folders():
            for path in (folder / f"{name}{ending}" for ending in ENDINGS):
                if os.path.lexists(path):
                    return origin, folder, path
        return None

    def _by_own_name(self, name: str) -> Known:
        """Return the file's template that calls itself so.

        :raises UsageError: there is none
        """
        everything = self.everything()
        for each in everything:
            if each.known is not None and each.known.own_name == name:
                return each.known
        near = nearest(name, [each.name for each in everything])
        remedy = self.project.left_out or "`ollm template list` lists them."
        raise UsageError(f"There is no template '{visible(name)}'{near}", remedy)

    def everything(self, beginning: str = "") -> list[Listed]:
        """List all templates by name, those that cannot be used among them.

        :param beginning: of the names that are wanted; no other file is read
        """
        found: dict[str, Listed] = {}
        hidden: dict[str, list[Listed]] = {}
        for each in self._all(beginning):
            if each.name in found:
                hidden.setdefault(each.name, []).append(each)
            else:
                found[each.name] = each
        made = (replace(each, hides=tuple(hidden.get(name, ()))) for name, each in found.items())
        return sorted(made, key=lambda each: each.name)

    def _all(self, beginning: str) -> Iterator[Listed]:
        """Yield all whose names begin so, the nearest first."""
        for origin, folder in self._folders():
            for path in self._files(folder):
                if path.name.startswith(beginning):
                    yield self._listed(folder, path, origin)
        yield from (each for each in self._without_files() if each.name.startswith(beginning))

    def _files(self, folder: Path) -> list[Path]:
        """List the files of a folder that could be templates; none where there is no folder."""
        try:
            with os.scandir(folder) as entries:
                names = [each.name for each in islice(entries, MAX_FILES)]
                if next(entries, None) is not None:
                    text = f"{folder} holds more than {MAX_FILES} files; not all are looked at."
                    self._host.notify(Notice("templates-left-out", text))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._host.notify(Notice("templates-left-out", f"{folder} cannot be read: {error.strerror}."))
            return []
        return [folder / name for name in sorted(names) if name.endswith(ENDINGS) and not name.startswith(".")]

    def _listed(self, folder: Path, path: Path, origin: Origin) -> Listed:
        try:
            return Listed(path.stem, origin, self._read(folder, path, origin), path)
        except Broken as error:
            return Listed(path.stem, origin, None, path, error.problem)

    def _read(self, folder: Path, path: Path, origin: Origin) -> Known:
        """Read a file of a folder.

        :raises Broken: it cannot be used
        """
        check_place(folder, path, origin)
        return self._kept(path, origin)

    def _kept(self, path: Path, origin: Origin) -> Known:
        """Read a file, unless it has not changed since it was read."""
        try:
            now = path.stat()
            mark = (now.st_ino, now.st_mtime_ns, now.st_size)
        except (OSError, ValueError):
            return self._understood(path, origin)
        before = self._read_before.get(path)
        if before is None or before[0] != mark:
            before = self._read_before[path] = (mark, self._understood(path, origin))
        elif origin == "project":
            self.project.check(path, before[1].source)
        return before[1]

    def _understood(self, path: Path, origin: Origin) -> Known:
        """Read a file; one of a project is understood only if the user has agreed to what it holds.

        :raises Broken: it cannot be used
        """
        text = content(path)
        if origin == "project":
            self.project.check(path, text)
        return understood(path, text, path.stem, origin, self._host.settings)

    def _without_files(self) -> Iterator[Listed]:
        """Yield what plugins have, then what comes with ollm."""
        contributed = self._host.services.find(ContributedTemplates)
        for owned in contributed.templates() if contributed is not None else ():
            known = Known(owned.item, "plugin", bool(owned.item.variables), by=owned.record.name)
            mistake = _mistake(owned.item, self._host.settings)
            problem = f"plugin {owned.record.name}: {mistake}" if mistake else ""
            yield Listed(known.name, "plugin", None if mistake else known, problem=problem, by=known.by)
        from ollm_plugins.templates.shipped import SHIPPED

        for template in SHIPPED:
            yield Listed(template.name, "ollm", Known(template, "ollm"))

    def fill(self, name: str, values: Mapping[str, str]) -> FilledTemplate:
        """Put values into a template's variables.

        :raises UsageError: there is no such template, or a variable that it needs has no value
        """
        from ollm_plugins.templates.wishes import made

        return made(self._host, self.find(name), values)

    def fill_with(self, name: str, words: Sequence[str], text: str = "", asking: App | None = None) -> FilledTemplate:
        """Put values into a template's variables that are given as on the command line.

        :raises UsageError: there is no such template, values are missing and nobody can be asked, a word has another form,
            or the prompt is empty
        :raises KeyboardInterrupt: the user was asked and pressed Ctrl-C
        """
        from ollm_plugins.templates.values import below, with_text
        from ollm_plugins.templates.wishes import made

        known = self.find(name)
        values, rest = with_text(known, words, text)
        lacking = known.lacks(values)
        if lacking and asking is None:
            raise known.missing(lacking, "--var ")
        if lacking and asking is not None:
            from ollm_plugins.templates.asking import ask

            values |= ask(asking, known, lacking, "--var ")
        filled = made(self._host, known, values, rest)
        return replace(filled, prompt=known.not_empty(below(filled.prompt, rest)))


def check_place(folder: Path, path: Path, origin: Origin) -> None:
    """:raises Broken: a file of a folder is a link that leads out of it"""
    home = os.path.realpath(folder if origin == "user" else folder.parent)
    if os.path.commonpath((home, os.path.realpath(path))) != home:
        raise Broken((f"{visible(str(path))}: is a link that leads out of its folder",))


def _mistake(template: Template, settings: SettingsReader) -> str:
    """Say what is wrong with a plugin's template; nothing if it can be used."""
    variables = template.variables
    if not all(isinstance(each, TemplateVariable) and NAME.fullmatch(each.name) for each in variables):
        return "a variable has no name that one can have"
    if template.schema is not None:
        if not isinstance(template.schema, Mapping):
            return "its schema is no object"
        from ollm_plugins.templates.schema import slips

        for key, slip in slips(template.schema):
            return f"its schema: {'.'.join(key)}: {slip}"
    return next((mistake for _, mistake in option_mistakes(settings, template.options)), "")


def library(services: ServiceFinder) -> Library:
    """Return the room's own service.

    :raises OllmError: another plugin has taken its place, or it could not be made
    """
    found = services.find(PromptTemplates)
    if not isinstance(found, Library):
        raise OllmError("The templates cannot be reached", "Run `ollm plugins doctor`.")
    return found
