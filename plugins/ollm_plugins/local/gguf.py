"""What does a GGUF file say of itself?

Our own reader, because the `gguf` package needs numpy and five more to read what takes a page here, and
trusts the lengths in the file. Every length is an attacker's: nothing is allocated before it is known to
fit into the file and under a limit, and only the few values that are asked for are kept.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from ollm.api import ProviderError, visible

Value = int | float | bool | str

_MAGIC: Final = b"GGUF"
_MAX_HEADER: Final = 64 << 20  # vocabularies of 260,000 tokens with their merges take about 20 MiB
_MAX_STRING: Final = 1 << 20  # the longest chat templates in use have some 30 KiB
_MAX_KEY: Final = 1 << 10
_MAX_DIMENSIONS: Final = 4
_MAX_KEYS: Final = 1 << 16
_MAX_TENSORS: Final = 1 << 18

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9

# ggml's tensor types, as type:weights in a block:bytes of a block; needed to find the end of the last tensor.
_BLOCK_TABLE: Final = (
    "0:1:4 1:1:2 2:32:18 3:32:20 6:32:22 7:32:24 8:32:34 9:32:36 10:256:84 11:256:110 12:256:144 13:256:176 "
    "14:256:210 15:256:292 16:256:66 17:256:74 18:256:98 19:256:50 20:32:18 21:256:110 22:256:82 23:256:136 "
    "24:1:1 25:1:2 26:1:4 27:1:8 28:1:8 29:256:56 30:1:2 34:256:54 35:256:66 39:32:17"
)
_BLOCKS: Final = {
    kind: (weights, size) for kind, weights, size in (map(int, entry.split(":")) for entry in _BLOCK_TABLE.split())
}
_FILE_TYPE_NAMES: Final = (
    "F32 F16 Q4_0 Q4_1 - - - Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K "
    "IQ2_XXS IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16 - - - TQ1_0 "
    "TQ2_0 MXFP4"
)
_FILE_TYPES: Final = dict(enumerate(_FILE_TYPE_NAMES.split()))
_KEPT: Final = {
    *("general.architecture", "general.name", "general.file_type", "general.license", "general.size_label"),
    "tokenizer.chat_template",
}
_KEPT_OF_ARCHITECTURE: Final = {
    *("context_length", "block_count", "embedding_length", "pooling_type"),
    *("attention.head_count", "attention.head_count_kv", "attention.key_length"),
}


class GgufError(ProviderError):
    """A file is not a model that the engine can read."""


@dataclass(frozen=True)
class GgufInfo:
    """A model, by its own metadata.

    :param title: its name as its maker wrote it; made safe for a terminal, in one line
    :param context_length: trained context window, in tokens; None when not told
    :param parameters: number of weights
    :param state_bytes: memory that one token of context takes, in bytes; 0 when not told
    :param embeds: whether it makes embeddings and cannot chat
    """

    architecture: str
    title: str
    quantization: str
    license: str
    context_length: int | None
    template: str
    parameters: int
    state_bytes: int
    embeds: bool


def read_info(path: Path) -> GgufInfo:
    """Read the metadata of a model, and check that no tensor is missing.

    :raises GgufError: it is no GGUF file, is truncated or damaged, or cannot be read
    """
    try:
        status = path.stat()
        return _read_info(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise GgufError(f"{path.name} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=64)
def _read_info(path: Path, size: int, modified: int) -> GgufInfo:
    """Read once for each state of a file; `modified` is only part of the cache's key."""
    del modified
    if not path.is_file():
        raise GgufError(f"{path.name} is not a file", "Models are single files that end in .gguf.")
    with path.open("rb") as file:
        return _Reader(file, path.name, size).info()


