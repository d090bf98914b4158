"""At which files should somebody look, although a tool might otherwise touch them unasked?

Usual places of secrets, whatever is done there; and files that make a program run something, when they are changed.
Names are compared as file systems that ignore case, dots at the end or characters that cannot be seen would find them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import translate
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

_SECRET: Final = (
    ".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd",
    ".git-credentials", ".dockercfg", ".vault-token", ".boto", ".s3cfg", "credentials", "*credentials*.json",
    "secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml", "secrets.ini", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg", "*.asc", "*.age",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "shadow", "shadow-", "gshadow", "terraform.tfstate*", "*.tfvars",
    "service-account*.json", "login data", "cookies", "cookies.sqlite", "key4.db", "logins.json",
    ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
)  # fmt: skip
"""Names of files that hold keys, passwords or tokens by the conventions of the programs that write them."""

_SECRET_FOLDERS: Final = frozenset((
    ".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".password-store", ".mozilla", ".thunderbird", ".1password",
))  # fmt: skip

_SECRET_WITHIN: Final = frozenset(((".git", "config"), (".hg", "hgrc"), (".svn", "auth")))
"""Folders, and what at any depth in them may hold the password of a remote repository."""

_PROGRAMS: Final = ("Library", "AppData")
"""Folders in a home folder in which programs keep what is theirs on macOS and Windows: browsers, keychains."""

_EXAMPLES: Final = (".env.example", ".env.sample", ".env.template", ".env.dist")

_RUNS: Final = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile",
    ".zlogin", ".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc", ".xprofile", ".xinitrc", ".xsession", ".gitconfig",
    ".gitmodules", ".gitattributes", ".vimrc", ".exrc", ".nvimrc", ".tmux.conf", ".gdbinit", ".pythonrc*", "config.fish",
    "authorized_keys", "crontab", "sitecustomize.py", "usercustomize.py", "*.pth", ".pre-commit-config.yaml",
    ".gitlab-ci.yml", ".travis.yml", "jenkinsfile", "azure-pipelines.yml", "bitbucket-pipelines.yml", ".drone.yml",
    ".woodpecker.yml", ".mcp.json", ".lldbinit", ".yarnrc.yml", "lefthook.yml", ".nvim.lua",
)  # fmt: skip
"""Names of files from which shells, editors and build servers run something by themselves."""

_RUNS_FOLDERS: Final = frozenset((
    ".git", ".hg", ".svn", ".ollm", ".github", ".circleci", ".buildkite", ".husky", ".vscode", ".idea", ".devcontainer",
    ".direnv", "cron.d", ".cargo", ".claude", ".cursor",
))  # fmt: skip


def secret(path: Path, private: Iterable[Path] = (), home: Path | None = None, root: Path | None = None) -> str:
    """Return why a file may hold a secret; empty if its place does not say so.

    :param path: real
    :param private: folders that are private as a whole, such as ollm's home; real
    :param home: the user's, in which what begins with a dot belongs to programs; real
    :param root: what lies in it was opened on purpose, so that not all of it is a program's own
    """
    *folders, name = [_plain(each) for each in path.parts]
    if any(path.is_relative_to(each) for each in private):
        return "it belongs to ollm itself"
    if name not in _EXAMPLES and _any_of(_SECRET).match(name):
        return "it may hold secrets"
    if _SECRET_FOLDERS.intersection((*folders, name)) or _SECRET_WITHIN.intersection(combinations((*folders, name), 2)):
        return "it is in a usual place of secrets"
    if home is None or not path.is_relative_to(home) or path == home:
        return ""
    first = path.relative_to(home).parts[0]
    if (first.startswith(".") or first in _PROGRAMS) and not (root is not None and root.is_relative_to(home / first)):
        return "it belongs to a program, in your home folder"
    return ""


def runs(path: Path) -> str:
    """Return why changing a file may make a program run something; empty if its place does not say so."""
    *folders, name = [_plain(each) for each in path.parts]
    if _any_of(_RUNS).match(name) or _RUNS_FOLDERS.intersection((*folders, name)):
        return "programs run what stands there"
    return ""


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


def _plain(name: str) -> str:
    """Return a name as a lenient file system would compare it (Windows: `.env. `, `.env::$DATA`; macOS: U+200C)."""
    seen = name if name.isascii() else "".join(each for each in name if unicodedata.category(each) != "Cf")
    seen = seen.casefold()
    return seen.partition(":")[0].rstrip(". ") or seen
