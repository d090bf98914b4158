"""Is every turn kept, and can it be gone on with?"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest

from ollm.api import (
    ConversationRecords,
    EventContext,
    Finished,
    Message,
    Notice,
    Overrides,
    ProviderError,
    Tool,
    ToolCall,
    ToolCalled,
    ToolReturned,
    Specs,
    TextDelta,
    ThinkingDelta,
    hookimpl,
    replace,
)
from ollm_plugins.sessions import database, reading, recorder
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.schema import STEPS
from ollm_plugins.sessions.service import sessions_of


async def look(ctx, arguments):  # noqa: ARG001  (as it is called)
    return f"seen {arguments['at']}"


class Looking(Specs):
    """A tool without risk."""

    @hookimpl
    def ollm_tools(self, ctx):  # noqa: ARG002  (the hook's signature)
        return [Tool("look", "Look.", {"type": "object"}, look, risk="none")]


def talk(ollm, *prompts, conversation=None, images=()):
    """Hold turns in one conversation, and return it; a prompt of None takes the last one back."""
    conversation = conversation or ollm.app.conversation()

    async def hold():
        for prompt in prompts:
            if prompt is None:
                conversation.take_back()
            else:
                async for _ in conversation.ask(prompt, images):
                    pass

    ollm.app.run(hold())
    return conversation


def resumed(ollm, identity):
    return sessions_of(ollm.app.context).load(identity)


def test_a_turn_is_kept_whole(ollm_app, ollm_home):
    call = ToolCall("1", "look", {"at": "ü"})
    ollm = ollm_app(Plugin, Looking, replies=[call, [ThinkingDelta("hm"), TextDelta("Done.\n"), Finished("length")]])
    kept = talk(ollm, "Look at ü\nplease", images=(b"\x89PNG image",))
    assert resumed(ollm, kept.id) == kept.messages
    document = ollm.run_command("session show last --json").json
    assert document["title"] == "Look at ü"
    assert document["folder"] == os.getcwd()
    (turn,) = document["turns"]
    assert (turn["model"], turn["provider"], turn["reason"]) == ("scripted:1b", "scripted", "length")
    assert [each["role"] for each in turn["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert turn["messages"][3] == {"role": "assistant", "content": "Done.\n", "thinking": "hm"}
    assert [each["type"] for each in turn["events"]] == ["toolCall", "toolDecision", "toolResult"]
    assert turn["tools"][0]["call"]["arguments"] == {"at": "ü"}
    assert stat.S_IMODE((ollm_home / "sessions.db").stat().st_mode) == 0o600


def test_what_was_taken_back_is_not_gone_on_with(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", "two", "three"])
    kept = talk(ollm, "First", "Second", None, "Third")
    assert resumed(ollm, kept.id) == kept.messages
    assert [each.content for each in kept.messages] == ["First", "one", "Third", "three"]
    assert "Second" not in ollm.run_command("session show last").stdout
    assert "[taken back]" in ollm.run_command("session show last --all").stdout


def test_a_failed_turn_is_no_part_of_the_conversation_and_yet_kept(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", ProviderError("it broke"), "three"])
    kept = talk(ollm, "First")
    with pytest.raises(ProviderError):
        talk(ollm, "Second", conversation=kept)
    talk(ollm, "Third", conversation=kept)
    assert resumed(ollm, kept.id) == kept.messages
    said = ollm.run_command("session show last --all --json").json["turns"]
    assert [(each["messages"][0]["content"], each["reason"]) for each in said] == [
        ("First", "stop"),
        ("Second", "cut"),
        ("Third", "stop"),
    ]


def test_a_cut_answer_is_kept_as_far_as_it_came(ollm_app):
    ollm = ollm_app(Plugin, replies=[[TextDelta("half an ans")]])
    kept = talk(ollm, "First")
    assert resumed(ollm, kept.id) == kept.messages == [Message("user", "First"), Message("assistant", "half an ans")]
    assert ollm.run_command("session show").stdout.endswith(
        "\nhalf an ans\n[The answer was cut: the stream ended without its end mark.]\n[cut]\n"
    )


def test_what_the_user_was_told_in_a_turn_is_shown_with_it(ollm_app):
    ollm = ollm_app(Plugin, replies=[[Notice("slow", "It is \x1b[31mslow."), TextDelta("ok"), Finished("stop")]])
    talk(ollm, "First")
    assert ollm.run_command("session show").stdout.endswith("\n> First\nok\n[It is ␛[31mslow.]\n")


def test_an_aside_is_not_kept(ollm_app, ollm_home):
    ollm = ollm_app(Plugin)
    talk(ollm, "Between us", conversation=ollm.app.conversation(aside=True))
    sessions_of(ollm.app.context).recorder.flush()
    assert not (ollm_home / "sessions.db").exists()


@pytest.mark.parametrize("given", [{"settings": "sessions: {save: false}"}, {"environ": {"OLLM_SESSIONS_SAVE": "no"}}])
def test_who_wants_nothing_kept_finds_nothing_written(ollm_app, ollm_home, given):
    ollm = ollm_app(Plugin, replies=["one", "two"], **given)
    kept = talk(ollm, "First", "Second", None)
    records = ollm.app.services.find(ConversationRecords)
    records.note(kept.id, "context", {"kept": 1})
    assert records.noted(kept.id, "context") is None
    assert list(records.tool_calls()) == []
    assert ollm.run_command("session list").stdout == "No session is kept yet\n"
    ollm.app.close()
    assert [path.name for path in ollm_home.iterdir() if path.name != "config.yaml"] == []


def test_what_was_said_before_saving_was_wanted_is_kept_with_the_next_turn(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", "two"], settings="sessions: {save: false}")
    kept = talk(ollm, "First")
    ollm.app.settings.set_session("sessions.save", True)
    talk(ollm, "Second", conversation=kept)
    assert resumed(ollm, kept.id) == kept.messages
    assert "[kept later than it was said]" in ollm.run_command("session show").stdout


def test_whatever_a_model_writes_can_be_kept(ollm_app):
    strange = "half \ud800 nul \0 bell \a bidi \u202e"
    call = ToolCall("1", "look", {"at": 2**70, "half": "\ud800"})
    ollm = ollm_app(Plugin, Looking, replies=[call, strange])
    kept = talk(ollm, "\ud800?")
    read = resumed(ollm, kept.id)
    assert [each.role for each in read] == ["user", "assistant", "tool", "assistant"]
    assert read[-1].content == strange.replace("\ud800", "?")
    assert read[1].tool_calls[0].arguments["at"] == 2**70
    shown = ollm.run_command("session show").stdout
    assert "\a" not in shown
    assert "\u202e" not in shown
    assert ollm.run_command("session search bell").stdout.count("bell") == 1


def test_two_conversations_of_one_program_stay_apart(ollm_app):
    ollm = ollm_app(Plugin, replies=["a", "b", "c"])
    first, second = talk(ollm, "First"), talk(ollm, "Second")
    talk(ollm, "More", conversation=first)
    assert resumed(ollm, first.id) == first.messages
    assert resumed(ollm, second.id) == second.messages


def test_records_of_tools_and_notes(ollm_app):
    ollm = ollm_app(Plugin, Looking, replies=[ToolCall("1", "look", {"at": 1}), "ok"])
    kept = talk(ollm, "Look")
    records = ollm.app.services.find(ConversationRecords)
    (call,) = records.tool_calls(tool="look")
    assert (call.conversation, call.model, call.call.call.arguments) == (kept.id, "scripted/scripted:1b", {"at": 1})
    assert call.call.allowed
    assert not call.call.failed
    assert records.tool_calls(tool="other") == records.tool_calls(conversation="other") == []
    records.note(kept.id, "context", {"summary": "süß"})
    assert records.noted(kept.id, "context") == {"summary": "süß"}
    assert records.noted(kept.id, "other") is None
    records.note(kept.id, "context", None)
    assert records.noted(kept.id, "context") is None
    ollm.run_command("session fork last")
    assert len(records.tool_calls()) == 1, "what a fork has copied happened once"
    made = ollm.run_command("session list --json").json[0]
    assert made["parent"] == kept.id
    assert [each.call for each in records.tool_calls(conversation=made["id"])] == [call.call]
    (turn,) = ollm.run_command(f"session show {made['id']} --json").json["turns"]
    assert turn["tools"][0]["call"]["arguments"] == {"at": 1}


def test_two_programs_go_on_with_one_session(ollm_app):
    """The one that comes second goes on in a fork, and neither loses anything."""
    first, second = ollm_app(Plugin, replies=["one", "two"]), ollm_app(Plugin, replies=["other", "more"])
    mine = talk(first, "First")
    sessions_of(first.app.context).recorder.flush()
    theirs = second.app.conversation()
    theirs.restore(mine.id, resumed(second, mine.id))
    talk(second, "Theirs", conversation=theirs)
    sessions_of(second.app.context).recorder.flush()
    talk(first, "Mine", conversation=mine)
    forked = sessions_of(first.app.context).recorder
    forked.flush()
    assert forked.where(mine.id) != mine.id
    assert "Another program has gone on with session" in first.stderr.getvalue()
    assert resumed(first, forked.where(mine.id)) == mine.messages
    assert resumed(second, theirs.id) == theirs.messages
    talk(second, "More", conversation=theirs)
    assert resumed(second, theirs.id) == theirs.messages
    listed = {each["id"]: each for each in first.run_command("session list --json").json}
    assert listed[forked.where(mine.id)]["parent"] == mine.id


def test_a_session_that_was_deleted_meanwhile_is_kept_anew(ollm_app):
    first, second = ollm_app(Plugin, replies=["one", "two"]), ollm_app(Plugin)
    mine = talk(first, "First")
    sessions_of(first.app.context).recorder.flush()
    assert second.run_command("session delete last --yes").stdout == "1 session deleted\n"
    talk(first, "Second", conversation=mine)
    assert resumed(first, mine.id) == mine.messages


def test_tables_of_an_earlier_version_are_brought_up_to_date(ollm_app, ollm_home, monkeypatch):
    ollm = ollm_app(Plugin, replies=["one"])
    kept = talk(ollm, "First")
    ollm.app.close()
    monkeypatch.setattr(database, "VERSION", 2)
    monkeypatch.setattr(database, "STEPS", (*STEPS, "ALTER TABLE sessions ADD COLUMN colour TEXT;"))
    later = ollm_app(Plugin, replies=["two"])
    assert resumed(later, kept.id) == kept.messages
    with closing(sqlite3.connect(ollm_home / "sessions.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT colour FROM sessions").fetchall() == [(None,)]


def test_a_file_of_a_later_version_is_left_alone(ollm_app, ollm_home):
    with sqlite3.connect(ollm_home / "sessions.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    ollm = ollm_app(Plugin, replies=["one", "two"])
    talk(ollm, "First", "Second")
    sessions_of(ollm.app.context).recorder.flush()
    assert ollm.stderr.getvalue().count("later version of ollm") == 1, "said once"
    refused = ollm.run_command("session list")
    assert refused.exit_code != 0
    assert "later version" in refused.stderr
    assert [path.name for path in ollm_home.glob("*.unreadable*")] == []


def test_a_disk_that_is_full_ends_no_conversation_and_loses_nothing_once_there_is_room(ollm_app, ollm_home):
    """A folder in the file's place stands for whatever keeps it from being written."""
    (ollm_home / "sessions.db").mkdir()
    ollm = ollm_app(Plugin, replies=["one", "two", "three"])
    kept = talk(ollm, "First", "Second")
    sessions_of(ollm.app.context).recorder.flush()
    assert ollm.stderr.getvalue().count("This conversation is not being saved") == 1
    assert "It is a folder: move it away." in ollm.run_command("session list").stderr
    (ollm_home / "sessions.db").rmdir()
    talk(ollm, "Third", conversation=kept)
    assert resumed(ollm, kept.id) == kept.messages
    turns = ollm.run_command("session show --json").json["turns"]
    assert [each["reason"] for each in turns] == ["stop"] * 3, "each is kept as if it had been at once"


