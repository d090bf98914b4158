import asyncio
from dataclasses import dataclass

import pytest

from ollm.api import (
    Decision,
    Finished,
    OllmError,
    ResultAdjuster,
    Service,
    Specs,
    Tool,
    ToolApprover,
    ToolCall,
    ToolCalled,
    ToolDecided,
    ToolPreview,
    ToolReturned,
    TurnObserver,
    hookimpl,
    replace,
)


@dataclass(frozen=True)
class Roll:
    sides: int = 6


class Dice(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        async def roll(ctx, args: Roll):
            return f"{args!r}"

        return [Tool("safe", "Roll.", Roll, roll, risk="none"), Tool("risky", "Roll.", Roll, roll, risk="write")]


def result_of(ollm):
    return next(event for event in ollm.ask("go").events if isinstance(event, ToolReturned))


@pytest.mark.parametrize(
    ("call", "failed", "content"),
    [
        (ToolCall("1", "safe", {"sides": 4}), False, "Roll(sides=4)"),
        (ToolCall("1", "safe", {}), False, "Roll(sides=6)"),
        (ToolCall("1", "safe", {"sides": "many"}), True, "The arguments do not fit: 1 validation error"),
        (ToolCall("1", "nosuch", {}), True, "There is no tool 'nosuch'. Tools: risky, safe."),
        (ToolCall("1", "x" * 10_000, {}), True, f"There is no tool '{'x' * 100}…'. Tools: risky, safe."),
        (ToolCall("1", "risky", {}), True, "The tool 'risky' was not run: no plugin is installed that can approve it."),
    ],
)
def test_a_call_is_checked_before_it_runs(ollm_app, call, failed, content):
    result = result_of(ollm_app(Dice, replies=[call, "ok"]))
    assert (result.failed, result.content[: len(content)]) == (failed, content)


@pytest.mark.parametrize(("allowed", "content"), [(True, "Roll(sides=2)"), (False, "Not today.")])
def test_an_approver_decides_on_risky_tools(ollm_app, allowed, content):
    class Approver:
        async def decide(self, request):
            assert (request.tool.name, request.arguments, request.turn.prompt) == ("risky", Roll(2), "go")
            return Decision(allowed, "Not today.")

    class Plugin(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("approver", ToolApprover, lambda host: Approver())]

    result = result_of(ollm_app(Dice, Plugin, replies=[ToolCall("1", "risky", {"sides": 2}), "ok"]))
    assert (result.failed, result.content) == (not allowed, content)


def test_the_model_is_told_the_schema(ollm_app):
    ollm = ollm_app(Dice)
    ollm.ask("go")
    spec = ollm.provider.requests[0].tools[0]
    assert spec.parameters["properties"]["sides"]["type"] == "integer"


def test_a_tool_that_cannot_be_described_is_left_out_and_blamed(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("odd", "Odd.", "nosuch.module:Type", "nosuch.module:run")]

    ollm = ollm_app(Dice, Plugin, strict=False)
    ollm.ask("go")
    assert [tool.name for tool in ollm.provider.requests[0].tools] == ["safe", "risky"]
    assert [failure.where for failure in ollm.failures] == ["tool 'odd'"]


def test_an_approver_that_fails_has_not_agreed(ollm_app):
    class Approver:
        async def decide(self, request):
            raise KeyError("lost")

    class Plugin(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("approver", ToolApprover, lambda host: Approver())]

    ollm = ollm_app(Dice, Plugin, replies=[ToolCall("1", "risky", {"sides": 2}), "ok"])
    assert result_of(ollm).content == "The tool was not run: asking for approval failed (KeyError: 'lost')."
    assert "The tool 'risky' was not run" in ollm.stderr.getvalue()


@pytest.mark.parametrize("answer", [None, SystemExit(0), KeyboardInterrupt()])
def test_an_approver_may_do_anything(ollm_app, answer):
    class Approver:
        async def decide(self, request):
            if answer is not None:
                raise answer

    class Plugin(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("approver", ToolApprover, lambda host: Approver())]

    result = result_of(ollm_app(Dice, Plugin, replies=[ToolCall("1", "risky", {"sides": 2}), "ok"]))
    assert result.failed
    assert result.content.startswith("The tool was not run: asking for approval failed")


def approving(decide):
    """A plugin whose approver answers with a function of the request."""

    class Approver:
        async def decide(self, request):
            return decide(request)

    class Plugin(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("approver", ToolApprover, lambda host: Approver())]

    return Plugin


def observing(records):
    class Observer(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("observer", on_turn=records.append)]

    return Observer


def test_what_was_decided_is_an_event_and_part_of_the_record(ollm_app):
    records = []
    decide = approving(lambda request: Decision(allowed=True, reason="yes", by="user"))
    ollm = ollm_app(Dice, decide, observing(records), replies=[ToolCall("1", "risky", {}), "ok"])
    decided = next(event for event in ollm.ask("go").events if isinstance(event, ToolDecided))
    assert (decided.allowed, decided.by) == (True, "user")
    (record,) = records[0].tools
    assert (record.call.name, record.allowed, record.by, record.failed, record.size) == (
        "risky",
        True,
        "user",
        False,
        13,
    )


def test_the_user_may_change_the_arguments_and_is_asked_again(ollm_app):
    def decide(request):
        if request.arguments.sides == 2:
            return Decision(allowed=True, arguments={"sides": "no number"})
        if len(asked) == 1:
            return Decision(allowed=True, arguments={"sides": 8})
        return Decision(allowed=True)

    asked = []
    plugin = approving(lambda request: (asked.append(request.arguments.sides), decide(request))[1])
    ollm = ollm_app(Dice, plugin, replies=[ToolCall("1", "risky", {"sides": 6}), "ok"])
    result = result_of(ollm)
    assert asked == [6, 8]
    assert result.content == 'The user changed the arguments to {"sides": 8}\n\nRoll(sides=8)'


def test_a_change_that_does_not_fit_is_said_and_asked_again(ollm_app):
    answers = [Decision(True, arguments={"sides": "x"}), Decision(False, "no")]
    ollm = ollm_app(Dice, approving(lambda request: answers.pop(0)), replies=[ToolCall("1", "risky", {}), "ok"])
    assert result_of(ollm).content == "no"
    assert "What you changed does not fit" in ollm.stderr.getvalue()


def test_a_change_that_the_tool_refuses_is_said_and_asked_again(ollm_app):
    async def preview(ctx, args):
        if args.sides > 6:
            raise OllmError(f"There is no die with {args.sides}")
        return ToolPreview(f"roll {args.sides}")

    async def roll(ctx, args):
        return f"{args.sides}"

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("roll", "Roll.", Roll, roll, "execute", preview)]

    def decide(request):
        asked.append(request.preview.text)
        return answers.pop(0)

    asked = []
    answers = [Decision(True, arguments={"sides": each}) for each in (7, 5, 8)] + [Decision(True)]
    ollm = ollm_app(Plugin, approving(decide), replies=[ToolCall("1", "roll", {}), "ok"])
    assert result_of(ollm).content.endswith("5")
    assert asked == ["roll 6", "roll 6", "roll 5", "roll 5"]
    said = [f"ollm: What you changed does not fit: There is no die with {each}" for each in (7, 8)]
    assert ollm.stderr.getvalue().splitlines() == said


