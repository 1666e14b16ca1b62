"""A database that was begun without page checksums is written anew with them, once.

It is copied whole beside itself and put in its own place when the copy is on the platter: a crash
on the way leaves the old one, and the next start begins again. That takes as much space again, and
about ten seconds for a million messages of 1 KiB.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import apsw

from redrive.store.checksums import SEAL_BYTES, SealedVfs

log = logging.getLogger("redrive")


def renew(path: str, disk: SealedVfs) -> None:
    """Put a sealed copy in the place of the database at `path`. Raises apsw.Error, OSError.

    What the old one holds is checked as far as SQLite can before it is taken over.
    """
    log.info("%s gets page checksums: this start takes longer", path)
    copy = Path(path + "-renewed")
    copy.unlink(missing_ok=True)
    connection = apsw.Connection(path, vfs=disk.name)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        told = connection.execute("PRAGMA quick_check").fetchall()
        if told != [("ok",)]:
            raise apsw.CorruptError(str(told[0][0]))
        # What the log holds comes into the database, and no log stays that a new one could meet.
        if connection.pragma("journal_mode", "delete") != "delete":
            raise apsw.CantOpenError("its log cannot be taken in")
        connection.reserve_bytes("main", SEAL_BYTES)
        connection.execute("VACUUM INTO ?", (str(copy),))
    finally:
        connection.close()
    _sync(copy)
    copy.replace(path)
    _sync(Path(path).absolute().parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
