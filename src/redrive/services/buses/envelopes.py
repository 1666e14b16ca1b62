"""From an entry of PutEvents to the event that targets see, or to the reason why not. Pure.

AWS: API_PutEvents, API_PutEventsResultEntry; texts as captured, those of other members after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.time import Millis, iso
from redrive.services.buses.model import Event
from redrive.services.buses.refusals import invalid

ENTRIES_BYTES_MAX = 1_048_576
"""AWS: API_PutEvents: all entries together."""

TIME_BYTES = 14
"""AWS: EventBridge User Guide, "Calculating PutEvents event entry size"."""

DEPTH_MAX = 200
"""Objects and arrays of a detail within each other: what is JSON up to here is JSON wherever an
event is wrapped. AWS says no number."""

_TIME_MIN_MS, _TIME_MAX_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years from 1 to 9999."""

Entry = Mapping[str, Any]


class Refused(NamedTuple):
    """Why an entry is not accepted, as the result says it."""

    code: str
    message: str


def check_size(entries: Sequence[Entry]) -> None:
    """Refuse a request whose entries are too large together."""
    if sum(map(entry_bytes, entries)) > ENTRIES_BYTES_MAX:
        raise invalid("Total size of the entries in the request is over the limit.")


def entry_bytes(entry: Entry) -> int:
    """Return an entry's size as AWS reckons it: names, and what surrounds them, count nothing."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    size = sum(len(text) if text.isascii() else len(text.encode()) for text in texts)
    return size + (TIME_BYTES if entry.get("Time") is not None else 0)


def make_event(
    entry: Entry, event_id: str, account: str, region: str, now_ms: Millis, *, is_ours: bool = False
) -> Event | Refused:
    """Return the event of an entry. is_ours: a service of AWS's sends it, and may say so."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return _argument(name, f"{name} is a required argument.")
    source = entry["Source"]
    if source.startswith("aws.") and not is_ours:
        return Refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = orjson.loads(entry["Detail"])
    except orjson.JSONDecodeError:
        detail = None
    if not isinstance(detail, dict) or _is_too_deep(entry["Detail"], detail):
        return Refused("MalformedDetail", "Detail is malformed.")
    at_ms = entry.get("Time")
    if at_ms is not None and not _TIME_MIN_MS <= at_ms <= _TIME_MAX_MS:
        return _argument("Time", "It must be in the years 1 to 9999.")
    return {
        "version": "0",
        "id": event_id,
        "detail-type": entry["DetailType"],
        "source": source,
        "account": account,
        "time": event_time(now_ms if at_ms is None else at_ms),
        "region": region,
        "resources": list(entry.get("Resources") or ()),
        "detail": detail,
    }


def event_time(at_ms: int) -> str:
    """Return an instant as events say it: whole seconds, a year of four digits."""
    return iso(at_ms)[:-5].zfill(19) + "Z"


def _is_too_deep(text: str, value: Any) -> bool:
    if text.count("{") + text.count("[") <= DEPTH_MAX:  # which is nearly always so
        return False
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            return True
        inner = [
            child for each in level for child in (each.values() if isinstance(each, dict) else each)
        ]
        level = [child for child in inner if isinstance(child, dict | list)]
    return False


def _argument(name: str, reason: str) -> Refused:
    return Refused("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
