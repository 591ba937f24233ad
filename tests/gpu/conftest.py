"""The engine on a GPU, and eager beside it; where there is none, these tests are skipped.

MIME_FAST_GPU_TESTS=cpu rehearses them with a tiny model and interpreted kernels: it finds errors of
the tests themselves.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mime_fast import checkpoint
from mime_fast.bundled import folder_of
from mime_fast.checkpoint import Checkpoint
from mime_fast.types import Dialogue

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where the benchmarks are

from benchmarks.gpu.contestants import exact_float32
from benchmarks.workload import random_request
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.eager import EagerEngine

REHEARSED = os.environ.get("MIME_FAST_GPU_TESTS") == "cpu"
DEVICE = "cpu" if REHEARSED else "cuda"
# Eager is slow, and a first run may fail everywhere: 200 are for when it passes with fewer.
CONTEXTS = 4 if REHEARSED else int(os.environ.get("MIME_FAST_GPU_CONTEXTS", "50"))
LONGEST = 20 if REHEARSED else 64


@pytest.fixture(scope="session", autouse=True)
def gpu() -> None:
    """Skips what cannot run here, and keeps eager's float32 from being rounded to TF32."""
    if REHEARSED:
        return
    if not torch.cuda.is_available():
        pytest.skip("there is no NVIDIA GPU that torch can use")
    if os.environ.get("TRITON_INTERPRET") != "0":
        pytest.skip("kernels are interpreted here; make gpu runs them on the GPU")
    exact_float32()


@pytest.fixture(scope="session")
def device() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def loaded(request: pytest.FixtureRequest) -> Checkpoint:
    """The bundled checkpoint."""
    path = folder_of("mime-small")
    if REHEARSED:
        path = request.getfixturevalue("tiny_checkpoint")
    return checkpoint.load(path)


@pytest.fixture(scope="session")
def engine(loaded: Checkpoint) -> CudaEngine:
    return CudaEngine(loaded, DEVICE)


@pytest.fixture(scope="session")
def eager(loaded: Checkpoint) -> EagerEngine:
    return EagerEngine(loaded, DEVICE)


@pytest.fixture(scope="session")
def dialogues(loaded: Checkpoint) -> Sequence[Dialogue]:
    """Dialogues of random words, 1 to LONGEST tokens."""
    lengths = np.random.default_rng(0).integers(1, LONGEST + 1, CONTEXTS).tolist()
    return [
        random_request(loaded.config, length, index).dialogue
        for index, length in enumerate(lengths)
    ]
