"""What may a plugin import?

This module is the only one of the kernel that plugins import. Its names are loaded when they are first
used, so `from ollm.api import Specs, hookimpl` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ollm import __version__ as __version__

if TYPE_CHECKING:
    from ollm.app import App as App
    from ollm.approval import ApprovalRequest as ApprovalRequest
    from ollm.approval import Decision as Decision
    from ollm.approval import ToolApprover as ToolApprover
    from ollm.arguments import understood as understood
    from ollm.cli import piped as piped
    from ollm.command_tree import Node as Node
    from ollm.command_tree import names as names
    from ollm.command_tree import tree as tree
    from ollm.commands import dispatch as dispatch
    from ollm.commands import root_group as root_group
    from ollm.contexts import CommandContext as CommandContext
    from ollm.contexts import CompletionContext as CompletionContext
    from ollm.contexts import DetectContext as DetectContext
    from ollm.contexts import EventContext as EventContext
    from ollm.contexts import FrontendContext as FrontendContext
    from ollm.contexts import HostContext as HostContext
    from ollm.contexts import RankContext as RankContext
    from ollm.contexts import RewindContext as RewindContext
    from ollm.contexts import ServiceFinder as ServiceFinder
    from ollm.contexts import SettingsReader as SettingsReader
    from ollm.contexts import StatusContext as StatusContext
    from ollm.contexts import StreamContext as StreamContext
    from ollm.contexts import Submission as Submission
    from ollm.contexts import ToolContext as ToolContext
    from ollm.contexts import TurnContext as TurnContext
    from ollm.contributed import ContributedLimits as ContributedLimits
    from ollm.contributed import ContributedProfiles as ContributedProfiles
    from ollm.contributed import ContributedProjects as ContributedProjects
    from ollm.contributed import ContributedTemplates as ContributedTemplates
    from ollm.contributed import ContributedTools as ContributedTools
    from ollm.contribution import Contribution as Contribution
    from ollm.contributions import FITTING as FITTING
    from ollm.contributions import BackgroundTask as BackgroundTask
    from ollm.contributions import Command as Command
    from ollm.contributions import CommandGroup as CommandGroup
    from ollm.contributions import Completes as Completes
    from ollm.contributions import Detection as Detection
    from ollm.contributions import Frontend as Frontend
    from ollm.contributions import ModelLimits as ModelLimits
    from ollm.contributions import ProjectDetector as ProjectDetector
    from ollm.contributions import ProjectProfile as ProjectProfile
    from ollm.contributions import PromptPart as PromptPart
    from ollm.contributions import ProviderEntry as ProviderEntry
    from ollm.contributions import RequestAdjuster as RequestAdjuster
    from ollm.contributions import ResultAdjuster as ResultAdjuster
    from ollm.contributions import RootOption as RootOption
    from ollm.contributions import RoutingProfile as RoutingProfile
    from ollm.contributions import Service as Service
    from ollm.contributions import Setting as Setting
    from ollm.contributions import SettingsLayer as SettingsLayer
    from ollm.contributions import SettingsSection as SettingsSection
    from ollm.contributions import SettingsValue as SettingsValue
    from ollm.contributions import StatusItem as StatusItem
    from ollm.contributions import StreamAdjuster as StreamAdjuster
    from ollm.contributions import Template as Template
    from ollm.contributions import TemplateVariable as TemplateVariable
    from ollm.contributions import Tool as Tool
    from ollm.contributions import ToolPreview as ToolPreview
    from ollm.contributions import TurnObserver as TurnObserver
    from ollm.contributions import TurnRecord as TurnRecord
    from ollm.contributions import ValueCompleter as ValueCompleter
    from ollm.errors import ContextOverflow as ContextOverflow
    from ollm.errors import ExitCode as ExitCode
    from ollm.errors import ModelNotFound as ModelNotFound
    from ollm.errors import OllmError as OllmError
    from ollm.errors import PluginError as PluginError
    from ollm.errors import ProviderError as ProviderError
    from ollm.errors import ProviderUnreachable as ProviderUnreachable
    from ollm.errors import SettingsError as SettingsError
    from ollm.errors import UsageError as UsageError
    from ollm.flags import Json as Json
    from ollm.flags import Yes as Yes
    from ollm.host import Failure as Failure
    from ollm.host import PluginRecord as PluginRecord
    from ollm.hub import Owned as Owned
    from ollm.hub import label as label
    from ollm.knowledge import Capabilities as Capabilities
    from ollm.knowledge import ChoiceRequest as ChoiceRequest
    from ollm.knowledge import Comparison as Comparison
    from ollm.knowledge import ContextWindow as ContextWindow
    from ollm.knowledge import ContextWindows as ContextWindows
    from ollm.knowledge import FactSource as FactSource
    from ollm.knowledge import FilledTemplate as FilledTemplate
    from ollm.knowledge import KnownLimits as KnownLimits
    from ollm.knowledge import ModelChoice as ModelChoice
    from ollm.knowledge import ModelChooser as ModelChooser
    from ollm.knowledge import ModelKnowledge as ModelKnowledge
    from ollm.knowledge import ModelOptions as ModelOptions
    from ollm.knowledge import ModelPreferences as ModelPreferences
    from ollm.knowledge import PromptClassifier as PromptClassifier
    from ollm.knowledge import PromptTemplates as PromptTemplates
    from ollm.knowledge import TokenCount as TokenCount
    from ollm.knowledge import TokenCounter as TokenCounter
    from ollm.knowledge import ToolFallback as ToolFallback
    from ollm.knowledge import ToolOffers as ToolOffers
    from ollm.management import Catalogue as Catalogue
    from ollm.management import CatalogueSource as CatalogueSource
    from ollm.management import DeletedModel as DeletedModel
    from ollm.management import ListedModel as ListedModel
    from ollm.management import MemoryEstimate as MemoryEstimate
    from ollm.management import MemoryNeed as MemoryNeed
    from ollm.management import ModelManagement as ModelManagement
    from ollm.management import ModelMemory as ModelMemory
    from ollm.management import ModelStatus as ModelStatus
    from ollm.management import ShownModel as ShownModel
    from ollm.memories import MemoryCategory as MemoryCategory
    from ollm.memories import MemoryEntry as MemoryEntry
    from ollm.memories import MemoryService as MemoryService
    from ollm.memories import MemorySource as MemorySource
    from ollm.messages import CONTEXT_FULL as CONTEXT_FULL
    from ollm.messages import LENGTH_NOTICE as LENGTH_NOTICE
    from ollm.messages import ChatRequest as ChatRequest
    from ollm.messages import Event as Event
    from ollm.messages import Finished as Finished
    from ollm.messages import GenerationOptions as GenerationOptions
    from ollm.messages import Message as Message
    from ollm.messages import Notice as Notice
    from ollm.messages import Overrides as Overrides
    from ollm.messages import Progress as Progress
    from ollm.messages import Step as Step
    from ollm.messages import TextDelta as TextDelta
    from ollm.messages import ThinkingDelta as ThinkingDelta
    from ollm.messages import ToolCall as ToolCall
    from ollm.messages import ToolCalled as ToolCalled
    from ollm.messages import ToolDecided as ToolDecided
    from ollm.messages import ToolRecord as ToolRecord
    from ollm.messages import ToolReturned as ToolReturned
    from ollm.messages import ToolSpec as ToolSpec
    from ollm.messages import Usage as Usage
    from ollm.messages import Waiting as Waiting
    from ollm.messages import replace as replace
    from ollm.model_names import fitting as fitting
    from ollm.model_names import meant as meant
    from ollm.model_names import near_models as near_models
    from ollm.model_names import same_model as same_model
    from ollm.model_names import tagged as tagged
    from ollm.output import Output as Output
    from ollm.output import to_document as to_document
    from ollm.paths import Paths as Paths
    from ollm.paths import TrustedProject as TrustedProject
    from ollm.providers import CopiesModels as CopiesModels
    from ollm.providers import CountsTokens as CountsTokens
    from ollm.providers import DefaultsModel as DefaultsModel
    from ollm.providers import DeletesModels as DeletesModels
    from ollm.providers import Health as Health
    from ollm.providers import HoldsFewModels as HoldsFewModels
    from ollm.providers import KeepsModels as KeepsModels
    from ollm.providers import LoadedModel as LoadedModel
    from ollm.providers import LoadRequest as LoadRequest
    from ollm.providers import LoadsModels as LoadsModels
    from ollm.providers import ModelInfo as ModelInfo
    from ollm.providers import Provider as Provider
    from ollm.providers import ProviderAccess as ProviderAccess
    from ollm.providers import PullRequest as PullRequest
    from ollm.providers import PullsModels as PullsModels
    from ollm.questions import Choice as Choice
    from ollm.questions import Question as Question
    from ollm.questions import Reply as Reply
    from ollm.questions import chosen as chosen
    from ollm.questions import drawn as drawn
    from ollm.questions import read_line as read_line
    from ollm.questions import readable as readable
    from ollm.records import AuditedCall as AuditedCall
    from ollm.records import ConversationRecords as ConversationRecords
    from ollm.records import may_keep as may_keep
    from ollm.session import Conversation as Conversation
    from ollm.settings import Settings as Settings
    from ollm.settings import nearest as nearest
    from ollm.settings_file import change_setting as change_setting
    from ollm.settings_file import parse_settings as parse_settings
    from ollm.settings_file import parse_value as parse_value
    from ollm.settings_file import read_settings as read_settings
    from ollm.settings_file import remove_setting as remove_setting
    from ollm.settings_file import update_setting as update_setting
    from ollm.settings_model import Candidate as Candidate
    from ollm.settings_model import Field as Field
    from ollm.settings_model import camel as camel
    from ollm.settings_model import key_of as key_of
    from ollm.settings_model import path_of as path_of
    from ollm.settings_schema import settings_schema as settings_schema
    from ollm.specs import API_VERSION as API_VERSION
    from ollm.specs import Specs as Specs
    from ollm.specs import hookimpl as hookimpl
    from ollm.state import file_lock as file_lock
    from ollm.state import set_aside as set_aside
    from ollm.state import write_atomically as write_atomically
    from ollm.terminal import forget_typed as forget_typed
    from ollm.terminal import typing_unseen as typing_unseen
    from ollm.text import visible as visible
    from ollm.text import without_credentials as without_credentials
    from ollm.unseen import hidden as hidden
    from ollm.unseen import is_unseen as is_unseen
    from ollm.unseen import revealed as revealed
    from ollm.wording import as_typed_in_repl as as_typed_in_repl
    from ollm.wording import fenced as fenced
    from ollm.wording import local_time as local_time

_HOMES = {
    "approval": ("ApprovalRequest", "Decision", "ToolApprover"),
    "arguments": ("understood",),
    "app": ("App",),
    "cli": ("piped",),
    "command_tree": ("Node", "names", "tree"),
    "commands": ("dispatch", "root_group"),
    "contexts": (
        "CommandContext",
        "CompletionContext",
        "DetectContext",
        "EventContext",
        "FrontendContext",
        "HostContext",
        "RankContext",
        "RewindContext",
        "ServiceFinder",
        "SettingsReader",
        "StatusContext",
        "StreamContext",
        "Submission",
        "ToolContext",
        "TurnContext",
    ),
    "contribution": ("Contribution",),
    "contributions": (
        "FITTING",
        "BackgroundTask",
        "Command",
        "CommandGroup",
        "Completes",
        "Detection",
        "Frontend",
        "ModelLimits",
        "ProjectDetector",
        "ProjectProfile",
        "PromptPart",
        "ProviderEntry",
        "RequestAdjuster",
        "ResultAdjuster",
        "RootOption",
        "RoutingProfile",
        "Service",
        "Setting",
        "SettingsLayer",
        "SettingsSection",
        "SettingsValue",
        "StatusItem",
        "StreamAdjuster",
        "Template",
        "TemplateVariable",
        "Tool",
        "ToolPreview",
        "TurnObserver",
        "TurnRecord",
        "ValueCompleter",
    ),
    "errors": (
        "ContextOverflow",
        "ExitCode",
        "ModelNotFound",
        "OllmError",
        "PluginError",
        "ProviderError",
        "ProviderUnreachable",
        "SettingsError",
        "UsageError",
    ),
    "flags": ("Json", "Yes"),
    "host": ("Failure", "PluginRecord"),
    "hub": ("Owned", "label"),
    "contributed": (
        "ContributedLimits",
        "ContributedProfiles",
        "ContributedProjects",
        "ContributedTemplates",
        "ContributedTools",
    ),
    "knowledge": (
        "Capabilities",
        "ChoiceRequest",
        "Comparison",
        "ContextWindow",
        "ContextWindows",
        "FactSource",
        "FilledTemplate",
        "KnownLimits",
        "ModelChoice",
        "ModelChooser",
        "ModelKnowledge",
        "ModelOptions",
        "ModelPreferences",
        "PromptClassifier",
        "PromptTemplates",
        "TokenCount",
        "TokenCounter",
        "ToolFallback",
        "ToolOffers",
    ),
    "management": (
        "Catalogue",
        "CatalogueSource",
        "DeletedModel",
        "ListedModel",
        "MemoryEstimate",
        "MemoryNeed",
        "ModelManagement",
        "ModelMemory",
        "ModelStatus",
        "ShownModel",
    ),
    "memories": ("MemoryCategory", "MemoryEntry", "MemoryService", "MemorySource"),
    "messages": (
        "CONTEXT_FULL",
        "LENGTH_NOTICE",
        "ChatRequest",
        "Event",
        "Finished",
        "GenerationOptions",
        "Message",
        "Notice",
        "Overrides",
        "Progress",
        "Step",
        "TextDelta",
        "ThinkingDelta",
        "ToolCall",
        "ToolCalled",
        "ToolDecided",
        "ToolRecord",
        "ToolReturned",
        "ToolSpec",
        "Usage",
        "Waiting",
        "replace",
    ),
    "model_names": ("fitting", "meant", "near_models", "same_model", "tagged"),
    "output": ("Output", "to_document"),
    "paths": ("Paths", "TrustedProject"),
    "providers": (
        "CopiesModels",
        "CountsTokens",
        "DefaultsModel",
        "DeletesModels",
        "Health",
        "HoldsFewModels",
        "KeepsModels",
        "LoadedModel",
        "LoadRequest",
        "LoadsModels",
        "ModelInfo",
        "Provider",
        "ProviderAccess",
        "PullRequest",
        "PullsModels",
    ),
    "questions": ("Choice", "Question", "Reply", "chosen", "drawn", "read_line", "readable"),
    "records": ("AuditedCall", "ConversationRecords", "may_keep"),
    "session": ("Conversation",),
    "settings": ("Settings", "nearest"),
    "settings_file": (
        "change_setting",
        "parse_settings",
        "parse_value",
        "read_settings",
        "remove_setting",
        "update_setting",
    ),
    "settings_model": ("Candidate", "Field", "camel", "key_of", "path_of"),
    "settings_schema": ("settings_schema",),
    "specs": ("API_VERSION", "Specs", "hookimpl"),
    "state": ("file_lock", "set_aside", "write_atomically"),
    "terminal": ("forget_typed", "typing_unseen"),
    "text": ("visible", "without_credentials"),
    "unseen": ("hidden", "is_unseen", "revealed"),
    "wording": ("as_typed_in_repl", "fenced", "local_time"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  (made from the table, so that nothing is listed twice)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        from ollm.specs import API_VERSION

        message = f"ollm.api (version {API_VERSION}) has no {name!r}; the plugin may need another version of ollm"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(f"ollm.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
