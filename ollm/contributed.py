"""Where does a room learn what other plugins have handed in?

Protocols that the kernel provides itself, so that a room that manages some kind of contribution needs no `App`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ollm.contribution import Contribution
    from ollm.contributions import ModelLimits, ProjectDetector, ProjectProfile, RoutingProfile, Template, Tool
    from ollm.hub import Owned
    from ollm.messages import ToolSpec


class ContributedLimits(Protocol):
    """Gathers what plugins know of models. The kernel itself provides this service, so `find` never returns None."""

    def model_limits(self) -> Sequence[Owned[ModelLimits]]:
        """List what all plugins hand in through `ollm_model_limits`."""
        ...


class ContributedProjects(Protocol):
    """Gathers what plugins know of projects. The kernel itself provides this service, so `find` never returns None."""

    def project_detectors(self) -> Sequence[Owned[ProjectDetector]]:
        """List what all plugins hand in through `ollm_project_detectors`."""
        ...

    def project_profiles(self) -> Sequence[Owned[ProjectProfile]]:
        """List what all plugins hand in through `ollm_project_profiles`."""
        ...

    def use(self, owned: Owned[ProjectDetector], attribute: str, *arguments: Any) -> Any:
        """Call what a detector's attribute refers to; None when it fails, which is noted.

        :raises OllmError: the detector says no in words that are meant for the user
        """
        ...


class ContributedProfiles(Protocol):
    """Gathers the routing profiles of plugins. The kernel itself provides this service, so `find` never returns None."""

    def routing_profiles(self) -> Sequence[Owned[RoutingProfile]]:
        """List what all plugins hand in through `ollm_routing_profiles`."""
        ...

    def use(self, owned: Owned[Contribution], attribute: str, *arguments: Any) -> Any:
        """Call what an attribute of a profile refers to; None when it fails, which is noted.

        :raises OllmError: it says no in words that are meant for the user
        """
        ...


class ContributedTools(Protocol):
    """Gathers the tools of plugins. The kernel itself provides this service, so `find` never returns None."""

    def tools(self) -> Sequence[Owned[Tool]]:
        """List what all plugins hand in through `ollm_tools`, whether or not a model is offered it."""
        ...

    def tool_specs(self) -> Sequence[ToolSpec]:
        """Return what a model that is offered all of them is told."""
        ...


class ContributedTemplates(Protocol):
    """Gathers the templates of plugins. The kernel itself provides this service, so `find` never returns None."""

    def templates(self) -> Sequence[Owned[Template]]:
        """List what all plugins hand in through `ollm_templates`."""
        ...
