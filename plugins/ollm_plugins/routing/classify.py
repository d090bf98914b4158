"""Which profile suits a prompt? A rule of thumb over its words, without a model; far below a millisecond."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

READ: Final = 4000
"""Characters of a prompt that are looked at: what it is about shows at once."""
SHORT: Final = 60
"""Characters up to which a question counts as short."""

RULE: Final = (
    "code if the prompt holds a code block, a line of source, a file name with a code suffix or words of programming; "
    "else creative if it asks for a poem, story, song or the like; "
    f"else fast if it is one short line of at most {SHORT} characters; else general"
)

_CODE = re.compile(
    r"```|^\s*(?:def |class |import |from \w+ import|#include|func |fn |public |const |let |var |SELECT )|[;{]\s*$"
    r"|\b[\w/-]+\.(?:py|js|ts|tsx|rs|go|c|cc|cpp|h|hpp|java|kt|rb|php|cs|swift|sql|sh|toml|css)\b"
    r"|\b(?:refactor|debug|compile[rs]?|stack ?trace|traceback|unit tests?|regex(?:es|p)?|function|method|algorithm"
    r"|python|javascript|typescript|rust|golang|java|kotlin|c\+\+|sql|bash|html|css|api|json|yaml|git|docker|code)\b",
    re.IGNORECASE | re.MULTILINE,
)
_CREATIVE = re.compile(
    r"\b(?:poem|poetry|haiku|sonnet|limerick|lyrics|song|story|stories|tale|novel|fairy ?tale|screenplay|dialogue"
    r"|fiction|imagine|slogan|pun|rhymes?|ballad|character sketch|plot twist)\b",
    re.IGNORECASE,
)


class Guess(Struct, frozen=True):
    """The profile that suits a prompt, and what in it says so."""

    profile: str
    because: str


def classify(prompt: str) -> Guess:
    """Guess the profile."""
    text = prompt[:READ]
    code = _CODE.search(text)
    if code:
        return Guess("code", f"the prompt holds {code[0].strip()[:40]!r}")
    creative = _CREATIVE.search(text)
    if creative:
        return Guess("creative", f"the prompt asks for {creative[0]!r}")
    if 0 < len(prompt.strip()) <= SHORT and "\n" not in prompt.strip():
        return Guess("fast", f"the prompt is one line of at most {SHORT} characters")
    return Guess("general", "nothing in the prompt says otherwise")
