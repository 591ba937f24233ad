"""A Ray cluster of two CPUs on this machine, and its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MISSING = "Ray is not installed: pip install 'mime-fast[ray]'"
PATIENCE = 120.0  # seconds: Ray starts and ends processes by its own clocks
REPLICA = "ServeReplica:mime-fast:Replica"


@contextmanager
def local_cluster() -> Iterator[None]:
    """Its sockets need a folder with a short name."""
    import ray  # noqa: PLC0415 - an extra

    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        ray.init(
            "local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=200 << 20,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
            _node_ip_address="127.0.0.1",
        )
        try:
            yield
        finally:
            ray.shutdown()


def descendants(process: int) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = " ".join((task / "children").read_text() for task in tasks)
    except OSError:  # it ended
        return
    for child in map(int, children.split()):
        yield child
        yield from descendants(child)


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
