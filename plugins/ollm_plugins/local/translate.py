"""How is a request said to the engine, and its answer told to ollm?

The engine speaks the chat completions of OpenAI with llama.cpp's additions, as dicts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ollm.api import (
    ChatRequest,
    ContextOverflow,
    Event,
    Finished,
    GenerationOptions,
    Message,
    Progress,
    ProviderError,
    TextDelta,
    ThinkingDelta,
    Usage,
    visible,
)

Chunk = Mapping[str, Any]

_MANY: Final = 256  # tokens of a prompt that are worth a progress bar; some 2 s on one core
_ALIKE: Final = (
    "temperature",
    "max_tokens",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
)
"""Options that the engine calls as we do."""
_RANDOM_SEED: Final = 0xFFFF_FFFF  # the engine's word for "take any"; its seeds have 32 bits


def body_of(request: ChatRequest, defaults: Mapping[str, Any], context: int) -> dict[str, Any]:
    """Return a request in the engine's words.

    :param defaults: options to use where the request leaves the choice to us
    :param context: the window in force, in tokens
    """
    body: dict[str, Any] = {
        **defaults,
        **request.options.extra,
        **_sampling(request.options, context),
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # without it, nothing comes (and no cancel gets in) while a prompt is read
    }
    if request.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": dict(request.schema)}}
    return body


def _sampling(options: GenerationOptions, context: int) -> dict[str, Any]:
    said = {name: value for name in _ALIKE if (value := getattr(options, name)) is not None}
    if (last := options.repeat_last_n) is not None and last < 0:  # Ollama's word for the whole window; refused here
        said["repeat_last_n"] = context
    if options.seed is not None:
        said["seed"] = options.seed % _RANDOM_SEED
    if options.stop:
        said["stop"] = list(options.stop)
    if isinstance(options.think, bool):
        said["chat_template_kwargs"] = {"enable_thinking": options.think}
    elif options.think is not None:
        said["chat_template_kwargs"] = {"enable_thinking": True, "reasoning_effort": options.think}
    if options.seed is not None or options.temperature == 0:
        # A prompt that is partly taken from the last turn is summed up in other portions, so its floats
        # differ in the last digits, and now and then a word does. Who asks for the same answer gets it.
        said["cache_prompt"] = False
    return said


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": _sound(message.content)}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        said |= {"tool_call_id": message.tool_call_id, "name": message.tool_name}
    return said


def _sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can say: the engine's JSON reader refuses them."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Answer:
    """Turns the engine's chunks into events, and keeps what the last one needs.

    :param context: the window in force, in tokens
    """

    def __init__(self, context: int) -> None:
        self._context = context
        self._reason = ""
        self._usage: Chunk = {}
        self._timings: Chunk = {}
        self.load_seconds: float | None = None

    @property
    def full(self) -> bool:
        """Whether the answer ended because the context window had no room left."""
        used = self._usage.get("prompt_tokens", 0) + self._usage.get("completion_tokens", 0)
        return self._reason == "length" and used >= self._context

    def events(self, chunk: Chunk) -> Iterator[Event]:
        """Yield the events of one chunk.

        :raises ProviderError: the chunk is an error
        """
        if error := chunk.get("error"):
            raise _refused(error)
        self._usage = chunk.get("usage") or self._usage
        self._timings = chunk.get("timings") or self._timings
        if progress := chunk.get("prompt_progress"):
            yield from _reading(progress)
        for choice in chunk.get("choices", ()):
            self._reason = choice.get("finish_reason") or self._reason
            delta = choice.get("delta", {})
            if thought := delta.get("reasoning_content"):
                yield ThinkingDelta(thought)
            if text := delta.get("content"):
                yield TextDelta(text)

    def last(self) -> Iterator[Finished]:
        """Yield the final event; nothing when the engine broke off."""
        if self._reason:
            yield Finished("length" if self._reason == "length" else "stop", self._counters())

    def _counters(self) -> Usage:
        prompt, completion = (self._seconds(name) for name in ("prompt_ms", "predicted_ms"))
        return Usage(
            prompt_tokens=self._usage.get("prompt_tokens"),
            completion_tokens=self._usage.get("completion_tokens"),
            load_seconds=self.load_seconds,
            prompt_seconds=prompt,
            completion_seconds=completion,
            total_seconds=sum(filter(None, (self.load_seconds, prompt, completion))),
        )

    def _seconds(self, name: str) -> float | None:
        value = self._timings.get(name)
        return None if value is None else cast("float", value) / 1000


def _reading(progress: Chunk) -> Iterator[Progress]:
    """Yield how far the prompt is read; nothing for one that is read in a moment, or from the last turn."""
    done, total = progress["processed"], progress["total"]
    if progress["cache"] <= done < total and total - progress["cache"] > _MANY:
        yield Progress("reading the prompt", done, total, "tokens")


def _refused(error: Chunk) -> ProviderError:
    if error.get("type") == "exceed_context_size_error":
        needed, there = error.get("n_prompt_tokens"), error.get("n_ctx")
        problem = f"the prompt has {needed} tokens, the context window only {there}"
        remedy = "Start a new conversation, or raise options.numCtx if the model was trained for more."
        if isinstance(needed, int) and isinstance(there, int):
            return ContextOverflow(problem, remedy, needed=needed, size=there)
        return ProviderError(problem, remedy)
    return refusal(str(error.get("message", error)))


def refusal(said: str) -> ProviderError:
    """Return the error for a request that the engine did not take."""
    line = " ".join(visible(said).split())[:400]
    return ProviderError(f"the local engine refused the request: {line}", "Check the options and the schema sent.")
