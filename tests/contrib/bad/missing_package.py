"""It needs a package that is not installed."""

import no_such_package_anywhere
from ollm.api import Specs


class Plugin(Specs):
    needed = no_such_package_anywhere
