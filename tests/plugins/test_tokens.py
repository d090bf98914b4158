"""Does the room `tokens` count well, and learn from what servers report? Through the app, as in a real turn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ollm_plugins.ollama.plugin import Plugin as OllamaPlugin
from ollm_plugins.tokens.plugin import Plugin
from ollm_plugins.tokens.store import MOST_OBSERVATIONS

from ollm.api import (
    ChatRequest,
    Finished,
    GenerationOptions,
    LoadedModel,
    Message,
    ProviderEntry,
    Specs,
    TextDelta,
    TokenCounter,
    ToolCall,
    ToolSpec,
    Usage,
    hookimpl,
)
from ollm.testing import ScriptedProvider
from tests.replay.fixtures import replay  # noqa: F401
from tests.replay.recordings import load, names

MODEL = "scripted:1b"
PROSE = "The quick brown fox jumps over the lazy dog, and nobody knows why. " * 20
CODE = "def area(self, width: int) -> int:\n    return self._height * width  # in pixels\n\n" * 20


def answer(tokens):
    return [TextDelta("ok"), Finished("stop", Usage(prompt_tokens=tokens, completion_tokens=1))]


def counter_of(ollm):
    return ollm.app.services.find(TokenCounter)


def count(ollm, text, model=MODEL, provider="scripted"):
    return ollm.app.run(counter_of(ollm).count(text, model, provider))


def count_request(ollm, request, provider="scripted"):
    return ollm.app.run(counter_of(ollm).count_request(request, provider))


def asked(*texts, **more):
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(texts))
    return ChatRequest(MODEL, messages, **more)


def notices(ollm):
    return ollm.stderr.getvalue().splitlines()


# Learning


def test_learns_from_turns_and_remembers(ollm_app):
    first = ollm_app(Plugin, replies=[answer(460)])
    before = count(first, PROSE)
    assert before.error is None
    assert counter_of(first).accuracy(MODEL, "scripted") is None
    for _ in range(3):
        first.ask(PROSE)
    learned = count(first, PROSE)
    assert before.tokens < learned.tokens < 460
    counter_of(first).settle()
    second = ollm_app(Plugin)
    assert counter_of(second).accuracy(MODEL, "scripted").tokens == 3
    assert count(second, PROSE) == learned


def test_the_error_is_that_of_the_estimate_made_before_the_turn(ollm_app):
    ollm = ollm_app(Plugin, replies=[answer(460)])
    ollm.ask(PROSE)
    [request] = ollm.provider.requests
    estimate = count_request(ollm_app(Plugin), request, provider="another").tokens
    assert counter_of(ollm).accuracy(MODEL, "scripted").error == pytest.approx(abs(estimate - 460) / 460, abs=0.002)


def test_what_goes_on_from_an_answered_prompt_is_estimated_from_there(ollm_app):
    ollm = ollm_app(Plugin, replies=[answer(460)])
    ollm.ask(PROSE)
    [request] = ollm.provider.requests
    assert count_request(ollm, request).tokens == 460
    more = ChatRequest(MODEL, (*request.messages, Message("assistant", "ok"), Message("user", "And why?")))
    assert 460 < count_request(ollm, more).tokens < 490


def test_each_provider_and_model_is_learned_by_itself_and_latest_is_the_tag_of_none(ollm_app):
    ollm = ollm_app(Plugin)
    counter_of(ollm).learn(ChatRequest("some", (Message("user", PROSE),)), "scripted", 460)
    assert counter_of(ollm).accuracy("some:latest", "scripted").tokens == 1
    assert counter_of(ollm).accuracy("some", "another") is None
    assert counter_of(ollm).accuracy("some:7b", "scripted") is None


def test_the_name_of_a_model_tells_its_tokenizer(ollm_app):
    """gpt-oss knows more words and signs than Llama 2 did, so it needs fewer tokens."""
    ollm = ollm_app(Plugin)
    counts = [count(ollm, CODE, model).tokens for model in ("gpt-oss:20b", "hf.co/me/llama2-7b-GGUF:Q4", "mystery")]
    assert counts[0] < counts[2] < counts[1]


def test_tools_and_templates_are_learned(ollm_app):
    tool = ToolSpec("get_weather", "Get the weather", {"type": "object", "properties": {"city": {"type": "string"}}})
    ollm = ollm_app(Plugin)
    bare, equipped = asked("Hello"), asked("Hello", tools=(tool,))
    for _ in range(4):
        counter_of(ollm).learn(bare, "scripted", 40)
        counter_of(ollm).learn(equipped, "scripted", 240)
    other = asked("Hello!", tools=(tool,))
    assert count_request(ollm, asked("Hello!")).tokens == pytest.approx(41, abs=3)
    assert count_request(ollm, other).tokens == pytest.approx(241, rel=0.05)


def test_no_text_has_no_tokens(ollm_app):
    assert count(ollm_app(Plugin), "").tokens == 0


# What is not believed


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        pytest.param(asked(PROSE), 40, id="only the new part of a prompt"),
        pytest.param(asked(PROSE), 4_000, id="far too much"),
        pytest.param(asked(PROSE, options=GenerationOptions(context_size=480)), 470, id="a full context"),
        pytest.param(asked(PROSE, options=GenerationOptions(context_size=256)), 258, id="a cut prompt"),
        pytest.param(ChatRequest(MODEL, (Message("user", PROSE, images=(b"png",)),)), 900, id="an image"),
    ],
)
def test_lengths_that_cannot_be_the_prompts_are_not_learned(ollm_app, request_, tokens):
    ollm = ollm_app(Plugin)
    for _ in range(4):
        counter_of(ollm).learn(request_, "scripted", tokens)
    assert counter_of(ollm).accuracy(MODEL, "scripted") is None


def test_a_prompt_shorter_than_its_own_beginning_is_not_believed(ollm_app):
    ollm = ollm_app(Plugin)
    counter_of(ollm).learn(asked(PROSE), "scripted", 340)
    counter_of(ollm).learn(asked(PROSE, "ok", PROSE), "scripted", 335)
    assert counter_of(ollm).accuracy(MODEL, "scripted").tokens == 1


@pytest.mark.parametrize("wrong", [150, 520], ids=["partial", "too long"])
def test_one_wrong_length_does_little(ollm_app, wrong):
    ollm = ollm_app(Plugin)
    for number in range(5):
        counter_of(ollm).learn(asked(f"{PROSE}{number}"), "scripted", wrong if number == 2 else 320)
    assert count_request(ollm, asked(f"{PROSE}x")).tokens == pytest.approx(320, rel=0.04)


def test_a_tokenizer_like_none_is_learned(ollm_app):
    """One that makes a token of each byte: three prompts say so alike, then it is believed."""
    ollm = ollm_app(Plugin)
    for text in (PROSE, PROSE * 2, CODE):
        assert counter_of(ollm).accuracy(MODEL, "scripted") is None
        counter_of(ollm).learn(asked(text), "scripted", len(text) + 12)
    assert counter_of(ollm).accuracy(MODEL, "scripted").tokens == 1
    for text in (CODE * 3, PROSE * 3):
        counter_of(ollm).learn(asked(text), "scripted", len(text) + 12)
    assert count(ollm, PROSE * 4).tokens == pytest.approx(len(PROSE) * 4, rel=0.1)
    counter_of(ollm).settle()
    again = ollm_app(Plugin)
    assert count(again, CODE * 4).tokens == pytest.approx(len(CODE) * 4, rel=0.1)


# What a real server reports


def as_request(body):
    messages = tuple(
        Message(
            each["role"],
            each["content"],
            thinking=each.get("thinking", ""),
            tool_calls=tuple(
                ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in each.get("tool_calls", ())
            ),
        )
        for each in body["messages"]
    )
    tools = tuple(ToolSpec(**tool["function"]) for tool in body.get("tools", ()))
    return ChatRequest(body["model"], messages, tools, GenerationOptions(context_size=body["options"].get("num_ctx")))


def recorded():
    """Each recorded chat of SmolLM2 with a length for its prompt, but those that a server was made to cut or refuse."""
    for name in names("chat_"):
        body = load(name).request.get("body")
        reported = [o["prompt_eval_count"] for o in load(name).objects if "prompt_eval_count" in o] if body else []
        usual = isinstance(body, dict) and body.get("model") == "smollm2:135m" and "malformed" not in name
        if reported and usual and not any(word in name for word in ("num_ctx", "wrong_content", "invalid")):
            yield name, as_request(body), reported[-1]


def test_recorded_prompts_are_estimated_within_a_few_tokens(ollm_app):
    """The first turns teach the template's own system prompt and its introduction to tools: 30 of 31 tokens of "Hi"."""
    ollm = ollm_app(Plugin)
    prompts = list(recorded())
    assert len(prompts) > 25
    for _, request, tokens in prompts:
        counter_of(ollm).learn(request, "ollama", tokens)
    misses = {}
    for name, request, tokens in prompts:
        if "overflow_history" in name or "overflow_one" in name:
            assert count_request(ollm, request, "ollama").tokens > request.options.context_size
        else:
            measured = counter_of(ollm)._measure.request(request)
            plain = counter_of(ollm)._plain(measured, request.model, "ollama", None)
            misses[name] = (plain - tokens) / tokens
    assert {name: miss for name, miss in misses.items() if abs(miss) > 0.12} == {}
    assert sum(map(abs, misses.values())) / len(misses) < 0.04


