"""Faults put in on purpose: each judge of a disk's faults finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import apsw
import pytest

from redrive.core.errors import Unavailable
from redrive.core.time import Millis
from redrive.services.queues import operations
from redrive.sim.evidence import Violation
from redrive.sim.vfs import Disk, OpenFile
from redrive.store.sqlite import SqliteStore
from redrive.store.store import StoreFailed

from .errors import GROUPS, Trial
from .inspector import Inspector
from .machine import STATEMENTS, build
from .powerloss import campaign
from .sequences import Walk

STATES = 3_000
Plant = Callable[[pytest.MonkeyPatch], None]

_init, _commit, _sync = SqliteStore.__init__, SqliteStore.commit, OpenFile.xSync
_maintain = SqliteStore.maintain


def lie_about_syncs(end: str) -> Plant:
    """Return a plant that says of files with this end that they were synced."""

    def sync(file: OpenFile, flags: int) -> None:
        if not file._name.endswith(end):
            _sync(file, flags)

    return lambda patch: patch.setattr(OpenFile, "xSync", sync)


def sync_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let SQLite itself leave the syncs out."""

    def init(store: SqliteStore, *arguments: Any, **options: Any) -> None:
        _init(store, *arguments, **options)
        store._connection.execute("PRAGMA synchronous = OFF")

    patch.setattr(SqliteStore, "__init__", init)


def forget_names(patch: pytest.MonkeyPatch) -> None:
    """Never sync the directory."""
    patch.setattr(Disk, "sync_names", lambda disk: None)


def reply_early(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge three of four groups while they are still open."""
    calls = count(1)

    def commit(store: SqliteStore, now_ms: Any) -> tuple[str, ...]:
        if next(calls) % 4 == 0:
            return _commit(store, now_ms)
        if store._open and store._tx.has_written:
            store._execute("UPDATE clock SET now_ms = max(now_ms, ?)", (now_ms,))
        return ()

    def maintain(store: SqliteStore, *, idle: bool = False) -> bool:
        return not store.has_group and _maintain(store, idle=idle)

    patch.setattr(SqliteStore, "commit", commit)
    patch.setattr(SqliteStore, "maintain", maintain)


def commit_between(patch: pytest.MonkeyPatch) -> None:
    """Delete each message of a batch in a transaction of its own."""
    delete = operations.SQS["DeleteMessageBatch"]

    def delete_apart(room: Any, tx: Any, params: Any, context: Any) -> Any:
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in params["Entries"]:
            told = delete(room, tx, {**params, "Entries": [entry]}, context)
            for key, entries in told.items():
                answer[key].extend(entries)
            if tx._is_saved:
                tx._execute("RELEASE work")
                tx._execute("COMMIT")
                tx._execute("BEGIN")
                tx._execute("SAVEPOINT work")
        return {key: entries for key, entries in answer.items() if entries}

    patch.setitem(operations.SQS, "DeleteMessageBatch", delete_apart)


def stop_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Commit without the high-water mark."""

    def commit(store: SqliteStore, _now_ms: Any) -> tuple[str, ...]:
        return _commit(store, Millis(0))

    patch.setattr(SqliteStore, "commit", commit)


@pytest.mark.parametrize(
    "plant",
    [
        sync_nothing,
        lie_about_syncs("-wal"),
        lie_about_syncs(".db"),
        forget_names,
        reply_early,
        commit_between,
    ],
    ids=["synchronous off", "log unsynced", "database unsynced", "names", "early reply", "between"],
)
def test_power_loss_finds(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that loses or splits commits is found out by a loss of power."""
    plant(monkeypatch)
    with pytest.raises(Violation, match="power loss"):
        campaign(count(), STATES)


def test_power_loss_finds_a_clock_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that does not write the clock is noticed."""
    stop_the_clock(monkeypatch)
    with pytest.raises(Violation, match="clock"):
        campaign(count(), STATES)


@pytest.mark.parametrize(
    "plant",
    [sync_nothing, lie_about_syncs("-wal"), commit_between],
    ids=["synchronous off", "log unsynced", "between"],
)
def test_sequences_find(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single operation that is acknowledged too early, or in parts, is found out."""
    plant(monkeypatch)
    with pytest.raises(Violation, match="before or after"):
        Walk(Inspector(STATEMENTS)).every(1)


def keep_going(patch: pytest.MonkeyPatch) -> None:
    """Take a failed commit for a good one."""

    def commit(store: SqliteStore, now_ms: Any) -> tuple[str, ...]:
        try:
            return _commit(store, now_ms)
        except StoreFailed:
            return ()

    patch.setattr(SqliteStore, "commit", commit)


def try_again(patch: pytest.MonkeyPatch) -> None:
    """Commit once more when a commit has failed."""

    def fail(store: SqliteStore, error: BaseException) -> StoreFailed:
        with suppress(apsw.Error):
            if store._connection.in_transaction:
                store._execute("ROLLBACK")
            store._execute("UPDATE clock SET now_ms = now_ms")
        return StoreFailed(str(error))

    patch.setattr(SqliteStore, "_fail", fail)


def refuse_what_is_kept(patch: pytest.MonkeyPatch) -> None:
    """Say of the third commit that it was refused."""
    calls = count(1)

    def commit(store: SqliteStore, now_ms: Any) -> tuple[str, ...]:
        topics = _commit(store, now_ms)
        if next(calls) == 3:
            raise Unavailable("planted")
        return topics

    patch.setattr(SqliteStore, "commit", commit)


@pytest.mark.parametrize(
    ("plant", "error", "found"),
    [
        (keep_going, "IOERR_FSYNC", "disk errors"),
        (keep_going, "IOERR_WRITE", "disk errors"),
        (try_again, "IOERR_FSYNC", "one failed sync"),
        (refuse_what_is_kept, "FULL", "disk errors"),
    ],
)
def test_disk_errors_find(
    plant: Plant, error: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that goes on after an error, or refuses what it kept, is found out."""
    trial = Trial(build(), GROUPS)
    plant(monkeypatch)
    with pytest.raises(Violation, match=found):
        for fault in trial.faults():
            if fault.error == error:
                trial.run(fault)
