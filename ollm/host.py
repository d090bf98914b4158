"""Which plugins are there, which are blocked, what went wrong in each?

Discovery reads metadata only. A plugin is blocked before it is imported; importing it, registering it and
each call of its hooks happen inside a guard, so that a plugin's failure stays the plugin's. What went wrong
is kept in a ledger that `ollm plugins doctor` prints.
"""

from __future__ import annotations

import importlib.metadata
import io
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

import pluggy
from msgspec import Struct

from ollm.errors import PluginError, cause_of, remedy_for
from ollm.printing import descriptor_aside, exchange
from ollm.specs import API_VERSION, Specs

T = TypeVar("T")
PluginState = Literal["discovered", "blocked", "failed", "registered", "enabled", "active"]
"""discovered: named in some distribution's metadata. blocked: disabled in the settings, not imported.
failed: could not be loaded. registered: loaded. enabled: its hooks fit, it will be asked.
active: it has handed in something in this run."""

GROUP = "ollm"

PATIENCE = 1.0
"""Seconds from which on a plugin that was interrupted is named: it should have been done in milliseconds."""


class Failure(Struct, frozen=True):
    """Something a plugin did wrong.

    :param where: import, register, a hook's name, or a contribution such as "tool 'x'"
    """

    plugin: str
    where: str
    cause: str
    remedy: str
    trace: str = ""

    @property
    def line(self) -> str:
        """The failure in one line, for the user."""
        return f"Plugin '{self.plugin}' failed in {self.where}: {self.cause}. {self.remedy}"


class PluginRecord(Struct):
    """What the host knows of one plugin; the only mutable record of a plugin's life."""

    entry_point: importlib.metadata.EntryPoint
    first_party: bool
    state: PluginState = "discovered"
    seconds: float = 0.0
    plugin: object = None
    hooks: dict[str, pluggy.HookImpl] = {}
    failures: list[Failure] = []

    @property
    def name(self) -> str:
        """The entry point's name, which is the plugin's."""
        return self.entry_point.name

    @property
    def distribution(self) -> tuple[str, str]:
        """Name and version of the distribution that brought it; reads its metadata."""
        found = self.entry_point.dist
        if found is None:
            return "unknown", "unknown"
        return found.name or "unknown", found.version or "unknown"  # None where its METADATA is damaged


