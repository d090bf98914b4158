"""What is to be answered, and by whom?

The prompt is the first word, what is piped in, a template's or the last one of the conversation; all other words name
models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import GenerationOptions, Message, Overrides, PromptTemplates, UsageError, path_of, piped, replace
from ollm_plugins.compare.finding import find, is_listed
from ollm_plugins.compare.settings import CompareSettings

if TYPE_CHECKING:
    from ollm.api import Catalogue, CommandContext, SettingsReader
    from ollm_plugins.compare.deciding import Wanted

_SEED: Final = "options.seed"
"""The seed of all prompts, if a plugin declares it."""


class Asked(Struct, frozen=True):
    """A prompt and what comes with it.

    :param earlier: the conversation before it
    :param last: whether it is the conversation's last one, so that an answer takes the place of the one there
    """

    prompt: str
    models: tuple[Wanted, ...]
    overrides: Overrides = Overrides()
    images: tuple[bytes, ...] = ()
    earlier: tuple[Message, ...] = ()
    last: bool = False


def asked(ctx: CommandContext, catalogue: Catalogue, words: Sequence[str], *, last: bool) -> Asked:
    """Tell the prompt from the models.

    :raises UsageError: there is no prompt, or more than one
    """
    host = ctx.app.context
    if last:
        return _last(ctx, tuple(find(host, catalogue, name) for name in words))
    given = piped() if ctx.surface == "shell" else None
    models = tuple(find(host, catalogue, name) for name in words)
    if words and words[0] == "-":
        prompt, models = given or "", models[1:]
    elif given and given.strip() and len(words) > 1 and all(is_listed(catalogue, each) for each in models):
        prompt = given
    else:
        prompt, models = "\n\n".join(part for part in (*words[:1], given) if part and part.strip()), models[1:]
    if not prompt.strip():
        raise UsageError("There is no prompt", 'Give it first: `compare "Why is the sky blue?" ONE TWO`.')
    return Asked(prompt, models)


def check_words(words: Sequence[str], template: str | None, values: Sequence[str], *, last: bool) -> None:
    """See whether what was given goes together.

    :raises UsageError: it does not
    """
    if last and template is not None:
        raise UsageError("--last and --template exclude each other")
    if values and template is None:
        raise UsageError("--var gives values to a template", "Name it with --template.")
    if any("\ud800" <= character <= "\udfff" for word in (*words, *values) for character in word):
        raise UsageError("What was given holds bytes that are not text in your terminal's encoding")


def _last(ctx: CommandContext, models: tuple[Wanted, ...]) -> Asked:
    if ctx.conversation is None:
        raise UsageError(
            "--last means the conversation that is under way, and in the shell there is none", "Give the prompt."
        )
    messages = ctx.conversation.messages
    at = next((at for at in reversed(range(len(messages))) if messages[at].role == "user"), None)
    if at is None:
        raise UsageError("There is no last prompt: nothing was asked yet", "Give the prompt.")
    return Asked(messages[at].content, models, images=messages[at].images, earlier=tuple(messages[:at]), last=True)


def from_template(ctx: CommandContext, name: str, values: Sequence[str]) -> Asked:
    """Return what a template asks, without the models; the user is asked for what is missing.

    :raises UsageError: it makes no prompt
    """
    templates = ctx.app.services.find(PromptTemplates)
    if templates is None:
        raise UsageError("No plugin is there that knows templates", "Run `ollm plugins list`.")
    given = piped() if ctx.surface == "shell" else None
    filled = templates.fill_with(name, values, given or "", ctx.app)
    return Asked(filled.prompt, (), filled.overrides)


def seed_for(settings: SettingsReader, overrides: Overrides) -> int:
    """Return the seed where none was given with the command: what the user says for this run, what the prompt asks for, ours.

    :raises SettingsError: it is none
    """
    if settings.field_at(path_of(_SEED)) is not None and settings.candidates(_SEED)[-1].is_of_this_run:
        said: int | None = settings.get(_SEED)
        if said is not None:
            return said
    asked_for = overrides.options.seed
    return settings.section(CompareSettings).seed if asked_for is None else asked_for


def alike(overrides: Overrides, seed: int) -> Overrides:
    """Return what all models get alike: what the prompt asks for, and the seed."""
    options: GenerationOptions = replace(overrides.options, seed=seed)
    return replace(overrides, options=options, routing_profile=None)
