from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from mime_fast import minilm
from mime_fast.cli import app
from mime_fast.text.examples import Example, load_examples
from mime_fast.training.config import TrainingConfig
from mime_fast.training.loop import Trainer
from mime_fast.training.teacher import (
    FOLDS,
    context_vectors,
    cross_fit,
    fold_of_each,
    load_teacher,
    make_teacher,
)
from tests.training.test_loop import MODEL, SHORT, Recorder


def bag_of_words(texts: Sequence[str]) -> NDArray[np.float32]:
    """(texts, 64): how often each word's bucket occurs."""
    vectors = np.zeros((len(texts), 64), np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            vector[crc32(word.encode()) % 64] += 1
    return vectors


@pytest.fixture
def examples(dialogues: Path) -> list[Example]:
    return load_examples(dialogues / "train.jsonl")


def test_a_context_is_the_speakers_first_mean_and_last_turn() -> None:
    spoken = ["I lost my dog.", "He ran away!"]
    contexts = [spoken[:1], [spoken[0], "Oh no.", spoken[1]]]
    vectors = context_vectors(bag_of_words, [Example(context, "?", 3) for context in contexts])
    first, last = bag_of_words(spoken)
    np.testing.assert_array_equal(vectors[0], np.concatenate([first, first, first]))
    np.testing.assert_allclose(vectors[1], np.concatenate([first, (first + last) / 2, last]))


def test_a_conversation_lies_in_one_fold(examples: list[Example]) -> None:
    folds = fold_of_each(examples)
    assert set(folds.tolist()) == set(range(FOLDS))
    of_first: dict[str, set[int]] = {}
    for example, fold in zip(examples, folds.tolist(), strict=True):
        of_first.setdefault(example.context[0], set()).add(fold)
    assert {len(folds) for folds in of_first.values()} == {1}
    assert len(of_first) < len(examples)


def test_no_example_is_taught_by_a_classifier_that_saw_it() -> None:
    """Each row has a feature of its own, which alone tells its label: it must not help."""
    torch.manual_seed(0)
    emotions = torch.arange(100) % 2
    probabilities = cross_fit(torch.eye(100), emotions, torch.arange(100) % FOLDS)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(100))
    own = probabilities.gather(1, emotions[:, None])
    other = probabilities.gather(1, 1 - emotions[:, None])
    torch.testing.assert_close(own, other, rtol=0.1, atol=0)


def test_a_teacher_is_written_and_read(examples: list[Example], tmp_path: Path) -> None:
    path = tmp_path / "runs/teacher.safetensors"
    accuracy = make_teacher(examples, bag_of_words, path)
    assert accuracy > 0.9  # the data set's feelings have words of their own
    probabilities = load_teacher(path, examples)
    assert probabilities.shape == (len(examples), 32)
    emotions = torch.tensor([example.emotion for example in examples])
    assert (probabilities.argmax(-1) == emotions).float().mean().item() == pytest.approx(accuracy)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_teacher_of_other_examples_or_of_nothing_is_refused(
    examples: list[Example], tmp_path: Path
) -> None:
    path = tmp_path / "teacher.safetensors"
    with pytest.raises(ValueError, match="more than one conversation"):
        make_teacher(examples[:2], bag_of_words, path)
    make_teacher(examples, bag_of_words, path)
    with pytest.raises(ValueError, match="teaches other examples; make it again: mime-fast teach"):
        load_teacher(path, examples[1:])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="no whole teacher; make it: mime-fast teach"):
        load_teacher(path, examples)


def test_a_teacher_softens_the_labels_of_training(
    dialogues: Path, examples: list[Example], tmp_path: Path
) -> None:
    path = tmp_path / "teacher.safetensors"
    make_teacher(examples, bag_of_words, path)
    config = SHORT.replace(teacher_share=0.25)
    run = Trainer(dialogues, tmp_path / "out", config, MODEL, Recorder(), teacher=path)
    taught = load_teacher(path, examples)
    for pair, probabilities in zip(run.data.pairs, taught, strict=True):
        expected = 0.25 * probabilities
        expected[pair.emotion] += 0.75
        assert pair.soft_label == pytest.approx(expected.tolist(), abs=1e-5)
    assert all(max(pair.soft_label) == 1 for pair in run.data.validation_pairs)
    run.run()
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert "- teacher: digest " in card
    assert "- dropout: 0.1" in card


def test_a_run_is_not_resumed_with_another_teacher(
    dialogues: Path, examples: list[Example], tmp_path: Path
) -> None:
    path = tmp_path / "teacher.safetensors"
    make_teacher(examples, bag_of_words, path)
    with pytest.raises(KeyboardInterrupt):
        Trainer(
            dialogues, tmp_path / "out", SHORT, MODEL, Recorder(stop_after=11), teacher=path
        ).run()
    with pytest.raises(ValueError, match=r"run with other teacher: .* then, none now"):
        Trainer(dialogues, tmp_path / "out", SHORT, MODEL, Recorder(), resume=True)


def test_what_is_no_teacher_is_refused_before_the_data_are_encoded(
    dialogues: Path, tmp_path: Path
) -> None:
    for path, error in (
        (tmp_path, f"{tmp_path} is a folder; give the file that mime-fast teach wrote"),
        (tmp_path / "nothing", f"no teacher at {tmp_path}/nothing; make it: mime-fast teach"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=error):
            Trainer(dialogues, tmp_path / "out", SHORT, MODEL, Recorder(), teacher=path)
    with pytest.raises(ValueError, match=r"teacher_share=0.25 has no effect without --teacher"):
        Trainer(dialogues, tmp_path / "out", SHORT.replace(teacher_share=0.25), MODEL, Recorder())


def test_nothing_is_overwritten(examples: list[Example], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "thesis.txt"):
        if path != tmp_path:
            path.touch()
        with pytest.raises(FileExistsError, match="exists; name another --out"):
            make_teacher(examples, bag_of_words, path)


def test_the_released_objective_takes_no_teacher(dialogues: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave out --teacher"):
        Trainer(
            dialogues,
            tmp_path / "out",
            TrainingConfig(),
            {**MODEL, "objective": "released"},
            Recorder(),
            teacher=tmp_path / "teacher.safetensors",
        )


def test_the_commands_teach_and_train(
    dialogues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Encoder:
        """Stands for the 90 MB of sentence vectors."""

        encode = staticmethod(bag_of_words)

    monkeypatch.setattr(minilm, "SentenceEncoder", Encoder)
    path, out = tmp_path / "teacher.safetensors", tmp_path / "out"
    runner = CliRunner()
    taught = runner.invoke(app, ["teach", "--data", str(dialogues), "--out", str(path)])
    assert "it is right in " in taught.output
    sizes = ["--hidden-dim", "32", "--key-dim", "16", "--filter-dim", "16", "--min-count", "1"]
    options = [*sizes, "--teacher", str(path), "--teacher-share", "0.3", "--epochs", "1"]
    trained = runner.invoke(app, ["train", "--data", str(dialogues), "--out", str(out), *options])
    assert trained.exit_code == 0, trained.output
    card = (out / "README.md").read_text("utf-8")
    assert "- teacher: digest " in card
    assert "- teacher_share: 0.3" in card
