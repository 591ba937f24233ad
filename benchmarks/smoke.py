"""Run every benchmark, peer and tool once, in a form of seconds: make bench-smoke.

Models are tiny, races have one round, and no time is kept. A function of this folder that nothing
called fails the run, as it would break unseen. `# not in a smoke run` marks an exception. One item
of each kind of benchmarks/gpu is rehearsed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from coverage import Coverage

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONFIG = ROOT / "pyproject.toml"  # [tool.coverage]
EXAMPLES = (
    {"emotion": "sad", "context": ["I lost my dog yesterday."], "target": "I am sorry."},
    {"emotion": "proud", "context": ["I won!", "Well done!", "Thanks."], "target": "Enjoy it."},
)
CONVERSATION = {"emotion": "sad", "utterances": ["I lost my dog yesterday.", "I am sorry."]}
MESSAGES = 8  # of a group whose replies are judged
REPLY = {"name": "respond", "tid": 1, "ts": 0, "dur": 1}
Command = list[str]


def main() -> None:
    """Run every benchmark once, tiny and untimed; the exit status says whether all passed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        passed = run_all(folder)
        missed = uncalled(folder, HERE) if passed else []
    for place in missed:
        print(f"never called: {place}", file=sys.stderr)
    if missed:
        print(
            "call each in a benchmark, add its command to benchmarks/smoke.py, "
            "or mark it `# not in a smoke run` with the reason",
            file=sys.stderr,
        )
    sys.exit(bool(missed) or not passed)


def run_all(folder: Path) -> bool:
    """Run the tools side by side, the longest first, as nothing is timed; whether all passed."""
    suites, *others = ((command, folder) for command in tools(folder))
    jobs: list[tuple[Command, Path | None]] = [suites, (rehearse(folder), None), *others]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        passed = list(pool.map(lambda job: run(*job), jobs))
        results = [str(path) for path in sorted(folder.glob("results*/*.json"))]
        return all(passed) and run(["benchmarks.report", *results], folder)


def tools(folder: Path) -> Iterator[Command]:
    """Every command of docs/benchmarks.md; the report needs the results of the others."""
    yield ["benchmarks.run", "--smoke", "--threads", "1", "--out", str(folder / "results")]
    yield ["benchmarks.systems_latency", "--smoke", "--output", str(folder / "systems.json")]
    service = ["benchmarks.service", "--threads", "1"]
    service_load = ["--clients", "2", "--seconds", "0.1", "--rounds", "1", "--turns", "1"]
    yield [*service, *service_load, "--output", str(folder / "service.json")]
    yield [*service, "--soak", "0.2"]
    trace = folder / "trace.json"
    trace.write_text(json.dumps({"traceEvents": [REPLY]}))
    yield ["benchmarks.serve", "--smoke", "--output", str(folder / "serve.json")]
    yield ["benchmarks.trace_figure", str(trace), str(folder / "trace.svg")]
    examples = folder / "examples.jsonl"
    examples.write_text("".join(f"{json.dumps(example)}\n" for example in EXAMPLES))
    yield ["benchmarks.agreement", "--data", str(examples)]
    conversations = folder / "conversations"
    conversations.mkdir()
    (conversations / "train.jsonl").write_text(f"{json.dumps(CONVERSATION)}\n")
    yield ["benchmarks.crisis", "--data", str(conversations), "--misses"]
    yield ["benchmarks.crisis.cheer", "--data", str(examples), "--replies", "--most", str(MESSAGES)]


def rehearse(folder: Path) -> Command:
    """One item of each kind of benchmarks/gpu, with interpreted kernels."""
    out = str(folder / "results-gpu")
    return ["benchmarks.gpu", "--device", "cpu", "--quick", "--out", out]


def run(command: Command, calls: Path | None) -> bool:
    """Whether it passed; its output is shown if not. calls: a folder to note in what was called."""
    started = time.monotonic()
    noted = [] if calls is None else ["-m", "coverage", "run", f"--rcfile={CONFIG}"]
    variables = {} if calls is None else {"COVERAGE_FILE": str(calls / "calls")}
    done = subprocess.run(
        [sys.executable, *noted, "-m", *command],
        cwd=ROOT,
        env=os.environ | variables,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    outcome = "passed" if done.returncode == 0 else f"FAILED ({done.returncode})\n{done.stdout}"
    print(f"{command[0]:28} {time.monotonic() - started:6.1f} s  {outcome}", flush=True)
    return done.returncode == 0


def uncalled(data: Path, source: Path) -> list[str]:
    """Functions under `source` without a line that any process ran, as `file: function`.

    data: the folder where those processes left what they called.
    """
    calls = Coverage(data_file=str(data / "calls"), config_file=str(CONFIG), source=[str(source)])
    calls.combine([str(data)])
    calls.json_report(outfile=str(data / "calls.json"))
    files = json.loads((data / "calls.json").read_text(encoding="utf-8"))["files"]
    return [
        f"{path}: {function or 'the module'}"
        for path, file in sorted(files.items())
        for function, region in file["functions"].items()
        if region["summary"]["num_statements"] and not region["summary"]["covered_lines"]
    ]


if __name__ == "__main__":
    main()
