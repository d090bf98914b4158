"""Which fixtures do tests get? Import them where they are used, or name this module as a pytest plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.replay.server import ReplayServer
from tests.replay.state import RememberingServer


@pytest.fixture
def replay() -> Iterator[Callable[..., ReplayServer]]:
    """Start replay servers: `replay({"/api/chat": "chat_stream"}, speed=0)`; each ends with the test."""
    with contextlib.ExitStack() as running:

        def start(script: Any = None, **options: Any) -> ReplayServer:
            return running.enter_context(ReplayServer(script or {}, **options))

        yield start


@pytest.fixture
def remembering() -> Iterator[Callable[..., RememberingServer]]:
    """Start servers that remember: `remembering(pulls={…}, speed=0)`; each ends with the test."""
    with contextlib.ExitStack() as running:

        def start(**options: Any) -> RememberingServer:
            server = RememberingServer(**options)
            running.enter_context(server)
            return server

        yield start
