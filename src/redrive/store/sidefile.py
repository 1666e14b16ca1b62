"""A SQLite file beside the store, for what may be lost: logs, never acknowledged state.

Invariants
1. synchronous=OFF: a killed process loses only what it had not written; a power cut may lose more,
   and neither touches the store.
2. A file that cannot be read is put aside as <name>.unreadable, and a new one begun.
3. Once open, a failure of the disk is a result (False, nothing found) and not an exception.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from redrive.store.migrations import SchemaTooNew, migrate
from redrive.store.statements import Statements
from redrive.store.store import StoreFailed

log = logging.getLogger("redrive")

_PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",  # freed pages can return to the disk in small steps
    "PRAGMA locking_mode = EXCLUSIVE",  # the data directory is ours alone
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = OFF",
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA cache_size = -4096",
)
_VACUUM_PAGES = 512
_NOT_READABLE = (apsw.CorruptError, apsw.NotADBError)


class SideFile:
    """One file with the named statements of one service."""

    def __init__(self, path: str, statements: Statements) -> None:
        """Open or create the file. Raises SchemaTooNew, StoreFailed when there can be none."""
        self._statements = statements
        self._path = path
        try:
            try:
                self._connection = self._open()
            except _NOT_READABLE as error:
                log.warning("%s is unreadable (%s): put aside, a new one begins", path, error)
                self._put_aside()
                self._connection = self._open()
        except apsw.Error as error:
            raise StoreFailed(f"{path} cannot be opened: {error}") from error

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(self._path)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            migrate(connection, (self._statements,))
        except (apsw.Error, SchemaTooNew):
            connection.close()
            raise
        return connection

    def _put_aside(self) -> None:
        for end in ("", "-wal", "-shm"):
            old = Path(self._path + end)
            if old.exists():
                old.replace(f"{self._path}.unreadable{end}")

    @contextmanager
    def group(self) -> Iterator[list[bool]]:
        """Run the statements of the block in one transaction.

        The list given holds True after the block when they count, and is empty when a failure of
        the disk undid them.
        """
        done: list[bool] = []
        with self._quietly():
            with self._connection:
                yield done
            done.append(True)

    def run(self, statement: str, **params: Any) -> None:
        """Run a statement; within a group."""
        self._connection.execute(self._statements.texts[statement], params)

    def run_many(self, statement: str, sets: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement once for each tuple, bound by position; within a group."""
        self._connection.executemany(self._statements.texts[statement], sets)

    def rows(self, row: Any, statement: str, **params: Any) -> Iterator[Any]:
        """Yield what a statement selects, each as `row`, a NamedTuple class."""
        with self._quietly():
            found = self._connection.execute(self._statements.texts[statement], params)
            yield from map(row._make, found)

    def give_back(self) -> None:
        """Return some of the pages that are free to the file system."""
        with self._quietly():
            self._connection.pragma("incremental_vacuum", _VACUUM_PAGES)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            log.warning("%s cannot be used at the moment: %s", self._path, error)
