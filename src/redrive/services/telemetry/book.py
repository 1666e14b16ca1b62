"""The log file: pieces of function logs, written in batches, capped in size and age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from redrive.services.telemetry.archive import Archive, Entry
from redrive.services.telemetry.model import Line, Number
from redrive.services.telemetry.rules import OWN_STREAM, group_name
from redrive.store.sidefile import SideFile
from redrive.store.statements import load_statements

_STATEMENTS = Path(__file__).with_name("telemetry.sql")

Row = tuple[str, str, str, str, str, int, str]
"""account, region, function name, stream, request id, at_ms, text."""


class LogBook:
    """The file of function logs. lost_bytes counts what could not be written.

    archive is the same file as CloudWatch Logs sees it.
    """

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises SchemaTooNew, StoreFailed when there can be none."""
        self._file = SideFile(path, load_statements((_STATEMENTS,))[0])
        self.archive = Archive(self._file)
        self.lost_bytes = 0

    def write(self, rows: Sequence[Row]) -> bool:
        """Write a batch; tell whether it is in the file. A batch that is not is lost."""
        sizes = 0
        with self._file.group() as done:
            entries = [
                Entry(
                    self.archive.place(
                        account, region, group_name(function), stream or OWN_STREAM, at_ms
                    ),
                    request_id,
                    at_ms,
                    False,
                    text,
                )
                for account, region, function, stream, request_id, at_ms, text in rows
            ]
            sizes = self.archive.write(entries, max(row[5] for row in rows))
        if not done:
            self.archive.forget_places()
            self.lost_bytes += sizes or sum(len(row[-1]) for row in rows)
        return bool(done)

    def reap(self, now_ms: int) -> bool:
        """Forget a bounded number of rows that are too old or too many; tell whether more are."""
        more = False
        with self._file.group():
            more = self.archive.reap(now_ms, self.size_bytes)
        self._file.give_back()
        return more

    @property
    def size_bytes(self) -> int:
        """What all rows count for."""
        return self._number("size")

    def tail(
        self, account: str, region: str, names: Sequence[str], request_id: str, since_ms: int
    ) -> Iterator[Line]:
        """Yield functions' pieces since an instant, the latest first; those of all without names.

        request_id: only of this invocation, unless it is "".
        """
        return self._file.rows(
            Line,
            "tail" if len(names) == 1 else "tail_of_all",
            account=account,
            region=region,
            request_id=request_id,
            since_ms=since_ms,
            limit=-1,
            **_named(names),
        )

    def since(
        self,
        account: str,
        region: str,
        names: Sequence[str],
        request_id: str,
        after: int,
        limit: int,
    ) -> Iterator[Line]:
        """Yield functions' pieces after a cursor, in order; those of all without names."""
        return self._file.rows(
            Line,
            "since" if len(names) == 1 else "since_of_all",
            account=account,
            region=region,
            request_id=request_id,
            after=after,
            limit=limit,
            **_named(names),
        )

    def last(self) -> int:
        """Return the newest row's number: where a reader begins that wants what is to come."""
        return self._number("last")

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _number(self, statement: str) -> int:
        return sum(number.value for number in self._file.rows(Number, statement))


def _named(names: Sequence[str]) -> dict[str, str]:
    if len(names) == 1:
        return {"name": group_name(names[0])}
    return {"names": orjson.dumps(list(names)).decode()}
