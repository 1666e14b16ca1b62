"""CreateSchedule, GetSchedule, UpdateSchedule, DeleteSchedule and ListSchedules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.schedules import pages, rules
from redrive.services.schedules.lookup import find_group, find_schedule, seek_schedule
from redrive.services.schedules.model import DEFAULT, Group, Schedule, Totals
from redrive.services.schedules.refusals import group_is_going, quota_exceeded, schedule_exists
from redrive.services.schedules.room import Schedules
from redrive.services.schedules.settings import settings_of
from redrive.store.store import Tx

TOPIC = "scheduler:due"
"""Woken when a schedule may have become the next to fire."""

SCHEDULES_MAX = 1_000_000  # Scheduler User Guide, "Quotas", in an account and region
_EXAMINED_MAX = 5_000  # rows that one list looks at; a page may then end early, as AWS's may

_TIMING = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "State",
    "FlexibleTimeWindow",
)


def create_schedule(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Create a schedule. Raises ServiceError."""
    caller, now_ms = context.caller, context.now_ms
    body = settings_of(params, _offers(room), now_ms)
    group = find_group(tx, caller, params.get("GroupName") or DEFAULT, now_ms)
    if group.state != "ACTIVE":
        raise group_is_going(group.name)
    if seek_schedule(tx, caller, group.name, params["Name"]) is not None:
        raise schedule_exists(params["Name"])
    total: Totals = tx.rows(
        Totals, "schedules.totals", account=caller.account, region=caller.region
    )[0]
    if total.schedules >= SCHEDULES_MAX:
        raise quota_exceeded("schedules", SCHEDULES_MAX)
    schedule = Schedule(
        id=tx.sequence(now_ms),
        account=caller.account,
        region=caller.region,
        grp=group.name,
        name=params["Name"],
        state=body["State"],
        body=orjson.dumps(body).decode(),
        **_timed(room, body, context),
        ends=0,
        created_ms=now_ms,
        modified_ms=now_ms,
    )
    tx.run("schedules.add_schedule", **schedule._asdict())
    count_members(tx, schedule, 1)
    tx.wake(TOPIC)
    return {"ScheduleArn": schedule.arn}


def update_schedule(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Replace all that is set of a schedule. Raises ServiceError.

    What does not concern its times leaves them as they are: a rate goes on counting, an instant
    drawn from a window stands, and one that has fired does not fire again.
    """
    found = find_schedule(tx, context.caller, params.get("GroupName") or DEFAULT, params["Name"])
    before = orjson.loads(found.body)
    body = settings_of(params, _offers(room), context.now_ms, before)
    times = {name: getattr(found, name) for name in ("anchor_ms", "scheduled_ms", "due_ms")}
    ends = found.ends
    if any(body.get(name) != before.get(name) for name in _TIMING):
        times, ends = _timed(room, body, context), 0
    elif body["ActionAfterCompletion"] != "DELETE":
        ends = 0
    tx.run(
        "schedules.set_schedule",
        id=found.id,
        state=body["State"],
        body=orjson.dumps(body).decode(),
        ends=ends,
        modified_ms=context.now_ms,
        **times,
    )
    tx.wake(TOPIC)
    return {"ScheduleArn": found.arn}


def get_schedule(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Show a schedule. Raises ServiceError."""
    del room
    found = find_schedule(tx, context.caller, params.get("GroupName") or DEFAULT, params["Name"])
    return {**_summary(found), **orjson.loads(found.body)}


def delete_schedule(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a schedule; what it has already set off goes on. Raises ServiceError."""
    del room
    found = find_schedule(tx, context.caller, params.get("GroupName") or DEFAULT, params["Name"])
    remove(tx, found)
    return {}


def list_schedules(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """List schedules by group and name, in pages. Raises ServiceError."""
    del room
    limit = pages.size(params)
    listed: list[Result] = []
    for examined, schedule in enumerate(_found(tx, params, context), 1):
        if params.get("State") in (None, schedule.state):
            target = orjson.loads(schedule.body)["Target"]
            listed.append({**_summary(schedule), "Target": {"Arn": target["Arn"]}})
        if len(listed) == limit or examined == _EXAMINED_MAX:
            token = pages.token_of(schedule.grp, schedule.name)
            return {"Schedules": listed, "NextToken": token}
    return {"Schedules": listed}


def _found(tx: Tx, params: Params, context: Context) -> Iterator[Schedule]:
    """Yield the schedules of a list, from where its page begins."""
    after_group, after_name = pages.after(params, 2)
    prefix = params.get("NamePrefix") or ""
    for group in _groups(tx, params, context):
        if group.name < after_group:
            continue
        name = after_name if group.name == after_group else ""
        while True:
            rows: list[Schedule] = tx.rows(
                Schedule,
                "schedules.list_schedules",
                account=group.account,
                region=group.region,
                grp=group.name,
                after=name,
                prefix=prefix,
                beyond=prefix + "\x7f",
                limit=pages.PAGE_MAX,
            )
            yield from rows
            if len(rows) < pages.PAGE_MAX:
                break
            name = rows[-1].name


def _groups(tx: Tx, params: Params, context: Context) -> list[Group]:
    caller = context.caller
    if params.get("GroupName"):
        return [find_group(tx, caller, params["GroupName"], context.now_ms)]
    return tx.rows(
        Group,
        "schedules.list_groups",
        account=caller.account,
        region=caller.region,
        after="",
        prefix="",
        limit=-1,
    )


def remove(tx: Tx, schedule: Schedule) -> None:
    """Delete a schedule's row."""
    if tx.run("schedules.delete_schedule", id=schedule.id):
        count_members(tx, schedule, -1)


def count_members(tx: Tx, schedule: Schedule, change: int) -> None:
    """Count a schedule of its group, or uncount it."""
    tx.run(
        "schedules.grow_group",
        account=schedule.account,
        region=schedule.region,
        name=schedule.grp,
        change=change,
    )


def _timed(room: Schedules, body: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return when a schedule that is made or changed now comes first: columns of its row."""
    timing = rules.timing_of(body)
    anchor_ms = rules.anchor_of(timing, context.now_ms)
    scheduled_ms = None
    if body["State"] == "ENABLED":
        scheduled_ms = rules.first(timing, anchor_ms, context.now_ms)
    return {
        "anchor_ms": anchor_ms,
        "scheduled_ms": scheduled_ms,
        "due_ms": drawn(room, timing, scheduled_ms),
    }


def drawn(room: Schedules, timing: rules.Timing, scheduled_ms: int | None) -> int | None:
    """Return when a schedule fires of which it is known when it comes."""
    if scheduled_ms is None:
        return None
    return rules.draw(timing, scheduled_ms, room.chance.token(8) if timing.window_ms else b"")


def _offers(room: Schedules) -> Any:
    def offers(service: str, operation: str) -> bool:
        return room.api.has(service, operation) and room.outbox.offers(service, operation)

    return offers


def _summary(schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule.arn,
        "Name": schedule.name,
        "GroupName": schedule.grp,
        "State": schedule.state,
        "CreationDate": schedule.created_ms,
        "LastModificationDate": schedule.modified_ms,
    }
