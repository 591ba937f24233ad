"""A run of the fine-tuning stage: from a folder of dialogues to a folder with the model."""

from __future__ import annotations

from pathlib import Path

from mime_fast.text.examples import load_parts
from mime_fast.text.tokenizer import plain_tokenizer
from mime_fast.training.config import FinetuneConfig
from mime_fast.training.language_model.dialogue_model import (
    load_pieces,
    save_dialogue_model,
    save_pieces,
)
from mime_fast.training.language_model.finetune import Finetune, pretrained, whole_conversations
from mime_fast.training.run_folder import STATE, check_run_folder
from mime_fast.training.stage import Reporter, StageRun

VALIDATED = 400  # conversations of the validation set, the first ones


def finetune(
    data: Path, out: Path, config: FinetuneConfig, reporter: Reporter, *, resume: bool = False
) -> dict[str, float]:
    """Fine-tune SmolLM2 on dialogues; returns the figures of the weights that it writes.

    Raises:
        FileExistsError: `out` holds a run, and resume is False.
        FileNotFoundError: nothing is there to resume, or data are missing.
        ModuleNotFoundError: the package with the weights is missing.
    """
    check_run_folder(out, resume)
    training, validation = map(whole_conversations, load_parts(data))
    words = plain_tokenizer()
    kept = load_pieces(out) if resume else None
    model, tokenizer = pretrained(training, config, kept)
    stage = Finetune(
        model=model,
        tokenizer=tokenizer,
        training=training,
        validation=validation[:VALIDATED],
        config=config,
        words=words,
    )
    save_pieces(out, tokenizer)
    run = StageRun(stage, out / STATE, config, reporter)
    run.run()
    save_dialogue_model(out, stage.model, tokenizer)
    return run.measure()
