"""Can what tools have changed be seen and taken back, and never at the cost of what came later?"""

import json
import re
from pathlib import Path

import pytest
from ollm_plugins.files import journal as journals
from ollm_plugins.files import undoing
from ollm_plugins.files.plugin import Plugin

from tests.plugins.test_files import Caller, call, work  # noqa: F401  (fixtures)

PAGE = Path(__file__).parents[2] / "docs" / "rooms" / "files.md"


@pytest.fixture
def run(call):
    """Run a command in the run of the last turn."""
    return lambda line: call.ollm.run_command(line)


def test_changes_are_listed_shown_and_taken_back(call, run, work):
    (work / "a").write_text("one\ntwo\n")
    call("edit_file", path="a", old="one", new="1")
    call("write_file", path="new/deep/b", content="x\n")
    lines = [line.split("\t") for line in run("files changes").stdout.splitlines()]
    assert lines[0][1] == "when" and all(len(line[1]) == 16 for line in lines[1:])
    assert [(n, tool, file, count) for n, _, tool, file, count, _ in lines[1:]] == [
        ("2", "write_file", "new/deep/b", "+1 -0"),
        ("1", "edit_file", "a", "+1 -1"),
    ]
    assert run("files diff 1").stdout == "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-one\n+1\n two\n"
    assert run("files diff").stdout == "--- /dev/null\n+++ new/deep/b\n@@ -0,0 +1 @@\n+x\n"
    assert run("files undo").stdout == "new/deep/b is removed, as it was new before change 2\n"
    assert not (work / "new").exists()
    assert run("files undo").stdout == "a is as it was before change 1\n"
    assert (work / "a").read_text() == "one\ntwo\n"
    result = run("files undo")
    assert (result.exit_code, result.stderr) == (1, "ollm: No tool has changed a file here that was not taken back\n")


def test_the_alias_does_the_same(call, run, work):
    call("write_file", path="a", content="x")
    assert run("undo-file --json").json == [
        {"path": str(work / "a"), "changes": [1], "removed": True, "already": False}
    ]
    assert not (work / "a").exists()


def test_a_taking_back_can_be_taken_back(call, run, work):
    call("write_file", path="a", content="x\n")
    run("files undo 1")
    assert not (work / "a").exists()
    run("files undo 2")
    assert (work / "a").read_text() == "x\n"
    run("files undo 1")
    assert not (work / "a").exists()
    states = [(each["number"], each["undone"], each["undoes"]) for each in run("files changes --json").json]
    assert states == [(4, False, 1), (3, False, 2), (2, True, 1), (1, True, None)]


def test_all_of_a_turn_is_taken_back_at_once_or_not_at_all(call, run, work):
    (work / "a").write_text("0\n")
    call("write_file", path="a", content="1\n")
    call.all(
        ("write_file", {"path": "a", "content": "2\n"}),
        ("write_file", {"path": "b", "content": "b\n"}),
        ("write_file", {"path": "a", "content": "3\n"}),
    )
    (work / "b").write_text("the user's\n")
    refused = run("files undo --turn")
    assert refused.exit_code == 1 and f"{work / 'b'} was changed after change 3, by somebody else" in refused.stderr
    assert (work / "a").read_text() == "3\n"
    (work / "b").write_text("b\n")
    assert (
        run("files undo --turn").stdout
        == "a is as it was before changes 2, 4\nb is removed, as it was new before change 3\n"
    )
    assert (work / "a").read_text() == "1\n" and not (work / "b").exists()


def test_a_file_that_is_already_as_it_was_does_not_stop_the_others(call, run, work):
    for name in "abc":
        (work / name).write_text("0\n")
    call.all(
        *(("write_file", {"path": name, "content": "1\n"}) for name in "abc"),
        ("write_file", {"path": "d", "content": "d"}),
    )
    (work / "b").write_text("0\n")
    (work / "d").unlink()
    assert run("files undo --turn").stdout == (
        "a is as it was before change 1\nb is already as it was before change 2\n"
        "c is as it was before change 3\nd is already as it was before change 4\n"
    )
    assert [(work / name).read_text() for name in "abc"] == ["0\n"] * 3 and not (work / "d").exists()
    listed = run("files changes --json").json
    assert [(each["number"], each["undone"]) for each in listed if not each["undoes"]] == [
        (4, True),
        (3, True),
        (2, True),
        (1, True),
    ]
    assert [each["undoes"] for each in listed if each["undoes"]] == [3, 1], "nothing was done to the others"
    assert "was not taken back" in run("files undo").stderr, "nothing is left"


