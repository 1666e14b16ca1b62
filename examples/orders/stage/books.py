"""The auditor: reads the consumer's database and says what is missing, doubled or wrong."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage.shop import Order


@dataclass(frozen=True, slots=True)
class Audit:
    """What is not as it must be (order ids), and what the handler absorbed."""

    missing: list[str]
    doubled: list[str]
    wrong: list[str]  # an order that nobody sent, or at another price
    absorbed: int  # deliveries of an order that was there already

    @property
    def is_clean(self) -> bool:
        """Tell whether every order had its effect exactly once."""
        return not (self.missing or self.doubled or self.wrong)


class Books:
    """The consumer's database, read and never written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def processed(self) -> int:
        """Return how many orders are kept."""
        return int(self._rows("SELECT count(*) FROM orders")[0][0]) if self._path.exists() else 0

    def order_ids(self) -> set[str]:
        """Return the orders that are kept."""
        return {order_id for (order_id,) in self._rows("SELECT order_id FROM orders")}

    def retried(self) -> int:
        """Return how many of them did not succeed at their first delivery."""
        return int(self._rows("SELECT count(*) FROM orders WHERE receives > 1")[0][0])

    def audit(self, orders: Sequence[Order]) -> Audit:
        """Hold the books against what was ordered."""
        kept = dict(self._rows("SELECT order_id, cents FROM orders"))
        booked = self._rows("SELECT order_id, cents FROM ledger")
        effects = Counter(order_id for order_id, _cents in booked)
        due = {order.order_id: order.cents for order in orders}
        return Audit(
            missing=_ids(i for i in due if i not in kept or not effects[i]),
            doubled=_ids(i for i, times in effects.items() if times > 1),
            wrong=_ids(i for i, cents in [*booked, *kept.items()] if due.get(i) != cents),
            absorbed=self._rows("SELECT count(*) FROM redeliveries")[0][0],
        )

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self._path, timeout=5)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # the consumer is about to make them
                    return [(0,)] if "count(*)" in query else []
                raise


def _ids(found: Iterable[str]) -> list[str]:
    return sorted(set(found))
