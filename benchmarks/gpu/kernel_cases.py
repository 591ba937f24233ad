"""Each kernel of ours alone, on the default model's shapes and the engine's own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.floors import layer_weights, projection_weights
from benchmarks.gpu.timing import finish
from benchmarks.peers.engine import EnginePeer
from benchmarks.workload import BEAM, BEAMS, CONTEXT, GREEDY, random_requests
from mime_fast import _C
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape, Waiting
from mime_fast.engines.cuda.decoding import LEAST_SOURCE
from mime_fast.engines.cuda.memory import bucket
from mime_fast.engines.cuda.rows import BEAM_FIELDS, BeamRows, SampleRows, row_fields
from mime_fast.engines.cuda.search import DeviceBeams, DeviceGreedy
from mime_fast.kernels.attention import attention
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.kernels.project import BLOCK_ROWS, Best, project
from mime_fast.text.special import CLS, EOS, SOS

STEPS, POSITION = 32, 10  # of the buffers; of the word that a step decodes
Launch = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """A launch, and the least that it has to do."""

    name: str
    launch: Launch
    moved: int = 0  # bytes read or written, each once
    macs: int = 0  # multiply-adds
    prepare: Launch = lambda: None  # before some launches: a search must not come to its end


def size(*tensors: Tensor) -> int:
    """In bytes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def encoder_cases(engine: CudaEngine, batch: int) -> Iterator[Case]:
    """For so many contexts."""
    config, w, device = engine.config, engine.weights, engine.device
    dim, words = config.hidden_dim, batch * CONTEXT
    lengths = torch.full((batch,), CONTEXT, dtype=torch.int32, device=device)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device)

    def product(name: str, x: Tensor, weight: Tensor, **options: Any) -> Case:
        columns, taps, inner = weight.shape
        moved = size(x, weight) + words * columns * x.element_size()
        macs = words * columns * taps * inner
        return Case(name, lambda: linear(x, weight, lengths, **options), moved, macs)

    ids = torch.randint(CLS + 1, config.vocab_size, (batch, CONTEXT), device=device).int()
    x, attended = draw(batch, CONTEXT, dim), draw(batch, CONTEXT, config.key_dim)
    hidden, both = draw(batch, CONTEXT, config.filter_dim), draw(batch, CONTEXT, 2 * dim)
    rows = 2 * words * dim * w.words.element_size()
    yield Case("embed", lambda: embed(ids, ids, lengths, w.words, w.timing), rows + size(x))
    encoder, layer = w.context_encoder, w.context_encoder.layers[0]
    yield Case("layer norm", lambda: layer_norm(x, *encoder.norm, lengths), 2 * size(x))
    yield product("queries, keys, values", x, layer.qkv, norm=layer.attention_norm)
    qkv = linear(x, layer.qkv, lengths, norm=layer.attention_norm)
    yield Case(
        "attention",
        lambda: attention(qkv, lengths, config.num_heads),
        size(qkv, attended),
        2 * words * CONTEXT * config.key_dim,
    )
    yield product("attention's output", attended, layer.output, residual=x)
    inner = {"bias": layer.inner_bias, "norm": layer.feed_forward_norm, "relu": True}
    yield product("first convolution", x, layer.inner, **inner)
    outer = {"bias": layer.outer_bias, "relu": True, "residual": x}
    yield product("second convolution", hidden, layer.outer, **outer)
    context = w.response_encoders[0].context
    refined = {"bias": draw(batch, dim), "residual": w.timing[None]}
    yield product("response encoder's input", x, context, **refined)
    yield product("cross keys and values", x, w.cross[0])
    yield _emotions(engine, draw(batch, dim), draw(batch, 2, config.latent_dim))
    arrived = torch.zeros(batch, CONTEXT, dtype=torch.int32, device=device)
    yield Case(
        "fusion",
        lambda: fusion(both, *w.fusion, lengths, arrived),
        size(both, *w.fusion, x),
        words * 6 * dim * dim,
    )


def _emotions(engine: CudaEngine, query: Tensor, noise: Tensor) -> Case:
    w, batch = engine.weights.emotions, len(query)
    matrices = (w.classifier, w.prior_hidden, w.prior, w.mixture, w.table, w.refine)
    macs = batch * sum(matrix.numel() for matrix in matrices)
    forced = torch.full((batch,), -1, dtype=torch.int32, device=query.device)
    return Case("emotions", lambda: emotions(query, noise, forced, w), size(*matrices), macs)


