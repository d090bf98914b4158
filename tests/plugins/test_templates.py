"""Which templates are found, what is read from their files, and what do they ask for?"""

import os
import time

import pytest
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.project.plugin import Plugin as Project
from ollm_plugins.templates.library import Library, library
from ollm_plugins.templates.plugin import Plugin
from ollm_plugins.templates.reading import MAX_BYTES
from ollm_plugins.templates.shipped import SHIPPED

from ollm.api import (
    CompletionContext,
    GenerationOptions,
    OllmError,
    Overrides,
    PromptTemplates,
    Service,
    Specs,
    Template,
    TemplateVariable,
    UsageError,
    hookimpl,
)

FILE = """\
name: go
description: Review Go
template: |
  Review {lang:go}: {code}
  {"json": {}} {lnag}
variables:
  - {name: lang}
  - {name: code, required: true}
  - {name: lost, default: 5}
system: You know {lang}.
model: m:1b
options: {temperature: 0.2, maxTokens: 7}
schema: {type: object}
"""


@pytest.fixture
def start(ollm_app, ollm_home, tmp_path, monkeypatch):
    """Start a program in an empty folder."""
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    monkeypatch.chdir(work)

    def run(*plugins, **options):
        return ollm_app(Plugin, Options, *plugins, **options)

    return run


@pytest.fixture
def put(ollm_home):
    def write(name, text, folder=ollm_home / "templates"):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def shelf(ollm):
    return library(ollm.app.services)


def listed(ollm, name):
    return next(each for each in shelf(ollm).everything() if each.name == name)


def test_a_file_is_found_and_filled(start, put):
    put("go", FILE)
    ollm = start()
    made = ollm.app.services.find(PromptTemplates).fill("go", {"code": "{lang}"})
    assert made.prompt == 'Review go: {lang}\n{"json": {}} {lnag}\n'
    wanted = GenerationOptions(temperature=0.2, max_tokens=7)
    assert made.overrides == Overrides(None, "m:1b", None, "You know go.", wanted, {"type": "object"}, "go: {lang}")
    assert "go.yaml:5: {lnag} is not declared, so it stays as it is; did you mean lang?" in ollm.stderr.getvalue()


def test_what_is_missing_or_unknown_is_wrong_usage(start, put):
    put("go", FILE)
    service = shelf(start())
    for name, values, said in [
        ("go", {}, "needs code"),
        ("go", {"code": "", "cod": ""}, "no variable 'cod'; did you mean code"),
        ("og", {}, "no template 'og'"),
        ("../go", {}, "is no name of a template"),
        ("/etc/passwd", {}, "is no name of a template"),
        (".go", {}, "is no name of a template"),
        ("", {}, "is no name of a template"),
    ]:
        with pytest.raises(UsageError, match=said):
            service.fill(name, values)


