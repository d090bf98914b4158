"""Does the room `compare` keep its word? The real program against recorded answers."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.program import Program
from tests.helpers.program import ollm as ollm  # a fixture
from tests.replay import Recording, RememberingServer, Request, entry, load

MODELS = ("one:1b", "two:1b", "three:1b")
Start = Callable[..., RememberingServer]


def answers(seconds: dict[str, float]) -> Callable[[Request], Recording]:
    """Answer with the recorded lines, spread over so many seconds for each model; 0.0 for one that is not named."""
    recorded = load("chat_stream")
    assert recorded.lines is not None
    count = len(recorded.lines)

    def choose(request: Request) -> Recording:
        total = int(seconds.get(request.json["model"], 0.0) * 1000)
        due = tuple(total * (number + 1) // count for number in range(count))
        return recorded.but(header_ms=0, line_ms=due, total_ms=total)

    return choose


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start servers with three models; the last one is that of the program."""
    running: list[RememberingServer] = []

    def begin(seconds: dict[str, float] | None = None, **options: object) -> RememberingServer:
        listed = options.pop("listed", [entry(name) for name in MODELS])
        script = options.pop("script", {"/api/chat": answers(seconds or {})})
        server = RememberingServer(listed=listed, script=script, speed=1.0, load_ms=0, **options)
        server.__enter__()
        running.append(server)
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        return server

    yield begin
    for server in running:
        server.__exit__(None, None, None)


def chats(server: RememberingServer) -> list[Request]:
    return [request for request in server.requests if request.path == "/api/chat"]


def test_three_models_answer_at_the_same_time_with_one_request_each(ollm: Program, start: Start) -> None:
    together = threading.Event()
    server = start(script={"/api/chat": load("chat_stream").but(line_ms=(), held=(3, together))})

    def asked(request: Request) -> None:  # nobody is answered before all are asked
        if len(chats(server)) == len(MODELS):
            together.set()

    server.on_request = asked
    done = ollm("compare", "P", *MODELS, "--parallel", "--json")
    assert done.code == 0
    assert together.is_set()
    assert sorted(request.json["model"] for request in chats(server)) == sorted(MODELS)
    assert all(request.json["messages"] for request in chats(server))
    assert done.json["mode"] == "parallel"


def test_all_get_the_same_prompt_and_the_same_options(ollm: Program, start: Start) -> None:
    server = start()
    document = ollm("compare", "P", *MODELS, "--json", "--seed", "7").json
    sent = [json.dumps({**request.json, "model": ""}, sort_keys=True) for request in chats(server)]
    assert len(sent) == len(MODELS)
    assert len(set(sent)) == 1
    assert chats(server)[0].json["options"]["seed"] == document["seed"] == 7
    assert document["differingOptions"] == []


@pytest.mark.parametrize(
    ("words", "seed"),
    [
        (["compare", "P"], 3),
        (["--seed", "7", "compare", "P"], 7),
        (["compare", "--template", "t"], 5),
        (["--seed", "7", "compare", "--template", "t"], 7),
        (["--seed", "7", "compare", "--template", "t", "--seed", "8"], 8),
    ],
)
def test_whose_seed_all_get(ollm: Program, start: Start, words: list[str], seed: int) -> None:
    server = start()
    ollm.write("compare: {seed: 3}\noptions: {seed: 4}\n")
    (ollm.home / "templates").mkdir()
    (ollm.home / "templates" / "t.yaml").write_text("template: P\noptions: {seed: 5}\n")
    done = ollm(*words, "one:1b", "two:1b", "--json")
    assert done.code == 0, done.err
    assert {request.json["options"]["seed"] for request in chats(server)} == {done.json["seed"]} == {seed}


