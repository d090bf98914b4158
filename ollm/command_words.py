"""In which words is a command told of, and one that there is none of refused?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from ollm.command_tree import Node
from ollm.errors import UsageError
from ollm.settings_check import nearest

_NARROW = 52
"""Columns below which the parser would write beyond the terminal: its help takes 50 at least."""
_NARROWEST = 20
_ROLES = re.compile(r"^:\w+", re.MULTILINE)


def for_users(docstring: str) -> str:
    """Return a docstring without what it says to programmers, such as ":raises OllmError: …"."""
    return _ROLES.split(docstring)[0]


def name_alike(params: Sequence[Any]) -> None:
    """Name parameters in one way: arguments in capitals, numbers by their kind."""
    for each in params:
        if each.metavar is not None:
            continue
        if each.param_type_name == "argument":
            each.metavar = each.name.upper() + ("" if each.nargs == 1 else "…")
        elif each.type.name.endswith(" range"):
            each.metavar = f"<{each.type.name.removesuffix(' range')}>"


def measure() -> dict[str, int]:
    """Return for how wide a terminal help is to be written, where that is narrower than the parser goes by itself."""
    columns = shutil.get_terminal_size().columns
    return {"terminal_width": max(columns - 1, _NARROWEST)} if columns < _NARROW else {}


def where(path: str, *, is_root: bool) -> str:
    """Return what stands before a refusal."""
    return "" if is_root else f"{path}: "


def refuse(node: Node, name: str, path: str, is_elsewhere: Callable[[str], bool] | None) -> None:
    """Refuse a command that there is none of under a node, if it can be told what was meant.

    :param path: the node, as it is typed
    :param is_elsewhere: whether the REPL has a command of a name; None if the node is not the root
    :raises UsageError: with the nearest name, or how to go about it
    """
    problem = f"{where(path, is_root=is_elsewhere is not None)}no such command '{name}'"
    if near := nearest(name, [each for each, child in node.children.items() if child.is_mounted]):
        raise UsageError(f"{problem}{near}", f"See `{path} --help`.")
    if is_elsewhere is None:
        return
    if " " in name:
        raise UsageError(problem, f'To ask a model, write: {path} -p "…"')
    if is_elsewhere(name):
        raise UsageError(f"'{name}' is a command of the REPL only", f"Start `{path}`, and write /{name} there.")
