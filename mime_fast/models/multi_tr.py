"""Multi-TR: a Transformer that also recognises the emotion.

Context encoder -> decoder; the emotion is a second task, which the reply does not read.
"""

from __future__ import annotations

from torch import Tensor, nn

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.models.base import EncoderMemory, ReplyModel
from mime_fast.text.tokenizer import PAD


class MultiTr(ReplyModel):
    """The multitask Transformer that MIME's paper compares with."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.emotion_classifier = nn.Linear(config.hidden_dim, len(EMOTIONS), bias=False)

    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,  # noqa: ARG002 - it has no latents
        *,
        emotion: Tensor | None = None,  # noqa: ARG002 - nor does the reply read the emotion
        reply: Tensor | None = None,  # noqa: ARG002
    ) -> EncoderMemory:
        """The context states as they are; the emotion is only classified."""
        real = tokens != PAD
        context = self.encode_context(tokens, speakers, real)
        return EncoderMemory(
            context, real, self.emotion_classifier(self.query(context, real)).float(), None
        )

    def show_emotion(self, emotion: Tensor, progress: float) -> None:
        """Training shows no emotion."""
