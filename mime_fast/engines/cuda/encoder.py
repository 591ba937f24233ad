"""The encoder side on a device: context encoder, emotions, refinements, gate, keys and values."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.engines.cuda.memory import Block, Event, Layout, Upload, host_memory
from mime_fast.engines.cuda.weights import EncoderWeights, Model
from mime_fast.kernels.attention import attention
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import Emotions, emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.types import Dialogue, FloatArray, IntArray


class EncoderShape(NamedTuple):
    """What buffers are made for."""

    batch: int
    length: int


class CrossBuffer:
    """Keys and values in the buffer of an EncoderBatch, and a copy once that is needed again.

    Usually nobody reads them any more by then. So they are copied once, to where they are decoded.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor  # (layers, batch, length, 2 * key_dim)

    def keep(self) -> None:
        """Copy them, before they are overwritten."""
        self.tensor = self.tensor.clone()


@dataclass(frozen=True)
class MemoryPart:
    """Keys and values of requests that were encoded together, of every decoder layer."""

    buffer: CrossBuffer
    first: int  # request of the buffer
    lengths: IntArray  # (requests,)

    @property
    def source(self) -> int:
        """Length of the longest context."""
        return int(self.lengths.max())

    @property
    def cross(self) -> Tensor:
        """(layers, requests, source, 2 * key_dim), until others are encoded."""
        stop = self.first + len(self.lengths)
        return self.buffer.tensor[:, self.first : stop, : self.source]


@dataclass(frozen=True)
class CudaMemory:
    """Keys and values that rows attend to."""

    parts: tuple[MemoryPart, ...]

    @property
    def lengths(self) -> IntArray:
        """(requests,)."""
        return np.concatenate([part.lengths for part in self.parts])

    def __getitem__(self, request: int) -> CudaMemory:
        """The part of one request."""
        for part in self.parts:
            if request < len(part.lengths):
                lengths = part.lengths[request : request + 1]
                return CudaMemory((MemoryPart(part.buffer, part.first + request, lengths),))
            request -= len(part.lengths)
        raise IndexError(f"there is no such request in {self!r}")

    def copy(self) -> Tensor:
        """All of them in memory of its own: (layers, requests, longest, 2 * key_dim)."""
        layers, _, _, size = self.parts[0].cross.shape
        shape = layers, len(self.lengths), int(self.lengths.max()), size
        whole, first = self.parts[0].cross.new_empty(shape), 0
        for part in self.parts:
            count = len(part.lengths)
            whole[:, first : first + count, : part.source] = part.cross
            first += count
        return whole


