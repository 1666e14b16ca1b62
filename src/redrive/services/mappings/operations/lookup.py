"""From what a request names to rows, and to what other services know of a mapping's two ends."""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.arn import parse_arn
from redrive.core.effects import Ask, Call, Caller, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, SECOND_MS, Millis
from redrive.services.mappings.model import Found, Mapping
from redrive.services.mappings.refusals import queue_refusal, unknown_mapping
from redrive.store.store import Tx

Then = Callable[[Tx, Found, Millis], Result]

CONSUMER_TIMEOUT_MS = 5 * MINUTE_MS
"""AWS: EventBridge User Guide, "Pipes quotas": an execution takes five minutes at most."""


def find(tx: Tx, uuid: str, caller: Caller) -> Mapping:
    """Return a function's mapping of the caller's account and region, or refuse."""
    mapping = find_any(tx, uuid, caller)
    if mapping is None or mapping.consumer != "lambda":
        raise unknown_mapping()
    return mapping


def find_any(tx: Tx, uuid: str, caller: Caller) -> Mapping | None:
    """Return a mapping of the caller's account and region, whoever takes its batches, or None."""
    mapping: Mapping | None = tx.one(
        Mapping, "mappings.mapping", uuid=uuid, account=caller.account, region=caller.region
    )
    return mapping


def find_twin(tx: Tx, queue_arn: str, function_arn: str, caller: Caller) -> Mapping | None:
    """Return the mapping of a queue and a function, or None."""
    twin: Mapping | None = tx.one(
        Mapping,
        "mappings.twin",
        queue_arn=queue_arn,
        function_arn=function_arn,
        account=caller.account,
        region=caller.region,
    )
    return twin


def ask_both_ends(function_name: str, queue_arn: str, caller: Caller, then: Then) -> Ask:
    """Ask for the function, then for the queue, then go on with `then` in a transaction of its own.

    Refusals are told as CreateEventSourceMapping tells them.
    """

    def function_known(_tx: Tx, reply: Reply, _now_ms: Millis) -> Ask:
        function = _result(reply)
        return Ask(ask_queue(queue_arn, caller), lambda t, r, n: queue_known(function, t, r, n))

    def queue_known(function: Result, tx: Tx, reply: Reply, now_ms: Millis) -> Result:
        return then(tx, _found(function, reply, now_ms), now_ms)

    return Ask(ask_function(function_name, caller), function_known)


def ask_queue_for(consumer_arn: str, queue_arn: str, caller: Caller, then: Then) -> Ask:
    """Do the same for a consumer that is no function: only the queue is asked for."""
    name = consumer_arn.rpartition("/")[2]
    consumer = {"arn": consumer_arn, "name": name, "timeout_ms": CONSUMER_TIMEOUT_MS}

    def queue_known(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
        return then(tx, _found(consumer, reply, now_ms), now_ms)

    return Ask(ask_queue(queue_arn, caller), queue_known)


def _found(function: Result, reply: Reply, now_ms: Millis) -> Found:
    if isinstance(reply.error, ServiceError):
        raise queue_refusal(reply.error)
    return Found(
        function_arn=function["arn"],
        function_name=function["name"],
        timeout_ms=function["timeout_ms"],
        visibility_ms=read_visibility_ms(_result(reply)),
        known_ms=now_ms,
    )


def ask_function(function_name: str, caller: Caller) -> Call:
    """Return the call that tells what a mapping must know of its function."""
    return Call("lambda", "DescribeForMapping", {"FunctionName": function_name}, caller)


def ask_queue(queue_arn: str, caller: Caller) -> Call:
    """Return the call that tells a queue's visibility timeout."""
    queue = parse_arn(queue_arn)
    assert queue is not None
    params = {
        "QueueUrl": f"/{queue.account}/{queue.resource}",
        "AttributeNames": ["VisibilityTimeout"],
    }
    return Call("sqs", "GetQueueAttributes", params, caller)


def read_visibility_ms(result: Result) -> int:
    """Return the visibility timeout in a GetQueueAttributes result."""
    return int(result["Attributes"]["VisibilityTimeout"]) * SECOND_MS


def _result(reply: Reply) -> Result:
    if reply.error is not None:
        raise reply.error
    assert reply.result is not None
    return reply.result
