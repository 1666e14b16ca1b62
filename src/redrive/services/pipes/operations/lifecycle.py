"""Make, change, start, stop and delete pipes.

A mapping under the pipe's id does the polling; what it refuses (the queue is not there) is the
pipe's failed state, as AWS finds it out after the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from redrive.core.effects import Ask, Call, Caller, Context, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.core.time import SECOND_MS, Millis
from redrive.services.pipes.model import IN_TRANSITION, Pipe, pipe_arn
from redrive.services.pipes.operations.lookup import ask_feeds, ask_state, find, keep
from redrive.services.pipes.operations.reading import summary
from redrive.services.pipes.refusals import conflict
from redrive.services.pipes.room import Pipes
from redrive.services.pipes.settings import (
    batching,
    check_settings,
    filter_patterns,
    given_settings,
    merged,
)
from redrive.store.store import Tx

Change = Literal["CREATE", "UPDATE", "START", "STOP"]
_ON_THE_WAY = {"CREATE": "CREATING", "UPDATE": "UPDATING", "START": "STARTING", "STOP": "STOPPING"}


def create_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Make a pipe. The answer's state is CREATING; RUNNING, STOPPED or CREATE_FAILED follows.

    AWS: API_CreatePipe.
    """
    caller, name = context.caller, params["Name"]
    given = given_settings(params)
    check_settings(given, room.offers)
    pipe = Pipe(
        account=caller.account,
        region=caller.region,
        name=name,
        id=uuid4(room.chance),
        settings=orjson.dumps(given).decode(),
        desired=params.get("DesiredState") or "RUNNING",
        failed=None,
        reason=None,
        tags=orjson.dumps(params.get("Tags") or {}).decode(),
        created_ms=context.now_ms,
        modified_ms=context.now_ms,
    )
    there: Pipe | None = tx.one(
        Pipe, "pipes.pipe", account=caller.account, region=caller.region, name=name
    )
    if there is None:
        keep(tx, pipe)
        return _feed(pipe, caller, "CREATE")

    def known(tx: Tx, feeds: Mapping[str, Any], _now_ms: Millis) -> Ask:
        if there.desired != "DELETED" or there.id in feeds:
            raise conflict(f"Pipe {name} already exists.", name)
        keep(tx, pipe)
        return _feed(pipe, caller, "CREATE")

    return ask_feeds((there,), caller, known)


def update_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Change what the request names. AWS: API_UpdatePipe."""
    pipe = find(tx, params["Name"], context.caller)
    given = merged(pipe.given, params)
    check_settings(given, room.offers)
    changed = pipe._replace(
        settings=orjson.dumps(given).decode(), desired=params.get("DesiredState") or pipe.desired
    )
    return _change(pipe, changed, context.caller, "UPDATE")


def start_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Let a pipe run. AWS: API_StartPipe."""
    del room
    pipe = find(tx, params["Name"], context.caller)
    return _change(pipe, pipe._replace(desired="RUNNING"), context.caller, "START")


def stop_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Let a pipe rest: what is under way ends. AWS: API_StopPipe."""
    del room
    pipe = find(tx, params["Name"], context.caller)
    return _change(pipe, pipe._replace(desired="STOPPED"), context.caller, "STOP")


def delete_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Delete a pipe: it is gone when what is under way has ended. AWS: API_DeletePipe."""
    del room
    pipe = find(tx, params["Name"], context.caller)
    caller = context.caller

    def deletable(tx: Tx, state: str, _reason: str | None, now_ms: Millis) -> Ask:
        if state in IN_TRANSITION:
            raise conflict(f"Pipe {pipe.name} is {state}.", pipe.name)
        gone = pipe._replace(desired="DELETED", failed=None, reason=None, modified_ms=now_ms)
        keep(tx, gone)

        def removed(_tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
            if reply.error is not None:
                raise reply.error
            return summary(gone, "DELETING")

        return Ask(Call("mappings", "RemoveConsumer", {"Id": pipe.id}, caller), removed)

    return ask_state(pipe, caller, deletable)


def _change(pipe: Pipe, changed: Pipe, caller: Caller, change: Change) -> Ask:
    """Bring a change about, unless another one is on. AWS: API_UpdatePipe, ConflictException."""

    def settled(tx: Tx, state: str, _reason: str | None, now_ms: Millis) -> Ask:
        if state in IN_TRANSITION:
            raise conflict(f"Pipe {pipe.name} is {state}.", pipe.name)
        row = changed._replace(failed=None, reason=None, modified_ms=now_ms)
        keep(tx, row)
        return _feed(row, caller, change)

    return ask_state(pipe, caller, settled)


def _feed(pipe: Pipe, caller: Caller, change: Change) -> Ask:
    """Bring the mapping of a pipe in line with its settings, and answer."""
    given = pipe.given
    size, window_s = batching(given)
    params = {
        "Id": pipe.id,
        "Consumer": "pipes",
        "ConsumerArn": pipe_arn(pipe.region, pipe.account, pipe.name),
        "QueueArn": given["Source"],
        "BatchSize": size,
        "WindowMs": window_s * SECOND_MS,
        "Filters": filter_patterns(given.get("SourceParameters") or {}),
        "Enabled": pipe.desired == "RUNNING",
    }

    def fed(tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
        if isinstance(reply.error, ServiceError):
            keep(tx, pipe._replace(failed=f"{change}_FAILED", reason=reply.error.message))
        elif reply.error is not None:
            raise reply.error
        return summary(pipe, _ON_THE_WAY[change])

    return Ask(Call("mappings", "PutConsumer", params, caller), fed)