class Found:
    """What one launch found out about its requests, on its way to the host."""

    def __init__(self, layout: Layout, memory: Tensor, count: int) -> None:
        self._staged = host_memory(layout.size, memory.device)
        self._staged.copy_(memory, non_blocking=True)
        self._moved = Event(memory.device)
        self._layout, self._count = layout, count

    def read(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Emotion logits and mixture (count, 32), mimics_positive int32 (count,)."""
        self._moved.wait()
        found = self._layout.arrays(self._staged.numpy())
        count = self._count
        return found["logits"][:count], found["mixture"][:count], found["mimics_positive"][:count]


class EncoderBatch:
    """Buffers of one shape, and the launches that read and write them."""

    def __init__(self, model: Model, shape: EncoderShape) -> None:
        config, weights, device = model.config, model.weights, model.device
        self.shape, self._config, self._weights = shape, config, weights
        batch, length = shape
        block = Block(
            {
                "tokens": ("int32", shape),
                "speakers": ("int32", shape),
                "lengths": ("int32", (batch,)),
                "forced": ("int32", (batch,)),
                "noise": ("float32", (batch, 2, config.latent_dim)),
            },
            device,
        )
        self._inputs, self.inputs = block.tensors, Upload(block)
        self._layout = Layout(
            {
                "logits": ("float32", (batch, len(EMOTIONS))),
                "mixture": ("float32", (batch, len(EMOTIONS))),
                "mimics_positive": ("int32", (batch,)),
            }
        )
        self._found = torch.zeros(self._layout.size, dtype=torch.uint8, device=device)
        self._cross = torch.empty(
            len(weights.cross), batch, length, 2 * config.key_dim, device=device
        )
        self._lent: Callable[[], CrossBuffer | None] = lambda: None
        self._arrived = torch.zeros(batch, length, dtype=torch.int32, device=device)
        self._replay = model.recorder.record(self._launch)

    def run(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> tuple[Found, MemoryPart]:
        """Encode; the second result is what the decoder attends to."""
        lent = self._lent()
        if lent is not None:
            lent.keep()
        self.inputs.wait()
        arrays = self.inputs.arrays
        lengths = [len(dialogue.tokens) for dialogue in dialogues]
        arrays["lengths"][...] = 1  # of requests that are not there
        arrays["lengths"][: len(lengths)] = lengths
        # All words at once: 256 assignments of 40 words would take as long as their replies.
        real = np.arange(self.shape.length) < np.array(lengths)[:, None]
        for name in ("tokens", "speakers"):
            words = chain.from_iterable(getattr(dialogue, name) for dialogue in dialogues)
            arrays[name][: len(lengths)][real] = np.fromiter(words, np.int32, sum(lengths))
        arrays["forced"][...] = -1 if emotion is None else emotion
        arrays["noise"][: len(noise)] = noise
        self.inputs.send()
        self._replay()
        buffer = CrossBuffer(self._cross)
        self._lent = weakref.ref(buffer)
        found = Found(self._layout, self._found, len(dialogues))
        return found, MemoryPart(buffer, 0, np.array(lengths, np.int64))

    def _launch(self) -> None:
        w, i = self._weights, self._inputs
        lengths = i["lengths"]
        x = embed(i["tokens"], i["speakers"], lengths, w.words, w.timing)
        context = self._stack(w.context_encoder, x, lengths)
        found = self._layout.tensors(self._found)
        refinements = context.new_empty(2, self.shape.batch, self._config.hidden_dim)
        out = Emotions(**found, refinements=refinements)
        emotions(self._query(context, lengths), i["noise"], i["forced"], w.emotions, out)
        both = self._refine(context, lengths, out.refinements)
        fused = fusion(both, *w.fusion, lengths, self._arrived)
        for layer, weight in enumerate(w.cross):
            linear(fused, weight, lengths, out=self._cross[layer])

    def _query(self, context: Tensor, lengths: Tensor) -> Tensor:
        if not self._config.mean_query:
            return context[:, 0]
        real = torch.arange(self.shape.length, device=context.device) < lengths[:, None]
        return context.where(real[:, :, None], 0).sum(1) / lengths[:, None]

    def _refine(self, context: Tensor, lengths: Tensor, refinements: Tensor) -> Tensor:
        """Both response encoders: (batch, length, 2 * dim), the mimicking half first."""
        batch, length, dim = context.shape
        encoders, timing = self._weights.response_encoders, self._weights.timing
        both = context.new_empty(batch, length, 2 * dim)
        for role, refinement in enumerate(refinements):
            encoder = encoders[min(role, len(encoders) - 1)]
            x = linear(context, encoder.context, lengths, bias=refinement, residual=timing[None])
            half = both[:, :, role * dim : (role + 1) * dim]
            self._stack(encoder.encoder, x, lengths, half)
        return both

    def _stack(
        self, encoder: EncoderWeights, x: Tensor, lengths: Tensor, out: Tensor | None = None
    ) -> Tensor:
        for layer in encoder.layers:
            qkv = linear(x, layer.qkv, lengths, norm=layer.attention_norm)
            attended = attention(qkv, lengths, self._config.num_heads)
            x = linear(attended, layer.output, lengths, residual=x)
            inner = linear(
                x, layer.inner, lengths, bias=layer.inner_bias, norm=layer.feed_forward_norm,
                relu=True,
            )  # fmt: skip
            x = linear(inner, layer.outer, lengths, bias=layer.outer_bias, relu=True, residual=x)
        return layer_norm(x, *encoder.norm, lengths, out)


class CudaEncoderBatch:
    """An EncoderBatch on the device; the host waits for it when it first reads an array."""

    def __init__(self, found: Sequence[Found], memory: CudaMemory) -> None:
        self._found, self.memory = found, memory

    @cached_property
    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        logits, mixture, mimics = zip(*(found.read() for found in self._found), strict=True)
        return np.concatenate(logits), np.concatenate(mixture), np.concatenate(mimics)

    @property
    def emotion_logits(self) -> FloatArray:
        """(n, 32)."""
        return self._arrays[0]

    @property
    def positive_mixture(self) -> FloatArray:
        """(n, 13), order of emotions.POSITIVE."""
        return self._arrays[1][:, : len(POSITIVE)]

    @property
    def negative_mixture(self) -> FloatArray:
        """(n, 19), order of emotions.NEGATIVE."""
        return self._arrays[1][:, len(POSITIVE) :]

    @property
    def mimics_positive(self) -> NDArray[np.bool_]:
        """(n,): whether the positive group is mimicked."""
        return self._arrays[2].astype(bool)
