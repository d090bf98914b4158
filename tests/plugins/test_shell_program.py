"""Does a command of a model end with ollm's own process, in a real terminal and in a script?"""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.program import SCRIPT
from tests.plugins.test_shell import gone
from tests.terminal.screen import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are written for a POSIX shell")

PLUGIN = '''
"""Which provider calls tools as the prompt says?"""

from ollm.api import Finished, Health, ModelInfo, ProviderEntry, Specs, TextDelta, ToolCall, ToolCalled, hookimpl


class Caller:
    name = "caller"

    async def check(self):
        return Health("here", "1")

    async def list_models(self):
        return [await self.show_model("caller:1b")]

    async def show_model(self, name):
        return ModelInfo(name, context_window=32768, capabilities=("completion", "tools"))

    async def chat(self, request):
        last = request.messages[-1]
        if last.role == "tool":
            yield TextDelta(f"It said: {last.content}")
        elif last.content.startswith("run: "):
            yield ToolCalled(ToolCall("1", "shell", {"command": last.content.removeprefix("run: ")}))
        else:
            yield TextDelta("You said: " + last.content)
        yield Finished("stop")

    async def aclose(self):
        return None


class Plugin(Specs):
    @hookimpl
    def ollm_providers(self, ctx):
        return [ProviderEntry("caller", "For tests", lambda _: Caller(), order=1)]
'''


@pytest.fixture
def surroundings(tmp_path):
    """Variables with which ollm finds the plugin, and a home and working folder of its own."""
    folder, home = tmp_path / "site", tmp_path / "home"
    metadata = folder / "caller-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: caller\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ollm]\ncaller = caller:Plugin\n")
    (folder / "caller.py").write_text(PLUGIN)
    (home / ".ollm").mkdir(parents=True)
    (home / ".ollm" / "config.yaml").write_text("model: {provider: caller, default: 'caller:1b'}\n")
    return home, {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def start(surroundings):
    home, environ = surroundings
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "OLLM_HOME": str(home / ".ollm"), "MY_TOKEN": "hunter2"}

    def run(*words):
        pipe = subprocess.PIPE
        words = [SCRIPT, "--tools", "all", "--yolo", *words]
        return subprocess.Popen(words, cwd=home, env={**variables, **environ}, stdout=pipe, stderr=pipe, text=True)

    return run


def wait_for(path, lines=1):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and len(path.read_text().split()) >= lines:
            return path.read_text().split()
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def test_a_script_gets_the_output(start):
    process = start("-p", "run: pwd; env; exit 7", "-o", "json")
    out, err = process.communicate(timeout=90)
    text = json.loads(out)["text"]
    assert "[exit code 7 after" in text and "TERM=dumb" in text, err
    assert "hunter2" not in text and "OLLM_HOME" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_a_script_ends_the_command_with_it(start, surroundings, number):
    pids = surroundings[0] / "pids"
    own = "setsid" if sys.platform == "linux" else ""  # a session of its own, which only Linux tells of
    child = f"{own} bash -c 'echo $$ >> pids; sleep 60; true'"
    process = start("-p", f"run: (echo $BASHPID >> pids; sleep 60; true) & {child} & echo $$ >> pids; sleep 60; true")
    found = wait_for(pids, 3)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0 and all(map(gone, found))


@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_in_the_terminal_ends_the_command_and_leaves_the_program_alive(surroundings, times):
    home, environ = surroundings
    with Terminal(home, environ, "--yolo") as terminal:
        terminal.wait_for("Ctrl-D leaves")
        ignoring = "trap '' INT TERM HUP; echo $BASHPID >> pids; sleep 60; true"
        terminal.send_line(f"run: ({ignoring}) & {ignoring}")
        pids = wait_for(home / "pids", 2)
        for _ in range(times):
            terminal.press("c-c")
        assert all(gone(pid, within=15) for pid in pids)
        terminal.wait_for(r"^\[interrupted\]$")
        terminal.send_line("still there?")
        terminal.wait_for("You said: still there?")


def test_the_terminal_shows_a_command_with_what_would_be_obeyed_made_visible(surroundings):
    home, environ = surroundings
    with Terminal(home, environ) as terminal:
        terminal.wait_for("Ctrl-D leaves")
        terminal.send_line("run: echo made > made # \u200bx\u202ey")
        terminal.wait_for(re.escape("$ echo made > made # \\u{200b}x\\u{202e}y"))
        assert not (home / "made").exists()
