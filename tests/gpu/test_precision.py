"""Half precision on a GPU: replies may differ, but not without a bound."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import agreement
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.cuda import CudaEngine
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.special import EOS, SOS
from mime_fast.types import Dialogue
from tests.gpu.ask import STRATEGIES, ask, options

pytestmark = pytest.mark.gpu

# Error of the first word's log-probabilities: ten times what float16 was off by with
# three contexts, interpreted (0.002); bfloat16 has three bits less.
BOUNDS = {"float16": 0.02, "bfloat16": 0.16}


def first_log_probs(
    engine: CudaEngine, dialogues: Sequence[Dialogue]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(dialogues, vocabulary); and which of them mimic a positive emotion."""
    count = len(dialogues)
    encoded = agreement.encode(engine, dialogues, range(count))
    state = engine.start(encoded, list(range(count)))
    log_probs = log_softmax(engine.step(state, np.full(count, SOS)))
    return log_probs, encoded.mimics_positive


@pytest.mark.parametrize("compute_type", BOUNDS)
def test_the_first_word_is_about_as_likely(
    engine: CudaEngine,
    loaded: Checkpoint,
    dialogues: Sequence[Dialogue],
    compute_type: str,
    device: str,
) -> None:
    exact, mimics_positive = first_log_probs(engine, dialogues)
    half = CudaEngine(loaded, device, compute_type)
    found, half_mimics_positive = first_log_probs(half, dialogues)
    same = mimics_positive == half_mimics_positive  # a flip answers with other emotions
    if device == "cpu":
        pytest.skip("the bounds are those of the bundled checkpoint")
    assert same.mean() > 0.9
    assert np.abs(found - exact)[same].max() < BOUNDS[compute_type]


@pytest.mark.parametrize("compute_type", BOUNDS)
def test_every_search_runs(
    loaded: Checkpoint, dialogues: Sequence[Dialogue], compute_type: str, device: str
) -> None:
    if device == "cpu" and compute_type == "bfloat16":
        pytest.skip("the interpreter silently computes nonsense in bfloat16")
    half, few = CudaEngine(loaded, device, compute_type), dialogues[:20]
    for strategy in STRATEGIES:
        config = options(strategy, return_scores=True)
        for replies in ask(half, few, config):
            assert len(replies) == config.num_return_sequences
            for reply in replies:
                ended = reply.tokens[-1] == EOS or len(reply.tokens) == config.max_new_tokens
                assert ended
                assert np.isfinite(reply.log_probs).all()
                assert max(reply.log_probs) <= 0
