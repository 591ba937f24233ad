"""A run of a stage of mime-base: from folders of dialogues to a folder with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from mime_fast.bundled import folder_of
from mime_fast.files import check_file
from mime_fast.models.mime_base import MimeBase
from mime_fast.text.examples import load_parts
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer, minilm_word_pieces
from mime_fast.training.config import LearnConfig
from mime_fast.training.language_model.conversations import (
    LabelledConversation,
    encode_conversation,
)
from mime_fast.training.language_model.dialogue_model import load_dialogue_model
from mime_fast.training.language_model.finetune import cut_to_turns, whole_conversations
from mime_fast.training.language_model.smollm2 import load_smollm2
from mime_fast.training.replies.corpora import SOURCES, load_corpora
from mime_fast.training.replies.distill import identity, load_turns, record, save_turns, teach
from mime_fast.training.replies.export import export, round_to_stored
from mime_fast.training.replies.intents import intents_of
from mime_fast.training.replies.learn import LearnReplies
from mime_fast.training.replies.pairs import UNKNOWN, Pair, PairEncoder
from mime_fast.training.replies.start import (
    average_with_checkpoint,
    average_with_minilm,
    scale_intents,
    start_from_checkpoint,
    start_from_packages,
)
from mime_fast.training.run_folder import STATE, check_run_folder
from mime_fast.training.stage import Reporter, StageRun

VALIDATED = 400  # conversations of the validation set, the first ones
INTENTS = "intents.safetensors"
CHECKPOINT = "checkpoint"  # the folder that the engines serve


@dataclass(frozen=True)
class Sources:
    """What a stage has besides the training data."""

    start: Path | None = None  # a checkpoint, as a stage leaves it; None: MiniLM and SmolLM2
    average: Path | None = None  # a checkpoint whose encoder is averaged with that of start
    corpora: Path | None = None  # of further dialogues; every turn is then learned as a reply
    taught: Path | None = None  # what `mime-fast record` wrote


def learn(
    data: Path,
    out: Path,
    config: LearnConfig,
    reporter: Reporter,
    sources: Sources | None = None,
    *,
    resume: bool = False,
) -> dict[str, float]:
    """Train mime-base on dialogues; returns the figures of the weights that it writes.

    Raises:
        FileExistsError: `out` holds a run, and resume is False.
        FileNotFoundError: nothing is there to resume, or data are missing.
        ModuleNotFoundError: a package with weights is missing.
        ValueError: files do not fit each other.
    """
    check_run_folder(out, resume)
    sources = sources or Sources()
    if config.minilm_share and sources.start is None:
        raise ValueError("--minilm-share needs --start: without it the encoder is MiniLM's")
    if sources.average is not None and sources.start is None:
        raise ValueError("--average needs --start: without it the encoder is MiniLM's")
    if config.patience and config.weights.reply == 0:
        raise ValueError(
            f"patience={config.patience} stops by the perplexity, which does not improve with "
            "--reply 0; leave one of them out"
        )
    training, validation = map(whole_conversations, load_parts(data))
    model, tokenizer = (
        _start_anew(training, config)
        if sources.start is None
        else start_from_checkpoint(folder_of(sources.start))
    )
    if config.minilm_share:
        average_with_minilm(model, tokenizer, config.minilm_share)
    if sources.average is not None:
        folder = folder_of(sources.average)
        average_with_checkpoint(model, tokenizer, folder, config.average_share)
    scale_intents(model, config.intent_scale)
    encoder = PairEncoder(tokenizer)
    if sources.corpora is not None:
        pairs = all_turns(encoder, training, sources.corpora, config)
    else:
        pairs = [encoder.pairs(*conversation) for conversation in training]
        if config.weights.intent > 0:
            intents = model.config.intents
            pairs = with_intents(pairs, training, intents, out / INTENTS, config.seed)
    learned, distributions = list(chain.from_iterable(pairs)), None
    if sources.taught is not None:
        turns = load_turns(sources.taught, identity(training, tokenizer.reply))
        learned, distributions = teach(pairs, turns)
    valid = chain.from_iterable(encoder.pairs(*c) for c in validation[:VALIDATED])
    stage = LearnReplies(model, learned, list(valid), config, distributions)
    run = StageRun(stage, out / STATE, config, reporter)
    run.run()
    stored = round_to_stored(stage.model)
    figures = run.measure()
    card = _card(config, figures, sources, run.step)
    texts = (turn for conversation in training for turn in conversation.utterances)
    export(
        out / CHECKPOINT,
        model=stage.model,
        stored=stored,
        tokenizer=tokenizer,
        card=card,
        texts=texts,
    )
    return figures


def _start_anew(
    training: Sequence[LabelledConversation], config: LearnConfig
) -> tuple[MimeBase, SubwordTokenizer]:
    whole, smollm2 = load_smollm2()
    tokenizer = SubwordTokenizer(
        cut_to_turns(WordPieceTokenizer(minilm_word_pieces()), training, config.min_count),
        cut_to_turns(whole, training, config.min_count),
    )
    return start_from_packages(tokenizer, whole, smollm2, config.seed), tokenizer


def _card(config: LearnConfig, figures: dict[str, float], sources: Sources, steps: int) -> str:
    """The model card: what the model was made of, and its figures as it is stored."""
    options = "\n".join(f"- {name}: {value}" for name, value in config.to_dict().items())
    used = {"EmpatheticDialogues": "CC BY-NC 4.0", **(SOURCES if sources.corpora else {})}
    data = "\n".join(f"- {name}: {licence}" for name, licence in used.items())
    facts = [
        f"`mime-fast learn`, {steps} steps.",
        "It goes on from an earlier stage; name its data here too."
        if sources.start
        else "It starts from the two packages.",
        f"Its encoder is averaged with that of {sources.average}; name its data here too."
        if sources.average
        else "",
        "SmolLM2-135M-Instruct, fine-tuned on EmpatheticDialogues, taught it."
        if sources.taught
        else "It had no teacher.",
    ]
    return (
        "# A checkpoint of mime-base\n\n"
        "The context encoder starts from all-MiniLM-L6-v2, the decoder from layers of "
        "SmolLM2-135M-Instruct (both Apache-2.0).\n\n"
        f"## Data, and their licences\n\n{data}\n\n"
        f"## Training\n\n{' '.join(filter(None, facts))}\n\n"
        f"Validation, on the stored weights: perplexity {figures['perplexity']:.2f} a word (mean "
        f"over replies), emotion accuracy {figures['emotion_accuracy']:.1%}.\n\n"
        f"Options:\n{options}\n"
    )


def record_teacher(data: Path, teacher: Path, out: Path, count: int) -> int:
    """Write what a fine-tuned language model predicts in the first conversations; 0: in all.

    Returns the number of turns.

    Raises:
        FileNotFoundError: data are missing, or the teacher is not there.
        WriteError: the file cannot be written.
    """
    check_file(out)
    training = whole_conversations(load_parts(data)[0])
    model, tokenizer = load_dialogue_model(teacher)
    chosen = training[: count or None]
    rows = [encode_conversation(tokenizer, turns, emotion) for turns, emotion in chosen]
    turns = record(model, rows)
    save_turns(out, turns, identity(training, tokenizer))
    return sum(map(len, turns))


def with_intents(
    pairs: Sequence[Sequence[Pair]],
    training: Sequence[LabelledConversation],
    intents: int,
    kept: Path,
    seed: int,
) -> list[list[Pair]]:
    """The pairs of each conversation, with the intents of their replies."""
    texts = [
        conversation.utterances[pair.turn]
        for conversation, own in zip(training, pairs, strict=True)
        for pair in own
    ]
    labels = iter(intents_of(texts, intents, seed, kept).tolist())
    return [[replace(pair, intent=next(labels)) for pair in own] for own in pairs]


def all_turns(
    encoder: PairEncoder,
    training: Sequence[LabelledConversation],
    corpora: Path,
    config: LearnConfig,
) -> list[list[Pair]]:
    """Every turn but the first of the training data and of further corpora."""
    every = slice(1, None)
    found = [encoder.pairs(*conversation, turns=every) for conversation in training]
    for turns, emotion in load_corpora(corpora, config.corpus_turns, config.seed):
        label = UNKNOWN if emotion is None else emotion
        found.append(encoder.pairs(turns, label, turns=every))
    return found
