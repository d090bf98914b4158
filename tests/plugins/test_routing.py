"""Does routing decide as any expert would, alike for a described situation and for a real one, and say why?"""

import asyncio
import json
import re
import threading
from pathlib import Path

import pytest
from ollm_plugins.files.plugin import Plugin as Files
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.routing.plugin import Plugin as Routing
from ollm_plugins.routing.score import worth_of
from ollm_plugins.routing.candidates import completed, kv_bytes
from ollm_plugins.routing.gather import machine_of
from ollm_plugins.routing.lines import lines, read
from ollm_plugins.routing.situation import Candidate
from ollm_plugins.tools.plugin import Plugin as Tools

from ollm.api import (
    Catalogue,
    CatalogueSource,
    ChoiceRequest,
    Comparison,
    ListedModel,
    LoadedModel,
    Message,
    ModelChooser,
    ModelInfo,
    ModelKnowledge,
    ModelNotFound,
    ModelPreferences,
    Service,
    SettingsLayer,
    Specs,
    UsageError,
    hookimpl,
)
from tests.replay import entry, load
from tests.replay.state import RememberingServer

DATA = Path(__file__).parents[1] / "data" / "routing"
CASES = [case for name in ("sample", "own") for case in json.loads((DATA / f"{name}.json").read_text())["cases"]]
IDS = [f"{case['id']}-{case['title'].replace(' ', '-')}" for case in CASES]


@pytest.fixture
def here(ollm_app):
    """Everything that routing works with; no server."""
    return lambda *plugins, **options: ollm_app(Routing, Limits, Models, Options, Ollama, *plugins, **options)


def explained(ollm, case, path):
    path.write_text(json.dumps(case))
    return ollm.run_command(f"route explain --what-if {path} --json")


# Described situations


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_described_situation_is_decided_as_expected(here, tmp_path, case):
    done = explained(here(), case, tmp_path / "case.json")
    told = done.json
    assert done.exit_code == 0
    assert told["chosen"] in case["expected"]
    assert told["chosen"] not in case["forbidden"]
    assert told["reasons"]
    assert case.get("must_report", "") in json.dumps(told)
    assert {each["name"] for each in (*told["rejected"], *told["candidates"])} == {m["name"] for m in case["available"]}


@pytest.mark.parametrize(
    "wrapped", [lambda cases: cases, lambda cases: {"schema": "routing-situations/1", "cases": cases}]
)
def test_a_file_may_hold_several_cases(here, tmp_path, wrapped):
    told = explained(here(), wrapped(CASES[:3]), tmp_path / "cases.json").json
    assert [each["id"] for each in told["cases"]] == ["R01", "R02", "R05"]
    alone = explained(here(), wrapped(CASES[:1]), tmp_path / "cases.json").json
    assert alone["chosen"] == alone["cases"][0]["chosen"] == "qwen2.5-coder:7b"


def test_a_case_need_not_say_what_the_database_knows(here, tmp_path):
    case = {"available": [{"name": "gemma3:4b"}, {"name": "qwen3:8b"}, {"name": "nomic-embed-text"}]}
    told = explained(here(), {**case, "requirement": {"needs": ["tools"]}}, tmp_path / "case.json").json
    assert told["chosen"] == "qwen3:8b"
    assert {each["name"]: each["reasons"] for each in told["rejected"]} == {
        "gemma3:4b": ["lacks tools"],
        "nomic-embed-text": ["makes embeddings and does not chat", "lacks tools"],
    }


def test_null_in_a_case_says_nothing(here, tmp_path):
    model = {"name": "qwen3:8b", "tools": None, "base_model": None, "loaded": None}
    nulls = {"machine": None, "overrides": {"general": None}, "preferences": None, "profile": None}
    case = {"available": [model], "requirement": {"needs": None}, **nulls}
    told = explained(here(), case, tmp_path / "case.json").json
    assert (told["chosen"], told["profile"], told["notices"]) == ("qwen3:8b", "general", [])


