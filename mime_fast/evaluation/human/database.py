"""The SQLite file of an evaluation: its tables, and whether a file is that of this evaluation."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from mime_fast.evaluation.human.plan import FORMAT

APPLICATION = 0x564F5445  # "VOTE": tells our databases from others
BUSY = 5.0  # seconds to wait for another process that writes; the page waits for 10
BRIEF = 80  # characters of a value that an error shows
TABLES = ("evaluation", "votes", "shown")
REMEDIES = {  # by the beginning of SQLite's name of the error, the first that fits
    "SQLITE_READONLY_DBMOVED": "put the file back",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_BUSY": "end the program that holds the file",
    "SQLITE_FULL": "free the disk",
    "SQLITE_IOERR": "free or mend the disk",
    "SQLITE_CANTOPEN": "give a --database that can be written",
    "": "restore a backup, or give another --database",
}

SCHEMA = """
CREATE TABLE evaluation (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE votes (
  id INTEGER PRIMARY KEY,     -- order of arrival
  example INTEGER NOT NULL,   -- index in the examples, from 0
  first TEXT NOT NULL,        -- the system that is rated, or the first of the pair
  second TEXT NOT NULL,       -- the second of the pair, '' of a rating
  annotator TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision >= 0),  -- 0: the first answer; the largest counts
  empathy INTEGER CHECK (empathy BETWEEN 1 AND 5),
  relevance INTEGER CHECK (relevance BETWEEN 1 AND 5),
  fluency INTEGER CHECK (fluency BETWEEN 1 AND 5),
  choice TEXT CHECK (choice IN ('first', 'second', 'tie')),
  shown_left TEXT NOT NULL,   -- the system on the left, or the only one
  time TEXT NOT NULL,         -- UTC
  UNIQUE (example, first, second, annotator, revision),
  CHECK (CASE second WHEN '' THEN choice IS NULL AND empathy + relevance + fluency IS NOT NULL
         ELSE choice IS NOT NULL AND coalesce(empathy, relevance, fluency) IS NULL END)
) STRICT;
CREATE TABLE shown (          -- which item an annotator had on the screen, and when
  id INTEGER PRIMARY KEY,
  annotator TEXT NOT NULL,
  example INTEGER NOT NULL,
  first TEXT NOT NULL,
  second TEXT NOT NULL,
  seconds REAL NOT NULL       -- since 1970
) STRICT;
CREATE TRIGGER votes_stay BEFORE DELETE ON votes BEGIN SELECT RAISE(ABORT, 'votes stay'); END;
CREATE TRIGGER votes_hold BEFORE UPDATE ON votes BEGIN SELECT RAISE(ABORT, 'votes stay'); END;
CREATE TRIGGER votes_last BEFORE INSERT ON votes WHEN EXISTS (  -- REPLACE deletes untold
  SELECT 1 FROM votes WHERE id = NEW.id OR (example, first, second, annotator, revision)
    = (NEW.example, NEW.first, NEW.second, NEW.annotator, NEW.revision)
) BEGIN SELECT RAISE(ABORT, 'votes stay'); END;
"""


def open_database(
    path: Path, identity: dict[str, Any], *, writable: bool = True
) -> sqlite3.Connection:
    """A connection for any thread, without implicit transactions; the file is made if need be.

    writable: whether it must be; reading votes needs it not.

    Raises:
        ValueError: the file is no database of votes, or that of another evaluation.
        OSError: it cannot be opened or written, or it is damaged.
    """
    with clear_errors(path), ExitStack() as stack:
        # Absolute: `:memory:` is a file like any other.
        connection = sqlite3.connect(
            path.absolute(), BUSY, isolation_level=None, check_same_thread=False
        )
        stack.enter_context(closing(connection))
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN IMMEDIATE")
        _check_kind(path, connection, identity)
        rows = connection.execute("SELECT key, value FROM evaluation")
        _check_identity(path, {key: json.loads(value) for key, value in rows}, identity)
        if writable:  # a file that is not writable is an error now, not at the first vote
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")  # if another tool changed it
        stack.pop_all()  # it stays open
        return connection


def _check_kind(path: Path, connection: sqlite3.Connection, identity: dict[str, Any]) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    if not tables and not application:
        _make(connection, identity)
    elif application != APPLICATION:
        raise ValueError(f"{path} is a database of something else; give another --database")
    elif lost := [name for name in TABLES if name not in tables]:
        raise ValueError(f"{path} lacks the table {', '.join(lost)}; restore a backup")


def _make(connection: sqlite3.Connection, identity: dict[str, Any]) -> None:
    for statement in SCHEMA.strip().split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.executemany(
        "INSERT INTO evaluation VALUES (?, ?)",
        [(key, json.dumps(value)) for key, value in identity.items()],
    )


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite and JSON say of a file into a ValueError or an OSError with a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise OSError(f"cannot use {path} ({error}); {remedy(error)}") from error
        raise ValueError(
            f"{path} is no database of votes ({error}); give another --database"
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}); restore a backup") from error


def remedy(error: sqlite3.Error) -> str:
    """What helps against it."""
    name = getattr(error, "sqlite_errorname", "")  # not of every error
    return next(helps for start, helps in REMEDIES.items() if name.startswith(start))


def _check_identity(path: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    keys = [key for key in {**stored, **wanted} if stored.get(key) != wanted.get(key)]
    if keys:
        differ = ", ".join(_difference(key, stored.get(key), wanted.get(key)) for key in keys)
        raise ValueError(
            f"{path} holds the votes of another evaluation; what differs: {differ}; give the files "
            "and options that it was made with, or another --database"
        )


def _difference(key: str, stored: object, wanted: object) -> str:
    """The name, and both values where they are short."""
    there, here = (json.dumps(value, ensure_ascii=False) for value in (stored, wanted))
    brief = max(len(there), len(here)) <= BRIEF
    return f"{key} ({there} there, {here} here)" if brief else key
