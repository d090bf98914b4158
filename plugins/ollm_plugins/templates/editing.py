"""How does a user write, change and delete templates?"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from ollm.api import CommandContext, Completes, Json, OllmError, UsageError, Yes, nearest, visible, write_atomically
from ollm_plugins.templates.drafts import Draft, draft_of, rescued
from ollm_plugins.templates.library import ENDINGS, check_place, library
from ollm_plugins.templates.reading import Broken, content, understood
from ollm_plugins.templates.template import Origin
from ollm_plugins.templates.writing import skeleton, written

Name = Annotated[str, typer.Argument(help="The template.", metavar="NAME"), Completes("template")]
NewName = Annotated[str, typer.Argument(help="What it is to be called.", metavar="NAME")]


class _Work(Struct, frozen=True):
    """A file that is being written.

    :param before: its content; None for one that is not there yet
    :param unchanged: the text that means that nothing was written
    """

    path: Path
    origin: Origin
    before: str | None
    unchanged: str


def create(ctx: CommandContext, name: NewName) -> None:
    """Write a new template of yours in your editor; it is checked when you are done."""
    shelf = library(ctx.app.services)
    shelf.file_of(name)
    path = shelf.own_folder / f"{name}.yaml"
    if any(os.path.lexists(path.with_suffix(ending)) for ending in ENDINGS):
        raise UsageError(f"You have a template '{name}' already", f"`ollm template edit {name}` changes it.")
    _write(ctx, _Work(path, "user", None, skeleton(name)))


def edit(ctx: CommandContext, name: Name) -> None:
    """Change a template in your editor; of one that is not yours, you get a copy that hides it."""
    shelf = library(ctx.app.services)
    found = shelf.file_of(name)
    if found is not None:
        origin, folder, path = found
        check_place(folder, path, origin)
        text = content(path)
        _write(ctx, _Work(path, origin, text, text))
        return
    known = shelf.find(name)
    if known.path is not None:
        raise UsageError(
            f"'{name}' is what {known.path} calls itself", f"`ollm template edit {known.name}` changes it."
        )
    ctx.out.say(f"The template '{name}' is {known.whose}; you change a copy of your own, which hides it.")
    text = written(known.template, ctx.app.settings, declares=known.declares)
    path = shelf.own_folder / f"{name}.yaml"
    _write(ctx, _Work(path, "user", None, text))


def delete(
    ctx: CommandContext,
    name: Name,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a template's file, after a question."""
    shelf = library(ctx.app.services)
    found = shelf.file_of(name)
    if found is None:
        listed = {each.name: each for each in shelf.everything()}
        if name not in listed:
            raise UsageError(f"There is no template '{name}'{nearest(name, listed)}")
        raise UsageError(f"The template '{name}' is {listed[name].whose}, so it is not yours to delete")
    origin, _, path = found
    draft = draft_of(ctx.app.paths.home, origin, path).path
    if not yes and not ctx.out.can_ask:
        raise UsageError(f"Nobody can be asked whether to delete {path}", "Add --yes.")
    is_wanted = yes or ctx.out.confirm(f"Delete {path}?")
    has_draft = is_wanted and _remove(path, draft)
    if not is_wanted:
        ctx.out.say("ollm: Nothing has changed.")
    if as_json:
        ctx.out.document({"deleted": [name] if is_wanted else []})
    elif is_wanted:
        ctx.out.print(f"{path} is deleted{', and the draft of it' if has_draft else ''}")


def _remove(path: Path, draft: Path) -> bool:
    """Delete a template's file and its draft, and say whether there was one.

    :raises OllmError: they cannot be deleted
    """
    try:
        path.unlink()
        has_draft = os.path.lexists(draft)
        draft.unlink(missing_ok=True)
    except OSError as error:
        raise OllmError(f"{path} cannot be deleted: {error.strerror}") from error
    return has_draft


