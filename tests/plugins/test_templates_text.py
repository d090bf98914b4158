"""Does a template's text survive, whatever it holds, and do values get where they belong?"""

import json
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ollm_plugins.templates.template import Known
from ollm_plugins.templates.text import Place, candidates, escaped, filled, joined, split

from ollm.api import Template, TemplateVariable, UsageError

NAMES = ("name", "code", "x")
BRACED = st.text(alphabet=st.sampled_from('{}:"\\ \n,nxaé1'), max_size=40)
"""Text that is mostly braces and names."""
LITERAL = st.one_of(
    BRACED, st.text(max_size=20), st.sampled_from(["{x}", "{{x}}", "{{{x}}}", "{x:a b}", "{name", "x}"])
)
PLACES = st.builds(
    Place, st.sampled_from(NAMES), st.one_of(st.none(), st.text(alphabet=st.characters(exclude_characters="{}\n")))
)
SEGMENTS = st.lists(st.one_of(LITERAL, PLACES), max_size=8)


def declared(name, default):
    return name in NAMES


def nothing(name, default):
    return False


def everything(name, default):
    return True


def merged(segments):
    """What `split` gives back: neighbouring texts in one, lines left out."""
    found = []
    for each in segments:
        if isinstance(each, str) and found and isinstance(found[-1], str):
            found[-1] += each
        elif each != "":
            found.append(each if isinstance(each, str) else Place(each.name, each.default))
    return found


def fill(text, is_variable=declared, **values):
    return filled(split(text, is_variable), lambda place: values.get(place.name, place.default))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{x}", "V"),
        ("{x:a: b}", "V"),
        ("{{x}}", "{x}"),
        ("{{x:a b}}", "{x:a b}"),
        ("{{{x}}}", "{V}"),
        ("{{{{x}}}}", "{{x}}"),
        ('{"a": {x}}', '{"a": V}'),
        ("{{x}", "{V"),
        ("{x}}", "V}"),
        ("{x}{x}", "VV"),
        ("{ x }", "{ x }"),
        ("{}", "{}"),
        ("{other}", "{other}"),
        ("{{other}}", "{{other}}"),
        ("{{ x }}", "{{ x }}"),
        (r"\frac{a}{b}", r"\frac{a}{b}"),
        (r"\frac{{a}}{b}", r"\frac{{a}}{b}"),
        ("${x}", "$V"),
        ("{x-y}", "{x-y}"),
        ("{1x}", "{1x}"),
        ("{x:{y}}", "{x:{y}}"),
        ("{x:a\nb}", "{x:a\nb}"),
        ("{x", "{x"),
        ("x}", "x}"),
    ],
)
def test_the_table_of_the_page(text, made):
    assert fill(text, x="V") == made


@given(st.one_of(BRACED, st.text()))
def test_text_without_declared_variables_survives(text):
    assert fill(text, nothing) == text
    assert escaped(text, nothing) == text


@given(st.recursive(st.none() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner)))
def test_json_survives(value):
    text = json.dumps(value, ensure_ascii=False)
    assert fill(text, everything, x="V") == text or re.search(r"\{[^\W\d]\w*[:}]", text)


@given(SEGMENTS)
@example(["{", Place("x"), "}"])
@example(["{{", Place("x"), "}"])
@example(["{x}", Place("x"), "{{x}}"])
def test_what_is_written_is_read_again(segments):
    assert merged(split(joined(segments, declared), declared)) == merged(segments)


@given(LITERAL)
def test_escaped_text_is_no_place(text):
    assert list(split(escaped(text, everything), everything)) == ([text] if text else [])


@given(SEGMENTS, LITERAL)
def test_values_are_inserted_once_and_never_looked_at(segments, value):
    text = joined(segments, declared)
    wanted = "".join(each if isinstance(each, str) else value for each in segments)
    assert filled(split(text, declared), lambda place: value) == wanted


@given(SEGMENTS)
def test_lines_are_those_of_the_text(segments):
    text = joined(segments, declared)
    for each in split(text, declared):
        if isinstance(each, Place):
            assert f"{{{each.name}" in text.split("\n")[each.line - 1]


@pytest.mark.parametrize("unit", ["{", "}", "{x", "{x:", "{{x}", "{x}", "{a{", "{x:a"])
def test_time_is_linear(unit):
    def seconds(count):
        text, started = unit * count, time.process_time()
        split(text, everything)
        list(candidates(text))
        return time.process_time() - started

    assert seconds(200_000) < max(40 * min(seconds(20_000) for _ in range(3)), 0.5)


def known(text, *variables, declares=True, system=None):
    return Known(Template("t", "", text, variables, system), "user", declares)


def test_without_declarations_each_form_of_a_variable_is_one():
    made = known("{a} {b:x} {a:y} {c: code}", declares=False)
    assert [(each.name, each.required, each.default) for each in made.variables] == [
        ("a", False, "y"),
        ("b", False, "x"),
    ]
    assert made.fill({"b": "B"}) == ("y B y {c: code}", None)
    assert [each.name for each in known("{a} {b}", declares=False).lacks({"a": ""})] == ["b"]


def test_an_empty_list_of_variables_declares_that_there_are_none():
    assert known("{a} {b:x}").fill({}) == ("{a} {b:x}", None)


def test_defaults():
    variables = (TemplateVariable("a", default="A: 1"), TemplateVariable("b"), TemplateVariable("c", required=True))
    made = known("{a}|{a:here}|{b}|{c}", *variables, system="{b:S}/{c}")
    assert made.fill({"c": "{a}"}) == ("A: 1|here|S|{a}", "S/{a}")
    with pytest.raises(UsageError, match="needs c"):
        made.fill({"a": "1"})
    with pytest.raises(UsageError, match="no variable 'd'"):
        made.fill({"c": "", "d": "1"})


def test_doubts_name_their_line():
    made = known('ok {a}\n{b} and {"j": 1}\n\\frac{q}{r} ${s} { t }', TemplateVariable("a"), TemplateVariable("zz"))
    assert list(made.doubts()) == [
        "line 2: {b} is not declared, so it stays as it is",
        "the variable zz is declared, but not used",
    ]
