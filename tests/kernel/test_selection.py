import asyncio

import pytest

from ollm.api import (
    ModelChoice,
    ModelChooser,
    ModelInfo,
    ModelNotFound,
    Notice,
    ProviderEntry,
    ProviderUnreachable,
    Service,
    Specs,
    UsageError,
    hookimpl,
)
from ollm.errors import PluginError
from ollm.testing import ScriptedProvider


class Away(ScriptedProvider):
    async def list_models(self, name=""):
        raise ProviderUnreachable("Away is away", "Start it.")

    show_model = check = list_models

    async def default_model(self):
        return await self.list_models()

    async def chat(self, request):
        raise ProviderUnreachable("Away is away", "Start it.")
        yield


class Deaf(ScriptedProvider):
    async def list_models(self):
        return [ModelInfo("embed:1b", capabilities=("embedding",))]


def plugin(provider, **extra):
    class Plugin(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(provider.name, "For a test", lambda _: provider, order=1, **extra)]

    return Plugin


def test_the_first_that_can_answers_and_the_stand_in_is_said(ollm_app):
    ollm = ollm_app(plugin(Away(name="away")))
    assert ollm.ask("hi").text == "ok"
    assert ollm.stderr.getvalue() == "ollm: Away is away: the provider 'scripted' answers with scripted:1b.\n"


def test_one_without_a_chat_model_is_passed_over(ollm_app):
    ollm = ollm_app(plugin(Deaf(name="deaf")))
    assert ollm.ask("hi").text == "ok"
    assert "Provider 'deaf' has no model that can chat: the provider 'scripted'" in ollm.stderr.getvalue()


@pytest.mark.parametrize(("settings", "environ"), [("model: {provider: away}", {}), ("", {"OLLM_PROVIDER": "away"})])
def test_a_chosen_provider_is_never_swapped(ollm_app, settings, environ):
    ollm = ollm_app(plugin(Away(name="away")), settings=settings, environ=environ)
    with pytest.raises(ProviderUnreachable, match="Away is away"):
        ollm.ask("hi")


def test_giving_an_address_is_choosing_unless_it_is_borrowed(ollm_app):
    away = plugin(Away(name="away"), address="chat.systemPrompt")
    assert ollm_app(away).ask("hi").text == "ok"
    with pytest.raises(ProviderUnreachable):
        ollm_app(away, settings="chat: {systemPrompt: there}").ask("hi")


def test_a_model_decides_between_providers(ollm_app):
    ollm = ollm_app(
        plugin(ScriptedProvider(["from other"], name="other", models=("other:1b",))),
        environ={"OLLM_MODEL": "scripted:1b"},
    )
    assert ollm.ask("hi").text == "ok"


def test_a_model_that_nobody_has_is_not_found(ollm_app):
    with pytest.raises(ModelNotFound, match="has no model 'nosuch'"):
        ollm_app(environ={"OLLM_MODEL": "nosuch"}).ask("hi")


def test_with_a_server_away_the_missing_model_is_blamed_on_it(ollm_app):
    with pytest.raises(ProviderUnreachable, match="Away is away; The scripted provider has no model 'nosuch'"):
        ollm_app(plugin(Away(name="away")), environ={"OLLM_MODEL": "nosuch"}).ask("hi")


def test_an_unknown_provider_names_the_nearest(ollm_app):
    with pytest.raises(UsageError, match=r"no provider 'scriptd'; did you mean scripted\?"):
        ollm_app(environ={"OLLM_PROVIDER": "scriptd"}).ask("hi")


def test_a_provider_that_cannot_be_made_is_named(ollm_app):
    class Broken(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("broken", "Broken", "nosuch.module:create", order=1)]

    ollm = ollm_app(Broken, environ={"OLLM_PROVIDER": "broken"}, strict=False)
    with pytest.raises(PluginError, match="Provider 'broken' could not be set up"):
        ollm.ask("hi")
    assert [failure.where for failure in ollm.failures] == ["provider 'broken'"]


