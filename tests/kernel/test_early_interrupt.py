"""Is Ctrl-C quiet, however early it comes? A real process, that gets the signal when it begins to import a module."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.replay import ReplayServer

OLLM = str(Path(sys.executable).with_name("ollm"))

PRESSING = """
import signal, sys
from ollm.cli import run

left = [sys.argv.pop(1)]

def press(event, given):
    if event == "import" and given[0] in left:
        left.clear()
        signal.raise_signal(signal.SIGINT)

sys.addaudithook(press)
run()
"""
MODULES = ["ollm.ending", "typing", "ollm.errors", "ollm.app", "msgspec", "ollm.hub", "typer", "ollm.session"]
WHILE_MSGSPEC_IS_SET_UP = ["datetime", "math"]
"""Imported by its C code, which swallows what is raised there, and crashes when it is used."""

WHEN_WORK_BEGINS = ["ollm.interrupts", "asyncio", "ollm_plugins.oneshot.formats"]


@pytest.mark.parametrize("module", [*MODULES, *WHILE_MSGSPEC_IS_SET_UP, *WHEN_WORK_BEGINS])
def test_an_import_is_ended_in_silence(module: str, tmp_path: Path) -> None:
    with ReplayServer({"/api/chat": ["chat_stream"]}) as server:
        env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
        command = [sys.executable, "-c", PRESSING, module, "-p", "hi", "-m", "llama3.2:1b"]
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\n")


def test_a_signal_at_any_time_leaves_no_trace_of_ours(tmp_path: Path) -> None:
    env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_PROVIDER": "ollama", "OLLAMA_HOST": "127.0.0.1:9"}
    for delay in range(5, 155, 15):
        process = subprocess.Popen(
            [OLLM, "-p", "hi"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(delay / 1000)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1].decode()
        assert "never awaited" not in said
        if "Traceback" in said:  # while Python itself starts, nobody can take care of it
            assert f"{os.sep}ollm{os.sep}app.py" not in said
            assert "ollm_plugins" not in said
