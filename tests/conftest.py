"""What every test gets: no settings, project, server or colours of whoever runs the tests."""

import os

import pytest
from hypothesis import settings

from tests.helpers.live import live_address as live_address  # a fixture

settings.register_profile("the-same", derandomize=True)
settings.load_profile("the-same")  # on each machine; `--hypothesis-profile=default` looks for new cases


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path_factory, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("OLLM_", "OLLAMA_"))]:
        if not name.startswith("OLLM_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OLLM_HOME", str(tmp_path_factory.getbasetemp() / "nobodys-home"))
    monkeypatch.setenv("OLLM_PROJECT_DETECT", "no")  # they may be run in a repository, whose type would be said
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def anyio_backend():
    return "asyncio"
