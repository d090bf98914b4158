"""Is it said, in one line, whose fault it is?"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Any, Protocol

import pytest

from ollm.api import (
    Choice,
    Decision,
    Frontend,
    FrontendContext,
    OllmError,
    ProviderEntry,
    Question,
    Reply,
    Service,
    Specs,
    StreamAdjuster,
    Template,
    TemplateVariable,
    TextDelta,
    Tool,
    ToolApprover,
    ToolCall,
    ToolReturned,
    hookimpl,
)
from ollm.testing import MakeHarness, ScriptedProvider

NOTHING = {"type": "object", "properties": {}}


def adjusting(stream: Any) -> type[Specs]:
    class Plugin(Specs):
        @hookimpl
        def ollm_stream_adjusters(self, ctx):
            return [StreamAdjuster("bad", stream)]

    return Plugin


async def leaves(stream):
    async for event in stream.send(stream.request):
        yield event
        raise SystemExit(7)


async def cancels(stream):
    async for event in stream.send(stream.request):
        yield event
        raise asyncio.CancelledError


async def speaks(stream):
    yield "hello"


async def two_lines(stream):
    yield TextDelta("x")
    raise RuntimeError("one\ntwo")


@pytest.mark.parametrize(
    ("stream", "cause"),
    [
        (leaves, "SystemExit: 7"),
        (cancels, "CancelledError"),
        (speaks, "TypeError: it yielded a str, which is no event"),
        (two_lines, "RuntimeError: one two"),
    ],
)
def test_whatever_a_stream_adjuster_does_is_its_fault(ollm_app: MakeHarness, stream: Any, cause: str) -> None:
    ollm = ollm_app(adjusting(stream), strict=False)
    with pytest.raises(OllmError) as caught:
        ollm.ask("hi")
    assert str(caught.value).startswith(f"Stream adjuster 'bad' failed: {cause}.")
    assert "`ollm plugins disable plugin`" in str(caught.value)
    assert [(each.where, each.cause) for each in ollm.failures] == [("stream adjuster 'bad'", cause)]


@pytest.mark.parametrize("adjusters", [(), (adjusting(lambda stream: stream.send(stream.request)),)])
def test_a_provider_that_yields_no_event_is_named(ollm_app: MakeHarness, adjusters: Any) -> None:
    ollm = ollm_app(*adjusters, replies=[["hello"]], strict=False)
    with pytest.raises(OllmError, match="^Provider 'scripted' failed: TypeError: it yielded a str"):
        ollm.ask("hi")


class Agrees:
    def __init__(self, host: Any) -> None:
        pass

    async def decide(self, request: Any) -> Decision:
        return Decision(allowed=True)


def offering(run: Any, *, preview: Any = None) -> type[Specs]:
    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("it", "It.", NOTHING, run, preview=preview)]

        @hookimpl
        def ollm_services(self, ctx):
            return [Service("approver", "ollm.api:ToolApprover", Agrees)]

    return Plugin


async def returns_none(ctx, arguments):
    return None


async def returns_text(ctx, arguments):
    return "done"


async def no_preview(ctx, arguments):
    return 5


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (offering(returns_none), "Tool 'it' failed: TypeError: it returned a NoneType, not a text."),
        (offering(returns_text, preview=no_preview), "Tool 'it' failed: TypeError: its preview is a int, not a Tool"),
        (offering(returns_text), "done"),
    ],
)
def test_a_tool_that_returns_something_else_is_told(ollm_app: MakeHarness, plugin: Any, told: str) -> None:
    ollm = ollm_app(plugin, replies=[ToolCall("1", "it", {}), "ok"], strict=False)
    (result,) = [event for event in ollm.ask("go").events if isinstance(event, ToolReturned)]
    assert result.content.startswith(told)
    assert [each.where for each in ollm.failures] == ([] if told == "done" else ["tool 'it'"])
    assert ("or `ollm plugins disable plugin`" in ollm.stderr.getvalue()) == (told != "done")


def holding(run: Any) -> type[Specs]:
    class Plugin(Specs):
        @hookimpl
        def ollm_frontends(self, ctx):
            return [Frontend("mine", "once", run)]

    return Plugin


def fails(ctx):
    raise RuntimeError("no screen")


@pytest.mark.parametrize(
    ("run", "cause"),
    [(fails, "RuntimeError: no screen"), (lambda ctx: None, "TypeError: it returned a NoneType, not an exit code")],
)
def test_a_front_end_that_fails_is_named(ollm_app: MakeHarness, run: Any, cause: str) -> None:
    ollm = ollm_app(holding(run), strict=False)
    with pytest.raises(OllmError, match=f"^Frontend 'mine' failed: {cause}.*`ollm plugins disable plugin`"):
        ollm.app.front_end("once", FrontendContext(ollm.app, "hi"))


def test_a_front_end_says_no_in_its_own_words(ollm_app: MakeHarness) -> None:
    def refuse(ctx):
        raise OllmError("Not today")

    ollm = ollm_app(holding(refuse))
    with pytest.raises(OllmError, match="^Not today$"):
        ollm.app.front_end("once", FrontendContext(ollm.app, "hi"))


async def prints(ctx, arguments):
    print("noise")
    await asyncio.sleep(0)
    print("more")
    return "done"


class Noisy(ScriptedProvider):
    async def list_models(self):
        print("noise")
        return await super().list_models()


def test_what_a_tool_prints_is_kept_back_and_held_against_it(
    ollm_app: MakeHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    ollm = ollm_app(offering(prints), replies=[ToolCall("1", "it", {}), "ok"], strict=False)
    assert ollm.ask("go").text == "ok"
    assert ollm.provider.requests[1].messages[-1].content == "done"
    cause = "it printed 11 characters to stdout, which belongs to the answer"
    assert [(each.where, each.cause) for each in ollm.failures] == [("tool 'it'", cause)]
    assert capsys.readouterr().out == ""


def test_what_a_provider_prints_is_kept_back(ollm_app: MakeHarness, capsys: pytest.CaptureFixture[str]) -> None:
    class Plugin(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("noisy", "Noisy", lambda host: Noisy(name="noisy"), order=1)]

    ollm = ollm_app(Plugin, strict=False)
    assert ollm.ask("go").text == "ok"
    assert ollm.failures[0].cause.startswith("it printed 6 characters")
    assert capsys.readouterr().out == ""


async def prints_between(stream):
    async for event in stream.send(stream.request):
        print("noise")
        yield event


@pytest.mark.parametrize("prints", ["adjuster", "provider"])
def test_who_printed_is_the_one_to_blame(
    ollm_app: MakeHarness, capsys: pytest.CaptureFixture[str], prints: str
) -> None:
    class Loud(ScriptedProvider):
        async def chat(self, request):
            print("noise")
            async for event in super().chat(request):
                yield event

    class Plugin(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            kind = Loud if prints == "provider" else ScriptedProvider
            return [ProviderEntry("own", "Own", lambda host: kind(name="own"), order=1)]

    stream = prints_between if prints == "adjuster" else lambda stream: stream.send(stream.request)
    ollm = ollm_app(Plugin, adjusting(stream), strict=False)
    assert ollm.ask("go").text == "ok"
    assert {each.where for each in ollm.failures} == {
        "provider 'own'" if prints == "provider" else "stream adjuster 'bad'"
    }
    assert capsys.readouterr().out == ""


def test_a_question_of_a_tool_is_asked_where_stdout_is(ollm_app: MakeHarness) -> None:
    seen = []

    async def asks(ctx, arguments):
        reply = await ctx.turn.host.ask(Question("Really?", (Choice("y", "yes"),)))
        return reply.key

    async def answer(question):
        seen.append(sys.stdout)
        return Reply("y")

    ollm = ollm_app(offering(asks), replies=[ToolCall("1", "it", {}), "ok"])
    ollm.app.out.on_question = answer
    ollm.ask("go")
    assert ollm.provider.requests[1].messages[-1].content == "y"
    assert seen == [sys.stdout]


class Clock(Protocol):
    """What two plugins hand in."""


def test_a_protocol_is_found_under_the_name_that_plugins_import(ollm_app: MakeHarness) -> None:
    ollm = ollm_app(offering(returns_text))
    assert isinstance(ollm.app.services.find(ToolApprover), Agrees)
    assert ollm.app.services.find(Clock) is None


def test_a_reference_to_another_protocol_of_that_name_is_not_taken(ollm_app: MakeHarness) -> None:
    class Plugin(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("clock", "tests.kernel.test_app:Clock", lambda host: 5)]

    assert ollm_app(Plugin).app.services.find(Clock) is None


def test_a_hook_that_kept_the_user_waiting_is_named(ollm_app: MakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollm.host.PATIENCE", 0.0)

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            signal.raise_signal(signal.SIGINT)
            threading.Event().wait(60)

    ollm = ollm_app(Plugin, strict=False)
    with pytest.raises(KeyboardInterrupt):
        ollm.app.hub.tools()
    (failure,) = ollm.failures
    assert (failure.where, failure.cause) == ("ollm_tools", "it was interrupted after 0 s")
    assert "Plugin 'plugin' failed in ollm_tools" in ollm.stderr.getvalue()


@pytest.mark.parametrize(
    ("variable", "mistake"),
    [
        ("name", "variables holds a str, not a TemplateVariable"),
        (TemplateVariable(5), "variables: name is a int, not str"),  # type: ignore[arg-type]
    ],
)
def test_a_templates_variables_are_looked_at(ollm_app: MakeHarness, variable: Any, mistake: str) -> None:
    class Plugin(Specs):
        @hookimpl
        def ollm_templates(self, ctx):
            return [Template("bad", "Bad.", "Say {x}.", (variable,))]

    ollm = ollm_app(Plugin, strict=False)
    assert ollm.app.hub.templates() == []
    assert ollm.failures[0].cause == f"template is refused: {mistake}"
