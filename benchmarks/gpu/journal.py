"""What a run leaves behind: one growing JSON, one log, one archive of plots, and a trace."""

from __future__ import annotations

import sys
import tarfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import results
from benchmarks.gpu.processes import run_limited, variables

FAILED_LINES = 12  # of the output of an item that fails, which the console shows
PLOT_SECONDS = 60.0
LISTS = "rows", "checks", "trace"  # parts of the document to which items add
FOLDER = results.FOLDER.parents[1] / "build" / "gpu-results"


@dataclass
class Journal:
    """The results of a part of the run; written whenever an item has ended.

    name: of its files, which lie in the folder.
    """

    folder: Path
    name: str
    rehearsed: bool
    started: float = field(default_factory=time.monotonic)
    document: dict[str, Any] = field(init=False)
    lines: list[str] = field(default_factory=list)
    failed: bool = False

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path("log").write_text("", encoding="utf-8")
        gpu = {"name": "rehearsal" if self.rehearsed else "unknown"}
        commit = results.describe_commit()
        self.document = results.assemble([], commit, quick=self.rehearsed, gpu=gpu)
        self.document |= {"items": []} | {name: [] for name in LISTS}
        self.write()

    def _path(self, suffix: str) -> Path:
        return self.folder / f"{self.name}.{suffix}"

    def add(self, name: str, outcome: str, seconds: float, values: dict[str, Any]) -> None:
        """An item has ended; values: what it left, see measured.py."""
        passed = outcome == "passed" or outcome.startswith("skipped")
        self.failed = self.failed or not passed
        for part in LISTS:
            self.document[part] += values.pop(part, [])
        floors = values.pop("floors", None)
        if floors and not self.document["floors"]:
            self.document["floors"] = [floors]
        self.document["machine"]["gpu"] |= values.pop("gpu", {})
        self.document |= values
        self._mark_wrong_kernels()
        self.document["items"].append(
            {"name": name, "outcome": outcome, "seconds": round(seconds, 1)}
        )
        self.lines.append(f"{name:44} {seconds:6.1f} s  {outcome}")
        print(self.lines[-1], flush=True)
        self.write()

    def note(self, name: str, output: str, *, show: bool) -> None:
        """Keep what an item printed; show: its end is printed too."""
        with self._path("log").open("a", encoding="utf-8") as log:
            log.write(f"\n== {name}\n{output}")
        if show:
            print("\n".join(output.rstrip().split("\n")[-FAILED_LINES:]), flush=True)

    def _mark_wrong_kernels(self) -> None:
        """A kernel that was wrong is timed all the same."""
        wrong = {
            (f"kernel: {check['case']}", check["weights"])
            for check in self.document["checks"]
            if not check["passed"]
        }
        for row in self.document["rows"]:
            if (row["group"], row["contestant"]) in wrong:
                row["equal"] = False

    def write(self) -> None:
        """The JSON, whole: whoever reads it meanwhile sees the one before."""
        self.document["seconds"] = round(time.monotonic() - self.started)
        results.write_document(self.document, self._path("json"))

    def close(self, trace: Path) -> None:
        """Write the archive of plots, and keep the trace, if there is one."""
        if trace.exists():
            self._path("trace.json.gz").write_bytes(trace.read_bytes())
        if find_spec("matplotlib") and self.document["rows"]:
            self._write_plots()

    def _write_plots(self) -> None:
        """Draw the page in a process of its own, so that its errors lose no measurement."""
        with TemporaryDirectory() as folder:
            page = Path(folder) / self.name
            page.mkdir()
            path = results.write_document(self.document, page / f"{self.name}.json")
            command = [sys.executable, "-m", "benchmarks.report", str(path)]
            environment = variables("cpu" if self.rehearsed else "cuda")
            with (page / "report.log").open("w+") as output:
                status = run_limited(command, PLOT_SECONDS, environment, output)
                output.seek(0)
                self.note("plots", output.read(), show=status != 0)
            with tarfile.open(self._path("plots.tar.gz"), "w:gz") as archive:
                archive.add(page, self.name)
