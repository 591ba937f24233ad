from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from mime_fast.config import ModelConfig
from mime_fast.emotions import POSITIVE
from mime_fast.likelihood.pairs import ONE_HOT, Pair
from mime_fast.likelihood.perplexity import count_unknown_types, example_costs, likelihood
from mime_fast.models import create_model
from mime_fast.models.base import ReplyModel, as_word_model, shift_right
from mime_fast.models.mime import Mime
from mime_fast.text.tokenizer import EOS, UNK
from mime_fast.types import Dialogue

PAIRS = [
    Pair(Dialogue([6, 7, 8], [6, 4, 4]), [9, 10, EOS], 5, ONE_HOT[5], 3),
    Pair(Dialogue([6, 9], [6, 4]), [UNK, EOS], POSITIVE[0], ONE_HOT[POSITIVE[0]], 2),
    Pair(Dialogue([6, 7, 8, 9, 10], [6, 4, 5, 5, 4]), [8, EOS], 2, ONE_HOT[2], 2),
]
U = 7


@pytest.fixture(scope="module")
def model() -> Mime:
    mime = random_model(latent_dim=4)
    assert isinstance(mime, Mime)
    return mime


def random_model(**options: Any) -> ReplyModel:
    torch.manual_seed(1)
    config = ModelConfig(
        vocab_size=12, hidden_dim=16, num_heads=2, key_dim=8, filter_dim=8, **options
    )
    model = as_word_model(create_model(config))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


@torch.inference_mode()
def costs_one_by_one(model: Mime, pair: Pair, *, gold: bool) -> list[float]:
    """The slow twin: one example, one token at a time, nothing padded or batched."""
    tokens, speakers = torch.tensor([pair.dialogue.tokens]), torch.tensor([pair.dialogue.speakers])
    emotion = torch.tensor([pair.emotion]) if gold else None
    memory = model.encode(tokens, speakers, torch.zeros(1, 2, 4), emotion=emotion)
    costs = []
    for position, token in enumerate(pair.reply):
        prefix = shift_right(torch.tensor([pair.reply]))[:, : position + 1]
        log_probs = model.output(model.decode(prefix, memory)[:, -1]).log_softmax(-1)
        costs.append(-log_probs[0, token].item() + (math.log(U) if token == UNK else 0))
    return costs


@pytest.mark.parametrize("gold", [True, False])
def test_both_perplexities_follow_their_definitions(model: Mime, gold: bool) -> None:
    costs = [costs_one_by_one(model, pair, gold=gold) for pair in PAIRS]
    means = [sum(example) / len(example) for example in costs]
    everything = list(itertools.chain(*costs))
    result = likelihood(model, PAIRS, U, gold_polarity=gold)
    assert result.perplexity_example_mean == pytest.approx(math.exp(sum(means) / 3), rel=1e-5)
    total = math.exp(sum(everything) / len(everything))
    assert result.perplexity_token_mean == pytest.approx(total, rel=1e-5)


def test_each_example_keeps_its_place(model: Mime) -> None:
    for pairs in (PAIRS, PAIRS[::-1]):
        costs = [costs_one_by_one(model, pair, gold=True) for pair in pairs]
        found = example_costs(model, pairs, U)
        assert found.costs.tolist() == pytest.approx([sum(example) for example in costs], rel=1e-5)
        assert found.tokens.tolist() == [len(example) for example in costs]
        alone = [example_costs(model, [pair], U).emotion_logits[0] for pair in pairs]
        assert torch.allclose(found.emotion_logits, torch.stack(alone), atol=1e-5)


@torch.inference_mode()
def test_accuracies_count_the_classifier_alone(model: Mime) -> None:
    predicted = []
    for pair in PAIRS:
        tokens, speakers = (
            torch.tensor([pair.dialogue.tokens]),
            torch.tensor([pair.dialogue.speakers]),
        )
        memory = model.encode(tokens, speakers, torch.zeros(1, 2, 4))
        predicted.append(memory.emotion_logits.argmax().item())
    pairs = [PAIRS[0]._replace(emotion=int(predicted[0])), *PAIRS[1:]]
    same = [p == pair.emotion for p, pair in zip(predicted, pairs, strict=True)]
    groups = [
        (p in POSITIVE) == (pair.emotion in POSITIVE)
        for p, pair in zip(predicted, pairs, strict=True)
    ]
    result = likelihood(model, pairs, U)
    assert result.emotion_accuracy == pytest.approx(sum(same) / 3)
    assert result.polarity_accuracy == pytest.approx(sum(groups) / 3)
    assert result.emotion_accuracy > 0


def test_noise_is_a_matter_of_its_seed(model: Mime) -> None:
    first, again, other = (likelihood(model, PAIRS, U, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_unknown_types_are_counted_once() -> None:
    assert count_unknown_types(["a", "b", "b", "c", "c"], {"a"}) == 2


@pytest.mark.parametrize("options", [{"architecture": "moel"}, {"mimicry": False}], ids=str)
def test_a_system_that_does_not_mimic_is_told_no_label(options: dict[str, Any]) -> None:
    model = random_model(**options)
    others = [pair._replace(emotion=(pair.emotion + 7) % 32) for pair in PAIRS]
    costs = [example_costs(model, pairs, U).costs.tolist() for pairs in (PAIRS, others)]
    assert costs[0] == costs[1]
