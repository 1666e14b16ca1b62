"""Tags of buses, subscribers and event sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.custom_buses.model import Bus, Source, Subscriber
from redrive.services.custom_buses.names import BUS, SUBSCRIBER, invalid, read_arn, wrong_state
from redrive.services.custom_buses.operations.lookup import (
    located_bus,
    located_source,
    located_subscriber,
)
from redrive.services.custom_buses.room import CustomBuses
from redrive.store.store import Tx

TAGS_MAX = 50
"""AWS: General Reference, "Tag naming limits and requirements"."""


class _Tagged(NamedTuple):
    row: Bus | Subscriber | Source
    statement: str


def tag_resource(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags, or replace them."""
    del room
    found = _located(tx, params["ResourceArn"], context, "TagResource")
    _refuse_revoked(found)
    _write(tx, found, checked_tags(orjson.loads(found.row.tags), params["Tags"]))
    return {}


def untag_resource(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags."""
    del room
    found = _located(tx, params["ResourceArn"], context, "UntagResource")
    _refuse_revoked(found)
    gone = set(params["TagKeys"])
    left = {key: value for key, value in orjson.loads(found.row.tags).items() if key not in gone}
    _write(tx, found, checked_tags({}, left))
    return {}


def list_tags_for_resource(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Show the tags."""
    del room
    found = _located(tx, params["ResourceArn"], context, "ListTagsForResource")
    return {"Tags": orjson.loads(found.row.tags)}


def checked_tags(before: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return tags together as JSON. Raises LimitExceededException, InvalidInputException."""
    if any(key.lower().startswith("aws:") for key in given):
        raise invalid("Tag keys that begin with aws: are reserved.")
    tags = {**before, **given}
    if len(tags) > TAGS_MAX:
        text = f"A resource has at most {TAGS_MAX} tags."
        raise ServiceError("LimitExceededException", text, status=400)
    return orjson.dumps(tags).decode()


def _located(tx: Tx, arn: str, context: Context, action: str) -> _Tagged:
    named = read_arn(arn)
    if named is not None and named.kind == BUS:
        return _Tagged(located_bus(tx, arn, context, action), "custom_buses.set_bus_tags")
    if named is not None and named.kind == SUBSCRIBER:
        row = located_subscriber(tx, arn, context, action)
        return _Tagged(row, "custom_buses.set_subscriber_tags")
    return _Tagged(located_source(tx, arn, context, action), "custom_buses.set_source_tags")


def _refuse_revoked(found: _Tagged) -> None:
    row = found.row
    if not isinstance(row, Bus) and row.revoked:
        raise wrong_state(f"{row.arn} has been revoked.")


def _write(tx: Tx, found: _Tagged, tags: str) -> None:
    row = found.row
    tx.run(
        found.statement,
        arn=row.arn,
        account=row.account,
        region=row.region,
        name=row.name,
        tags=tags,
    )
