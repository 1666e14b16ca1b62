"""Open the database of a store: its settings, its page checksums, a look at its log."""

from __future__ import annotations

import apsw

from redrive.store.checksums import SEAL_BYTES, SealedVfs
from redrive.store.log import LogDamaged, LogMark, check_log, sync_log
from redrive.store.renewal import renew
from redrive.store.store import StoreFailed

_AUTO_VACUUM = "PRAGMA auto_vacuum = INCREMENTAL"
"""Freed pages can return to the disk in small steps. For a new file only: it writes every time."""

_PRAGMAS = (
    # First, before anything reads the file: only then is there no shared-memory file (SQLite,
    # "WAL", 8).
    "PRAGMA locking_mode = EXCLUSIVE",  # the data directory is ours alone
    "PRAGMA page_size = 4096",
    _AUTO_VACUUM,
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: F_FULLFSYNC, since fsync there does not reach the platter
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA wal_autocheckpoint = 0",  # `SqliteStore.maintain` does them
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
)


STRICT, RELAXED = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"
"""A commit is on the platter when COMMIT returns, or with the next sync of the log."""


def connect(path: str, disk: SealedVfs) -> apsw.Connection:
    """Open the database; one without page checksums gets them first. Nothing is read yet."""
    connection = apsw.Connection(path, vfs=disk.name, statementcachesize=256)
    if disk.is_unsealed:
        connection.close()
        renew(path, disk)
        connection = apsw.Connection(path, vfs=disk.name, statementcachesize=256)
    # Until the log has been looked at: closing would bring what is left of it into the database.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def set_up(
    connection: apsw.Connection, disk: SealedVfs, path: str, *, is_relaxed: bool = False
) -> LogMark:
    """Set the connection up, look at the log, and return its mark.

    is_relaxed: a commit is not synced by itself (`SqliteStore.sync` does it).

    Raises StoreFailed when the log is damaged, and then everything lies as it was.
    """
    connection.reserve_bytes("main", SEAL_BYTES)
    for pragma in _PRAGMAS:
        if pragma != _AUTO_VACUUM or not connection.pragma("auto_vacuum"):
            # To the end: an error of the disk that comes behind the only row is told there.
            connection.execute(pragma).fetchall()
    if connection.pragma("journal_mode") != "wal":
        # With any other journal a commit is not on the platter when COMMIT returns.
        raise apsw.CantOpenError("it cannot be brought to keep a write-ahead log")
    frames, _moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    mark = LogMark(disk.base, path, is_relaxed=is_relaxed)
    try:
        last = mark.read()
        log = check_log(path, disk, frames, connection.pragma("page_count"), last)
        if frames and last is not None and last.is_relaxed:
            sync_log(path, disk)  # before it is marked as needed
        if log.size and not frames:
            # Nothing in it is needed. Frames that stayed would lie behind a header that is written
            # anew, and if that one is torn, nobody could tell whether they were.
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            sync_log(path, disk)
        mark.begin(log)
    except LogDamaged as error:
        mark.close()
        raise StoreFailed(f"{path}-wal: {error}") from error
    except apsw.Error:
        mark.close()
        raise
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    if is_relaxed:
        connection.execute(RELAXED)
    return mark
