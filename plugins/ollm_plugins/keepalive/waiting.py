"""How does a user see that a command waits for a model to be loaded?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ollm.api import visible

if TYPE_CHECKING:
    from ollm.api import Output

_PATIENCE: Final = 1.0
_CLEAR_LINE: Final = "\r\x1b[K"


@asynccontextmanager
async def waiting(out: Output, text: str) -> AsyncIterator[None]:
    """Say on stderr what is waited for as long as it lasts: a line that is taken back on a terminal, else one line."""
    task = asyncio.create_task(_tell(out, text))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _tell(out: Output, text: str) -> None:
    await asyncio.sleep(_PATIENCE)
    if not out.draws_aside:
        out.say(f"ollm: {text}")
        return
    started = time.monotonic() - _PATIENCE
    out.stdout.flush()
    try:
        while True:
            out.stderr.write(f"{_CLEAR_LINE}{visible(text)} {time.monotonic() - started:.0f} s")
            out.stderr.flush()
            await asyncio.sleep(1.0)
    finally:
        out.stderr.write(_CLEAR_LINE)
        out.stderr.flush()
