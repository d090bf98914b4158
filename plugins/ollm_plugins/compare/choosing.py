"""Which answer does a word choose?"""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import UsageError, nearest, same_model, visible
from ollm_plugins.compare.deciding import Wanted
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
    names = [] if compared.hidden else [(answer.name, answer.model) for answer in compared.answers]
    place = _place(word.strip(), [answer.label for answer in compared.answers], names)
    if not compared.answers[place].answered:
        raise UsageError(f"{visible(compared.title(place))} has no whole answer, so it cannot be the best")
    return "winner", place


def named_before(models: Sequence[Wanted], word: str) -> None:
    """See whether a word can choose one of some models, before they have answered.

    :raises UsageError: it means none of them, or several
    """
    if word.strip().lower() not in ("tie", "bad"):
        names = [] if any(each.label for each in models) else [(each.key, each.model) for each in models]
        _place(word.strip(), [chr(ord("A") + place) for place in range(len(models))], names)


def _place(word: str, labels: Sequence[str], names: Sequence[tuple[str, str]]) -> int:
    """Return the place of the answer that a word means.

    :param names: the models' names, with their provider and without; empty while they are hidden
    :raises UsageError: it means none of them, or several
    """
    if word.isdecimal() and 0 < int(word) <= len(labels):
        return int(word) - 1
    if word.upper() in labels:
        return labels.index(word.upper())
    fits = [place for place, (name, model) in enumerate(names) if word in (name, model)]
    fits = fits or [place for place, (_, model) in enumerate(names) if same_model(model, word)]
    if len(fits) == 1:
        return fits[0]
    what = "means several answers" if fits else "means none of the answers"
    near = "" if fits else nearest(word, [model for _, model in names])
    raise UsageError(f"'{visible(word)}' {what}{near}", f"Give 1 to {len(labels)}, tie or bad.")
