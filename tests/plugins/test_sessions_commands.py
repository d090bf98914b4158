"""Do the commands find, show, export and delete what was said?"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ollm.api import (
    CompletionContext,
    Finished,
    GenerationOptions,
    Overrides,
    ProviderError,
    Specs,
    TextDelta,
    ThinkingDelta,
    Tool,
    ToolCall,
    hookimpl,
    replace,
)
from ollm_plugins.sessions import exporting, meaning
from ollm_plugins.sessions.meaning import complete
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.service import sessions_of
from tests.helpers.clock import two_hours_ahead  # noqa: F401  (a fixture)
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)

PAGE = Path(__file__).parents[2] / "docs" / "rooms" / "sessions.md"
PNG = b"\x89PNG\r\n\x1a\nimage"


async def look(ctx, arguments):  # noqa: ARG001  (as it is called)
    return "```\nnot the end of <b>it</b>"


class Looking(Specs):
    """A tool without risk."""

    @hookimpl
    def ollm_tools(self, ctx):  # noqa: ARG002  (the hook's signature)
        return [Tool("look", "Look.", {"type": "object"}, look, risk="none")]


def talk(harness, *prompts, images=()):
    conversation = harness.app.conversation()

    async def hold():
        for prompt in prompts:
            async for _ in conversation.ask(prompt, images):
                pass

    harness.app.run(hold())
    return conversation


@pytest.fixture
def three(ollm_app):
    """An app in which three sessions were held, the last one about the parser."""
    harness = ollm_app(Plugin, replies=["Rome.\nAlso Café Müller.", "Berlin", "foo_bar() parses.\n\x1b[31mred"])
    harness.kept = [talk(harness, prompt) for prompt in ("Capital of Italy?", "Capital of Germany?", "The parser?")]
    return harness


def test_the_list_begins_with_the_last(three):
    lines = [line.split("\t") for line in three.run_command("session list").stdout.splitlines()]
    assert lines[0] == ["#", "id", "when", "turns", "model", "project", "title"]
    assert [(line[0], line[-1]) for line in lines[1:]] == [
        ("1", "The parser?"),
        ("2", "Capital of Germany?"),
        ("3", "Capital of Italy?"),
    ]
    cut = three.run_command("session list -n 1")
    assert len(cut.stdout.splitlines()) == 2
    assert "last 1 of 3" in cut.stderr


def test_the_list_of_a_project(three, tmp_path, monkeypatch):
    assert len(three.run_command("session list --here --json").json) == 3
    (tmp_path / "other").mkdir()
    three.app.enter(tmp_path / "other")
    assert three.run_command("session list --here").stdout == "No session of this project is kept\n"
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("word", "title"),
    [("last", "The parser?"), ("1", "The parser?"), ("3", "Capital of Italy?"), ("capital of germany?", None)],
)
def test_what_a_word_means(three, word, title):
    shown = three.run_command(f'session show "{word}" --json').json
    assert shown["title"] == (title or "Capital of Germany?")


def test_an_id_by_its_beginning(three):
    identity = three.kept[1].id
    for length in (6, 12, 32):
        assert three.run_command(f"session show {identity[:length]} --json").json["id"] == identity
    refused = three.run_command("session show 'The parsr?'")
    assert refused.exit_code == 2
    assert "did you mean The parser?" in refused.stderr
    assert three.run_command("session show 9").stderr.startswith(
        "ollm: There is no session number 9. `ollm session list`"
    )


def test_a_title_that_is_a_number_or_a_word_with_a_meaning(three):
    three.run_command("session rename 3 121")
    assert three.run_command("session show 121 --json").json["id"] == three.kept[0].id
    assert three.run_command("session show 3 --json").json["id"] == three.kept[0].id
    refused = three.run_command("session show 0")
    assert "There is no session number 0. `ollm session list` numbers them, 1 to 3." in refused.stderr
    assert "In the shell no conversation is under way. `last` means" in three.run_command("session show this").stderr


@pytest.mark.parametrize("command", ["list --limit", "search red --limit", "show last --turns"])
def test_a_number_beyond_all_bounds_is_wrong_usage(three, command):
    done = three.run_command(f"session {command} {10**30}")
    assert done.exit_code == 2
    assert "is not in the range" in done.stderr


def test_the_last_session_is_the_one_in_which_an_answer_ended_last(three, monkeypatch):
    """One that began before another may have ended after it."""
    turn = three.kept[0].last_turn
    recorder = sessions_of(three.app.context).recorder
    recorder.take(replace(turn, seconds=60.0))
    recorder.flush()
    assert three.run_command("session list --json").json[0]["id"] == three.kept[0].id


@pytest.mark.parametrize("query", ["rome", "ROM*", "cafe muller", '"Also Café"', "café AND NOT (", "caf\u00e9"])
def test_search_is_no_language(three, query):
    done = three.run_command(f"session search '{query}'")
    assert done.exit_code == 0
    if "AND" not in query:
        assert "Rome." in done.stdout or "Also Café Müller." in done.stdout


def test_search_shows_the_hit_in_its_line(three):
    (hit,) = three.run_command("session search muller --json").json
    assert hit["line"] == "Also Café Müller."
    assert hit["lineNumber"] == 2
    assert [hit["line"][each["start"] : each["end"]] for each in hit["hits"]] == ["Müller"]
    assert (hit["role"], hit["title"], hit["session"]) == ("assistant", "Capital of Italy?", three.kept[0].id)
    plain = three.run_command("session search red").stdout
    assert "\x1b" not in plain
    assert "\u241b[31mred" in plain
    three.app.out.use_color(wanted=True)
    assert "Also Café \x1b[1mMüller\x1b[0m." in three.run_command("session search muller").stdout


def test_search_finds_parts_of_words_when_no_word_fits(three):
    (hit,) = three.run_command("session search oo_ba --json").json
    assert hit["line"][hit["hits"][0]["start"] :].startswith("oo_ba")
    assert three.run_command("session search 'o%ba'").stdout == "Nothing was found\n"
    for nothing in ("'  '", "'\t'", "'\"\t\"'"):
        assert three.run_command(f"session search {nothing}").exit_code == 2
    assert three.run_command("session search zzz --json").json == []


def test_all_parts_of_words_must_be_in_a_message(three):
    (hit,) = three.run_command("session search arse o_ba --json").json
    assert [hit["line"][each["start"] : each["end"]] for each in hit["hits"]] == ["o_ba", "arse"]
    assert three.run_command("session search arse erlin").stdout == "Nothing was found\n"
    assert "Also Café Müller." in three.run_command("session search 'AFÉ MÜL'").stdout, "letters have no case"


@pytest.mark.parametrize("query", ["月", "月亮", "月亮*", "月亮 很大", "今天", "달", "พระ"])
def test_words_without_spaces_are_found_wherever_they_stand(ollm_app, query):
    """Else those that stand alone would hide all others."""
    harness = ollm_app(Plugin, replies=["今天的月亮很大。\n달은 พระจันทร์", "月 月亮 很大 今天 달 พระ"])
    talk(harness, "First", "Second")
    first, second = harness.run_command(f"session search '{query}' --json").json[::-1]
    assert "今天的" in first["line"] or "달은" in first["line"]
    assert second["line"].startswith("月 ")
    assert first["line"][first["hits"][0]["start"] :].startswith(query.split()[0].rstrip("*"))


def test_a_search_for_very_much_is_no_failure(three):
    many = " ".join(f"w{number}" for number in range(3000))
    assert three.run_command(f"session search '{many}'").stdout == "Nothing was found\n"
    assert three.run_command(f"session search '{'x' * 100_000}'").stdout == "Nothing was found\n"


def test_a_long_line_is_cut_around_the_hit(ollm_app):
    harness = ollm_app(Plugin, replies=["x " * 300 + "needle" + " y" * 300])
    talk(harness, "Hi")
    line = harness.run_command("session search needle").stdout.splitlines()[1].strip()
    assert line.startswith("…")
    assert line.endswith("…")
    assert "needle" in line
    assert len(line) < 180


def test_fork(three):
    talk_more = sessions_of(three.app.context)
    made = three.run_command("session fork last --json").json
    assert (made["title"], made["turns"], made["parent"]) == ("The parser?", 1, three.kept[2].id)
    assert talk_more.load(made["id"]) == three.kept[2].messages
    assert three.run_command("session fork last --at 2").exit_code == 2
    assert three.run_command("session search parses --json").json[1:] == [], "a copy is no second hit"


def test_rename(three):
    assert three.run_command("session rename last  A  'new  title'").stdout == "'The parser?' is now 'A new title'\n"
    assert three.run_command("session show --json").json["title"] == "A new title"
    assert three.run_command("session rename last ' '").exit_code == 2


def test_delete_leaves_nothing_in_the_file(three, ollm_home):
    three.run_command("session list")
    assert b"parses" in b"".join(path.read_bytes() for path in ollm_home.glob("sessions.db*"))
    refused = three.run_command("session delete last")
    assert refused.exit_code == 2
    assert "Add --yes" in refused.stderr
    assert three.run_command("session delete last 1 --yes --json").json == {"deleted": [three.kept[2].id]}
    three.app.close()
    left = b"".join(path.read_bytes() for path in ollm_home.glob("sessions.db*"))
    assert b"parses" not in left
    assert b"Rome" in left
    assert three.run_command("session search parses").stdout == "Nothing was found\n"


def test_delete_by_age(three):
    assert three.run_command("session delete --older-than 1h --yes").stdout == "0 sessions deleted\n"
    sessions_of(three.app.context).change(
        lambda connection: connection.execute(
            "UPDATE sessions SET updated=? WHERE title LIKE '%a%'", (time.time() - 7200,)
        )
    )
    assert three.run_command("session delete --older-than 1h --yes").stdout == "3 sessions deleted\n"
    assert three.run_command("session delete --older-than soon --yes").exit_code == 2
    assert three.run_command("session delete --yes").exit_code == 2
    assert three.run_command("session delete x --all --yes").exit_code == 2


@pytest.fixture
def rich(ollm_app):
    """A session with a tool, an image, thoughts, markup and a fence that is never closed."""
    answer = [
        ThinkingDelta("hm </pre>"),
        TextDelta("<script>alert(1)</script>\n```py\nopen = '````'"),
        Finished("stop"),
    ]
    harness = ollm_app(Plugin, Looking, replies=[ToolCall("1", "look", {"at": "`x`"}), answer, "The end"])
    talk(harness, "# Look\n```\n<i>at</i>", "More", images=(PNG,))
    return harness


def test_markdown_that_nothing_can_break_out_of(rich):
    text = rich.run_command("session export last").stdout
    tokens = MarkdownIt().parse(text)
    fences = [token.content for token in tokens if token.type == "fence" and token.level == 0]
    assert fences == [
        '{"at":"`x`"}\n',
        "```\nnot the end of <b>it</b>\n",
        "hm </pre>\n",
        "open = '````'\n",
    ]
    quoted = [at for at, token in enumerate(tokens) if token.type == "blockquote_open"]
    assert len(quoted) == 2, "the second prompt is not swallowed by the first one's fence"
    assert "The end" in text.splitlines()
    assert "data:image/png;base64," in text


@pytest.mark.parametrize(
    "answer",
    [
        "<!-- a note",
        "Text\n<!-- a note\n\n```\nno fence",
        "<!-- a note -->\n<pre>",
        " <SCRIPT src='x'\n>",
        "<style>\n<!--",
        "<?php echo 1;",
        "<![CDATA[ x > y",
        "<!DOCTYPE html",
        "~~~ `x\n```\n~~",
        "````py\n```\n<!--",
        "```\n<!--\n```\nText",
        "``` `` \nText",
        "<!-- x -->\n```",
        "```\nText\x0c```",
        "```\nText\u2028```",
        "<pre>\n</pre>\n````",
        "<textarea></textarea>\nText",
    ],
)
def test_what_an_answer_opens_ends_with_it_in_markdown(ollm_app, answer):
    harness = ollm_app(Plugin, replies=[answer, "The end"])
    talk(harness, "First", "Second")
    tokens = MarkdownIt().parse(harness.run_command("session export last").stdout)
    assert [each.content for each in tokens if each.type == "inline" and each.level == 1][-2:] == [
        "**scripted:1b**",
        "The end",
    ]
    assert [each.type for each in tokens].count("blockquote_open") == 2


def test_html_that_holds_text_only(rich, tmp_path):
    assert rich.run_command(f"session export last {tmp_path}/talk.html").exit_code == 0
    page = (tmp_path / "talk.html").read_text()
    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    Reader().feed(page)
    names = {tag for tag, _ in tags}
    assert names.isdisjoint({"script", "i", "b", "link", "iframe"})
    assert "&lt;script&gt;" in page
    assert "prefers-color-scheme: dark" in page
    sources = [attributes["src"] for tag, attributes in tags if "src" in attributes]
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_json_is_complete(rich, tmp_path):
    rich.run_command(f"session export last {tmp_path}/talk.json")
    document = json.loads((tmp_path / "talk.json").read_text())
    assert (document["version"], document["format"]) == (1, "ollm-session")
    assert [len(turn["messages"]) for turn in document["turns"]] == [4, 2]
    assert document["turns"][0]["messages"][0]["images"]
    assert rich.run_command("session export last --json").json == document


def test_what_a_prompt_asked_for_is_part_of_the_document(ollm_app):
    harness = ollm_app(Plugin)
    conversation = harness.app.conversation()

    async def hold(**wishes):
        async for _ in conversation.ask("Hi", (), Overrides(**wishes)):
            pass

    harness.app.run(hold())
    harness.app.run(hold(system="Be brief.", options=GenerationOptions(max_tokens=9)))
    turns = harness.run_command("session show --json").json["turns"]
    assert [each["overrides"] for each in turns] == [{}, {"system": "Be brief.", "options": {"maxTokens": 9}}]


@pytest.mark.usefixtures("two_hours_ahead")
def test_people_read_the_time_of_their_clock_and_programs_that_of_utc(rich):
    service = sessions_of(rich.app.context)
    service.change(lambda connection: connection.execute("UPDATE sessions SET created=0, updated=86399"))
    assert rich.run_command("session show").stdout.splitlines()[1].split(" · ")[1] == "1970-01-02 01:59"
    assert rich.run_command("session list").stdout.splitlines()[1].split("\t")[2] == "1970-01-02"
    for form in ("markdown", "html"):
        assert "1970-01-01 02:00" in rich.run_command(f"session export last --format {form}").stdout
    document = rich.run_command("session show --json").json
    assert (document["created"], document["updated"]) == ("1970-01-01T00:00:00Z", "1970-01-01T23:59:59Z")


def test_an_export_replaces_nothing(rich, tmp_path):
    (tmp_path / "talk.md").write_text("mine")
    refused = rich.run_command(f"session export last {tmp_path}/talk.md")
    assert refused.exit_code == 2
    assert (tmp_path / "talk.md").read_text() == "mine"
    assert rich.run_command(f"session export last {tmp_path}/talk.md --force").exit_code == 0
    assert (tmp_path / "talk.md").read_text().startswith("# ")
    assert rich.run_command("session export last --format pdf").exit_code == 2


def test_an_export_to_the_home_of_nobody_is_no_failure(rich, tmp_path, monkeypatch):
    """It is the name of a folder then, as in a shell."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~no-such-user").mkdir()
    done = rich.run_command("session export last ~no-such-user/talk.md")
    assert (done.exit_code, (tmp_path / "~no-such-user" / "talk.md").is_file()) == (0, True), done.stderr


