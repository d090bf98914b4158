"""Its commands cannot be run."""

import sys

from ollm.api import Command, Specs, hookimpl


def raises():
    raise RuntimeError("the command is broken")


def exits():
    sys.exit(3)


def odd(value: "NoSuchType"):  # noqa: F821
    pass


def untypable(value: complex, *rest, **more):
    pass


class Plugin(Specs):
    @hookimpl
    def ollm_commands(self, ctx):
        return [
            Command("broken missing", "Cannot be imported.", "stranger_no_such_module:run"),
            Command("broken raises", "Raises.", raises),
            Command("broken exits", "Ends the program.", exits),
            Command("broken odd", "Has a type that does not exist.", odd),
            Command("broken untypable", "Has parameters that no command line has.", untypable),
        ]
