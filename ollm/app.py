"""What holds one run together?

The only place where the parts of the kernel are put together. It is passed on, never reached for.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ollm.contexts import HostContext, Workplace
from ollm.contributed import (
    ContributedLimits,
    ContributedProfiles,
    ContributedProjects,
    ContributedTemplates,
    ContributedTools,
)
from ollm.discovery import discover
from ollm.errors import OllmError, SettingsError, UsageError
from ollm.host import Failure, Host, PluginRecord
from ollm.hub import Hub
from ollm.messages import Notice
from ollm.output import Output
from ollm.paths import Paths
from ollm.printing import tell_threads_apart
from ollm.providers import ProviderAccess
from ollm.sections import PluginsSettings
from ollm.services import Services
from ollm.settings import Settings
from ollm.settings_file import SettingsFile, read_settings
from ollm.settings_model import KERNEL_SECTIONS
from ollm.text import visible

if TYPE_CHECKING:
    import asyncio

    from ollm.background import Background
    from ollm.contexts import FrontendContext
    from ollm.questions import Question, Reply
    from ollm.selection import Providers
    from ollm.session import Conversation

T = TypeVar("T")

COLLECT_AFTER = 1.0
"""Seconds of asynchronous work after which cyclic garbage is collected; `ollm.cli` switches that off to start."""


_CONTRIBUTED: tuple[type, ...] = (
    ContributedLimits,
    ContributedProfiles,
    ContributedProjects,
    ContributedTemplates,
    ContributedTools,
)
"""Services that the kernel provides itself, by asking all plugins."""


class App:
    """One run of ollm.

    :param environ: variables by name
    :param strict_plugins: a plugin's failure ends the run
    :param records: the plugins; None discovers the installed ones
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        output: Output | None = None,
        strict_plugins: bool = False,
        records: list[PluginRecord] | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.out = output or Output()
        self.paths = Paths.from_environment(self.environ)
        self._workplace = Workplace(_working_folder())
        self._file_error: SettingsError | None = None
        file = self._read_file()
        found = discover() if records is None else records
        self.host = Host(found, self._blocked(file, found), strict=strict_plugins, on_failure=self._tell_failure)
        self.host.load()
        self.hub = Hub(self.host, self.paths)
        contributed = [owned.item for owned in self.hub.settings_sections()]
        incomplete = any(record.state == "blocked" or record.failures for record in found)
        self.settings = Settings((*KERNEL_SECTIONS, *contributed), file, self.environ, incomplete=incomplete)
        self.services = Services(
            self.hub,
            {ProviderAccess: lambda: self.providers, **dict.fromkeys(_CONTRIBUTED, lambda: self.hub)},
        )
        self.context = HostContext(
            self.paths, self.settings, self.services, self.out.notify, self._workplace, self.environ, self.ask
        )
        self.services.open(self.context)
        self.hub.open(self.context)
        self.settings.use_layers([owned.item for owned in self.hub.settings_layers()])
        self._runner: asyncio.Runner | None = None
        self._background: Background | None = None
        self._abandoned: list[asyncio.Runner] = []

    def _read_file(self) -> SettingsFile:
        """A file that cannot be read stops no command that helps to mend it; see `check_settings`."""
        try:
            return read_settings(self.paths.config)
        except SettingsError as error:
            self._file_error = error
            return SettingsFile(self.paths.config)

    def _blocked(self, file: SettingsFile, found: list[PluginRecord]) -> tuple[str, ...]:
        """Without a readable list of disabled plugins, no stranger's plugin is loaded."""
        if self._file_error is None:
            try:
                return Settings(KERNEL_SECTIONS, file, self.environ).section(PluginsSettings).disabled
            except SettingsError:
                pass  # `check_settings` reports it, together with all other mistakes
        return tuple(record.name for record in found if not record.first_party)

    def _tell_failure(self, failure: Failure) -> None:
        self.out.notify(Notice("plugin-failed", failure.line))
        if self.environ.get("OLLM_DEBUG") and failure.trace:
            self.out.say(failure.trace)

    def check_settings(self) -> None:
        """Check every layer of the settings; what a plugin's layer may not set is said and ignored.

        :raises SettingsError: with a line for each mistake of the user's
        """
        if self._file_error is not None:
            raise self._file_error
        for problem in self.settings.validate():
            self.out.notify(Notice("setting-ignored", problem))

    def reload_settings(self) -> None:
        """Read the user's file anew, after a command has changed it.

        Providers are made anew, when next needed, if their settings have changed.
        """
        self._file_error = None
        before = self.settings.file.values.get("providers")
        self.settings.use_file(self._read_file())
        if self._runner is not None and self.settings.file.values.get("providers") != before:
            self.run(self.providers.aclose())

    def reload_layers(self) -> None:
        """Ask plugins anew for layers of settings, after a command has changed what they are to say."""
        self.hub.forget("ollm_settings_layers")
        self.settings.use_layers([owned.item for owned in self.hub.settings_layers()])

    @property
    def workspace(self) -> Path:
        """The folder in which the user works."""
        return self._workplace.folder

    def enter(self, folder: Path) -> None:
        """Let the user work in another folder; what plugins say of the settings may depend on it.

        :raises UsageError: it is no folder, or may not be entered
        """
        try:
            os.chdir(folder)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"{visible(str(folder))} cannot be entered: {reason}") from error
        self._workplace.folder = _working_folder()
        self.reload_layers()

    @cached_property
    def providers(self) -> Providers:
        """All providers."""
        from ollm.selection import Providers

        return Providers(self.hub, self.context)

    def conversation(self, *, aside: bool = False) -> Conversation:
        """Begin a conversation in the working folder.

        :param aside: it is not kept, and the model gets no tools
        """
        from ollm.session import Conversation

        return Conversation(self.hub, self.context, self.providers, aside=aside)

    def front_end(self, kind: Literal["once", "interactive"], context: FrontendContext) -> int:
        """Hold a conversation with the first front end of a kind that can be loaded.

        :return: the exit code
        :raises OllmError: there is none, or it failed
        """
        if kind == "interactive":
            tell_threads_apart()
            self.begin_background()
        for owned in self.hub.frontends():
            code = self.hub.hold(owned, context) if owned.item.kind == kind else None
            if code is not None:
                return code
        raise OllmError(f"No plugin is installed that can hold a conversation ({kind})", "Run `ollm plugins doctor`.")

    async def ask(self, question: Question) -> Reply | None:
        """Ask the user; None when nobody can be asked."""
        import asyncio

        from ollm.questions import ask

        return await asyncio.create_task(ask(self.out, question))  # apart from a plugin's, which stdout is kept from

    def begin_background(self) -> None:
        """Let the background tasks of plugins go on whenever the event loop runs; they end with the app."""
        from ollm.background import Background

        self._background = Background(self.hub, self.context)
        if self._runner is not None:
            self._background.start(self._runner.get_loop())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous on the run's one event loop, until it is done.

        :raises KeyboardInterrupt: the user pressed Ctrl-C; the work was cancelled first
        """
        try:
            from ollm.interrupts import Abandoned, run_cancellable

            runner = self._at_work()
        except BaseException:
            work.close()  # which would complain that it was never begun
            raise
        try:
            return run_cancellable(runner.get_loop(), work)
        except Abandoned:
            self._abandoned.append(runner)  # something in it will not end: it is never run again
            self._runner = None
            self.providers.forget()
            raise

    def _at_work(self) -> asyncio.Runner:
        """Return what has the run's event loop; it is made when first needed, and Ctrl-C waits meanwhile."""
        if self._runner is None:
            import asyncio

            from ollm.interrupts import held

            with held():
                self._runner = asyncio.Runner()
                self._runner.get_loop().call_later(COLLECT_AFTER, gc.enable)
            if self._background is not None:
                self._background.start(self._runner.get_loop())
        return self._runner

    def close(self) -> None:
        """Close services, providers and the event loop."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        if runner.run(self._close_all()):
            runner.close()
        else:
            self._abandoned.append(runner)  # closing would wait for what does not end

    async def _close_all(self) -> bool:
        """Close what can be closed; False if something is still at work."""
        import asyncio

        if self._background is not None:
            await self._background.aclose()
        await self.services.aclose()
        await self.providers.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=1.0)
        return all(task.done() for task in others)


def _working_folder() -> Path:
    """Return the folder in which the user works; the root when that has been deleted."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.sep)
