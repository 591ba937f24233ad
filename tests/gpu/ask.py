"""What the tests here ask an engine for."""

from collections.abc import Sequence
from typing import Any

from benchmarks import agreement
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import Engine
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.types import Dialogue

Replies = list[list[Hypothesis]]  # of each dialogue, best first

STRATEGIES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beam 5": {"num_beams": 5, "num_return_sequences": 3},
    "top-k 10": {"do_sample": True, "top_k": 10, "temperature": 0.8, "num_return_sequences": 2},
    "top-p 0.9": {"do_sample": True, "top_p": 0.9, "return_scores": True},
    "greedy, penalties": {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
}


def options(strategy: str, **more: Any) -> GenerationConfig:
    return GenerationConfig(**{**STRATEGIES[strategy], **more})


def ask(
    engine: Engine,
    dialogues: Sequence[Dialogue],
    config: GenerationConfig,
    seeds: Sequence[int] | None = None,
) -> Replies:
    """Together; seeds: the dialogues' numbers."""
    chosen = list(range(len(dialogues)) if seeds is None else seeds)
    decoding = engine.decode(agreement.encode(engine, dialogues, chosen), config, chosen)
    decoding.run()
    return [decoding.results(index) for index in range(len(dialogues))]


def ask_one_by_one(
    engine: Engine, dialogues: Sequence[Dialogue], config: GenerationConfig
) -> Replies:
    """Each alone, with the seed that it has among the others."""
    return [
        replies
        for seed, dialogue in enumerate(dialogues)
        for replies in ask(engine, [dialogue], config, [seed])
    ]


def words(found: Replies) -> list[list[tuple[int, ...]]]:
    return [[reply.tokens for reply in replies] for replies in found]


def log_probs(found: Replies) -> list[float]:
    return [log_prob for replies in found for reply in replies for log_prob in reply.log_probs]
