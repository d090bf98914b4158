"""Does a text look like a secret, which should not stand in prompts?"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

_WORDS: Final = r"(password|passwort|kennwort|passwd|passcode|pass ?phrase|pwd|mot de passe|contrase\u00f1a)"
_SAID: Final = r"\s*((is|ist|est|es)\b|[:=])\s*"
_ALONE, _END = r"(?<![^\W_])", r"(?![^\W_])"
"""Borders of a word; an underscore is one, too (`DB_WORDS=`)."""

_FORMS: Final = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key"),
    (re.compile(r"\b(sk|rk|pk)[-_](live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}"), "an API key"),
    (re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"), "an access token"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}"), "a cloud key"),
    (re.compile(r"\bxox[abeoprs]-[\w-]{10,}|\b(hf|npm)_[A-Za-z0-9]{20,}|\bpypi-[\w-]{16,}"), "an access token"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "a signed token"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "an address with a password"),
    (re.compile(rf"(?i){_ALONE}{_WORDS}{_END}{_SAID}\S{{4,}}"), "a password"),
    (re.compile(rf"(?i){_ALONE}{_WORDS}\s+(?=\S*\d)(?=\S*[^\W\d])\S{{6,}}"), "a password"),
    (re.compile(rf"(?i){_ALONE}(api[ _-]?key|access[ _-]?key|secret|token){_END}{_SAID}(?=\S*\d)\S{{8,}}"), "a secret"),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?=\S*[\d=])[\w+/.=-]{12,}"), "an access token"),
    (re.compile(rf"(?i){_ALONE}pin{_END}({_SAID}|\s+)\d{{4,8}}{_END}"), "a PIN"),
    (re.compile(r"(?<!\d)\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)"), "the number of a card"),
)
"""Prefixes as the services document them (OpenAI, Stripe, GitHub, GitLab, AWS, Google, Slack, Hugging Face, npm, PyPI)."""

_NAMES = re.compile(
    r"(?i)(^|[^a-z])(password|passwort|passwd|passphrase|pwd|pin|secret|api[ _-]?key|token)s?($|[^a-z])"
)
_RANDOM = re.compile(r"[A-Za-z0-9+_=-]{24,}")
_BITS: Final = 4.0
"""Entropy in bits a character: names and words have less, keys in base64 more."""


def secret_in(key: str, value: str) -> str:
    """Return what a memory looks like, e.g. "a password"; empty when it does not look like a secret."""
    text = f"{key}: {value}"
    for form, name in _FORMS:
        if form.search(text):
            return name
    if _NAMES.search(key) and re.fullmatch(r"\S{4,}", value) and re.search(r"\d", value) and not value.isdecimal():
        return "a secret"
    if re.search(r"(?i)(^|[^a-z])pin($|[^a-z])", key) and re.fullmatch(r"\d{4,8}", value):
        return "a PIN"
    return "a key" if any(_is_random(found[0]) for found in _RANDOM.finditer(value)) else ""


def _is_random(text: str) -> bool:
    """Whether a run of characters is one that no human has written."""
    kinds = (str.isupper, str.islower, str.isdecimal)
    if not all(any(map(kind, text)) for kind in kinds):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) >= _BITS
