"""The emotions and their groups, and the names that the package offers."""

import pytest

import mime_fast
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE, emotion_id, polarity


def test_every_emotion_is_in_one_group() -> None:
    assert sorted(POSITIVE + NEGATIVE) == list(range(32))
    assert len(set(EMOTIONS)) == 32
    assert (len(POSITIVE), len(NEGATIVE)) == (13, 19)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("joyful", "positive"),
        ("caring", "positive"),
        ("surprised", "positive"),
        ("sad", "negative"),
        ("apprehensive", "negative"),
        ("anticipating", "negative"),
    ],
)
def test_an_emotion_has_a_number_and_a_group(name: str, group: str) -> None:
    assert EMOTIONS[emotion_id(name)] == name
    assert polarity(emotion_id(name)) == group


def test_an_unknown_emotion_lists_all_32() -> None:
    with pytest.raises(ValueError, match="unknown emotion 'happy'") as caught:
        emotion_id("happy")
    assert all(name in str(caught.value) for name in EMOTIONS)


def test_the_package_offers_what_it_lists() -> None:
    for name in mime_fast.__all__:
        assert getattr(mime_fast, name) is not None
    with pytest.raises(AttributeError, match="module 'mime_fast' has no attribute 'Generators'"):
        _ = mime_fast.Generators
