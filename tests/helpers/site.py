"""How does a test run ollm, as a process, among distributions of strangers?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers import strangers

ROOT = Path(__file__).parents[2]
OLLM = Path(sys.executable).with_name("ollm")
PASSED_ON = ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG")


@dataclass
class Finished:
    """A process that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it wrote to stdout, as one JSON document."""
        return json.loads(self.stdout)


@dataclass
class Site:
    """A folder of installed distributions that `ollm` sees beside its own environment, and a home folder.

    :param folder: holds both
    :param environ: more variables for each run
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> Path:
        """Where distributions are installed."""
        return self.folder / "site"

    @property
    def home(self) -> Path:
        """OLLM_HOME."""
        return self.folder / "home"

    def write(self, name: str, source: str) -> Path:
        """Install a distribution `stranger-NAME` whose plugin NAME is the `Plugin` in a module's source.

        :return: its entry_points.txt
        """
        distribution = f"stranger-{name}"
        strangers.install(self.target, name, source, distribution=distribution)
        return self.target / f"{distribution.replace('-', '_')}-1.0.dist-info" / "entry_points.txt"

    def install(self, source: Path) -> None:
        """Build and install a distribution with pip, offline."""
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index"]
        command += ["--no-build-isolation", "--no-deps", "--target", str(self.target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        """Take away everything that was installed."""
        shutil.rmtree(self.target)

    def surroundings(self) -> dict[str, str]:
        """Return the variables of a run; none of the user's reaches it."""
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        own = {"PYTHONPATH": str(self.target), "OLLM_HOME": str(self.home), "HOME": str(self.folder)}
        return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1", **self.environ}

    def run(self, *words: str, timeout: float = 240) -> Finished:
        """Run the console script `ollm` in a process of its own."""
        done = subprocess.run(
            [str(OLLM), *words],
            env=self.surroundings(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Finished(done.returncode, done.stdout, done.stderr)
