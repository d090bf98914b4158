"""What stands under the answers: how they are made or what was chosen, and what the keys do?"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ollm_plugins.compare.results import Compared
from ollm_plugins.compare.telling import verdict
from ollm_plugins.compare.wrapping import fitted, width_of, wrapped

ROOMY: Final = 20
"""Rows of a screen on which what is told may take more than one."""
MOST: Final = 3
"""Rows that it takes there, at most."""


class Foot(Struct, frozen=True):
    """What it depends on.

    :param count: of models
    :param hint: what is to be said of the key that was pressed last
    :param notice: the last one, which gives way to a choice
    :param over: whether all have answered
    :param waits: whether the user wants to leave, and another program holds the file
    :param goes_on: whether the winner's answer can become the conversation
    """

    compared: Compared
    count: int
    hint: str = ""
    notice: str = ""
    over: bool = False
    waits: bool = False
    goes_on: bool = False

    def rows(self, width: int, height: int) -> list[str]:
        """Return it in rows of exactly so many columns.

        :param height: rows of the screen
        """
        most = MOST if height >= ROOMY else 1
        return [*wrapped(self._told().replace("\n", " "), width, most), fitted(self._help(width), width)]

    def _told(self) -> str:
        return self.hint or verdict(self.compared) or self.notice or self.compared.why

    def _help(self, width: int) -> str:
        """Return what the keys do; what has no room is left out, the least needed first."""
        text, *more = self._keys()
        for each in more:
            text = f"{text} · {each}" if width_of(text) + width_of(each) + len(" · ") <= width else text
        return text

    def _keys(self) -> tuple[str, ...]:
        if self.waits:
            return "waits for another program that writes the comparisons", "q gives it up"
        if not self.over:
            return "q ends all", "x ends one", f"1-{self.count} choose it", "arrows and PgUp scroll"
        if self.compared.choice == "winner" and self.goes_on:
            return "Enter leaves", "c goes on with it as the conversation"
        if self.compared.choice:
            return ("Enter leaves",)
        numbers = f"Which is best? 1-{self.count}" if self.count > 1 else "1 if it is good"
        return f"{numbers}, t a tie, b all bad", "Enter leaves it open", "Tab and arrows scroll"
