"""Values of settings, as they are completed in the REPL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ollm_plugins.config.plugin import Plugin as Config
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.providers.plugin import Plugin as Providers
from ollm_plugins.repl.plugin import Plugin as Repl
from ollm_plugins.repl.slash import Slash


@pytest.fixture
def proposed(ollm_app: Callable[..., Any]) -> Callable[[str], list[str]]:
    ollm = ollm_app(Repl, Config, Options, Providers, Ollama)
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
        ("/set temperature ", []),
        ("/set nosuch ", []),
        ("/config set repl.think ", []),
        ("/config set 'a..b' ", []),
        ("/set repl.editingMode vi ", []),
    ],
)
def test_values_of_settings_are_proposed(proposed: Callable[[str], list[str]], line: str, found: list[str]) -> None:
    assert proposed(line) == found
