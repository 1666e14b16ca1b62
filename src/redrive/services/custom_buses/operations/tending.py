"""What nobody waits for: buses on their way to another state, and rows that count no more."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.time import DAY_MS, HOUR_MS, Millis
from redrive.services.custom_buses.model import Bus, Kept
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import horizon_seq
from redrive.store.store import Tx

CHUNK = 1_000
"""Rows that one transaction removes."""

GRACE_MS = DAY_MS
"""Events stay so long after they have expired: a batch that was read in time may be retried for a
day."""

PAUSE_MS = 1 * HOUR_MS
"""Between two looks at what has expired; nobody sees a row that has."""


def tend_buses(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Do a piece of work. -> {"NextMs": when to come again, None when there is no bus}"""
    del room, params
    now_ms = context.now_ms
    bus: Bus | None = tx.one(Bus, "custom_buses.unsettled_bus")
    if bus is not None:
        _move_on(tx, bus)
        return {"NextMs": now_ms}
    if tx.run("custom_buses.forget_tokens", now_ms=now_ms, limit=CHUNK) == CHUNK:
        return {"NextMs": now_ms}
    buses: list[Kept] = tx.rows(Kept, "custom_buses.all_buses")
    for kept in buses:
        upto = horizon_seq(kept.retention_days, now_ms - GRACE_MS)
        if tx.run("custom_buses.expire", bus=kept.number, upto=upto, limit=CHUNK) == CHUNK:
            return {"NextMs": now_ms}
    return {"NextMs": now_ms + PAUSE_MS if buses else None}


def _move_on(tx: Tx, bus: Bus) -> None:
    if bus.state != "DELETING":
        tx.run("custom_buses.set_bus_state", number=bus.number, state="ACTIVE")
        return
    every = horizon_seq(0, Millis(2**42))
    if tx.run("custom_buses.expire", bus=bus.number, upto=every, limit=CHUNK) < CHUNK:
        tx.run("custom_buses.forget_tokens_of", bus=bus.number)
        tx.run("custom_buses.delete_bus", number=bus.number)
