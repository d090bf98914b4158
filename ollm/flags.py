"""Which options do commands have in common?

So that they are called alike and mean the same in each plugin's commands.
"""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
"""For a command that lists or shows something. Its default is False."""

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
"""For a command that asks before it does something. Its default is False."""
