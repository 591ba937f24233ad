"""Each golden case, converted from the authors' form, and the engines that run it."""

import lzma
from collections.abc import Iterator

import pytest
import torch
from safetensors.numpy import load as load_arrays

from mime_fast import checkpoint
from mime_fast.convert import convert
from mime_fast.convert.state import PARTS
from mime_fast.engines import create_engine
from mime_fast.engines.base import Engine
from mime_fast.text.tokenizer import SPECIAL_WORDS
from tests.models.golden import CASES, GOLDENS, Golden


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices are tiny: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def in_parts(state: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """A state dict in the form that MoEL's code saves, without what it never uses."""
    parts: dict[str, dict[str, torch.Tensor]] = {part: {} for part in PARTS}
    for part, module in PARTS.items():
        for name, tensor in state.items():
            if name.startswith(f"{module}."):
                parts[part][name.removeprefix(f"{module}.")] = tensor
    return parts


@pytest.fixture(scope="module", params=CASES)
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    case = request.param
    arrays = load_arrays(lzma.decompress((GOLDENS / f"{case}.safetensors.xz").read_bytes()))
    folder = tmp_path_factory.mktemp(case)
    state = {
        n.removeprefix("state/"): torch.from_numpy(a) for n, a in arrays.items() if "state/" in n
    }
    expected = CASES[case]
    weights = {"model": state} if expected.architecture == "mime" else in_parts(state)
    torch.save({"iter": 9, "current_loss": 1.0, **weights}, folder / "model_9")
    words = [f"w{index}" for index in range(len(SPECIAL_WORDS), expected.vocab_size)]
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    convert(
        folder / "model_9",
        folder / "checkpoint",
        folder / "words.txt",
        heads=expected.num_heads,
        mean_query=expected.mean_query,
        top_listeners=expected.top_listeners,
    )
    return Golden(expected, arrays, checkpoint.load(folder / "checkpoint"))


@pytest.fixture(params=["eager", "native"])
def engine(request: pytest.FixtureRequest, golden: Golden) -> Engine:
    return create_engine(golden.checkpoint, engine=request.param)
