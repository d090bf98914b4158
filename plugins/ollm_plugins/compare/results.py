"""What is known of a comparison, once the models have answered?

Frozen data: what is shown, kept and exported. Each number is the server's own counter or a clock's reading; what nobody
measured is None, and never guessed from the length of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, Literal

from msgspec import Struct

from ollm.api import GenerationOptions, TurnRecord, camel
from ollm_plugins.compare.masking import Mask

Choice = Literal["", "winner", "tie", "bad"]
"""What the user said: nothing yet, one is best, all are as good, none is any good."""


class Numbers(Struct, frozen=True):
    """What was measured of one answer, or the medians of several; seconds, tokens, and tokens a second.

    :param seconds: wall time from the request to the end
    :param first_token_seconds: wall time to the first text
    :param first_token_warm_seconds: the same without the time that the server says it loaded the model
    :param load_seconds: as the server counts them, like `prompt_seconds` and `generation_seconds`
    :param tokens: of the answer
    :param context_used: tokens of prompt and answer
    :param context_size: the window that was asked for, in tokens
    """

    seconds: float | None = None
    first_token_seconds: float | None = None
    first_token_warm_seconds: float | None = None
    load_seconds: float | None = None
    prompt_seconds: float | None = None
    generation_seconds: float | None = None
    prompt_tokens: float | None = None
    tokens: float | None = None
    tokens_per_second: float | None = None
    prompt_tokens_per_second: float | None = None
    context_used: float | None = None
    context_size: int | None = None


MEASURED: Final = Numbers.__struct_fields__


ENDED: Final = "ended by the user"
"""What is said of an answer that the user did not want to the end: no failure of the model."""


class Run(Struct, frozen=True):
    """One answer of one model.

    :param reason: how it ended, as in `Finished`; empty when it failed before anything came
    :param failure: what went wrong, in words; empty when nothing did
    :param options: those that were sent, by their names in JSON, without those that were left to the provider
    """

    text: str = ""
    thinking: str = ""
    reason: str = ""
    failure: str = ""
    notices: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    numbers: Numbers = Numbers()

    @property
    def answered(self) -> bool:
        """Whether it came to its end."""
        return not self.failure and self.reason in ("stop", "length")

    @property
    def remark(self) -> str:
        """What is to be said below its text; empty for a whole answer."""
        return self.failure or ("ended at the token limit" if self.reason == "length" else "")


class Answer(Struct, frozen=True):
    """What came of one model.

    :param label: stands for the model while its name is hidden: "A", "B" and so on
    :param digest: of the model; empty when nobody said it
    """

    label: str
    provider: str
    model: str
    digest: str = ""
    runs: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        """The model and whose it is."""
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def shown(self) -> Run:
        """The run whose text is shown: the first that came to its end, else the first in which something came."""
        told = [run for run in self.runs if run.answered] or [run for run in self.runs if run.text]
        return (told or list(self.runs) or [Run()])[0]

    @property
    def answered(self) -> bool:
        """Whether at least one run came to its end."""
        return any(run.answered for run in self.runs)

    @property
    def numbers(self) -> Numbers:
        """The medians of the runs that came to their end, else what was measured of the others."""
        return over(median, self._measured())

    def spread(self) -> dict[str, tuple[float, float]]:
        """Return the least and the most of each number; empty for a single run."""
        measured = self._measured()
        if len(measured) < 2:  # noqa: PLR2004  (one has no spread)
            return {}
        least, most = over(min, measured), over(max, measured)
        pairs = {name: (getattr(least, name), getattr(most, name)) for name in MEASURED}
        return {name: pair for name, pair in pairs.items() if pair[0] is not None}

    def _measured(self) -> list[Numbers]:
        return [run.numbers for run in self.runs if run.answered] or [run.numbers for run in self.runs]


class Compared(Struct, frozen=True):
    """A comparison.

    :param id: under which it is kept; None when it is not
    :param at: ISO 8601 time at which it began
    :param profile: the routing profile that the prompt belongs to
    :param mode: "parallel", "sequential" or "mixed"
    :param why: the reason for that
    :param blind: whether the names are hidden until the choice
    :param winner: place of the best answer, counted from 0
    """

    id: int | None
    at: str
    prompt: str
    profile: str
    seed: int | None
    mode: str
    why: str
    answers: tuple[Answer, ...]
    repeat: int = 1
    blind: bool = False
    interrupted: bool = False
    choice: Choice = ""
    winner: int | None = None

    @property
    def hidden(self) -> bool:
        """Whether the names are not to be shown yet."""
        return self.blind and not self.choice

    @property
    def mask(self) -> Mask:
        """What hides the names while they are not to be shown."""
        return Mask(answer.model for answer in self.answers) if self.hidden else Mask()

    def title(self, place: int) -> str:
        """Return what to call an answer."""
        answer = self.answers[place]
        if self.hidden:
            return answer.label
        return f"{answer.label}: {answer.name}" if self.blind else answer.name


def over(reduce: Callable[[Iterable[float]], float], measured: Sequence[Numbers]) -> Numbers:
    """Reduce several measurements to one, number by number; what none of them has stays unknown."""
    found: dict[str, Any] = {}
    for name in MEASURED:
        values = [value for each in measured if (value := getattr(each, name)) is not None]
        found[name] = reduce(values) if values else None
    size = found["context_size"]
    return Numbers(**{**found, "context_size": None if size is None else int(size)})


def numbers_of(turn: TurnRecord) -> Numbers:
    """Take the numbers of a turn from its clock and from the server's counters."""
    usage, first, size = turn.usage, turn.first_token_seconds, turn.options.context_size if turn.options else None
    prompt, answer = usage.prompt_tokens, usage.completion_tokens
    warm = None if first is None or usage.load_seconds is None else max(0.0, first - usage.load_seconds)
    return Numbers(
        seconds=turn.seconds,
        first_token_seconds=first,
        first_token_warm_seconds=warm,
        load_seconds=usage.load_seconds,
        prompt_seconds=usage.prompt_seconds,
        generation_seconds=usage.completion_seconds,
        prompt_tokens=prompt,
        tokens=answer,
        tokens_per_second=_rate(answer, usage.completion_seconds),
        prompt_tokens_per_second=_rate(prompt, usage.prompt_seconds),
        context_used=None if prompt is None or answer is None else prompt + answer,
        context_size=size,
    )


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    return tokens / seconds if tokens is not None and seconds else None


def sent(options: GenerationOptions | None) -> dict[str, Any]:
    """Return the options that were sent, by their names in JSON, without those that were left to the provider."""
    if options is None:
        return {}
    given = {camel(name): getattr(options, name) for name in options.__struct_fields__}
    return {name: value for name, value in given.items() if value not in (None, (), {})}


_OF_A_MODEL: Final = ("contextSize", "keepAlive", "maxTokens")
"""Options that say how a model is held, and how far it may go: they differ with its window."""


def differing(answers: Sequence[Answer]) -> list[str]:
    """Return the names of the options of sampling that were not the same for all that answered."""
    given = _given(answers)
    names = sorted({name for options in given for name in options} - {*_OF_A_MODEL})
    return [name for name in names if not _is_common(name, given)]


def common(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the options that were the same for all that answered."""
    given = _given(answers)
    return {name: value for name, value in given[0].items() if _is_common(name, given)} if given else {}


def _given(answers: Sequence[Answer]) -> list[Mapping[str, Any]]:
    return [answer.shown.options for answer in answers if answer.answered]


def _is_common(name: str, given: Sequence[Mapping[str, Any]]) -> bool:
    return len({repr(options.get(name)) for options in given}) == 1
