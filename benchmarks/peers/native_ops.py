"""The native engine's operations one by one, through benchmarks/ops.cc."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mime_fast.checkpoint import Checkpoint
from mime_fast.types import FloatArray

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[[], object]
Result = Callable[[], FloatArray]


class NotBuiltError(RuntimeError):
    """There is no library to link with."""


class NativeOps:
    """Each method prepares an operation: the call to time, and how to read what it wrote."""

    def __init__(self, checkpoint: Checkpoint, threads: int) -> None:
        config = checkpoint.config
        self._words, self._dim = config.vocab_size, config.hidden_dim
        self._library = ctypes.CDLL(str(_build()))
        self._library.ops_new.restype = ctypes.c_void_p
        shape = (config.num_heads, config.key_dim, config.filter_dim, config.num_layers)
        sizes = [ctypes.c_int64(size) for size in (self._words, self._dim, *shape)]
        path = str(checkpoint.weights).encode()
        self._ops = ctypes.c_void_p(self._library.ops_new(path, *sizes, ctypes.c_int(threads)))

    def project(self, x: FloatArray) -> tuple[Call, Result]:
        """(rows, dim) -> logits (rows, vocabulary)."""
        return self._prepare("project", x, self._words)

    def screen(self, x: FloatArray, planes: int) -> tuple[Call, Result]:
        """Approximate logits from int8 weights; x is quantised to `planes` planes, 1 or 2."""
        return self._prepare("screen", x, self._words, "get_scores", planes)

    def encode(self, x: FloatArray) -> tuple[Call, Result]:
        """The context encoder behind its input projection: (length, dim) -> same."""
        return self._prepare("encode", x, self._dim)

    def fuse(self, both: FloatArray) -> tuple[Call, Result]:
        """The gate: (length, 2 * dim) -> (length, dim)."""
        return self._prepare("fuse", both, self._dim)

    def _prepare(
        self, name: str, x: FloatArray, columns: int, get: str = "get", *arguments: int
    ) -> tuple[Call, Result]:
        count, width, out = (ctypes.c_int64(size) for size in (*x.shape, columns))
        self._library.ops_set(self._ops, _pointer(np.ascontiguousarray(x)), count, width, out)
        function, read = self._library[f"ops_{name}"], self._library[f"ops_{get}"]

        def result() -> FloatArray:
            values = np.empty((len(x), columns), np.float32)
            read(self._ops, _pointer(values), count, out)
            return values

        return lambda: function(self._ops, *arguments), result


def _pointer(array: FloatArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _build() -> Path:
    """Compile ops.cc against the newest library that a build of the extension left."""
    cores = sorted(ROOT.glob("build/cmake-*/libmime_fast_core.a"), key=lambda p: p.stat().st_mtime)
    if not cores:
        raise NotBuiltError("no libmime_fast_core.a in build/: pip install --editable . makes it")
    source, library = ROOT / "benchmarks" / "ops.cc", ROOT / "build" / "bench" / "libops.so"
    newest = max(cores[-1].stat().st_mtime, source.stat().st_mtime)
    if not library.exists() or library.stat().st_mtime < newest:
        library.parent.mkdir(parents=True, exist_ok=True)
        command = [
            os.environ.get("CXX", "g++"),
            "-std=c++20",
            "-O3",
            "-shared",
            "-fPIC",
            "-pthread",
        ]
        command += [f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include", str(source), str(cores[-1])]
        subprocess.run([*command, "-o", str(library)], check=True)
    return library
