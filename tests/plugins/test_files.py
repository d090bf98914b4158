"""Do models get what they ask for when they read, search and change files, and are they told what to do when not?"""

import json
import os
import re
import tempfile
from pathlib import Path

import pytest
from ollm_plugins.files import agreement
from ollm_plugins.files.diffs import unified
from ollm_plugins.files.patterns import lists_folders, matcher
from ollm_plugins.files.plugin import Plugin
from ollm_plugins.files.searcher import Job, Search

from ollm.api import Decision, Service, Specs, ToolApprover, ToolCall, ToolReturned, hookimpl


class Approver(Specs):
    """Agrees to everything, keeps what it was shown, and lets something happen before it agrees."""

    def __init__(self):
        self.requests = []
        self.meanwhile = lambda: None

    async def decide(self, request):
        self.requests.append(request)
        if request.call.id != "read first":
            self.meanwhile()
        return Decision(allowed=True, by="test")

    @hookimpl
    def ollm_services(self, ctx):
        return [Service("agrees", ToolApprover, lambda _: self)]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A repository in which the user works."""
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return folder


class Caller:
    """Calls tools as a model does, in one turn each; what is edited is read first."""

    reads_first = True

    def __init__(self, make, **options):
        self.approver = Approver()
        self._make, self._options = make, options
        self.ollm = make(Plugin, self.approver, **options)

    def __call__(self, tool, meanwhile=lambda: None, **arguments):
        return self.all((tool, arguments), meanwhile=meanwhile)[0]

    def all(self, *calls, meanwhile=lambda: None):
        """Make calls one after the other, in a run of its own that the same home belongs to."""
        script = [ToolCall(str(number), tool, arguments) for number, (tool, arguments) in enumerate(calls)]
        edited = {
            call.arguments["path"]: None for call in script if call.name == "edit_file" and "path" in call.arguments
        }
        script[:0] = [ToolCall("read first", "read_file", {"path": path}) for path in edited if self.reads_first]
        self.approver.meanwhile = meanwhile
        self.ollm = self._make(Plugin, self.approver, replies=[*script, "done"], **self._options)
        results = [event for event in self.ollm.ask("go").events if isinstance(event, ToolReturned)]
        return [each for each in results if each.call.id != "read first"]

    @property
    def preview(self):
        """What was shown last."""
        return self.approver.requests[-1].preview


@pytest.fixture
def call(ollm_app, work):
    return Caller(ollm_app)


@pytest.fixture
def caller(ollm_app, work):
    return lambda **options: Caller(ollm_app, **options)


def refused(result, *words):
    assert result.failed, result.content
    for word in words:
        assert word in result.content
    return True


# a conversation


def test_a_model_reads_edits_and_greps_a_small_repository(call, work):
    (work / "src").mkdir()
    (work / "src" / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    (work / "src" / "use.py").write_text("from sums import add\n\nprint(add(1, 2))\n")
    results = call.all(
        ("glob", {"pattern": "*.py"}),
        ("grep", {"pattern": r"def \w+", "path": "src"}),
        ("read_file", {"path": "src/sums.py"}),
        ("edit_file", {"path": "src/sums.py", "old": "a - b", "new": "a + b"}),
        ("grep", {"pattern": "return a . b"}),
        ("write_file", {"path": "tests/test_sums.py", "content": "assert True\n"}),
    )
    assert [each.failed for each in results] == [False] * 6
    listed, found, read, edited, again, written = (each.content for each in results)
    assert sorted(listed.splitlines()) == ["src/sums.py", "src/use.py"]
    assert found == "src/sums.py\n  1: def add(a, b):"
    assert read == "1\tdef add(a, b):\n2\t    return a - b"
    assert edited == "Changed src/sums.py (+1 -1 lines)."
    assert again == "src/sums.py\n  2:     return a + b"
    assert written == "Made tests/test_sums.py (+1 -0 lines)."
    assert (work / "src" / "sums.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert (work / "tests" / "test_sums.py").read_text() == "assert True\n"


def test_tools_are_described_without_pydantic_and_in_few_words(call):
    call("glob", pattern="*")
    tools = call.ollm.provider.requests[0].tools
    assert {each.name for each in tools} == {"read_file", "glob", "grep", "write_file", "edit_file"}
    assert sum(len(json.dumps([each.name, each.description, dict(each.parameters)])) for each in tools) < 2_600


def test_without_an_approver_nothing_is_read(ollm_app, work):
    (work / "a").write_text("x")
    ollm = ollm_app(Plugin, replies=[ToolCall("1", "read_file", {"path": "a"}), "done"])
    (result,) = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
    assert refused(result, "no plugin is installed that can approve it")


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("read_file", {}, "missing required field `path`"),
        ("read_file", {"path": 1}, "Expected `str`"),
        ("read_file", {"path": "a", "offset": 0}, "count from 1"),
        ("read_file", {"path": "a", "limit": -1}, "count from 1"),
        ("read_file", {"path": ""}, "The path is empty"),
        ("edit_file", {"path": "a", "old": "x"}, "missing required field `new`"),
        ("grep", {"pattern": ""}, "`pattern` is empty"),
        ("glob", {"pattern": " "}, "`pattern` is empty"),
        ("glob", {"pattern": "{a,b}" * 7}, "128 patterns"),
        ("grep", {"pattern": "x", "path": "nowhere"}, "There is no"),
    ],
)
def test_arguments_that_do_not_fit_are_told(call, work, tool, arguments, said):
    (work / "a").write_text("x")
    assert refused(call(tool, **arguments), said)


def test_small_models_may_write_numbers_as_text_and_null_for_nothing(call, work):
    (work / "a").write_text("1\n2\n3\n")
    assert (
        call("read_file", path="a", offset="2", limit=None).content == "2\t2\n3\t3\n(lines 2-3 of 3; that is the end)"
    )
    assert call("grep", pattern="X", path="a", ignoreCase="true", glob=None).content.startswith("No line in a")


# reading


def test_a_long_file_is_read_in_parts(call, work):
    (work / "a").write_text("".join(f"line {n}\n" for n in range(1, 951)))
    lines = call("read_file", path="a").content.splitlines()
    assert (lines[0], lines[199], lines[200:]) == (
        "1\tline 1",
        "200\tline 200",
        ["(lines 1-200 of 950; offset 201 goes on)"],
    )
    assert call("read_file", path="a", offset=950).content == "950\tline 950\n(lines 950-950 of 950; that is the end)"
    assert refused(call("read_file", path="a", offset=951), "a has 950 lines; there is no line 951")


def test_an_empty_file_and_a_long_line_are_read(call, work):
    (work / "empty").write_text("")
    (work / "long").write_text("x" * 5_000)
    assert call("read_file", path="empty").content == "empty is empty."
    assert call("read_file", path="long").content == "1\t" + "x" * 2_000 + "… (3000 more characters)"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_say_what_they_are_are_read_found_and_kept(call, work, encoding):
    (work / "a").write_bytes("größer\r\nkleiner\r\n".encode(encoding))
    assert call("read_file", path="a").content == "1\tgrößer\n2\tkleiner"
    assert call("grep", pattern="^größer$", path="a").failed is False
    assert call("grep", pattern="größer", path="a").content == "a\n  1: größer"
    assert not call("edit_file", path="a", old="größer\nk", new="GRÖẞER\nK").failed
    assert (work / "a").read_bytes() == "GRÖẞER\r\nKleiner\r\n".encode(encoding)


def test_what_is_no_text_is_refused_with_a_word(call, work):
    (work / "latin").write_bytes("ok\ngrößer".encode("latin-1"))
    (work / "binary").write_bytes(b"\x7fELF\0\0")
    (work / "utf32").write_bytes("a".encode("utf-32"))
    assert refused(call("read_file", path="latin"), "latin is not UTF-8: byte 0xf6 in line 2", "iconv")
    assert refused(call("read_file", path="binary"), "binary is a binary file")
    assert refused(call("read_file", path="utf32"), "utf32 is a binary file")
    assert refused(call("write_file", path="binary", content="x"), "is a binary file")


def test_what_is_not_there_is_told(call, work):
    (work / "folder").mkdir()
    assert refused(call("read_file", path="gone"), "There is no gone", "`glob`")
    assert refused(call("read_file", path="gone/deeper"), "There is no gone/deeper")
    assert refused(call("read_file", path="folder"), "folder is a folder", "`glob`")
    assert refused(call("read_file", path="."), "is a folder")
    assert refused(call("edit_file", path="gone", old="a", new="b"), "There is no gone", "`write_file`")
    assert refused(call("read_file", path="x" * 5_000), "name too long")


def test_paths_are_relative_to_where_the_user_works_and_reach_the_whole_repository(call, work, monkeypatch):
    (work / "deep" / "er").mkdir(parents=True)
    (work / "top").write_text("t\n")
    (work / "deep" / "er" / "a").write_text("a\n")
    monkeypatch.chdir(work / "deep" / "er")
    assert call("read_file", path="a").content == "1\ta"
    assert call("read_file", path="../../top").content == "1\tt"
    assert call("read_file", path=str(work / "top")).content == "1\tt"
    assert call("glob", pattern="*").content == "a"
    assert call("glob", pattern="*", path="../..").content.splitlines()[-1] == str(work / "top")


# changing


def test_a_preview_shows_exactly_what_is_written(call, work):
    (work / "a").write_text("1\n2\n3\n4\n5\n6\n7\n8\n9")
    call("edit_file", path="a", old="9", new="nine")
    shown = call.preview
    body = "@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n\\ No newline at end of file\n+nine\n\\ No newline at end of file"
    assert shown.text == f"--- a\n+++ a\n{body}"
    assert (shown.form, shown.edits, shown.careful) == ("diff", "new", "")
    assert (shown.subject, shown.always) == (str(work / "a"), str(work))
    call("write_file", path="new/b", content="x\n")
    assert call.preview.text == "--- /dev/null\n+++ new/b\n@@ -0,0 +1 @@\n+x"
    assert call.preview.edits == "content"


def test_an_edit_that_fits_in_several_places_or_none_changes_nothing_and_says_what_to_do(call, work):
    text = "def a():\n    return 1\n\ndef b():\n    return 1\n\n\tif x:\n\t\tpass\n"
    (work / "a").write_text(text)

    def told(**arguments):
        result = call("edit_file", path="a", **{"new": "y", **arguments})
        assert refused(result) and (work / "a").read_text() == text
        return result.content

    assert "`old` stands 2 times in a (lines 2, 5)" in told(old="return 1")
    assert "white" not in told(old="return 1")
    assert "differ from line 7 on, which must be copied exactly:\n\tif x:\n\t\tpass" in told(
        old="    if x:\n        pass"
    )
    assert "most similar lines begin with line 1:\ndef a():\n    return 1" in told(old="def aa():\n    return 1")
    assert "nothing in it is similar" in told(old="something else altogether")
    assert "without the line numbers" in told(old="1\tdef a():\n2\t    return 1")
    assert "`old` is empty" in told(old="")
    assert "nothing would change" in told(old="x", new="x")


def test_all_replaces_everywhere(call, work):
    (work / "a").write_text("x x\nx\n")
    assert call("edit_file", path="a", old="x", new="y", all=True).content == "Changed a (+2 -2 lines)."
    assert (work / "a").read_text() == "y y\ny\n"


def test_an_edit_that_would_fill_the_memory_is_refused(call, work):
    (work / "a").write_text("x" * 1_000_000)
    result = call("edit_file", path="a", old="x", new="y" * 1_000_000, all=True)
    assert refused(result, "a would have 1,000,000,000,000 characters; 10,000,000 are allowed")
    assert "(lines 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, …)" in call("edit_file", path="a", old="x", new="y").content


def test_writing_what_is_there_already_changes_nothing(call, work):
    (work / "a").write_text("x\n")
    before = (work / "a").stat()
    assert call("write_file", path="a", content="x\n").content == "a is already like that; nothing was changed."
    assert (work / "a").stat().st_mtime_ns == before.st_mtime_ns
    assert call.preview.text == "Nothing would change in a."


def test_several_edits_of_one_answer_to_one_file_are_all_made(ollm_app, work):
    from ollm.api import Finished, ToolCalled

    (work / "a").write_text("one\ntwo\nthree\n")
    edits = [
        ToolCall(old, "edit_file", {"path": "a", "old": old, "new": old.upper()}) for old in ("one", "two", "three")
    ]
    answer = [*map(ToolCalled, edits), Finished("tool_calls")]
    ollm = ollm_app(Plugin, Approver(), replies=[ToolCall("0", "read_file", {"path": "a"}), answer, "done"])
    _, *results = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
    assert [each.failed for each in results] == [False] * 3, results
    assert (work / "a").read_text() == "ONE\nTWO\nTHREE\n"


def test_half_a_character_is_not_written(call, work):
    assert refused(call("write_file", path="a", content="x\ud800"), "half a character at position 1")
    assert refused(call("read_file", path="x\ud800"), "is no path")
    assert os.listdir(work) == [".git"]


# looking


def test_gitignore_holds_also_that_of_folders_and_what_is_named_is_searched_all_the_same(call, work):
    for name in ("a.log", "keep.log", "src/a.py", "src/gen/x.py", "build/b.py", "node_modules/m/i.js"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("needle\n")
    (work / ".gitignore").write_text("*.log\n!keep.log\n/build\nnode_modules/\n")
    (work / "src" / ".gitignore").write_text("gen\n")
    expected = {"keep.log", "src/a.py"}
    assert {each for each in call("grep", pattern="needle").content.splitlines() if ":" not in each} == expected
    assert set(call("glob", pattern="*").content.splitlines()) == {*expected, ".gitignore", "src/.gitignore"}
    assert call("grep", pattern="needle", path="src").content == "src/a.py\n  1: needle"
    assert call("grep", pattern="needle", path="src/gen").content == "src/gen/x.py\n  1: needle"
    assert call("glob", pattern="*.js", path="node_modules").content == "node_modules/m/i.js"
    assert call("grep", pattern="needle", path="a.log").content == "a.log\n  1: needle"


def test_a_line_of_gitignore_that_is_no_rule_does_not_disable_the_others(call, work):
    for name in ("a.log", "b.tmp", "c.txt"):
        (work / name).write_text("needle\n")
    (work / ".gitignore").write_text("*.log\n[z-a]\n!\n\\\n*.tmp\n")
    assert call("grep", pattern="needle").content == "c.txt\n  1: needle"


def test_a_folder_that_cannot_be_read_is_told():
    from tests.plugins.test_files_writing import nobody

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        root = Path(os.path.realpath(folder))
        root.chmod(0o755)
        (root / "closed").mkdir()
        (root / "closed").chmod(0)
        with nobody():
            *_, end = Search(Job(str(root), (), "x", "", (), "/", False, False, 10, 10_000, 5.0)).lines(re.compile("x"))
        assert end["unreadable"] == 1
        (root / "closed").chmod(0o700)


def test_the_latest_changed_file_comes_first_and_too_many_are_cut_with_a_word(call, work):
    for number in range(120):
        (work / f"{number}.txt").write_text("x")
        os.utime(work / f"{number}.txt", (number, number))
    lines = call("glob", pattern="*.txt").content.splitlines()
    assert lines[:2] == ["119.txt", "118.txt"] and lines[99] == "20.txt"
    assert lines[100:] == ["(100 of 120 files, the latest changed; a narrower pattern shows the rest)"]
    assert call("glob", pattern="*.py").content == "No files in . are like *.py."


def test_lines_are_cut_and_too_many_are_told(call, work):
    (work / "a").write_text("x\n" * 150)
    (work / "b").write_text("y" * 900 + "needle" + "y" * 900)
    lines = call("grep", pattern="x", path="a").content.splitlines()
    assert len(lines) == 102 and lines[-1].startswith("(only the first 100 lines")
    assert call("grep", pattern="needle").content == "b\n  1: …" + "y" * 100 + "needle" + "y" * 194 + "…"


def test_what_is_no_expression_is_searched_as_it_stands(call, work):
    (work / "a").write_text("f(x)\n")
    assert call("grep", pattern="f(").content.startswith("a\n  1: f(x)\n(searched as plain text")


def test_case_may_be_ignored_and_files_chosen(call, work):
    (work / "a.py").write_text("Needle\n")
    (work / "a.txt").write_text("needle\n")
    assert call("grep", pattern="NEEDLE", ignoreCase=True, glob="*.{py,rs}").content == "a.py\n  1: Needle"


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        ("*.py", ["a.py", "src/a.py", ".hidden.py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["a.py", "src/b/a.py", "x/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/b/c/a.py"], ["a.py"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["ab"]),
        ("src/**", ["src/a", "src/b/c"], ["src", "a"]),
        ("/*", ["a"], ["a/b"]),
        ("./a", ["a", "b/a"], ["ab"]),
        ("*.{ts,tsx}", ["a.ts", "b/a.tsx"], ["a.t"]),
        ("[ab]?c", ["axc"], ["cxc", "ac"]),
        ("**/**/**/x", ["x", "a/b/x"], ["a/b"]),
    ],
)
def test_patterns_mean_what_they_mean_elsewhere(pattern, fits, not_fits):
    meant = matcher(pattern)
    assert [name for name in fits if not meant(name.split("/"))] == []
    assert [name for name in not_fits if meant(name.split("/"))] == []


def test_a_pattern_for_one_folder_lists_folders_too(call, work):
    (work / "src").mkdir()
    (work / "src" / "a").write_text("")
    (work / "b").write_text("")
    assert sorted(call("glob", pattern="/*").content.splitlines()) == ["b", "src/"]
    assert not lists_folders("*") and not lists_folders("**/x") and lists_folders("src/*")


# diffs


def applied(before, diff):
    """Apply a diff as `patch` does, and return the text."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (path := f"{folder}/x")
        open(path, "w").write(before)
        subprocess.run(["patch", "-s", path], input=diff + "\n", text=True, check=True)
        return open(path).read()


