"""How do tests reach the service that manages models? With the real rooms, in a home folder of the test's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama

from ollm.api import ModelManagement
from ollm.testing import Harness, make_harness

T = TypeVar("T")


class Run:
    """One run of the program, as far as models are concerned."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        found = harness.app.services.find(ModelManagement)
        assert found is not None
        self.models = found

    def __call__(self, work: Awaitable[T]) -> T:
        """Wait for something."""

        async def wait() -> T:
            return await work

        return self.harness.app.run(wait())

    def names(self, provider: str | None = "ollama", max_age: float = 0.0) -> list[str]:
        """List the models' names."""
        return [model.info.name for model in self(self.models.list_models(provider, max_age=max_age)).models]

    def close(self) -> None:
        """End the run."""
        self.harness.app.close()

    @property
    def said(self) -> str:
        """What the user was told."""
        return self.harness.stderr.getvalue()


@pytest.fixture
def run(ollm_home: Path) -> Iterator[Callable[..., Run]]:
    """Begin runs: `run(server, Plugin, …)`; each sees what those before it have left in the home folder."""
    with ExitStack() as opened:

        def begin(server: Any, *plugins: object, environ: Any = None, strict: bool = True) -> Run:
            surroundings = {"OLLAMA_HOST": getattr(server, "url", server), **(environ or {})}
            harness = make_harness(ollm_home, Models, Ollama, *plugins, environ=surroundings, strict=strict)
            opened.callback(harness.app.close)
            return Run(harness)

        yield begin
