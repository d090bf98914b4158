"""What is known of one model, and how do we know?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm.api import KnownLimits, LoadedModel, ShownModel, TokenCount, local_time
from ollm_plugins.models.wording import human, is_unfetched, memory_document, processor, until

if TYPE_CHECKING:
    from ollm.api import ModelInfo

_SOURCES = {
    "user": "your settings",
    "plugin": "a plugin's pattern",
    "tag": "database: exact tag",
    "line": "database: model line",
    "pattern": "database: family pattern",
    "default": "safe default",
}
_ABILITIES = ("tools", "vision", "thinking", "embedding")
_LONG = ("template", "system prompt", "licence")


class Fact(Struct, frozen=True):
    """One thing that is known.

    :param key: its name for programs; empty for what is only for people
    :param label: its name for people
    :param value: for programs
    :param text: the value for people; several lines for what is long
    :param source: how it is known, in one word
    :param origin: how it is known, for people
    """

    key: str
    label: str
    value: Any
    text: str
    source: str
    origin: str

    @property
    def line(self) -> str:
        """The value in one line, with what was left out."""
        lines = [each for each in self.text.splitlines() if each.strip()]
        if len(lines) <= 1:
            return lines[0].strip() if lines else ""
        return f"{lines[0].strip()} … ({len(lines)} lines, whole with --verbose)"

    @property
    def is_long(self) -> bool:
        """Whether the value does not fit one line."""
        return self.label in _LONG and len(self.text.splitlines()) > 1


class Knowledge(Struct, frozen=True):
    """Everything that was asked about one model.

    :param loaded: how it is in memory; None when it is not, or nobody knows
    :param limits: what the database says; None when there is none
    :param accuracy: of the token estimate; None before any turn
    """

    shown: ShownModel
    loaded: LoadedModel | None
    limits: KnownLimits | None
    accuracy: TokenCount | None

    def facts(self) -> list[Fact]:
        """List what is known, the most important first."""
        return [*self._identity(), *self._limits(), *self._long(), *self._present()]

    def _said(self, key: str, label: str, value: Any, text: str | None = None) -> Fact:
        """Return a fact that the provider says."""
        shown = value if text is None else text
        return Fact(key, label, value, "" if shown is None else str(shown), "server", self._now())

    def _known(self, key: str, label: str, value: Any, text: str, *names: str) -> Fact:
        """Return a fact of the limits; their sources are named each by each where they differ."""
        assert self.limits is not None, "only with limits"
        sources = {name: str(self.limits.sources.get(name, self.limits.source)) for name in names}
        origins = {name: self._origin(source) for name, source in sources.items()}
        if len(set(origins.values())) == 1:
            return Fact(key, label, value, text, sources[names[0]], origins[names[0]])
        each = "; ".join(f"{name}: {origin}" for name, origin in origins.items())
        return Fact(key, label, value, text, "mixed", each)

    def _now(self) -> str:
        source = self.shown.source
        return f"server as of {local_time(source.as_of)}" if source.offline else "server now"

    def _origin(self, source: str) -> str:
        assert self.limits is not None, "only with limits"
        matched = self.limits.matched
        if source == "server":
            return self._now()
        return _SOURCES.get(source, source) + (f" ({matched})" if matched and source not in ("user", "default") else "")

    def _identity(self) -> Iterator[Fact]:
        info = self.shown.info
        size = None if info.size is None else human(info.size) + (", not fetched" if is_unfetched(info) else "")
        yield self._said("name", "name", info.name)
        yield self._said("provider", "provider", self.shown.provider)
        yield self._said("size", "size", info.size, size or "")
        yield self._said("digest", "digest", info.digest)
        yield self._said("modified", "modified", info.modified, local_time(info.modified))
        yield self._said("parameters", "parameters", info.parameters)
        yield self._said("quantization", "quantization", info.quantization)

    def _limits(self) -> Iterator[Fact]:
        info, limits = self.shown.info, self.limits
        if limits is None:
            yield self._said("family", "family", info.family)
            yield self._said("contextWindow", "context window", info.context_window)
            yield self._said("capabilities", "capabilities", info.capabilities, ", ".join(info.capabilities))
            return
        yield self._known("family", "family", limits.family, limits.family, "family")
        window = limits.context_window
        yield self._known("contextWindow", "context window", window, f"{window:,} tokens", "context_window")
        most = limits.max_output_tokens
        text = "as the context allows" if most is None else f"{most:,} tokens"
        yield self._known("maxOutputTokens", "longest answer", most, text, "max_output_tokens")
        able = abilities(info, limits)
        yield self._known("capabilities", "capabilities", able, ", ".join(able), *_ABILITIES)
        if limits.profiles:
            yield self._known("profiles", "profiles", limits.profiles, ", ".join(limits.profiles), "profiles")

    def _long(self) -> Iterator[Fact]:
        info = self.shown.info
        system = info.details.get("system")
        yield self._said("template", "template", info.template)
        options = "; ".join(" ".join(line.split()) for line in info.default_options.splitlines() if line.strip())
        yield self._said("defaultOptions", "default options", info.default_options, options)
        yield self._said("system", "system prompt", system if isinstance(system, str) else "")
        yield self._said("license", "licence", info.license)

    def _present(self) -> Iterator[Fact]:
        loaded, accuracy = self.loaded, self.accuracy
        if loaded is not None:
            context = "" if loaded.context_size is None else f"context {loaded.context_size}"
            leaves = f"leaves in {until(loaded)}" if loaded.expires else "stays"
            parts = (human(loaded.size) if loaded.size else "", processor(loaded), context, leaves)
            yield self._said("loaded", "in memory", memory_document(loaded), ", ".join(filter(None, parts)))
        else:
            yield self._said("loaded", "in memory", None, "" if self.shown.source.offline else "no")
        if accuracy is not None and accuracy.error is not None:
            turns = f"{accuracy.tokens} turn{'' if accuracy.tokens == 1 else 's'}"
            text = f"estimates are within {100 * accuracy.error:.1f} % ({turns})"
            value = {"error": accuracy.error, "turns": accuracy.tokens}
            yield Fact("tokenEstimate", "tokens", value, text, "turns", "your turns with it")


def abilities(info: ModelInfo, limits: KnownLimits) -> tuple[str, ...]:
    """Return what a model can do, in Ollama's words: what its provider says beyond what the limits know, and those."""
    can = limits.capabilities
    others = tuple(word for word in info.capabilities if word not in _ABILITIES)
    chats = () if info.capabilities or can.embedding else ("completion",)
    return (*others, *chats, *(word for word in _ABILITIES if getattr(can, word)))
