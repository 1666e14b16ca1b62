"""Find buses, subscribers and event sources by their ARNs, and refuse who may not touch them."""

from __future__ import annotations

from collections.abc import Mapping

from redrive.core.effects import Context
from redrive.services.custom_buses.access import check_bus, check_own, refuse_stranger
from redrive.services.custom_buses.model import Bus, Source, Subscriber
from redrive.services.custom_buses.names import BUS, SOURCE, SUBSCRIBER, Named, not_found, read_arn
from redrive.store.store import Tx


def find_bus(tx: Tx, arn: str, region: str) -> Bus | None:
    """Return the bus of an ARN. A server asked in one region knows nothing of another's."""
    named = _read(arn, region, BUS)
    if named is None:
        return None
    found: Bus | None = tx.one(Bus, "custom_buses.bus", **_key(named))
    return found if found is not None and found.arn == arn else None


def located_bus(
    tx: Tx, arn: str, context: Context, action: str, facts: Mapping[str, str] | None = None
) -> Bus:
    """Return a bus to which the caller may do an action.

    Raises AccessDeniedException, ResourceNotFoundException.
    """
    bus = find_bus(tx, arn, context.caller.region)
    if bus is None:
        named = read_arn(arn)
        if named is not None:
            refuse_stranger(arn, named.account, context, action)
        raise not_found(f"Event bus {arn}")
    check_bus(bus, context, action, facts)
    return bus


def find_subscriber(tx: Tx, arn: str, region: str) -> Subscriber | None:
    """Return the subscriber of an ARN."""
    named = _read(arn, region, SUBSCRIBER)
    if named is None:
        return None
    found: Subscriber | None = tx.one(Subscriber, "custom_buses.subscriber", **_key(named))
    return found if found is not None and found.arn == arn else None


def located_subscriber(tx: Tx, arn: str, context: Context, action: str) -> Subscriber:
    """Return a subscriber of the caller's account. Raises as located_bus does."""
    _check_own(arn, context, action)
    found = find_subscriber(tx, arn, context.caller.region)
    if found is None:
        raise not_found(f"Subscriber {arn}")
    return found


def find_source(tx: Tx, arn: str, region: str) -> Source | None:
    """Return the event source of an ARN."""
    named = _read(arn, region, SOURCE)
    if named is None:
        return None
    found: Source | None = tx.one(Source, "custom_buses.source", **_key(named))
    return found if found is not None and found.arn == arn else None


def located_source(tx: Tx, arn: str, context: Context, action: str) -> Source:
    """Return an event source of the caller's account. Raises as located_bus does."""
    _check_own(arn, context, action)
    found = find_source(tx, arn, context.caller.region)
    if found is None:
        raise not_found(f"Event source {arn}")
    return found


def _check_own(arn: str, context: Context, action: str) -> None:
    named = read_arn(arn)
    owner = named.account if named is not None else context.caller.account
    check_own(arn, owner, context, action)


def _read(arn: str, region: str, kind: str) -> Named | None:
    named = read_arn(arn)
    return named if named is not None and (named.kind, named.region) == (kind, region) else None


def _key(named: Named) -> dict[str, str]:
    return {"account": named.account, "region": named.region, "name": named.name}
