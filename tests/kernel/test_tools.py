from dataclasses import dataclass

import pytest

from ollm.api import Decision, Service, Specs, Tool, ToolApprover, ToolCall, ToolReturned, hookimpl


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
