"""The log file: a SQLite database of its own, written in batches, never in the acknowledged path.

synchronous=OFF: a killed process loses what was not yet written, a power cut may lose more, and
neither touches the state beside it. A file that cannot be read is put aside and a new one begun; a
write that fails drops its batch and is counted. Nothing here raises for the disk's sake once open.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from redrive.services.telemetry.model import Aged, Line
from redrive.services.telemetry.rules import REAP_ROWS_MAX, ROW_BYTES, plan_reaping
from redrive.store.migrations import migrate
from redrive.store.statements import load_statements
from redrive.store.store import StoreFailed

log = logging.getLogger("redrive")

_PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA locking_mode = EXCLUSIVE",  # the data directory is ours alone
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = OFF",
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA cache_size = -4096",
)
_VACUUM_PAGES = 512
_STATEMENTS = Path(__file__).with_name("telemetry.sql")

Row = tuple[str, str, str, str, str, int, str]
"""account, region, function name, stream, request id, at_ms, text."""


class LogBook:
    """The file of function logs. lost_bytes counts what could not be written."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises SchemaTooNew, StoreFailed when there can be none."""
        self._statements = load_statements((_STATEMENTS,))
        self._texts = self._statements[0].texts
        self.lost_bytes = 0
        try:
            self._connection = self._open(path)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            log.warning("%s is unreadable (%s): put aside, and new logs begin", path, error)
            for end in ("", "-wal", "-shm"):
                old = Path(path + end)
                if old.exists():
                    old.replace(f"{path}.unreadable{end}")
            self._connection = self._retry(path)
        except apsw.Error as error:
            raise StoreFailed(f"{path} cannot be opened: {error}") from error

    def _open(self, path: str) -> apsw.Connection:
        connection = apsw.Connection(path)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            migrate(connection, self._statements)
        except BaseException:
            connection.close()
            raise
        return connection

    def _retry(self, path: str) -> apsw.Connection:
        try:
            return self._open(path)
        except apsw.Error as error:
            raise StoreFailed(f"{path} cannot be opened: {error}") from error

    def write(self, rows: Sequence[Row]) -> bool:
        """Write a batch; tell whether it is in the file. A batch that is not is lost."""
        sizes = [len(row[-1].encode("utf-8", "replace")) + ROW_BYTES for row in rows]
        full = [(*row[:-1], size, row[-1]) for row, size in zip(rows, sizes, strict=True)]
        with self._group() as done:
            self._connection.executemany(self._texts["add"], full)
            self._run("grow", bytes=sum(sizes))
        if not done:
            self.lost_bytes += sum(sizes)
        return bool(done)

    def reap(self, now_ms: int) -> bool:
        """Forget a bounded number of rows that are too old or too many; tell whether more are."""
        more = False
        with self._group():
            oldest = [Aged(*row) for row in self._run("oldest", limit=REAP_ROWS_MAX)]
            reaping = plan_reaping(oldest, self._number("size"), now_ms)
            if reaping.up_to_id:
                self._run("forget", id=reaping.up_to_id)
                self._run("grow", bytes=-reaping.bytes)
            more = reaping.more
        with self._quietly():
            self._connection.pragma("incremental_vacuum", _VACUUM_PAGES)
        return more

    def tail(self, account: str, region: str, name: str, request_id: str, limit: int) -> list[Line]:
        """Return a function's latest pieces, oldest first."""
        found = self._read(
            "tail",
            account=account,
            region=region,
            function_name=name,
            request_id=request_id,
            limit=limit,
        )
        return list(found)[::-1]

    def since(
        self, account: str, region: str, name: str, request_id: str, after: int, limit: int
    ) -> Iterator[Line]:
        """Yield a function's pieces after a cursor, in order."""
        return self._read(
            "since",
            account=account,
            region=region,
            function_name=name,
            request_id=request_id,
            after=after,
            limit=limit,
        )

    def since_of_all(self, account: str, region: str, after: int, limit: int) -> Iterator[Line]:
        """Yield the pieces of all functions of an account after a cursor, in order."""
        return self._read("since_of_all", account=account, region=region, after=after, limit=limit)

    def last(self) -> int:
        """Return the newest row's number: where a reader begins that wants what is to come."""
        return self._number("last")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _read(self, statement: str, **params: Any) -> Iterator[Line]:
        with self._quietly():
            yield from map(Line._make, self._run(statement, **params))

    def _run(self, statement: str, **params: Any) -> apsw.Cursor:
        return self._connection.execute(self._texts[statement], params)

    def _number(self, statement: str) -> int:
        ((number,),) = self._run(statement).fetchall()
        assert isinstance(number, int)
        return number

    @contextmanager
    def _group(self) -> Iterator[list[bool]]:
        """Run statements in one transaction; on a failure of the disk `done` stays empty."""
        done: list[bool] = []
        with self._quietly():
            with self._connection:
                yield done
            done.append(True)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            log.warning("function logs cannot be kept at the moment: %s", error)
