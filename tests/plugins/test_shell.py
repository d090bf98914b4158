"""Does a model's command run as it was shown, where it may, with what it may see, and no longer than it may?"""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from msgspec.structs import fields
from pathlib import Path

import pytest
from ollm_plugins.shell import process
from ollm_plugins.shell.capture import Capture, plain
from ollm_plugins.shell.environment import environment
from ollm_plugins.shell.plugin import Plugin
from ollm_plugins.shell.settings import ShellSettings
from ollm_plugins.shell.wish import prefix, shown

from ollm.api import Decision, Service, Specs, ToolApprover, ToolCall, ToolDecided, ToolReturned, hookimpl
from tests.helpers.program import ollm  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are written for a POSIX shell")


class Approves(Specs):
    """Allows everything, and keeps what it was shown."""

    def __init__(self):
        self.shown = []

    @hookimpl
    def ollm_services(self, ctx):
        approver = self

        class Approver:
            async def decide(self, request):
                approver.shown.append(request.preview)
                return Decision(allowed=True, by="test")

        return [Service("approver", ToolApprover, lambda _: Approver())]


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    (folder / "deep").mkdir(parents=True)
    return folder


@pytest.fixture
def shell(ollm_app, workspace, tmp_path):
    """Let a model run a command; returns the result as the model reads it, and keeps what was shown."""
    (tmp_path / "user").mkdir()

    def run(command, *, settings="", environ=None, within=workspace, **arguments):
        run.approves = Approves()
        call = ToolCall("1", "shell", {"command": command, **arguments})
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "user"), **(environ or {})}
        text = f"tools: {{shell: {{{settings}}}}}"
        ollm = ollm_app(Plugin, run.approves, replies=[call, "done"], settings=text, environ=given)
        ollm.app.enter(within)
        run.ollm = ollm
        events = ollm.ask("go").events
        run.decided = [each for each in events if isinstance(each, ToolDecided)]
        (result,) = [each for each in events if isinstance(each, ToolReturned)]
        run.failed = result.failed
        assert not ollm.failures
        return result.content

    return run


