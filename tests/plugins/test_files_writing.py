"""Is a file the old one or the new one, whatever happens while it is written?"""

import contextlib
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ollm_plugins.files import tools, writing
from ollm_plugins.files.opening import snapshot
from ollm_plugins.files.places import Place
from ollm_plugins.files.writing import replace_file

from ollm.api import OllmError
from tests.plugins.test_files import call, refused, work  # noqa: F401  (fixtures)


def leftovers(folder):
    return [name for name in os.listdir(folder) if name.startswith(".ollm-")]


def write(folder, name, data):
    place = Place(folder, (name,))
    return replace_file(place, data, snapshot(place, 1 << 30))


# what is kept


@pytest.mark.parametrize(
    ("before", "arguments", "after"),
    [
        (b"a\r\nb\r\n", {"old": "a\nb", "new": "A\nB\nC"}, b"A\r\nB\r\nC\r\n"),
        (b"a\r\nb\r\n", {"old": "b", "new": "x\ny"}, b"a\r\nx\r\ny\r\n"),
        (b"a\nb", {"old": "b", "new": "B"}, b"a\nB"),
        (b"a\r\nb\nc\r\n", {"old": "b\nc", "new": "B\nc"}, b"a\r\nB\nc\r\n"),
        (b"a\r\nb\nc\r\n", {"old": "a\nb\nc", "new": "x"}, None),
        (b"a\r\nb\nc\n", {"old": "a\nb", "new": "A\nb"}, b"A\r\nb\nc\n"),
        (b"a\rb\n", {"old": "a\rb", "new": "x"}, b"x\n"),
    ],
)
def test_an_edit_keeps_line_ends_and_a_missing_last_one(call, work, before, arguments, after):
    (work / "a").write_bytes(before)
    result = call("edit_file", path="a", **arguments)
    assert result.failed == (after is None), result.content
    assert (work / "a").read_bytes() == (before if after is None else after)


def test_a_whole_file_keeps_its_line_ends_unless_the_model_says_others(call, work):
    (work / "a").write_bytes(b"a\r\nb\r\n")
    call("write_file", path="a", content="x\ny\n")
    assert (work / "a").read_bytes() == b"x\r\ny\r\n"
    (work / "b").write_bytes(b"a\nb\n")
    call("write_file", path="b", content="x\r\ny")
    assert (work / "b").read_bytes() == b"x\r\ny"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_is_kept(call, work, mode):
    (work / "a").write_text("x")
    (work / "a").chmod(mode)
    assert not call("edit_file", path="a", old="x", new="y").failed
    assert stat.S_IMODE((work / "a").stat().st_mode) == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_gets_the_mode_that_the_umask_says(call, work, umask, mode):
    before = os.umask(umask)
    try:
        assert not call("write_file", path="new/a", content="x").failed
    finally:
        os.umask(before)
    assert stat.S_IMODE((work / "new" / "a").stat().st_mode) == mode


def test_the_owner_is_kept(work):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    (work / "a").write_text("x")
    os.chown(work / "a", 12345, 54321)
    write(work, "a", b"y")
    assert ((work / "a").stat().st_uid, (work / "a").stat().st_gid) == (12345, 54321)


def test_another_name_of_a_file_keeps_what_it_held(call, work):
    (work.parent / "outside").write_text("x\n")
    os.link(work.parent / "outside", work / "a")
    assert not call("edit_file", path="a", old="x", new="y").failed
    assert (work.parent / "outside").read_text() == "x\n"


# what is refused


def test_a_read_only_file_is_left_alone(call, work):
    (work / "a").write_text("x")
    (work / "a").chmod(0o444)
    assert refused(call("edit_file", path="a", old="x", new="y"), "is read-only")
    assert (work / "a").read_text() == "x"


