"""Which hooks are there, and what do they meet, for a reader? Writes docs/hooks.md from the docstrings of ollm.

Run it as `python docs/generate_hooks.py`; with `--check` it writes nothing and exits with 1 when the page is old.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any

from msgspec import NODEFAULT, Struct

import ollm.api
from ollm import contributions, specs

PAGE = Path(__file__).with_name("hooks.md")
INTRODUCTION = """\
# Hooks

<!-- Written by docs/generate_hooks.py from the docstrings of ollm/; change those instead. -->

A plugin is a class that derives from `Specs` and implements the hooks it needs, each marked with `@hookimpl`;
[plugins.md](plugins.md) builds one from nothing. A hook is cheap and returns contributions; what costs time is
named in them by a reference, `"package.module:attribute"`. Every name below is imported from `ollm.api`.
This is version {version} of the plugin API.

Behind the hooks stands what their functions meet: [contexts](#what-the-functions-get), [parts of
contributions](#parts-of-contributions), [messages and events](#messages-and-events), [providers](#what-a-provider-does),
[services](#services), [questions](#questions), [output](#output), [errors](#errors), [what helps](#what-helps).
`python -c "import ollm.api; help(ollm.api.TurnRecord)"` shows any of it in the terminal.

| hook | hands in |
|---|---|
"""
_EXAMPLE = re.compile(r"^Example::\n+(.*)\Z", re.MULTILINE | re.DOTALL)
_PARAM = re.compile(r"^:param (\w+): (.*(?:\n +.*)*)$", re.MULTILINE)
_RAISES = re.compile(r"^:raises (\w+): (.*(?:\n +.*)*)$", re.MULTILINE)

REFERENCE = {
    "What the functions get": (
        "HostContext SettingsReader TurnContext ToolContext StreamContext EventContext RewindContext StatusContext "
        "RankContext DetectContext CompletionContext CommandContext FrontendContext App Conversation Paths"
    ),
    "Parts of contributions": "Setting SettingsValue ToolPreview Detection TemplateVariable Completes TurnRecord ToolRecord",
    "Messages and events": (
        "ChatRequest Message ToolCall ToolSpec GenerationOptions Overrides Usage TextDelta ThinkingDelta ToolCalled "
        "ToolDecided ToolReturned Waiting Progress Step Notice Finished"
    ),
    "What a provider does": (
        "Provider DefaultsModel CountsTokens PullsModels DeletesModels CopiesModels KeepsModels LoadsModels "
        "HoldsFewModels Health ModelInfo LoadedModel LoadRequest PullRequest"
    ),
    "Services": "ToolApprover ApprovalRequest Decision",
    "Questions": "Question Choice Reply",
    "Output": "Output",
    "Errors": (
        "OllmError UsageError SettingsError ModelNotFound ProviderUnreachable ProviderError ContextOverflow ExitCode"
    ),
    "What helps": "understood replace visible nearest to_document write_atomically file_lock set_aside",
}
"""What of `ollm.api` plugins meet beside hooks and contributions, in the order of the page."""

SERVICES = (
    "ProviderAccess ModelManagement ModelKnowledge ContextWindows ModelOptions ModelChooser PromptClassifier "
    "ModelPreferences ModelMemory TokenCounter ToolFallback PromptTemplates MemoryService ConversationRecords "
    "TrustedProject ContributedLimits ContributedProfiles ContributedProjects ContributedTools ContributedTemplates"
)
"""Protocols under which services are found; `help` tells the rest."""

SAID = {
    "What the functions get": (
        "Hooks and factories get the `HostContext`, which others lead to: a turn's `host`, a command's `app.context`. "
        "`ctx.app` has `context`, `out`, `settings`, `paths` and `services` as well."
    ),
    "What a provider does": (
        "`Provider` is the least. Each further Protocol is one more ability: whoever has its methods has it. "
        "Say of each model in `capabilities` that it can call `tools`, else no model of yours is offered any."
    ),
    "Services": (
        "A service is an object that fulfils a Protocol. Offer one through `ollm_services`, name the Protocol by reference "
        '(`"ollm.api:ToolApprover"`), so that a start need not import it, and find one by '
        "`ctx.services.find(TokenCounter)`, which is None when no plugin has it. The first that is offered is used, and "
        "ollm's own come first: to put another in its place, the user runs `ollm plugins disable` for ollm's."
    ),
    "Output": "What a command writes through `ctx.out`. Control characters are made visible.",
}


def hooks() -> list[FunctionType]:
    """List the hooks in the order of their declaration."""
    return [each for name, each in vars(specs.Specs).items() if name.startswith("ollm_")]


def example(hook: FunctionType) -> str:
    """Return the example in a hook's docstring.

    :raises ValueError: there is none
    """
    found = _EXAMPLE.search(inspect.getdoc(hook) or "")
    if found is None:
        raise ValueError(f"{hook.__name__} has no example")
    code = textwrap.dedent(found[1]).rstrip() + "\n"
    return re.sub(r"\n\n(?=\S)", "\n\n\n", code)  # as a formatter wants it where nothing is indented


def returned(hook: FunctionType) -> list[type[Any]]:
    """List the kinds of contribution that a hook returns."""
    return [getattr(contributions, name) for name in re.findall(r"\w+", hook.__annotations__["return"])[1:]]


def page() -> str:
    """Return the whole page."""
    rows = "".join(f"| [`{hook.__name__}`](#{hook.__name__}) | {_first_line(hook)} |\n" for hook in hooks())
    parts = [INTRODUCTION.format(version=specs.API_VERSION) + rows, *map(_hook, hooks()), *_reference()]
    return "\n".join(parts)


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _hook(hook: FunctionType) -> str:
    prose = re.split(r"^:param|^:return", inspect.getdoc(hook) or "", maxsplit=1, flags=re.MULTILINE)[0].strip()
    kinds = "\n".join(_struct(kind) for kind in returned(hook))
    heading = f"## {hook.__name__}\n\n{prose}\n\n```python\n{example(hook)}```\n"
    return f"{heading}\n{kinds}"


def _struct(kind: type[Any]) -> str:
    """Describe a frozen class: its signature, then what is said of its fields."""
    text = inspect.getdoc(kind) or ""
    fields = "".join(f"- `{name}`: {_one_line(said)}\n" for name, said in _PARAM.findall(text))
    return f"`{kind.__name__}({', '.join(_fields(kind))})`\n\n{_prose(kind)}\n" + (f"\n{fields}" if fields else "")


def _prose(thing: Any) -> str:
    """Return what a docstring says before its first field."""
    prose = re.split(r"^:(?:param|return|raises)", inspect.getdoc(thing) or "", maxsplit=1, flags=re.MULTILINE)[
        0
    ].strip()
    return prose if thing.__module__.startswith("ollm") else prose.partition("\n\n")[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fields(kind: type[Any]) -> Iterator[str]:
    hints: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        hints |= inspect.get_annotations(each)
    defaults = dict(zip(reversed(kind.__struct_fields__), reversed(kind.__struct_defaults__), strict=False))
    for name in kind.__struct_fields__:
        default = defaults.get(name, NODEFAULT)
        made = default.factory() if hasattr(default, "factory") else default
        yield f"{name}: {hints[name]}" + ("" if default is NODEFAULT else f" = {_shown(made)}")


def _shown(default: Any) -> str:
    if isinstance(default, Struct):  # all of its fields would bury the signature
        return f"{type(default).__name__}()"
    return getattr(default, "__name__", repr(default))


def _reference() -> Iterator[str]:
    for heading, names in REFERENCE.items():
        yield f"## {heading}\n"
        if heading in SAID:
            yield f"{SAID[heading]}\n"
        if heading == "Services":
            yield "".join(f"- `{name}`: {_first_line(getattr(ollm.api, name))}\n" for name in SERVICES.split())
        yield from (_thing(name, getattr(ollm.api, name)) for name in names.split())


def _thing(name: str, thing: Any) -> str:
    """Describe whatever `ollm.api` has: data, a class with methods, an error, a function."""
    if not isinstance(thing, type):
        return _function(name, thing)
    if isinstance(thing, type) and issubclass(thing, Exception) and "__init__" not in vars(thing):
        return f"`{name}`: {_prose(thing)}\n"
    if issubclass(thing, Enum):
        values = ", ".join(f"`{each.name}` {each.value}" for each in thing)
        return f"`{name}`: {_prose(thing)} {values}\n"
    head = _struct(thing) if issubclass(thing, Struct) else _class(name, thing)
    methods = "".join(_method(each, value) for each, value in vars(thing).items() if _is_shown(each, value))
    return head + ("" if head.splitlines()[-1].startswith("- ") or not methods else "\n") + methods


def _class(name: str, kind: type[Any]) -> str:
    attributes = ", ".join(f"{each}: {hint}" for each, hint in inspect.get_annotations(kind).items())
    fields = "".join(f"- `{each}`: {_one_line(said)}\n" for each, said in _PARAM.findall(inspect.getdoc(kind) or ""))
    started = f"`{name}`" + (f" (`{attributes}`)" if attributes else "")
    if issubclass(kind, Exception):
        started = f"`{name}{_signature(vars(kind)['__init__'])}`"
    return f"{started}\n\n{_prose(kind)}\n" + (f"\n{fields}" if fields else "")


def _is_shown(name: str, value: Any) -> bool:
    return not name.startswith("_") and isinstance(value, FunctionType | property | classmethod)


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    kept = [_plain(each) for name, each in signature.parameters.items() if name not in ("self", "cls")]
    returned = signature.return_annotation
    what = returned if returned in ("None", inspect.Signature.empty) else _Bare(returned)
    return re.sub(r" -> 'None'$", "", str(signature.replace(parameters=kept, return_annotation=what)))


class _Bare(str):
    """A text that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.annotation is not inspect.Parameter.empty:
        parameter = parameter.replace(annotation=_Bare(parameter.annotation))
    if isinstance(parameter.default, Struct):
        parameter = parameter.replace(default=_Bare(_shown(parameter.default)))
    return parameter


def _method(name: str, value: Any) -> str:
    if isinstance(value, property):
        return f"- `{name}`: {_one_line(_prose(value.fget))}\n"
    function = value.__func__ if isinstance(value, classmethod) else value
    return f"- `{_asyncness(function)}{name}{_signature(function)}`: {_one_line(_prose(function))}{_raised(function)}\n"


def _function(name: str, function: Any) -> str:
    said = "".join(f"- `{each}`: {_one_line(text)}\n" for each, text in _PARAM.findall(inspect.getdoc(function) or ""))
    head = f"`{_asyncness(function)}{name}{_signature(function)}`\n\n{_prose(function)}{_raised(function)}\n"
    return head + (f"\n{said}" if said else "")


def _asyncness(function: Any) -> str:
    return "async " if inspect.iscoroutinefunction(function) else ""


def _raised(function: Any) -> str:
    found = _RAISES.findall(inspect.getdoc(function) or "")
    return "".join(f" Raises `{error}`: {_one_line(why)}." for error, why in found)


def main(arguments: list[str]) -> int:
    """Write the page, or check it.

    :return: the exit code
    """
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if "--check" in arguments:
        return int(old != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
