"""Does a rule speak of a tool call?

An allow is read narrowly, an ask or a deny widely: where one cannot be sure, somebody is asked.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from ollm.api import ToolPreview
from ollm_plugins.permissions.settings import Rule

Action = Literal["allow", "ask", "deny"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Kind = Literal["", "path", "command", "host", "exactly"]
KINDS = ("path", "command", "host", "exactly")


class Subject(Struct, frozen=True):
    """What a call is about.

    :param text: an absolute path, a command or a host's name, as the kind says
    """

    kind: Literal["", "path", "command", "host"] = ""
    text: str = ""


NOTHING = Subject()


def subject_of(preview: ToolPreview | None) -> Subject:
    """Return what a call is about, as its tool says it."""
    if preview is None or not preview.subject:
        return NOTHING
    if preview.form == "command":
        return Subject("command", preview.subject)
    if preview.form == "url":
        return Subject("host", _host(preview.subject))
    return Subject("path", preview.subject) if Path(preview.subject).is_absolute() else NOTHING


def _host(text: str) -> str:
    """Return a host's name without port and final dot, in lower case."""
    from urllib.parse import urlsplit

    try:
        name = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        name = None
    return (name or text).rstrip(".").lower()


def action_of(rule: Rule) -> Action:
    """Return what a rule does with the calls of which it speaks."""
    return next((action for action in ACTIONS if getattr(rule, action)), "ask")


def narrowed(rule: Rule) -> tuple[Kind, str]:
    """Return what a rule is narrowed by; nothing for one that speaks of all calls of its tools."""
    kind = next((kind for kind in KINDS if getattr(rule, kind)), "")
    return kind, getattr(rule, kind) if kind else ""  # type: ignore[return-value]  # KINDS are kinds


def told(rule: Rule) -> str:
    """Return a rule in one line, e.g. "allow shell (command git status)"."""
    kind, text = narrowed(rule)
    action = action_of(rule)
    return f"{action} {getattr(rule, action)}" + (f" ({kind} {text})" if kind else "")


def mistake(rule: Rule) -> str:
    """Return what is wrong with a rule; empty when nothing is."""
    if sum(bool(getattr(rule, action)) for action in ACTIONS) != 1:
        return "give one of allow, ask and deny, with the name of a tool"
    kinds = [kind for kind in KINDS if getattr(rule, kind)]
    if len(kinds) > 1:
        return f"give only one of {' and '.join(kinds)}"
    if rule.exactly and not (rule.allow and rule.exactly.strip()):
        return "exactly is for allow; a command to ask about or to deny is given by its first words"
    if rule.command and not _words(rule.command):
        return "a command is given by its first words, without operators, variables or wildcards"
    return _host_mistake(rule.host) or _path_mistake(rule.path)


def _host_mistake(host: str) -> str:
    if set(host) & set("/:@ "):
        return "a host is a name such as docs.python.org or *.python.org, without scheme, port or path"
    return "" if host.isascii() else "a host in another script is given as it is asked for: xn--bcher-kva.example"


def _path_mistake(path: str) -> str:
    parts = Path(path).parts
    if ".." in parts:
        return "a path is given without .."
    return "a path in your home folder begins with ~/" if path.startswith("~") and parts[0] != "~" else ""


def _words(command: str) -> tuple[str, ...]:
    from ollm_plugins.permissions.shell_words import plain_words

    words = plain_words(command) or ()
    return () if any(set(word) & set("*?[]") for word in words) else words


def speaks_of(rule: Rule, tool: str, subject: Subject, folder: Path) -> bool:
    """Whether a rule speaks of a call.

    :param folder: the one that relative paths start from
    """
    action = action_of(rule)
    if not fnmatchcase(tool, getattr(rule, action)):
        return False
    kind, text = narrowed(rule)
    if not kind:
        return True
    if kind == "exactly":
        return subject.kind == "command" and text.strip() == subject.text.strip()
    return kind == subject.kind and _covers(kind, text, subject.text, folder, narrowly=action == "allow")


def may_speak_of(rule: Rule, tool: str, subject: Subject, folder: Path) -> bool:
    """Whether an ask or a deny may be meant: by what a command may hide, what is in a folder, or where a host leads."""
    action = action_of(rule)
    kind, text = narrowed(rule)
    if action == "allow" or not kind or kind != subject.kind or not fnmatchcase(tool, getattr(rule, action)):
        return False
    if kind == "path":
        from ollm_plugins.permissions.globs import holds_covered

        return holds_covered(subject.text, text, folder)
    if kind == "host":  # a tool may take a host and its www. for one, and follow from one to the other
        bare = subject.text.removeprefix("www.")
        return any(_covers(kind, text, each, folder, narrowly=False) for each in (bare, f"www.{bare}"))
    from ollm_plugins.permissions.shell_words import hides

    return kind == "command" and hides(subject.text)


def _covers(kind: Kind, text: str, subject: str, folder: Path, *, narrowly: bool) -> bool:
    if kind == "host":
        return fnmatchcase(subject, text.rstrip(".").lower())
    if kind == "path":
        from ollm_plugins.permissions.globs import covered

        return covered(subject, text, folder, any_case=not narrowly)
    from ollm_plugins.permissions.shell_words import begins, holds

    return begins(subject, _words(text)) if narrowly else holds(subject, _words(text))


def names_exactly(rule: Rule, subject: Subject, folder: Path) -> bool:
    """Whether a rule names just what a call is about: this very file, command or host."""
    kind, text = narrowed(rule)
    if kind == "exactly":
        return text.strip() == subject.text.strip()
    if not kind or kind != subject.kind:
        return False
    if kind == "host":
        return text.rstrip(".").lower() == subject.text
    if kind == "path":
        from ollm_plugins.permissions.globs import is_exactly

        return is_exactly(subject.text, text, folder)
    from ollm_plugins.permissions.shell_words import plain_words

    return plain_words(subject.text) == _words(text)
