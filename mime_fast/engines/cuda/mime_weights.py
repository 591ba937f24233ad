"""The weights of MIME on a device, folded from a checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.cuda.system import Projection
from mime_fast.engines.cuda.weight_reader import WeightReader
from mime_fast.kernels.decode_step import DecoderWeights
from mime_fast.kernels.emotions import EmotionWeights
from mime_fast.kernels.layer_norm import Norm
from mime_fast.kernels.linear import Matrix
from mime_fast.models.layers import timing_signal
from mime_fast.text.special import NEVER_GENERATED


class EncoderLayerWeights(NamedTuple):
    """Matrices are (columns, taps, inner), as kernels/linear.py takes them.

    Layers of two response encoders are one layer with weights of each role.
    """

    attention_norm: Norm
    qkv: Matrix
    output: Matrix
    feed_forward_norm: Norm
    inner: Matrix
    outer: Matrix


class EncoderWeights(NamedTuple):
    """A stack behind its input projection."""

    layers: list[EncoderLayerWeights]
    norm: Norm


class FusionWeights(NamedTuple):
    """The gate's weights, as kernels/fusion.py takes them."""

    gate: Tensor
    gate_bias: Tensor
    output: Tensor
    output_bias: Tensor


@dataclass(frozen=True)
class MimeWeights:
    """All of MIME. Folded: input projections into word tables, the classifier into the emotions."""

    words: Tensor  # (vocabulary, dim): for the context encoder
    timing: Tensor  # (max_positions, dim)
    context_encoder: EncoderWeights
    emotions: EmotionWeights
    refinement: Tensor  # the half of the response encoders' input projection for the context
    response_encoder: EncoderWeights  # of both roles
    fusion: FusionWeights
    cross: list[Tensor]  # a layer: (2 * key_dim, 1, dim)
    decoder: DecoderWeights


class MimeReader:
    """Folds a checkpoint of MIME in float32; matrices are then rounded."""

    def __init__(self, reader: WeightReader) -> None:
        self.reader, self.config = reader, reader.config
        self._get, self._put, self._round = reader.get, reader.put, reader.round
        self.embedded = self._get("embedding") * math.sqrt(self.config.hidden_dim)
        self.timing = self._put(timing_signal(self.config.max_positions, self.config.hidden_dim))

    def weights(self) -> MimeWeights:
        """All but the projection."""
        config = self.config
        names = ["response_encoder"]
        if not config.shared_response_encoder:
            names.append("non_mimicking_response_encoder")
        dim = config.hidden_dim
        return MimeWeights(
            words=self._round(self.embedded @ self._get("context_encoder.projection").T),
            timing=self.timing,
            context_encoder=self._encoder(["context_encoder"]),
            emotions=self._emotions(names),
            refinement=self._round(
                self._roles([self._get(f"{name}.projection")[:, None, :dim] for name in names])
            ),
            response_encoder=self._encoder(names),
            fusion=FusionWeights(
                gate=self._round(self._get("fusion.gate")),
                gate_bias=self._put(self._get("fusion.gate", "bias")),
                output=self._round(self._get("fusion.output")),
                output_bias=self._put(self._get("fusion.output", "bias")),
            ),
            cross=[self._cross(layer) for layer in range(config.num_layers)],
            decoder=self._decoder(),
        )

    def projection(self) -> Projection:
        """The output matrix, or the embedding that it shares."""
        tied = "embedding" if self.config.tie_embeddings else "output"
        bias = self._get("output", "bias")
        never = torch.tensor(NEVER_GENERATED)
        return Projection(
            weight=self._round(self._get(tied)),
            bias=self._put(bias),
            reply_bias=self._put(bias.index_fill(0, never, -torch.inf)),
        )

    @staticmethod
    def _roles(tensors: list[Tensor]) -> Tensor:
        """One for all roles, or one for each."""
        return tensors[0] if len(tensors) == 1 else torch.stack(tensors)

    def _each(self, names: list[str], part: str, kind: str = "weight") -> Tensor:
        return self._roles([self._get(f"{name}.{part}", kind) for name in names])

    def _norm(self, names: list[str], part: str) -> Norm:
        return Norm(self._put(self._each(names, part)), self._put(self._each(names, part, "bias")))

    def _qkv(self, attention: str) -> Tensor:
        return torch.cat([self._get(f"{attention}.{part}") for part in ("query", "key", "value")])

    def _encoder(self, names: list[str]) -> EncoderWeights:
        layers = [
            self._encoder_layer([f"{name}.layers.{index}" for name in names])
            for index in range(self.config.num_layers)
        ]
        return EncoderWeights(layers, self._norm(names, "norm"))

    def _encoder_layer(self, names: list[str]) -> EncoderLayerWeights:
        def taps(part: str) -> Matrix:
            weight = self._each(names, f"feed_forward.{part}").transpose(-1, -2)
            bias = self._each(names, f"feed_forward.{part}", "bias")
            return self.reader.folded(weight, bias)

        qkv = self._roles([self._qkv(f"{name}.attention") for name in names])
        return EncoderLayerWeights(
            attention_norm=self._norm(names, "attention_norm"),
            qkv=self.reader.folded(qkv.unsqueeze(-2)),
            output=self.reader.folded(self._each(names, "attention.output").unsqueeze(-2)),
            feed_forward_norm=self._norm(names, "feed_forward_norm"),
            inner=taps("inner"),
            outer=taps("outer"),
        )

    def _emotions(self, encoders: list[str]) -> EmotionWeights:
        prior, dim = "response_emotions.prior", self.config.hidden_dim
        shared = "positive" if self.config.shared_log_variance else "negative"
        heads = [
            f"{prior}.{part}"
            for part in ("positive_mean", "positive_log_variance", "negative_mean")
        ] + [f"{prior}.{shared}_log_variance"]
        mixtures = [f"response_emotions.{group}_mixture" for group in ("positive", "negative")]
        table, hidden = self._get("emotion_embedding"), "response_emotions.prior_hidden"
        classifier = table @ self._get("emotion_classifier")

        def joined(names: list[str]) -> Matrix:
            weight, bias = (
                torch.cat([self._get(name, part) for name in names]) for part in ("weight", "bias")
            )
            return self.reader.folded(weight, bias)

        return EmotionWeights(
            recognise=self.reader.folded(
                torch.cat([classifier, self._get(hidden)]),
                torch.cat([torch.zeros(len(table)), self._get(hidden, "bias")]),
            ),
            prior=joined(heads),
            mixture=joined(mixtures),
            members=self._put(torch.tensor([*POSITIVE, *NEGATIVE], dtype=torch.int32)),
            table=self._round(table),
            refine=self.reader.folded(
                self._roles([self._get(f"{name}.projection")[:, dim:] for name in encoders])
            ),
            positives=len(POSITIVE),
        )

    def _cross(self, layer: int) -> Tensor:
        name = f"decoder.layers.{layer}.cross_attention"
        return self._round(
            torch.cat([self._get(f"{name}.{part}") for part in ("key", "value")])[:, None]
        )

    def _decoder(self) -> DecoderWeights:
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
            words=self._round(self.embedded @ self._get("decoder.projection").T),
            timing=self.timing,
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
