"""Do the tasks of plugins go on beside the conversation, and end with it?"""

import asyncio

import pytest

from ollm.api import BackgroundTask, OllmError, Specs, hookimpl


def plugin(run):
    class Busy(Specs):
        @hookimpl
        def ollm_background_tasks(self, ctx):
            return [BackgroundTask("busy", run)]

    return Busy


def test_a_task_goes_on_while_the_loop_runs_and_ends_with_the_app(ollm_app):
    said = []

    async def run(ctx):
        try:
            for number in range(1000):
                said.append(number)
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            said.append("over")

    app = ollm_app(plugin(run)).app
    app.begin_background()
    app.run(asyncio.sleep(0))
    assert 0 < len(said) < 1000

    async def wait():
        async with asyncio.timeout(30):
            while said[-1] != 999:
                await asyncio.sleep(0)

    app.run(wait())
    app.close()
    assert said[-1] == "over"


def test_without_an_interactive_conversation_nothing_begins(ollm_app):
    said = []

    async def run(ctx):
        said.append("begun")

    ollm_app(plugin(run)).ask("hi")
    assert said == []


async def fails(ctx):
    raise ValueError("no luck")


async def refuses(ctx):
    raise OllmError("The task cannot go on", "Do without.")


async def cancels_itself(ctx):
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (fails, "Background task 'busy' failed: ValueError: no luck"),
        (refuses, "The task cannot go on. Do without."),
        (cancels_itself, "Background task 'busy' failed: CancelledError"),
        (lambda ctx: 5, "Background task 'busy' failed: TypeError: it returned a int"),
    ],
)
def test_a_task_that_fails_is_said_and_spoils_nothing(ollm_app, run, said):
    ollm = ollm_app(plugin(run), strict=False)
    ollm.app.begin_background()
    assert ollm.ask("hi").text == "ok"
    assert said in ollm.stderr.getvalue()


def test_a_task_that_will_not_end_holds_up_nothing(ollm_app, monkeypatch):
    monkeypatch.setattr("ollm.background.CLOSING", 0.05)

    async def run(ctx):
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                if done:
                    raise

    done = []
    app = ollm_app(plugin(run)).app
    app.begin_background()
    app.run(asyncio.sleep(0))
    app.close()
    assert len(app._abandoned) == 1
    done.append(True)
    runner = app._abandoned.pop()
    for task in asyncio.all_tasks(runner.get_loop()):
        task.cancel()
    runner.close()
