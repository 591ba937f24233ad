"""Ray Serve and Ray Data on a small cluster, which is started once: a start takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml  # type: ignore[import-untyped] # comes with accelerate

from mime_fast import Generator
from tests.ray import rows, serving
from tests.ray.cluster import (
    MISSING,
    PATIENCE,
    RAY_TIMEOUTS,
    REPLICA,
    actors,
    free_port,
    local_cluster,
)
from tests.server.serving import ALLOWING_SLOW, eventually

if "MIME_FAST_RAY" not in os.environ:
    pytest.skip("make test-ray starts a cluster of Ray's", allow_module_level=True)
serve = pytest.importorskip("ray.serve", reason=MISSING)
scripts = pytest.importorskip("ray.serve.scripts", reason=MISSING)
# Ray's own; it leaves sockets and files open.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "ray.yaml"
ARGUMENTS = {"checkpoint": "mime-small", **ALLOWING_SLOW}
SMALL = {"max_running": 1, "max_waiting": 1, **ARGUMENTS}
ALONE = (
    serving.replies,
    serving.a_client_that_goes_away,
    serving.a_full_queue,
    serving.a_stream_of_a_killed_replica,
)
# With how many replicas, and what arguments.
SERVED: Any = (
    (1, SMALL, ALONE),
    (2, ARGUMENTS, (serving.a_killed_replica, serving.draining)),
)
ANSWERED = (
    rows.threads_of_a_replica,
    rows.rows_of_a_dataset,
    rows.the_same_output,
    rows.a_killed_actor,
    rows.a_wrong_line,
    rows.too_many_threads,
    serving.the_benchmark,
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator("mime-small", intra_threads=1)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    for name, value in RAY_TIMEOUTS.items():
        monkeypatch.setenv(name, value)
    with local_cluster():
        yield


def deploy(folder: Path, port: int, replicas: int, arguments: dict[str, Any]) -> None:
    """Deploy what deploy/ray.yaml describes, with replicas of a CPU each."""
    config = yaml.safe_load(DEPLOY.read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    (application,) = config["applications"]
    application["args"] |= arguments
    (deployment,) = application["deployments"]
    deployment["ray_actor_options"]["num_cpus"] = 1
    deployment["autoscaling_config"] |= {"min_replicas": replicas, "max_replicas": replicas}
    file = folder / "ray.yaml"
    file.write_text(yaml.safe_dump(config))
    scripts.cli.main(["run", "--non-blocking", str(file)], standalone_mode=False)
    eventually(lambda: len(actors(REPLICA)) == replicas, PATIENCE)
    eventually(lambda: serve.status().applications["mime-fast"].status == "RUNNING", PATIENCE)


@pytest.mark.usefixtures("cluster")
def test_a_cluster(tmp_path: Path, generator: Generator, subtests: Any) -> None:
    port = free_port()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for replicas, arguments, checks in SERVED:
            deploy(tmp_path, port, replicas, arguments)
            for check in checks:
                with subtests.test(check.__name__):
                    check(client, generator)
    serve.shutdown()
    for check in ANSWERED:
        with subtests.test(check.__name__):
            check(tmp_path, generator)
