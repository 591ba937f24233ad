"""The cuda engine: models on the Triton kernels of mime_fast.kernels, in CUDA graphs.

Under TRITON_INTERPRET=1 the same code runs on the CPU, slowly and without graphs: that is how it is
tested without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import DecodingSession, EncoderBatch, Unpicklable
from mime_fast.engines.cuda.beams import DeviceBeams
from mime_fast.engines.cuda.decoding import DeviceSession
from mime_fast.engines.cuda.device import Device
from mime_fast.engines.cuda.encoder import (
    CudaEncoderBatch,
    CudaMemory,
    EncoderShape,
    Findings,
    MemoryPart,
)
from mime_fast.engines.cuda.memory import Event, bucket
from mime_fast.engines.cuda.search import device_search
from mime_fast.engines.cuda.state import State
from mime_fast.engines.cuda.weights import load_model
from mime_fast.engines.exit_gate import calls_torch
from mime_fast.engines.stepwise import StepwiseSession
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.search.rules import TextRules
from mime_fast.text.special import SOS
from mime_fast.types import Dialogue, FloatArray, IntArray

FIRST_STEPS = 32  # that a state has room for; it doubles
LEAST_LENGTH = 16
MOST_ENCODED = 256  # dialogues encoded together; further ones follow


class CudaEngine:
    """Runs a checkpoint on a GPU of torch's, or interpreted on the CPU.

    compute_type: "float32"; "float16" and "bfloat16" round the matrices, and may change replies.
    """

    name = "cuda"

    @calls_torch
    def __init__(
        self, checkpoint: Checkpoint, device: str = "cuda", compute_type: str = "float32"
    ) -> None:
        self.config, self.compute_type = checkpoint.config, compute_type
        self.device = _usable_device(device)
        self.model = load_model(checkpoint, self.device, getattr(torch, compute_type))
        self.gpu = Device(self.model)

    @calls_torch
    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> CudaEncoderBatch:
        """Encode in batches, which are halved where there is no memory for them."""
        found: list[Findings] = []
        parts: list[MemoryPart] = []
        first, most = 0, MOST_ENCODED
        while first < len(dialogues):
            group = slice(first, first + most)
            count = len(dialogues[group])
            try:
                read, part = self._encode(dialogues[group], noise[group], emotion)
            except torch.OutOfMemoryError as error:
                failed = error.with_traceback(None)  # which holds what was asked for last
            else:
                found.append(read)
                parts.append(part)
                first += count
                continue
            self.gpu.make_room(count, failed)
            most = count // 2
        return CudaEncoderBatch(found, CudaMemory(tuple(parts)))

    def _encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> tuple[Findings, MemoryPart]:
        count, longest = len(dialogues), max(len(dialogue.tokens) for dialogue in dialogues)
        shape = EncoderShape(bucket(count), bucket(longest, LEAST_LENGTH))
        with self.gpu.launching():
            batch = self.gpu.encode_batch(shape)
            encoded = batch.run(dialogues, noise, emotion)
            self.gpu.encoders.put(batch)
        return encoded

    def decode(
        self,
        encoded: EncoderBatch,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> DecodingSession:
        """A session whose searches run on the device; on the host those that it does not have."""
        search = device_search(options, len(seeds), drafts=self.model.drafts is not None)
        if search is None:
            return StepwiseSession(self, encoded, options, seeds, rules)
        decoding = DeviceSession(self.gpu, options, search)
        decoding.join(encoded.memory, seeds)
        if isinstance(search, DeviceBeams):
            return BeamSession(decoding, lambda: StepwiseSession(self, encoded, options, seeds))
        return decoding

    @calls_torch
    def start(self, encoded: EncoderBatch, rows: Sequence[int], steps: int = FIRST_STEPS) -> State:
        """A decode state with one row for each entry: the number of its dialogue.

        steps: how many there is room for at first.
        """
        memory: CudaMemory = encoded.memory
        with self.gpu.launching():
            size = len(rows), steps + 1
            generated = torch.full(size, SOS, dtype=torch.int32, device=self.device)
            lengths = self._ids(memory.lengths.tolist())
            whole = self.model.system.new_memory(len(memory.lengths), int(memory.lengths.max()))
            memory.copy_to(whole)
            caches = self.model.system.new_caches(steps, self._ids(rows), whole, lengths)
        return State(generated, caches)

    @calls_torch
    def step(self, state: State, tokens: IntArray) -> FloatArray:
        """Feed one token a row; logits (rows, vocabulary) of the next."""
        with self.gpu.launching():
            state.reserve_step()
            state.generated[:, state.position] = torch.from_numpy(tokens).to(self.device)
            replies = state.replies()
            logits = torch.empty(len(tokens), self.config.vocab_size, device=self.device)
            system = self.model.system
            hidden = system.decode(replies, state.caches)
            system.project(hidden, replies, blocks=False, logits=logits)
            state.position += 1
            arrived = Event(self.device)
        arrived.wait()
        found: FloatArray = logits.cpu().numpy()
        return found

    @calls_torch
    def select(self, state: State, rows: IntArray) -> State:
        """A state of these rows, in this order: only `kv_positions` is gathered, no cache."""
        with self.gpu.launching():
            return state.select(torch.from_numpy(rows).to(self.device))

    def _ids(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int32, device=self.device)


def _usable_device(name: str) -> torch.device:
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        build = torch.version.cuda
        reason = f"is built for CUDA {build}, newer than the driver" if build else "has no CUDA"
        raise ValueError(
            f"device {name!r} cannot be used: torch {torch.__version__} {reason}; "
            "install a build that fits, see pytorch.org; or use device='cpu'"
        )
    return device


class BeamSession(Unpicklable):
    """Beams: on the device if run to the end, on the host if advanced step by step.

    Only the host computes the tokens that the hypotheses of a step agree on.
    """

    def __init__(self, device: DeviceSession, host: Callable[[], StepwiseSession]) -> None:
        self._new_host = host
        self._decoding: DeviceSession | StepwiseSession = device

    def advance(self) -> bool:
        """Make one step of every search that is not over; False if none was left."""
        if isinstance(self._decoding, DeviceSession):
            self._decoding = self._new_host()
        return self._decoding.advance()

    def run(self) -> None:
        """Make all steps that are left."""
        self._decoding.run()

    def agreed(self, request: int) -> tuple[int, ...]:
        """The tokens that the final best hypothesis of a request is sure to start with."""
        return self._decoding.agreed(request)

    def leader(self, request: int) -> Hypothesis:
        """A hypothesis that starts with the agreed tokens, for their log-probabilities."""
        return self._decoding.leader(request)

    def results(self, request: int) -> list[Hypothesis]:
        """A request's replies once its search is over: beams best first, samples as drawn."""
        return self._decoding.results(request)
