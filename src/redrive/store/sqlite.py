"""SQLite as the store: one connection, one writer, group commit.

Works run in savepoints of one open transaction (the group). `commit` writes the joined counters and
the clock's high-water mark, and commits with one sync; whoever called it then releases the group's
replies.

Invariants
1. journal_mode=WAL and synchronous=FULL: COMMIT returns after the log is on stable storage, but
   where a person has asked for relaxed durability (`sync_every_ms`).
2. A failed write or sync of the log is final: StoreFailed, then and for every call after it. An
   fsync is never tried again: the kernel may have dropped the pages that it could not write, and
   would report success.
3. Checkpoints run here alone, after replies have left (`maintain`), in steps of CHECKPOINT_PAGES.
4. Sequence numbers and the clock never go back, across restarts too.
5. A page that is not what was written is never read (store/checksums.py): that is StoreFailed. A
   log that lacks what was acknowledged is not opened (store/log.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial
from typing import Any, TypeVar

import apsw

from redrive.core.errors import Unavailable
from redrive.core.ids import SEQ_BITS
from redrive.core.time import NEVER, Millis
from redrive.store.checksums import SealedVfs
from redrive.store.migrations import migrate
from redrive.store.opening import RELAXED, STRICT, connect, set_up
from redrive.store.statements import Statements
from redrive.store.store import StoreFailed

T = TypeVar("T")

CHECKPOINT_PAGES = 1_000
"""Log pages (4 KiB each) after which they are moved into the database: a pause of a few
milliseconds.
"""

VACUUM_PAGES = 256
"""Free pages given back to the file system in one step."""

_UNKNOWN_DISK = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError)
_NOT_NOW = (apsw.FullError, apsw.BusyError, apsw.NoMemError, apsw.ReadOnlyError, apsw.TooBigError)


class SqliteStore:
    """A store in one SQLite database."""

    def __init__(
        self,
        path: str,
        statements: Sequence[Statements],
        *,
        vfs: str | None = None,
        sync_every_ms: int = 0,
    ) -> None:
        """Open or create the database and bring its schema up to date.

        sync_every_ms: 0 syncs each commit. Otherwise durability is relaxed: `commit` returns before
        its group is on stable storage, and whoever drives the store calls `sync` at sync_due_ms.
        Raises SchemaTooNew when a newer Redrive wrote it, StoreFailed when it cannot be read.
        """
        self._disk = SealedVfs(vfs or "")
        try:
            with ExitStack() as undo:
                undo.callback(self._disk.unregister)
                self._connection = connect(path, self._disk)
                undo.callback(_abandon, self._connection)
                is_relaxed = sync_every_ms > 0
                self._mark = set_up(self._connection, self._disk, path, is_relaxed=is_relaxed)
                undo.callback(self._mark.close)
                self.high_water_ms = _migrated(self._connection, statements)
                undo.pop_all()
        except (*_UNKNOWN_DISK, *_NOT_NOW, OSError) as error:
            raise StoreFailed(f"{path} cannot be opened: {error}") from error
        self._execute = self._connection.execute
        self._tx = SqliteTx(self._connection, statements, self.high_water_ms)
        self._log = _LogLength(self._mark.frames)
        self._gave_back = False
        self._sync_every_ms = sync_every_ms
        self.sync_due_ms = NEVER  # unless there is a commit that is not synced
        self.commits = 0  # groups that had something to write
        self._connection.set_wal_hook(self._log)
        self._open = False
        self._refusal: Unavailable | StoreFailed | None = None  # of the group, or of all to come

    def transact(self, work: Callable[..., T], *args: Any) -> T:
        """Run work(tx, *args) in the open group; undo it alone when it raises.

        The savepoint is made by the first statement that writes, so that reading costs none.
        """
        if self._refusal is not None:
            raise self._refused()
        tx = self._tx
        if not self._open:
            self._execute("BEGIN")
            self._open = True
            tx.has_written = False
        try:
            result = work(tx, *args)
        except BaseException as error:
            self._undo(error)
            raise
        tx.keep()
        return result

    def _refused(self) -> Unavailable | StoreFailed:
        assert self._refusal is not None
        return type(self._refusal)(*self._refusal.args)

    def _fail(self, error: BaseException) -> StoreFailed:
        """End this store: nothing works any more, and closing it writes nothing.

        Closing a database in WAL mode checkpoints it: that would sync after a sync has failed.
        """
        self._refusal = StoreFailed(str(error))
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return StoreFailed(str(error))

    def _undo(self, error: BaseException) -> None:
        is_lone, is_saved = self._tx.is_lone, self._tx.drop()
        if isinstance(error, _UNKNOWN_DISK):
            raise self._fail(error) from error
        if is_lone and self._connection.in_transaction:
            self._execute("ROLLBACK")  # what was written without a savepoint goes with the group
        if not self._connection.in_transaction:
            # Here, or in SQLite by itself: the other works of the group are gone too.
            self._refusal = Unavailable(f"the commit group was rolled back: {error}")
        elif is_saved:
            self._execute("ROLLBACK TO work")
            self._execute("RELEASE work")
        if isinstance(error, _NOT_NOW):
            raise Unavailable(str(error)) from error
        if isinstance(error, apsw.Error):
            raise AssertionError(f"a statement failed: {error}") from error

    @property
    def log_pages(self) -> int:
        """How many pages the log holds that are not yet moved into the database."""
        return self._log.pages

    @property
    def has_group(self) -> bool:
        """Tell whether works have run since the last commit."""
        return self._open

    @property
    def has_writes(self) -> bool:
        """Tell whether the open group has something to sync; else its commit costs nothing."""
        return self._open and (self._tx.has_written or self._tx.has_tallies)

    def woken(self) -> tuple[str, ...]:
        """Return the topics that the open group has woken since this was last asked; none when it
        is lost.
        """
        return () if self._refusal is not None else self._tx.woken()

    def commit(self, now_ms: Millis) -> tuple[str, ...]:
        """Put the open group on stable storage and return the topics that it wakes.

        Raises Unavailable when nothing of the group was committed, StoreFailed when that is
        unknown.
        """
        if isinstance(self._refusal, StoreFailed):
            raise self._refused()
        if not self._open:
            return ()
        self._open = False
        tallies, topics = self._tx.take()
        if self._refusal is not None:
            lost, self._refusal = self._refused(), None
            self._tx.forget()
            raise lost
        try:
            if tallies or self._tx.has_written:
                for text, sums in tallies:
                    self._execute(text, sums)
                self._execute("UPDATE clock SET now_ms = max(now_ms, ?)", (now_ms,))
                self.commits += 1
            self._execute("COMMIT")
            if not self._sync_every_ms:
                self._mark.keep(self._log.pages)
            elif self.sync_due_ms == NEVER:
                self.sync_due_ms = Millis(now_ms + self._sync_every_ms)
        except _NOT_NOW as error:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            self._tx.forget()
            raise Unavailable(str(error)) from error
        except apsw.Error as error:
            raise self._fail(error) from error
        return topics

    def sync(self, now_ms: Millis) -> None:
        """Put everything that was committed on stable storage. Raises StoreFailed.

        A synced commit does it: the log is one file, and is synced as a whole.
        """
        assert not self._open
        try:
            self._execute(STRICT)
            self._execute("UPDATE clock SET now_ms = max(now_ms, ?)", (now_ms,))
            self._execute(RELAXED)
            self._mark.keep(self._log.pages)
            self.sync_due_ms = NEVER
        except _NOT_NOW:  # a full disk: what is committed waits for its sync a little longer
            self._execute(RELAXED)
            self.sync_due_ms = Millis(now_ms + self._sync_every_ms)
        except apsw.Error as error:
            raise self._fail(error) from error

    def maintain(self, *, idle: bool = False) -> bool:
        """Move the log into the database when it has grown, and give free pages back when idle.

        Called between groups, after replies have left. Returns whether there is more to give back.
        Raises StoreFailed.
        """
        assert not self._open
        try:
            if self._log.pages >= CHECKPOINT_PAGES:
                self._empty_log()
            if idle and self._connection.pragma("freelist_count") > VACUUM_PAGES:
                self._connection.pragma("incremental_vacuum", VACUUM_PAGES)
                self._gave_back = True
                return True
            if idle and self._gave_back:  # the file itself shrinks only now
                self._empty_log()
                self._gave_back = False
        except _NOT_NOW:
            pass  # a full disk: the log still holds everything, and the next commit asks again
        except apsw.Error as error:
            raise self._fail(error) from error
        return False

    def close(self) -> None:
        """Commit nothing, release the files.

        A checkpoint that fails on the way loses nothing: what was acknowledged is in the log.
        """
        try:
            if not isinstance(self._refusal, StoreFailed):
                if self._connection.in_transaction:
                    self._execute("ROLLBACK")
                self._empty_log()
        except apsw.Error as error:
            self._fail(error)  # closing must not remove a log whose mark says that it is needed
        with suppress(apsw.Error):
            self._connection.close()
        self._mark.close()
        self._disk.unregister()

    def _empty_log(self) -> None:
        """Move the log into the database, and have it known before SQLite begins it anew."""
        logged, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if logged == moved:
            self._mark.clear()
            self._log.pages = 0


class _LogLength:
    """Pages in the log, as SQLite tells after each commit.

    The connection holds this and not the store: the garbage collector cannot see through it.
    """

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def __call__(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.pages = pages
        return apsw.SQLITE_OK


def _abandon(connection: apsw.Connection) -> None:
    """Close without a write: as in `_fail`, no sync follows one that may have failed."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    with suppress(apsw.Error):
        connection.close()