def test_an_edited_file_is_read_anew(start, put):
    path = put("a", "template: one")
    ollm = start()
    assert shelf(ollm).fill("a", {}).prompt == "one"
    path.write_text("template: three")
    assert shelf(ollm).fill("a", {}).prompt == "three"
    path.unlink()
    with pytest.raises(UsageError, match="no template 'a'"):
        shelf(ollm).fill("a", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tempalte: x", "broken.yaml:1: there is no 'tempalte'; did you mean template?"),
        ("description: x", "broken.yaml: it has no template"),
        ("template: 5", "broken.yaml:1: template: expected text, got a whole number"),
        ("template: x\nvariables:\n  - {name: a}\n  - {name: a}", "broken.yaml:4: the variable a is declared twice"),
        ("template: x\nvariables:\n  - {name: a b}", "broken.yaml:3: 'a b' is no name of a variable"),
        ("template: x\nvariables:\n  - {nme: a}", "broken.yaml:3: there is no 'nme'; did you mean name?"),
        ("template: x\nvariables:\n  - {name: a, required: maybe}", "broken.yaml:3: variables 1.required: expected"),
        ("template: x\noptions: {temperature: 9}", "broken.yaml:2: options.temperature is 9"),
        ("template: x\noptions: {temprature: 1}", "broken.yaml:2: there is no option 'temprature'; did you mean"),
        ("template: x\noptions: {keepAlive: [1]}", "broken.yaml:2: keepAlive"),
        ("template: x\nschema: {type: bogus}", 'broken.yaml:2: schema.type: there is no type "bogus"'),
        ("template: x\nschema: 5", "broken.yaml:2: schema: expected names with values"),
        ("template: [", "broken.yaml:1 is not valid YAML"),
        ("- a", "broken.yaml does not hold a template"),
        ("", "broken.yaml: it has no template"),
        ("a: &a [x]\nb: &b [*a,*a]\n" + "".join(f"c{n}: [*b,*b,*b]\n" for n in range(1999)), "holds more than"),
        ("template: " + "[" * 5000, "broken.yaml"),
        (b"template: \xff", "broken.yaml: is not UTF-8 text (byte 10)"),
        (b"template: a\x00b", "broken.yaml"),
        ("template: " + "x" * MAX_BYTES, "broken.yaml: is larger than 256 KiB"),
        ("version: 2\ntemplate: x", "reads version 1"),
    ],
)
def test_a_broken_file_is_one_line_and_hides_no_other(start, put, text, said):
    put("broken", text)
    put("sound", "template: x")
    ollm = start()
    problem = listed(ollm, "broken").problem
    assert said in problem
    assert "\n" not in problem
    assert listed(ollm, "sound").known is not None
    assert said in ollm.run_command("template list").stdout
    with pytest.raises(OllmError) as raised:
        shelf(ollm).find("broken")
    assert raised.value.exit_code == 2


def test_what_is_no_plain_file_is_refused(start, put, tmp_path, ollm_home):
    put("sound", "template: x")
    folder = ollm_home / "templates"
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "nowhere.yaml").symlink_to(folder / "nothing.yaml")
    (folder / "inside.yaml").symlink_to("sound.yaml")
    outside = tmp_path / "secret.yaml"
    outside.write_text("template: secret")
    (folder / "outside.yaml").symlink_to(outside)
    (folder / "bad name.yaml").write_text("template: x")
    (folder / "notes.txt").write_text("x")
    ollm = start()
    problems = {each.name: each.problem for each in shelf(ollm).everything() if each.known is None}
    assert set(problems) == {"pipe", "folder", "nowhere", "outside", "bad name"}
    assert "is a link that leads out of its folder" in problems["outside"]
    assert "is no regular file" in problems["pipe"]
    assert shelf(ollm).fill("inside", {}).prompt == "x"


class Brings(Specs):
    @hookimpl
    def ollm_templates(self, ctx):
        return [
            Template("haiku", "A haiku", "A haiku about {subject:the sea}. {a: b}"),
            Template("review", "Of a plugin", "Look"),
            Template("odd", "Wrong", "x", options={"temperature": 9}),
            Template("odder", "Wrong", "x", (TemplateVariable("a b"),)),
        ]


def test_plugins_bring_templates_which_hide_those_of_ollm(start, put):
    put("haiku", "template: mine")
    ollm = start(Brings)
    assert shelf(ollm).fill("review", {}).prompt == "Look"
    assert listed(ollm, "review").hides[0].whose == "ollm's"
    assert listed(ollm, "haiku").hides[0].whose == "plugin brings's"
    assert "options.temperature is 9" in listed(ollm, "odd").problem
    assert listed(ollm, "odder").problem
    with pytest.raises(OllmError, match="plugin brings"):
        shelf(ollm).find("odd")
    done = ollm.run_command("template list")
    assert "haiku\tyours\t\t\n" in done.stdout
    assert "odd\tplugin brings's\tcannot be used: " in done.stdout
    assert "ollm: The template 'haiku' (yours) hides plugin brings's.\n" in done.stderr


