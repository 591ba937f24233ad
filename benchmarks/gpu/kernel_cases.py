"""Each kernel on random tensors of the default model's shape: to be checked, and to be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.floors import layer_weights, projection_weights
from benchmarks.workload import BEAMS, CONTEXT, TINY
from mime_fast.config import ModelConfig
from mime_fast.kernels import reference
from mime_fast.kernels.attention import attention
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.launches import CONFIG
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.kernels.padding import padded
from mime_fast.kernels.project import BLOCK_ROWS, project
from mime_fast.kernels.replies import Replies
from mime_fast.text.special import EOS
from tests.kernels.inputs import (
    STEPS,
    new_progress,
    random_caches,
    random_decoder,
    random_emotions,
    shape_of,
)
from tests.kernels.tensors import ON_GPU, Draw

POSITION = 10  # of the word that a step decodes
POSITIVES = 13
TWINS = {kernel: getattr(reference, kernel.__name__) for kernel in (
    embed, layer_norm, linear, attention, emotions, fusion, decode_step, project
)}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A launch with its inputs, and the least that it has to do."""

    name: str
    kernel: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    lengths: Tensor | None = None  # rows of the result beyond them are anything
    written: tuple[Tensor, ...] = ()  # what the launch changes beside its result
    moved: int = 0  # bytes read or written, each once
    macs: int = 0  # multiply-adds
    before: Callable[[], object] = lambda: None  # on the device, before each launch

    def launch(self) -> Any:
        """Run the kernel."""
        self.before()
        return self.kernel(*self.arguments, **self.options)

    def twin(self) -> Any:
        """Run its slow twin."""
        return TWINS[self.kernel](*self.arguments, **self.options)


def size(*tensors: Tensor) -> int:
    """The size of all elements, in bytes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def model_config(*, tiny: bool) -> ModelConfig:
    """The default model's, or one that an interpreter is done with in a second."""
    return CONFIG.replace(**TINY) if tiny else CONFIG


def cases(op: str, config: ModelConfig, dtype: torch.dtype, count: int, seed: int) -> list[Case]:
    """The forms of an op for so many requests or rows. Same inputs for the same seed."""
    return list(MAKERS[op](config, dtype, count, Draw(seed)))


