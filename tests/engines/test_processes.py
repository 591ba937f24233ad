"""What must not change a reply: the instruction set, other threads, a fork."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import Generator
from mime_fast.checkpoint import Checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from tests.conftest import BASE_SHAPE

SHAPES: list[dict[str, Any]] = [
    {"vocab_size": 300, "hidden_dim": 50, "num_heads": 3, "key_dim": 21, "num_layers": 2},
    {"vocab_size": 45, "hidden_dim": 9, "key_dim": 34, "filter_dim": 7, "tie_embeddings": True},
    {
        "architecture": "mime_base",
        "vocab_size": 300,
        "context_vocab_size": 60,
        **BASE_SHAPE,
        "decoder_dim": 64,  # fills a matrix tile
        "decoder_heads": 4,
    },
]
# Prints a digest of every float that an engine gives, then its replies.
DECODE = """if True:
    import hashlib, sys
    from pathlib import Path
    import numpy as np
    from mime_fast.checkpoint import Checkpoint
    from mime_fast.config import GenerationConfig, ModelConfig
    from mime_fast.engines.native import NativeEngine
    from mime_fast.types import Dialogue

    config = ModelConfig.from_dict(eval(sys.argv[2]))
    checkpoint = Checkpoint(config, None, Path(sys.argv[1]))
    dialogues = [Dialogue([6, *range(7, 7 + n)], [6] + [4] * n) for n in (0, 3, 30)]
    noise = np.random.default_rng(0).standard_normal(
        (3, config.latents, config.noise_dim), np.float32
    )
    strategies = [{}, {"num_beams": 4}, {"do_sample": True, "top_k": 9}, {"do_sample": True}]
    for compute_type in ("float32", "bfloat16", "int8"):
        engine = NativeEngine(checkpoint, compute_type, 2)
        encoded = engine.encode(dialogues, noise, None)
        floats = [encoded.emotion_logits, encoded.positive_mixture, encoded.negative_mixture]
        state = engine.start(encoded, [0, 1, 2, 2, 1, 0, 1])
        for token in (3, 9, 9, 30, 8):
            floats.append(engine.step(state, np.full(7, token)))
        print(compute_type, hashlib.sha256(b"".join(f.tobytes() for f in floats)).hexdigest())
        for strategy in strategies:
            options = GenerationConfig(max_new_tokens=12, return_scores=True, **strategy)
            decoding = engine.decode(encoded, options, [1, 2, 3])
            decoding.run()
            for request in range(3):
                for reply in decoding.results(request):
                    print(reply.tokens, [p.hex() for p in reply.log_probs])
    print(engine.instruction_set)"""
FORK = """if True:
    import os, signal, sys, time
    import mime_fast
    options = {"intra_threads": 3} if sys.argv[2] == "native" else {}
    generator = mime_fast.Generator(sys.argv[1], engine=sys.argv[2], **options)
    expected = generator.respond("I lost my dog", seed=1, num_beams=2).text
    for pause in (0, 0.05):
        time.sleep(pause)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            right = generator.respond("I lost my dog", seed=1, num_beams=2).text == expected
            del generator
            os._exit(0 if right else 3)
        assert os.waitpid(child, 0)[1] == 0
        assert generator.respond("I lost my dog", seed=1, num_beams=2).text == expected"""

# A handler that raises, as Ctrl-C does, while many replies are decoded in one call.
INTERRUPT = """if True:
    import signal, sys, time
    import mime_fast

    def interrupt(*_):
        raise KeyboardInterrupt

    generator = mime_fast.Generator(sys.argv[1], intra_threads=1)
    messages = ["I lost my dog"] * 20_000
    signal.signal(signal.SIGALRM, interrupt)
    started = []
    native = generator.engine.decode
    def decode(*arguments):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        started.append(time.perf_counter())
        return native(*arguments)
    generator.engine.decode = decode
    try:
        generator.respond_batch(messages, min_new_tokens=50, seed=1)
    except KeyboardInterrupt:
        took = time.perf_counter() - started[0]
    generator.engine.decode = native
    started = time.perf_counter()
    generator.respond_batch(messages[:2000], min_new_tokens=50, seed=1)
    print(took < 10 * (time.perf_counter() - started))"""


def python(code: str, *arguments: str | Path, **environment: str) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("isa", ["", "avx2", "avx512", "amx"])
def test_instruction_sets_give_the_same_bits(
    shape: dict[str, Any], isa: str, random_checkpoint: Callable[[ModelConfig, int], Checkpoint]
) -> None:
    config = ModelConfig.from_dict(shape)
    path = random_checkpoint(config, 5).weights

    def decode(isa: str) -> list[str]:
        return python(DECODE, path, repr(config.to_dict()), MIME_FAST_ISA=isa).splitlines()

    *expected, name = decode("scalar")
    assert name == "scalar"
    try:
        *found, name = decode(isa)
    except AssertionError as error:
        missing = "this processor does not have it"
        if missing not in str(error):
            raise
        pytest.skip(f"{isa}: {missing}")
    assert name == isa or not isa
    assert found == expected


def test_a_wrong_instruction_set_is_no_wrong_checkpoint(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIME_FAST_ISA", "avx51")
    with pytest.raises(
        ValueError, match=r"MIME_FAST_ISA must be one of amx, avx512, avx2, scalar, got avx51"
    ) as caught:
        Generator(tiny_checkpoint)
    assert not isinstance(caught.value, CheckpointError)


def test_a_long_call_can_be_interrupted(tiny_checkpoint: Path) -> None:
    assert python(INTERRUPT, tiny_checkpoint) == "True\n"


def test_a_child_of_fork_answers_and_ends(tiny_checkpoint: Path) -> None:
    python(FORK, tiny_checkpoint, "native")


def test_torch_answers_in_a_child_of_fork() -> None:
    """With a model that is large enough for torch to share its products among threads."""
    pytest.importorskip("torch")
    python(FORK, "mime-small", "eager", OMP_NUM_THREADS="3")


@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_threads_share_an_engine(tiny_checkpoint: Path, compute_type: str) -> None:
    """1,000 requests of eight callers at once, on the helpers of one pool."""
    generator = Generator(tiny_checkpoint, compute_type=compute_type, intra_threads=3)
    strategies: list[dict[str, Any]] = [
        {},
        {"num_beams": 4, "num_return_sequences": 2},
        {"do_sample": True, "num_return_sequences": 5, "return_scores": True},
    ]
    messages = ["i lost my dog", "oh no ! what happened ?", "good , i hope so", "the dog"]
    requests = [
        (messages[number % 4], strategies[number % 3] | {"seed": number, "max_new_tokens": 12})
        for number in range(1000)
    ]

    def reply(request: tuple[str, dict[str, Any]]) -> tuple[Any, ...]:
        response = generator.respond(request[0], **request[1])
        candidates = [(c.text, c.score) for c in response.candidates]
        return response.text, response.emotion, candidates

    expected = [reply(request) for request in requests]
    order = np.random.default_rng(0).permutation(len(requests)).tolist()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: reply(requests[number]), order))
    assert found == [expected[number] for number in order]