def test_a_plugins_template_without_declarations(start):
    assert shelf(start(Brings)).fill("haiku", {}).prompt == "A haiku about the sea. {a: b}"


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "work"
    (root / ".git").mkdir(parents=True, exist_ok=True)
    return root


def trust(ollm):
    """Agree to what the project holds now, and return what was shown of it."""
    done = ollm.run_command("project trust")
    assert ollm.run_command(f"project trust --sha256 {done.error.remedy.split()[-1].rstrip('.')}").exit_code == 0
    return done.stdout


def test_templates_of_a_project_need_its_trust(start, put, tmp_path):
    work = tmp_path / "work"
    (work / ".git").mkdir()
    put("review", "template: project", work / ".ollm" / "templates")
    put("review", "template: mine")
    (work / ".ollm" / "project.yaml").write_text("systemPrompt: Hello\n")
    ollm = start(Project)
    assert shelf(ollm).fill("review", {}).prompt == "mine"
    assert "ollm: The template 'review' (yours) hides ollm's.\n" in ollm.run_command("template list").stderr
    assert "is left out, since you do not trust the project" in ollm.run_command("template list").stderr
    trust(ollm)
    assert shelf(ollm).fill("review", {}).prompt == "project"
    assert "The template 'review' is the project's (" in ollm.stderr.getvalue()
    listed_now = ollm.run_command("template list")
    assert "review\tthe project's\t" in listed_now.stdout
    assert "ollm: The template 'review' (the project's) hides yours and ollm's.\n" in listed_now.stderr
    (work / "sub").mkdir()
    ollm.app.enter(work / "sub")
    assert shelf(ollm).fill("review", {}).prompt == "project"
    (work / ".ollm" / "project.yaml").write_text("systemPrompt: Other\n")
    ollm.app.reload_layers()
    assert shelf(ollm).fill("review", {}).prompt == "mine"


def test_a_project_with_nothing_but_templates_can_be_trusted(start, put, repository):
    put("mine", "template: the project's", repository / ".ollm" / "templates")
    ollm = start(Project)
    said = (
        f"{repository}/.ollm/templates is left out, since you do not trust the project; `ollm project trust` shows it"
    )
    assert said in ollm.run_command("template list").stderr
    refused = ollm.run_command("template use mine --dry-run")
    assert (refused.exit_code, said in refused.stderr) == (2, True)
    assert f"{repository}/.ollm: not trusted" in ollm.run_command("project show").stdout
    assert "mine.yaml could be used:\n    | template: the project's\n" in trust(ollm)
    assert ollm.run_command("template use mine --dry-run").stdout == "the project's\n"
    assert "already trusted" in ollm.run_command("project trust").stdout
    assert f"{repository}/.ollm: trusted, each file with" in ollm.run_command("project show").stdout
    assert f"{repository}/.ollm is no longer trusted" in ollm.run_command("project untrust").stdout
    assert ollm.run_command("template use mine --dry-run").exit_code == 2


@pytest.mark.parametrize("settings", ["", "systemPrompt: Hello\n"])
def test_a_template_that_was_not_agreed_to_is_not_used(start, put, repository, settings):
    folder = repository / ".ollm" / "templates"
    put("review", "template: agreed", folder)
    if settings:
        (repository / ".ollm" / "project.yaml").write_text(settings)
    ollm = start(Project)
    trust(ollm)
    assert shelf(ollm).fill("review", {}).prompt == "agreed"
    put("review", "template: changed", folder)
    put("added", "template: [", folder)
    for name in ("review", "added"):
        with pytest.raises(OllmError, match=f"{name}.yaml: is new or has changed since you trusted the project"):
            shelf(ollm).fill(name, {})
    assert "review\tthe project's\tcannot be used: review.yaml: is new" in ollm.run_command("template list").stdout
    put("added", "template: added", folder)
    shown = trust(ollm)
    assert "  -template: agreed\n  +template: changed\n" in shown
    assert "added.yaml could be used:\n    | template: added\n" in shown
    assert [shelf(ollm).fill(name, {}).prompt for name in ("review", "added")] == ["changed", "added"]
    put("review", "template: agreed", folder)
    with pytest.raises(OllmError, match="has changed"):
        shelf(ollm).fill("review", {})
    assert ollm.run_command("project untrust").exit_code == 0
    assert shelf(ollm).fill("review", {"code": "x"}).prompt != "agreed"


