"""What holds one run together?

The only place where the parts of the kernel are put together. It is passed on, never reached for.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ollm.contexts import HostContext
from ollm.errors import SettingsError
from ollm.host import Failure, Host, PluginRecord, discover
from ollm.hub import Hub
from ollm.messages import Notice
from ollm.output import Output
from ollm.paths import Paths
from ollm.sections import PluginsSettings
from ollm.services import Services
from ollm.settings import Settings
from ollm.settings_file import SettingsFile, read_settings
from ollm.settings_model import KERNEL_SECTIONS

if TYPE_CHECKING:
    import asyncio

    from ollm.selection import Providers
    from ollm.session import Conversation

T = TypeVar("T")


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
        self.workspace = Path.cwd()
        self._file_error: SettingsError | None = None
        file = self._read_file()
        found = discover() if records is None else records
        self.host = Host(found, self._blocked(file, found), strict=strict_plugins, on_failure=self._tell_failure)
        self.host.load()
        self.hub = Hub(self.host, self.paths)
        contributed = [owned.item for owned in self.hub.settings_sections()]
        incomplete = any(record.state == "blocked" or record.failures for record in found)
        self.settings = Settings((*KERNEL_SECTIONS, *contributed), file, self.environ, incomplete=incomplete)
        self.services = Services(self.hub)
        self.context = HostContext(self.paths, self.settings, self.services, self.out.notify)
        self.services.open(self.context)
        self.hub.open(self.context)
        self.settings.add_layers([owned.item for owned in self.hub.settings_layers()])
        self._runner: asyncio.Runner | None = None

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
        """Check every layer of the settings.

        :raises SettingsError: with a line for each mistake
        """
        if self._file_error is not None:
            raise self._file_error
        self.settings.validate()

    def reload_settings(self) -> None:
        """Read the user's file anew, after a command has changed it; providers are made anew when next needed."""
        self._file_error = None
        self.settings.use_file(self._read_file())
        if self._runner is not None:
            self.run(self.providers.aclose())

    @cached_property
    def providers(self) -> Providers:
        """All providers."""
        from ollm.selection import Providers

        return Providers(self.hub, self.context)

    def conversation(self) -> Conversation:
        """Begin a conversation in the working folder."""
        from ollm.session import Conversation

        return Conversation(self.hub, self.context, self.providers, self.workspace)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous on the run's one event loop, until it is done.

        :raises KeyboardInterrupt: the user pressed Ctrl-C; the work was cancelled first
        """
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()
        from ollm.interrupts import run_cancellable

        return run_cancellable(self._runner.get_loop(), work)

    def close(self) -> None:
        """Close providers and the event loop."""
        if self._runner is not None:
            self._runner.run(self.providers.aclose())
            self._runner.close()
            self._runner = None
