"""Replies to the rows of a Ray Dataset: dataset.map_batches(Respond, ...)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from mime_fast.config import GenerationConfig
from mime_fast.generator import Generator
from mime_fast.read_message import Message
from mime_fast.types import Response


class Respond:
    """Answers batches of rows; an actor makes it once.

    A row has `message`, a text or a list of turns, and perhaps `seed`; other columns are kept. It
    gets `reply` (the text), `seed` (repeats the reply), and `response` (all of it, as JSON). A row
    gets the reply of Generator.respond with its seed: how many actors there are, and which rows
    share a batch, changes nothing.

    Args:
        generator: who answers; an actor loads its checkpoint, which must be on each machine. An
            actor needs as many CPUs as it has threads.
        config: options of the replies; `options` override them.

    Raises:
        ValueError, TypeError: an option or a message is wrong.

    Example:
        >>> rows = ray.data.from_items([{"message": "I lost my dog.", "seed": 1}])
        >>> answered = rows.map_batches(
        ...     Respond,
        ...     fn_constructor_args=[Generator(intra_threads=1)],
        ...     batch_size=32,
        ...     num_cpus=1,
        ...     compute=ray.data.ActorPoolStrategy(size=8),
        ... )
    """

    def __init__(
        self, generator: Generator, config: GenerationConfig | None = None, **options: Any
    ) -> None:
        self.generator = generator
        self.options = generator.options(config, options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of columns, with three more."""
        messages = [each if isinstance(each, str) else list(each) for each in batch["message"]]
        seeds = [int(seed) for seed in batch["seed"]] if "seed" in batch else None
        responses = self.answer(messages, seeds)
        return {
            **batch,
            "seed": [response.seed for response in responses],
            "reply": [response.text for response in responses],
            "response": [json.dumps(dataclasses.asdict(response)) for response in responses],
        }

    def answer(self, messages: Sequence[Message], seeds: Sequence[int] | None) -> list[Response]:
        """The replies to messages; seeds: one for each, None: as the options say."""
        request = self.generator.request(messages, self.options, {})
        if seeds is not None:
            request.seeds = list(seeds)
        request.run()
        return request.responses()
