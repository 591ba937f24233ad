"""PyTorch with a key/value cache: eager, in bfloat16, compiled, and with products in int8."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.peers.mime_base_modules import MimeBaseDecodeStep, MimeBaseEncodeOnce
from benchmarks.peers.search import SearchingPeer
from benchmarks.peers.torch_modules import DecodeStep, EncodeOnce, block_specials
from benchmarks.workload import BLOCKED, NEW_TOKENS
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.eager import load_model, load_word_model
from mime_fast.models.mime_base import MimeBase

# Cross and Cache are the named tuples of the modules: Cross or MimeBaseCross, and so on.
Encode = Callable[[Tensor, Tensor, Tensor], Any]
Decode = Callable[[Tensor, Tensor, Any, Any], tuple[Tensor, Any]]


class State(NamedTuple):
    """What a reply needs between its steps."""

    cross: Any  # what Encode returned
    cache: Any


class CachedPeer(SearchingPeer):
    """Runs the two modules, or whatever was made of them."""

    def __init__(
        self,
        encode: Encode,
        decode: Decode,
        empty_cache: Callable[[int], Any],
        threads: int,
        device: str = "cpu",
    ) -> None:
        super().__init__(threads, device)
        self._encode, self._decode, self._empty_cache = encode, decode, empty_cache
        self._positions = list(torch.arange(NEW_TOKENS, device=self.device).split(1))

    def encode(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> State:
        return State(self._encode(tokens, speakers, noise), self._empty_cache(len(tokens)))

    def step(self, state: State, tokens: Tensor, position: int) -> tuple[Tensor, State]:
        logits, cache = self._decode(tokens, self._positions[position], *state)
        return logits, State(state.cross, cache)

    def select(self, state: State, rows: Tensor) -> State:
        cross = state.cross
        if len(rows) != len(cross.keys):  # the rows of one request: a beam's all share it
            cross = cross._make(tensor[rows] for tensor in cross)
        return State(cross, state.cache._make(tensor[rows] for tensor in state.cache))


def modules_of_any(
    checkpoint: Checkpoint, device: str = "cpu", *, blocks: bool = False
) -> tuple[Any, Any]:
    """The modules of a system over words, or those of mime-base.

    blocks: special words are blocked on a CPU too.
    """
    if checkpoint.config.system.over_words:
        found = modules(checkpoint, device)
        if blocks:
            block_specials(found[1].model)
        return found
    model = load_model(checkpoint)
    assert isinstance(model, MimeBase)
    decode = MimeBaseDecodeStep(model, BLOCKED if blocks or device != "cpu" else ())
    return MimeBaseEncodeOnce(model).eval().to(device), decode.eval().to(device)


def modules(checkpoint: Checkpoint, device: str = "cpu") -> tuple[EncodeOnce, DecodeStep]:
    """Both modules of a checkpoint, in evaluation mode; on a GPU with special words blocked."""
    model = load_word_model(checkpoint)
    if device != "cpu":
        block_specials(model)
    return EncodeOnce(model).eval().to(device), DecodeStep(model).eval().to(device)


def eager(checkpoint: Checkpoint, threads: int, device: str = "cpu") -> CachedPeer:
    encode, decode = modules_of_any(checkpoint, device)
    return CachedPeer(encode, decode, decode.empty_cache, threads, device)


def bfloat16(checkpoint: Checkpoint, threads: int) -> CachedPeer:
    """The decoder in bfloat16; encoding one context takes longer in it than in float32."""
    encode, _ = modules_of_any(checkpoint)
    _, decode = modules_of_any(checkpoint)  # of a model of its own: they share their embedding
    decode = decode.to(torch.bfloat16)

    def run_encode(tokens: Tensor, speakers: Tensor, noise: Tensor) -> Any:
        return _in_bfloat16(encode(tokens, speakers, noise))

    def run_decode(tokens: Tensor, position: Tensor, cross: Any, cache: Any) -> tuple[Tensor, Any]:
        logits, updated = decode(tokens, position, cross, cache)
        return logits.float(), updated

    def empty_cache(rows: int) -> Any:
        return _in_bfloat16(decode.empty_cache(rows))

    return CachedPeer(run_encode, run_decode, empty_cache, threads)


def _in_bfloat16(tensors: Any) -> Any:
    """The same named tuple; masks stay as they are."""
    floats = (tensor.bfloat16() if tensor.is_floating_point() else tensor for tensor in tensors)
    return tensors._make(floats)


def compiled(checkpoint: Checkpoint, threads: int) -> CachedPeer:
    """One graph for each number of rows and length of context; the first call of each compiles."""
    inductor_config: Any = import_module("torch._inductor.config")  # a second: for this peer alone

    torch.set_num_threads(threads)  # what is compiled depends on it
    encode, decode = modules_of_any(checkpoint)
    torch._dynamo.config.cache_size_limit = 64  # noqa: SLF001 - documented under this name
    # Packs the weights: the projection of one row in 1.4 instead of 3.3 ms (Zen 4, 2 threads).
    # Among the options of torch.compile it has no effect (2.13).
    inductor_config.freezing = True
    fast_encode: Any = torch.compile(encode.requires_grad_(requires_grad=False), dynamic=False)
    fast_decode: Any = torch.compile(decode.requires_grad_(requires_grad=False), dynamic=False)
    return CachedPeer(fast_encode, fast_decode, decode.empty_cache, threads)


def dynamic_int8(checkpoint: Checkpoint, threads: int) -> CachedPeer:
    """Every Linear in int8, the decoder's convolutions too; activations quantised on the way."""
    encode, decode = modules_of_any(checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in favour of torchao, another package
        quantize: Any = torch.ao.quantization.quantize_dynamic
        encode, decode = (quantize(module, {nn.Linear}) for module in (encode, decode))
    return CachedPeer(encode, decode, decode.empty_cache, threads)
