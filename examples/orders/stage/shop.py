"""The orders of the demo, always the same, with what each must cost in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ORDERS_MIN = 25  # so that there is at least one of each kind
CUSTOMERS = ("Ada", "Barbara", "Edsger", "Grace", "Jim", "Leslie", "Niklaus", "Radia")


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    cents: its price by the shop's own reckoning, which the consumer's must match.
    is_slow: its payment provider is away twice. is_poison: the consumer as shipped cannot price it.
    """

    order_id: str
    body: dict[str, Any]
    cents: int
    is_slow: bool
    is_poison: bool


def make_orders(count: int) -> list[Order]:
    """Return orders, of which 5 % fail twice and 4 % fail until the handler is mended."""
    assert count >= ORDERS_MIN
    return [_order(number) for number in range(count)]


def twice_sent(orders: list[Order]) -> list[Order]:
    """Return the orders that customers send twice, as one does whose connection broke."""
    return [order for order in orders[::100] if not order.is_poison and not order.is_slow]


def _order(number: int) -> Order:
    lines = [
        {"sku": f"sku-{number % 17}", "quantity": 1 + number % 3, "unit_cents": 500 + number},
        {"sku": f"sku-{number % 5}", "quantity": 1, "unit_cents": 250},
    ]
    cents = (1 + number % 3) * (500 + number) + 250
    is_slow, is_poison = number % 20 == 7, number % 25 == 11
    body: dict[str, Any] = {
        "order_id": f"order-{number:05}",
        "customer": CUSTOMERS[number % len(CUSTOMERS)],
        "provider": "slowbank" if is_slow else "quickbank",
        "lines": lines,
    }
    if number % 10 == 3:
        body["discount"] = {"kind": "percent", "percent": 20}
        cents = cents * 80 // 100
    elif is_poison:  # a voucher: the shop has begun to sell them, the consumer has not heard of it
        body["discount"] = {"kind": "amount", "cents": 300}
        cents -= 300
    return Order(body["order_id"], body, cents, is_slow, is_poison)
