from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.tidy import tidy


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("i lost my dog .  im so sad", "I lost my dog. I'm so sad."),
        ("I\u2019m fine", "I'm fine."),
        ("dont worry, i wont", "Don't worry, I won't."),
        ("well... i guess", "Well... I guess."),
        ("it was 3.5 miles i think", "It was 3.5 miles I think."),
        ("he left.Then she left", "He left. Then she left."),
        ("the U.S.A is big!", "The U.S.A is big!"),
        ("he said, i.e. nothing", "He said, i.e. Nothing."),
        ("Thats great!!", "That's great!!"),
        ("what?? really", "What?? Really."),
        ("\u0131m ok, \u0130m ok, that\u017f ok", "\u0131m ok, \u0130m ok, that\u017f ok."),
        ("   ", ""),
    ],
)
def test_a_turn_is_written_as_an_editor_would(written: str, expected: str) -> None:
    assert tidy(written) == expected


@given(st.text())
def test_tidying_twice_changes_nothing(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
