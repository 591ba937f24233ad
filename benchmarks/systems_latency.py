"""How fast the native engine answers with each system, in one run: encode, a token, a whole reply.

Random weights in the default sizes; every reply is checked against the eager engine's. Systems take
turns, so their ratios hold where the machine drifts. They are called as in benchmarks/systems.

    python -m benchmarks.systems_latency [--quick] [--threads 1 2] [--output FILE.json]
    mime-fast report benchmarks/systems/*.jsonl.xz --latency FILE.json --data ed --out report.html
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.harness import FULL, QUICK, SMOKE, Budget, Call, Race, Row, summarise
from benchmarks.peers import BY_NAME, REFERENCE, native
from benchmarks.workload import CONTEXT, GREEDY, NEW_TOKENS, random_checkpoint, random_requests
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.files import write_whole

SYSTEMS: dict[str, dict[str, Any]] = {
    "mime": {},
    "mime_no_mimicry": {"mimicry": False},
    "mime_no_grouping": {"grouping": False},
    "mime_no_stochastic": {"stochastic": False},
    "mime_unshared": {"share_emotion_embedding": False},
    "multi_tr": {"architecture": "multi_tr"},
    "moel": {"architecture": "moel"},
    "moel_all_listeners": {"architecture": "moel", "top_listeners": 0},
}
WORKLOAD = (
    f"a greedy reply of exactly {NEW_TOKENS} tokens to {CONTEXT} of context, the native engine in "
    "int8, random weights in the default sizes"
)
PARTS = ("encode", "token", "reply")
CHECKED = 5  # replies of each system


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the systems in turns, print the table and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.systems_latency")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--smoke", action="store_true", help="once, tiny: times mean nothing")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--output", type=Path, help="write what was measured there, as JSON")
    options = parser.parse_args(arguments)
    check(tiny=options.smoke)
    budget = SMOKE if options.smoke else QUICK if options.quick else FULL
    rows = [
        row for threads in options.threads for row in measure(threads, budget, tiny=options.smoke)
    ]
    print(table(rows))
    if options.output:
        document = {
            "commit": results.describe_commit(),
            "machine": results.describe_machine(),
            "workload": WORKLOAD,
            "rows": [row.to_dict() for row in rows],
        }
        write_whole(options.output, (json.dumps(document, indent=2) + "\n").encode())


def check(*, tiny: bool) -> None:
    """Exit with the first system whose replies are not the eager engine's."""
    for name, options in SYSTEMS.items():
        checkpoint = random_checkpoint(tiny=tiny, **options)
        requests = random_requests(checkpoint.config, CHECKED)
        expected = BY_NAME[REFERENCE].create(checkpoint, 1).batch(requests)
        for compute_type in ("float32", "int8"):
            if native.create(checkpoint, compute_type, 1).batch(requests) != expected:
                sys.exit(f"{name}: native {compute_type} gives other tokens than eager")


def measure(threads: int, budget: Budget, *, tiny: bool) -> list[Row]:
    """Each part of each system."""
    calls: dict[str, dict[str, Call]] = {part: {} for part in PARTS}
    for name, options in SYSTEMS.items():
        checkpoint = random_checkpoint(tiny=tiny, **options)
        peer = native.create(checkpoint, "int8", threads)
        (request,) = random_requests(checkpoint.config, 1)
        calls["encode"][name] = partial(peer.encode_only, [request])
        calls["token"][name] = partial(decode, peer.engine, peer.encode_only([request]))
        calls["reply"][name] = partial(peer.greedy, request)
    return [
        row
        for part, of_system in calls.items()
        for row in time_part(part, of_system, threads, budget)
    ]


def decode(engine: Engine, encoded: EncoderBatch) -> None:
    """All tokens of a reply."""
    engine.decode(encoded, GREEDY, [0]).run()


def time_part(part: str, calls: Mapping[str, Call], threads: int, budget: Budget) -> list[Row]:
    """The systems in turns."""
    race = Race(calls, budget)
    for _ in range(race.rounds):
        for name in calls:
            race.turn(name)
    per = NEW_TOKENS if part == "token" else 1
    return [
        summarise(part, name, threads, [each / per for each in seconds])
        for name, seconds in race.seconds.items()
    ]


def table(rows: Sequence[Row]) -> str:
    """Medians in ms; behind a reply's, how many times mime's it is."""
    medians = {(row.threads, row.contestant, row.group): row.median_ms for row in rows}
    heads = [f"{part} ms" for part in PARTS]
    lines = [f"{'threads':>7}  {'system':26}" + "".join(f"{head:>11}" for head in heads)]
    for threads in sorted({row.threads for row in rows}):
        for name in SYSTEMS:
            times = [medians[threads, name, part] for part in PARTS]
            ratio = times[-1] / medians[threads, "mime", PARTS[-1]]
            lines.append(
                f"{threads:>7}  {name:26}"
                + "".join(f"{each:>11.3f}" for each in times)
                + f"  {ratio:5.2f}x"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
