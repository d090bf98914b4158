"""What becomes of templates of other programs, and is a file read back as it was written?"""

import json
import re
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.templates.foreign import of_fabric, of_llm
from ollm_plugins.templates.library import library
from ollm_plugins.templates.plugin import Plugin
from ollm_plugins.templates.template import Known
from ollm_plugins.templates.writing import skeleton, written

from ollm.api import Template, TemplateVariable
from ollm.testing import make_harness

PATTERN = """\
# IDENTITY and PURPOSE

You are an expert in {{role}} who reads JSON such as {"a": {"input": {input}}} and LaTeX: \\frac{a}{b}.

# OUTPUT INSTRUCTIONS

- Write in {{lang-code}}, at most {{ words }} words.
- Leave {{.Go}} and {{ loop.index }} and {{{input}}} alone.
- Today is {{plugin:datetime:today}}.

# INPUT

INPUT:
"""
LLM = """\
model: gpt-4o-mini
system: |
  You charge $$5 for $thing, and know {braces}, {input} and ${NOT-ONE}.
prompt: |
  Compare ${input} with $other.
defaults:
  thing: code: a {thing}
  other: 3
  unused: x
options:
  temperature: 0.5
  max_tokens: 100
  num_ctx: 4096
  magic: 1
schema_object:
  type: object
  properties: {name: {type: string}}
extract: true
fragments: [https://example.com/x.md]
tools: [llm_time]
functions: |
  def f(): ...
odd: 1
""".replace("thing: code: a {thing}", 'thing: "code: a {thing}"')


@pytest.fixture
def ollm(ollm_app):
    return ollm_app(Plugin, Options)


def filled(ollm, name, **values):
    return library(ollm.app.services).fill(name, values)


