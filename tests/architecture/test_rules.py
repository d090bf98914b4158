"""The rules of docs/architecture.md that a machine can hold."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS_AT = ROOT / "plugins" / "ollm_plugins"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ROOMS = sorted(path.parent.name for path in ROOMS_AT.glob("*/__init__.py"))
KERNEL = sorted((ROOT / "ollm").glob("*.py"))
MODULES = [*KERNEL, *sorted(ROOMS_AT.rglob("*.py"))]
HEAVY = ("httpx", "pydantic", "ruamel", "prompt_toolkit", "rich", "xllamacpp")


def name(path):
    return str(path.relative_to(ROOT))


def functions(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    """Lines without the docstring: documentation is not what makes a function long."""
    docstring = ast.get_docstring(function, clean=False)
    return function.end_lineno - function.lineno + 1 - (len(docstring.splitlines()) if docstring else 0)


def test_rooms_are_entry_points_and_nothing_else_is():
    points = PROJECT["entry-points"]["ollm"]
    assert points == {room: f"ollm_plugins.{room}.plugin:Plugin" for room in ROOMS}


@pytest.mark.parametrize(
    "pattern", ["tests/plugins/test_{}.py", "docs/rooms/{}.md", "plugins/ollm_plugins/{}/README.md"]
)
def test_each_room_has_its_tests_its_page_and_its_readme(pattern):
    folder, _, form = pattern.rpartition("/")
    if "{}" in folder:
        assert all((ROOT / pattern.format(room)).is_file() for room in ROOMS)
        return
    head, tail = form.split("{}")
    found = {path.name[len(head) : -len(tail)] for path in (ROOT / folder).glob(f"{head}*{tail}")}
    parts = {name for name in found if name.partition("_")[0] in ROOMS and "_" in name}
    assert sorted(found - parts) == ROOMS


def test_each_kernel_module_has_its_tests():
    declarations = {
        "__init__",
        "api",
        "contexts",
        "contributed",
        "contributions",
        "errors",
        "flags",
        "knowledge",
        "management",
        "memories",
        "messages",
        "providers",
        "records",
        "sections",
        "specs",
    }
    with_another = {
        "__main__",
        "approval",
        "command_tree",
        "command_words",
        "streaming",
        "contribution",
        "discovery",
        "awaiting",
        "ending",
        "terminal",
        "turn",
        "paths",
        "services",
        "progress",
        "tables",
        "settings_model",
        "settings_check",
        "settings_schema",
    }
    wanted = {path.stem for path in KERNEL} - declarations - with_another
    tested = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "kernel").glob("test_*.py")}
    assert wanted - tested == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_plugin_module_only_declares(room):
    path = ROOMS_AT / room / "plugin.py"
    source = path.read_text()
    assert len(source.splitlines()) <= 70, "about 60: a hook takes five lines, and a room may have eight"
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {"__future__", "typing", "collections.abc", "ollm.api"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_opens_with_the_question_it_answers(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    if path.name != "__init__.py":
        assert "?" in docstring.split("\n\n")[0]


def test_functions_fit_a_screen():
    lengths = sorted(length(function) for path in MODULES for function in functions(path))
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 40
    longest = {f"{name(path)}:{f.name}": length(f) for path in MODULES for f in functions(path) if length(f) > 40}
    assert longest == {}


def test_modules_stay_small():
    long = {name(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > 300}
    declarations = {"ollm/api.py", "ollm/contributions.py", "ollm/specs.py"}  # lists are read by name, not through
    assert set(long) <= declarations


def loaded_by(*words, env):
    """Run the program in a process of its own and return the modules that it has loaded."""
    code = "import sys; from ollm.cli import main; code = main(sys.argv[1:]); print('', *sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, check=True)
    return {module.partition(".")[0] for module in done.stderr.split()}


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("config", "--help"), ("config", "path"), ("plugins", "list")]
)
def test_light_commands_load_nothing_heavy(words, tmp_path):
    loaded = loaded_by(*words, env={"OLLM_HOME": str(tmp_path), "PATH": ""})
    assert loaded.isdisjoint(HEAVY)


def test_an_answer_loads_only_what_it_needs(tmp_path):
    from tests.replay import ReplayServer

    with ReplayServer({"/api/chat": ["chat_stream"]}) as server:
        env = {"OLLM_HOME": str(tmp_path), "PATH": "", "OLLM_HOST": server.url}
        loaded = loaded_by("-p", "hi", "-m", "smollm2:135m", env=env)
    assert "httpx" in loaded
    assert loaded.isdisjoint({"pydantic", "ruamel", "prompt_toolkit", "rich", "anyio", "xllamacpp"})


def documentation(tree):
    """The docstrings of a module, which may speak of rooms as examples; also those under a constant or a field."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def test_the_kernel_names_no_room():
    """A feature's name in the kernel means that a hook is missing.

    Some words are the kernel's own: the section and the remedies about plugins, the surfaces `repl` and `shell`, what a
    provider is asked for, the unit of text, where a model lies when it is loaded, what it calls and what it sees. All others may stand in documentation only.
    """
    own = {"plugins", "providers", "repl", "models", "options", "config", "tokens", "memory"}
    own |= {"shell", "tools", "context"}
    for path in KERNEL:
        code = ast.parse(path.read_text())
        skipped = documentation(code)
        for node in ast.walk(code):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
                words = set(re.findall(r"\w+", node.value.lower()))
                assert words.isdisjoint({*ROOMS, "ollm_plugins"} - own) or node.value == "ollm_plugins.", (
                    f"{name(path)}:{node.lineno}: {node.value!r}"
                )


def test_the_project_stands_alone():
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]:
        text = path.read_text()
        assert "/work" + "/" not in text, name(path)
        assert "../" + "shared" not in text, name(path)


def test_the_import_contract_knows_every_kernel_module():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (only_api,) = [each for each in contracts if "ollm.api" in each["name"]]
    assert set(only_api["forbidden_modules"]) == {f"ollm.{path.stem}" for path in KERNEL} - {
        "ollm.__init__",
        "ollm.api",
    }
