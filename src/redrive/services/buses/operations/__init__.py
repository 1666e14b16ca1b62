"""The operations of the service `events`, and internal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.buses.counting import heard, heard_burial
from redrive.services.buses.operations import (
    api_destinations,
    archives,
    buses,
    connections,
    events,
    http,
    patterns,
    permissions,
    replays,
    rules,
    tagging,
    targets,
    ticking,
    unoffered,
)
from redrive.services.buses.operations.routing import BURIAL, PURPOSE
from redrive.services.buses.room import Buses
from redrive.services.registry import Registry
from redrive.store.store import Tx

_RESETS = ("reset", "reset_rules", "reset_targets", "reset_generations")


def reset_account(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions."""
    del room, params
    for statement in _RESETS:
        tx.run(f"buses.{statement}", account=context.caller.account)
    archives.reset(tx, context.caller.account)
    connections.reset(tx, context.caller.account)
    return {}


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **buses.OPERATIONS,
    **api_destinations.OPERATIONS,
    **archives.OPERATIONS,
    **connections.OPERATIONS,
    **http.OPERATIONS,
    **replays.OPERATIONS,
    **rules.OPERATIONS,
    **targets.OPERATIONS,
    **ticking.OPERATIONS,
    **events.OPERATIONS,
    **patterns.OPERATIONS,
    **permissions.OPERATIONS,
    **tagging.OPERATIONS,
    **unoffered.OPERATIONS,
    # Internal: no model holds these names.
    "ResetAccount": reset_account,
}


def register(registry: Registry, room: Buses) -> None:
    """Add the operations to the registry, and count what becomes of deliveries."""
    room.outbox.listen(PURPOSE, partial(heard, room))
    room.outbox.listen(BURIAL, partial(heard_burial, room))
    room.outbox.listen(connections.PURPOSE, partial(connections.hear, room))
    registry.add("events", {name: partial(work, room) for name, work in _OPERATIONS.items()})
