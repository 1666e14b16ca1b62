"""Mappings whose batches are not a function's: a pipe is fed as a function is. Internal.

The consumer's service has an operation (pump.CONSUMERS) that takes a batch as lambda.Invoke does
and answers with the Payload of a function that reports batch item failures.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any

from redrive.core.effects import Ask, Context, Params, Result
from redrive.core.time import Millis
from redrive.services.mappings import settings
from redrive.services.mappings.filters import check_patterns
from redrive.services.mappings.model import CHANGED_TOPIC, Found, Mapping
from redrive.services.mappings.operations.lookup import ask_queue_for, find_any
from redrive.services.mappings.room import Mappings
from redrive.store.store import Tx


def put_consumer(room: Mappings, tx: Tx, params: Params, context: Context) -> Ask:
    """Make or change a mapping under an id of the consumer's own.

    {"Id", "Consumer": "pipes", "ConsumerArn", "QueueArn", "BatchSize", "WindowMs",
    "Filters": [pattern], "Enabled"} -> {"State"}. Raises InvalidParameterValueException where the
    queue is not there or the settings do not go together.
    """
    del room
    caller, arn = context.caller, params["ConsumerArn"]
    given = settings.Settings(
        enabled=params["Enabled"],
        batch_size=params["BatchSize"],
        window_ms=params["WindowMs"],
        reports_failures=True,
        filters=tuple(params["Filters"]),
    )
    check_patterns(params["Filters"])
    fresh = settings.fresh(caller, params["QueueArn"])._replace(consumer=params["Consumer"])
    settings.apply(fresh, given)  # refuses before anybody is asked

    def put(tx: Tx, found: Found, now_ms: Millis) -> Result:
        current = find_any(tx, params["Id"], caller)
        if current is None:
            made = settings.apply(fresh, given)._replace(
                **found._asdict(), uuid=params["Id"], modified_ms=now_ms
            )
            tx.run("mappings.add", **settings.columns(made, "n", "problem", "version"))
        else:
            made = settings.merge(current._replace(**found._asdict()), given, now_ms)
            tx.run("mappings.change", **settings.columns(made))
        tx.wake(CHANGED_TOPIC)
        return _shown(made)

    return ask_queue_for(arn, params["QueueArn"], caller, put)


def describe_consumer(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Tell how mappings stand: {"Ids": [id]} -> {"Consumers": {id: {"State", "Problem"}}}.

    One that is gone is not in the answer.
    """
    del room
    found = {name: find_any(tx, name, context.caller) for name in params["Ids"]}
    return {"Consumers": {name: _shown(row) for name, row in found.items() if row is not None}}


def remove_consumer(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Let a mapping end: {"Id"} -> {}. It is gone when what is under way has ended."""
    del room
    mapping = find_any(tx, params["Id"], context.caller)
    if mapping is not None and mapping.state != "Deleting":
        deleting = mapping._replace(
            state="Deleting", modified_ms=context.now_ms, version=mapping.version + 1
        )
        tx.run("mappings.change", **settings.columns(deleting))
        tx.wake(CHANGED_TOPIC)
    return {}


def _shown(mapping: Mapping) -> MappingOf[str, Any]:
    return {"State": mapping.state, "Problem": mapping.problem}
