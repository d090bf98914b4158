"""How do several models answer the same prompt?

Each in a conversation of its own, by the way that every prompt goes. One that fails, or that the user ends, spoils
nothing for the others; whatever ends them, what came is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from ollm.api import (
    App,
    Event,
    Message,
    Notice,
    OllmError,
    Overrides,
    TextDelta,
    ThinkingDelta,
    TurnRecord,
    Waiting,
    replace,
)
from ollm_plugins.compare.deciding import Plan, Wanted
from ollm_plugins.compare.masking import Mask
from ollm_plugins.compare.results import ENDED, Answer, Run, numbers_of, sent

if TYPE_CHECKING:
    from ollm.api import Conversation

State = Literal["queued", "asked", "loading", "thinking", "answering", "done", "failed", "ended"]
OVER = ("done", "failed", "ended")


class Task(Struct, frozen=True):
    """What is to be answered.

    :param overrides: for all models alike; the model and its provider are put in
    :param earlier: the conversation before the prompt
    """

    prompt: str
    overrides: Overrides
    repeat: int = 1
    images: tuple[bytes, ...] = ()
    earlier: tuple[Message, ...] = ()


class Column:
    """One model's part, while it goes on.

    :param title: what it is called: the label while names are hidden
    :ivar said: pieces of the text of the run under way; whoever shows them keeps count of how many it has seen
    :ivar turn: the turn that can be gone on with
    """

    def __init__(self, label: str, wanted: Wanted, title: str = "") -> None:
        self.label = label
        self.title = title or label
        self.wanted = wanted
        self.state: State = "queued"
        self.said: list[str] = []
        self.runs: list[Run] = []
        self.turn: TurnRecord | None = None
        self.began: float | None = None
        self.ended = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in OVER

    def answer(self) -> Answer:
        """Return what has come."""
        provider, model = self.wanted.provider, self.wanted.model
        if self.turn is not None:
            provider, model = self.turn.provider, self.turn.model
        return Answer(self.label, provider, model, self.wanted.digest, tuple(self.runs))


class Race:
    """Models that answer a prompt.

    :ivar mask: hides their names, if they are to be hidden
    """

    def __init__(self, app: App, columns: Sequence[Column], plan: Plan, task: Task) -> None:
        self._app = app
        self.columns = columns
        self.mask = Mask(column.wanted.model for column in columns if column.wanted.label)
        self._plan = plan
        self._task = task
        self._changed: Callable[[Column], None] = lambda _: None
        self._works: Mapping[int, asyncio.Task[None]] = {}

    def on_change(self, tell: Callable[[Column], None]) -> None:
        """Have a function called whenever a column has changed."""
        self._changed = tell

    async def run(self) -> None:
        """Let all of them answer; when this is cancelled, what came by then is kept."""
        lanes = [asyncio.create_task(self._lane(lane)) for lane in self._plan.lanes]
        try:
            await asyncio.gather(*lanes)
        except BaseException:
            self.end_all()
            for lane in lanes:
                lane.cancel()
            await asyncio.wait(lanes)
            raise

    def end(self, place: int) -> None:
        """End one model's answer; the others go on."""
        column = self.columns[place]
        column.ended = True
        work = self._works.get(place)
        if work is not None:
            work.cancel()
        elif not column.over:
            self._set(column, "ended")

    def end_all(self) -> None:
        """End all answers."""
        for place, column in enumerate(self.columns):
            if not column.over:
                self.end(place)

    async def _lane(self, places: Sequence[int]) -> None:
        for place in places:
            column = self.columns[place]
            if column.ended:
                continue
            work = asyncio.create_task(self._column(column))
            self._works = {**self._works, place: work}
            try:
                await asyncio.wait([work])
            finally:
                if not work.done():
                    work.cancel()
                    await asyncio.wait([work])
            if not work.cancelled() and (error := work.exception()) is not None:
                raise error

    async def _column(self, column: Column) -> None:
        try:
            for _ in range(self._task.repeat):
                await self._once(column)
        finally:
            answered = any(run.answered for run in column.runs)
            self._set(column, "ended" if column.ended and not answered else "done" if answered else "failed")

    async def _once(self, column: Column) -> None:
        """Hold one turn, and note what came of it."""
        conversation = self._app.conversation(aside=True)
        conversation.restore(conversation.id, self._task.earlier)
        task = self._task
        wanted = replace(task.overrides, provider=column.wanted.provider or None, model=column.wanted.model)
        column.said, column.began = [], asyncio.get_running_loop().time()
        self._set(column, "asked")
        failure = ENDED
        try:
            async with aclosing(conversation.ask(task.prompt, task.images, wanted)) as events:
                async for event in events:
                    self._take(column, event)
            failure = ""
        except OllmError as error:
            failure = str(error)
        finally:
            column.runs.append(_run(conversation, failure, column.said))
            if column.turn is None and column.runs[-1].answered:
                column.turn = conversation.last_turn

    def _take(self, column: Column, event: Event) -> None:
        if isinstance(event, TextDelta):
            column.said.append(event.text)
            self._set(column, "answering")
        elif isinstance(event, ThinkingDelta):
            self._set(column, "thinking")
        elif isinstance(event, Waiting):
            self._set(column, "loading")
        elif isinstance(event, Notice):
            self._app.out.notify(Notice(event.code, f"{column.title}: {self.mask.line(event.text)}"))

    def _set(self, column: Column, state: State) -> None:
        column.state = state
        self._changed(column)


def _run(conversation: Conversation, failure: str, said: Sequence[str]) -> Run:
    turn = conversation.last_turn
    if turn is None:  # refused before anything was sent
        return Run(text="".join(said), failure=failure)
    answer = next((each for each in reversed(turn.messages) if each.role == "assistant"), None)
    if not failure and turn.reason not in ("stop", "length"):
        failure = turn.notices[-1].removesuffix(".") if turn.notices else "the answer was cut"  # the last one says why
    return Run(
        text=_whole(answer.content) if answer else "",
        thinking=_whole(answer.thinking) if answer else "",
        reason=turn.reason,
        failure=failure,
        notices=turn.notices,
        options=sent(turn.options),
        numbers=numbers_of(turn),
    )


def _whole(text: str) -> str:
    """Return a text without halves of characters, which a model may write and no file can hold."""
    return text.encode("utf-8", "replace").decode()
