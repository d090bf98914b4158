"""Is each way out of the workspace shut, and asks each usual place of secrets?

Each test fails when the guard that it is about is taken away.
"""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ollm_plugins.files import finding, opening, places
from ollm_plugins.files.careful import runs, secret
from ollm_plugins.files.places import Place, shown
from ollm_plugins.files.plugin import Plugin
from ollm_plugins.files.writing import replace_file

from ollm.api import OllmError, ToolCall
from tests.plugins.test_files import Approver, call, caller, refused, work  # noqa: F401  (fixtures)

TOOLS = [
    ("read_file", {}),
    ("grep", {"pattern": "."}),
    ("glob", {"pattern": "*"}),
    ("write_file", {"content": "owned"}),
    ("edit_file", {"old": "secret", "new": "owned"}),
]


@pytest.fixture
def outside(work):
    """A file outside of the workspace."""
    (work.parent / "outside").mkdir()
    file = work.parent / "outside" / "file"
    file.write_text("secret\n")
    return file


@pytest.fixture
def patience():
    """Fail instead of hanging."""

    def late(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# out of the workspace


@pytest.mark.parametrize(("tool", "arguments"), TOOLS)
@pytest.mark.parametrize(
    "form", ["../outside/file", "{}", "sub/../../outside/file", "link", "linked/file", "~/../outside/file"]
)
def test_no_path_leads_out(call, work, outside, tool, arguments, form):
    (work / "sub").mkdir()
    (work / "link").symlink_to(outside)
    (work / "linked").symlink_to(outside.parent)
    (work.parent / "user").mkdir()
    result = call(tool, path=form.format(outside), **arguments)
    assert refused(result, "leads out of the workspace") and "secret" not in result.content
    assert outside.read_text() == "secret\n"


def test_a_link_in_a_circle_is_refused(call, work):
    (work / "a").symlink_to("b")
    (work / "b").symlink_to("a")
    assert refused(call("read_file", path="a"), "leads in a circle")


def test_a_new_file_is_not_made_behind_a_link_to_nowhere(call, work):
    (work / "link").symlink_to(work.parent / "new")
    assert refused(call("write_file", path="link", content="x"), "leads out of the workspace")
    assert not (work.parent / "new").exists()


def test_a_link_inside_the_workspace_is_followed_and_stays(call, work):
    (work / "real").write_text("x\n")
    (work / "link").symlink_to("real")
    assert not call("edit_file", path="link", old="x", new="y").failed
    assert call.preview.subject == str(work / "real")
    assert (work / "link").is_symlink() and (work / "real").read_text() == "y\n"


def test_searches_follow_no_links(call, work, outside):
    (work / "link").symlink_to(outside)
    (work / "linked").symlink_to(outside.parent)
    assert call("grep", pattern="secret").content == "No line in . is like secret."
    assert "linked/file" not in call("glob", pattern="*").content


def test_a_name_that_begins_like_the_workspace_is_outside(call, work):
    (work.parent / "work2").mkdir()
    (work.parent / "work2" / "file").write_text("secret")
    assert refused(call("read_file", path="../work2/file"), "leads out")


def test_a_repository_of_somebody_else_does_not_widen_the_workspace(call, work):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    (work / "mine").mkdir()
    (work / "secret").write_text("secret")
    os.chdir(work / "mine")
    assert call("read_file", path="../secret").content == "1\tsecret"
    os.chown(work / ".git", 12345, 12345)
    assert refused(call("read_file", path="../secret"), "leads out")


def test_another_root_is_opened_only_by_the_users_settings(caller, work, outside, ollm_home):
    call = caller(settings=f"tools: {{files: {{roots: ['{outside.parent}']}}}}")
    assert call("read_file", path=str(outside)).content == "1\tsecret"
    assert not call("edit_file", path=str(outside), old="secret", new="open").failed
    wrong = caller(settings="tools: {files: {roots: [notes]}}").ollm.run_command("files changes")
    assert "'notes' is no absolute path" in wrong.stderr
    from ollm_plugins.files.settings import FilesSettings

    from ollm.api import Setting

    for name in ("roots", "max_bytes"):
        (setting,) = [each for each in FilesSettings.__annotations__[name].__metadata__ if isinstance(each, Setting)]
        assert not setting.project


def test_kept_results_are_read_and_never_written(call, work, ollm_home):
    folder = ollm_home / "cache" / "tool-results"
    folder.mkdir(parents=True)
    (folder / "r.txt").write_text("long\n")
    assert call("read_file", path=str(folder / "r.txt")).content == "1\tlong"
    assert call.preview.careful == ""
    assert call("grep", pattern="long", path=str(folder)).content.endswith("1: long")
    assert refused(call("write_file", path=str(folder / "r.txt"), content="x"), "can be read but not changed")
    assert refused(call("read_file", path=str(ollm_home / "cache" / "other")), "leads out")


# races


@pytest.fixture(params=["held", "looked at again"])
def way(request, monkeypatch):
    """Both ways of opening files: by folders that are held, and as on systems that have no such thing."""
    if request.param == "looked at again":
        monkeypatch.setattr(opening, "STEPWISE", False)
        monkeypatch.setattr(opening, "_PLAIN", 0)


def swap(folder, target):
    folder.rename(folder.with_name("gone"))
    folder.symlink_to(target)


def test_a_folder_swapped_for_a_link_between_look_and_opening_is_refused(way, work, outside):
    (work / "sub").mkdir()
    (work / "sub" / "file").write_text("harmless")
    place = Place(work, ("sub", "file"))
    swap(work / "sub", outside.parent)
    with pytest.raises(OllmError, match="link"):
        opening.snapshot(place, 100)
    with pytest.raises(OllmError, match="link"):
        replace_file(Place(work, ("sub", "new")), b"x", None)
    with pytest.raises(OllmError, match="link"):
        replace_file(Place(work, ("sub", "deeper", "new")), b"x", None)
    assert os.listdir(outside.parent) == ["file"]


def test_a_file_swapped_for_a_link_between_look_and_opening_is_refused(way, work, outside):
    (work / "file").symlink_to(outside)
    with pytest.raises(OllmError, match="link"):
        opening.snapshot(Place(work, ("file",)), 100)


@pytest.mark.parametrize(
    "tool", [each for each in TOOLS if each[0] in ("read_file", "write_file", "edit_file", "grep")]
)
def test_a_link_put_in_place_while_the_user_is_asked_is_refused(call, work, outside, tool):
    (work / "sub").mkdir()
    (work / "sub" / "file").write_text("secret but harmless")
    name, arguments = tool
    result = call(name, path="sub/file", meanwhile=lambda: swap(work / "sub", outside.parent), **arguments)
    assert refused(result) and "secret" not in result.content
    assert outside.read_text() == "secret\n"


@pytest.mark.parametrize("tool", [each for each in TOOLS if each[0] != "edit_file"])
def test_a_path_that_leads_to_a_secret_inside_by_the_time_the_user_agrees_is_refused(call, work, tool):
    (work / "notes").write_text("harmless")
    (work / ".env").write_text("secret")
    (work / "link").symlink_to("notes")

    def meanwhile():
        (work / "link").unlink()
        (work / "link").symlink_to(".env")

    name, arguments = tool
    result = call(name, path="link", meanwhile=meanwhile, **arguments)
    assert refused(result, "leads elsewhere by now") and (work / ".env").read_text() == "secret"


def test_nobody_wins_a_race_for_a_path(work, outside):
    """One thread swaps a folder for a link and back as fast as it can, while another reads and writes in it."""
    (work / "sub").mkdir()
    (work / "sub" / "file").write_text("harmless")
    over = threading.Event()

    def swapping():
        while not over.is_set():
            os.rename(work / "sub", work / "aside")
            os.symlink(outside.parent, work / "sub")
            os.unlink(work / "sub")
            os.rename(work / "aside", work / "sub")

    thread = threading.Thread(target=swapping)
    thread.start()
    outcomes = set()
    try:
        began, wanted = time.monotonic(), {b"harmless", "refused"}
        while (taken := time.monotonic() - began) < 2 or (taken < 30 and not wanted <= outcomes):
            place = Place(work, ("sub", "file"))
            try:
                seen = opening.snapshot(place, 100)
                outcomes.add(seen.data if seen else None)
                if seen:
                    replace_file(place, b"harmless", seen)
            except OllmError:
                outcomes.add("refused")
    finally:
        over.set()
        thread.join()
    assert outcomes <= {b"harmless", None, "refused"} and wanted <= outcomes
    assert outside.read_text() == "secret\n" and os.listdir(outside.parent) == ["file"]


# what is no file


def test_pipes_sockets_devices_and_the_system_are_refused(caller, call, work, patience):
    os.mkfifo(work / "pipe")
    (server := socket.socket(socket.AF_UNIX)).bind("socket")
    try:
        assert refused(call("read_file", path="pipe"), "is a named pipe, not a file")
        assert refused(call("write_file", path="pipe", content="x"), "is a named pipe, not a file")
        assert refused(call("read_file", path="socket"), "socket")
        assert call("grep", pattern="x").content.startswith("No line")
    finally:
        server.close()
    every = caller(settings="tools: {files: {roots: [/]}}")
    for path in ("/dev/zero", "/proc/self/environ", "/dev/stdin", "/sys/kernel/notes"):
        assert refused(every("read_file", path=path), "belongs to the system")


def test_a_device_anywhere_is_refused(call, work, patience):
    try:
        os.mknod(work / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert refused(call("read_file", path="zero"), "is a device, not a file")


def test_a_huge_file_is_refused_unread(call, work):
    with open(work / "huge", "wb") as file:
        file.truncate(1 << 40)
    assert refused(call("read_file", path="huge"), "1,099,511,627,776 bytes; 10,000,000 are allowed", "maxBytes")
    assert "(1 are too large and were not searched)" in call("grep", pattern="x").content


def test_too_much_is_not_written(caller, work):
    call = caller(settings="tools: {files: {maxBytes: 10}}")
    assert refused(call("write_file", path="a", content="x" * 11), "would have 11 bytes; 10 are allowed")
    assert not (work / "a").exists()


@pytest.mark.parametrize("path", ["a\0b", "\0", " "])
def test_nul_bytes_and_nothing_are_no_path(call, work, path):
    assert refused(call("read_file", path=path), "The path is empty or holds a NUL byte")


def test_a_pattern_cannot_pose_as_another_line_of_the_question(call, work):
    call("grep", pattern="x\nin nothing", glob="*\ny")
    assert call.preview.text == "lines like x\\nin nothing in ., in files like *\\ny"
    call("glob", pattern="x\ny")
    assert call.preview.text == "files like x\\ny in ."


@pytest.mark.parametrize("arguments", [{"pattern": "a" * 3_000}, {"pattern": "a", "glob": "a" * 3_000}])
def test_a_pattern_that_nobody_would_read_is_refused(call, work, arguments):
    done = call("grep", **arguments)
    assert done.failed and "The pattern has 3,000 characters; 2,000 are allowed" in done.content
    assert "3,000 characters" in call("glob", pattern="a" * 3_000).content


def test_names_do_not_reach_the_answer_as_commands_or_lines(call, work):
    (work / "a\nb\x1b[2J").write_text("needle")
    found = call("grep", pattern="needle").content
    assert found == "a\\nb␛[2J\n  1: needle"
    assert shown(Path(os.fsdecode(b"\xff\n"))) == "\\xff\\n"
    assert shown("\ud800") == "\ufffd"


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have no such names")
def test_names_and_patterns_that_are_no_unicode_do_not_end_a_search(call, work):
    with open(os.path.join(os.fsencode(work), b"\xff.txt"), "wb") as file:
        file.write(b"needle\n")
    assert call("glob", pattern="*.txt").content == "\\xff.txt"
    assert call("grep", pattern="needle").content == "\\xff.txt\n  1: needle"
    assert call("glob", pattern="\udcff*").content == "\\xff.txt"
    assert call("grep", pattern="\ud800").content == "No line in . is like \ufffd."
    assert call("read_file", path="\udcff.txt").content == "1\tneedle"


def test_what_nobody_would_see_is_shown_asks_and_is_written_as_it_is(call, work):
    (work / "a").write_text("old\u200b\n")
    text = "if (user\u3164) {}\nx = 1 # \U000e0041\u200b\n"
    call("write_file", path="a", content=text)
    assert call.preview.text.endswith("-old\\u{200b}\n+if (user\\u{3164}) {}\n+x = 1 # \\u{e0041}\\u{200b}")
    assert call.preview.careful == "it adds characters that cannot be seen" and (work / "a").read_text() == text
    assert "+if (user\\u{3164}) {}\n" in call.ollm.run_command("files diff").stdout
    call("write_file", path="a", content="seen \u2764\ufe0f\u200d\U0001f525\u00a0«\u3000\n")
    assert call.preview.text.endswith("+seen \u2764\ufe0f\u200d\U0001f525\u00a0«\u3000")
    assert call.preview.careful == "", "what is removed hides nothing"


# secrets


def home_of(work):
    return work.parent / "user"


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.local",
        "prod.env",
        ".ENV",
        "deep/.env",
        ".ssh/config",
        "id_rsa",
        "id_ed25519.pub",
        "server.pem",
        "tls.key",
    ]
    + [
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".aws/config",
        ".gnupg/x",
        "credentials",
        "aws_credentials.json",
        ".git-credentials",
    ]
    + [
        "secrets.yaml",
        ".env.",
        ".env ",
        ".e\u200cnv",
        ".env::$DATA",
        ".kube/config",
        "terraform.tfstate",
        "vault.kdbx",
        ".git/config",
        ".git/modules/sub/config",
        ".hg/hgrc",
    ],
)
def test_usual_places_of_secrets_ask(call, work, name):
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    (work / name).write_text("KEY=hunter2\n")
    assert call("read_file", path=name).content == "1\tKEY=hunter2"
    assert call.preview.careful
    call("write_file", path=name, content="x")
    assert call.preview.careful


