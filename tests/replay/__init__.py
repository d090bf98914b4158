"""How do tests talk to Ollama without an Ollama? See `ReplayServer`."""

from tests.replay.connection import Hangup, Request
from tests.replay.recordings import Recording, load, names
from tests.replay.server import ReplayServer, by_model

__all__ = ["Hangup", "Recording", "ReplayServer", "Request", "by_model", "load", "names"]
