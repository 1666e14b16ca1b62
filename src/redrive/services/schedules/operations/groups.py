"""Schedule groups and their tags. A deletion is carried on by SweepGroups, a chunk at a time."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.services.schedules import pages
from redrive.services.schedules.lookup import find_group
from redrive.services.schedules.model import DEFAULT, Group, Totals, group_arn
from redrive.services.schedules.refusals import (
    group_exists,
    group_is_going,
    invalid,
    no_group,
    quota_exceeded,
)
from redrive.services.schedules.room import Schedules
from redrive.store.store import Tx

SWEEP_TOPIC = "scheduler:sweep"
"""Woken when a group begins to be deleted."""

GROUPS_MAX = 500  # Scheduler User Guide, "Quotas", in an account and region
TAGS_MAX = 50  # the same page
_SWEPT_MAX = 500  # schedules that one transaction deletes: some milliseconds


def create_schedule_group(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Create a group. Raises ServiceError."""
    del room
    caller, name = context.caller, params["Name"]
    place = {"account": caller.account, "region": caller.region}
    find_group(tx, caller, DEFAULT, context.now_ms)
    if tx.one(Group, "schedules.group", **place, name=name) is not None:
        raise group_exists(name)
    totals: Totals = tx.rows(Totals, "schedules.totals", **place)[0]
    if totals.groups >= GROUPS_MAX:
        raise quota_exceeded("schedule groups", GROUPS_MAX)
    tags = _joined({}, params.get("Tags") or ())
    text = orjson.dumps(tags).decode()
    tx.run("schedules.add_group", **place, name=name, tags=text, now_ms=context.now_ms)
    return {"ScheduleGroupArn": group_arn(caller.region, caller.account, name)}


def get_schedule_group(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Show a group. Raises ServiceError."""
    del room
    return _shown(find_group(tx, context.caller, params["Name"], context.now_ms))


def delete_schedule_group(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Begin to delete a group and its schedules; until they are gone they may fire.

    AWS: API_DeleteScheduleGroup. Raises ServiceError.
    """
    del room
    if params["Name"] == DEFAULT:
        raise invalid("The default schedule group cannot be deleted.")
    group = find_group(tx, context.caller, params["Name"], context.now_ms)
    if group.state != "ACTIVE":
        raise group_is_going(group.name)
    tx.run("schedules.begin_group_deletion", **_key(group), now_ms=context.now_ms)
    tx.wake(SWEEP_TOPIC)
    return {}


def list_schedule_groups(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """List groups by name, in pages. Raises ServiceError."""
    del room
    caller, limit = context.caller, pages.size(params)
    find_group(tx, caller, DEFAULT, context.now_ms)
    found: list[Group] = tx.rows(
        Group,
        "schedules.list_groups",
        account=caller.account,
        region=caller.region,
        after=pages.after(params, 1)[0],
        prefix=params.get("NamePrefix") or "",
        limit=limit + 1,
    )
    told: dict[str, Any] = {"ScheduleGroups": [_shown(group) for group in found[:limit]]}
    if len(found) > limit:
        told["NextToken"] = pages.token_of(found[limit - 1].name)
    return told


def sweep_groups(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a chunk of a group that is going, and the group with its last one. Internal.

    -> {"NextMs": now when something may be left, else None}
    """
    del room, params
    group: Group | None = tx.one(Group, "schedules.deleting_group")
    if group is None:
        return {"NextMs": None}
    gone = tx.run("schedules.delete_members", **_key(group), limit=_SWEPT_MAX)
    if gone < _SWEPT_MAX:
        tx.run("schedules.delete_group", **_key(group))
    else:
        tx.run("schedules.grow_group", **_key(group), change=-gone)
    return {"NextMs": context.now_ms}


def tag_resource(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags to a group. Raises ServiceError."""
    group = _tagged(tx, params, context)
    _keep_tags(tx, group, _joined(orjson.loads(group.tags), params["Tags"]), context)
    return {}


def untag_resource(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Take tags from a group. Raises ServiceError."""
    group = _tagged(tx, params, context)
    kept = orjson.loads(group.tags)
    for key in params["TagKeys"]:
        kept.pop(key, None)
    _keep_tags(tx, group, kept, context)
    return {}


def list_tags_for_resource(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Show a group's tags. Raises ServiceError."""
    tags = orjson.loads(_tagged(tx, params, context).tags)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(tx: Tx, params: Params, context: Context) -> Group:
    """Find the group that an ARN names; others' are not there."""
    arn = parse_arn(params["ResourceArn"])
    prefix, _, name = (arn.resource if arn else "").partition("/")
    if arn is None or prefix != "schedule-group":
        raise invalid("Provided ResourceArn is not in correct format.")
    if (arn.account, arn.region) != (context.caller.account, context.caller.region):
        raise no_group(name)
    return find_group(tx, context.caller, name, context.now_ms)


def _joined(tags: dict[str, str], added: Any) -> dict[str, str]:
    for tag in added:
        if tag["Key"].lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        tags[tag["Key"]] = tag["Value"]
    if len(tags) > TAGS_MAX:
        raise invalid(f"A schedule group has at most {TAGS_MAX} tags.")
    return tags


def _keep_tags(tx: Tx, group: Group, tags: dict[str, str], context: Context) -> None:
    text = orjson.dumps(tags).decode()
    tx.run("schedules.tag_group", **_key(group), tags=text, now_ms=context.now_ms)


def _key(group: Group) -> dict[str, str]:
    return {"account": group.account, "region": group.region, "name": group.name}


def _shown(group: Group) -> dict[str, Any]:
    return {
        "Arn": group.arn,
        "Name": group.name,
        "State": group.state,
        "CreationDate": group.created_ms,
        "LastModificationDate": group.modified_ms,
    }
