"""SQLite as the store: one connection, one writer, group commit.

Works run in savepoints of one open transaction (the group). `commit` writes the joined counters and the
clock's high-water mark, and commits with one sync; whoever called it then releases the group's replies.

Invariants
1. journal_mode=WAL and synchronous=FULL: COMMIT returns after the log is on stable storage.
2. A failed write or sync of the log is final (StoreFailed). An fsync is never tried again: the kernel
   may have dropped the pages that it could not write, and would report success.
3. Checkpoints run here alone, after replies have left (`maintain`), in steps of CHECKPOINT_PAGES.
4. Sequence numbers and the clock never go back, across restarts too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import apsw

from redrive.core.errors import Unavailable
from redrive.core.ids import SEQ_BITS
from redrive.core.time import Millis
from redrive.store.migrations import migrate
from redrive.store.statements import Statements
from redrive.store.store import StoreFailed

T = TypeVar("T")

CHECKPOINT_PAGES = 1_000
"""Log pages (4 KiB each) after which they are moved into the database: a pause of a few milliseconds."""

VACUUM_PAGES = 256
"""Free pages given back to the file system in one step."""

_PRAGMAS = (
    "PRAGMA page_size = 4096",
    "PRAGMA auto_vacuum = INCREMENTAL",  # freed pages can return to the disk in small steps
    "PRAGMA locking_mode = EXCLUSIVE",  # the data directory is ours alone; saves the shared-memory file
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: F_FULLFSYNC, since fsync there does not reach the platter
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA wal_autocheckpoint = 0",  # invariant 3
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
)

_UNKNOWN_DISK = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError)
_NOT_NOW = (apsw.FullError, apsw.BusyError, apsw.NoMemError, apsw.ReadOnlyError, apsw.TooBigError)


class SqliteStore:
    """A store in one SQLite database."""

    def __init__(
        self, path: str, statements: Sequence[Statements], *, vfs: str | None = None
    ) -> None:
        """Open or create the database and bring its schema up to date.

        Raises SchemaTooNew when a newer Redrive wrote it, StoreFailed when it cannot be read.
        """
        try:
            self._connection = apsw.Connection(path, vfs=vfs, statementcachesize=256)
            for pragma in _PRAGMAS:
                self._connection.execute(pragma)
            migrate(self._connection, statements)
            (now_ms,) = self._connection.execute("SELECT now_ms FROM clock").fetchall()[0]
            assert isinstance(now_ms, int)
            self.high_water_ms = Millis(now_ms)
        except (*_UNKNOWN_DISK, *_NOT_NOW) as error:
            raise StoreFailed(f"{path} cannot be opened: {error}") from error
        self._execute = self._connection.execute
        self._tx = SqliteTx(self._connection, statements, self.high_water_ms)
        self._log_pages = 0
        self._connection.set_wal_hook(self._count_log_pages)
        self._open = False
        self._changes_before = 0
        self._lost: str | None = None

    def transact(self, work: Callable[[Any], T]) -> T:
        """Run `work` in a savepoint of the open group; undo it alone when it raises."""
        if self._lost is not None:
            raise Unavailable(self._lost)
        execute = self._execute
        if not self._open:
            execute("BEGIN")
            self._open = True
            self._changes_before = self._connection.total_changes()
        execute("SAVEPOINT work")
        try:
            result = work(self._tx)
        except BaseException as error:
            self._undo(error)
            raise
        execute("RELEASE work")
        self._tx.keep()
        return result

    def _undo(self, error: BaseException) -> None:
        self._tx.drop()
        if isinstance(error, _UNKNOWN_DISK):
            raise StoreFailed(str(error)) from error
        if self._connection.in_transaction:
            self._execute("ROLLBACK TO work")
            self._execute("RELEASE work")
        else:  # SQLite gave up the whole transaction, so the other works of the group are gone too.
            self._lost = f"the commit group was rolled back: {error}"
        if isinstance(error, _NOT_NOW):
            raise Unavailable(str(error)) from error
        if isinstance(error, apsw.Error):
            raise AssertionError(f"a statement failed: {error}") from error

    def commit(self, now_ms: Millis) -> tuple[str, ...]:
        """Put the open group on stable storage and return the topics that it wakes.

        Raises Unavailable when nothing of the group was committed, StoreFailed when that is unknown.
        """
        if not self._open:
            return ()
        self._open = False
        tallies, topics = self._tx.take()
        if self._lost is not None:
            lost, self._lost = self._lost, None
            raise Unavailable(lost)
        try:
            if tallies or self._connection.total_changes() != self._changes_before:
                for (text, key), amounts in tallies.items():
                    self._execute(text, {**amounts, "key": key})
                self._execute("UPDATE clock SET now_ms = max(now_ms, ?)", (now_ms,))
            self._execute("COMMIT")
        except _NOT_NOW as error:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            raise Unavailable(str(error)) from error
        except apsw.Error as error:
            raise StoreFailed(str(error)) from error
        return topics

    def maintain(self, *, idle: bool = False) -> None:
        """Move the log into the database when it has grown, and give free pages back when idle.

        Called between groups, after replies have left. Raises StoreFailed.
        """
        assert not self._open
        try:
            if self._log_pages >= CHECKPOINT_PAGES:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                self._log_pages = 0
            if idle and self._connection.pragma("freelist_count") > VACUUM_PAGES:
                self._connection.pragma("incremental_vacuum", VACUUM_PAGES)
        except apsw.Error as error:
            raise StoreFailed(str(error)) from error

    def close(self) -> None:
        """Commit nothing, release the files."""
        self._connection.close()

    def _count_log_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK


class SqliteTx:
    """The one transaction handle; valid only while `SqliteStore.transact` runs a work."""

    def __init__(
        self, connection: apsw.Connection, statements: Sequence[Statements], high_water_ms: Millis
    ) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._connection = connection
        self._texts = {
            f"{group.service}.{name}": text
            for group in statements
            for name, text in group.texts.items()
        }
        # The next number lies beyond every one that a crash may have made us forget.
        self._last_seq = ((high_water_ms + 1) << SEQ_BITS) - 1
        self._work_topics: list[str] = []
        self._work_tallies: list[tuple[str, int, Mapping[str, int]]] = []
        self._topics: dict[str, None] = {}
        self._tallies: dict[tuple[str, int], dict[str, int]] = {}

    def rows(self, row: Any, statement: str, /, **params: Any) -> list[Any]:
        """Return what a statement selects or RETURNs, each as `row`, a NamedTuple class."""
        return list(map(row._make, self._execute(self._texts[statement], params)))

    def one(self, row: Any, statement: str, /, **params: Any) -> Any | None:
        """Return the first row, or None. The statement is run to its end."""
        found = self._execute(self._texts[statement], params).fetchall()
        return row._make(found[0]) if found else None

    def run(self, statement: str, /, **params: Any) -> int:
        """Run a statement; return how many rows it changed."""
        self._execute(self._texts[statement], params)
        return self._connection.changes()

    def run_many(self, statement: str, sets: Iterable[tuple[Any, ...]], /) -> None:
        """Run a statement once for each tuple, bound by position of first appearance."""
        self._executemany(self._texts[statement], sets)

    def sequence(self, now_ms: Millis) -> int:
        """Return a number never given before, growing with time: `now_ms << SEQ_BITS | n`."""
        self._last_seq = max(self._last_seq + 1, now_ms << SEQ_BITS)
        return self._last_seq

    def tally(self, statement: str, key: int, /, **amounts: int) -> None:
        """Add to a counter row by a statement that takes :key and an amount for each counter.

        Additions of one group are joined and written once, so every call names all counters it may miss
        as zero: the statement's parameters that no addition of the group names are bound to 0.
        """
        self._work_tallies.append((statement, key, amounts))

    def tallied(self, statement: str, key: int, /) -> dict[str, int]:
        """Return what has been added to a counter row and is not yet written."""
        sums = dict(self._tallies.get((self._texts[statement], key), {}))
        for name, for_key, amounts in self._work_tallies:
            if name == statement and for_key == key:
                for counter, amount in amounts.items():
                    sums[counter] = sums.get(counter, 0) + amount
        return sums

    def wake(self, topic: str) -> None:
        """Tell whoever waits on `topic`, after the commit."""
        self._work_topics.append(topic)

    def keep(self) -> None:
        """Join the finished work's topics and tallies to the group's."""
        if self._work_topics:
            self._topics.update(dict.fromkeys(self._work_topics))
            self._work_topics.clear()
        for statement, key, amounts in self._work_tallies:
            text = self._texts[statement]
            sums = self._tallies.get((text, key))
            if sums is None:
                sums = self._tallies[text, key] = dict.fromkeys(_parameters(text), 0)
            for counter, amount in amounts.items():
                sums[counter] += amount
        self._work_tallies.clear()

    def drop(self) -> None:
        """Forget the failed work's topics and tallies."""
        self._work_topics.clear()
        self._work_tallies.clear()

    def take(self) -> tuple[dict[tuple[str, int], dict[str, int]], tuple[str, ...]]:
        """Hand over the group's tallies and topics and start anew."""
        taken = self._tallies, tuple(self._topics)
        self._tallies, self._topics = {}, {}
        return taken


_PARAMETERS: dict[str, tuple[str, ...]] = {}


def _parameters(text: str) -> tuple[str, ...]:
    names = _PARAMETERS.get(text)
    if names is None:
        words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
        names = tuple(dict.fromkeys(word[1:] for word in words if word.startswith(":")))
        _PARAMETERS[text] = names = tuple(name for name in names if name != "key")
    return names
