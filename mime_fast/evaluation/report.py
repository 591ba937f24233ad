"""`mime-fast evaluate`: one checkpoint, one set of examples, every figure named."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.progress import track
from rich.table import Table

from mime_fast import Generator
from mime_fast.evaluation.metrics import corpus_bleu, distinct, distinct_replies
from mime_fast.evaluation.perplexity import count_unknown_types, likelihood
from mime_fast.training.data import Example, encode_pairs, load_examples

if TYPE_CHECKING:
    from mime_fast.engines.eager import EagerEngine

SEEDS = 5  # of the perplexity under sampled emotions
BATCH = 64


@dataclass(frozen=True)
class Report:
    """Figures of one checkpoint on one set. Accuracies and distinct_replies are shares of 1."""

    examples: int
    perplexity_example_mean: float  # the authors' convention: gold polarity, here without noise
    perplexity_token_mean: float
    perplexity_predicted_polarity: float  # example mean
    perplexity_sampled_emotions: float  # example mean, mean of SEEDS draws of the emotion noise
    emotion_accuracy: float
    polarity_accuracy: float
    bleu_greedy: float  # in [0, 100]
    distinct_1: float  # per hundred
    distinct_2: float
    distinct_replies: float
    unknown_types: int  # U of the perplexities


DESCRIPTIONS = {
    "examples": "(context, reply) pairs",
    "perplexity_example_mean": "exp of the mean over examples of a reply's mean cost (authors')",
    "perplexity_token_mean": "exp of the mean cost over all tokens",
    "perplexity_predicted_polarity": "example mean, mimicking the predicted polarity",
    "perplexity_sampled_emotions": f"example mean, emotion noise on, mean of {SEEDS} seeds",
    "emotion_accuracy": "share, 32 emotions",
    "polarity_accuracy": "share, 2 groups",
    "bleu_greedy": "BLEU-4 as multi-bleu.perl -lc, greedy replies without noise",
    "distinct_1": "different words per hundred words of the greedy replies",
    "distinct_2": "different pairs per hundred pairs",
    "distinct_replies": "share of different greedy replies",
    "unknown_types": "different words of the replies that the vocabulary lacks",
}


def find_examples(data: Path) -> Path:
    """A file itself; of a folder its test_examples.jsonl, else its test.jsonl."""
    if data.is_file():
        return data
    for name in ("test_examples.jsonl", "test.jsonl"):
        if (data / name).is_file():
            return data / name
    raise FileNotFoundError(
        f"no examples at {data}; give --data a JSON-lines file, or a folder with "
        "test_examples.jsonl or test.jsonl"
    )


def evaluate_checkpoint(path: Path | None, data: Path) -> Report:
    """Measure a checkpoint (None: the bundled one) in float32 on its stored weights."""
    examples = load_examples(find_examples(data))
    generator = Generator(path, engine="eager")
    model, tokenizer = cast("EagerEngine", generator.engine).model, generator.tokenizer
    pairs = encode_pairs(tokenizer, examples, model.config.max_positions)
    references = [tokenizer.tokenize(example.target) for example in examples]
    words = (word for reference in references for word in reference)
    unknown = count_unknown_types(words, set(tokenizer.words))

    gold = likelihood(model, pairs, unknown)
    predicted = likelihood(model, pairs, unknown, gold_polarity=False)
    sampled = [
        likelihood(model, pairs, unknown, seed=seed).perplexity_example_mean
        for seed in track(range(SEEDS), "perplexity", console=Console(stderr=True))
    ]
    replies = greedy_replies(generator, examples)
    return Report(
        examples=len(examples),
        perplexity_example_mean=gold.perplexity_example_mean,
        perplexity_token_mean=gold.perplexity_token_mean,
        perplexity_predicted_polarity=predicted.perplexity_example_mean,
        perplexity_sampled_emotions=sum(sampled) / SEEDS,
        emotion_accuracy=gold.emotion_accuracy,
        polarity_accuracy=gold.polarity_accuracy,
        bleu_greedy=corpus_bleu(replies, references),
        distinct_1=distinct(replies, 1),
        distinct_2=distinct(replies, 2),
        distinct_replies=distinct_replies(replies),
        unknown_types=unknown,
    )


def greedy_replies(generator: Generator, examples: list[Example]) -> list[list[str]]:
    """The words of the greedy reply to every context, without emotion noise, in order."""
    order = sorted(range(len(examples)), key=lambda i: sum(map(len, examples[i].context)))
    replies: list[list[str]] = [[]] * len(examples)
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    for batch in track(batches, "replies   ", console=Console(stderr=True)):
        messages = [examples[index].context for index in batch]
        responses = generator.respond_batch(messages, stochastic_emotion=False, seed=0)
        for index, response in zip(batch, responses, strict=True):
            replies[index] = list(map(generator.tokenizer.word, response.candidates[0].tokens))
    return replies


def show(report: Report, *, as_json: bool) -> None:
    """Print a report as JSON, or as a table with what each figure is."""
    if as_json:
        print(json.dumps(asdict(report), indent=2))
        return
    table = Table("figure", "value", "what it is")
    table.columns[1].justify = "right"
    for name, value in asdict(report).items():
        shown = str(value) if isinstance(value, int) else f"{value:.4g}"
        table.add_row(name, shown, DESCRIPTIONS[name])
    Console().print(table)
