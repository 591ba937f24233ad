"""Recall on phrasings, false alarms on phrasings and on real turns, and time."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mime_fast.text.crisis import find_crisis, speaker_turns
from mime_fast.types import Crisis

FOLDER = Path(__file__).parent
HELD_OUT = FOLDER / "heldout.jsonl"


@dataclass(frozen=True)
class Phrasing:
    """A message, the category that it should have (None: no signal), and what kind it is."""

    text: str
    category: str | None
    kind: str


@dataclass(frozen=True)
class Judged:
    """A phrasing and what was found in it."""

    phrasing: Phrasing
    found: str | None

    @property
    def right(self) -> bool:
        """A signal where there should be one, of any category, and none elsewhere."""
        return (self.found is None) == (self.phrasing.category is None)


def read_phrasings(path: Path) -> list[Phrasing]:
    """The lines of a file of JSON objects: text, category, kind."""
    return [Phrasing(**json.loads(line)) for line in path.read_text("utf-8").splitlines() if line]


def judge(phrasings: Iterable[Phrasing]) -> list[Judged]:
    """Find what there is in each."""
    return [Judged(phrasing, _category(phrasing.text)) for phrasing in phrasings]


def crisis_in(text: str) -> Crisis | None:
    """The crisis in a message."""
    return find_crisis(speaker_turns([text]))


def _category(text: str) -> str | None:
    crisis = crisis_in(text)
    return None if crisis is None else crisis.category


@dataclass(frozen=True)
class Share:
    """A count and the total that it is a share of."""

    count: int
    total: int

    def __str__(self) -> str:
        return f"{self.count} of {self.total} ({self.count / max(1, self.total):.1%})"


def shares(judged: Sequence[Judged], key: Callable[[Judged], str | None]) -> dict[str, Share]:
    """How many are right, by key; those whose key is None are left out."""
    total = Counter(name for each in judged if (name := key(each)) is not None)
    right = Counter(name for each in judged if each.right and (name := key(each)) is not None)
    return {name: Share(right[name], total[name]) for name in total}


def read_speaker_turns(folder: Path) -> list[str]:
    """The speaker's turns of all conversations in a folder in the EmpatheticDialogues format."""
    paths = [folder / f"{part}.jsonl" for part in ("train", "valid", "test")]
    return [
        turn
        for path in paths
        if path.exists()
        for line in path.read_text("utf-8").splitlines()
        for turn in json.loads(line)["utterances"][::2]
    ]


@dataclass(frozen=True)
class Alarm:
    """A turn in which a signal was found; whether it is a false alarm a reader has to say."""

    category: str
    about: str
    text: str


def alarms(turns: Iterable[str]) -> list[Alarm]:
    """The turns with a signal, each read alone."""
    found = [(crisis_in(turn), turn) for turn in turns]
    return [Alarm(crisis.category, crisis.about, turn) for crisis, turn in found if crisis]


def median_us(work: Callable[[str], object], turns: Sequence[str]) -> float:
    """The median time of a turn in microseconds."""
    times = []
    for turn in turns:
        started = time.perf_counter()
        work(turn)
        times.append(time.perf_counter() - started)
    return 1e6 * statistics.median(times)