def test_an_export_describes_each_turn_once(rich, monkeypatch):
    described = []
    real = exporting.described_turn
    monkeypatch.setattr(exporting, "described_turn", lambda turn: described.append(turn.id) or real(turn))
    shown = rich.run_command("session export last --json").json
    assert described == [turn["id"] for turn in shown["turns"]]


def test_ids_are_shown_as_far_as_they_differ():
    known = ["b" * 32, "abcdef01" + "0" * 24, "abcdef02" + "0" * 24, "abcdef1" + "0" * 25]
    assert meaning.shown(known) == dict(zip(known, ["bbbbbb", "abcdef01", "abcdef02", "abcdef1"], strict=True))
    assert meaning.shown([]) == {}
    assert meaning.shown(["a" * 32]) == {"a" * 32: "aaaaaa"}


def test_an_id_is_shown_whole_where_another_program_has_deleted_the_session(three):
    assert meaning.short(three.app.context, three.kept[0].id) == three.kept[0].id[:6]
    assert three.run_command("session delete --all --yes").exit_code == 0
    assert meaning.short(three.app.context, three.kept[0].id) == three.kept[0].id


def test_completion(three):
    offered = complete(CompletionContext(three.app.context))
    assert [title for _, title in offered] == ["The parser?", "Capital of Germany?", "Capital of Italy?"]
    (found,) = complete(CompletionContext(three.app.context, "italy"))
    assert three.kept[0].id.startswith(found[0])


