"""What CloudWatch is told of buses: the namespace AWS/Events.

AWS: EventBridge User Guide, "Monitoring Amazon EventBridge": rules of the default bus are counted
by RuleName, those of other buses by EventBusName and RuleName; all together without a dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redrive.core.arn import parse_arn
from redrive.core.time import Millis
from redrive.services.buses.model import DEFAULT, BusKey
from redrive.services.buses.room import Buses
from redrive.services.ports import Settlement
from redrive.store.store import Tx

NAMESPACE = "AWS/Events"

_SETTLED: Mapping[str, tuple[str, ...]] = {
    "taken": ("InvocationAttempts", "Invocations"),
    "again": ("InvocationAttempts",),
    "buried": ("InvocationAttempts", "Invocations", "FailedInvocations"),
    "dropped": ("InvocationAttempts", "Invocations", "FailedInvocations"),
    "buried-taken": ("InvocationsSentToDlq",),
    "buried-dropped": ("InvocationsFailedToBeSentToDlq",),
}
"""What each outcome adds to. Retries that are still under way are no invocations yet."""

_BURIED: Mapping[str, tuple[str, ...]] = {
    "taken": ("InvocationsSentToDlq",),
    "dropped": ("InvocationsFailedToBeSentToDlq",),
}
"""The same, of what was sent to a dead-letter queue without an attempt at its target."""


def count(
    room: Buses, bus: BusKey, rule: str, names: Iterable[str], now_ms: Millis, value: float = 1
) -> None:
    """Count something of a rule."""
    dimensions: tuple[tuple[str, str], ...] = (("RuleName", rule),)
    if bus.bus != DEFAULT:
        dimensions = (("EventBusName", bus.bus), *dimensions)
    place = (bus.account, bus.region)
    for name in names:
        room.count(place, NAMESPACE, name, dimensions, value, now_ms)
        room.count(place, NAMESPACE, name, (), value, now_ms)


def count_put(room: Buses, bus: BusKey, sizes: list[int], failed: int, now_ms: Millis) -> None:
    """Count one PutEvents: the sizes of its entries in bytes, and how many were refused."""
    place = (bus.account, bus.region)
    for name, value, unit in (
        ("PutEventsApproximateCallCount", 1, "Count"),
        ("PutEventsEntriesCount", len(sizes), "Count"),
        ("PutEventsFailedEntriesCount", failed, "Count"),
        ("PutEventsRequestSize", sum(sizes), "Bytes"),
    ):
        room.count(place, NAMESPACE, name, (), value, now_ms, unit)


def heard(room: Buses, tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
    """Count what has become of an attempt at a target."""
    del tx
    _count_settlement(room, settlement, _SETTLED, now_ms)
    is_attempt = settlement.outcome in ("taken", "again", "buried", "dropped")
    if is_attempt and settlement.attempts > 1:
        _count_settlement(
            room, settlement, {settlement.outcome: ("RetryInvocationAttempts",)}, now_ms
        )


def heard_burial(room: Buses, tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
    """Count what has become of a dead letter that is no failed delivery's."""
    del tx
    _count_settlement(room, settlement, _BURIED, now_ms)


def _count_settlement(
    room: Buses, settlement: Settlement, table: Mapping[str, tuple[str, ...]], now_ms: Millis
) -> None:
    arn = parse_arn(settlement.source)
    assert arn is not None, settlement.source
    bus, _, rule = arn.resource.removeprefix("rule/").rpartition("/")
    key = BusKey(arn.account, arn.region, bus or DEFAULT)
    count(room, key, rule, table.get(settlement.outcome, ()), now_ms)
