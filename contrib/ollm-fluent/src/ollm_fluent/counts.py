"""How often has each model answered in each language? `fluent.json`."""

from __future__ import annotations

import json
from typing import Any

from ollm.api import HostContext, Notice, TurnRecord, file_lock, write_atomically
from ollm_fluent.languages import of_answer

FILE = "fluent.json"
VERSION = 1
MOST = 200
"""Models beyond that are forgotten, the one that answered least lately first."""


def count(host: HostContext, turn: TurnRecord) -> None:
    """Count the languages of an answer.

    :raises OllmError: the file could not be written
    """
    answers = (message.content for message in turn.messages if message.role == "assistant")
    languages = {language for answer in answers for language in of_answer(answer)}
    if not languages:
        return
    path = host.paths.home / FILE
    with file_lock(path):
        models = read(host)
        mine = models.pop(f"{turn.provider}/{turn.model}", {})
        for language in languages:
            mine[language] = mine.get(language, 0) + 1
        models[f"{turn.provider}/{turn.model}"] = mine
        kept = dict(list(models.items())[-MOST:])
        write_atomically(path, json.dumps({"version": VERSION, "models": kept}))


def read(host: HostContext) -> dict[str, dict[str, int]]:
    """Return the counts by "provider/model" and language; a file that is none is moved aside, which is said."""
    path = host.paths.home / FILE
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        aside = path.with_name(f"{FILE}.unreadable")
        path.replace(aside)
        text = f"{path} cannot be used ({error!r}). It was moved to {aside.name}; counting begins anew."
        host.notify(Notice("fluent-set-aside", text))
        return {}


def _checked(content: Any) -> dict[str, dict[str, int]]:
    if content["version"] != VERSION:
        message = f"version {content['version']}, not {VERSION}"
        raise ValueError(message)
    counts = content["models"].items()
    return {str(name): {str(key): int(value) for key, value in mine.items()} for name, mine in counts}