def test_a_tool_says_what_it_would_do_or_refuses(ollm_app):
    async def preview(ctx, args):
        if args.sides > 6:
            raise OllmError("There is no such die")
        return ToolPreview(f"roll {args.sides}", "command", always="roll")

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def roll(ctx, args):
                return "4"

            return [Tool("roll", "Roll.", Roll, roll, "execute", preview)]

    seen = []
    plugin = approving(lambda request: (seen.append(request.preview), Decision(True))[1])
    call, big = ToolCall("1", "roll", {"sides": 3}), ToolCall("2", "roll", {"sides": 20})
    ollm = ollm_app(Plugin, plugin, replies=[call, big, "ok"])
    results = [event.content for event in ollm.ask("go").events if isinstance(event, ToolReturned)]
    assert seen == [ToolPreview("roll 3", "command", always="roll")]
    assert results == ["4", "There is no such die"]


def test_the_same_call_is_not_made_for_ever(ollm_app):
    same = ToolCall("1", "safe", {"sides": 4})
    ollm = ollm_app(Dice, replies=[same, same, same, "ok"])
    turn = ollm.ask("go")
    results = [event for event in turn.events if isinstance(event, ToolReturned)]
    assert [each.failed for each in results] == [False, False, True]
    assert "tool-repeated" in [getattr(event, "code", "") for event in turn.events]


