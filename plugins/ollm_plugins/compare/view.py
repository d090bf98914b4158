"""How are the answers shown while they come, and how does the user choose?

A full screen that is drawn at most 15 times a second, and left as it was found. What was on it is printed afterwards by
whoever showed it, so that nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from ollm.api import Notice, replace
from ollm_plugins.compare.foot import Foot
from ollm_plugins.compare.panes import Pane, Shown, frame, text_height
from ollm_plugins.compare.results import Choice, Compared

if TYPE_CHECKING:
    from prompt_toolkit import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from ollm.api import Output
    from ollm_plugins.compare.running import Race

FRAMES: Final = 15
"""Most frames a second."""


class Keeps(Protocol):
    """Takes in what has come when all have answered, and keeps it."""

    def complete(self, *, interrupted: bool) -> Compared:
        """Return the comparison as it is to be kept."""
        ...

    def keep(self) -> None:
        """Keep it; called in a thread, since it waits for other programs that write."""
        ...

    def give_up(self) -> None:
        """Wait no longer for them."""
        ...


class Outcome(Struct, frozen=True):
    """What the user did.

    :param go_on: whether the winner's answer is to become the conversation
    """

    choice: Choice = ""
    winner: int | None = None
    go_on: bool = False


class View:
    """The screen of one comparison.

    :param keeper: is told when all have answered, or the user broke that off
    :param stays: whether it waits for a choice at the end
    :param goes_on: whether the winner's answer can become the conversation
    """

    def __init__(
        self,
        out: Output,
        race: Race,
        begun: Compared,
        keeper: Keeps,
        *,
        stays: bool = True,
        goes_on: bool = True,
    ) -> None:
        self._out = out
        self._race = race
        self._compared = begun
        self._keeper = keeper
        self._stays = stays
        self._goes_on = goes_on
        self._panes = [Pane(column, race.mask) for column in race.columns]
        self._shown = Shown()
        self._shown.numbers = not begun.blind
        self._shown.titles = [column.title for column in race.columns]
        self._over = False
        self._keeping: asyncio.Future[None] | None = None
        self._interrupted = False
        self._go_on = False
        self._leaves = False
        self._hint = ""
        self._notices: list[Notice] = []
        self._app: Application[None] = self._made()

    async def run(self) -> Outcome:
        """Show the answers until the user leaves.

        :raises EOFError: the terminal was closed
        """
        before, self._out.on_notice = self._out.on_notice, self._note
        self._race.on_change(lambda _: self._app.invalidate())
        racing = asyncio.create_task(self._hold())
        try:
            await self._app.run_async(pre_run=self._begun, handle_sigint=False)
        except OSError as gone:
            self._notices.clear()  # there is nobody to read them
            raise EOFError("the terminal was closed") from gone
        except asyncio.CancelledError:  # Ctrl-C, as a signal
            self._keeper.give_up()
            raise
        finally:
            racing.cancel()
            await asyncio.wait([racing, *([self._keeping] if self._keeping else [])])
            self._out.on_notice = before
            for notice in self._notices:
                (before or (lambda notice: self._out.say(f"ollm: {notice.text}")))(notice)
        if not racing.cancelled() and (error := racing.exception()) is not None:
            raise error
        compared = self._compared
        return Outcome(compared.choice, compared.winner, self._go_on)

    async def _hold(self) -> None:
        try:
            await self._race.run()
            self._compared = self._keeper.complete(interrupted=self._interrupted)
            self._keeping = asyncio.ensure_future(asyncio.to_thread(self._keeper.keep))
        finally:
            self._over = True
            self._app.invalidate()
            if self._interrupted or not self._stays or not any(each.answered for each in self._compared.answers):
                self._leave()
        await asyncio.shield(self._keeping)
        if self._leaves:
            self._leave()

    def _note(self, notice: Notice) -> None:
        self._notices.append(Notice(notice.code, self._race.mask.line(notice.text)))
        self._app.invalidate()

    def _leave(self) -> None:
        """Close the screen, now or as soon as it is there and the comparison is kept."""
        self._leaves = True
        self._app.invalidate()
        if self._is_keeping:
            return
        if self._app.future is not None and not self._app.future.done():
            self._app.exit()

    @property
    def _is_keeping(self) -> bool:
        return self._keeping is not None and not self._keeping.done()

    def _begun(self) -> None:
        if self._leaves:  # all was over before the screen was there
            asyncio.get_running_loop().call_soon(self._leave)

    def _made(self) -> Application[None]:
        from prompt_toolkit import Application
        from prompt_toolkit.input import create_input
        from prompt_toolkit.layout import FormattedTextControl, Layout, Window
        from prompt_toolkit.output import ColorDepth, create_output
        from prompt_toolkit.styles import Style

        styles = {"head": "bold", "focus": "bold reverse", "winner": "bold ansigreen reverse", "line": "", "foot": ""}
        control = FormattedTextControl(self._drawn, focusable=True, show_cursor=False)
        return Application(
            Layout(Window(control, always_hide_cursor=True)),
            key_bindings=self._keys(),
            style=Style.from_dict(styles),
            full_screen=True,
            min_redraw_interval=1 / FRAMES,
            refresh_interval=0.5,
            color_depth=None if self._out.color else ColorDepth.DEPTH_1_BIT,
            input=create_input(always_prefer_tty=True),
            output=create_output(self._out.stdout),
        )

    def _foot(self, width: int, height: int) -> list[str]:
        notice = self._notices[-1].text if self._notices else ""
        waits = self._leaves and self._is_keeping
        foot = Foot(self._compared, len(self._panes), self._hint, notice, self._over, waits, self._goes_on)
        return foot.rows(width, height)

    def _size(self) -> tuple[int, int]:
        """Return columns and rows that the answers have."""
        size = self._app.output.get_size()
        return size.columns, max(2, size.rows - len(self._foot(size.columns, size.rows)))

    def _drawn(self) -> StyleAndTextTuples:
        size = self._size()
        rows = frame(self._panes, self._shown, size, asyncio.get_running_loop().time())
        rows += [[("class:foot", row)] for row in self._foot(size[0], self._app.output.get_size().rows)]
        found: StyleAndTextTuples = []
        for number, row in enumerate(rows):
            found += [*([("", "\n")] if number else []), *row]
        return found

    def _choose(self, choice: Choice, winner: int | None = None) -> None:
        """Note a choice; once names were seen, a blind one stands."""
        if not self._over or (self._compared.blind and self._compared.choice):
            return
        if winner is not None and not self._compared.answers[winner].answered:
            self._hint = f"{self._compared.title(winner)} has no whole answer, so it cannot be the best."
            return
        self._compared = replace(self._compared, choice=choice, winner=winner)
        self._shown.winner, self._shown.numbers = winner, True
        self._hint = ""
        if self._compared.blind:
            self._shown.titles = [self._compared.title(place) for place in range(len(self._panes))]
            for pane in self._panes:
                pane.reveal()

    def _keys(self) -> KeyBindings:
        from prompt_toolkit.key_binding import KeyBindings

        keys = KeyBindings()
        acts: dict[tuple[str, ...], Callable[[], Any]] = {
            ("tab", "right"): lambda: self._move(1),
            ("s-tab", "left"): lambda: self._move(-1),
            ("up",): lambda: self._scroll(1),
            ("down",): lambda: self._scroll(-1),
            ("pageup",): lambda: self._scroll(self._page()),
            ("pagedown",): lambda: self._scroll(-self._page()),
            ("x",): lambda: None if self._over else self._race.end(self._shown.focus),
            ("t",): lambda: self._choose("tie"),
            ("b",): lambda: self._choose("bad"),
            ("c",): self._continue,
            ("q", "c-c", "c-d"): self._break_off,
            ("enter",): lambda: self._leave() if self._over else None,
        }
        acts |= {(str(place + 1),): partial(self._number, place) for place in range(len(self._panes))}
        for names, act in acts.items():
            for name in names:
                keys.add(name)(partial(_obey, act))
        return keys

    def _number(self, place: int) -> None:
        if self._over:
            self._choose("winner", place)
        self._shown.focus = place

    def _move(self, by: int) -> None:
        self._shown.focus = (self._shown.focus + by) % len(self._panes)

    def _page(self) -> int:
        return text_height(self._size(), len(self._panes))

    def _scroll(self, rows: int) -> None:
        self._panes[self._shown.focus].scroll(rows, self._page())

    def _continue(self) -> None:
        if self._compared.choice == "winner" and self._goes_on:
            self._go_on = True
            self._leave()

    def _break_off(self) -> None:
        """Leave; while models answer, end them all, and leave when they have. Pressed again, do not wait for others."""
        if self._over:
            if self._leaves:
                self._keeper.give_up()
            self._leave()
        else:
            self._interrupted = True
            self._race.end_all()


def _obey(act: Callable[[], Any], event: KeyPressEvent) -> None:  # noqa: ARG001  (what a key's function gets)
    act()
