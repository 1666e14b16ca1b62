"""Archives: made, shown, changed, deleted, and filled. AWS: EventBridge User Guide, "Archiving and
replaying events"; errors as captured (test_archive_and_replay).

AWS shows a managed rule Events-Archive-<name> on the bus, which is how it archives. There is none
here: an archive looks at the events of its bus by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.core.time import Millis
from redrive.services.buses.archiving import (
    ARCHIVE_STATE,
    REPLAY_NAME,
    Archive,
    Held,
    Text,
    event_time_ms,
    keepers,
)
from redrive.services.buses.lookup import find_bus
from redrive.services.buses.model import BusKey
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.pattern_texts import checked_pattern
from redrive.services.buses.refusals import (
    bus_not_found,
    exists,
    invalid,
    invalid_parameter,
    not_found,
)
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

ARCHIVES_TOPIC = "buses:archives"
"""Woken when an archive or a replay is made or changed: there may be something to do, or sooner."""


def keep(
    room: Buses, tx: Tx, bus: BusKey, events: Sequence[Mapping[str, Any]], now_ms: Millis
) -> None:
    """Keep events that a bus has accepted in those of its archives that want them.

    events: their envelopes as targets see them. A replayed event is not kept again. A bus without
    archives pays for one look into memory.
    """
    del room
    listed = tx.cached(Text, "archives.of_bus", *bus)
    if listed is None or listed.text == "[]":
        return
    kept: list[tuple[int, int, int, str]] = []
    for event in events:
        if REPLAY_NAME in event:
            continue
        text = ""
        for archive, pattern in keepers(listed.text):
            if pattern is None or pattern.matches(event):
                text = text or orjson.dumps(event).decode()
                kept.append((tx.sequence(now_ms), archive, event_time_ms(event), text))
    if kept:
        tx.run_many("archives.keep", kept)
    for _seq, archive, _time_ms, text in kept:
        tx.tally("archives.count", archive, events=1, bytes=len(text.encode()))


def create_archive(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Keep the events of a bus from now on. AWS: API_CreateArchive."""
    del room
    bus = _source(tx, params["EventSourceArn"], context)
    _check_pattern(params.get("EventPattern"))
    name = params["ArchiveName"]
    if find_archive(tx, name, context) is not None:
        raise exists(f"Archive {name} already exists.")
    archive = Archive(
        id=tx.sequence(context.now_ms),  # never given again: its events outlive it for a while
        account=bus.account,
        region=bus.region,
        name=name,
        bus=bus.bus,
        description=params.get("Description"),
        pattern=params.get("EventPattern"),
        retention_days=params.get("RetentionDays") or 0,
        kms_key=params.get("KmsKeyIdentifier"),
        created_ms=context.now_ms,
    )
    tx.run("archives.set_archive", **archive._asdict())
    tx.run("archives.add_counts", archive=archive.id)
    tx.wake(ARCHIVES_TOPIC)
    return {
        "ArchiveArn": archive.arn,
        "State": ARCHIVE_STATE,
        "CreationTime": archive.created_ms,
    }


