"""MIME (arXiv 2010.01454): its options, its ablations and the facts that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mime_fast.options import option
from mime_fast.systems.base import System

ABLATIONS = ("grouping", "mimicry", "stochastic", "share_emotion_embedding")


def _option(default: Any, help: str, **facts: Any) -> Any:  # noqa: A002
    """An option of MIME, which the other systems must leave at its default."""
    return option(default, help, **{"systems": ("mime",), "group": "Ablations of MIME", **facts})


@dataclass(frozen=True)
class MimeOptions:
    """Options of MIME. The defaults are the equations of its paper.

    The authors' code departs from their paper in two places that a checkpoint depends on.
    `shared_log_variance` (Eq. 7-15): their code uses the positive group's for both.
    `shared_response_encoder` (Eq. 22-23): the paper has one encoder, their code two.
    The last four are the ablations of the paper's Tables 3 and 5.
    """

    latent_dim: int = _option(
        300, "Width of z.", within="[1, 2**20]", exposed=False, systems=("mime", "mime_base")
    )
    shared_log_variance: bool = _option(False, "One log-variance for both groups.", exposed=False)
    shared_response_encoder: bool = _option(True, "One response encoder.", exposed=False)
    mimicry: bool = _option(True, "Without: the positive group always comes first.")
    grouping: bool = _option(True, "Without: one group of all emotions, and nothing is mimicked.")
    stochastic: bool = _option(True, "Without: means instead of draws, in training too.")
    share_emotion_embedding: bool = _option(True, "Without: the classifier has its own table.")


class Mime(System[MimeOptions]):
    """Two sampled mixtures of response emotions, one of which mimics the speaker's polarity."""

    name = "mime"
    class_name = "Mime"

    def reads_emotion(self, options: MimeOptions) -> bool:
        """Only the polarity of the emotion is read, and only by mimicry."""
        return options.mimicry

    def latents(self, options: MimeOptions) -> int:
        """One latent variable for each group of emotions that is sampled."""
        if not options.stochastic:
            return 0
        return 2 if options.grouping else 1

    def noise_dim(self, options: MimeOptions) -> int:
        """The width of a latent variable."""
        return options.latent_dim

    def mimics(self, options: MimeOptions) -> bool:
        """Whether the group of the speaker's polarity refines the context first."""
        return options.mimicry

    def resolve(self, options: MimeOptions) -> dict[str, Any]:
        """Without groups there is nothing to mimic, and nothing that two groups could share.

        Raises:
            ValueError: an option of two groups is set without grouping.
        """
        if options.grouping:
            return {}
        if options.shared_log_variance or not options.shared_response_encoder:
            raise ValueError(
                "grouping=False has one encoder and one log-variance; "
                "leave out shared_response_encoder and shared_log_variance"
            )
        return {"mimicry": False}

    def ablations(self, options: MimeOptions) -> tuple[str, ...]:
        """The options of ABLATIONS that are off."""
        return tuple(name for name in ABLATIONS if not getattr(options, name))

    def served_by_cuda(self, options: MimeOptions) -> bool:
        """The kernels compute MIME as its paper has it."""
        return not self.ablations(options)
