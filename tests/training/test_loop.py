from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from mime_fast import Generator, checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.files import WriteError
from mime_fast.likelihood.perplexity import Likelihood
from mime_fast.models.moel import Moel
from mime_fast.training.config import LossWeights, TrainingConfig
from mime_fast.training.loop import Trainer
from mime_fast.training.objective import Loss
from mime_fast.training.state import load_state
from tests.limits import limit_file_size

MODEL = {"hidden_dim": 32, "key_dim": 16, "filter_dim": 16, "latent_dim": 8, "dropout": 0.1}
SHARED = {name: value for name, value in MODEL.items() if name != "latent_dim"}  # by all systems
MOEL = {**SHARED, "architecture": "moel"}
FORMS: list[dict[str, Any]] = [
    {},
    {"grouping": False},
    {"stochastic": False},
    {"architecture": "multi_tr"},
    {"architecture": "moel"},
]
SHORT = TrainingConfig(
    epochs=6, batch_size=8, learning_rate=3e-3, warmup_steps=4, validate_every=10, min_count=1
)


class Recorder:
    """A Reporter that records what it is given, and may interrupt a run after a step."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.losses: list[float] = []
        self.validations: list[tuple[int, Likelihood]] = []
        self.stop_after = stop_after

    def step(self, step: int, total: int, loss: Loss, tokens_per_second: float) -> None:
        self.losses.append(loss.total.item())
        if step >= self.stop_after:
            raise KeyboardInterrupt

    def validation(self, step: int, result: Likelihood, best: bool) -> None:
        self.validations.append((step, result))


def trainer(data: Path, out: Path, reporter: Recorder | None = None, **options: Any) -> Trainer:
    config = SHORT.replace(**options)
    return Trainer(data, out, config, MODEL, reporter or Recorder())


def test_training_learns_and_writes_a_checkpoint(dialogues: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    result = trainer(dialogues, tmp_path / "out", recorder, epochs=20, ema_decay=0.9).run()
    first = recorder.validations[0][1].perplexity_example_mean
    assert result.perplexity_example_mean < first / 3
    assert result.emotion_accuracy > 0.9
    generator = Generator(tmp_path / "out")
    assert generator.respond("I lost my dog.").emotion == "sad"
    assert generator.respond("I found my dog!").emotion == "joyful"


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_system_is_shown_what_it_asks_for(
    dialogues: Path, tmp_path: Path, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress: list[float] = []
    shown: list[bool] = []
    encode = Moel.encode

    def show_emotion(_: Moel, emotion: Tensor, share: float) -> Tensor | None:
        progress.append(share)
        return emotion if is_shown else None

    def watched(model: Moel, *arguments: Tensor, **options: Any) -> Any:
        if model.training:
            shown.append(options["emotion"] is not None)
        return encode(model, *arguments, **options)

    monkeypatch.setattr(Moel, "show_emotion", show_emotion)
    monkeypatch.setattr(Moel, "encode", watched)
    moel = Trainer(dialogues, tmp_path / "out", SHORT.replace(epochs=1), MOEL, Recorder())
    moel.run()
    steps = moel.total_steps
    assert progress == [step / steps for step in range(steps)]
    assert shown == [is_shown] * steps


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    dialogues: Path, tmp_path: Path, form: dict[str, Any]
) -> None:
    model = {**(SHARED if "architecture" in form else MODEL), **form}
    config = SHORT.replace(epochs=2, validate_every=5)
    Trainer(dialogues, tmp_path / "whole", config, model, Recorder()).run()
    with pytest.raises(KeyboardInterrupt):
        Trainer(dialogues, tmp_path / "cut", config, model, Recorder(stop_after=13)).run()
    assert not (tmp_path / "cut").exists()
    resumed = Recorder()
    Trainer(dialogues, tmp_path / "cut", config, model, resumed, resume=True).run()
    assert resumed.validations[0][0] == 15  # it went on from the validation at step 10
    whole, cut = (checkpoint.load(tmp_path / name).tensors for name in ("whole", "cut"))
    for name, tensor in whole.items():
        np.testing.assert_array_equal(tensor, cut[name], err_msg=name)


def test_a_killed_run_loses_at_most_one_validation_interval(
    dialogues: Path, tmp_path: Path
) -> None:
    state = tmp_path / "out.training.safetensors"
    command = [sys.executable, "-m", "mime_fast.cli", "train", "--data", str(dialogues)]
    command += ["--out", str(tmp_path / "out"), "--epochs", "4", "--batch-size", "8"]
    command += ["--validate-every", "5", "--hidden-dim", "32", "--key-dim", "16"]
    command += ["--filter-dim", "16", "--patience", "1000", "--min-count", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    saved = load_state(state)[1]["progress"]["step"]
    assert saved > 0
    assert saved % 5 == 0

    subprocess.run([*command, "--resume"], check=True, stdout=subprocess.DEVNULL)
    assert load_state(state)[1]["progress"]["step"] == 32
    assert Generator(tmp_path / "out").respond("I lost my dog.").text


@pytest.mark.parametrize("model", ["moel"])  # some of its parameters get no gradient
def test_two_processes_share_an_epoch(dialogues: Path, tmp_path: Path, model: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["-m", "mime_fast.cli", "train", "--data", str(dialogues)]
    command += ["--out", str(tmp_path / "out"), "--epochs", "2", "--batch-size", "8"]
    command += ["--hidden-dim", "32", "--key-dim", "16", "--filter-dim", "16", "--min-count", "1"]
    command += ["--model", model]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.count("wrote") == 1
    progress = load_state(tmp_path / "out.training.safetensors")[1]["progress"]
    assert progress["step"] == 2 * 4  # 60 pairs in batches of 2 x 8
    assert Generator(tmp_path / "out", engine="eager").respond("I lost my dog.").text


def test_validation_that_stops_improving_ends_the_run(dialogues: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    # So small a rate that float32 weights, averaged, do not move: only the first check is a best.
    trainer(
        dialogues, tmp_path / "out", recorder, learning_rate=1e-30, validate_every=2, patience=2
    ).run()
    assert [step for step, _ in recorder.validations] == [2, 4, 6]


def test_nothing_is_overwritten(dialogues: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    trainer(dialogues, tmp_path / "out")  # an empty folder is nothing
    (tmp_path / "out/thesis.txt").touch()
    with pytest.raises(FileExistsError, match="name another --out"):
        trainer(dialogues, tmp_path / "out")
    (tmp_path / "new.training.safetensors").touch()
    with pytest.raises(FileExistsError, match="--resume"):
        trainer(dialogues, tmp_path / "new")


def test_resume_needs_the_same_run(dialogues: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        Trainer(dialogues, tmp_path / "new", SHORT, MODEL, Recorder(), resume=True)
    with pytest.raises(KeyboardInterrupt):
        trainer(dialogues, tmp_path / "out", Recorder(stop_after=11)).run()
    other = SHORT.replace(batch_size=4)
    with pytest.raises(ValueError, match="batch_size 8 then, 4 now"):
        Trainer(dialogues, tmp_path / "out", other, MODEL, Recorder(), resume=True)
    with pytest.raises(ValueError, match="model: architecture mime then, moel now; repeat it"):
        Trainer(dialogues, tmp_path / "out", SHORT, MOEL, Recorder(), resume=True)


def test_resume_needs_the_same_data(dialogues: Path, tmp_path: Path) -> None:
    data = shutil.copytree(dialogues, tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        trainer(data, tmp_path / "out", Recorder(stop_after=11)).run()
    lines = (data / "train.jsonl").read_text().splitlines(keepends=True)
    (data / "train.jsonl").write_text("".join(reversed(lines)))
    with pytest.raises(ValueError, match="a run with other data"):
        Trainer(data, tmp_path / "out", SHORT, MODEL, Recorder(), resume=True)


def test_options_that_do_nothing_are_refused(dialogues: Path, tmp_path: Path) -> None:
    config = SHORT.replace(weights=LossWeights(alpha=2))
    model = MODEL | {"objective": "released"}
    with pytest.raises(ValueError, match="has fixed weights; leave out alpha=2"):
        Trainer(dialogues, tmp_path / "out", config, model, Recorder())


def test_a_broken_state_is_named(dialogues: Path, tmp_path: Path) -> None:
    state = tmp_path / "out.training.safetensors"
    state.write_bytes(b"\x10\x00")
    with pytest.raises(ValueError, match="not a whole training state"):
        Trainer(dialogues, tmp_path / "out", SHORT, MODEL, Recorder(), resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(dialogues: Path, tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="learning-rate"):
        trainer(dialogues, tmp_path / "out", weights=LossWeights(gamma=1e39)).run()


def test_a_target_that_cannot_be_written_is_named_before_data_are_read(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"training.safetensors|/proc/x cannot be written"):
        trainer(tmp_path / "no data", Path("/proc/x"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    (tmp_path / "out.training.safetensors").touch()
    with pytest.raises(CheckpointError, match="out is no checkpoint; name another folder"):
        Trainer(tmp_path / "no data", tmp_path / "out", SHORT, MODEL, Recorder(), resume=True)


def test_a_run_that_does_not_fit_is_not_begun(
    dialogues: Path, tmp_path: Path, mount: Callable[..., Path]
) -> None:
    with pytest.raises(WriteError, match=r"needed, .* are free\); free space there"):
        trainer(dialogues, mount("size=100k") / "out")
    with limit_file_size(50_000), pytest.raises(WriteError, match=r"needed, files may have.*limit"):
        trainer(dialogues, tmp_path / "out")


def test_a_disk_that_fills_up_keeps_the_last_state(
    dialogues: Path, tmp_path: Path, mount: Callable[..., Path]
) -> None:
    out = mount("size=4m") / "out"
    filler = out.with_name("of somebody else")

    class Filling(Recorder):
        def validation(self, step: int, result: Likelihood, best: bool) -> None:
            if step == 20:
                disk = os.statvfs(out.parent)
                filler.write_bytes(bytes(disk.f_bavail * disk.f_frsize))

    message = (
        r"^.*/out.training.safetensors cannot be written \(.*No space left on device.*\), .* is as "
        r"it was; free space there.*; training stops at step 30, the steps up to 20 are kept: "
        r"--resume goes on there$"
    )
    with pytest.raises(WriteError, match=message):
        trainer(dialogues, out, Filling()).run()
    assert sorted(path.name for path in out.parent.iterdir()) == [
        filler.name,
        "out.training.safetensors",
    ]
    filler.unlink()
    Trainer(dialogues, out, SHORT, MODEL, Recorder(), resume=True).run()
    trainer(dialogues, tmp_path / "whole").run()
    weights = [checkpoint.load(folder).digest for folder in (out, tmp_path / "whole")]
    assert weights[0] == weights[1]


def test_without_a_state_nothing_is_kept(dialogues: Path, tmp_path: Path) -> None:
    run = trainer(dialogues, tmp_path / "out")
    with (
        limit_file_size(10_000),
        pytest.raises(WriteError, match=r"stops at step 10, no step is kept: repeat the run$"),
    ):
        run.run()
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_is_made_again(dialogues: Path, tmp_path: Path) -> None:
    out, state = tmp_path / "out", tmp_path / "out.training.safetensors"
    run = trainer(dialogues, out, epochs=1)

    class Blocking(Recorder):
        def validation(self, step: int, result: Likelihood, best: bool) -> None:
            if step == run.total_steps:
                out.write_text("in the way")

    run.reporter = Blocking()
    with pytest.raises(CheckpointError, match="out is no checkpoint"):
        run.run()
    assert state.exists()
    assert out.read_text() == "in the way"
    out.unlink()
    again = Trainer(
        dialogues, out, SHORT.replace(epochs=1), MODEL, reporter := Recorder(), resume=True
    )
    limit = 2 * sum(parameter.numel() for parameter in again.learner.averaged.parameters()) // 2
    with (
        limit_file_size(limit),
        pytest.raises(WriteError, match=r"the trained state is kept in .*, and --resume writes"),
    ):
        again.run()
    Trainer(dialogues, out, SHORT.replace(epochs=1), MODEL, reporter, resume=True).run()
    assert reporter.losses == []  # nothing is trained again
    assert checkpoint.load(out).config == run.data.model_config.replace(dropout=0.0)


@pytest.mark.parametrize("min_count", [50, 10_000])
def test_a_vocabulary_without_words_names_the_option(
    dialogues: Path, tmp_path: Path, min_count: int
) -> None:
    few = tmp_path / "few.jsonl"
    lines = (dialogues / "train.jsonl").read_text().splitlines(keepends=True)[:8]
    few.write_text("".join(lines))
    with pytest.raises(ValueError, match=rf"min_count={min_count} \(--min-count\) leaves 0 words"):
        trainer(few, tmp_path / "out", min_count=min_count)


@pytest.mark.parametrize("is_pipe", [False, True])
def test_a_file_is_trained_on_and_validated_with(
    dialogues: Path, tmp_path: Path, is_pipe: bool
) -> None:
    data = dialogues / "train.jsonl"
    if is_pipe:
        text, data = data.read_text(), tmp_path / "pipe"
        os.mkfifo(data)
        threading.Thread(target=data.write_text, args=(text,), daemon=True).start()
    run = trainer(data, tmp_path / "out", epochs=1)
    assert (len(run.data.pairs), len(run.data.validation_pairs)) == (54, 6)  # of 30 conversations
    run.run()
    assert checkpoint.load(tmp_path / "out").config.architecture == "mime"
