import asyncio
from contextlib import aclosing

import pytest

from ollm.api import (
    GenerationOptions,
    Overrides,
    StreamAdjuster,
    ChatRequest,
    Finished,
    Message,
    Notice,
    OllmError,
    PromptPart,
    ProviderEntry,
    ProviderError,
    RequestAdjuster,
    Specs,
    TextDelta,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolCalled,
    ToolReturned,
    TurnObserver,
    Usage,
    Waiting,
    hookimpl,
    replace,
)
from ollm.testing import ScriptedProvider


def provider_plugin(chat, name="own"):
    """A plugin whose provider answers with an async generator function; what it yields goes out as it is."""

    class Own(ScriptedProvider):
        closed = False

        async def chat(self, request):
            self.requests.append(request)
            try:
                async for event in chat(request):
                    yield event
            finally:
                Own.closed = True

    own = Own(name=name)

    class Plugin(Specs):
        provider = own

        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(name, "For a test", lambda _: own, order=1)]

    return Plugin


def conversation(harness):
    return harness.app.conversation()


async def collect(events):
    return [event async for event in events]


def test_a_turn_streams_and_is_remembered(ollm_app):
    ollm = ollm_app(replies=["Hello\nthere", "Again"])
    talk = conversation(ollm)
    events = ollm.app.run(collect(talk.ask("Hi")))
    assert events == [TextDelta("Hello\n"), TextDelta("there"), Finished("stop", Usage(1, 1))]
    ollm.app.run(collect(talk.ask("And?")))
    sent = [(m.role, m.content) for m in ollm.provider.requests[1].messages]
    assert sent == [("user", "Hi"), ("assistant", "Hello\nthere"), ("user", "And?")]
    assert talk.last_turn.reason == "stop"
    assert talk.last_turn.messages == (Message("user", "And?"), Message("assistant", "Again"))


def test_thoughts_are_kept_apart_from_the_answer(ollm_app):
    ollm = ollm_app(replies=[[ThinkingDelta("hm"), TextDelta("yes"), Finished("stop")]])
    talk = conversation(ollm)
    ollm.app.run(collect(talk.ask("?")))
    assert talk.messages[-1] == Message("assistant", "yes", thinking="hm")


def test_a_stream_without_an_end_is_a_cut_and_said_once(ollm_app):
    ollm = ollm_app(replies=[[TextDelta("half")], [TextDelta("x"), Notice("answer-cut", "Gone."), Finished("cut")]])
    talk = conversation(ollm)
    first = ollm.app.run(collect(talk.ask("?")))
    assert [event.type for event in first] == ["text", "notice", "finished"]
    assert (first[1].code, first[2].reason) == ("answer-cut", "cut")
    second = ollm.app.run(collect(talk.ask("?")))
    assert [event.type for event in second] == ["text", "notice", "finished"]
    assert [m.content for m in talk.messages] == ["?", "half", "?", "x"]


def test_an_error_keeps_what_came_and_takes_an_unanswered_prompt_back(ollm_app):
    async def chat(request):
        if request.messages[-1].content == "half":
            yield TextDelta("so far")
        raise ProviderError("It broke")

    ollm = ollm_app(provider_plugin(chat))
    talk = conversation(ollm)
    with pytest.raises(ProviderError):
        ollm.app.run(collect(talk.ask("nothing")))
    assert talk.messages == []
    with pytest.raises(ProviderError):
        ollm.app.run(collect(talk.ask("half")))
    assert [(m.role, m.content) for m in talk.messages] == [("user", "half"), ("assistant", "so far")]


def test_cancelling_closes_the_provider_and_keeps_what_came(ollm_app):
    async def chat(request):
        yield TextDelta("beginning")
        await asyncio.Event().wait()

    plugin = provider_plugin(chat)
    ollm = ollm_app(plugin)
    talk = conversation(ollm)
    came = asyncio.Event()

    async def read():
        async for _ in talk.ask("go"):
            came.set()

    async def interrupt():
        task = asyncio.ensure_future(read())
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ollm.app.run(interrupt())
    assert type(plugin.provider).closed
    assert [m.content for m in talk.messages] == ["go", "beginning"]
    assert talk.last_turn.reason == "interrupted"


