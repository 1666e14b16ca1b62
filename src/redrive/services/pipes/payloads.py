"""What a pipe hands to its target: events as text, and the calls that deliver them. Pure.

    target                     a call has              what failed
    function                   the whole batch         as it reports, or all
    queue, topic, bus          up to 10 events         the entries that were refused
    log group                  the whole batch         all or none
    API destination            one event               that one

AWS: EventBridge User Guide, "Amazon EventBridge Pipes targets", "Amazon EventBridge Pipes batching
and concurrency".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import Arn
from redrive.core.effects import Params, Result
from redrive.services.pipes.templates import dynamic

_ENTRIES_MAX = 10
_INSTANT_DIGITS = 15  # of milliseconds since 1970: the year 33658
_BATCH_BYTES_MAX = 262_144  # below what queues, topics and buses take in one request


class Sent(NamedTuple):
    """One event on its way to a target. number: its place in the batch."""

    number: int
    event: Any  # as it was before the template of the target, for dynamic parameters
    text: str  # what the target gets


class Kind(NamedTuple):
    """A kind of target."""

    arn_service: str
    beginning: str  # of the resource
    service: str
    operation: str
    parameters: str  # the member of TargetParameters that is its own
    entries_max: int | None  # events in a call; None: all
    make: Callable[[Arn, Sequence[Sent], Mapping[str, Any], int], dict[str, Any]]
    failures: Callable[[Result, Sequence[Sent]], set[int]]

    def is_of(self, arn: Arn) -> bool:
        """Tell whether an ARN is of this kind."""
        return arn.service == self.arn_service and arn.resource.startswith(self.beginning)


def kind_of(arn: Arn) -> Kind | None:
    """Return the kind of a target, or None."""
    return next((kind for kind in TARGETS if kind.is_of(arn)), None)


def portions(kind: Kind, sent: Sequence[Sent]) -> Iterator[list[Sent]]:
    """Yield what goes into one call each, in order."""
    portion: list[Sent] = []
    size = 0
    for one in sent:
        length = len(one.text.encode())
        is_full = kind.entries_max is not None and len(portion) == kind.entries_max
        is_large = kind.entries_max is not None and size + length > _BATCH_BYTES_MAX
        if portion and (is_full or is_large):
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += length
    if portion:
        yield portion


# --- calls --------------------------------------------------------------------------------------


def _invoke(arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    is_waiting = own.get("InvocationType") != "FIRE_AND_FORGET"
    return {
        "FunctionName": str(arn),
        "InvocationType": "RequestResponse" if is_waiting else "Event",
        "Payload": b"[" + b",".join(_as_json(one.text) for one in sent) + b"]",
    }


def _as_json(text: str) -> bytes:
    """Return an event's text as a JSON value: as it is when it is JSON, else as a string."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.dumps(text)
    return text.encode()


def _send(arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    entries = []
    for one in sent:
        entry = {"Id": str(one.number), "MessageBody": one.text}
        for name in ("MessageGroupId", "MessageDeduplicationId"):
            value = dynamic(own.get(name), one.event)
            if value:
                entry[name] = value
        entries.append(entry)
    return {"QueueUrl": str(arn), "Entries": entries}


def _publish(arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    entries = [{"Id": str(one.number), "Message": one.text} for one in sent]
    return {"TopicArn": str(arn), "PublishBatchRequestEntries": entries}


def _put_events(
    arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int
) -> dict[str, Any]:
    entries = []
    for one in sent:
        resources = [dynamic(value, one.event) for value in own.get("Resources") or ()]
        entry: dict[str, Any] = {
            "EventBusName": str(arn),
            "Source": dynamic(own.get("Source"), one.event) or _SOURCE,
            "DetailType": dynamic(own.get("DetailType"), one.event) or _DETAIL_TYPE,
            "Detail": one.text,
            "Resources": [text for text in resources if text],
        }
        entries.append(entry)
    return {"Entries": entries}


_SOURCE, _DETAIL_TYPE = "Pipe", "Event from aws:sqs"
"""Of events to a bus when the pipe names none [G]."""


def _log(arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    lines = []
    for one in sent:
        text = dynamic(own.get("Timestamp"), one.event)
        is_instant = text is not None and text.isdecimal() and len(text) <= _INSTANT_DIGITS
        at_ms = int(text) if text is not None and is_instant else now_ms
        lines.append({"timestamp": at_ms, "message": one.text})
    return {
        "logGroupName": arn.resource.removeprefix("log-group:").removesuffix(":*"),
        "logStreamName": dynamic(own.get("LogStreamName"), sent[0].event),
        "logEvents": sorted(lines, key=_time_of),
    }


def _time_of(line: Mapping[str, Any]) -> int:
    at_ms: int = line["timestamp"]
    return at_ms


def _request(arn: Arn, sent: Sequence[Sent], own: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    (one,) = sent
    return {
        "ApiDestinationArn": str(arn),
        "Payload": one.text,
        "HttpParameters": {
            "PathParameterValues": [
                dynamic(value, one.event) or "" for value in own.get("PathParameterValues") or ()
            ],
            **{
                name: {
                    key: dynamic(value, one.event) or ""
                    for key, value in (own.get(name) or {}).items()
                }
                for name in ("HeaderParameters", "QueryStringParameters")
            },
        },
    }


# --- what failed --------------------------------------------------------------------------------


def _all_taken(_result: Result, _sent: Sequence[Sent]) -> set[int]:
    return set()


def _refused_entries(result: Result, sent: Sequence[Sent]) -> set[int]:
    return {int(entry["Id"]) for entry in result.get("Failed") or ()}


def _refused_events(result: Result, sent: Sequence[Sent]) -> set[int]:
    entries = result.get("Entries") or ()
    return {one.number for one, entry in zip(sent, entries, strict=True) if entry.get("ErrorCode")}


def reported(result: Result, ids: Sequence[str]) -> set[int] | None:
    """Return which messages a function has reported as failed; None: all of them.

    AWS: "Amazon EventBridge Pipes batching and concurrency", "Partial batch failure".
    """
    if result.get("FunctionError") is not None:
        return None
    try:
        answer = orjson.loads(result.get("Payload") or b"null")
    except orjson.JSONDecodeError:
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not isinstance(failures, list):
        return set()
    places = {name: number for number, name in enumerate(ids)}
    found: set[int] = set()
    for item in failures:
        name = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in places:
            return None
        found.add(places[name])
    return found


def as_params(kind: Kind, arn: Arn, sent: Sequence[Sent], own: Params, now_ms: int) -> Params:
    """Return the parameters of the call that delivers a portion."""
    return kind.make(arn, sent, own, now_ms)


TARGETS = (
    Kind(
        "lambda", "function:", "lambda", "Invoke", "LambdaFunctionParameters",
        None, _invoke, _all_taken,
    ),
    Kind(
        "sqs", "", "sqs", "SendMessageBatch", "SqsQueueParameters",
        _ENTRIES_MAX, _send, _refused_entries,
    ),
    Kind(
        "sns", "", "sns", "PublishBatch", "",
        _ENTRIES_MAX, _publish, _refused_entries,
    ),
    Kind(
        "events", "event-bus/", "events", "PutEvents", "EventBridgeEventBusParameters",
        _ENTRIES_MAX, _put_events, _refused_events,
    ),
    Kind(
        "events", "api-destination/", "events", "InvokeApiDestination", "HttpParameters",
        1, _request, _all_taken,
    ),
    Kind(
        "logs", "log-group:", "logs", "PutLogEvents", "CloudWatchLogsParameters",
        None, _log, _all_taken,
    ),
)  # fmt: skip
