"""The log file: pieces of function logs, written in batches, capped in size and age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from redrive.services.telemetry.model import Aged, Line, Number
from redrive.services.telemetry.rules import REAP_ROWS_MAX, ROW_BYTES, plan_reaping
from redrive.store.sidefile import SideFile
from redrive.store.statements import load_statements

_STATEMENTS = Path(__file__).with_name("telemetry.sql")

Row = tuple[str, str, str, str, str, int, str]
"""account, region, function name, stream, request id, at_ms, text."""


class LogBook:
    """The file of function logs. lost_bytes counts what could not be written."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises SchemaTooNew, StoreFailed when there can be none."""
        self._file = SideFile(path, load_statements((_STATEMENTS,))[0])
        self.lost_bytes = 0

    def write(self, rows: Sequence[Row]) -> bool:
        """Write a batch; tell whether it is in the file. A batch that is not is lost."""
        sizes = [len(row[-1].encode("utf-8", "replace")) + ROW_BYTES for row in rows]
        full = [(*row[:-1], size, row[-1]) for row, size in zip(rows, sizes, strict=True)]
        with self._file.group() as done:
            self._file.run_many("add", full)
            self._file.run("grow", bytes=sum(sizes))
        if not done:
            self.lost_bytes += sum(sizes)
        return bool(done)

    def reap(self, now_ms: int) -> bool:
        """Forget a bounded number of rows that are too old or too many; tell whether more are."""
        more = False
        with self._file.group():
            oldest = list(self._file.rows(Aged, "oldest", limit=REAP_ROWS_MAX))
            reaping = plan_reaping(oldest, self.size_bytes, now_ms)
            if reaping.up_to_id:
                self._file.run("forget", id=reaping.up_to_id)
                self._file.run("grow", bytes=-reaping.bytes)
            more = reaping.more
        self._file.give_back()
        return more

    @property
    def size_bytes(self) -> int:
        """What all rows count for."""
        return self._number("size")

    def tail(self, account: str, region: str, name: str, request_id: str, limit: int) -> list[Line]:
        """Return a function's latest pieces, oldest first."""
        found = self._file.rows(
            Line,
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
        return self._file.rows(
            Line,
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
        return self._file.rows(
            Line, "since_of_all", account=account, region=region, after=after, limit=limit
        )

    def last(self) -> int:
        """Return the newest row's number: where a reader begins that wants what is to come."""
        return self._number("last")

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _number(self, statement: str) -> int:
        return sum(number.value for number in self._file.rows(Number, statement))
