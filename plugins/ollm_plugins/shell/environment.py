"""Which variables does a command get? None that looks like a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

SECRET_NAMES: Final = (
    *("*_KEY", "*APIKEY*", "*API_KEY*", "*_KEY_ID", "*_TOKEN", "*_TOKEN_*", "TOKEN", "*SECRET*", "*_PAT", "*_COOKIE"),
    *(
        "*PASSWORD*",
        "*PASSWD*",
        "*PASSPHRASE*",
        "PGPASS*",
        "*_PASS",
        "SSHPASS",
        "MYSQL_PWD",
        "*CREDENTIAL*",
        "*_AUTH",
        "*_AUTH_*",
    ),
    *("AWS_*", "AZURE_*", "GOOGLE_*", "GCP_*", "GITHUB_*", "GH_*", "GITLAB_*", "CI_JOB_*", "HF_*", "VAULT_*"),
    *("OPENAI_*", "ANTHROPIC_*", "OLLM_*", "NETRC", "*_DSN", "*WEBHOOK*", "*CONNECTION_STRING*", "*BEARER*", "*_JWT"),
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "*_ASKPASS"),  # who can reach an agent can use its keys
)
"""Patterns of names, in capitals."""

_WITH_PASSWORD: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""An address such as `postgres://me:secret@host`, whatever the variable is called."""

_TOKEN: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[\w-]{8,}\.eyJ"
    r"|\b(gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-|[sr]k_live_|npm_|hf_|pypi-|AIza)[\w-]{16}"
)
"""A key or token in the form that the services give it (GitHub, GitLab, Slack, OpenAI, Stripe, npm, AWS, Google …)."""

_KEPT: Final = ("PATH", "HOME", "LANG")
"""What commands cannot do without, whatever a folder in it is called (`hf_transformers_env` has the form of a token)."""

_COLORS: Final = ("FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM")

_SET: Final = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",  # git would else wait for a password that nobody can type
}


def environment(environ: Mapping[str, str], passed: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables for a command.

    :param passed: names, or patterns of names, that are let through although they look like secrets
    """
    patterns = [pattern.upper() for pattern in passed]
    kept = {
        name: value
        for name, value in environ.items()
        if _matches(name, patterns) or not (_is_secret(name, value) or name in _COLORS)
    }
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **kept, **_SET}


def _is_secret(name: str, value: str) -> bool:
    if name.upper() in _KEPT:
        return False
    return _matches(name, SECRET_NAMES) or bool(_WITH_PASSWORD.search(value) or _TOKEN.search(value))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.upper(), pattern) for pattern in patterns)
