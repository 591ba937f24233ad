"""A process ends in order while daemon threads are answering: status 0, nothing said, no core."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROUNDS = {1: 3, 4: 2}  # by callers: 6 of 10 and 90 of 90 processes aborted once
ANSWER = """if True:
    import sys, threading, time
    import numpy as np
    from mime_fast import GenerationConfig, Generator, _C

    kind = {"engine": "eager"} if sys.argv[2] == "eager" else {"intra_threads": int(sys.argv[2])}
    generator = Generator(sys.argv[1], **kind)
    message, options = "I lost my dog", {"max_new_tokens": 12}

    def stream():
        for event in generator.stream(message, num_beams=3, **options):
            pass

    def operations():
        _C.standard_normal(1, 0, 1000)
        _C.top_k(np.zeros((20, 50), np.float32), 3)
        search = _C.Sampler(GenerationConfig(**options), 1)
        while search.rows:
            search.advance(np.zeros((1, 50), np.float32))
        search.results()

    calls = {
        "respond": lambda: generator.respond(message, **options),
        "beams": lambda: generator.respond(message, num_beams=5, **options),
        "batch": lambda: generator.respond_batch([message] * 8, do_sample=True, **options),
        "stream": stream,
        "stop": lambda: generator.respond(message, stop=["zzz"], **options),
        "operations": operations,
        "load": lambda: Generator(sys.argv[1], **kind),
    }

    def answer():
        while True:
            calls[sys.argv[4]]()

    calls[sys.argv[4]]()
    for _ in range(int(sys.argv[3])):
        threading.Thread(target=answer, daemon=True).start()
    time.sleep(0.02)"""
SERVE = """if True:
    import sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from mime_fast import Generator

    generator = Generator(sys.argv[1])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(generator.respond("I lost my dog").text.encode())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()"""

ASK = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "call", ["respond", "beams", "batch", "stream", "stop", "operations", "load"]
)
@pytest.mark.parametrize("callers", [1, 4])
def test_daemon_threads_that_answer_at_the_end(
    tiny_checkpoint: Path, callers: int, call: str
) -> None:
    def end(number: int) -> tuple[int, str]:
        result = run(ANSWER, tiny_checkpoint, 1 + number % 2, callers, call)
        return result.returncode, result.stderr

    with ThreadPoolExecutor(2) as threads:
        assert set(threads.map(end, range(ROUNDS[callers]))) == {(0, "")}


@pytest.mark.parametrize("call", ["respond", "beams", "batch", "stream", "load"])
def test_daemon_threads_of_the_eager_engine(tiny_checkpoint: Path, call: str) -> None:
    """Without the wait for them, 20 of 20 processes aborted in torch."""
    pytest.importorskip("torch")
    result = run(ANSWER, tiny_checkpoint, "eager", 4, call)
    assert (result.returncode, result.stderr) == (0, "")


IDLE = """if True:
    import sys, threading, time
    from mime_fast import Generator

    generator = Generator(sys.argv[1], engine="eager")
    answered = threading.Event()

    def answer():
        generator.respond("I lost my dog")
        answered.set()
        time.sleep(1000)

    threading.Thread(target=answer, daemon=True).start()
    answered.wait()
    from mime_fast.engines import exit_gate
    started = time.monotonic()
    exit_gate._wait_for_threads()
    print(time.monotonic() - started)"""


def test_a_daemon_thread_that_waits_for_work_delays_no_end(tiny_checkpoint: Path) -> None:
    pytest.importorskip("torch")
    result = run(IDLE, tiny_checkpoint)
    assert (result.returncode, result.stderr) == (0, "")
    assert float(result.stdout) < 1


def test_a_server_of_threads_is_interrupted(tiny_checkpoint: Path) -> None:
    for _ in range(2):
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(tiny_checkpoint)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        clients = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    ASK,
                    address,
                ],
                stderr=subprocess.DEVNULL,
            )
            for _ in range(3)
        ]
        time.sleep(1)
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
        for client in clients:
            client.kill()
            client.wait()
        assert server.returncode == -signal.SIGINT, errors  # as Python ends after Ctrl-C
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert "terminate" not in errors