def test_a_projects_template_that_one_edits_oneself_stays_trusted(start, put, repository, tmp_path):
    path = put("a", "template: one", repository / ".ollm" / "templates")
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'template: two' >\"$1\"\n")
    editor.chmod(0o755)
    ollm = start(Project, environ={"EDITOR": str(editor)})
    trust(ollm)
    assert ollm.run_command("template edit a").exit_code == 0
    assert shelf(ollm).fill("a", {}).prompt == "two"
    path.write_text("template: stranger's")
    done = ollm.run_command("template edit a")
    assert (done.exit_code, "It cannot be used yet; `ollm project trust` shows it" in done.stderr) == (0, True)


def test_a_draft_that_a_project_brought_is_not_gone_on_with(start, put, repository, tmp_path, ollm_home):
    folder = repository / ".ollm" / "templates"
    put("a", "template: one\n", folder)
    (folder / "a.yaml.draft").write_text("template: the stranger's")
    editor = tmp_path / "editor"
    ollm = start(Project, environ={"EDITOR": str(editor)})
    assert "the stranger's" not in trust(ollm)

    def edit(line):
        editor.write_text(f"#!/bin/sh\n{line}\n")
        editor.chmod(0o755)
        return ollm.run_command("template edit a")

    assert "kept as" not in edit("echo '# mine' >>\"$1\"").stderr
    assert shelf(ollm).fill("a", {}).prompt == "one"
    done = edit("echo 'tempalte: two' >\"$1\"")
    (draft,) = (ollm_home / "drafts").rglob("a.yaml.draft")
    assert f"Your text is kept as {draft}; the next edit goes on with it" in done.error.remedy
    assert f"You go on with what is kept as {draft}" in edit('sed -i s/tempalte/template/ "$1"').stderr
    assert shelf(ollm).fill("a", {}).prompt == "two"
    assert not draft.exists()
    assert (folder / "a.yaml.draft").read_text() == "template: the stranger's"


def test_what_hides_a_new_template_is_said(start, put, repository, tmp_path):
    path = put("a", "template: the project's", repository / ".ollm" / "templates")
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'template: mine' >\"$1\"\n")
    editor.chmod(0o755)
    ollm = start(Project, environ={"EDITOR": str(editor)})
    assert "hides it" not in ollm.run_command("template create b").stderr
    trust(ollm)
    done = ollm.run_command("template create a")
    assert (done.exit_code, f"ollm: {path} hides it here." in done.stderr) == (0, True)


def test_drafts_of_two_projects_stay_apart(start, put, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "tempalte: $PWD" >"$1"\n')
    editor.chmod(0o755)
    ollm = start(Project, environ={"EDITOR": str(editor)})
    remedies = set()
    for name in ("one", "two"):
        put("a", "template: x", tmp_path / name / ".ollm" / "templates")
        (tmp_path / name / ".git").mkdir()
        ollm.app.enter(tmp_path / name)
        trust(ollm)
        remedies.add(ollm.run_command("template edit a").error.remedy)
    assert len(remedies) == 2


def test_a_projects_folder_that_is_a_link_is_refused(start, put, tmp_path):
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    (work / ".git").mkdir()
    (work / ".ollm").mkdir()
    put("mine", "template: secret", elsewhere)
    (work / ".ollm" / "templates").symlink_to(elsewhere)
    (work / ".ollm" / "project.yaml").write_text("systemPrompt: Hello\n")
    ollm = start(Project)
    trust(ollm)
    assert "leads out of its folder" in listed(ollm, "mine").problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: ../../secret.gguf", "may name a model, no file and no address"),
        ("model: /etc/model", "may name a model, no file and no address"),
        ("model: weights.gguf", "may name a model, no file and no address"),
        ("model: http://example.com/x", "may name a model, no file and no address"),
        ("options: {extra: {num_gpu: 1}}", "may not set extra"),
        ("options: {keepAlive: -1}", "may not set keepAlive"),
        ("model: hf.co/owner/name-GGUF:Q4_K_M", ""),
        ("model: llama3.1:8b\noptions: {temperature: 0}", ""),
    ],
)
def test_what_a_projects_template_may_not_name(start, put, text, said):
    from ollm_plugins.templates.reading import read

    path = put("a", f"template: x\n{text}")
    settings = start().app.settings
    read(path, "a", "user", settings)
    if not said:
        assert read(path, "a", "project", settings).origin == "project"
        return
    with pytest.raises(OllmError, match=f"a.yaml:2: .*{said}"):
        read(path, "a", "project", settings)


