"""`mime-fast serve` as a process: signals, sockets, several workers, a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI
from typer.main import get_group

from mime_fast.cli import app
from mime_fast.config import GenerationConfig
from mime_fast.server.command import serve
from mime_fast.server.metrics_folder import PREFIX, metrics_folder
from mime_fast.server.options import ServerOptions
from tests.server.serving import SAD, SLOW, eventually, read_on

BODY = {"message": SAD, "seed": 1}


class Process:
    """A server."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "mime_fast", "serve", "--checkpoint", "mime-small"]
        command += ["--no-avoid-cheer", "--max-request-tokens", "200000", *options]
        if "--workers" not in options:
            command += ["--threads", "1"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split(" ")[0]
        self.port = self.address.rpartition(":")[2]

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.address, timeout=20)

    def wait_until_ready(self) -> None:
        with self.client() as client:
            eventually(lambda: client.get("/ready").status_code == 200)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit status, and what it logged."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log


@contextmanager
def process(*options: str) -> Iterator[Process]:
    found = Process(*options)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


def test_it_drains_on_a_signal() -> None:
    with process("--port", "0", "--drain-seconds", "20") as server:
        server.wait_until_ready()
        slow = {**SLOW, "message": SAD, "num_return_sequences": 4, "stream": True}
        slow |= {"min_new_tokens": 300, "max_new_tokens": 300}
        with (
            server.client() as client,
            client.stream("POST", "/v1/mime/respond", json=slow) as running,
        ):
            lines = running.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            with server.client() as other:
                eventually(lambda: other.get("/ready").status_code == 503)
                assert other.get("/ready").json() == {"status": "draining"}
                assert other.get("/health").status_code == 200
                refused = other.post("/v1/mime/respond", json=BODY)
                assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
            last = [line for line in lines if line][-1]
        assert json.loads(last.removeprefix("data: "))["final"]
        _, log = server.process.communicate(timeout=30)
        assert server.process.returncode == 0, log
        assert "Traceback" not in log


def test_what_does_not_end_in_time_fails_with_an_error() -> None:
    with process("--port", "0", "--drain-seconds", "0.2") as server:
        server.wait_until_ready()
        slow = {"message": SAD, **SLOW, "stream": True}
        found: list[str] = []
        reader = server.client()
        with reader, reader.stream("POST", "/v1/mime/respond", json=slow) as running:
            pieces = running.iter_text()
            found.append(next(pieces))
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx2.RemoteProtocolError):
                read_on(pieces, found)
        assert '"error"' in "".join(found)
        _, log = server.process.communicate(timeout=30)
        assert server.process.returncode == 0, log
        assert "not all running requests have ended" in log


@pytest.mark.parametrize(
    ("number", "is_ready", "options"),
    [
        (signal.SIGTERM, True, []),
        (signal.SIGINT, False, []),
        (signal.SIGTERM, False, ["--workers", "2"]),
    ],
)
def test_an_idle_server_ends_at_once(number: int, is_ready: bool, options: list[str]) -> None:
    with process("--port", "0", *options) as server:
        if is_ready:  # else the signal follows the first line
            server.wait_until_ready()
        assert server.address.startswith("http://127.0.0.1:")  # on this machine alone
        started = time.monotonic()
        status, log = server.end(number)
        assert (status, "Traceback" in log) == (0, False), log
        assert time.monotonic() - started < 3


def test_clients_try_again_after_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.5)  # seconds; it is 8
    with process("--port", "0") as server:
        server.wait_until_ready()
        port = server.port
        oracle = OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=30)
        server.process.kill()
        server.process.communicate()
        found: list[Any] = []
        ask = lambda: found.append(oracle.completions.create(model="mime", prompt=SAD))  # noqa: E731
        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
        with process("--port", port):
            thread.join(30)
            assert found[0].choices[0].text
        oracle.close()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))  # as a killed server leaves it
    dead.close()
    with process("--uds", str(path)) as server:
        assert server.address == f"unix:{path}"
        transport = httpx2.HTTPTransport(uds=str(path))
        with httpx2.Client(transport=transport, base_url="http://mime") as client:
            assert client.post("/v1/mime/respond", json=BODY).json()["seed"] == 1
        taken = subprocess.run(
            [sys.executable, "-m", "mime_fast", "serve", "--uds", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert taken.returncode == 1
        assert "give another --uds" in taken.stderr
        assert path.exists()
        assert server.end()[0] == 0
        assert not path.exists()


def shared_pages(process_id: int) -> tuple[float, float]:
    """Megabytes of a process: resident, and its own share of them."""
    text = Path(f"/proc/{process_id}/smaps_rollup").read_text()
    (rss,) = re.findall(r"^Rss: +(\d+)", text, re.MULTILINE)
    (pss,) = re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)
    return int(rss) / 1e3, int(pss) / 1e3


def children(process_id: int) -> list[int]:
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(child) for child in text.split()]


