"""ONNX Runtime: the cached torch modules exported, in float32 and dynamically quantised to int8."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional

from benchmarks.peers.torch_cached import CachedPeer, modules_of_any
from mime_fast.checkpoint import Checkpoint
from mime_fast.models import mime_base
from mime_fast.text.tokenizer import CLS

# The checkpoint is kept beside its export, so that its id stays its own.
_EXPORTED: dict[int, tuple[Checkpoint, TemporaryDirectory[str]]] = {}
ROWS, SOURCE = Dim("rows", min=1, max=1024), Dim("source", min=1, max=1000)


def create(checkpoint: Checkpoint, precision: str, threads: int) -> CachedPeer:
    """precision: "float32" or "int8"."""
    encode, decode = modules_of_any(checkpoint)
    folder = Path(_export_both(checkpoint, encode, decode).name)
    encoder, decoder = (
        _Session(_in_precision(folder / f"{part}.onnx", precision), threads)
        for part in ("encode", "decode")
    )

    def run_encode(tokens: Tensor, speakers: Tensor, noise: Tensor) -> Any:
        return encode.cross_type(*encoder(tokens, speakers, noise))

    def run_decode(tokens: Tensor, position: Tensor, cross: Any, cache: Any) -> tuple[Tensor, Any]:
        logits, *updated = decoder(tokens, position, *cross, *cache)
        return logits, decode.cache_type(*updated)

    return CachedPeer(run_encode, run_decode, decode.empty_cache, threads=1)


def _export_both(checkpoint: Checkpoint, encode: Any, decode: Any) -> TemporaryDirectory[str]:
    """Once a process: it takes 12 s, and both precisions need it."""
    if id(checkpoint) not in _EXPORTED:
        folder = TemporaryDirectory()
        path = Path(folder.name)
        _export_encode(encode, path / "encode.onnx")
        _export_decode(encode, decode, path / "decode.onnx")
        _EXPORTED[id(checkpoint)] = checkpoint, folder
    return _EXPORTED[id(checkpoint)][1]


def _in_precision(path: Path, precision: str) -> Path:
    if precision == "float32":
        return path
    quantized = path.with_suffix(".int8.onnx")
    if not quantized.exists():
        # Convolutions in int8 are slower than in float32.
        quantize_dynamic(
            path,
            quantized,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
        )
    return quantized


class _Session:
    """Torch tensors in and out, without a copy."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Both sessions have threads: those of one must not spin while the other runs. Batches of 32
        # on 2 cores take half the time.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [each.name for each in self._session.get_inputs()]

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        arrays = [tensor.numpy() for tensor in tensors]
        feeds = dict(zip(self._inputs, arrays, strict=True))
        return [torch.from_numpy(array) for array in self._session.run(None, feeds)]


def _examples(encode: Any, rows: int = 2, source: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    config = encode.model.config
    tokens = torch.full((rows, source), CLS)
    # Two tensors: the exporter would make one input of one tensor.
    return tokens, tokens.clone(), torch.zeros(rows, config.latents, config.noise_dim)


def _export_encode(encode: Any, path: Path) -> None:
    ids = {0: ROWS, 1: SOURCE}
    # The exporter cannot translate isin; ONNX Runtime has no error function of doubles.
    with patch.object(torch, "isin", _isin), patch.object(mime_base, "draw_intent", _draw_intent):
        _export(encode, _examples(encode), (ids, ids, {0: ROWS}), path)


def _isin(elements: Tensor, tests: Tensor) -> Tensor:
    return (elements[:, None] == tests).any(-1)


def _draw_intent(logits: Tensor, noise: Tensor) -> Tensor:
    """mime_base.draw_intent in float32."""
    uniform = torch.special.ndtr(noise)
    drawn = (logits - (-uniform.log()).log()).argmax(-1)
    return functional.one_hot(drawn, logits.shape[-1]).float()


def _export_decode(encode: Any, decode: Any, path: Path) -> None:
    tokens, speakers, noise = _examples(encode)
    with torch.inference_mode():
        found = encode(tokens, speakers, noise)
    cross = found._make(tensor.clone() for tensor in found)
    cache = decode.empty_cache(len(tokens))
    rows: Any = {0: ROWS}
    sources = ({} if axis is None else {axis: SOURCE} for axis in encode.source_axes)
    shapes: tuple[object, ...] = (
        rows,
        {},
        cross._make(rows | source for source in sources),
        cache._make(rows for _ in cache),
    )
    _export(decode, (tokens[:, 0], torch.tensor([1]), cross, cache), shapes, path)


def _export(
    module: nn.Module, arguments: tuple[object, ...], shapes: tuple[object, ...], path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            module, arguments, path, dynamic_shapes=shapes, dynamo=True, external_data=False,
            verbose=False,
        )  # fmt: skip
