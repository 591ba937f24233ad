"""The database: what is acknowledged stays, whoever votes at once, whatever is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mime_fast.evaluation.human import database as databases
from mime_fast.evaluation.human.database import clear_errors
from mime_fast.evaluation.human.plan import Item, Plan
from mime_fast.evaluation.human.verdict import Scores, Vote, missing
from mime_fast.evaluation.human.votes import LEASE, DuplicateVoteError, VoteStore, by_item

Open = Callable[..., VoteStore]
GOOD, BAD = Scores(5, 4, 3), Scores(1, 2, 3)


def rating(plan: Plan) -> Item:
    return plan.ratings()[0]


def test_votes_are_read_as_they_were_given(small_plan: Plan, open_store: Open) -> None:
    votes = [
        Vote(rating(small_plan), "ann", GOOD),
        Vote(small_plan.comparisons()[0], "ann", "second"),
        Vote(rating(small_plan), "jörg \U0001f415'); DROP TABLE votes; --", BAD),
    ]
    store = open_store(small_plan)
    for vote in votes:
        store.add(vote, "plum-system")
    assert store.latest() == votes
    assert open_store(small_plan).latest() == votes


def test_the_same_vote_again_changes_nothing(small_plan: Plan, open_store: Open) -> None:
    store, vote = open_store(small_plan), Vote(rating(small_plan), "ann", GOOD)
    for _ in range(3):
        store.add(vote, "plum-system")
    assert rows(store.path) == 1


@pytest.mark.parametrize("revision", [0, 2, 7])
def test_a_duplicate_vote_is_an_error(small_plan: Plan, open_store: Open, revision: int) -> None:
    store, vote = open_store(small_plan), Vote(rating(small_plan), "ann", GOOD)
    store.add(vote, "plum-system")
    with pytest.raises(DuplicateVoteError, match=f"1 times, so that revision {revision} cannot"):
        store.add(vote._replace(answer=BAD, revision=revision), "plum-system")
    assert store.latest() == [vote]


def test_a_changed_answer_is_a_new_row_and_keeps_its_place(
    small_plan: Plan, open_store: Open
) -> None:
    store, vote = open_store(small_plan), Vote(rating(small_plan), "ann", GOOD)
    other = vote._replace(annotator="bob")
    changed = vote._replace(answer=BAD, revision=1)
    for each in (vote, other, changed, vote):  # the first one comes once more, late
        store.add(each, "plum-system")
    assert store.latest() == [changed, other]
    assert rows(store.path) == 3


BETTER = "example, first, second, annotator, revision, 5, 5, 5, choice, shown_left, time"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM votes",
        "UPDATE votes SET empathy = 5",
        f"REPLACE INTO votes SELECT id, {BETTER} FROM votes",  # noqa: S608 - a constant
        f"REPLACE INTO votes SELECT id + 1, {BETTER} FROM votes",  # noqa: S608
    ],
)
def test_the_database_itself_refuses_to_lose_a_vote(
    small_plan: Plan, open_store: Open, statement: str
) -> None:
    store = open_store(small_plan)
    store.add(Vote(rating(small_plan), "ann", BAD), "plum-system")
    with sqlite3.connect(store.path) as database, pytest.raises(sqlite3.Error):
        database.execute(statement)
    database.close()
    assert store.latest() == [Vote(rating(small_plan), "ann", BAD)]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("empathy, relevance, fluency", "6, 1, 1"),
        ("empathy, relevance, fluency", "1, NULL, 1"),
        ("empathy, relevance, fluency, choice", "1, 1, 1, 'tie'"),
        ("choice", "'tie'"),
    ],
)
def test_the_database_itself_refuses_a_wrong_rating(
    small_plan: Plan, open_store: Open, columns: str, values: str
) -> None:
    store = open_store(small_plan)
    known = "example, first, second, annotator, revision, shown_left, time"
    statement = (
        f"INSERT INTO votes ({known}, {columns}) VALUES (0, 'a', '', 'b', 0, 'a', '', {values})"  # noqa: S608
    )
    with pytest.raises(sqlite3.IntegrityError):
        store._database.execute(statement)


def test_a_database_of_another_evaluation_is_an_error(small_plan: Plan, open_store: Open) -> None:
    store = open_store(small_plan)
    store.add(Vote(rating(small_plan), "ann", GOOD), "plum-system")
    other = replace(small_plan, identity={**small_plan.identity, "seed": 7, "contexts": [1]})
    message = (
        r"another evaluation; what differs: contexts, seed \(0 there, 7 here\); give the files"
    )
    with pytest.raises(ValueError, match=message):
        open_store(other)
    assert len(store.latest()) == 1


def test_a_file_that_is_no_database_of_votes_is_an_error(
    small_plan: Plan, open_store: Open, tmp_path: Path
) -> None:
    path = tmp_path / "votes.sqlite"
    path.write_text("votes, more votes, and then some votes more" * 99)
    with pytest.raises(ValueError, match="is no database of votes"):
        open_store(small_plan)
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE votes (id INTEGER)")
    database.close()
    with pytest.raises(ValueError, match="is a database of something else"):
        open_store(small_plan)


def test_a_database_of_something_else_is_left_as_it_is(
    small_plan: Plan, open_store: Open, tmp_path: Path
) -> None:
    path = tmp_path / "votes.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE votes (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is a database of something else"):
        open_store(small_plan)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_database(
    small_plan: Plan, open_store: Open, tmp_path: Path
) -> None:
    (tmp_path / "votes.sqlite").touch()
    assert open_store(small_plan).latest() == []


def test_a_place_that_cannot_be_written_is_an_error(small_plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot use .*give a --database that can be written"):
        VoteStore(tmp_path / "nowhere" / "votes.sqlite", small_plan)
    with pytest.raises(OSError, match="cannot use"):
        VoteStore(tmp_path, small_plan)
    with pytest.raises(FileNotFoundError, match="no database at"):
        VoteStore(tmp_path / "votes.sqlite", small_plan, create=False)
    assert not (tmp_path / "votes.sqlite").exists()


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """This process may read the file, and not write it or beside it."""
    user = os.geteuid()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    if user == 0:  # who may write anything
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        path.parent.chmod(0o700)


def test_votes_of_a_file_that_cannot_be_written_are_read(small_plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:  # in pytest's nobody else may look
        path = Path(folder) / "votes.sqlite"
        with closing(VoteStore(path, small_plan)) as store:
            store.add(Vote(rating(small_plan), "ann", GOOD), "plum-system")
        with read_only(path):
            with pytest.raises(OSError, match="make the file and its folder writable"):
                VoteStore(path, small_plan)
            with closing(VoteStore(path, small_plan, create=False)) as store:
                assert len(store.latest()) == 1


def test_a_file_that_another_program_holds_is_an_error(
    small_plan: Plan, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY", 0.01)
    store = open_store(small_plan)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OSError, match="end the program that holds the file"):
            open_store(small_plan)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("DROP TABLE votes", "lacks the table votes; restore a backup"),
        ("DROP TABLE evaluation", "lacks the table evaluation; restore a backup"),
        ("UPDATE evaluation SET value = 'nonsense'", "is damaged .*; restore a backup"),
    ],
)
def test_a_damaged_database_is_an_error(
    small_plan: Plan, open_store: Open, statement: str, error: str
) -> None:
    with closing(sqlite3.connect(open_store(small_plan).path)) as database:
        database.execute(statement)
        database.commit()
    with pytest.raises(ValueError, match=error):
        open_store(small_plan)


def test_votes_that_cannot_be_read_are_an_error(small_plan: Plan, open_store: Open) -> None:
    store = open_store(small_plan)
    for number in range(200):
        store.add(Vote(rating(small_plan), f"annotator {number}", GOOD), "plum-system")
    content = store.path.read_bytes()
    first = content.index(b"annotator 0")
    store.path.write_bytes(content[: first - 3000] + b"\xff" * 3500 + content[first + 500 :])
    with pytest.raises(OSError, match="restore a backup"), clear_errors(store.path):
        open_store(small_plan, create=False).latest()


def test_memory_is_the_name_of_a_file(
    small_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    VoteStore(Path(":memory:"), small_plan).close()
    assert (tmp_path / ":memory:").stat().st_size > 0


@pytest.mark.parametrize("remove", [Path.unlink, lambda path: path.rename(f"{path}.moved")])
def test_no_vote_is_acknowledged_when_the_file_is_gone(
    small_plan: Plan, open_store: Open, remove: Callable[[Path], object]
) -> None:
    store = open_store(small_plan)
    store.add(Vote(rating(small_plan), "ann", GOOD), "plum-system")
    remove(store.path)
    with pytest.raises(sqlite3.OperationalError):
        store.add(Vote(rating(small_plan), "bob", GOOD), "plum-system")


def test_a_copy_of_the_file_alone_holds_every_vote(
    small_plan: Plan, open_store: Open, tmp_path: Path
) -> None:
    store = open_store(small_plan)
    store.add(Vote(rating(small_plan), "ann", GOOD), "plum-system")
    shutil.copy(store.path, tmp_path / "copy.sqlite")
    assert rows(tmp_path / "copy.sqlite") == 1


def test_an_item_is_handed_to_no_more_people_than_it_needs(
    small_plan: Plan, open_store: Open
) -> None:
    store = open_store(small_plan)
    order = [rating(small_plan)]
    assert [handed(store, name, order) for name in "abcd"] == [*order * 3, None]
    assert handed(store, "a", order) == order[0]  # loaded again
    store.add(Vote(order[0], "a", GOOD), "plum-system")
    assert handed(store, "a", order) is None
    assert handed(store, "d", order) is None


def test_an_item_that_was_left_goes_to_another(small_plan: Plan, open_store: Open) -> None:
    now = 1000.0
    store = open_store(small_plan, clock=lambda: now)
    order = [rating(small_plan)]
    for name in "abc":
        handed(store, name, order)
    now += LEASE + 1
    assert handed(store, "d", order) == order[0]
    for name in "dabc":  # all four answer: the last one is surplus, and kept
        store.add(Vote(order[0], name, GOOD), "plum-system")
    assert [vote.annotator for vote in store.latest()] == ["d", "a", "b", "c"]


def test_a_clock_that_was_put_back_holds_no_item(small_plan: Plan, open_store: Open) -> None:
    now = 1_000_000.0
    store = open_store(small_plan, clock=lambda: now)
    order = [rating(small_plan)]
    for name in "abc":
        handed(store, name, order)
    assert handed(store, "d", order) is None
    now -= 86_400
    assert handed(store, "d", order) == order[0]


def test_the_item_on_the_screen_stays_when_an_earlier_one_comes_free(
    small_plan: Plan, open_store: Open
) -> None:
    now = 1000.0
    store = open_store(small_plan, clock=lambda: now)
    first, second = order = small_plan.ratings()[:2]
    for name in "abc":
        handed(store, name, [first])
    now += LEASE - 1
    assert handed(store, "d", order) == second
    now += 2
    assert handed(store, "d", order) == second


def test_a_pair_waits_for_the_ratings_of_its_replies(small_plan: Plan, open_store: Open) -> None:
    now = 1000.0
    store = open_store(small_plan, clock=lambda: now)
    pair, other = small_plan.comparisons()
    first, second = pair.replies
    order = [first, second, pair]
    for name in "xyz":
        handed(store, name, [first])
    store.add(Vote(second, "d", GOOD), "kiwi-system")
    assert handed(store, "d", order) is None
    assert handed(store, "d", [*order, other]) == other  # nobody is asked to rate its replies
    now += LEASE + 1
    assert handed(store, "d", order) == first
    store.add(Vote(first, "d", GOOD), "plum-system")
    assert handed(store, "d", order) == pair


def test_a_fourth_is_asked_for_when_three_differ(small_plan: Plan, open_store: Open) -> None:
    store = open_store(small_plan)
    (item, *_) = small_plan.comparisons()
    for name, choice in zip("abc", ("first", "second", "tie"), strict=True):
        store.add(Vote(item, name, choice), "plum-system")  # type: ignore[arg-type]
    assert handed(store, "a", [item]) is None
    assert handed(store, "d", [item]) == item
    assert handed(store, "e", [item]) is None


def test_annotators_at_once_overshoot_nothing(small_plan: Plan, open_store: Open) -> None:
    def work(name: str, store: VoteStore) -> None:
        order = small_plan.order(name)
        while (item := handed(store, name, order)) is not None:
            choice = ("first", "second", "tie")[(item.example + int(name[-1])) % 3]
            answer = choice if item.is_pair else GOOD
            store.add(Vote(item, name, answer), "plum-system")  # type: ignore[arg-type]

    names = [f"annotator {number}" for number in range(6)]
    shared = open_store(small_plan)
    stores = [shared, shared, shared, *(open_store(small_plan) for _ in range(3))]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(names, stores, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    votes = by_item(shared.latest())
    assert set(votes) == set(small_plan.order(""))
    for item, given in votes.items():
        assert missing(given) == 0 or item.is_pair  # whoever is asked for a fourth may have left
        assert len(given) in ((3, 4) if item.is_pair else (3,))


WRITER = """
import sys
from pathlib import Path
from mime_fast.evaluation.human.plan import Item, Plan
from mime_fast.evaluation.human.verdict import Scores, Vote
from mime_fast.evaluation.human.votes import VoteStore

store = VoteStore(Path(sys.argv[1]), Plan([], (), {}, (), 0, {"writer": True}))
for number in range(100_000):
    store.add(Vote(Item(number, ("a",)), "ann", Scores(1, 2, 3)), "a")
    print(number, flush=True)
"""


def test_an_acknowledged_vote_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite"
    plan = Plan([], (), {}, (), 0, {"writer": True})
    acknowledged = -1
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) > acknowledged + 20:
                    process.send_signal(signal.SIGKILL)
                    break
            last = int([line, *process.stdout][-1])
        store = VoteStore(path, plan)
        kept = [vote.item.example for vote in store.latest()]
        store.close()
        assert kept == list(range(len(kept)))
        assert len(kept) in (last + 1, last + 2)  # one may have been stored and not yet said
        acknowledged = last


def handed(store: VoteStore, annotator: str, order: Sequence[Item]) -> Item | None:
    return store.assign(annotator, order)[0]


def rows(path: Path) -> int:
    database = sqlite3.connect(path)
    (count,) = database.execute("SELECT count(*) FROM votes").fetchone()
    database.close()
    return int(count)
