"""Do the commands write what they should and nothing else, and does every line of the documentation work?"""

import json
import re
import shlex
from pathlib import Path

import pytest
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.project.plugin import Plugin
from ollm_plugins.project.schema import project_schema

from ollm.api import parse_settings
from ollm.app import App
from ollm.discovery import discover
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import ReplayServer
from tests.plugins.test_project import put, repository  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]
FILE = ".ollm/project.yaml"
PAGE = ROOT / "docs" / "rooms" / "project.md"
SCHEMA = ROOT / "schemas" / "project.schema.json"
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
LINES = re.findall(r"^ollm (.+)$", "".join(BLOCKS), re.MULTILINE)
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]


def content(root):
    return parse_settings(root / FILE, (root / FILE).read_text()).values


def test_init_writes_a_commented_file_for_the_detected_type(ollm_app, repository):
    put(repository, "go.mod")
    ollm = ollm_app(Plugin)
    done = ollm.run_command("project init")
    assert done.stdout == f"{repository / FILE} has the profile 'go'\n"
    assert "It is not applied yet" in done.stderr
    assert content(repository) == {"version": 1, "profile": "go"}
    text = (repository / FILE).read_text()
    assert text.startswith("# yaml-language-server: $schema=project.schema.json\n")
    assert json.loads((repository / ".ollm" / "project.schema.json").read_text()) == project_schema(ollm.app.settings)
    assert sorted(each.name for each in (repository / ".ollm").iterdir()) == ["project.schema.json", "project.yaml"]
    commented = re.sub(r"^# (?=( *)[\w]+:)|^# (?= +You)", "", text.split("$schema")[1], flags=re.MULTILINE)
    assert set(parse_settings(Path("x"), commented.partition("\n")[2]).values) == {
        *("version", "profile", "model", "systemPrompt", "tools", "routing", "options", "agentsFile")
    }


def test_init_never_overwrites_without_asking(ollm_app, repository):
    ollm = ollm_app(Plugin)
    assert ollm.run_command("project init python").exit_code == 0
    (repository / FILE).write_text("mine: true\n")
    refused = ollm.run_command("project init rust")
    assert refused.exit_code == 2 and "nobody can be asked whether to replace it" in refused.stderr
    assert (repository / FILE).read_text() == "mine: true\n"
    done = ollm.run_command("project init rust --yes --json")
    assert done.json == {"file": str(repository / FILE), "profile": "rust", "state": "untrusted"}
    assert content(repository)["profile"] == "rust"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("project init", "The type of this project was not recognized. Name a profile: typescript, python"),
        ("project init pyton", "There is no project profile 'pyton'; did you mean python?"),
        ("project use ../x", "There is no project profile '../x'. There are: typescript, python"),
        ("project trust", "There is no .ollm/project.yaml in"),
    ],
)
def test_what_cannot_be_done_is_said(ollm_app, repository, line, said):
    done = ollm_app(Plugin).run_command(line)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (repository / ".ollm").exists()


def test_use_changes_one_line(ollm_app, repository):
    ollm = ollm_app(Plugin)
    assert ollm.run_command("project use python").exit_code == 0
    assert content(repository) == {"version": 1, "profile": "python"}
    text = "# mine\nmodel: x:1b   # the good one\nprofile: python\n\n# the end\n"
    (repository / FILE).write_text(text)
    assert ollm.run_command("project use rust").exit_code == 0
    assert (repository / FILE).read_text() == text.replace("profile: python", "profile: rust")
    (repository / FILE).write_text("model: [\n")
    broken = ollm.run_command("project use go")
    assert broken.exit_code == 2 and f"{repository / FILE}:" in broken.stderr
    assert (repository / FILE).read_text() == "model: [\n"


def test_use_trusts_nothing_that_was_not_trusted(ollm_app, repository, monkeypatch):
    from ollm.output import Output
    from ollm_plugins.project import agreeing, writing

    monkeypatch.setattr(Output, "can_ask", True)
    ollm = ollm_app(Plugin)
    put(repository, FILE)
    (repository / FILE).write_text("model: evil:1b\n")
    assert ollm.run_command("project use rust --json").json["state"] == "untrusted"
    assert ollm.app.settings.get("model.default") is None
    (repository / FILE).unlink()
    assert ollm.run_command("project use rust --json").json["state"] == "trusted"
    assert ollm.run_command("project use go --json").json["state"] == "trusted"
    assert agreeing.examine is writing.examine


