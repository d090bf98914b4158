"""What does bubblewrap get to see?

The whole file system can be read but for the places of secrets, nothing but the workspace can be written, and there
is no network. Sockets of programs outside (an SSH agent, Docker, D-Bus) lie in folders that are replaced.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ollm.api import OllmError

_SECRETS: Final = (
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", ".mozilla", ".thunderbird"),
    *(
        ".config/gcloud",
        ".config/gh",
        ".config/hub",
        ".config/op",
        ".config/sops",
        ".config/rclone",
        ".config/git/credentials",
    ),
    *(".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".local/share/keyrings"),
    *(".netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", ".vault-token", ".terraform.d"),
    *(".cargo/credentials", ".cargo/credentials.toml", ".bash_history", ".zsh_history", ".python_history"),
    *(".config/containers", ".local/share/containers", ".huggingface", ".cache/huggingface/token"),
)
"""In the user's home folder."""

_REPLACED: Final = ("/tmp", "/run", "/var/tmp")  # noqa: S108  (they are replaced, not used)
"""Folders that are replaced by empty ones, as sockets lie in them."""

_KEPT: Final = ("/run/current-system", "/run/wrappers")
"""Where NixOS keeps its programs."""


def program(environ: Mapping[str, str], workspace: Path) -> str:
    """Return the real path of bubblewrap.

    :raises OllmError: it is not installed, or lies where a repository could have put it
    """
    found = shutil.which("bwrap", path=environ.get("PATH"))
    path = Path(found) if found else None
    if path is None or not path.is_absolute() or path.resolve().is_relative_to(workspace):
        problem = "The command was not run: tools.shell.sandbox is bwrap, but bubblewrap is not installed"
        raise OllmError(problem, "The user has to install it (`apt install bubblewrap`), or set tools.shell.sandbox.")
    return str(path)


def wrapped(bwrap: str, argv: Iterable[str], workspace: Path, cwd: Path, hidden: Iterable[Path]) -> list[str]:
    """Return the command line that runs another one in a sandbox.

    :param bwrap: the program
    :param workspace: real path of what can be written
    :param cwd: real path of the folder to run it in
    :param hidden: what must not be read, beside nothing
    :raises OllmError: no sandbox can be made around such a workspace
    """
    if workspace == workspace.parent:
        raise OllmError("The command was not run: a sandbox around the whole file system is none", "Work in a folder.")
    words = [bwrap, "--unshare-all", "--die-with-parent", "--new-session"]
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for each in _REPLACED:
        words += _hiding(Path(each)) if Path(each) != workspace else []
    for each in _KEPT:
        words += ["--ro-bind-try", each, each]
    words += ["--bind", str(workspace), str(workspace)]
    for path in sorted({each.resolve() for each in hidden}):
        if workspace.is_relative_to(path):
            problem = f"The command was not run: the workspace lies in {path}, which a sandbox has to hide"
            raise OllmError(problem, "Work in another folder.")
        words += _hiding(path)
    return [*words, "--setenv", "TMPDIR", "/tmp", "--chdir", str(cwd), "--", *argv]  # noqa: S108  (its own)


def _hiding(path: Path) -> list[str]:
    """Return the words that put nothing in a path's place; what does not exist needs no hiding."""
    if path.is_dir():
        return ["--tmpfs", str(path)]
    return ["--ro-bind", "/dev/null", str(path)] if path.exists() else []


def secrets(home: Path, more: Iterable[str]) -> list[Path]:
    """List where secrets usually lie.

    :param home: the user's home folder
    :param more: what the user has added
    """
    return [*(home / name for name in _SECRETS), *(Path(each).expanduser() for each in more)]