def test_what_is_left_empty_says_nothing(start, put):
    put(
        "a",
        "name:\ndescription:\ntemplate: '{x}'\nvariables:\n  - {name: x, default: , description: }\noptions:\nsystem:\n",
    )
    ollm = start()
    assert shelf(ollm).fill("a", {}).prompt == ""
    assert shelf(ollm).fill("a", {}).overrides == Overrides()


@pytest.mark.parametrize(
    ("change", "name", "left"),
    [
        (lambda s: s.set_flag("model.default", "--model", "other"), "model", {"model": None}),
        (lambda s: s.set_session("model.default", "other"), "model", {"model": None}),
        (lambda s: s.set_flag("chat.systemPrompt", "-s", "Mine"), "system", {"system": None}),
        (
            lambda s: s.set_flag("options.temperature", "--temperature", "1"),
            "temperature",
            {"options": GenerationOptions(max_tokens=7)},
        ),
    ],
)
def test_the_users_word_for_this_run_is_stronger(start, put, change, name, left):
    put("go", FILE)
    ollm = start()
    before = shelf(ollm).fill("go", {"code": ""}).overrides
    change(ollm.app.settings)
    after = shelf(ollm).fill("go", {"code": ""}).overrides
    assert after != before
    assert all(getattr(after, key) == value for key, value in left.items())
    assert f"The template 'go' does not set {name}, since" in ollm.stderr.getvalue()


def test_the_users_file_is_weaker_than_a_template(start, put):
    put("go", FILE)
    ollm = start(settings="model: {default: x}\noptions: {temperature: 1.0}\n")
    assert shelf(ollm).fill("go", {"code": ""}).overrides.model == "m:1b"
    assert "does not set" not in ollm.stderr.getvalue()


def test_without_the_room_for_options_they_are_checked_all_the_same(ollm_app, put):
    put("a", "template: x\noptions: {maxTokens: many}")
    put("b", "template: x\noptions: {maxTokens: 5, numCtx: 2048}")
    ollm = ollm_app(Plugin)
    assert "maxTokens" in listed(ollm, "a").problem
    assert shelf(ollm).fill("b", {}).overrides.options == GenerationOptions(max_tokens=5, context_size=2048)


def test_a_model_and_a_profile(start, put):
    put("a", "template: x\nmodel: m\nprofile: code")
    put("b", "template: x\nprofile: code")
    ollm = start()
    assert shelf(ollm).fill("b", {}).overrides.routing_profile == "code"
    assert shelf(ollm).fill("a", {}).overrides.routing_profile is None
    assert "a.yaml:3: model and profile exclude each other" in ollm.run_command("template check a").stdout


def test_a_name_in_the_file_finds_it_as_well(start, put):
    put("b", "name: other\ntemplate: x")
    ollm = start()
    assert shelf(ollm).find("other").name == "b"
    assert "b.yaml:1: it calls itself 'other'" in ollm.run_command("template check b").stdout


