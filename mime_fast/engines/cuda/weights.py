"""A checkpoint as the Triton kernels read it: folded once, when it is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.cuda.graphs import Recorder
from mime_fast.kernels.decode_step import DecoderWeights
from mime_fast.kernels.emotions import EmotionWeights
from mime_fast.kernels.padding import padded
from mime_fast.models.layers import timing_signal
from mime_fast.text.special import NEVER_GENERATED

Norm = tuple[Tensor, Tensor]


class EncoderLayerWeights(NamedTuple):
    """Products are (columns, taps, inner), as kernels/linear.py takes them."""

    attention_norm: Norm
    qkv: Tensor
    output: Tensor
    feed_forward_norm: Norm
    inner: Tensor
    inner_bias: Tensor
    outer: Tensor
    outer_bias: Tensor


class EncoderWeights(NamedTuple):
    """A stack behind its input projection."""

    layers: list[EncoderLayerWeights]
    norm: Norm


class ResponseEncoderWeights(NamedTuple):
    """The response encoder, with the half of the input projection that reads the context."""

    context: Tensor  # (dim, 1, dim)
    encoder: EncoderWeights


class FusionWeights(NamedTuple):
    """The gate's weights, as kernels/fusion.py takes them."""

    gate: Tensor
    gate_bias: Tensor
    output: Tensor
    output_bias: Tensor


@dataclass(frozen=True)
class CudaWeights:
    """All of MIME. Folded: input projections into word tables, the classifier into the emotions."""

    words: Tensor  # (vocabulary, dim): for the context encoder
    timing: Tensor  # (max_positions, dim)
    context_encoder: EncoderWeights
    emotions: EmotionWeights
    response_encoders: list[ResponseEncoderWeights]  # mimicking, and non-mimicking if its own
    fusion: FusionWeights
    cross: list[Tensor]  # a layer: (2 * key_dim, 1, dim)
    decoder: DecoderWeights
    projection: Tensor  # (vocabulary, dim)
    bias: Tensor  # (vocabulary,)
    reply_bias: Tensor  # likewise, with -inf for what is never generated


@dataclass(frozen=True)
class Model:
    """What buffers and launches are made of; the engine, which keeps them, is not part of it."""

    config: ModelConfig
    weights: CudaWeights
    drafts: tuple[Tensor, Tensor, Tensor] | None  # hashes, words, confidences; see _C.draft_step
    device: torch.device
    recorder: Recorder


