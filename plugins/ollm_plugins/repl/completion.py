"""What could be meant by what is being typed?

Asked in a thread of its own, which nobody waits for longer than a moment, so that nothing here delays a key. A command's
module is imported when its options or values are completed, as it would be to run it.
"""

from __future__ import annotations

import asyncio
import inspect
import shlex
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ollm.api import Completes, CompletionContext, OllmError, Owned, label, visible
from ollm_plugins.repl.helping import TOPICS
from ollm_plugins.repl.paths import paths
from ollm_plugins.repl.words import Typed, typed

if TYPE_CHECKING:
    from ollm.api import App, Conversation, Node, ValueCompleter

HELP: Final = "help"
PATIENCE: Final = 2.0
"""Seconds after which nobody waits for values any more, and the plugin is blamed that does not tell them."""

MOST: Final = 200
"""Values that are proposed at most; whoever has more goes on typing."""


class Proposal(Struct, frozen=True):
    """Something that could be meant.

    :param text: what is put in the place of the word
    :param about: what is said of it
    :param goes_on: whether more of the same word may follow, as in a folder
    """

    text: str
    about: str = ""
    goes_on: bool = False


class Proposals:
    """Knows what could be meant: commands, their options and values, paths after `@` and `!`."""

    def __init__(self, app: App, root: Node, group: Any, conversation: Conversation | None) -> None:
        self._app = app
        self._root = root
        self._group = group
        self._conversation = conversation
        self._asked: dict[tuple[str, str], Owned[ValueCompleter]] = {}

    def blame_late(self) -> None:
        """Blame the plugins whose values are still to come; they are not asked again before."""
        for owned in list(self._asked.values()):
            late = TimeoutError(f"it took longer than {PATIENCE:g} s")
            self._app.host.blame_error(owned.record, label(owned.item), late)

    def of(self, line: str) -> tuple[Typed, list[Proposal]]:
        """Return the word that is being typed and what it could become.

        :param line: up to the cursor
        """
        if line.startswith("/") and not line.startswith("//"):
            now = typed(line[1:])
            if not now.before and line != "/" and now.raw != line[1:]:
                return now, []
            return now, list(self._in_command(now))[:MOST]
        now = typed(line)
        if line.startswith("!"):
            raw = now.raw.removeprefix("!!").removeprefix("!") if not now.before else now.raw
            word = now.word.removeprefix("!!").removeprefix("!") if not now.before else now.word
            return Typed(now.before, word, raw), self._paths(word)
        if now.word.startswith("@") and not now.raw.startswith(("'", '"', "\\")):
            found = [Proposal(f"@{each.text}", each.about, each.goes_on) for each in self._paths(now.word[1:])]
            return now, found
        return now, []

    def _paths(self, word: str) -> list[Proposal]:
        return [Proposal(quoted(path), goes_on=path.endswith("/")) for path in paths(word, self._app.workspace, MOST)]

    def _in_command(self, now: Typed) -> Iterator[Proposal]:
        before = now.before[1:] if now.before[:1] == (HELP,) else now.before
        node, rest = _walk(self._root, before)
        if not rest:
            yield from _members(node, now.word)
        if now.before == (HELP,):
            yield from (Proposal(name, about) for name, about in TOPICS.items() if name.startswith(now.word))
        if node.owned is None or now.before[:1] == (HELP,):
            return
        command = self._command(before[: len(before) - len(rest)])
        if command is not None:
            yield from self._in_leaf(node.owned, command, rest, now)

    def _command(self, names: Iterable[str]) -> Any:
        """Return the parser of a command; None when its plugin cannot provide it, which running it will say."""
        found = self._group
        try:
            for name in names:
                found = found.get_command(None, name)
        except OllmError:
            return None
        return getattr(found, "command", found)

    def _in_leaf(self, owned: Owned[Any], command: Any, rest: tuple[str, ...], now: Typed) -> Iterator[Proposal]:
        """Yield options, or values of the option or argument that the word stands for."""
        options = {
            flag: each for each in command.params for flag in (*each.opts, *each.secondary_opts) if flag[:1] == "-"
        }
        last = options.get(rest[-1]) if rest else None
        if last is not None and not getattr(last, "is_flag", False):
            yield from self._values(owned, last, now)
            return
        if now.word.startswith("-"):
            yield from (
                Proposal(flag, visible(getattr(each, "help", "") or ""))
                for flag, each in options.items()
                if flag.startswith(now.word) and (flag.startswith("--") or len(now.word) == 1)
            )
            return
        wanted = _argument(command.params, rest, options)
        if wanted is not None:
            yield from self._values(owned, wanted, now)

    def _values(self, owned: Owned[Any], parameter: Any, now: Typed) -> Iterator[Proposal]:
        choices = getattr(parameter.type, "choices", None)
        if choices:
            yield from (Proposal(str(each)) for each in choices if str(each).startswith(now.word))
            return
        for kind in self._kinds(owned, parameter):
            yield from self._of_kind(kind, now)

    def _kinds(self, owned: Owned[Any], parameter: Any) -> list[str]:
        """Return what a parameter is annotated to take; without that, an option's name may tell."""
        function = self._app.hub.load(owned, "run")
        try:
            signature = inspect.signature(function, eval_str=True)
        except (NameError, TypeError, ValueError):
            return []
        declared = signature.parameters.get(parameter.name or "")
        metadata = getattr(declared.annotation, "__metadata__", ()) if declared is not None else ()
        said = [each.kind for each in metadata if isinstance(each, Completes)]
        return said or [flag.removeprefix("--") for flag in parameter.opts if flag.startswith("--")]

    def _of_kind(self, kind: str, now: Typed, before: tuple[str, ...] = ()) -> Iterator[Proposal]:
        """Yield the values of a kind.

        :param before: the kinds that have led to it
        """
        if kind in ("path", "folder"):
            yield from (each for each in self._paths(now.word) if kind == "path" or each.goes_on)
            return
        pairs, others = _sorted(self._named(kind, now.word, now))
        for other in others:
            if other not in (kind, *before):
                yield from self._of_kind(other, now, (kind, *before))
        found = [each for each in pairs if _begins(each, now.word)]
        if not found and not others and now.word:  # who knows names with dots may be asked for what is behind the last
            pairs, _ = _sorted(self._named(kind, "", now))
            found = [each for each in pairs if each[0].rpartition(".")[2].startswith(now.word)]
        yield from (Proposal(quoted(text), visible(about)) for text, about in found)

    def _named(self, kind: str, typed_word: str, now: Typed) -> Iterator[tuple[str, str] | Completes]:
        """Yield what those who know a kind of values say begins with a word, and what they say of it."""
        context = CompletionContext(self._app.context, typed_word, now.before, self._conversation)
        for owned in self._app.hub.value_completers():
            if owned.item.name != kind:
                continue
            key = (owned.record.name, kind)
            if key in self._asked:
                continue
            self._asked[key] = owned
            try:
                answer = self._answer(owned, context)
            finally:
                del self._asked[key]
            yield from answer

    def _answer(self, owned: Owned[ValueCompleter], context: CompletionContext) -> list[tuple[str, str] | Completes]:
        complete = self._app.hub.load(owned, "complete")
        if complete is None:
            return []
        return self._app.host.guard(owned.record, label(owned.item), lambda: [*map(_sound, complete(context))]) or []


