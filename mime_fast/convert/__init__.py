"""The checkpoints of the published code of MIME and MoEL, turned into a checkpoint directory.

Input: the torch file that their training writes (declare-lab/MIME at 7c34f3a, HLTCHKUST/MoEL at
116a37d). It may be a dict whose `model` is the state dict (MIME), a dict of the modules' state
dicts (MoEL), or a bare state dict. Only tensors are read from it: code in it is never run.

A state dict does not show everything. `heads`, `mean_query` and `top_listeners` have to be given.
A model that was trained with their `pointer_gen` looks the same as one that was not: both hold
`generator.p_gen_linear`. It is taken for one that was not; the other would generate worse words.
The weights of MoEL's listeners are a softmax (their `--softmax`, as published), never a sigmoid. A
Transformer is always the one that was trained with `--multitask`. Without, the emotions that it
recognises mean nothing.
"""

import os
from pathlib import Path

import numpy as np

from mime_fast import checkpoint
from mime_fast.config import ModelConfig
from mime_fast.convert.state import AuthorsState, ConvertError, read_state
from mime_fast.convert.vocabulary import check_size, make_tokenizer, read_vocabulary
from mime_fast.files import printable_name
from mime_fast.models import parameter_shapes

__all__ = ["ConvertError", "convert"]


def convert(
    source: str | Path,
    out: str | Path,
    vocabulary: str | Path,
    *,
    heads: int = 2,
    mean_query: bool = False,
    top_listeners: int = ModelConfig.top_listeners,
) -> ModelConfig:
    """Convert an authors' checkpoint file to a checkpoint directory, in float32.

    Args:
        source: the authors' torch file, of MIME, MoEL or its multitask Transformer, which its
            names tell. The sizes and weight sharing are read off its tensors.
        out: the directory to write; it must not exist, or be empty.
        vocabulary: the authors' words, UTF-8, one a line in the order of their ids. The seven
            special words UNK PAD EOS SOS USR SYS CLS may come first; ids start at 7 without them.
        heads: the authors' --heads.
        mean_query: whether it was trained with the authors' --mean_query.
        top_listeners: the authors' --topk, of MoEL only.

    Returns:
        The converted model's config.

    Raises:
        ConvertError: an input is missing, damaged, of another model, or does not fit the others.
            Nothing is written then.
        WriteError: the directory cannot be written.
        ModuleNotFoundError: torch is not installed.
    """
    out, words_path = Path(out), Path(vocabulary)
    _check_output(out)
    words = read_vocabulary(words_path)
    state = read_state(Path(source))
    given: dict[str, object] = {"num_heads": heads, "mean_query": mean_query}
    if "top_listeners" in state.form.unshown:
        given["top_listeners"] = top_listeners
    elif top_listeners != ModelConfig.top_listeners:
        raise ConvertError(
            f"{source} is of {state.form.title}, which has no listeners; leave out "
            f"top_listeners={top_listeners}"
        )
    config = state.config(given)
    state.check(config)
    check_size(words, config, words_path)
    tokenizer = make_tokenizer(words, words_path)

    tensors = {name: state.array(name) for name in parameter_shapes(config)}
    if np.array_equal(tensors["embedding.weight"], tensors["output.weight"]):
        config = config.replace(tie_embeddings=True)
        del tensors["output.weight"]
    checkpoint.save(out, config, tokenizer, tensors, _card(state, given))
    return config


def _check_output(out: Path) -> None:
    is_empty = os.path.isdir(out) and not any(out.iterdir())  # noqa: PTH112 - long names too
    if os.path.lexists(out) and not is_empty:
        raise ConvertError(f"{out} exists already; name a new directory, or remove it first")
    checkpoint.check_target(out)


def _card(state: AuthorsState, given: dict[str, object]) -> str:
    options = ", ".join(f"{name} {value}" for name, value in given.items())
    return (
        f"# A checkpoint of {state.form.title}\n\nConverted by `mime-fast convert` from "
        f"{printable_name(state.source)} (SHA-256 {state.digest()}), a file of the authors' code "
        f"({state.form.repository}). "
        "Whoever published that file set the terms of its weights.\n\n"
        "The file does not show these options, so they are as they were given: "
        f"{options}; pointer_gen was taken as off.\n"
    )
