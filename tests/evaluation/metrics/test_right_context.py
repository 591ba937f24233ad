from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from torch.nn import functional

from mime_fast.evaluation.metrics.right_context import Judge, other_contexts, right_context
from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.training.language_model.conversations import LONGEST, encode_conversation
from mime_fast.training.language_model.dialogue_model import DialogueModel, save_dialogue_model

PIECES = PieceTokenizer(sorted(pre_tokenizers.ByteLevel.alphabet()), [])
CONTEXTS = [
    ["my cat is lost"],
    ["i won", "great", "it was a race"],
    [*["she said no"] * 7],
    ["long " * 60],
]
REPLIES = ["oh no", "how far did you run?", "i am sorry", "!"]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    torch.manual_seed(0)
    shape = LlamaConfig(
        PIECES.vocab_size, hidden_dim=32, num_layers=2, num_heads=2, num_kv_heads=1, filter_dim=48
    )
    folder = tmp_path_factory.mktemp("judge")
    save_dialogue_model(folder, DialogueModel(Llama(shape)), PIECES)
    return Judge(folder)


def slow_cost(judge: Judge, context: list[str], reply: str) -> float:
    """One pair, each position by itself."""
    ids = encode_conversation(PIECES, [*context, reply], -1).ids
    start = len(encode_conversation(PIECES, context, -1).ids) - 1
    total = 0.0
    for place in range(start, len(ids) - 1):
        states = judge.model.llama(torch.tensor([ids[: place + 1]]))
        logits = judge.model.llama.logits(states[0, -1:])
        total += functional.cross_entropy(logits, torch.tensor(ids[place + 1 : place + 2])).item()
    return total


@torch.inference_mode()
def test_a_cost_is_that_of_the_reply_and_its_end(judge: Judge) -> None:
    found = judge.costs(CONTEXTS[:3], REPLIES[:3])
    expected = [slow_cost(judge, *pair) for pair in zip(CONTEXTS[:3], REPLIES[:3], strict=True)]
    assert found == pytest.approx(expected, rel=0.02)  # products may be of bfloat16


def test_a_long_context_loses_its_first_exchanges(judge: Judge) -> None:
    context = ["a word " * 10, "yes", "a word " * 10, "no", "my cat is lost"]
    row = judge._encode(["x" * LONGEST, "and", *context], "oh no")
    assert row.ids == encode_conversation(PIECES, [*context, "oh no"], -1).ids


def test_a_reply_is_compared_with_the_other_context(judge: Judge) -> None:
    others = [1, 2, 0, 1]
    found = right_context(judge, REPLIES, CONTEXTS, others)
    swapped = judge.costs([CONTEXTS[index] for index in others], REPLIES)
    assert found.tolist() == (judge.costs(CONTEXTS, REPLIES) < swapped).tolist()


def test_other_contexts_are_of_the_group_and_of_another_conversation() -> None:
    generator = np.random.default_rng(1)
    groups, conversations = generator.integers(0, 2, 300), generator.integers(0, 150, 300)
    found = np.array(other_contexts(groups, conversations))
    assert (groups[found] == groups).all()
    assert (conversations[found] != conversations).all()
    assert found.tolist() == other_contexts(groups, conversations)


def test_an_example_alone_in_its_group_gets_itself() -> None:
    assert other_contexts(np.array([0, 1, 1]), np.arange(3)) == [0, 2, 1]