def test_what_nobody_knows_in_a_case_is_said_and_ignored(here, tmp_path):
    model = {"name": "qwen3:8b", "size_bg": 5.2}
    case = {"available": [model], "machine": {"vram": 8}, "requirement": {"needs": ["speed"]}}
    texts = [each["text"] for each in explained(here(), case, tmp_path / "case.json").json["notices"]]
    assert any("machine.vram is not known" in text for text in texts)
    assert any("size_bg is not known" in text and "size_gb" in text for text in texts)
    assert any("the need speed is not known" in text for text in texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000 + "]" * 100_000, "is not JSON"),
        ('{"available": [{"name": "a"}], "profile": "auto"}', "auto takes a profile by the words of a prompt"),
        ("[]", "holds no case"),
        ("3", "holds no case"),
        ('{"cases": 3}', "holds no case"),
        ('{"available": 3}', r"case 1: Expected `array`"),
        ('{"id": "X", "available": [{"name": 3}]}', r"case X: Expected `str`.*available\[0\]\.name"),
        ('{"available": [{"name": "a", "size_gb": -1}]}', r"Expected `float` >= 0"),
        ('{"available": [{"name": ""}]}', r"length >= 1"),
        ('{"available": [], "machine": {"num_parallel": 0}}', r"num_parallel"),
        (
            '{"available": [], "preferences": [{"profile": "x", "a": "a", "b": "b", "wins_a": -1, "wins_b": 1}]}',
            "wins_a",
        ),
        ('{"available": [], "profile": "cod"}', r"no routing profile 'cod'.*did you mean code"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_line(here, tmp_path, text, message):
    path = tmp_path / "case.json"
    path.write_text(text)
    done = here().run_command(f"route explain --what-if {path}")
    assert done.exit_code == 2
    assert isinstance(done.error, UsageError)
    with pytest.raises(UsageError, match=message):
        raise done.error


def test_a_file_that_is_not_there_is_refused(here, tmp_path):
    done = here().run_command(f"route explain --what-if {tmp_path / 'none.json'}")
    assert (done.exit_code, "No such file" in done.stderr) == (2, True)


def test_a_described_situation_takes_no_other_options(here, tmp_path):
    assert here().run_command(f"route explain --what-if {tmp_path} --needs tools").exit_code == 2


# The real path


def listed(case, knowledge):
    """A server that has the models of a case."""
    entries = []
    for model in case["available"]:
        able = [each for each in ("tools", "vision", "thinking", "embedding") if model.get(each)]
        known = knowledge.look_up(model["name"])
        details = {
            "family": known.family or "llama",
            "context_length": model.get("context_window"),
            "parameter_size": "",
            "quantization_level": "",
        }
        capabilities = able if model.get("embedding") else ["completion", *able]
        size = round(model["size_gb"] * 1e9)
        entries.append(
            entry(model["name"], size=size, digest=model["name"], capabilities=capabilities, details=details)
        )
    server = RememberingServer(listed=entries)
    for model in case["available"]:
        if model["loaded"]:
            server._load(f"{model['name']}".lower(), {"options": {"num_ctx": model.get("loaded_context", 40000)}})
            vram = case["machine"].get("vram_gb")
            server.loaded[model["name"].lower()]["size_vram"] = (
                server.loaded[model["name"].lower()]["size"] if vram else 0
            )
    return server


def judged(case):
    """A plugin that knows what a case says of preferences, as the room that compares models will."""
    comparisons = [Comparison(**each) for each in case.get("preferences", ())]

    class Judgements:
        def comparisons(self, profile):
            return [each for each in comparisons if each.profile == profile]

    class Judging(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("judgements", ModelPreferences, lambda host: Judgements())]

    return Judging


def settings_of(case):
    routing = {"enabled": True, "defaultProfile": case["profile"], "overrides": case.get("overrides", {})}
    vram = case["machine"].get("vram_gb")
    routing |= {} if vram is None else {"vramGb": vram}
    return json.dumps({"model": {"routing": routing}, "options": {"maxTokens": case["requirement"]["output_tokens"]}})


def request_of(case):
    needed = case["requirement"]
    vision = "vision" in needed["needs"]
    more = 8 + 576 * vision + 400 * ("tools" in needed["needs"])
    return ChoiceRequest(
        "x" * round((needed["prompt_tokens"] - more) * 3.5), images=vision, tools="tools" in needed["needs"]
    )


def is_real(case):
    """Whether a server can be in this situation, and a turn need this: a list has no sizes of caches, for one."""
    plain = all("size_gb" in each and "context_window" in each for each in case["available"])
    turns = (
        not {"thinking", "embedding"} & {*case["requirement"]["needs"]} and case["requirement"]["prompt_tokens"] > 200
    )
    both = case["expected"] == [None] and "tools" in case["requirement"]["needs"]  # a turn goes on without tools
    return plain and turns and not both and not {"num_parallel", "unified"} & {*case["machine"]} and case["available"]


REAL = [case for case in CASES if is_real(case)]


@pytest.mark.parametrize("case", REAL, ids=[case["id"] for case in REAL])
def test_the_real_path_decides_alike(here, ollm_home, monkeypatch, case):
    rates = {
        f"ollama/{each['name']}": {"tok_s": each["measured_tok_s"]}
        for each in case["available"]
        if "measured_tok_s" in each
    }
    (ollm_home / "rates.json").write_text(json.dumps({"version": 1, "models": rates}))
    monkeypatch.setattr("ollm_plugins.routing.gather.ram_gb", lambda: case["machine"].get("ram_gb"))
    ollm = here(judged(case), settings=settings_of(case), environ={"OLLAMA_HOST": "http://127.0.0.1:9"})
    with listed(case, ollm.app.services.find(ModelKnowledge)) as server:
        ollm = here(
            judged(case), settings=settings_of(case), environ={"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama"}
        )
        chooser = ollm.app.services.find(ModelChooser)
        if case["expected"] == [None]:
            with pytest.raises(ModelNotFound) as refused:
                ollm.app.run(chooser.choose(request_of(case)))
            assert case.get("must_report", "") in str(refused.value)
            return
        choice = ollm.app.run(chooser.choose(request_of(case)))
    assert choice.model in case["expected"]
    assert case.get("must_report", "") in " ".join(notice.text for notice in choice.notices)


def test_at_least_the_nine_are_decided_on_the_real_path():
    assert {case["id"] for case in REAL} >= {"R01", "R02", "R05", "R06", "R08", "R17", "R18", "R20", "R22"}
    assert len(REAL) >= 40


# Turns


@pytest.fixture
def server():
    """Two models: the larger one has tools."""
    big = {"family": "qwen3", "context_length": 40960, "parameter_size": "8.2B"}
    small = {"family": "llama", "context_length": 131072, "parameter_size": "3.2B"}
    entries = [
        entry("qwen3:8b", size=5_200_000_000, digest="a", capabilities=["completion", "tools"], details=big),
        entry("llama3.2:3b", size=2_000_000_000, digest="b", capabilities=["completion"], details=small),
    ]
    with RememberingServer(listed=entries) as started:
        yield started


@pytest.fixture
def routed(here, server):
    """Routing with that server."""

    def make(*plugins, environ=None, **options):
        surroundings = {"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama", **(environ or {})}
        return here(*plugins, environ=surroundings, **options)

    return make


def model_asked(server):
    return server.asked("/api/chat")[-1].json["model"]


@pytest.mark.parametrize(("profile", "model"), [("fast", "llama3.2:3b"), ("general", "qwen3:8b")])
def test_a_turn_is_answered_by_the_profiles_choice(routed, server, profile, model):
    routed(environ={"OLLM_PROFILE": profile}).ask("Hello!")
    assert model_asked(server) == model


@pytest.mark.parametrize(("offer", "model"), [("auto", "llama3.2:3b"), ("none", "llama3.2:3b"), ("all", "qwen3:8b")])
def test_a_model_needs_to_call_tools_only_if_it_is_offered_some(routed, server, offer, model):
    ollm = routed(Tools, Files, environ={"OLLM_PROFILE": "fast", "OLLM_TOOLS": offer})
    ollm.ask("Hello!")  # as a script does
    assert model_asked(server) == model and "without them" not in ollm.stderr.getvalue()


def test_a_named_model_is_never_rerouted(routed, server):
    routed(environ={"OLLM_PROFILE": "general", "OLLM_MODEL": "llama3.2:3b"}).ask("Hello!")
    assert model_asked(server) == "llama3.2:3b"


@pytest.mark.parametrize(
    ("routing", "on"),
    [
        ("{}", False),
        ("{enabled: true}", True),
        ("{defaultProfile: general}", True),
        ("{enabled: false, defaultProfile: general}", False),
    ],
)
def test_routing_is_on_when_the_user_has_chosen_it(routed, server, routing, on):
    ollm = routed(settings=f"model: {{default: 'llama3.2:3b', routing: {routing}}}")
    ollm.ask("Hello!")
    assert model_asked(server) == ("qwen3:8b" if on else "llama3.2:3b")
    assert ollm.run_command("route --json").json["on"] is on


PROJECT = {"model": {"routing": {"defaultProfile": "fast"}}}


@pytest.mark.parametrize(
    ("user", "project", "model"),
    [
        ("{}", PROJECT, "default"),
        ("{routing: {enabled: true}}", PROJECT, "llama3.2:3b"),
        ("{routing: {defaultProfile: general}}", PROJECT, "llama3.2:3b"),
        ("{routing: {enabled: true, defaultProfile: general}}", PROJECT, "llama3.2:3b"),
        ("{default: 'qwen3:8b'}", {"model": {"routing": {"defaultProfile": "fast", "enabled": True}}}, "qwen3:8b"),
        ("{routing: {enabled: true}}", {"model": {"default": "qwen3:8b"}}, "qwen3:8b"),
    ],
)
def test_a_project_says_how_and_not_whether(routed, server, user, project, model):
    class Project(Specs):
        @hookimpl
        def ollm_settings_layers(self, ctx):
            return [SettingsLayer("project", Path("/there/project.yaml"), project)]

    default = server._tags({}).objects[0]["models"][0]["name"]
    routed(Project, settings=f"model: {user}").ask("Hello!")
    assert model_asked(server) == (default if model == "default" else model)


def test_what_stays_as_it_is_is_said_once(routed):
    ollm = routed(settings="model: {routing: {enabled: true, overrides: {general: 'none:1b'}}}")
    chooser = ollm.app.services.find(ModelChooser)
    told = [ollm.app.run(chooser.choose(ChoiceRequest(text))).notices for text in ("One", "Two")]
    assert [len(each) for each in told] == [1, 0]


def test_a_flag_beats_the_switch(routed, server):
    routed(settings="model: {routing: {enabled: false}}", environ={"OLLM_PROFILE": "fast"}).ask("Hello!")
    assert model_asked(server) == "llama3.2:3b"


def test_when_nothing_qualifies_the_answer_names_what_to_pull(routed, server):
    ollm = routed(environ={"OLLM_PROFILE": "general"})

    async def ask():
        return await ollm.app.conversation().answerer("What is this?", (b"png",))

    with pytest.raises(ModelNotFound, match=r"no installed model has vision\. `ollm model pull gemma3:4b`"):
        ollm.app.run(ask())
    assert not server.asked("/api/chat")


def test_an_image_of_an_earlier_turn_still_needs_to_be_seen(routed):
    chooser = routed(environ={"OLLM_PROFILE": "general"}).app.services.find(ModelChooser)
    request = ChoiceRequest("And now?", messages=(Message("user", "What is this?", (b"png",)),))
    with pytest.raises(ModelNotFound, match="no installed model has vision"):
        asyncio.run(chooser.choose(request))


def test_a_fallback_is_said(routed):
    ollm = routed(environ={"OLLM_PROFILE": "code"}, settings="model: {routing: {overrides: {code: 'codestral:22b'}}}")
    ollm.ask("Hello!")
    said = ollm.stderr.getvalue()
    assert "model.routing.overrides.code names codestral:22b, which is not installed" in said


def test_a_profile_that_does_not_exist_is_refused_where_it_stands(routed):
    ollm = routed(settings="model: {routing: {defaultProfile: cod}}")
    with pytest.raises(UsageError, match=r"config\.yaml:1: there is no routing profile 'cod'; did you mean code"):
        ollm.ask("Hello!")


def test_one_list_serves_many_turns(routed, server):
    ollm = routed(environ={"OLLM_PROFILE": "general"})
    chooser = ollm.app.services.find(ModelChooser)
    for number in range(20):
        ollm.app.run(chooser.choose(ChoiceRequest(f"Prompt {number}")))
    assert len(server.asked("/api/tags")) == 1


def test_without_a_provider_the_kernel_says_what_is_wrong(here):
    ollm = here(environ={"OLLM_PROFILE": "general", "OLLAMA_HOST": "http://127.0.0.1:9"})
    assert ollm.app.run(ollm.app.services.find(ModelChooser).choose(ChoiceRequest("Hello!"))).model == "scripted:1b"


def test_turns_are_measured(routed, ollm_home):
    ollm = routed(environ={"OLLM_PROFILE": "general"})
    ollm.ask("Hello!")
    ollm.app.close()
    for thread in threading.enumerate():
        if thread.name == "rates-writer":
            thread.join()
    told = json.loads((ollm_home / "rates.json").read_text())
    measured = told["models"]["ollama/qwen3:8b"]
    assert told["version"] == 1
    assert measured["tok_s"] > 0
    assert measured["used"] > 0


def test_a_provider_that_is_away_is_told_of_when_another_answers(here):
    ollm = here(environ={"OLLM_PROFILE": "general", "OLLAMA_HOST": "http://127.0.0.1:9"})
    ollm.app.settings.set_session("model.routing.defaultProfile", "fast")
    choice = ollm.app.run(ollm.app.services.find(ModelChooser).choose(ChoiceRequest("Hello!")))
    (away,) = [notice for notice in choice.notices if notice.code == "routing-provider-away"]
    assert "127.0.0.1:9" in away.text
    assert "scripted:1b of 'scripted' answers" in away.text


# What is known of the machine and of names


def in_memory(*loaded):
    """A list of one provider here whose models are in memory with so many GB, and so many of them on the GPU."""
    models = [
        ListedModel("ollama", ModelInfo(f"{place}"), LoadedModel(f"{place}", round(size * 1e9), round(gpu * 1e9)))
        for place, (size, gpu) in enumerate(loaded)
    ]
    return Catalogue((*models, ListedModel("ollama", ModelInfo("idle"))), (CatalogueSource("ollama", ""),))


@pytest.mark.parametrize(
    ("loaded", "vram"),
    [((), None), (((5, 5),), None), (((5, 0),), 0.0), (((20, 8),), 8.0), (((4, 4), (10, 4)), 8.0)],
)
def test_the_gpu_is_known_only_from_what_fills_or_shuns_it(loaded, vram):
    machine = machine_of(in_memory(*loaded), frozenset({"ollama"}))
    assert machine.vram_gb == vram
    assert machine.ram_gb > 0.1
    assert machine_of(in_memory(*loaded), frozenset({"ollama"}), 24.0).vram_gb == 24.0


def test_the_memory_of_another_machine_is_unknown():
    machine = machine_of(in_memory((5, 0)), frozenset())
    assert (machine.vram_gb, machine.ram_gb) == (None, None)


@pytest.mark.parametrize(
    "address", ["http://gpu.example:11434", "10.0.0.7:11434", "http://localhost.example:1", "[::2]:1"]
)
def test_addresses_of_other_machines_are_known(address):
    from ollm_plugins.routing.gather import _HERE

    assert not _HERE.search(address)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "localhost", "LOCALHOST:1", "0.0.0.0", "http://[::1]:1", ":11434"]
)
def test_addresses_of_this_machine_are_known(address):
    from ollm_plugins.routing.gather import _HERE

    assert _HERE.search(address)


