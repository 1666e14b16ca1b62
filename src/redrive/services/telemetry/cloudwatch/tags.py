"""Tags of log groups, by the older operations (by name) and the newer ones (by ARN)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.telemetry.cloudwatch.lookup import identified_group, must, named_group
from redrive.services.telemetry.cloudwatch.refusals import invalid
from redrive.services.telemetry.model import Group
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

TAGS_MAX = 50

_KEY = re.compile(r"[\w\s.:/=+\-@]+")


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse keys that are AWS's own or hold what keys may not. Lengths are the model's."""
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys starting with aws: are reserved for system use.")
        if _KEY.fullmatch(key) is None:
            raise invalid(f"The tag key {key} holds characters that tag keys may not hold.")


def tag_log_group(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags. AWS: API_TagLogGroup."""
    return _tag(room, _by_name(room, params, context), params["tags"], is_older=True)


def tag_resource(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags. AWS: API_TagResource."""
    return _tag(room, _by_arn(room, params, context), params["tags"], is_older=False)


def untag_log_group(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; those that are not there do not matter. AWS: API_UntagLogGroup."""
    return _untag(room, _by_name(room, params, context), params["tags"])


def untag_resource(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; those that are not there do not matter. AWS: API_UntagResource."""
    return _untag(room, _by_arn(room, params, context), params["tagKeys"])


def list_tags_log_group(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Return a group's tags. AWS: API_ListTagsLogGroup."""
    return {"tags": _tags(_by_name(room, params, context))}


def list_tags_for_resource(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Return a group's tags. AWS: API_ListTagsForResource."""
    return {"tags": _tags(_by_arn(room, params, context))}


def _by_name(room: Telemetry, params: Params, context: Context) -> Group:
    return named_group(room.book.archive, context.caller, params["logGroupName"])


def _by_arn(room: Telemetry, params: Params, context: Context) -> Group:
    arn = params["resourceArn"]
    if ":log-group:" not in arn:
        raise invalid(f"Invalid resourceArn: {arn}")
    return identified_group(room.book.archive, context.caller, arn)


def _tags(group: Group) -> dict[str, str]:
    tags: dict[str, str] = orjson.loads(group.tags)
    return tags


def _tag(room: Telemetry, group: Group, tags: Mapping[str, str], *, is_older: bool) -> Result:
    check_tags(tags)
    merged = _tags(group) | dict(tags)
    if len(merged) > TAGS_MAX:
        message = f"A resource can have at most {TAGS_MAX} tags."
        if is_older:
            raise invalid(message)
        raise ServiceError("TooManyTagsException", message, status=400)
    return _set(room, group, merged)


def _untag(room: Telemetry, group: Group, keys: Iterable[str]) -> Result:
    gone = set(keys)
    kept = {key: value for key, value in _tags(group).items() if key not in gone}
    return _set(room, group, kept)


def _set(room: Telemetry, group: Group, tags: Mapping[str, str]) -> Result:
    text = orjson.dumps(tags).decode()
    must(room.book.archive.change(("set_tags", {"id": group.id, "tags": text})))
    return {}