def test_completion_offers_older_sessions_and_ids_that_are_typed_far(three, monkeypatch):
    monkeypatch.setattr(meaning, "COMPLETED", 1)
    assert [title for _, title in complete(CompletionContext(three.app.context))] == ["The parser?"]
    oldest = three.kept[0].id
    assert [title for _, title in complete(CompletionContext(three.app.context, "italy"))] == ["Capital of Italy?"]
    for typed in (oldest[:4], oldest[:12], oldest):
        (found,) = complete(CompletionContext(three.app.context, typed))
        assert found == (oldest[: max(6, len(typed))], "Capital of Italy?")


def test_without_sessions(ollm_app, ollm_home):
    harness = ollm_app(Plugin)
    assert harness.run_command("session list --json").json == []
    for line in ("session show", "session fork", "session export", "session rename last x"):
        done = harness.run_command(line)
        assert (done.exit_code, done.stderr.startswith("ollm: No session is kept yet")) == (2, True)
    assert list(ollm_home.iterdir()) == []


def test_continuing_in_a_project_and_elsewhere(ollm, replay, monkeypatch, tmp_path):  # noqa: F811
    server = replay({"/api/chat": "chat_stream"})
    for name, value in {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}.items():
        monkeypatch.setenv(name, value)
    nothing = ollm("-c", "-p", "More")
    assert (nothing.code, "No session is kept yet" in nothing.err) == (2, True)
    for name in ("a", "b"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "deep").mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert ollm("-p", f"In {name}").code == 0
    monkeypatch.chdir(tmp_path / "a" / "deep")
    done = ollm("-c", "-p", "More")
    assert "ollm: There is no session" not in done.err
    prompts = [each["content"] for each in server.asked("/api/chat")[-1].json["messages"] if each["role"] == "user"]
    assert prompts == ["In a", "More"]
    monkeypatch.chdir(tmp_path)
    assert f"the last one of {tmp_path / 'a'} goes on: In a" in ollm("-c", "-p", "Again").err
    both = ollm("-c", "--resume", "last", "-p", "x")
    assert (both.code, "exclude each other" in both.err) == (2, True)
    assert ollm("-c").code == 2, "there is no terminal"


