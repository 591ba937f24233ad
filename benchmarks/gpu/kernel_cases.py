"""Each kernel on random tensors of the default model's shape: to be checked, and to be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.floors import layer_weights, projection_weights
from benchmarks.workload import BEAMS, CONTEXT, TINY, TINY_BASE
from mime_fast.config import ModelConfig
from mime_fast.kernels import reference
from mime_fast.kernels.attend_rows import Rotation, attend_rows
from mime_fast.kernels.attention import attention
from mime_fast.kernels.begin_step import begin_step
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.launches import BASE_CONFIG, CONFIG
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import Matrix, Second, linear, product
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
    random_llama_caches,
    random_matrix,
    shape_of,
)
from tests.kernels.tensors import ON_GPU, Draw

POSITION = 10  # of the word that a step decodes
POSITIVES = 13
TWINS = {kernel: getattr(reference, kernel.__name__) for kernel in (
    embed, layer_norm, linear, attention, emotions, fusion, decode_step, project, begin_step,
    attend_rows, product,
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
    yield Case("embed", embed, (*ids, lengths, words, words, timing), lengths=lengths, moved=moved)


def _layer_norm(config: ModelConfig, _: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    lengths, dim = draw.lengths(count, CONTEXT), config.hidden_dim
    x = draw.sequences(lengths, dim)
    arguments = x, Norm(draw(dim), draw(dim)), lengths
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

    norm, own = Norm(draw(dim), draw(dim)), draw.sequences(lengths, dim)
    yield product("queries, keys, values", dim, 3 * key_dim, norm=norm)
    yield product("attention's output", key_dim, dim, residual=own)
    bias = draw(filter_dim)
    yield product("first convolution", dim, filter_dim, 3, bias=bias, norm=norm, activation="relu")
    outer: dict[str, Any] = {"bias": draw(dim), "activation": "relu", "residual": own}
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
    matrices = (*(part.weight for part in (w.recognise, w.prior, w.mixture, w.refine)), w.table)
    forced = torch.full((count,), -1, dtype=torch.int32, device=w.table.device)
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


def _stored(dtype: torch.dtype) -> torch.dtype:
    """What the engine keeps the matrices of mime-base in, where results are of that type."""
    return torch.int8 if dtype == torch.float32 else dtype


def _moved(*parts: Tensor | Matrix) -> int:
    return sum(
        size(*(each for each in part if each is not None))
        if isinstance(part, Matrix)
        else size(part)
        for part in parts
    )


def _base_linear(_: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    c = base_config(tiny=not ON_GPU)
    lengths, dim = draw.lengths(count, CONTEXT), c.hidden_dim

    def case(name: str, inner: int, columns: int, **options: Any) -> Case:
        x = draw.sequences(lengths, inner)
        matrix = random_matrix(draw, columns, inner, dtype=_stored(dtype), bias=True)
        words = count * CONTEXT
        return Case(
            f"mime-base: {name}", linear, (x, matrix.weight[:, None], lengths),
            {"scale": matrix.scale, "bias": matrix.bias, **options}, lengths,
            moved=_moved(x, matrix) + words * columns * 4, macs=words * columns * inner,
        )  # fmt: skip

    norm = Norm(draw(dim), draw(dim), 1e-12)
    rest: dict[str, Any] = {"residual": draw.sequences(lengths, dim), "residual_norm": norm}
    yield case("queries, keys, values", dim, 3 * dim, norm=norm)
    yield case("attention's output", dim, dim, **rest)
    yield case("first of feed-forward", dim, c.filter_dim, norm=norm, activation="gelu")
    yield case("second of feed-forward", c.filter_dim, dim, **rest)
    yield case("gate", 2 * dim, 2 * dim, activation="gate")


def _base_emotions(_: ModelConfig, dtype: torch.dtype, count: int, draw: Draw) -> Iterator[Case]:
    c = base_config(tiny=not ON_GPU)
    dim, latent = c.hidden_dim, c.latent_dim
    w = random_emotions(
        draw, dim, latent, POSITIVES, _stored(dtype), intents=c.intents, dec_dim=c.decoder_dim
    )
    assert w.intents is not None
    matrices = w.recognise, w.prior, w.mixture, w.refine, w.intents.conditioning
    forced = torch.full((count,), -1, dtype=torch.int32, device=w.table.device)
    drawn = draw(count, 2, latent), forced, w, draw(count, c.intents).double()
    macs = count * sum(matrix.weight.numel() for matrix in matrices)
    yield Case(
        "mime-base: emotions", emotions, (draw(count, dim), *drawn), moved=_moved(*matrices),
        macs=macs,
    )  # fmt: skip


def _base_step(_: ModelConfig, dtype: torch.dtype, rows: int, draw: Draw) -> Iterator[Case]:
    """The launches of a layer in the middle of a reply, and those before and after the layers."""
    c = base_config(tiny=not ON_GPU)
    dim, heads, filter_dim = c.decoder_dim, c.decoder_heads, c.decoder_filter_dim
    kv_dim, stored = dim // heads * c.decoder_kv_heads, _stored(dtype)
    caches = random_llama_caches(draw, rows, 2, kv_dim, dim)
    caches.keys_values.copy_(draw(*caches.keys_values.shape))
    device = caches.keys_values.device
    caches.kv_positions.copy_(torch.arange(rows, device=device)[:, None].expand(rows, STEPS))
    replies = Replies(
        draw.ids(40, rows, STEPS + 1) + EOS + 1,
        torch.full((rows,), POSITION, dtype=torch.int32, device=device),
        torch.tensor([[STEPS, 0, 0]] * rows, dtype=torch.int32, device=device),
        torch.ones(rows, device=device),
    )
    words = random_matrix(draw, c.vocab_size, dim, dtype=stored, scale=1)
    arguments = replies, caches, words.weight, words.scale, EOS
    moved = rows * dim * 12
    yield Case("mime-base: inputs of a step", begin_step, arguments,
               written=(caches.kv_positions,), moved=moved)  # fmt: skip
    x, norm = draw(rows, dim), Norm(draw(dim), None, 1e-5)
    rotation = Rotation(*(draw(c.max_positions, dim // heads // 2) for _ in range(2)))
    own, active = (replies.positions, rotation), torch.ones(rows, dtype=torch.int32, device=device)
    for name, memory, newest, count in (
        ("self-attention", caches.keys_values[0], own, POSITION + 1),
        ("attention to the memory", caches.cross[0], None, CONTEXT),
    ):
        yield Case(
            f"mime-base: {name}", attend_rows, (x, memory, active, caches, heads, newest),
            moved=rows * count * 2 * kv_dim * 4, macs=2 * rows * count * dim,
        )  # fmt: skip
    places = POSITION * caches.keys_values.shape[2] + torch.arange(rows, device=device)
    cache = caches.keys_values[0].flatten(0, 1)
    products: dict[str, tuple[int, int, dict[str, Any]]] = {
        "queries, keys, values of a step": (
            dim + 2 * kv_dim, dim, {"norm": norm, "second": Second(cache, places.int())},
        ),
        "output of attention": (dim, dim, {"residual": x}),
        "SwiGLU": (2 * filter_dim, dim, {"norm": norm, "activation": "swiglu"}),
        "second product of SwiGLU": (dim, filter_dim, {"residual": x}),
    }  # fmt: skip
    for name, (columns, inner, options) in products.items():
        matrix = random_matrix(draw, columns, inner, dtype=stored)
        made = x if inner == dim else draw(rows, inner)
        yield Case(
            f"mime-base: {name}", product, (made, matrix.weight),
            {"scale": matrix.scale, **options},
            written=(cache,) if "second" in options else (),
            moved=_moved(matrix, made), macs=rows * columns * inner,
        )  # fmt: skip
    bias = draw(c.vocab_size)
    arrived = torch.zeros(-(-rows // BLOCK_ROWS), dtype=torch.int32, device=device)
    yield Case(
        "mime-base: projection, best word", project, (x, words.weight, bias, replies),
        {"end_word": EOS, "scale": words.scale, "norm": norm, "arrived": arrived},
        moved=_moved(words, bias, x), macs=rows * c.vocab_size * dim,
    )  # fmt: skip


def base_config(*, tiny: bool) -> ModelConfig:
    """mime-base's, or one that an interpreter is done with in a second."""
    return BASE_CONFIG.replace(**TINY_BASE) if tiny else BASE_CONFIG


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
    "base_linear": _base_linear,
    "base_emotions": _base_emotions,
    "base_step": _base_step,
}
