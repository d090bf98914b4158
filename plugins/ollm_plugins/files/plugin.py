"""What does the room `files` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

from typing import Any

import ollm.api as kinds
from ollm.api import Command, Specs, Tool, hookimpl

_AT = "ollm_plugins.files"
_COMMANDS: tuple[tuple[Any, ...], ...] = (
    ("changes", "List what tools have changed here, the latest first.", (), ("files changes", "files changes --json")),
    ("diff", "Show what a change did.", (), ("files diff", "files diff 12")),
    ("undo", "Take a change of a tool back.", ("undo-file",), ("files undo", "files undo 12", "files undo --turn")),
)


class Plugin(Specs):
    """Lets models read, search and change the files of the workspace, and the user take changes back."""

    ollm_settings_sections = hookimpl(
        lambda self, paths: [kinds.SettingsSection("tools.files", f"{_AT}.settings:FilesSettings")]
    )

    @hookimpl
    def ollm_tools(self, ctx: kinds.HostContext) -> list[Tool]:
        """Hand in the tools."""
        return [
            Tool(name, text, parameters, f"{_AT}.{run}", risk, f"{_AT}.{preview}")
            for name, text, parameters, run, preview, risk in _TOOLS
        ]

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        """Hand in the commands."""
        group = kinds.CommandGroup("files", "See and take back what tools have changed.")
        made = [Command(f"files {name}", text, f"{_AT}.commands:{name}", *more) for name, text, *more in _COMMANDS]
        return [group, *made]


def _object(*needed: str, **more: tuple[str, str]) -> dict[str, object]:
    """Return a JSON Schema: texts that are needed, and what may come with them, each with its type and description."""
    parts = {name: {"type": kind, "description": text} for name, (kind, text) in more.items()}
    return {"type": "object", "properties": {**dict.fromkeys(needed, _STRING), **parts}, "required": list(needed)}


_STRING = {"type": "string"}
_READ = "Read a text file. Returns numbered lines. Paths are relative to the workspace."
_GLOB = 'List files by a pattern such as "*.py" or "src/**/*.ts", the latest changed first; "/*" for one folder only.'
_GREP = "Search in files with a regular expression. Returns the matching lines with their numbers."
_WRITE = "Write a whole text file: makes a new one, or replaces all that is in it. To change a part, use edit_file."
_EDIT = """Change a part of a text file: `old` is replaced by `new`. Copy `old` exactly from the file, without the line
numbers; it must stand there only once, so take enough lines. `all` replaces it everywhere."""
_RANGE = {"offset": ("integer", "First line, from 1"), "limit": ("integer", "How many lines; 200 if not given")}
_WHERE = {"path": ("string", "Folder to look in; the workspace if not given")}
_LIKE = {
    "path": ("string", "Folder or file to search; the workspace if not given"),
    "glob": ("string", 'Only in files like this, such as "*.py"'),
    "ignoreCase": ("boolean", "Take A for a"),
}
_ALL = {"all": ("boolean", "Replace it everywhere")}
_TOOLS: list[tuple[str, str, dict[str, object], str, str, Any]] = [
    ("read_file", _READ, _object("path", **_RANGE), "reading:run", "reading:preview", "read"),
    ("glob", _GLOB, _object("pattern", **_WHERE), "finding:glob", "finding:to_glob", "read"),
    ("grep", _GREP, _object("pattern", **_LIKE), "finding:grep", "finding:to_grep", "read"),
    ("write_file", _WRITE, _object("path", "content"), "tools:write", "tools:to_write", "write"),
    ("edit_file", _EDIT, _object("path", "old", "new", **_ALL), "tools:edit", "tools:to_edit", "write"),
]
