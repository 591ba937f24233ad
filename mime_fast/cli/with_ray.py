"""mime-fast respond --ray: cuts a file into parts, has them answered, shows the replies."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import ray
import ray.data
from ray.exceptions import RayError

from mime_fast.cli.answers import progress
from mime_fast.cli.cluster import ClusterOptions, count_machines
from mime_fast.cli.messages import Message
from mime_fast.cli.parts import Part, PartFolder, cut, describe, describe_generator
from mime_fast.cli.ray_job import Answerer, Job, find_errors
from mime_fast.types import Response

Show = Callable[[Message, Response], None]
DECODER = msgspec.json.Decoder(Response)
ADDRESS, LOCAL = "RAY_ADDRESS", "local"


def respond_with_ray(job: Job, cluster: ClusterOptions, show: Show) -> None:
    """Answer the lines of the job's file; show the replies in their order, or keep them.

    Raises:
        ValueError: a line is wrong or too long, or the folder holds replies to something else.
        OSError: the file cannot be read, or the folder not be written.
    """
    if not job.file.is_file():
        raise ValueError(f"--ray reads a file in parts, and {job.name} is none; name one")
    parts = cut(job.file, cluster.part_lines, job.name)
    with TemporaryDirectory() if cluster.out is None else nullcontext(cluster.out) as path:
        folder = PartFolder(Path(path).absolute())
        seed = folder.begin(_description(job, cluster), secrets.randbits(32))
        run = Run(job, folder, seed, cluster)
        run.answer(parts, None if cluster.out else show)
    if cluster.out:
        total = sum(part.lines for part in parts)
        print(f"{cluster.out} holds {total} replies in {len(parts)} parts", file=sys.stderr)


def _description(job: Job, cluster: ClusterOptions) -> dict[str, Any]:
    return describe(
        job.file,
        **describe_generator(job.generator),
        options=job.options.to_dict(),
        part_lines=cluster.part_lines,
        input_format=job.form,
        history=job.history,
    )


@dataclass(frozen=True)
class Run:
    """A job with the folder that its replies are kept in."""

    job: Job
    folder: PartFolder
    first_seed: int
    cluster: ClusterOptions

    def answer(self, parts: list[Part], show: Show | None) -> None:
        """Answer the parts that have no replies yet; show all replies in their order, or none."""
        missing = self.folder.missing(parts)
        total = sum(part.lines for part in parts)
        with self._connection(missing), progress(total) as advance:
            if missing:
                _check(self.job, missing)
            for part in _in_order(parts, missing, self._answered(missing)):
                if show is not None:
                    self._show(part, show)
                advance(part.lines)

    def _connection(self, missing: Sequence[Part]) -> AbstractContextManager[None]:
        return _connected(self.cluster, self.job.threads) if missing else nullcontext()

    def _answered(self, parts: Sequence[Part]) -> Iterator[int]:
        """The numbers of the parts, as they are answered."""
        cpus = int(ray.cluster_resources().get("CPU", 1))
        most = self.cluster.actors or max(1, cpus // self.job.threads)
        answered = _dataset(parts).map_batches(
            Answerer,
            fn_constructor_args=[self.job, self.folder, self.first_seed],
            batch_size=1,
            num_cpus=self.job.threads,
            compute=ray.data.ActorPoolStrategy(size=min(most, len(parts))),
        )
        for row in answered.iter_rows():
            yield int(row["number"])

    def _show(self, part: Part, show: Show) -> None:
        lines = self.folder.file(part).read_bytes().splitlines()
        for message, line in zip(self.job.messages(part), lines, strict=True):
            show(message, DECODER.decode(line))
        sys.stdout.flush()


def _start() -> None:
    """Connect to a cluster, or start one; OSError: there is none."""
    # It calls an actor's arguments in the object store an error (ray#53727).
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    address = os.environ.get(ADDRESS, LOCAL)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # of no type of its own, where a process starts too slowly
        remedy = "try again when the machine is less busy" if address == LOCAL else "check it"
        raise OSError(f"{ADDRESS}={address} cannot be used ({error}); {remedy}") from error


def _check_threads(threads: int) -> None:
    """ValueError: no actor would ever start. A named cluster may still get larger machines."""
    alive = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    cpus = int(max(alive, default=0))
    if os.environ.get(ADDRESS, LOCAL) == LOCAL and threads > cpus:
        raise ValueError(f"--threads must be at most {cpus}, the CPUs that Ray has, got {threads}")


@contextmanager
def _connected(options: ClusterOptions, threads: int) -> Iterator[None]:
    """A cluster: the one that RAY_ADDRESS names, or one on this machine, which ends with us."""
    started = not ray.is_initialized()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if started:
        _start()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        if options.out is None and count_machines(ray.nodes()) > 1:
            raise ValueError("several machines need --out, a folder that all of them share")
        _check_threads(threads)
        yield
    except RayError as error:  # of a process of the cluster: what it raised there
        cause = getattr(error, "cause", None)
        if isinstance(cause, Exception):
            raise cause from None
        raise OSError(f"Ray failed: {error}") from error
    finally:
        if started:
            ray.shutdown()


def _check(job: Job, parts: Sequence[Part]) -> None:
    """ValueError names the first wrong line; no part is answered before all were checked."""
    checked = _dataset(parts).map_batches(find_errors, batch_size=1, fn_kwargs={"job": job})
    for row in sorted(checked.take_all(), key=lambda row: int(row["number"])):
        if row["error"]:
            raise ValueError(row["error"])


def _dataset(parts: Sequence[Part]) -> Any:
    rows = [part._asdict() for part in parts]
    return ray.data.from_items(rows, override_num_blocks=len(rows))


def _in_order(parts: list[Part], missing: list[Part], answered: Iterator[int]) -> Iterator[Part]:
    """The parts in their order, each when it was answered."""
    left = {part.number for part in missing}
    for part in parts:
        while part.number in left:
            left.discard(next(answered))
        yield part
