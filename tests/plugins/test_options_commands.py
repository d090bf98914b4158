"""Do `options`, `/set` and `/unset` tell and change what is sent?"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ollm.app import App
from ollm.errors import OllmError
from ollm.output import Output
from ollm_plugins.repl.slash import Slash, split
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import ReplayServer
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import Terminal

MODEL = "llama3.1:8b"
FILE = f"""\
options: {{temperature: 0.7, seed: 1}}
providers:
  ollama: {{options: {{temperature: 0.6, topK: 9}}}}
models:
  "{MODEL}":
    options: {{temperature: 0.2}}
  llama*: {{options: {{temperature: 0.3, extra: {{num_gpu: 0}}}}}}
"""


def rows(text):
    return {line.split("\t")[0]: line.split("\t")[1:] for line in text.splitlines()}


# options


def test_a_table_tells_value_origin_and_what_was_beaten(ollm):
    ollm.write(FILE)
    done = ollm("options", MODEL, "--provider", "ollama")
    assert (done.code, done.err) == (0, "")
    table = rows(done.out)
    assert table["option"] == ["value", "from", "instead of"]
    place = f"{ollm.config}"
    assert table["temperature"] == [
        "0.2",
        f'{place}:6, models."{MODEL}".options.temperature',
        f"0.3 ({place}:7, models.llama*.options.temperature), "
        f"0.6 ({place}:3, providers.ollama.options.temperature), 0.7 ({place}:1)",
    ]
    assert table["topK"] == ["9", f"{place}:3, providers.ollama.options.topK", ""]
    assert table["extra.num_gpu"] == ["0", f"{place}:7, models.llama*.options.extra.num_gpu", ""]
    assert table["minP"] == ["", "the model's default", ""]


def test_a_flag_and_a_variable_beat_every_file(ollm, monkeypatch):
    ollm.write(FILE)
    monkeypatch.setenv("OLLM_TEMPERATURE", "0.9")
    document = ollm("--temperature", "1", "options", MODEL, "--provider", "ollama", "--json").json
    assert (document["model"], document["provider"]) == (MODEL, "ollama")
    told = {each["option"]: each for each in document["options"]}
    beaten = told["temperature"].pop("insteadOf")
    assert told["temperature"] == {
        "option": "temperature",
        "value": 1.0,
        "key": "options.temperature",
        "layer": "flag",
        "origin": "--temperature",
    }
    assert [(each["value"], each["layer"]) for each in beaten] == [
        (0.9, "environment"),
        (0.2, "user"),
        (0.3, "user"),
        (0.6, "user"),
        (0.7, "user"),
    ]
    nothing = {"value": None, "key": None, "layer": "default", "origin": "default", "insteadOf": []}
    assert told["minP"] == {"option": "minP", **nothing}


def test_without_a_name_it_is_the_model_that_answers(ollm, replay):
    ollm.write(FILE + f"model: {{default: '{MODEL}', provider: ollama}}\n")
    assert rows(ollm("options").out)["temperature"][0] == "0.2"
    assert rows(ollm("-m", "x", "options").out)["temperature"][0] == "0.6"
    assert rows(ollm("-m", "x", "--provider", "local", "options").out)["temperature"][0] == "0.7"


def test_whose_model_it_is_is_asked_where_the_settings_leave_it_open(ollm, replay, monkeypatch):
    server = replay({"/api/show": "show_ok"})
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    ollm.write(FILE)
    assert rows(ollm("options", "smollm2:135m").out)["temperature"][0] == "0.6"
    assert server.requests


def test_when_nobody_answers_what_is_left_out_is_said(ollm):
    ollm.write(FILE)
    done = ollm("options", MODEL)
    assert done.code == 0 and rows(done.out)["temperature"][0] == "0.2"
    assert "topK" in rows(done.out) and rows(done.out)["topK"][0] == ""
    assert done.lines[-1] == (
        "ollm: Options of single providers are left out; name a model, and its provider by --provider."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [(("options", "x", "--provider", "nope"), "There is no provider 'nope'"), (("options", ""), "A name is empty")],
)
def test_a_wrong_name_is_wrong_usage(ollm, words, said):
    done = ollm(*words)
    assert done.code == 2 and said in done.err


def test_the_shell_has_no_set(ollm):
    assert ollm("set", "temperature", "1").code == 2


# set, unset


class Session:
    """The commands of a REPL without a terminal."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        surroundings = {"OLLM_HOME": str(home), "OLLM_MODEL": MODEL, "OLLM_PROVIDER": "ollama", **environ}
        self.app = App(surroundings, output=Output(self.stdout, self.stderr))
        self._slash = Slash(self.app, None)

    def __call__(self, line: str) -> str:
        """Run a line, and return what it says, on either stream."""
        for stream in (self.stdout, self.stderr):
            stream.seek(0)
            stream.truncate()
        try:
            self._slash.run(split(line.removeprefix("/")))
        except OllmError as error:
            return f"refused: {error}"
        return (self.stdout.getvalue() + self.stderr.getvalue()).rstrip("\n")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    with contextlib.ExitStack() as opened:

        def begin(text: str = "", **environ: Any) -> Session:
            (tmp_path / "config.yaml").write_text(text)
            made = Session(tmp_path, **environ)
            opened.callback(made.app.close)
            return made

        yield begin


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/set temperature 0.4", "options.temperature is 0.4 for this session"),
        ("/set maxTokens 9", "options.maxTokens is 9 for this session"),
        ("/set max_tokens 9", "options.maxTokens is 9 for this session"),
        ("/set max-tokens 9", "options.maxTokens is 9 for this session"),
        ("/set options.max_tokens 9", "options.maxTokens is 9 for this session"),
        ("/set options.seed -3", "options.seed is -3 for this session"),
        ("/set seed null", "options.seed is nothing for this session"),
        ("/set think on", "options.think is true for this session"),
        ("/set think high", "options.think is high for this session"),
        ("/set stop 'a b' c", 'options.stop is ["a b c"] for this session'),
        ("/set extra num_gpu=0", 'options.extra is {"num_gpu": 0} for this session'),
        ("/set extra.num_gpu 3", "options.extra.num_gpu is 3 for this session"),
        ("/set options.extra.mode a,b", "options.extra.mode is a,b for this session"),
        ("/set chat.systemPrompt Be very brief", "chat.systemPrompt is Be very brief for this session"),
        ("/set seed 4 --model llama3.1", 'models."llama3.1".options.seed is 4 for this session'),
        ("/set seed 4 -m 'qwen*'", "models.qwen*.options.seed is 4 for this session"),
        ("/set 'models.\"a.b:1\".options.seed' 4", 'models."a.b:1".options.seed is 4 for this session'),
        ("/set models.a.b:1.options.extra.num_gpu 4", 'models."a.b:1".options.extra.num_gpu is 4 for this session'),
        ("/set providers.ollama.options.seed 4", "providers.ollama.options.seed is 4 for this session"),
        ("/set temperature warm", "refused: /set: options.temperature is 'warm': expected a number from 0 to 2"),
        (
            "/set extra.num_ctx 3",
            "refused: /set: options.extra is '{\"num_ctx\": 3}': num_ctx has a setting of its own, numCtx",
        ),
        (
            "/set temprature 1",
            "refused: There is no option or setting temprature; did you mean options.temperature? "
            "/set lists the options.",
        ),
        ("/set foo.bar 1", "refused: There is no option or setting foo.bar. /set lists the options."),
        ("/set seed.x 1", "refused: There is no option or setting seed.x. /set lists the options."),
        (
            "/set chat 1",
            "refused: chat is a section, not a setting. In it are: chat.systemPrompt, chat.maxToolRounds.",
        ),
        (
            "/set chat.maxToolRounds 1 --model a",
            "refused: chat.maxToolRounds is no option, so --model does not fit. /set lists the options.",
        ),
        (
            "/set plugins.disabled a",
            "refused: plugins.disabled is read only when ollm starts. "
            "`/config set plugins.disabled …` writes it into your file for the next start.",
        ),
    ],
)
def test_set(session, line, said):
    assert session()(line) == said


