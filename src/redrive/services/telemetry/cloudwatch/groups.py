"""Log groups: CreateLogGroup, DescribeLogGroups, retention, protection, and their end."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.telemetry.archive import new_group
from redrive.services.telemetry.cloudwatch.lookup import (
    group_arn,
    identified_group,
    must,
    named_group,
)
from redrive.services.telemetry.cloudwatch.refusals import constraint, exists, invalid
from redrive.services.telemetry.cloudwatch.tags import check_tags
from redrive.services.telemetry.model import Group
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

GROUPS_MAX = 10_000
"""Of an account in a region. AWS: 1,000,000, which this file is not made for."""

PAGE_MAX = 50
RETENTION_DAYS: tuple[int, ...] = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
RETENTION_DAYS += (1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""AWS: API_PutRetentionPolicy, "retentionInDays"."""

CLASSES = ("STANDARD", "INFREQUENT_ACCESS")


def create_log_group(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Begin a log group. AWS: API_CreateLogGroup."""
    archive, caller = room.book.archive, context.caller
    name = params["logGroupName"]
    if name.lower().startswith("aws/"):
        raise invalid("Log groups starting with AWS/ are reserved for AWS.")
    log_class = params.get("logGroupClass", "STANDARD")
    if log_class not in CLASSES:
        raise invalid(f"The log group class {log_class} is not supported by this server.")
    tags = params.get("tags") or {}
    check_tags(tags)
    if archive.group(caller.account, caller.region, name) is not None:
        raise exists("The specified log group already exists")
    if archive.count_groups(caller.account, caller.region) >= GROUPS_MAX:
        raise ServiceError("LimitExceededException", "Resource limit exceeded.", status=400)
    group = new_group(
        caller.account,
        caller.region,
        name,
        context.now_ms,
        log_class=log_class,
        key_id=params.get("kmsKeyId"),
        is_protected=bool(params.get("deletionProtectionEnabled")),
        tags=orjson.dumps(tags).decode(),
    )
    must(archive.change(("add_group", group)))
    return {}


def delete_log_group(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Remove a log group with all of its streams and events. AWS: API_DeleteLogGroup."""
    archive = room.book.archive
    group = named_group(archive, context.caller, params["logGroupName"])
    if group.is_protected:
        raise ServiceError(
            "ValidationException",
            f"The log group {group.name} cannot be deleted: its deletion protection is enabled.",
            status=400,
        )
    must(_end(room, group.id))
    return {}


def _end(room: Telemetry, group: int) -> bool:
    return room.book.archive.change(
        ("discard_streams", {"group": group}), ("delete_group", {"id": group})
    )


def describe_log_groups(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """List log groups in order of name. AWS: API_DescribeLogGroups."""
    archive, caller = room.book.archive, context.caller
    prefix, part = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
    if prefix is not None and part is not None:
        raise invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if _is_elsewhere(params, caller.account):
        return {"logGroups": []}
    identifiers = params.get("logGroupIdentifiers")
    if identifiers is not None:
        if prefix is not None or part is not None:
            raise invalid("logGroupIdentifiers cannot be combined with other filters.")
        found = {one: identified_group(archive, caller, one) for one in identifiers}
        unique = sorted({group.id: group for group in found.values()}.values(), key=_name)
        return {"logGroups": [_shown(group, context) for group in unique]}
    groups = (
        group
        for group in archive.groups(caller.account, caller.region, params.get("nextToken", ""))
        if group.name.startswith(prefix or "")
        and (part or "") in group.name
        and params.get("logGroupClass", group.log_class) == group.log_class
    )
    limit = params.get("limit", PAGE_MAX)
    page = list(islice(groups, limit + 1))
    result: dict[str, Any] = {"logGroups": [_shown(group, context) for group in page[:limit]]}
    if len(page) > limit:
        result["nextToken"] = page[limit - 1].name
    return result


def list_log_groups(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """List log groups by a pattern of names. AWS: API_ListLogGroups."""
    for member in ("dataSources", "fieldIndexNames", "logGroupTags"):
        if params.get(member):
            raise invalid(f"{member} is not supported by this server.")
    caller = context.caller
    if _is_elsewhere(params, caller.account):
        return {"logGroups": []}
    # The model's pattern leaves names, ^ and | in it: nothing that could run away.
    names = re.compile(params.get("logGroupNamePattern", "").replace(".", r"\."))
    groups = (
        group
        for group in room.book.archive.groups(
            caller.account, caller.region, params.get("nextToken", "")
        )
        if names.search(group.name)
        and params.get("logGroupClass", group.log_class) == group.log_class
    )
    limit = params.get("limit", PAGE_MAX)
    page = list(islice(groups, limit + 1))
    result: dict[str, Any] = {
        "logGroups": [
            {
                "logGroupName": group.name,
                "logGroupArn": group_arn(caller, group.name),
                "logGroupClass": group.log_class,
            }
            for group in page[:limit]
        ]
    }
    if len(page) > limit:
        result["nextToken"] = page[limit - 1].name
    return result


def _is_elsewhere(params: Params, account: str) -> bool:
    accounts = params.get("accountIdentifiers")
    if accounts and not params.get("includeLinkedAccounts"):
        raise invalid("accountIdentifiers may be specified only with includeLinkedAccounts.")
    return accounts is not None and accounts != [] and account not in accounts


def _name(group: Group) -> str:
    return group.name


def _shown(group: Group, context: Context) -> dict[str, Any]:
    arn = group_arn(context.caller, group.name)
    shown: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": group.bytes,
        "logGroupClass": group.log_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": bool(group.is_protected),
    }
    if group.retention_days is not None:
        shown["retentionInDays"] = group.retention_days
    if group.key_id is not None:
        shown["kmsKeyId"] = group.key_id
    return shown


def put_retention_policy(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Keep a group's events for so many days. AWS: API_PutRetentionPolicy."""
    days = params["retentionInDays"]
    if days not in RETENTION_DAYS:
        known = ", ".join(map(str, RETENTION_DAYS))
        raise constraint(days, "retentionInDays", f"Member must satisfy enum value set: [{known}]")
    return _set_retention(room, params, context, days)


def delete_retention_policy(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Take a group's policy away. AWS: API_DeleteRetentionPolicy."""
    return _set_retention(room, params, context, None)


def _set_retention(room: Telemetry, params: Params, context: Context, days: int | None) -> Result:
    group = named_group(room.book.archive, context.caller, params["logGroupName"])
    must(room.book.archive.change(("set_retention", {"id": group.id, "days": days})))
    return {}


def put_deletion_protection(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Protect a group from DeleteLogGroup, or no longer. AWS: API_PutLogGroupDeletionProtection."""
    archive = room.book.archive
    group = identified_group(archive, context.caller, params["logGroupIdentifier"])
    is_protected = int(params["deletionProtectionEnabled"])
    must(archive.change(("set_protected", {"id": group.id, "is_protected": is_protected})))
    return {}


def no_filters(member: str) -> Any:
    """Return the operation that lists a group's filters of a kind: none can be put here."""

    def describe(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
        if "logGroupName" in params:
            named_group(room.book.archive, context.caller, params["logGroupName"])
        return {member: []}

    return describe


def reset_account(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Remove all logs of the caller's account, in all regions (for /_redrive/reset)."""
    for group in room.book.archive.groups_of_account(context.caller.account):
        must(_end(room, group))
    return {}
