"""A user's clock that is not that of Greenwich."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def two_hours_ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the clock show two hours more than UTC."""
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
