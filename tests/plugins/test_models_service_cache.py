"""Is what providers said kept for the next run and other processes, whatever happens to the file?"""

import asyncio
import json
import subprocess
import sys
import time

import pytest
from ollm_plugins.models.cache import Cache, cache_file
from ollm_plugins.models.memory import Memory, Showing, encoded, info_of, merged, models_of

from ollm.api import ModelInfo
from tests.helpers.managing import run  # noqa: F401  (a fixture)
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

NOW = 1_800_000_000.0
A, B = ModelInfo("a:1b", digest="1"), ModelInfo("b:1b", digest="2")


def listing(asked, *models, **others):
    return Memory(asked=asked, models=encoded(models), **others)


def showing(asked, info=A, **others):
    return Memory(shows={info.name: Showing(asked, info.digest, encoded(info))}, **others)


def known(memory):
    """What a memory has: models, and when they and the shows were asked for."""
    return [model.name for model in models_of(memory)], memory.asked, {n: s.asked for n, s in memory.shows.items()}


@pytest.fixture
def cache(tmp_path):
    """A cache, and what it has told."""
    told = []
    made = Cache(tmp_path / "models" / "acme-0.json", told.append)
    made.told = told
    return made


def doing(work):
    """Call something where an event loop runs."""

    async def wait():
        return work()

    return asyncio.run(wait())


# -- what is put together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "models", "asked", "shows"),
    [
        (listing(1, A), listing(2, B), ["b:1b"], 2, {}),
        (listing(2, B), listing(1, A), ["b:1b"], 2, {}),
        (listing(1, A), showing(2), ["a:1b"], 1, {"a:1b": 2}),
        (showing(3), showing(2), [], 0, {"a:1b": 3}),
        (showing(2), showing(3, B), [], 0, {"a:1b": 2, "b:1b": 3}),
        (showing(2), Memory(outdated={"a:1b": 3}), [], 0, {}),
        (showing(2), Memory(outdated={"b:1b": 3}), [], 0, {"a:1b": 2}),
        (Memory(outdated={"a:1b": 3}), showing(2), [], 0, {}),
        (Memory(outdated={"a:1b": 3}), showing(4), [], 0, {"a:1b": 4}),
        (listing(1, A, B), Memory(deleted={"a:1b": 2}), ["b:1b"], 1, {}),
        (Memory(deleted={"a:1b": 2}), listing(1, A, B), ["b:1b"], 1, {}),
        (Memory(deleted={"a:1b": 2}), listing(3, A, B), ["a:1b", "b:1b"], 3, {}),
    ],
)
def test_the_newest_wins_and_changes_are_not_undone(old, new, models, asked, shows):
    def at(memory):
        return moved(memory, NOW)

    expected = {name: NOW + time for name, time in shows.items()}
    assert known(merged(at(old), at(new), NOW + 9)) == (models, NOW + asked if asked else 0, expected)


def moved(memory, by):
    """The same memory with all its times later."""
    return Memory(
        asked=memory.asked and memory.asked + by,
        models=memory.models,
        shows={n: Showing(s.asked + by, s.digest, s.info) for n, s in memory.shows.items()},
        outdated={n: t + by for n, t in memory.outdated.items()},
        deleted={n: t + by for n, t in memory.deleted.items()},
    )


def test_a_clock_that_was_set_back_is_not_believed():
    future = listing(NOW + 9999, A, changed=NOW + 9999, deleted={"b:1b": NOW + 9999})
    assert known(merged(future, listing(NOW, B), NOW))[:2] == (["b:1b"], NOW)
    assert merged(future, listing(NOW, B), NOW).list_holds(NOW - 1, NOW)
    assert not future.list_holds(NOW - 1, NOW)


def test_old_changes_and_many_shows_are_dropped():
    changed = Memory(asked=NOW, outdated={"a": NOW - 9999, "b": NOW - 1}, deleted={"c": NOW - 9999})
    for number in range(70):
        changed = merged(changed, showing(NOW + number, ModelInfo(f"m{number}")), NOW + 100)
    assert list(changed.outdated) == ["b"] and changed.deleted == {}
    assert len(changed.shows) == 64 and "m69" in changed.shows and "m5" not in changed.shows


def test_what_json_cannot_hold_is_left_out(cache):
    odd = ModelInfo("a", details={"open": object(), "nan": float("nan"), "fine": 1})
    assert info_of(Showing(1, "", encoded(odd))).details == {"open": None, "nan": None, "fine": 1}
    circular = {}
    circular["self"] = circular
    for details in (circular, {object(): 1}, {"\ud800": 1}):
        doing(lambda details=details: cache.keep_shown(ModelInfo("a", details=details), NOW))
        assert cache.told.pop().text.startswith("What provider 'acme' says of models cannot be kept")


# -- the file ---------------------------------------------------------------------------------------------------------


def keep(cache, *models):
    async def work():
        cache.keep_list(models, time.time(), 0.01)
        await cache.aclose()

    asyncio.run(work())


