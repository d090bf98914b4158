"""Is the type of a project found, without a look at more than is needed, and does what suits it hold?"""

import asyncio
import os
from pathlib import Path

import pytest
from ollm_plugins.config.plugin import Plugin as Config
from ollm_plugins.project import finding
from ollm_plugins.project.plugin import Plugin
from ollm_plugins.project.profiles import built_in
from ollm_plugins.project.turns import render

from ollm.api import (
    Detection,
    PluginError,
    ProjectDetector,
    ProjectProfile,
    Setting,
    SettingsSection,
    Specs,
    StatusContext,
    Tool,
    hookimpl,
)

TYPES = ("typescript", "python", "rust", "go", "documentation")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def at_terminal(ollm):
    """Let the background tasks begin, as they do in a conversation at the terminal."""
    ollm.app.begin_background()
    ollm.app.run(asyncio.sleep(0))
    return ollm


def detected(ollm):
    return ollm.run_command("project detect --json").json


class Routing(Specs):
    """Declares what the room for routing declares, and nothing else."""

    @hookimpl
    def ollm_settings_sections(self, paths):
        from ollm_plugins.routing.settings import RoutingSettings

        return [SettingsSection("model.routing", RoutingSettings)]


class Tools(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        async def run(context, arguments):
            return "done"

        nothing = {"type": "object", "properties": {}}
        return [Tool(name, name, nothing, run, "none") for name in ("read_file", "shell", "web_fetch")]


# which type


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("typescript", ("package.json", "tsconfig.json")),
        ("typescript", ("package.json",)),
        ("typescript", ("deno.json",)),
        ("python", ("pyproject.toml",)),
        ("python", ("requirements.txt",)),
        ("python", ("setup.py", "README.md")),
        ("rust", ("Cargo.toml", "Cargo.lock")),
        ("go", ("go.mod",)),
        ("go", ("go.work", "a/go.mod")),
        ("documentation", ("mkdocs.yml", "docs/index.md")),
        ("documentation", ("conf.py", "index.rst")),
        ("documentation", ("README.md", "docs/a.md", "docs/b.md")),
        ("python", ("a.py", "b.py", "README.md")),
        ("rust", ("Cargo.toml", "book.toml", "README.md")),
        ("python", ("pyproject.toml", "mkdocs.yml", "docs/a.md", "src/a.py", "src/b.py")),
    ],
)
def test_the_files_say_the_type(ollm_app, repository, kind, names):
    put(repository, *names)
    found = detected(ollm_app(Plugin))
    assert (found["type"], found["root"], found["profile"]) == (kind, str(repository), kind)
    assert found["confidence"] >= 0.5
    assert set(found["evidence"]) <= {*names, "2 of 3 files", "3 of 3 files"}


@pytest.mark.parametrize("names", [(), ("LICENSE",), ("one.py",), ("a.txt", "b.txt", "c.py")])
def test_what_shows_nothing_is_of_no_type(ollm_app, repository, names):
    put(repository, *names)
    ollm = ollm_app(Plugin)
    assert detected(ollm)["type"] is None
    assert ollm.run_command("project detect").stdout == f"No type of project was recognized in {repository}\n"


@pytest.mark.parametrize(("suffix", "kind"), [("ts", "typescript"), ("py", "python")])
def test_a_mixed_project_is_of_the_type_in_which_people_write_more(ollm_app, repository, suffix, kind):
    put(repository, "package.json", "tsconfig.json", "pyproject.toml", "uv.lock")
    put(repository, *(f"src/{number}.{suffix}" for number in range(9)), "src/x.ts", "src/x.py")
    put(repository, *(f"node_modules/a/{number}.ts" for number in range(50)))
    found = detected(ollm_app(Plugin))
    assert found["type"] == kind
    assert {each["projectType"] for each in found["detections"]} == {"typescript", "python"}
    first, second = found["detections"]
    assert first["confidence"] > second["confidence"]


def test_in_a_monorepo_the_nearest_root_counts(ollm_app, repository, monkeypatch):
    put(repository, "package.json", "pnpm-workspace.yaml", "services/api/pyproject.toml", "services/api/src/app/a.py")
    put(repository, "packages/web/package.json", "node_modules/x/package.json", ".venv/y/pyproject.toml")
    put(repository, "packages/web/node_modules/z/package.json", "target/t/Cargo.toml")
    monkeypatch.chdir(repository / "services/api/src/app")
    found = detected(ollm_app(Plugin))
    assert (found["type"], found["root"]) == ("python", str(repository / "services/api"))
    assert found["workspace"] == found["repository"] == str(repository)
    parts = {each["root"]: each["projectType"] for each in found["parts"]}
    assert parts == {str(repository / "packages/web"): "typescript", str(repository / "services/api"): "python"}
    assert found["complete"] is True
    text = ollm_app(Plugin).run_command("project detect").stdout
    assert f"part of: {repository}\n" in text


