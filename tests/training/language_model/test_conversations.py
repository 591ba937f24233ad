from __future__ import annotations

import torch

from mime_fast.text.pieces import LISTENER, SPEAKER, PieceTokenizer
from mime_fast.text.special import PAD
from mime_fast.training.language_model.conversations import (
    LONGEST,
    SPEAKER_WEIGHT,
    Conversation,
    collate,
    encode_conversation,
    fill,
    shuffled_batches,
    turn_numbers,
)


def rows(*lengths: int) -> list[Conversation]:
    return [Conversation([SPEAKER] * length, number, []) for number, length in enumerate(lengths)]


def test_each_turn_begins_with_its_marker(pieces: PieceTokenizer) -> None:
    found = encode_conversation(pieces, ["hi", "oh no", "yes"], 5)
    turns = pieces.encode(["Hi.", "Oh no.", "Yes."])
    expected = [SPEAKER, *turns[0], LISTENER, *turns[1], SPEAKER, *turns[2], LISTENER]
    assert found.ids == expected


def test_a_long_conversation_loses_its_end(pieces: PieceTokenizer) -> None:
    found = encode_conversation(pieces, ["word " * 300, "yes"], 5)
    assert len(found.ids) == LONGEST + 1
    assert LISTENER not in found.ids


def test_a_listener_s_pieces_and_their_end_weigh_one() -> None:
    batch = collate(
        [
            Conversation([SPEAKER, 9, LISTENER, 8, 7, SPEAKER], 3, []),
            Conversation([SPEAKER, 9, LISTENER], -1, []),
        ]
    )
    low = SPEAKER_WEIGHT
    begun = [SPEAKER, 9, LISTENER]
    assert batch.tokens.tolist() == [[*begun, 8, 7], [*begun, PAD, PAD]]
    assert batch.targets.tolist() == [[*begun[1:], 8, 7, SPEAKER], [*begun[1:], PAD, PAD, PAD]]
    assert batch.weights.tolist() == [[low, low, 1, 1, 1], [low, low, 0, 0, 0]]
    assert turn_numbers(batch.tokens).tolist() == [[0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert torch.equal(batch.emotion, torch.tensor([3, -1]))


def test_batches_hold_every_conversation_once_and_no_more_ids_than_asked() -> None:
    conversations = rows(*range(2, 40), 500)
    batches = shuffled_batches(conversations, 60, seed=1)
    numbers = sorted(row.emotion for batch in batches for row in batch)
    assert numbers == list(range(39))
    assert all(len(b) == 1 or len(b) * max(len(c.ids) for c in b) <= 60 for b in batches)
    assert batches == shuffled_batches(conversations, 60, seed=1)
    assert batches != shuffled_batches(conversations, 60, seed=2)


def test_a_conversation_longer_than_a_batch_is_a_batch() -> None:
    assert [len(batch) for batch in fill(rows(3, 3, 90), 10)] == [2, 1]
