"""A checkpoint directory: config.json, model.safetensors, tokenizer.json, README.md (model card).

Read without torch and without pickle; written as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from mime_fast.bundled import NAMES
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.files import (
    check_place,
    make_folder,
    parse_object,
    read_text,
    resolve,
    staging_name,
    sync,
    write_errors,
)
from mime_fast.folders import replace_folder
from mime_fast.relevance import RelevanceTable
from mime_fast.stored_tensors import (
    STORED,
    check_finite,
    check_stored,
    read_tensors,
)
from mime_fast.text.load_tokenizer import load_tokenizer
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.types import FloatArray

FORMAT = 1
GENERATION = "generation_config.json"
DRAFTS = "drafts.safetensors"
RELEVANCE = "relevance.safetensors"
CONFIG, WEIGHTS, TOKENIZER, CARD = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "README.md",
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose config and tokenizer were checked; the tensors are read late.

    The native engine reads and checks `weights` itself, without torch and without a copy.
    """

    config: ModelConfig
    tokenizer: ReplyTokenizer
    weights: Path  # model.safetensors

    @cached_property
    def generation(self) -> GenerationConfig:
        """The checkpoint's default options of a reply: generation_config.json, if it has one.

        CheckpointError: it is damaged, or asks for what the checkpoint lacks.
        """
        path = self.weights.with_name(GENERATION)
        if not path.exists():
            return GenerationConfig()
        try:
            found = GenerationConfig.from_dict(parse_object(read_text(path)))
        except OSError as error:
            raise _unreadable(path, error) from error
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}; mend it, or copy it again") from error
        if found.best_of and self.relevance is None:
            raise CheckpointError(
                f"{path} says best_of={found.best_of}, which needs {RELEVANCE}; copy the whole "
                "directory again, or make it: mime-fast relevance"
            )
        return found

    @property
    def drafts(self) -> Path:
        """The draft table, which a checkpoint may lack; see mime_fast.drafts."""
        return self.weights.with_name(DRAFTS)

    @cached_property
    def relevance(self) -> RelevanceTable | None:
        """What best_of ranks replies with; None: the checkpoint lacks it.

        CheckpointError: it is damaged, or of another checkpoint.
        """
        path = self.weights.with_name(RELEVANCE)
        if not path.exists():
            return None
        try:
            return RelevanceTable.load(path, self.tokenizer.context_vocab_size)
        except OSError as error:
            raise _unreadable(path, error) from error
        except ValueError as error:
            raise CheckpointError(str(error)) from error

    @property
    def digest(self) -> str:
        """SHA-256 of the tensors' file: of other weights it is another."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def tensors(self) -> dict[str, FloatArray]:
        """Every tensor as float32, however it is stored. Needs torch for the shapes.

        CheckpointError: a tensor is missing, unknown or misshapen for the config, or not finite.
        """
        return read_tensors(self.weights, self.config)


def load(path: str | Path) -> Checkpoint:
    """Read and check a checkpoint directory; CheckpointError says what is wrong with it."""
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(
            f"no checkpoint directory at {folder}; expected a folder with {CONFIG}, or the name of "
            f"a bundled one: {', '.join(NAMES)}"
        )
    missing = [name for name in (CONFIG, WEIGHTS, TOKENIZER) if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {', '.join(missing)}; copy the whole directory again"
        )
    config = _read_config(folder / CONFIG)
    try:
        tokenizer = load_tokenizer(folder / TOKENIZER)
        _check_vocabulary(tokenizer, config)
    except OSError as error:
        raise _unreadable(folder / TOKENIZER, error) from error
    except ValueError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    return Checkpoint(config, tokenizer, folder / WEIGHTS)


def _check_vocabulary(tokenizer: ReplyTokenizer, config: ModelConfig) -> None:
    has_own_context = tokenizer.turn_end or not config.system.over_words
    if has_own_context and tokenizer.context_vocab_size != config.context_vocab_size:
        raise CheckpointError(
            f"{TOKENIZER} holds {tokenizer.context_vocab_size} word pieces but {CONFIG} says "
            f"context_vocab_size {config.context_vocab_size}; take both from one checkpoint"
        )
    if tokenizer.vocab_size != config.vocab_size:
        raise CheckpointError(
            f"{TOKENIZER} holds {tokenizer.vocab_size} words but {CONFIG} says vocab_size "
            f"{config.vocab_size}; the two are of different checkpoints, take both from one"
        )


def _read_config(path: Path) -> ModelConfig:
    try:
        values = parse_object(read_text(path))
        version = values.pop("format")
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint's config ({error!r}); copy it again"
        ) from error
    if type(version) is not int or version != FORMAT:
        raise CheckpointError(
            f"{path} is of format {version!r}, this version reads format {FORMAT}; "
            "use the mime_fast version that wrote it, or convert it again"
        )
    try:
        return ModelConfig.from_dict(values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read ({error.strerror or error}); copy the whole directory again"
    )


def save(
    path: str | Path,
    config: ModelConfig,
    tokenizer: ReplyTokenizer,
    tensors: Mapping[str, np.ndarray[Any, Any]],
    card: str,
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a checkpoint directory atomically, replacing an older one as a whole.

    tensors keep their type: pass float16 to store half the bytes, or what quantize_matrices
    returns. extra: further files by their names, such as GENERATION. CheckpointError when load
    would refuse what was written, or when something else than a checkpoint would be replaced;
    WriteError when it cannot be written: nothing has changed then.
    """
    folder = resolve(Path(path))  # replace what a link points to, not the link
    _check_replaceable(folder, path)
    _check_vocabulary(tokenizer, config)
    for name, tensor in tensors.items():
        if tensor.dtype not in STORED:
            raise CheckpointError(f"{name} is {tensor.dtype}; convert it to float32 or float16")
        check_finite(name, tensor)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    types = {name: STORED[tensor.dtype] for name, tensor in tensors.items()}
    check_stored(shapes, types, config)
    make_folder(folder.parent)
    staging = folder.with_name(staging_name())
    try:
        with write_errors(Path(path)):
            staging.mkdir()
            _write(staging, config, tokenizer, tensors, card)
            for name, content in (extra or {}).items():
                (staging / name).write_bytes(content)
                sync(staging / name)
            replace_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_target(path: str | Path, size: int = 0) -> None:
    """Check that save can write a checkpoint of `size` bytes there.

    CheckpointError: something else would be replaced. WriteError: it cannot be written.
    """
    folder = resolve(Path(path))
    _check_replaceable(folder, path)
    check_place(Path(path), size)  # it is staged beside the folder


