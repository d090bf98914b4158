import asyncio
from pathlib import Path

import pytest

from ollm.api import Paths, Service, Setting, SettingsLayer, Specs, hookimpl
from ollm.app import App
from ollm.errors import SettingsError, UsageError
from ollm.testing import make_harness


def test_home_is_moved_by_a_variable(tmp_path):
    assert Paths.from_environment({"OLLM_HOME": str(tmp_path / "x")}).config == tmp_path / "x" / "config.yaml"
    assert Paths.from_environment({}).home.name == ".ollm"
    assert Paths.from_environment({"OLLM_HOME": "~/y"}).home.is_absolute()


def test_home_is_made_private_when_something_is_first_written(tmp_path):
    from ollm.settings_file import change_setting

    home = Paths(tmp_path / "new")
    change_setting(home.config, ("model", "default"), "x")
    assert home.home.stat().st_mode & 0o777 == 0o700
    assert home.config.stat().st_mode & 0o777 == 0o600


class Marked(Specs):
    @hookimpl
    def ollm_templates(self, ctx):
        raise AssertionError("never asked")


@pytest.mark.parametrize("text", ["model: [", "plugins: {disabled: 5}"])
def test_with_an_unreadable_file_no_strangers_plugin_is_loaded(ollm_home, text):
    ollm = make_harness(ollm_home, Marked, settings=text, strict=False)
    assert [record.state for record in ollm.app.host.records] == ["blocked", "blocked"]
    with pytest.raises(SettingsError):
        ollm.app.check_settings()


def test_a_disabled_plugin_is_blocked(ollm_app):
    ollm = ollm_app(Marked, settings="plugins: {disabled: [marked]}")
    assert [record.state for record in ollm.app.host.records] == ["blocked", "enabled"]


def test_a_plugins_layer_lies_over_the_file_and_under_the_environment(ollm_app, tmp_path):
    class Team(Specs):
        @hookimpl
        def ollm_settings_layers(self, ctx):
            return [
                SettingsLayer("team", tmp_path / "team.yaml", {"model": {"default": "team:1b", "provider": "team"}})
            ]

    settings = ollm_app(Team, settings="model: {default: mine:1b}", environ={"OLLM_PROVIDER": "mine"}).app.settings
    assert (settings.get("model.default"), settings.get("model.provider")) == ("team:1b", "mine")
    assert settings.origin("model.default") == str(tmp_path / "team.yaml")


class Clock:
    """Stands for a Protocol."""


def test_a_service_is_made_once_when_it_is_first_asked_for(ollm_app):
    made = []

    class Keeper(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("clock", Clock, lambda host: made.append(host) or Clock())]

    app = ollm_app(Keeper).app
    assert made == []
    assert app.services.find(Clock) is app.services.find(Clock)
    assert made == [app.context]
    assert app.services.find(Setting) is None


def test_one_loop_serves_the_whole_run(ollm_app):
    app = ollm_app().app

    async def loop():
        return asyncio.get_running_loop()

    assert app.run(loop()) is app.run(loop())
    app.close()
    app.close()


def test_the_installed_plugins_are_found(ollm_home):
    app = App({"OLLM_HOME": str(ollm_home)})
    ours = {record.name for record in app.host.records if record.first_party}
    assert {"ollama", "local", "oneshot", "repl", "config", "plugins", "providers", "options"} <= ours
    assert [record.failures for record in app.host.records if record.first_party] == [[]] * len(ours)


def test_services_are_closed_the_last_one_first(ollm_app):
    closed = []

    class First:
        async def aclose(self):
            closed.append("first")

    class Second(First):
        async def aclose(self):
            closed.append("second")
            raise RuntimeError("stuck")

    class Keeper(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("first", First, lambda host: First()), Service("second", Second, lambda host: Second())]

    app = ollm_app(Keeper, strict=False).app
    app.services.find(First), app.services.find(Second)
    app.run(asyncio.sleep(0))
    app.close()
    assert closed == ["second", "first"]
    assert [failure.where for failure in app.host.failures] == ["service 'second'"]


def test_two_services_for_one_protocol_are_told(ollm_app):
    class Keeper(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("one", Clock, lambda host: Clock()), Service("two", Clock, lambda host: Clock())]

    ollm = ollm_app(Keeper, strict=False)
    assert ollm.app.services.find(Clock)
    assert ollm.failures[0].cause == "Clock is already provided by plugin 'keeper', which is used"


def test_providers_are_made_anew_only_when_their_settings_change(ollm_app):
    ollm = ollm_app(settings="version: 1\n")
    ollm.ask("hi")
    before = ollm.app.providers.generation
    ollm.app.paths.config.write_text("model: {default: scripted:1b}\n")
    ollm.app.reload_settings()
    assert ollm.app.providers.generation == before
    ollm.app.paths.config.write_text("providers: {ollama: {host: x}}\n")
    ollm.app.reload_settings()
    assert ollm.app.providers.generation == before + 1


def test_layers_of_plugins_can_change_while_the_program_runs(ollm_app, tmp_path):
    values = {"model": {"default": "first:1b"}}

    class Team(Specs):
        @hookimpl
        def ollm_settings_layers(self, ctx):
            return [SettingsLayer("team", tmp_path / "team.yaml", values)] if values else []

    app = ollm_app(Team).app
    assert app.settings.get("model.default") == "first:1b"
    values["model"] = {"default": "second:1b"}
    app.reload_layers()
    assert app.settings.get("model.default") == "second:1b"
    values.clear()
    app.reload_layers()
    assert app.settings.get("model.default") is None


def test_the_user_goes_elsewhere(ollm_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()

    class Here(Specs):
        @hookimpl
        def ollm_settings_layers(self, ctx):
            return [SettingsLayer("here", ctx.workspace, {"model": {"default": ctx.workspace.name}})]

    app = ollm_app(Here).app
    assert app.settings.get("model.default") == tmp_path.name
    app.enter(tmp_path / "below")
    assert app.context.workspace == app.workspace == Path.cwd() == tmp_path / "below"
    assert app.settings.get("model.default") == "below"
    for folder in (Path("nowhere"), Path("a\0b")):
        with pytest.raises(UsageError, match="cannot be entered"):
            app.enter(folder)
    assert app.workspace == tmp_path / "below"


def test_a_service_may_be_named_by_reference(ollm_app):
    class Own(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("clock", f"{Clock.__module__}:Clock", lambda host: Clock())]

    ollm = ollm_app(Own)
    assert isinstance(ollm.app.services.find(Clock), Clock)
    assert ollm.app.services.find(Clock) is ollm.app.services.find(Clock)
