"""How is httpx imported without its command line?

`import httpx` also imports `httpx._main`, its own command line, as soon as click, rich and pygments are
installed, which they are wherever ollm is: 35 of 90 ms, for nothing. A missing `httpx._main` is a case that
httpx provides for. It is made to be missing during this one import only.
"""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules  # a value of None means: not importable
_hide = "httpx" not in _modules and "httpx._main" not in _modules
if _hide:
    _modules["httpx._main"] = None
try:
    import httpx as httpx  # noqa: PLC0414  (given on to the other modules)
finally:
    if _hide:
        del _modules["httpx._main"]

__all__ = ["httpx"]
