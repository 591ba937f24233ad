"""The GPU of an engine: its stream, the turn to launch, and buffers that wait for later calls."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import RLock

import torch
from triton.errors import TritonError

from mime_fast.engines.base import EngineError
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape
from mime_fast.engines.cuda.encoder import EncodeBatch, EncoderShape
from mime_fast.engines.cuda.graphs import RECORDING, is_out_of_memory
from mime_fast.engines.cuda.memory import BatchPool
from mime_fast.engines.cuda.weights import Model


class Device:
    """All launches go to one stream, one call's at a time; calls of several threads take turns."""

    def __init__(self, model: Model) -> None:
        self._model, self.device = model, model.device
        self.decoders: BatchPool[DecodeBatch] = BatchPool()
        self.encoders: BatchPool[EncodeBatch] = BatchPool()
        self._lock = RLock()
        self._stream = None
        if self.device.type == "cuda":
            # The weights are there, for any stream. To wait for the whole device would break a
            # recording of another thread.
            torch.cuda.current_stream(self.device).synchronize()
            self._stream = torch.cuda.Stream(self.device)

    @contextmanager
    def launching(self) -> Iterator[None]:
        """Within it a thread launches; others wait until it has."""
        stream = nullcontext() if self._stream is None else torch.cuda.stream(self._stream)
        with self._lock, torch.inference_mode(), stream:
            try:
                yield
            except RuntimeError as error:
                if is_out_of_memory(error) and not isinstance(error, torch.OutOfMemoryError):
                    raise torch.OutOfMemoryError(str(error)) from error
                raise
            except MemoryError as error:
                if error.__cause__ is None:  # of _C; make_room() names a cause
                    raise torch.OutOfMemoryError(str(error)) from error
                raise
            except TritonError as error:
                raise EngineError(
                    f"a kernel could not be compiled for {self.device} ({error}); "
                    "use device='cpu', and please report it"
                ) from error

    def encode_batch(self, shape: EncoderShape) -> EncodeBatch:
        """Buffers of that shape, to be given back to `encoders`."""
        return self.encoders.take(shape) or EncodeBatch(self._model, shape)

    def decode_batch(self, shape: DecodeShape) -> DecodeBatch:
        """Buffers of that shape, to be given back to `decoders`."""
        return self.decoders.take(shape) or DecodeBatch(self._model, shape)

    def make_room(self, requests: int, error: torch.OutOfMemoryError) -> None:
        """Free what waits for later calls; MemoryError if there was no room for one request."""
        if requests == 1:
            raise MemoryError(
                f"{self.device} has no memory left for one reply; ask for fewer beams or tokens, "
                "send a shorter message, or free memory that other programs hold"
            ) from error
        with self._lock:
            self.decoders.clear()
            self.encoders.clear()
            gc.collect()  # an error that was raised may hold what was refused
            if self.device.type == "cuda":
                with RECORDING:
                    torch.cuda.empty_cache()