@pytest.mark.parametrize(
    "name",
    [".env.example", "config", ".git/HEAD", "environment.py", "secrets.py", "README.md", "keys.txt", "src/env/a"],
)
def test_other_files_do_not_ask(call, work, name):
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    (work / name).write_text("x\n")
    call("read_file", path=name)
    assert call.preview.careful == ""


@pytest.mark.parametrize(
    "name",
    [
        ".git/hooks/pre-commit",
        ".GIT/hooks/pre-commit",
        ".cargo/config.toml",
        ".ollm/project.yaml",
        ".github/workflows/ci.yml",
        ".gitlab-ci.yml",
    ]
    + [
        ".bashrc",
        ".vscode/tasks.json",
        ".husky/pre-push",
        "Jenkinsfile",
        ".pre-commit-config.yaml",
        "sitecustomize.py",
    ],
)
def test_what_programs_run_by_themselves_asks_when_it_is_changed(call, work, name):
    call("write_file", path=name, content="x")
    assert call.preview.careful == "programs run what stands there"
    call("read_file", path=name)
    assert call.preview.careful == ""


def test_ollms_own_home_and_other_programs_folders_at_home_ask(call, work, ollm_home, monkeypatch):
    user = ollm_home.parent / "user"
    (user / ".config" / "app").mkdir(parents=True)
    monkeypatch.chdir(user)
    monkeypatch.setenv("HOME", str(user))
    (user / ".config" / "app" / "a").write_text("x")
    call("read_file", path=".config/app/a")
    assert call.preview.careful == "it belongs to a program, in your home folder"
    monkeypatch.chdir(user / ".config" / "app")
    call("read_file", path="a")
    assert call.preview.careful == ""  # the user has gone there
    monkeypatch.chdir(ollm_home)
    (ollm_home / "notes").write_text("x")
    call("read_file", path="notes")
    assert call.preview.careful == "it belongs to ollm itself"


