import pytest

from ollm.api import ModelInfo, ModelNotFound, ProviderEntry, ProviderUnreachable, Specs, UsageError, hookimpl
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