def test_the_numbers_are_those_of_the_server(ollm: Program, start: Start) -> None:
    start()
    recorded = load("chat_stream").objects[-1]
    numbers = ollm("compare", "P", "one:1b", "two:1b", "--json").json["answers"][0]["numbers"]
    assert numbers["tokens"] == recorded["eval_count"]
    assert numbers["generationSeconds"] == pytest.approx(recorded["eval_duration"] / 1e9)
    assert numbers["promptSeconds"] == pytest.approx(recorded["prompt_eval_duration"] / 1e9)
    assert numbers["loadSeconds"] == pytest.approx(recorded["load_duration"] / 1e9)
    assert numbers["tokensPerSecond"] == pytest.approx(recorded["eval_count"] / recorded["eval_duration"] * 1e9)
    assert numbers["contextUsed"] == recorded["eval_count"] + recorded["prompt_eval_count"]


def test_a_failure_is_shown_in_its_place_and_the_others_go_on(ollm: Program, start: Start) -> None:
    start()
    done = ollm("compare", "P", "one:1b", "tow:1b", "three:1b", "--json")
    assert done.code == 0
    first, second, third = done.json["answers"]
    assert first["answered"]
    assert third["answered"]
    assert not second["answered"]
    assert "two:1b" in second["failure"]


def test_an_answer_that_breaks_off_says_why_in_its_place(ollm: Program, start: Start) -> None:
    whole = load("chat_stream")

    def choose(request: Request) -> Recording:
        return whole.first(5) if request.json["model"] == "two:1b" else whole.but(line_ms=(), header_ms=0)

    start(script={"/api/chat": choose})
    done = ollm("compare", "P", *MODELS, "--json")
    assert done.code == 0
    assert [answer["answered"] for answer in done.json["answers"]] == [True, False, True]
    broken = done.json["answers"][1]
    assert broken["text"]
    assert "the connection to Ollama" in broken["failure"]
    assert "the connection to Ollama" in ollm("compare", "show", "last").out


def test_when_all_fail_the_exit_code_says_so(ollm: Program, start: Start) -> None:
    start()
    done = ollm("compare", "P", "nine:1b", "ten:1b")
    assert done.code == 1
    assert done.out.count("has no model") == 2
    assert ollm("compare", "history").out == "Nothing was compared yet\n"