def test_set_shows_what_is_in_force_for_the_model(session):
    repl = session(FILE)
    shown = repl("/set temperature")
    assert shown.startswith(f'temperature is 0.2 ({repl.app.paths.config}:6, models."{MODEL}".options.temperature)')
    assert "instead of 0.3 (" in shown and shown.endswith("Randomness, 0 to 2; 0 always takes the likeliest token.")
    assert repl("/set temperature --model other").startswith("temperature is 0.6 (")
    assert repl("/set minP").startswith("minP is not set. ")
    assert repl("/set extra.num_gpu").startswith("extra.num_gpu is 0 (")
    assert repl("/set chat.maxToolRounds").startswith("chat.maxToolRounds is 8 (default). ")


def test_set_lists_options_and_whatever_else_was_set(session):
    repl = session(FILE)
    for line in ("/set temperature 1", "/set chat.systemPrompt Hi", "/set seed 2 --model other", "/set extra.a 1"):
        repl(line)
    table = rows(repl("/set"))
    assert table["temperature"][:2] == ["1.0", "this session"]
    assert table["extra.a"][:2] == ["1", "this session"]
    assert "chat.systemPrompt is Hi for this session" in table
    assert "models.other.options.seed is 2 for this session" in table
    assert not any(line.startswith("options.extra is") for line in table)


