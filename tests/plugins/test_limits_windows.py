"""Is a model that is loaded ahead given the context that its first chat asks for?"""

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options

from ollm.api import ContextWindows
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)


@pytest.mark.parametrize(
    ("settings", "model", "size"),
    [
        ("", "smollm2:135m", 4096),
        ("options: {numCtx: 2048}", "smollm2:135m", 2048),
        ("models: {'smollm2:*': {options: {numCtx: 6000}}}", "smollm2:135m", 6000),
        ("options: {numCtx: 50000}", "smollm2:135m", 8192),
        ("options: {numCtx: 50000}", "nobody-knows:1b", 50000),
    ],
)
def test_the_window_is_the_first_chats(remembering, ollm_app, settings, model, size):
    server = remembering()
    lines = f"providers: {{ollama: {{host: '{server.url}'}}}}\nmodel: {{provider: ollama}}\n{settings}"
    app = ollm_app(Ollama, Models, Limits, Options, settings=lines).app
    assert app.run(app.services.find(ContextWindows).window_for(model, "ollama")) == size
