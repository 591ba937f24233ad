"""Generator: a person's message in, an empathetic reply out."""

from __future__ import annotations

import time
from collections.abc import Generator as EventGenerator
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np

from mime_fast import bundled
from mime_fast import checkpoint as checkpoints
from mime_fast.config import GenerationConfig, require
from mime_fast.engines import create_engine
from mime_fast.engines.base import EncoderBatch
from mime_fast.memory import enough_memory
from mime_fast.profiling import profile_range, profiler, run_session
from mime_fast.read_message import Message
from mime_fast.reload import load_again
from mime_fast.request import Request, checked_options
from mime_fast.stream import Pieces, Stream
from mime_fast.text.special import CLS, UNK, USR
from mime_fast.types import Dialogue, Response, TokenEvent


class Generator:
    """Loads a checkpoint once and answers any number of messages, from any number of threads.

    Args:
        checkpoint: a checkpoint directory, or the name of a bundled one, such as "mime-small";
            None: the default, bundled.DEFAULT.
        engine: "native" (CPU, no torch), "cuda" (NVIDIA GPU), "eager" (PyTorch, slow) or "auto":
            cuda if the device is one, and else native.
        device: "auto", "cpu", "cuda" or "cuda:N"; with engine="eager" what torch calls a device.
        compute_type: "auto" (native: int8) or "float32".
            The native engine has "int8" too. It screens words in int8 and computes in float32 those
            that matter. Greedy and top-k replies are proven to be those of float32. Beams, scores
            and other sampling are within the tolerance of docs/architecture.md.
            It also has "bfloat16", which takes half the memory, rounds, and may change a reply.
            The cuda engine has "float16" and "bfloat16", which round every matrix and may change a
            reply too.
        intra_threads: threads of one call (native only); None: the physical cores, at most 4.

    Raises:
        CheckpointError: the directory is missing, truncated, of another version or misshapen.
        ValueError: an option that is unknown or does not fit the others.
        MemoryError: there is too little; calls raise it too, and others than that one go on.
        EngineError: the system does not start intra_threads threads, if they were asked for.
        WriteError: the file that MIME_FAST_TRACE names cannot be written (docs/profiling.md).

    It can be pickled, for process pools and the like: what travels is the path of the checkpoint
    and the options. A process that gets the same one with every task loads it once.

    Example:
        >>> generator = Generator()
        >>> generator.respond("I lost my dog yesterday.").emotion
        'sad'
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        compute_type: str = "auto",
        intra_threads: int | None = None,
    ) -> None:
        profiler.start()
        folder = bundled.folder_of(checkpoint)
        options: dict[str, Any] = {
            "engine": engine,
            "device": device,
            "compute_type": compute_type,
            "intra_threads": intra_threads,
        }
        self._made_of = _named_for_all(checkpoint), options
        with enough_memory(f"load {folder}", "use compute_type='bfloat16'"):
            self.checkpoint = loaded = checkpoints.load(folder)
            self.tokenizer = loaded.tokenizer
            self.defaults = loaded.generation
            _ = loaded.relevance  # a damaged one is refused before work begins
            self.engine = create_engine(loaded, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the checkpoint's path and the options: its files must be where it goes."""
        return load_again, (type(self), *self._made_of)

    def __copy__(self) -> Self:
        """A Generator that shares the engine, whose weights do not change."""
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        return clone

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a Generator that shares the engine, as __copy__ does."""
        return self.__copy__()

    def respond(
        self, message: Message, config: GenerationConfig | None = None, **options: Any
    ) -> Response:
        """Answer one message, or a history of turns: speaker first, alternating, speaker last.

        Options are those of GenerationConfig; they override `config`, or without one the defaults
        of the checkpoint, as GenerationConfig.overridden says.
        """
        return self.respond_batch([message], config, **options)[0]

    def respond_batch(
        self, messages: Sequence[Message], config: GenerationConfig | None = None, **options: Any
    ) -> list[Response]:
        """Answer several messages together. Each reply is the one it would get alone."""
        with profile_range("respond"):
            request = self.request(messages, config, options)
            request.run()
            return request.responses()

    def check(self, message: Message) -> None:
        """Raise what respond() would raise of this message, without answering it."""
        self.request([message], None, {})

    def warmup(
        self,
        config: GenerationConfig | None = None,
        *,
        batch_sizes: Sequence[int] = (1,),
        lengths: Sequence[int] = (16, 32, 64, 128),
        **options: Any,
    ) -> None:
        """Answer messages of these numbers of tokens in batches of these sizes; no reply is kept.

        The first call of a kind costs more than later ones, since it allocates memory. The cuda
        engine also compiles kernels, which Triton's cache keeps for later processes. It records
        launches for each size, rounded up to a power of two. Options: those of the calls to come.
        """
        checked = self.options(config, options)
        most = self.engine.config.max_positions
        for size, length in product(batch_sizes, lengths):
            require(size >= 1, f"batch_sizes must be at least 1, got {size}")
            require(length >= 1, f"lengths must be at least 1, got {length}")
            words = min(length, most) - 1
            dialogue = Dialogue([CLS] + [UNK] * words, [CLS] + [USR] * words)
            shape = size, self.engine.config.latents, self.engine.config.noise_dim
            noise = np.zeros(shape, np.float32)
            encoded = self.engine.encode([dialogue] * size, noise, None)
            self.engine.decode(encoded, checked, range(size)).run()

    def stream(
        self, message: Message, config: GenerationConfig | None = None, **options: Any
    ) -> Stream:
        """Answer one message piece by piece, each as soon as no hypothesis can change it.

        The texts joined are exactly `respond(...).text`; the last event is `final` and carries the
        Response. With mbr_samples or best_of it is the only one: until all are drawn, no word is
        sure. So is the fixed reply to a crisis. Options are checked here and now, not at the first
        piece.
        """
        return Stream(_events(self.request([message], config, options)))

    def options(
        self, config: GenerationConfig | None = None, given: Mapping[str, Any] | None = None
    ) -> GenerationConfig:
        """The options of a call with this config and these options by name; see respond."""
        return checked_options(self.engine.config, self.defaults, config, given or {})

    def request(
        self,
        messages: Sequence[Message],
        config: GenerationConfig | None,
        given: Mapping[str, Any],
    ) -> EngineRequest:
        """A request whose messages and options were checked, and which nobody runs yet."""
        options = self.options(config, given)
        return EngineRequest(self.checkpoint, self.engine, messages, options)


class EngineRequest(Request):
    """A request that its caller's thread runs: encode, then decode."""

    def start(self) -> None:
        """Run the encoder side."""
        started = time.perf_counter()
        fixed = [at for at, each in enumerate(self.messages) if each.fixed is not None]
        if self.generated:
            self.encoded = self._encode(self.generated)
            seeds = [self.seeds[index] for index in self.generated]
            self.decoding = self.engine.decode(self.encoded, self.options, seeds, self.rules)
        if fixed:
            self._encode(fixed)
        self.encode_ms = 1e3 * (time.perf_counter() - started)

    def _encode(self, indices: list[int]) -> EncoderBatch:
        dialogues = [self.messages[index].dialogue for index in indices]
        noise = self.noise([self.seeds[index] for index in indices])
        with profile_range("engine.encode"):
            encoded = self.engine.encode(dialogues, noise, self.emotion)
        self.encodings |= {index: (encoded, row) for row, index in enumerate(indices)}
        return encoded

    def run(self) -> None:
        """Run the engine to the end."""
        if not self.messages:
            return
        with self.enough_memory():
            self.start()
            if self.generated:
                self.clock(lambda: run_session(self.decoding))

    def steps(self) -> Iterator[None]:
        """Run the engine; yields after each decoding step."""
        with self.enough_memory():
            self.start()
        if self.generated:
            while self.clock(self._advance):
                yield

    def _advance(self) -> bool:
        with self.enough_memory(), profile_range("engine.step"):
            return self.decoding.advance()


def _named_for_all(checkpoint: str | Path | None) -> str | None:
    """What names the checkpoint in a process that runs in another folder."""
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    return str(path if bundled.is_bundled(path) else path.absolute())


def _events(request: EngineRequest) -> EventGenerator[TokenEvent, None, None]:
    pieces = Pieces(request)
    for _ in request.steps():
        if (event := pieces.agreed()) is not None:
            yield event
    yield pieces.last()
