"""Inside a reply: what its words attend to in the context, and its mixture of emotions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor

from mime_fast import Generator, Response
from mime_fast.config import AS_GENERATED, GenerationConfig
from mime_fast.engines.eager import EagerEngine
from mime_fast.evaluation.page.chart import Values
from mime_fast.models.base import as_word_model
from mime_fast.models.layers import Attention
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.examples import Example

END = "(end)"


@dataclass(frozen=True)
class Look:
    """A greedy reply without emotion noise, from within."""

    index: int  # of the example
    response: Response
    context: list[str]  # words that the model was given
    reply: list[str]  # words, and the end where the model chose it
    weights: Values  # (reply, context): each row sums to 1


class AttentionRecorder:
    """Keeps what an attention was last given; use it as a context manager."""

    def __init__(self, attention: Attention) -> None:
        self._attention = attention
        self._inputs: tuple[Tensor, Tensor, Tensor] | None = None

    def __enter__(self) -> Self:
        self._hook = self._attention.register_forward_pre_hook(self._keep)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _keep(self, _: Any, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
        self._inputs = inputs

    @torch.inference_mode()
    def weights(self) -> Values:
        """Mean over heads in the last forward pass: (length, key length) of its first row."""
        assert self._inputs is not None  # noqa: S101 - a reply has a step
        return cast(
            "Values", self._attention.attention_weights(*self._inputs)[0].mean(0).cpu().numpy()
        )


def look_inside(folder: Path, examples: Sequence[Example], indices: Sequence[int]) -> list[Look]:
    """Answer some examples with the eager model, and keep what led to each reply.

    The weights are those of the last decoder layer over the context; for MoEL, the meta listener's.
    They are of the step that ended the reply: the eager engine reads the whole reply in each step.
    """
    generator = Generator(folder, engine="eager")
    return [_look(generator, examples[index], index) for index in indices]


def _look(generator: Generator, example: Example, index: int) -> Look:
    engine, tokenizer = cast("EagerEngine", generator.engine), generator.tokenizer
    attention = as_word_model(engine.model).decoder.layers[-1].cross_attention
    with AttentionRecorder(cast("Attention", attention)) as recorder:
        greedy = GenerationConfig(stochastic_emotion=False, seed=0, **AS_GENERATED)
        response = generator.respond(example.context, greedy)
    weights = recorder.weights()
    words = [tokenizer.word(token) for token in response.candidates[0].tokens]
    dialogue = encode_dialogue(tokenizer, example.context, engine.config.max_positions)
    context = [tokenizer.word(token) for token in dialogue.tokens]
    return Look(index, response, context, [*words, END][: len(weights)], np.asarray(weights))
