"""Its providers come first and cannot answer."""

from ollm.api import Health, ProviderEntry, Specs, hookimpl


def create(ctx):
    raise RuntimeError("no provider today")


class Useless:
    """No provider at all."""


class Raising:
    name = "raising"

    async def check(self):
        raise RuntimeError("check is broken")

    async def list_models(self):
        raise RuntimeError("list_models is broken")

    async def show_model(self, name):
        raise RuntimeError("show_model is broken")

    def chat(self, request):
        raise RuntimeError("chat is broken")

    async def aclose(self):
        raise RuntimeError("aclose is broken")


class Plugin(Specs):
    @hookimpl
    def ollm_providers(self, ctx):
        return [
            ProviderEntry("uncreated", "Cannot be made", create, order=1),
            ProviderEntry("useless", "Is no provider", lambda ctx: Useless(), order=2),
            ProviderEntry("nowhere", "Cannot be imported", "stranger_no_such_module:create", order=3),
            ProviderEntry("raising", "Raises", lambda ctx: Raising(), order=4),
        ]
