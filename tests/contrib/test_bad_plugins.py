"""Does ollm work on when every plugin that a stranger can get wrong is installed at once?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.helpers.site import ROOT, Finished, Site
from tests.replay import ReplayServer, load

BAD = sorted((ROOT / "tests" / "contrib" / "bad").glob("*.py"))

FINDINGS = {
    "raises-on-import": ["import: RuntimeError: the import of this plugin fails"],
    "exits-at-import": ["import: SystemExit: 0"],
    "cannot-be-made": ["register: RuntimeError: no instance today"],
    "raises-in-hooks": ["ollm_settings_sections: RuntimeError: ollm_settings_sections is broken", "ollm_frontends: "],
    "exits-in-hooks": ["ollm_settings_sections: SystemExit: ollm_settings_sections leaves", "ollm_frontends: "],
    "misspelled-hook": [
        "ollm_tool: there is no hook of that name, so it is never called. Did its author mean 'ollm_tools'?"
    ],
    "unmarked-hook": ["ollm_tools: it is not marked with @hookimpl, so it is never called"],
    "wrong-arguments": ["register: .*model"],
    "prints-at-import": [
        "import: it printed 38 characters to stdout",
        "register: it printed 11 characters to stdout",
        "ollm_commands: it printed 12 characters to stdout",
    ],
    "prints-in-turns": [],
    "takes-names": [
        "settings section 'model': .* the kernel's own",
        "settings section 'options': .* already provided by plugin 'options'",
        "settings section 'takesModel': its option --model is taken by ollm",
        "settings section 'takesPrompt': its option -p is taken by ollm",
        "settings section 'hasNoFlag': these flags are not of the form --word or -x: 'no flag'",
        "command 'plugins list': .* already provided by plugin 'plugins'",
        "command 'taking': the name 'config show' is taken by command 'config show' of plugin 'config'",
        "command 'config': 'config' is a group of commands of plugin 'config'",
        "provider 'ollama': .* already provided by plugin 'ollama'",
        "tool 'roll_dice': .* already provided by plugin 'dice'",
        "request adjuster 'options': .* already provided by plugin 'options'",
        "service 'approver': ToolApprover is already provided by plugin 'permissions'",
    ],
    "future-api": ["register: it was written for version 99 of the plugin API, this ollm has version 1. Upgrade ollm"],
    "missing-name": ["import: ImportError: .*HologramPart.*It was written for another version of ollm"],
    "missing-package": ["import: ModuleNotFoundError: No module named 'no_such_package_anywhere'"],
    "wrong-types": [
        "ollm_templates: it returned a str where a Template is expected",
        "ollm_status_items: it returned a int where a StatusItem is expected",
        "ollm_frontends: TypeError: 'int' object is not iterable",
        "ollm_tools: tool is refused: its name 'Bad Name!'",
        "ollm_tools: .*run is a int",
        "ollm_tools: .*run 'not a reference'",
        "ollm_tools: .*description is a NoneType",
        "ollm_tools: .*parameters is a NoneType",
        "ollm_commands: .*summary is a NoneType",
        "ollm_commands: .*surfaces is a NoneType",
        "ollm_commands: .*aliases is a int",
        "ollm_commands: .*its name 5",
        "ollm_commands: it returned a Tool where a Command or CommandGroup is expected",
        "ollm_settings_layers: .*values is a NoneType",
        "ollm_model_limits: RuntimeError: it stops half-way",
        "ollm_prompt_parts: .*order is a str, not int",
        "ollm_turn_observers: .*on_event 'nowhere'",
        "ollm_turn_observers: .*on_turn is a int",
    ],
    "missing-section": [
        "settings section 'missingModule': ModuleNotFoundError",
        "settings section 'missingClass': AttributeError",
        "settings section 'unset': these fields have no default: value",
        "settings section 'unknownType': NameError",
        "settings section 'plain': Plain is not a dataclass",
        "ollm_settings_sections: .*'Not a name' is not a dotted path",
    ],
    "broken-providers": ["provider 'nowhere': ModuleNotFoundError"],
    "broken-turns": ["prompt part 'missing-part': ModuleNotFoundError"],
    "broken-commands": ["command 'broken missing': ModuleNotFoundError"],
    "broken-frontend": ["frontend 'missing': ModuleNotFoundError"],
    "broken-tools": ["tool 'missing': ModuleNotFoundError", "tool 'typeless': ModuleNotFoundError"],
}
"""What `plugins doctor` says of each, as regular expressions over "where: cause. remedy"."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("bad"))
    site.install(ROOT / "contrib" / "ollm-dice")
    for path in BAD:
        site.write(path.stem.replace("_", "-"), path.read_text())
    site.write("no-module", "").write_text("[ollm]\nno-module = stranger_gone:Plugin\n")
    site.write("no-reference", "").write_text("[ollm]\nno-reference = : what is this?\n")
    return site


