"""Does bubblewrap keep a command from the network, from other files and from secrets; and does nothing run without it?"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from ollm_plugins.files import careful
from ollm_plugins.shell.sandbox import secrets, wrapped

from ollm.api import OllmError
from tests.plugins.test_shell import shell, workspace  # noqa: F401  (fixtures)


def works():
    """Say whether sandboxes can be made here: not in every container."""
    words = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(words, capture_output=True).returncode == 0


needs_bwrap = pytest.mark.skipif(not works(), reason="bubblewrap is not installed, or may make no namespaces")
SANDBOX = "sandbox: bwrap"


@pytest.fixture
def home(workspace):
    """A home within the workspace: outside of it the tests' own folder is hidden anyway, as it lies in /tmp."""
    (workspace / "user").mkdir()
    return workspace / "user"


@needs_bwrap
def test_the_workspace_can_be_written_and_nothing_else(shell, workspace, tmp_path):
    (tmp_path / "beside").mkdir()
    others = [tmp_path / "beside", Path("/etc"), Path("/usr"), Path("/var"), Path.home(), Path("/opt")]
    name = f"ollm-test-{os.getpid()}"
    command = f"echo in > in; for d in {' '.join(map(str, others))}; do touch $d/{name}; done; cat in"
    try:
        assert "in\n" in shell(command, settings=SANDBOX)
        assert (workspace / "in").read_text() == "in\n"
        assert [each for each in others if (each / name).exists()] == []
    finally:
        for each in others:
            (each / name).unlink(missing_ok=True)
    shell(f"touch {tmp_path}/beside/{name}")
    assert (tmp_path / "beside" / name).exists(), "without a sandbox it is written"


@needs_bwrap
def test_there_is_no_network_not_even_to_this_machine(shell):
    with socket.create_server(("127.0.0.1", 0)) as server:
        reached = []
        server.settimeout(0.1)
        over = threading.Event()

        def accept():
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    reached.append(server.accept())

        listening = threading.Thread(target=accept)
        listening.start()
        port = server.getsockname()[1]
        command = f"(: < /dev/tcp/127.0.0.1/{port}) && echo reached"
        assert shell(command, settings=SANDBOX).endswith("]") and reached == []
        assert "reached\n" in shell(command), "without a sandbox it is reached"
        over.set()
        listening.join()
    assert len(reached) == 1
    reached[0][0].close()


@needs_bwrap
@pytest.mark.parametrize(
    "place",
    [
        *(".ssh/id_rsa", ".aws/credentials", ".netrc", ".config/gh/hosts.yml", "mine/key", ".docker/config.json"),
        *(
            ".kube/config",
            ".npmrc",
            ".pypirc",
            ".gnupg/secring.gpg",
            ".config/microsoft-edge/Default/Cookies",
            ".ollm/x",
        ),
        *(".local/share/kwalletd/kdewallet.kwl", "snap/firefox/common/.mozilla/x", ".psql_history", "work.kdbx"),
    ],
)
def test_secrets_cannot_be_read(shell, home, place):
    path = home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("hunter2\n")
    settings, at = f'{SANDBOX}, hide: ["{home}/mine"]', {"HOME": str(home)}
    assert "hunter2" in shell(f"cat {path}", environ=at), "without a sandbox it is read"
    assert "hunter2" not in shell(f"cat {path}", settings=settings, environ=at)


ELSEWHERE = {"shadow", "shadow-", "gshadow", "login data", "cookies", "cookies.sqlite", "key4.db", "logins.json"}
"""In /etc, or in the folder of a browser, which is hidden as a whole."""


@pytest.mark.parametrize("pattern", sorted({*careful._SECRET, *careful._SECRET_FOLDERS} - ELSEWHERE))
def test_what_the_file_tools_ask_about_is_hidden_in_the_home(tmp_path, pattern):
    (tmp_path / pattern.replace("*", "x")).touch()
    assert secrets({"HOME": str(tmp_path)}, ())[:1] == [tmp_path / pattern.replace("*", "x")]


@needs_bwrap
@pytest.mark.parametrize(
    ("name", "given", "place"),
    [
        ("XDG_CONFIG_HOME", "{home}/moved", "moved/gh/hosts.yml"),
        ("XDG_DATA_HOME", "{home}/moved", "moved/keyrings/login.keyring"),
        ("KUBECONFIG", "relative:{home}/moved/a:{home}/moved/b", "moved/b"),
    ],
)
def test_secrets_that_are_elsewhere_cannot_be_read(shell, home, name, given, place):
    path = home / place
    path.parent.mkdir(parents=True)
    path.write_text("hunter2\n")
    environ = {"HOME": str(home), name: given.format(home=home)}
    assert "hunter2" in shell(f"cat {path}", environ=environ), "without a sandbox it is read"
    assert "hunter2" not in shell(f"cat {path}", settings=SANDBOX, environ=environ)