def test_the_file_tells_neither_address_nor_password(tmp_path):
    files = {cache_file(tmp_path, "ollama", f"http://{who}gpu:11434").name for who in ("me:secret@", "you:pw@")}
    assert len(files) == 1 and "gpu" not in files.pop()
    assert cache_file(tmp_path, "ollama", "http://gpu:11434") != cache_file(tmp_path, "ollama", "http://cpu:11434")


def test_it_is_written_soon_though_nobody_ends_the_run(cache, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.cache.SOON", 0.0)
    written = asyncio.Event()

    async def work():
        loop = asyncio.get_running_loop()
        save = cache.save
        cache.save = lambda: (save(), loop.call_soon_threadsafe(written.set))
        cache.keep_list((A,), time.time(), 0.01)
        await asyncio.wait_for(written.wait(), 30)

    asyncio.run(work())
    assert json.loads(cache.path.read_bytes())["version"] == 1
    assert cache.path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_to_do_when_a_run_has_ended(cache, monkeypatch):
    monkeypatch.setattr("ollm_plugins.models.cache.SOON", 0.3)
    complaints = []

    async def work():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        cache.keep_list((A,), time.time(), 0.01)
        await cache.aclose()
        await loop.shutdown_default_executor()
        await asyncio.sleep(0.5)

    asyncio.run(work())
    assert complaints == []
    assert json.loads(cache.path.read_bytes())["version"] == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2}', b'{"version":1,"asked":"now"}', b"\xff\xfe", b"[" * 10_000, b"null"],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_said_once(cache, content):
    cache.path.parent.mkdir()
    cache.path.write_bytes(content)
    assert cache.models() == () and cache.shown("a") is None
    (notice,) = cache.told
    aside = cache.path.with_name(f"{cache.path.name}.unreadable")
    assert aside.name in notice.text and aside.read_bytes() == content and not cache.path.exists()
    keep(cache, A)
    assert Cache(cache.path, pytest.fail).models() == (A,)


@pytest.mark.parametrize("models", ['[{"name": 1}]', '{"a": 1}', "null"])
def test_a_list_of_another_form_is_set_aside_too(cache, models):
    cache.path.parent.mkdir()
    cache.path.write_text(f'{{"version":1,"asked":{time.time() - 5},"models":{models}}}')
    assert cache.models() == () and len(cache.told) == 1 and cache.read().asked == 0


def test_a_file_that_may_not_be_read_or_written_stops_nobody(cache):
    cache.path.mkdir(parents=True)
    keep(cache, A)
    assert cache.models() == (A,)
    assert {notice.code for notice in cache.told} == {"model-cache-not-read", "model-cache-not-written"}


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path, run, remembering):
    (tmp_path / "ollm-home" / "cache").write_text("in the way")
    now = run(remembering())
    assert len(now.names()) == 4 and len(now.names(max_age=60)) == 4
    now.close()
    assert now.said.count("What is known of models could not be kept") == 1


def test_a_file_may_be_deleted_at_any_time(cache):
    keep(cache, A)
    cache.path.unlink()
    assert cache.models() == (A,)
    keep(cache, A, B)
    assert Cache(cache.path, pytest.fail).models() == (A, B)


def test_a_list_that_was_asked_for_before_a_deletion_does_not_undo_it(cache):
    async def work():
        asked = time.time()
        cache.mark_deleted("a:1b")
        cache.keep_list((A, B), asked, 0.01)
        await cache.aclose()

    asyncio.run(work())
    assert cache.models() == Cache(cache.path, pytest.fail).models() == (B,)


def test_what_another_process_has_written_is_seen(cache):
    keep(cache, A)
    assert cache.models() == (A,)
    keep(Cache(cache.path, pytest.fail), A, B)
    assert cache.models() == (A, B)


PROCESS = """
import asyncio, sys, time
from pathlib import Path
from ollm.api import ModelInfo
from ollm_plugins.models.cache import Cache

async def work(path, number):
    for count in range(8):
        cache = Cache(Path(path), lambda notice: sys.exit(notice.text))
        cache.keep_shown(ModelInfo(f"m{number}-{count}"), time.time())
        await cache.aclose()
    cache.mark_deleted(f"m{number}-0")
    cache.keep_list((ModelInfo("a"), ModelInfo(f"m{number}-0")), 1.0, 0.1)
    await cache.aclose()

sys.stdin.read()
asyncio.run(work(sys.argv[1], sys.argv[2]))
"""


def test_processes_that_write_at_once_lose_nothing(cache):
    command = [sys.executable, "-c", PROCESS, str(cache.path)]
    started = [subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE) for number in range(4)]
    for process in started:
        process.stdin.close()  # they have waited for this
    assert [process.wait(60) for process in started] == [0] * 4
    shows = set(cache.read().shows)
    assert shows == {f"m{number}-{count}" for number in range(4) for count in range(1, 8)}
    assert set(cache.read().deleted) == {f"m{number}-0" for number in range(4)}
    assert [model.name for model in cache.models()] == ["a"]
