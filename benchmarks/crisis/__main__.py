"""Measures what docs/safety.md states.

python -m benchmarks.crisis                     # recall and false alarms on held-out phrasings
python -m benchmarks.crisis --misses            # and which they are
python -m benchmarks.crisis --data ed           # alarms on the turns of a folder, and the time
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.crisis.measure import (
    HELD_OUT,
    Judged,
    Share,
    alarms,
    crisis_in,
    judge,
    median_us,
    read_phrasings,
    read_speaker_turns,
    shares,
)
from mime_fast.bundled import folder_of
from mime_fast.checkpoint import load
from mime_fast.text.crisis import CATEGORIES

TIMED = 2000  # turns; the times of one round
ROUNDS = 5


def main() -> None:
    """Print the tables, or JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.crisis", description=__doc__)
    parser.add_argument("--phrasings", type=Path, default=HELD_OUT, help="JSON lines")
    parser.add_argument("--misses", action="store_true", help="list what is wrong")
    parser.add_argument("--data", type=Path, help="a folder in the EmpatheticDialogues format")
    parser.add_argument(
        "--list", action="store_true", help="list the turns of --data with a signal"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    judged = judge(read_phrasings(options.phrasings))
    figures: dict[str, Any] = phrasing_figures(judged)
    turns = read_speaker_turns(options.data) if options.data else []
    if turns:
        figures |= turn_figures(turns, listed=options.list)
    if options.misses:
        figures["wrong"] = [
            {**asdict(each.phrasing), "found": each.found} for each in wrong(judged)
        ]
    print(json.dumps(figures, default=asdict, indent=2)) if options.json else show(figures)


def phrasing_figures(judged: list[Judged]) -> dict[str, dict[str, Share]]:
    """Recall by category and by kind, the category itself, and no alarm where there is none."""
    serious = [each for each in judged if each.phrasing.category]
    harmless = [each for each in judged if not each.phrasing.category]
    found = [each for each in serious if each.found]
    by_category = shares(serious, lambda each: each.phrasing.category)
    named = sum(each.found == each.phrasing.category for each in found)
    return {
        "a signal is found, by category": {
            **{name: by_category[name] for name in CATEGORIES if name in by_category},
            "all": Share(len(found), len(serious)),
            "of these with that very category": Share(named, len(found)),
        },
        "a signal is found, by kind": shares(serious, lambda each: each.phrasing.kind),
        "no signal is found, by kind": {
            **shares(harmless, lambda each: each.phrasing.kind),
            "all": Share(sum(each.right for each in harmless), len(harmless)),
        },
    }


def wrong(judged: list[Judged]) -> list[Judged]:
    """Missed signals and false alarms."""
    return [each for each in judged if not each.right]


def turn_figures(turns: list[str], *, listed: bool) -> dict[str, Any]:
    """Alarms on real turns, and the time beside tokenising."""
    found = alarms(turns)
    tokenizer = load(folder_of("mime-small")).tokenizer
    rounds = [turns[first::ROUNDS][:TIMED] for first in range(min(ROUNDS, len(turns)))]
    times = [(median_us(crisis_in, some), median_us(tokenizer.encode, some)) for some in rounds]
    finding, tokenising = (min(column) for column in zip(*times, strict=True))
    return {
        "turns of the data": {
            "turns": len(turns),
            "turns with a signal": len(found),
            "of 10,000": round(1e4 * len(found) / len(turns), 1),
            "median us of a turn, best of 5 rounds": round(finding, 1),
            "the same of tokenising it": round(tokenising, 1),
        },
        **({"listed": [asdict(each) for each in found]} if listed else {}),
    }


def show(figures: dict[str, Any]) -> None:
    """Tables as text."""
    for title, rows in figures.items():
        print(f"\n{title}")
        for row in rows if isinstance(rows, list) else ():
            print("  " + " | ".join(str(value) for value in row.values()))
        for name, value in rows.items() if isinstance(rows, dict) else ():
            print(f"  {name:<42} {value}")


if __name__ == "__main__":
    main()
