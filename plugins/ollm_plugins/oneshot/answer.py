"""How is one prompt answered?"""

from __future__ import annotations

import sys
from contextlib import aclosing, redirect_stdout

from ollm.api import ExitCode, FrontendContext, OllmError, UsageError
from ollm_plugins.oneshot.formats import FORMATS, Format


def answer(context: FrontendContext) -> int:
    """Answer a prompt on stdout, in one of the formats: text, json or stream-json.

    :return: the exit code
    :raises UsageError: there is no such format
    :raises OllmError: nobody could answer, in the format `text`
    """
    app = context.app
    if context.output not in FORMATS:
        raise UsageError(f"There is no output format '{context.output}'", f"Choose one of {', '.join(FORMATS)}.")
    form = FORMATS[context.output](app.out)
    try:
        app.check_settings()
        with redirect_stdout(sys.stderr):  # stdout belongs to the answer, whatever a tool or provider prints
            app.run(_stream(context, form))
        return form.finish()
    except KeyboardInterrupt:
        form.interrupt()
        return ExitCode.INTERRUPTED
    except OllmError as error:
        form.fail(error)
        return error.exit_code


async def _stream(context: FrontendContext, form: Format) -> None:
    conversation = context.conversation()
    answerer = await conversation.answerer(context.prompt, context.images, context.overrides)
    form.begin(answerer.entry.item.name, answerer.model)
    async with aclosing(conversation.ask(context.prompt, context.images, context.overrides)) as events:
        async for event in events:
            form.show(event)
