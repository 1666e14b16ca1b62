"""Find buses, subscribers and event sources by their ARNs, and refuse who may not touch them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from redrive.core.effects import Context, Params
from redrive.services.custom_buses.access import check_bus, check_own, refuse_stranger
from redrive.services.custom_buses.model import Bus, Source, Subscriber
from redrive.services.custom_buses.names import (
    BUS,
    SOURCE,
    SUBSCRIBER,
    fingerprint,
    mismatch,
    not_found,
    read_arn,
)
from redrive.store.store import Tx

Row = TypeVar("Row", Bus, Subscriber, Source)


def find_bus(tx: Tx, arn: str, region: str) -> Bus | None:
    """Return the bus of an ARN. A server asked in one region knows nothing of another's."""
    return _find(tx, Bus, "custom_buses.bus", BUS, arn, region)


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
    return _find(tx, Subscriber, "custom_buses.subscriber", SUBSCRIBER, arn, region)


def located_subscriber(tx: Tx, arn: str, context: Context, action: str) -> Subscriber:
    """Return a subscriber of the caller's account. Raises as located_bus does."""
    _check_own(arn, context, action)
    found = find_subscriber(tx, arn, context.caller.region)
    if found is None:
        raise not_found(f"Subscriber {arn}")
    return found


def find_source(tx: Tx, arn: str, region: str) -> Source | None:
    """Return the event source of an ARN."""
    return _find(tx, Source, "custom_buses.source", SOURCE, arn, region)


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


def made_before(
    tx: Tx, row: type[Row], statement: str, params: Params, context: Context
) -> Row | None:
    """Return what a request with the same ClientToken has made, or None.

    Raises the error for a token that came with other parameters.
    """
    token, caller = params.get("ClientToken"), context.caller
    if token is None:
        return None
    key = {"account": caller.account, "region": caller.region}
    found: Row | None = tx.one(row, statement, **key, token=token)
    if found is not None and found.token_hash != fingerprint(params):
        raise mismatch()
    return found


def _find(tx: Tx, row: type[Row], statement: str, kind: str, arn: str, region: str) -> Row | None:
    named = read_arn(arn)
    if named is None or (named.kind, named.region) != (kind, region):
        return None
    key = {"account": named.account, "region": named.region, "name": named.name}
    found: Row | None = tx.one(row, statement, **key)
    return found if found is not None and found.arn == arn else None