def held(ollm, *prompts):
    """Hold turns of one conversation; return its messages and the events."""
    conversation = ollm.app.conversation()

    async def turns():
        return [event for prompt in prompts for event in [each async for each in conversation.ask(prompt)]]

    return conversation, asyncio.run(turns())


def test_calls_that_a_server_gives_the_same_id_are_told_apart(ollm_app):
    records = []

    class Watching(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("watching", on_turn=lambda turn: records.extend(turn.tools))]

    plugin = approving(lambda request: Decision(allowed=True, by="user"))
    calls = tuple(ToolCalled(ToolCall("1", name, {})) for name in ("risky", "safe"))
    replies = [(*calls, Finished("stop")), "ok", ToolCall("1", "safe", {}), "ok"]
    ollm = ollm_app(Dice, plugin, Watching, replies=replies)
    held(ollm, "go", "go on")
    assert [(each.call.name, each.by) for each in records] == [("risky", "user"), ("safe", "ollm"), ("safe", "ollm")]
    messages = ollm.provider.requests[-1].messages
    ids = [call.id for message in messages for call in message.tool_calls]
    assert (len(set(ids)), ids[0]) == (3, "1")
    assert [message.tool_call_id for message in messages if message.role == "tool"] == ids


def test_arguments_without_a_bottom_do_not_end_the_conversation(ollm_app):
    deep: list[object] = []
    for _ in range(960):
        deep = [deep]
    ollm = ollm_app(Dice, replies=[ToolCall("1", "safe", {"sides": deep}), "ok", "and on"])
    held(ollm, "go", "go on")
    assert "A call's arguments were nested too deeply, so they were left out." in ollm.stderr.getvalue()
    calls = [call for message in ollm.provider.requests[-1].messages for call in message.tool_calls]
    assert [call.arguments for call in calls] == [{}]


def test_a_call_is_made_again_after_something_has_changed(ollm_app):
    same, change = ToolCall("1", "safe", {}), ToolCall("2", "risky", {})
    plugin = approving(lambda request: Decision(allowed=True))
    ollm = ollm_app(Dice, plugin, replies=[same, same, change, same, "ok"])
    results = [event for event in ollm.ask("go").events if isinstance(event, ToolReturned)]
    assert [each.failed for each in results] == [False] * 4


