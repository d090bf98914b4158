"""What does somebody see whose conversation outgrows its context? A real process in a real terminal."""

from __future__ import annotations

import os
import re

import pytest
from ollm_plugins.context.summarize import TASK

from tests.plugins.test_context import MODEL, SUMMARY, answering, long, spoken
from tests.plugins.test_local import cache  # noqa: F401  (a fixture: the real weights)
from tests.replay import entry
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)
from tests.terminal.screen import PATIENCE, Terminal

WIDE, NARROW = (80, 24), (40, 12)


def slow(request):
    """Take two minutes for a summary."""
    if request.json["messages"][0]["content"] != TASK:
        return answering(request)
    return spoken(SUMMARY, 100).but(header_ms=120_000, line_ms=(120_000, 120_000), total_ms=120_000)


@pytest.fixture
def open_terminal(tmp_path, remembering):  # noqa: F811
    """Open terminals in one home, against one server that counts."""
    opened = []
    home = tmp_path / "home"
    (home / ".ollm").mkdir(parents=True)

    def start(*arguments, size=WIDE, settings="options: {numCtx: 512}\n", rule=answering, **environ):
        if not opened:
            listed = [entry(MODEL, capabilities=["completion"])]
            start.server = remembering(listed=listed, script={"/api/chat": rule}, speed=1.0, load_ms=0)
        (home / ".ollm" / "config.yaml").write_text(settings)
        usual = {"OLLAMA_HOST": start.server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": MODEL}
        variables = {**usual, "OLLM_PROJECT_DETECT": "no", **environ}
        terminal = Terminal(home, variables, *arguments, columns=size[0], rows=size[1])
        opened.append(terminal)
        terminal.__enter__()
        terminal.wait_for_prompt()
        return terminal

    yield start
    for terminal in opened:
        terminal.process.close(force=True)


def fill(terminal, *words, count=134):
    for word in words:
        ask_at_length(terminal, long(word, count), "Fine.")


def ask_at_length(terminal, prompt, answer, timeout=PATIENCE):
    """Ask what may fill the screen while it is typed, and wait for the answer."""
    before = terminal.text.count(answer)
    terminal.send_line(prompt)

    def done():
        return terminal.text.count(answer) > before and terminal.cursor_line == "> "

    terminal.wait_until(done, f"another {answer!r}, and the prompt", timeout)


def said(terminal):
    """What is on the screen, without the breaks of its lines."""
    return re.sub(r"\s+", " ", terminal.text)


def joined(terminal):
    """The same, without any spaces, as lines are broken within words."""
    return re.sub(r"\s+", "", terminal.text)


def last(start):
    return [(each["role"], each["content"]) for each in start.server.asked("/api/chat")[-1].json["messages"]]


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_conversation_that_outgrows_its_context(open_terminal, size):
    terminal = open_terminal(size=size)
    fill(terminal, "box", "cat", "dog")
    assert joined(terminal).count("ollm:Thecontextis8") == 1
    fill(terminal, "elk")
    assert joined(terminal).count("summarizesthebeginningoftheconversation") == 1
    assert joined(terminal).count("aresummarized:thepromptgoesfromabout") == 1
    terminal.ask("/context")
    assert re.search(r"^█ summary +\d+ +\d+%$", terminal.text, re.M)
    assert re.search(r"^█+░+$", terminal.text, re.M), "one line of blocks"
    assert all(len(line) <= size[0] for line in terminal.lines)
    assert "The oldest 3 turns are summarized;" in said(terminal)
    terminal.ask("/context undo")
    assert "They have no room; /context size raises it" in said(terminal)
    terminal.ask("/context size 4096")
    terminal.ask("All of it")
    assert last(open_terminal)[0] == ("user", long("box", 134))
    assert terminal.wait_for_prompt() is None


def test_before_the_first_prompt_and_resumed(open_terminal):
    first = open_terminal()
    first.ask("/context")
    assert "The next prompt brings along about" in first.text
    fill(first, "box", "cat", "dog", "elk")
    first.press("c-d")
    assert first.wait_for_end() == 0
    second = open_terminal("-c", size=NARROW)
    second.ask("/context")
    assert re.search(r"^█ summary +\d+ +\d+%$", second.text, re.M)
    second.ask("Go on")
    system, *rest = last(open_terminal)
    assert SUMMARY in system[1]
    assert not any(long("box", 134) in content for _, content in rest)
    second.ask("/context undo")
    second.ask("/context size 4096")
    second.ask("All of it")
    assert last(open_terminal)[0] == ("user", long("box", 134))


def test_ctrl_c_while_summarizing_changes_nothing(open_terminal):
    terminal = open_terminal(rule=slow)
    fill(terminal, "box", "cat", "dog")
    terminal.send_line(long("elk", 134))
    terminal.wait_for("summarizes the beginning")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    assert "interrupted" in terminal.text
    assert "are summarized" not in said(terminal)
    assert open_terminal.server.wait_for_hangup(PATIENCE) is not None
    terminal.press("c-c")
    terminal.wait_for("/exit leaves")
    terminal.wait_for_prompt()
    terminal.ask("/context size 4096")
    terminal.ask("Go on")
    contents = [content for _, content in last(open_terminal)]
    assert contents == [long("box", 134), "Fine.", long("cat", 134), "Fine.", long("dog", 134), "Fine.", "Go on"]


def test_ctrl_c_ends_a_summary_that_was_asked_for(open_terminal):
    terminal = open_terminal(rule=slow)
    fill(terminal, "box", "cat", count=40)
    terminal.send_line("/context compact")
    terminal.wait_for("summarizes the beginning")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    terminal.ask("/context undo")
    assert "Nothing is cut off this conversation" in said(terminal)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("drop", "left out: the prompt goes from about"),
        ("stop", "the context of smollm2:135m only 512"),
        ("grow", "The context grows from 512 to 1,024 tokens"),
    ],
)
def test_other_policies_say_what_they_do(open_terminal, policy, words):
    terminal = open_terminal(settings=f"options: {{numCtx: 512}}\ncontext: {{onOverflow: {policy}}}\n")
    for word in ("box", "cat", "dog", "elk"):
        terminal.ask(long(word, 134))
    assert words.replace(" ", "") in joined(terminal)
    terminal.ask("/context")
    assert "of 512 tokens" in said(terminal) or policy == "grow"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, {}])
