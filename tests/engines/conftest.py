"""Engines of any shape, with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.models import parameter_shapes
from mime_fast.quantized import quantize_matrices
from mime_fast.text.tokenizer import CLS, EOS, PAD, SYS, USR, Tokenizer
from mime_fast.types import Dialogue, FloatArray

SYSTEM_OPTIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "mime": st.fixed_dictionaries(
        {
            "latent_dim": st.integers(1, 40),
            "shared_log_variance": st.booleans(),
            "shared_response_encoder": st.booleans(),
            "mimicry": st.booleans(),
            "stochastic": st.booleans(),
            "share_emotion_embedding": st.booleans(),
        }
    )
    | st.fixed_dictionaries(
        {
            "latent_dim": st.integers(1, 40),
            "grouping": st.just(False),
            "stochastic": st.booleans(),
            "share_emotion_embedding": st.booleans(),
        }
    ),
    "multi_tr": st.just({}),
    "moel": st.fixed_dictionaries({"top_listeners": st.integers(0, 5) | st.just(32)}),
}


@st.composite
def model_configs(draw: st.DrawFn, architecture: str | None = None) -> ModelConfig:
    """Every system, shapes that no vector is as wide as, and every flag that an engine reads."""
    system = architecture or draw(st.sampled_from(sorted(SYSTEM_OPTIONS)))
    heads = draw(st.integers(1, 4))
    return ModelConfig(
        vocab_size=draw(st.integers(8, 40) | st.integers(41, 300)),
        architecture=system,
        hidden_dim=draw(st.integers(8, 96)),
        num_heads=heads,
        key_dim=heads * draw(st.integers(1, 20)),
        filter_dim=draw(st.integers(1, 40)),
        num_layers=draw(st.integers(1, 3)),
        max_positions=draw(st.sampled_from([60, 61, 80])),
        tie_embeddings=draw(st.booleans()),
        mean_query=draw(st.booleans()),
        objective=draw(st.sampled_from(["cvae", "released"])),
        **draw(SYSTEM_OPTIONS[system]),
    )


@pytest.fixture(scope="session")
def any_config() -> st.SearchStrategy[ModelConfig]:
    return model_configs()


def random_weights(config: ModelConfig, seed: int) -> dict[str, FloatArray]:
    """Weights that keep activations near 1, whatever the shape: rounding stays small."""
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in parameter_shapes(config).items():
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 10.0
        centre = float(name.endswith("norm.weight"))
        tensors[name] = generator.normal(centre, 1 / np.sqrt(fan_in), shape).astype(np.float32)
    if "output.bias" in tensors:
        tensors["output.bias"][EOS] += 1
    return tensors if config.system.over_words else quantize_matrices(tensors)


@pytest.fixture(scope="session")
def random_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer
) -> Callable[[ModelConfig, int], Checkpoint]:
    """A checkpoint for engines alone: its tokenizer does not belong to it."""
    folder: Path = tmp_path_factory.mktemp("shapes")

    def save(config: ModelConfig, seed: int) -> Checkpoint:
        path = folder / f"{len(list(folder.iterdir()))}.safetensors"
        save_file(random_weights(config, seed), path)
        return Checkpoint(config, tiny_tokenizer, path)

    return save


@pytest.fixture(scope="session")
def random_dialogues() -> Callable[[ModelConfig, list[int], int], list[Dialogue]]:
    """Any words, special ones too, said by any speaker. PAD is not one: eager masks it."""

    def draw(config: ModelConfig, lengths: list[int], seed: int) -> list[Dialogue]:
        generator = np.random.default_rng(seed)
        return [
            Dialogue(
                [CLS, *generator.integers(PAD + 1, config.vocab_size, length - 1).tolist()],
                [CLS, *generator.choice([USR, SYS], length - 1).tolist()],
            )
            for length in lengths
        ]

    return draw
