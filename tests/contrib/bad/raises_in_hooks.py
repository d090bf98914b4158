"""Each of its hooks raises."""

from ollm.api import Specs, hookimpl


def broken(name):
    def hook(self):
        raise RuntimeError(f"{name} is broken")

    return hookimpl(hook)


Plugin = type("Plugin", (Specs,), {name: broken(name) for name in vars(Specs) if name.startswith("ollm_")})