@needs_bwrap
@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root can neither way")
def test_root_cannot_undo_what_hides_and_protects(shell, home, tmp_path):
    """Without capabilities nothing can be mounted; but what root owns in /proc could be written without any."""
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_rsa").write_text("hunter2")
    (tmp_path / "beside").mkdir()
    setting = Path("/proc/sys/kernel/domainname")
    before = setting.read_text()
    command = (
        f"umount {home}/.ssh; cat {home}/.ssh/id_rsa; mount -o remount,rw,bind /; touch {Path.home()}/ollm-test-mount && echo wrote;"
        "cat /etc/shadow; echo ollm > /proc/sys/kernel/domainname && echo set; grep CapEff /proc/self/status"
    )
    try:
        text = shell(command, settings=SANDBOX, environ={"HOME": str(home)})
        after = setting.read_text()
    finally:
        (Path.home() / "ollm-test-mount").unlink(missing_ok=True)
        if setting.read_text() != before:
            setting.write_text(before)
    assert after == before
    assert "hunter2" not in text and "wrote" not in text and "root:" not in text and "set\n" not in text
    assert "CapEff:\t0000000000000000" in text


@needs_bwrap
def test_secrets_behind_a_link_cannot_be_read(shell, home, workspace):
    (workspace / "vault").mkdir()
    (workspace / "vault" / "id_rsa").write_text("hunter2")
    (home / ".ssh").symlink_to(workspace / "vault")
    text = shell("cat user/.ssh/id_rsa vault/id_rsa", settings=SANDBOX, environ={"HOME": str(home)})
    assert "hunter2" not in text


@needs_bwrap
def test_ollms_own_home_cannot_be_read(shell, ollm_home, tmp_path):
    (ollm_home / "note").write_text("hunter2")
    assert "hunter2" in shell(f"cat {ollm_home}/note", within=tmp_path), "without a sandbox it is read"
    assert "hunter2" not in shell(f"cat {ollm_home}/note", within=tmp_path, settings=SANDBOX)


@needs_bwrap
@pytest.mark.parametrize("folder", ["/tmp", "/run", "/var/tmp"])
def test_sockets_of_programs_outside_cannot_be_reached(shell, folder):
    command = f"ls -A {folder} | grep -v pytest-of || echo none"
    assert "none\n" in shell(command, settings=SANDBOX)


@needs_bwrap
def test_what_is_left_in_the_background_ends_with_it(shell, workspace):
    text = shell("setsid sleep 987.65 & echo started", settings=SANDBOX)
    assert text.startswith("started\n")
    found = subprocess.run(["pgrep", "-f", "sleep 987.65"], capture_output=True, text=True)
    assert found.stdout == "", "not even a session of its own lets it escape"


@needs_bwrap
def test_time_is_up_in_a_sandbox_too(shell):
    text = shell("trap '' TERM; echo begun; setsid sleep 986.54", settings=SANDBOX, timeout=3)
    assert (
        text
        == "begun\n\n[ended after 3 s, because its time was up; it ran without network, and could write only in the workspace]"
    )
    assert subprocess.run(["pgrep", "-f", "sleep 986.54"], capture_output=True, text=True).stdout == ""


@needs_bwrap
def test_a_model_is_told_why_something_may_have_failed(shell):
    told = "; it ran without network, and could write only in the workspace]"
    assert shell("false", settings=SANDBOX).endswith(told)
    assert not shell("true", settings=SANDBOX).endswith(told) and not shell("false").endswith(told)


@needs_bwrap
def test_it_runs_in_the_folder_that_is_asked_for(shell, workspace):
    assert shell("pwd -P", settings=SANDBOX, directory="deep").startswith(f"{workspace.resolve()}/deep\n")


def test_without_bubblewrap_nothing_runs_and_nobody_is_asked(shell, workspace, tmp_path):
    text = shell("touch made", settings=SANDBOX, environ={"PATH": str(tmp_path)})
    assert shell.failed and "bubblewrap is not installed" in text
    assert shell.approves.shown == [] and not (workspace / "made").exists()


@pytest.mark.parametrize("path", [".", "{workspace}", "{workspace}/deep"])
def test_a_bwrap_that_a_repository_brings_is_not_taken(shell, workspace, path, monkeypatch):
    monkeypatch.chdir(workspace)
    fake = workspace / path.format(workspace=workspace) / "bwrap"
    fake.write_text("#!/bin/sh\ntouch made\n")
    fake.chmod(0o755)
    text = shell("true", settings=SANDBOX, environ={"PATH": path.format(workspace=workspace)})
    assert shell.failed and "bubblewrap is not installed" in text and not (workspace / "made").exists()


