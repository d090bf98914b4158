"""Values of settings, as they are completed in the REPL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ollm_plugins.config.plugin import Plugin as Config
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.permissions.plugin import Plugin as Permissions
from ollm_plugins.providers.plugin import Plugin as Providers
from ollm_plugins.repl.plugin import Plugin as Repl
from ollm_plugins.repl.slash import Slash
from ollm_plugins.routing.plugin import Plugin as Routing

from ollm.api import CompletionContext, Specs, ValueCompleter, hookimpl


class Models(Specs):
    """Knows two models."""

    @hookimpl
    def ollm_value_completers(self, ctx: Any) -> list[ValueCompleter]:
        def models(context: CompletionContext) -> list[tuple[str, str]]:
            return [(name, "here") for name in ("acme:1b", "bolt:3b") if name.startswith(context.typed)]

        return [ValueCompleter("model", models)]


@pytest.fixture
def proposed(ollm_app: Callable[..., Any]) -> Callable[[str], list[str]]:
    ollm = ollm_app(Repl, Config, Options, Providers, Ollama, Permissions, Routing, Models)
    proposals = Slash(ollm.app, None).proposals()
    return lambda line: [each.text for each in proposals.of(line)[1]]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/set repl.editingMode ", ["emacs", "vi"]),
        ("/config set repl.editingMode v", ["vi"]),
        ("/set repl.plain ", ["true", "false"]),
        ("/config set repl.plain f", ["false"]),
        ("/set think ", ["true", "false", "low", "medium", "high", "max"]),
        ("/set options.think m", ["medium", "max"]),
        ("/set -m acme:1b think h", ["high"]),
        ('/set models."acme:1b".options.think h', ["high"]),
        ("/config set model.provider ol", ["ollama"]),
        ("/set model.default ", ["acme:1b", "bolt:3b"]),
        ("/config set model.default b", ["bolt:3b"]),
        ("/set --model a", ["acme:1b"]),
        ("/set model.routing.overrides.code b", ["bolt:3b"]),
        ("/set model.routing.defaultProfile ca", []),
        ("/set model.routing.defaultProfile co", ["code"]),
        ("/config set model.routing.profiles.mine.fallbackProfile crea", ["creative"]),
        ("/set model.routing.profiles.mine.requiredCapabilities v", ["vision"]),
        ("/config set tools.mode ", ["ask", "auto"]),
        ("/set temperature ", []),
        ("/set nosuch ", []),
        ("/config set repl.think ", []),
        ("/config set 'a..b' ", []),
        ("/set repl.editingMode vi ", []),
    ],
)
def test_values_of_settings_are_proposed(proposed: Callable[[str], list[str]], line: str, found: list[str]) -> None:
    assert proposed(line) == found