def test_plain_output_has_the_answers_in_their_order_and_then_the_numbers(ollm: Program, start: Start) -> None:
    start({"one:1b": 0.3, "two:1b": 0.0})
    out = ollm("compare", "P", "one:1b", "two:1b", "--parallel").out
    text = load("chat_stream").text
    assert out.index("── 1. ollama/one:1b ──") < out.index("── 2. ollama/two:1b ──") < out.index("tokens/s")
    assert out.count(text) == 2
    assert "At the same time: as you asked." in out
    assert "Seed 42" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("P", "one:1b"), "at least two models"),
        ((), "There is no prompt"),
        (("P", "one:1b", "ONE:1B"), "one:1b is named twice"),
        (("P", *(f"m{n}" for n in range(10))), "At most 9 models"),
        (("P", *MODELS, "--parallel", "--sequential"), "exclude each other"),
        (("P", *MODELS, "--last"), "in the shell there is none"),
        (("P", *MODELS, "--var", "a=b"), "--var gives values to a template"),
        (("P\udcff", *MODELS), "bytes that are not text"),
        (("P", *MODELS, "--winner", "tow:1b"), "did you mean two:1b?"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_sent(
    ollm: Program, start: Start, words: tuple[str, ...], said: str
) -> None:
    server = start()
    done = ollm("compare", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert chats(server) == []


def test_one_after_another_each_begins_when_the_one_before_is_done(ollm: Program, start: Start) -> None:
    server = start(dict.fromkeys(MODELS, 0.3))
    document = ollm("compare", "P", *MODELS, "--sequential", "--json").json
    first, second, third = (request.at for request in chats(server))
    assert second - first >= 0.3
    assert third - second >= 0.3
    assert (document["mode"], document["why"]) == ("sequential", "One after another: as you asked.")


def test_models_that_do_not_fit_answer_one_after_another_and_it_is_said_why(ollm: Program, start: Start) -> None:
    big = [entry("big:70b", size=40_000_000_000), entry("huge:70b", size=45_000_000_000)]
    server = start({"big:70b": 0.2, "huge:70b": 0.2}, listed=big)
    ollm.write("model:\n  routing:\n    vramGb: 48\n")
    document = ollm("compare", "P", "big:70b", "huge:70b", "--json").json
    assert document["mode"] == "sequential"
    assert document["why"].startswith("One after another: big:70b (4")
    assert document["why"].endswith("together do not fit into 48.0 GB of GPU memory.")
    first, second = (request.at for request in chats(server))
    assert second - first >= 0.2


def test_models_that_fit_answer_at_the_same_time(ollm: Program, start: Start) -> None:
    start()
    ollm.write("model:\n  routing:\n    vramGb: 48\n")
    document = ollm("compare", "P", *MODELS, "--json").json
    assert document["mode"] == "parallel"
    assert document["why"].endswith("together fit into 48.0 GB of GPU memory.")


def test_several_answers_give_medians_and_spreads(ollm: Program, start: Start) -> None:
    server = start()
    first = ollm("compare", "P", "one:1b", "--repeat", "3", "--json").json["answers"][0]
    assert isinstance(first["numbers"]["contextSize"], int)
    assert re.search(r" of \d+\n", ollm("compare", "show", "last").out)
    assert len(chats(server)) == len(first["runs"]) == 3
    seconds = sorted(run["numbers"]["seconds"] for run in first["runs"])
    assert first["numbers"]["seconds"] == seconds[1]
    assert first["spread"]["seconds"] == [seconds[0], seconds[2]]


def test_ctrl_c_ends_all_and_what_came_is_kept(ollm: Program, start: Start) -> None:
    import signal

    server = start({"one:1b": 0.0, "two:1b": 120.0})
    for pause in (0.5, 2.0, 15.0):  # seconds until the first has answered: nobody tells of that
        server.requests.clear()
        process = ollm.process("compare", "P", "one:1b", "two:1b", "--parallel", OLLAMA_HOST=server.url)
        assert server.wait_for_request(1, 30.0)
        until = time.monotonic() + 30
        while len(chats(server)) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 130
        kept = ollm("compare", "show", "last", "--json").json
        assert kept["interrupted"]
        if kept["answers"][0]["answered"]:
            break
    assert load("chat_stream").text in out
    assert "ended by the user" in out
    assert [answer["answered"] for answer in kept["answers"]] == [True, False]


def piped(ollm: Program, server: RememberingServer, text: str, *words: str) -> str:
    import os
    import subprocess

    from tests.helpers.program import SCRIPT

    environment = {**os.environ, "OLLM_HOME": str(ollm.home), "OLLAMA_HOST": server.url}
    command = [str(SCRIPT), "compare", *words, "--json"]
    done = subprocess.run(command, env=environment, input=text, text=True, capture_output=True, timeout=90, check=True)
    return str(json.loads(done.stdout)["prompt"])


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        (("-", "one:1b", "two:1b"), "from a pipe\n"),
        (("one:1b", "two:1b"), "from a pipe\n"),
        (("Explain", "one:1b", "two:1b"), "Explain\n\nfrom a pipe\n"),
    ],
)
def test_what_is_piped_in_is_the_prompt_or_is_added_to_it(
    ollm: Program, start: Start, words: tuple[str, ...], prompt: str
) -> None:
    assert piped(ollm, start(), "from a pipe\n", *words) == prompt


@pytest.mark.parametrize(
    ("values", "prompt"),
    [
        (["--var", "about=style"], "Review style: from a pipe\n"),
        (["--var", "code=@{file}", "--var", "about=-"], "Review from a pipe\n: from a file"),
        (["--var", "code=@@x", "--var", "about=y"], "Review y: @x\n\nfrom a pipe\n"),
    ],
)
def test_a_template_takes_files_and_what_is_piped_in(
    ollm: Program, start: Start, tmp_path: Path, values: list[str], prompt: str
) -> None:
    templates = ollm.home / "templates"
    templates.mkdir(parents=True)
    (templates / "r.yaml").write_text("template: 'Review {about}: {code}'\nvariables: [about, code]\n")
    (tmp_path / "file").write_text("from a file")
    given = [value.format(file=tmp_path / "file") for value in values]
    assert piped(ollm, start(), "from a pipe\n", "--template", "r", *given, "one:1b", "two:1b") == prompt