@pytest.mark.parametrize(
    ("name", "params", "active", "kind", "thinks"),
    [
        ("llama3.1:8b", 8, 8, "chat", ""),
        ("qwen3:30b-a3b", 30, 3, "chat", "can"),
        ("qwen3:30b", 30, 3.3, "chat", "can"),
        ("qwen3:4b-thinking-2507", 4, 4, "chat", "always"),
        ("qwen3:4b-instruct", 4, 4, "chat", ""),
        ("gpt-oss:20b", 20, 3.6, "chat", "always"),
        ("mixtral:8x7b", 47, 12.9, "chat", ""),
        ("deepseek-r1:14b", 14, 14, "chat", "always"),
        ("starcoder2:7b", 7, 7, "base", ""),
        ("starcoder2:15b-instruct", 15, 15, "code", ""),
        ("qwen2.5-coder:7b-base", 7, 7, "base", ""),
        ("llama3.1:8b-text-q4_0", 8, 8, "base", ""),
        ("llama-guard3:1b", 1, 1, "other", ""),
        ("smollm2:135m", 0.135, 0.135, "chat", ""),
        ("hf.co/acme/wonder-coder-3b", 3, 3, "code", ""),
        ("gemma3n:e4b", 4, 4, "chat", ""),
        ("our-support-bot", 0, 0, "chat", ""),
    ],
)
def test_a_name_says_size_and_purpose(name, params, active, kind, thinks):
    known = read(name)
    assert known.params == pytest.approx(params, rel=0.02)
    assert (known.active or known.params) == pytest.approx(active, rel=0.02)
    assert (known.kind, known.thinks) == (kind, thinks)


