"""Does schemas/settings.schema.json say what the first-party sections are?"""

import json
from pathlib import Path

from ollm.app import App
from ollm.discovery import discover
from ollm.settings_schema import settings_schema

FILE = Path(__file__).parents[2] / "schemas" / "settings.schema.json"
MAKE = "ollm config schema >schemas/settings.schema.json, with no plugin of others installed"


def generated(tmp_path):
    app = App({"OLLM_HOME": str(tmp_path)}, records=[record for record in discover() if record.first_party])
    assert not app.host.failures
    return settings_schema(app.settings.sections)


def test_the_schema_has_not_drifted(tmp_path):
    assert json.loads(FILE.read_text()) == generated(tmp_path), f"make it anew: {MAKE}"


def test_every_setting_says_what_it_is(tmp_path):
    def leaves(node, path=()):
        below = dict(node["properties"])
        if isinstance(node["additionalProperties"], dict):
            below["*"] = node["additionalProperties"]
        for name, each in below.items():
            if "properties" in each:
                yield from leaves(each, (*path, name))
            else:
                yield ".".join((*path, name)), each

    described = dict(leaves(generated(tmp_path)))
    assert {"options.seed", "models.*.options.seed", "providers.ollama.options.seed"} <= described.keys()
    assert [key for key, each in described.items() if not each.get("description")] == []
