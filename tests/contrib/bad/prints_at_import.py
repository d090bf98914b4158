"""It prints while it is imported, made and asked."""

import sys

from ollm.api import Specs, hookimpl

print("Hello from the import!")
sys.stdout.write("And once more.\n")


class Plugin(Specs):
    def __init__(self):
        print("I am made!")

    @hookimpl
    def ollm_commands(self, ctx):
        print("I am asked!")
        return []