def test_the_table_of_lines_is_sound():
    assert len(lines()) > 150
    assert all(2023 <= each.released < 2027 for each in lines().values())


def test_the_size_of_a_cache_is_read_from_metadata():
    """smollm2:135m: 30 layers, 3 heads for keys and values, 64 wide, keys and values, 2 bytes each."""
    facts = load("show_ok").objects[0]["model_info"]
    assert kv_bytes(ModelInfo("smollm2:135m", details={"model_info": facts})) == 30 * 3 * 64 * 2 * 2
    assert kv_bytes(ModelInfo("smollm2:135m")) is None


def test_without_routing_a_default_that_is_missing_is_an_error_that_lists_what_is_there(routed):
    with pytest.raises(ModelNotFound, match=r"no model falcon:7b\. It has .*qwen3:8b"):
        routed(settings="model: {default: 'falcon:7b'}").ask("Hello!")


# Preferences


@pytest.mark.parametrize(
    ("wins", "losses", "counts"),
    [
        (2, 1, False),
        (3, 0, False),
        (4, 0, False),
        (5, 0, True),
        (7, 3, False),
        (8, 2, False),
        (9, 2, True),
        (12, 2, True),
    ]
    + [(300, 260, True), (265, 250, False), (100_000, 3, True), (0, 0, False)],
)
def test_a_preference_counts_when_it_can_hardly_be_chance(wins, losses, counts):
    worth = worth_of(Comparison("code", "a", "b", wins, losses))
    assert (worth > 0) is counts
    assert worth_of(Comparison("code", "b", "a", losses, wins)) == pytest.approx(-worth)


