"""What does bubblewrap get to see?

The whole file system can be read but for the places of secrets, nothing but the workspace can be written, and there
is no network. Sockets of programs outside (an SSH agent, Docker, D-Bus) lie in folders that are replaced.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ollm.api import OllmError

_HOME: Final = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".oci", ".fly", ".kaggle", ".terraform.d", ".pki",
    ".1password", ".password-store", ".bitcoin", ".electrum", ".ethereum", ".claude*", ".codex", ".gemini", ".ollm",
    ".ollama/id_*", ".mozilla", ".thunderbird", ".librewolf", ".waterfox", ".zen", ".var/app", "snap/*",
    ".cache/mozilla", ".cache/google-chrome*", ".cache/chromium", ".cache/huggingface/token", ".huggingface", ".env",
    ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".yarnrc*", ".pypirc", ".pgpass", ".my.cnf",
    ".htpasswd", ".git-credentials", ".dockercfg", ".vault-token", ".boto", ".s3cfg", ".databrickscfg", ".snowsql",
    ".msmtprc", ".mbsyncrc", ".offlineimaprc", ".fetchmailrc", ".*_history", ".viminfo", ".lesshst",
    ".cargo/credentials*", ".gem/credentials", ".m2/settings*.xml", ".gradle/gradle.properties",
    ".composer/auth.json", "credentials", "*credentials*.json", "secrets.json", "secrets.toml", "secrets.y*ml",
    "secrets.ini", "service-account*.json", "terraform.tfstate*", "*.tfvars", "*.pem", "*.key", "*.p12", "*.pfx",
    "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg", "*.asc", "*.age", "id_rsa*", "id_dsa*", "id_ecdsa*",
    "id_ed25519*",
)  # fmt: skip
"""Patterns of what holds secrets, by the conventions of the programs that write it: in the user's home folder."""

_CONFIG: Final = (
    "gcloud", "gh", "glab-cli", "hub", "op", "sops", "age", "rclone", "containers", "git/credentials", "doctl",
    "hcloud", "stripe", "configstore", "github-copilot", "composer/auth.json", "pip", "pypoetry/auth.toml",
    "google-chrome*", "chromium", "BraveSoftware", "microsoft-edge*", "vivaldi*", "opera*", "1Password", "Bitwarden",
    "keepassxc", "Signal", "Slack", "discord", "evolution",
)  # fmt: skip
"""In `.config`."""

_DATA: Final = (
    "keyrings", "kwalletd", "containers", "fish", "evolution", "TelegramDesktop",
)  # fmt: skip
"""In `.local/share`."""

_ETC: Final = (
    "shadow*", "gshadow*", "ssh/*_key", "ssl/private", "krb5.keytab", "NetworkManager/system-connections",
)  # fmt: skip
"""In `/etc`, for whoever works as root."""

_VARIABLES: Final = (
    "GNUPGHOME", "PASSWORD_STORE_DIR", "KUBECONFIG", "DOCKER_CONFIG", "NETRC", "PGPASSFILE", "NPM_CONFIG_USERCONFIG",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AZURE_CONFIG_DIR", "CLOUDSDK_CONFIG", "GH_CONFIG_DIR",
    "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN_PATH", "HISTFILE", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
)  # fmt: skip
"""What says that such places are elsewhere."""

_REPLACED: Final = ("/tmp", "/run", "/var/tmp")  # noqa: S108  (they are replaced, not used)
"""Folders that are replaced by empty ones, as sockets lie in them."""

_OWN: Final = ("/dev", "/proc")
"""What a sandbox has of its own; a history is often a link to /dev/null, which has to stay what it is."""

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
    words += ["--cap-drop", "ALL"]  # root could else take away what hides secrets, and write everywhere
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc"]
    for each in _REPLACED:
        words += _hiding(Path(each)) if Path(each) != workspace else []
    for each in _KEPT:
        words += ["--ro-bind-try", each, each]
    words += ["--bind", str(workspace), str(workspace)]
    paths = sorted({Path(os.path.realpath(each)) for each in hidden})
    for path in paths:
        if workspace.is_relative_to(path):
            problem = f"The command was not run: the workspace lies in {path}, which a sandbox has to hide"
            raise OllmError(problem, "Work in another folder.")
    # what is mounted cannot be renamed, so that the next command finds it where it is hidden
    above = {parent for path in paths if _hiding(path) for parent in path.parents if workspace in parent.parents}
    for parent in sorted(above):
        words += ["--bind", str(parent), str(parent)]
    for path in paths:
        words += _hiding(path)
    return [*words, "--setenv", "TMPDIR", "/tmp", "--chdir", str(cwd), "--", *argv]  # noqa: S108  (its own)


def _hiding(path: Path) -> list[str]:
    """Return the words that put nothing in a path's place; what does not exist, or cannot be reached, needs no hiding.

    A file is empty then: programs that read their settings would give up if they were denied it.
    """
    if any(path.is_relative_to(each) for each in _OWN):
        return []
    if os.path.isdir(path):  # noqa: PTH112  (Path's raises where nobody may look)
        return ["--tmpfs", str(path)]
    return ["--dev-bind", "/dev/null", str(path)] if os.path.exists(path) else []  # noqa: PTH110  (as above)


def secrets(environ: Mapping[str, str], more: Iterable[str]) -> list[Path]:
    """List where secrets lie.

    :param environ: says where the user's home folder is, and which places are elsewhere
    :param more: what the user has added
    """
    home = Path(environ.get("HOME") or Path.home())
    places = [(home, _HOME), (home / ".config", _CONFIG), (home / ".local/share", _DATA), (Path("/etc"), _ETC)]
    moved = (("XDG_CONFIG_HOME", _CONFIG), ("XDG_DATA_HOME", _DATA))
    places += [(Path(environ[name]), patterns) for name, patterns in moved if environ.get(name)]
    usual = [path for folder, patterns in places for pattern in patterns for path in folder.glob(pattern)]
    named = [
        each for name in _VARIABLES for each in environ.get(name, "").split(os.pathsep) if Path(each).is_absolute()
    ]
    return [*usual, *map(Path, named), *(Path(each).expanduser() for each in more)]