def _embed(config: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths, dim = draw.lengths(count, CONTEXT), config.hidden_dim
    ids = [draw.ids(config.vocab_size, count, CONTEXT) for _ in range(2)]
    words, timing = padded(draw(config.vocab_size, dim).to(dtype)), draw(CONTEXT, dim)
    moved = count * CONTEXT * dim * (2 * words.element_size() + 4)
    yield Case("embed", embed, (*ids, lengths, words, timing), lengths=lengths, moved=moved)


def _layer_norm(config: ModelConfig, _: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths, dim = draw.lengths(count, CONTEXT), config.hidden_dim
    x = draw.sequences(lengths, dim)
    arguments = x, draw(dim), draw(dim), lengths
    yield Case("layer norm", layer_norm, arguments, lengths=lengths, moved=2 * size(x))


def _linear(config: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths = draw.lengths(count, CONTEXT)
    dim, key_dim, filter_dim = config.hidden_dim, config.key_dim, config.filter_dim

    def product(name: str, inner: int, columns: int, taps: int = 1, **options: Any) -> Case:
        x = draw.sequences(lengths, inner)
        weight = draw.weight(columns, taps, inner, dtype=dtype)
        words = count * CONTEXT
        return Case(
            name, linear, (x, weight, lengths), options, lengths,
            moved=size(x, weight) + words * columns * 4, macs=words * columns * taps * inner,
        )  # fmt: skip

    norm, own = (draw(dim), draw(dim)), draw.sequences(lengths, dim)
    yield product("queries, keys, values", dim, 3 * key_dim, norm=norm)
    yield product("attention's output", key_dim, dim, residual=own)
    bias = draw(filter_dim)
    yield product("first convolution", dim, filter_dim, 3, bias=bias, norm=norm, relu=True)
    outer: dict[str, Any] = {"bias": draw(dim), "relu": True, "residual": own}
    yield product("second convolution", filter_dim, dim, 3, **outer)
    refined: dict[str, Any] = {"bias": draw(count, dim), "residual": draw(1, CONTEXT, dim)}
    yield product("response encoder's input", dim, dim, **refined)
    yield product("cross keys and values", dim, 2 * key_dim)


def _attention(config: ModelConfig, _: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths = draw.lengths(count, CONTEXT)
    qkv = draw.sequences(lengths, 3 * config.key_dim)
    macs = 2 * count * CONTEXT * CONTEXT * config.key_dim
    moved = size(qkv) * 4 // 3
    arguments = qkv, lengths, config.num_heads
    yield Case("attention", attention, arguments, lengths=lengths, moved=moved, macs=macs)


def _emotions(config: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    dim, latent = config.hidden_dim, config.latent_dim
    w = random_emotions(draw, dim, latent, POSITIVES, dtype)
    matrices = (w.classifier, w.prior_hidden, w.prior, w.mixture, w.table, w.refine)
    forced = torch.full((count,), -1, dtype=torch.int32, device=w.classifier.device)
    yield Case(
        "emotions", emotions, (draw(count, dim), draw(count, 2, latent), forced, w),
        moved=size(*matrices), macs=count * sum(matrix.numel() for matrix in matrices),
    )  # fmt: skip


def _fusion(config: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths, dim = draw.lengths(count, CONTEXT), config.hidden_dim
    both = draw.sequences(lengths, 2 * dim)
    matrices = draw.weight(2 * dim, 2 * dim, dtype=dtype), draw.weight(dim, 2 * dim, dtype=dtype)
    arguments = both, matrices[0], draw(2 * dim), matrices[1], draw(dim), lengths
    moved, macs = size(both, *matrices) + size(both) // 2, count * CONTEXT * 6 * dim * dim
    yield Case("fusion", fusion, arguments, lengths=lengths, moved=moved, macs=macs)


def _decode_step(config: ModelConfig, dtype: torch.dtype, rows: int, draw: Draw) -> Iterator[Case]:
    """A step in the middle of a reply."""
    yield _step(config, dtype, rows, draw, group=1)


def _groups(config: ModelConfig, dtype: torch.dtype, rows: int, draw: Draw) -> Iterator[Case]:
    """Drafts of as many words as a beam has rows."""
    yield _step(config, dtype, rows * BEAMS, draw, group=BEAMS)


def _step(config: ModelConfig, dtype: torch.dtype, rows: int, draw: Draw, group: int) -> Case:
    shape = shape_of(config)
    weights, caches = random_decoder(draw, shape, dtype), random_caches(draw, shape, rows, 2)
    device, places = weights.qkv.device, torch.arange(rows) // group
    for cache in (caches.keys_values, caches.inner, caches.outer):
        cache.copy_(draw(*cache.shape))
    caches.sources.copy_(places % 2)
    drafts = torch.arange(rows) % group
    caches.kv_positions[:] = (places * group)[:, None].to(device)
    for draft in range(1, group):
        later = caches.kv_positions[draft::group, POSITION : POSITION + draft]
        later += torch.arange(draft, dtype=torch.int32, device=device)
    replies = Replies(
        draw.ids(40, rows, STEPS + 1) + EOS + 1,
        (POSITION + drafts).int().to(device),
        torch.tensor([[STEPS, 0, 0]] * rows, dtype=torch.int32, device=device),
        torch.ones(rows, device=device),
    )
    progress = new_progress(rows, group) if group > 1 else None
    matrices = size(*weights) - size(weights.words, weights.timing)
    memory = rows * (CONTEXT + POSITION) * 2 * config.key_dim * 4
    return Case(
        "decoder layers" if group == 1 else "decoder layers, drafts",
        decode_step,
        (replies, caches, weights, config.num_heads, EOS, group, progress),
        written=(caches.keys_values, caches.inner, caches.outer, caches.kv_positions),
        moved=matrices + memory,
        macs=rows * layer_weights(config),
        before=progress.stages.zero_ if progress else Case.before,
    )


def delayed(case: Case, seed: int) -> Case:
    """Drafts of which each row waits at random before it stores a stage: a race shows then."""
    *others, progress = case.arguments
    rows, layers = len(progress.stages), len(case.arguments[2].qkv)
    delays = Draw(seed).ids(200 if ON_GPU else 2, rows, 3 * layers)
    return replace(case, arguments=(*others, progress._replace(delays=delays)))


def _project(config: ModelConfig, dtype: torch.dtype, rows: int, draw: Draw) -> Iterator[Case]:
    """Greedy replies, beams, and samples."""
    words, dim = config.vocab_size, config.hidden_dim
    hidden, bias = draw(rows, dim).to(dtype).float(), draw(words)
    weight = draw.weight(words, dim, dtype=dtype)
    blocks = -(-rows // BLOCK_ROWS)
    replies = Replies(
        draw.ids(40, rows, STEPS + 1) + EOS + 1,
        torch.full((rows,), POSITION, dtype=torch.int32, device=weight.device),
        torch.tensor([[STEPS, 0, 3]] * rows, dtype=torch.int32, device=weight.device),
        torch.full((rows,), 1.2, device=weight.device),
    )
    logits = torch.empty(rows, words, device=weight.device)
    moved = size(weight, bias, hidden)

    def choose(name: str, moved: int, **options: Any) -> Case:
        arrived = torch.zeros(blocks, dtype=torch.int32, device=weight.device)
        options |= {"end_word": EOS, "arrived": arrived}
        arguments = hidden, weight, bias, replies
        written = (options["logits"],) if "logits" in options else ()
        macs = rows * projection_weights(config)
        return Case(
            name=name,
            kernel=project,
            arguments=arguments,
            options=options,
            lengths=None,
            written=written,
            moved=moved,
            macs=macs,
        )

    yield choose("projection, best word", moved)
    yield choose(f"projection, {2 * BEAMS} best words", moved, kept=2 * BEAMS)
    yield choose("projection, constrained", moved, constrained=True)
    yield choose("projection, all logits", moved + size(logits), logits=logits)


MAKERS: dict[str, Callable[[ModelConfig, torch.dtype, int, Draw], Iterator[Case]]] = {
    "embed": _embed,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "attention": _attention,
    "emotions": _emotions,
    "fusion": _fusion,
    "decode_step": _decode_step,
    "groups": _groups,
    "project": _project,
}