def _migrated(connection: apsw.Connection, statements: Sequence[Statements]) -> Millis:
    """Bring the schema up to date, return the clock's high-water mark."""
    migrate(connection, statements)
    (now_ms,) = connection.execute("SELECT now_ms FROM clock").fetchall()[0]
    assert isinstance(now_ms, int)
    return Millis(now_ms + 1)  # lies after everything that an earlier start has numbered


class SqliteTx:
    """The one transaction handle; valid only while `SqliteStore.transact` runs a work.

    Definitions that every request reads are cached by `cached`; a statement that writes their
    table, and anything that undoes one, empties the cache. All writes pass here, so it is never
    stale.
    """

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
        self._writes = {
            name: match[2] for name, text in self._texts.items() if (match := _WRITE.match(text))
        }
        for name, text in self._texts.items():
            # Only then is it known which statements need a savepoint and empty the cache.
            assert name in self._writes or _SELECT.match(text), f"{name} neither reads nor writes"
        self._parameters = {name: _parameters(text) for name, text in self._texts.items()}
        # The next number lies beyond every one that a crash may have made us forget.
        self._last_seq = (high_water_ms << SEQ_BITS) - 1
        self.has_written = False
        self._is_saved = False
        self.is_lone = False  # the work has written without a savepoint
        self._topics: dict[str, None] = {}
        self._fresh_topics: dict[str, None] = {}
        self._work_topics: list[str] = []
        self._tallies: dict[tuple[str, int], dict[str, int]] = {}
        self._work_tallies: list[tuple[dict[str, int], Mapping[str, int]]] = []
        self._cache: dict[tuple[Any, ...], Any] = {}
        self._cached_tables: set[str] = set()

    # --- reading --------------------------------------------------------------------------------

    def rows(self, row: Any, statement: str, /, **params: Any) -> list[Any]:
        """Return what a statement selects or RETURNs, each as `row`, a NamedTuple class."""
        if statement in self._writes:
            self._begin_writing(statement)
        found = self._execute(self._texts[statement], params)
        # A row class's own _make is a Python function; this does the same inside the interpreter.
        return list(map(partial(tuple.__new__, row), found))

    def one(self, row: Any, statement: str, /, **params: Any) -> Any | None:
        """Return the first row, or None. The statement is run to its end."""
        if statement in self._writes:
            self._begin_writing(statement)
        found = self._execute(self._texts[statement], params).fetchall()
        return row._make(found[0]) if found else None

    def cached(self, row: Any, statement: str, /, *values: Any) -> Any | None:
        """Return the first row of a single-table select, from memory if it can."""
        key = (statement, *values)
        found = self._cache.get(key, _MISSING)
        if found is _MISSING:
            if len(self._cache) >= _CACHE_MAX:
                self._cache.clear()
            text = self._texts[statement]
            table = _READ.search(text)
            assert table is not None, f"{statement} reads no single table"
            self._cached_tables.add(table[1])
            raw = self._execute(text, values).fetchall()
            found = self._cache[key] = row._make(raw[0]) if raw else None
        return found

    def tallied(self, statement: str, key: int, /) -> Mapping[str, int]:
        """Return what has been added to a counter row and is not yet written."""
        return dict(self._tallies.get((statement, key), {}))

    # --- writing --------------------------------------------------------------------------------

    def run(self, statement: str, /, **params: Any) -> int:
        """Run a statement; return how many rows it changed."""
        self._begin_writing(statement)
        self._execute(self._texts[statement], params)
        return self._connection.changes()

    def run_alone(self, statement: str, values: tuple[Any, ...], /) -> None:
        """Run the only statement of a work that writes, bound by position of first appearance.

        One statement is atomic by itself, so this saves the savepoint: two of the seven
        microseconds of a send. A second statement that writes would be a bug, and is refused.
        """
        assert not self._is_saved, f"{statement} is not the only one that writes"
        self.has_written = True
        self._execute(self._texts[statement], values)
        self._is_saved = self.is_lone = True
        if self._writes[statement] in self._cached_tables:
            self._cache.clear()

    def run_values(self, statement: str, values: tuple[Any, ...], /) -> None:
        """Run a statement bound by position of first appearance, which is quicker than by name."""
        self._begin_writing(statement)
        self._execute(self._texts[statement], values)

    def run_many(self, statement: str, sets: Iterable[tuple[Any, ...]], /) -> None:
        """Run a statement once for each tuple, bound by position of first appearance."""
        self._begin_writing(statement)
        self._executemany(self._texts[statement], sets)

    def _begin_writing(self, statement: str) -> None:
        if not self._is_saved:
            self._execute("SAVEPOINT work")
            self._is_saved = self.has_written = True
        else:
            assert not self.is_lone, f"{statement} follows one that was to write alone"
        if self._writes.get(statement) in self._cached_tables:
            self._cache.clear()

    def sequence(self, now_ms: Millis) -> int:
        """Return a number never given before, growing with time: `now_ms << SEQ_BITS | n`."""
        self._last_seq = max(self._last_seq + 1, now_ms << SEQ_BITS)
        return self._last_seq

    def tally(self, statement: str, key: int, /, **amounts: int) -> None:
        """Add to a counter row by a statement that takes :key and an amount for each counter.

        Additions of one group are joined and written once; a counter that none of them names gets
        0.
        """
        sums = self._tallies.get((statement, key))
        if sums is None:
            sums = self._tallies[statement, key] = dict.fromkeys(self._parameters[statement], 0)
        for counter, amount in amounts.items():
            sums[counter] += amount
        self._work_tallies.append((sums, amounts))

    def wake(self, topic: str) -> None:
        """Tell whoever waits on `topic`, after the commit."""
        self._work_topics.append(topic)

    # --- the end of a work and of a group -------------------------------------------------------

    def keep(self) -> None:
        """End a work that succeeded."""
        if self._is_saved:
            self._is_saved = False
            if self.is_lone:
                self.is_lone = False
            else:
                self._execute("RELEASE work")
        if self._work_topics:
            for topic in self._work_topics:
                self._topics[topic] = self._fresh_topics[topic] = None
            self._work_topics.clear()
        self._work_tallies.clear()

    def drop(self) -> bool:
        """End a work that failed; return whether a savepoint is to be rolled back."""
        has_savepoint = self._is_saved and not self.is_lone
        self._is_saved = self.is_lone = False
        self._work_topics.clear()
        for sums, amounts in self._work_tallies:
            for counter, amount in amounts.items():
                sums[counter] -= amount
        self._work_tallies.clear()
        self._cache.clear()
        return has_savepoint

    @property
    def has_tallies(self) -> bool:
        """Tell whether counters of the group are to be written with its commit."""
        return bool(self._tallies)

    def take(self) -> tuple[list[tuple[str, dict[str, int]]], tuple[str, ...]]:
        """Hand over the group's tallies (statement text, parameters) and topics, and start anew."""
        writes = [
            (self._texts[statement], {**sums, "key": key})
            for (statement, key), sums in self._tallies.items()
        ]
        taken = writes, tuple(self._topics)
        self._tallies, self._topics, self._fresh_topics = {}, {}, {}
        return taken

    def woken(self) -> tuple[str, ...]:
        """Return the group's topics since this was last asked."""
        if not self._fresh_topics:
            return ()
        fresh, self._fresh_topics = self._fresh_topics, {}
        return tuple(fresh)

    def forget(self) -> None:
        """Empty the cache: what it was read from has been undone."""
        self._cache.clear()


_MISSING = object()
_CACHE_MAX = 10_000
_WRITE = re.compile(r"\s*(INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
_SELECT = re.compile(r"\s*(SELECT\b|WITH\b(?!.*\b(INSERT|UPDATE|DELETE)\b))", re.I | re.S)
_READ = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_PARAMETER = re.compile(r":(\w+)")


@cache  # the texts are the program's own; the simulator opens a store thousands of times
def _parameters(text: str) -> tuple[str, ...]:
    """Return the names of a statement's parameters but for `key`, in order of appearance."""
    names = dict.fromkeys(_PARAMETER.findall(text))
    return tuple(name for name in names if name != "key")
