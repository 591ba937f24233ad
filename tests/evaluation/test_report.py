from __future__ import annotations

import json
from pathlib import Path

import pytest

from mime_fast.evaluation.report import evaluate_checkpoint, show

EXAMPLES = [
    {"context": ["I lost my dog yesterday."], "target": "I am so sorry.", "emotion": "sad"},
    {"context": ["It is great!", "Oh?", "We have a dog."], "target": "Great!", "emotion": "joyful"},
    {"context": ["They lost, again."], "target": "Oh no, what happened?", "emotion": "angry"},
]
KEYS = {
    "perplexity_example_mean",
    "perplexity_token_mean",
    "emotion_accuracy",
    "polarity_accuracy",
    "bleu_greedy",
    "distinct_1",
    "distinct_2",
    "distinct_replies",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = "".join(json.dumps(example) + "\n" for example in EXAMPLES)
    (tmp_path / "test_examples.jsonl").write_text(lines)
    return tmp_path


def test_a_report_has_every_figure(
    tiny_checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluate_checkpoint(tiny_checkpoint, data, samples=2)
    assert report.examples == 3
    assert report.perplexity_example_mean > 1
    assert 0 < report.distinct_2 <= 100
    capsys.readouterr()
    show(report, as_json=True)
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= KEYS
    show(report, as_json=False)
    table = capsys.readouterr().out
    assert "bleu_greedy" in table
    assert len(report.samples) == 2
    for sample in report.samples:
        assert sample.emotion == EXAMPLES[sample.index]["emotion"]
        assert sample.recognised in table
