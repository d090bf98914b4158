"""What does `python -m ollm` do? The same as the command `ollm`."""

from ollm.cli import run

run()
