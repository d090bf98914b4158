"""Do the dice fall, for models and for people?"""

import pytest

from ollm.api import ToolCall
from ollm_dice.plugin import Plugin


def test_a_person_rolls(ollm_app):
    ollm = ollm_app(Plugin)
    assert 1 <= int(ollm.run_command("dice roll").stdout) <= 6
    assert ollm.run_command("dice roll --sides 1 --json").json == {"number": 1}


def test_a_model_rolls(ollm_app):
    ollm = ollm_app(Plugin, replies=[ToolCall("1", "roll_dice", {"sides": 1}), "It is a one."])
    assert ollm.ask("Roll!").text == "It is a one."
    first, second = ollm.provider.requests
    assert "call roll_dice (1 to 6)" in first.messages[0].content
    assert [tool.name for tool in first.tools] == ["roll_dice"]
    assert second.messages[-1].content == "1"


@pytest.mark.parametrize("given", [{"settings": "dice: {sides: 1}"}, {"environ": {"OLLM_DICE_SIDES": "1"}}])
def test_the_setting_says_how_many_sides(ollm_app, given):
    assert ollm_app(Plugin, **given).run_command("dice roll").stdout == "1\n"


def test_a_die_without_sides_is_refused(ollm_app):
    result = ollm_app(Plugin).run_command("dice roll --sides 0")
    assert result.exit_code == 1
    assert "at least one side" in result.stderr
