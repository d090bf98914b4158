"""Which profile suits a prompt? A rule of thumb over its words, without a model; far below a millisecond."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

READ: Final = 2000
"""Characters of a prompt that are looked at: what it is about shows at once."""
SHORT: Final = 60
"""Characters up to which a question counts as short."""

RULE: Final = (
    "code if the prompt holds a code block, a line of source, a file name with a code suffix or a word of programming; "
    "else creative if it asks for a poem, story, song or the like; "
    f"else fast if it is one short line of at most {SHORT} characters; else general. "
    "In a conversation, a prompt that is neither code nor creative goes on with what an earlier one was"
)

_SOURCE = re.compile(
    r"```|^[ \t]*(?:def \w+\(|class \w+[:({]|import [\w.]+;?$|from [\w.]+ import|#include|func \w*\(|fn \w+|public \w+ \w+"
    r"|(?:const|let|var) \w+ ?[:=]|SELECT .* FROM)|[;{][ \t]*$",
    re.MULTILINE,
)
_FILE = re.compile(r"\b[\w/-]{1,40}\.(?:py|jsx?|tsx?|rs|go|cc?|cpp|hp?p?|java|kt|rb|php|cs|swift|sql|sh|toml|css)\b")
_WORD = re.compile(r"[a-z+#]+")
_CODE: Final = frozenset(
    [
        "refactor",
        "debug",
        "debugger",
        "compile",
        "compiler",
        "traceback",
        "stacktrace",
        "regex",
        "regexp",
        "function",
        "algorithm",
        "python",
        "javascript",
        "typescript",
        "rust",
        "golang",
        "java",
        "kotlin",
        "c++",
        "c#",
        "sql",
        "bash",
        "html",
        "css",
        "api",
        "json",
        "yaml",
        "git",
        "docker",
        "code",
        "coding",
        "codebase",
        "unittest",
        "pytest",
    ]
)
_CREATIVE: Final = frozenset(
    [
        "poem",
        "poems",
        "poetry",
        "haiku",
        "sonnet",
        "limerick",
        "lyrics",
        "song",
        "story",
        "stories",
        "tale",
        "fairytale",
        "screenplay",
        "dialogue",
        "fiction",
        "imagine",
        "slogan",
        "pun",
        "rhyme",
        "rhymes",
        "ballad",
    ]
)

_DECISIVE: Final = frozenset({"code", "creative"})
LOOKED_BACK: Final = 5
"""Earlier prompts that are looked at."""


class Guess(Struct, frozen=True):
    """The profile that suits a prompt, and what in it says so."""

    profile: str
    because: str


def classify_turn(prompt: str, earlier: Sequence[str] = ()) -> Guess:
    """Guess the profile of a turn: a short "And now?" would else swap the model in the middle of a conversation.

    :param earlier: the user's earlier prompts, the last one at the end
    """
    guess = classify(prompt)
    if guess.profile in _DECISIVE:
        return guess
    guesses = [classify(each) for each in reversed(earlier[-LOOKED_BACK:])]
    decisive = next((each for each in guesses if each.profile in _DECISIVE), None)
    if decisive is not None:
        return Guess(decisive.profile, f"of an earlier prompt: {decisive.because}")
    longer = next((each for each in guesses if each.profile != guess.profile), None)
    return Guess("general", "an earlier prompt was longer") if longer else guess


def classify(prompt: str) -> Guess:
    """Guess the profile of a prompt by itself."""
    text = prompt[:READ]
    source = _SOURCE.search(text) or _FILE.search(text)
    if source:
        return Guess("code", f"the prompt holds {source[0].strip()!r}")
    words = _WORD.findall(text.lower())
    for profile, known in (("code", _CODE), ("creative", _CREATIVE)):
        found = next((word for word in words if word in known), None)
        if found:
            return Guess(profile, f"the prompt holds the word {found!r}")
    if 0 < len(prompt.strip()) <= SHORT and "\n" not in prompt.strip():
        return Guess("fast", f"the prompt is one line of at most {SHORT} characters")
    return Guess("general", "nothing in the prompt says otherwise")
