"""Create, change and delete mappings. The poller brings each change to its end; see internal.py."""

from __future__ import annotations

import orjson

from redrive.core.effects import Ask, Context, Params, Result
from redrive.core.ids import uuid4
from redrive.core.time import Millis
from redrive.services.mappings import settings
from redrive.services.mappings.model import CHANGED_TOPIC, Found, Mapping
from redrive.services.mappings.operations.lookup import ask_both_ends, find, find_twin
from redrive.services.mappings.refusals import duplicate, in_use
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.settings import Settings
from redrive.services.mappings.shapes import configuration
from redrive.store.store import Tx


def create_event_source_mapping(
    room: Mappings, tx: Tx, params: Params, context: Context
) -> Result | Ask:
    """Map a queue to a function. The answer's State is Creating; Enabled or Disabled follows.

    AWS: API_CreateEventSourceMapping; the texts of refusals as captured.
    """
    del tx  # the other services are asked first
    caller = context.caller
    given = settings.parse_settings(params)
    queue_arn = settings.parse_source(params, caller)
    tags: dict[str, str] = dict(params.get("Tags") or {})
    settings.check_tags(tags)
    draft = settings.apply(settings.fresh(caller, queue_arn), given)

    def create(tx: Tx, found: Found, now_ms: Millis) -> Result:
        settings.check_visibility(found.visibility_ms, found.timeout_ms)
        twin = find_twin(tx, queue_arn, found.function_arn, caller)
        if twin is not None:
            raise duplicate(twin)
        mapping = draft._replace(
            **found._asdict(),
            uuid=uuid4(room.chance),
            tags=orjson.dumps(tags).decode(),
            modified_ms=now_ms,
        )
        tx.run("mappings.add", **settings.columns(mapping, "n", "problem", "version"))
        tx.wake(CHANGED_TOPIC)
        return configuration(mapping)

    return ask_both_ends(params["FunctionName"], queue_arn, caller, create)


def update_event_source_mapping(
    room: Mappings, tx: Tx, params: Params, context: Context
) -> Result | Ask:
    """Change the members that the request gives. AWS: API_UpdateEventSourceMapping."""
    del room
    caller, uuid = context.caller, params["UUID"]
    mapping = find(tx, uuid, caller)
    given = settings.parse_settings(params)
    if not params.get("FunctionName"):
        return _change(tx, mapping, given, context.now_ms)

    def change(tx: Tx, found: Found, now_ms: Millis) -> Result:
        current = find(tx, uuid, caller)  # it may have changed while the others were asked
        settings.check_visibility(found.visibility_ms, found.timeout_ms)
        twin = find_twin(tx, current.queue_arn, found.function_arn, caller)
        if twin is not None and twin.n != current.n:
            raise duplicate(twin)
        return _change(tx, current._replace(**found._asdict()), given, now_ms)

    return ask_both_ends(params["FunctionName"], mapping.queue_arn, caller, change)


def _change(tx: Tx, mapping: Mapping, given: Settings, now_ms: Millis) -> Result:
    if mapping.state == "Deleting":
        raise in_use("update")
    merged = settings.merge(mapping, given, now_ms)
    tx.run("mappings.change", **settings.columns(merged))
    tx.wake(CHANGED_TOPIC)
    return configuration(merged)


def delete_event_source_mapping(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a mapping: no new receives, and gone when what is under way has ended.

    AWS: API_DeleteEventSourceMapping.
    """
    del room
    mapping = find(tx, params["UUID"], context.caller)
    if mapping.state == "Deleting":
        raise in_use("delete")
    deleting = mapping._replace(
        state="Deleting", modified_ms=context.now_ms, version=mapping.version + 1
    )
    tx.run("mappings.change", **settings.columns(deleting))
    tx.wake(CHANGED_TOPIC)
    return configuration(deleting)
