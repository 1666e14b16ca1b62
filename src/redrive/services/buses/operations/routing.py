"""From accepted events to deliveries: one for each target of each rule that matches.

    PutEvents, PutServiceEvents, ForwardEvents ─┐
    the ticker of scheduled rules ──────────────┼─> route ──> Outbox.put, once a target
    a replay ───────────────────────────────────┘     └─────> the archives of the bus (no replays)

All of it happens in the transaction that accepts the events, so that an event that was acknowledged
has its deliveries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Call
from redrive.core.json_paths import PathError, text_at
from redrive.core.templates import RenderError
from redrive.core.time import SECOND_MS, Millis
from redrive.services.buses.archiving import REPLAY_NAME
from redrive.services.buses.counting import count
from redrive.services.buses.inputs import Facts, target_input
from redrive.services.buses.model import BusKey, Event, Target
from redrive.services.buses.operations.archives import keep
from redrive.services.buses.room import Buses
from redrive.services.ports import EVENTS_RETRY, DeadLetter, Retry
from redrive.services.targets import service_caller, target_call
from redrive.store.store import Tx

PURPOSE = "rule"
"""What a delivery to a target of a rule is called in the outbox."""

BURIAL = "rule-burial"
"""What a message to a dead-letter queue is called whose target was never called."""


class _Sending(NamedTuple):
    """What all deliveries of one event have in common."""

    room: Buses
    tx: Tx
    bus: BusKey
    event: Event
    text: str  # of the event
    now_ms: Millis
    is_forwarded: bool = False


def route(
    room: Buses,
    tx: Tx,
    bus: BusKey,
    events: Sequence[Event],
    now_ms: Millis,
    only_rules: Collection[str] | None = None,
    replay: str | None = None,
    *,
    is_forwarded: bool = False,
) -> None:
    """Leave a delivery for each target of each rule of a bus that an event matches.

    only_rules: names; no others are asked, and these only send what they match. replay: the name of
    the replay that sends the events, which then carry it as replay-name and are not archived again.
    is_forwarded: the events come from another bus, and are not sent to a third one.
    AWS: EventBridge User Guide, "Replaying archived events"; "Sending and receiving events between
    event buses in the same account and Region": events are not sent to a third event bus.
    """
    if replay is not None:
        events = [{**event, REPLAY_NAME: replay} for event in events]
    for event in events:
        matched = room.compiled.matching(tx, bus, event)
        if only_rules is not None:
            matched = [name for name in matched if name in only_rules]
        if matched:
            text = orjson.dumps(event).decode()
            sending = _Sending(room, tx, bus, event, text, now_ms, is_forwarded)
            for name in matched:
                count(room, bus, name, ("MatchedEvents",), now_ms)
                _send(sending, name)
    if replay is None:
        keep(room, tx, bus, events, now_ms)


def trigger(room: Buses, tx: Tx, bus: BusKey, rule: str, event: Event, now_ms: Millis) -> None:
    """Send an event to the targets of one rule, whatever its pattern says: its schedule is due.

    The event is nobody else's: no other rule and no archive sees it.
    """
    _send(_Sending(room, tx, bus, event, orjson.dumps(event).decode(), now_ms), rule)


def _send(sending: _Sending, rule: str) -> None:
    tx, bus = sending.tx, sending.bus
    count(sending.room, bus, rule, ("TriggeredRules",), sending.now_ms)
    targets: list[Target] = tx.rows(Target, "buses.targets", **bus._asdict(), rule=rule)
    for target in targets:
        if not (sending.is_forwarded and is_bus(target.arn)):
            _deliver(sending, rule, target.arn, orjson.loads(target.body))


def is_bus(arn: str) -> bool:
    """Tell whether a target is an event bus."""
    parsed = parse_arn(arn)
    return (
        parsed is not None
        and parsed.service == "events"
        and parsed.resource.startswith("event-bus/")
    )


def _deliver(sending: _Sending, rule: str, arn: str, body: Mapping[str, Any]) -> None:
    bus, now_ms = sending.bus, sending.now_ms
    rule_arn = bus.rule_arn(rule)
    letter = _dead_letter(body, rule_arn, arn, sending.text)
    try:
        payload = target_input(body, sending.event, sending.text, Facts(rule, rule_arn, now_ms))
    except RenderError as error:
        _bury(sending, rule, letter, str(error))
        return
    options = _options(body, sending.event)
    group = options["MessageGroupId"] if arn.endswith(".fifo") else None
    sending.room.outbox.put(
        sending.tx,
        target_call(
            arn, payload, service_caller("events", bus.account, bus.region, rule_arn), options
        ),
        now_ms,
        target=arn,
        purpose=PURPOSE,
        source=rule_arn,
        retry=retry_of(body.get("RetryPolicy") or {}),
        dead_letter=letter,
        lane=None if group is None else f"{rule_arn} {arn} {group}",
    )


def _bury(sending: _Sending, rule: str, letter: DeadLetter | None, reason: str) -> None:
    """Give up what there is nothing to deliver of: the filled template is no JSON."""
    room, bus, now_ms = sending.room, sending.bus, sending.now_ms
    count(room, bus, rule, ("Invocations", "FailedInvocations"), now_ms)
    if letter is None:
        return
    told = {"ERROR_CODE": "INVALID_JSON", "ERROR_MESSAGE": reason, "RETRY_ATTEMPTS": "0"}
    attributes = {**letter.message["MessageAttributes"], **_attributes(told)}
    params = {**letter.message, "QueueUrl": letter.queue, "MessageAttributes": attributes}
    rule_arn = bus.rule_arn(rule)
    room.outbox.put(
        sending.tx,
        Call(
            "sqs",
            "SendMessage",
            params,
            service_caller("events", bus.account, bus.region, rule_arn),
        ),
        now_ms,
        target=letter.queue,
        purpose=BURIAL,
        source=rule_arn,
        retry=EVENTS_RETRY._replace(age_ms_max=None),
    )


def _options(body: Mapping[str, Any], event: Event) -> Mapping[str, Any]:
    return {
        "MessageGroupId": (body.get("SqsParameters") or {}).get("MessageGroupId"),
        "HttpParameters": _filled(body.get("HttpParameters") or {}, event),
        "EventId": event["id"],
        "Event": event,
    }


def _filled(parameters: Mapping[str, Any], event: Event) -> Mapping[str, Any]:
    """Return HttpParameters in which each value that is a path is what stands there in the event.

    AWS: API destinations take `$.detail.id` in path, query and header parameters.
    """

    def value(given: Any) -> Any:
        if isinstance(given, dict):
            return {name: value(each) for name, each in given.items()}
        if isinstance(given, list):
            return [value(each) for each in given]
        if not given.startswith("$."):
            return given
        try:
            return text_at(given, event) or ""
        except PathError:
            return given  # a text that begins like a path

    return {name: value(given) for name, given in parameters.items()}


def retry_of(policy: Mapping[str, Any]) -> Retry:
    """Return how a target with a RetryPolicy is tried; what it leaves out is AWS's default."""
    age_s = policy.get("MaximumEventAgeInSeconds")
    return EVENTS_RETRY._replace(
        attempts_max=policy.get("MaximumRetryAttempts", EVENTS_RETRY.attempts_max),
        age_ms_max=EVENTS_RETRY.age_ms_max if age_s is None else age_s * SECOND_MS,
    )


def _dead_letter(
    body: Mapping[str, Any], rule_arn: str, target_arn: str, text: str
) -> DeadLetter | None:
    """AWS: EventBridge User Guide, "Using dead-letter queues", "message attributes"."""
    queue = (body.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return None
    attributes = _attributes({"RULE_ARN": rule_arn, "TARGET_ARN": target_arn})
    return DeadLetter(queue, {"MessageBody": text, "MessageAttributes": attributes})


def _attributes(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