class _Manager(pluggy.PluginManager):
    """pluggy's, but for what every plugin has from `object` and `Specs`: looking there for hooks is most of its work."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        if name.startswith("__") or getattr(type(plugin), name, None) is getattr(Specs, name, self):
            return None
        return super().parse_hookimpl_opts(plugin, name)


class Host:
    """Loads plugins and calls their hooks, each inside a guard.

    :param blocked: names of plugins that are not to be loaded
    :param strict: re-raise instead of going on without the plugin
    :param on_failure: told of each failure as it happens
    """

    def __init__(
        self,
        records: list[PluginRecord],
        blocked: Collection[str] = (),
        *,
        strict: bool = False,
        on_failure: Callable[[Failure], None] = lambda _: None,
    ) -> None:
        self.records = records
        self._blocked = blocked
        self.strict = strict
        self._on_failure = on_failure
        self._manager = _Manager(GROUP)
        self._manager.add_hookspecs(Specs)

    @property
    def failures(self) -> list[Failure]:
        """Everything that went wrong so far, plugin by plugin."""
        return [failure for record in self.records for failure in record.failures]

    def load(self) -> None:
        """Import and register every plugin that is not blocked."""
        taken: dict[str, PluginRecord] = {}
        for record in self.records:
            if record.name in self._blocked:
                record.state = "blocked"
            elif record.name in taken:
                self._refuse_twin(record, taken[record.name])
            else:
                taken[record.name] = record
                self._load(record)

    def _refuse_twin(self, record: PluginRecord, first: PluginRecord) -> None:
        record.state = "failed"
        mine, theirs = record.distribution[0], first.distribution[0]
        cause = f"the name '{record.name}' of distribution '{mine}' is taken by distribution '{theirs}'"
        self.blame(record, "discovery", cause, f"Uninstall one of the two, e.g. `pip uninstall {mine}`.")

    def _load(self, record: PluginRecord) -> None:
        record.state = "failed"
        loaded = self.guard(record, "import", record.entry_point.load, apart=True)
        if loaded is None or not self._speaks_our_api(record, loaded):
            return
        plugin = self.guard(record, "register", loaded, apart=True) if isinstance(loaded, type) else loaded
        if plugin is None:
            return
        if self.guard(record, "register", lambda: self._manager.register(plugin, record.name)) is None:
            return
        record.plugin, record.state = plugin, "registered"
        self._enable(record)

    def _speaks_our_api(self, record: PluginRecord, plugin: object) -> bool:
        wanted = getattr(plugin, "requires_api", 1)
        if wanted == API_VERSION:
            return True
        cause = f"it was written for version {wanted!r} of the plugin API, this ollm has version {API_VERSION}"
        newer = isinstance(wanted, int) and wanted > API_VERSION
        remedy = "Upgrade ollm." if newer else f"Ask for a newer release of '{record.distribution[0]}'."
        self.blame(record, "register", cause, remedy)
        return False

    def _enable(self, record: PluginRecord) -> None:
        """Check the hooks; a misspelled one is reported, the others stay in use."""
        specs = {name for name in vars(Specs) if name.startswith("ollm_")}
        for caller in self._manager.get_hookcallers(record.plugin) or ():
            mine = next(each for each in reversed(caller.get_hookimpls()) if each.plugin is record.plugin)
            record.hooks[caller.name] = mine
        for name in sorted(set(record.hooks) - specs):
            import difflib

            near = difflib.get_close_matches(name, specs, n=1)
            remedy = f"Did its author mean '{near[0]}'?" if near else "The hooks are listed in docs/hooks.md."
            self.blame(record, name, "there is no hook of that name, so it is never called", remedy)
            del record.hooks[name]
        for name in sorted(specs - set(record.hooks)):
            if _is_unmarked(record.plugin, name):
                self.blame(record, name, "it is not marked with @hookimpl, so it is never called", "Tell its author.")
        record.state = "enabled"

    def call(self, hook: str, **arguments: Any) -> Iterator[tuple[PluginRecord, Any]]:
        """Ask one hook of every plugin, in the order in which they were loaded; failures are left out."""
        for record in self.records:
            if hook in record.hooks:
                result = self.guard(record, hook, partial(_ask, record, hook, arguments))
                if result is not None:
                    yield record, result

    def guard(
        self,
        record: PluginRecord,
        where: str,
        action: Callable[[], T],
        *,
        let: tuple[type[Exception], ...] = (),
        apart: bool = False,
    ) -> T | None:
        """Do something of a plugin's; on failure note it and return None.

        What it prints is kept away from stdout, which belongs to the answer.

        :param let: exceptions that are no failure but an answer, and pass
        :param apart: keep away what child processes and C libraries print, too; what the host itself writes meanwhile
            would also miss stdout, so only while modules are imported
        """
        started = time.perf_counter()
        printed = io.StringIO()
        # By hand: an observer passes here with each token, and a context manager doubles the cost.
        before = exchange(printed)
        try:
            if not apart or record.first_party:
                return action()
            with descriptor_aside():
                return action()
        except let:
            raise
        except KeyboardInterrupt:
            exchange(before)
            self._tell_hung(record, where, time.perf_counter() - started)
            raise
        except BaseException as error:
            exchange(before)
            self.blame_error(record, where, error)
            return None
        finally:
            exchange(before)
            record.seconds += time.perf_counter() - started
            if printed.getvalue():
                self.blame_print(record, where, printed.getvalue())

    def _tell_hung(self, record: PluginRecord, where: str, seconds: float) -> None:
        """Say who kept a user waiting until they lost patience: nothing else tells."""
        if seconds > PATIENCE and not self.strict:
            remedy = f"`ollm plugins disable {record.name}` goes on without it."
            self.blame(record, where, f"it was interrupted after {seconds:.0f} s", remedy)

    def blame_print(self, record: PluginRecord, where: str, text: str) -> None:
        """Note that a plugin has printed."""
        cause = f"it printed {len(text)} characters to stdout, which belongs to the answer"
        self.blame(record, where, cause, "Ask its author to use `notify`; the text was kept back.")

    def blame_error(self, record: PluginRecord, where: str, error: BaseException, *, say: bool = True) -> None:
        """Note an exception of a plugin's.

        :param say: False when the caller goes on to raise an error that says it
        :raises PluginError: in strict mode
        """
        if self.strict and isinstance(error, PluginError):
            raise error  # another plugin's, on its way up
        trace = "".join(traceback.format_exception(error))
        self.blame(record, where, cause_of(error), remedy_for(record, where, error), trace, error=error, say=say)

    def blame(
        self,
        record: PluginRecord,
        where: str,
        cause: str,
        remedy: str,
        trace: str = "",
        *,
        error: BaseException | None = None,
        say: bool = True,
    ) -> None:
        """Note a failure once, and tell the user.

        :raises PluginError: in strict mode
        """
        if self.strict:
            raise PluginError(record.name, f"Plugin '{record.name}' failed in {where}: {cause}", remedy) from error
        if any(known.where == where and known.cause == cause for known in record.failures):
            return
        failure = Failure(record.name, where, cause, remedy, trace)
        record.failures.append(failure)
        if say:
            self._on_failure(failure)


def _is_unmarked(plugin: object, name: str) -> bool:
    """Whether a plugin has a function with a hook's name that is not one of its hooks."""
    found = getattr(plugin, name, None)
    return callable(found) and getattr(found, "__func__", found) is not getattr(Specs, name)


def _ask(record: PluginRecord, hook: str, arguments: dict[str, Any]) -> Any:
    implementation = record.hooks[hook]
    if implementation.hookwrapper or implementation.wrapper:
        raise PluginError(record.name, "hook wrappers are not supported, since each plugin is asked by itself")
    return implementation.function(*(arguments[name] for name in implementation.argnames))
