"""RunPipe: one batch of a pipe, from the queue's records to the target's answer. Internal.

    records ──> enrichment (a function) ──> events ──> target, in portions ──> what failed
                      │ an error                            │ an error
                      └──> all of the batch has failed <────┘ of its portion

The mapping that feeds the pipe calls it as it calls a function, and reads its answer as a
function's: what is named in batchItemFailures stays in the queue until its visibility timeout ends,
all else is deleted. A throttled call raises TooManyRequestsException: then the batch is tried again
while it is the pipe's.

Where an enrichment returns as many events as it was given, each stands for its message; else they
stand for the batch, and one that fails makes all of it fail.
AWS: EventBridge User Guide, "Amazon EventBridge Pipes".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Ask, Call, Context, Params, Reply, Result
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import Millis
from redrive.services.pipes.model import Pipe
from redrive.services.pipes.payloads import Kind, Sent, as_params, kind_of, portions, reported
from redrive.services.pipes.room import Pipes
from redrive.services.pipes.templates import Facts, RenderError, fill
from redrive.store.store import Tx

NAMESPACE = "AWS/EventBridge/Pipes"
_THROTTLES = frozenset({"TooManyRequestsException", "ThrottlingException", "RequestThrottled"})


class _Failed(Exception):
    """The batch has failed; the text says why, and kind is the errorType that explain shows."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(slots=True)
class _Execution:
    """One batch on its way. failed: places of messages in the batch; None: all of them."""

    room: Pipes
    pipe: Pipe
    target: Arn
    kind: Kind
    records: list[dict[str, Any]]
    began_ms: int
    events: list[Any] = field(default_factory=list)
    portions: Iterator[list[Sent]] = field(default_factory=lambda: iter(()))
    failed: set[int] | None = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [record["messageId"] for record in self.records]

    @property
    def is_paired(self) -> bool:
        """Tell whether each event stands for its message."""
        return len(self.events) == len(self.records)

    def facts(self, target: str) -> Facts:
        return Facts(self.pipe.arn, self.pipe.name, target, self.began_ms)

    def count(self, name: str, value: float, at_ms: int, unit: str = "Count") -> None:
        place = (self.pipe.account, self.pipe.region)
        dimensions = (("AwsAccountId", self.pipe.account), ("PipeName", self.pipe.name))
        self.room.count(place, NAMESPACE, name, dimensions, value, at_ms, unit)


