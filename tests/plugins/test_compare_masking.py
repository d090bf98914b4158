"""Are names hidden, whoever says them, and words left alone?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollm_plugins.compare.masking import HIDDEN, Mask, Masking

from tests.helpers.program import Program
from tests.helpers.program import ollm as ollm  # a fixture
from tests.plugins.test_compare import Start
from tests.plugins.test_compare import start as start  # a fixture
from tests.replay import Recording, Request, entry, load

MODELS = (
    "llama3.2:3b",
    "mistral:7b",
    "hf.co/b/Qwen2.5-Coder-7B-GGUF:Q4_K_M",
    "solar:latest",
    "phi3:mini",
    "command-r:35b",
)
MASK = Mask(MODELS)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("I am llama3", "I am #"),
        ("I am Llama 3.2, made by Meta.", "I am #, made by Meta."),
        ("LLaMA-3-instruct.", "#."),
        ("llama3.2:3b or `llama3.2:1b`?", "# or `#`?"),
        ("我是llama3.2。", "我是#。"),
        ("Qwen 2.5 and qwen2.5-coder", "# and #"),
        ("phi 3, Phi3, command-r", "#, #, #"),
        ("I\u2019m Mistral 7B", "I\u2019m # 7B"),
        ("My name is **mistral**.", "My name is **#**."),
        ("This is a Mistral model.", "This is a # model."),
        ("Mistral.", "#."),
        ("SOLAR won.", "# won."),
        ("the mistral wind blows", None),
        ("Solar panels make solar energy.", None),
        ("philosophy, llamas 3, in command r", None),
        ("There are 3.2 llamas", None),
    ],
)
def test_names_are_hidden_and_words_are_not(said: str, shown: str | None) -> None:
    assert MASK.answer(said) == (said if shown is None else shown.replace("#", HIDDEN))


def test_lines_of_ours_name_nobody() -> None:
    assert MASK.line("there is no solar; did you mean phi3:mini?") == f"there is no {HIDDEN}; did you mean {HIDDEN}?"
    assert Mask(["any"]).line("no model any. Any file is one") == f"no model {HIDDEN}. Any file is one"
    assert Mask(["falcon"]).answer("I am Falcon, with falcon eyes") == f"I am {HIDDEN}, with falcon eyes"
    assert Mask(["", "x/"]).answer("any text") == Mask().line("any text") == "any text"


PIECES = st.lists(
    st.sampled_from(["I am ", "Llama", " ", "3", ".2", "Mistral", "solar ", "\n", "。", "ab", "phi", "-r"])
)


@given(PIECES, st.integers(1, 7))
def test_a_text_that_grows_is_hidden_like_the_whole(words: list[str], size: int) -> None:
    text = "".join(words) * 4
    masking = Masking(MASK)
    shown = "".join(masking.feed(text[at : at + size]) for at in range(0, len(text), size)) + masking.rest()
    assert shown == MASK.answer(text)


def said_by(text: str) -> object:
    """Answer everybody with a text that comes in pieces of three characters."""
    recorded = load("chat_stream")
    assert recorded.lines is not None
    made = [json.loads(recorded.lines[0]) for _ in range(0, len(text), 3)]
    for number, each in enumerate(made):
        each["message"]["content"] = text[3 * number : 3 * number + 3]
    lines = (*(json.dumps(each) for each in made), recorded.lines[-1])

    def choose(_: Request) -> Recording:
        return recorded.but(lines=lines, header_ms=0, line_ms=tuple(range(len(lines))), total_ms=len(lines))

    return choose


def test_an_answer_that_names_any_of_them_is_hidden_until_the_choice(
    ollm: Program, start: Start, tmp_path: Path
) -> None:
    start(
        listed=[entry("llama3:8b"), entry("qwen3:4b")], script={"/api/chat": said_by("I am llama3, no Qwen3 at all.")}
    )
    done = ollm("compare", "P", "llama3:8b", "qwen3:4b", "qwne3:4b", "--blind")
    page, text = tmp_path / "page.html", tmp_path / "text.md"
    ollm("compare", "export", "last", str(page))
    ollm("compare", "export", "last", str(text))
    shown = [done.out + done.err, page.read_text(), text.read_text()]
    shown += [ollm("compare", "show", "last", *more).out for more in ((), ("--json",))]
    for each in shown:
        assert "llama3" not in each.lower()
        assert "qw" not in each.lower()
        assert each.count("I am [name hidden], no [name hidden] at all.") >= 2
    ollm("compare", "choose", "last", "tie")
    after = ollm("compare", "show", "last").out
    assert after.count("I am llama3, no Qwen3 at all.") == 2
    assert "qwne3" in after
