"""Does docs/rooms/options.md say what is so? Its commands are run, its tables and those of the others made anew."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from ollm_plugins.options.settings import OptionsSettings
from tests.helpers.program import ollm  # noqa: F401  (a fixture)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "rooms" / "options.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BLOCKS = [text for language, text in FENCES if language == "console"]
COMMANDS = [line for language, text in FENCES if not language for line in text.splitlines()]
COMMANDS += re.findall(r"`(ollm --[^`]+)`", PAGE)


def generator():
    specification = importlib.util.spec_from_file_location("generate_settings", DOCS / "generate_settings.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


GENERATOR = generator()


def fits(shown, real):
    """Whether output is as shown, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.rstrip("\n").split("…"))
    return re.fullmatch(pattern, real.rstrip("\n"), re.DOTALL) is not None


def run(ollm, command, monkeypatch):
    words = shlex.split(command)
    with monkeypatch.context() as patch:
        while "=" in words[0]:
            patch.setenv(*words.pop(0).split("=", 1))
        assert words[0] == "ollm"
        return ollm(*words[1:])


@pytest.mark.parametrize("block", BLOCKS, ids=["example", "mistakes"])
def test_the_page_shows_what_happens(ollm, monkeypatch, block):
    _, *parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    for command, shown in zip(parts[::2], parts[1::2], strict=True):
        done = run(ollm, command, monkeypatch)
        assert fits(shown, done.out + done.err), f"{command}\n{done.out}{done.err}"


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_works_as_far_as_there_is_a_model(ollm, monkeypatch, line):
    monkeypatch.setenv("OLLM_PROVIDER", "ollama")
    asks = " -p " in f"{line} "
    assert run(ollm, line, monkeypatch).code == (4 if asks else 0)


def test_the_tables_are_up_to_date(capsys):
    assert GENERATOR.main(["--check"]) == 0, capsys.readouterr().err


def test_an_old_table_is_noticed(tmp_path, monkeypatch, capsys):
    (tmp_path / "options.md").write_text(PAGE.replace("`--top-k`", "`--topk`"))
    monkeypatch.setattr(GENERATOR, "PAGES", tmp_path)
    assert GENERATOR.main(["--check"]) == 1
    assert f"{tmp_path / 'options.md'} is old" in capsys.readouterr().err
    assert GENERATOR.main([]) == 0
    assert (tmp_path / "options.md").read_text() == PAGE


def test_the_table_names_every_option():
    from msgspec.structs import fields

    from ollm.api import camel

    assert all(f"`options.{camel(each.name)}`" in PAGE for each in fields(OptionsSettings))