def _write(ctx: CommandContext, work: _Work) -> None:
    """Let the user write until it can be used, or they give up; what cannot be used is kept beside its place.

    :raises UsageError: it is left as something that cannot be used
    """
    draft = draft_of(ctx.app.paths.home, work.origin, work.path)
    begun = text = draft.begun(ctx, work.unchanged)
    while True:
        text = _edited(ctx, work.path, text)
        if text == work.unchanged or not text.strip():  # who empties it gives up
            draft.forget(begun)
            ctx.out.print("Nothing was changed")
            return
        try:
            known = understood(work.path, text, work.path.stem, work.origin, ctx.app.settings)
        except Broken as error:
            if ctx.out.can_ask and _again(ctx, error):
                continue
            raise UsageError(error.problem, draft.keep(text, begun)) from error
        _save(work, text, draft, begun)
        ctx.out.print(f"{work.path} is written")
        shelf = library(ctx.app.services)
        if work.origin == "project" and not shelf.project.changed(work.path, work.before or "", text):
            ctx.out.say("ollm: It cannot be used yet; `ollm project trust` shows it.")
        nearest_file = shelf.file_of(known.name)
        if nearest_file is not None and nearest_file[2] != work.path:
            ctx.out.say(f"ollm: {nearest_file[2]} hides it here.")
        for doubt in known.doubts():
            ctx.out.say(f"ollm: {doubt}")
        return


def _again(ctx: CommandContext, error: Broken) -> bool:
    ctx.out.say(f"ollm: {error.problem}")
    try:
        return ctx.out.confirm("Edit it again?")
    except (EOFError, KeyboardInterrupt):  # what was written is kept, whatever is pressed
        return False


def _save(work: _Work, text: str, draft: Draft, begun: str) -> None:
    """Put a text in its place, unless somebody else has changed it meanwhile.

    :raises OllmError: somebody has, or it cannot be written
    """
    if not _is_as_it_was(work):
        raise OllmError(f"{work.path} was changed by somebody else meanwhile", draft.keep(text, begun))
    try:
        write_atomically(work.path, text, follow=work.origin != "project")
    except OllmError as error:
        raise OllmError(str(error), rescued(work.path, text)) from error
    draft.forget(begun)


def _is_as_it_was(work: _Work) -> bool:
    try:
        return (content(work.path) if os.path.lexists(work.path) else None) == work.before
    except Broken:
        return False


def _edited(ctx: CommandContext, path: Path, text: str) -> str:
    """Return what an editor makes of a text; what it has written is not lost when it fails.

    :param path: what is edited, as people know it
    :raises UsageError: there is no editor, it failed, or what it has written is no text
    """
    from tempfile import mkdtemp

    command = _editor(ctx)
    folder = Path(mkdtemp(prefix="ollm-"))
    file = folder / path.name
    is_kept = False
    try:
        file.write_text(text, encoding="utf-8", newline="")
        _run(ctx, command, file)
        return content(file)
    except (UsageError, Broken) as error:
        is_kept = file.is_file() and file.read_bytes() != text.encode()
        remedy = f"What you wrote is kept as {file}." if is_kept else "Nothing has changed."
        raise UsageError(error.problem.replace(str(file), str(path)), remedy) from error
    finally:
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)


def _run(ctx: CommandContext, command: list[str], file: Path) -> None:
    """Let the editor write a file.

    :raises UsageError: it failed
    """
    import subprocess

    ctx.out.stdout.flush()
    try:
        with _left_to_the_editor():
            code = subprocess.run([*command, str(file)], check=False).returncode  # noqa: S603  (the user's own)
    except OSError as error:
        raise UsageError(f"The editor {visible(command[0])} cannot be started: {error.strerror}") from error
    if code:
        how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
        raise UsageError(f"The editor {visible(command[0])} {how}")
    if not file.exists():
        raise UsageError(f"The editor {visible(command[0])} left no file")


@contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Leave Ctrl-C to the editor: a handler of our own is not inherited, as ignoring it would be."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _editor(ctx: CommandContext) -> list[str]:
    """Return the user's editor; on a terminal without one that is set, a usual one.

    :raises UsageError: there is none
    """
    environ = ctx.app.environ
    named = environ.get("VISUAL") or environ.get("EDITOR")
    if not named and ctx.out.can_ask:
        named = next((name for name in ("nano", "vim", "vi", "notepad") if shutil.which(name)), None)
    try:
        words = shlex.split(named or "")
    except ValueError as error:
        raise UsageError(f"EDITOR cannot be understood: {error}") from error
    if not words:
        raise UsageError("No editor is set", "Set EDITOR, e.g. EDITOR=nano.")
    return words