def test_several_workers() -> None:
    with process("--port", "0", "--workers", "2") as server:
        server.wait_until_ready()
        parent = server.process.pid
        with server.client() as client:
            text = client.post("/v1/mime/respond", json=BODY).json()["text"]
        for _ in range(30):
            with server.client() as client:  # a connection each
                assert client.post("/v1/mime/respond", json=BODY).json()["text"] == text
        with server.client() as client:
            metrics = client.get("/metrics").text
        name = 'mime_fast_request_success_total{finished_reason="stop"}'
        (count,) = re.findall(rf"^{re.escape(name)} (.+)$", metrics, re.MULTILINE)
        assert float(count) == 31  # of both, whoever answers

        first, second = children(parent)
        for child in (first, second):
            resident, share = shared_pages(child)
            assert share < 0.7 * resident  # the weights are in memory once
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(children(parent)) == 2 and first not in children(parent))
        server.wait_until_ready()
        status, log = server.end()
        assert (status, "Traceback" in log) == (0, False), log
        assert f"worker {first} ended (-9)" in log
        eventually(lambda: not Path(f"/proc/{second}").exists())


def test_workers_end_with_their_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with process("--port", "0", "--workers", "2") as server:
        server.wait_until_ready()
        left = children(server.process.pid)
        server.process.kill()
        server.process.wait()
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in left))
    (folder,) = tmp_path.glob(f"{PREFIX}*")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with metrics_folder():  # as at the next start
        assert not folder.exists()


def test_what_cannot_be_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"port": taken.getsockname()[1]}, "give another --port or --host"),
            ({"host": "203.0.113.7"}, "give another --port or --host"),
            ({"host": "no.such.name.invalid"}, "give another --port or --host"),
            ({"uds": tmp_path}, "give another --uds"),
            ({"uds": tmp_path / "no" / "folder"}, "give another --uds"),
            ({"api_key_file": tmp_path / "none"}, "No such file"),
        ]
        for options, message in cases:
            with pytest.raises(OSError, match=message):  # before the weights are read
                serve(lambda: pytest.fail("loaded"), {}, ServerOptions(**options))


class SavedGenerator:
    """Stands for what was loaded: its defaults are the checkpoint's."""

    def options(self, config: None, given: dict[str, Any]) -> GenerationConfig:
        return GenerationConfig(**given)


@pytest.mark.parametrize("given", [{"num_beams": 500}, {"num_beams": 100, "max_new_tokens": 1000}])
def test_wrong_defaults_are_told_before_it_answers(
    given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="the limit of this server"):
        serve(SavedGenerator, given, ServerOptions(port=0))  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


def test_traces_need_their_extra_before_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation", None)
    with pytest.raises(ModuleNotFoundError, match="otel"):
        serve(lambda: pytest.fail("loaded"), {}, ServerOptions(port=0, traces=True))


def test_metrics_of_killed_servers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "counter_1.db").write_bytes(b"x")
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    with metrics_folder() as first:
        assert not left.exists()
        with metrics_folder() as second:  # another server's
            assert first.is_dir()
            assert second != first
        assert not second.exists()
    assert not first.exists()
    assert other.is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threads", "2"], "--workers goes with one thread each, got --threads 2"),
        (["--engine", "eager"], "--workers needs the native engine"),
        (["--device", "cuda"], "--workers needs the native engine"),
    ],
)
def test_workers_share_a_native_engine_of_one_thread(options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_group(app).main(["serve", "--workers", "2", *options], standalone_mode=False)
