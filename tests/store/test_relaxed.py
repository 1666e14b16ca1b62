"""Relaxed durability: what was synced survives a loss of power, the rest is a whole prefix."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from redrive.core.time import NEVER, Millis
from redrive.sim.chance import Dice
from redrive.sim.vfs import Disk, MemoryVfs
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import parse_statements

NOTES = parse_statements(
    "notes",
    """-- schema 1: notes
CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
-- name: add
-- Add a note.
INSERT INTO notes (text) VALUES (:text);
-- name: count
-- How many there are.
SELECT count(*), coalesce(max(n), 0) FROM notes;
""",
)
EVERY_MS = 100


class Found(NamedTuple):
    """What is there."""

    count: int
    last: int


class Machine:
    """A store on a memory disk, as a process sees it."""

    def __init__(self, disk: Disk, name: str, *, every_ms: int = EVERY_MS) -> None:
        self.disk = disk
        self.vfs = MemoryVfs(name, disk, lambda: 0)
        self.store = SqliteStore("/notes.db", (NOTES,), vfs=name, sync_every_ms=every_ms)

    def add(self, count: int, now_ms: int = 1) -> None:
        for _ in range(count):
            self.store.transact(lambda tx: tx.run("notes.add", text="x" * 3_000))
            self.store.commit(Millis(now_ms))

    def found(self) -> Found:
        (row,) = self.store.transact(lambda tx: tx.rows(Found, "notes.count"))
        self.store.commit(Millis(1))
        assert isinstance(row, Found)
        return row

    def end(self) -> None:
        """End the process, whatever it was doing."""
        self.disk.is_off = True
        self.store.close()
        self.vfs.unregister()


@pytest.mark.parametrize("seed", range(60))
def test_a_loss_of_power_takes_only_what_was_not_synced(seed: int) -> None:
    """Everything before the last sync is there; after it a prefix; and the store opens, strictly
    too.
    """
    machine = Machine(Disk({}), f"relaxed-{seed}")
    machine.add(7)
    machine.store.sync(Millis(50))
    machine.add(5)
    machine.end()
    again = Machine(
        machine.disk.crashed(Dice(seed, "power")),
        f"relaxed-{seed}b",
        every_ms=EVERY_MS * (seed % 2),
    )
    found = again.found()
    assert 7 <= found.count <= 12
    assert found.last == found.count
    again.end()


def test_the_end_of_the_process_takes_nothing() -> None:
    """The system has what was written, synced or not."""
    machine = Machine(Disk({}), "relaxed-kill")
    machine.add(9)
    machine.end()
    again = Machine(machine.disk.copied(), "relaxed-kill-b", every_ms=0)
    assert again.found().count == 9
    again.end()


def test_a_sync_is_due_after_the_first_commit_that_needs_one() -> None:
    """Not for reading, not again for further commits, and no more once it is done."""
    machine = Machine(Disk({}), "relaxed-due")
    assert machine.store.sync_due_ms == NEVER
    machine.add(1, now_ms=1_000)
    machine.add(1, now_ms=1_050)
    assert machine.store.sync_due_ms == 1_000 + EVERY_MS
    machine.store.sync(Millis(1_100))
    assert machine.store.sync_due_ms == NEVER
    machine.end()


def test_syncs_are_few() -> None:
    """A hundred commits sync nothing; with full durability each of them does."""
    counts = {}
    for every_ms in (EVERY_MS, 0):
        machine = Machine(Disk({}), f"relaxed-few-{every_ms}", every_ms=every_ms)
        syncs: list[str] = []
        machine.disk.watch = lambda kind, name, syncs=syncs: (
            syncs.append(name) if kind == "sync" else None
        )
        machine.add(100)
        counts[every_ms] = len([name for name in syncs if name.endswith("-wal")])
        machine.disk.watch = None
        machine.end()
    assert counts[0] >= 100
    assert counts[EVERY_MS] <= 1