def test_lines_in_whatever_style(start, put):
    put("a", 'variables: [a]\nsystem: "{a} {one}"\ntemplate: >\n  {a}\n\n  and\n  {two}\n')
    put("b", "variables: [{name: a, default: x}]\ntemplate: |\n  {a}\n  {a:y}\n  {b}\n")
    said = start().run_command("template check").stdout
    assert "a.yaml:2: {one} is not declared" in said
    assert "a.yaml:7: {two} is not declared" in said
    assert "b.yaml:5: {b} is not declared" in said
    assert "b.yaml:1: a has another default in the text, which holds there: y" in said


def test_those_that_come_with_ollm_are_sound(start):
    service = shelf(start())
    assert len(SHIPPED) == 12
    for template in SHIPPED:
        known = service.find(template.name)
        assert list(known.doubts()) == [], template.name
        assert all(each.description for each in known.variables)
        made = service.fill(template.name, {each.name: "VALUE" for each in known.variables})
        assert made.prompt.count("VALUE") >= len(known.variables)
        assert "{" not in made.prompt


def test_a_folder_that_cannot_be_listed_hides_no_others(start, put, ollm_home, monkeypatch):
    put("go", FILE)
    ollm = start(Brings)

    def refused(path, real=os.scandir):
        if path == ollm_home / "templates":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)  # root may list any folder
    assert "haiku" in ollm.run_command("template list").stdout
    assert "templates cannot be read: Permission denied." in ollm.stderr.getvalue()


def test_too_many_files_are_said(start, put, monkeypatch):
    from ollm_plugins.templates import library as module

    monkeypatch.setattr(module, "MAX_FILES", 2)
    for number in range(4):
        put(f"a{number}", "template: x")
    ollm = start()
    assert len([each for each in shelf(ollm).everything() if each.path]) == 2
    assert "holds more than 2 files; not all are looked at." in ollm.stderr.getvalue()


def test_another_service_in_its_place_is_said(ollm_app):
    class Other(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("other", PromptTemplates, lambda _: object())]

    with pytest.raises(OllmError, match="cannot be reached"):
        library(ollm_app(Other).app.services)


def complete(ollm, kind, typed, *words):
    owned = next(each for each in ollm.app.hub.value_completers() if each.item.name == kind)
    return ollm.app.hub.use(owned, "complete", CompletionContext(ollm.app.context, typed, words))


def test_names_and_variables_are_completed(start, put):
    put("go", FILE)
    put("gone", "template: [")
    ollm = start()
    assert complete(ollm, "template", "go", "template", "show") == [("go", "Review Go")]
    assert complete(ollm, "template-variable", "", "template", "use", "go", "lang=x") == [
        ("code=", "required"),
        ("lost=", ""),
    ]
    assert complete(ollm, "template-variable", "co", "template", "use", "go") == [("code=", "required")]
    assert complete(ollm, "template-variable", "co", "compare", "-t", "go", "--var") == [("code=", "required")]
    assert complete(ollm, "template-variable", "", "template", "use", "nosuch") == []
    assert complete(ollm, "template-variable", "", "template", "use") == []


def test_many_files_are_completed_fast_once_they_were_read(start, put):
    for number in range(60):
        put(f"many{number}", FILE)
    ollm = start()
    assert isinstance(shelf(ollm), Library)
    shelf(ollm).everything()
    started = time.process_time()
    assert len(complete(ollm, "template", "many")) == 60
    assert time.process_time() - started < 0.2


def test_doubts_are_told_as_many_as_people_read(start, put):
    places = " ".join(f"{{place{number}}}" for number in range(9000))
    names = ", ".join(f"name{number}" for number in range(3000))
    path = put("many", f"template: '{places}'\nvariables: [{names}]\n")
    known = shelf(start()).find("many")
    began = time.process_time()
    doubts = list(known.doubts())
    assert time.process_time() - began < 5
    assert [sum(word in doubt for doubt in doubts) for word in ("stays as it is", "but not used")] == [50, 50]
    assert f"{path}: 8950 more are not declared" in doubts
