"""How is every plugin asked one question, safely?

One typed method a hook. What comes back is checked here, once, so that nobody else need doubt it; each
contribution is kept with the name of its plugin, so that a later failure can be blamed on it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from ollm import contributions as kinds
from ollm.contribution import Contribution, resolve
from ollm.errors import OllmError
from ollm.settings_model import KERNEL_SECTIONS, PROGRAM_FLAGS, flags_of, section_mistake

if TYPE_CHECKING:
    from ollm.contexts import FrontendContext, HostContext
    from ollm.host import Host, PluginRecord
    from ollm.messages import ToolSpec
    from ollm.paths import Paths

C_co = TypeVar("C_co", bound=Contribution, covariant=True)


class Owned(Struct, Generic[C_co], frozen=True):
    """A contribution and the plugin that it came from."""

    record: PluginRecord
    item: C_co


class Hub:
    """Asks hooks and remembers the answers for the run."""

    def __init__(self, host: Host, paths: Paths) -> None:
        self.host = host
        self._paths = paths
        self._context: HostContext | None = None
        self._answers: dict[str, list[Owned[Any]]] = {}
        self._flags: dict[str, str] = {}

    def open(self, context: HostContext) -> None:
        """Give the context that all hooks but `ollm_settings_sections` get."""
        self._context = context

    def settings_sections(self) -> list[Owned[kinds.SettingsSection]]:
        """Ask for settings sections."""
        asked = self._ask("ollm_settings_sections", kinds.SettingsSection, paths=self._paths)
        taken = dict.fromkeys((*PROGRAM_FLAGS, *(flag for each in KERNEL_SECTIONS for flag in flags_of(each))), "ollm")
        readable = filter(self._is_readable, asked)
        claimed = [owned for owned in readable if self._claims(owned, flags_of(owned.item), taken)]
        self._flags = taken
        return claimed

    def _is_readable(self, owned: Owned[kinds.SettingsSection]) -> bool:
        """Import a section and look for mistakes here, where its plugin is known."""
        mistake = self.host.guard(owned.record, label(owned.item), lambda: section_mistake(owned.item))
        if mistake:
            self.host.blame(owned.record, label(owned.item), mistake, "Tell its author; see docs/plugins.md.")
        return mistake == ""

    def _claims(self, owned: Owned[Contribution], mine: Sequence[str], taken: dict[str, str]) -> bool:
        """Two options of one name would leave it to chance which is meant."""
        for flag in mine:
            if flag in taken:
                cause = f"its option {flag} is taken by {taken[flag]}, which keeps it"
                self.host.blame(owned.record, label(owned.item), cause, "Tell its author.")
                return False
        taken.update(dict.fromkeys(mine, f"plugin '{owned.record.name}'"))
        return True

    def settings_layers(self) -> list[Owned[kinds.SettingsLayer]]:
        """Ask for settings layers."""
        return self._ask("ollm_settings_layers", kinds.SettingsLayer)

    def services(self) -> list[Owned[kinds.Service]]:
        """Ask for services."""
        return self._ask("ollm_services", kinds.Service)

    def providers(self) -> list[Owned[kinds.ProviderEntry]]:
        """Ask for providers, the first to be asked first."""
        return self._ordered("ollm_providers", kinds.ProviderEntry)

    def routing_profiles(self) -> list[Owned[kinds.RoutingProfile]]:
        """Ask for routing profiles."""
        return self._ask("ollm_routing_profiles", kinds.RoutingProfile)

    def model_limits(self) -> list[Owned[kinds.ModelLimits]]:
        """Ask for facts about models."""
        return self._ask("ollm_model_limits", kinds.ModelLimits)

    def tools(self) -> list[Owned[kinds.Tool]]:
        """Ask for tools."""
        return self._ask("ollm_tools", kinds.Tool)

    def tool_specs(self) -> Sequence[ToolSpec]:
        """Return what a model that is offered all tools is told."""
        from ollm.tools import Toolbox

        return Toolbox(self).specs()

    def commands(self) -> list[Owned[kinds.Command | kinds.CommandGroup]]:
        """Ask for commands and command groups."""
        return self._ask("ollm_commands", kinds.Command, kinds.CommandGroup)

    def project_detectors(self) -> list[Owned[kinds.ProjectDetector]]:
        """Ask for project detectors."""
        return self._ask("ollm_project_detectors", kinds.ProjectDetector)

    def project_profiles(self) -> list[Owned[kinds.ProjectProfile]]:
        """Ask for project profiles."""
        return self._ask("ollm_project_profiles", kinds.ProjectProfile)

    def prompt_parts(self) -> list[Owned[kinds.PromptPart]]:
        """Ask for parts of the system prompt, in their order."""
        return self._ordered("ollm_prompt_parts", kinds.PromptPart)

    def request_adjusters(self) -> list[Owned[kinds.RequestAdjuster]]:
        """Ask for request adjusters, in their order."""
        return self._ordered("ollm_request_adjusters", kinds.RequestAdjuster)

    def stream_adjusters(self) -> list[Owned[kinds.StreamAdjuster]]:
        """Ask for stream adjusters, in their order."""
        return self._ordered("ollm_stream_adjusters", kinds.StreamAdjuster)

    def result_adjusters(self) -> list[Owned[kinds.ResultAdjuster]]:
        """Ask for result adjusters, in their order."""
        return self._ordered("ollm_result_adjusters", kinds.ResultAdjuster)

    def root_options(self) -> list[Owned[kinds.RootOption]]:
        """Ask for options of `ollm` itself."""
        asked = self._ask("ollm_root_options", kinds.RootOption)
        taken = dict(self._flags)
        return [owned for owned in asked if self._claims(owned, owned.item.flags, taken)]

    def value_completers(self) -> list[Owned[kinds.ValueCompleter]]:
        """Ask for completers of values."""
        return self._ask("ollm_value_completers", kinds.ValueCompleter)

    def turn_observers(self) -> list[Owned[kinds.TurnObserver]]:
        """Ask for turn observers."""
        return self._ask("ollm_turn_observers", kinds.TurnObserver)

    def status_items(self) -> list[Owned[kinds.StatusItem]]:
        """Ask for status items, in their order."""
        return self._ordered("ollm_status_items", kinds.StatusItem)

    def background_tasks(self) -> list[Owned[kinds.BackgroundTask]]:
        """Ask for background tasks."""
        return self._ask("ollm_background_tasks", kinds.BackgroundTask)

    def templates(self) -> list[Owned[kinds.Template]]:
        """Ask for prompt templates."""
        return self._ask("ollm_templates", kinds.Template)

    def frontends(self) -> list[Owned[kinds.Frontend]]:
        """Ask for front ends; a stranger's replaces ours, so ours come last."""
        found = self._ask("ollm_frontends", kinds.Frontend)
        return sorted(found, key=lambda owned: owned.record.first_party)

    def load(self, owned: Owned[Contribution], attribute: str) -> Any:
        """Return what a contribution's attribute refers to; None when it cannot be imported, which is noted."""
        return self.host.guard(owned.record, label(owned.item), lambda: resolve(getattr(owned.item, attribute)))

    def tell(self, owned: Owned[Contribution], attribute: str, *arguments: Any) -> None:
        """Call what a contribution's attribute refers to, for its own information: nothing it does can fail us."""
        target = getattr(owned.item, attribute)
        self.host.guard(owned.record, label(owned.item), lambda: resolve(target)(*arguments))

    def listener(self, owned: Owned[Contribution], attribute: str) -> Callable[..., None] | None:
        """Return what tells a contribution something again and again; None when it cannot be imported, which is noted.

        The same as `tell`, with what it takes to find the function paid for once.
        """
        function = self.load(owned, attribute)
        if function is None:
            return None
        guard, record, what = self.host.guard, owned.record, label(owned.item)
        return lambda *arguments: guard(record, what, lambda: function(*arguments))

    def use(self, owned: Owned[Contribution], attribute: str, *arguments: Any) -> Any:
        """Call what a contribution's attribute refers to; None when it fails, which is noted.

        :raises OllmError: the contribution says no in words that are meant for the user
        """
        target = getattr(owned.item, attribute)
        return self.host.guard(owned.record, label(owned.item), lambda: resolve(target)(*arguments), let=(OllmError,))

    def hold(self, owned: Owned[kinds.Frontend], context: FrontendContext) -> int | None:
        """Let a front end hold a conversation, and return the exit code; None when it cannot be loaded.

        :raises PluginError: it failed, which is noted
        """
        run = self.load(owned, "run")
        if run is None:
            return None
        from ollm.awaiting import failure

        try:
            code = run(context)
        except (OllmError, BrokenPipeError):
            raise
        except Exception as error:
            import typer

            if isinstance(error, typer.Exit | typer.Abort | typer.TyperException) or _is_a_lost_stream(error):
                raise
            raise failure(self, owned, error) from error
        if not isinstance(code, int):
            raise failure(self, owned, TypeError(f"it returned a {type(code).__name__}, not an exit code"))
        return int(code)

    def forget(self, hook: str) -> None:
        """Ask a hook anew when it is next needed."""
        self._answers.pop(hook, None)

    def _ordered(self, hook: str, kind: type[C_co]) -> list[Owned[C_co]]:
        return sorted(self._ask(hook, kind), key=lambda owned: getattr(owned.item, "order", 0))

    def _ask(self, hook: str, *wanted: type[Any], **arguments: Any) -> list[Owned[Any]]:
        if hook not in self._answers:
            arguments = arguments or {"ctx": self._context}
            self._answers[hook] = self._accepted(hook, wanted, arguments)
        return self._answers[hook]

    def _accepted(self, hook: str, wanted: tuple[type[Any], ...], arguments: dict[str, Any]) -> list[Owned[Any]]:
        accepted: dict[tuple[str, str], Owned[Any]] = {}
        for record, answer in self.host.call(hook, **arguments):
            for item in self._items(record, hook, answer):
                if self._is_sound(record, hook, item, wanted):
                    record.state = "active"
                    self._admit(Owned(record, item), accepted)
        return list(accepted.values())

    def _items(self, record: PluginRecord, hook: str, answer: Any) -> Iterable[Any]:
        """Generators run here, so they are guarded as well."""
        items = self.host.guard(record, hook, lambda: list(answer))
        return items if items is not None else ()

    def _is_sound(self, record: PluginRecord, hook: str, item: Any, wanted: tuple[type[Any], ...]) -> bool:
        expected = " or ".join(kind.__name__ for kind in wanted)
        if not isinstance(item, wanted):
            cause = f"it returned a {type(item).__name__} where a {expected} is expected"
            self.host.blame(record, hook, cause, "Tell its author; docs/hooks.md shows each hook with an example.")
            return False
        mistakes = self.host.guard(record, hook, lambda: list(item.mistakes()))
        for mistake in mistakes or ():
            self.host.blame(record, hook, f"{_word(item)} is refused: {mistake}", "Tell its author.")
        return mistakes == []

    def _admit(self, owned: Owned[Any], accepted: dict[tuple[str, str], Owned[Any]]) -> None:
        key = (_word(owned.item), owned.item.name)
        what = label(owned.item)
        first = accepted.setdefault(key, owned)
        if first is owned or isinstance(owned.item, kinds.CommandGroup):
            return
        cause = f"the {what} is already provided by plugin '{first.record.name}', which keeps the name"
        remedy = f"Disable one of the two, e.g. `ollm plugins disable {owned.record.name}`."
        self.host.blame(owned.record, what, cause, remedy)


def label(item: Contribution) -> str:
    """Name a contribution for the user: "tool 'x'"."""
    return f"{_word(item)} '{item.name}'"


def _is_a_lost_stream(error: Exception) -> bool:
    """Whether what is written goes to a full disk or a terminal that is gone, which is no plugin's fault."""
    return (
        isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    )


def _word(item: Contribution) -> str:
    """ProviderEntry → provider, PromptPart → prompt part."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(item).__name__)
    return words.strip().removesuffix(" entry")
