"""The parts that a pipe does not show; the whole is in tests/kernel/test_cli.py."""

import io
import json

import pytest

from ollm.api import (
    Finished,
    FrontendContext,
    Notice,
    OllmError,
    Output,
    Progress,
    ProviderError,
    SettingsError,
    TextDelta,
    ThinkingDelta,
    UsageError,
    Waiting,
)
from ollm_plugins.oneshot.answer import answer
from ollm_plugins.oneshot.formats import Json, StreamJson, Text
from ollm_plugins.oneshot.plugin import Plugin
from ollm_plugins.options.plugin import Plugin as Options


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Output(Terminal(), Terminal(), color=True)


def begin(app, prompt, output):
    """Enter the room as the kernel does."""
    return answer(FrontendContext(app, prompt, output))


def show(form, *events):
    for event in events:
        form.show(event)


def test_waiting_is_shown_on_a_terminal_and_taken_back(terminal):
    form = Text(terminal)
    show(form, Waiting("big\x1b[2J:70b", 1.0), Waiting("big:70b", 2.0), TextDelta("Hi"), Finished("stop"))
    assert form.finish() == 0
    assert terminal.stderr.getvalue().count("loading big") == 2
    assert "\x1b[2J" not in terminal.stderr.getvalue()
    assert terminal.stderr.getvalue().endswith("\r\x1b[K")
    assert terminal.stdout.getvalue() == "Hi\n"


def test_waiting_in_a_pipe_is_one_line():
    out = Output(io.StringIO(), io.StringIO())
    show(Text(out), *(Waiting("big:70b", float(n)) for n in range(1, 5)))
    assert out.stderr.getvalue() == "ollm: loading big:70b…\n"


def test_thoughts_are_dim_on_the_terminals_stderr_and_nowhere_in_a_pipe(terminal):
    events = (ThinkingDelta("hm\x1b[2J"), TextDelta("yes"), Finished("stop"))
    form = Text(terminal)
    show(form, *events)
    assert terminal.stderr.getvalue() == "\x1b[2mhm␛[2J\x1b[0m\n"
    piped = Output(io.StringIO(), io.StringIO())
    show(Text(piped), *events)
    assert (piped.stdout.getvalue(), piped.stderr.getvalue()) == ("yes\n", "")


def test_a_notice_stands_on_a_line_of_its_own():
    out = Output(io.StringIO(), io.StringIO())
    form = Text(out)
    show(form, TextDelta("half"), Notice("answer-cut", "Cut."), Finished("cut"))
    assert form.finish() == 1
    assert (out.stdout.getvalue(), out.stderr.getvalue()) == ("half\n", "ollm: Cut.\n")


def test_a_download_is_shown_until_the_answer_comes():
    out = Output(io.StringIO(), io.StringIO())
    show(
        Text(out),
        Progress("fetching x", 0, 10**7),
        Progress("fetching x", 10**7, 10**7),
        TextDelta("Hi"),
        Finished("stop"),
    )
    assert out.stderr.getvalue() == "fetching x: 0 of 10 MB\nfetching x: 10 of 10 MB\n"
    assert out.stdout.getvalue() == "Hi\n"


def test_json_of_a_failure_keeps_what_came():
    out = Output(io.StringIO(), io.StringIO())
    form = Json(out)
    form.begin("p", "m")
    form.show(TextDelta("half"))
    form.fail(ProviderError("It broke", "Mend it."))
    document = json.loads(out.stdout.getvalue())
    assert (document["text"], document["error"]) == (
        "half",
        {"problem": "It broke", "remedy": "Mend it.", "exitCode": 1},
    )
    assert out.stderr.getvalue() == "ollm: It broke. Mend it.\n"


def test_a_model_that_only_calls_tools_has_not_answered():
    for kind in (Text, Json, StreamJson):
        form = kind(Output(io.StringIO(), io.StringIO()))
        show(form, Finished("rounds"))
        assert form.finish() == 1


def test_a_dumb_terminal_gets_plain_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    form = Text(terminal)
    show(form, ThinkingDelta("hm"), Waiting("big:70b", 1.0), Waiting("big:70b", 2.0), TextDelta("Hi"), Finished("stop"))
    assert form.finish() == 0
    assert (terminal.stdout.getvalue(), terminal.stderr.getvalue()) == ("Hi\n", "ollm: loading big:70b…\n")


def test_events_are_lines_and_notices_are_among_them():
    out = Output(io.StringIO(), io.StringIO())
    form = StreamJson(out)
    out.notify(Notice("provider-fallback", "Other."))
    show(form, ThinkingDelta("hm"), TextDelta("a\nb"), Finished("stop"))
    form.interrupt()
    form.fail(OllmError("x"))
    lines = [json.loads(line) for line in out.stdout.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["notice", "thinking", "text", "finished", "finished", "error"]


def test_an_unknown_format_is_refused(ollm_app):
    with pytest.raises(UsageError, match="Choose one of text, json, stream-json"):
        begin(ollm_app(Plugin).app, "hi", "xml")


@pytest.mark.parametrize("output", ["json", "stream-json"])
def test_bad_settings_are_in_the_document_too(ollm_app, output):
    ollm = ollm_app(Plugin, Options)
    ollm.app.settings.set_flag("options.temperature", "--temperature", 9.0)
    ollm.app.settings.set_flag("options.maxTokens", "--max-tokens", 0)
    assert begin(ollm.app, "hi", output) == 2
    document = json.loads(ollm.stdout.getvalue())
    error = document["error"] if output == "json" else document
    assert error["exitCode"] == 2 and "--temperature: options.temperature is 9.0" in error["problem"]
    first, second = ollm.stderr.getvalue().splitlines()
    assert first.startswith("ollm: --temperature: ") and second.startswith("ollm: --max-tokens: ")


def test_bad_settings_are_raised_where_text_is_wanted(ollm_app):
    ollm = ollm_app(Plugin, Options)
    ollm.app.settings.set_flag("options.temperature", "--temperature", 9.0)
    with pytest.raises(SettingsError):
        begin(ollm.app, "hi", "text")


def test_an_answer_that_is_given_up_is_closed(ollm_app, monkeypatch):
    ollm = ollm_app(Plugin, replies=["Hello"])
    ended = []

    async def ask(self, prompt, images=(), overrides=None):
        try:
            yield TextDelta("Hello")
        finally:
            ended.append(prompt)

    def show(self, event):
        raise BrokenPipeError

    monkeypatch.setattr("ollm.session.Conversation.ask", ask)
    monkeypatch.setattr(Text, "show", show)
    with pytest.raises(BrokenPipeError):
        begin(ollm.app, "hi", "text")
    assert ended == ["hi"]


def test_an_answer_through_the_room(ollm_app):
    ollm = ollm_app(Plugin, replies=["Hello"])
    assert begin(ollm.app, "hi", "text") == 0
    assert ollm.stdout.getvalue() == "Hello\n"


def test_what_comes_before_a_tool_call_is_a_line_of_its_own(ollm_app):
    from ollm.api import Finished, Specs, Tool, ToolCall, ToolCalled, hookimpl

    class Dice(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def roll(ctx, args):
                return "4"

            return [Tool("roll", "Roll.", {"type": "object"}, roll, risk="none")]

    calls = [TextDelta("Let me look."), ToolCalled(ToolCall("1", "roll", {})), Finished("stop")]
    ollm = ollm_app(Plugin, Dice, replies=[calls, "A four."])
    assert begin(ollm.app, "go", "text") == 0
    assert ollm.stdout.getvalue() == "Let me look.\nA four.\n"