def put(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_folder_of_fabric(ollm, tmp_path):
    put(
        tmp_path / "fabric",
        {
            "data/patterns/explain_math/system.md": PATTERN,
            "data/patterns/explain_math/README.md": "Ignored",
            "data/patterns/with_user/system.md": "Be {{tone}}.",
            "data/patterns/with_user/user.md": "CONTENT:\n",
            "data/patterns/no_pattern/README.md": "x",
            "data/patterns/Ask Me!/system.md": "Before {{input}} after",
            "README.md": "x",
        },
    )
    done = ollm.run_command(f"template import '{tmp_path / 'fabric'}'")
    assert done.exit_code == 0, done
    assert sorted(line.split(":")[0] for line in done.stdout.splitlines() if line[0] != " ") == [
        "ask-me",
        "explain_math",
        "with_user",
    ]
    assert "  not carried over: {{plugin:datetime:today}}, which calls an extension of Fabric" in done.stdout
    made = filled(ollm, "explain_math", input="IN", role="physics", lang_code="fr", words="9", loop_index="L")
    expected = PATTERN.replace("{{role}}", "physics").replace("{{lang-code}}", "fr").replace("{{ words }}", "9")
    expected = expected.replace("{{{input}}}", "{IN}").replace("{{ loop.index }}", "L")
    assert made.prompt == expected  # the pattern says where the input goes
    made = filled(ollm, "with_user", input="IN", tone="kind")
    assert (made.prompt, made.overrides.system) == ("CONTENT:\n\nIN", "Be kind.")
    assert filled(ollm, "ask-me", input="IN").prompt == "Before IN after"


def test_one_pattern(ollm, tmp_path):
    put(tmp_path, {"p/system.md": "S {input} {{", "q.md": "Q {{x}}"})
    assert ollm.run_command(f"template import {tmp_path / 'p'} --name mine").exit_code == 0
    made = filled(ollm, "mine", input="{input}")
    assert (made.prompt, made.overrides.system) == ("{input}", "S {input} {{")
    assert ollm.run_command(f"template import {tmp_path / 'p' / 'system.md'}").stdout.startswith("p: taken in")
    assert ollm.run_command(f"template import {tmp_path / 'q.md'}").exit_code == 0
    assert filled(ollm, "q", input="I", x="X").overrides.system == "Q X"


def test_templates_of_llm(ollm, tmp_path):
    put(tmp_path / "t", {"roast.yaml": LLM, "plain.yaml": "Just $input {input}\n", "sys.yaml": "system: Be $mood"})
    document = ollm.run_command(f"template import {tmp_path / 't'} --json").json
    lost = {each["name"]: each["lost"] for each in document}
    assert lost["plain"] == lost["sys"] == []
    assert [each.split(",")[0] for each in lost["roast"]] == [
        "taking the first block of code out of the answer",
        "fragments",
        "tools",
        "functions in Python",
        "odd",
        "the default of unused",
        "the option magic: there is no option 'magic'",
    ]
    made = filled(ollm, "roast", input="A")
    assert made.prompt == "Compare A with 3.\n"
    assert made.overrides.system == "You charge $5 for code: a {thing}, and know {braces}, {input} and ${NOT-ONE}.\n"
    assert made.overrides.model == "gpt-4o-mini"
    assert made.overrides.options.max_tokens == 100
    assert made.overrides.options.context_size == 4096
    assert made.overrides.schema == {"type": "object", "properties": {"name": {"type": "string"}}}
    assert filled(ollm, "plain", input="A").prompt == "Just A {input}"
    assert filled(ollm, "sys", input="A", mood="kind").overrides.system == "Be kind"


def test_a_schema_that_is_none_is_not_carried_over(ollm, tmp_path):
    put(tmp_path / "t", {"odd.yaml": "prompt: Hi $input\nschema_object: {type: objct}\n", "plain.yaml": "Hi"})
    odd, plain = ollm.run_command(f"template import {tmp_path / 't'} --json").json
    assert odd["lost"] == ['the schema, which is none: type: there is no type "objct"; did you mean object?']
    assert (odd["problem"], plain["problem"]) == ("", "")
    assert filled(ollm, "odd", input="A").overrides.schema is None


def test_nothing_of_yours_is_replaced_unless_you_say_so(ollm, ollm_home, tmp_path):
    put(ollm_home / "templates", {"a.yml": "template: mine"})
    put(tmp_path, {"t/a.yaml": "prompt: theirs $input", "t/b.yaml": "template: ours"})
    done = ollm.run_command(f"template import {tmp_path / 't'}")
    assert done.exit_code == 1
    assert "a: left alone, since" in done.stdout
    assert (filled(ollm, "a").prompt, filled(ollm, "b").prompt) == ("mine", "ours")
    assert ollm.run_command(f"template import {tmp_path / 't'} --replace").exit_code == 0
    assert filled(ollm, "a", input="x").prompt == "theirs x"
    assert sorted(path.name for path in (ollm_home / "templates").iterdir()) == ["a.yml", "b.yaml"]


def test_what_cannot_be_written_stops_no_other(ollm, ollm_home, tmp_path):
    put(tmp_path / "f", {"a/system.md": "{" * 150, "b/system.md": "\x07" * 200_000, "z/system.md": "fine"})
    done = ollm.run_command(f"template import {tmp_path / 'f'}")
    assert done.exit_code == 1
    said = [line.split(str(ollm_home))[0] for line in done.stdout.splitlines()]
    assert said[:2] == [
        "a: not taken in: The template 'a' cannot be written: a.yaml:6 is nested too deeply",
        "b: not taken in: written as a file, it is larger than 256 KiB",
    ]
    assert [path.name for path in (ollm_home / "templates").iterdir()] == ["z.yaml"]


def test_two_that_get_the_same_name_do_not_replace_each_other(ollm, tmp_path):
    put(tmp_path / "t", {"A b.yaml": "one $input", "a-b.yaml": "two $input"})
    for more in ("", " --replace"):
        done = ollm.run_command(f"template import {tmp_path / 't'}{more}")
        assert "a-b: left alone, since another one here has that name; give it alone, with --name" in done.stdout
        assert filled(ollm, "a-b", input="x").prompt == "one x"


@pytest.mark.parametrize(
    ("files", "line", "code", "said"),
    [
        ({}, "nosuch", 2, "There is no "),
        ({"t/notes.txt": "x"}, "t", 2, "holds no templates"),
        ({"notes.txt": "x"}, "notes.txt", 2, "holds no templates"),
        ({"t/a.yaml": "prompt: 5", "t/b.yaml": "prompt: x"}, "t", 1, "a: not taken in: prompt is a int, not a str"),
        ({"t/a.yaml": "- x"}, "t", 1, "a: not taken in: "),
        ({"t/a.yaml": "template: x\nfoo: 1"}, "t", 1, "there is no 'foo'"),
        ({"t/a.yaml": "prompt: ["}, "t", 1, "a: not taken in: "),
        ({"t/a.yaml": "prompt: x", "t/b.yaml": "prompt: y"}, "t --name c", 2, "holds 2 templates"),
        ({"a.yaml": "prompt: x"}, "a.yaml --as word", 2, "There is no form 'word'"),
        ({"a.yaml": "prompt: x"}, "a.yaml --name ../b", 2, "is no name of a template"),
    ],
)
def test_what_cannot_be_taken_in_is_said(ollm, ollm_home, tmp_path, monkeypatch, files, line, code, said):
    put(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    done = ollm.run_command(f"template import {line}")
    assert done.exit_code == code
    assert said in done.stdout + done.stderr
    assert not list(ollm_home.parent.rglob("templates/c.yaml")) and not (ollm_home / "b.yaml").exists()


TEXT = st.one_of(
    st.text(alphabet=st.sampled_from("{}$:\" \n\tinputx#-'|>&*\\é😀"), max_size=60),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30),
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    harness = make_harness(tmp_path_factory.mktemp("home"), Plugin, Options)
    yield harness.app.settings
    harness.app.close()


@given(TEXT, TEXT)
@example("{{input}} {input}", "")
@example("{{{input}}} {{x}}", "{{ n }} {n}")
def test_fabric_keeps_each_text(system, user):
    """What stands in two braces is filled, as Fabric does it; every other character stays."""

    def by_fabric(text):
        return re.sub(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}", lambda found: values[found[1]], text)

    made = of_fabric("x", system, user).template
    known = Known(made, "user")
    names = re.findall(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}", system + "\0" + user)
    here = [each.name for each in known.variables]
    there = list(dict.fromkeys(["input", *names]))
    values = {name: f"<{name}>" for name in there}
    prompt, said = known.fill({name: values[other] for name, other in zip(here, there, strict=True)})
    if "input" not in names:
        between = "" if not user.strip() else "\n" if user.endswith("\n") else "\n\n"
        assert (said or "", prompt) == (by_fabric(system), f"{by_fabric(user)}{between}<input>")
    elif user.strip():
        assert (said or "", prompt) == (by_fabric(system), by_fabric(user))
    else:
        assert (said, prompt) == (None, by_fabric(system))


@given(TEXT)
@example("{input} $input {{input}} ${input}")
def test_llm_means_what_string_template_means(reader, prompt):
    """`llm` fills with the standard library's string.Template; so does this test."""
    values = {name: f"<{name}>" for name in string.Template(prompt).get_identifiers()}
    made = of_llm("x", prompt, reader).template
    known = Known(made, "user")
    filled = known.fill({each.name: f"<{each.name}>" for each in known.variables})[0]
    if prompt.strip() and all(name.isascii() for name in values):
        assert filled == string.Template(prompt).safe_substitute(values)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(TEXT, TEXT, TEXT)
@example("a\n b\n", "", " x\n\n\n")
@example("\n\n  a", "\ta\nb", "a\n\n")
@example("a\r\nb", "a\x85\u2028b\nc", "---\n...\n")
def test_what_is_written_is_read_as_it_was(reader, text, system, word):
    variables = (TemplateVariable("input", True, None, word), TemplateVariable("x", default=system))
    template = Template("x", word, text, variables, system or None, options={"seed": 1}, schema={"a": [text]})
    from ollm_plugins.templates.reading import understood

    back = understood("x.yaml", written(template, reader), "x", "user", reader)
    assert back.template == template


def test_the_skeleton_is_a_template(reader):
    from ollm_plugins.templates.reading import understood

    known = understood("new.yaml", skeleton("new"), "new", "user", reader)
    assert list(known.doubts()) == []
    assert known.fill({"text": "T"})[0] == "Explain this to a beginner:\n\nT\n"
    commented = skeleton("new").replace("# system:", "system:").replace("# options:", "options:")
    commented = commented.replace("# schema:", "schema:").replace("# model:", "model:")
    assert understood("new.yaml", commented, "new", "user", reader).template.schema["required"] == ["answer"]
    assert json.dumps(dict(understood("new.yaml", commented, "new", "user", reader).template.options))


KEYS = st.sampled_from(
    ["template", "variables", "name", "system", "options", "schema", "model", "profile", "description", "version", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(st.one_of(TEXT, st.dictionaries(KEYS, VALUES, max_size=5)))
@example("template: !!python/object:os.system x")
@example("template: 2020-99-99")
@example("? [a]\n: b")
@example("template: x\noptions: {temperature: .nan}")
@example("template: x\noptions: {seed: 1e400}")
@example("template: x\nvariables: [[a]]")
@example("template: x\nvariables: ['']")
@example("a: 1\na: 2")
@example("%YAML 9.9\n---\ntemplate: x")
def test_whatever_a_file_holds_it_is_a_template_or_one_line(reader, holds):
    import io
    from pathlib import Path

    from ollm_plugins.templates.reading import Broken, understood
    from ruamel.yaml import YAML

    text = holds
    if not isinstance(holds, str):
        written = io.StringIO()
        YAML(typ="safe").dump(holds, written)
        text = written.getvalue()
    try:
        known = understood(Path("a.yaml"), text, "a", "project", reader)
    except Broken as error:
        assert error.problem.startswith("a.yaml")
        assert "\n" not in error.problem
        return
    list(known.doubts())
    known.fill({each.name: "v" for each in known.variables})


def test_no_link_leads_out_of_the_folder_that_is_imported(ollm, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    put(tmp_path / "fabric", {"patterns/good/system.md": "Good {{input}}", "inner.md": "Inner {{input}}"})
    for name, target in (("bad", secret), ("fine", tmp_path / "fabric" / "inner.md")):
        folder = tmp_path / "fabric" / "patterns" / name
        folder.mkdir()
        (folder / "system.md").symlink_to(target)
    done = ollm.run_command(f"template import '{tmp_path / 'fabric'}'")
    assert done.exit_code == 1
    assert "bad: not taken in: " in done.stdout
    assert "is a link that leads out of" in done.stdout
    assert filled(ollm, "fine", input="x").prompt == "Inner x"
    assert not (ollm.app.paths.home / "templates" / "bad.yaml").exists()


def test_a_name_that_is_too_long_stops_no_other(ollm, tmp_path):
    put(tmp_path / "fabric", {f"{'n' * 150}/system.md": "Long", "short/system.md": "Short"})
    done = ollm.run_command(f"template import '{tmp_path / 'fabric'}'")
    assert done.exit_code == 0, done
    made = [filled(ollm, name, input="x").overrides.system for name in ("n" * 100, "short")]
    assert made == ["Long", "Short"]


def test_a_folder_that_holds_too_much_is_refused_rather_than_cut(ollm, tmp_path, monkeypatch):
    monkeypatch.setattr("ollm_plugins.templates.importing.MOST", 2)
    put(tmp_path / "many", {f"{name}.yaml": "prompt: x" for name in "ba"})
    done = ollm.run_command(f"template import '{tmp_path / 'many'}'")
    assert [line[0] for line in done.stdout.splitlines()] == ["a", "b"]
    put(tmp_path / "many", {"c.yaml": "prompt: x"})
    done = ollm.run_command(f"template import '{tmp_path / 'many'}'")
    assert done.exit_code == 2
    assert "many holds more than 2 entries" in done.stderr
    assert not (ollm.app.paths.home / "templates" / "c.yaml").exists()
