"""Where on this machine are a server's models?"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path

_SERVICES = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/models", "/var/lib/ollama/.ollama/models")
"""Where a server that runs as a service has them: by Ollama's own installer for Linux, and by distributions."""


def folder_on_this_machine(environ: Mapping[str, str]) -> Path | None:
    """Return the models folder of a server that runs here; None if none is found.

    It is the one that the server was started with, which cannot be asked: OLLAMA_MODELS if it is set here too, else
    the first that is there.

    :param environ: variables by name
    """
    if named := environ.get("OLLAMA_MODELS"):
        return Path(named)
    home = environ.get("HOME") or str(Path.home())
    places = (f"{home}/.ollama/models", *_SERVICES)
    there = (place for place in places if os.path.isdir(place))  # noqa: PTH112  (Path.is_dir raises if it may not look)
    return next(map(Path, there), None)