def _write(
    folder: Path,
    config: ModelConfig,
    tokenizer: ReplyTokenizer,
    tensors: Mapping[str, np.ndarray[Any, Any]],
    card: str,
) -> None:
    values = {"format": FORMAT, **config.to_dict()}
    (folder / CONFIG).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, folder / WEIGHTS)
    (folder / TOKENIZER).write_text(tokenizer.to_json(), encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")
    folder.chmod(0o755)
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes it private
    for name in (CONFIG, WEIGHTS, TOKENIZER, CARD):
        sync(folder / name)


def _check_replaceable(folder: Path, path: str | Path) -> None:
    """Check that `folder`, which is called `path`, is a checkpoint, empty, or not there."""
    here = Path.cwd()
    if folder == here or folder in here.parents:
        # The shell would stay in the old folder, which is no longer there.
        raise CheckpointError(
            f"{path} is the folder that you are in, or above it, and cannot be replaced; "
            "name one in it, such as ./model"
        )
    if not os.path.lexists(folder):
        return
    is_checkpoint = folder.is_dir() and ((folder / CONFIG).is_file() or not any(folder.iterdir()))
    if not is_checkpoint:
        raise CheckpointError(f"{path} is no checkpoint; name another folder, or remove it first")
    if folder.is_mount():
        raise CheckpointError(f"{path} is a mount point, which cannot be replaced; name one in it")
