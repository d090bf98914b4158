"""Are requests held to what their model can do? Against a server that remembers, over a real socket."""

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.limits.window import answer_limit, needed_by, upper, window
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.tokens.plugin import Plugin as Tokens

from ollm.api import (
    Capabilities,
    ChatRequest,
    GenerationOptions,
    KnownLimits,
    TokenCount,
    Tool,
    UsageError,
    hookimpl,
)
from ollm.api import Specs as Specifications
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

PNG = b"\x89PNG\r\n\x1a\n"


class Dice(Specifications):
    @hookimpl
    def ollm_tools(self, ctx):
        schema = {"type": "object", "properties": {}}

        async def roll(ctx, args):
            return "6"

        return [Tool("roll_dice", "Roll a die.", schema, roll, risk="none")]


@pytest.fixture
def chat(remembering, ollm_app):
    """Ask a model something, and return the harness and what the server was asked."""
    server = remembering()

    def ask(prompt="hi", *plugins, model="smollm2:135m", settings="", images=(), **environ):
        lines = f"providers: {{ollama: {{host: '{server.url}'}}}}\n{settings}"
        given = {"OLLM_MODEL": model, "OLLM_PROVIDER": "ollama", **environ}
        ollm = ollm_app(Ollama, Models, Limits, Tokens, Options, *plugins, settings=lines, environ=given)

        async def hold():
            async for _ in ollm.app.conversation().ask(prompt, images):
                pass

        ollm.app.run(hold())
        return ollm

    ask.server = server
    return ask


def sent(chat):
    return [request.json for request in chat.server.asked("/api/chat")]


def test_a_context_size_is_always_sent(chat):
    chat()
    assert sent(chat)[-1]["options"] == {"num_ctx": 4096}


def test_a_long_prompt_gets_a_larger_context_in_steps_of_two(chat):
    chat("word " * 4000)
    assert sent(chat)[-1]["options"]["num_ctx"] == 8192


def test_a_context_that_is_allocated_stays(chat):
    chat(settings="options: {numCtx: 6000}")
    chat()
    assert [each["options"]["num_ctx"] for each in sent(chat)] == [6000, 6000]
    assert chat.server.loads == [("smollm2:135m", 6000)], "loaded once, never anew"


def test_nobody_gets_more_than_the_model_has(chat):
    ollm = chat(settings="options: {numCtx: 65536, maxTokens: 9000}")
    options = sent(chat)[-1]["options"]
    assert options["num_ctx"] == 8192
    assert 8100 < options["num_predict"] < 8192, "what the prompt leaves"
    said = ollm.stderr.getvalue()
    assert "A context of 65536 tokens was asked for; smollm2:135m has 8192, and gets that." in said
    assert "An answer of up to 9000 tokens was asked for; smollm2:135m has room for " in said


def test_a_prompt_beyond_the_window_is_not_cut_by_the_server(chat):
    chat("word " * 12000)
    body = sent(chat)[-1]
    assert body["options"]["num_ctx"] == 8192
    assert body["truncate"] is False


def test_an_image_is_refused_before_the_request(chat):
    with pytest.raises(UsageError, match=r"^smollm2:135m cannot see images\.") as error:
        chat(images=(PNG,))
    assert error.value.remedy == "Leave the image out."
    assert sent(chat) == []


def test_who_can_see_is_named(chat):
    chat.server.listed["gemma3:270m"]["capabilities"].append("vision")
    with pytest.raises(UsageError) as error:
        chat(images=(PNG,))
    assert error.value.remedy == "Choose a model that can (gemma3:270m), or leave the image out."


def test_images_of_earlier_turns_are_left_out(chat):
    ollm = chat()
    talk = ollm.app.conversation()
    from ollm.api import Message

    talk.messages += [Message("user", "Look!", (PNG,)), Message("assistant", "I see.")]

    async def hold():
        async for _ in talk.ask("And?"):
            pass

    ollm.app.run(hold())
    assert all("images" not in message for message in sent(chat)[-1]["messages"])
    assert "cannot see the images of earlier turns" in ollm.stderr.getvalue()


def test_tools_are_offered_only_to_models_that_can_call_them(chat):
    chat("hi", Dice)
    ollm = chat("hi", Dice, model="gemma3:270m")
    with_tools, without = sent(chat)
    assert [tool["function"]["name"] for tool in with_tools["tools"]] == ["roll_dice"]
    assert "tools" not in without
    said = ollm.stderr.getvalue()
    assert "gemma3:270m cannot call tools, so it is not offered roll_dice; smollm2" in said


def test_what_nobody_knows_is_left_to_the_provider(ollm_app):
    """The scripted provider's model is in no database, and has tools by what the provider says."""
    ollm = ollm_app(Models, Limits, Tokens, Dice)
    ollm.ask("hi")
    request = ollm.provider.requests[-1]
    assert request.options.context_size == 4096
    assert [tool.name for tool in request.tools] == ["roll_dice"]


def test_without_the_service_a_request_stays_as_it_is(ollm_app):
    from ollm_plugins.limits.enforce import adjust

    from ollm.api import RequestAdjuster

    class Only(Specifications):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            return [RequestAdjuster("limits", adjust)]

    ollm = ollm_app(Only)
    ollm.ask("hi")
    assert ollm.provider.requests[-1].options == GenerationOptions()


@pytest.mark.parametrize(
    ("needed", "limit", "allocated", "size"),
    [
        (10, 131072, None, 4096),
        (4096, 131072, None, 4096),
        (4097, 131072, None, 8192),
        (40000, 131072, None, 65536),
        (100, 2048, None, 2048),
        (9000, 8192, None, 8192),
        (100, 131072, 32768, 32768),
        (5000, 131072, 4096, 8192),
        (100, 8192, 16384, 4096),
        (100, 131072, 1024, 1024),
        (2000, 131072, 1024, 4096),
    ],
)
def test_a_size_is_chosen(needed, limit, allocated, size):
    assert window(needed, limit, allocated) == size


def test_an_estimate_is_taken_with_its_error():
    assert upper(TokenCount(1000, exact=True)) == 1000
    assert upper(TokenCount(1000)) == 1100
    assert upper(TokenCount(1000, error=0.02)) == 1040
    request = ChatRequest("x", (), options=GenerationOptions(max_tokens=500))
    assert needed_by(request, TokenCount(1000, exact=True)) == 1500


@pytest.mark.parametrize(
    ("wanted", "most", "size", "prompt", "limit"),
    [(None, 100, 4096, 10, None), (500, 100, 4096, 10, 100), (500, None, 600, 200, 400), (5, None, 100, 200, 1)],
)
def test_an_answer_fits_behind_its_prompt(wanted, most, size, prompt, limit):
    limits = KnownLimits("x", True, 4096, Capabilities(), max_output_tokens=most)
    assert answer_limit(wanted, limits, size, TokenCount(prompt)) == limit
