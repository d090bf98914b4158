"""Does the room `tokens` count well, and learn from what servers report? Through the app, as in a real turn."""

from ollm_plugins.tokens.plugin import Plugin

from ollm.api import Finished, TextDelta, TokenCounter, Usage

MODEL = "scripted:1b"
PROSE = "The quick brown fox jumps over the lazy dog, and nobody knows why. " * 20


def answer(tokens):
    return [TextDelta("ok"), Finished("stop", Usage(prompt_tokens=tokens, completion_tokens=1))]


def counter_of(ollm):
    return ollm.app.services.find(TokenCounter)


def count(ollm, text, model=MODEL):
    return ollm.app.run(counter_of(ollm).count(text, model, "scripted"))


def test_learns_from_turns_and_remembers(ollm_app):
    first = ollm_app(Plugin, replies=[answer(460)])
    before = count(first, PROSE)
    assert before.error is None
    assert counter_of(first).accuracy(MODEL, "scripted") is None
    for _ in range(3):
        first.ask(PROSE)
    learned = count(first, PROSE)
    assert before.tokens < learned.tokens < 460
    counter_of(first).settle()
    second = ollm_app(Plugin)
    assert counter_of(second).accuracy(MODEL, "scripted").tokens == 3
    assert count(second, PROSE) == learned
