"""Which model does a name mean, and who manages it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollm.api import ListedModel, ModelManagement, OllmError, ProviderUnreachable, UsageError, local_time, same_model
from ollm_plugins.models.wording import is_unfetched

if TYPE_CHECKING:
    from ollm.api import Catalogue, CatalogueSource, CommandContext


def management(ctx: CommandContext) -> ModelManagement:
    """Return the service that manages models.

    :raises OllmError: there is none
    """
    service = ctx.app.services.find(ModelManagement)
    if service is None:
        raise OllmError("Nobody manages models: the service could not be set up", "Run `ollm plugins doctor`.")
    return service


def called(catalogue: Catalogue, name: str) -> list[ListedModel]:
    """Return the models of a name, at most one of each provider."""
    found: dict[str, ListedModel] = {}
    for each in catalogue.models:
        if each.info.name == name or (same_model(each.info.name, name) and each.provider not in found):
            found[each.provider] = each
    return list(found.values())


def on_disk(ctx: CommandContext, name: str, provider: str | None) -> tuple[ListedModel, Catalogue]:
    """Return the one model of a name that is to be changed, and everything listed beside it.

    :raises ModelNotFound: there is none, with the names that are near
    :raises ProviderUnreachable: its provider is away, so that nothing can be changed
    :raises UsageError: several providers have one
    """
    service = management(ctx)
    catalogue = ctx.run(service.list_models(provider))
    found = [each for each in called(catalogue, name) if not is_unfetched(each.info)]
    if not found:
        shown = ctx.run(service.show_model(name, provider))
        found = [ListedModel(shown.provider, shown.info)]
    if len(found) > 1:
        owners = ", ".join(each.provider for each in found)
        raise UsageError(f"Several providers have a model {name}: {owners}", "Choose one with --provider.")
    away = next((each for each in catalogue.sources if each.provider == found[0].provider and each.offline), None)
    if away is not None:
        raise ProviderUnreachable(away.offline, away.remedy)
    return found[0], catalogue


def told_offline(source: CatalogueSource) -> str:
    """Say that a provider is away, and how old its former answer is, if there is one."""
    error = OllmError(source.offline, source.remedy)
    if not source.as_of:
        return f"No models of provider '{source.provider}': {error}"
    return f"Provider '{source.provider}' is offline; its models are as of {local_time(source.as_of)}: {error}"
