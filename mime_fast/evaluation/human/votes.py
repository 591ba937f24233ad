"""The votes: rows are only ever added, and an acknowledged one is on the disk."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from mime_fast.evaluation.human.database import open_database
from mime_fast.evaluation.human.plan import Item, Plan
from mime_fast.evaluation.human.verdict import Choice, Scores, Vote, missing

LEASE = 600.0  # seconds that an item is reserved: it is read in less than ten minutes

VOTES = """SELECT example, first, second, annotator, revision, empathy, relevance, fluency, choice
FROM votes ORDER BY id"""
SHOWN = """SELECT annotator, example, first, second FROM shown
WHERE id IN (SELECT max(id) FROM shown GROUP BY annotator) AND seconds > ? AND seconds <= ?"""
ADD = "INSERT INTO votes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_SHOWN = "INSERT INTO shown VALUES (NULL, ?, ?, ?, ?, ?)"


class DuplicateVoteError(ValueError):
    """Another vote of that annotator on that item is stored already."""


class VoteStore:
    """The votes of one evaluation in an SQLite file, for any number of threads and processes.

    It has a rollback journal instead of a write-ahead log. So between two votes the file alone is
    complete, and a copy of it is a backup. SQLite refuses to write when it was moved or deleted.

    Args:
        path: The file; made when it is not there.
        plan: The evaluation, which must be the file's.
        create: False: the file must be there, and may be one that cannot be written.
        clock: Seconds since 1970.

    Raises:
        ValueError: the file is no database of votes, or that of another evaluation.
        OSError: it cannot be opened or written, or it is damaged.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        *,
        create: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self.clock = path, clock
        self._lock = threading.Lock()
        if not create and not path.is_file():
            raise FileNotFoundError(f"no database at {path}; collect votes first, or give another")
        self._database = open_database(path, plan.identity, writable=create)

    def latest(self) -> list[Vote]:
        """The last answer of every annotator to every item, in the order of their first ones."""
        with self._transaction():
            return self._latest()

    def add(self, vote: Vote, shown_left: str) -> None:
        """Store a vote; returns when it is on the disk. The same vote again changes nothing.

        A vote that the item no longer needs is stored too: it is surplus.

        Raises:
            DuplicateVoteError: another answer has that revision, or one before it is missing.
        """
        with self._transaction():
            mine = [
                known
                for known in self._all()
                if (known.item, known.annotator) == (vote.item, vote.annotator)
            ]
            if vote in mine:
                return
            if vote.revision != len(mine):
                raise DuplicateVoteError(
                    f"{vote.annotator} has answered this item {len(mine)} times, so that revision "
                    f"{vote.revision} cannot be added; load the item again to change the answer"
                )
            scores = vote.answer if isinstance(vote.answer, Scores) else (None, None, None)
            choice = vote.answer if isinstance(vote.answer, str) else None
            at = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="milliseconds")
            row = (*_key(vote.item), vote.annotator, vote.revision, *scores, choice, shown_left, at)
            self._database.execute(ADD, row)

    def assign(self, annotator: str, order: Sequence[Item]) -> tuple[Item | None, list[Vote]]:
        """The first item of an order that needs this annotator's vote, kept for them a while.

        An item is handed to no more people at once than it needs votes. A pair is handed to nobody
        who has yet to rate one of its replies. None: there is no such item now; one may come back
        when another annotator leaves it. Beside it, the latest() votes of that moment.
        """
        with self._transaction():
            latest = self._latest()
            votes = by_item(latest)
            shown = self._shown()
            own = shown.pop(annotator, None)
            busy = list(shown.values())
            rated = {item for item in order if not item.is_pair}
            for item in order if own is None else (own, *order):
                waiting = sum(other == item for other in busy)
                if item.is_pair and any(
                    is_open(votes[reply], annotator) for reply in rated.intersection(item.replies)
                ):
                    continue
                if is_open(votes[item], annotator) and missing(votes[item]) > waiting:
                    self._database.execute(ADD_SHOWN, (annotator, *_key(item), self.clock()))
                    return item, latest
            return None, latest

    def close(self) -> None:
        """Close the file; votes need it not, they are stored."""
        self._database.close()

    def _all(self) -> list[Vote]:
        return [_vote(row) for row in self._database.execute(VOTES)]

    def _latest(self) -> list[Vote]:
        # A key keeps its first place in the dictionary when its value changes.
        return list({(vote.item, vote.annotator): vote for vote in self._all()}.values())

    def _shown(self) -> dict[str, Item]:
        """Who sees what, unless they have answered it, or for too long."""
        answered = {(vote.annotator, vote.item) for vote in self._all()}
        now = self.clock()  # if it was put back, what was shown later was shown too long ago
        rows = self._database.execute(SHOWN, (now - LEASE, now))
        found = {annotator: _item(*key) for annotator, *key in rows}
        return {who: item for who, item in found.items() if (who, item) not in answered}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction: no other reads or writes in between; on the disk when it ends."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # of a full disk: it is rolled back already
                    self._database.execute("ROLLBACK")
                raise


def by_item(votes: Sequence[Vote]) -> dict[Item, list[Vote]]:
    """The votes of each item, in their order; none of an item that is not there."""
    found: dict[Item, list[Vote]] = defaultdict(list)
    for vote in votes:
        found[vote.item].append(vote)
    return found


def is_open(votes: Sequence[Vote], annotator: str) -> bool:
    """Whether an item with these votes needs one of this annotator."""
    return missing(votes) > 0 and all(vote.annotator != annotator for vote in votes)


def _key(item: Item) -> tuple[int, str, str]:
    return item.example, item.systems[0], item.systems[1] if item.is_pair else ""


def _item(example: int, first: str, second: str) -> Item:
    return Item(example, (first, second) if second else (first,))


def _vote(row: tuple[Any, ...]) -> Vote:
    example, first, second, annotator, revision, *scores, choice = row
    answer = cast("Choice", choice) if second else Scores(*scores)
    return Vote(_item(example, first, second), annotator, answer, revision)