def test_a_result_can_be_adjusted_before_the_model_reads_it(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_result_adjusters(self, ctx):
            return [ResultAdjuster("short", lambda result, tool: replace(result, content=tool.request.model))]

    ollm = ollm_app(Dice, Plugin, replies=[ToolCall("1", "safe", {}), "ok"])
    assert result_of(ollm).content == "scripted:1b"
    assert ollm.provider.requests[-1].messages[-1].content == "scripted:1b"
    refused = ollm_app(Dice, Plugin, replies=[ToolCall("1", "risky", {}), "ok"])
    assert (result_of(refused).content, refused.provider.requests[-1].messages[-1].content) == ("scripted:1b",) * 2


def test_each_call_has_its_own_time_in_the_record(ollm_app):
    import asyncio

    from ollm.api import Finished, ToolCalled

    class Waits(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def wait(ctx, args):
                await asyncio.sleep(args["seconds"])
                return "done"

            return [Tool("wait", "Wait.", {"type": "object"}, wait, risk="none")]

    calls = [ToolCall("1", "wait", {"seconds": 0}), ToolCall("2", "wait", {"seconds": 2.0})]
    records = []
    ollm = ollm_app(Waits, observing(records), replies=[[*map(ToolCalled, calls), Finished("stop")], "ok"])
    ollm.ask("go")
    quick, slow = records[0].tools
    assert quick.seconds < 1.5 < 2.0 <= slow.seconds + 0.01


def test_calls_of_one_answer_are_asked_about_in_their_order_and_a_changed_one_at_once(ollm_app):
    async def preview(ctx, args):
        async with asyncio.timeout(30):
            while args.sides == 30 and not rolled:  # the first takes longest
                await asyncio.sleep(0.01)
        return ToolPreview(f"roll {args.sides}")

    async def roll(ctx, args):
        rolled.append(args.sides)
        return "4"

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("roll", "Roll.", Roll, roll, "execute", preview), Tool("safe", "Roll.", Roll, roll, "none")]

    def decide(request):
        assert rolled[:1] == [5], "what carries no risk waits for nobody"
        asked.append(request.arguments.sides)
        return Decision(True, arguments={"sides": 1} if request.arguments.sides == 20 else None)

    asked, rolled = [], []
    calls = [ToolCall(str(sides), "roll", {"sides": sides}) for sides in (30, 20, 10)]
    answer = (*map(ToolCalled, (*calls, ToolCall("4", "safe", {"sides": 5}))), Finished("stop"))
    ollm_app(Plugin, approving(decide), replies=[answer, "ok"]).ask("go")
    assert asked == [30, 20, 1, 10]
    assert sorted(rolled) == [1, 5, 10, 30]


def test_what_one_call_has_written_is_seen_where_the_next_is_looked_at(ollm_app):
    text = ["one"]

    async def preview(ctx, args):
        return ToolPreview(f"{text[-1]} and {args['word']}")

    async def add(ctx, args):
        await asyncio.sleep(0.05)
        text.append(f"{text[-1]} and {args['word']}")
        return "added"

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("add", "Add.", {"type": "object"}, add, "write", preview)]

    seen = []
    plugin = approving(lambda request: (seen.append(request.preview.text), Decision(True))[1])
    answer = (*(ToolCalled(ToolCall(word, "add", {"word": word})) for word in ("two", "three")), Finished("stop"))
    ollm_app(Plugin, plugin, replies=[answer, "ok"]).ask("go")
    assert seen == ["one and two", "one and two and three"]
    assert text[-1] == "one and two and three"


def test_a_change_waits_for_the_calls_before_it(ollm_app):
    text = ["old"]

    async def read(ctx, args):
        await asyncio.sleep(0.05)
        return text[-1]

    async def preview(ctx, args):
        return ToolPreview(f"{text[-1]} becomes new, after {read_so_far}")

    async def change(ctx, args):
        text.append("new")
        return "changed"

    async def done(result, ctx):
        read_so_far.append(result.content)
        return result

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            kind = {"type": "object"}
            return [
                Tool("read", "Read.", kind, read, "read"),
                Tool("change", "Change.", kind, change, "write", preview),
            ]

        @hookimpl
        def ollm_result_adjusters(self, ctx):
            return [ResultAdjuster("done", done)]

    seen, read_so_far = [], []
    plugin = approving(lambda request: (seen.append(request.preview), Decision(True))[1])
    names = ("read", "read", "change", "read")
    calls = [ToolCalled(ToolCall(str(at), name, {"at": at})) for at, name in enumerate(names)]
    ollm_app(Plugin, plugin, replies=[(*calls, Finished("stop")), "ok"]).ask("go")
    assert seen[2].text == "old becomes new, after ['old', 'old']"
    assert read_so_far == ["old", "old", "changed", "new"]