class _Reader:
    """Walks through the header once, never past its end."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self._file = file
        self._name = name
        self._size = size
        self._at = 0
        self._values: dict[str, Value] = {}

    def info(self) -> GgufInfo:
        tensors = self._start()
        for _ in range(self._count(_MAX_KEYS, "metadata entries")):
            key = self._text(_MAX_KEY)
            self._value(key)
        parameters, end = self._tensors(tensors)
        if end > self._size:
            raise self._truncated(end)
        return self._summary(parameters)

    def _start(self) -> int:
        if self._size == 0:
            raise self._bad("is empty")
        if self._size < len(_MAGIC) or self._take(len(_MAGIC)) != _MAGIC:
            raise self._bad("is not a GGUF file")
        version = self._number("I")
        if version not in (2, 3):
            raise self._bad(f"has GGUF version {version}, and only 2 and 3 (little-endian) can be read")
        return self._count(_MAX_TENSORS, "tensors")

    def _value(self, key: str) -> None:
        kind = self._number("I")
        kept = key in _KEPT or key.partition(".")[2] in _KEPT_OF_ARCHITECTURE
        if kind == _ARRAY:
            self._skip_array()
        elif kind == _STRING and not kept:
            self._skip(self._number("Q"))
        elif kind == _STRING:
            self._values[key] = self._text(_MAX_STRING)
        elif kind in _SCALARS:
            number = self._scalar(_SCALARS[kind])
            if kept:
                self._values[key] = number
        else:
            raise self._bad(f"is damaged: metadata of the unknown type {kind}")

    def _skip_array(self) -> None:
        kind, count = self._number("I"), self._number("Q")
        if kind in _SCALARS:
            self._skip(count * struct.calcsize("<" + _SCALARS[kind]))
        elif kind == _STRING:
            for _ in range(count):
                self._skip(self._number("Q"))
        else:
            raise self._bad(f"is damaged: a list of the unknown type {kind}")

    def _tensors(self, count: int) -> tuple[int, int]:
        """Return the number of weights and the offset at which the last tensor ends, in bytes."""
        weights = ends = 0
        for _ in range(count):
            self._skip(self._number("Q"))
            dimensions = self._number("I")
            if dimensions > _MAX_DIMENSIONS:
                raise self._bad(f"is damaged: a tensor with {dimensions} dimensions")
            elements = math.prod(self._number("Q") for _ in range(dimensions))
            block, size = _BLOCKS.get(self._number("I"), (1, 0))
            weights += elements
            ends = max(ends, self._number("Q") + elements // block * size)
        return weights, self._at + ends

    def _summary(self, parameters: int) -> GgufInfo:
        architecture = self._string("general.architecture")
        if not architecture:
            raise self._bad("does not say its architecture")
        return GgufInfo(
            architecture=architecture,
            title=self._string("general.name"),
            quantization=_FILE_TYPES.get(self._integer("general.file_type", -1), "").strip("-"),
            license=self._string("general.license"),
            context_length=self._integer(f"{architecture}.context_length", 0) or None,
            template=str(self._values.get("tokenizer.chat_template", "")),
            parameters=parameters,
            state_bytes=self._state_bytes(architecture),
            embeds=f"{architecture}.pooling_type" in self._values,
        )

    def _state_bytes(self, architecture: str) -> int:
        """Return 2 (keys, values) by 2 bytes (half precision) by layers by heads by width of a head."""
        heads = self._integer(f"{architecture}.attention.head_count", 0)
        if heads < 1:
            return 0
        shared = self._integer(f"{architecture}.attention.head_count_kv", heads)
        width = self._integer(f"{architecture}.embedding_length", 0) // heads
        width = self._integer(f"{architecture}.attention.key_length", width)
        return max(0, 4 * self._integer(f"{architecture}.block_count", 0) * shared * width)

    def _string(self, key: str) -> str:
        value = self._values.get(key, "")
        return " ".join(visible(value).split())[:120] if isinstance(value, str) else ""

    def _integer(self, key: str, default: int) -> int:
        value = self._values.get(key, default)
        return value if isinstance(value, int) else default

    def _count(self, limit: int, of: str) -> int:
        count = self._number("Q")
        if count > limit:
            raise self._bad(f"is damaged: it claims to have {count} {of}")
        return count

    def _text(self, limit: int) -> str:
        length = self._number("Q")
        if length > limit:
            raise self._bad(f"is damaged: a text of {length} bytes in its metadata")
        return self._take(length).decode("utf-8", "replace")

    def _number(self, code: str) -> int:
        return int(self._scalar(code))

    def _scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))[0]
        return value

    def _take(self, length: int) -> bytes:
        self._advance(length)
        data = self._file.read(length)
        if len(data) != length:  # it was cut after its size was taken
            raise self._truncated(self._at)
        return data

    def _skip(self, length: int) -> None:
        self._advance(length)
        self._file.seek(length, os.SEEK_CUR)

    def _advance(self, length: int) -> None:
        self._at += length
        if self._at > self._size:
            raise self._truncated(self._at)
        if self._at > _MAX_HEADER:
            raise self._bad(f"is damaged: its header has more than {_MAX_HEADER >> 20} MiB")

    def _truncated(self, needed: int) -> GgufError:
        problem = f"is truncated or damaged: it has {self._size:,} bytes"
        return self._bad(f"{problem}, and needs at least {needed:,}" if needed < 1 << 50 else problem)

    def _bad(self, problem: str) -> GgufError:
        return GgufError(f"{visible(self._name)} {problem}", "Fetch the file anew, or take another one.")