def test_a_blind_comparison_hides_the_names_until_the_choice(ollm: Program, start: Start, tmp_path: Path) -> None:
    start()
    done = ollm("compare", "Write a poem", *MODELS, "--blind")
    for shown in (done, ollm("compare", "show", "last"), ollm("compare", "history")):
        assert "1b" not in shown.out + shown.err
    assert ollm("compare", "show", "last", "--json").json["answers"][0]["model"] is None
    assert ollm("compare", "history", "--json").json[0]["models"] is None
    chosen = ollm("compare", "choose", "last", "B")
    assert chosen.out.startswith("You prefer B: ollama/")
    after = ollm("compare", "show", "last", "--json").json
    assert (after["choice"], after["winner"], after["profile"]) == ("winner", 1, "creative")
    assert sorted(answer["model"] for answer in after["answers"]) == sorted(MODELS)


def test_a_blind_comparison_hides_the_name_of_a_model_that_fails(ollm: Program, start: Start) -> None:
    start()
    done = ollm("compare", "Write a poem", "one:1b", "two:1b", "mystery:latest", "--blind")
    assert "has no model" in done.out
    assert "mystery" not in done.out + done.err
    named = ollm("compare", "P", "mystery:latest", "one:1b")
    assert "has no model mystery" in named.out
    assert "[ended at the token limit]" in named.out
    assert re.search(r"`compare choose \d+ 2` says which is best", named.out)


def test_one_provider_that_is_away_spoils_nothing_for_another(
    ollm: Program, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    done = ollm("compare", "P", "ollama/one:1b", "local/none", "--json")
    assert done.code == 1
    first, second = (answer["failure"] for answer in done.json["answers"])
    assert "does not answer at http://127.0.0.1:9" in first
    assert "the local engine has no model none" in second


def test_a_comparison_that_cannot_be_kept_is_shown_all_the_same(ollm: Program, start: Start) -> None:
    start()
    (ollm.home / "comparisons.db").mkdir(parents=True)
    done = ollm("compare", "P", "one:1b", "two:1b", "--json")
    assert done.code == 0
    assert done.json["id"] is None
    assert done.json["answers"][0]["answered"]
    assert "The comparison is not kept" in done.err


def test_nothing_is_kept_where_that_is_wished(ollm: Program, start: Start) -> None:
    start()
    assert ollm("compare", "P", "one:1b", "two:1b", "--no-save", "--json").json["id"] is None
    ollm.write("compare:\n  save: false\n")
    assert ollm("compare", "P", "one:1b", "two:1b", "--json").json["id"] is None
    assert not (ollm.home / "comparisons.db").exists()


def test_a_model_may_be_named_twice_to_see_how_far_its_answers_differ(ollm: Program, start: Start) -> None:
    server = start()
    assert ollm("compare", "P", "one:1b", "one:1b", "--repeat", "2").code == 0
    assert len(chats(server)) == 4


def test_a_winner_that_failed_is_not_chosen_and_that_is_said(ollm: Program, start: Start) -> None:
    start()
    done = ollm("compare", "P", "one:1b", "nine:1b", "--winner", "nine:1b", "--json")
    assert (done.code, done.json["choice"]) == (0, "")
    assert "Nothing is chosen: nine:1b has no whole answer" in done.err


def test_options_that_differ_are_named(ollm: Program, start: Start) -> None:
    start()
    ollm.write("models:\n  'one:1b':\n    options:\n      temperature: 0.1\n")
    assert ollm("compare", "P", "one:1b", "two:1b", "--json").json["differingOptions"] == ["temperature"]
    out = ollm("compare", "P", "one:1b", "two:1b").out
    assert "Not the same for all: temperature (ollama/one:1b 0.1, ollama/two:1b as the provider has it)." in out