def load_model(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Model:
    """Weights and draft table of a checkpoint; matrices are rounded to dtype."""
    with torch.device("cpu"):  # whatever the default device is
        weights = _Reader(checkpoint, device, dtype).read()
        drafts = _load_drafts(checkpoint, device)
    return Model(
        config=checkpoint.config,
        weights=weights,
        drafts=drafts,
        device=device,
        recorder=Recorder(device),
    )


def _load_drafts(
    checkpoint: Checkpoint, device: torch.device
) -> tuple[Tensor, Tensor, Tensor] | None:
    if not checkpoint.drafts.exists():
        return None
    try:
        buckets = _C.load_draft_buckets(checkpoint.drafts, checkpoint.config.vocab_size)
    except _C.CheckpointError as error:
        raise CheckpointError(str(error)) from error
    hashes, words, confidences = (torch.from_numpy(part).to(device) for part in buckets)
    return hashes, words, confidences


class _Reader:
    """Folds a checkpoint in float32; matrices are then rounded to dtype."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.config: ModelConfig = checkpoint.config
        self.tensors = {
            name: torch.from_numpy(tensor).float() for name, tensor in checkpoint.tensors.items()
        }
        self.device, self.dtype = device, dtype

    def read(self) -> CudaWeights:
        config = self.config
        embedded = self.tensors["embedding.weight"] * math.sqrt(config.hidden_dim)
        timing = self._put(timing_signal(config.max_positions, config.hidden_dim))
        names = ["response_encoder"]
        if not config.shared_response_encoder:
            names.append("non_mimicking_response_encoder")
        tied = "embedding" if config.tie_embeddings else "output"
        bias = self.tensors["output.bias"]
        never = torch.tensor(NEVER_GENERATED)
        return CudaWeights(
            words=self._round(embedded @ self._get("context_encoder.projection").T),
            timing=timing,
            context_encoder=self._encoder("context_encoder"),
            emotions=self._emotions(names),
            response_encoders=[self._response_encoder(name) for name in names],
            fusion=FusionWeights(
                gate=self._round(self._get("fusion.gate")),
                gate_bias=self._put(self._get("fusion.gate", "bias")),
                output=self._round(self._get("fusion.output")),
                output_bias=self._put(self._get("fusion.output", "bias")),
            ),
            cross=[self._cross(layer) for layer in range(config.num_layers)],
            decoder=self._decoder(embedded, timing),
            projection=self._round(self._get(tied)),
            bias=self._put(bias),
            reply_bias=self._put(bias.index_fill(0, never, -torch.inf)),
        )

    def _get(self, name: str, part: str = "weight") -> Tensor:
        return self.tensors[f"{name}.{part}"]

    def _put(self, tensor: Tensor) -> Tensor:
        return tensor.contiguous().to(self.device)

    def _round(self, tensor: Tensor) -> Tensor:
        return padded(tensor.to(self.dtype), self.device)

    def _norm(self, name: str) -> Norm:
        return self._put(self._get(name)), self._put(self._get(name, "bias"))

    def _qkv(self, attention: str) -> Tensor:
        return torch.cat([self._get(f"{attention}.{part}") for part in ("query", "key", "value")])

    def _encoder(self, name: str) -> EncoderWeights:
        layers = [
            self._encoder_layer(f"{name}.layers.{index}") for index in range(self.config.num_layers)
        ]
        return EncoderWeights(layers, self._norm(f"{name}.norm"))

    def _encoder_layer(self, name: str) -> EncoderLayerWeights:
        feed_forward = f"{name}.feed_forward"
        return EncoderLayerWeights(
            attention_norm=self._norm(f"{name}.attention_norm"),
            qkv=self._round(self._qkv(f"{name}.attention")[:, None]),
            output=self._round(self._get(f"{name}.attention.output")[:, None]),
            feed_forward_norm=self._norm(f"{name}.feed_forward_norm"),
            inner=self._round(self._get(f"{feed_forward}.inner").transpose(1, 2)),
            inner_bias=self._put(self._get(f"{feed_forward}.inner", "bias")),
            outer=self._round(self._get(f"{feed_forward}.outer").transpose(1, 2)),
            outer_bias=self._put(self._get(f"{feed_forward}.outer", "bias")),
        )

    def _response_encoder(self, name: str) -> ResponseEncoderWeights:
        context = self._get(f"{name}.projection")[:, : self.config.hidden_dim]
        return ResponseEncoderWeights(self._round(context[:, None]), self._encoder(name))

    def _emotions(self, encoders: list[str]) -> EmotionWeights:
        prior, dim = "response_emotions.prior", self.config.hidden_dim
        shared = "positive" if self.config.shared_log_variance else "negative"
        heads = [
            f"{prior}.{part}"
            for part in ("positive_mean", "positive_log_variance", "negative_mean")
        ] + [f"{prior}.{shared}_log_variance"]
        mixtures = [f"response_emotions.{group}_mixture" for group in ("positive", "negative")]
        table = self._get("emotion_embedding")
        refine = [self._get(f"{name}.projection")[:, dim:] for name in encoders]

        def stacked(part: str) -> Tensor:
            return torch.stack([self._get(name, part) for name in heads]).unflatten(0, (2, 2))

        def joined(part: str) -> Tensor:
            return torch.cat([self._get(name, part) for name in mixtures])

        return EmotionWeights(
            classifier=self._round(table @ self._get("emotion_classifier")),
            prior_hidden=self._round(self._get("response_emotions.prior_hidden")),
            prior_hidden_bias=self._put(self._get("response_emotions.prior_hidden", "bias")),
            prior=self._round(stacked("weight")),
            prior_bias=self._put(stacked("bias")),
            mixture=self._round(joined("weight")),
            mixture_bias=self._put(joined("bias")),
            members=self._put(torch.tensor([*POSITIVE, *NEGATIVE], dtype=torch.int32)),
            table=self._round(table),
            refine=self._round(torch.stack([refine[0], refine[-1]])),
            positives=len(POSITIVE),
        )

    def _cross(self, layer: int) -> Tensor:
        name = f"decoder.layers.{layer}.cross_attention"
        return self._round(
            torch.cat([self._get(f"{name}.{part}") for part in ("key", "value")])[:, None]
        )

    def _decoder(self, embedded: Tensor, timing: Tensor) -> DecoderWeights:
        layers = [f"decoder.layers.{index}" for index in range(self.config.num_layers)]

        def stacked(name: str, part: str = "weight") -> Tensor:
            return torch.stack([self._get(f"{layer}.{name}", part) for layer in layers])

        def taps(name: str) -> Tensor:
            kernels = [self._get(f"{layer}.feed_forward.{name}") for layer in layers]
            return self._round(
                torch.stack([kernel.transpose(1, 2).flatten(1) for kernel in kernels])
            )

        def norms(name: str) -> Tensor:
            return torch.stack([self._get(name), self._get(name, "bias")])

        parts = ("attention_norm", "cross_attention_norm", "feed_forward_norm")
        return DecoderWeights(
            words=self._round(embedded @ self._get("decoder.projection").T),
            timing=timing,
            norms=self._put(
                torch.stack(
                    [torch.stack([norms(f"{layer}.{part}") for part in parts]) for layer in layers]
                )
            ),
            qkv=self._round(torch.stack([self._qkv(f"{layer}.attention") for layer in layers])),
            output=self._round(stacked("attention.output")),
            cross_query=self._round(stacked("cross_attention.query")),
            cross_output=self._round(stacked("cross_attention.output")),
            inner=taps("inner"),
            inner_bias=self._put(stacked("feed_forward.inner", "bias")),
            outer=taps("outer"),
            outer_bias=self._put(stacked("feed_forward.outer", "bias")),
            last_norm=self._put(norms("decoder.norm")),
        )
