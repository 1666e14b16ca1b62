"""What the disk's faults have found in the store, each as the smallest case that shows it."""

from __future__ import annotations

import apsw
import pytest

from redrive.sim.vfs import Disk
from redrive.store.store import StoreFailed

from .errors import quiet
from .inspector import Inspector, state_of
from .machine import START_MS, STATEMENTS, Machine, build


def calls_of_a_start(disk: Disk) -> list[tuple[str, str]]:
    """Return the calls of a start on a copy of a disk."""
    calls: list[tuple[str, str]] = []
    twin = disk.copied()
    twin.watch = lambda kind, name: calls.append((kind, name))
    Machine(twin).kill()
    return calls


def fail_at(disk: Disk, number: int, error: type[apsw.Error]) -> None:
    """Let the call of that number fail, and no other."""
    made = iter(range(1_000_000))

    def watch(_kind: str, _name: str) -> None:
        if next(made) == number:
            raise error("planted")

    disk.watch = watch


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_no_start_ends_without_the_log(error: type[apsw.Error]) -> None:
    """An error while a new database is brought to use a write-ahead log ends the start: with the
    journal that was there before, commits would not be durable.
    """
    started = 0
    for number in range(len(calls_of_a_start(Disk()))):
        disk = Disk()
        fail_at(disk, number, error)
        with quiet():
            try:
                machine = Machine(disk)
            except Exception as refusal:  # noqa: BLE001 - which ones may come is what is tested
                assert type(refusal).__name__ in ("StoreFailed", "Unavailable"), refusal
                disk.watch = None
                continue
        disk.watch = None
        machine.call("CreateQueue", START_MS, QueueName="kept")
        rows = state_of(machine.store).rows
        image = {name: bytes(file.platter) for name, file in disk.names.items()}
        machine.kill()
        assert Inspector(STATEMENTS).look(image).rows == rows, f"{error} at call {number}"
        started += 1
    # A full disk costs a start the mark of its log at the most, which is nothing; an error ends it.
    assert bool(started) == (error is apsw.FullError)


def test_a_database_that_cannot_be_read_is_named() -> None:
    """Whichever read of a start fails, that is StoreFailed and not an error of SQL."""
    base = build().disk
    calls = calls_of_a_start(base)
    for number in [n for n, (kind, _name) in enumerate(calls) if kind == "read"]:
        disk = base.copied()
        fail_at(disk, number, apsw.IOError)
        with quiet(), pytest.raises(StoreFailed):
            Machine(disk)
        disk.watch = None


def test_a_stop_that_fails_leaves_the_log() -> None:
    """When moving the log fails at a stop, the log stays, and the next start goes on from it."""
    base = build(stops=False).disk
    machine = Machine(base.copied())
    rows = state_of(machine.store).rows
    fails = iter(("the first sync",))

    def watch(kind: str, _name: str) -> None:
        if kind == "sync" and next(fails, None):
            raise apsw.IOError("planted")

    machine.disk.watch = watch
    with quiet():
        machine.stop()
    machine.disk.watch = None
    assert next(fails, None) is None
    image = {name: bytes(file.live) for name, file in machine.disk.files.items()}
    sight = Inspector(STATEMENTS).look(image)
    assert (sight.problem, sight.rows) == ("", rows)