def test_a_bwrap_beside_the_process_is_not_taken(shell, workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bwrap").write_text("#!/bin/sh\ntouch made\n")
    (tmp_path / "bwrap").chmod(0o755)
    text = shell("true", settings=SANDBOX, environ={"PATH": "."})
    assert shell.failed and "bubblewrap is not installed" in text and not list(tmp_path.rglob("made"))


def test_a_sandbox_that_cannot_be_made_is_said(shell, workspace, tmp_path):
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace'\nexit 1\n")
    fake.chmod(0o755)
    text = shell("touch made", settings=SANDBOX, environ={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    assert shell.failed and "the sandbox could not be made (bwrap: No permissions" in text
    assert not (workspace / "made").exists()


def test_the_words_for_bubblewrap(tmp_path):
    home, root = tmp_path / "user", tmp_path / "work"
    (home / ".ssh").mkdir(parents=True)
    (home / ".netrc").touch()
    root.mkdir()
    words = wrapped("/usr/bin/bwrap", ["sh", "-c", "x"], root, root / "a", secrets({"HOME": str(home)}, ()))
    text = " ".join(words)
    assert words[:4] == ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    assert "--share-net" not in text
    assert "--cap-drop ALL --ro-bind / / --dev /dev --proc /proc --remount-ro /proc --tmpfs /tmp" in text
    _, after = text.split(f" --bind {root} {root} ")
    assert f"--dev-bind /dev/null {home}/.netrc --tmpfs {home}/.ssh" in after, "after what it lies in"
    assert ".aws" not in text, "what does not exist needs no hiding"
    assert text.endswith(f"--chdir {root}/a -- sh -c x")


def test_no_sandbox_is_made_around_everything_or_around_a_secret(tmp_path):
    with pytest.raises(OllmError, match="around the whole file system"):
        wrapped("bwrap", ["x"], Path("/"), Path("/"), ())
    (tmp_path / ".ssh" / "deep").mkdir(parents=True)
    with pytest.raises(OllmError, match="which a sandbox has to hide"):
        wrapped(
            "bwrap", ["x"], tmp_path / ".ssh" / "deep", tmp_path / ".ssh" / "deep", secrets({"HOME": str(tmp_path)}, ())
        )
    (tmp_path / "vault").mkdir()
    (tmp_path / ".aws").symlink_to(tmp_path / "vault")
    with pytest.raises(OllmError, match="which a sandbox has to hide"):
        wrapped("bwrap", ["x"], tmp_path / "vault", tmp_path / "vault", secrets({"HOME": str(tmp_path)}, ()))


@pytest.mark.parametrize("entry", ["letters", "./x", "~no-such-user/x", "", "a\\0b"])
def test_what_is_to_be_hidden_is_named_clearly(shell, workspace, entry):
    text = shell("touch made", settings=f'hide: ["{entry}"]')
    assert "tools.shell.hide" in text and "is no absolute path, nor does it begin with ~/" in text and "\n" not in text
    assert shell.failed and shell.approves.shown == [] and not (workspace / "made").exists()


def test_home_and_absolute_paths_may_be_hidden(shell):
    assert "[exit code 0" in shell("true", settings='hide: [~/letters, "~", /srv/x]')


@needs_bwrap
@pytest.mark.parametrize(
    "move", ["mv user away", "mv user/.config user/away", "mv user/.config/gh away", "mv user/.netrc away"]
)
def test_what_is_hidden_cannot_be_moved_to_where_the_next_command_finds_it(shell, home, workspace, move):
    (home / ".config" / "gh").mkdir(parents=True)
    for path in (home / ".config" / "gh" / "hosts.yml", home / ".netrc"):
        path.write_text("hunter2\n")
    environ = {"HOME": str(home)}
    shell(move, settings=SANDBOX, environ=environ)
    text = shell("grep -r hunter . ; touch user/made user/.config/made && echo made", settings=SANDBOX, environ=environ)
    assert "hunter2" not in text and text.startswith("made\n"), "what lies beside it can be written"


@needs_bwrap
def test_a_history_that_nobody_keeps_does_not_take_away_dev_null(shell, home):
    (home / ".bash_history").symlink_to("/dev/null")
    environ = {"HOME": str(home), "HISTFILE": "/dev/null"}
    assert shell("echo x > /dev/null && echo written", settings=SANDBOX, environ=environ).startswith("written\n")


@needs_bwrap
def test_a_hidden_file_is_empty_for_a_program_that_reads_it(shell, home):
    (home / ".npmrc").write_text("hunter2\n")
    text = shell("cat ~/.npmrc && echo read; echo x > ~/.npmrc", settings=SANDBOX, environ={"HOME": str(home)})
    assert text.startswith("read\n") and (home / ".npmrc").read_text() == "hunter2\n"


@needs_bwrap
def test_what_leads_nowhere_needs_no_hiding(shell, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert "[exit code 0" in shell("true", settings=f'{SANDBOX}, hide: ["{tmp_path}/loop", /no/such/place]')
