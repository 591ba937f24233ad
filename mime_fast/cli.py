"""The command line: mime-fast respond | chat | train | draft | evaluate | report | ...; see --help.

Nothing heavy is imported before a command needs it: --help stays instant.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.models import SYSTEMS
from mime_fast.training.config import TrainingConfig, Weights

if TYPE_CHECKING:
    from mime_fast.generator import Generator

app = typer.Typer(
    help="Empathetic replies from MIME. Example: mime-fast respond 'I lost my dog yesterday'",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Ckpt = Annotated[
    Path | None,
    typer.Option("--checkpoint", "-c", help="Checkpoint directory; default: the bundled one."),
]
EngineName = Annotated[
    str, typer.Option("--engine", help="native (no torch), cuda (GPU) or eager (PyTorch).")
]
Device = Annotated[str, typer.Option(help="cpu; or cuda, cuda:1, ..., which chooses that engine.")]
ComputeType = Annotated[
    str, typer.Option(help="int8 (exact, the native engine's default), float32, bfloat16, float16.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="Of the native engine; default: cores, at most 4.")
]
Beams = Annotated[int, typer.Option("--num-beams", "-b", help="Beam width; 1: greedy.")]
Sample = Annotated[bool, typer.Option("--sample", "-s", help="Sample instead of greedy.")]
Temperature = Annotated[float, typer.Option(help="Below 1: safer; above 1: bolder. With --sample.")]
TopK = Annotated[int, typer.Option(help="Sample among the k likeliest words; 0: all.")]
TopP = Annotated[float, typer.Option(help="Sample among the words that hold this probability.")]
MinP = Annotated[float, typer.Option(help="Drop words below this share of the likeliest.")]
Sequences = Annotated[int, typer.Option("--num-return-sequences", "-n", help="How many replies.")]
MbrSamples = Annotated[
    int, typer.Option(help="Sample so many replies and take what they agree on, e.g. 16; 0: off.")
]
MaxTokens = Annotated[int, typer.Option(help="Longest reply, in words.")]
MinTokens = Annotated[int, typer.Option(help="Shortest reply, in words.")]
LengthPenalty = Annotated[float, typer.Option(help="Scores are divided by length to this power.")]
Repetition = Annotated[float, typer.Option(help="Above 1: repeat fewer words.")]
NoRepeat = Annotated[int, typer.Option(help="Never repeat a run of this many words; 0: off.")]
Seed = Annotated[int | None, typer.Option(help="Repeats a reply exactly; default: a new one.")]
ForcedEmotion = Annotated[str | None, typer.Option(help="Force the speaker's emotion, e.g. sad.")]
MeanEmotion = Annotated[bool, typer.Option(help="Do not sample the response emotions.")]
Data = Annotated[Path, typer.Option("--data", help="A folder in the EmpatheticDialogues format.")]
Examples = Annotated[
    Path, typer.Option("--data", help="A JSON-lines file, or a folder (test_examples or test).")
]
Baseline = Annotated[
    str | None, typer.Option(help="The system to test the others against; default: the first.")
]
Decoding = Annotated[
    str,
    typer.Option(
        help="Compare greedy, beam, topk or mbr replies; mbr,greedy: the first that a system has."
    ),
]
Save = Annotated[
    Path | None, typer.Option(help="Write the outputs of checkpoints into this folder.")
]


TRAINING, WEIGHTS = TrainingConfig(), Weights()  # the defaults have one home


@app.command()
def respond(
    text: Annotated[str, typer.Argument(help="The message; - reads it from standard input.")],
    history: Annotated[
        list[str] | None,
        typer.Option("--history", "-H", help="An earlier turn, oldest first; repeat the option."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    checkpoint: Ckpt = None,
    engine: EngineName = "auto",
    device: Device = "auto",
    compute_type: ComputeType = "auto",
    threads: Threads = None,
    num_beams: Beams = GenerationConfig.num_beams,
    sample: Sample = False,
    temperature: Temperature = GenerationConfig.temperature,
    top_k: TopK = GenerationConfig.top_k,
    top_p: TopP = GenerationConfig.top_p,
    min_p: MinP = GenerationConfig.min_p,
    num_return_sequences: Sequences = GenerationConfig.num_return_sequences,
    mbr_samples: MbrSamples = GenerationConfig.mbr_samples,
    max_new_tokens: MaxTokens = GenerationConfig.max_new_tokens,
    min_new_tokens: MinTokens = GenerationConfig.min_new_tokens,
    length_penalty: LengthPenalty = GenerationConfig.length_penalty,
    repetition_penalty: Repetition = GenerationConfig.repetition_penalty,
    no_repeat_ngram_size: NoRepeat = GenerationConfig.no_repeat_ngram_size,
    seed: Seed = None,
    emotion: ForcedEmotion = None,
    mean_emotion: MeanEmotion = False,
) -> None:
    """Answer one message.

    mime-fast respond 'I got the job!' --num-beams 5 -n 3
    """
    config = _generation_config(
        num_beams=num_beams,
        do_sample=sample,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        num_return_sequences=num_return_sequences,
        mbr_samples=mbr_samples,
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens,
        length_penalty=length_penalty,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=no_repeat_ngram_size,
        seed=seed,
        emotion=emotion,
        stochastic_emotion=not mean_emotion,
    )
    message = _read_stdin() if text == "-" else text
    generator = _generator(
        checkpoint,
        engine=engine,
        device=device,
        compute_type=compute_type,
        intra_threads=threads,
    )
    response = generator.respond([*(history or []), message], config)
    from mime_fast import terminal

    terminal.print_json(response) if as_json else terminal.print_replies(response)


@app.command()
def chat(
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Answer this first, as an example.")
    ] = None,
    checkpoint: Ckpt = None,
    engine: EngineName = "auto",
    device: Device = "auto",
    compute_type: ComputeType = "auto",
    threads: Threads = None,
    num_beams: Beams = GenerationConfig.num_beams,
    sample: Sample = False,
    temperature: Temperature = GenerationConfig.temperature,
    top_k: TopK = GenerationConfig.top_k,
    top_p: TopP = GenerationConfig.top_p,
    seed: Seed = None,
    mean_emotion: MeanEmotion = False,
) -> None:
    """Talk with it; shows the emotion it recognised and the mixture it answers with.

    Ends with Ctrl-D or an empty line. mime-fast chat --sample --top-p 0.9
    """
    config = _generation_config(
        num_beams=num_beams,
        do_sample=sample,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stochastic_emotion=not mean_emotion,
    )
    from mime_fast import terminal

    terminal.chat(
        _generator(
            checkpoint,
            engine=engine,
            device=device,
            compute_type=compute_type,
            intra_threads=threads,
        ),
        config,
        message,
    )


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="The checkpoint directory to write.")],
    model: Annotated[
        str, typer.Option(help=f"The system: {', '.join(SYSTEMS)}.")
    ] = ModelConfig.architecture,
    mimicry: Annotated[
        bool, typer.Option(help="Of MIME; without: the positive group always comes first.")
    ] = True,
    grouping: Annotated[
        bool, typer.Option(help="Of MIME; without: one group, and nothing is mimicked.")
    ] = True,
    stochastic: Annotated[
        bool, typer.Option(help="Of MIME; without: means instead of draws, in training too.")
    ] = True,
    share_emotion_embedding: Annotated[
        bool, typer.Option(help="Of MIME; without: the classifier has a table of its own.")
    ] = True,
    top_listeners: Annotated[
        int, typer.Option(help="Of MoEL: how many listeners speak; 0: all.")
    ] = ModelConfig.top_listeners,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = TRAINING.epochs,
    batch_size: Annotated[
        int, typer.Option(help="Pairs a step, in each process.")
    ] = TRAINING.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="The peak, after the warm-up.")
    ] = TRAINING.learning_rate,
    warmup_steps: Annotated[
        int, typer.Option(help="Steps until the peak.")
    ] = TRAINING.warmup_steps,
    validate_every: Annotated[
        int, typer.Option(help="Steps between validations.")
    ] = TRAINING.validate_every,
    patience: Annotated[
        int, typer.Option(help="Validations without gain before stopping.")
    ] = TRAINING.patience,
    dropout: Annotated[float, typer.Option(help="Of embeddings, sub-layers and states.")] = 0.25,
    hidden_dim: Annotated[int, typer.Option(help="Width of the model.")] = ModelConfig.hidden_dim,
    num_heads: Annotated[int, typer.Option(help="Attention heads.")] = ModelConfig.num_heads,
    key_dim: Annotated[
        int, typer.Option(help="Width of all heads together.")
    ] = ModelConfig.key_dim,
    filter_dim: Annotated[
        int, typer.Option(help="Width of the feed-forward.")
    ] = ModelConfig.filter_dim,
    num_layers: Annotated[
        int, typer.Option(help="Layers of each encoder and the decoder.")
    ] = ModelConfig.num_layers,
    min_count: Annotated[
        int, typer.Option(help="Words seen less often become UNK.")
    ] = TRAINING.min_count,
    vectors: Annotated[
        bool, typer.Option(help="Start from pretrained word vectors.")
    ] = TRAINING.vectors,
    teacher: Annotated[
        Path | None, typer.Option(help="A file that `mime-fast teach` made of the same data.")
    ] = None,
    teacher_share: Annotated[
        float, typer.Option(help="What of an emotion's label is the teacher's.")
    ] = TRAINING.teacher_share,
    alpha: Annotated[float, typer.Option(help="Weight of the emotion loss.")] = WEIGHTS.alpha,
    beta: Annotated[float, typer.Option(help="Weight of the divergence.")] = WEIGHTS.beta,
    gamma: Annotated[float, typer.Option(help="Weight of the response loss.")] = WEIGHTS.gamma,
    delta: Annotated[float, typer.Option(help="Weight of the mixture loss.")] = WEIGHTS.delta,
    label_smoothing: Annotated[
        float, typer.Option(help="Of the response loss.")
    ] = WEIGHTS.label_smoothing,
    free_bits: Annotated[
        float, typer.Option(help="Nats of divergence a group that are free.")
    ] = WEIGHTS.free_bits,
    objective: Annotated[
        str, typer.Option(help="cvae, or released: the authors' loss.")
    ] = ModelConfig.objective,
    mixed_precision: Annotated[
        str, typer.Option(help="no, bf16 or fp16.")
    ] = TRAINING.mixed_precision,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = TRAINING.seed,
) -> None:
    """Train a system: MIME, one of its ablations, Multi-TR or MoEL (extra `train`).

    Several processes: torchrun --nproc-per-node 2 -m mime_fast.cli train ...

    mime-fast train --data ed --out runs/mime --vectors --teacher runs/teacher.safetensors

    mime-fast train --data ed --out runs/moel --model moel --vectors

    mime-fast train --data ed --out runs/plain --no-mimicry --vectors

    Systems that are compared need the same options, but for --model and what is left out.
    """
    with _needs("train"):
        from mime_fast.training.loop import Trainer
        from mime_fast.training.progress import RichReporter
    weights = Weights(alpha, beta, gamma, delta, label_smoothing, free_bits)
    config = TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=warmup_steps,
        validate_every=validate_every,
        patience=patience,
        min_count=min_count,
        vectors=vectors,
        teacher_share=teacher_share,
        mixed_precision=mixed_precision,
        seed=seed,
        weights=weights,
    )
    options = {
        "architecture": model,
        "mimicry": mimicry,
        "grouping": grouping,
        "stochastic": stochastic,
        "share_emotion_embedding": share_emotion_embedding,
        "top_listeners": top_listeners,
        "dropout": dropout,
        "hidden_dim": hidden_dim,
        "num_heads": num_heads,
        "key_dim": key_dim,
        "filter_dim": filter_dim,
        "num_layers": num_layers,
        "objective": objective,
    }
    try:
        with RichReporter() as reporter:
            trainer = Trainer(data, out, config, options, reporter, teacher=teacher, resume=resume)
            trainer.run()
    except KeyboardInterrupt:
        print("interrupted; --resume goes on from the last validation", file=sys.stderr)
        raise
    if trainer.accelerator.is_main_process:
        print(f"wrote {out}; try: mime-fast chat --checkpoint {out}")


@app.command()
def teach(
    data: Data,
    out: Annotated[Path, typer.Option(help="The file to write, for `train --teacher`.")],
) -> None:
    """Make a teacher of emotions from sentence vectors, once for a data set (extra `train`).

    mime-fast teach --data ed --out runs/teacher.safetensors
    """
    with _needs("train"):
        from mime_fast.evaluation.minilm import SentenceEncoder
        from mime_fast.text.examples import load_examples
        from mime_fast.training.teacher import make_teacher
    accuracy = make_teacher(load_examples(data / "train.jsonl"), SentenceEncoder().encode, out)
    print(f"wrote {out}; on conversations that it has not seen it is right in {accuracy:.1%}")


@app.command()
def draft(
    data: Data,
    checkpoint: Ckpt = None,
    count: Annotated[int, typer.Option(help="Answer this many contexts; 0: all.")] = 0,
) -> None:
    """Make a checkpoint's draft table, which speeds greedy replies up.

    The model answers the contexts of the training data, and what it tends to say is written to
    drafts.safetensors in the checkpoint. Replies stay the same.

    mime-fast draft --data ed --checkpoint runs/mime
    """
    from rich.progress import track

    from mime_fast import checkpoint as checkpoints
    from mime_fast import drafts
    from mime_fast.generator import Generator
    from mime_fast.text.examples import load_examples

    folder = checkpoints.DEFAULT if checkpoint is None else checkpoint
    contexts = [example.context for example in load_examples(data / "train.jsonl")]
    messages = contexts[: count or None]
    said = drafts.replies(Generator(folder), messages)
    table = drafts.count(track(said, "answering", len(messages)))
    path = folder / checkpoints.DRAFTS
    print(f"wrote {drafts.save_table(table, path)} entries to {path}")


@app.command()
def evaluate(
    data: Examples,
    systems: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SYSTEMS]...",
            help="Checkpoints, saved outputs, or those the authors released; default: the bundled.",
        ),
    ] = None,
    baseline: Baseline = None,
    decoding: Decoding = "greedy",
    save: Save = None,
    people: Annotated[
        bool, typer.Option("--people", help="Measure the references as a system, too.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Show this many replies, drawn at random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Compare systems: perplexity, emotions, BLEU, diversity, mimicry, relevance (extra `eval`).

    mime-fast evaluate --data ed/test_examples.jsonl

    mime-fast evaluate runs/mime systems/moel.jsonl --data ed --baseline moel --save systems
    """
    with _needs("eval"):
        from mime_fast.evaluation.evaluate import Options
        from mime_fast.evaluation.evaluate import evaluate as evaluate_systems

        options = Options(baseline, decoding, save, people, samples, as_json)
        evaluate_systems(systems or [], data, options)


