"""From a batch of events to the requests that deliver it. Pure; it may be slow where a subscriber
uses JSONata, and then it is done beside the loop.

A FIFO batch goes to a queue, a topic or a bus one event a request: what fails is then the first of
what is left, and nothing has overtaken it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Call, Caller
from redrive.services.custom_buses.bounds import Moment
from redrive.services.custom_buses.contents import json_text, parsed, raw, whole
from redrive.services.custom_buses.expressions import (
    ExpressionError,
    evaluate,
    is_expression,
)
from redrive.services.custom_buses.model import Event, Subscriber
from redrive.services.custom_buses.settings import (
    UNIVERSAL,
    UNIVERSAL_CALL,
    kind_of,
    universal,
)
from redrive.services.targets import TargetError, target_call

REQUEST_BYTES_MAX = {"sqs": 1_048_576, "sns": 262_144, "bus": 3 * 1_048_576}
"""Of all messages of one request. AWS: SQS API_SendMessageBatch; SNS API_PublishBatch."""


class Send(NamedTuple):
    """A request. seqs: its events; entries are told apart by their place among these."""

    call: Call
    seqs: tuple[int, ...]
    is_batch: bool  # its answer says of each entry what became of it


class Rendered(NamedTuple):
    """All requests of a batch, and the events that could not be made into one, with the reason."""

    sends: tuple[Send, ...]
    broken: tuple[tuple[int, str], ...]


class _Entry(NamedTuple):
    """One event, ready to be a part of a request."""

    seq: int
    entry: dict[str, Any]
    bytes: int


def render(subscriber: Subscriber, events: Sequence[Event], moment: Moment) -> Rendered:
    """Return the requests that deliver a batch."""
    return _Rendering(subscriber, moment).render(events)


class _Rendering:
    """The making of one batch's requests."""

    def __init__(self, subscriber: Subscriber, moment: Moment) -> None:
        self._subscriber = subscriber
        self._moment = moment
        self._settings = orjson.loads(subscriber.settings)
        invoke = self._settings["InvokeConfiguration"]
        self._kind = kind_of(subscriber.target)
        self._given: Mapping[str, Any] = invoke.get(self._kind.parameters) or {}
        region = (arn.region if (arn := parse_arn(subscriber.target)) else "") or subscriber.region
        self._caller = Caller(subscriber.account, region, invoke["RoleArn"], subscriber.account)
        self._broken: list[tuple[int, str]] = []

    def render(self, events: Sequence[Event]) -> Rendered:
        name = self._kind.name
        if name == "lambda":
            sends = list(self._invocations(events))
        elif name in ("http", UNIVERSAL):
            sends = list(self._each(events, self._request if name == "http" else self._universal))
        else:
            make = {"sqs": self._message, "sns": self._notification, "bus": self._forwarded}[name]
            sends = list(self._batches(events, make))
        return Rendered(tuple(sends), tuple(self._broken))

    # --- one event ------------------------------------------------------------------------------

    def _body(self, event: Event) -> Any:
        """Return what the target gets, as a value for a JSON text."""
        transformer = self._settings.get("Transformer") or {"Type": "RAW"}
        if transformer["Type"] == "RAW":
            return raw(event)
        if transformer["Type"] == "WITH_METADATA":
            return whole(event, self._subscriber.bus_arn)
        made = self._evaluate(transformer["JsonataConfiguration"]["Expression"], [event])
        if made is None:
            raise ExpressionError("the transformer returned nothing")
        return made

    def _text(self, event: Event) -> str:
        body = self._body(event)
        return body if isinstance(body, str) else json_text(body)

    def _evaluate(self, expression: str, events: Sequence[Event], *, is_list: bool = False) -> Any:
        scenes = [parsed(event, self._subscriber.bus_arn) for event in events]
        chance = self._moment.chance + str(events[0].seq).encode()
        scene = scenes if is_list else scenes[0]
        return evaluate(expression, scene, self._moment._replace(chance=chance))

    def _value(self, name: str, events: Sequence[Event], *, is_list: bool = False) -> str | None:
        """Return a parameter: the literal, or what its expression makes of the events."""
        given = self._given.get(name)
        return None if given is None else self._resolved(given, events, is_list=is_list)

    def _resolved(
        self, given: str, events: Sequence[Event], *, is_list: bool = False
    ) -> str | None:
        if not is_expression(given):
            return given
        made = self._evaluate(given, events, is_list=is_list)
        if made is None or isinstance(made, str):
            return made
        if isinstance(made, list | dict):
            raise ExpressionError(f"{given[:80]} returned no single value")
        return orjson.dumps(made).decode()

    def _made(self, event: Event, make: Callable[[Event], Any]) -> Any:
        """Make something of an event; note it as broken when that cannot be."""
        try:
            return make(event)
        except (ExpressionError, TargetError, ValueError, OverflowError) as error:
            self._broken.append((event.seq, str(error)[:1_000]))
            return None

    # --- functions ------------------------------------------------------------------------------

    def _invocations(self, events: Sequence[Event]) -> Iterator[Send]:
        bodies = {event.seq: self._made(event, self._body) for event in events}
        broken = {seq for seq, _why in self._broken}
        good = [event for event in events if event.seq not in broken]
        if not good:
            return
        wanted = self._given.get("InvocationType", "EVENT")
        params: dict[str, Any] = {
            "FunctionName": self._subscriber.target,
            "InvocationType": "Event" if wanted == "EVENT" else "RequestResponse",
            "Payload": orjson.dumps([bodies[event.seq] for event in good]),
        }
        try:
            qualifier = self._value("Qualifier", good, is_list=True)
        except ExpressionError as error:
            self._broken += [(event.seq, str(error)[:1_000]) for event in good]
            return
        if qualifier is not None:
            params["Qualifier"] = qualifier
        call = Call("lambda", "Invoke", params, self._caller)
        yield Send(call, tuple(event.seq for event in good), is_batch=False)

    # --- one request an event -------------------------------------------------------------------

    def _each(self, events: Sequence[Event], make: Callable[[Event], Call]) -> Iterator[Send]:
        for event in events:
            call = self._made(event, make)
            if call is not None:
                yield Send(call, (event.seq,), is_batch=False)

    def _request(self, event: Event) -> Call:
        given = self._given
        paths = [
            self._resolved(text, [event]) or "" for text in given.get("PathParameterValues", ())
        ]
        parameters = {
            "PathParameterValues": paths,
            "HeaderParameters": self._map("HeaderParameters", event),
            "QueryStringParameters": self._map("QueryStringParameters", event),
        }
        options = {
            "HttpParameters": {name: value for name, value in parameters.items() if value},
            "EventId": event.event_id,
        }
        return target_call(self._subscriber.target, self._text(event), self._caller, options)

    def _universal(self, event: Event) -> Call:
        text = self._given["Input"]
        if is_expression(text):
            made = self._evaluate(text, [event])
        else:
            made = self._filled(orjson.loads(text), event)
        if not isinstance(made, dict):
            raise ExpressionError("Input makes no JSON object")
        target = parse_arn(self._subscriber.target)
        named = None if target is None else universal(target)
        assert named is not None, "the settings have been checked"
        asked = {"Service": named[0], "Operation": named[1], "Input": json_text(made)}
        return Call(*UNIVERSAL_CALL, asked, self._caller)

    def _filled(self, value: Any, event: Event) -> Any:
        """Return a value with its expressions evaluated."""
        if isinstance(value, str):
            return self._evaluate(value, [event]) if is_expression(value) else value
        if isinstance(value, list):
            return [self._filled(part, event) for part in value]
        if isinstance(value, dict):
            return {name: self._filled(part, event) for name, part in value.items()}
        return value

    def _map(self, name: str, event: Event) -> dict[str, str]:
        found = {}
        for key, value in (self._given.get(name) or {}).items():
            resolved, made = self._resolved(key, [event]), self._resolved(value, [event])
            if resolved is not None and made is not None:
                found[resolved] = made
        return found

    # --- requests of entries --------------------------------------------------------------------

    def _batches(self, events: Sequence[Event], make: Callable[[Event], _Entry]) -> Iterator[Send]:
        entries_max = 1 if self._subscriber.kind == "FIFO" else self._kind.events_max
        together: list[_Entry] = []
        size = 0
        for event in events:
            entry = self._made(event, make)
            if entry is None:
                continue
            is_full = size + entry.bytes > REQUEST_BYTES_MAX[self._kind.name]
            if together and (is_full or len(together) == entries_max):
                yield self._send(together)
                together, size = [], 0
            together.append(entry)
            size += entry.bytes
        if together:
            yield self._send(together)

    def _send(self, entries: Sequence[_Entry]) -> Send:
        operation = self._kind.operation
        assert operation is not None, "entries go to queues, topics and buses"
        target = self._subscriber.target
        if self._kind.name == "bus":
            params: dict[str, Any] = {"EventBusArn": target}
            params["Entries"] = [each.entry for each in entries]
            if "DeduplicationConfiguration" in self._given:
                params["DeduplicationConfiguration"] = self._given["DeduplicationConfiguration"]
        else:
            named = [{"Id": str(at), **each.entry} for at, each in enumerate(entries)]
            is_queue = self._kind.name == "sqs"
            params = (
                {"QueueUrl": target, "Entries": named}
                if is_queue
                else {"TopicArn": target, "PublishBatchRequestEntries": named}
            )
        seqs = tuple(each.seq for each in entries)
        return Send(Call(*operation, params, self._caller), seqs, is_batch=True)

    def _message(self, event: Event) -> _Entry:
        body = self._text(event)
        delay = self._value("DelaySeconds", [event])
        entry: dict[str, Any] = {"MessageBody": body, **self._grouping(event)}
        if delay is not None:
            entry["DelaySeconds"] = int(float(delay))
        attributes = self._attributes("MessageAttributes", event)
        if attributes:
            entry["MessageAttributes"] = attributes
        system = self._attributes("MessageSystemAttributes", event)
        if system:
            entry["MessageSystemAttributes"] = system
        return _Entry(event.seq, entry, len(body.encode()) + _size(attributes))

    def _notification(self, event: Event) -> _Entry:
        body = self._text(event)
        entry: dict[str, Any] = {"Message": body, **self._grouping(event)}
        for name in ("Subject", "MessageStructure"):
            value = self._value(name, [event])
            if value is not None:
                entry[name] = value
        attributes = self._attributes("MessageAttributes", event)
        if attributes:
            entry["MessageAttributes"] = attributes
        return _Entry(event.seq, entry, len(body.encode()) + _size(attributes))

    def _grouping(self, event: Event) -> dict[str, str]:
        """Return the group and the deduplication id: those of the settings, else of the event for
        a target that needs them. A delivery that is made again is then the same.
        """
        found = {}
        is_fifo = self._subscriber.target.endswith(".fifo")
        own = {
            "MessageGroupId": event.lane or event.event_id,
            "MessageDeduplicationId": f"{self._subscriber.number}-{event.seq}",
        }
        for name, value in own.items():
            made = self._value(name, [event])
            if made is not None:
                found[name] = made
            elif is_fifo:
                found[name] = value
        return found

    def _attributes(self, member: str, event: Event) -> dict[str, dict[str, Any]]:
        found = {}
        for key, given in (self._given.get(member) or {}).items():
            name = self._resolved(key, [event])
            attribute: dict[str, Any] = {}
            for part in ("DataType", "StringValue"):
                value = self._resolved(given[part], [event]) if part in given else None
                if value is not None:
                    attribute[part] = value
            if "BinaryValue" in given:
                attribute["BinaryValue"] = b64decode(given["BinaryValue"], validate=True)
            if name is not None:
                found[name] = attribute
        return found

    def _forwarded(self, event: Event) -> _Entry:
        transformer = (self._settings.get("Transformer") or {"Type": "RAW"})["Type"]
        if transformer == "RAW":
            data, content_type = event.data, event.content_type
        else:
            data, content_type = orjson.dumps(self._body(event)), "application/json"
        own = self._given.get("SystemMetadata") or {}
        system: dict[str, Any] = {"ContentType": content_type}
        for name, default in (("EventGroupId", event.lane), ("DeduplicationId", None)):
            value = self._resolved(own[name], [event]) if name in own else default
            if value is not None:
                system[name] = value
        metadata = {**orjson.loads(event.metadata), **self._map("Metadata", event)}
        entry: dict[str, Any] = {"Data": data, "SystemMetadata": system}
        if metadata:
            entry["Metadata"] = metadata
        return _Entry(event.seq, entry, len(data) + _size(metadata))


def _size(attributes: Mapping[str, Any]) -> int:
    return len(str(attributes)) if attributes else 0
