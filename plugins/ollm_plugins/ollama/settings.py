"""Which settings does the Ollama provider read?"""

# No `from __future__ import annotations` here: the annotations are read, and would be strings.
from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class OllamaSettings(Struct, frozen=True):
    """Where the server is and how long to wait for it.

    :param host: in any form that OLLAMA_HOST may have; empty: Ollama's own default, on this machine
    :param connect_timeout: in seconds
    :param read_timeout: in seconds; None waits for good, since a large model may take minutes to load
    """

    host: Annotated[
        str,
        Setting(
            "Address of the Ollama server, in any form that OLLAMA_HOST may have.",
            env=("OLLM_HOST",),
            borrowed=("OLLAMA_HOST",),
            flags=("--host",),
            project=False,
        ),
    ] = "http://localhost:11434"
    connect_timeout: Annotated[
        float,
        Setting("Seconds until a server that does not take the connection counts as unreachable.", gt=0),
    ] = 2.0
    read_timeout: Annotated[
        float | None,
        Setting("Seconds of silence after which an answer is given up; unset waits for good.", gt=0),
    ] = None
