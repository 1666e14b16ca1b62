"""What becomes a live event, and how: invocations that end, batches, burials, deployments.

Services do not know of telemetry; the composition root puts these watchers in their way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from redrive.core.effects import Caller, Context, Params, Ran, Result, Run
from redrive.core.time import Millis
from redrive.services.registry import Operation
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

Runner = Callable[[Run, Callable[[Ran], None]], None]

MESSAGE_MAX = 500  # characters of an error that a live event shows; the log has all of it


def watched_runs(run: Runner, room: Telemetry, clock: Callable[[], Millis]) -> Runner:
    """Return a runner that notes how each invocation ends, before whoever waits for it hears."""

    def run_watched(job: Run, done: Callable[[Ran], None]) -> None:
        def ended(ran: Ran) -> None:
            environment = job.environment
            detail = {
                "FunctionName": environment.function_name,
                "RequestId": job.request_id,
                "Status": ran.status,
                "DurationMs": round(ran.duration_ms, 2),
                "InitMs": None if ran.init_ms is None else round(ran.init_ms, 2),
                "MemoryMb": ran.memory_mb or None,
                **(_error(ran.payload) if ran.error is not None else {}),
            }
            room.note(environment.account, environment.region, clock(), "invocation", detail)
            done(ran)

        run(job, ended)

    return run_watched


def watched_settling(settle: Operation, room: Telemetry) -> Operation:
    """Return sqs.SettleBatch that notes what became of each batch of a mapping."""

    def settle_watched(tx: Tx, params: Params, context: Context) -> Any:
        result = settle(tx, params, context)
        if isinstance(result, Mapping):
            detail = {
                "QueueName": params["QueueArn"].rpartition(":")[2],
                "FunctionName": params["FunctionArn"].rpartition(":")[2],
                "RequestId": params["RequestId"],
                "Outcome": params.get("Outcome") if result["Kept"] else None,
                "Deleted": result["Deleted"],
                "Kept": result["Kept"],
            }
            caller = context.caller
            room.note(caller.account, caller.region, context.now_ms, "batch", detail, tx)
        return result

    return settle_watched


def note_buried(room: Telemetry, tx: Tx, told: Mapping[str, Any]) -> None:
    """Note a message that went to its dead-letter queue.

    told: AtMs, MessageId, ReceiveCount, and the queues' ARNs as Source and DeadLetterQueue.
    """
    source: str = told["Source"]
    _arn, _partition, _service, region, account, name = source.split(":", 5)
    detail = {
        "MessageId": told["MessageId"],
        "ReceiveCount": told["ReceiveCount"],
        "QueueName": name,
        "DeadLetterQueueName": told["DeadLetterQueue"].rpartition(":")[2],
    }
    room.note(account, region, told["AtMs"], "buried", detail, tx)


def deployment_note(
    room: Telemetry,
) -> Callable[[Caller, Millis, Result], None]:
    """Return what the deployer tells of each of its actions."""

    def note(caller: Caller, at_ms: Millis, detail: Result) -> None:
        room.note(caller.account, caller.region, at_ms, "deployment", detail)

    return note


def _error(payload: bytes) -> dict[str, str]:
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(body, dict):
        return {}
    told = {"ErrorType": body.get("errorType"), "ErrorMessage": body.get("errorMessage")}
    return {name: str(value)[:MESSAGE_MAX] for name, value in told.items() if value is not None}
