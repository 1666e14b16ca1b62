"""The operations of the service `eventbridgev2`, and internal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.custom_buses.operations import (
    buses,
    delivering,
    policies,
    publishing,
    reading,
    sources,
    subscribers,
    tagging,
    tending,
)
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.registry import Registry
from redrive.store.store import Tx


def reset_account(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions, and what reads from its buses."""
    del room, params
    for rows in ("batches", "lanes", "subscribers", "sources", "events", "dedup", "buses"):
        tx.run(f"custom_buses.reset_{rows}", account=context.caller.account)
    return {}


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "CreateEventBus": buses.create_event_bus,
    "CreateEventSource": sources.create_event_source,
    "CreateSubscriber": subscribers.create_subscriber,
    "DeleteEventBus": buses.delete_event_bus,
    "DeleteEventSource": sources.delete_event_source,
    "DeleteResourcePolicy": policies.delete_resource_policy,
    "DeleteSubscriber": subscribers.delete_subscriber,
    "DescribeEventBus": buses.describe_event_bus,
    "DescribeEventSource": sources.describe_event_source,
    "DescribeSubscriber": subscribers.describe_subscriber,
    "GetResourcePolicy": policies.get_resource_policy,
    "ListEventBuses": buses.list_event_buses,
    "ListEventSources": sources.list_event_sources,
    "ListResourcePolicies": policies.list_resource_policies,
    "ListSubscribers": subscribers.list_subscribers,
    "ListTagsForResource": tagging.list_tags_for_resource,
    "PutEvents": publishing.put_events,
    "PutRawEvents": publishing.put_raw_events,
    "PutResourcePolicy": policies.put_resource_policy,
    "RevokeResource": subscribers.revoke_resource,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
    "UpdateEventBus": buses.update_event_bus,
    "UpdateEventSource": sources.update_event_source,
    "UpdateSubscriber": subscribers.update_subscriber,
    # Internal: no model holds these names.
    "DeliverBatch": delivering.deliver_batch,
    "DueBatches": reading.due_batches,
    "ResetAccount": reset_account,
    "TendBuses": tending.tend_buses,
}


def register(registry: Registry, room: CustomBuses) -> None:
    """Add the operations to the registry, and hear of what concerns them elsewhere."""
    registry.add("eventbridgev2", {name: partial(work, room) for name, work in _OPERATIONS.items()})
    room.outbox.listen(delivering.PURPOSE, partial(delivering.hear, room))
    if registry.has("events", "PutServiceEvents"):
        registry.watch("events", "PutServiceEvents", partial(sources.forwarding, room))
