"""What an event looks like: to filters, to expressions and to targets. Pure.

    {"Data": ..., "Metadata": {...}, "SystemMetadata": {...}}

Data of JSON is that JSON, as it was given; any other is base64.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from redrive.core.patterns import Pattern, compile_pattern
from redrive.core.time import iso
from redrive.services.custom_buses.model import Event
from redrive.services.custom_buses.rules import taken_ms

ENVELOPE = "application/eventbridge+json"
"""AWS: the shape PutEventsSystemMetadata: the content type of what PutEvents takes."""

PATTERNS_KEPT_MAX = 4_096


def is_json(content_type: str) -> bool:
    """Tell whether data of a content type is JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def json_text(value: Any) -> str:
    """Return JSON that a message of a queue can hold: two characters are not for it."""
    text = orjson.dumps(value).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def sequence_number(seq: int) -> str:
    """Return an event's SequenceNumber: of the same length for all, so that texts compare."""
    return f"{seq:020d}"


def system_metadata(event: Event, bus_arn: str) -> dict[str, str]:
    """Return what the service says of an event."""
    told = {
        "EventId": event.event_id,
        "EventBusArn": bus_arn,
        "AccountId": event.account,
        "IngestionTime": iso(taken_ms(event.seq)),
        "SequenceNumber": sequence_number(event.seq),
        "ContentType": event.content_type,
    }
    if event.lane is not None:
        told["EventGroupId"] = event.lane
    if event.dedup is not None:
        told["DeduplicationId"] = event.dedup
    return told


def raw(event: Event) -> Any:
    """Return the data for a JSON text: itself, or as base64."""
    if is_json(event.content_type):
        return orjson.Fragment(event.data)
    return b64encode(event.data).decode()


def whole(event: Event, bus_arn: str) -> dict[str, Any]:
    """Return the event with all that is known of it, for a JSON text."""
    return {
        "Data": raw(event),
        "Metadata": orjson.Fragment(event.metadata),
        "SystemMetadata": system_metadata(event, bus_arn),
    }


def parsed(event: Event, bus_arn: str) -> dict[str, Any]:
    """Return the same as values, for expressions."""
    value: dict[str, Any] = orjson.loads(orjson.dumps(whole(event, bus_arn)))
    return value


# --- filters ------------------------------------------------------------------------------------


def passes(filters: Sequence[Mapping[str, str]], event: Event, bus_arn: str) -> bool:
    """Tell whether an event matches every filter; data that is no JSON object matches none."""
    for each in filters:
        scope = each["Scope"]
        if scope == "DATA":
            scene = orjson.loads(event.data) if is_json(event.content_type) else None
        elif scope == "METADATA":
            scene = orjson.loads(event.metadata)
        else:
            scene = system_metadata(event, bus_arn)
        if not isinstance(scene, dict) or not _compiled(each["Pattern"]).matches(scene):
            return False
    return True


def matches(pattern: str, event: Mapping[str, Any]) -> bool:
    """Tell whether an event of the classic bus matches a pattern that has been checked."""
    return _compiled(pattern).matches(event)


@lru_cache(PATTERNS_KEPT_MAX)
def _compiled(pattern: str) -> Pattern:
    return compile_pattern(pattern)
