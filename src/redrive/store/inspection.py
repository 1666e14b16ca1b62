"""Look at a store that nobody has open: every page, the log, and what SQLite makes of them.

Nothing is changed, but by `give_up_log`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

from redrive.store.checksums import SealedVfs, damaged_pages
from redrive.store.log import LogDamaged, LogMark, check_log, open_beside, pages_in_log
from redrive.store.store import StoreFailed

_TOLD_MAX = 100
"""Lines that SQLite's integrity check may say."""


class Findings(NamedTuple):
    """What was found. All is well when nothing is damaged and the problems are empty."""

    pages: int  # of the database's file
    frames: int  # of the log that can be read
    is_sealed: bool  # False: begun without page checksums, which the next start adds
    damaged: tuple[int, ...]  # pages that fail and have no later version in the log
    log_problem: str
    problems: tuple[str, ...]  # what SQLite says of the tables and indexes

    @property
    def is_whole(self) -> bool:
        """Tell whether all that was acknowledged can be read."""
        return not (self.damaged or self.log_problem or self.problems)


def inspect(path: str) -> Findings:
    """Read all of the database at `path` and its log. Raises StoreFailed when there is none."""
    if not Path(path).is_file():
        raise StoreFailed(f"{path} is not there")
    with _opened(path) as (connection, disk, frames, failure):
        log_problem, spared = "", frozenset[int]()
        if connection is not None:
            log_problem = _log_problem(path, disk, frames, connection)
            spared = pages_in_log(path, disk.base, frames)
        problems = (failure,) if connection is None else _problems(connection)
    damaged = () if disk.is_unsealed else _damaged(path, spared)
    return Findings(disk.pages, frames, not disk.is_unsealed, damaged, log_problem, problems)


def give_up_log(path: str) -> bool:
    """Go on from what can still be read of a damaged log; return whether there was need to.

    What was acknowledged after that is lost. Raises StoreFailed.
    """
    if not Path(path).is_file():
        raise StoreFailed(f"{path} is not there")
    with _opened(path) as (connection, disk, frames, failure):
        if connection is None:
            raise StoreFailed(f"{path} cannot be opened: {failure}")
        if not _log_problem(path, disk, frames, connection):
            return False
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise StoreFailed(f"{path} cannot be written: {error}") from error
    Path(path + "-mark").unlink(missing_ok=True)
    return True


@contextmanager
def _opened(path: str) -> Iterator[tuple[apsw.Connection | None, SealedVfs, int, str]]:
    """Yield a connection that leaves everything as it is, its VFS, and how many frames it read.

    Instead of a connection there may be None, and why.
    """
    disk = SealedVfs("")
    connection = None
    log = Path(path + "-wal")
    had_log = log.exists()
    try:
        try:
            connection = apsw.Connection(path, vfs=disk.name)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            frames, _moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        except apsw.Error as error:
            yield None, disk, 0, str(error)
        else:
            yield connection, disk, frames, ""
    finally:
        if connection is not None:
            connection.close()
        disk.unregister()
        if not had_log and log.exists() and not log.stat().st_size:
            log.unlink()  # SQLite begins one when it opens


def _log_problem(path: str, disk: SealedVfs, frames: int, connection: apsw.Connection) -> str:
    try:
        mark = None
        if Path(path + "-mark").exists():
            kept = LogMark(disk.base, path)
            mark = kept.read()
            kept.close()
        check_log(path, disk, frames, connection.pragma("page_count"), mark)
    except (LogDamaged, apsw.Error) as error:
        return str(error)
    return ""


def _damaged(path: str, spared: frozenset[int]) -> tuple[int, ...]:
    """Read the file itself, when no connection holds it: closing it would end the lock on it."""
    try:
        file = open_beside("", path)
        try:
            return tuple(damaged_pages(file, spared))
        finally:
            file.xClose()
    except apsw.Error as error:
        raise StoreFailed(f"{path} cannot be read: {error}") from error


def _problems(connection: apsw.Connection) -> tuple[str, ...]:
    try:
        told = [
            str(line)
            for (line,) in connection.execute(f"PRAGMA integrity_check({_TOLD_MAX})").fetchall()
        ]
    except apsw.Error as error:
        return (str(error),)
    return () if told == ["ok"] else tuple(told)