@pytest.mark.parametrize("settings", ["version: 1", "model: {provider: slow}"])
def test_a_provider_that_takes_long_is_named(ollm_app, monkeypatch, settings):
    monkeypatch.setattr("ollm.selection.SILENCE", 0.0)

    class Slow(ScriptedProvider):
        async def list_models(self):
            async with asyncio.timeout(10):
                while "The provider 'slow' is still being asked for its models." not in ollm.stderr.getvalue():
                    await asyncio.sleep(0.01)
            return await super().list_models()

    ollm = ollm_app(plugin(Slow(name="slow")), settings=settings)
    assert ollm.ask("hi").text == "ok"


def test_something_that_is_no_provider_is_refused(ollm_app):
    class Wrong(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("wrong", "Wrong", lambda _: object(), order=1)]

    with pytest.raises(PluginError):
        ollm_app(Wrong, environ={"OLLM_PROVIDER": "wrong"}).ask("hi")


def test_the_choice_follows_the_running_session(ollm_app):
    ollm = ollm_app(plugin(ScriptedProvider(["from other"], name="other", models=("other:1b",))))
    talk = ollm.app.conversation()
    assert ollm.app.run(talk.answerer()).model == "other:1b"
    ollm.app.settings.set_session("model.default", "scripted:1b")
    assert ollm.app.run(talk.answerer()).model == "scripted:1b"


def choosing(answer):
    """A plugin whose service chooses by a function of the request."""

    class Chooser:
        asked = []

        async def choose(self, request):
            self.asked.append(request)
            return answer(request)

    class Plugin(Specs):
        chooser = Chooser()

        @hookimpl
        def ollm_services(self, ctx):
            return [Service("chooser", ModelChooser, lambda host: self.chooser)]

    return Plugin


def coder(request):
    notice = Notice("routed", "The coder answers.")
    return ModelChoice("scripted", "coder:1b", (notice,)) if "code" in request.prompt else None


def models_asked(ollm):
    return [request.model for request in ollm.provider.requests]


def test_a_plugin_may_choose_who_answers_each_turn(ollm_app):
    ollm = ollm_app(choosing(coder))
    talk = ollm.app.conversation()
    for prompt in ("hi", "write code", "more code", "bye"):
        ollm.app.run(_exhaust(talk, prompt))
    assert models_asked(ollm) == ["scripted:1b", "coder:1b", "coder:1b", "scripted:1b"]
    assert ollm.stderr.getvalue() == "ollm: The coder answers.\n"
    assert len(ollm.app.services.find(ModelChooser).asked[-1].messages) == 6


async def _exhaust(talk, prompt):
    await talk.answerer(prompt)  # as front ends do, to say who answers
    async for _ in talk.ask(prompt):
        pass


def test_a_choice_is_made_once_a_turn(ollm_app):
    ollm = ollm_app(choosing(coder))
    ollm.app.run(_exhaust(ollm.app.conversation(), "code"))
    assert len(ollm.app.services.find(ModelChooser).asked) == 1


@pytest.mark.parametrize(
    "options",
    [{"environ": {"OLLM_MODEL": "mine:1b", "OLLM_PROVIDER": "scripted"}}, {"settings": "model: {default: mine:1b}"}],
)
def test_a_model_named_for_this_run_is_never_swapped(ollm_app, options):
    ollm = ollm_app(choosing(coder), **options)
    ollm.app.run(_exhaust(ollm.app.conversation(), "code"))
    assert models_asked(ollm) == (["mine:1b"] if "environ" in options else ["coder:1b"])


def test_a_choice_that_fails_is_said_and_left_to_the_settings(ollm_app):
    def fail(request):
        raise ValueError("no idea")

    ollm = ollm_app(choosing(fail))
    ollm.app.run(_exhaust(ollm.app.conversation(), "hi"))
    assert models_asked(ollm) == ["scripted:1b"]
    assert "Choosing a model failed (ValueError: no idea)" in ollm.stderr.getvalue()
