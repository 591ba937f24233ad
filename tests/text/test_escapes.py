"""Escape sequences of terminals are no words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.escapes import strip_escapes


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("i am sad\x1b[D", "i am sad"),
        ("\x1b[A", ""),
        ("\x1bOA\x1b[3~\x1b[1;5C\x1b[24;2~", ""),
        ("\x1b[200~two\nlines\x1b[201~", "two\nlines"),
        ("\x1b[1;31mdog\x1b[0m", "dog"),
        ("\x1b[38;2;1;2;3mdog\x1b[m s", "dog s"),
        ("\x1b]0;a title\x07dog", "dog"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\dog", "dog"),
        ("\x1b]0;without an end", "0;without an end"),
        ("\x1bbdog\x1b(B", "dog"),
        ("dog\x1b", "dog"),
        ("dog\x1b[", "dog"),
        ("a [D b [200~", "a [D b [200~"),
        ("狗\x1b[D \U0001f415", "狗 \U0001f415"),
    ],
)
def test_a_sequence_is_left_out_whole(text: str, left: str) -> None:
    assert strip_escapes(text) == left


@given(text=st.text())
def test_other_text_stays(text: str) -> None:
    plain = text.replace("\x1b", "")
    assert strip_escapes(plain) == plain


@given(text=st.text(alphabet="\x1b[]O;?0123~mDABP\\\x07 狗ab"))
def test_no_escape_is_left(text: str) -> None:
    assert "\x1b" not in strip_escapes(text)