@pytest.mark.parametrize("words", [["-c"], ["--resume", "last"]])
def test_one_that_nothing_came_of_is_not_continued(ollm, replay, monkeypatch, words):  # noqa: F811
    server = replay({"/api/chat": ["chat_stream", "chat_missing_model", "chat_stream"]})
    for name, value in {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}.items():
        monkeypatch.setenv(name, value)
    assert [ollm("-p", prompt).code for prompt in ("Hello", "Lost")] == [0, 3]
    assert [each["turns"] for each in ollm("session", "list", "--json").json] == [0, 1]
    assert ollm(*words, "-p", "More").code == 0
    prompts = [each["content"] for each in server.asked("/api/chat")[-1].json["messages"] if each["role"] == "user"]
    assert prompts == ["Hello", "More"]


def test_last_is_one_in_which_something_was_answered_if_there_is_any(ollm_app):
    harness = ollm_app(Plugin, replies=[ProviderError("it broke"), "Rome.", ProviderError("it broke")])
    for prompt, last in (("Lost", "Lost"), ("Held", "Held"), ("Lost too", "Held")):
        with suppress(ProviderError):
            talk(harness, prompt)
        for command in ("session show last --json", "session show --json"):
            assert harness.run_command(command).json["title"] == last
    assert harness.run_command("session show 1 --json").json["title"] == "Lost too"


def commands_of_the_page():
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ollm ")]


def test_every_command_of_the_page_works(ollm, replay, monkeypatch):  # noqa: F811
    import shlex

    server = replay({"/api/chat": "chat_stream"})
    for name, value in {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}.items():
        monkeypatch.setenv(name, value)
    assert ollm("-p", "Why is the sky blue?").code == 0
    lines = commands_of_the_page()
    assert len(lines) > 12
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        done = ollm(*words)
        needs_terminal = words in (["-c"], ["session", "resume", "last"])
        assert (done.code == 2 and "terminal" in done.err) if needs_terminal else done.code == 0, (line, done.err)
