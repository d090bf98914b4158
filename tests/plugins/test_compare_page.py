"""Do the commands that docs/rooms/compare.md shows work, in the order in which it shows them?"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.program import SCRIPT, Program
from tests.helpers.program import ollm as ollm  # a fixture
from tests.helpers.site import ROOT
from tests.replay import RememberingServer, entry

PAGE = (ROOT / "docs" / "rooms" / "compare.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if re.search(r"(^|\| )ollm ", line)]
TEMPLATE = "description: Reviews a file\ntemplate: Review {file}\nvariables:\n  - name: file\n    required: true\n"


@pytest.mark.skipif(os.name == "nt", reason="the page's lines are those of a POSIX shell")
def test_every_command_of_the_page_works(ollm: Program, tmp_path: Path) -> None:
    assert len(COMMANDS) == 14
    with RememberingServer(
        listed=[entry("llama3.2:3b"), entry("qwen3:4b"), entry("smollm2:135m")], load_ms=0
    ) as server:
        path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "OLLM_HOME": str(ollm.home), "OLLAMA_HOST": server.url}
        templates = ollm.home / "templates"
        templates.mkdir(parents=True)
        (templates / "review.yaml").write_text(TEMPLATE)
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        for command in COMMANDS:
            asked = command.replace("local/smollm2:135m", "ollama/smollm2:135m")  # no weights are fetched for this
            done = subprocess.run(
                ["bash", "-c", asked], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "answers.md").is_file()
    assert (tmp_path / "answers.html").is_file()


def test_the_page_tells_of_every_command_and_option(ollm: Program) -> None:
    listed = re.findall(r"^  (--?[a-z-]+)", ollm("compare", "--help").out, re.MULTILINE)
    named = {"-h", "-t"}
    assert "--blind" in listed
    assert [option for option in listed if option not in named and option not in PAGE] == []
    members = re.findall(r"^  ([a-z]+)  ", ollm("compare", "--help").out.partition("Commands:")[2], re.MULTILINE)
    assert sorted(members) == ["choose", "delete", "export", "history", "show", "stats"]
    assert all(f"ollm compare {member}" in PAGE for member in members)