def test_the_bar_is_letters_where_blocks_are_not_wanted(open_terminal, environ):
    terminal = open_terminal(*(() if environ else ("--plain",)), **environ)
    fill(terminal, "box", count=40)
    terminal.ask("/context")
    assert re.search(r"^\[[PHS-]+\.+\]$", terminal.text, re.M), terminal.text
    assert re.search(r"^P prompt +\d+ +\d+%$", terminal.text, re.M)
    assert "█" not in terminal.text


def test_the_bar_is_letters_as_soon_as_plain_is_set(open_terminal):
    terminal = open_terminal()
    fill(terminal, "box", count=40)
    terminal.ask("/context")
    assert "█" in terminal.text
    terminal.ask("/set repl.plain true")
    terminal.ask("/context")
    assert re.search(r"^\[[PHS-]+\.+\]$", terminal.text, re.M), terminal.text


def test_the_embedded_engine(tmp_path, cache):  # noqa: F811
    """A real model summarizes, in a context of 512 tokens."""
    home = tmp_path / "home"
    (home / ".ollm" / "models").mkdir(parents=True)
    os.link(cache, home / ".ollm" / "models" / cache.name)
    settings = "options: {numCtx: 512, maxTokens: 12, temperature: 0}\ncontext: {summaryTokens: 50}\n"
    (home / ".ollm" / "config.yaml").write_text(settings)
    with Terminal(home, {"OLLM_PROVIDER": "local", "OLLM_PROJECT_DETECT": "no"}) as one:
        one.wait_for_prompt()
        for word in ("box", "cat"):
            one.ask(long(word, 120), 60)
        one.ask(long("elk", 200), 120)
        assert "summarized:thepromptgoesfromabout" in joined(one)
        one.ask("/context")
        assert re.search(r"^█ summary +\d+ +\d+%$", one.text, re.M)
        read = re.search(r"smollm2:135m read (\d+) tokens", said(one))
        assert int(read[1]) <= 500
        one.press("c-d")
        assert one.wait_for_end() == 0
    with Terminal(home, {"OLLM_PROVIDER": "local", "OLLM_PROJECT_DETECT": "no"}, "-c", columns=80) as two:
        two.wait_for_prompt()
        two.ask("/context")
        assert re.search(r"^█ summary +\d+ +\d+%$", two.text, re.M)


def test_the_embedded_engine_says_once_that_its_context_is_full(tmp_path, cache):  # noqa: F811
    home = tmp_path / "home"
    (home / ".ollm" / "models").mkdir(parents=True)
    os.link(cache, home / ".ollm" / "models" / cache.name)
    settings = "options: {numCtx: 256, temperature: 0, seed: 1, extra: {ignore_eos: true}}\n"
    (home / ".ollm" / "config.yaml").write_text(settings)
    with Terminal(home, {"OLLM_PROVIDER": "local", "OLLM_PROJECT_DETECT": "no"}) as one:
        one.wait_for_prompt()
        one.ask("Count. " * 70, 120)
        assert said(one).count("is full.") == 1
        assert "filled the context" not in said(one)
        assert "token limit" not in said(one)