@pytest.mark.parametrize("size", [30, 1_500, 30_000])
def test_a_diff_is_one_that_patch_applies(size):
    import random

    chance = random.Random(size)
    before = [f"{chance.randrange(size // 2)}\n" for _ in range(size)]
    for spread in (0, 1):
        after = list(before)
        for _ in range(5):
            at = chance.randrange(size if spread else 10)
            after[at : at + chance.randrange(3)] = ["new\n"] * chance.randrange(3)
        text = "".join(after) + chance.choice(["", "end"])
        assert applied("".join(before), unified("".join(before), text, "x")) == text


def test_a_change_is_known_by_what_was_shown_and_no_other_file(call, work):
    assert agreement.digest(None) == "" != agreement.digest(b"")
    assert unified("a", "a", "x") == ""
    assert unified(None, "", "x") == "--- /dev/null\n+++ x"


@pytest.mark.parametrize("root", ["~nobody-of-that-name/x", "notes", "", "/a\\0b"])
def test_a_root_that_means_no_folder_is_one_line(ollm_app, root):
    from ollm.api import SettingsError

    ollm = ollm_app(Plugin, settings=f'tools: {{files: {{roots: ["{root}"]}}}}')
    with pytest.raises(SettingsError, match="is no absolute path"):
        ollm.app.check_settings()


def test_only_line_feeds_end_the_lines_of_a_diff():
    from ollm_plugins.files.diffs import changed_lines

    assert changed_lines(unified("a", "a\x0c+more", "f")) == ["-a", "+a\x0c+more"]