def _sound(answer: Any) -> tuple[str, str] | Completes:
    """:raises TypeError: a plugin has answered with something else"""
    if isinstance(answer, Completes):
        return answer
    value, about = answer
    if not isinstance(value, str) or not isinstance(about, str):
        raise TypeError(f"it answered with {answer!r}")
    return value, about


def _sorted(answers: Iterable[tuple[str, str] | Completes]) -> tuple[list[tuple[str, str]], list[str]]:
    """Tell values from the kinds whose values are meant as well."""
    pairs, kinds = [], []
    for each in answers:
        if isinstance(each, Completes):
            kinds.append(each.kind)
        else:
            pairs.append(each)
    return pairs, kinds


def _begins(value: tuple[str, str], word: str) -> bool:
    """Say whether a value begins with a word, or what is said of it holds it, as the title of a session may."""
    text, about = value
    return text.startswith(word) or word.casefold() in about.casefold()


def quoted(text: str) -> str:
    """Return a value as it must stand in a line."""
    return shlex.quote(text) if any(letter in text for letter in " '\"\\") else text


def _walk(root: Node, words: Iterable[str]) -> tuple[Node, tuple[str, ...]]:
    """Follow words down the tree; return where they lead, and those that lead nowhere."""
    node, left = root, list(words)
    while left and left[0] in node.children:
        node = node.children[left.pop(0)]
    return node, tuple(left)


def _members(node: Node, word: str) -> Iterator[Proposal]:
    for name, child in sorted(node.children.items()):
        if child.is_mounted and name.startswith(word) and (word or not child.alias_of):
            yield Proposal(name, visible(child.summary))


def _argument(parameters: Iterable[Any], rest: Iterable[str], options: dict[str, Any]) -> Any:
    """Return the argument that the next word without a dash is for; None when there is none left."""
    taken, words = 0, iter(rest)
    for word in words:
        option = options.get(word)
        if option is not None:
            if not getattr(option, "is_flag", False):
                next(words, None)
        elif not word.startswith("-"):
            taken += 1
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    for each in arguments:
        if each.nargs < 0 or taken < each.nargs:
            return each
        taken -= each.nargs
    return None


class LineCompleter(Completer):
    """What prompt_toolkit asks."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield the same from a thread, which is left to itself when a key ends the waiting, or when it takes too long."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Completion]] = loop.create_future()

        def work() -> None:
            give: Callable[[Any], None]
            outcome: Any
            try:
                give, outcome = found.set_result, list(self.get_completions(document, complete_event))
            except BaseException as error:  # noqa: BLE001  (the event loop tells of it)
                give, outcome = found.set_exception, error
            with suppress(RuntimeError):  # the program has ended meanwhile
                loop.call_soon_threadsafe(lambda: None if found.done() else give(outcome))

        threading.Thread(target=work, daemon=True, name="completion").start()
        try:
            async with asyncio.timeout(PATIENCE):
                completions = await found
        except TimeoutError:
            self._proposals.blame_late()
            return
        for each in completions:
            yield each

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  (as prompt_toolkit wants it)
    ) -> Iterable[Completion]:
        """Yield what the word before the cursor could become."""
        now, found = self._proposals.of(document.text_before_cursor)
        for each in found:
            yield Completion(each.text, -len(now.raw), display=visible(each.text), display_meta=each.about)
