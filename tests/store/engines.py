"""Databases for the suite: how one is opened, left behind, and looked at from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from redrive.core.time import Millis
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import Statements, parse_statements
from redrive.store.store import Store

T0 = Millis(1_800_000_000_000)

STEP_1 = """
-- schema 1: things and their sums
CREATE TABLE things (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL CHECK (size >= 0)
) STRICT;
CREATE TABLE sums (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL) STRICT;
"""
STEP_2 = """
-- schema 2: colours
ALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';
"""
NAMED = """
-- name: add
-- Store a thing.
INSERT INTO things (id, name, size) VALUES (:id, :name, :size);

-- name: add_returning
-- Store a thing and return its id.
INSERT INTO things (name, size) VALUES (:name, :size) RETURNING id;

-- name: all
-- Every thing.
SELECT id, name, size FROM things ORDER BY id;

-- name: named
-- One thing by its name.
SELECT id, name, size FROM things WHERE name = :name;

-- name: resize
-- Change a thing.
UPDATE things SET size = :size WHERE name = :name;

-- name: remove
-- Remove things up to a size, and say which.
DELETE FROM things WHERE size <= :size RETURNING id, name, size;

-- name: begin_sum
-- A row of sums.
INSERT INTO sums VALUES (:id, 0, 0);

-- name: count
-- Add to a row of sums.
UPDATE sums SET a = a + :a, b = b + :b WHERE id = :key;

-- name: sum
-- One row of sums.
SELECT id, a, b FROM sums WHERE id = :id;
"""
THINGS = parse_statements("things", STEP_1 + NAMED)


class Thing(NamedTuple):
    """A row."""

    id: int
    name: str
    size: int


class Sum(NamedTuple):
    """A row of sums."""

    id: int
    a: int
    b: int


class Id(NamedTuple):
    """A number."""

    id: int


class Engine(Protocol):
    """One database that may be opened again and again."""

    def open(self, *statements: Statements) -> Any:
        """Open it, as a new process would; what an earlier opening did not commit is lost."""
        ...

    def image(self) -> bytes:
        """Return all that is stored, as bytes to compare."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class SqliteEngine:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "things.db"
        self._store: SqliteStore | None = None

    def open(self, *statements: Statements) -> SqliteStore:
        """Open the file; a store that is open is left as a crash would leave it."""
        self.close()
        self._store = SqliteStore(str(self.path), statements or (THINGS,))
        return self._store

    def image(self) -> bytes:
        """Return the file's bytes."""
        self.close()
        return self.path.read_bytes()

    def close(self) -> None:
        """Close without committing."""
        if self._store is not None:
            self._store.close()
            self._store = None


ENGINES: Sequence[type[SqliteEngine]] = (SqliteEngine,)


def add(store: Store, *names: str, size: int = 1) -> None:
    """Store things, each in a work of its own."""
    for name in names:
        store.transact(lambda tx, name=name: tx.run("things.add", id=None, name=name, size=size))


def names(store: Store) -> list[str]:
    """Return the names of all things."""
    return [thing.name for thing in store.transact(lambda tx: tx.rows(Thing, "things.all"))]
