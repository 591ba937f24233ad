"""A checkpoint -> its outputs: replies, recognised emotions and the cost of each reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, cast

from rich.console import Console
from rich.progress import Progress

from mime_fast import Generator, Response, __version__
from mime_fast import checkpoint as checkpoints
from mime_fast.config import AS_GENERATED, BEST_OF_SAMPLES, GenerationConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.engines.eager import EagerEngine
from mime_fast.evaluation.outputs.files import checkpoint_name
from mime_fast.evaluation.outputs.outputs import COST_DECIMALS, Outputs, decodings_of
from mime_fast.likelihood.pairs import encode_pairs
from mime_fast.likelihood.perplexity import ExampleCosts, count_unknown_types, example_costs
from mime_fast.models.base import EncoderDecoder
from mime_fast.text.examples import Example

# The authors' three searches (width 5, the three likeliest words), and one more.
# Theirs draw emotion noise for each; here greedy and beam replies take the means, so that they are
# those of the model alone. Of minimum Bayes risk, temperatures 0.4 and 0.5 with 16 and 32 samples
# were tried on the validation examples.
DECODINGS = {
    "greedy": GenerationConfig(stochastic_emotion=False),
    "beam": GenerationConfig(num_beams=5, stochastic_emotion=False),
    "topk": GenerationConfig(do_sample=True, top_k=3),
    "mbr": GenerationConfig(do_sample=True, temperature=0.5, mbr_samples=32),
    # The default of the bundled checkpoints; it needs one with a relevance table.
    "best_of": GenerationConfig(**BEST_OF_SAMPLES),
}
SEEDS = 10  # replies of each context under emotion noise: what the stochasticity buys
SEEDED = 500  # contexts that are answered so
NOISES = 5  # seeds of the perplexity under sampled emotions
DECIMALS = 4  # of the emotion embedding
TOP = 5  # emotions that are kept of each example
ROWS = 128  # beams or samples that are decoded together: in less time than one by one


class Ask(NamedTuple):
    """Which context is answered, and with which seed."""

    context: int
    seed: int


def answer(folder: Path, examples: Sequence[Example], decodings: Sequence[str] = ()) -> Outputs:
    """What the checkpoint answers to every example, and how likely.

    decodings: some of decodings_of(folder); none named: all, which takes several times as long.
    Costs and emotions are the eager model's in float32 on the stored weights, with gold polarity
    and without noise. Replies are the native engine's in float32, which are the same tokens, or the
    eager one's where it does not serve the system.
    """
    chosen = decodings or decodings_of(folder)
    with Progress(console=Console(stderr=True)) as progress:
        measured = _costs(folder, examples, progress)
        replies, seeds, engine = _replies(folder, examples, chosen, progress)
    facts = {**measured.pop("facts"), **_origin(folder, chosen), "engine": engine}
    name = checkpoint_name(folder)
    return Outputs(system=name, replies=replies, seeds=seeds, facts=facts, **measured)


def _costs(folder: Path, examples: Sequence[Example], progress: Progress) -> dict[str, Any]:
    generator = Generator(folder, engine="eager")
    model, tokenizer = cast("EagerEngine", generator.engine).model, generator.tokenizer
    pairs = encode_pairs(tokenizer, examples, model.config.max_positions)
    words = (word for example in examples for word in tokenizer.tokenize(example.target))
    known = set(tokenizer.words)  # subwords write any word
    unknown = count_unknown_types(words, known) if model.config.system.over_words else 0
    # A system that does not mimic, or draws no noise, has the same cost whatever is asked.
    seeds = range(NOISES if model.config.latents else 0)
    task = progress.add_task("perplexity", total=1 + model.config.mimics + len(seeds))

    def costs(**variant: Any) -> ExampleCosts:
        found = example_costs(model, pairs, unknown, **variant)
        progress.advance(task)
        return found

    gold = costs()
    predicted = costs(gold_polarity=False) if model.config.mimics else gold
    sampled = [costs(seed=seed).perplexity for seed in seeds] or [gold.perplexity]
    best = gold.emotion_logits.topk(TOP).indices.tolist()
    return {
        "costs": [round(cost, COST_DECIMALS) for cost in gold.costs.tolist()],
        "tokens": gold.tokens.tolist(),
        "emotions": [[EMOTIONS[emotion] for emotion in row] for row in best],
        "facts": {
            **_emotion_embedding(model),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "unknown_types": unknown,
            "perplexity_predicted_polarity": predicted.perplexity,
            "perplexity_sampled_emotions": fmean(sampled),
        },
    }


def _emotion_embedding(model: EncoderDecoder) -> dict[str, Any]:
    """What the report draws of the emotions, a row each, where the system has them."""
    table = model.emotion_table()
    if table is None:
        return {}
    rows = table.double().tolist()
    return {"emotion_embedding": [[round(value, DECIMALS) for value in row] for row in rows]}


def _replies(
    folder: Path, examples: Sequence[Example], decodings: Sequence[str], progress: Progress
) -> tuple[dict[str, list[str]], dict[int, list[str]], str]:
    """Replies of these decodings, and of every seed; the engine that gave them.

    Each request has a seed of its own: with one for all, the same numbers would be drawn for every
    context. Several are answered together, which changes no reply.
    """
    generator = _generator(folder)
    contexts = [example.context for example in examples]

    def replies_of(title: str, config: GenerationConfig, asks: Sequence[Ask]) -> list[str]:
        options = generator.options(config, AS_GENERATED)
        order = sorted(range(len(asks)), key=lambda at: sum(map(len, contexts[asks[at].context])))
        size = max(1, ROWS // max(options.num_beams, options.num_sequences))
        starts = range(0, len(order), size)
        found: dict[int, str] = {}
        for batch in (order[i : i + size] for i in progress.track(starts, description=title)):
            messages = [contexts[asks[at].context] for at in batch]
            request = generator.request(messages, options, {})
            request.seeds = [asks[at].seed for at in batch]
            request.run()
            words = (_words(generator, response) for response in request.responses())
            found.update(zip(batch, words, strict=True))
        return [found[at] for at in range(len(asks))]

    every = [Ask(index, index) for index in range(len(contexts))]
    replies = {name: replies_of(f"{name} replies", DECODINGS[name], every) for name in decodings}
    first = range(min(SEEDED, len(contexts)))
    asks = [Ask(index, seed * SEEDED + index) for seed in range(SEEDS) for index in first]
    noisy = replies_of("replies of other seeds", GenerationConfig(), asks)
    seeds = {seed: noisy[seed * len(first) : (seed + 1) * len(first)] for seed in range(SEEDS)}
    return replies, seeds, generator.engine.name


def _generator(folder: Path) -> Generator:
    """Native in float32; for what it does not serve eager: the same replies, 50 times slower."""
    try:
        return Generator(folder, engine="native", compute_type="float32")
    except ValueError:  # that the checkpoint is sound is known: its costs have been computed
        return Generator(folder, engine="eager")


def _words(generator: Generator, response: Response) -> str:
    return generator.tokenizer.as_words(response.candidates[0].tokens)


def _origin(folder: Path, decodings: Sequence[str]) -> dict[str, Any]:
    """What made the outputs: the model, its training as its card tells it, and the options."""
    checkpoint = checkpoints.load(folder)
    card = folder / checkpoints.CARD
    text = card.read_text(encoding="utf-8-sig", errors="replace") if card.is_file() else ""
    _, found, section = text.partition("## Training\n")
    default = asdict(GenerationConfig())
    configs = {name: asdict(DECODINGS[name]) for name in decodings}
    options = {
        name: {key: value for key, value in config.items() if value != default[key]}
        for name, config in configs.items()
    }
    return {
        "config": checkpoint.config.to_dict(),
        "weights": checkpoint.digest,
        "training": (section.partition("\n## ")[0] if found else text).strip(),
        "decodings": options,
        "decoding_seed": "topk, mbr and best_of: the example's index, from 0",
        "seeds": f"greedy with emotion noise; seed s answers context i with seed {SEEDED} s + i",
        "version": __version__,
    }