def test_every_option_of_the_program_is_reserved() -> None:
    from ollm.app import App
    from ollm.root_options import callback
    from ollm.settings_model import PROGRAM_FLAGS

    app = App({"OLLM_HOME": "/nonexistent"}, records=[])
    own = {flag for hint in callback(app, (), print).__annotations__.values() for flag in flags_in(hint)}
    own -= {flag for field in app.settings.fields.values() for flag in field.setting.flags}
    assert own | {"--help", "-h", "--install-completion", "--show-completion"} == set(PROGRAM_FLAGS)


def flags_in(hint: Any) -> list[str]:
    declared = [name for each in getattr(hint, "__metadata__", ()) for name in (each.default, *each.param_decls)]
    return [flag for name in declared for flag in name.split("/")]


def source_of(name: str) -> str:
    return (ROOT / "tests" / "contrib" / "bad" / f"{name.replace('-', '_')}.py").read_text()


def sound(done: Finished) -> Finished:
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def examined(site: Site) -> dict[str, list[str]]:
    """Failures of each plugin, as lines."""
    done = site.run("plugins", "doctor", "--json")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr  # stdout has the traces, as data
    return {
        plugin["name"]: [f"{each['where']}: {each['cause']}. {each['remedy']}" for each in plugin["failures"]]
        for plugin in done.json["plugins"]
    }


def test_every_bad_plugin_is_described_here() -> None:
    assert {path.stem.replace("_", "-") for path in BAD} == set(FINDINGS)


@pytest.mark.parametrize("name", FINDINGS)
def test_the_doctor_names_each_with_cause_and_remedy(examined: dict[str, list[str]], name: str) -> None:
    lines = examined[name]
    for wanted in FINDINGS[name]:
        assert any(re.match(wanted, line) for line in lines), f"no {wanted!r} in:\n" + "\n".join(lines)
    assert all(line.endswith((".", "?")) and "\n" not in line for line in lines)


def test_each_hook_that_raises_is_named(examined: dict[str, list[str]]) -> None:
    from ollm.specs import Specs

    hooks = {name for name in vars(Specs) if name.startswith("ollm_")}
    for name in ("raises-in-hooks", "exits-in-hooks"):
        assert {line.split(":")[0] for line in examined[name]} == hooks


def test_the_good_are_well(examined: dict[str, list[str]]) -> None:
    good = ("dice", "config", "ollama", "oneshot", "options", "plugins", "providers", "repl")
    assert {name: examined[name] for name in good} == dict.fromkeys(good, [])


def test_broken_metadata_is_told(examined: dict[str, list[str]]) -> None:
    assert "import: ModuleNotFoundError: No module named 'stranger_gone'" in examined["no-module"][0]
    assert examined["no-reference"][0].startswith("import: ")


def test_a_distribution_whose_entry_points_cannot_be_read_is_told(tmp_path) -> None:
    site = Site(tmp_path)
    site.write("unreadable", "").write_text("[ollm]\nthis is no entry point\n")
    site.write("prints-at-import", source_of("prints-at-import"))
    done = sound(site.run("plugins", "doctor"))
    assert done.exit_code == 1
    assert "stranger-unreadable" in done.stdout
    assert "its entry_points.txt cannot be read" in done.stdout
    assert "it printed 38 characters" in done.stdout
    with ReplayServer() as server:
        done = sound(site.run("--host", server.url, "-m", "smollm2:135m", "-p", "Hi", "-o", "json"))
    assert done.json["text"] == load("chat_stream").text


