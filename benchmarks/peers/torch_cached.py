"""PyTorch with a key/value cache: eager, compiled, and with dynamically quantised products."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.peers.search import SearchingPeer
from benchmarks.peers.torch_modules import Cache, Cross, DecodeStep, EncodeOnce
from benchmarks.workload import NEW_TOKENS
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.eager import load_model

Encode = Callable[[Tensor, Tensor, Tensor], Cross]
Decode = Callable[[Tensor, Tensor, Cross, Cache], tuple[Tensor, Cache]]


class State(NamedTuple):
    """What a reply needs between its steps."""

    cross: Cross
    cache: Cache


class CachedPeer(SearchingPeer):
    """Runs the two modules, or whatever was made of them."""

    def __init__(self, encode: Encode, decode: Decode, empty_cache: Callable[[int], Cache]) -> None:
        super().__init__()
        self._encode, self._decode, self._empty_cache = encode, decode, empty_cache
        self._positions = [torch.tensor([position]) for position in range(NEW_TOKENS)]

    def encode(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> State:
        return State(self._encode(tokens, speakers, noise), self._empty_cache(len(tokens)))

    def step(self, state: State, tokens: Tensor, position: int) -> tuple[Tensor, State]:
        logits, cache = self._decode(tokens, self._positions[position], *state)
        return logits, State(state.cross, cache)

    def select(self, state: State, rows: Tensor) -> State:
        cross = state.cross
        if len(rows) != len(cross.keys):  # the rows of one request: a beam's all share it
            cross = Cross(*(tensor[rows] for tensor in cross))
        return State(cross, Cache(*(tensor[rows] for tensor in state.cache)))


class TransposedLinear(nn.Module):
    """The projection of one row in 0.9 instead of 3.3 ms, compiled or not (torch 2.13, Zen 4).

    Left out of the graph: inductor makes 16 ms of it, and 225 of five rows.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().T.contiguous())
        self.bias = linear.bias

    @torch.compiler.disable
    def forward(self, x: Tensor) -> Tensor:
        """(rows, in) -> (rows, out)."""
        return x @ self.weight + self.bias


def modules(checkpoint: Checkpoint) -> tuple[EncodeOnce, DecodeStep]:
    """Both modules of a checkpoint, in evaluation mode."""
    model = load_model(checkpoint)
    return EncodeOnce(model).eval(), DecodeStep(model).eval()


def eager(checkpoint: Checkpoint) -> CachedPeer:
    encode, decode = modules(checkpoint)
    return CachedPeer(encode, decode, decode.empty_cache)


def compiled(checkpoint: Checkpoint) -> CachedPeer:
    """One graph for each number of rows and length of context; the first call of each compiles."""
    encode, decode = modules(checkpoint)
    decode.model.output = TransposedLinear(decode.model.output)
    torch._dynamo.config.cache_size_limit = 64  # noqa: SLF001 - documented under this name
    fast_encode: Any = torch.compile(encode, dynamic=False)
    fast_decode: Any = torch.compile(decode, dynamic=False)
    return CachedPeer(fast_encode, fast_decode, decode.empty_cache)


def dynamic_int8(checkpoint: Checkpoint) -> CachedPeer:
    """Every Linear in int8, activations quantised on the way; the convolutions of the decoder too."""
    encode, decode = modules(checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in favour of torchao, and still the fastest here
        quantize = torch.ao.quantization.quantize_dynamic
        encode, decode = (quantize(module, {nn.Linear}) for module in (encode, decode))
    return CachedPeer(encode, decode, decode.empty_cache)