@app.command()
def report(
    data: Examples,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    systems: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SYSTEMS]...", help="As of evaluate; default: the bundled."),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that made some of the outputs; repeat it."),
    ] = None,
    baseline: Baseline = None,
    decoding: Decoding = "greedy",
    save: Save = None,
    seed: Annotated[int, typer.Option(help="Of the examples that are drawn.")] = 0,
    examples: Annotated[int, typer.Option(help="How many are shown.")] = 12,
    latency: Annotated[
        Path | None,
        typer.Option(help="Times of the systems: what benchmarks.systems_latency wrote."),
    ] = None,
) -> None:
    """Write one HTML page: tables, tests, figures, examples, errors (extra `eval`).

    mime-fast report --data ed --out report.html

    mime-fast report mime.jsonl moel.jsonl --weights runs/mime --data ed --out report.html
    """
    with _needs("eval"):
        from mime_fast.evaluation.evaluate import Options
        from mime_fast.evaluation.page.report import Shown
        from mime_fast.evaluation.page.report import report as write_report

        options = Options(baseline, decoding, save)
        shown = Shown(weights or [], seed, examples, latency)
        write_report(systems or [], data, out, options, shown)


@app.command()
def annotate(
    outputs: Annotated[
        list[Path], typer.Argument(metavar="OUTPUTS...", help="Files of replies, or released ones.")
    ],
    data: Annotated[Path, typer.Option(help="The examples that they answer: a file or a folder.")],
    database: Annotated[
        Path, typer.Option(help="Where votes are stored; made if it is not there.")
    ],
    decoding: Annotated[
        str, typer.Option(help="Which replies of a system: greedy, ...")
    ] = "greedy",
    contexts: Annotated[int, typer.Option(help="How many; as many of each emotion.")] = 128,
    system: Annotated[
        list[str] | None, typer.Option(help="Only this one, in the order given; repeat the option.")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(help="FIRST:SECOND, an A/B pair; default: the first system with every other."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of contexts, orders and sides.")] = 0,
    host: Annotated[
        str, typer.Option(help="Listen here; 0.0.0.0: the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Listen here; 0: any free one.")] = 8000,
    results: Annotated[bool, typer.Option("--results", help="Print the results instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The results as JSON.")] = False,
) -> None:
    """Let people rate and compare replies in their browsers (extra `annotate`).

    mime-fast annotate ours.jsonl mime.txt --data ed/test_examples.jsonl --database votes.sqlite
    """
    with _needs("annotate"):
        from mime_fast.evaluation.human.command import read_plan, serve_page, show_results
    plan = read_plan(
        outputs,
        data,
        systems=system or (),
        pairs=pair or (),
        decoding=decoding,
        contexts=contexts,
        seed=seed,
    )
    if results or as_json:
        show_results(plan, database, as_json=as_json)
    else:
        serve_page(plan, database, host, port)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The authors' checkpoint file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The directory to write.")],
    vocabulary: Annotated[Path, typer.Option(help="Its words, one a line, in the order of ids.")],
    heads: Annotated[int, typer.Option(help="Attention heads: a state dict does not show it.")] = 2,
    mean_query: Annotated[bool, typer.Option("--mean-query", help="Trained with it.")] = False,
    top_listeners: Annotated[
        int, typer.Option(help="MoEL's --topk: a state dict does not show it.")
    ] = ModelConfig.top_listeners,
) -> None:
    """Turn a checkpoint of the code of MIME or MoEL into a checkpoint directory (extra `train`).

    mime-fast convert saved_model out --vocabulary words.txt
    """
    with _needs("train"):
        from mime_fast.convert import convert as convert_checkpoint
    convert_checkpoint(
        source,
        out,
        vocabulary,
        heads=heads,
        mean_query=mean_query,
        top_listeners=top_listeners,
    )
    print(f"wrote {out}; try: mime-fast chat --checkpoint {out}")


class _needs:  # noqa: N801 - read as a sentence: with _needs("train")
    """Turns a missing optional dependency into the name of the extra that brings it."""

    def __init__(self, extra: str) -> None:
        self.extra = extra

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise ModuleNotFoundError(
                f"{error.name} is not installed; run: pip install 'mime-fast[{self.extra}]'"
            ) from error


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed; give the message as an argument")
    return sys.stdin.buffer.read()


def _generation_config(**options: Any) -> GenerationConfig:
    return GenerationConfig(**options)


def _generator(checkpoint: Path | None, **options: Any) -> Generator:
    from mime_fast.generator import Generator

    return Generator(checkpoint, **options)


def main() -> None:
    """Run the command line; an error is one line that names the value and the remedy."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a terminal without Unicode gets no bars, but a reply
    try:
        app()
    except (ValueError, TypeError, OSError, ArithmeticError, MemoryError, ImportError) as error:
        sys.exit(f"mime-fast: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
