"""Signals are handled while a call computes, whatever it is, and leave the engine as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 250  # ms: the engines look every 20, and a busy machine may stop a thread for longer

# A handler that raises, as Ctrl-C does, some time after the engine begins with what is asked for.
# Prints how many ms passed from the signal to the caller's except, for each call the median of
# several tries.
INTERRUPT = """if True:
    import signal, statistics, sys, time
    from mime_fast import Generator

    path, engine, *calls = sys.argv[1:]
    tries = 3
    kind = {"device": "cpu"} if engine == "cuda" else {}
    generator = Generator(path, engine=engine, **kind)
    long = "i lost my dog . " * 12
    length = {"max_new_tokens": 64, "min_new_tokens": 64}
    many = {"native": 5000, "eager": 1000, "cuda": 20}[engine]
    requests = {
        "encode": ([long] * many, {}),
        "batch": (["my dog"] * many, length),
        "beams": ([long] * 100, {"num_beams": 100, **length}),
        "wide": ([long] * 10, {"num_beams": 1000, **length}),
        "samples": ([long] * 20, {"do_sample": True, "num_return_sequences": 1000, **length}),
        "consensus": ([long] * 50, {"do_sample": True, "mbr_samples": 1000, **length}),
        "stream": ([long] * 1000, {"num_beams": 3, **length}),
    }

    def reply():
        return generator.respond("my dog", seed=1, num_beams=2, max_new_tokens=9)

    def run(call, request):
        if call == "encode":
            dialogues = [each.dialogue for each in request.messages]
            request.engine.encode(dialogues, request.noise(request.seeds), None)
        elif call == "stream":
            for _ in request.steps():
                pass
        else:
            request.run()

    def handle(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, handle)
    expected = reply()
    for call in calls:
        messages, options = requests[call]
        late = []
        for number in range(tries):
            request = generator.request(messages, None, options)
            delay = 0.05 + 0.04 * number
            due = time.perf_counter() + delay
            signal.setitimer(signal.ITIMER_REAL, delay)
            try:
                run(call, request)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                late.append(1e3 * (time.perf_counter() - due))
            again = reply()
            assert (again.text, again.score) == (expected.text, expected.score), call
        assert len(late) == tries, call  # none ended before its signal
        print(call, statistics.median(late))"""


def too_late(checkpoint: Path, engine: str, *calls: str) -> dict[str, float]:
    """Calls that end later than they may, and after how many milliseconds."""
    command = [sys.executable, "-c", INTERRUPT, str(checkpoint), engine, *calls]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    found = dict(line.split() for line in result.stdout.splitlines())
    assert found.keys() == set(calls)
    return {call: float(late) for call, late in found.items() if float(late) >= MOST}


@pytest.mark.parametrize(
    "call", ["encode", "batch", "beams", "wide", "samples", "consensus", "stream"]
)
def test_native(tiny_checkpoint: Path, call: str) -> None:
    assert too_late(tiny_checkpoint, "native", call) == {}


def test_eager(tiny_checkpoint: Path) -> None:
    assert too_late(tiny_checkpoint, "eager", "encode", "batch", "beams", "stream") == {}


def test_cuda(tiny_checkpoint: Path) -> None:
    """The loops of the host are interrupted; Triton's interpreter runs the kernels."""
    pytest.importorskip("triton")
    assert too_late(tiny_checkpoint, "cuda", "encode", "batch") == {}
