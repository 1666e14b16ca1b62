"""What has been published is read on from each subscriber's cursor into batches that are owed.

    bus ──cursor──> matches? ──> batch of the lane ──due──> Deliver
                                   │ two batches ahead
                                   └──> the group waits in the bus (custom_lanes), read on later

Invariants
1. An event up to the cursor is settled, in a batch, or behind next_seq of its group's row: all in
   the transaction that moves the cursor, so that a crash loses and skips nothing.
2. Of a group only its first batch may be due; two are kept, so that one group that fails does not
   fill what a subscriber may read ahead, AHEAD_MAX batches.
3. One look reads a bounded number of events and bytes; what is left is read at the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.rounds import Due
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.custom_buses.contents import passes
from redrive.services.custom_buses.model import (
    Batch,
    Bus,
    Event,
    Heading,
    Lane,
    Number,
    Subscriber,
)
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import AHEAD_MAX, BATCH_BYTES_MAX, horizon_seq
from redrive.store.store import Tx

READERS_MAX = 16
"""Subscribers, and groups that waited, that one look reads on for."""

EVENTS_MAX = 200
"""Events that one look reads for each of them."""

READ_BYTES_MAX = 4 * 1_048_576
"""Of them together, where a filter looks into them."""

LANE_BATCHES_MAX = 2

_SEQ_MAX = 2**63 - 1


def due_batches(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Read on, then name due batches, at most Limit of each subscriber, oldest first.

    -> {"Events": [Due], "NextMs": int | None}
    """
    now_ms = context.now_ms
    lanes: list[Lane] = tx.rows(Lane, "custom_buses.ready_lanes", limit=READERS_MAX)
    for lane in lanes:
        _read_lane(room, tx, lane, now_ms)
    numbers: list[Number] = tx.rows(
        Number, "custom_buses.readers", pending_max=AHEAD_MAX, limit=READERS_MAX
    )
    for number in numbers:
        _read_bus(room, tx, number.value, now_ms)
    found: list[Due] = tx.rows(Due, "custom_buses.due", now_ms=now_ms, limit=params["Limit"])
    next_ms: int | None = now_ms
    is_done = not tx.rows(Lane, "custom_buses.ready_lanes", limit=1) and not tx.rows(
        Number, "custom_buses.readers", pending_max=AHEAD_MAX, limit=1
    )
    if is_done:
        following: Number | None = tx.one(
            Number, "custom_buses.next_due", now_ms=now_ms, never_ms=NEVER
        )
        next_ms = following.value if following is not None else None
    return {"Events": found, "NextMs": next_ms}


def _read_bus(room: CustomBuses, tx: Tx, number: int | None, now_ms: Millis) -> None:
    """Read on from a subscriber's cursor."""
    row: Subscriber | None = tx.one(Subscriber, "custom_buses.subscriber_by_number", number=number)
    assert row is not None, "it was just listed"
    bus = _bus_of(tx, row)
    filing = _Filing(room, tx, row, now_ms)
    after = max(row.cursor, horizon_seq(bus.retention_days, now_ms))
    upto = _SEQ_MAX if row.end_seq is None else row.end_seq
    found: list[Heading] = tx.rows(
        Heading, "custom_buses.headings", bus=row.bus, after=after, upto=upto, limit=EVENTS_MAX
    )
    taken = filing.bounded(found)
    cursor = after
    for heading in taken:
        if row.pending + filing.added >= AHEAD_MAX:
            break
        filing.take(heading)
        cursor = heading.seq
    filing.write()
    is_behind = len(found) == EVENTS_MAX or (bool(found) and cursor < found[-1].seq)
    tx.run(
        "custom_buses.move_cursor",
        number=row.number,
        cursor=cursor,
        behind=int(is_behind),
        pending=row.pending + filing.added,
        turn=tx.sequence(now_ms),
    )


def _read_lane(room: CustomBuses, tx: Tx, lane: Lane, now_ms: Millis) -> None:
    """Read on in a group whose events wait in the bus; what the cursor has not met is not read."""
    row: Subscriber | None = tx.one(
        Subscriber, "custom_buses.subscriber_by_number", number=lane.subscriber
    )
    assert row is not None, "it was just listed"
    bus = _bus_of(tx, row)
    filing = _Filing(room, tx, row, now_ms)
    after = max(lane.next_seq - 1, horizon_seq(bus.retention_days, now_ms))
    found: list[Heading] = tx.rows(
        Heading,
        "custom_buses.lane_headings",
        bus=row.bus,
        lane=lane.lane,
        after=after,
        upto=row.cursor,
        limit=EVENTS_MAX,
    )
    filing.open_lane(lane.lane)
    rest: Heading | None = None
    taken = filing.bounded(found)
    for heading in taken:
        if not filing.take(heading):
            rest = heading
            break
    filing.write()
    if filing.added:
        tx.run("custom_buses.add_pending", number=row.number, count=filing.added)
    key = {"subscriber": row.number, "lane": lane.lane}
    if rest is not None:
        tx.run("custom_buses.put_lane", **key, next_seq=rest.seq, is_ready=0)
    elif len(found) == EVENTS_MAX or len(taken) < len(found):
        tx.run("custom_buses.put_lane", **key, next_seq=taken[-1].seq + 1, is_ready=1)
    else:
        tx.run("custom_buses.delete_lane", **key)


def _bus_of(tx: Tx, row: Subscriber) -> Bus:
    bus: Bus | None = tx.one(Bus, "custom_buses.bus_by_number", number=row.bus)
    assert bus is not None, "a bus with subscribers cannot be deleted"
    return bus


