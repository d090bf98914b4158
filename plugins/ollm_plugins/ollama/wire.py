"""What goes over the wire to Ollama?"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from ollm.api import ChatRequest, GenerationOptions, LoadRequest, Message, PullRequest, UsageError

_OPTION_NAMES = {
    "temperature": "temperature",
    "max_tokens": "num_predict",
    "context_size": "num_ctx",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "repeat_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
}
_BESIDE_OPTIONS = ("keep_alive", "truncate", "shift", "think", "logprobs", "top_logprobs")
"""Names that Ollama wants beside `options`; among them it would ignore them without a word."""


def chat_body(request: ChatRequest) -> dict[str, Any]:
    """Return the JSON object to send to /api/chat.

    :raises UsageError: the context size is one that Ollama accepts and then answers nonsense
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        # Without these, Ollama leaves out the beginning of a prompt that is too long, and of a conversation whose answer
        # grows too long, and says nothing.
        "truncate": False,
        "shift": False,
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
            }
            for t in request.tools
        ]
    if request.schema is not None:
        body["format"] = request.schema
    return {**body, **_generation(request.options)}


def load_body(request: LoadRequest) -> dict[str, Any]:
    """Return the JSON object to send to /api/generate, which without a prompt loads a model, or unloads it.

    :raises UsageError: as `chat_body` does
    """
    extra = {} if request.keep_alive is None else {"keep_alive": request.keep_alive}
    options = GenerationOptions(context_size=request.context_size, extra=extra)
    return {"model": request.name, "stream": False, **_generation(options)}


def pull_body(request: PullRequest) -> dict[str, Any]:
    """Return the JSON object to send to /api/pull."""
    insecure = {"insecure": True} if request.insecure else {}
    return {"model": request.name, "stream": True, **insecure}


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a body as bytes; halves of surrogate pairs, which no UTF-8 has, become question marks."""
    return json.dumps(body, ensure_ascii=False, default=dict).encode("utf-8", "replace")


def as_keep_alive(value: str | int) -> str | int:
    """Return a keep-alive as Ollama takes it: a number as a number ("-1" as a string is refused)."""
    return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() else value


def _generation(options: GenerationOptions) -> dict[str, Any]:
    values = {theirs: getattr(options, ours) for ours, theirs in _OPTION_NAMES.items()}
    values = {**values, "stop": list(options.stop) or None, "think": options.think, "keep_alive": options.keep_alive}
    values |= options.extra
    given = {name: value for name, value in values.items() if value is not None}
    beside = {name: given.pop(name) for name in _BESIDE_OPTIONS if name in given}
    if isinstance(size := given.get("num_ctx"), int) and size < 1:
        raise UsageError(f"A context of {size} tokens holds no prompt", "Ask for more, or leave the size out.")
    if "keep_alive" in beside:
        beside["keep_alive"] = as_keep_alive(beside["keep_alive"])
    return {**beside, "options": given} if given else beside


def _message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        out["images"] = [base64.b64encode(image).decode("ascii") for image in message.images]
    if message.thinking:
        out["thinking"] = message.thinking
    if message.tool_calls:
        out["tool_calls"] = [
            {"id": call.id, "function": {"index": i, "name": call.name, "arguments": dict(call.arguments)}}
            for i, call in enumerate(message.tool_calls)
        ]
    if message.tool_name:
        out["tool_name"] = message.tool_name
    if message.tool_call_id:
        out["tool_call_id"] = message.tool_call_id
    return out
