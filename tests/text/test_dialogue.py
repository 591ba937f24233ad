"""Turns to ids: speakers, and what is cut when there is no room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.tokenizer import CLS, SYS, UNK, USR, Tokenizer

WORDS = ["a", "b", "c", "d", "e"]
A, B, C, D, E = range(7, 12)

TURNS = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=7
).filter(lambda turns: len(turns) % 2 == 1)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_words(WORDS)


def test_one_turn(tokenizer: Tokenizer) -> None:
    dialogue = encode_dialogue(tokenizer, ["a b, z"], 10)
    assert dialogue.tokens == [CLS, A, B, UNK, UNK]
    assert dialogue.speakers == [CLS, USR, USR, USR, USR]
    assert (dialogue.dropped_turns, dialogue.dropped_words) == (0, 0)


def test_turns_alternate_between_the_speakers(tokenizer: Tokenizer) -> None:
    dialogue = encode_dialogue(tokenizer, ["a b", "c", "d e"], 10)
    assert dialogue.tokens == [CLS, A, B, C, D, E]
    assert dialogue.speakers == [CLS, USR, USR, SYS, USR, USR]


@pytest.mark.parametrize(
    ("positions", "tokens", "speakers", "turns", "words"),
    [
        (6, [A, B, C, D, E], [USR, USR, SYS, USR, USR], 0, 0),
        (5, [C, D, E], [SYS, USR, USR], 1, 0),
        (4, [C, D, E], [SYS, USR, USR], 1, 0),
        (3, [D, E], [USR, USR], 2, 0),
        (2, [E], [USR], 2, 1),
    ],
)
def test_the_oldest_turns_are_dropped_as_a_whole(
    tokenizer: Tokenizer,
    positions: int,
    tokens: list[int],
    speakers: list[int],
    turns: int,
    words: int,
) -> None:
    dialogue = encode_dialogue(tokenizer, ["a b", "c", "d e"], positions)
    assert dialogue.tokens == [CLS, *tokens]
    assert dialogue.speakers == [CLS, *speakers]
    assert (dialogue.dropped_turns, dialogue.dropped_words) == (turns, words)


def test_of_a_turn_that_is_too_long_the_latest_words_stay(tokenizer: Tokenizer) -> None:
    dialogue = encode_dialogue(tokenizer, ["a b c d e"], 4)
    assert dialogue.tokens == [CLS, C, D, E]
    assert (dialogue.dropped_turns, dialogue.dropped_words) == (0, 2)


def test_a_short_old_turn_is_not_kept_behind_a_gap(tokenizer: Tokenizer) -> None:
    dialogue = encode_dialogue(tokenizer, ["a", "b b b b b b", "c"], 4)
    assert dialogue.tokens == [CLS, C]
    assert dialogue.dropped_turns == 2


@pytest.mark.parametrize(
    ("turns", "positions", "tokens"),
    [
        (["a", "b", "c d"], 9, 2),
        (["a b c d e"], 4, 3),
        (["a", "\x07", "b"], 9, 1),
        (["\x07"], 9, 0),
    ],
)
def test_the_tokens_of_the_last_turn_are_counted(
    tokenizer: Tokenizer, turns: list[str], positions: int, tokens: int
) -> None:
    assert encode_dialogue(tokenizer, turns, positions).last_turn == tokens


def test_a_turn_without_words_takes_no_room(tokenizer: Tokenizer) -> None:
    dialogue = encode_dialogue(tokenizer, ["a", "\x07", "b"], 3)
    assert dialogue.tokens == [CLS, A, B]
    assert dialogue.speakers == [CLS, USR, USR]
    assert dialogue.dropped_turns == 0


@given(turns=TURNS, positions=st.integers(2, 40))
def test_the_latest_words_are_kept_and_the_cut_is_counted(
    tokenizer: Tokenizer, turns: list[str], positions: int
) -> None:
    dialogue = encode_dialogue(tokenizer, turns, positions)
    encoded = [tokenizer.encode(turn) for turn in turns]
    left = encoded[dialogue.dropped_turns :]
    spoken = [
        (token, (USR, SYS)[index % 2])
        for index, ids in enumerate(encoded)
        if index >= dialogue.dropped_turns
        for token in ids
    ][dialogue.dropped_words :]
    assert list(zip(dialogue.tokens, dialogue.speakers, strict=True)) == [(CLS, CLS), *spoken]
    assert len(dialogue.tokens) <= positions
    assert not dialogue.dropped_words or len(left) == 1
    if dialogue.dropped_turns:  # one turn more would not have fitted
        more = encoded[dialogue.dropped_turns - 1]
        assert 1 + sum(map(len, left)) + len(more) > positions
