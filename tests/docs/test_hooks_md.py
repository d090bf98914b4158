"""Is docs/hooks.md what the specs say, and does every hook's example work?"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from dataclasses import dataclass
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest

import ollm.api
from ollm.contribution import resolve
from ollm.contexts import CompletionContext, DetectContext, FrontendContext, StatusContext
from ollm.testing import Harness, MakeHarness
from tests.helpers.site import ROOT


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_hooks", ROOT / "docs" / "generate_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()
HOOKS = {hook.__name__: hook for hook in GENERATOR.hooks()}
STANDARD = (Annotated, Any, AsyncIterator, Mapping, Path, Sequence, asyncio, dataclass, date, os)


def written(hook: str) -> dict[str, Any]:
    """Run a hook's example, with the names of ollm.api and of the standard library that it may use."""
    names = {name: getattr(ollm.api, name) for name in ollm.api.__all__}
    names |= {each.__name__: each for each in STANDARD}
    exec(compile(GENERATOR.example(HOOKS[hook]), hook, "exec", dont_inherit=True), names)
    return names


def asked(harness: Harness, hook: str) -> list[Any]:
    owned = getattr(harness.app.hub, hook.removeprefix("ollm_"))()
    return [each.item for each in owned if each.record.name == "plugin"]


def test_the_page_is_up_to_date() -> None:
    assert GENERATOR.main(["--check"]) == 0, "run `python docs/generate_hooks.py`"


def test_an_old_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GENERATOR, "PAGE", tmp_path / "hooks.md")
    assert GENERATOR.main(["--check"]) == 1
    assert GENERATOR.main([]) == 0
    assert GENERATOR.main(["--check"]) == 0


@pytest.mark.parametrize("hook", HOOKS)
def test_an_example_hands_in_what_its_hook_wants(ollm_app: MakeHarness, hook: str) -> None:
    (item,) = asked(ollm_app(written(hook)["Plugin"]), hook)
    assert isinstance(item, tuple(GENERATOR.returned(HOOKS[hook])))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_field_is_on_the_page(hook: str) -> None:
    page = GENERATOR.PAGE.read_text(encoding="utf-8")
    for kind in GENERATOR.returned(HOOKS[hook]):
        assert all(f"{field}: " in page for field in kind.__struct_fields__)


def test_examples_that_take_part_in_a_turn_work_in_one(
    ollm_app: MakeHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hooks = ("ollm_tools", "ollm_prompt_parts", "ollm_request_adjusters", "ollm_turn_observers")
    hooks += ("ollm_stream_adjusters", "ollm_result_adjusters", "ollm_services")
    calls = [ollm.api.ToolCall("1", "note", {"text": "one", "file": None}), ollm.api.ToolCall("2", "note", {})]
    calls.append(ollm.api.ToolCall("3", "note", {"text": "two", "file": str(tmp_path.parent / "away")}))
    asked_for = [*map(ollm.api.ToolCalled, calls), ollm.api.Finished("stop")]
    harness = ollm_app(*(written(hook)["Plugin"] for hook in hooks), replies=[asked_for, "One!"])
    today = date.today()
    assert harness.ask("Note it!").text == "One."
    first, second = harness.provider.requests
    days = today, date.today()  # it may have become midnight
    assert first.messages[0].content in [f"Today is {day:%A}." for day in days]
    assert first.options.max_tokens == 100
    told = [message.content for message in second.messages[-3:]]
    assert told[0] == "Noted."
    assert "missing required field `text`" in told[1]
    assert told[2] == "Only files in this folder may be touched."
    assert (tmp_path / "notes.txt").read_text() == "one\n"
    assert not (tmp_path.parent / "away").exists()
    assert "The answer has 1 tokens." in harness.stderr.getvalue()


def test_the_example_of_a_provider_answers_and_counts(ollm_app: MakeHarness) -> None:
    harness = ollm_app(written("ollm_providers")["Plugin"])
    assert harness.ask("so it is").text == "so it is "
    (entry,) = asked(harness, "ollm_providers")
    parrot = entry.create(harness.app.context)
    assert isinstance(parrot, ollm.api.CountsTokens)
    assert harness.app.run(parrot.count_tokens("grey", "so it is")) == 3
    assert harness.app.run(parrot.check()).version == "1.0"
    with pytest.raises(ollm.api.ModelNotFound):
        harness.app.run(parrot.show_model("green"))


def test_the_examples_of_commands_and_settings_work(ollm_app: MakeHarness) -> None:
    assert ollm_app(written("ollm_commands")["Plugin"]).run_command("greet").stdout == "Hello, world!\n"
    names = written("ollm_settings_sections")
    settings = ollm_app(names["Plugin"], environ={"GREETER_NAME": "you"}).app.settings
    assert settings.section(names["Greeter"]).name == "you"
    assert ollm_app(written("ollm_settings_layers")["Plugin"]).app.settings.get("model.default") == "llama3.1:8b"


def test_the_examples_that_are_called_work(ollm_app: MakeHarness, tmp_path: Path) -> None:
    detect = written("ollm_project_detectors")["detect"]
    ctx = DetectContext(None, tmp_path)
    assert detect(ctx) is None
    (tmp_path / "mix.exs").touch()
    assert detect(ctx).project_type == "elixir"
    harness = ollm_app(written("ollm_status_items")["Plugin"])
    (status,) = asked(harness, "ollm_status_items")
    assert resolve(status.render)(StatusContext(harness.app.context)).startswith("load ")
    names = written("ollm_frontends")
    harness = ollm_app(names["Plugin"])
    assert names["run"](FrontendContext(harness.app, "Hi")) == 0
    assert harness.provider.requests[0].messages[-1].content == "Hi"


def test_the_example_of_an_option_changes_the_prompt(ollm_app: MakeHarness) -> None:
    harness = ollm_app(written("ollm_root_options")["Plugin"])
    (option,) = asked(harness, "ollm_root_options")
    assert option.prepare(FrontendContext(harness.app, "hi"), {"shout": True}).prompt == "HI"


def test_the_example_of_a_completer_completes_its_command(ollm_app: MakeHarness) -> None:
    harness = ollm_app(written("ollm_value_completers")["Plugin"])
    (completer,) = asked(harness, "ollm_value_completers")
    assert completer.complete(CompletionContext(harness.app.context, "v")) == [("venus", "a planet")]
    assert harness.run_command("visit mars").exit_code == 0