def test_searches_pass_over_secrets_unless_somebody_was_asked(call, work):
    for name in (".env", ".ssh/config", "a.txt"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text("hunter2\n")
    found = call("grep", pattern="hunter2").content
    assert found.startswith("a.txt\n  1: hunter2\n(2 may hold secrets")
    assert call.preview.careful == ""
    assert call("grep", pattern="hunter2", path=".env").content == ".env\n  1: hunter2"
    assert call.preview.careful
    assert call("grep", pattern="hunter2", path=".ssh").content == ".ssh/config\n  1: hunter2"
    assert call.preview.careful


def test_a_link_to_a_secret_asks_as_the_secret_does(call, work):
    (work / ".env").write_text("KEY=1\n")
    (work / "notes.txt").symlink_to(".env")
    call("read_file", path="notes.txt")
    assert call.preview.careful and call.preview.subject == str(work / ".env")


def test_places_are_judged_without_a_disk():
    assert secret(Path("/home/me/.mozilla/x"), (), Path("/home/me"))
    assert secret(Path("/home/me/Library/x"), (), Path("/home/me"))
    assert not secret(Path("/srv/x"), (), Path("/home/me"))
    assert runs(Path("/srv/.github")) and not runs(Path("/srv/github"))


# searches that would never end


def test_an_expression_that_takes_for_ever_is_stopped_and_leaves_no_process(call, work, monkeypatch, patience):
    monkeypatch.setattr(finding, "SECONDS", 4.0)  # the first file is to be searched by then
    monkeypatch.setattr(finding, "GRACE", 0.2)
    (work / "a").write_text("x\n")
    (work / "b").write_text("a" * 40 + "!\n")
    started = time.monotonic()
    result = call("grep", pattern=r"^x$|^(a+)+$")
    assert time.monotonic() - started < 30
    assert result.content.startswith("a\n  1: x\n(stopped after 4 s")
    assert children() == []


def test_a_gitignore_that_takes_for_ever_is_stopped(call, work, monkeypatch, patience):
    monkeypatch.setattr(finding, "SECONDS", 1.0)
    (work / ".gitignore").write_text("*a" * 30 + "*b\n")
    (work / ("a" * 200)).write_text("x")
    assert "(stopped after 1 s" in call("glob", pattern="*").content


def test_a_search_ends_itself_when_its_parent_is_gone(work):
    import msgspec

    (work / "b").write_text("a" * 40 + "!\n")
    job = finding.Job(str(work), (), "^(a+)+$", "", (), "/", False, False, 10, 10_000, 0.5)
    command = [sys.executable, "-P", "-m", "ollm_plugins.files.searcher"]
    done = subprocess.run(command, input=msgspec.json.encode(job), capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGALRM


def children():
    found = subprocess.run(
        ["ps", "-ww", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True
    ).stdout
    return [each for each in found.splitlines() if "searcher" in each]


def test_the_end_of_a_turn_ends_its_search(ollm_app, work, patience):
    (work / "b").write_text("a" * 40 + "!\n")
    ollm = ollm_app(Plugin, Approver(), replies=[ToolCall("1", "grep", {"pattern": "^(a+)+$"}), "done"])

    async def interrupted():
        async def turn():
            async for _ in ollm.app.conversation().ask("go"):
                pass

        task = asyncio.ensure_future(turn())
        while not children():
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ollm.app.run(interrupted())
    assert children() == []


def test_very_deep_folders_end(call, work):
    here = work
    for _ in range(110):
        here = here / "d"
        here.mkdir()
    (here / "a").write_text("needle")
    assert "(1 folders are too deep" in call("grep", pattern="needle").content


# what fails before anybody is asked


@pytest.mark.parametrize("old", ["KEY=", "K", "nothing of it", "KEY = hunter2\n"])
def test_an_edit_that_fails_tells_nothing_of_a_file_that_was_not_read(call, work, old):
    (work / ".env").write_text("KEY=hunter2\nKEY=hunter3\n")
    call.reads_first = False
    result = call("edit_file", path=".env", old=old, new="x")
    assert refused(result, "You have not read .env in this conversation") and "hunter" not in result.content
    assert call.approver.requests == []


def test_what_was_read_and_has_changed_is_read_again_first(call, work):
    (work / "a").write_text("x\n")
    call.reads_first = False
    results = call.all(
        ("read_file", {"path": "a"}),
        ("write_file", {"path": "b", "content": "1\n"}),
        ("edit_file", {"path": "b", "old": "1", "new": "2"}),
        ("edit_file", {"path": "a", "old": "x", "new": "y"}),
        meanwhile=lambda: (work / "a").write_text("x, changed\n") if (work / "b").exists() else None,
    )
    assert [each.failed for each in results] == [False, False, False, True]
    assert "or it has changed since" in results[-1].content


def test_what_is_not_there_is_told_without_a_question(call, work):
    assert refused(call("read_file", path="gone"), "There is no gone")
    assert refused(call("grep", pattern="x", path="gone"), "There is no gone")
    assert refused(call("glob", pattern="x", path="gone"), "There is no gone")
    assert call.approver.requests == []


def test_an_edit_that_was_shown_on_one_version_is_not_made_on_another_that_the_model_knows_too(call, work):
    one, two = "x\n", "x\nmore\n"
    (work / "a").write_text(one)
    call.reads_first = False
    versions = iter([one, two, one])
    results = call.all(
        ("read_file", {"path": "a"}),
        ("read_file", {"path": "a", "offset": 1}),
        ("edit_file", {"path": "a", "old": "x", "new": "y"}),
        meanwhile=lambda: (work / "a").write_text(next(versions)),
    )
    assert [each.failed for each in results] == [False, False, True]
    assert "was changed after this change was looked at" in results[-1].content
    assert (work / "a").read_text() == one


def test_a_change_to_what_another_call_of_the_same_answer_has_changed_is_shown_as_that(ollm_app, work):
    from ollm.api import Finished, ToolCalled

    (work / "a").write_text("old\n")
    writes = [ToolCall(text, "write_file", {"path": "a", "content": f"{text}\n"}) for text in ("one", "two")]
    approver = Approver()
    ollm = ollm_app(Plugin, approver, replies=[[*map(ToolCalled, writes), Finished("tool_calls")], "done"])
    ollm.ask("go")
    shown = [each.preview.text for each in approver.requests]
    assert ["-old" in shown[0], "+one" in shown[0], "-one" in shown[1], "+two" in shown[1]] == [True] * 4
    assert (work / "a").read_text() == "two\n"


def test_an_edit_of_many_lines_that_are_alike_does_not_take_for_ever(call, work, patience):
    (work / "a").write_text("y\n" * 300_000)
    assert (
        "most similar lines begin with line 1"
        in call("edit_file", path="a", old="y\n" * 150_000 + "x", new="z").content
    )
    assert "from line 1 on" in call("edit_file", path="a", old="y \n" * 150_000, new="z").content
