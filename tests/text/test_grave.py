"""Grave messages and cheerful replies."""

import pytest

from mime_fast.text.grave.finder import CAREFUL_REPLIES, careful_replies, is_cheerful, is_grave
from mime_fast.text.message import check_turns


@pytest.mark.parametrize(
    "text",
    [
        "My grandmother died last week.",
        "we LOST the BABY on monday",
        "I was diagnosed with cancer",
        "she didn\u2019t wake up",
        "the house burned down and we got out with nothing",
        "he hits me when he drinks",
        "my f\u200buneral",
    ],
)
def test_a_grave_message_is_found(text: str) -> None:
    assert is_grave([text])
    assert is_grave(["I am fine.", "That is great!", text])
    assert is_grave([text, "Oh.", "thanks for asking"])


@pytest.mark.parametrize(
    "text",
    ["I got the job!", "My diet is going well", "We won the match and danced all night.", "hi"],
)
def test_other_messages_are_not(text: str) -> None:
    assert not is_grave([text])
    assert not is_grave([text, "Your dog died?", text])  # the listener's turn is not read


@pytest.mark.parametrize(
    "reply", ["That is awesome!", "Congratulations!", "I am glad for you.", "Haha, lol", "GREAT!"]
)
def test_a_cheerful_reply_is_found(reply: str) -> None:
    assert is_cheerful(reply)


@pytest.mark.parametrize(
    "reply", ["I am so sorry.", "Oh no! What happened?", "That is greatly sad"]
)
def test_a_careful_one_is_none(reply: str) -> None:
    assert not is_cheerful(reply)


def test_the_fixed_replies_are_careful() -> None:
    drawn = {careful_replies(seed, 1)[0] for seed in range(100)}
    assert drawn == set(careful_replies(0, 6)) == set(CAREFUL_REPLIES)
    assert len(careful_replies(0, 9)) == 9
    assert careful_replies(0, 0) == []
    for text in CAREFUL_REPLIES:
        assert not is_cheerful(text)
        check_turns(text)
    assert careful_replies(7, 2) == careful_replies(7, 2)
