"""The cuda engine: MIME through the Triton kernels of mime_fast.kernels, caches kept on the device.

Under TRITON_INTERPRET=1 the same code runs on the CPU, slowly: that is how it is tested without a
GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad as extend

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.emotions import POSITIVE
from mime_fast.engines.base import Decoding, Encoded, Sampling
from mime_fast.engines.cuda_weights import EncoderWeights, load_weights
from mime_fast.kernels.attention import attention
from mime_fast.kernels.decode_step import DecodeRows, decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.kernels.project import Best, project
from mime_fast.models.mime import pad
from mime_fast.search import StepDecoding
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.tokenizer import EOS, SOS
from mime_fast.types import Dialogue, FloatArray, IntArray

FIRST_STEPS = 32  # that a state has room for; it doubles
CHECKED = 8  # steps between two looks at whether replies have ended


@dataclass(frozen=True)
class CudaMemory:
    """What rows attend to."""

    cross: Tensor  # (layers, requests, source, 2 * key_dim)
    lengths: Tensor  # int32 (requests,)


class CudaEngine:
    """Runs a checkpoint on a GPU that torch knows, or interpreted on the CPU."""

    name = "cuda"
    sampling: Sampling = _C

    def __init__(self, checkpoint: Checkpoint, device: str = "cuda") -> None:
        self.config, self.device = checkpoint.config, torch.device(device)
        self.weights = load_weights(checkpoint, self.device)

    @torch.inference_mode()
    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> Encoded:
        """See Engine.encode."""
        w, batch = self.weights, len(dialogues)
        lengths = self._ids([len(dialogue.tokens) for dialogue in dialogues])
        tokens = pad([dialogue.tokens for dialogue in dialogues]).to(self.device, torch.int32)
        speakers = pad([dialogue.speakers for dialogue in dialogues]).to(self.device, torch.int32)
        drawn = torch.from_numpy(noise).to(self.device)
        forced = self._ids([-1 if emotion is None else emotion] * batch)

        x = embed(tokens, speakers, lengths, w.words, w.timing)
        context = self._stack(w.context_encoder, x, lengths)
        found = emotions(self._query(context, lengths), drawn, forced, w.emotions)
        both = self._refine(context, lengths, found.refinements)
        fused = fusion(both, *w.fusion, lengths)
        size = len(w.cross), batch, tokens.shape[1], 2 * self.config.key_dim
        cross = torch.empty(size, device=self.device)
        for layer, weight in enumerate(w.cross):
            linear(fused, weight, lengths, out=cross[layer])
        mixture = found.mixture.cpu().numpy()
        return Encoded(
            found.logits.cpu().numpy(),
            mixture[:, : len(POSITIVE)],
            mixture[:, len(POSITIVE) :],
            found.mimics_positive.cpu().numpy().astype(bool),
            CudaMemory(cross, lengths),
        )

    def _query(self, context: Tensor, lengths: Tensor) -> Tensor:
        if not self.config.mean_query:
            return context[:, 0]
        real = torch.arange(context.shape[1], device=self.device) < lengths[:, None]
        return context.where(real[:, :, None], 0).sum(1) / lengths[:, None]

    def _refine(self, context: Tensor, lengths: Tensor, refinements: Tensor) -> Tensor:
        """Both response encoders: (batch, length, 2 * dim), the mimicking half first."""
        batch, length, dim = context.shape
        encoders = self.weights.response_encoders
        both = torch.empty(batch, length, 2 * dim, device=self.device)
        for role, refinement in enumerate(refinements):
            encoder = encoders[min(role, len(encoders) - 1)]
            x = linear(
                context,
                encoder.context,
                lengths,
                bias=refinement,
                residual=self.weights.timing[None],
            )
            half = both[:, :, role * dim : (role + 1) * dim]
            self._stack(encoder.encoder, x, lengths, half)
        return both

    def _stack(
        self, encoder: EncoderWeights, x: Tensor, lengths: Tensor, out: Tensor | None = None
    ) -> Tensor:
        for layer in encoder.layers:
            qkv = linear(x, layer.qkv, lengths, norm=layer.attention_norm)
            attended = attention(qkv, lengths, self.config.num_heads)
            x = linear(attended, layer.output, lengths, residual=x)
            inner = linear(
                x, layer.inner, lengths, bias=layer.inner_bias, norm=layer.feed_forward_norm,
                relu=True,
            )  # fmt: skip
            x = linear(inner, layer.outer, lengths, bias=layer.outer_bias, relu=True, residual=x)
        return layer_norm(x, *encoder.norm, lengths, out)

    def _ids(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int32, device=self.device)

    def decode(self, encoded: Encoded, options: GenerationConfig, seeds: Sequence[int]) -> Decoding:
        """See Engine.decode. Greedy replies are chosen on the device, step after step."""
        if is_plain_greedy(options):
            return GreedyDecoding(self, encoded, options)
        return StepDecoding(self, encoded, options, seeds)

    @torch.inference_mode()
    def start(self, encoded: Encoded, rows: Sequence[int], steps: int = FIRST_STEPS) -> CudaState:
        """See Engine.start; there is room for so many steps at first."""
        config, count = self.config, len(rows)
        memory: CudaMemory = encoded.memory

        def cache(size: int) -> Tensor:
            return torch.empty(config.num_layers, steps, count, size, device=self.device)

        decoded = DecodeRows(
            tokens=self._ids([SOS] * count),
            positions=self._ids([0] * count),
            sources=self._ids(rows),
            slots=torch.zeros(count, steps, dtype=torch.int32, device=self.device),
            keys_values=cache(2 * config.key_dim),
            inner=cache(config.hidden_dim),
            outer=cache(config.filter_dim),
            cross=memory.cross,
            lengths=memory.lengths,
        )
        return CudaState(decoded)

    @torch.inference_mode()
    def step(self, state: CudaState, tokens: IntArray) -> FloatArray:
        """See Engine.step."""
        state.rows.tokens.copy_(torch.from_numpy(tokens))
        logits = torch.empty(len(tokens), self.config.vocab_size, device=self.device)
        self._step(state, self.weights.bias, logits=logits)
        found: FloatArray = logits.cpu().numpy()
        return found

    @torch.inference_mode()
    def select(self, state: CudaState, rows: IntArray) -> CudaState:
        """See Engine.select. Of what is cached only the table of slots is gathered."""
        return state.select(torch.from_numpy(rows).to(self.device))

    @torch.inference_mode()
    def choose(self, state: CudaState, min_new_tokens: int) -> Best:
        """One step of greedy decoding: the likeliest word of each row is its next token."""
        best = self._step(state, self.weights.reply_bias, min_new_tokens=min_new_tokens)
        state.rows.tokens.copy_(best.words[:, 0])
        return best

    def _step(self, state: CudaState, bias: Tensor, **options: Any) -> Best:
        """Decode the rows' tokens; options are those of project."""
        state.reserve_step()
        best = project(
            decode_step(state.rows, self.weights.decoder, self.config.num_heads),
            self.weights.projection,
            bias,
            state.rows.positions,
            end_word=EOS,
            **options,
        )
        state.move_on()
        return best


