"""Which model does a name mean?

Ollama's form is HOST/NAMESPACE/MODEL:TAG@DIGEST, of which all but MODEL may be missing; it does not regard case. Other
forms are repositories of a hub (`hf.co/user/repo:QUANT`) and files (`x.gguf`).
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

HUBS: Final = frozenset({"hf.co", "huggingface.co", "www.huggingface.co", "modelscope.cn", "www.modelscope.cn"})
"""Hosts whose models are named by a repository and a quantization."""

LATEST: Final = "latest"

_MODEL: Final = re.compile(r"[a-z0-9][\w.-]*")
_TAG: Final = re.compile(r"\w[\w.-]*")
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{8,64})")
_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")
_QUANTIZATION: Final = re.compile(r"(?:i?q\d(?:_\w+)?|(?:bf|fp|f)(?:8|16|32)|int[48]|mxfp[48]|nvfp4|mlx|qat|gguf|ud)")
"""What says only how weights are stored: q4_K_M, iq3_xxs, fp16, bf16, int8, mxfp4, nvfp4, mlx, and QAT, which is
training for a quantization."""

Origin = Literal["library", "hub", "file", "foreign"]
"""Whose build a name means.

`library`: Ollama's own, also from a mirror. `hub`: a repository of a hub. `file`: a file of weights. `foreign`: in the
namespace of a user or a company, who may have named anything so.
"""


class ModelName(Struct, frozen=True):
    """A name, taken apart.

    :param model: without namespace and tag, in lower case
    :param tag: in lower case; "latest" where there was none
    :param digest: leading hexadecimal digits of the manifest's digest; empty where there was none
    """

    origin: Origin
    model: str
    tag: str
    digest: str = ""


def parse(name: str) -> ModelName | None:
    """Take a name apart; None when it cannot be one."""
    text = name.strip().casefold()
    text = text.partition("://")[2] or text
    path, at, pinned = text.partition("@")
    found = _DIGEST.fullmatch(pinned)
    if at and found is None:
        return None
    if path.endswith(".gguf") and path.split("/")[0] not in HUBS:
        return _file(re.split(r"[/\\]", path)[-1])
    *above, last = path.split("/")
    model, colon, tag = last.partition(":")
    if not _MODEL.fullmatch(model) or (colon and not _TAG.fullmatch(tag)):
        return None
    return ModelName(_origin(above), model, tag or LATEST, found[1] if found else "")


def without_quantization(tag: str) -> tuple[str, bool]:
    """Return the part of a tag that says which model it is, and whether a quantization was taken off its end."""
    tokens = tag.split("-")
    kept = len(tokens)
    while kept and _QUANTIZATION.fullmatch(tokens[kept - 1].casefold()):
        kept -= 1
    return "-".join(tokens[:kept]), kept < len(tokens)


def _file(name: str) -> ModelName | None:
    stem = _PART.sub("", name.removesuffix(".gguf"))
    return ModelName("file", stem, LATEST) if _MODEL.fullmatch(stem) else None


def _origin(above: list[str]) -> Origin:
    """Say whose build it is; a first part with a dot or a colon is a host, as in a container's name."""
    if above and above[0] in HUBS:
        return "hub"
    if above and (re.search(r"[.:]", above[0]) or above[0] == "localhost"):
        above = above[1:]
    return "library" if above in ([], ["library"]) else "foreign"
