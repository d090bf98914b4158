"""Is the type of a project found, is its file applied only when it is trusted, and is nothing else ever applied?"""

import pytest
from ollm_plugins.project.plugin import Plugin

from ollm.api import Specs, Tool, hookimpl


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def put(root, text, name=".ollm/project.yaml"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def trusted(ollm):
    refused = ollm.run_command("project trust")
    assert refused.exit_code == 2
    done = ollm.run_command(f"project trust --sha256 {refused.stderr.rstrip().rpartition(' ')[2].rstrip('.')}")
    assert done.exit_code == 0, done.stderr
    return done


def test_a_file_holds_when_it_is_trusted_and_only_then(ollm_app, repository):
    put(repository, "model: other:1b\n")
    ollm = ollm_app(Plugin)
    assert ollm.app.settings.get("model.default") is None
    trusted(ollm)
    assert ollm.app.settings.get("model.default") == "other:1b"
    assert ollm.app.settings.origin("model.default") == f"{repository / '.ollm/project.yaml'}:1"
    put(repository, "model: another:1b\n")
    assert ollm_app(Plugin).app.settings.get("model.default") is None