def test_the_doctor_writes_words_too(site: Site) -> None:
    done = sound(site.run("plugins", "doctor"))
    assert done.exit_code == 1
    for name in FINDINGS.keys() - {"prints-in-turns"}:
        assert re.search(f"^{name} ", done.stdout, re.MULTILINE), name


def test_the_doctor_shows_traces_when_asked(site: Site) -> None:
    assert "no instance today" in site.run("plugins", "doctor", "--trace").stdout.split("Traceback", 1)[1]


@pytest.mark.parametrize(
    "line",
    ["--help", "--version", "plugins list", "config show", "provider list", "plugins --help", "broken --help"],
)
def test_commands_work(site: Site, line: str) -> None:
    done = sound(site.run(*line.split()))
    assert done.exit_code == 0, done.stderr
    assert done.stdout
    assert all(each.startswith("ollm: ") for each in done.stderr.splitlines())


def test_each_failure_is_one_line_with_plugin_place_and_remedy(site: Site) -> None:
    lines = site.run("--help").stderr.splitlines()
    assert len(lines) == len(set(lines))
    assert any(
        line == "ollm: Plugin 'raises-on-import' failed in import: RuntimeError: the import of this plugin fails. "
        "Run `ollm plugins doctor --trace` for the trace, or `ollm plugins disable raises-on-import` to go on without it."
        for line in lines
    )


@pytest.mark.parametrize(
    "line", ["plugins list --json", "config show --json", "provider list --json", "dice roll --json"]
)
def test_json_stays_json(site: Site, line: str) -> None:
    done = sound(site.run(*line.split()))
    assert done.exit_code == 0, done.stderr
    assert done.json


def test_states_are_told(site: Site) -> None:
    states = {each["name"]: each["state"] for each in site.run("plugins", "list", "--json").json}
    for name in ("raises-on-import", "exits-at-import", "future-api", "missing-name", "wrong-arguments", "no-module"):
        assert states[name] == "failed"
    assert states["misspelled-hook"] == "active"


def test_what_is_sound_of_a_bad_plugin_is_used(site: Site) -> None:
    assert site.run("spelled").stdout == "still here\n"


@pytest.mark.parametrize("output", ["text", "json", "stream-json"])
def test_a_turn_is_held(site: Site, output: str) -> None:
    with ReplayServer() as server:
        done = sound(site.run("--host", server.url, "-m", "smollm2:135m", "-p", "Hi", "-o", output))
    assert done.exit_code == 0, done.stderr
    text = load("chat_stream").text
    if output == "text":
        assert done.stdout.rstrip("\n") == text.rstrip("\n")
    elif output == "json":
        assert done.json["text"] == text
        told = "\n".join(notice["text"] for notice in done.json["notices"])
        for name in ("broken-part", "broken-adjuster", "broken-observer", "number", "returns-text"):
            assert f"'{name}'" in told + done.stderr
    else:
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert "".join(each["text"] for each in events if each["type"] == "text") == text
    (request,) = [each.json for each in server.asked("/api/chat")]
    offered = {tool["function"]["name"] for tool in request["tools"]}
    assert offered == {"roll_dice", "raising", "printing", "missing"}
    assert all(tool["function"]["parameters"]["type"] == "object" for tool in request["tools"])


def test_broken_tools_answer_the_model(site: Site) -> None:
    calls = json.loads(load("chat_tool_calls_stream").lines[0])
    one = calls["message"]["tool_calls"][0]
    wanted = ("raising", "printing", "missing", "typeless", "nothing")
    calls["message"]["tool_calls"] = [
        {"id": f"call_{name}", "function": {"index": i, "name": name, "arguments": {}}} for i, name in enumerate(wanted)
    ]
    assert one
    first = load("chat_tool_calls_stream").but(lines=(json.dumps(calls), load("chat_tool_calls_stream").lines[1]))
    with ReplayServer({"/api/chat": [first, "chat_stream"]}) as server:
        done = sound(site.run("--host", server.url, "-m", "smollm2-tools:135m", "-p", "Hi", "-o", "json"))
    assert done.exit_code == 0, done.stderr
    assert done.json["text"] == load("chat_stream").text
    results = {
        each["tool_name"]: each["content"]
        for each in server.asked("/api/chat")[1].json["messages"]
        if each["role"] == "tool"
    }
    assert "the tool is broken" in results["raising"]
    assert results["printing"] == "printed"
    assert "no_such_module" in results["missing"]
    assert "no tool 'nothing'" in results["nothing"]
    assert set(results) == set(wanted)


