"""The native service: its arguments, its events, and the end of processes."""

import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import _C, GenerationConfig, Generator
from mime_fast.engines.native import NativeEngine
from mime_fast.request import emotion_noise
from mime_fast.search.rules import TextRules, text_rules

PATIENCE = 60  # seconds

# A process that ends while its service is at work.
END = """if True:
    import asyncio, sys, threading, time
    from mime_fast import AsyncGenerator, Generator

    replies = AsyncGenerator(Generator(sys.argv[1]))
    options = {"min_new_tokens": 60, "max_new_tokens": 60}
    if sys.argv[2] == "stop":
        options["stop"] = ["zzz"]

    async def ask():
        while True:
            await asyncio.gather(*(replies.respond("my dog", **options) for _ in range(20)))

    async def ask_for_a_while():
        task = asyncio.create_task(ask())
        await asyncio.sleep(0.05)
        if sys.argv[2] == "exit":
            sys.exit(0)
        task.cancel()

    if sys.argv[2] == "daemon":
        threading.Thread(target=lambda: asyncio.run(ask()), daemon=True).start()
        time.sleep(0.05)
    elif sys.argv[2] == "unused":
        assert replies.alive
    else:
        asyncio.run(ask_for_a_while())"""
FORK = """if True:
    import asyncio, os, signal, sys
    from mime_fast import AsyncGenerator, Generator
    from mime_fast.service import ServiceClosed

    generator = Generator(sys.argv[1], intra_threads=2)
    expected = generator.respond("my dog", seed=1).text

    async def ask(replies):
        return (await replies.respond("my dog", seed=1)).text

    async def child(old):
        assert not old.alive
        try:
            await ask(old)
        except ServiceClosed as error:
            assert "make one after a fork" in str(error)
        else:
            raise AssertionError
        async with AsyncGenerator(generator) as replies:
            assert await ask(replies) == expected
        await old.aclose()

    replies = AsyncGenerator(generator)
    for _ in range(3):
        assert asyncio.run(ask(replies)) == expected
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            asyncio.run(child(replies))
            del replies
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    asyncio.run(replies.aclose())"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("end", ["plain", "stop", "exit", "daemon", "unused"])
def test_a_process_ends_in_order(tiny_checkpoint: Path, end: str) -> None:
    for _ in range(2):
        result = run(END, tiny_checkpoint, end)
        assert (result.returncode, result.stderr) == (0, "")


def test_a_child_of_fork_makes_its_own(tiny_checkpoint: Path) -> None:
    result = run(FORK, tiny_checkpoint)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


@pytest.fixture(scope="module")
def engine(generator: Generator) -> _C.Engine:
    assert isinstance(generator.engine, NativeEngine)
    return generator.engine.engine


def arguments(generator: Generator, **changes: Any) -> dict[str, Any]:
    tokens = np.array([6, 9, 9, 12])
    request = {
        "tokens": tokens,
        "speakers": np.full_like(tokens, 4),
        "noise": emotion_noise(generator.engine, [1])[0],
        "emotion": -1,
        "config": GenerationConfig(max_new_tokens=20),
        "seed": 1,
    }
    return request | changes


def wait(service: _C.Service) -> list[_C.ServiceEvent]:
    ready, _, _ = select.select([service.fileno()], [], [], PATIENCE)
    assert ready
    return service.take_events()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tokens": np.array([6, 10_000])}, ValueError, r"tokens\[1\] must be in \[0, vocab"),
        ({"speakers": np.array([4])}, ValueError, "must be of one length"),
        (
            {"noise": np.zeros((3, 12), np.float32)},
            ValueError,
            r"must be \(latents, latent\)",
        ),
        ({"noise": np.zeros((2, 12))}, TypeError, "noise"),
        ({"emotion": 32}, ValueError, r"emotion must be in \[-1, 32\), got 32"),
        ({"seed": -1}, ValueError, "seed"),
        ({"max_wait": 0.0}, ValueError, "max_wait must be above 0 seconds, got 0"),
        ({"config": GenerationConfig(max_new_tokens=65)}, ValueError, "at most max_positions = 64"),
    ],
)
def test_a_wrong_argument_is_refused(
    generator: Generator,
    engine: _C.Engine,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    service = _C.Service(engine, 2, 2)
    with pytest.raises(error, match=message):
        service.submit(**arguments(generator, **changes))
    assert (service.running, service.waiting) == (0, 0)


def test_limits_are_checked(engine: _C.Engine) -> None:
    with pytest.raises(ValueError, match="running must be at least 1, got 0"):
        _C.Service(engine, 0, 1)
    with pytest.raises(TypeError, match="cannot be pickled or copied: make one in each process"):
        _C.Service(engine, 1, 0).__reduce__()


def test_an_error_of_a_stop_condition_is_that_requests(
    generator: Generator, engine: _C.Engine
) -> None:
    def stop(tokens: Any) -> bool:
        raise ZeroDivisionError(f"after {len(tokens)} token")

    service = _C.Service(engine, 2, 2)
    failing = service.submit(**arguments(generator), rules=TextRules(stop=stop))
    other = service.submit(**arguments(generator))
    ends: dict[int, _C.ServiceEvent] = {}
    while len(ends) < 2:
        ends |= {event.ticket: event for event in wait(service)}
    assert ends[failing].kind == "failed"
    assert isinstance(ends[failing].error, ZeroDivisionError)
    assert str(ends[failing].error) == "after 1 token"
    assert ends[other].kind == "done"
    assert ends[other].error is None


def test_a_service_is_collected_while_it_answers(generator: Generator, engine: _C.Engine) -> None:
    """Its thread may be waiting for the GIL, which the destructor therefore releases."""
    for _ in range(20):
        service = _C.Service(engine, 8, 8)
        for seed in range(8):
            service.submit(**arguments(generator, seed=seed), rules=TextRules(stop=lambda _: False))
        del service


def test_stop_strings_need_no_gil(generator: Generator, engine: _C.Engine) -> None:
    """Another thread of Python that never gives the GIL away does not delay the steps."""
    options = {"stop": ("zzz", "w"), "min_new_tokens": 30, "max_new_tokens": 30}
    config = generator.options(None, options)
    rules = text_rules(config, generator.tokenizer)
    service = _C.Service(engine, 2, 2)
    service.submit(**arguments(generator, config=config), rules=rules)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)
    try:
        deadline = time.monotonic() + PATIENCE / 2
        while service.running and time.monotonic() < deadline:
            pass
    finally:
        sys.setswitchinterval(switch)
    assert service.running == 0
    assert [event.kind for event in service.take_events()] == ["done"]
