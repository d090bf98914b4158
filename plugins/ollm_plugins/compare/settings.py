"""Which settings does the room `compare` have?"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class CompareSettings(Struct, frozen=True):
    """How models are compared, and whether comparisons are kept."""

    seed: Annotated[int, Setting("The seed that all models of a comparison get.", ge=0, le=2**31 - 1)] = 42
    save: Annotated[bool, Setting("Whether comparisons are kept, with prompt and answers.", project=False)] = True
