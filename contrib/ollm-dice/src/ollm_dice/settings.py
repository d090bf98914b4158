"""Which settings does ollm-dice read?"""

from dataclasses import dataclass
from typing import Annotated

from ollm.api import Setting


@dataclass(frozen=True)
class DiceSettings:
    """Dice."""

    sides: Annotated[int, Setting("Sides of a die when nobody says how many.", env=("OLLM_DICE_SIDES",), ge=1)] = 6
