"""How do tests talk to Ollama without an Ollama? See `ReplayServer`, and `RememberingServer` for one with a state."""

from tests.replay.connection import Hangup, Request
from tests.replay.entries import entry
from tests.replay.recordings import Recording, load, names
from tests.replay.server import ReplayServer, by_model
from tests.replay.state import RememberingServer

__all__ = [
    "Hangup",
    "Recording",
    "RememberingServer",
    "ReplayServer",
    "Request",
    "by_model",
    "entry",
    "load",
    "names",
]
