"""Does a reply belong to its context? A language model finds it likelier there than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mime_fast.evaluation.metrics.bootstrap import Array
from mime_fast.training.language_model.conversations import (
    LONGEST,
    Conversation,
    collate,
    encode_conversation,
    fill,
    turn_numbers,
)
from mime_fast.training.language_model.dialogue_model import load_dialogue_model
from mime_fast.training.precision import fast_products
from mime_fast.training.replies.pairs import UNKNOWN

JUDGED = 1000  # examples, the first ones
TOKENS = 6000  # of a batch


class Judge:
    """A language model that `mime-fast finetune` made."""

    def __init__(self, folder: Path) -> None:
        """Raise FileNotFoundError where the folder holds none, ValueError where it is damaged."""
        self.model, self.tokenizer = load_dialogue_model(folder)

    def costs(self, contexts: Sequence[Sequence[str]], replies: Sequence[str]) -> Array:
        """Nats of each reply, and its end, after its context (pairs,)."""
        rows = [
            self._encode(context, reply) for context, reply in zip(contexts, replies, strict=True)
        ]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index].ids))
        found = np.zeros(len(rows))
        waiting = iter(order)
        for batch in fill([rows[index] for index in order], TOKENS):
            for cost in self._costs(batch):
                found[next(waiting)] = cost
        return found

    def _encode(self, context: Sequence[str], reply: str) -> Conversation:
        """Without its first exchanges where the whole is too long."""
        row = encode_conversation(self.tokenizer, [*context, reply], UNKNOWN)
        if len(row.ids) <= LONGEST or len(context) < 3:
            return row
        return self._encode(context[2:], reply)

    @torch.inference_mode()
    def _costs(self, batch: list[Conversation]) -> list[float]:
        rows = collate(batch)
        numbers = torch.where(rows.weights > 0, turn_numbers(rows.tokens), UNKNOWN)
        reply = numbers == numbers.amax(1, keepdim=True)
        with fast_products(torch.device("cpu")):
            logits = self.model.llama.logits(self.model.llama(rows.tokens)[reply])
        costs = functional.cross_entropy(logits.float(), rows.targets[reply], reduction="none")
        return [part.sum().item() for part in costs.split(reply.sum(1).tolist())]


def right_context(
    judge: Judge,
    replies: Sequence[str],
    contexts: Sequence[Sequence[str]],
    others: Sequence[int],
) -> Array:
    """1 where a reply is likelier after its context than after the other one, else 0 (examples,).

    others: the example whose context is the other one, as `other_contexts` chooses it. Examples
    after the first JUDGED are NaN.
    """
    judged = range(min(JUDGED, len(replies)))
    texts = [replies[index] for index in judged]
    own = judge.costs([contexts[index] for index in judged], texts)
    other = judge.costs([contexts[others[index]] for index in judged], texts)
    found = np.full(len(replies), np.nan)
    found[: len(judged)] = own < other
    return found


def other_contexts(groups: NDArray[Any], conversations: NDArray[Any]) -> list[int]:
    """Choose for each example another one of its group and of another conversation, (examples,).

    The choice is the same every time. An example that is alone in its group gets itself.
    """
    generator = np.random.default_rng(0)
    found = np.arange(len(groups))
    for group in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == group))
        for shift in range(1, len(members)):
            same = conversations[found[members]] == conversations[members]
            if not same.any():
                break
            found[members[same]] = np.roll(members, shift)[same]
    return [int(index) for index in found]