def test_the_schema_has_not_drifted(tmp_path):
    app = App({"OLLM_HOME": str(tmp_path)}, records=[record for record in discover() if record.first_party])
    made = json.loads(json.dumps(project_schema(app.settings)))
    assert json.loads(SCHEMA.read_text()) == made, "make it anew: ollm project schema >schemas/project.schema.json"


def test_the_schema_lists_what_the_room_takes():
    from ollm_plugins.project.form import KEYS

    schema = json.loads(SCHEMA.read_text())
    assert set(schema["properties"]) == set(KEYS)
    assert schema["additionalProperties"] is False
    for part in ("tools", "routing", "options"):
        assert schema["properties"][part]["additionalProperties"] is False
    model = re.compile(schema["properties"]["model"]["pattern"])
    assert model.match("llama3.1:70b") and not model.match("/etc/passwd") and not model.match("a/../b")
    assert "temperature" in schema["properties"]["options"]["properties"]
    assert "extra" not in schema["properties"]["options"]["properties"]


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        (EXAMPLE, True),
        ("version: 1\nprofile: typescript-monorepo\n", True),
        ("agentsFile: docs/AGENTS.md\n", True),
        ("providers: {}\n", False),
        ("model: /etc/passwd\n", False),
        ("model: ../x\n", False),
        ("options: {extra: {}}\n", False),
        ("options: {temperature: 7}\n", False),
        ("tools: {autoApprove: true}\n", False),
        ("agentsFile: ../x.md\n", False),
    ],
)
def test_what_a_file_may_say(ollm_app, repository, text, sound):
    put(repository, FILE)
    (repository / FILE).write_text(text)
    put(repository, "AGENTS.md", "docs/AGENTS.md")
    from tests.plugins.test_project import Routing

    done = ollm_app(Plugin, Options, Routing).run_command("project trust")
    assert ("refused:" not in done.stdout) is sound


def test_each_command_of_the_documentation_works(ollm, repository):
    put(repository, "pyproject.toml")
    assert len(LINES) >= 9
    for line in LINES:
        if "HASH" in line:
            line = line.replace("HASH", ollm("project", "show", "--json").json["sha256"])
        done = ollm(*shlex.split(line))
        needs_a_terminal = line == "project trust"
        assert done.code == (2 if needs_a_terminal else 0), (line, done.err)
    assert ollm("project", "show", "--json").json["state"] == "trusted"
    assert ollm("config", "get", "project.detect").out == "false\n"


@pytest.mark.parametrize("name", ["detect", "show", "schema", "init", "use", "trust", "untrust"])
def test_help_shows_examples(ollm, name):
    done = ollm("project", name, "--help")
    assert done.code == 0
    assert f"  ollm project {name}" in done.out


def test_what_the_page_says_of_types_is_so():
    from ollm_plugins.project.detectors import KINDS

    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text().partition("## The project's file")[0], re.M))
    assert set(rows) == set(KINDS)
    for kind, names in rows.items():
        assert set(re.findall(r"`([^`]+)`", names)) <= set(KINDS[kind].markers)


def test_an_answer_in_an_untrusted_project_is_as_in_none(ollm, repository):
    put(repository, FILE)
    (repository / FILE).write_text("model: evil:1b\nsystemPrompt: Obey.\noptions: {seed: 1}\n")
    with ReplayServer({"/api/chat": ["chat_stream"] * 2}) as server:
        words = ("--host", server.url, "--provider", "ollama", "-m", "smollm2:135m")
        done = ollm(*words, "-p", "Hi", "-o", "json")
        assert done.code == 0, done.err
        assert [each["code"] for each in done.json["notices"] if each["code"] == "project"] == ["project"]
        (request,) = server.asked("/api/chat")
        sha256 = ollm("project", "show", "--json").json["sha256"]
        assert ollm("project", "trust", "--sha256", sha256).code == 0
        assert ollm(*words, "-p", "Hi").code == 0
        trusted = server.asked("/api/chat")[1]
    assert [each["role"] for each in request.json["messages"]] == ["user"]
    assert (request.json["model"], "seed" in request.json["options"]) == ("smollm2:135m", False)
    assert trusted.json["messages"][0] == {"role": "system", "content": "Obey."}
    assert trusted.json["model"] == "smollm2:135m", "a flag is stronger"
    assert trusted.json["options"]["seed"] == 1
