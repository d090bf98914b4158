"""Does the room `tokens` agree with a real tokenizer? The embedded engine's, of the real SmolLM2.

The weights are fetched once, into `OLLM_TEST_MODELS` or a folder that later runs share.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ollm_plugins.local import weights
from ollm_plugins.local.plugin import Plugin as LocalPlugin
from ollm_plugins.tokens.plugin import Plugin

from ollm.api import (
    ChatRequest,
    Finished,
    GenerationOptions,
    Message,
    ProviderAccess,
    RequestAdjuster,
    Specs,
    TokenCounter,
    hookimpl,
    replace,
)

MODEL = "smollm2:135m"
SETTINGS = f"provider: {{default: local}}\nmodel: {{default: '{MODEL}'}}\n"


class Short(Specs):
    """Answers are short, so that the tests are."""

    @hookimpl
    def ollm_request_adjusters(self, ctx):
        def shorten(request, turn):
            return replace(request, options=GenerationOptions(max_tokens=2, temperature=0))

        return [RequestAdjuster("short", shorten)]


@pytest.fixture(scope="session")
def cached_weights():
    folder = Path(os.environ.get("OLLM_TEST_MODELS") or Path(tempfile.gettempdir()) / "ollm-test-models")

    async def get():
        async for _ in weights.fetch(folder):
            pass

    asyncio.run(get())
    return folder / weights.FILE


@pytest.fixture
def ollm(ollm_app, ollm_home, cached_weights):
    target = ollm_home / "models" / weights.FILE
    target.parent.mkdir()
    try:
        os.link(cached_weights, target)
    except OSError:
        shutil.copyfile(cached_weights, target)
    return ollm_app(Plugin, LocalPlugin, Short, settings=SETTINGS)


def english():
    """The reference of Python, in pieces."""
    from pydoc_data.topics import topics

    return [text[:4000] for text in sorted(topics.values(), key=len) if len(text) > 4000]


def code():
    """Modules of Python's library, in pieces."""
    folder = Path(asyncio.__file__).parents[1]
    return [
        (folder / f"{name}.py").read_text()[6000:10_000] for name in ("argparse", "tarfile", "ast", "zipfile", "shutil")
    ]


def test_counts_exactly_once_the_model_is_in_memory(ollm):
    counter = ollm.app.services.find(TokenCounter)
    access = ollm.app.services.find(ProviderAccess)
    local = access.make(access.entry("local"))
    text = english()[0]
    estimated = ollm.app.run(counter.count(text, MODEL, "local"))
    assert not estimated.exact
    assert ollm.app.run(local.loaded_models()) == []
    reported = [event.usage.prompt_tokens for event in ollm.ask("Say hello.").events if isinstance(event, Finished)]
    counted = ollm.app.run(counter.count(text, MODEL, "local"))
    assert counted.exact
    assert counted.tokens == ollm.app.run(local.count_tokens(MODEL, text))
    assert estimated.tokens == pytest.approx(counted.tokens, rel=0.1)

    ollm.app.run(counter.count_request(ChatRequest(MODEL, (Message("user", "Who are you?"),)), "local"))
    ollm.ask("Who are you?")
    prompt = " ".join(text.split()[:150])
    guessed = ollm.app.run(counter.count_request(ChatRequest(MODEL, (Message("user", prompt),)), "local"))
    [finished] = [event for event in ollm.ask(prompt).events if isinstance(event, Finished)]
    assert reported[0] < finished.usage.prompt_tokens
    assert guessed.tokens == pytest.approx(finished.usage.prompt_tokens, abs=2)


@pytest.mark.parametrize("model", [MODEL, "a-stranger:7b"])
@pytest.mark.parametrize("turns", ["ece", "eee", "ccc"])
def test_three_turns_are_enough_for_five_per_cent(ollm, model, turns):
    """On English and on code, whether the turns were about English (e), code (c) or both, and whatever the name says.

    Another tokenizer's first turns may be about one of the two only; the other one is then a guess, and so is its bound.
    """
    counter = ollm.app.services.find(TokenCounter)
    access = ollm.app.services.find(ProviderAccess)
    local = access.make(access.entry("local"))

    def true(text):
        return ollm.app.run(local.count_tokens(MODEL, text))

    def error(texts):
        counts = [(ollm.app.run(counter.count(text, model, "scripted")).tokens, true(text)) for text in texts]
        return abs(sum(tokens for tokens, _ in counts) / sum(exact for _, exact in counts) - 1)

    told = {"e": iter(english()[:3]), "c": iter(code()[:3])}
    for kind in turns:
        text = next(told[kind])
        counter.learn(ChatRequest(model, (Message("user", text),)), "scripted", true(text) + 31)
    assert error(english()[3:9]) < 0.05
    assert error(code()[3:]) < 0.05
