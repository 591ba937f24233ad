"""The teacher's likeliest pieces at each position of the replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from mime_fast.text.pieces import PieceTokenizer
from mime_fast.training.language_model.conversations import (
    Conversation,
    ConversationBatch,
    LabelledConversation,
    collate,
    fill,
    turn_numbers,
)
from mime_fast.training.language_model.dialogue_model import DialogueModel
from mime_fast.training.precision import fast_products
from mime_fast.training.replies.pairs import UNKNOWN, Pair
from mime_fast.training.state import digest, load_state, save_state

KEPT = 16  # pieces a position; they hold about nine tenths of the probability
TOKENS = 8000  # of a batch of the teacher


@dataclass(frozen=True)
class Taught:
    """The teacher's likeliest pieces at every position of all replies, one after another."""

    ids: Tensor  # (positions, KEPT) int32
    shares: Tensor  # (positions, KEPT) float16; a row sums to 1

    def of(self, first: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids and shares at a batch's real positions, and whether the teacher has them.

        first (batch,): the first position of each reply, or UNKNOWN; real (batch, length) bool.
        """
        offsets = torch.arange(real.shape[1], device=real.device)
        places = (first[:, None] + offsets)[real]
        known = (first != UNKNOWN)[:, None].expand_as(real)[real]
        chosen = torch.where(known, places, 0).cpu()
        ids, shares = self.ids[chosen].long(), self.shares[chosen].float()
        return ids.to(real.device), shares.to(real.device), known


Turns = dict[int, tuple[Tensor, Tensor]]  # by number: (ids, shares), each (positions, KEPT)


@torch.inference_mode()
def record(teacher: DialogueModel, conversations: Sequence[Conversation]) -> list[Turns]:
    """The listener's turns of each conversation; positions are a turn's pieces and its end."""
    order = sorted(range(len(conversations)), key=lambda index: len(conversations[index].ids))
    found: dict[int, Turns] = {}
    batches = fill([conversations[index] for index in order], TOKENS)
    waiting = iter(order)
    device = teacher.emotion.weight.device
    for batch in track(batches, "the teacher reads", console=Console(stderr=True)):
        rows = ConversationBatch(*(tensor.to(device) for tensor in collate(batch)))
        numbers = turn_numbers(rows.tokens)
        spoken = (rows.weights > 0) & (numbers % 2 == 1)
        with fast_products(device):
            ids, shares = _likeliest(teacher, teacher.llama(rows.tokens)[spoken])
        counts = spoken.sum(1).tolist()
        split = (tensor.split(counts) for tensor in (numbers[spoken].cpu(), ids, shares))
        for turns, *tensors in zip(*split, strict=True):
            found[next(waiting)] = {
                turn: (tensors[0][turns == turn], tensors[1][turns == turn])
                for turn in turns.unique().tolist()
            }
    return [found[index] for index in range(len(conversations))]


def _likeliest(teacher: DialogueModel, states: Tensor) -> tuple[Tensor, Tensor]:
    best = teacher.llama.logits(states).float().log_softmax(-1).topk(KEPT)
    shares = best.values.softmax(-1)
    return best.indices.to(torch.int32).cpu(), shares.half().cpu()


def identity(training: Sequence[LabelledConversation], tokenizer: PieceTokenizer) -> str:
    """Changes with the conversations and with the pieces, which the teacher's turns belong to."""
    return digest(training, tokenizer.pieces)


def save_turns(path: Path, recorded: Sequence[Turns], of: str) -> None:
    """Write what `record` returned; of: its identity."""
    found = [
        (number, turn, *tensors)
        for number, turns in enumerate(recorded)
        for turn, tensors in turns.items()
    ]
    places = torch.tensor([(number, turn, len(ids)) for number, turn, ids, _ in found])
    tensors = {
        "places": places.int(),  # (turns, 3): conversation, turn, positions
        "ids": torch.cat([ids for *_, ids, _ in found]),
        "shares": torch.cat([shares for *_, shares in found]),
    }
    save_state(path, {"turns": tensors}, {"of": of})


def load_turns(path: Path, of: str) -> dict[int, Turns]:
    """Read what save_turns wrote, by conversation; ValueError: it is of other data, or damaged."""
    groups, facts = load_state(path)
    if facts.get("of") != of or "turns" not in groups:
        raise ValueError(f"{path} was not recorded of these data; make it: mime-fast record")
    places, ids, shares = (groups["turns"][name] for name in ("places", "ids", "shares"))
    found: dict[int, Turns] = {}
    lengths = places[:, 2].tolist()
    for (number, turn, _), *tensors in zip(
        places.tolist(), ids.split(lengths), shares.split(lengths), strict=True
    ):
        found.setdefault(number, {})[turn] = (tensors[0], tensors[1])
    return found


def teach(
    pairs: Sequence[Sequence[Pair]], recorded: Mapping[int, Turns]
) -> tuple[list[Pair], Taught]:
    """The pairs of each conversation -> all pairs, each with the place of its teacher's pieces.

    recorded: by the conversation's number. A turn that was cut with the end of its conversation,
    or not recorded, teaches nothing.
    """
    ids: list[Tensor] = []
    shares: list[Tensor] = []
    taught, place = [], 0
    for number, conversation in enumerate(pairs):
        for pair in conversation:
            spoken = recorded.get(number, {}).get(pair.turn)
            if spoken is None or len(spoken[0]) != len(pair.reply):
                taught.append(pair)
                continue
            taught.append(replace(pair, taught=place))
            ids.append(spoken[0])
            shares.append(spoken[1])
            place += len(pair.reply)
    return taught, Taught(torch.cat(ids), torch.cat(shares))