@contextlib.contextmanager
def nobody():
    """Be a user that owns nothing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_is_told(work):
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        (folder / "a").write_text("x")
        folder.chmod(0o555)
        with (
            nobody(),
            pytest.raises(OllmError, match=r"a could not be written: Permission denied. Nothing was changed"),
        ):
            write(folder, "a", b"y")
        with nobody(), pytest.raises(OllmError, match="Permission denied"):
            write(folder, "new", b"y")
    finally:
        folder.chmod(0o755)
    assert sorted(os.listdir(folder)) == ["a"] and (folder / "a").read_text() == "x"


@contextlib.contextmanager
def mounted(folder):
    """A disk of 64 kB."""
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip("a disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def small_disk(work):
    with mounted(work / "disk") as folder:
        yield folder


def test_a_full_disk_changes_nothing(call, work, small_disk):
    (small_disk / "a").write_text("x\n")
    result = call("write_file", path="disk/a", content="y" * 200_000)
    assert refused(result, "No space left on device", "Nothing was changed")
    assert (small_disk / "a").read_text() == "x\n" and os.listdir(small_disk) == ["a"]
    assert call.ollm.run_command("files changes").stdout == "No tool has changed a file here\n"


def test_a_file_that_cannot_be_written_leaves_no_folders_that_were_made_for_it(call, work, small_disk):
    (small_disk / "mine").mkdir()
    assert refused(
        call("write_file", path="disk/mine/new/deep/a", content="y" * 200_000), "No space left", "Nothing was"
    )
    assert refused(call("write_file", path=f"mine/new/{'b' * 300}/a", content="y"), "File name too long")
    assert os.listdir(small_disk) == ["mine"] and os.listdir(small_disk / "mine") == [] and not (work / "mine").exists()


def test_a_limit_of_the_size_of_files_changes_nothing(work):
    (work / "a").write_text("x\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(OllmError, match=os.strerror(errno.EFBIG)):
            write(work, "a", b"y" * 2_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (work / "a").read_text() == "x\n" and not leftovers(work)


def test_without_room_for_the_way_back_nothing_is_changed(call, work, ollm_home):
    (work / "a").write_text("x\n" * 100_000)
    with mounted(ollm_home / "undo"):
        result = call("write_file", path="a", content="y")
    assert refused(result, "The way back could not be kept, so nothing was changed", "No space left")
    assert (work / "a").read_text() == "x\n" * 100_000


# what is changed between the question and the answer


@pytest.mark.parametrize(
    "tool",
    [
        ("write_file", {"content": "new\n"}),
        ("edit_file", {"old": "one", "new": "1"}),
        ("edit_file", {"old": "one", "new": "1", "all": True}),
    ],
)
@pytest.mark.parametrize("other", ["one\nchanged\n", "", None])
def test_a_file_that_was_changed_since_it_was_shown_is_left_alone(call, work, tool, other):
    (work / "a").write_text("one\ntwo\n")

    def meanwhile():
        (work / "a").write_text(other) if other is not None else (work / "a").unlink()

    name, arguments = tool
    assert refused(call(name, path="a", meanwhile=meanwhile, **arguments))
    assert (work / "a").exists() == (other is not None)
    assert other is None or (work / "a").read_text() == other


def test_a_file_that_has_come_since_is_left_alone(call, work):
    meanwhile = lambda: (work / "a").write_text("somebody's")  # noqa: E731
    assert refused(
        call("write_file", path="a", content="x", meanwhile=meanwhile), "was changed after this change was looked at"
    )
    assert (work / "a").read_text() == "somebody's"


def test_a_file_that_comes_in_the_last_moment_is_left_alone(work):
    (work / "a").write_text("somebody's")
    with pytest.raises(OllmError, match="changed by another program just now"):
        replace_file(Place(work, ("a",)), b"x", None)
    seen = snapshot(Place(work, ("a",)), 100)
    (work / "a").write_text("somebody else's")
    with pytest.raises(OllmError, match="changed by another program just now"):
        replace_file(Place(work, ("a",)), b"x", seen)
    assert (work / "a").read_text() == "somebody else's" and not leftovers(work)


def test_a_file_system_without_links_gets_new_files_too(work, monkeypatch):
    def link(*_, **__):
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(writing.os, "link", link)
    write(work, "a", b"x")
    assert (work / "a").read_text() == "x" and not leftovers(work)
    with pytest.raises(OllmError, match="just now"):
        replace_file(Place(work, ("a",)), b"y", None)


def test_a_run_that_nobody_has_looked_at_changes_nothing(call, work):
    import asyncio

    from ollm.api import ToolCall, ToolContext

    (work / "a").write_text("x\n")
    call("read_file", path="a")
    wish = {"path": "a", "content": "y\n"}
    context = ToolContext(call.approver.requests[-1].turn, ToolCall("9", "write_file", wish))
    with pytest.raises(OllmError, match="not looked at beforehand"):
        asyncio.run(tools.write(context, wish))
    assert (work / "a").read_text() == "x\n"


# kill -9, and two at once

_WRITER = """
import sys
from pathlib import Path
from ollm_plugins.files.opening import snapshot
from ollm_plugins.files.places import Place
from ollm_plugins.files.writing import replace_file
place = Place(Path(sys.argv[1]), ("a",))
print("ready", flush=True)
while True:
    for letter in b"xy":
        replace_file(place, bytes([letter]) * 3_000_000, snapshot(place, 1 << 30))
