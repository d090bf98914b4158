"""How is xllamacpp imported, set up and asked?

Everything that names a part of its API stands here, for it changes from release to release; the extra
`local` pins it exactly.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from ollm.api import ProviderError, ProviderUnreachable

MADE_FOR: Final = "2026.10.11549"
_SOCKET_PATH_BYTES: Final = 100  # the system's limit is 108, on macOS 104, with the final zero
_BATCH: Final = 64
"""Tokens of a prompt that are read between two looks at a cancel.

Measured on one core with SmolLM2: 64 is as fast as the default 2048 (140 tokens/s) and stops within 0.45 s
instead of 15 s; 32, the least, is a quarter slower.
"""


def require() -> None:
    """See whether the engine is installed, without importing it.

    :raises ProviderUnreachable: it is not; the remedy says how to, or that it cannot be
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise _not_installed()


def version() -> str:
    """Return the version that is installed, without importing the engine.

    :raises ProviderUnreachable: as `require` does
    """
    require()
    try:
        return importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _not_installed() -> ProviderUnreachable:
    here = f"{sys.platform} on {platform.machine()}"
    machine = platform.machine().lower()
    supported = {
        "linux": machine in {"x86_64", "aarch64"} and platform.libc_ver()[0] == "glibc",
        "darwin": True,
        "win32": machine == "amd64",
    }
    if supported.get(sys.platform, False):
        return ProviderUnreachable("the embedded engine is not installed", "pip install 'ollm-cli[local]'")
    problem = f"the embedded engine is not installed, and there is no ready-made package of it for {here}"
    return ProviderUnreachable(problem, "Use a server such as Ollama instead, or build xllamacpp from source.")


def _import() -> Any:
    require()
    # Threads that spin while they wait take the cores from those that compute. Measured on two cores, one
    # busy with something else: 24 tokens/s with two spinning threads, 40 with two that sleep, 50 with one.
    # libgomp reads this once, when it is loaded; programs that we start later shall not inherit it.
    former = os.environ.get("OMP_WAIT_POLICY")
    os.environ["OMP_WAIT_POLICY"] = former or "PASSIVE"
    try:
        return importlib.import_module("xllamacpp")
    except (ImportError, OSError) as error:
        problem = f"the embedded engine cannot be loaded: {error}"
        if "libgomp" in str(error):
            remedy = "Install the library libgomp1 (on Debian and Ubuntu: apt-get install libgomp1)."
        else:
            remedy = "Install it anew: pip install --force-reinstall 'ollm-cli[local]'"
        raise ProviderUnreachable(problem, remedy) from error
    finally:
        if former is None:
            os.environ.pop("OMP_WAIT_POLICY", None)


def start(path: Path, context: int, threads: int, host: str, key: str) -> Any:
    """Load a model and return the engine; its memory is freed with the last reference.

    Holds Python's global lock for all that time.

    :param context: window, in tokens
    :param threads: 0 for one less than there are cores
    :param host: path of a unix socket, or a host name
    :param key: that who connects must show
    :raises RuntimeError: the engine refuses the model; it does not say why
    :raises ProviderUnreachable: the engine cannot be imported
    :raises ProviderError: another version of xllamacpp is installed than the one this was made for
    """
    xllamacpp = _import()
    try:
        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), path, context, threads, host, key))
        server.handle_metrics()  # answered by its loop: one that is freed before its loop has begun waits for it for good
        return server
    except (AttributeError, TypeError) as error:
        problem = f"xllamacpp {version()} is installed, ollm was made for {MADE_FOR} ({error})"
        raise ProviderError(problem, "pip install 'ollm-cli[local]'") from error


def _parameters(params: Any, path: Path, context: int, threads: int, host: str, key: str) -> Any:
    params.model.path = str(path)
    params.model_alias = {"local"}
    params.n_ctx = context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = _BATCH
    # One core stays free: with a thread on each, every step waits for the one that was interrupted.
    params.cpuparams.n_threads = threads or max(1, _cores() - 1)
    # It always listens. Nobody but us can get at the socket, or knows the key.
    params.hostnames = [host]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = True
    # Prompts of former conversations, kept in memory: up to 8 GiB by default. One conversation needs none.
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.verbosity = -1  # it logs to the standard streams; at this level it is silent even about errors
    params.warmup = False  # would cost 0.15 s to save less
    params.fit_params = False  # would quietly take another context size than was asked for
    params.offline = True
    return params


def _cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def socket_folder() -> Path | None:
    """Make a folder that only this user can enter; None where a socket cannot be had.

    TMPDIR may be longer than a socket's path may be; other places are tried then.
    """
    if os.name == "nt":
        return None
    for place in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):  # noqa: S108  (mkdtemp)
        if place and len(os.fsencode(place)) + len("/ollm-xxxxxxxx/s.sock") <= _SOCKET_PATH_BYTES:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix="ollm-", dir=place))
    return None


async def count_tokens(address: str, key: str, text: str) -> int:
    """Ask the listener for the tokens of a text: the Python API has no call for it.

    :raises ProviderError: it does not answer
    """
    import httpx

    socket = address.removeprefix("unix://")
    transport = httpx.AsyncHTTPTransport(uds=socket if socket != address else None)
    base = "http://localhost" if socket != address else address
    headers = {"Authorization": f"Bearer {key}"}
    content = text.encode("utf-8", "replace").decode()
    try:
        async with httpx.AsyncClient(transport=transport, base_url=base, trust_env=False, headers=headers) as client:
            answer = await client.post("/tokenize", json={"content": content}, timeout=30.0)
            return len(answer.raise_for_status().json()["tokens"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ProviderError(f"the local engine does not count tokens: {error}", "Please report this.") from error


def memory() -> int:
    """Return the machine's memory in bytes; a modest guess where it cannot be asked."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 8 << 30
