"""Which answer does a word choose?"""

from __future__ import annotations

from ollm.api import UsageError, nearest, same_model, visible
from ollm_plugins.compare.results import Choice, Compared


def choice_of(compared: Compared, word: str) -> tuple[Choice, int | None]:
    """Return what a word says: a place counted from 1, a letter, a model's name, "tie" or "bad".

    :raises UsageError: it means none of the answers, or several, or one that failed
    """
    lowered = word.strip().lower()
    if lowered == "tie":
        return "tie", None
    if lowered == "bad":
        return "bad", None
    place = place_of(compared, word.strip())
    if not compared.answers[place].answered:
        raise UsageError(f"{visible(compared.title(place))} has no whole answer, so it cannot be the best")
    return "winner", place


def place_of(compared: Compared, word: str) -> int:
    """Return the place of the answer that a word means.

    :raises UsageError: it means none of them, or several
    """
    if word.isdecimal() and 0 < int(word) <= len(compared.answers):
        return int(word) - 1
    for place, answer in enumerate(compared.answers):
        if answer.label.lower() == word.lower():
            return place
    known = [] if compared.hidden else [answer.name for answer in compared.answers]
    fits = [
        place
        for place, answer in enumerate(compared.answers)
        if known and (word in (answer.name, answer.model) or same_model(answer.model, word))
    ]
    if len(fits) == 1:
        return fits[0]
    what = "means several answers" if fits else f"means none of the answers{nearest(word, known)}"
    raise UsageError(f"'{visible(word)}' {what}", f"Give 1 to {len(compared.answers)}, tie or bad.")