def test_providers_that_cannot_answer_are_passed_over(site: Site) -> None:
    with ReplayServer() as server:
        environ = {"OLLAMA_HOST": server.url}
        done = sound(Site(site.folder, environ).run("-m", "smollm2:135m", "-p", "Hi", "-o", "json"))
    assert done.exit_code == 0, done.stderr
    assert done.json["provider"] == "ollama"
    told = "\n".join(notice["text"] for notice in done.json["notices"])
    for name in ("uncreated", "useless", "nowhere", "raising"):
        assert f"'{name}'" in told + done.stderr, name


@pytest.mark.parametrize("name", ["uncreated", "useless", "nowhere", "raising"])
def test_a_broken_provider_that_was_chosen_is_an_error_in_words(site: Site, name: str) -> None:
    done = sound(site.run("--provider", name, "-m", "any", "-p", "Hi", "-o", "json"))
    assert done.exit_code == 1
    assert done.json["error"]["problem"]
    assert f"'{name}'" in done.stderr


@pytest.mark.parametrize(("command", "code"), [("missing", 2), ("raises", 1), ("odd", 2), ("untypable", 2)])
def test_broken_commands_name_their_plugin(site: Site, command: str, code: int) -> None:
    done = sound(site.run("broken", command))
    assert done.exit_code == code
    assert done.stdout == ""
    assert "plugin 'broken-commands'" in done.stderr.splitlines()[-1].lower()


def test_a_command_may_end_with_a_code_of_its_own(site: Site) -> None:
    assert sound(site.run("broken", "exits")).exit_code == 3


@pytest.mark.parametrize("name", sorted(FINDINGS.keys() - {"prints-in-turns", "broken-turns", "broken-providers"}))
def test_strict_ends_at_the_first_and_names_it(tmp_path, name: str) -> None:
    site = Site(tmp_path)
    site.write(name, source_of(name))
    line = {
        "broken-commands": "broken raises",
        "broken-frontend": "-p Hi",
        "broken-tools": "--host 127.0.0.1:9 -m any -p Hi",
    }.get(name, "--help")
    done = sound(site.run("--strict-plugins", *line.split()))
    assert done.exit_code != 0
    assert f"'{name}'" in done.stderr
    assert "Traceback" in Site(tmp_path, {"OLLM_DEBUG": "1"}).run("--strict-plugins", *line.split()).stderr


@pytest.mark.parametrize("name", ["uncreated", "raising"])
def test_strict_passes_over_no_provider(tmp_path, name: str) -> None:
    site = Site(tmp_path)
    source = source_of("broken-providers")
    site.write("broken-providers", source.replace("order=4" if name == "raising" else "order=1", "order=0"))
    with ReplayServer() as server:
        strict = Site(site.folder, {"OLLAMA_HOST": server.url})
        done = sound(strict.run("--strict-plugins", "-m", "smollm2:135m", "-p", "Hi"))
    assert done.exit_code == 1
    assert "'broken-providers'" in done.stderr
    assert server.requests == []


def test_disabled_they_are_silent(site: Site) -> None:
    names = [each["name"] for each in site.run("plugins", "list", "--json").json if each["state"] != "blocked"]
    strangers = [name for name in names if name in FINDINGS or name.startswith("no-")]
    quiet = Site(site.folder, {"OLLM_PLUGINS_DISABLED": ",".join(strangers)})
    done = sound(quiet.run("dice", "roll", "--sides", "1"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_plugin_that_cannot_be_imported_can_be_disabled_and_enabled(tmp_path) -> None:
    site = Site(tmp_path)
    site.write("raises-on-import", "raise RuntimeError('no')")
    assert site.run("plugins", "disable", "raises-on-import").exit_code == 0
    done = site.run("--help")
    assert done.stderr == ""
    (found,) = [each for each in site.run("plugins", "list", "--json").json if not each["firstParty"]]
    assert (found["state"], found["distribution"], found["version"]) == ("blocked", "stranger-raises-on-import", "1.0")
    assert site.run("plugins", "enable", "raises-on-import").exit_code == 0
    assert "raises-on-import" in site.run("--help").stderr
