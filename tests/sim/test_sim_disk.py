"""The memory disk: what was synced stays, what was not may go, and SQLite survives it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from redrive.core.errors import Unavailable
from redrive.core.time import Millis
from redrive.sim.chance import Dice
from redrive.sim.vfs import SECTOR_BYTES, Disk, File, MemoryVfs
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import parse_statements
from redrive.store.store import StoreFailed, Tx

NOTES = parse_statements(
    "notes",
    """-- schema 1: notes
CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
-- name: add
-- Add a note.
INSERT INTO notes (text) VALUES (:text);
-- name: all
-- All notes.
SELECT text FROM notes ORDER BY n;
""",
)
TEXT = "x" * 6_000  # more than a page


class Note(NamedTuple):
    """A note."""

    text: str


class Machine:
    """A store on a memory disk."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk = disk
        self.vfs = MemoryVfs(name, disk, lambda: 0)
        self.store = SqliteStore("/notes.db", (NOTES,), vfs=name)

    def add(self, text: str) -> None:
        """Commit one note."""
        self.store.transact(lambda tx: tx.run("notes.add", text=text))
        self.store.commit(Millis(1))

    def all(self) -> list[str]:
        """Return all notes."""

        def read(tx: Tx) -> list[Note]:
            return tx.rows(Note, "notes.all")

        found = self.store.transact(read)
        self.store.commit(Millis(1))
        return [note.text for note in found]

    def stop(self) -> None:
        """Pull the plug."""
        self.disk.is_off = True
        self.store.close()
        self.vfs.unregister()


def test_synced_writes_survive_and_others_are_torn_at_sectors() -> None:
    """A crash keeps the platter, and of unsynced writes whole sectors, none or all of them."""
    seen = set()
    for seed in range(200):
        file = File()
        file.write(0, b"s" * 3 * SECTOR_BYTES)
        file.sync()
        file.write(SECTOR_BYTES // 2, b"u" * 2 * SECTOR_BYTES)
        content = file.survivor(Dice(seed, "crash"))
        assert content is not None
        assert len(content) == 3 * SECTOR_BYTES
        start = SECTOR_BYTES // 2
        parts = [content[start + n * SECTOR_BYTES :][:SECTOR_BYTES] for n in range(2)]
        assert all(len(set(part)) == 1 for part in parts)
        assert content[:start] == b"s" * start
        seen.add((parts[0][:1], parts[1][:1]))
    assert len(seen) == 4


def test_crash_at_every_write_leaves_all_or_nothing() -> None:
    """Whichever write or sync is the last: a commit is there whole or not at all, and once its
    call has returned it is there.
    """
    outcomes = set()
    for dies_in in range(40):
        for seed in range(3):
            machine = Machine(Disk(), f"every-{dies_in}-{seed}")
            machine.add("kept")
            machine.disk.dies_in = dies_in
            committed = True
            try:
                machine.add(TEXT)
            except StoreFailed:
                committed = False
            machine.stop()
            dice = Dice(seed, "crash")
            after = Machine(machine.disk.crashed(dice), f"after-{dies_in}-{seed}")
            notes = after.all()
            whole = ["kept", TEXT]
            assert notes == whole or (not committed and notes == ["kept"])
            outcomes.add((committed, len(notes)))
            after.stop()
    assert outcomes >= {(True, 2), (False, 1)}


def test_full_disk_refuses_and_then_goes_on() -> None:
    """SQLITE_FULL is Unavailable; nothing of the group is there, and the next one succeeds."""
    machine = Machine(Disk(), "full")
    machine.disk.is_full = True
    with pytest.raises(Unavailable):
        machine.add("refused")
    machine.disk.is_full = False
    machine.add("taken")
    assert machine.all() == ["taken"]
    machine.stop()


def test_failed_sync_is_final() -> None:
    """After a sync that failed the store fails, and goes on failing until it is opened anew."""
    machine = Machine(Disk(), "sync")
    machine.add("kept")
    machine.disk.sync_fails = True
    with pytest.raises(StoreFailed):
        machine.add("unknown")
    with pytest.raises((StoreFailed, Unavailable)):
        machine.add("too late")
    machine.stop()
    after = Machine(machine.disk.crashed(Dice(1, "crash")), "sync-after")
    assert after.all()[:1] == ["kept"]
    assert "too late" not in after.all()
    after.stop()


def test_checkpoint_survives_a_crash_at_every_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving the log into the database loses nothing, whichever write is the last."""
    monkeypatch.setattr("redrive.store.sqlite.CHECKPOINT_PAGES", 4)
    for dies_in in range(12):
        machine = Machine(Disk(), f"checkpoint-{dies_in}")
        machine.add(TEXT)
        machine.disk.dies_in = dies_in
        try:
            machine.store.maintain()
            machine.add("more")
        except StoreFailed:
            pass
        machine.stop()
        after = Machine(machine.disk.crashed(Dice(dies_in, "c")), f"checkpoint-after-{dies_in}")
        assert after.all()[0] == TEXT
        after.stop()


def test_files_are_not_on_the_real_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory disk touches no file, and a name that does not exist cannot be opened."""
    monkeypatch.chdir(tmp_path)
    machine = Machine(Disk(), "nowhere")
    machine.add("x")
    with pytest.raises(apsw.CantOpenError):
        apsw.Connection("/other.db", vfs="nowhere", flags=apsw.SQLITE_OPEN_READWRITE).execute("")
    machine.stop()
    assert list(tmp_path.iterdir()) == []
