"""The times of replies that `python -m benchmarks.systems_latency` measured."""

from __future__ import annotations

import json
import math
from dataclasses import astuple, dataclass
from pathlib import Path

from mime_fast.config import require
from mime_fast.files import read_text

MEASURE = "python -m benchmarks.systems_latency --output FILE"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one part of a system's replies."""

    median: float
    p10: float
    p90: float


@dataclass(frozen=True)
class Speed:
    """One run, in which the systems took turns."""

    workload: str
    commit: str
    cpu: str
    timings: dict[tuple[int, str, str], Timing]  # by threads, system and part, as measured

    @classmethod
    def load(cls, path: Path) -> Speed:
        """Read what the benchmark wrote.

        Raises:
            ValueError: the file is not of that form.
            FileNotFoundError: there is none.
        """
        if not path.is_file():
            raise FileNotFoundError(f"--latency {path} is no file; make one: `{MEASURE}`")
        try:
            document = json.loads(read_text(path))
            timings = {
                (int(row["threads"]), str(row["contestant"]), str(row["group"])): Timing(
                    *(float(row[name]) for name in ("median_ms", "p10_ms", "p90_ms"))
                )
                for row in document["rows"]
            }
            cpu = str(document["machine"]["cpu"])
            found = cls(str(document["workload"]), str(document["commit"]), cpu, timings)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            what = f"{type(error).__name__}: {error}"
            message = f"--latency {path} is not of the form of `{MEASURE}` ({what:.200})"
            raise ValueError(message) from error
        require(bool(timings), f"--latency {path} holds no row; run `{MEASURE}` again")
        for (threads, name, part), timing in timings.items():
            times = astuple(timing)
            require(
                threads > 0 and all(0 < time < math.inf for time in times),
                f"--latency {path}: {part} of {name} must take some time on one thread or more, "
                f"got {times} ms on {threads}; run `{MEASURE}` again",
            )
        return found

    @property
    def threads(self) -> list[int]:
        """Numbers of threads, as measured."""
        return list(dict.fromkeys(threads for threads, _, _ in self.timings))

    @property
    def parts(self) -> list[str]:
        """What was timed, as measured."""
        return list(dict.fromkeys(part for _, _, part in self.timings))

    def systems(self, threads: int) -> list[str]:
        """Those that were timed on so many threads, as measured."""
        return list(dict.fromkeys(name for each, name, _ in self.timings if each == threads))
