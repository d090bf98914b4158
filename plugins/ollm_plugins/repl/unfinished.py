r"""When does a line go on below?

After a backslash at its end, and as long as a block that three double quotes have opened is not closed by three more.
"""

from __future__ import annotations

from typing import Final

QUOTES: Final = '"""'


def goes_on(text: str) -> bool:
    """Say whether more is to come after a text that Enter was pressed behind."""
    if text.count(QUOTES) % 2:
        return True
    slashes = len(text) - len(text.rstrip("\\"))
    return slashes % 2 == 1


def continued(text: str) -> str:
    """Return an unfinished text with its next line begun: a backslash at the end has done its work."""
    return f"{text}\n" if text.count(QUOTES) % 2 else f"{text[:-1]}\n"


def without_quotes(text: str) -> str:
    """Return the text of a block, without the quotes around it."""
    bare = text.strip()
    if bare.startswith(QUOTES) and bare.endswith(QUOTES) and bare.count(QUOTES) == 2:  # noqa: PLR2004  (open, close)
        return bare.removeprefix(QUOTES).removesuffix(QUOTES).strip("\n")
    return text
