"""Are a small model's arguments taken for what they mean, and anything else refused with its place?"""

import pytest
from msgspec import Struct, field

from ollm.arguments import understood
from ollm.errors import UsageError


class Wish(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    path: str
    max_lines: int | None = None
    deep: bool = False
    names: list[str] = field(default_factory=list)


def test_numbers_written_as_texts_and_null_are_understood():
    given = {"path": "a", "maxLines": "12", "deep": "true", "names": None}
    assert understood(given, Wish) == Wish("a", 12, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "missing required field `path`"), ({"path": 3}, r"\$.path"), ({"path": "a", "maxLines": "many"}, r"maxLines")]
    + [({"path": "a", "rm": "x"}, "unknown field `rm`"), ({"path": None}, "`path`")],
)
def test_what_does_not_fit_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        understood(given, Wish)


@pytest.mark.parametrize("given", [{"path": "a", "maxLines": "\ud800"}, {"path": "a", "\ud800": 1}])
def test_half_a_character_is_the_models_mistake(given):
    with pytest.raises(UsageError, match="half a character"):
        understood(given, Wish)
