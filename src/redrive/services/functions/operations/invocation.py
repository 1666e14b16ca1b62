"""Invoke: synchronous runs, dry runs, and events that are kept for the courier."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redrive.core.effects import Ask, Context, Environment, Params, Reply, Result, Run
from redrive.core.time import Millis, seconds
from redrive.services.functions import rules
from redrive.services.functions.labels import refuse_unsupported
from redrive.services.functions.model import LATEST, Alias, Function
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.concurrency import reserved_sum
from redrive.services.functions.operations.lookup import key_of, located
from redrive.services.functions.payloads import check_payload, decode_client_context
from redrive.services.functions.refusals import too_many_requests
from redrive.services.functions.room import Functions, Slot
from redrive.store.store import Tx

ASYNC_TOPIC = "lambda:async"
"""Woken when an event has been kept for asynchronous invocation."""


def invoke(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Run a function and answer with its response (RequestResponse), keep the event (Event), or
    only check (DryRun).

    A function that fails is no failure of Invoke: StatusCode is 200 and FunctionError is set.
    AWS: API_Invoke.
    """
    invocation_type = params.get("InvocationType") or "RequestResponse"
    refuse_unsupported(params)
    payload = check_payload(params.get("Payload"), invocation_type)
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    function, alias = located(tx, context.caller, target, "Invoke")
    if invocation_type == "DryRun":
        return {"StatusCode": 204}
    if invocation_type == "Event":
        _keep_event(tx, function, target.qualifier, payload, context)
        return {"StatusCode": 202, "Payload": b""}
    function = routed(room, tx, function, alias)
    client_context = decode_client_context(params.get("ClientContext"))
    reason = throttle_reason(room, tx, function)
    if reason is not None:
        raise too_many_requests(reason)
    with_log = params.get("LogType") == "Tail"
    return run_function(
        room,
        function,
        payload,
        context.request_id,
        context.now_ms,
        lambda _tx, reply, _now_ms: _answer(reply, function.version, with_log),
        client_context,
        invoked_arn=target.arn,
    )


def routed(room: Functions, tx: Tx, function: Function, alias: Alias | None) -> Function:
    """Return the version that takes an invocation of an alias: by chance, where two share them.

    AWS: Developer Guide, "Create an alias for a Lambda function", on weighted aliases.
    """
    if alias is None or alias.weights == "{}":
        return function
    draw = int.from_bytes(room.chance.token(4), "big") / (1 << 32)
    version = rules.choose_version(alias.version, json.loads(alias.weights), draw)
    if version == function.version:
        return function
    chosen: Function | None = tx.one(
        Function, "functions.version_by_number", **key_of(alias), version=int(version)
    )
    assert chosen is not None, f"{alias.arn} names version {version}, which is not there"
    return chosen


def throttle_reason(room: Functions, tx: Tx, function: Function) -> rules.ThrottleReason | None:
    """Tell why a function may not start another invocation now; None when it may."""
    pool_running = room.running.of_pool(function.account, function.region)
    pool_limit = room.unreserved_floor  # always left; what more there is costs a query
    if function.reserved is None and pool_running >= pool_limit:
        pool_limit = room.concurrency - reserved_sum(tx, function.account, function.region)
    running = room.running.of_function(function.arn)
    return rules.admit(function.reserved, running, pool_limit, pool_running)


def run_function(
    room: Functions,
    function: Function,
    payload: bytes,
    request_id: str,
    now_ms: Millis,
    resume: Callable[[Tx, Reply, Millis], Result],
    client_context: bytes | None = None,
    *,
    invoked_arn: str,
) -> Ask:
    """Take a concurrency slot and ask for the run; the slot is given back before `resume` is
    called.

    The last thing that an operation does: what raises after it would keep the slot.
    """
    timeout_ms = seconds(function.timeout_s)
    run = Run(
        environment=environment_of(room, function),
        request_id=request_id,
        event=payload,
        deadline_ms=Millis(now_ms + timeout_ms),
        client_context=client_context,
        invoked_arn=invoked_arn,
    )
    return Ask(run, _Invocation(room, room.running.take(function), resume))


@dataclass(slots=True, eq=False)
class _Invocation:
    """One run under way; called once with its end. The function may be gone by then."""

    room: Functions
    slot: Slot | None
    then: Callable[[Tx, Reply, Millis], Result]

    def __call__(self, tx: Any, reply: Reply, now_ms: Millis) -> Result:
        slot, self.slot = self.slot, None
        assert slot is not None, "an invocation has ended twice"
        self.room.running.release(slot)
        return self.then(tx, reply, now_ms)


def environment_of(room: Functions, function: Function) -> Environment:
    """Return what the runtime must know to run a function."""
    return Environment(
        function_arn=function.arn if function.version == LATEST else function.version_arn,
        function_name=function.name,
        version=function.version,
        revision=function.revision,
        runtime=function.runtime,
        handler=function.handler,
        code_path=str(room.code.path(function.code_hash)),
        timeout_ms=seconds(function.timeout_s),
        memory_mb=function.memory_mb,
        account=function.account,
        region=function.region,
        variables=tuple(json.loads(function.variables).items()),
        layers=tuple(str(room.code.path(each["hash"])) for each in json.loads(function.layers)),
    )


def _answer(reply: Reply, version: str, with_log: bool) -> Result:
    if reply.error is not None:
        raise reply.error
    ran = reply.ran
    assert ran is not None
    answer: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": version,
        "Payload": ran.payload,
    }
    if ran.error is not None:
        answer["FunctionError"] = ran.error
    if with_log:
        answer["LogResult"] = base64.b64encode(ran.log_tail).decode()
    return answer


def _keep_event(
    tx: Tx, function: Function, qualifier: str | None, payload: bytes, context: Context
) -> None:
    tx.run(
        "functions.add_event",
        id=tx.sequence(context.now_ms),
        function_arn=function.arn,
        payload=payload,
        request_id=context.request_id,
        now_ms=context.now_ms,
        qualifier=qualifier,
    )
    tx.wake(ASYNC_TOPIC)
