"""Does what was preferred reach the router, and can models of two providers be compared from end to end?"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ollm_plugins.local import weights

from tests.helpers.program import Program
from tests.helpers.program import ollm as ollm  # a fixture
from tests.replay import RememberingServer, entry

REPLAYED = ("one:1b", "two:1b", "three:1b")
PROMPT = "Write a poem about the sea"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RememberingServer]:
    with RememberingServer(listed=[entry(name) for name in REPLAYED], load_ms=0) as running:
        monkeypatch.setenv("OLLAMA_HOST", running.url)
        yield running


@pytest.fixture(scope="session")
def cache() -> Path:
    """The weights of the built-in model, fetched once."""
    folder = Path(os.environ.get("OLLM_TEST_MODELS") or Path(tempfile.gettempdir()) / "ollm-test-models")

    async def get() -> None:
        async for _ in weights.fetch(folder):
            pass

    asyncio.run(get())
    return folder / weights.FILE


def put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def test_a_preference_is_a_reason_for_the_router_once_it_is_strong_enough(
    ollm: Program, server: RememberingServer
) -> None:
    del server.listed["three:1b"]  # the explanation sets the chosen one against the next best
    explain = ("route", "explain", PROMPT, "--profile", "creative")
    before = ollm(*explain).out
    assert "Your comparisons" not in before
    usual = ollm(*explain, "--json").json["chosen"]
    other = next(name for name in REPLAYED if name != usual)
    for _ in range(2):
        assert ollm("compare", PROMPT, usual, other, "--winner", other).code == 0
    assert "Your comparisons" not in ollm(*explain).out  # two of two may as well be chance
    for _ in range(4):
        assert ollm("compare", PROMPT, usual, other, "--winner", other).code == 0
    after = ollm(*explain).out
    assert f"Your comparisons in creative speak for {other} rather than {usual}" in after
    assert ollm(*explain, "--json").json["chosen"] == other
    assert "Your comparisons" not in ollm("route", "explain", "Fix app.py", "--profile", "code").out


def test_a_preference_that_was_forgotten_is_none(ollm: Program, server: RememberingServer) -> None:
    del server.listed["three:1b"]
    explain = ("route", "explain", PROMPT, "--profile", "creative")
    for _ in range(6):
        ollm("compare", PROMPT, "one:1b", "two:1b", "--winner", "two:1b")
    assert "Your comparisons in creative speak for two:1b" in ollm(*explain).out
    for _ in range(6):
        assert ollm("compare", "delete", "last", "--yes").code == 0
    assert "Your comparisons" not in ollm(*explain).out


def test_two_embedded_models_and_three_on_a_server(ollm: Program, server: RememberingServer, cache: Path) -> None:
    for name in (weights.FILE, "second.gguf"):
        put(cache, ollm.home / "models" / name)
    ollm.write("models:\n  'local/*':\n    options:\n      maxTokens: 12\n")
    listed = [model["name"] for model in ollm("model", "list", "--json").json if model["provider"] == "local"]
    embedded = [f"local/{name}" for name in listed]
    assert len(embedded) == 2
    done = ollm("compare", "Name a colour.", *embedded, *REPLAYED, "--blind", "--json")
    assert done.code == 0
    document = done.json
    assert document["mode"] == "mixed"
    assert "the provider holds one model at a time" in document["why"]
    for answer in document["answers"]:
        assert answer["answered"], answer["failure"]
        assert answer["model"] is None
        assert answer["numbers"]["tokens"] > 0
        assert answer["numbers"]["tokensPerSecond"] > 0
        assert answer["numbers"]["firstTokenSeconds"] is not None
    chosen = ollm("compare", "choose", str(document["id"]), "A", "--json").json
    assert {answer["provider"] for answer in chosen["answers"]} == {"local", "ollama"}
    stats = ollm("compare", "stats", "--json").json["models"]
    best = chosen["answers"][0]
    assert stats[0]["model"] == f"{best['provider']}/{best['model']}"
    assert (stats[0]["wins"], stats[0]["strength"] > 0, len(stats)) == (1, True, 5)
    lost = [model for model in stats if model["lost"] == 1]
    assert len(lost) == 4
