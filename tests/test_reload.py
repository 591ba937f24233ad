"""Generators are pickled as what they were made of."""

import copy
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import GenerationConfig, Generator, reload
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.types import Dialogue

MESSAGE = "I lost my dog yesterday."


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "_LAST", [])


def again(generator: Generator) -> Generator:
    found: Generator = pickle.loads(pickle.dumps(generator))  # noqa: S301 # ours
    return found


def reply(generator: Generator) -> tuple[Any, ...]:
    response = generator.respond(MESSAGE, seed=3, num_beams=2, num_return_sequences=2)
    return response.text, response.candidates, response.emotions


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compute_type": "bfloat16", "intra_threads": 1},
        {"compute_type": "float32", "device": "cpu", "engine": "native", "intra_threads": 2},
        {"engine": "eager"},
    ],
)
def test_it_travels_with_its_options(tiny_checkpoint: Path, options: dict[str, Any]) -> None:
    generator = Generator(tiny_checkpoint, **options)
    found = again(generator)
    assert found is not generator
    assert type(found.engine) is type(generator.engine)
    for name in ("threads", "compute_type", "device"):
        assert getattr(found.engine, name, None) == getattr(generator.engine, name, None)
    assert reply(found) == reply(generator)
    assert reply(again(found)) == reply(generator)


def test_only_what_it_was_made_of_travels(tiny_checkpoint: Path) -> None:
    assert len(pickle.dumps(Generator(tiny_checkpoint))) < 1000


def test_the_bundled_checkpoint_travels_without_a_path() -> None:
    """The package may be installed elsewhere where it goes."""
    pickled = pickle.dumps(Generator())
    assert b"pretrained" not in pickled
    assert pickle.loads(pickled).respond(MESSAGE).text  # noqa: S301


def test_a_relative_path_is_of_this_folder(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_checkpoint.parent)
    generator = Generator(tiny_checkpoint.name)
    monkeypatch.chdir(tmp_path)
    assert reply(again(generator)) == reply(generator)


class Polite(Generator):
    """A subclass."""


def test_a_subclass_stays_one(tiny_checkpoint: Path) -> None:
    assert type(again(Polite(tiny_checkpoint))) is Polite


def test_the_same_one_is_loaded_once(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = shutil.copytree(tiny_checkpoint, tmp_path / "own")
    first, other = Generator(own), Generator(own, compute_type="float32")
    found = [again(first), again(first)]
    assert found[0] is not found[1]
    assert found[0].engine is found[1].engine
    assert again(other).engine is not found[0].engine
    before = again(first).engine
    os.utime(own / "model.safetensors", (1, 1))  # as another file in its place
    assert again(first).engine is not before
    monkeypatch.setattr(os, "getpid", lambda: -1)  # a child of fork, which lacks the threads
    assert again(first).engine is not before


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy])
def test_copies_share_the_engine(
    tiny_checkpoint: Path, twin: Callable[[Generator], Generator]
) -> None:
    generator = Polite(tiny_checkpoint)
    found = twin(generator)
    assert type(found) is Polite
    assert found is not generator
    assert found.engine is generator.engine
    assert reply(found) == reply(generator)
    assert reply(again(found)) == reply(generator)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_process_pool_needs_no_wrapper(tiny_checkpoint: Path, method: str) -> None:
    generator = Generator(tiny_checkpoint)
    context = multiprocessing.get_context(method)
    messages = [MESSAGE, "Oh no!", "the dog", MESSAGE]
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(_seeded(generator), messages))
    assert [response.text for response in found] == [
        generator.respond(message, seed=1).text for message in messages
    ]


class _seeded:  # noqa: N801 # used as a function, which a pool could not pickle
    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def __call__(self, message: str) -> Any:
        return self.generator.respond(message, seed=1)


def test_a_checkpoint_that_vanished(tiny_checkpoint: Path, tmp_path: Path) -> None:
    own = shutil.copytree(tiny_checkpoint, tmp_path / "own")
    pickled = pickle.dumps(Generator(own))
    pickle.loads(pickled)  # noqa: S301
    shutil.rmtree(own)
    with pytest.raises(CheckpointError, match=r"no checkpoint directory at .*own"):
        pickle.loads(pickled)  # noqa: S301


@pytest.mark.parametrize("engine", ["native", "eager"])
@pytest.mark.parametrize("twin", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_reply_that_is_being_made_does_not_travel(
    tiny_checkpoint: Path, engine: str, twin: Callable[[object], object]
) -> None:
    generator = Generator(tiny_checkpoint, engine=engine)
    stream = generator.stream(MESSAGE, seed=1, max_new_tokens=9)
    first = next(stream)
    with pytest.raises(TypeError, match=r"Stream objects cannot be pickled.*pickle the Generator"):
        twin(stream)
    text = first.text + "".join(event.text for event in stream)
    assert text == generator.respond(MESSAGE, seed=1, max_new_tokens=9).text


def test_what_is_compiled_does_not_travel(tiny_checkpoint: Path) -> None:
    engine: Any = Generator(tiny_checkpoint, engine="native").engine
    noise = np.zeros((1, engine.config.latents, engine.config.latent_dim), np.float32)
    encoded = engine.encode([Dialogue([6, 8], [6, 4])], noise, None)
    decoding = engine.decode(encoded, GenerationConfig(max_new_tokens=3), [1])
    for held in (engine.engine, *encoded.memory, decoding, engine.start(encoded, [0])):
        for refused in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=rf"{type(held).__name__} objects cannot be pick"):
                refused(held)
