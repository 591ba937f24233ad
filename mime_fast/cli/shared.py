"""What several commands share: the checkpoint and the engine that answer, optional dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mime_fast.config import Config
from mime_fast.options import option

if TYPE_CHECKING:
    from mime_fast.generator import Generator

CHECKPOINT_FLAGS = ("--checkpoint", "-c")
CHECKPOINT_HELP = "Checkpoint directory, or a bundled one: mime-base (default) or mime-small."
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A folder with train and valid, as .jsonl or as EmpatheticDialogues' .csv; or a file.",
    ),
]
Checkpoint = Annotated[Path | None, typer.Option(*CHECKPOINT_FLAGS, help=CHECKPOINT_HELP)]


@dataclass(frozen=True)
class EngineOptions(Config):
    """How a Generator is made. The engines check the values: which fit depends on the others."""

    checkpoint: Path | None = option(None, CHECKPOINT_HELP, flags=CHECKPOINT_FLAGS, group="Engine")
    engine: str = option(
        "auto", "native (no torch), cuda (GPU) or eager (PyTorch).", group="Engine"
    )
    device: str = option(
        "auto", "cpu; or cuda, cuda:1, ..., which chooses that engine.", group="Engine"
    )
    compute_type: str = option(
        "auto",
        "int8 (exact, the native engine's default), float32, bfloat16, float16.",
        group="Engine",
    )
    intra_threads: int | None = option(
        None,
        "Threads of a call of the native engine; default: cores, at most 4.",
        flags=("--threads",),
        group="Engine",
    )

    def native(self, flag: str, threads: int) -> EngineOptions:
        """The native engine, which an option of that flag needs; threads: if none are given.

        ValueError: another engine was asked for.
        """
        if self.engine not in ("auto", "native") or self.device not in ("auto", "cpu"):
            raise ValueError(f"{flag} needs the native engine; leave --engine and --device out")
        threads = self.intra_threads or threads
        return self.replace(engine="native", device="cpu", intra_threads=threads)

    def generator(self) -> Generator:
        """Load the checkpoint."""
        from mime_fast.generator import Generator

        return Generator(
            self.checkpoint,
            engine=self.engine,
            device=self.device,
            compute_type=self.compute_type,
            intra_threads=self.intra_threads,
        )


class needs:  # noqa: N801 - read as a sentence: with needs("train")
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
