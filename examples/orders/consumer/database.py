"""Where orders are kept: each once, however often it is delivered.

SQLite, so that the example runs without another service; in production this is RDS (the same
INSERT ... ON CONFLICT) or DynamoDB (a conditional put). What matters is that the check and the
effect are one transaction, keyed by the order and not by the message.
"""

from __future__ import annotations

import sqlite3
from functools import cached_property
from typing import Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

BUSY_SECONDS = 0.5

# `ledger` holds the effect of an order and has no key on purpose: a second effect would be seen.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL,
    message_id TEXT NOT NULL, receives INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger (
    order_id TEXT NOT NULL, cents INTEGER NOT NULL, message_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS redeliveries (order_id TEXT NOT NULL, message_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS charges (order_id TEXT PRIMARY KEY, attempts INTEGER NOT NULL);
"""

# Another environment holds the write lock, or the file is briefly out of reach: worth a moment's
# patience here. An error that stays is the queue's to retry, which can wait much longer.
patiently = retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    wait=wait_exponential_jitter(initial=0.02, max=0.2, jitter=0.05),
    stop=stop_after_attempt(4),
    reraise=True,
)


class Database:
    """One connection, opened at its first use and kept for the life of the environment."""

    def __init__(self, path: str) -> None:
        self._path = path

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.executescript(SCHEMA)
        return connection

    @patiently
    def keep(self, order: dict[str, Any], cents: int, message_id: str, receives: int) -> bool:
        """Keep an order and book it; False when that has been done by an earlier delivery."""
        with _Transaction(self._connection) as run:
            order_id = order["order_id"]
            inserted = run(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO NOTHING",
                (order_id, order["customer"], cents, message_id, receives),
            )
            if inserted.rowcount == 0:
                run("INSERT INTO redeliveries VALUES (?, ?)", (order_id, message_id))
                return False
            run("INSERT INTO ledger VALUES (?, ?, ?)", (order_id, cents, message_id))
            return True

    @patiently
    def count_charge(self, order_id: str) -> int:
        """Count an attempt to charge for an order and return how many there have been."""
        with _Transaction(self._connection) as run:
            counted = run(
                "INSERT INTO charges VALUES (?, 1) ON CONFLICT (order_id)"
                " DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
                (order_id,),
            )
            return int(counted.fetchall()[0][0])  # all, so that nothing is open at COMMIT


class _Transaction:
    """BEGIN IMMEDIATE, so that waiting for the lock happens before anything was read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection.execute

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
