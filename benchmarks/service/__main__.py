"""AsyncGenerator beside direct calls, with the bundled checkpoint; every reply is checked.

python -m benchmarks.service [--clients 1 4 16 64] [--threads N] [--output FILE.json]
python -m benchmarks.service --soak 120    # memory, with a tiny model
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.messages import MESSAGES
from benchmarks.service.direct import Cost, measure_cost
from benchmarks.service.load import Load, ask_first, measure_load
from benchmarks.service.soak import soak
from benchmarks.service.wake import measure_wakes
from benchmarks.workload import CHECKPOINT
from mime_fast import GenerationConfig, Generator
from mime_fast.engines.threads import default_threads
from mime_fast.files import write_whole

TURNS = 200  # of ten requests, for the cost of one


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--threads", type=int, help="of the engine; default: as Generator has")
    parser.add_argument("--seconds", type=float, default=4, help="of a round")
    parser.add_argument("--rounds", type=int, default=3, help="of each way, in turns")
    parser.add_argument("--turns", type=int, default=TURNS, help="of ten requests, for the cost")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="measure memory instead")
    parser.add_argument("--output", type=Path, help="write what was measured there, as JSON")
    options = parser.parse_args(arguments)
    if options.soak is not None:
        found = asyncio.run(soak(options.soak))
        print(
            f"{found.requests} requests, {found.cancelled} of them cancelled; MB after each tenth:"
        )
        print(*(f"{each:.1f}" for each in found.memory_mb))
        return
    threads = options.threads or default_threads()
    generator = Generator(CHECKPOINT, engine="native", intra_threads=threads)
    generator.defaults = GenerationConfig()  # greedy
    asked = ask_first(generator, MESSAGES)
    cost = asyncio.run(measure_cost(generator, MESSAGES, options.turns))
    loads = [
        load
        for clients in options.clients
        for load in measure_load(generator, asked, clients, options.seconds, options.rounds)
    ]
    wakes = measure_wakes(options.turns)
    print(table(cost, wakes, loads))
    if options.output is not None:
        document = {
            "commit": results.describe_commit(),
            "machine": results.describe_machine(),
            "threads": threads,
            "cost_us": cost._asdict(),
            "wakes_us": wakes,
            "loads": [load._asdict() for load in loads],
        }
        write_whole(options.output, (json.dumps(document, indent=2) + "\n").encode())


def table(cost: Cost, wakes: float, loads: Sequence[Load]) -> str:
    """What was measured, for people."""
    lines = [
        f"one at a time: {cost.direct:.0f} us directly, {cost.service:.0f} us with AsyncGenerator",
        f"the median of the differences: {cost.added:+.1f} us",
        f"waking another thread, and being woken by it: {wakes:.1f} us",
        f"{'clients':>7}  {'':38}{'replies/s':>10}{'p50 ms':>9}{'p99 ms':>9}",
    ]
    lines += [
        f"{load.clients:>7}  {load.way:38}{load.replies_a_second:>10.0f}"
        f"{load.p50_ms:>9.2f}{load.p99_ms:>9.2f}"
        for load in loads
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
