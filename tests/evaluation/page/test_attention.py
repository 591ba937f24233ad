"""The weights that a reply is shown with are those that made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from mime_fast import Generator
from mime_fast.config import ModelConfig
from mime_fast.engines.eager import EagerEngine
from mime_fast.evaluation.page.attention import END, Look, look_inside
from mime_fast.models.base import as_word_model, pad
from mime_fast.models.layers import Attention
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.examples import Example
from mime_fast.text.tokenizer import SOS


@pytest.fixture(params=["mime", "multi_tr", "moel"])
def folder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    tiny_config: ModelConfig,
) -> Path:
    values = {k: v for k, v in tiny_config.to_dict().items() if k in KEPT}
    config = ModelConfig.from_dict({**values, "architecture": request.param, "num_layers": 2})
    return save_tiny(tmp_path / request.param, config)


KEPT = ("vocab_size", "hidden_dim", "key_dim", "filter_dim", "max_positions")


def test_rows_are_words_and_sum_to_one(folder: Path, examples: list[Example]) -> None:
    looks = look_inside(folder, examples, [0, 2])
    assert [look.index for look in looks] == [0, 2]
    for look in looks:
        assert look.weights.shape == (len(look.reply), len(look.context))
        assert look.weights.sum(1) == pytest.approx(1, abs=1e-5)
        assert look.context[0] == "CLS"
        words = [word for word in look.reply if word != END]
        assert len(words) == len(look.response.candidates[0].tokens)


@torch.inference_mode()
def test_weights_are_a_direct_computation(folder: Path, examples: list[Example]) -> None:
    (look,) = look_inside(folder, examples, [1])
    assert look.weights == pytest.approx(directly(folder, examples[1], look), abs=1e-5)


def directly(folder: Path, example: Example, look: Look) -> np.ndarray[tuple[int, int], np.dtype]:
    """Softmax of query times key by the formula, in a second pass over the whole reply."""
    generator = Generator(folder, engine="eager")
    engine = cast("EagerEngine", generator.engine)
    model, config = as_word_model(engine.model), engine.config
    dialogue = encode_dialogue(generator.tokenizer, example.context, config.max_positions)
    noise = torch.zeros(1, config.latents, config.noise_dim)
    memory = model.encode(pad([dialogue.tokens]), pad([dialogue.speakers]), noise)
    attention = cast("Attention", model.decoder.layers[-1].cross_attention)
    given = []
    attention.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    tokens = [SOS, *look.response.candidates[0].tokens]
    model.decode(torch.tensor([tokens]), memory)
    query, key = attention.query(given[-1])[0], attention.key(memory.context)[0]
    width = config.key_dim // config.num_heads
    heads = []
    for head in range(config.num_heads):
        part = slice(head * width, (head + 1) * width)
        logits = query[:, part] @ key[:, part].T / width**0.5
        heads.append(logits.softmax(-1))
    return torch.stack(heads).mean(0).numpy()[: len(look.reply)]