def test_what_was_written_is_put_back_when_a_later_file_cannot_be(call, run, work):
    (work / "a").write_text("0\n")
    (work / "a").chmod(0o750)
    (work / "z").write_text("0\n")
    call.all(
        ("write_file", {"path": "a", "content": "1\n"}),
        ("write_file", {"path": "new/deep/b", "content": "1\n"}),
        ("write_file", {"path": "z", "content": "1\n"}),
    )
    before = run("files changes --json").json
    (work / "z").chmod(0o444)
    result = run("files undo --turn")
    assert result.exit_code == 1 and f"{work / 'z'} is read-only, so it was not changed" in result.stderr
    assert [(work / name).read_text() for name in ("a", "new/deep/b", "z")] == ["1\n"] * 3
    assert (work / "a").stat().st_mode & 0o777 == 0o750
    assert run("files changes --json").json == before
    (work / "z").chmod(0o644)
    assert run("files undo --turn").exit_code == 0 and not (work / "new").exists()


def test_what_cannot_be_put_back_is_named_and_stays_listed(call, run, work, monkeypatch):
    for name in "az":
        (work / name).write_text("0\n")
    call.all(*(("write_file", {"path": name, "content": "1\n"}) for name in "az"))
    (work / "z").chmod(0o444)
    monkeypatch.setattr(undoing, "present", Changing(undoing.present, (work / "a")))
    result = run("files undo --turn")
    assert (
        result.exit_code == 1
        and f"; {work / 'a'} could not be put back. `files changes` lists what was done." in result.stderr
    )
    assert (work / "a").read_text() == "user's\n"
    assert [(each["number"], each["undoes"]) for each in run("files changes --json").json][0] == (3, 1)


class Changing:
    """Looks at a file as it is, and lets somebody change it before the second look."""

    def __init__(self, present, path):
        self.present, self.path, self.looks = present, path, 0

    def __call__(self, entry):
        self.looks += entry.path == self.path
        if entry.path == self.path and self.looks == 2:
            self.path.write_text("user's\n")
        return self.present(entry)


def test_what_was_changed_since_is_kept_unless_the_user_insists(call, run, work):
    (work / "a").write_text("old\n")
    call("write_file", path="a", content="tool's\n")
    (work / "a").write_text("user's\n")
    refused = run("files undo")
    assert refused.exit_code == 1 and "was changed after change 1, by somebody else. `--force`" in refused.stderr
    assert (work / "a").read_text() == "user's\n"
    shown = run("files diff 1")
    assert "+user's" in shown.stdout and "a was changed since" in shown.stderr
    assert run("files undo --force").exit_code == 0
    assert (work / "a").read_text() == "old\n"
    run("files undo 2")
    assert (work / "a").read_text() == "user's\n"


def test_an_earlier_change_waits_for_the_later_one(call, run, work):
    (work / "a").write_text("0\n")
    call("write_file", path="a", content="1\n")
    call("write_file", path="a", content="2\n")
    assert "was changed after change 1, by change 2" in run("files undo 1").stderr
    assert run("files diff 1").stdout.endswith("-0\n+1\n")
    assert run("files undo").exit_code == run("files undo").exit_code == 0
    assert (work / "a").read_text() == "0\n"
    assert "was taken back already" in run("files undo 1").stderr
    assert "There is no change 99" in run("files undo 99").stderr


def test_a_file_that_the_user_has_removed_comes_back_only_if_they_insist(call, run, work):
    (work / "d").mkdir()
    (work / "d" / "a").write_text("old\n")
    call("write_file", path="d/a", content="new\n")
    (work / "d" / "a").unlink()
    assert run("files undo").exit_code == 1
    assert run("files undo --force").exit_code == 0
    assert (work / "d" / "a").read_text() == "old\n"


def test_taking_back_follows_no_link(call, run, work):
    (work / "d").mkdir()
    (work / "d" / "a").write_text("old\n")
    call("write_file", path="d/a", content="new\n")
    (outside := work.parent / "outside").mkdir()
    (outside / "a").write_text("new\n")
    (work / "d").rename(work / "gone")
    (work / "d").symlink_to(outside)
    assert run("files undo --force").exit_code == 1
    assert (outside / "a").read_text() == "new\n"


def test_the_mode_and_bytes_come_back(call, run, work):
    (work / "a").write_bytes("grö\r\nß".encode("utf-16"))
    (work / "a").chmod(0o750)
    call("edit_file", path="a", old="ß", new="ss")
    run("files undo")
    assert (work / "a").read_bytes() == "grö\r\nß".encode("utf-16")
    assert (work / "a").stat().st_mode & 0o777 == 0o750


