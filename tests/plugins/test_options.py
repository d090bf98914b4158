import pytest

from ollm.api import GenerationOptions, SettingsError
from ollm_plugins.options.plugin import Plugin


def options_of(ollm):
    ollm.ask("x")
    return ollm.provider.requests[-1].options


def test_what_is_not_set_is_left_to_the_model(ollm_app):
    assert options_of(ollm_app(Plugin)) == GenerationOptions()


def test_every_option_reaches_the_request(ollm_app):
    text = """
options: {temperature: 1, maxTokens: 5, numCtx: 512, topP: 0.5, topK: 3, repeatPenalty: 1.1, seed: -2, stop: [a, b]}
"""
    expected = GenerationOptions(1.0, 5, 512, 0.5, 3, 1.1, -2, ("a", "b"))
    assert options_of(ollm_app(Plugin, settings=text)) == expected


def test_variables_beat_the_file(ollm_app):
    environ = {"OLLM_TEMPERATURE": "0", "OLLM_MAX_TOKENS": "7", "OLLM_CONTEXT_SIZE": "1024"}
    ollm = ollm_app(Plugin, settings="options: {temperature: 1, maxTokens: 5}", environ=environ)
    assert options_of(ollm) == GenerationOptions(0.0, 7, 1024)


@pytest.mark.parametrize(
    "text", ["temperature: 2.1", "temperature: .inf", "maxTokens: 0", "topP: -0.1", "stop: x", "seed: 1.5"]
)
def test_a_value_out_of_range_is_refused(ollm_app, text):
    with pytest.raises(SettingsError, match=r"config\.yaml:\d+: options\."):
        ollm_app(Plugin, settings=f"options:\n  {text}\n").app.check_settings()