def update_archive(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Change what an archive keeps from now on, and for how long. AWS: API_UpdateArchive."""
    del room
    members = ("EventPattern", "RetentionDays", "Description", "KmsKeyIdentifier")
    if all(params.get(member) is None for member in members):
        raise invalid(
            "At least one of EventPattern, RetentionDays or Description must be provided."
        )
    archive = _named(tx, params["ArchiveName"], context)
    _check_pattern(params.get("EventPattern"))
    archive = archive._replace(
        description=params.get("Description", archive.description),
        pattern=params.get("EventPattern", archive.pattern),
        retention_days=params.get("RetentionDays", archive.retention_days),
        kms_key=params.get("KmsKeyIdentifier", archive.kms_key),
    )
    tx.run("archives.set_archive", **archive._asdict())
    tx.wake(ARCHIVES_TOPIC)
    # AWS: UpdateArchiveResponse, "CreationTime": "The time at which the archive was updated."
    return {"ArchiveArn": archive.arn, "State": ARCHIVE_STATE, "CreationTime": context.now_ms}


def describe_archive(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show an archive. AWS: API_DescribeArchive."""
    del room
    archive = _named(tx, params["ArchiveName"], context)
    return {
        **_shown(tx, archive),
        "ArchiveArn": archive.arn,
        **({} if archive.description is None else {"Description": archive.description}),
        **({} if archive.pattern is None else {"EventPattern": archive.pattern}),
        **({} if archive.kms_key is None else {"KmsKeyIdentifier": archive.kms_key}),
    }


def list_archives(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List archives by name. AWS: API_ListArchives, "Filter parameters are exclusive"."""
    del room
    check_filters(params, "ListArchives")
    after, count = page_of(params)
    source = params.get("EventSourceArn")
    bus = None if source is None else _bus_of(source)
    caller = context.caller
    is_none = params.get("State") not in (None, ARCHIVE_STATE) or (
        bus is not None and (bus.account, bus.region) != (caller.account, caller.region)
    )
    found: list[Archive] = tx.rows(
        Archive,
        "archives.list_archives",
        account=caller.account,
        region=caller.region,
        after=after,
        prefix=params.get("NamePrefix") or "",
        bus=None if bus is None else bus.bus,
        limit=0 if is_none else count,
    )
    return paged("Archives", found, count, _name_of, lambda archive: _shown(tx, archive))


def delete_archive(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete an archive with its events; a replay of it fails. AWS: API_DeleteArchive."""
    del room
    archive = _named(tx, params["ArchiveName"], context)
    tx.run("archives.delete_archive", id=archive.id)
    tx.wake(ARCHIVES_TOPIC)
    return {}


def reset(tx: Tx, account: str) -> None:
    """Forget all archives and replays of an account, in all regions."""
    tx.run("archives.reset", account=account)
    tx.run("archives.reset_replays", account=account)
    tx.wake(ARCHIVES_TOPIC)


def find_archive(tx: Tx, name: str, context: Context) -> Archive | None:
    """Return an archive of the caller's account and region, or None."""
    caller = context.caller
    found: Archive | None = tx.one(
        Archive, "archives.archive", account=caller.account, region=caller.region, name=name
    )
    return found


def check_filters(params: Params, operation: str) -> None:
    """Refuse more than one filter. The text is a guess."""
    if sum(params.get(name) is not None for name in ("State", "EventSourceArn", "NamePrefix")) > 1:
        raise invalid(
            f"At most one filter is allowed for {operation}. "
            "Use either : State, EventSourceArn, or NamePrefix."
        )


def _named(tx: Tx, name: str, context: Context) -> Archive:
    archive = find_archive(tx, name, context)
    if archive is None:
        raise not_found(f"Archive {name} does not exist.")
    return archive


def _source(tx: Tx, text: str, context: Context) -> BusKey:
    """Return the bus of the caller's account and region that an ARN names."""
    key = _bus_of(text)
    here = (context.caller.account, context.caller.region)
    if (key.account, key.region) != here or find_bus(tx, key) is None:
        raise bus_not_found(key.bus)
    return key


def _bus_of(text: str) -> BusKey:
    arn = parse_arn(text)
    if arn is None or not arn.resource.startswith("event-bus/"):
        raise invalid_parameter("EventSourceArn", "Must contain an event bus ARN.")
    return BusKey(arn.account, arn.region, arn.resource.removeprefix("event-bus/"))


def _check_pattern(pattern: str | None) -> None:
    if pattern is not None:
        checked_pattern(pattern)


def _name_of(archive: Archive) -> str:
    return archive.name


def _shown(tx: Tx, archive: Archive) -> dict[str, Any]:
    (held,) = tx.rows(Held, "archives.counts", archive=archive.id)
    added = tx.tallied("archives.count", archive.id)
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": archive.key.arn,
        "State": ARCHIVE_STATE,
        "RetentionDays": archive.retention_days,
        "SizeBytes": held.bytes + added.get("bytes", 0),
        "EventCount": held.events + added.get("events", 0),
        "CreationTime": archive.created_ms,
    }


OPERATIONS = {
    "CreateArchive": create_archive,
    "DeleteArchive": delete_archive,
    "DescribeArchive": describe_archive,
    "ListArchives": list_archives,
    "UpdateArchive": update_archive,
}
