"""Does whoever follows docs/rooms/models.md get what it shows?"""

import re
import shlex
from pathlib import Path

from tests.docs.test_plugins_md import fits, steps
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import entry
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

PAGE = Path(__file__).parents[2] / "docs" / "rooms" / "models.md"


def level(text):
    """Tables in a pipe have tabs, and no space at the ends of lines."""
    return re.sub(r"[ \t]+", " ", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


def test_every_command_does_what_the_page_shows(ollm, remembering, monkeypatch):
    listed = [entry("smollm2:135m"), entry("gemma3:270m", "gemma3:270m")]
    server = remembering(listed=listed, pulls={"tinyllama:1.1b": "pull_fresh_local_fast"})
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("OLLM_PROVIDER", "ollama")
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert PAGE.read_text().count("```") == 2 * len(blocks)
    for command, shown in [step for block in blocks for step in steps(block)]:
        if command.startswith("ollm model status"):
            server._load("smollm2:135m", {"keep_alive": 299})
        if "tinyllama:1.1b" in server.listed:  # the stand-in lists what was pulled as the one model that was recorded
            server.listed["tinyllama:1.1b"]["digest"] = "f" * 64
        done = ollm(*shlex.split(command)[1:])
        assert done.code == 0, done.err
        told = done.out + "".join(f"{line}\n" for line in done.lines if line.startswith("ollm: "))
        assert fits(level(shown), level(told)), f"$ {command}\n{told}\ninstead of\n{shown}"