def test_cancelling_before_the_first_event_closes_the_provider_too(ollm_app):
    asked = asyncio.Event()

    async def chat(request):
        asked.set()
        await asyncio.Event().wait()
        yield TextDelta("never")

    plugin = provider_plugin(chat)
    ollm = ollm_app(plugin)
    talk = conversation(ollm)

    async def interrupt():
        task = asyncio.ensure_future(collect(talk.ask("go")))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ollm.app.run(interrupt())
    assert type(plugin.provider).closed


def test_leaving_the_loop_early_closes_the_provider(ollm_app):
    async def chat(request):
        for _ in range(100):
            yield TextDelta("x")

    plugin = provider_plugin(chat)
    ollm = ollm_app(plugin)
    talk = conversation(ollm)

    async def leave():
        events = talk.ask("go")
        await anext(events)
        await events.aclose()

    ollm.app.run(leave())
    assert type(plugin.provider).closed
    assert talk.messages[-1].content.strip("x") == ""


def test_silence_is_explained_each_second(ollm_app, monkeypatch):
    monkeypatch.setattr("ollm.streaming.PATIENCE", 0.02)

    events, explained = [], asyncio.Event()

    async def chat(request):
        await explained.wait()
        yield TextDelta("at last")
        await asyncio.sleep(0.1)
        yield Finished("stop")

    async def read():
        async for event in conversation(ollm).ask("go"):
            events.append(event)
            if sum(isinstance(each, Waiting) for each in events) == 2:
                explained.set()

    ollm = ollm_app(provider_plugin(chat))
    ollm.app.run(read())
    waits = [event for event in events if isinstance(event, Waiting)]
    assert all(wait.subject == "scripted:1b" for wait in waits)
    assert waits[0].seconds < waits[1].seconds
    assert events.index(TextDelta("at last")) == len(waits)


def test_a_provider_that_raises_is_blamed_and_named(ollm_app):
    async def chat(request):
        yield TextDelta("x")
        raise ZeroDivisionError("oops")

    ollm = ollm_app(provider_plugin(chat), strict=False)
    with pytest.raises(OllmError, match="Provider 'own' failed: ZeroDivisionError: oops"):
        ollm.ask("go")
    assert [failure.where for failure in ollm.failures] == ["provider 'own'"]


