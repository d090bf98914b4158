"""Does a stranger's plugin come in through the same door, with all that it hands in, and leave no trace?"""

from __future__ import annotations

import json

import pytest

from tests.helpers.site import ROOT, Site
from tests.replay import Recording, ReplayServer, load


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("stranger"))
    site.install(ROOT / "contrib" / "ollm-dice")
    return site


def calling(name: str, arguments: object) -> Recording:
    """A real answer that calls a tool, with another tool's name in it."""
    recording = load("chat_tool_calls_stream")
    first = json.loads(recording.lines[0])
    first["message"]["tool_calls"][0]["function"] |= {"name": name, "arguments": arguments}
    return recording.but(lines=(json.dumps(first), *recording.lines[1:]))


def test_its_command_is_listed_and_works(site: Site) -> None:
    assert "Roll dice." in site.run("--help").stdout
    assert "dice.sides" in site.run("dice", "roll", "--help").stdout
    done = site.run("dice", "roll", "--sides", "1", "--json")
    assert (done.exit_code, done.json, done.stderr) == (0, {"number": 1}, "")


def test_its_group_without_a_command_says_which_there_are(site: Site) -> None:
    done = site.run("dice")
    assert done.exit_code == 2
    assert "Roll a die." in done.stdout
    assert done.stderr == ""


def test_it_is_listed_as_third_party(site: Site) -> None:
    dice = next(each for each in site.run("plugins", "list", "--json").json if each["name"] == "dice")
    assert (dice["distribution"], dice["version"], dice["firstParty"]) == ("ollm-dice", "0.1.0", False)
    assert "ollm_tools" in dice["hooks"]


def test_its_setting_is_known(site: Site) -> None:
    site.home.mkdir(exist_ok=True)
    file = site.home / "config.yaml"
    try:
        file.write_text("dice: {sides: 1}\n")
        assert site.run("dice", "roll").stdout == "1\n"
        file.write_text("dice: {sides: 0}\n")
        done = site.run("dice", "roll")
        assert done.exit_code == 2
        assert f"{file}:1: dice.sides is 0" in done.stderr
    finally:
        file.unlink()


def test_its_tool_and_its_prompt_part_reach_the_server_and_the_tool_runs(site: Site) -> None:
    answers = [calling("roll_dice", {"sides": 1}), load("chat_stream")]
    with ReplayServer({"/api/chat": answers}) as server:
        done = site.run("--host", server.url, "-m", "smollm2-tools:135m", "-p", "Roll!", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert done.json["text"] == load("chat_stream").text
    first, second = [request.json for request in server.asked("/api/chat")]
    system, user = first["messages"]
    assert system["role"] == "system"
    assert "call roll_dice (1 to 6)" in system["content"]
    assert user == {"role": "user", "content": "Roll!"}
    (tool,) = first["tools"]
    assert tool["function"]["name"] == "roll_dice"
    assert "sides" in tool["function"]["parameters"]["properties"]
    result = second["messages"][-1]
    assert (result["role"], result["tool_name"], result["content"]) == ("tool", "roll_dice", "1")


def test_arguments_that_do_not_fit_become_the_tools_result(site: Site) -> None:
    with ReplayServer({"/api/chat": [calling("roll_dice", {"sides": "many"}), "chat_stream"]}) as server:
        site.run("--host", server.url, "-m", "smollm2-tools:135m", "-p", "Roll!")
    assert "The arguments do not fit" in server.asked("/api/chat")[1].json["messages"][-1]["content"]


def test_disabled_it_is_not_even_imported(site: Site) -> None:
    try:
        assert site.run("plugins", "disable", "dice").exit_code == 0
        assert site.run("dice", "roll").exit_code == 2
        dice = next(each for each in site.run("plugins", "list", "--json").json if each["name"] == "dice")
        assert (dice["state"], dice["milliseconds"]) == ("blocked", 0)
        assert site.run("plugins", "enable", "dice").exit_code == 0
        assert site.run("dice", "roll").exit_code == 0
    finally:
        (site.home / "config.yaml").unlink(missing_ok=True)


def test_gone_it_leaves_no_trace(tmp_path) -> None:
    site = Site(tmp_path)
    before = site.run("--help")
    site.install(ROOT / "contrib" / "ollm-dice")
    site.run("dice", "roll")
    site.remove()
    assert site.run("--help") == before
    assert site.run("dice", "roll").exit_code == 2
    assert "dice" not in site.run("plugins", "list").stdout
    with ReplayServer() as server:
        assert site.run("--host", server.url, "-m", "smollm2:135m", "-p", "Hi").exit_code == 0
    (request,) = server.asked("/api/chat")
    assert [message["role"] for message in request.json["messages"]] == ["user"]
    assert "tools" not in request.json
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if b"dice" in path.read_bytes()] == [], "only what ollm itself remembers stays"
