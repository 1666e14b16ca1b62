"""SQLite on a disk that is full, or that fails: what is told, and what is on it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from engines import T0, THINGS, Thing, add, names

from redrive.core.errors import Unavailable
from redrive.store.sqlite import CHECKPOINT_PAGES, VACUUM_PAGES, SqliteStore
from redrive.store.store import StoreFailed, Tx

FAILING = "failing-disk"


class Disk(apsw.VFS):
    """The system's files; syncs, writes or reads of some of them fail while told to."""

    def __init__(self) -> None:
        self.fails: set[str] = set()  # sync, write, read
        self.is_full = False
        self.syncs = 0
        super().__init__(FAILING, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return DiskFile(self, name, flags)


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        self._disk.syncs += 1
        if "sync" in self._disk.fails:
            raise apsw.IOError("the disk does not sync")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if "write" in self._disk.fails:
            raise apsw.IOError("the disk does not write")
        if self._disk.is_full:
            raise apsw.FullError("the disk is full")
        super().xWrite(data, offset)

    def xRead(self, amount: int, offset: int) -> bytes:
        if "read" in self._disk.fails:
            raise apsw.IOError("the disk does not read")
        return super().xRead(amount, offset)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that can fail."""
    made = Disk()
    yield made
    made.unregister()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the database lies."""
    return str(tmp_path / "things.db")


def reopened(path: str) -> list[str]:
    store = SqliteStore(path, (THINGS,))
    try:
        return names(store)
    finally:
        store.close()


def test_each_commit_is_one_sync(disk: Disk, path: str) -> None:
    """A group of many works costs one sync; a group that only read, none."""
    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    add(store, "first")
    store.commit(T0)
    before = disk.syncs
    add(store, "a", "b", "c")
    assert disk.syncs == before
    store.commit(T0)
    assert disk.syncs == before + 1
    names(store)
    store.commit(T0)
    assert disk.syncs == before + 1
    store.close()


@pytest.mark.parametrize("fault", ["sync", "write"])
def test_a_failed_commit_is_final(disk: Disk, path: str, fault: str) -> None:
    """After a failed write or sync of the log nothing works any more, though the disk recovers."""
    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    add(store, "a")
    store.commit(T0)
    add(store, "b")
    disk.fails = {fault}
    with pytest.raises(StoreFailed):
        store.commit(T0)
    disk.fails = set()
    syncs = disk.syncs
    for attempt in (
        lambda: add(store, "c"),
        lambda: names(store),
        lambda: store.commit(T0),
    ):
        with pytest.raises(StoreFailed):
            attempt()
    store.close()
    assert disk.syncs == syncs, "a sync was tried again"
    assert reopened(path)[:1] == ["a"]
    assert "c" not in reopened(path)


def test_a_read_that_fails_is_final(disk: Disk, path: str) -> None:
    """A page that cannot be read ends the store; it is not the caller's mistake."""
    store = SqliteStore(path, (THINGS,))
    store.transact(lambda tx: tx.run_many("things.add", [(n, f"{n:0999}", 1) for n in range(500)]))
    store.commit(T0)
    store.close()
    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    disk.fails = {"read"}
    with pytest.raises(StoreFailed):
        names(store)
    disk.fails = set()
    with pytest.raises(StoreFailed):
        add(store, "c")
    store.close()


def test_a_full_disk_commits_nothing_and_is_not_final(disk: Disk, path: str) -> None:
    """Unavailable: nothing of the group is there, and with space everything goes on."""
    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    add(store, "a")
    store.commit(T0)
    add(store, "b", "c")
    store.transact(lambda tx: tx.wake("topic"))
    disk.is_full = True
    with pytest.raises(Unavailable):
        store.commit(T0)
    assert names(store) == ["a"]
    store.commit(T0)
    disk.is_full = False
    add(store, "d")
    assert store.commit(T0) == ()
    store.close()
    assert reopened(path) == ["a", "d"]


def test_a_full_database_loses_its_group_and_says_so(path: str) -> None:
    """When SQLite refuses to grow, only what was acknowledged by the commit is there."""
    store = SqliteStore(path, (THINGS,))
    add(store, "a")
    store.commit(T0)
    pages = store._connection.pragma("page_count")
    store._connection.pragma("max_page_count", pages)
    add(store, "b")
    with pytest.raises(Unavailable):
        add(store, "x" * 100_000)
    refused = False
    try:
        store.commit(T0)
    except Unavailable:
        refused = True
    store._connection.pragma("max_page_count", 100_000)
    add(store, "c")
    store.commit(T0)
    store.close()
    assert reopened(path) == (["a", "c"] if refused else ["a", "b", "c"])


def test_a_checkpoint_on_a_full_disk_waits(disk: Disk, path: str) -> None:
    """The log keeps what the database has no room for; with space the next turn moves it."""

    def grow(tx: Tx) -> None:
        tx.run_many("things.add", [(n, f"{n:04000}", 1) for n in range(CHECKPOINT_PAGES)])

    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    store.transact(grow)
    store.commit(T0)
    disk.is_full = True
    store.maintain()
    disk.is_full = False
    store.maintain()
    assert Path(path).stat().st_size > CHECKPOINT_PAGES * 4_000
    store.close()
    assert len(reopened(path)) == CHECKPOINT_PAGES


def test_a_checkpoint_that_fails_is_final(disk: Disk, path: str) -> None:
    """A database that cannot be written is a disk that has failed."""

    def grow(tx: Tx) -> None:
        tx.run_many("things.add", [(n, f"{n:04000}", 1) for n in range(CHECKPOINT_PAGES)])

    store = SqliteStore(path, (THINGS,), vfs=FAILING)
    store.transact(grow)
    store.commit(T0)
    disk.fails = {"write"}
    with pytest.raises(StoreFailed):
        store.maintain()
    disk.fails = set()
    with pytest.raises(StoreFailed):
        names(store)
    store.close()
    assert len(reopened(path)) == CHECKPOINT_PAGES


def test_freed_space_returns_to_the_disk_when_idle(path: str) -> None:
    """Idle maintenance gives pages back step by step until it is done; a busy one does not."""
    store = SqliteStore(path, (THINGS,))
    rows = [(n, f"{n:04000}", 1) for n in range(VACUUM_PAGES * 4)]
    store.transact(lambda tx: tx.run_many("things.add", rows))
    store.commit(T0)
    store.maintain()
    full = Path(path).stat().st_size
    store.transact(lambda tx: tx.rows(Thing, "things.remove", size=1))
    store.commit(T0)
    assert store.maintain() is False
    steps = 0
    while store.maintain(idle=True):
        steps += 1
    assert steps >= 3
    assert Path(path).stat().st_size < full / 2
    store.close()


@pytest.mark.parametrize(
    "content", [b"this is no database" * 100, b"SQLite format 3\0" + b"x" * 500]
)
def test_what_is_not_a_database_is_named(tmp_path: Path, content: bytes) -> None:
    """A file that SQLite cannot read is StoreFailed with its path, and is left as it is."""
    path = tmp_path / "things.db"
    path.write_bytes(content)
    with pytest.raises(StoreFailed, match=r"things\.db cannot be opened"):
        SqliteStore(str(path), (THINGS,))
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path that cannot be opened is StoreFailed with its path."""
    with pytest.raises(StoreFailed, match=r"nowhere.things\.db cannot be opened"):
        SqliteStore(str(tmp_path / "nowhere" / "things.db"), (THINGS,))


def test_a_second_store_on_the_same_file_is_refused(path: str) -> None:
    """The database belongs to one connection; another is told so."""
    store = SqliteStore(path, (THINGS,))
    add(store, "a")
    store.commit(T0)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        SqliteStore(path, (THINGS,))
    store.close()
    assert reopened(path) == ["a"]