def run_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Take a batch: {"FunctionName": the pipe's ARN, "Payload": {"Records": [...]}} as for Invoke.

    -> {"Payload": JSON of {"batchItemFailures": [...]}} or, when all has failed, with a
    FunctionError. Raises TooManyRequestsException where the enrichment or the target throttles.
    """
    arn = parse_arn(params["FunctionName"])
    assert arn is not None
    name = arn.resource.removeprefix("pipe/")
    pipe: Pipe | None = tx.one(
        Pipe, "pipes.pipe", account=arn.account, region=arn.region, name=name
    )
    if pipe is None:
        raise ServiceError("NotFoundException", f"Pipe {name} does not exist.", status=404)
    given = pipe.given
    target = parse_arn(given["Target"])
    assert target is not None
    kind = kind_of(target)
    assert kind is not None, "it was checked when it was set"
    records = orjson.loads(params["Payload"])["Records"]
    run = _Execution(room, pipe, target, kind, records, context.now_ms, list(records))
    run.count("Invocations", 1, context.now_ms)
    run.count("EventCount", len(records), context.now_ms)
    run.count("EventSize", len(params["Payload"]), context.now_ms, "Bytes")
    try:
        return _enrich(run) if given.get("Enrichment") else _deliver(run, context.now_ms)
    except _Failed as failure:
        return _give_up(run, failure, context.now_ms)


def _enrich(run: _Execution) -> Ask:
    given = run.pipe.given
    function = given["Enrichment"]
    template = (given.get("EnrichmentParameters") or {}).get("InputTemplate")
    texts = [_filled(template, event, run.facts(function)) for event in run.events]
    params = {
        "FunctionName": function,
        "InvocationType": "RequestResponse",
        "Payload": b"[" + b",".join(text.encode() for text in texts) + b"]",
    }

    def enriched(_tx: Tx, reply: Reply, now_ms: Millis) -> Result | Ask:
        try:
            run.events = _events_of(_answer(reply))
            return _deliver(run, now_ms)
        except _Failed as failure:
            run.count("EnrichmentStageFailed", 1, now_ms)
            return _give_up(run, failure, now_ms)

    return Ask(Call("lambda", "Invoke", params, run.pipe.caller), enriched)


def _filled(template: str | None, event: Any, facts: Facts) -> str:
    """Return the text of an event for a function: JSON, as a function takes nothing else."""
    try:
        text = fill(template, event, facts)
        orjson.loads(text)
    except RenderError as error:
        raise _Failed("InvalidInput", str(error)) from None
    except orjson.JSONDecodeError:
        return orjson.dumps(text).decode()
    return text


def _answer(reply: Reply) -> Result:
    """Return what a call has answered. Raises _Failed, and ServiceError for a throttle."""
    if isinstance(reply.error, ServiceError):
        if reply.error.code in _THROTTLES:
            raise ServiceError("TooManyRequestsException", reply.error.message, status=429)
        raise _Failed(reply.error.code, reply.error.message)
    if reply.result is None:
        raise reply.error or Unavailable("no answer")
    return reply.result


def _events_of(result: Result) -> list[Any]:
    """Return the events that an enrichment has made: those of a list, else the one value."""
    payload = result.get("Payload") or b"null"
    if result.get("FunctionError") is not None:
        raise _Failed("EnrichmentFailed", payload.decode(errors="replace"))
    try:
        made = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise _Failed("EnrichmentFailed", "The enrichment's response is not JSON.") from None
    if made is None or made == {}:
        return []
    return made if isinstance(made, list) else [made]


def _deliver(run: _Execution, now_ms: Millis) -> Result | Ask:
    """Begin to hand the events to the target; without any, the batch is done."""
    if not run.events:
        run.count("TargetStageSkipped", 1, now_ms)
        return _end(run, now_ms)
    template = (run.pipe.given.get("TargetParameters") or {}).get("InputTemplate")
    facts = run.facts(str(run.target))
    try:
        texts = [fill(template, event, facts) for event in run.events]
    except RenderError as error:
        raise _Failed("InvalidInput", str(error)) from None
    sent = [Sent(number, *pair) for number, pair in enumerate(zip(run.events, texts, strict=True))]
    run.portions = portions(run.kind, sent)
    return _next_portion(run, now_ms)


def _next_portion(run: _Execution, now_ms: Millis) -> Result | Ask:
    portion = next(run.portions, None)
    if portion is None or run.failed is None:
        return _end(run, now_ms)
    own = (run.pipe.given.get("TargetParameters") or {}).get(run.kind.parameters) or {}
    caller = run.pipe.caller._replace(region=run.target.region)
    params = as_params(run.kind, run.target, portion, own, now_ms)

    def taken(_tx: Tx, reply: Reply, now_ms: Millis) -> Result | Ask:
        try:
            _note(run, portion, _answer(reply))
        except _Failed as failure:
            run.errors.append(str(failure))
            _fail(run, {one.number for one in portion})
        return _next_portion(run, now_ms)

    return Ask(Call(run.kind.service, run.kind.operation, params, caller), taken)


def _note(run: _Execution, portion: Sequence[Sent], result: Result) -> None:
    """Read which events of a portion the target has not taken."""
    if run.kind.operation == "Invoke":
        failed = reported(result, run.ids)
        if failed is None:
            payload: bytes = result.get("Payload") or b""
            run.errors.append(payload.decode(errors="replace"))
            run.failed = None
        elif failed:
            _fail(run, failed)
        return
    failed = run.kind.failures(result, portion)
    if failed:
        run.errors.append(f"{len(failed)} of {len(portion)} were refused by {run.target}")
        _fail(run, failed)


def _fail(run: _Execution, places: set[int]) -> None:
    if run.failed is not None:
        run.failed = run.failed | places if run.is_paired else None


def _end(run: _Execution, now_ms: Millis) -> Result:
    """Answer as a function does that reports batch item failures."""
    run.count("Duration", now_ms - run.began_ms, now_ms, "Milliseconds")
    if run.failed is None or len(run.failed) == len(run.records):
        text = run.errors[0] if run.errors else "The target has failed."
        run.count("TargetStageFailed", 1, now_ms)
        return _give_up(run, _Failed("TargetFailed", text), now_ms)
    if run.failed:
        run.count("TargetStagePartiallyFailed", 1, now_ms)
        run.count("ExecutionPartiallyFailed", 1, now_ms)
    ids = run.ids
    failures = [{"itemIdentifier": ids[place]} for place in sorted(run.failed)]
    return {"Payload": orjson.dumps({"batchItemFailures": failures})}


def _give_up(run: _Execution, failure: _Failed, now_ms: Millis) -> Result:
    """Let all messages stay in the queue, with the reason in their life-lines."""
    run.count("ExecutionFailed", 1, now_ms)
    body = {"errorType": failure.kind, "errorMessage": str(failure)}
    return {"FunctionError": "Unhandled", "Payload": orjson.dumps(body)}
