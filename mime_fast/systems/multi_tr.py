"""Multi-TR: a Transformer that is also trained to recognise the emotion. It has no options."""

from __future__ import annotations

from mime_fast.systems.base import System


class MultiTr(System[object]):
    """The multitask Transformer that MIME's paper compares with."""

    name = "multi_tr"
    class_name = "MultiTr"

    def reads_emotion(self, options: object) -> bool:  # noqa: ARG002
        """Return False: the emotion is a second task, which the reply does not read."""
        return False
