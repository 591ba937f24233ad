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
BUSY = 30.0  # seconds to wait for another process that writes
BRIEF = 80  # characters of a value that an error shows

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


def open_database(path: Path, identity: dict[str, Any]) -> sqlite3.Connection:
    """A connection for any thread, without implicit transactions; the file is made if need be.

    Raises:
        ValueError: the file is no database of votes, or that of another evaluation.
        OSError: it cannot be opened or written.
    """
    with _clear_errors(path), ExitStack() as stack:
        connection = sqlite3.connect(path, BUSY, isolation_level=None, check_same_thread=False)
        stack.enter_context(closing(connection))
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN IMMEDIATE")
        _check_kind(path, connection, identity)
        rows = connection.execute("SELECT key, value FROM evaluation")
        _check_identity(path, {key: json.loads(value) for key, value in rows}, identity)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")  # if another tool changed it
        stack.pop_all()  # it stays open
        return connection


def _check_kind(path: Path, connection: sqlite3.Connection, identity: dict[str, Any]) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not application:
        _make(connection, identity)
    elif application != APPLICATION:
        raise ValueError(f"{path} is a database of something else; give another --database")


def _make(connection: sqlite3.Connection, identity: dict[str, Any]) -> None:
    for statement in SCHEMA.strip().split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.executemany(
        "INSERT INTO evaluation VALUES (?, ?)",
        [(key, json.dumps(value)) for key, value in identity.items()],
    )


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(
            f"cannot use {path} ({error}); give a --database that can be written"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"{path} is no database of votes ({error}); give another --database"
        ) from error


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
