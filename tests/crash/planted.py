"""`python planted.py FAULT FOLDER serve ...`: the shipped server with a fault put in.

Not part of the product: each fault replaces something of the store's or of the disk's before the
server starts, so that one can see that the crash tests notice.

    early-reply   replies leave before the commit: of eight commits, seven are put off
    lost-tail     the end of the log is missing at the start, as if it had never been synced
    full          no write reaches the disk while FOLDER/fault exists (ENOSPC)
    sync          every sync fails while FOLDER/fault exists (EIO)
    sync-once     one sync fails when FOLDER/fault exists, as Linux reports it: the pages are gone
                  and the next sync succeeds; what is done after it is noted in FOLDER/after
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import apsw

from redrive.cli.main import main
from redrive.store.sqlite import SqliteStore

COMMITS_PUT_OFF = 7
TAIL_BYTES = 3 * (4_096 + 24)
"""Three frames of the write-ahead log: at least the last commit."""


def plant_early_reply() -> None:
    """Let most commits return at once; the group simply stays open."""
    commit, maintain = SqliteStore.commit, SqliteStore.maintain
    calls = 0

    def late_commit(self: Any, now_ms: Any) -> tuple[str, ...]:
        nonlocal calls
        calls += 1
        return commit(self, now_ms) if calls % (COMMITS_PUT_OFF + 1) == 0 else ()

    def careful_maintain(self: Any, *, idle: bool = False) -> None:
        if not self._open:
            maintain(self, idle=idle)

    SqliteStore.commit = late_commit  # type: ignore[method-assign]
    SqliteStore.maintain = careful_maintain  # type: ignore[method-assign]


def plant_lost_tail(folder: Path) -> None:
    """Cut the log before the store opens it, and take the mark that would tell of it."""
    for log in folder.glob("data/*-wal"):
        os.truncate(log, max(0, log.stat().st_size - TAIL_BYTES))
    for mark in folder.glob("data/*-mark"):
        mark.unlink()


def plant_disk_fault(kind: str, switch: Path) -> apsw.VFS:
    """Put a file system in front of SQLite's own that fails on demand."""
    system = apsw.vfs_names()[0]
    failed: list[bool] = []
    after = switch.with_name("after")

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("planted", base=system, makedefault=True)

        def xOpen(self, name: Any, flags: Any) -> Any:
            # The logs' file is no acknowledged state: what is done to it says nothing.
            is_store = name is None or "telemetry" not in str(
                name if isinstance(name, str) else name.filename()
            )
            return (File if is_store else apsw.VFSFile)(system, name, flags)

    class File(apsw.VFSFile):
        def xWrite(self, data: Any, offset: int) -> None:
            if kind == "full" and switch.exists():
                raise apsw.FullError("planted: no space left on device")
            if failed:
                after.write_text(f"a write of {len(data)} bytes at {offset}")
            super().xWrite(data, offset)

        def xSync(self, flags: int) -> None:
            if failed:
                after.write_text("a sync")
            if kind.startswith("sync") and switch.exists():
                if kind == "sync-once":
                    switch.unlink()
                    failed.append(True)
                raise apsw.IOError("planted: the sync failed")
            super().xSync(flags)

    return Disk()


def run() -> None:
    """Plant what the command line names and become `redrive`."""
    fault, folder = sys.argv[1], Path(sys.argv[2])
    del sys.argv[1:3]
    disk = None
    if fault == "early-reply":
        plant_early_reply()
    elif fault == "lost-tail":
        plant_lost_tail(folder)
    else:
        disk = plant_disk_fault(fault, folder / "fault")
    main()
    del disk  # registered for as long as it is referenced


if __name__ == "__main__":
    run()
