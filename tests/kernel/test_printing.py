"""Where does it go what a plugin prints? Each in its own thread, at the same time as others."""

from __future__ import annotations

import io
import sys
import threading
from contextlib import redirect_stdout
from typing import Any

from ollm.api import Specs, StatusItem, hookimpl
from ollm.printing import tell_threads_apart


class Plugin(Specs):
    """One that has something to print."""

    @hookimpl
    def ollm_status_items(self, ctx: object) -> list[StatusItem]:
        return [StatusItem("loud", lambda status: print("noise"))]


def test_what_a_plugin_prints_in_a_thread_is_kept_back_and_nothing_else(ollm_app: Any) -> None:
    ollm = ollm_app(Plugin, strict=False)
    (owned,) = (each for each in ollm.app.hub.status_items() if each.item.name == "loud")
    printing, printed = threading.Event(), threading.Event()

    def loud(_: object = None) -> None:
        print("noise")
        printing.set()
        printed.wait(10)

    seen = io.StringIO()
    with redirect_stdout(seen):
        tell_threads_apart()
        thread = threading.Thread(target=ollm.app.host.guard, args=(owned.record, "status item 'loud'", loud))
        thread.start()
        assert printing.wait(10)
        print("the answer")
        printed.set()
        thread.join(10)
        print("more of it")
    assert seen.getvalue() == "the answer\nmore of it\n"
    assert [each.cause for each in ollm.failures] == ["it printed 6 characters to stdout, which belongs to the answer"]


def test_threads_that_end_in_another_order_than_they_began_leave_stdout_as_it_was(ollm_app: Any) -> None:
    ollm = ollm_app(Plugin, strict=False)
    record = ollm.app.host.records[0]
    begun, ended = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        ended.wait(10)

    before = sys.stdout
    thread = threading.Thread(target=ollm.app.host.guard, args=(record, "a thread", slow))
    thread.start()
    assert begun.wait(10)

    def main() -> None:
        ended.set()
        thread.join(10)

    ollm.app.host.guard(record, "the main thread", main)
    assert sys.stdout is before
