"""How does the process begin and end, whatever its streams are?

A stream may be closed, full, or have nobody who reads it; an error must become one line and an exit code. Nothing
here may fail.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Never, TextIO

from ollm.errors import ExitCode, OllmError, SettingsError


def prepare_streams() -> None:
    """Replace a stream that was closed, and let a character that the encoding lacks become "?" and fail nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  (for the whole run)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def end(code: int) -> Never:
    """End at once, when those threads are done that a process waits for; slowly, if others are still at work."""
    import threading

    code = _flushed(code)
    if code != ExitCode.INTERRUPTED:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        if threading.active_count() > 1:
            sys.exit(code)
    import atexit

    atexit._run_exitfuncs()  # noqa: SLF001  (os._exit skips them, and there is no public way)
    os._exit(code)


def _flushed(code: int) -> int:
    """Write what is still in the buffers; output that was lost is a failure, unless nobody wanted it."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _discard(sys.stdout)
        if code == ExitCode.DONE and not isinstance(error, BrokenPipeError):
            code = report_unexpected(error)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(sys.stderr)
    return code


def nobody_reads() -> int:
    """Note that the reader of a pipe has gone, as `| head` does: that is no failure."""
    _discard(sys.stdout)
    return ExitCode.DONE


def _discard(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def report(error: OllmError) -> int:
    """Say in words what went wrong.

    :return: the exit code
    """
    if isinstance(error, SettingsError):
        _say(*error.problems, error.remedy)
    else:
        _say(str(error))
    _trace(error)
    return error.exit_code


def report_unexpected(error: Exception) -> int:
    """Say what nobody has put into words.

    :return: the exit code
    """
    where = f": {error.filename}" if isinstance(error, OSError) and error.filename else ""
    said = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
    _say(f"{said}{where} (set OLLM_DEBUG=1 for the trace)")
    _trace(error)
    return ExitCode.FAILED


def _say(*lines: str) -> None:
    from ollm.text import visible
    from ollm.wording import between_words

    for line in lines:
        if line:
            with contextlib.suppress(OSError, ValueError):  # there is nobody left to tell
                print(between_words(visible(f"ollm: {line}"), sys.stderr), file=sys.stderr)


def _trace(error: BaseException) -> None:
    if os.environ.get("OLLM_DEBUG"):
        import traceback

        with contextlib.suppress(OSError, ValueError):
            traceback.print_exception(error)
