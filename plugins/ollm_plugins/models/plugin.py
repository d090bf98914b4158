"""What does the room `models` hand in?"""

from __future__ import annotations

from ollm.api import (
    BackgroundTask,
    Command,
    CommandGroup,
    HostContext,
    ModelManagement,
    Service,
    Specs,
    ValueCompleter,
    hookimpl,
)

_AT = "ollm_plugins.models.commands"
_LIST = ("model list", "model list qwen --sort size --reverse", "model list --provider ollama --json")
_PULL = ("model pull smollm2:135m", "model pull smollm2:135m gemma3:270m --provider ollama")
_DELETE = ("model delete smollm2:135m", "model rm smollm2:135m gemma3:270m --yes")
_INFO = ("model info smollm2:135m", "model show smollm2:135m --verbose", "model info smollm2:135m --json")
_USE = ("model use smollm2:135m", "model use smollm2:135m --provider ollama")
_STATUS = ("model status", "model ps --watch", "model ps --json")
_COPY = ("model copy smollm2:135m mine",)


class Plugin(Specs):
    """`ollm model …`."""

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("model", "See, fetch, choose, copy and delete models."),
            Command("model list", "List the models.", f"{_AT}:list_models", ("models",), _LIST),
            Command("model pull", "Fetch models.", f"{_AT}_pull:pull", (), _PULL),
            Command("model delete", "Delete models.", f"{_AT}_change:delete", ("model rm", "model remove"), _DELETE),
            Command("model info", "Tell all about a model.", f"{_AT}_info:info", ("model show",), _INFO),
            Command("model use", "Choose the model that answers.", f"{_AT}_use:use", ("use",), _USE),
            Command("model status", "List the models in memory.", f"{_AT}:status", ("model ps",), _STATUS),
            Command("model copy", "Give a model a second name.", f"{_AT}_change:copy", ("model cp",), _COPY),
        ]

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[ValueCompleter]:
        """Hand in what knows the names of models."""
        return [ValueCompleter("model", "ollm_plugins.models.completing:models")]

    @hookimpl
    def ollm_background_tasks(self, ctx: HostContext) -> list[BackgroundTask]:
        """Hand in what lets models be listed for the first time when their names are to be completed."""
        return [BackgroundTask("models", "ollm_plugins.models.completing:stand_by")]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Offer the management of models to other rooms."""
        return [Service("models", ModelManagement, "ollm_plugins.models.service:create")]