class Rolls(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        async def roll(ctx, args):
            return f"rolled {args['sides']}"

        async def explode(ctx, args):
            raise RuntimeError("boom")

        schema = {"type": "object"}
        return [
            Tool("roll", "Roll.", schema, roll, risk="none"),
            Tool("explode", "Fail.", schema, explode, risk="none"),
        ]


def test_the_tool_loop_goes_on_until_the_model_answers(ollm_app):
    calls = [ToolCall("1", "roll", {"sides": 4}), ToolCall("2", "roll", {"sides": 6})]
    ollm = ollm_app(Rolls, replies=[[*map(ToolCalled, calls), Finished("stop")], "Done."])
    talk = conversation(ollm)
    events = ollm.app.run(collect(talk.ask("Roll twice")))
    tools = ["toolCall", "toolCall", "toolDecision", "toolDecision", "toolResult", "toolResult"]
    assert [event.type for event in events] == [*tools, "text", "finished"]
    assert [m.role for m in talk.messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [(m.content, m.tool_call_id, m.tool_name) for m in talk.messages[2:4]] == [
        ("rolled 4", "1", "roll"),
        ("rolled 6", "2", "roll"),
    ]
    assert [tool.name for tool in ollm.provider.requests[0].tools] == ["roll", "explode"]


def test_a_model_that_never_stops_calling_is_stopped(ollm_app):
    ollm = ollm_app(Rolls, replies=[ToolCall("1", "roll", {"sides": 4})], settings="chat: {maxToolRounds: 3}")
    events = ollm.ask("Roll").events
    assert len(ollm.provider.requests) == 3
    assert events[-2].code == "tool-rounds"
    assert events[-1].reason == "rounds"


def test_a_failing_tool_is_told_to_the_model_and_the_ledger(ollm_app):
    ollm = ollm_app(Rolls, replies=[ToolCall("1", "explode", {}), "Sorry."], strict=False)
    turn = ollm.ask("Go")
    result = next(event for event in turn.events if isinstance(event, ToolReturned))
    assert (result.failed, result.content) == (True, "Tool 'explode' failed: RuntimeError: boom.")
    assert turn.text == "Sorry."
    assert [failure.where for failure in ollm.failures] == ["tool 'explode'"]


def test_an_interrupted_tool_leaves_a_result_for_each_call(ollm_app):
    class Slow(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def wait(ctx, args):
                begun.set()
                await asyncio.Event().wait()

            return [Tool("wait", "Wait.", {"type": "object"}, wait, risk="none")]

    ollm = ollm_app(Slow, replies=[ToolCall("1", "wait", {})])
    talk = conversation(ollm)
    begun = asyncio.Event()

    async def interrupt():
        task = asyncio.ensure_future(collect(talk.ask("go")))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ollm.app.run(interrupt())
    assert [m.role for m in talk.messages] == ["user", "assistant", "tool"]
    assert talk.messages[-1].content == "Interrupted by the user."


def test_an_observer_is_told_of_the_events_that_it_names(ollm_app):
    seen = []

    class Eye(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("eye", on_event=lambda ctx: seen.append(ctx.event.type), events=("finished",))]

    ollm_app(Eye, replies=["one\ntwo\n"]).ask("Hi")
    assert seen == ["finished"]


def test_prompt_parts_adjusters_and_observers_take_part(ollm_app):
    seen = []

    async def later(turn):
        await asyncio.sleep(0)
        return "thought about it"

    class Plugin(Specs):
        @hookimpl
        def ollm_prompt_parts(self, ctx):
            return [
                PromptPart("late", lambda turn: f"asked: {turn.prompt}", order=90),
                PromptPart("none", lambda turn: None),
                PromptPart("async", later, order=60),
                PromptPart("early", lambda turn: turn.model, order=10),
            ]

        @hookimpl
        def ollm_request_adjusters(self, ctx):
            async def warm(request: ChatRequest, turn):
                return replace(request, options=replace(request.options, temperature=0.3))

            return [RequestAdjuster("warm", warm)]

        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("eye", on_event=lambda ctx: seen.append(ctx.event.type), on_turn=seen.append)]

    ollm = ollm_app(Plugin, settings="chat: {systemPrompt: Be brief.}")
    ollm.ask("Why?")
    (request,) = ollm.provider.requests
    assert request.messages[0] == Message("system", "Be brief.\n\nscripted:1b\n\nthought about it\n\nasked: Why?")
    assert request.options.temperature == 0.3
    assert seen[0] == "text"
    assert seen[1].messages[-1].content == "ok"
    assert seen[2] == "finished"


def test_what_plugins_tell_the_user_in_a_turn_is_part_of_its_record(ollm_app):
    """A turn that is kept would else not tell what was left out of its prompt."""
    said = Notice("cut", "The oldest turn is left out.")

    class Cutting(Specs):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            def cut(request, turn):
                turn.host.notify(said)
                turn.host.notify(said)
                return request

            return [RequestAdjuster("cut", cut)]

    reply = [Notice("slow", "It is slow."), TextDelta("ok"), Finished("stop")]
    ollm = ollm_app(Cutting, replies=[reply, reply])
    talk = conversation(ollm)
    for _ in range(2):
        ollm.app.run(collect(talk.ask("?")))
        assert talk.last_turn.notices == ("The oldest turn is left out.", "It is slow.")
    assert "ollm: The oldest turn is left out." in ollm.stderr.getvalue()


def test_an_adjuster_can_refuse_in_words(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            def refuse(request, turn):
                raise OllmError("No images here")

            return [RequestAdjuster("refuse", refuse)]

    ollm = ollm_app(Plugin, strict=False)
    with pytest.raises(OllmError, match="No images here"):
        ollm.ask("x")
    assert ollm.failures == []


def test_leaving_while_tool_results_are_shown_keeps_them(ollm_app):
    ollm = ollm_app(Rolls, replies=[ToolCall("1", "roll", {"sides": 4}), "Never asked for."])
    talk = conversation(ollm)

    async def leave():
        events = talk.ask("Roll")
        async for event in events:
            if isinstance(event, ToolReturned):
                break
        await events.aclose()

    ollm.app.run(leave())
    assert [m.role for m in talk.messages] == ["user", "assistant", "tool"]
    assert talk.last_turn.reason == "interrupted"


def test_a_consumer_may_leave_while_it_waits(ollm_app, monkeypatch):
    monkeypatch.setattr("ollm.streaming.PATIENCE", 0.01)

    async def chat(request):
        await asyncio.sleep(30)
        yield TextDelta("never")

    plugin = provider_plugin(chat)
    ollm = ollm_app(plugin)
    talk = conversation(ollm)

    async def leave():
        events = talk.ask("go")
        assert isinstance(await anext(events), Waiting)
        await events.aclose()

    ollm.app.run(leave())
    assert type(plugin.provider).closed


def test_a_providers_own_scopes_work(ollm_app):
    async def chat(request):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, "hello"))
            yield TextDelta(await task)
        try:
            async with asyncio.timeout(0.01):
                yield TextDelta(" there")
                await asyncio.sleep(30)
        except TimeoutError:
            yield TextDelta(" again")
        yield Finished("stop")

    assert ollm_app(provider_plugin(chat)).ask("go").text == "hello there again"


@pytest.mark.parametrize("error", [SystemExit(0), asyncio.CancelledError("own"), TimeoutError("slow")])
def test_nothing_that_a_provider_raises_escapes(ollm_app, error):
    async def chat(request):
        yield TextDelta("x")
        raise error

    ollm = ollm_app(provider_plugin(chat), strict=False)
    with pytest.raises(OllmError, match=f"Provider 'own' failed: {type(error).__name__}"):
        ollm.ask("go")
    assert len(ollm.failures) == 1


@pytest.mark.parametrize("error", [SystemExit(0), asyncio.CancelledError("own"), KeyError("x")])
def test_nothing_that_a_tool_raises_escapes(ollm_app, error):
    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def explode(ctx, args):
                raise error

            return [Tool("explode", "Fail.", {"type": "object"}, explode, risk="none")]

    ollm = ollm_app(Plugin, replies=[ToolCall("1", "explode", {}), "Sorry."], strict=False)
    turn = ollm.ask("go")
    assert turn.text == "Sorry."
    assert next(e for e in turn.events if isinstance(e, ToolReturned)).failed


def test_a_tool_that_was_not_offered_does_not_run(ollm_app):
    class NoTools(Specs):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            return [RequestAdjuster("none", lambda request, turn: replace(request, tools=()))]

    ollm = ollm_app(Rolls, NoTools, replies=[ToolCall("1", "roll", {"sides": 4}), "ok"])
    (result,) = [event for event in ollm.ask("go").events if isinstance(event, ToolReturned)]
    assert (result.failed, result.content) == (True, "There is no tool 'roll'. Tools: none.")


def test_an_interrupt_keeps_the_results_that_have_come(ollm_app):
    started = asyncio.Event()

    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def quick(ctx, args):
                return "file written"

            async def slow(ctx, args):
                started.set()
                await asyncio.sleep(30)

            schema = {"type": "object"}
            return [
                Tool("slow", "Slow.", schema, slow, risk="none"),
                Tool("quick", "Quick.", schema, quick, risk="none"),
            ]

    calls = [ToolCalled(ToolCall("1", "slow", {})), ToolCalled(ToolCall("2", "quick", {})), Finished("stop")]
    ollm = ollm_app(Plugin, replies=[calls])
    talk = conversation(ollm)

    async def interrupt():
        task = asyncio.ensure_future(collect(talk.ask("go")))
        await started.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ollm.app.run(interrupt())
    assert [m.content for m in talk.messages[2:]] == ["Interrupted by the user.", "file written"]


def test_an_observer_can_break_nothing(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            def refuse(_):
                raise OllmError("No")

            return [TurnObserver("eye", on_event=refuse, on_turn=refuse)]

    ollm = ollm_app(Plugin, strict=False)
    turn = ollm.ask("go")
    assert (turn.text, turn.events[-1].reason) == ("ok", "stop")
    assert len(ollm.failures) == 1


@pytest.mark.parametrize("ending", ["raises", "refuses", "swallows", "goes on"])
def test_a_provider_that_ends_badly_does_not_hold_up_an_interrupt(ollm_app, monkeypatch, ending):
    monkeypatch.setattr("ollm.streaming.CLOSING", 0.2)
    full = asyncio.Event()

    async def chat(request):
        try:
            for number in range(1000):
                if number == 65:
                    full.set()
                yield TextDelta("x")
        finally:
            if ending == "raises":
                raise RuntimeError("clean-up")
            if ending == "refuses":
                raise ProviderError("clean-up")
            if ending == "swallows":
                return
            await asyncio.sleep(30)

    ollm = ollm_app(provider_plugin(chat), strict=False)
    talk = conversation(ollm)

    async def leave():
        events = talk.ask("go")
        await anext(events)
        await full.wait()
        await asyncio.wait_for(events.aclose(), 20)

    ollm.app.run(leave())
    assert talk.messages[-1].content.startswith("x")


@pytest.mark.parametrize("way", ["cancels its task", "closes itself"])
def test_a_provider_that_ends_its_own_task_is_a_failure(ollm_app, way):
    async def chat(request):
        yield TextDelta("x")
        if way == "closes itself":
            raise GeneratorExit
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    ollm = ollm_app(provider_plugin(chat), strict=False)
    with pytest.raises(OllmError, match="Provider 'own' failed"):
        ollm.ask("go")


def test_a_tool_that_cancels_its_task_has_failed(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def leave(ctx, args):
                asyncio.current_task().cancel()
                await asyncio.sleep(0)

            return [Tool("leave", "Leave.", {"type": "object"}, leave, risk="none")]

    ollm = ollm_app(Plugin, replies=[ToolCall("1", "leave", {}), "ok"])
    assert next(e for e in ollm.ask("go").events if isinstance(e, ToolReturned)).failed


@pytest.mark.parametrize("way", ["raises", "hangs", "is not async"])
def test_a_provider_that_does_not_close_holds_nobody_up(ollm_app, monkeypatch, way):
    monkeypatch.setattr("ollm.awaiting.CLOSING", 0.1)

    async def chat(request):
        yield Finished("stop")

    plugin = provider_plugin(chat)

    async def hang():
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                if released:
                    raise

    def refuse():
        raise RuntimeError("no")

    async def refuse_later():
        refuse()

    released = []
    plugin.provider.aclose = {"raises": refuse_later, "hangs": hang, "is not async": refuse}[way]
    ollm = ollm_app(plugin, strict=False)
    ollm.ask("go")
    ollm.app.close()
    assert [failure.where for failure in ollm.failures] == ["provider 'own'"]
    released.append(True)


def test_observers_see_the_request_that_was_sent(ollm_app):
    seen = []

    class Watch(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("watch", on_event=lambda event: seen.append(event))]

        @hookimpl
        def ollm_request_adjusters(self, ctx):
            return [RequestAdjuster("name", lambda request, turn: replace(request, model="adjusted"))]

    ollm_app(Watch).ask("hi")
    assert {each.request.model for each in seen} == {"adjusted"}
    assert seen[-1].request.messages[-1].content == "hi"


def test_the_kernel_gives_access_to_the_providers_as_a_service(ollm_app):
    from ollm.api import ProviderAccess

    ollm = ollm_app()
    access = ollm.app.context.services.find(ProviderAccess)
    assert [owned.item.name for owned in access.entries()] == ["scripted"]


def watching(seen):
    class Watcher(Specs):
        @hookimpl
        def ollm_turn_observers(self, ctx):
            return [TurnObserver("watcher", on_turn=seen.append, on_rewind=seen.append)]

    return Watcher


def test_the_last_turn_can_be_taken_back_whole(ollm_app):
    seen = []
    ollm = ollm_app(Rolls, watching(seen), replies=["one", ToolCall("1", "roll", {"sides": 4}), "two"])
    talk = conversation(ollm)
    ollm.app.run(collect(talk.ask("first")))
    ollm.app.run(collect(talk.ask("second")))
    assert talk.take_back().content == "second"
    assert [m.content for m in talk.messages] == ["first", "one"]
    assert (seen[-1].conversation, seen[-1].kept) == (talk.id, 2)
    assert talk.take_back().content == "first"
    assert talk.take_back() is None


def test_what_was_taken_back_comes_back_when_nothing_came_in_its_place(ollm_app):
    seen = []
    ollm = ollm_app(watching(seen), replies=["one", "two", OllmError("No such model"), "three"])
    talk = conversation(ollm)
    ollm.app.run(collect(talk.ask("first")))
    assert not talk.put_back()
    ollm.app.run(collect(talk.ask("second")))
    held = seen[-1]
    talk.take_back()
    with pytest.raises(OllmError):
        ollm.app.run(collect(talk.ask("second")))
    assert talk.put_back()
    assert [m.content for m in talk.messages] == ["first", "one", "second", "two"]
    assert seen[-1] == talk.last_turn == held
    assert not talk.put_back()
    talk.take_back()
    ollm.app.run(collect(talk.ask("second")))
    assert not talk.put_back(), "something has come in its place"
    assert [m.content for m in talk.messages] == ["first", "one", "second", "three"]


def test_a_turn_of_a_conversation_that_was_restored_comes_back_too(ollm_app):
    seen = []
    talk = conversation(ollm_app(watching(seen)))
    said = [Message("user", "a"), Message("assistant", "b")]
    talk.restore("the-old-one", said)
    talk.take_back()
    assert talk.put_back()
    assert talk.messages == said
    assert (seen[-1].messages, seen[-1].context.conversation) == (tuple(said), "the-old-one")


def test_a_conversation_goes_on_where_it_was_left(ollm_app):
    seen = []
    ollm = ollm_app(watching(seen), replies=["again"])
    talk = conversation(ollm)
    talk.restore("the-old-one", [Message("user", "a"), Message("assistant", "b")])
    ollm.app.run(collect(talk.ask("c")))
    assert [m.content for m in ollm.provider.requests[0].messages] == ["a", "b", "c"]
    assert (seen[0].context.conversation, len(seen[0].context.messages)) == ("the-old-one", 2)
    talk.clear()
    assert talk.id != "the-old-one"


def test_a_turn_aside_has_no_tools_and_can_be_taken_over(ollm_app):
    seen = []
    ollm = ollm_app(Rolls, watching(seen))
    ollm.app.run(collect(ollm.app.conversation(aside=True).ask("try")))
    assert ollm.provider.requests[0].tools == ()
    assert seen[0].context.aside
    talk = conversation(ollm)
    talk.adopt(seen[0])
    assert [m.content for m in talk.messages] == ["try", "ok"]
    assert (seen[1].context.aside, seen[1].context.conversation) == (False, talk.id)


def test_a_prompt_may_ask_for_what_the_settings_do_not_say(ollm_app):
    ollm = ollm_app(settings="chat: {systemPrompt: Be brief.}")
    wanted = Overrides(system="Be kind.", options=GenerationOptions(seed=7), schema={"type": "object"})
    ollm.app.run(collect(conversation(ollm).ask("hi", overrides=wanted)))
    (request,) = ollm.provider.requests
    assert (request.messages[0].content, request.options.seed) == ("Be kind.", 7)
    assert request.schema == {"type": "object"}


def test_a_prompt_may_ask_for_a_model(ollm_app):
    ollm = ollm_app(settings="model: {default: nosuch}")
    ollm.app.run(collect(conversation(ollm).ask("hi", overrides=Overrides(model="scripted:1b"))))
    assert ollm.provider.requests[0].model == "scripted:1b"


def test_stream_adjusters_stand_between_in_their_order(ollm_app):
    def marking(mark):
        async def stream(context):
            changed = replace(context.request, model=f"{context.request.model}{mark}")
            async for event in context.send(changed):
                yield TextDelta(f"{event.text}{mark}") if isinstance(event, TextDelta) else event

        return stream

    class Plugin(Specs):
        @hookimpl
        def ollm_stream_adjusters(self, ctx):
            made = [StreamAdjuster("near", marking("n"), order=1), StreamAdjuster("far", marking("f"), order=2)]
            return [*made, StreamAdjuster("none", lambda context: None)]

    ollm = ollm_app(Plugin)
    assert ollm.ask("hi").text == "okfn"
    assert ollm.provider.requests[0].model == "scripted:1bnf"


def test_a_stream_adjuster_that_fails_is_the_one_to_blame(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_stream_adjusters(self, ctx):
            async def stream(context):
                async for event in context.send(context.request):
                    yield event
                    raise RuntimeError("boom")

            return [StreamAdjuster("bad", stream)]

    ollm = ollm_app(Plugin, strict=False)
    with pytest.raises(OllmError, match="Stream adjuster 'bad' failed: RuntimeError: boom"):
        ollm.ask("hi")
    assert [failure.where for failure in ollm.failures] == ["stream adjuster 'bad'"]


def test_a_provider_that_fails_behind_a_stream_adjuster_is_the_one_to_blame(ollm_app):
    class Plugin(Specs):
        @hookimpl
        def ollm_stream_adjusters(self, ctx):
            return [StreamAdjuster("passing", lambda context: context.send(context.request))]

    ollm = ollm_app(Plugin, replies=[RuntimeError("boom")], strict=False)
    with pytest.raises(OllmError, match="Provider 'scripted' failed: RuntimeError: boom"):
        ollm.ask("hi")


def test_what_comes_faster_than_it_is_shown_is_put_together_and_nothing_is_lost(ollm_app):
    pieces = [str(number) for number in range(500)]

    async def chat(request):
        for number, piece in enumerate(pieces):
            yield TextDelta(piece)
            if number % 100 == 99:
                yield ThinkingDelta(f"<{number}>")
        yield Finished("stop")

    ollm = ollm_app(provider_plugin(chat))
    talk = conversation(ollm)
    events = ollm.app.run(collect(talk.ask("Go")))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "".join(pieces)
    assert [event.text for event in events if isinstance(event, ThinkingDelta)] == [
        f"<{n}99>" for n in ("", 1, 2, 3, 4)
    ]
    assert len(events) < 200, "a burst takes less than an event for each piece"
    assert events[-1] == Finished("stop")
    before = [event.text for event in events[: next(i for i, e in enumerate(events) if isinstance(e, ThinkingDelta))]]
    assert "".join(before) == "".join(pieces[:100]), "their order stays"


def test_what_is_shown_in_time_comes_piece_by_piece(ollm_app):
    async def chat(request):
        for number in range(20):
            yield TextDelta(str(number))
            await asyncio.sleep(0.001)
        yield Finished("stop")

    ollm = ollm_app(provider_plugin(chat))
    events = ollm.app.run(collect(conversation(ollm).ask("Go")))
    assert [event.text for event in events[:-1]] == [str(number) for number in range(20)]


def test_a_stream_behind_adjusters_is_closed_in_the_task_that_reads_it(ollm_app):
    tasks = []

    class Endless(ScriptedProvider):
        async def chat(self, request):
            tasks.append(asyncio.current_task())
            try:
                while True:
                    yield TextDelta("x")
            finally:
                tasks.append(asyncio.current_task())

    class Passing(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("endless", "For a test", lambda _: Endless(name="endless"), order=1)]

        @hookimpl
        def ollm_stream_adjusters(self, ctx):
            async def stream(context):
                async with aclosing(context.send(context.request)) as events:
                    async for event in events:
                        yield event

            return [StreamAdjuster("passing", stream)]

    ollm = ollm_app(Passing)

    async def leave():
        events = conversation(ollm).ask("go")
        await anext(events)
        await events.aclose()

    ollm.app.run(leave())
    begun, ended = tasks
    assert begun is ended