# --- filing into batches ------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """A batch as it grows. is_new: it has no row yet."""

    id: int
    lane: str
    seqs: list[int]
    bytes: int
    is_open: bool
    ready_ms: int
    due_ms: int
    is_new: bool
    is_changed: bool = False


@dataclass(slots=True)
class _Lane:
    """The batches of a lane, in their order. waits: its events are left in the bus."""

    batches: list[_Draft] = field(default_factory=list)
    waits: bool = False


class _Filing:
    """Puts a subscriber's events into batches; nothing is written before `write`."""

    def __init__(self, room: CustomBuses, tx: Tx, row: Subscriber, now_ms: Millis) -> None:
        self._room, self._tx, self._row, self._now_ms = room, tx, row, now_ms
        settings = orjson.loads(row.settings)
        self._filters: Sequence[Any] = settings.get("FilterConfiguration", {}).get("Filters", ())
        self._size_max = settings["BatchConfiguration"]["MaxBatchSize"]
        window_s = settings["BatchConfiguration"]["MaxBatchWindowInSeconds"]
        self._ready_ms = now_ms + window_s * SECOND_MS
        self._lanes: dict[str, _Lane] = {}
        self._matched = 0
        self.added = 0

    def bounded(self, found: Sequence[Heading]) -> Sequence[Heading]:
        """Return the first of the events, as many as may be looked into at a time."""
        if not self._filters:
            return found
        size = 0
        for at, heading in enumerate(found):
            size += heading.bytes
            if at and size > READ_BYTES_MAX:
                return found[:at]
        return found

    def take(self, heading: Heading) -> bool:
        """File an event; return whether it is seen to: not so when its group has to wait."""
        if self._filters:
            event: Event | None = self._tx.one(Event, "custom_buses.event", seq=heading.seq)
            assert event is not None, "it was just listed"
            if not passes(self._filters, event, self._row.bus_arn):
                return True
        self._matched += 1
        name = heading.lane or "" if self._row.kind == "FIFO" else ""
        lane = self._lane(name)
        if name and lane.waits:
            return False
        last = lane.batches[-1] if lane.batches else None
        if last is not None and last.is_open and self._join(last, heading):
            return True
        if name and len(lane.batches) >= LANE_BATCHES_MAX:
            lane.waits = True
            key = {"subscriber": self._row.number, "lane": name}
            self._tx.run("custom_buses.put_lane", **key, next_seq=heading.seq, is_ready=0)
            return False
        lane.batches.append(self._begin(name, heading, is_first=not (name and lane.batches)))
        return True

    def open_lane(self, name: str) -> None:
        """Let a group that waits be read on."""
        self._lane(name).waits = False

    def _lane(self, name: str) -> _Lane:
        lane = self._lanes.get(name)
        if lane is not None:
            return lane
        key = {"subscriber": self._row.number}
        lane = self._lanes[name] = _Lane()
        if name:
            rows = self._tx.rows(Batch, "custom_buses.lane_batches", **key, lane=name)
            lane.waits = self._tx.one(Lane, "custom_buses.lane", **key, lane=name) is not None
        else:
            rows = self._tx.rows(Batch, "custom_buses.open_batch", **key)
        lane.batches = [_draft(row) for row in rows]
        return lane

    def _join(self, batch: _Draft, heading: Heading) -> bool:
        """Add an event to an open batch, unless it is too large for it; then it is closed."""
        if batch.bytes + heading.bytes > BATCH_BYTES_MAX:
            self._close(batch)
            return False
        batch.seqs.append(heading.seq)
        batch.bytes += heading.bytes
        batch.is_changed = True
        if len(batch.seqs) >= self._size_max:
            self._close(batch)
        return True

    def _close(self, batch: _Draft) -> None:
        batch.is_open, batch.is_changed = False, True
        if batch.due_ms != NEVER:
            batch.due_ms = min(batch.due_ms, self._now_ms)

    def _begin(self, name: str, heading: Heading, *, is_first: bool) -> _Draft:
        self.added += 1
        batch = _Draft(
            self._tx.sequence(self._now_ms),
            name,
            [heading.seq],
            heading.bytes,
            is_open=True,
            ready_ms=self._ready_ms,
            due_ms=self._ready_ms if is_first else NEVER,
            is_new=True,
        )
        if self._size_max == 1:
            self._close(batch)
        return batch

    def write(self) -> None:
        """Write the batches that are new or have grown."""
        for batch in [batch for lane in self._lanes.values() for batch in lane.batches]:
            if not batch.is_new and not batch.is_changed:
                continue
            values = {
                "id": batch.id,
                "seqs": orjson.dumps(batch.seqs).decode(),
                "events": len(batch.seqs),
                "bytes": batch.bytes,
                "is_open": int(batch.is_open),
                "due_ms": batch.due_ms,
            }
            if batch.is_new:
                values |= {"lane": batch.lane, "ready_ms": batch.ready_ms}
                self._tx.run("custom_buses.add_batch", **values, subscriber=self._row.number)
            else:
                self._tx.run("custom_buses.fill_batch", **values)
        if self._matched:
            row = self._row
            place = (row.account, row.region)
            told = {"SubscriberName": row.name}
            self._room.count(
                place, "AWS/Events", "MatchedEvents", told, self._matched, self._now_ms
            )


def _draft(row: Batch) -> _Draft:
    return _Draft(
        row.id,
        row.lane,
        orjson.loads(row.seqs),
        row.bytes,
        is_open=bool(row.is_open),
        ready_ms=row.ready_ms,
        due_ms=row.due_ms,
        is_new=False,
    )
