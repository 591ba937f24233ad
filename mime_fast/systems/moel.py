"""MoEL (arXiv 1908.07687): its option and its facts."""

from __future__ import annotations

from dataclasses import dataclass

from mime_fast.emotions import EMOTIONS
from mime_fast.options import option
from mime_fast.systems.base import System


@dataclass(frozen=True)
class MoelOptions:
    """Options of MoEL."""

    top_listeners: int = option(
        5,
        "Number of listeners that decode, 5 as in the published runs; 0: all.",
        within=f"[0, {len(EMOTIONS)}]",
        systems=("moel",),
        group="Options of MoEL",
    )


class Moel(System[MoelOptions]):
    """A decoder layer for each emotion, weighted by the recognised emotion's logits."""

    name = "moel"
    class_name = "Moel"

    def reads_emotion(self, options: MoelOptions) -> bool:  # noqa: ARG002
        """Return True: the emotion weights the listeners."""
        return True