def test_a_turn_with_a_server_teaches(ollm_app, replay):  # noqa: F811
    server = replay({"/api/chat": "chat_stream"})
    ollm = ollm_app(Plugin, OllamaPlugin, environ={"OLLM_HOST": server.url}, settings="model: {default: smollm2:135m}")
    prompt = load("chat_stream").request["body"]["messages"][0]["content"]
    for _ in range(2):
        ollm.ask(prompt)
    accuracy = counter_of(ollm).accuracy("smollm2:135m", "ollama")
    assert accuracy.tokens == 2
    assert 0 < accuracy.error < 0.3
    assert count_request(ollm, ChatRequest("smollm2:135m", (Message("user", prompt),)), "ollama").tokens == 36


# The file


def test_a_file_that_cannot_be_read_is_kept_aside_and_that_is_said_once(ollm_app, ollm_home):
    contents = ((b"{half", "damaged", ""), (b'{"version": 2, "models": {}}', "version 2", "-2"))
    for content, why, end in contents:
        (ollm_home / "tokens.json").write_bytes(content)
        ollm = ollm_app(Plugin, replies=[answer(320)])
        for _ in range(2):
            ollm.ask(PROSE)
        counter_of(ollm).settle()
        [said] = [line for line in notices(ollm) if "tokens.json" in line]
        assert why in said
        assert (ollm_home / f"tokens.json.unreadable{end}").read_bytes() == content
        assert json.loads((ollm_home / "tokens.json").read_text())["version"] == 1


