"""How does a test talk to a server that remembers what was done to it?

A `ReplayServer` whose answers about models are recordings, edited to what has happened so far: what was
pulled, copied, deleted, loaded (and for how long)::

    pulls = {"gemma3:1b": ["pull_client_hangs_up", "pull_resumed"]}
    with RememberingServer(listed=[entry("smollm2:135m")], pulls=pulls) as server:
        ...                                          # talk to server.url
        assert "gemma3:1b" in server.listed          # from right before the line `success` on
        assert server.loads == [("smollm2:135m", 4096)]

As the real one (all of it recorded): a model deleted while loaded stays in /api/ps and cannot be unloaded by
name; another num_ctx loads a model anew; a context above the trained one is cut to it; a pull of a model that
is there says so for each layer; an answer of /api/chat loads the model, and its end counts the time anew.
Not as the real one: no model is evicted for want of memory, and an unload does not wait for a running chat.
A path in `script` is answered by the script alone, except that /api/chat still loads.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.replay.connection import Request
from tests.replay.entries import Entry, duration, entry, full, key
from tests.replay.recordings import Recording, load
from tests.replay.server import ReplayServer, Rule

Body = Mapping[str, Any]
FOR_GOOD = 292 * 365 * 86_400  # seconds that a negative keep_alive adds: Go's longest duration
_KEEP_ALIVE = 300
_CONTEXT = 4096
_NAME = re.compile(r"[\w.:/-]+")


@dataclass
class RememberingServer(ReplayServer):
    """A server with a state; use it as a context manager, and read (or change) the state at any time.

    :param listed: entries of /api/tags, see `entry`; afterwards a mapping by full name in lower case
    :param pulls: which recordings a model's pulls are, in turn (the last one stays); one that ends with
        `success` lists the model. A name that is not in here is one that the registry does not have
    :param load_ms: how long loading a model takes, in milliseconds as recorded (`speed` scales it)
    :param lingers: how many answers of /api/ps still list a model after it was unloaded
    :param clock: the present, which tests may move on to let models expire
    :ivar loaded: entries of /api/ps by full name in lower case
    :ivar loads: name and context of each load, in order; one that was kept for longer is none
    """

    listed: Any = field(default_factory=lambda: load("tags_some").objects[0]["models"])
    pulls: Mapping[str, Rule] = field(default_factory=lambda: {"gemma3:270m": "pull_fresh_gemma3"})
    load_ms: int = 782
    lingers: int = 0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    loaded: dict[str, Entry] = field(default_factory=dict, init=False)
    loads: list[tuple[str, int]] = field(default_factory=list, init=False)
    _leaving: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        entries: Iterable[Entry] = self.listed
        self.listed = {key(item["name"]): copy.deepcopy(item) for item in entries}

    def answer_to(self, request: Request) -> Recording:
        """Choose the answer, and change the state."""
        body = request.json or {}
        if request.path == "/api/chat":
            return self._chat(body, request)
        if request.path in self.script:
            return super().answer_to(request)
        if request.path == "/api/pull":
            return self._pull(body, request)
        answers = {
            "/api/tags": self._tags,
            "/api/ps": self._ps,
            "/api/show": self._show,
            "/api/generate": self._generate,
            "/api/delete": self._delete,
            "/api/copy": self._copy,
        }
        return answers[request.path](body) if request.path in answers else super().answer_to(request)

    def _tags(self, body: Body) -> Recording:
        models = sorted(self.listed.values(), key=lambda item: str(item["modified_at"]), reverse=True)
        return load("tags_some").but(body=json.dumps({"models": models}))

    def _ps(self, body: Body) -> Recording:
        for name, left in list(self._leaving.items()):
            self._leaving[name] = left - 1
            if left <= 0:
                self.loaded.pop(name, None)
                del self._leaving[name]
        self.loaded = {name: item for name, item in self.loaded.items() if item["expires_at"] > self._in(0)}
        models = sorted(self.loaded.values(), key=lambda item: str(item["expires_at"]), reverse=True)
        return load("ps_one_loaded").but(body=json.dumps({"models": models}))

    def _show(self, body: Body) -> Recording:
        known = self.listed.get(key(body.get("model", "")))
        if known is None:
            return _missing("show_missing", body)
        details, answer = dict(known["details"]), load("show_ok").objects[0]
        family, context = details["family"], details.pop("context_length", None)
        facts = {fact.replace("llama.", f"{family}.", 1): value for fact, value in answer["model_info"].items()}
        facts |= {"general.architecture": family, f"{family}.embedding_length": details.pop("embedding_length", None)}
        facts |= {f"{family}.context_length": context} if context else {}
        changes = {name: known[name] for name in ("modified_at", "capabilities") if name in known}
        return load("show_ok").but(body=json.dumps({**answer, **changes, "details": details, "model_info": facts}))

    def _generate(self, body: Body) -> Recording:
        name = key(body.get("model", ""))
        if name not in self.listed:
            return _missing("generate_load_missing_model", body)
        lasting = body.get("keep_alive", _KEEP_ALIVE)
        if isinstance(lasting, str) and duration(lasting) is None:
            refused = load("generate_keep_alive_invalid")
            return refused.but(body=refused.body.replace("soon", lasting))
        if (duration(lasting) if isinstance(lasting, str) else lasting) == 0:
            return load("generate_unload").but(before_end=lambda: self._unload(name))
        wait = self._load(name, body)
        return load("generate_load").but(header_ms=wait, total_ms=wait, before_end=lambda: self._keep_for(name, body))

    def _chat(self, body: Body, request: Request) -> Recording:
        name = key(body.get("model", ""))
        if name not in self.listed:
            return _missing("chat_missing_model", body)
        wait = self._load(name, body)
        answer = super().answer_to(request) if "/api/chat" in self.script else load("chat_stream_warm")
        return answer.but(
            header_ms=answer.header_ms + wait,
            line_ms=tuple(due + wait for due in answer.line_ms),
            total_ms=answer.total_ms + wait,
            before_end=lambda: self._keep_for(name, body),
        )

    def _pull(self, body: Body, request: Request) -> Recording:
        name = key(body.get("model", ""))
        if not _NAME.fullmatch(name):
            return load("pull_bad_name")
        if name in self.listed:
            return load("pull_already_present_registry_name")
        rules = {key(wanted): rule for wanted, rule in self.pulls.items()}
        recording = self.by_rule(f"pull {name}", rules.get(name, "pull_missing_model"), request)
        whole = recording.lines is not None and recording.objects[-1] == {"status": "success"}
        return recording.but(before_end=lambda: self._list(name)) if whole else recording

    def _delete(self, body: Body) -> Recording:
        name = key(body.get("model", ""))
        if not _NAME.fullmatch(name):
            return load("delete_bad_name")
        return load("delete_ok") if self.listed.pop(name, None) else _missing("delete_missing", body)

    def _copy(self, body: Body) -> Recording:
        source, target = key(body.get("source", "")), body.get("destination", "")
        if not _NAME.fullmatch(target):
            return load("copy_bad_destination")
        if source not in self.listed:
            return _missing("delete_missing", {"model": body["source"]})
        self._list(target, self.listed[source])
        return load("copy_ok")

    def _list(self, name: str, like: Entry | None = None) -> None:
        recorded = {item["name"] for item in load("tags_some").objects[0]["models"]}
        fresh = copy.deepcopy(like) if like else entry(name, name if name in recorded else "smollm2:135m")
        self.listed[key(name)] = {**fresh, "name": full(name), "model": full(name), "modified_at": self._in(0)}

    def _load(self, name: str, body: Body) -> int:
        """Load a model if it is not there with that context; how long it takes, in milliseconds."""
        known = self.listed[name]
        trained = known["details"].get("context_length") or _CONTEXT
        context = min((body.get("options") or {}).get("num_ctx", _CONTEXT), trained)
        self._leaving.pop(name, None)
        fresh = self.loaded.get(name, {}).get("context_length") != context
        if fresh:
            self.loads.append((known["name"], context))
        now = {fact: value for fact, value in known.items() if fact in ("name", "model", "size", "digest", "details")}
        self.loaded[name] = {**now, "size_vram": 0, "context_length": context}
        self._keep_for(name, body)
        return self.load_ms if fresh else 0

    def _keep_for(self, name: str, body: Body) -> None:
        lasting = body.get("keep_alive", _KEEP_ALIVE)
        seconds = (duration(lasting) or 0) if isinstance(lasting, str) else lasting
        if name in self.loaded:
            self.loaded[name]["expires_at"] = self._in(FOR_GOOD if seconds < 0 else seconds)

    def _unload(self, name: str) -> None:
        if name in self.loaded:
            self._leaving[name] = self.lingers
        if not self.lingers:
            self.loaded.pop(name, None)

    def _in(self, seconds: float) -> str:
        return (self.clock() + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _missing(recorded: str, body: Body) -> Recording:
    found = load(recorded)
    return found.but(body=found.body.replace(found.request["body"]["model"], full(body.get("model", ""))))