def decoder_cases(engine: CudaEngine, rows: int) -> Iterator[Case]:
    """A step of so many rows: of one beam, if they are BEAMS."""
    config, w = engine.config, engine.weights
    batch = new_batch(engine, rows)
    replies, caches = batch.replies, batch.caches
    decoder, heads = w.decoder, config.num_heads
    weights = size(*decoder) - size(decoder.words, decoder.timing)
    memory = rows * (CONTEXT + POSITION) * 2 * config.key_dim * 4
    macs = rows * layer_weights(config)

    def step() -> Tensor:
        return decode_step(replies, caches, decoder, heads, EOS)

    yield Case("decoder layers", step, weights + memory, macs)
    hidden = step()
    arrived = torch.zeros(-(-rows // BLOCK_ROWS), dtype=torch.int32, device=engine.device)
    logits = torch.empty(rows, config.vocab_size, device=engine.device)

    def choose(**options: Any) -> Best:
        return project(
            hidden, w.projection, w.reply_bias, replies, end_word=EOS, arrived=arrived, **options
        )

    moved, macs = size(w.projection, w.reply_bias, hidden), rows * projection_weights(config)
    yield Case("projection, best word", choose, moved, macs)
    yield Case(f"projection, {2 * BEAMS} best words", lambda: choose(kept=2 * BEAMS), moved, macs)
    everything = moved + size(logits)
    yield Case("projection, all logits", lambda: choose(logits=logits), everything, macs)
    best, beams = choose(logits=logits), choose(kept=2 * BEAMS)  # before the searches go on
    yield _sample_step(batch, best, logits)
    if rows == BEAMS:
        yield _beam_step(batch, beams)


def new_batch(engine: CudaEngine, rows: int) -> DecodeBatch:
    """In the middle of its replies, none of which ends."""
    is_beam = rows == BEAMS
    requests, options = (1, BEAM) if is_beam else (rows, GREEDY)
    encoded = EnginePeer(engine).encode_only(random_requests(engine.config, requests))
    source = bucket(CONTEXT, LEAST_SOURCE)
    search = DeviceBeams(BEAMS) if is_beam else DeviceGreedy()
    with engine.gpu.launching():
        batch = DecodeBatch(
            engine.model, DecodeShape(requests, STEPS, source, search, constrained=False)
        )
        waiting = Waiting(0, encoded.memory, 0, [0] * requests)
        batch.fill(slice(0, requests), waiting, options)
        batch.control.upload()
        batch.tensors["limits"][:, 0] = STEPS
        batch.tensors["generated"].fill_(SOS)
        batch.tensors["positions"].fill_(POSITION)
        for cache in (batch.caches.keys_values, batch.caches.inner, batch.caches.outer):
            cache.normal_()
    finish(engine.device)
    return batch


def _sample_step(batch: DecodeBatch, best: Best, logits: Tensor) -> Case:
    count, device = len(logits), logits.device
    options = torch.tensor([1.0, 10, 0.9, 0], dtype=torch.float64, device=device)
    rows = SampleRows(
        **row_fields(batch.replies, best),
        logits=logits,
        options=options.repeat(count, 1),
        seeds=torch.zeros(count, dtype=torch.int64, device=device),
        streams=torch.ones(count, dtype=torch.int32, device=device),
        log_probs=torch.zeros(count, STEPS, device=device),
    )

    def prepare() -> None:
        batch.tensors["positions"].zero_()

    return Case(
        "sampling", lambda: _C.sample_step(rows, batch.stream), size(logits), prepare=prepare
    )


def _beam_step(batch: DecodeBatch, best: Best) -> Case:
    t = batch.tensors
    own = {name: t[name] for name in BEAM_FIELDS}
    fields = row_fields(batch.replies, best)
    rows = BeamRows(**fields, kv_positions=batch.caches.kv_positions, **own)

    def prepare() -> None:
        for name in ("positions", "nodes", "totals", "counts"):
            t[name].zero_()
        t["counts"][:, :2] = 1

    return Case("beam search", lambda: _C.beam_step(rows, batch.stream), prepare=prepare)
