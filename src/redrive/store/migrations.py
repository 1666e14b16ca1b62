"""Forward migrations: each service's schema steps, each applied once, in order, in one transaction.

The database remembers for each service how many steps it has seen. One that has seen more than this
program knows was written by a newer Redrive, and is refused unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from redrive.store.statements import Statements


class SchemaTooNew(Exception):
    """The database was written by a newer Redrive."""


_OWN = """
CREATE TABLE IF NOT EXISTS schema_steps (
    service TEXT PRIMARY KEY,
    steps   INTEGER NOT NULL  -- how many of the service's steps have been applied
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    now_ms INTEGER NOT NULL  -- the latest instant at which a group was committed
) STRICT;
INSERT OR IGNORE INTO clock VALUES (1, 0);
"""


def migrate(connection: apsw.Connection, statements: Sequence[Statements]) -> None:
    """Apply the steps that the database has not seen. Raises SchemaTooNew and then changes
    nothing.
    """
    # Not `with connection`: when SQLite has undone the transaction by itself after an error of the
    # disk, that one's own ROLLBACK fails, and hides the error.
    connection.execute("BEGIN")
    try:
        _apply(connection, statements)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _apply(connection: apsw.Connection, statements: Sequence[Statements]) -> None:
    connection.execute(_OWN)
    seen: dict[str, Any] = {
        str(service): steps
        for service, steps in connection.execute("SELECT service, steps FROM schema_steps")
    }
    for group in statements:
        before = seen.get(group.service, 0)
        if before > len(group.steps):
            raise SchemaTooNew(
                f"the tables of {group.service} are at step {before}, and this program knows"
                f" {len(group.steps)}: start the newer Redrive that wrote them"
            )
        for step in group.steps[before:]:
            connection.execute(step)
        if before != len(group.steps):
            connection.execute(
                "INSERT OR REPLACE INTO schema_steps VALUES (?, ?)",
                (group.service, len(group.steps)),
            )