"""


def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one(work, monkeypatch):
    (work / "a").write_bytes(b"x" * 3_000_000)
    for number in range(8):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, work], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.003 * number + 0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert (work / "a").read_bytes() in (b"x" * 3_000_000, b"y" * 3_000_000)
    (work / ".ollm-0.tmp").write_text("left")
    monkeypatch.setattr(writing, "STALE", -1.0)
    write(work, "a", b"z")
    assert (work / "a").read_bytes() == b"z" and leftovers(work) == []


_EDITOR = """
import asyncio, os, sys
from pathlib import Path
from ollm.testing import make_harness
from ollm.api import ToolCall, ToolReturned
from ollm_plugins.files.plugin import Plugin
from tests.plugins.test_files import Approver
home, me = Path(os.environ["OLLM_HOME"]), sys.argv[1]
for number in range(10):
    edit = ToolCall("1", "edit_file", {"path": "a", "old": "end", "new": f"{me}{number}\\nend"})
    while True:
        ollm = make_harness(home, Plugin, Approver(), replies=[ToolCall("0", "read_file", {"path": "a"}), edit, "done"])
        _, result = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
        if not result.failed:
            break
        assert "changed" in result.content or "locked" in result.content, result.content
"""


def test_two_programs_at_once_lose_nothing(work, ollm_home):
    (work / "a").write_text("end")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    both = [subprocess.Popen([sys.executable, "-c", _EDITOR, name], env=env, stderr=subprocess.PIPE) for name in "pq"]
    for process in both:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
    lines = (work / "a").read_text().splitlines()
    assert sorted(lines) == sorted([*(f"{name}{number}" for name in "pq" for number in range(10)), "end"])
    assert not leftovers(work)


def test_a_change_that_waits_when_its_turn_ends_is_not_made_later(ollm_app, work, ollm_home):
    import asyncio

    from ollm_plugins.files.journal import Journal
    from ollm_plugins.files.plugin import Plugin

    from ollm.api import ToolCall, ToolDecided
    from tests.plugins.test_files import Approver

    ollm = ollm_app(Plugin, Approver(), replies=[ToolCall("1", "write_file", {"path": "a", "content": "x"}), "done"])
    kept = Journal(ollm_home / "undo", lambda _: None)

    async def ended_while_it_waits():
        decided = asyncio.Event()

        async def turn():
            async for event in ollm.app.conversation().ask("go"):
                if isinstance(event, ToolDecided):
                    decided.set()

        with kept.locked():
            task = asyncio.ensure_future(turn())
            await decided.wait()
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.5)

    ollm.app.run(ended_while_it_waits())
    assert not (work / "a").exists()


def test_a_file_that_changes_in_the_last_moment_is_not_removed(work):
    (work / "a").write_text("tool's")
    seen = snapshot(Place(work, ("a",)), 100)
    (work / "a").write_text("the user's")
    with pytest.raises(OllmError, match="changed by another program just now"):
        writing.remove_file(Place(work, ("a",)), seen)
    assert (work / "a").read_text() == "the user's"
