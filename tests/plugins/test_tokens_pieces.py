"""Are texts cut as tokenizers cut them, and is what is reckoned with them sound?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollm_plugins.tokens import linear, pieces, profiles
from ollm_plugins.tokens.fit import Observation, fit
from ollm_plugins.tokens.prompt import EXTRAS, Measure

from ollm.api import ChatRequest, Message


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        (" house", {"known": 1}),
        ("house", {"bare_known": 1}),
        (".house", {"pu_known": 1}),
        (" House", {"knowncap": 1}),
        (" xyzzyx", {"sp_low<=7": 1}),
        (" xyzzyxyzzyxy", {"sp_low+": 1, "sp_lowlen": 3}),
        ("xmlHouseQq", {"low<=3": 1, "knowncap": 1, "cap<=3": 1}),
        ("MAX_SIZE", {"up+": 2, "uplen": 3, "pu_cap": 1}),
        ("12345", {"digruns": 1, "digits": 5, "dig3": 2}),
        (" 7", {"digruns": 1, "digits": 1, "dig3": 1, "sp_dig": 1}),
        ("\n\n        x", {"nlrun": 1, "nlextra": 1, "ind": 1, "indspaces": 8, "low<=1": 1}),
        ("());\n", {"punct2": 1, "punctmore": 2, "punctrepeat": 1, "punctnl": 1}),
        (" = ", {"sp_punct1": 1, "spaces": 1}),
        ("\t\t\t", {"tabrun": 1, "tabs": 3}),
        ("é漢字かな한🎉Я€", {"latin": 1, "han": 2, "kana": 2, "hangul": 1, "emoji": 1, "cyr": 1, "box": 1}),
        ("\x00\x1b", {"ctl": 2}),
    ],
)
def test_pieces(text, counted):
    found = dict(zip(pieces.NAMES, pieces.count(text), strict=True))
    assert {name: times for name, times in found.items() if times} == counted


@given(st.text())
def test_any_text_is_counted_and_weighs_something(text):
    counted = pieces.count(text)
    assert (sum(counted) > 0) == bool(text)
    for weights in profiles.profiles().values():
        assert 0 <= linear.dot(weights, counted) < 12 * len(text) + 1


@given(st.lists(st.text(alphabet=st.characters(exclude_characters=" \r\n\t")), min_size=1))
def test_lines_count_for_themselves(lines):
    """What stands on one line does not depend on the next one, so long texts are as well estimated as short ones."""
    texts = [f"x{line}x\n" for line in lines]
    assert pieces.count("".join(texts)) == [sum(each) for each in zip(*map(pieces.count, texts), strict=True)]


def test_a_text_is_read_once(monkeypatch):
    measure, read = Measure(), []
    monkeypatch.setattr("ollm_plugins.tokens.prompt.count", lambda text: read.append(text) or pieces.count(text))
    messages = [Message("user", f"Message {number}.") for number in range(4)]
    for length in range(1, 5):
        measure.request(ChatRequest("m", tuple(messages[:length])))
    assert read == [message.content for message in messages]


def test_old_texts_are_forgotten(monkeypatch):
    measure = Measure()
    monkeypatch.setattr("ollm_plugins.tokens.prompt._REMEMBERED_CHARACTERS", 100)
    for number in range(50):
        measure.text(f"{number:10}")
    assert len(measure._known) == 10
    measure.text("x" * 1000)
    assert len(measure._known) == 1


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("llama3.1:8b", "llama3"),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "llama3"),
        ("llama2", "llama2"),
        ("mistral:7b", "llama2"),
        ("mistral-nemo", "tekken"),
        ("qwen2.5-coder:7b", "qwen"),
        ("deepseek-r1:8b", "qwen"),
        ("deepseek-r1:671b", "deepseek"),
        ("registry.example:5000/me/gemma3:4b", "gemma"),
        ("gpt-oss:20b", "gpt-oss"),
        ("smollm2:135m", "smollm"),
        ("mystery:7b", None),
    ],
)
def test_names_stand_for_tokenizers(model, profile):
    assert profiles.by_name(model) == profile
    likely = profiles.likelihood(model)
    assert sum(likely.values()) == pytest.approx(1)
    if profile:
        assert max(likely, key=likely.__getitem__) == profile
        assert likely[profile] > 0.5


@given(
    st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=4, max_size=4),
    st.lists(st.floats(-9, 9), min_size=4, max_size=4),
)
def test_equations_are_solved(rows, wanted):
    """For any matrix, its square plus one is positive definite."""
    matrix = [
        [sum(a * b for a, b in zip(x, y, strict=True)) + (i == j) for j, y in enumerate(rows)]
        for i, x in enumerate(rows)
    ]
    right = [linear.dot(row, wanted) for row in matrix]
    assert linear.solve(linear.factor(matrix), right) == pytest.approx(wanted, abs=1e-6)


def test_a_determinant():
    assert linear.log_determinant(linear.factor([[2.0, 0.0], [1.0, 3.0]])) == pytest.approx(1.6094379)  # log 5


@pytest.mark.parametrize("name", ["qwen", "llama2", "gpt2"])
def test_a_known_tokenizer_is_recognized(name):
    """Three prompts of code that it made are enough to know what it makes of others, whatever the name said."""
    texts = [Path(module.__file__).read_text() for module in (pieces, profiles, linear)]
    weights, extras = profiles.profiles()[name], (1.0, *(0.0 for _ in EXTRAS[1:]))
    seen = [
        Observation(float(at), round(linear.dot(weights, pieces.count(text))) + 12, tuple(pieces.count(text)), extras)
        for at, text in enumerate(texts)
    ]
    other = pieces.count(Path(__file__).read_text())
    assert fit("mystery", seen).text(other) == pytest.approx(linear.dot(weights, other), rel=0.03)