@dataclass
class CudaState:
    """Rows that were started together: all are at the same position."""

    rows: DecodeRows
    position: int = 0

    def move_on(self) -> None:
        """A step was made."""
        self.rows.positions.add_(1)
        self.position += 1

    def reserve_step(self) -> None:
        """Make room for a step."""
        if self.position == self.rows.slots.shape[1]:
            more = self.position
            self.rows = self.rows._replace(
                slots=extend(self.rows.slots, (0, more)),
                **{name: extend(cache, (0, 0, 0, 0, 0, more)) for name, cache in self._caches()},
            )

    def select(self, rows: Tensor) -> CudaState:
        """These rows, in this order."""
        kept = self.rows._replace(
            tokens=self.rows.tokens[rows],
            positions=self.rows.positions[rows],
            sources=self.rows.sources[rows],
            slots=self.rows.slots[rows],
        )
        more = len(rows) - kept.keys_values.shape[2]
        if more > 0:
            caches = {name: extend(cache, (0, 0, 0, more)) for name, cache in self._caches()}
            kept = kept._replace(**caches)
        return CudaState(kept, self.position)

    def _caches(self) -> Iterator[tuple[str, Tensor]]:
        for name in ("keys_values", "inner", "outer"):
            yield name, getattr(self.rows, name)


class GreedyDecoding:
    """Greedy replies without a look at the logits: the device chooses, the host checks rarely."""

    def __init__(self, engine: CudaEngine, encoded: Encoded, options: GenerationConfig) -> None:
        self._engine, self._options = engine, options
        count = len(encoded.mimics_positive)
        self._replies: list[Hypothesis] = [Hypothesis()] * count
        self._state = engine.start(encoded, range(count), options.max_new_tokens)

    def advance(self) -> bool:
        """See Decoding.advance."""
        return self._advance(1)

    def run(self) -> None:
        """See Decoding.run."""
        while self._advance(CHECKED):
            pass

    def _advance(self, steps: int) -> bool:
        if self._is_over():
            return False
        options = self._options
        steps = min(steps, options.max_new_tokens - self._state.position)
        chosen = [self._engine.choose(self._state, options.min_new_tokens) for _ in range(steps)]
        words = torch.cat([best.words for best in chosen], 1).tolist()
        log_probs = [best.logits[:, 0] - best.normalisers for best in chosen]
        shares = torch.stack(log_probs, 1).clamp(max=0).tolist()
        for index, reply in enumerate(self._replies):
            self._replies[index] = self._extend(reply, words[index], shares[index])
        return True

    def _is_over(self) -> bool:
        ended = all(reply.tokens[-1:] == (EOS,) for reply in self._replies)
        return ended or self._state.position == self._options.max_new_tokens

    def _extend(
        self, reply: Hypothesis, words: Sequence[int], log_probs: Sequence[float]
    ) -> Hypothesis:
        for word, log_prob in zip(words, log_probs, strict=True):
            if reply.tokens[-1:] == (EOS,):
                break
            reply = reply.extend(word, log_prob if self._options.needs_scores else 0.0)
        return reply

    def agreed(self, request: int) -> tuple[int, ...]:
        """See Decoding.agreed."""
        return self._replies[request].tokens

    def leader(self, request: int) -> Hypothesis:
        """See Decoding.leader."""
        return self._replies[request]

    def results(self, request: int) -> list[Hypothesis]:
        """See Decoding.results."""
        return [self._replies[request]]


def is_plain_greedy(options: GenerationConfig) -> bool:
    """Whether a reply is the likeliest word after the likeliest word."""
    return (
        not options.do_sample
        and options.num_beams == 1
        and options.num_return_sequences == 1
        and options.repetition_penalty == 1
        and options.no_repeat_ngram_size == 0
    )
