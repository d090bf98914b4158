"""Which commands are there, and under which names?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm.contributions import Command, CommandGroup, Surface
from ollm.hub import label

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned


class Node(Struct):
    """A word of the command tree: a command, a group, or both."""

    name: str
    summary: str = ""
    owned: Owned[Command] | None = None
    children: dict[str, Node] = {}
    alias_of: str = ""

    @property
    def is_mounted(self) -> bool:
        """Whether there is a command here or below: a group that was only announced does not exist."""
        return self.owned is not None or any(child.is_mounted for child in self.children.values())

    def walk(self, above: str = "") -> Iterator[tuple[str, Node]]:
        """Yield every command under this node with its full name, aliases left out."""
        for child in sorted(self.children.values(), key=lambda each: each.name):
            path = f"{above} {child.name}".strip()
            if child.owned is not None and not child.alias_of:
                yield path, child
            yield from child.walk(path)


def tree(hub: Hub, surface: Surface) -> Node:
    """Build the tree of the commands that are mounted on a surface."""
    root = Node("ollm")
    for owned in hub.commands():
        item = owned.item
        if isinstance(item, CommandGroup):
            _descend(root, item.name).summary = item.summary
        elif surface in item.surfaces:
            for name in (item.name, *item.aliases):
                _place(root, name, owned, hub)
    _refuse_group_takers(root, hub)
    return root


def _descend(root: Node, name: str) -> Node:
    node = root
    for word in name.split(" "):
        node = node.children.setdefault(word, Node(word))
    return node


def _place(root: Node, name: str, owned: Owned[Any], hub: Hub) -> None:
    node = _descend(root, name)
    if node.owned is None:
        alias_of = owned.item.name if name != owned.item.name else ""
        node.owned, node.summary, node.alias_of = owned, node.summary or owned.item.summary, alias_of
    elif node.owned is not owned:
        cause = f"the name '{name}' is taken by command '{node.owned.item.name}' of plugin '{node.owned.record.name}'"
        hub.host.blame(owned.record, label(owned.item), cause, "Tell its author.")


def _refuse_group_takers(node: Node, hub: Hub) -> None:
    """A stranger's command with the name of somebody else's group would get the words meant for the group."""
    for child in node.children.values():
        _refuse_group_takers(child, hub)
        mine = child.owned
        if mine is None or mine.record.first_party:
            continue
        others = [
            each.owned.record.name for _, each in child.walk() if each.owned and each.owned.record is not mine.record
        ]
        if others:
            cause = f"'{child.name}' is a group of commands of plugin '{others[0]}'"
            hub.host.blame(mine.record, label(mine.item), cause, "Tell its author.")
            child.owned = None


def names(root: Node, above: str = "") -> Iterator[str]:
    """Yield the full name of every node, aliases included, for completion."""
    for child in root.children.values():
        if child.is_mounted:
            path = f"{above} {child.name}".strip()
            yield path
            yield from names(child, path)
