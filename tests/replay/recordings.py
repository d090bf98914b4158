"""What did a real server say?

Each file in `tests/data/ollama` is one exchange with a real Ollama server (0.32.15): the request, the answer
byte for byte, and when each line of it came. They are the truth about that API; tests never write down what
Ollama "would" say where a recording shows it.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parents[1] / "data" / "ollama"

End = Literal["complete", "server", "client"]
"""How an answer ended.

`complete`: as HTTP wants it. `server`: the server closed the connection in the middle (it was stopped).
`client`: the client hung up; the server would have gone on.
"""


@dataclass(frozen=True)
class Recording:
    """One exchange.

    :param request: method, path and body as they were sent
    :param lines: of a streamed answer, without line feeds; None for an answer in one piece
    :param line_ms: when each line came, in milliseconds after the request
    :param header_ms: when the header came, in milliseconds after the request
    :param total_ms: when the answer was over, in milliseconds after the request
    :param notes: what the one who recorded it wrote about it
    :param before_end: called right before the last line (or the body) is sent, not if the client left earlier
    :param held: the number of a line, and what must be set before it is sent (None: before the header is); a test
        that wants to see something meanwhile need not be faster than the answer
    """

    name: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    lines: tuple[str, ...] | None = None
    line_ms: tuple[int, ...] = ()
    header_ms: int = 0
    total_ms: int = 0
    end: End = "complete"
    request: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    before_end: Callable[[], None] | None = None
    held: tuple[int | None, threading.Event] | None = None

    @property
    def objects(self) -> list[Any]:
        """The answer's lines (or its body) as JSON values."""
        return [json.loads(line) for line in (self.lines if self.lines is not None else (self.body,))]

    @property
    def text(self) -> str:
        """The content of all chat messages in the answer."""
        return "".join(o.get("message", {}).get("content", "") for o in self.objects)

    @property
    def thinking(self) -> str:
        """The thinking of all chat messages in the answer."""
        return "".join(o.get("message", {}).get("thinking", "") for o in self.objects)

    def but(self, **changes: Any) -> Recording:
        """Return a variant, e.g. `.but(end="server")`; the recording itself stays as it was."""
        return dataclasses.replace(self, **changes)

    def first(self, lines: int, end: End = "server") -> Recording:
        """Return a variant that ends after some lines."""
        assert self.lines is not None, f"{self.name} is not streamed"
        return self.but(lines=self.lines[:lines], line_ms=self.line_ms[:lines], end=end)


@cache
def load(name: str) -> Recording:
    """Return a recording.

    :raises FileNotFoundError: there is none of that name
    """
    raw = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for key in ("lines", "line_ms"):
        if key in raw:
            raw[key] = tuple(raw[key])
    return Recording(name=name, **raw)


def names(prefix: str = "") -> list[str]:
    """Return the names of all recordings, or of those that begin alike, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.json"))


def add(source: Path) -> Path:
    """Turn a file of the recorder's own form into one of ours, and return where it is."""
    raw = json.loads(source.read_text(encoding="utf-8"))
    answer = raw["response"]
    ours: dict[str, Any] = {"notes": raw["notes"]} if raw["notes"] else {}
    ours["request"] = {key: value for key, value in raw["request"].items() if value is not None}
    for key in ("status", "headers", "body", "lines", "line_ms", "header_ms", "total_ms"):
        if key in answer:
            ours[key] = answer[key]
    if answer.get("client_hung_up"):
        ours["end"] = "client"
    if raw["name"] == "chat_server_stopped":  # the recorder did not see that the last chunk was missing
        ours["end"] = "server"
    target = FOLDER / f"{raw['name']}.json"
    target.write_text(json.dumps(ours, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return target
