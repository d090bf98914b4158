import pytest

from ollm.api import (
    Command,
    CommandGroup,
    Frontend,
    PromptPart,
    Setting,
    SettingsSection,
    Specs,
    Template,
    Tool,
    hookimpl,
)
from ollm.contribution import resolve
from ollm.hub import label


def plugin(hook, answer, class_name="Plugin"):
    def ask(self, ctx=None):
        return answer() if callable(answer) else answer

    return type(class_name, (Specs,), {hook: hookimpl(ask)})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["text"], "it returned a str where a Tool is expected"),
        ([1, 2], "it returned a int where a Tool is expected"),
        (5, "TypeError"),
        ([Template("x", "d", "t")], "it returned a Template where a Tool is expected"),
        ([Tool("Bad Name", "d", {}, "m:f")], "its name 'Bad Name' is not lower-case"),
        ([Tool(5, "d", {}, "m:f")], "its name 5 is not"),
        ([Tool("x", "d", {}, "not a reference")], "run 'not a reference' is not of the form"),
        ([Tool("x", "d", {}, 7)], "run is a int, not something callable"),
        (lambda: (_ for _ in ()).throw(OSError("late")), "OSError: late"),
    ],
)
def test_what_is_wrong_with_an_answer_names_plugin_and_hook(ollm_app, answer, said):
    ollm = ollm_app(plugin("ollm_tools", answer), strict=False)
    assert ollm.app.hub.tools() == []
    failure = ollm.failures[0]
    assert (failure.plugin, failure.where) == ("plugin", "ollm_tools")
    assert said in failure.cause


def test_none_and_generators_are_answers(ollm_app):
    ollm = ollm_app(plugin("ollm_tools", None), plugin("ollm_templates", lambda: iter([Template("x", "d", "t")])))
    assert ollm.app.hub.tools() == []
    assert [owned.item.name for owned in ollm.app.hub.templates()] == ["x"]


def test_a_taken_name_is_an_error_that_names_both_and_the_first_keeps_it(ollm_app):
    first = plugin("ollm_templates", [Template("same", "first", "t")], "First")
    second = plugin("ollm_templates", [Template("same", "second", "t"), Template("other", "d", "t")], "Second")
    ollm = ollm_app(first, second, strict=False)
    assert [(o.record.name, o.item.name) for o in ollm.app.hub.templates()] == [("first", "same"), ("second", "other")]
    (failure,) = ollm.failures
    assert failure.plugin == "second"
    assert failure.cause == "the template 'same' is already provided by plugin 'first', which keeps the name"


def test_several_plugins_may_announce_one_group(ollm_app):
    first = plugin("ollm_commands", [CommandGroup("model", "Models.")], "First")
    second = plugin("ollm_commands", [CommandGroup("model", "Models too."), Command("model x", "X.", "m:f")], "Second")
    ollm = ollm_app(first, second)
    assert [label(owned.item) for owned in ollm.app.hub.commands()] == ["command group 'model'", "command 'model x'"]


def test_parts_come_in_their_order(ollm_app):
    parts = [PromptPart("b", lambda _: "b", order=2), PromptPart("a", lambda _: "a", order=1)]
    assert [o.item.name for o in ollm_app(plugin("ollm_prompt_parts", parts)).app.hub.prompt_parts()] == ["a", "b"]


def test_a_hook_is_asked_once_a_run(ollm_app):
    asked = []
    ollm = ollm_app(plugin("ollm_tools", lambda: asked.append(1) or []))
    ollm.app.hub.tools()
    ollm.app.hub.tools()
    assert asked == [1]


def test_a_strangers_front_end_comes_before_ours(ollm_app):
    ours, theirs = (
        plugin("ollm_frontends", [Frontend("ours", "once", "m:f")], "Ours"),
        plugin("ollm_frontends", [Frontend("theirs", "once", "m:f")], "Theirs"),
    )
    ollm = ollm_app(ours, theirs)
    ollm.app.host.records[0].first_party = True
    assert [owned.item.name for owned in ollm.app.hub.frontends()] == ["theirs", "ours"]


class NoSettings:
    """Not a dataclass."""


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (SettingsSection("x", "nosuch.module:Settings"), "No module named"),
        (SettingsSection("x", NoSettings), "NoSettings is not a dataclass"),
        (SettingsSection("model", NoSettings), "the kernel's own"),
        (SettingsSection("Bad Path", NoSettings), "not a dotted path in camelCase"),
    ],
)
def test_a_section_that_cannot_be_read_is_left_out(ollm_app, section, said):
    class Plugin(Specs):
        @hookimpl
        def ollm_settings_sections(self, paths):
            return [section]

    ollm = ollm_app(Plugin, strict=False)
    assert "x.name" not in ollm.app.settings.fields
    assert said in ollm.failures[0].cause
    assert ollm.ask("still works").text == "ok"


def test_references_are_imported_when_they_are_used():
    assert resolve("os.path:join")("a", "b") == "a/b"
    assert resolve(len) is len
    assert Setting("x").project is True
    with pytest.raises(AttributeError):
        resolve("os.path:nosuch")
