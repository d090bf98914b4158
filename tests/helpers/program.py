"""How does a test run the program? In this process, as the console script would; or as a real process."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(sys.executable).with_name("ollm")


@dataclass(frozen=True)
class Done:
    """What a run left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


class Program:
    """The program with a home folder of its own."""

    def __init__(self, home: Path, call: Callable[..., Done]) -> None:
        self.home = home
        self.config = home / "config.yaml"
        self._call = call

    def __call__(self, *words: str) -> Done:
        """Run it in this process."""
        return self._call(*words)

    def write(self, text: str | bytes) -> None:
        self.home.mkdir(exist_ok=True)
        self.config.write_bytes(text.encode() if isinstance(text, str) else text)

    def read(self) -> str:
        return self.config.read_bytes().decode()

    def process(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start a real process."""
        environment = {**os.environ, "OLLM_HOME": str(self.home), **environ}
        return subprocess.Popen(
            [SCRIPT, *words],
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def real(self, *words: str, **environ: str) -> Done:
        """Run a real process to its end."""
        process = self.process(*words, **environ)
        out, err = process.communicate(timeout=240)
        return Done(process.returncode, out, err)


@pytest.fixture
def ollm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Program]:
    """The program with an empty home, and no variable of ollm's set."""
    for name in [name for name in os.environ if name.startswith(("OLLM_", "OLLAMA_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("OLLM_HOME", str(home))
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Done:
        from ollm.cli import main

        capsys.readouterr()
        code = main(words)
        gc.unfreeze()
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    yield Program(home, call)
    for module in [module for module in sys.modules if module.startswith("stranger_")]:
        del sys.modules[module]
