from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from mime_fast.evaluation.metrics.bleu import (
    AUTHORS,
    CONVENTIONS,
    SACREBLEU,
    Convention,
    corpus_bleu,
)
from mime_fast.text.tokenizer import Tokenizer
from tests.evaluation.released import released, released_examples

REPLIES = ["i am sorry to hear that .", "that is great !", "what happened ? oh no !"]
REFERENCES = ["i am so sorry to hear that !", "that is so great !", "oh no ! what happened ?"]


def value(convention: Convention, replies: list[str], references: list[str]) -> float:
    once = np.ones((1, len(replies)))
    return float(corpus_bleu(convention, replies, references)(once)[0])


@pytest.mark.parametrize("name", CONVENTIONS)
def test_summed_counts_give_the_corpus_score(name: str) -> None:
    metric = CONVENTIONS[name].metric()
    expected = metric.corpus_score(REPLIES, [REFERENCES]).score
    assert value(CONVENTIONS[name], REPLIES, REFERENCES) == pytest.approx(expected)
    assert value(CONVENTIONS[name], REFERENCES, REFERENCES) == pytest.approx(100)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_weight_is_how_often_an_example_counts(name: str) -> None:
    drawn = [0, 2, 2, 1]
    weights = np.bincount(drawn, minlength=3)[None].astype(float)
    expected = (
        CONVENTIONS[name]
        .metric()
        .corpus_score([REPLIES[index] for index in drawn], [[REFERENCES[index] for index in drawn]])
    )
    statistic = corpus_bleu(CONVENTIONS[name], REPLIES, REFERENCES)
    assert statistic(weights)[0] == pytest.approx(expected.score)


def test_the_conventions_differ_in_case_smoothing_and_tokens() -> None:
    assert value(AUTHORS, ["I AM so sorry ."], ["i am so sorry ."]) == pytest.approx(100)
    assert value(SACREBLEU, ["I AM so sorry ."], ["i am so sorry ."]) < 50
    assert (
        value(AUTHORS, ["i am sad ."], ["i am glad ."])
        == 0
        < value(SACREBLEU, ["i am sad ."], ["i am glad ."])
    )
    assert value(AUTHORS, [""], ["i am glad ."]) == 0
    assert "tok:13a" in SACREBLEU.signature
    assert "case:lc" in AUTHORS.signature
    assert isinstance(AUTHORS.metric(), BLEU)


def test_lengths_must_fit() -> None:
    with pytest.raises(ValueError, match="3 replies do not fit 2 references"):
        corpus_bleu(AUTHORS, REPLIES, REFERENCES[:2])


@pytest.mark.parametrize(
    ("system", "decoding", "bleu", "default"),
    [
        ("released_mime", "greedy", 2.76, 2.79),
        ("released_mime", "beam", 3.13, 3.16),
        ("released_mime", "topk", 1.76, 1.76),
        ("released_trs", "unstated", 3.02, 3.05),
        ("released_multi_tr", "unstated", 2.98, 3.0),
        ("released_moel", "unstated", 2.9, 2.92),
        ("released_moel_oracle", "unstated", 2.63, 2.65),
    ],
)
def test_the_released_outputs_score_what_is_published(
    system: str, decoding: str, bleu: float, default: float
) -> None:
    replies = released(system).replies[decoding]
    tokenize = Tokenizer.from_words(()).tokenize
    references = [" ".join(tokenize(example.target)) for example in released_examples()]
    assert value(AUTHORS, replies, references) == pytest.approx(bleu, abs=0.005)
    assert value(SACREBLEU, replies, references) == pytest.approx(default, abs=0.0051)
