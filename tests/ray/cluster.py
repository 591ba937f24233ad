"""A Ray cluster of two CPUs on this machine, and its processes."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import descendants

MISSING = "Ray is not installed: make test-ray installs it"
PATIENCE = 120.0  # seconds: Ray starts and ends processes by its own clocks
ATTEMPTS = 3
PRCTL = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1  # prctl: the signal to get when the parent dies
# A raylet ends if its agents are not there in 15 seconds, which no setting changes (ray#65983).
# Processes that the tests do not need would take time from them.
START = (
    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0"),
    *("--num-cpus=2", "--object-store-memory=209715200", "--node-ip-address=127.0.0.1"),
    *("--include-dashboard=false", "--include-log-monitor=false", "--no-monitor"),
    "--disable-usage-stats",
)
# Limits that a busy machine misses, and the defaults.
RAY_TIMEOUTS = {
    "RAY_agent_register_timeout_ms": "120000",  # 30,000
    "RAY_worker_register_timeout_seconds": "180",  # 60
    "RAY_health_check_timeout_ms": "60000",  # 10,000
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # 5
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",  # 10
}
REPLICA = "ServeReplica:mime-fast:Replica"


@contextmanager
def local_cluster() -> Iterator[None]:
    """A cluster that this process is connected to."""
    import ray  # noqa: PLC0415 - an extra

    with _head() as address:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _head() -> Iterator[str]:
    """The address of a cluster. A start that fails is tried again, ATTEMPTS in all."""
    for _ in range(ATTEMPTS):
        # Its sockets need a folder with a short name.
        with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
            log = Path(folder) / "start.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [*START, f"--temp-dir={folder}", f"--ray-client-server-port={free_port()}"],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - it makes one system call
                )
            try:
                if address := _address(process, Path(folder)):
                    yield address
                    return
                failure = log.read_text()
            finally:
                _end(process)
    raise AssertionError(f"Ray did not start in {ATTEMPTS} attempts; the last one:\n{failure}")


def _end_with_parent() -> None:
    """Runs in the child: killed tests leave no cluster."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    """The address that the starting process writes; empty: it ended, or takes too long."""
    file = folder / "ray_current_cluster"
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if file.exists() and (address := file.read_text()):
            return address
        time.sleep(0.1)
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a cluster, gently and then not; its processes end with it."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def actors(name: str) -> list[int]:
    """The processes of the cluster that run an actor of this class."""
    found = []
    for process in descendants(os.getpid()):
        try:
            title = Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            continue
        if title.startswith(f"ray::{name}"):
            found.append(process)
    return found


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
