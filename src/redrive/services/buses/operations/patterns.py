"""TestEventPattern."""

from __future__ import annotations

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.buses.pattern_texts import checked_pattern
from redrive.services.buses.refusals import invalid
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

_REQUIRED = frozenset({"id", "account", "source", "time", "region", "resources", "detail-type"})
"""AWS: API_TestEventPattern, "Event"."""


def test_event_pattern(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Tell whether an event matches a pattern. AWS: API_TestEventPattern; texts as captured."""
    del room, tx, context
    pattern = checked_pattern(params["EventPattern"])
    try:
        event = orjson.loads(params["Event"])
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict) or not event.keys() >= _REQUIRED:
        raise invalid("Parameter Event is not valid.")
    return {"Result": pattern.matches(event)}


OPERATIONS = {"TestEventPattern": test_event_pattern}