# The page


PAGE = (Path(__file__).parents[2] / "docs" / "rooms" / "routing.md").read_text()


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_situation_of_the_page_is_decided(here, tmp_path):
    (case,) = blocks("json")
    told = explained(here(), json.loads(case), tmp_path / "case.json").json
    assert (told["chosen"], told["runner_up"], told["notices"]) == ("qwen2.5-coder:7b", "llama3.1:8b", [])


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_settings_of_the_page_are_good(here, text):
    ollm = here(settings=text)
    ollm.app.check_settings()
    assert ollm.run_command("route list").exit_code == 0


def test_the_plugins_of_the_page_hand_in_their_profiles(here):
    names = set()
    for source in (blocks("python")[0], "\n".join(blocks("python"))):
        scope = {}
        exec(source, scope)
        names |= {each["name"] for each in here(scope["Plugin"]).run_command("route list --json").json}
    assert names >= {"poetry", "tiny"}


def test_a_rate_that_says_nothing_new_is_not_written(tmp_path):
    from ollm_plugins.routing.rates import read, record

    from ollm.api import Usage

    path, said = tmp_path / "rates.json", []
    for tokens, writes in ((100, True), (102, False), (200, True)):
        before = path.read_bytes() if path.exists() else b""
        record(path, "ollama/x:1b", Usage(50, tokens, 2.0, 1.0, 2.0), said.append)
        assert (path.read_bytes() != before) is writes, tokens
    assert read(path, said.append)["ollama/x:1b"].tok_s > 50
    assert said == []


@pytest.mark.parametrize(
    ("size_gb", "parameters", "params"),
    [
        (5.2, "8.2B", 8.2),
        (5.2, "99999999999999999999B", 8.0),
        (5.2, "9" * 400 + "B", 8.0),
        (None, "1000T", 8.0),
        (None, "1T", 1000.0),
    ],
)
def test_no_model_has_more_parameters_than_its_weights_have_room_for(size_gb, parameters, params):
    assert completed(Candidate("evil:8b", "evil:8b", size_gb=size_gb), None, parameters).params == params