@pytest.mark.parametrize("below", ["node_modules/lib", ".venv/lib/x", "target/debug"])
def test_who_stands_in_what_tools_have_made_stands_in_the_project(ollm_app, repository, monkeypatch, below):
    put(repository, "Cargo.toml", f"{below}/package.json", f"{below}/tsconfig.json")
    monkeypatch.chdir(repository / below)
    assert detected(ollm_app(Plugin))["root"] == str(repository)


def test_texts_beside_code_are_the_codes_texts(ollm_app, repository, monkeypatch):
    put(repository, "pyproject.toml", "docs/a.md", "docs/b.md")
    monkeypatch.chdir(repository / "docs")
    assert detected(ollm_app(Plugin))["type"] == "python"
    put(repository, "docs/mkdocs.yml")
    assert detected(ollm_app(Plugin))["type"] == "documentation"


def test_outside_of_a_repository_only_the_folder_itself_counts(ollm_app, tmp_path, monkeypatch):
    put(tmp_path, "package.json", "below/x")
    monkeypatch.chdir(tmp_path / "below")
    assert detected(ollm_app(Plugin))["type"] is None
    monkeypatch.chdir(tmp_path)
    assert detected(ollm_app(Plugin))["type"] == "typescript"


# how much is looked at


@pytest.fixture
def listed(monkeypatch):
    """The entries that are read of each folder."""
    seen: dict[Path, int] = {}
    real = os.scandir

    class Counting:
        def __init__(self, path):
            self.path, self.found = Path(path), real(path)
            seen.setdefault(self.path, 0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.found.close()

        def __iter__(self):
            for each in self.found:
                seen[self.path] += 1
                yield each

    monkeypatch.setattr(os, "scandir", Counting)
    return seen


def test_a_folder_with_a_marker_is_not_listed(ollm_app, repository, listed):
    put(repository, "Cargo.toml", *(f"{number}.rs" for number in range(50)))
    ollm = ollm_app(Plugin)
    assert ollm.run_command("project show --json").json["type"] == "rust"
    assert listed == {}


def test_of_a_folder_with_many_files_some_are_read(ollm_app, repository, listed):
    put(repository, *(f"{number}.py" for number in range(2000)))
    assert ollm_app(Plugin).run_command("project show --json").json["type"] == "python"
    assert list(listed) == [repository]
    assert listed[repository] <= 501, "once, whoever asks"


def test_below_a_root_a_bounded_number_of_folders_is_looked_at(ollm_app, repository, listed):
    put(repository, "package.json")
    for number in range(1500):
        (repository / "packages" / str(number)).mkdir(parents=True)
    done = ollm_app(Plugin).run_command("project detect --json")
    assert done.json["complete"] is False
    assert f"Only {finding.FOLDERS} folders below {repository} were looked at" in done.stderr
    assert sum(listed.values()) <= 3 * finding.ENTRIES
    assert len(listed) <= finding.FOLDERS + 5


# what follows from the type


def test_a_detected_type_adds_to_the_prompt_and_takes_tools_away(ollm_app, repository):
    put(repository, "pyproject.toml")
    ollm = at_terminal(ollm_app(Plugin, Tools, settings="chat: {systemPrompt: Be terse.}"))
    ollm.ask("Hi")
    request = ollm.provider.requests[-1]
    python = next(each for each in built_in() if each.name == "python")
    assert request.messages[0].content == f"Be terse.\n\n{python.system_prompt}"
    assert [tool.name for tool in request.tools] == ["read_file", "shell"]
    said = ollm.stderr.getvalue()
    assert "This is a python project (pyproject.toml), so the profile 'python' holds" in said
    assert "The project leaves out these tools: web_fetch." in said
    ollm.ask("Again")
    assert ollm.stderr.getvalue() == said, "said once"


def test_a_script_gets_no_profile_that_nobody_has_named(ollm_app, repository):
    put(repository, "pyproject.toml")
    ollm = ollm_app(Plugin, Tools)
    ollm.ask("Hi")
    assert [message.role for message in ollm.provider.requests[-1].messages] == ["user"]
    assert len(ollm.provider.requests[-1].tools) == 3
    assert ollm.stderr.getvalue() == ""


@pytest.mark.parametrize("switch", ["settings", "environ"])
def test_detection_can_be_switched_off(ollm_app, repository, switch):
    put(repository, "pyproject.toml")
    ways = {"settings": {"settings": "project: {detect: false}"}, "environ": {"environ": {"OLLM_PROJECT_DETECT": "no"}}}
    ollm = at_terminal(ollm_app(Plugin, Tools, **ways[switch]))
    ollm.ask("Hi")
    assert [message.role for message in ollm.provider.requests[-1].messages] == ["user"]
    assert len(ollm.provider.requests[-1].tools) == 3
    assert ollm.stderr.getvalue() == ""
    assert detected(ollm)["type"] == "python", "who asks is told"


def test_a_system_prompt_for_this_run_stays_as_it_is(ollm_app, repository):
    put(repository, "pyproject.toml")
    ollm = at_terminal(ollm_app(Plugin))
    ollm.app.settings.set_flag("chat.systemPrompt", "-s", "Be a pirate.")
    ollm.ask("Hi")
    assert ollm.provider.requests[-1].messages[0].content == "Be a pirate."


def test_a_detected_type_gives_the_routing_profile(ollm_app, repository):
    put(repository, "go.mod")
    ollm = ollm_app(Plugin, Routing, Config, settings="model: {routing: {defaultProfile: creative}}")
    assert ollm.app.settings.get("model.routing.defaultProfile") == "code"
    assert f"\tcode\t{repository / 'go.mod'}\t" in ollm.run_command("config show --origin").stdout
    assert ollm_app(Plugin, Routing, settings="").app.settings.get("model.routing.defaultProfile") == "code"


def test_a_detected_type_does_not_overrule_the_model_that_the_user_has_chosen(ollm_app, repository):
    from ollm_plugins.routing.active import active

    put(repository, "go.mod")
    ollm = ollm_app(Plugin, Routing, settings="model: {default: mine:1b}")
    routing = active(ollm.app.settings)
    assert (routing.profile, routing.where, routing.on) == ("code", str(repository / "go.mod"), False)
    assert ollm.app.settings.get("model.default") == "mine:1b"


@pytest.mark.parametrize("profile", built_in(), ids=lambda each: each.name)
def test_the_built_in_profiles_are_considered(profile):
    assert profile.name in TYPES
    assert list(profile.mistakes()) == []
    assert 100 < len(profile.system_prompt) < 600
    assert profile.tools_disabled
    assert profile.routing_profile in ("code", "general", "creative", "fast")


def status(ollm):
    return render(StatusContext(ollm.app.context))


def test_the_status_bar_names_the_profile(ollm_app, repository):
    assert status(ollm_app(Plugin)) is None
    put(repository, "Cargo.toml")
    assert status(ollm_app(Plugin)) == "rust"
    put(repository, ".ollm/project.yaml")
    assert status(ollm_app(Plugin)) == "rust (project.yaml not trusted)"


# detectors and profiles of others


def stranger(answer):
    class Elixir(Specs):
        @hookimpl
        def ollm_project_detectors(self, ctx):
            return [ProjectDetector("elixir", answer)]

        @hookimpl
        def ollm_project_profiles(self, ctx):
            return [
                ProjectProfile("elixir", "Elixir with mix", system_prompt="Prefer pattern matching.", model="ex:1b")
            ]

    return Elixir


def by_mix(ctx):
    return Detection("elixir", ctx.folder, ("mix.exs",), 0.9) if (ctx.folder / "mix.exs").is_file() else None


def test_a_plugin_brings_a_type_and_its_profile(ollm_app, repository):
    put(repository, "mix.exs", "package.json")
    ollm = at_terminal(ollm_app(Plugin, stranger(by_mix)))
    ollm.ask("Hi")
    assert ollm.provider.requests[-1].messages[0].content == "Prefer pattern matching."
    assert ollm.app.settings.get("model.default") is None, "a type alone chooses no model"


def raises(ctx):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raises, "failed in project detector 'elixir': ZeroDivisionError"),
        (lambda ctx: "elixir", "gave no sound answer"),
        (lambda ctx: Detection("elixir", ctx.folder, ("x",), 7.0), "gave no sound answer"),
        (lambda ctx: Detection("elixir", Path("/"), ("x",), 0.9), "gave no sound answer"),
        (lambda ctx: Detection("e\x1b[2J", ctx.folder, ("x",), 0.9), "gave no sound answer"),
    ],
)
def test_a_detector_that_fails_spoils_nothing(ollm_app, repository, answer, said):
    put(repository, "package.json")
    ollm = ollm_app(Plugin, stranger(answer), strict=False)
    assert detected(ollm)["type"] == "typescript"
    assert said in ollm.stderr.getvalue()


def test_in_strict_mode_a_detector_that_fails_ends_the_run(ollm_app, repository):
    put(repository, "package.json")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        ollm_app(Plugin, stranger(raises))