@contextmanager
def unwritable(recorder, home):
    """Let a folder stand where the database is, until all that is heard meanwhile was tried."""
    recorder.flush()
    database = home / "sessions.db"
    database.rename(home / "elsewhere")
    database.mkdir()
    yield
    recorder.flush()
    database.rmdir()
    (home / "elsewhere").rename(database)


@pytest.mark.parametrize("undone", [False, True])
def test_what_could_not_be_written_is_written_at_the_end_unless_it_was_taken_back(ollm_app, ollm_home, undone):
    ollm = ollm_app(Plugin, replies=["one", "two"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    with unwritable(recorder, ollm_home):
        talk(ollm, "Second", *([None] if undone else []), conversation=kept)
    assert "This conversation is not being saved" in ollm.stderr.getvalue()
    ollm.app.close()
    assert resumed(ollm_app(Plugin), kept.id) == kept.messages
    assert len(kept.messages) == (2 if undone else 4)


def test_what_is_written_at_the_end_is_not_lost_behind_a_turn_that_cannot_be(ollm_app, ollm_home):
    ollm = ollm_app(Plugin, replies=["one", "two"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    with unwritable(recorder, ollm_home):
        recorder.take(replace(kept.last_turn, model="bad:1b", messages=(None, None)))
        talk(ollm, "Second", conversation=kept)
    ollm.app.close()
    assert "A turn with bad:1b is not saved: AttributeError" in ollm.stderr.getvalue()
    assert resumed(ollm_app(Plugin), kept.id) == kept.messages


def test_notes_and_what_was_taken_back_wait_for_room_on_the_disk_in_their_order(ollm_app, ollm_home):
    ollm = ollm_app(Plugin, replies=["one", "two", "three"])
    kept = talk(ollm, "First")
    records = sessions_of(ollm.app.context)
    records.note(kept.id, "former", 1)
    records.recorder.flush()
    database = ollm_home / "sessions.db"
    database.rename(ollm_home / "elsewhere")
    database.mkdir()
    talk(ollm, "Second", None, "Third", None, conversation=kept)
    records.note(kept.id, "context", {"covers": 2})
    records.note(kept.id, "context", {"covers": 4})
    records.note(kept.id, "former", None)
    records.recorder.flush()
    database.rmdir()
    (ollm_home / "elsewhere").rename(database)
    ollm.app.close()
    later = ollm_app(Plugin)
    assert resumed(later, kept.id) == kept.messages == [Message("user", "First"), Message("assistant", "one")]
    assert sessions_of(later.app.context).noted(kept.id, "context") == {"covers": 4}
    assert sessions_of(later.app.context).noted(kept.id, "former") is None
    turns = later.run_command("session show last --all --json").json["turns"]
    assert [(each["messages"][0]["content"], each["takenBack"]) for each in turns] == [
        ("First", False),
        ("Second", True),
        ("Third", True),
    ]


def test_what_could_not_be_written_is_tried_again_although_nothing_more_is_said(ollm_app, ollm_home, monkeypatch):
    monkeypatch.setattr(recorder, "AGAIN", 0.05)
    ollm = ollm_app(Plugin, replies=["one"])
    (ollm_home / "sessions.db").mkdir()
    kept = talk(ollm, "First")
    sessions_of(ollm.app.context).recorder.flush()
    (ollm_home / "sessions.db").rmdir()
    later = ollm_app(Plugin)
    assert until(lambda: resumed(later, kept.id) == kept.messages)


def test_a_turn_that_the_tables_do_not_take_keeps_no_other_from_being_written(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", "two"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    recorder.take(replace(kept.last_turn, model="bad:1b", reason=None))
    talk(ollm, "Second", conversation=kept)
    recorder.flush()
    assert "A turn with bad:1b is not saved" in ollm.stderr.getvalue()
    assert resumed(ollm, kept.id) == kept.messages


def test_a_file_that_another_program_holds_delays_the_end_once_not_for_each_that_is_left(
    ollm_app, ollm_home, monkeypatch
):
    monkeypatch.setattr(recorder, "HELD", 2.0)
    ollm = ollm_app(Plugin, replies=["one", "two", "three", "four"])
    kept = talk(ollm, "First")
    sessions_of(ollm.app.context).recorder.flush()
    with closing(sqlite3.connect(ollm_home / "sessions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        talk(ollm, "Second", None, "Third", "Fourth", conversation=kept)
        heard(ollm, kept, TextDelta("half an ans"))
        began = time.monotonic()
        sessions_of(ollm.app.context).recorder.close()
        assert time.monotonic() - began < 6.0, "and not 2 s for each of five"
        other.execute("ROLLBACK")
    assert "database is locked" in ollm.stderr.getvalue()
    assert "is still being saved: another program may hold the file" in ollm.stderr.getvalue()


def test_who_reads_does_not_wait_again_for_a_file_that_was_waited_for_in_vain(ollm_app, ollm_home, monkeypatch):
    monkeypatch.setattr(recorder, "HELD", 3.0)
    ollm = ollm_app(Plugin, replies=["one", "two"])
    kept = talk(ollm, "First")
    sessions_of(ollm.app.context).recorder.flush()
    with closing(sqlite3.connect(ollm_home / "sessions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        talk(ollm, "Second", conversation=kept)
        began = time.monotonic()
        for _ in range(4):
            assert ollm.run_command("session list --json").json[0]["turns"] == 1
        assert time.monotonic() - began < 15.0, "and not 3 s for each of eight looks at the file"
        other.execute("ROLLBACK")
    assert resumed(ollm, kept.id) == kept.messages


def test_notices_are_kept(ollm_app):
    ollm = ollm_app(Plugin, replies=[[Notice("odd", "Something is odd."), TextDelta("ok"), Finished("stop")]])
    talk(ollm, "First")
    (turn,) = ollm.run_command("session show --json").json["turns"]
    assert turn["notices"] == ["Something is odd."]
    assert turn["events"][0] == {"type": "notice", "after": turn["events"][0]["after"], "code": "odd"} | {
        "text": "Something is odd."
    }


def test_a_turn_that_cannot_be_written_is_said_and_the_next_one_is_kept(ollm_app):
    """A plugin may hand on a turn that holds what no turn should."""
    ollm = ollm_app(Plugin, replies=["one", "two"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    for model in ("a:1b", "b:1b"):
        recorder.take(replace(kept.last_turn, model=model, messages=(None, None)))
    recorder.flush()
    assert "A turn with a:1b is not saved: AttributeError" in ollm.stderr.getvalue()
    assert "A turn with b:1b is not saved: AttributeError" in ollm.stderr.getvalue(), "each one is lost"
    talk(ollm, "Second", conversation=kept)
    assert resumed(ollm, kept.id) == kept.messages


def test_what_waits_behind_something_that_fails_is_written(ollm_app, ollm_home):
    """The file is locked while the thread begins, so that both wait when it comes to them."""
    ollm = ollm_app(Plugin, replies=["one"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    recorder.close()
    wrong = replace(kept.last_turn, context=replace(kept.last_turn.context, messages=None))
    with closing(sqlite3.connect(ollm_home / "sessions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recorder.take(wrong)
        recorder.note(kept.id, "behind", "1")
        other.execute("ROLLBACK")
        until = time.monotonic() + 30
        while not (found := other.execute("SELECT name FROM notes").fetchall()) and time.monotonic() < until:
            time.sleep(0.02)
    assert found == [("behind",)], "nothing else wakes the thread"
    assert "A turn with scripted:1b is not saved: TypeError" in ollm.stderr.getvalue()


def heard(ollm, conversation, *events):
    """Let the recorder hear events of a turn that does not end."""
    recorder = sessions_of(ollm.app.context).recorder
    turn = replace(
        conversation.last_turn.context, id=uuid4().hex, prompt="Under way", messages=tuple(conversation.messages)
    )
    for event in events:
        recorder.hear(EventContext(turn, event))


def until(holds):
    """Wait for the writer, half a minute at most."""
    end = time.monotonic() + 30
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_a_session_has_the_title_that_its_first_prompt_wants_from_the_beginning(ollm_app):
    ollm = ollm_app(Plugin)
    context = talk(ollm, "First").last_turn.context
    wishes = Overrides(title="tr: Good day")
    turn = replace(context, id=uuid4().hex, conversation=uuid4().hex, overrides=wishes)
    sessions_of(ollm.app.context).recorder.hear(EventContext(turn, TextDelta("half")))
    titles = lambda: {each["title"] for each in ollm.run_command("session list --json").json}  # noqa: E731  (asked again)
    assert until(lambda: titles() == {"First", "tr: Good day"})


def test_a_session_is_as_old_as_its_last_answer_however_long_the_model_was_loading(ollm_app):
    """Else one that is begun a moment later would stand before it in the list, and `-c` take the wrong one."""
    ollm = ollm_app(Plugin, replies=["one"])
    kept = talk(ollm, "First")
    heard(ollm, kept, TextDelta("Here it is"))
    recorder = sessions_of(ollm.app.context).recorder
    (live,) = recorder._live.values()
    began = replace(live.turn, prompt="Second")
    messages = (Message("user", "Second"), Message("assistant", "Here it is"))
    recorder.take(replace(kept.last_turn, id=began.id, context=began, messages=messages, seconds=3600.0))
    (turn,) = sessions_of(ollm.app.context).turns(kept.id, last=1)
    (session,) = sessions_of(ollm.app.context).read(reading.sessions, ())
    assert turn.at + 3600.0 == pytest.approx(time.time(), abs=60)
    assert session.updated <= time.time()


def test_an_answer_under_way_that_cannot_be_written_keeps_no_other_from_being_written(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", "two"])
    bad, good = talk(ollm, "First"), talk(ollm, "Second")
    call = ToolCall("1", None, {})
    heard(ollm, bad, ToolCalled(call), ToolReturned(call, None))
    heard(ollm, good, TextDelta("half an ans"))
    assert until(lambda: [each.content for each in resumed(ollm, good.id)][2:] == ["Under way", "half an ans"])
    time.sleep(1.2)  # it is tried again twice
    assert ollm.stderr.getvalue().count("The answer under way is not saved: ") == 1, "said once"


def test_the_loop_that_draws_on_the_screen_says_what_goes_wrong_in_the_thread(ollm_app, ollm_home):
    (ollm_home / "sessions.db").mkdir()
    ollm = ollm_app(Plugin, replies=["one"])
    kept, told = talk(ollm, "First"), []
    ollm.app.out.fresh()
    ollm.app.out.on_notice = lambda notice: told.append((notice.code, threading.get_ident()))
    recorder = sessions_of(ollm.app.context).recorder
    recorder._failed.clear()

    async def under_way():
        heard(ollm, kept, TextDelta("half an ans"))
        while not told:
            await asyncio.sleep(0.01)

    ollm.app.run(asyncio.wait_for(under_way(), 10))
    assert told == [("session-unsaved", threading.get_ident())]


def test_an_event_that_cannot_be_told_loses_no_turn(ollm_app):
    ollm = ollm_app(Plugin, replies=[[Notice("odd", None), TextDelta("ok"), Finished("stop")]])
    kept = talk(ollm, "First")
    assert [each.content for each in resumed(ollm, kept.id)] == ["First", "ok"]
    (turn,) = ollm.run_command("session show --json").json["turns"]
    assert "NoneType" in turn["events"][0]["problem"]


def test_what_could_not_be_written_while_an_answer_came_is_written_although_nothing_more_comes(ollm_app, ollm_home):
    ollm = ollm_app(Plugin, replies=["one"])
    kept = talk(ollm, "First")
    recorder = sessions_of(ollm.app.context).recorder
    recorder.flush()
    database = ollm_home / "sessions.db"
    database.rename(ollm_home / "elsewhere")
    database.mkdir()
    heard(ollm, kept, TextDelta("half an ans"))
    assert until(lambda: "This conversation is not being saved" in ollm.stderr.getvalue())
    database.rmdir()
    (ollm_home / "elsewhere").rename(database)
    assert until(lambda: [each.content for each in resumed(ollm, kept.id)][2:] == ["Under way", "half an ans"])


def test_a_token_is_only_handed_over():
    """What is heard in the first moment imports nothing that writes."""
    names = "import sys; from ollm_plugins.sessions import observing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True).stdout.split()
    assert "ollm_plugins.sessions.recorder" in loaded
    assert {"sqlite3", "filelock", "ollm_plugins.sessions.database"}.isdisjoint(loaded)
