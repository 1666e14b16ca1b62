"""Open what a fault has left with the shipped store, and say what is in it.

An image is judged by all of its rows: two states are the same when every table is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import apsw

from redrive.core.time import Millis
from redrive.sim.chance import Dice
from redrive.sim.vfs import Disk, File, MemoryVfs
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import Statements
from redrive.store.store import StoreFailed

from .images import FATES, Image, images

PATH = "/redrive.db"
SECOND_LIFE_EVERY = 500
"""Of so many images one is written to, and loses its power again."""

Dump = tuple[tuple[str, tuple[tuple[object, ...], ...]], ...]
_numbers = count()


class Sight(NamedTuple):
    """What a start found, or why there was nothing to be found."""

    rows: int  # the hash of every row of every table but the clock's
    clock_ms: int  # when the latest group that wrote was committed
    problem: str = ""


class State(NamedTuple):
    """What a store holds while it is open."""

    rows: int
    clock_ms: int
    dump: Dump


def dump(store: SqliteStore) -> Dump:
    """Return every row of every table but the clock, SQLite's own counters too."""
    execute = store._connection.execute
    tables = [
        str(name)
        for (name,) in execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'clock' ORDER BY name"
        ).fetchall()
    ]
    return tuple((table, tuple(execute(f"SELECT * FROM {table}").fetchall())) for table in tables)


def state_of(store: SqliteStore) -> State:
    """Return what a store holds."""
    rows = dump(store)
    ((clock_ms,),) = store._connection.execute("SELECT now_ms FROM clock").fetchall()
    return State(hash(rows), int(str(clock_ms)), rows)


def difference(found: Dump, expected: Dump) -> str:
    """Say in which tables two dumps differ, and by which rows."""
    told = []
    for (table, rows), (_table, others) in zip(found, expected, strict=True):
        if rows != others:
            more = [row for row in rows if row not in others]
            less = [row for row in others if row not in rows]
            told.append(f"{table}: has {more}, lacks {less}"[:600])
    return "\n    ".join(told) or "nothing"


class Inspector:
    """Looks at images, at equal ones once; `seen` counts the distinct ones."""

    def __init__(self, statements: Sequence[Statements]) -> None:
        self._statements = statements
        self._sights: dict[tuple[tuple[str, int, int], ...], Sight] = {}
        self.relived = 0

    @property
    def seen(self) -> int:
        """How many distinct images have been opened."""
        return len(self._sights)

    def look(self, image: Image) -> Sight:
        """Open an image as the next start would, check it and read it."""
        key = tuple((name, len(data), hash(data)) for name, data in sorted(image.items()))
        sight = self._sights.get(key)
        if sight is None:
            sight = self._sights[key] = self._open(image)
            if not sight.problem and self.seen % SECOND_LIFE_EVERY == 0:
                problem = self._live_again(image, sight)
                self._sights[key] = sight._replace(problem=problem)
        return self._sights[key]

    def read(self, image: Image) -> Dump:
        """Return an image's rows."""
        store, vfs, _disk = self._start(image)
        found = dump(store)
        _stop(store, vfs)
        return found

    def _start(self, image: Image) -> tuple[SqliteStore, MemoryVfs, Disk]:
        disk = Disk({name: File(data) for name, data in image.items()})
        name = f"inspected-{next(_numbers)}"
        vfs = MemoryVfs(name, disk, lambda: 0)
        try:
            return SqliteStore(PATH, self._statements, vfs=name), vfs, disk
        except BaseException:
            vfs.unregister()
            raise

    def _open(self, image: Image) -> Sight:
        try:
            store, vfs, _disk = self._start(image)
        except StoreFailed as error:
            return Sight(0, 0, f"it cannot be opened: {error}")
        try:
            told = store._connection.execute("PRAGMA integrity_check").fetchall()
            problem = "" if told == [("ok",)] else f"it is corrupt: {told}"
            return Sight(hash(dump(store)), store.high_water_ms - 1, problem)
        except apsw.Error as error:
            return Sight(0, 0, f"it cannot be read: {error}")
        finally:
            _stop(store, vfs)

    def _live_again(self, image: Image, first: Sight) -> str:
        """Write to an image, lose the power at each step of it, and say what was wrong then."""
        self.relived += 1
        store, vfs, disk = self._start(image)
        dice = Dice(self.relived, "second life")
        left: list[tuple[str, Image]] = []

        def watch(kind: str, name: str) -> None:
            if kind in ("write", "sync", "truncate", "delete"):
                left.extend(images(disk, dice, FATES if kind == "sync" else ()))

        disk.watch = watch
        store.transact(lambda tx: tx.run("queues.forget_names", before_ms=0))
        store.commit(Millis(store.high_water_ms + 1_000))
        disk.watch = None
        after = first.rows, store.high_water_ms + 1_000
        kept = list(images(disk, dice, FATES))
        _stop(store, vfs)
        for fate, second in left:
            sight = self._open(second)
            if sight.problem or sight[:2] not in (first[:2], after):
                return f"in its second life, {fate}: {sight.problem or 'it holds neither state'}"
        for fate, second in kept:
            sight = self._open(second)
            if sight.problem or sight[:2] != after:
                return f"after its second life, {fate}: {sight.problem or 'the write is gone'}"
        return ""


def _stop(store: SqliteStore, vfs: MemoryVfs) -> None:
    """Let go of a store without a write."""
    vfs._disk.is_off = True
    store.close()
    vfs.unregister()
