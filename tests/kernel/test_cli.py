"""The program as a user meets it: a real process, a real server."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay import ReplayServer, load

OLLM = str(Path(sys.executable).with_name("ollm"))


@pytest.fixture
def server():
    with ReplayServer({"/api/chat": ["chat_stream"]}) as running:
        yield running


@pytest.fixture
def ollm(tmp_path):
    """Run the program; without a server unless one is given."""

    def run(*words, server=None, stdin=None, env=None, **options):
        environ = {
            **os.environ,
            "HOME": str(tmp_path),
            "OLLM_HOME": str(tmp_path / "home"),
            "OLLAMA_HOST": "127.0.0.1:9",
            **(env or {}),
        }
        environ.pop("OLLM_PROVIDER", None)
        if server is not None:
            environ["OLLM_HOST"] = server.url
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(
            [OLLM, *words], env=environ, capture_output=True, text=True, timeout=60, check=False, **given, **options
        )

    return run


ASK = ("-p", "Tell me", "-m", "smollm2:135m")
ENDLESS = load("chat_stream").first(12, end="client")
"""An answer that goes on until the client hangs up."""


def test_an_answer_in_text(ollm, server):
    done = ollm(*ASK, server=server)
    assert (done.returncode, done.stdout) == (0, load("chat_stream").text + "\n")
    assert "token limit" in done.stderr  # the recording ends with done_reason length


def test_an_answer_in_json(ollm, server):
    document = json.loads(ollm(*ASK, "-o", "json", server=server).stdout)
    assert document["text"] == load("chat_stream").text
    assert (document["model"], document["provider"], document["finishReason"]) == ("smollm2:135m", "ollama", "length")
    assert document["usage"]["completionTokens"] == 48
    assert document["usage"]["totalSeconds"] > 0
    assert document["notices"] == []


def test_an_answer_as_events(ollm, server):
    events = [json.loads(line) for line in ollm(*ASK, "-o", "stream-json", server=server).stdout.splitlines()]
    assert events[0] == {"type": "started", "provider": "ollama", "model": "smollm2:135m"}
    assert "".join(event["text"] for event in events if event["type"] == "text") == load("chat_stream").text
    assert events[-1]["type"] == "finished"


def test_the_request_carries_prompt_system_and_options(ollm, server):
    ollm(*ASK, "-s", "Be brief", "--temperature", "0", "--max-tokens", "9", "--context-size", "512", server=server)
    body = server.requests[-1].json
    assert body["messages"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Tell me"}]
    assert body["options"] == {"temperature": 0.0, "num_predict": 9, "num_ctx": 512}


@pytest.mark.parametrize(("words", "prompt"), [((), "from stdin\n"), (("-p", "Explain"), "Explain\n\nfrom stdin\n")])
def test_what_is_piped_in_is_the_prompt_or_is_added_to_it(ollm, server, words, prompt):
    ollm(*words, "-m", "smollm2:135m", server=server, stdin="from stdin\n")
    assert server.requests[-1].json["messages"][-1]["content"] == prompt


@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        (("-p", "x", "-o", "xml"), {}, 2, "no output format 'xml'. Choose one of text, json, stream-json."),
        (("-p", "x", "--temperature", "9"), {}, 2, "--temperature: options.temperature is '9'"),
        (("-p", "x"), {"OLLM_TEMPERATURE": "hot"}, 2, "$OLLM_TEMPERATURE: options.temperature is 'hot'"),
        (("-p", "x", "--provider", "olama"), {}, 2, "There is no provider 'olama'; did you mean ollama?"),
        (("-p", ""), {}, 2, "The prompt is empty"),
        ((), {}, 2, "There is no prompt, and no terminal to ask for one"),
        (("--nosuch",), {}, 2, "no such option: --nosuch"),
        (("nosuch",), {}, 2, "no such command 'nosuch'"),
        (("-p", "x", "config", "path"), {}, 2, "exclude each other"),
        (("-p", "x", "--provider", "ollama"), {}, 4, "Ollama does not answer at http://127.0.0.1:9"),
        (("-p", "x", "--host", "127.0.0.1:9"), {}, 4, "Ollama does not answer at http://127.0.0.1:9"),
        (("-p", "x"), {"OLLM_PROVIDER": "ollama"}, 4, "Ollama does not answer"),
        (("-p", "x"), {"OLLM_HOST": "127.0.0.1:9"}, 4, "Ollama does not answer"),
        (("-p", "x", "-m", "nosuch:1b"), {}, 4, "Ollama does not answer"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(ollm, words, env, code, said):
    environ = dict(env)
    provider = environ.pop("OLLM_PROVIDER", None)
    done = ollm(*words, *(("--provider", provider) if provider else ()), env=environ)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_missing_model(ollm):
    with ReplayServer({"/api/chat": ["chat_missing_model"]}) as server:
        done = ollm("-p", "x", "-m", "nosuchmodel:1b", "--provider", "ollama", server=server)
    assert done.returncode == 3
    assert "nosuchmodel:1b" in done.stderr


def test_an_error_in_json_is_one_document_too(ollm):
    done = ollm("-p", "x", "--provider", "ollama", "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["error"]["exitCode"], document["text"]) == (4, 4, "")


@pytest.mark.parametrize("recording", ["chat_server_stopped", "chat_repeat_abort_stream"])
def test_a_cut_answer_is_kept_said_and_no_success(ollm, recording):
    with ReplayServer({"/api/chat": [recording]}) as server:
        done = ollm(*ASK, server=server)
        assert (done.returncode, done.stdout) == (1, load(recording).text.rstrip("\n") + "\n")
        assert done.stderr.startswith("ollm: ")
        document = json.loads(ollm(*ASK, "-o", "json", server=server).stdout)
    assert document["finishReason"] == "cut"
    assert [notice["code"] for notice in document["notices"]] == ["answer-cut"]


def test_thoughts_never_reach_stdout(ollm):
    recording = load("chat_think_true_stream")
    assert recording.thinking
    with ReplayServer({"/api/chat": ["chat_think_true_stream"]}) as server:
        done = ollm(*ASK, server=server)
    assert done.stdout.strip() == recording.text.strip()


def test_a_reader_that_goes_away_is_no_failure(ollm, server, tmp_path):
    env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
    command = f"{OLLM} -p x -m smollm2:135m -o stream-json; echo rc=$? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"],
        env=env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert json.loads(done.stdout)["type"] == "started"
    assert done.stderr == "rc=0\n"


def test_ctrl_c_keeps_what_came_and_closes_the_connection(tmp_path):
    with ReplayServer({"/api/chat": [ENDLESS]}) as server:
        env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
        process = subprocess.Popen(
            [OLLM, *ASK], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        first = os.read(process.stdout.fileno(), 100)
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert load("chat_stream").text.startswith((first + rest).decode().rstrip("\n"))
        assert b"Traceback" not in said
        assert server.wait_for_hangup(30.0)


def test_json_after_ctrl_c_is_one_document(tmp_path):
    with ReplayServer({"/api/chat": [ENDLESS]}) as server:
        env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
        process = subprocess.Popen(
            [OLLM, *ASK, "-o", "json"], env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert server.wait_for_request(1, 30.0)
        process.send_signal(signal.SIGINT)
        document = json.loads(process.communicate(timeout=30)[0])
    assert (process.returncode, document["finishReason"]) == (130, "interrupted")


def test_a_pipe_that_stays_silent_is_explained(tmp_path, server):
    env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
    process = subprocess.Popen(
        [OLLM, *ASK], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert b"waiting for the piped input to end" in os.read(process.stderr.fileno(), 1000)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_terminal_shows_control_characters_instead_of_obeying_them(tmp_path, server):
    hostile = "\x1b]52;c;aGFjaw==\x07\x1b[2J\u202eabc"
    line = json.dumps({"model": "m", "message": {"role": "assistant", "content": hostile}, "done": False})
    recording = load("chat_stream").but(lines=(line, load("chat_stream").lines[-1]), line_ms=())
    with ReplayServer({"/api/chat": [recording]}) as hostile_server:
        master, slave = pty.openpty()
        env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": hostile_server.url, "TERM": "xterm"}
        process = subprocess.Popen([OLLM, *ASK], env=env, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # as Linux tells the end of a terminal
            while piece := os.read(master, 65536):
                shown += piece
        os.close(master)
        process.wait(30)
    assert "␛]52;c;aGFjaw==␇␛[2J\\u202eabc" in shown.decode()
    assert b"\x1b]52" not in shown


def test_version_and_help(ollm):
    assert ollm("--version").stdout.startswith("ollm 0.")
    text = ollm("--help").stdout
    for shown in ("--prompt", "--model", "--temperature", "Exit codes:", "130 interrupted", "Examples:"):
        assert shown in text


def test_an_unreadable_settings_file_is_one_line(ollm, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.yaml").write_text("model:\n  defualt: x\n")
    done = ollm("-p", "x")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"ollm: {tmp_path}/home/config.yaml:2: there is no setting 'model.defualt'; did you mean model.default?\n"
    )
    (tmp_path / "home" / "config.yaml").write_text("model: [\n")
    done = ollm("-p", "x")
    assert done.returncode == 2
    assert "is not valid YAML" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert ollm("--help").returncode == 0


def shell(line, tmp_path, server=None):
    env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:9"}
    if server is not None:
        env["OLLM_HOST"] = server.url
    return subprocess.run(
        ["bash", "-c", line], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )


def test_a_pipe_without_end_does_not_fill_the_memory(tmp_path):
    done = shell(f"yes | {OLLM} -p x -m a", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "ollm: The piped input is larger than 64 MiB. Pipe in less of it.\n",
    )


@pytest.mark.parametrize(
    "words",
    ["--version", "config show", "config show --json", "plugins list --json"]
    + ["-p x -m smollm2:135m", "-p x -m smollm2:135m -o json"],
)
def test_output_that_is_lost_is_a_failure(tmp_path, server, words):
    done = shell(f"{OLLM} {words} >/dev/full", tmp_path, server)
    assert (done.returncode, done.stderr.count("No space left on device")) == (1, 1)
    assert "disable" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_harm_nobody(tmp_path, server, closed):
    done = shell(f"{OLLM} -p x -m smollm2:135m {closed}", tmp_path, server)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr + done.stdout
    assert server.asked("/api/chat")


def test_bytes_that_are_no_text_are_refused_in_any_locale(tmp_path, server):
    for locale in ("C", "C.UTF-8"):
        done = shell(f"printf 'caf\\xe9' | LC_ALL={locale} {OLLM} -m smollm2:135m", tmp_path, server)
        assert (done.returncode, "is not utf-8 text (byte 3)" in done.stderr) == (2, True)
        done = shell(f"LC_ALL={locale} {OLLM} -m smollm2:135m -p $'caf\\xe9'", tmp_path, server)
        assert (done.returncode, "bytes that are not text" in done.stderr) == (2, True)


def test_a_working_folder_that_was_deleted_harms_nobody(tmp_path, server):
    done = shell(
        f"mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && {OLLM} -p x -m smollm2:135m",
        tmp_path,
        server,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_terminate_closes_the_connection(tmp_path, number):
    with ReplayServer({"/api/chat": [ENDLESS]}) as server:
        env = {**os.environ, "OLLM_HOME": str(tmp_path), "OLLM_HOST": server.url}
        process = subprocess.Popen([OLLM, *ASK], env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        os.read(process.stdout.fileno(), 100)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 130
        assert server.wait_for_hangup(30.0)


def test_a_variable_of_ollamas_does_not_overrule_your_settings(tmp_path):
    (tmp_path / "config.yaml").write_text("providers: {ollama: {host: 'http://127.0.0.1:8'}}\n")
    done = shell(f"{OLLM} -p x", tmp_path)
    assert (done.returncode, "http://127.0.0.1:8" in done.stderr) == (4, True)


def test_python_dash_m(tmp_path):
    assert shell(f"{sys.executable} -m ollm --version", tmp_path).stdout.startswith("ollm 0.")


def test_completion_can_be_shown(tmp_path):
    assert "complete" in shell(f"{OLLM} --show-completion bash", tmp_path).stdout
    done = shell(f"COMP_WORDS='ollm con' COMP_CWORD=1 _OLLM_COMPLETE=complete_bash {OLLM}", tmp_path)
    assert done.stdout.split() == ["config"]
