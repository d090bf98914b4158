"""Does docs/plugins.md do what it says? Its files are written, its commands run, its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.site import ROOT, Site

PAGE = ROOT / "docs" / "plugins.md"
DICE = ROOT / "contrib" / "ollm-dice"
FENCE = re.compile(r"(?:^`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = "python -m pip install -e ."


def blocks() -> Iterator[tuple[str, str, str]]:
    """Yield file (or nothing), language and text of each fenced block."""
    for match in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        yield match[1] or "", match[2], match[3]


def steps(text: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with its output."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert parts[0] == ""
    return list(zip(parts[1::2], parts[2::2], strict=True))


def fits(shown: str, real: str) -> bool:
    """Whether output is as shown, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.rstrip("\n").split("…"))
    return re.fullmatch(pattern, real.rstrip("\n"), re.DOTALL) is not None


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.project = folder / "ollm-dice"
        self.project.mkdir()
        self._installed: dict[Path, bytes] = {}

    def write(self, path: str, text: str) -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, command: str) -> str:
        """Run a command; an editable install is stood for by a new one whenever a file has changed."""
        if command == INSTALL:
            self._install()
            return ""
        if self._installed and self._installed != self._files():
            self._install()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**self.site.surroundings(), "PATH": path, "COLUMNS": "80"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
        return done.stdout

    def _install(self) -> None:
        if self.site.target.exists():
            self.site.remove()
        self.site.install(self.project)
        self._installed = self._files()

    def _files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.project.rglob("*.py")}


@pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a POSIX shell")
def test_whoever_follows_the_page_gets_what_it_shows(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for file, language, text in blocks():
        if language == "console":
            for command, shown in steps(text):
                real = reader.run(command)
                assert fits(shown, real), f"$ {command}\n{real}\ninstead of\n{shown}"
        else:
            assert file, f"what is to be done with this?\n{text}"
            reader.write(file, text)


def test_the_plugin_of_the_page_is_the_one_in_contrib() -> None:
    written = {file: text for file, _, text in blocks() if file and file != "README.md"}
    real = [path for kind in ("*.py", "*.toml") for path in DICE.rglob(kind)]
    assert written == {path.relative_to(DICE).as_posix(): path.read_text(encoding="utf-8") for path in real}


def test_every_block_is_found() -> None:
    fences = re.findall(r"^```\w+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(list(blocks())) == len(fences)