def alive(pid):
    """Say whether a process runs; one that has ended and that nobody asks about any more does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0


def gone(pid, within=20.0):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_output_and_exit_code_come_in_their_order(shell):
    text = shell("echo one; echo two >&2; echo three; exit 3")
    assert text.startswith("one\ntwo\nthree\n\n[exit code 3 after ")
    assert not shell.failed, "that a command says no is an answer"


def test_a_command_without_output_says_so(shell):
    assert shell("true").startswith("(no output)\n\n[exit code 0 after ")


def test_a_command_may_begin_with_a_dash(shell):
    assert "-x: command not found" in shell("-x")


def test_nothing_can_be_typed_into_it(shell):
    assert shell("read line || echo nothing").startswith("nothing\n")


@pytest.mark.skipif(not Path("/dev/tty").exists(), reason="there are no terminals here")
def test_it_has_no_terminal(shell):
    assert "cannot be asked" in shell("(: < /dev/tty) 2>/dev/null || echo cannot be asked")


def test_without_approval_nothing_runs(ollm_app, workspace):
    ollm = ollm_app(Plugin, replies=[ToolCall("1", "shell", {"command": "touch made"}), "done"])
    ollm.app.enter(workspace)
    (result,) = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
    assert result.failed and not (workspace / "made").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"command": ""}, "The command is empty"),
        ({"command": " \n"}, "The command is empty"),
        ({"command": "echo \0x"}, "no command can hold"),
        ({"command": "echo \ud800"}, "no command can hold"),
        ({"command": "x" * 20_001}, "20000 are allowed"),
        ({"command": ["ls"]}, "The arguments do not fit: Expected `str`"),
        ({}, "missing required field `command`"),
        ({"command": "ls", "timeout": -1}, "more than 0 seconds"),
        ({"command": "ls", "timeout": float("nan")}, "more than 0 seconds"),
        ({"command": "ls", "directory": "nowhere"}, "There is no directory 'nowhere'"),
        ({"command": "ls", "directory": "a\0b"}, "cannot be used"),
    ],
)
def test_what_cannot_be_run_is_said_before_anybody_is_asked(ollm_app, workspace, arguments, said):
    approves = Approves()
    ollm = ollm_app(Plugin, approves, replies=[ToolCall("1", "shell", arguments), "done"])
    ollm.app.enter(workspace)
    (result,) = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
    assert result.failed and said in result.content
    assert approves.shown == [] and not ollm.failures


# Where it runs


def test_it_runs_in_the_workspace_or_below(shell, workspace):
    assert shell("pwd -P").startswith(f"{workspace.resolve()}\n")
    assert shell("pwd -P", directory="deep").startswith(f"{workspace.resolve()}/deep\n")
    assert shell.approves.shown[0].text == "cd deep\npwd -P"
    assert shell("pwd -P", directory=str(workspace / "deep")).startswith(f"{workspace.resolve()}/deep\n")


@pytest.mark.parametrize("directory", ["..", "/", "deep/../..", "link", "link/inner", "~/../.."])
def test_no_other_folder_is_taken(shell, workspace, tmp_path, directory):
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (workspace / "link").symlink_to(tmp_path / "outside")
    text = shell("touch made", directory=directory)
    assert shell.failed and ("outside of the workspace" in text or "no directory" in text)
    assert not list(tmp_path.rglob("made"))


def test_a_folder_that_becomes_a_link_after_the_question_is_not_taken(ollm_app, workspace, tmp_path):
    class Swaps(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            class Approver:
                async def decide(self, request):
                    (workspace / "deep").rmdir()
                    (workspace / "deep").symlink_to(tmp_path)
                    return Decision(allowed=True, by="test")

            return [Service("approver", ToolApprover, lambda _: Approver())]

    call = ToolCall("1", "shell", {"command": "touch made", "directory": "deep"})
    ollm = ollm_app(Plugin, Swaps, replies=[call, "done"])
    ollm.app.enter(workspace)
    (result,) = [each for each in ollm.ask("go").events if isinstance(each, ToolReturned)]
    assert result.failed and "outside of the workspace" in result.content
    assert not (tmp_path / "made").exists()


# What it gets to see


@pytest.mark.parametrize(
    "name",
    [
        *("OPENAI_API_KEY", "MY_KEY", "my_token", "CI_TOKEN_2", "DB_PASSWORD", "CLIENT_SECRET", "SECRET_THING"),
        *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "GITHUB_TOKEN", "GITHUB_ENV", "X_CREDENTIALS", "SSH_AUTH_SOCK"),
        *("SSHPASS", "SENTRY_DSN", "SLACK_WEBHOOK_URL", "AZURE_STORAGE_CONNECTION_STRING"),
        *("OLLM_HOME", "OLLM_WHATEVER", "MYSQL_PWD", "PGPASSWORD", "GH_PAT", "GIT_ASKPASS", "NPM_CONFIG__AUTH"),
    ],
)
def test_secrets_are_not_passed_on(shell, name):
    text = shell("env", environ={name: "hunter2"} if name != "OLLM_HOME" else {})
    assert f"{name}=" not in text and "hunter2" not in text


def test_what_commands_need_stays_although_a_folder_has_the_form_of_a_token():
    given = {"PATH": "/home/me/hf_transformers_env/bin:/usr/bin", "HOME": "/home/npm_global_packages"}
    assert given.items() <= environment(given).items()


def test_a_password_in_an_address_is_not_passed_on_whatever_its_name():
    given = {"DATABASE_URL": "postgres://me:hunter2@db/x", "HOMEPAGE": "https://example.org:80/a@b"}
    assert set(given) & set(environment(given)) == {"HOMEPAGE"}


@pytest.mark.parametrize(
    "value",
    [
        "ghp_" + "a1B2" * 9,
        "export T=sk-proj-" + "a1B2" * 9,
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "AKIA" + "ABCD" * 4,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x",
    ],
)
def test_a_token_is_not_passed_on_whatever_its_name(value):
    given = {
        "SOMETHING": value,
        "TASK": "risk-management-of-everything-and-all",
        "NAMES": "skeleton npm_config_registry",
    }
    assert set(given) & set(environment(given)) == {"TASK", "NAMES"}


def test_the_user_may_let_names_through(shell):
    given = {"NPM_TOKEN": "yes", "PIP_TOKEN": "no", "AWS_PROFILE": "yes"}
    text = shell("env", settings='passEnv: [npm_token, "AWS_*"]', environ=given)
    assert "NPM_TOKEN=yes" in text and "AWS_PROFILE=yes" in text and "PIP_TOKEN" not in text


def test_what_is_no_secret_is_passed_on_and_programs_are_told_that_nobody_watches(shell):
    text = shell("env", environ={"EDITOR": "vi", "LANG": "de_DE.UTF-8", "FORCE_COLOR": "1", "TERM": "xterm"})
    for line in ("EDITOR=vi", "LANG=de_DE.UTF-8", "TERM=dumb", "NO_COLOR=1", "PAGER=cat", "GIT_TERMINAL_PROMPT=0"):
        assert f"{line}\n" in text
    assert "FORCE_COLOR" not in text


# How long it runs


def test_it_is_ended_when_its_time_is_up_with_all_that_it_has_started(shell, workspace):
    command = """
        trap '' TERM
        (trap '' TERM; echo $BASHPID > child; sleep 60; sleep 60) &
        echo $$ > shell; echo begun; sleep 60; sleep 60
    """
    began = time.monotonic()
    text = shell(command, timeout=3)
    assert text == "begun\n\n[ended after 3 s, because its time was up]"
    assert 4.5 < time.monotonic() - began < 40, "asked first, then made to"
    assert all(gone((workspace / name).read_text().strip()) for name in ("shell", "child"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of a process's variables")
def test_a_session_of_its_own_does_not_outlive_its_time_but_may_outlive_its_end(shell, workspace):
    starts = "setsid sh -c 'trap \"\" TERM; echo $$ > {}; sleep 60; sleep 60' & while [ ! -s {} ]; do sleep 0.01; done;"
    shell(starts.format("late", "late") + "sleep 60", timeout=3)
    assert gone((workspace / "late").read_text().strip())
    shell(starts.format("daemon", "daemon"))
    pid = (workspace / "daemon").read_text().strip()
    assert alive(pid)
    os.killpg(int(pid), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of a process's variables")
def test_what_is_started_while_the_others_are_ended_is_ended_too(shell, workspace):
    starts = "while :; do (echo $BASHPID >> pids; sleep 60; true) & sleep 0.003; done"
    script = f"trap '' TERM; touch pids; {starts}"
    shell(f"trap '' TERM; setsid bash -c {shlex.quote(script)} & sleep 60; true", timeout=0.5)
    assert all(map(gone, (workspace / "pids").read_text().split()))


def test_what_ends_when_it_is_asked_to_is_not_waited_for(shell, monkeypatch):
    monkeypatch.setattr(process, "GRACE", 30.0)
    began = time.monotonic()
    text = shell("trap 'echo bye; exit' TERM; sleep 60 & wait", timeout=3)
    assert text.startswith("bye\n") and time.monotonic() - began < 30


def test_the_settings_bound_what_a_model_may_ask_for(shell):
    assert "ended after 0.3 s" in shell("sleep 60", settings="maxTimeout: 0.3", timeout=1000)
    assert "ended after 0.2 s" in shell("sleep 60", settings="timeout: 0.2")
    assert "ended after 0.2 s" in shell("sleep 60", settings="timeout: 60", timeout="0.2")


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal; what runs in the background of a script ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "own", ["", pytest.param("setsid", marks=pytest.mark.skipif(sys.platform != "linux", reason="see above"))]
)
def test_ctrl_c_ends_it_with_all_that_it_has_started(shell, workspace, interruptible, own):
    pids = workspace / "pids"

    def press():
        until = time.monotonic() + 30
        while time.monotonic() < until and (not pids.exists() or len(pids.read_text().split()) < 2):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        shell(f"{own} bash -c 'echo $BASHPID >> pids; sleep 60; sleep 60' & echo $$ >> pids; wait; sleep 60")
    assert time.monotonic() - began < 40
    assert all(map(gone, pids.read_text().split()))


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.005, 0.01, 0.02, 0.05])
def test_a_command_that_is_cancelled_while_it_starts_is_ended_too(workspace, delay, times, monkeypatch):
    """The event loop is held up while the shell starts, so that the shell is ahead of it."""
    import subprocess as real

    class Slow(real.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            until = time.monotonic() + 30
            while time.monotonic() < until and not (workspace / "pids").exists():
                time.sleep(0.01)

    monkeypatch.setattr(real, "Popen", Slow)

    async def work():
        words = ["/bin/bash", "-c", "(echo $BASHPID > pids; sleep 60; true) & wait"]
        task = asyncio.create_task(process.run(words, workspace, os.environ, 60, lambda data: None))
        await asyncio.sleep(delay)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(work())
    assert not (workspace / "pids").exists() or all(map(gone, (workspace / "pids").read_text().split()))


def test_a_program_that_is_not_there_is_said(workspace):
    with pytest.raises(OSError):
        asyncio.run(process.run(["/nowhere"], workspace, os.environ, 60, lambda data: None))


def test_what_is_left_in_the_background_is_ended_and_said(shell, workspace):
    began = time.monotonic()
    text = shell("sleep 60 & echo $! > pid; echo started")
    assert text.startswith("started\n") and text.endswith("; what it had left in the background was ended]")
    assert time.monotonic() - began < 40
    assert gone((workspace / "pid").read_text().strip())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of a process's session")
def test_what_is_left_in_a_group_of_its_own_is_ended_too(shell, workspace):
    text = shell(
        "set -m; (trap '' TERM; echo $BASHPID > pid; sleep 60; sleep 60) & while [ ! -s pid ]; do sleep 0.01; done"
    )
    assert text.endswith("; what it had left in the background was ended]")
    assert gone((workspace / "pid").read_text().strip())


def test_what_holds_the_output_open_from_another_session_is_not_waited_for(shell, workspace):
    began = time.monotonic()
    text = shell("setsid sh -c 'echo $$ > pid; sleep 60' & while [ ! -s pid ]; do sleep 0.01; done; echo started")
    try:
        assert text.startswith("started\n") and time.monotonic() - began < 40
    finally:
        os.kill(int((workspace / "pid").read_text()), signal.SIGKILL)


def test_a_signal_has_its_name(shell):
    assert "[ended by SIGKILL after " in shell("kill -9 $$")
    assert "[ended by signal 40 after " in shell("kill -40 $$")


# What is kept of its output


def test_much_output_keeps_its_head_and_its_tail(shell):
    text = shell("echo first; seq 1000000; echo last")
    assert text.startswith("first\n1\n2\n") and "\n999999\n1000000\nlast\n\n[exit code 0" in text
    assert "bytes of output left out here" in text
    assert len(text) < 66_000


def test_an_endless_output_holds_no_memory_and_ends_in_time(shell):
    import tracemalloc

    tracemalloc.start()
    text = shell("yes", timeout=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert text.endswith("because its time was up]") and peak < 8 << 20


@pytest.mark.parametrize("size", [0, 1, 9, 10, 15, 16, 20, 100])
@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_nothing_is_lost_between_head_and_tail(size, chunk):
    data = bytes(ord("a") + number % 26 for number in range(size))
    capture = Capture(head=10, tail=6)
    for at in range(0, size, chunk):
        capture.take(data[at : at + chunk])
    if size <= 16:
        assert capture.text() == data.decode()
    else:
        assert capture.text().startswith(data[:10].decode()) and capture.text().endswith(data[-6:].decode())
        assert f"{size - 16:,} bytes" in capture.text()


def test_what_is_cut_is_cut_between_lines():
    capture = Capture(head=10, tail=10)
    capture.take("eins\nzwei\ndrei äöü\nvier\nfünf\n".encode())
    assert capture.text() == "eins\nzwei\n\n[… 17 bytes of output left out here …]\n\nfünf\n"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("10%\r50%\r", "50%"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b[1;31mred\x1b[0m \x1b[2Kx", "red x"),
        ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("\x1b]0;unended\nnext", "\nnext"),
        ("\x9b31mred\x1b(B\x1b=!", "red!"),
        ("N\bNA\bA\x07", "NA"),
        ("\b\bx", "x"),
        ("tab\tstays\0", "tab\tstays"),
        ("\x1b", ""),
    ],
)
def test_output_is_read_as_it_would_have_been_seen(given, read):
    assert plain(given) == read


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x1bP\x1b", "a\b", "\r", "\b", "\x1b[0;", "\x9b"])
def test_no_output_takes_long_to_read(piece):
    began = time.process_time()
    plain(piece * 30_000)
    assert time.process_time() - began < 1


def test_output_that_is_no_text_is_read_as_far_as_it_goes(shell):
    assert shell(r"printf 'a\377b\303\244'").startswith("a\ufffdbä\n")


# What is shown before


def test_the_command_is_shown_whole(shell):
    command = "echo a &&\n\techo b # \x1b[8m hidden"
    shell(command)
    (preview,) = shell.approves.shown
    assert (preview.text, preview.form, preview.subject, preview.edits) == (command, "command", command, "command")
    assert "cannot be seen" in preview.careful, "the control character is shown by whoever draws the text"


def test_characters_that_cannot_be_seen_are_shown_and_warned_of(shell):
    shell("ls a\u200bb\u202e\U000e0041")
    (preview,) = shell.approves.shown
    assert preview.text == "ls a\\u{200b}b\\u{202e}\\u{e0041}" and "cannot be seen" in preview.careful
    assert preview.subject == "ls a\u200bb\u202e\U000e0041"
    shell("ls 'ä b'")
    assert shell.approves.shown[0].careful == "" and shown("ä\t\n") == "ä\t\n"


@pytest.mark.parametrize("character", "\u00a0\u2003\u3000\u3164\ufe0f\U000e0100\u00ad\u2800\u2028")
def test_what_looks_like_a_space_or_like_nothing_is_shown(shell, character):
    shell(f"rm{character}-rf x")
    (preview,) = shell.approves.shown
    assert preview.text == f"rm\\u{{{ord(character):x}}}-rf x" and "cannot be seen" in preview.careful


def test_a_command_cannot_pose_as_one_in_another_folder(shell, workspace):
    shell("pwd -P", directory="deep")
    shown = shell.approves.shown[0].text
    assert shell(shown).startswith(f"{workspace.resolve()}/deep\n"), "what looks so runs there"


def test_a_folders_name_cannot_pose_as_a_command(shell, workspace):
    (workspace / "a\n$ ls").mkdir()
    shell("true", directory="a\n$ ls")
    assert shell.approves.shown[0].text == "cd 'a\\n$ ls'\ntrue"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("pytest -q tests", "pytest"),
        ("ls", "ls"),
        ("git status --short", "git status"),
        (" git  log x", "git log"),
        ("md5sum x", "md5sum"),
    ],
)
def test_always_covers_the_first_words(command, words):
    assert prefix(command) == words


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf ~",
        "git status && x",
        "git status\nrm x",
        "git status | sh",
        "git log $(rm x)",
        "git log `rm x`",
        "git log > x",
        "git\u00a0status",
        "git\rstatus",
        "git -c core.pager=x log",
        "git",
        "X=1 git status",
        "./git status",
        "python -c x",
        "nodejs x.js",
        "csh x",
        "bundle exec rm x",
        "python3.12 -c x",
        "PYTHON3 -c x",
        "python.exe -c x",
        "perl5.36 -e x",
        "node-18 -e x",
        "vim -c x",
        "tar -xf a",
        "uv run x",
        "uv  run x",
        "poetry run x",
        "docker run x",
        "git config core.pager x",
        "git bisect run x",
        "sudo ls",
        "env ls",
        "bash x",
        "xargs rm",
        "find . -delete",
        "l\\s",
        "'git' status",
        "g?t status",
        "~/x",
        "ｇit status",
        ". x",
        "npm init x",
        "npm create x",
        "npm run build",
        "cargo test",
        "go test -exec x",
        "pip list",
        "make test",
        "ssh host",
        "awk x",
        "sort x",
        "rg --pre x",
        "rm x",
        "git branch -D x",
        "git clone x",
        "no-such-program",
    ],
)
def test_always_covers_no_more_than_the_command_where_its_first_words_say_too_little(command):
    assert prefix(command) == ""


@pytest.mark.parametrize("command", ["git log --output=x", "git log --'outp'ut x", "git diff --out\\put x"])
def test_a_file_that_git_would_write_is_warned_of(shell, command):
    shell(command)
    (preview,) = shell.approves.shown
    assert preview.careful == "git may write its output to a file"


def test_no_setting_is_a_projects_to_set():
    for each in fields(ShellSettings):
        (setting,) = each.type.__metadata__
        assert not setting.project, each.name


def test_each_command_of_the_page_works(ollm):
    page = (Path(__file__).parents[2] / "docs" / "rooms" / "shell.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("ollm ")]
    assert lines
    for line in lines:
        assert ollm(*shlex.split(line)[1:]).code == 0, line


def test_the_settings_of_the_page_are_settings(ollm):
    page = (Path(__file__).parents[2] / "docs" / "rooms" / "shell.md").read_text()
    ollm.write(page.partition("```yaml\n")[2].partition("```")[0])
    assert ollm("config", "validate").code == 0
