"""`mime-fast evaluate`: one checkpoint, one set of examples, every figure named."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from mime_fast import Generator, Response
from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.metrics import corpus_bleu, distinct, distinct_replies
from mime_fast.evaluation.perplexity import count_unknown_types, likelihood
from mime_fast.text.examples import Example, find_examples, load_examples
from mime_fast.training.data import encode_pairs

if TYPE_CHECKING:
    from mime_fast.engines.eager import EagerEngine

SEEDS = 5  # of the perplexity under sampled emotions
BATCH = 64


@dataclass(frozen=True)
class Sample:
    """A greedy reply to the example of that index (from 0); emotions are the label's and ours."""

    index: int
    emotion: str
    recognised: str
    reply: str


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
    samples: list[Sample] = field(default_factory=list)  # unselected greedy replies


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


def evaluate_checkpoint(path: Path | None, data: Path, samples: int = 0) -> Report:
    """Measure a checkpoint (None: the bundled one) in float32 on its stored weights.

    samples: how many replies to show, of examples drawn at random (always the same ones).
    """
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
    responses = greedy_responses(generator, examples)
    replies = [
        [tokenizer.word(token) for token in response.candidates[0].tokens] for response in responses
    ]
    shown = random.Random(0).sample(range(len(examples)), min(samples, len(examples)))  # noqa: S311
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
        samples=[
            Sample(i, EMOTIONS[examples[i].emotion], responses[i].emotion, responses[i].text)
            for i in sorted(shown)
        ],
    )


def greedy_responses(generator: Generator, examples: list[Example]) -> list[Response]:
    """The greedy reply to every context, without emotion noise, in order."""
    order = sorted(range(len(examples)), key=lambda i: sum(map(len, examples[i].context)))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    found: dict[int, Response] = {}
    for batch in track(batches, "replies   ", console=Console(stderr=True)):
        messages = [examples[index].context for index in batch]
        responses = generator.respond_batch(messages, stochastic_emotion=False, seed=0)
        found.update(zip(batch, responses, strict=True))
    return [found[index] for index in range(len(examples))]


def show(report: Report, *, as_json: bool) -> None:
    """Print a report as JSON, or as a table with what each figure is."""
    figures = asdict(report)
    if as_json:
        print(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    samples = figures.pop("samples")
    table = Table("figure", "value", "what it is")
    table.columns[1].justify = "right"
    for name, value in figures.items():
        shown = str(value) if isinstance(value, int) else f"{value:.4g}"
        table.add_row(name, shown, DESCRIPTIONS[name])
    console = Console()
    console.print(table)
    if samples:
        console.print(_sample_table(report.samples))


def _sample_table(samples: list[Sample]) -> Table:
    table = Table("example", "emotion", "recognised", "reply")
    for sample in samples:
        table.add_row(str(sample.index), sample.emotion, sample.recognised, escape(sample.reply))
    return table
