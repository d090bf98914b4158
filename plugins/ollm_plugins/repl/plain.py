"""How is a line read where the terminal can only print?

The event loop goes on meanwhile, so that what plugins do beside the conversation goes on as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ollm.api import readable

if TYPE_CHECKING:
    from ollm.api import Output
    from ollm_plugins.repl.above import Above


async def read_line(out: Output, prompt: str, above: Above) -> str:
    """Read one line, which the terminal itself lets the user edit.

    :raises EOFError: Ctrl-D on an empty line, or the terminal is gone
    """

    def again(say: Callable[[], None]) -> None:
        out.write("\n")
        say()
        out.write(prompt)

    out.write(prompt)
    with above.prompt(again):
        await readable()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")
