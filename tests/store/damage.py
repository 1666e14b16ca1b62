"""Stores on a memory disk, to be damaged: made once, copied for each bit that is flipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from random import Random
from typing import NamedTuple

import apsw
from engines import T0, THINGS, Thing

from redrive.sim.vfs import Disk, File, MemoryVfs
from redrive.store.sqlite import SqliteStore
from redrive.store.store import StoreFailed, Tx

PATH = "/things.db"
LOG, MARK = PATH + "-wal", PATH + "-mark"
PAGE = 4_096
FRAME = PAGE + 24

Image = dict[str, bytes]
_numbers = count()


class Outcome(NamedTuple):
    """What a start from an image gave: the rows, or why there were none."""

    rows: tuple[Thing, ...] | None
    told: str = ""


@contextmanager
def started(image: Image) -> Iterator[tuple[SqliteStore, Disk]]:
    """Open a store on a disk with these files, and let go of both without a write."""
    disk = Disk({name: File(data) for name, data in image.items()})
    name = f"damaged-{next(_numbers)}"
    vfs = MemoryVfs(name, disk, lambda: 0)
    try:
        store = SqliteStore(PATH, (THINGS,), vfs=name)
        try:
            yield store, disk
        finally:
            disk.is_off = True
            with suppress(apsw.ConnectionClosedError):  # it was stopped in order
                store.close()
    finally:
        vfs.unregister()


def image_of(disk: Disk) -> Image:
    """Return the files as a stopped process leaves them."""
    return {name: bytes(file.live) for name, file in disk.files.items()}


def outcome(image: Image) -> Outcome:
    """Open what lies there and read all of it, twice: once by the table, once by its index."""
    try:
        with started(image) as (store, _disk):
            rows = store.transact(lambda tx: tx.rows(Thing, "things.all"))
            by_name = [store.transact(_named, row.name) for row in rows]
            return Outcome(tuple(rows) if by_name == rows else ())
    except StoreFailed as error:
        return Outcome(None, str(error))
    except UnicodeDecodeError:  # a row that is no text any more
        return Outcome(())


def _named(tx: Tx, name: str) -> Thing | None:
    found: Thing | None = tx.one(Thing, "things.named", name=name)
    return found


def thing(n: int, dice: Random) -> tuple[int, str, int]:
    """Return a row; some of them fill pages of their own."""
    size = dice.choice((20, 20, 300, 1_500, 5_000, 13_000))
    return n, f"{n}/" + "".join(dice.choices("abcdefghij", k=size)), n * 7


def add_rows(store: SqliteStore, rows: list[tuple[int, str, int]]) -> None:
    """Commit rows, all together."""
    store.transact(lambda tx: tx.run_many("things.add", rows))
    store.commit(T0)


def stopped(rows: int, *, seed: int = 1) -> Image:
    """Return a store that was stopped in order, with some pages that are free again."""
    dice = Random(seed)
    with started({}) as (store, disk):
        add_rows(store, [thing(n, dice) for n in range(rows)])
        store.transact(lambda tx: tx.rows(Thing, "things.remove", size=rows))
        store.commit(T0)
        store.close()
        image = image_of(disk)
    assert LOG not in image
    return image


def killed(commits: int, *, seed: int = 1) -> tuple[Image, list[tuple[Thing, ...]]]:
    """Return a store whose process was killed, with all of its rows in the log, and what was
    acknowledged after each of its commits.
    """
    dice = Random(seed)
    states: list[tuple[Thing, ...]] = []
    with started({}) as (store, disk):
        store._empty_log()
        for number in range(commits):
            add_rows(store, [thing(number * 10 + n, dice) for n in range(3)])
            states.append(tuple(store.transact(lambda tx: tx.rows(Thing, "things.all"))))
            store.commit(T0)
        image = image_of(disk)
    return image, states


def flipped(image: Image, name: str, bit: int) -> Image:
    """Return the image with one bit of a file the other way round."""
    data = bytearray(image[name])
    data[bit // 8] ^= 1 << bit % 8
    return {**image, name: bytes(data)}
