"""How well are tokens estimated, before any turn and after one, two and three?

usage: python benchmarks/token_estimate.py [CONVERSATIONS]

The truth is SmolLM2's own tokenizer, in the embedded engine. Conversations are held through the app, with a provider
whose answers report how long the prompt really was. The texts are Python's language reference (English) and its library
(code); the weights were fitted to neither. Errors are of single texts of some 4,000 characters that no turn was about.

Each is done three times: with the model's name, with a name that says nothing, and as if nobody had known SmolLM2's
tokenizer when the weights were made.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, quantiles
from unittest.mock import patch

from ollm.api import Finished, HostContext, ProviderAccess, ProviderEntry, Specs, TokenCounter, Usage, hookimpl
from ollm.testing import Harness, ScriptedProvider, make_harness
from ollm_plugins.local import weights
from ollm_plugins.local.plugin import Plugin as LocalPlugin
from ollm_plugins.tokens import fit, profiles
from ollm_plugins.tokens.pieces import count
from ollm_plugins.tokens.plugin import Plugin

MODEL = "smollm2:135m"
TEMPLATE = 31  # tokens that its template puts around one message
LENGTH = 4_000
KINDS = ("English", "code")
TURNS = {"both": (0, 1, 0), "both, code first": (1, 0, 1), "English only": (0, 0, 0), "code only": (1, 1, 1)}
Texts = Mapping[str, Sequence[str]]
Errors = dict[tuple[int, str], list[float]]


def english() -> list[str]:
    """Return pieces of Python's language reference."""
    from pydoc_data.topics import topics

    return _pieces("\n".join(topics[name] for name in sorted(topics)))


def code() -> list[str]:
    """Return pieces of Python's library."""
    modules = sorted(Path(asyncio.__file__).parents[1].glob("[a-z]*.py"))
    return _pieces("\n".join(module.read_text(encoding="utf-8", errors="replace") for module in modules))


def _pieces(text: str) -> list[str]:
    cut = [text[at : at + LENGTH] for at in range(0, len(text) - LENGTH, LENGTH)]
    return random.Random(3).sample(cut, min(len(cut), 60))  # noqa: S311  (no secret)


class Truth:
    """Counts with SmolLM2's tokenizer, each text once."""

    def __init__(self, home: Path) -> None:
        self._app = make_harness(home, LocalPlugin).app
        access = self._app.services.find(ProviderAccess)
        assert access is not None
        self._local = access.make(access.entry("local"))
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Return the number of tokens."""
        if text not in self._known:
            self._known[text] = self._app.run(self._local.count_tokens(MODEL, text))  # type: ignore[attr-defined]
        return self._known[text]

    def close(self) -> None:
        """Free the engine."""
        self._app.close()


def conversation(home: Path, model: str, told: Sequence[str], truth: Truth) -> Iterator[Harness]:
    """Hold a turn about each text, in a conversation of its own; yields the app before each and after the last."""
    replies = [[Finished("stop", Usage(prompt_tokens=truth(text) + TEMPLATE))] for text in told]
    provider = ScriptedProvider(replies, name="reporting", models=(model,))

    class Reporting(Specs):
        """Reports the true length of each prompt."""

        @hookimpl
        def ollm_providers(self, ctx: HostContext) -> list[ProviderEntry]:  # noqa: ARG002  (the hook's signature)
            return [ProviderEntry(provider.name, "Reports lengths", lambda _: provider, order=1)]

    ollm = make_harness(home, Plugin, Reporting, settings="provider: {default: reporting}\n")
    try:
        yield ollm
        for text in told:
            ollm.ask(text)
            yield ollm
    finally:
        ollm.app.close()


def measure(model: str, turns: Sequence[int], times: int, texts: Texts, truth: Truth) -> Errors:
    """Return the relative errors by number of turns and kind of text."""
    errors: Errors = {}
    chance = random.Random(7)  # noqa: S311  (no secret)
    for _ in range(times):
        drawn = {kind: chance.sample(texts[kind], 3 + 8) for kind in KINDS}
        told = [drawn[KINDS[kind]][number] for number, kind in enumerate(turns)]
        with tempfile.TemporaryDirectory() as home:
            for done, ollm in enumerate(conversation(Path(home), model, told, truth)):
                counter = ollm.app.services.find(TokenCounter)
                assert counter is not None
                for kind in KINDS:
                    for text in drawn[kind][3:]:
                        tokens = ollm.app.run(counter.count(text, model, "reporting")).tokens
                        errors.setdefault((done, kind), []).append(tokens / truth(text) - 1)
    return errors


def report(title: str, errors: Errors) -> None:
    """Print the figures: mean error without sign, and what nine of ten texts stay below."""
    print(f"  {title}")
    for kind in KINDS:
        cells = []
        for done in range(4):
            sizes = [abs(error) for error in errors[done, kind]]
            cells.append(f"{mean(sizes):5.1%} (9 of 10: {quantiles(sizes, n=10)[-1]:5.1%})")
        print(f"    {kind:8}", "   ".join(cells))


@contextlib.contextmanager
def without(profile: str) -> Iterator[None]:
    """Act as if a tokenizer had not been known when the weights were made."""
    known = profiles.profiles()
    usual = [row for name, row in known.items() if name not in (profile, "gpt2", profiles.UNKNOWN)]
    average = tuple(mean(column) for column in zip(*usual, strict=True))
    rest = {name: row for name, row in known.items() if name != profile} | {profiles.UNKNOWN: average}
    with patch.object(fit, "profiles", lambda: rest), patch.object(profiles, "profiles", lambda: rest):
        yield


def best(work: Callable[[], object]) -> float:
    """Return the shortest of several runs, in seconds."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def speed(truth: Truth) -> None:
    """Print what 100 kB take, as a ratio to what else one could do with them."""
    words = re.compile(r"\w+|\W")
    for kind, pieces in (("English", english()), ("code", code())):
        text = "".join(pieces)[:100_000]
        estimate, split = best(lambda text=text: count(text)), best(lambda text=text: words.findall(text))
        began = time.perf_counter()
        truth(text)
        exact = time.perf_counter() - began
        print(
            f"  100 kB of {kind}: {estimate * 1000:.1f} ms; {estimate / split:.1f} times splitting it into words, "
            f"{estimate / exact:.2f} times counting it exactly"
        )


def main(times: int) -> None:
    """Print everything."""
    texts = {"English": english(), "code": code()}
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(fetched(Path(home) / "models"))
        truth = Truth(Path(home))
        for title, model, unknown in (
            ("the model's name says which tokenizer it has", MODEL, False),
            ("the name says nothing", "mystery:7b", False),
            ("nobody knew the tokenizer", "enigma:7b", True),
        ):
            print(f"{title}: mean error after 0, 1, 2, 3 turns")
            with without("smollm") if unknown else contextlib.nullcontext():
                for about, turns in TURNS.items():
                    report(f"turns about {about}", measure(model, turns, times, texts, truth))
        print("time")
        speed(truth)
        truth.close()


async def fetched(folder: Path) -> None:
    """Have the weights there."""
    async for _ in weights.fetch(folder):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
