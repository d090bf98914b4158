"""Which models are there, and which one is meant by a name?"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ollm.api import ModelInfo, ModelNotFound, ProviderError, UsageError
from ollm_plugins.local import weights
from ollm_plugins.local.gguf import GgufError, GgufInfo, read_info

_LATER_PART: Final = re.compile(r"-(?!00001)\d{5}-of-\d{5}$")
"""Later parts of a model in several files; the engine finds them by the first."""

_PART: Final = re.compile(r"(.+)-\d{5}-of-(\d{5})")


@dataclass(frozen=True)
class LocalModel:
    """A model file, or the built-in model that is not fetched yet.

    :param info: None when it is not there or cannot be read
    :param problem: why it cannot be used, in one line
    :param builtin: whether its weights can be fetched
    """

    name: str
    path: Path
    info: GgufInfo | None = None
    problem: str = ""
    builtin: bool = False

    @property
    def missing(self) -> bool:
        """Whether its weights must be fetched first."""
        return self.builtin and self.info is None and not self.problem


def list_local(folder: Path) -> list[LocalModel]:
    """List the built-in model and every .gguf file of a folder; a broken file is listed with its problem."""
    builtin = folder / weights.FILE
    first = replace(_read(builtin), name=weights.NAME) if builtin.exists() else LocalModel(weights.NAME, builtin)
    others = [_read(path) for path in sorted(folder.glob("*.gguf")) if _is_model(path)]
    return [replace(first, builtin=True), *_told_apart(others)]


def find_local(folder: Path, name: str) -> LocalModel:
    """Find a model by its name, its file's name or a path.

    :raises ModelNotFound: there is none; the remedy names the nearest ones
    """
    if _is_path(name):
        path = Path(name).expanduser()
        if not path.exists():
            raise ModelNotFound(f"there is no model file {name}", f"Models in {folder} can be used by name.")
        return _read(path)
    models = list_local(folder)
    wanted = name.casefold().removesuffix(".gguf")
    for model in models:
        if wanted in _names(model):
            return model
    partly = [model for model in models if model.name.partition(":")[0] == wanted]
    if len(partly) == 1:
        return partly[0]
    raise _not_found(folder, name, [model.name for model in models])


def files_of(path: Path) -> list[Path]:
    """Return the files of a model, of which one is known: all parts that are there, or that one."""
    part = _PART.fullmatch(path.stem)
    if part is None:
        return [path]
    alike = re.compile(rf"{re.escape(part[1])}-\d{{5}}-of-{part[2]}\.gguf")
    return sorted(other for other in path.parent.iterdir() if alike.fullmatch(other.name))


def delete_local(folder: Path, model: LocalModel) -> None:
    """Delete a model's files, all parts of it; of a link only the link.

    :raises ModelNotFound: its weights are not fetched
    :raises UsageError: it is not in the folder
    :raises ProviderError: the disk says no
    """
    if model.missing:
        problem = f"the weights of {model.name} are not fetched, so there is nothing to delete"
        raise ModelNotFound(problem, f"`ollm model pull {model.name}` fetches them.")
    if model.path.parent.resolve() != folder.resolve():
        raise UsageError(f"{model.path} is not in {folder}", "Delete it yourself: ollm deletes in that folder only.")
    for path in files_of(model.path):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ProviderError(f"{path} could not be deleted: {error.strerror or error}") from error


def describe(model: LocalModel) -> ModelInfo:
    """Say what is known of a model, in the words of all providers."""
    details: dict[str, Any] = {"file": str(model.path)}
    if model.builtin:
        details["fetched"] = not model.missing
    if model.problem:
        details["problem"] = model.problem
    if model.info is None:
        return _unfetched(details) if model.missing else ModelInfo(model.name, details=details)
    info, status = model.info, model.path.stat()
    return ModelInfo(
        name=model.name,
        size=sum(part.stat().st_size for part in files_of(model.path)),
        modified=datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds"),
        family=info.architecture,
        parameters=_short(info.parameters),
        quantization=info.quantization,
        context_window=info.context_length,
        capabilities=_capabilities(info),
        template=info.template,
        license=info.license,
        details={**details, "title": info.title},
    )


def _unfetched(details: dict[str, Any]) -> ModelInfo:
    return ModelInfo(
        name=weights.NAME,
        size=weights.BYTES,
        family="llama",
        parameters="135M",
        quantization="Q4_1",
        context_window=8192,
        capabilities=("completion",),
        license=weights.LICENSE,
        details=details,
    )


def _is_model(path: Path) -> bool:
    return path.name != weights.FILE and not path.name.startswith(".") and not _LATER_PART.search(path.stem)


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith("~")


def _names(model: LocalModel) -> set[str]:
    return {model.name, model.path.stem.casefold()}


def _read(path: Path) -> LocalModel:
    try:
        info = read_info(path)
    except GgufError as error:
        return LocalModel(_slug(path.stem), path, problem=error.problem)
    if info.architecture == "clip":
        problem = f"{path.name} holds the eyes of another model (a projector), not a model to chat with"
        return LocalModel(_slug(path.stem), path, info, problem)
    name = _slug(info.title) or _slug(path.stem)
    tag = _slug(info.quantization)
    return LocalModel(f"{name}:{tag}" if tag else name, path, info)


def _slug(text: str) -> str:
    """Return a name that can be typed: lower-case letters, digits and . _ - only."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.casefold()).strip("-.")[:80]


def _told_apart(models: list[LocalModel]) -> list[LocalModel]:
    """Name those after their files whose metadata give several the same name."""
    counts = Counter([weights.NAME, *(model.name for model in models)])
    return [model if counts[model.name] == 1 else replace(model, name=_slug(model.path.stem)) for model in models]


def _capabilities(info: GgufInfo) -> tuple[str, ...]:
    if info.embeds:
        return ("embedding",)
    return ("completion", "thinking") if thinks(info) else ("completion",)


def thinks(info: GgufInfo) -> bool:
    """Tell whether a model's template knows of thinking."""
    return "enable_thinking" in info.template or "<think>" in info.template


def _short(count: int) -> str:
    billions = count / 1e9
    return f"{billions:.1f}B" if billions >= 1 else f"{count / 1e6:.0f}M"


def _not_found(folder: Path, name: str, names: list[str]) -> ModelNotFound:
    near = difflib.get_close_matches(name.casefold(), names, n=3, cutoff=0.4) or names[:3]
    return ModelNotFound(
        f"the local engine has no model {name}",
        f"Did you mean {' or '.join(near)}? Any .gguf file in {folder} is a model, too.",
    )
