"""What can one room ask another about models?

Protocols that a plugin registers as a service and any other finds with `ctx.services.find(…)`: knowing what models
can do, counting tokens, choosing who answers. Who provides them, and how, is that plugin's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

from ollm.messages import ChatRequest, GenerationOptions, Message, Notice, Overrides
from ollm.providers import ModelInfo

if TYPE_CHECKING:
    from ollm.app import App


class Capabilities(Struct, frozen=True):
    """What a model can do."""

    tools: bool = False
    vision: bool = False
    streaming: bool = True
    thinking: bool = False
    embedding: bool = False


FactSource = Literal["user", "server", "plugin", "tag", "line", "pattern", "default"]
"""How a fact about a model is known, the most trusted first.

`user`: the user's settings. `server`: its provider says so now. `plugin`: a pattern of `ollm_model_limits`. `tag`: the
database knows this very name and tag. `line`: it knows the model line. `pattern`: what models of that family have in
common. `default`: nobody knows, and this is safe.
"""


class KnownLimits(Struct, frozen=True):
    """What is known of a model, and how.

    :param name: as it was asked for
    :param known: whether anything but the safe default is known
    :param context_window: in tokens
    :param max_output_tokens: None: bounded by the context window only
    :param family: as the server says it (`details.family`), e.g. "llama"; empty when unknown
    :param profiles: routing profiles that it suits
    :param source: how the context window is known
    :param sources: how each fact is known, by its name: context_window, max_output_tokens, family, profiles, tools, …
    :param matched: the entry that answered, e.g. "llama3.1:8b", for people
    """

    name: str
    known: bool
    context_window: int
    capabilities: Capabilities
    max_output_tokens: int | None = None
    family: str = ""
    profiles: tuple[str, ...] = ()
    source: FactSource = "default"
    sources: Mapping[str, FactSource] = {}
    matched: str = ""


class Comparison(Struct, frozen=True):
    """How often the user preferred one model's answer to the other's, in one routing profile."""

    profile: str
    a: str
    b: str
    wins_a: int
    wins_b: int


class ModelPreferences(Protocol):
    """Knows how the user judged answers of models that were shown side by side."""

    def comparisons(self, profile: str) -> Sequence[Comparison]:
        """List the sums of all judgements in a routing profile, one for each pair, without asking anybody."""
        ...


class ModelKnowledge(Protocol):
    """Knows what models can do."""

    def look_up(self, name: str, provider: str = "", live: ModelInfo | None = None) -> KnownLimits:
        """Say what is known of a model, named as a user or a server writes it, without asking anybody.

        :param live: what its provider says of it, if that is known
        """
        ...

    async def limits_of(self, name: str, provider: str) -> KnownLimits:
        """Say what is known of a model, with what its provider says of it now or said not long ago."""
        ...


class TokenCount(Struct, frozen=True):
    """So many tokens.

    :param exact: counted with the model's own tokenizer
    :param error: of an estimate: the mean relative error in the last turns with this model (0.03 is 3 %); None before any
    """

    tokens: int
    exact: bool = False
    error: float | None = None


class TokenCounter(Protocol):
    """Counts tokens: exactly where the provider can, else by an estimate that learns from each turn."""

    async def count(self, text: str, model: str, provider: str) -> TokenCount:
        """Count the tokens of a text."""
        ...

    async def count_request(self, request: ChatRequest, provider: str) -> TokenCount:
        """Count the tokens of a whole prompt: messages, tools, and what the model's template puts around them."""
        ...

    def accuracy(self, model: str, provider: str) -> TokenCount | None:
        """Say how well the estimate fits a model: `tokens` is the number of turns it learned from; None before any."""
        ...


class ChoiceRequest(Struct, frozen=True):
    """A turn that somebody is to answer.

    :param prompt: what the user has just written
    :param images: whether images come with it
    :param messages: the conversation so far, without the prompt
    :param tools: whether tools will be offered
    :param profile: the routing profile that this turn asks for; None leaves it to the settings
    """

    prompt: str
    images: bool = False
    messages: tuple[Message, ...] = ()
    tools: bool = False
    profile: str | None = None


class ModelChoice(Struct, frozen=True):
    """Who answers a turn, and what the user must know of that choice."""

    provider: str
    model: str
    notices: tuple[Notice, ...] = ()


class ModelChooser(Protocol):
    """Chooses who answers a turn. It is not asked when the user has named a model for this run."""

    async def choose(self, request: ChoiceRequest) -> ModelChoice | None:
        """Choose a model; None leaves the choice to the settings.

        :raises ModelNotFound: none can do what the turn needs, and the remedy says what to pull
        """
        ...


class PromptClassifier(Protocol):
    """Knows which routing profile a prompt belongs to."""

    def profile_of(self, prompt: str) -> str:
        """Name the profile by which a prompt is routed, without asking anybody.

        Where routing is off, it is the one that suits the prompt by itself.
        """
        ...


class FilledTemplate(Struct, frozen=True):
    """A prompt that was made from a template, and what the template asks for instead of what the settings say."""

    prompt: str
    overrides: Overrides = Overrides()


class PromptTemplates(Protocol):
    """Makes prompts from templates."""

    def fill(self, name: str, values: Mapping[str, str]) -> FilledTemplate:
        """Put values into a template's variables.

        :raises UsageError: there is no such template, or a variable that it needs has no value
        """
        ...

    def fill_with(self, name: str, words: Sequence[str], text: str = "", asking: App | None = None) -> FilledTemplate:
        """Put values into a template's variables that are given as on the command line.

        :param words: NAME=TEXT, NAME=@FILE, or NAME=- for the text
        :param text: what is to be worked on; goes where `ollm -t NAME -p TEXT` puts it
        :param asking: the run whose user is asked for what is missing; not to be given while its event loop runs
        :raises UsageError: there is no such template, a variable that it needs has no value and nobody can be asked, a
            word has another form, or the prompt is empty
        :raises KeyboardInterrupt: the user was asked and pressed Ctrl-C
        """
        ...


class ToolOffers(Protocol):
    """Decides which tools models are offered; without it, all are."""

    def withheld(self, tool: str, *, attended: bool | None) -> str:
        """Say why a tool is offered to no model, whatever the model can do; empty when that depends on the model.

        :param attended: whether somebody is there who could be asked; None: as it is in this run
        """
        ...


class ToolFallback(Protocol):
    """Lets models call tools that cannot do so by themselves."""

    def covers(self, model: str, provider: str) -> bool:
        """Say whether a model gets its tools in another way, so that they are not to be left out."""
        ...


class ModelOptions(Protocol):
    """Knows the options of generation that the settings give to a model."""

    def options_for(self, model: str, provider: str) -> GenerationOptions:
        """Return the options that a request to a model gets.

        :raises SettingsError: a value is bad
        """
        ...


class ContextWindow(Struct, frozen=True):
    """The room that a request gets.

    :param size: of the context that is asked for, in tokens
    :param limit: what the model can take, in tokens; None when nobody knows
    :param chosen: whether the user has set the size
    """

    size: int
    limit: int | None
    chosen: bool = False


class ContextWindows(Protocol):
    """Chooses the context sizes with which models are loaded."""

    async def window_of(self, request: ChatRequest, provider: str, prompt: TokenCount) -> ContextWindow:
        """Return the room that a request will get.

        :param prompt: how long it is
        """
        ...

    async def window_for(self, model: str, provider: str) -> int:
        """Return the context size, in tokens, that the first chat with a model will ask for.

        Whoever loads a model ahead asks for the same, else the chat would load it anew.
        """
        ...
