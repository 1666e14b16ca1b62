"""Invoke: synchronous runs, dry runs, and events that are kept for the courier."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from redrive.core.effects import Ask, Context, Environment, Params, Reply, Result, Run
from redrive.core.time import DAY_MS, Millis, seconds
from redrive.services.functions import rules
from redrive.services.functions.labels import refuse_unsupported
from redrive.services.functions.model import LATEST, Alias, Function, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.concurrency import allocations, set_aside
from redrive.services.functions.operations.lookup import key_of, located
from redrive.services.functions.payloads import check_payload, decode_client_context
from redrive.services.functions.refusals import conflict, too_many_requests
from redrive.services.functions.room import Functions, Slot
from redrive.store.store import Tx

DEBUG_VARIABLE = "REDRIVE_DEBUG"
"""`redrive up --debug` gives it to a function: debugpy:<port> or inspect:<port>."""

SOURCE_VARIABLE = "REDRIVE_SOURCE"
"""The same gives it this: the folder that the code was copied from."""

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
    if room.trouble(function.runtime):
        raise conflict(
            "The operation cannot be performed at this time. The function is currently in the "
            "following state: Failed"
        )
    if invocation_type == "Event":
        keep_event(room, tx, target._replace(name=function.name), payload, context)
        return {"StatusCode": 202, "Payload": b""}
    function = routed(room, tx, function, alias)
    client_context = decode_client_context(params.get("ClientContext"))
    place = place_for(room, tx, function)
    if place.refusal is not None:
        raise too_many_requests(place.refusal)
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
        provisioned=place.provisioned,
    )


def invoke_async(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Keep an event, as Invoke does with InvocationType Event. AWS: API_InvokeAsync, deprecated."""
    payload = check_payload(params.get("InvokeArgs"), "Event")
    target = parse_function_name(params["FunctionName"], context.caller)
    function = located(tx, context.caller, target, "Invoke")[0]
    keep_event(room, tx, target._replace(name=function.name), payload, context)
    return {"Status": 202}


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


class Place(NamedTuple):
    """Where an invocation may start: nowhere, on demand, or in what is kept warm for it."""

    refusal: rules.ThrottleReason | None = None
    provisioned: bool = False


def place_for(room: Functions, tx: Tx, function: Function) -> Place:
    """Tell where a function may start another invocation now.

    What is provisioned comes first; what it cannot take spills over to what runs on demand.
    """
    kept = 0  # provisioned for any of the function's versions, out of its own reservation
    if function.version != LATEST or function.reserved is not None:
        allocated = allocations(tx, function)
        mine = allocated.get(function.version, 0)
        if room.running.of_provisioned(function.version_arn) < mine:
            return Place(provisioned=True)
        kept = sum(allocated.values())
    if function.reserved is not None:
        running = room.running.on_demand(function.arn)
        return Place(rules.admit(function.reserved - kept, running, 0, 0))
    pool_running = room.running.of_pool(function.account, function.region)
    pool_limit = room.unreserved_floor  # always left; what more there is costs a query
    if pool_running >= pool_limit:
        taken = set_aside(tx, function.account, function.region)
        pool_limit = room.concurrency - taken
    return Place(rules.admit(None, 0, pool_limit, pool_running))


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
    provisioned: bool = False,
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
    return Ask(run, _Invocation(room, room.running.take(function, provisioned=provisioned), resume))


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
    """Return what the runtime must know to run a function. A debugged one has all the time."""
    variables = json.loads(function.variables)
    debug = variables.get(DEBUG_VARIABLE, "")
    code_path = str(room.code.path(function.code_hash))
    if debug.startswith("inspect:"):  # Node.js names no module otherwise than it lies
        code_path = variables.get(SOURCE_VARIABLE, code_path)
    base = room.code.base(function.code_hash)
    return Environment(
        function_arn=function.arn if function.version == LATEST else function.version_arn,
        function_name=function.name,
        version=function.version,
        revision=function.revision,
        runtime=function.runtime,
        handler=function.handler,
        code_path=code_path,
        timeout_ms=Millis(DAY_MS) if debug else seconds(function.timeout_s),
        memory_mb=function.memory_mb,
        account=function.account,
        region=function.region,
        variables=tuple(variables.items()),
        layers=tuple(str(room.code.path(each["hash"])) for each in json.loads(function.layers)),
        debug=debug,
        packages=str(room.code.path(base)) if base else "",
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


def keep_event(room: Functions, tx: Tx, target: Target, payload: bytes, context: Context) -> None:
    """Keep an event until the courier has delivered it."""
    tx.run(
        "functions.add_event",
        id=tx.sequence(context.now_ms),
        function_arn=target.unqualified_arn,
        payload=payload,
        request_id=context.request_id,
        now_ms=context.now_ms,
        qualifier=target.qualifier,
    )
    room.note(tx, "AsyncEventsReceived", target, 1, context.now_ms)
    tx.wake(ASYNC_TOPIC)
