"""Tags of alarms and of dashboards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Caller, Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.alarms.definitions import check_tags
from redrive.services.alarms.model import AlarmRow, Dashboard
from redrive.services.alarms.refusals import bad_parameter, not_found
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx


class _Tagged(NamedTuple):
    tags: dict[str, str]
    store: Callable[[Mapping[str, str]], Any]


def tag_resource(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Add or replace tags. AWS: API_TagResource."""
    del room
    found = _find(tx, params["ResourceARN"], context.caller)
    given = {one["Key"]: one["Value"] for one in params["Tags"]}
    tags = found.tags | given
    try:
        check_tags(given)
        check_tags(tags)
    except ServiceError as error:
        raise bad_parameter(error.message) from None
    found.store(tags)
    return {}


def untag_resource(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; keys that are not there are no error. AWS: API_UntagResource."""
    del room
    found = _find(tx, params["ResourceARN"], context.caller)
    gone = frozenset(params["TagKeys"])
    found.store({key: value for key, value in found.tags.items() if key not in gone})
    return {}


def list_tags_for_resource(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return tags. AWS: API_ListTagsForResource."""
    del room
    tags = _find(tx, params["ResourceARN"], context.caller).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _find(tx: Tx, text: str, caller: Caller) -> _Tagged:
    """Return the tags of an ARN and how to store others. Raises ServiceError."""
    arn = parse_arn(text)
    if arn is None or arn.service != "cloudwatch":
        raise bad_parameter(f"The value {text} for parameter ResourceARN is invalid.")
    is_alarm, name = arn.resource.startswith("alarm:"), arn.resource.partition(":")[2]
    if is_alarm and (arn.account, arn.region) == (caller.account, caller.region):
        place = {"account": caller.account, "region": caller.region}
        row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_name", **place, name=name)
        if row is not None:
            return _Tagged(orjson.loads(row.tags), partial(_store_alarm, tx, row.id))
    kind, _slash, name = arn.resource.partition("/")
    if kind == "dashboard" and arn.account == caller.account:
        keys = {"account": caller.account, "name": name}
        dashboard: Dashboard | None = tx.one(Dashboard, "alarms.dashboard", **keys)
        if dashboard is not None:
            store = partial(_store_dashboard, tx, keys)
            return _Tagged(orjson.loads(dashboard.tags), store)
    raise not_found("Alarm" if is_alarm else "Resource", text)


def _store_alarm(tx: Tx, alarm_id: int, tags: Mapping[str, str]) -> None:
    tx.run("alarms.set_tags", id=alarm_id, tags=orjson.dumps(tags).decode())


def _store_dashboard(tx: Tx, keys: Mapping[str, str], tags: Mapping[str, str]) -> None:
    tx.run("alarms.set_dashboard_tags", **keys, tags=orjson.dumps(tags).decode())
