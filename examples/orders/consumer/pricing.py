"""What an order costs."""

from __future__ import annotations

from typing import Any


def total_cents(order: dict[str, Any]) -> int:
    """Return the price of all lines of an order, less its discount."""
    total = sum(line["quantity"] * line["unit_cents"] for line in order["lines"])
    discount = order.get("discount")
    if discount is None:
        return total
    return total * (100 - discount["percent"]) // 100