def test_numbers_that_are_not_ours_start_anew(ollm_app, ollm_home):
    ollm = ollm_app(Plugin, replies=[answer(320)])
    ollm.ask(PROSE)
    counter_of(ollm).settle()
    content = json.loads((ollm_home / "tokens.json").read_text())
    content["models"]["scripted/scripted:1b"]["fitted"]["pieces"] = [1e300]
    (ollm_home / "tokens.json").write_text(json.dumps(content))
    again = ollm_app(Plugin)
    assert counter_of(again).accuracy(MODEL, "scripted") is None
    assert count(again, PROSE).tokens > 0


def test_a_file_that_cannot_be_written_is_said_once_and_fails_no_turn(ollm_app, ollm_home):
    (ollm_home / "tokens.json").mkdir()
    ollm = ollm_app(Plugin, replies=[answer(320)])
    for _ in range(3):
        assert ollm.ask(PROSE).text == "ok"
        counter_of(ollm).settle()
    assert len([line for line in notices(ollm) if "is not kept" in line]) == 1
    assert counter_of(ollm).accuracy(MODEL, "scripted").tokens == 3


LEARNER = """
import sys
from pathlib import Path
from ollm.api import Finished, TokenCounter, Usage
from ollm.testing import make_harness
from ollm_plugins.tokens.plugin import Plugin

home, word, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ollm = make_harness(home, Plugin, replies=[[Finished("stop", Usage(prompt_tokens=320))]])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(turns):
    ollm.ask(("The quick brown fox jumps over the lazy dog, and nobody knows why. " * 20) + word * turn)
ollm.app.services.find(TokenCounter).settle()
ollm.app.close()
"""


