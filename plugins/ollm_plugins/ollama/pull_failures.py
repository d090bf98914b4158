"""What does it mean that a pull failed?

Most of Ollama's words are those of Go's network library about the way from the server to the registry, so the
error must not read as if the server could not be reached.
"""

from __future__ import annotations

import re

from ollm.api import ModelNotFound, OllmError, ProviderError, ProviderUnreachable, visible
from ollm_plugins.ollama.failures import server_error
from ollm_plugins.ollama.missing import registry_of

_LIBRARY = "registry.ollama.ai"
_MISSING = re.compile(
    r"manifest: .*(file does not exist|\b404\b|tag is not available|repository not found)", re.IGNORECASE
)
_UNTRUSTED = re.compile(r"HTTP response to HTTPS client|x509:|certificate", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"\b(get|head|post) \"?https?://|\bdial (tcp|udp)\b|no such host|connection (refused|reset)|network is unreachable"
    r"|no route to host|i/o timeout|tls handshake timeout|max retries exceeded|bad gateway|gateway timeout"
    r"|manifest: (429|5\d\d)\b",
    re.IGNORECASE,
)
_URL = re.compile(r"(https?://)(?:[^/@\s\"]*@)?([^/\s\"?]+)([^\s\"?]*)(\?[^\s\"]*)?", re.IGNORECASE)


def pull_failure(words: str, name: str, where: str) -> OllmError:
    """Return the error for the server's words about a pull.

    :param words: one line, with nothing that controls a terminal
    :param name: of the model that was to be pulled
    :param where: the server's address
    """
    said = _URL.sub(r"\1\2\3", words)  # what follows may be a signature that lets anybody fetch the file
    shown, registry = visible(name), _registry(said, name)
    if _MISSING.search(said):
        return ModelNotFound(f"{registry} has no model {shown}")
    if "digest mismatch" in said:
        problem = f"What {registry} sent for {shown} is damaged ({said})"
        return ProviderError(problem, "Ollama has thrown it away: pull again, and it is downloaded anew.")
    if _UNTRUSTED.search(said):
        problem = f"Ollama at {where} does not trust the registry {registry} ({said})"
        return ProviderError(
            problem, f"If you do, `ollm model pull --insecure {shown}` fetches the model all the same."
        )
    if _NO_ANSWER.search(said):
        problem = f"Ollama at {where} is there, but cannot reach the registry {registry} ({said})"
        remedy = "Check the server's way to it (network, proxy) and pull again; what has come is kept."
        return ProviderUnreachable(problem, remedy)
    return server_error(said)


def _registry(said: str, name: str) -> str:
    """Return the host that the words are about, else the one that the model's name says."""
    url = _URL.search(said)
    return url[2] if url else registry_of(name) or _LIBRARY
