"""Can a rule be fooled? Each trick has a test that fails without its guard."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ollm.api import Tool, ToolPreview
from ollm_plugins.permissions.globs import covered
from ollm_plugins.permissions.judging import Situation, judged
from ollm_plugins.permissions.rules import Subject, mistake, speaks_of
from ollm_plugins.permissions.settings import Rule
from ollm_plugins.permissions.shell_words import begins, hides, holds, plain_words

GIT_STATUS = ("git", "status")


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "home" / "work"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "command", ["git status", "  git   status -s", "git\tstatus", "'git' \"status\"", "git status\n"]
)
def test_an_allow_covers_a_command_that_begins_so(command):
    assert begins(command, GIT_STATUS)


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf ~",
        "git status;rm",
        "git status && x",
        "git status || x",
        "git status & x",
        "git status | sh",
        "git status |& sh",
        "git status > ~/.bashrc",
        "git status >> x",
        "git status < x",
        "git status <<< x",
        "git status $(rm x)",
        'git status "$(rm x)"',
        "git status `rm x`",
        'git status "`rm x`"',
        "git status $HOME",
        "git status ${X}",
        "git status\nrm x",
        "git status\r\nrm x",
        "git status \\\n; rm",
        "git status 'a\nb'",
        "git status <(rm x)",
        "(git status)",
        "{ git status; }",
        "git {status,push}",
        "git status 'open",
        'git status "open',
        "git status \\; rm",
        "git status \0 rm",
        "X=1 git status",
        "sudo git status",
        "/tmp/git status",
        "./git status",
        "git -c alias.status=!rm status",
        "gitstatus",
        "git statusx",
        "git\u00a0status",
        "git push status",
        "GIT status",
        "gi? status",
        "! git status",
        "",
    ],
)
def test_an_allow_does_not_cover_what_only_looks_so(command):
    assert not begins(command, GIT_STATUS)


def test_an_empty_prefix_covers_nothing():
    assert not begins("rm -rf ~", ())


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="bash is the oracle")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="ab \t'\";&|<>(){}$`\\\n\r*?[]#!=%,-", max_size=12).filter(lambda text: "\0" not in text))
def test_bash_reads_the_same_words(tail):
    words = plain_words(f"x {tail}")
    if words is None:
        return
    script = f"set -f; x() {{ printf '%s\\0' x \"$@\"; }}; x {tail}"
    done = subprocess.run([BASH, "-c", script], capture_output=True, cwd="/", timeout=20, check=False)
    seen = done.stdout.decode().split("\0")[:-1]
    assert seen == list(words[: len(seen)]), "nothing but x was run, with these words"
    assert len(seen) == len(words) or words[len(seen)].startswith("#"), (
        "a comment is the one thing that bash leaves out"
    )


@pytest.mark.parametrize(
    "command",
    [
        "rm x",
        "ls; rm x",
        "ls && rm x",
        "ls | xargs rm",
        "$(rm x)",
        "`rm x`",
        "ls\nrm x",
        "/bin/rm x",
        "../../bin/rm x",
        "'rm' x",
        "r''m x",
        'r"m" x',
        "r\\m x",
        "r\\\nm x",
        "\\rm x",
        "sudo -u root rm x",
        "X=1 rm x",
        "sh -c 'rm x'",
        "sh -c 'ls;rm x'",
        "find . -exec rm {} +",
        "{rm,-rf,x}",
        "ls>rm",
        "RM x",
    ],
)
def test_a_deny_is_found_in_any_part(command):
    assert holds(command, ("rm",))


@pytest.mark.parametrize("command", ["ls", "rmdir x", "git rm-x", "alarm x", "echo farm"])
def test_a_deny_is_not_found_where_it_is_not(command):
    assert not holds(command, ("rm",))


@pytest.mark.parametrize("command", ["git push", "git -C x --no-pager push", "cd x && git push", 'sh -c "git push"'])
def test_the_words_of_a_deny_may_stand_apart(command):
    assert holds(command, ("git", "push"))


@pytest.mark.parametrize(
    "command",
    ["docker run --net=host", "dd if=/dev/zero of=x", 'git commit -m "a b"', "chmod a,b x", "git push --force=x"],
)
def test_a_deny_is_found_whatever_stands_in_its_words(command):
    wanted = plain_words(command)
    assert holds(command, wanted)
    assert holds(f"cd x && sudo {command} more", wanted)


@pytest.mark.parametrize("command", ["git status; echo push", "push git", "git"])
def test_but_in_one_part_and_in_order(command):
    assert not holds(command, ("git", "push"))


@pytest.mark.parametrize(
    "command",
    ["$X x", "a`b`", "r$()m x", "echo cm0gLXJm | base64 -d | sh", "/usr/bin/python3 -c x", "eval x", "/bin/r? x"],
)
def test_what_may_hide_something_is_known(command):
    assert hides(command)


def test_plain_commands_hide_nothing():
    assert not any(map(hides, ("ls *.py", "git log --oneline", "make test", "grep -r 'a b' src")))


@pytest.mark.parametrize(
    ("pattern", "path", "is_covered"),
    [
        ("src", "src/a/b", True),
        ("src/", "src", True),
        ("src", "srcs/a", False),
        ("src/*", "src/a", True),
        ("src/*", "src/a/b", False),
        ("src/**", "src/a/b", True),
        ("src/**", "src", True),
        ("src/**/*.py", "src/x.py", True),
        ("src/**/*.py", "src/a/b/x.py", True),
        ("src/**/*.py", "src/a/b/x.pyc", False),
        ("**/secrets/**", "a/secrets/b", True),
        ("**/secrets/**", "secrets", True),
        ("**/secrets/**", "a/secretsx/b", False),
        ("**/.env", "a/b/.env", True),
        ("*.py", "a.py", True),
        ("*.py", "a/a.py", False),
        (".", "a/b", True),
    ],
)
def test_a_pattern_covers_paths(work, pattern, path, is_covered):
    assert covered(str(work / path), pattern, work, any_case=False) is is_covered


def test_the_home_folder_may_be_a_tilde(work, monkeypatch):
    monkeypatch.setenv("HOME", str(work.parent))
    assert covered(str(work.parent / "notes" / "x"), "~/notes", work, any_case=False)
    assert not covered(str(work / "notes"), "~/notes", work, any_case=False)


def rule(**parts):
    made = Rule(**parts)
    assert mistake(made) == ""
    return made


def speaks(made, path, folder, tool="write_it"):
    return speaks_of(made, tool, Subject("path", str(path)), folder)


def test_a_link_does_not_lead_out_of_what_is_allowed(work):
    (work / "src").mkdir()
    outside = work.parent / "outside"
    outside.mkdir()
    (work / "src" / "link").symlink_to(outside)
    allowed = rule(allow="write_it", path="src/**")
    assert speaks(allowed, work / "src" / "new", work)
    assert not speaks(allowed, work / "src" / "link" / "x", work)
    assert not speaks(allowed, f"{work}/src/../../outside/x", work)


def test_a_link_does_not_lead_around_what_is_denied(work):
    (work / "secrets").mkdir()
    (work / "harmless").symlink_to(work / "secrets")
    assert speaks(rule(deny="*", path="secrets"), work / "harmless" / "x", work)
    assert speaks(rule(deny="*", path="harmless"), work / "secrets" / "x", work), "the rule's own link is followed"


def test_only_an_allow_tells_upper_from_lower_case(work):
    assert speaks(rule(deny="*", path="secrets"), work / "SECRETS" / "x", work)
    assert not speaks(rule(allow="*", path="secrets"), work / "SECRETS" / "x", work)


@pytest.mark.parametrize(
    ("host", "given", "is_covered"),
    [
        ("*.python.org", "docs.python.org", True),
        ("*.python.org", "docs.python.org:8443", True),
        ("*.python.org", "https://user:pw@docs.python.org/x", True),
        ("*.python.org", "DOCS.Python.ORG.", True),
        ("*.python.org", "python.org", False),
        ("*.python.org", "evilpython.org", False),
        ("*.python.org", "docs.python.org.evil.com", False),
        ("*.python.org", "https://docs.python.org@evil.com/", False),
        ("python.org", "python.org", True),
        ("python.org", "evil.com/python.org", False),
    ],
)
def test_hosts(work, host, given, is_covered):
    tool = Tool("fetch", "", {"type": "object"}, "x:y", "network")
    situation = Situation("ask", (rule(allow="fetch", host=host),), work, work.parent)
    verdict = judged(situation, tool, ToolPreview("x", "url", given))
    assert verdict.action == ("allow" if is_covered else "ask")


@pytest.mark.parametrize(("action", "mode"), [("ask", "ask"), ("ask", "auto"), ("deny", "auto"), ("deny", "yolo")])
@pytest.mark.parametrize(
    ("host", "given"),
    [("*.python.org", "python.org"), ("python.org", "www.python.org"), ("www.python.org", "python.org")],
)
def test_a_host_that_may_lead_to_one_that_is_named_is_asked_about(work, host, given, action, mode):
    tool = Tool("fetch", "", {"type": "object"}, "x:y", "network")
    rules = (rule(**{action: "fetch"}, host=host), rule(allow="fetch"))
    verdict = judged(Situation(mode, rules, work, work.parent), tool, ToolPreview("x", "url", given))
    assert (verdict.action, "it may concern" in verdict.why) == ("ask", True)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "give one of"),
        ({"path": "x"}, "give one of"),
        ({"allow": "x", "deny": "y"}, "give one of"),
        ({"allow": "x", "path": "a", "host": "b"}, "only one of"),
        ({"allow": "x", "command": "git status; rm"}, "first words"),
        ({"allow": "x", "command": "git *"}, "first words"),
        ({"allow": "x", "command": " "}, "first words"),
        ({"allow": "x", "command": "'open"}, "first words"),
        ({"deny": "x", "exactly": "rm x"}, "is for allow"),
        ({"allow": "x", "exactly": " "}, "is for allow"),
        ({"allow": "x", "exactly": "a", "command": "a"}, "only one of"),
        ({"allow": "x", "host": "https://a.b"}, "without scheme"),
        ({"deny": "x", "host": "b\u00fccher.example"}, "xn--bcher-kva.example"),
        ({"allow": "x", "path": "a/../b"}, "without .."),
        ({"allow": "x", "path": "~other/b"}, "begins with ~/"),
    ],
)
def test_mistakes(parts, said):
    assert said in mistake(Rule(**parts))


def judge(work, mode, *rules, tool="read_it", risk="read", folder=None, **preview):
    made = Tool(tool, "", {"type": "object"}, "x:y", risk)
    looked = ToolPreview(preview.pop("text", "x"), **preview) if preview else None
    return judged(Situation(mode, rules, folder or work, work.parent), made, looked)


def test_the_modes(work):
    inside, outside = {"subject": str(work / "x")}, {"subject": str(work.parent / "x")}
    assert judge(work, "ask", **inside).action == "ask"
    assert judge(work, "auto", **inside).action == "allow"
    assert judge(work, "auto", **inside, risk="write").action == "ask"
    assert judge(work, "auto", **outside).action == "ask"
    assert judge(work, "auto").action == "ask", "nobody knows where a tool reads that does not say it"
    assert judge(work, "auto", **inside, careful="it may hold secrets").why == "it may hold secrets"
    assert judge(work, "auto", subject="ls", form="command").action == "ask"
    assert judge(work, "auto", subject=str(work / "x"), folder=work.parents[2]).action == "ask", "that is no workspace"
    for risk in ("read", "write", "execute", "network"):
        assert judge(work, "yolo", **outside, risk=risk, careful="x").action == "allow"


def test_a_link_out_of_the_workspace_is_asked_about(work):
    (work / "link").symlink_to(work.parent)
    assert judge(work, "auto", subject=str(work / "link" / "x")).action == "ask"


def test_deny_beats_ask_beats_allow_in_any_order(work):
    found = {"subject": str(work / "x")}
    allow, ask, deny = rule(allow="*"), rule(ask="read_*"), rule(deny="read_it", path="**/x")
    assert judge(work, "ask", deny, ask, allow, **found).action == "deny"
    assert judge(work, "yolo", allow, deny, **found).action == "deny"
    assert judge(work, "auto", ask, allow, **found).action == "ask"
    assert judge(work, "yolo", ask, **found).action == "allow"
    assert judge(work, "ask", allow, **found).action == "allow"


def test_what_a_tool_warns_of_needs_a_rule_that_names_just_it(work):
    found = {"subject": str(work / ".env"), "careful": "it may hold secrets"}
    assert judge(work, "ask", rule(allow="*"), **found).action == "ask"
    assert judge(work, "ask", rule(allow="read_it", path="."), **found).action == "ask"
    assert judge(work, "ask", rule(allow="read_it", path="*"), **found).action == "ask"
    assert judge(work, "ask", rule(allow="read_it", path=".env"), **found).action == "allow"
    shell = {"tool": "shell", "risk": "execute", "form": "command", "careful": "it deletes"}
    clean = rule(allow="shell", command="rm -r build")
    assert judge(work, "ask", clean, **shell, subject="rm -r build").action == "allow"
    assert judge(work, "ask", clean, **shell, subject="rm -r build src").action == "ask"


def test_a_command_that_may_hide_what_is_denied_is_asked_about_even_in_yolo(work):
    shell = {"tool": "shell", "risk": "execute", "form": "command"}
    rules = (rule(allow="shell"), rule(deny="shell", command="rm"))
    for mode in ("ask", "yolo"):
        assert judge(work, mode, *rules, **shell, subject="r$()m x").action == "ask"
        assert judge(work, mode, *rules, **shell, subject="make").action == "allow"
        assert judge(work, mode, *rules, **shell, subject="cd / && rm x").action == "deny"


def test_yolo_runs_what_is_only_asked_about_and_what_may_be_that(work):
    shell = {"tool": "shell", "risk": "execute", "form": "command"}
    asked = rule(ask="shell", command="git push")
    for subject in ("git push", "echo $X"):
        assert judge(work, "yolo", asked, **shell, subject=subject).action == "allow"
        assert judge(work, "ask", asked, rule(allow="shell"), **shell, subject=subject).action == "ask"


@pytest.mark.parametrize("pattern", ["**/secrets/**", "secrets", "**/*.KEY", "secrets/a.key"])
def test_a_search_in_a_folder_above_what_is_denied_is_asked_about_even_in_yolo(work, pattern):
    denied = rule(deny="*", path=pattern)
    assert judge(work, "yolo", denied, subject=str(work)).action == "allow"
    (work / "secrets").mkdir()
    (work / "secrets" / "a.key").touch()
    (work / "src").mkdir()
    for mode in ("auto", "yolo"):
        assert judge(work, mode, rule(allow="*"), denied, subject=str(work)).action == "ask"
        assert judge(work, mode, denied, subject=str(work / "src")).action == "allow"
    (work / "src" / "link").symlink_to(work / "secrets" / "a.key")
    assert judge(work, "yolo", denied, subject=str(work / "src")).action == "ask"


def test_a_folder_that_is_too_large_to_look_through_is_asked_about(work, monkeypatch):
    monkeypatch.setattr("ollm_plugins.permissions.globs.MOST", 3)
    denied = rule(deny="*", path="**/secrets/**")
    for name in "abc":
        (work / name).touch()
    assert judge(work, "yolo", denied, subject=str(work)).action == "allow"
    (work / "d").touch()
    assert judge(work, "yolo", denied, subject=str(work)).action == "ask"


def test_a_rule_for_paths_does_not_speak_of_commands(work):
    shell = {"tool": "shell", "risk": "execute", "form": "command"}
    assert judge(work, "ask", rule(allow="*", path="**"), **shell, subject="/bin/rm").action == "ask"
