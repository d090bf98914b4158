"""Is anything lost when many processes write at once, or are killed while they do?"""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers.program import ollm  # noqa: F401  (a fixture)

ADDS = """
import sys
from ollm.api import App, Output
from ollm_plugins.memory.service import memories
service = memories(App(output=Output()).context)
for number in range(int(sys.argv[2])):
    service.remember(f"{sys.argv[1]}-{number}", f"value {number}")
    print(number, flush=True)
"""


def writer(name, count):
    return subprocess.Popen([sys.executable, "-c", ADDS, name, str(count)], stdout=subprocess.PIPE, text=True)


def file(home):
    return json.loads((home / "memory.json").read_text())


def test_many_processes_add_at_once_while_others_read(ollm):
    running = [writer(f"p{number}", 20) for number in range(10)]
    while any(process.poll() is None for process in running):
        read = ollm("memory", "list", "--json")
        assert (read.code, read.err) == (0, "")
    assert [process.communicate()[0].count("\n") for process in running] == [20] * 10
    found = file(ollm.home)["memories"]
    assert {each["key"] for each in found} == {f"p{p}-{n}" for p in range(10) for n in range(20)}
    assert len(found) == 200


def test_commands_add_at_once(ollm):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: ollm.real("memory", "add", f"k{number}", "v"), range(16)))
    assert [each.code for each in done] == [0] * 16, done[0].err
    assert len(ollm("memory", "list", "--json").json) == 16


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(ollm):
    """Each writer is killed right after it has said that something is written, while it writes the next."""
    said = 0
    for number in range(12):
        process = writer(f"k{number}", 10_000)
        for _ in range(3 + number):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().count("\n")
        process.wait()
        process.stdout.close()
        said += 3 + number + rest
        found = len(file(ollm.home)["memories"])
        assert said <= found <= said + number + 1
    assert ollm("memory", "add", "after", "all").code == 0
    assert not list(ollm.home.glob(".memory.json.*"))
    assert not list(ollm.home.glob("*.unreadable"))


@pytest.mark.skipif(os.name == "nt", reason="there is no RLIMIT_FSIZE")
def test_a_full_disk_is_said_in_one_line(ollm):
    """A limit on the size of files stands for a disk that is full: writing fails in the middle."""
    assert ollm("memory", "add", "a", "b").code == 0
    before = (ollm.home / "memory.json").read_bytes()
    value = "word " * 3_000
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); from ollm.cli import run; sys.exit(run())"
    words = [sys.executable, "-c", limited, "memory", "add", "large", value]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ollm: {ollm.home / 'memory.json'} could not be written: ")
    assert (ollm.home / "memory.json").read_bytes() == before
    assert not list(ollm.home.glob(".memory.json.*"))
