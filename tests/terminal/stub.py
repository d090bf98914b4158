"""Which plugin do tests of the terminal install? One that waits, downloads and fails on demand."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import typer

from ollm.api import (
    ChatRequest,
    Command,
    CommandContext,
    CommandGroup,
    Event,
    Finished,
    Health,
    HostContext,
    ModelInfo,
    Notice,
    OllmError,
    Progress,
    ProviderEntry,
    Specs,
    TextDelta,
    ThinkingDelta,
    hookimpl,
)


def install(folder: Path) -> str:
    """Make a folder that, named in PYTHONPATH, brings this plugin; return it."""
    metadata = folder / "stub-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stub\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ollm]\nstub = stub:Plugin\n")
    (folder / "stub.py").write_text(Path(__file__).read_text())
    return str(folder)


class StubProvider:
    """Answers by what the prompt says."""

    name = "stub"

    def __init__(self, host: HostContext) -> None:
        self._host = host

    async def check(self) -> Health:
        return Health("here", "1")

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("stub:1b")]

    async def show_model(self, name: str) -> ModelInfo:
        return ModelInfo(name)

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        import asyncio

        word = request.messages[-1].content
        if word == "download":
            for done in range(10, 10**6):
                yield Progress("weights", done * 10**6, 10**9)
                await asyncio.sleep(0.02)
        if word == "stubborn":  # takes its time to be cancelled
            try:
                yield TextDelta("Once upon")
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.3)
        if word == "broken":
            yield TextDelta("So far")
            raise ZeroDivisionError("by zero")
        if word == "think":
            yield ThinkingDelta("Hm, ")
            yield ThinkingDelta("well.")
        if word == "notice":
            yield TextDelta("First")
            yield Notice("stub", "Something happened.")
        if word == "notify":
            for _ in range(2):
                self._host.notify(Notice("stub", "The host was told."))
        said = [message.content for message in request.messages if message.role == "user"]
        yield TextDelta(f"You said: {said}")
        yield Finished("stop")

    async def aclose(self) -> None:
        return None


def wait_long() -> None:
    """Wait for a minute."""
    print("waiting")
    time.sleep(60)


def wait_async(ctx: CommandContext) -> None:
    """Wait for a minute in the event loop."""
    import asyncio

    ctx.out.print("waiting")
    ctx.run(asyncio.sleep(60))


def count(ctx: CommandContext) -> None:
    """Count for as long as nobody stops it, then say how far that was."""
    import asyncio

    async def counting() -> None:
        number = 0
        try:
            while True:
                ctx.out.print(f"number {number}")
                number += 1
                await asyncio.sleep(0)
        finally:
            ctx.out.print(f"counted {number}")

    ctx.run(counting())


def fail(ctx: CommandContext, how: str) -> None:
    """Fail in one of many ways."""
    ways: dict[str, BaseException] = {
        "ollm": OllmError("The stub failed", "Try another."),
        "bug": ZeroDivisionError("by zero"),
        "exit": SystemExit(3),
        "typer": typer.Exit(4),
        "os": FileNotFoundError(2, "No such file or directory", "/nowhere"),
        "end": EOFError(),
        "interrupt": KeyboardInterrupt(),
    }
    raise ways[how]


class Plugin(Specs):
    """The stub."""

    @hookimpl
    def ollm_providers(self, ctx: HostContext) -> Sequence[ProviderEntry]:
        return [ProviderEntry("stub", "For tests", StubProvider, order=90)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> Sequence[Command | CommandGroup]:
        return [
            CommandGroup("stub", "Things that tests want."),
            Command("stub wait", "Wait for a minute.", wait_long),
            Command("stub wait-async", "Wait for a minute in the event loop.", wait_async),
            Command("stub count", "Count for as long as nobody stops it.", count),
            Command("stub fail", "Fail in one of many ways.", fail),
            Command("stub shell-only", "Not here.", fail, surfaces=("shell",)),
            CommandGroup("ghost", "A group without a command here."),
            Command("ghost walk", "Not here either.", fail, surfaces=("shell",)),
        ]
