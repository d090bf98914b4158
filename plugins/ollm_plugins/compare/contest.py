"""How is one comparison held, from the prompt to the choice?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import ExitCode, FrontendContext, Notice, OllmError, PromptClassifier, UsageError, replace
from ollm_plugins.compare.asking import Asked, alike
from ollm_plugins.compare.choosing import choice_of, named_before
from ollm_plugins.compare.results import Compared
from ollm_plugins.compare.running import Column, Race, Task
from ollm_plugins.compare.store import Store, notice_of
from ollm_plugins.compare.telling import document, heading, said, tell

if TYPE_CHECKING:
    from ollm.api import CommandContext, TurnRecord
    from ollm_plugins.compare.deciding import Plan

LABELS: Final = "ABCDEFGHI"


class Terms(Struct, frozen=True):
    """What the user wants of a comparison.

    :param winner: what is chosen at once, in words
    """

    seed: int
    repeat: int = 1
    blind: bool = False
    save: bool = True
    as_json: bool = False
    winner: str | None = None


class Contest:
    """One comparison."""

    def __init__(self, ctx: CommandContext, given: Asked, plan: Plan, terms: Terms) -> None:
        self._ctx = ctx
        self._given = given
        self._terms = terms
        self._columns = [Column(label, each, each.title) for label, each in zip(LABELS, given.models, strict=False)]
        task = Task(given.prompt, alike(given.overrides, terms.seed), terms.repeat, given.images, given.earlier)
        self._race = Race(ctx.app, self._columns, plan, task)
        self._go_on = False
        self._chosen_later = False
        self._given_up = Event()
        self._store = Store(ctx.app.context, lambda: not self._given_up.is_set())
        self._was_kept = False
        if terms.winner is not None:
            named_before(given.models, terms.winner)
        self._compared = Compared(
            None,
            datetime.now(UTC).isoformat(timespec="seconds"),
            given.prompt,
            _profile(ctx, given.prompt),
            terms.seed,
            plan.mode,
            plan.line if len(self._columns) > 1 else "",
            (),
            terms.repeat,
            terms.blind,
        )

    def hold(self) -> int:
        """Let the models answer, show what comes, and keep what was chosen.

        :return: the exit code
        """
        with self._masked():
            return self._held()

    @contextmanager
    def _masked(self) -> Iterator[None]:
        """Hide names in what plugins say meanwhile."""
        out = self._ctx.out
        before = out.on_notice
        if self._terms.blind:
            show = before or (lambda notice: out.say(f"ollm: {notice.text}"))
            out.on_notice = lambda notice: show(Notice(notice.code, self._race.mask.line(notice.text)))
        try:
            yield
        finally:
            out.on_notice = before

    def _held(self) -> int:
        out = self._ctx.out
        watched, broken_off = out.is_terminal and out.draws_aside and not self._terms.as_json, False
        try:
            if watched:
                self._watch()
            else:
                self._wait()
        except (KeyboardInterrupt, EOFError):  # Ctrl-C, or the terminal was closed
            broken_off = True
            self.complete(interrupted=True)
            with suppress(KeyboardInterrupt):  # all that has come is shown, whatever is pressed
                self.keep()
        except OSError:  # nobody reads any more, as with `| head`
            self.complete(interrupted=True)
            self.keep()
            raise
        self._tell(answers=watched)
        self._keep_choice()
        if self._go_on:
            return self._converse()
        if broken_off or self._compared.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.DONE if any(answer.answered for answer in self._compared.answers) else ExitCode.FAILED

    def _wait(self) -> None:
        """Let the models answer; print the answers that are complete, in their order."""
        shown = 0

        def show(_: Column) -> None:
            nonlocal shown
            while shown < len(self._columns) and self._columns[shown].over:
                now = self._now()
                self._ctx.out.print(f"{heading(now, shown)}\n{said(now, shown)}\n")
                self._ctx.out.stdout.flush()
                shown += 1

        if not self._terms.as_json:
            self._race.on_change(show)
        self._ctx.run(self._race.run())
        self.complete(interrupted=False)
        self.keep()

    def _watch(self) -> None:
        """Let the models answer on a screen of their own, and let the user choose there."""
        from ollm_plugins.compare.view import View

        stays = self._terms.winner is None
        view = View(self._ctx.out, self._race, self._compared, self, stays=stays, goes_on=self._can_go_on())
        outcome = self._ctx.run(view.run())
        self._go_on = outcome.go_on
        self._chosen_later = bool(outcome.choice and not self._compared.choice)
        if self._chosen_later:
            self._compared = replace(self._compared, choice=outcome.choice, winner=outcome.winner)

    def _now(self) -> Compared:
        return replace(self._compared, answers=tuple(column.answer() for column in self._columns))

    def complete(self, *, interrupted: bool) -> Compared:
        """Take in what has come, and choose what is to be chosen at once."""
        if self._compared.answers:
            return self._compared
        now = replace(self._now(), interrupted=interrupted)
        if self._terms.winner is not None:
            try:
                choice, winner = choice_of(now, self._terms.winner)
                now = replace(now, choice=choice, winner=winner)
            except UsageError as error:
                self._ctx.out.notify(Notice("comparison-not-chosen", f"Nothing is chosen: {error}"))
        self._compared = now
        return now

    def keep(self) -> None:
        """Keep what is complete, once; that takes long while another program writes, so it may be done in a thread."""
        if self._was_kept or not (self._terms.save and any(answer.shown.text for answer in self._compared.answers)):
            return
        self._was_kept = True
        with self._told_if_not_kept("comparison"):
            self._compared = self._store.add(self._compared)

    def give_up(self) -> None:
        """Wait no longer for another program that writes."""
        self._given_up.set()

    def _keep_choice(self) -> None:
        """Keep what was chosen after the comparison was kept; all is shown by now, and Ctrl-C ends the waiting."""
        chosen = self._compared
        if self._chosen_later and chosen.id is not None:
            with self._told_if_not_kept("choice"):
                self._store.choose(chosen.id, chosen.choice, chosen.winner)

    @contextmanager
    def _told_if_not_kept(self, what: str) -> Iterator[None]:
        try:
            yield
        except OllmError as error:
            self._ctx.out.notify(notice_of(None if self._given_up.is_set() else error, what))
        except KeyboardInterrupt:
            self._ctx.out.notify(notice_of(None, what))
            raise

    def _tell(self, *, answers: bool) -> None:
        if self._terms.as_json:
            self._ctx.out.document(document(self._compared))
        else:
            tell(self._ctx.out, self._compared, answers=answers)

    def _can_go_on(self) -> bool:
        """Whether a conversation can be held: what is typed must come from the terminal, not from a pipe."""
        return self._ctx.conversation is not None or self._ctx.out.can_ask

    def _converse(self) -> int:
        """Go on with the winner's answer: in the conversation under way, or in a new one."""
        place = self._compared.winner
        turn = self._columns[place].turn if place is not None else None
        assert turn is not None, "only an answer that came to its end can be chosen"
        self._answered_by(turn)
        here = self._ctx.conversation
        if here is not None:
            if self._given.last:
                here.take_back()
            here.adopt(turn)
            self._ctx.out.say(f"ollm: the conversation goes on with the answer of {turn.model}")
            return ExitCode.DONE
        conversation = self._ctx.app.conversation()
        conversation.adopt(turn)
        app = self._ctx.app
        return app.front_end("interactive", FrontendContext(app, given=conversation))

    def _answered_by(self, turn: TurnRecord) -> None:
        """Let the winner answer what comes next, for the rest of the run."""
        settings = self._ctx.app.settings
        settings.set_session("model.default", turn.model)
        settings.set_session("model.provider", turn.provider)


def _profile(ctx: CommandContext, prompt: str) -> str:
    classifier = ctx.app.services.find(PromptClassifier)
    return classifier.profile_of(prompt) if classifier is not None else "general"
