"""mime-base, MIME on a pretrained encoder and decoder: its options and its facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from mime_fast.options import option
from mime_fast.systems.base import System

NAME = "mime_base"
# The encoder is MiniLM's, the decoder has layers of SmolLM2-135M; see docs/mime_base.md.
SHAPE: dict[str, Any] = {
    "hidden_dim": 384,
    "num_heads": 12,
    "filter_dim": 1536,
    "num_layers": 6,
    "max_positions": 256,
    "latent_dim": 16,
}


def _option(default: int, help: str, within: str = "[1, 2**20]") -> Any:  # noqa: A002
    return option(default, help, within=within, systems=(NAME,), exposed=False)


@dataclass(frozen=True)
class MimeBaseOptions:
    """Options of mime-base; hidden_dim and the like are those of its encoder."""

    context_vocab_size: int = _option(8, "Word pieces and special ids.", "[8, 2**20]")
    refinement_filter_dim: int = _option(768, "Width of the refinement's feed-forward.")
    decoder_dim: int = _option(576, "Width of the decoder.")
    decoder_heads: int = _option(9, "Heads of the decoder's queries.")
    decoder_kv_heads: int = _option(3, "Heads of the decoder's keys and values.")
    decoder_filter_dim: int = _option(1536, "Width of the decoder's feed-forward.")
    decoder_layers: int = _option(4, "Layers of the decoder.", "[1, 100]")
    intents: int = _option(16, "Intents of a reply, one of which is drawn.", "[1, 1024]")


class _Shape(Protocol):
    """What the facts follow from: options of all systems, and those above."""

    hidden_dim: int
    num_heads: int
    latent_dim: int
    decoder_dim: int
    decoder_heads: int
    decoder_kv_heads: int
    intents: int


class MimeBase(System[_Shape]):
    """Two sampled mixtures of response emotions, mimicry, and a sampled intent."""

    name = NAME
    class_name = "MimeBase"
    over_words = False

    def reads_emotion(self, options: _Shape) -> bool:  # noqa: ARG002
        """Return True: its polarity is mimicked."""
        return True

    def latents(self, options: _Shape) -> int:  # noqa: ARG002
        """One latent variable for each group of emotions, and the draw of the intent."""
        return 3

    def noise_dim(self, options: _Shape) -> int:
        """The width of the widest draw: a latent variable or the intent."""
        return max(options.latent_dim, options.intents)

    def mimics(self, options: _Shape) -> bool:  # noqa: ARG002
        """Whether the group of the speaker's polarity refines the context first."""
        return True

    def served_by_cuda(self, options: _Shape) -> bool:  # noqa: ARG002
        """The kernels compute it."""
        return True

    def resolve(self, options: _Shape) -> dict[str, Any]:
        """The heads of the encoder share its whole width.

        Raises:
            ValueError: heads do not divide a width.
        """
        width, heads, shared = options.decoder_dim, options.decoder_heads, options.decoder_kv_heads
        if width % (2 * heads):
            raise ValueError(
                f"decoder_dim must be a multiple of twice decoder_heads ({2 * heads}), got {width}"
            )
        if heads % shared:
            raise ValueError(
                f"decoder_heads must be a multiple of decoder_kv_heads ({shared}), got {heads}"
            )
        if options.hidden_dim % options.num_heads:
            raise ValueError(
                f"hidden_dim must be a multiple of num_heads ({options.num_heads}), "
                f"got {options.hidden_dim}"
            )
        return {"key_dim": options.hidden_dim}