def test_what_is_set_for_one_model_stays_and_is_said(session):
    repl = session()
    repl("/set seed 4 --model llama3.1:8b")
    said = repl("/set seed 5").splitlines()
    assert said[1] == 'ollm: But models."llama3.1:8b".options.seed stays 4, which is more specific.'
    assert repl("/set seed").startswith("seed is 4 (")
    assert repl("/set seed --model other").startswith("seed is 5 (")


def test_unset_says_what_holds_again(session):
    repl = session("options: {seed: 1}\n", OLLM_TOP_K="7")
    place = f"{repl.app.paths.config}:1"
    for line in ("/set seed 5", "/set top_k 8", "/set minP 0.1"):
        repl(line)
    assert repl("/unset seed") == f"options.seed is 1 again ({place})"
    assert repl("/unset topK") == "options.topK is 7 again ($OLLM_TOP_K)"
    assert repl("/unset minP") == "options.minP is not set any more"
    assert repl("/unset seed") == "options.seed was not set in this session"
    assert repl("/unset seed --model x") == "models.x.options.seed was not set in this session"


def test_further_options_are_set_and_unset_one_by_one(session):
    repl = session("options: {extra: {num_gpu: 9}}\n")
    repl("/set extra.num_gpu 1")
    repl("/set extra.mode fast")
    assert repl("/unset extra.num_gpu").startswith("options.extra.num_gpu is not set any more")
    assert repl("/unset extra.num_gpu") == "options.extra.num_gpu was not set in this session"
    assert repl("/set extra.num_gpu").startswith("extra.num_gpu is 9 (")
    assert repl("/set extra.mode").startswith("extra.mode is fast (this session)")
    assert repl("/unset extra.mode") == "options.extra.mode is not set any more"


def test_a_providers_own_setting_takes_effect_at_once(session, replay):
    repl = session(OLLM_HOST="http://127.0.0.1:9")
    assert "away" in repl("/provider list")
    server = replay({"/api/version": ["version"]})
    assert repl(f"/set providers.ollama.host {server.url}") == f"providers.ollama.host is {server.url} for this session"
    assert "away" not in repl("/provider list").split("\n")[1]


def test_a_session_in_a_terminal(replay, tmp_path):
    server = replay({"/api/chat": "chat_stream"})
    environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m", "OLLM_SEED": "1"}
    with Terminal(tmp_path, environ) as terminal:
        terminal.wait_for_prompt()
        terminal.ask("/set temperature 0.25")
        terminal.wait_for("options.temperature is 0.25 for this session")
        terminal.ask("/set seed 7 --model SmolLM2:135m")
        terminal.wait_for("options.seed is 7 for this session")
        terminal.ask("Hi")
        terminal.wait_for("The Moon is a celestial body")
        terminal.ask("/unset temperature")
        terminal.wait_for("not set any more")
        terminal.ask("Hi again")
        terminal.wait_for("The Moon is a celestial body", count=2)
    first, second = (request.json["options"] for request in server.asked("/api/chat"))
    assert (first["temperature"], first["seed"]) == (0.25, 7)
    assert "temperature" not in second and second["seed"] == 7