def test_a_file_that_comes_back_is_as_private_as_it_was(call, run, work):
    (work / "a").write_text("x\n")
    (work / "a").chmod(0o600)
    call("write_file", path="a", content="y\n")
    (work / "a").unlink()
    run("files undo --force")
    assert (work / "a").read_text() == "x\n" and (work / "a").stat().st_mode & 0o777 == 0o600


def test_changes_elsewhere_are_not_touched_from_here(call, run, work, monkeypatch):
    call("write_file", path="a", content="x")
    (work.parent / "other").mkdir()
    monkeypatch.chdir(work.parent / "other")
    call("glob", pattern="*")
    assert run("files changes").stdout == "No tool has changed a file here\n"
    assert run("files undo").exit_code == 1
    assert [each["path"] for each in run("files changes --everywhere --json").json] == [str(work / "a")]


def test_only_so_many_changes_are_kept_and_so_many_bytes(call, run, work, ollm_home, monkeypatch):
    monkeypatch.setattr(journals, "MOST", 5)
    call.all(*(("write_file", {"path": "a", "content": f"{n}\n"}) for n in range(7)))
    assert [each["number"] for each in run("files changes --json").json] == [7, 6, 5, 4, 3]
    kept = sorted(path.name for path in (ollm_home / "undo").glob("*.before"))
    assert kept == ["3.before", "4.before", "5.before", "6.before", "7.before"]
    monkeypatch.setattr(journals, "MOST_BYTES", 1_000)
    (work / "big").write_text("x" * 2_000)
    call("write_file", path="big", content="small\n")
    assert [each["number"] for each in run("files changes --json").json] == [8]
    assert run("files undo").exit_code == 0 and (work / "big").read_text() == "x" * 2_000


def test_nobody_else_reads_what_is_kept(call, work, ollm_home):
    (work / "a").write_text("x\n")
    call("write_file", path="a", content="y\n")
    folder = ollm_home / "undo"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o077 for path in folder.glob("*.*") if path.suffix != ".lock"} == {
        "index.json": 0,
        "1.before": 0,
    }
    assert json.loads((folder / "index.json").read_text())["version"] == 1


def test_a_damaged_index_is_put_aside_and_overwrites_nothing(call, run, work, ollm_home):
    (work / "a").write_text("x\n")
    call("write_file", path="a", content="y\n")
    (ollm_home / "undo" / "index.json").write_text("{")
    shown = run("files changes")
    assert "index.json.unreadable, and changes before it cannot be taken back" in shown.stderr
    call("write_file", path="a", content="z\n")
    assert [each["number"] for each in run("files changes --json").json] == [2]
    assert (ollm_home / "undo" / "1.before").read_text() == "x\n"


def test_an_index_of_a_later_version_is_left_alone(call, run, work, ollm_home):
    (ollm_home / "undo").mkdir()
    (index := ollm_home / "undo" / "index.json").write_text('{"version": 2, "changes": {}}')
    assert "has version 2, and this ollm knows 1" in run_of(call)("files changes").stderr
    assert call("write_file", path="a", content="x").failed
    assert index.read_text() == '{"version": 2, "changes": {}}' and not (work / "a").exists()


def run_of(call):
    return lambda line: call.ollm.run_command(line)


def test_what_is_kept_and_damaged_is_not_put_back(call, run, work, ollm_home):
    (work / "a").write_text("x\n")
    call("write_file", path="a", content="y\n")
    (ollm_home / "undo" / "1.before").write_text("?")
    assert "What change 1 replaced is damaged" in run("files undo").stderr
    (ollm_home / "undo" / "1.before").unlink()
    assert "What change 1 replaced cannot be read" in run("files undo").stderr
    assert (work / "a").read_text() == "y\n"


def test_a_diff_is_coloured_where_colours_are_wanted(call, run, work):
    call("write_file", path="a", content="x\x1b[2J\n")
    call.ollm.app.out.use_color(wanted=True)
    assert "\x1b[32m+x␛[2J\x1b[0m\n" in run("files diff").stdout
    assert run("files diff --json").json["diff"].endswith("+x\x1b[2J")


def test_the_commands_of_the_page_work(call, ollm_app, work):
    commands = re.findall(r"^ollm (files .*|config .*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) >= 8
    from ollm_plugins.config.plugin import Plugin as Config

    (work / "a").write_text("0\n")
    for number in range(1, 14):
        call("write_file", path="a", content=f"{number}\n")
    ollm = ollm_app(Plugin, Config)
    for command in commands:
        result = ollm.run_command(command)
        assert result.exit_code == 0, (command, result.stderr)
