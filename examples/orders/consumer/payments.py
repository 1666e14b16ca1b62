"""Stands in for the payment provider, a service of somebody else that is sometimes away.

It behaves the same in every run: for orders that are paid through `slowbank` it is away twice, and
there the third time. As with a real one, the order id is the idempotency key: to charge for an
order again is to charge once.
"""

from __future__ import annotations

import time
from typing import Any

from database import Database

TIMES_AWAY = 2
ANSWER_SECONDS = 0.005  # over the network


class ProviderAway(Exception):
    """The payment provider does not answer. Later it will."""


def charge(database: Database, order: dict[str, Any], cents: int) -> None:
    """Charge the customer. Raises ProviderAway."""
    time.sleep(ANSWER_SECONDS)
    if order["provider"] != "slowbank":
        return
    attempt = database.count_charge(order["order_id"])
    if attempt <= TIMES_AWAY:
        raise ProviderAway(f"slowbank did not answer: {cents} cents, attempt {attempt}")
