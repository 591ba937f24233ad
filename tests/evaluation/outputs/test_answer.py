from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mime_fast import Generator
from mime_fast import checkpoint as checkpoints
from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.outputs import outputs as outputs_module
from mime_fast.evaluation.outputs.answer import DECODINGS, SEEDED, SEEDS, answer
from mime_fast.evaluation.outputs.files import read_outputs, write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.likelihood.pairs import encode_pairs
from mime_fast.likelihood.perplexity import count_unknown_types, example_costs
from mime_fast.models.mime import Mime
from mime_fast.text.examples import Example


@pytest.fixture(scope="module")
def answered(tiny_checkpoint: Path) -> tuple[Outputs, list[Example]]:
    examples = [
        Example(["I lost my dog yesterday."], "I am so sorry.", 5),
        Example(["It is good!", "Oh?", "We have a dog."], "Good, Bobby!", 16),
        Example(["They lost, again."], "Oh no, what happened?", 4),
    ]
    return answer(tiny_checkpoint, examples), examples


def test_costs_and_emotions_are_the_model_s(
    answered: tuple[Outputs, list[Example]], tiny_checkpoint: Path
) -> None:
    outputs, examples = answered
    generator = Generator(tiny_checkpoint, engine="eager")
    model, tokenizer = generator.engine.model, generator.tokenizer  # type: ignore[attr-defined]
    assert isinstance(model, Mime)
    pairs = encode_pairs(tokenizer, examples, model.config.max_positions)
    unknown = count_unknown_types(["bobby"], set(tokenizer.words))
    expected = example_costs(model, pairs, unknown)
    assert outputs.costs == pytest.approx(expected.costs.tolist(), abs=1e-4)
    assert outputs.tokens == expected.tokens.tolist() == [6, 5, 7]
    assert outputs.emotions is not None
    for row, names in zip(expected.emotion_logits, outputs.emotions, strict=True):
        assert names == [EMOTIONS[index] for index in row.topk(5).indices.tolist()]
    assert outputs.facts["unknown_types"] == 1  # bobby


def test_replies_can_be_repeated_with_the_options_that_are_told(
    answered: tuple[Outputs, list[Example]], tiny_checkpoint: Path
) -> None:
    outputs, examples = answered
    generator = Generator(tiny_checkpoint, engine="eager")

    def reply(index: int, **options: object) -> str:
        response = generator.respond(examples[index].context, None, **options)
        return " ".join(generator.tokenizer.word(t) for t in response.candidates[0].tokens)

    assert set(outputs.replies) == set(outputs.facts["decodings"])
    assert set(outputs.replies) == set(outputs_module.decodings_of(tiny_checkpoint))
    assert tuple(DECODINGS) == outputs_module.DECODINGS
    assert DECODINGS["best_of"].best_of
    for name, options in outputs.facts["decodings"].items():
        again = [reply(index, **options, seed=index) for index in range(3)]
        assert outputs.replies[name] == again
    assert outputs.seeds is not None
    assert list(outputs.seeds) == list(range(SEEDS))
    assert outputs.seeds[2] == [reply(index, seed=2 * SEEDED + index) for index in range(3)]
    assert len(set(map(tuple, outputs.seeds.values()))) > 1


def test_only_the_decodings_that_are_asked_for_are_answered(
    answered: tuple[Outputs, list[Example]], tiny_checkpoint: Path
) -> None:
    outputs, examples = answered
    some = answer(tiny_checkpoint, examples, ("beam",))
    assert list(some.replies) == list(some.facts["decodings"]) == ["beam"]
    assert some.replies["beam"] == outputs.replies["beam"]
    assert (some.costs, some.emotions, some.seeds) == (
        outputs.costs,
        outputs.emotions,
        outputs.seeds,
    )


def test_what_made_them_is_kept(
    answered: tuple[Outputs, list[Example]], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    outputs, examples = answered
    assert outputs.system == tiny_checkpoint.name
    assert outputs.facts["config"] == checkpoints.load(tiny_checkpoint).config.to_dict()
    assert outputs.facts["training"] == "# A tiny random model"
    assert math.isfinite(outputs.facts["perplexity_predicted_polarity"])
    write_outputs(outputs, examples, tmp_path / "tiny.jsonl")
    assert read_outputs(tmp_path / "tiny.jsonl", examples) == [outputs]


def test_a_system_without_noise_or_mimicry_is_answered_too(
    tmp_path: Path, save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    shape = {"hidden_dim": 24, "key_dim": 8, "filter_dim": 10, "max_positions": 64}
    shape["vocab_size"] = tiny_config.vocab_size
    config = ModelConfig.from_dict({"architecture": "multi_tr", **shape})
    folder = save_tiny(tmp_path / "multi_tr", config)
    outputs = answer(folder, [Example(["I lost my dog yesterday."], "I am so sorry.", 5)])
    assert outputs.system == "multi_tr"
    assert outputs.costs is not None
    assert outputs.tokens is not None
    perplexity = pytest.approx(math.exp(outputs.costs[0] / outputs.tokens[0]), rel=1e-4)
    assert outputs.facts["perplexity_sampled_emotions"] == perplexity
    assert outputs.facts["perplexity_predicted_polarity"] == perplexity
    assert outputs.seeds is not None
    assert len(set(map(tuple, outputs.seeds.values()))) == 1