def test_two_processes_learn_at_once_and_nothing_is_lost(ollm_app, ollm_home):
    def start(word):
        command = [sys.executable, "-c", LEARNER, str(ollm_home), word, "5"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    processes = [start(word) for word in ("cat ", "dog ")]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert counter_of(ollm_app(Plugin)).accuracy(MODEL, "scripted").tokens == 10
    learned = json.loads((ollm_home / "tokens.json").read_text())["models"]["scripted/scripted:1b"]
    assert len({each["at"] for each in learned["observations"]}) == 10


def test_what_another_process_learned_meanwhile_is_used(ollm_app):
    one, other = (ollm_app(Plugin, replies=[answer(tokens)]) for tokens in (320, 330))
    for ollm in (one, other, one):
        ollm.ask(PROSE)
        counter_of(ollm).settle()
    assert counter_of(one).accuracy(MODEL, "scripted").tokens == 3


def test_the_file_stays_small(ollm_app, ollm_home):
    from ollm_plugins.tokens.store import MOST_MODELS, MOST_OBSERVATIONS

    ollm = ollm_app(Plugin)
    for number in range(MOST_MODELS + 3):
        counter_of(ollm).learn(ChatRequest(f"model-{number}", (Message("user", PROSE),)), "scripted", 320)
    for number in range(MOST_OBSERVATIONS + 3):
        counter_of(ollm).learn(asked(PROSE + CODE[: number * 50]), "scripted", 320 + number * 15)
    counter_of(ollm).settle()
    models = json.loads((ollm_home / "tokens.json").read_text())["models"]
    assert len(models) == MOST_MODELS
    assert "scripted/model-0:latest" not in models
    mine = models["scripted/scripted:1b"]
    assert mine["turns"] == MOST_OBSERVATIONS + 3
    assert len(mine["observations"]) == MOST_OBSERVATIONS
    assert len(mine["misses"]) <= 8


# Counting exactly


class Counting(ScriptedProvider):
    """Counts a token for each letter."""

    def __init__(self, replies=("ok",)):
        super().__init__(replies, name="counting")
        self.counted = []

    async def count_tokens(self, model, text):
        self.counted.append(text)
        return len(text)


class Holding(Counting):
    """Holds models in memory."""

    loaded = ()

    async def loaded_models(self):
        return self.loaded

    async def load_model(self, request):
        raise NotImplementedError

    async def unload_model(self, name):
        raise NotImplementedError


def plugin_of(provider):
    class Brings(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(provider.name, "Counts letters", lambda _: provider, order=1)]

    return Brings


def test_a_provider_that_counts_is_asked_once_for_each_text(ollm_app):
    provider = Counting([answer(len(PROSE) + 9)])
    ollm = ollm_app(Plugin, plugin_of(provider))
    for _ in range(2):
        counted = count(ollm, PROSE, provider="counting")
        assert (counted.tokens, counted.exact, counted.error) == (len(PROSE), True, None)
    assert provider.counted == [PROSE]


def test_what_the_template_adds_to_exact_counts_is_learned(ollm_app):
    provider = Counting()
    ollm = ollm_app(Plugin, plugin_of(provider))
    for text in (PROSE, CODE):
        count_request(ollm, asked(text), "counting")
        counter_of(ollm).learn(asked(text), "counting", len(text) + 31)
    counted = count_request(ollm, asked(PROSE + CODE), "counting")
    assert counted.tokens == pytest.approx(len(PROSE) + len(CODE) + 31, abs=2)


def test_no_model_is_loaded_to_count(ollm_app):
    provider = Holding()
    ollm = ollm_app(Plugin, plugin_of(provider))
    assert not count(ollm, PROSE, provider="counting").exact
    assert provider.counted == []
    provider.loaded = (LoadedModel(MODEL, 1),)
    assert count(ollm, PROSE, provider="counting").exact


def test_a_provider_that_fails_to_count_is_estimated(ollm_app):
    class Failing(Counting):
        async def count_tokens(self, model, text):
            raise ValueError("no")

    ollm = ollm_app(Plugin, plugin_of(Failing()), strict=False)
    assert not count(ollm, PROSE, provider="counting").exact


def test_an_unknown_provider_is_no_reason_to_fail(ollm_app):
    assert count(ollm_app(Plugin), PROSE, provider="gone").tokens > 200


def test_the_service_costs_no_answer_an_import_of_its_data():
    code = (
        "import sys; from ollm.api import TextDelta, EventContext; from ollm_plugins.tokens.observer import on_event;"
        "on_event(EventContext(None, TextDelta('x')));"
        "print(sorted(m for m in sys.modules if m.startswith('ollm_plugins.tokens.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ollm_plugins.tokens.observer']"


def test_the_data_is_part_of_the_package():
    import ollm_plugins.tokens

    folder = Path(ollm_plugins.tokens.__file__).parent
    assert {path.name for path in folder.iterdir()} >= {"profiles.json", "words.txt"}


def test_what_is_known_well_and_right_costs_no_write(ollm_app, ollm_home):
    ollm = ollm_app(Plugin, replies=[answer(320)])
    for _ in range(MOST_OBSERVATIONS):
        ollm.ask(PROSE)
    counter_of(ollm).settle()
    before = (ollm_home / "tokens.json").stat().st_mtime_ns
    ollm.ask(PROSE)
    counter_of(ollm).settle()
    assert (ollm_home / "tokens.json").stat().st_mtime_ns == before
    assert counter_of(ollm).accuracy(MODEL, "scripted").tokens == MOST_OBSERVATIONS + 1
