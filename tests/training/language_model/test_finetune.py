from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from mime_fast.text.pieces import LISTENER, SPEAKER, PieceTokenizer
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.training.config import FinetuneConfig
from mime_fast.training.language_model.conversations import LabelledConversation
from mime_fast.training.language_model.dialogue_model import DialogueModel
from mime_fast.training.language_model.finetune import Finetune, sum_turns
from mime_fast.training.stage import StageRun

TALK = [
    LabelledConversation(["my cat is lost", "oh no, not the cat"], 5),
    LabelledConversation(["i won a million", "what luck, enjoy the million"], 16),
]
CONFIG = FinetuneConfig(
    epochs=40, tokens=60, learning_rate=1e-2, warmup_steps=4, validate_every=40, min_count=1
)


class Silent:
    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        assert 0 < step <= total
        assert all(math.isfinite(value) for value in losses.values())

    def validation(self, step: int, figures: dict[str, float]) -> None:
        assert figures["step"] == step


@pytest.fixture
def stage(dialogue_model: DialogueModel, pieces: PieceTokenizer) -> Finetune:
    words = Tokenizer.from_words([])
    return Finetune(dialogue_model, pieces, TALK, TALK, CONFIG, words)


def test_it_learns_the_replies_and_the_emotions(stage: Finetune, tmp_path: Path) -> None:
    with torch.inference_mode():
        before = stage.validate()["perplexity"]
    history = StageRun(stage, tmp_path / "state.safetensors", CONFIG, Silent()).run()
    assert history[-1]["perplexity"] < 2 < before
    assert history[-1]["emotion_accuracy"] == 1


@torch.inference_mode()
def test_perplexity_is_that_of_listener_turns_by_word(stage: Finetune) -> None:
    expected = []
    for conversation in stage.validation:
        ids = torch.tensor(conversation.ids)
        logits = stage.model.llama.logits(stage.model.llama(ids[None, :-1]))[0]
        nats = -logits.log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]]
        start = conversation.ids.index(LISTENER)
        expected.append(nats[start:].sum().item() / conversation.words[1])
    assert [conversation.words[1] for conversation in stage.validation] == [7, 7]
    perplexity = math.exp(sum(expected) / 2)
    assert stage.validate()["perplexity"] == pytest.approx(perplexity, rel=1e-5)


def test_costs_are_summed_by_turn() -> None:
    tokens = torch.tensor([[SPEAKER, 9, LISTENER, 8], [SPEAKER, LISTENER, SPEAKER, 1]])
    costs = torch.tensor([[1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 4.0, 0.0]])
    assert sum_turns(costs, tokens).tolist() == [[3, 12, 0], [1, 2, 4]]
