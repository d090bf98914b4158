"""How does a test talk to a real server? Only if the one who runs the tests wants that: OLLM_TEST_LIVE=1."""

from __future__ import annotations

import os

import pytest

ADDRESS = os.environ.get("OLLAMA_HOST", "")
"""Read when tests/conftest.py is imported, since every test runs without the variables of whoever started it."""


@pytest.fixture
def live_address() -> str:
    """The address of a real server; without one the test is skipped."""
    if os.environ.get("OLLM_TEST_LIVE") != "1":
        pytest.skip("set OLLM_TEST_LIVE=1, and OLLAMA_HOST if it is not here")
    return ADDRESS
