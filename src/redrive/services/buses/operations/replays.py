"""Replays of archives: begun, shown, cancelled, and moved on a chunk at a time. AWS: EventBridge
User Guide, "Archiving and replaying events"; errors as captured (test_archive_and_replay).

A chunk's deliveries and the place that the replay has come to are written in one transaction, so
that a crash neither repeats nor loses an event. What is archived after a replay began is not
replayed by it: else a rule that answers an event with another could keep it going for ever.
"""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import SEQ_BITS
from redrive.core.time import NEVER, Millis
from redrive.services.buses.archiving import (
    ACTIVE,
    EXPIRY_CHUNK,
    EXPIRY_PAUSE_MS,
    REPLAY_CHUNK,
    REPLAY_CHUNK_BYTES,
    REPLAY_KEPT_MS,
    REPLAY_PAUSE_MS,
    REPLAYS_ACTIVE_MAX,
    Archive,
    Number,
    Replay,
    Sized,
    Text,
)
from redrive.services.buses.lookup import find_bus
from redrive.services.buses.operations.archives import ARCHIVES_TOPIC, check_filters, find_archive
from redrive.services.buses.operations.routing import route
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.refusals import exists, invalid_parameter, limit_exceeded, not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

_LAST_SEQ = 2**63 - 1


def start_replay(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Begin to send archived events to their bus again. AWS: API_StartReplay.

    Events at both ends of the time are sent, too: an event's time is known to the second only.
    """
    del room
    archive = _archive(tx, params["EventSourceArn"], context)
    destination = params["Destination"]
    if not _is_bus(destination["Arn"]):
        raise invalid_parameter("Destination.Arn", "Must contain an event bus ARN.")
    if destination["Arn"] != archive.key.arn:
        raise invalid_parameter("Destination.Arn", "Cross event bus replay is not permitted.")
    start_ms, end_ms = params["EventStartTime"], params["EventEndTime"]
    if start_ms >= end_ms:
        raise invalid_parameter("EventEndTime", "EventStartTime must be before EventEndTime.")
    caller, name = context.caller, params["ReplayName"]
    if _find(tx, name, context) is not None:
        raise exists(f"Replay {name} already exists.")
    place = {"account": caller.account, "region": caller.region}
    (active,) = tx.rows(Number, "archives.count_active", **place)
    if active.value >= REPLAYS_ACTIVE_MAX:
        raise limit_exceeded()
    seq = tx.sequence(context.now_ms)
    replay = Replay(
        id=seq,
        account=caller.account,
        region=caller.region,
        name=name,
        archive=archive.id,
        source=archive.arn,
        bus=archive.bus,
        rules=orjson.dumps(destination.get("FilterArns") or []).decode(),
        description=params.get("Description"),
        state="STARTING",
        reason=None,
        start_ms=start_ms,
        end_ms=end_ms,
        limit_seq=seq,
        at_ms=start_ms,
        at_seq=0,
        last_ms=None,
        started_ms=context.now_ms,
        ended_ms=None,
    )
    tx.run("archives.add_replay", **replay._asdict())
    tx.wake(ARCHIVES_TOPIC)
    return {
        "ReplayArn": replay.arn,
        "State": replay.state,
        "ReplayStartTime": replay.started_ms,
    }


def describe_replay(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a replay. AWS: API_DescribeReplay."""
    del room
    replay = _named(tx, params["ReplayName"], context)
    arns = orjson.loads(replay.rules)
    return {
        **_shown(replay),
        "ReplayArn": replay.arn,
        "Destination": {"Arn": replay.key.arn, **({"FilterArns": arns} if arns else {})},
        **({} if replay.description is None else {"Description": replay.description}),
    }


def list_replays(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List replays by name. AWS: API_ListReplays, "Filter parameters are exclusive"."""
    del room
    check_filters(params, "ListReplays")
    after, count = page_of(params)
    found: list[Replay] = tx.rows(
        Replay,
        "archives.list_replays",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        prefix=params.get("NamePrefix") or "",
        state=params.get("State"),
        source=params.get("EventSourceArn"),
        limit=count,
    )
    return paged("Replays", found, count, _name_of, _shown)


def cancel_replay(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Stop a replay; what was sent is sent. AWS: API_CancelReplay. The error's text is a guess."""
    del room
    replay = _named(tx, params["ReplayName"], context)
    if replay.state not in ACTIVE:
        raise ServiceError(
            "IllegalStatusException",
            f"Replay {replay.name} is not in a valid state for this operation.",
            status=400,
        )
    _save(tx, replay._replace(state="CANCELLING"))
    tx.wake(ARCHIVES_TOPIC)
    return {"ReplayArn": replay.arn, "State": "CANCELLING"}


def tend_archives(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Move each replay on by a chunk, and remove a chunk of what is over (internal; for the
    replayer).

    Returns NextMs, when there is more to do: NEVER when nothing ever is.
    """
    del params
    now_ms = context.now_ms
    active: list[Replay] = tx.rows(Replay, "archives.active", limit=REPLAY_CHUNK)
    for replay in active:
        _advance(room, tx, replay, max(1, REPLAY_CHUNK // len(active)), now_ms)
    return {
        "NextMs": min(
            now_ms + REPLAY_PAUSE_MS if active else NEVER,
            _forget_ended(tx, now_ms),
            _remove_dropped(tx, now_ms),
            _remove_expired(tx, now_ms),
        )
    }


# --- moving on ----------------------------------------------------------------------------------


def _advance(room: Buses, tx: Tx, replay: Replay, limit: int, now_ms: Millis) -> None:
    archive: Archive | None = tx.one(Archive, "archives.archive_by_id", id=replay.archive)
    if replay.state == "CANCELLING":
        _save(tx, replay._replace(state="CANCELLED", ended_ms=now_ms))
    elif archive is None:
        name = replay.source.partition("/")[2]
        _fail(tx, replay, f"Archive {name} does not exist.", now_ms)
    elif find_bus(tx, replay.key) is None:
        _fail(tx, replay, f"Event bus {replay.bus} does not exist.", now_ms)
    elif replay.state == "STARTING":
        _save(tx, replay._replace(state="RUNNING"))
    else:
        _send(room, tx, replay, archive.expired_seq(now_ms), limit, now_ms)


def _fail(tx: Tx, replay: Replay, reason: str, now_ms: Millis) -> None:
    _save(tx, replay._replace(state="FAILED", reason=reason, ended_ms=now_ms))


def _send(room: Buses, tx: Tx, replay: Replay, oldest_seq: int, limit: int, now_ms: Millis) -> None:
    """Send the next events, or end."""
    due: list[Sized] = tx.rows(
        Sized,
        "archives.next_events",
        archive=replay.archive,
        at_ms=replay.at_ms,
        at_seq=replay.at_seq,
        end_ms=replay.end_ms,
        oldest_seq=oldest_seq,
        limit_seq=replay.limit_seq,
        limit=limit,
    )
    if not due:
        _save(tx, replay._replace(state="COMPLETED", ended_ms=now_ms))
        return
    events: list[Any] = []
    size = 0
    for one in due:
        size += one.bytes
        if events and size > REPLAY_CHUNK_BYTES:
            break
        (text,) = tx.rows(Text, "archives.event", seq=one.seq)
        events.append(orjson.loads(text.text))
    route(room, tx, replay.key, events, now_ms, replay.only_rules, replay.name)
    last = due[len(events) - 1]
    _save(tx, replay._replace(at_ms=last.time_ms, at_seq=last.seq, last_ms=last.time_ms))


def _save(tx: Tx, replay: Replay) -> None:
    tx.run(
        "archives.set_replay",
        id=replay.id,
        state=replay.state,
        reason=replay.reason,
        at_ms=replay.at_ms,
        at_seq=replay.at_seq,
        last_ms=replay.last_ms,
        ended_ms=replay.ended_ms,
    )


def _forget_ended(tx: Tx, now_ms: Millis) -> int:
    """Forget replays that ended long ago; return when there is more to do."""
    (first,) = tx.rows(Number, "archives.first_ended")
    if first.value is None:
        return NEVER
    if first.value + REPLAY_KEPT_MS > now_ms:
        return int(first.value) + REPLAY_KEPT_MS
    tx.run("archives.forget_replays", before_ms=now_ms - REPLAY_KEPT_MS)
    return now_ms + REPLAY_PAUSE_MS


def _remove_dropped(tx: Tx, now_ms: Millis) -> int:
    """Remove some events of an archive that was deleted; return when there is more to do."""
    dropped = tx.one(Number, "archives.dropped")
    if dropped is None:
        return NEVER
    if _remove(tx, dropped.value, _LAST_SEQ) == 0:
        tx.run("archives.delete_counts", archive=dropped.value)
    return now_ms + REPLAY_PAUSE_MS


def _remove_expired(tx: Tx, now_ms: Millis) -> int:
    """Remove some events that were kept long enough; return when there is more to do."""
    next_ms: int = NEVER
    for archive in tx.rows(Archive, "archives.expiring"):
        if _remove(tx, archive.id, archive.expired_seq(now_ms)) == EXPIRY_CHUNK:
            next_ms = min(next_ms, now_ms + REPLAY_PAUSE_MS)
            continue
        oldest = tx.one(Sized, "archives.oldest", archive=archive.id, below=_LAST_SEQ, limit=1)
        began_ms = now_ms if oldest is None else oldest.seq >> SEQ_BITS
        due_ms = began_ms + archive.retention_ms + 1
        next_ms = min(next_ms, max(due_ms, now_ms + EXPIRY_PAUSE_MS))
    return next_ms


def _remove(tx: Tx, archive: int, below: int) -> int:
    """Remove a chunk of an archive's events below a number; return how many."""
    found: list[Sized] = tx.rows(
        Sized, "archives.oldest", archive=archive, below=below, limit=EXPIRY_CHUNK
    )
    if found:
        tx.run("archives.remove_oldest", archive=archive, last=found[-1].seq)
        removed = sum(one.bytes for one in found)
        tx.tally("archives.count", archive, events=-len(found), bytes=-removed)
    return len(found)


# --- showing ------------------------------------------------------------------------------------


def _archive(tx: Tx, text: str, context: Context) -> Archive:
    arn = parse_arn(text)
    if arn is None or not arn.resource.startswith("archive/"):
        raise invalid_parameter("EventSourceArn", "Must contain an archive ARN.")
    name = arn.resource.removeprefix("archive/")
    archive = find_archive(tx, name, context)
    if archive is None or archive.arn != text:
        raise invalid_parameter("EventSourceArn", f"Archive {name} does not exist.")
    return archive


def _is_bus(text: str) -> bool:
    arn = parse_arn(text)
    return arn is not None and arn.service == "events" and arn.resource.startswith("event-bus/")


def _find(tx: Tx, name: str, context: Context) -> Replay | None:
    caller = context.caller
    found: Replay | None = tx.one(
        Replay, "archives.replay", account=caller.account, region=caller.region, name=name
    )
    return found


def _named(tx: Tx, name: str, context: Context) -> Replay:
    replay = _find(tx, name, context)
    if replay is None:
        raise not_found(f"Replay {name} does not exist.")
    return replay


def _name_of(replay: Replay) -> str:
    return replay.name


def _shown(replay: Replay) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ReplayName": replay.name,
        "EventSourceArn": replay.source,
        "State": replay.state,
        "EventStartTime": replay.start_ms,
        "EventEndTime": replay.end_ms,
        "ReplayStartTime": replay.started_ms,
    }
    if replay.reason is not None:
        shown["StateReason"] = replay.reason
    if replay.last_ms is not None:
        shown["EventLastReplayedTime"] = replay.last_ms
    if replay.ended_ms is not None:
        shown["ReplayEndTime"] = replay.ended_ms
    return shown


OPERATIONS = {
    "CancelReplay": cancel_replay,
    "DescribeReplay": describe_replay,
    "ListReplays": list_replays,
    "StartReplay": start_replay,
    # Internal: no model holds this name.
    "TendArchives": tend_archives,
}
