"""What does an error of the server mean in a user's words?

Ollama's errors are short English sentences in `{"error": …}`, but some carry the JSON of the process below
in a string, with its own quotes and line feeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ollm.api import ContextOverflow, ModelNotFound, OllmError, ProviderError, UsageError, visible

MAX_WORDS = 600
"""Characters of a server's own words that are shown."""

_REMEDIES = (
    ("does not support tools", "Choose a model that can use tools, or leave the tools out."),
    ("does not support thinking", "Turn thinking off, or choose a model that thinks."),
    ("does not support multimodal", "Choose a model that sees pictures, or leave the picture out."),
    (
        "does not support chat",
        "Choose a model that chats; if this one did, its files are broken: pull it again.",
    ),
    ("server busy", "Wait a moment and try again."),
    (
        "while running the model",
        "Try again; if it stays, the server's log says why (often too little memory).",
    ),
    ("more system memory", "Choose a smaller model, or a smaller context size."),
    ("ollama cloud is disabled", "Choose a model that runs on this machine."),
    ("no space left on device", "Free space on the server's disk, e.g. with `ollm model delete NAME`, and try again."),
    ("newer version of ollama", "Update Ollama on the server's machine."),
    ("unauthorized", "Sign in on the server's machine with `ollama signin`."),
    ("option ", "Correct the option of that name."),
)
_TOO_LONG = re.compile(r"request \((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")
_BAD_NAME = re.compile(r'invalid model name|^(name|model|source|destination) ".*" is invalid')
_NAME = "Write a model's name as NAME, NAME:TAG or REGISTRY/NAMESPACE/NAME:TAG."
_FORBIDDEN = (
    "Ollama refuses host names it does not know: address it by localhost or its IP address, "
    "or let the proxy in between send `Host: localhost:11434`."
)


def failure(status: int, body: str, asked: str, where: str, explain: Callable[[str], OllmError]) -> OllmError:
    """Return the error that an HTTP answer other than 200 means.

    :param body: of the answer, cut to a sensible length
    :param asked: the path that was asked for
    :param where: the server's address
    :param explain: makes an error of the server's own words
    """
    words = words_of(body)
    if status == HTTPStatus.NOT_FOUND and words and "model" in words and "not found" in words:
        return ModelNotFound(f"Ollama at {where} has no such model ({words})")
    if words:
        return explain(words)
    named = f"{status} {HTTPStatus(status).phrase}" if status in HTTPStatus.__members__.values() else str(status)
    if status == HTTPStatus.FORBIDDEN:
        return ProviderError(f"Ollama at {where} answered {asked} with {named}", _FORBIDDEN)
    if status < HTTPStatus.BAD_REQUEST or status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return not_ollama(where, f"answered {asked} with {named}")
    return ProviderError(f"{where} answered {asked} with {named}", "Look into the server's log, then try again.")


def server_error(words: str) -> ProviderError | UsageError:
    """Return the error for the server's own words, with a remedy if one is known."""
    if _BAD_NAME.search(words):
        return UsageError(f"Ollama takes no such name of a model ({words})", _NAME)
    too_long = _TOO_LONG.search(words)
    if too_long:
        problem = f"The prompt has {too_long[1]} tokens, the context of the model only {too_long[2]}"
        remedy = "Start a new conversation, or raise the context size (--num-ctx) if the model can take more."
        return ContextOverflow(problem, remedy, needed=int(too_long[1]), size=int(too_long[2]))
    lowered = words.lower()
    remedy = next((remedy for part, remedy in _REMEDIES if part in lowered), "")
    return ProviderError(f"Ollama reports an error: {words}", remedy)


def not_ollama(where: str, what: str) -> ProviderError:
    """Return the error for an answer that no Ollama server gives.

    :param what: the rest of the sentence that begins with the address, e.g. "sent HTML"
    """
    remedy = "Check providers.ollama.host (OLLM_HOST, OLLAMA_HOST, --host); it is the address without /api or /v1."
    return ProviderError(f"{where} is no Ollama server: it {what}", remedy)


def words_of(body: str) -> str:
    """Return what an error body says, as one line; empty when it is not Ollama's JSON."""
    try:
        data = json.loads(body)
    except ValueError:
        return ""
    return one_line(data["error"]) if isinstance(data, dict) and data.get("error") else ""


def one_line(error: Any) -> str:
    """Return an error value as one readable line: nested JSON unwrapped, nothing that controls a terminal."""
    text = _unwrapped(error)
    text = text.replace('"\\"', '"').replace('\\""', '"').replace('\\"', '"')  # quoted twice by Go
    text = visible(" ".join(text.split())).rstrip(".")
    return text if len(text) <= MAX_WORDS else f"{text[:MAX_WORDS]} …"


def _unwrapped(error: Any) -> str:
    if isinstance(error, dict):
        inner = error.get("error") or error.get("message") or error.get("errors")
        return _unwrapped(inner) if inner else json.dumps(error, ensure_ascii=False)
    if isinstance(error, list):
        return "; ".join(_unwrapped(item) for item in error)
    text = str(error)
    start = text.find('{"error')
    if start < 0:
        return text
    try:
        inner, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return text
    return text[:start] + _unwrapped(inner) + text[end:]
