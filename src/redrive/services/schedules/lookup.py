"""Find groups and schedules; none of it writes but for the row of the group default."""

from __future__ import annotations

from redrive.core.effects import Caller
from redrive.services.schedules.model import DEFAULT, Group, Schedule
from redrive.services.schedules.refusals import no_group, no_schedule
from redrive.store.store import Tx


def find_group(tx: Tx, caller: Caller, name: str, now_ms: int) -> Group:
    """Return a group; `default` is there from its first mention on. Raises ServiceError."""
    place = {"account": caller.account, "region": caller.region, "name": name}
    found: Group | None = tx.one(Group, "schedules.group", **place)
    if found is None and name == DEFAULT:
        tx.run("schedules.add_group", **place, tags="{}", now_ms=now_ms)
        found = tx.one(Group, "schedules.group", **place)
    if found is None:
        raise no_group(name)
    return found


def seek_schedule(tx: Tx, caller: Caller, group: str, name: str) -> Schedule | None:
    """Return a schedule, or None."""
    found: Schedule | None = tx.one(
        Schedule,
        "schedules.schedule",
        account=caller.account,
        region=caller.region,
        grp=group,
        name=name,
    )
    return found


def find_schedule(tx: Tx, caller: Caller, group: str, name: str) -> Schedule:
    """Return a schedule. Raises ServiceError."""
    found = seek_schedule(tx, caller, group, name)
    if found is None:
        raise no_schedule(name)
    return found
