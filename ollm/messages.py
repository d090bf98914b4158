"""What flows in a turn?

A request goes down to a provider, events come back up. Both are frozen, so whoever sees one may keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace as replace  # noqa: PLC0414  (re-exported)

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "cut", "interrupted", "rounds"]
"""How an answer ended.

`stop`: the model was done. `length`: the token limit was reached. `cut`: the stream ended without its
final line. `interrupted`: the user stopped it. `rounds`: the tool loop reached its limit.
"""


class ToolCall(Struct, frozen=True):
    """A model's wish to run a tool.

    :param id: unique within the conversation; made up by the provider's plugin when the server sends none
    :param arguments: as the model wrote them, not yet validated
    """

    id: str
    name: str
    arguments: Mapping[str, Any]


class Message(Struct, frozen=True):
    """One message of a conversation.

    :param images: the bytes of each image file (PNG or JPEG)
    :param thinking: what a thinking model wrote before its answer
    :param tool_name: for the role `tool`: whose result this is
    """

    role: Role
    content: str
    images: tuple[bytes, ...] = ()
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    tool_name: str = ""


class GenerationOptions(Struct, frozen=True):
    """How to generate; None leaves the choice to the provider.

    :param temperature: 0 is deterministic
    :param max_tokens: upper bound of the answer's length, in tokens
    :param context_size: context window to allocate, in tokens
    :param repeat_last_n: how many of the last tokens `repeat_penalty` looks at
    :param think: whether a thinking model thinks, or how hard
    :param extra: options under the provider's own names, sent as they are
    :param keep_alive: how long the model stays in memory after the answer: seconds, or a duration such as "10m"; -1
        for good. A provider that holds no models, or holds them as it likes, need not heed it
    """

    temperature: float | None = None
    max_tokens: int | None = None
    context_size: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    think: bool | str | None = None
    extra: Mapping[str, Any] = {}
    min_p: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    keep_alive: str | int | None = None


class ToolSpec(Struct, frozen=True):
    """What a model is told of a tool; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class ChatRequest(Struct, frozen=True):
    """Everything a provider needs for one answer.

    :param schema: JSON Schema that the answer's text must satisfy
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: GenerationOptions = GenerationOptions()
    schema: Mapping[str, Any] | None = None


class Usage(Struct, frozen=True):
    """The server's own counters of one answer; None where it reports none. Seconds, not wall time."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    load_seconds: float | None = None
    prompt_seconds: float | None = None
    completion_seconds: float | None = None
    total_seconds: float | None = None


class TextDelta(Struct, frozen=True):
    """The next piece of the answer."""

    type: ClassVar[str] = "text"
    text: str


class ThinkingDelta(Struct, frozen=True):
    """The next piece of a thinking model's thoughts; never part of the answer."""

    type: ClassVar[str] = "thinking"
    text: str


class ToolCalled(Struct, frozen=True):
    """The model asks for a tool."""

    type: ClassVar[str] = "toolCall"
    call: ToolCall


class ToolDecided(Struct, frozen=True):
    """Somebody has decided whether a tool may run.

    :param call: with the arguments that it is to run with, which the user may have changed
    :param by: who or what decided, e.g. "user", "rule", "mode"; "ollm" where there was nothing to decide
    :param reason: why not, as the model is told it; or what allows it
    """

    type: ClassVar[str] = "toolDecision"
    call: ToolCall
    allowed: bool
    by: str = ""
    reason: str = ""


class ToolReturned(Struct, frozen=True):
    """A tool has run, or was refused (`failed`)."""

    type: ClassVar[str] = "toolResult"
    call: ToolCall
    content: str
    failed: bool = False


class Waiting(Struct, frozen=True):
    """Nothing has come yet.

    :param subject: what is waited for, e.g. the model being loaded
    :param seconds: since the request was sent
    """

    type: ClassVar[str] = "waiting"
    subject: str
    seconds: float


class Progress(Struct, frozen=True):
    """A download or other long work moves on.

    :param total: in `unit`; None while unknown
    :param resumed: the part of `done` that was there when this work began, so that it counts for no rate
    """

    type: ClassVar[str] = "progress"
    label: str
    done: int
    total: int | None = None
    unit: Literal["bytes", "tokens", "steps"] = "bytes"
    resumed: int = 0


class Step(Struct, frozen=True):
    """Long work enters another stage, e.g. "verifying sha256 digest"."""

    type: ClassVar[str] = "step"
    text: str


class Notice(Struct, frozen=True):
    """Something the user must know: a fallback, a cut, an ignored setting.

    :param code: stable name for scripts, in kebab-case
    :param text: one line, a whole sentence
    """

    type: ClassVar[str] = "notice"
    code: str
    text: str


CONTEXT_FULL = "context-full"
"""Code of the notice that an answer ended because the context is full; front ends then speak of no token limit."""

LENGTH_NOTICE = Notice(
    "answer-length", "The answer was ended at the token limit; raise it with --max-tokens or options.maxTokens."
)
"""What a front end says of an answer that ended with "length"."""


class Finished(Struct, frozen=True):
    """The last event of an answer."""

    type: ClassVar[str] = "finished"
    reason: FinishReason
    usage: Usage = Usage()


Event = (
    TextDelta | ThinkingDelta | ToolCalled | ToolDecided | ToolReturned | Waiting | Progress | Step | Notice | Finished
)


class ToolRecord(Struct, frozen=True):
    """One tool call of a turn that is over, for whoever looks into it later.

    :param call: with the arguments that were decided on
    :param by: who decided; empty when the turn was interrupted before anybody had
    :param reason: as in `ToolDecided`
    :param failed: whether the result says what went wrong; also true of what was not allowed
    :param size: of the result, in bytes of UTF-8
    :param seconds: from the decision to the result
    """

    call: ToolCall
    allowed: bool
    by: str
    reason: str
    failed: bool
    size: int
    seconds: float


class Overrides(Struct, frozen=True):
    """What one prompt asks for instead of what the settings say, e.g. because a template wants it.

    :param provider: whose model `model` is; without one, the first provider that has it
    :param system: instead of `chat.systemPrompt`
    :param schema: JSON Schema that the answer's text must satisfy
    :param title: what a conversation that begins with the prompt is called; empty: as the prompt begins
    """

    provider: str | None = None
    model: str | None = None
    routing_profile: str | None = None
    system: str | None = None
    options: GenerationOptions = GenerationOptions()
    schema: Mapping[str, Any] | None = None
    title: str = ""


AS_SET = Overrides()
"""Nothing but what the settings say."""
