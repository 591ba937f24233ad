from __future__ import annotations

import torch
from tokenizers import pre_tokenizers

from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.special import CLS, EOS, PAD, SOS, SYS, USR
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer
from mime_fast.training.replies.pairs import (
    LONGEST_REPLY,
    UNKNOWN,
    Pair,
    PairEncoder,
    collate,
    fill,
    shuffled_batches,
)

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
LETTERS = [*"abcdefghijklmnopqrstuvwxyz.", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
TURNS = ["my cat", "oh no", "yes", "so sad"]


def encoder() -> PairEncoder:
    tokenizer = SubwordTokenizer(WordPieceTokenizer(LETTERS), PieceTokenizer(BYTES, []))
    return PairEncoder(tokenizer)


def pair(context: int, reply: int) -> Pair:
    return Pair([2] * context, [0] * context, [5] * reply)


def test_each_listener_turn_is_a_pair() -> None:
    first, second = encoder().pairs(TURNS, 5)
    assert first.reply == [*PieceTokenizer(BYTES, []).encode(["Oh no."])[0], EOS]
    assert (first.turn, second.turn, second.emotion) == (1, 3, 5)
    assert (first.words, second.words) == (3, 3)
    assert len(second.tokens) > len(first.tokens)
    assert second.speakers[-1] == USR


def test_every_turn_may_be_learned_and_the_last_turn_read_is_the_speaker_s() -> None:
    found = encoder().pairs(TURNS, turns=slice(1, None))
    assert [p.turn for p in found] == [1, 2, 3]
    assert all(p.speakers[-1] == USR for p in found)
    assert found[1].speakers[1] == SYS
    assert found[0].emotion == UNKNOWN


def test_replies_without_words_and_over_long_ones_are_left_out() -> None:
    assert encoder().pairs(["my cat", "", "yes", "o" * LONGEST_REPLY]) == []


def test_a_batch_is_padded_and_the_decoder_reads_one_behind() -> None:
    batch = collate(
        [
            Pair([CLS, 9, 3], [CLS, USR, USR], [8, 9, EOS], 4),
            Pair([CLS, 3], [CLS, USR], [7, EOS]),
        ]
    )
    assert batch.tokens.tolist() == [[CLS, 9, 3], [CLS, 3, PAD]]
    assert batch.real.tolist() == [[True, True, True], [True, True, False]]
    assert batch.reply.tolist() == [[8, 9, EOS], [7, EOS, PAD]]
    assert batch.decoder_input.tolist() == [[SOS, 8, 9], [SOS, 7, EOS]]
    assert batch.emotion.tolist() == [4, UNKNOWN]


def test_batches_hold_every_pair_once_and_no_more_positions_than_asked() -> None:
    pairs = [pair(3 + n % 7, 2 + n % 5) for n in range(60)]
    pairs = [Pair(p.tokens, p.speakers, p.reply, number) for number, p in enumerate(pairs)]
    batches = shuffled_batches(pairs, 80, seed=3)
    assert sorted(p.emotion for batch in batches for p in batch) == list(range(60))
    for batch in batches:
        padded = collate(batch)
        assert padded.tokens.numel() + padded.reply.numel() <= 80
    assert batches == shuffled_batches(pairs, 80, seed=3)


def test_a_pair_larger_than_a_batch_is_one() -> None:
    assert [len(batch) for batch in fill([pair(3, 3), pair(50, 9)], 20)] == [1, 1]
    assert torch.equal(collate([pair(2, 2)]).intent, torch.tensor([UNKNOWN]))
