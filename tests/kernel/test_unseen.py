"""Are characters that cannot be seen told from those that can?"""

import pytest

from ollm.unseen import hidden, is_unseen, revealed


@pytest.mark.parametrize("character", "aZ9 -_é漢字あ한🙂\n\t\x1b\u0301")
def test_what_can_be_seen_or_is_shown_elsewhere(character):
    assert not is_unseen(character)


@pytest.mark.parametrize(
    "code",
    [0xA0, 0xAD, 0x34F, 0x115F, 0x180C, 0x200B, 0x200D, 0x202E, 0x2028, 0x2066, 0x2800, 0x3000, 0x3164, 0xFE0F, 0xFEFF]
    + [0xE0041, 0xE0100, 0xE01EF],
)
def test_what_cannot(code):
    assert is_unseen(chr(code))


def test_what_is_hidden_is_revealed_and_what_is_meant_stays():
    text = "a\u200bb\u00a0c\u3000 \U0001f469\u200d\U0001f4bb \u2764\ufe0f \U000e0041"
    assert hidden(text) == {"\u200b", "\U000e0041"}
    assert revealed(text) == "a\\u{200b}b\u00a0c\u3000 \U0001f469\u200d\U0001f4bb \u2764\ufe0f \\u{e0041}"
    assert (hidden("plain"), revealed("plain")) == (set(), "plain")
