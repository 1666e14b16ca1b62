"""Random clients: what they send next, and what they learn from replies.

They know what real clients know: replies that reached them, and silence. After silence they may ask
again. Bodies are words that are never sent twice, so that the oracle knows a message by its body: a
repeated send carries the first one's body with a mark, which to a standard queue is a further
message, as it is in AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Params, Reply
from redrive.core.errors import ServiceError
from redrive.sim.chance import Dice
from redrive.sim.evidence import ACCOUNT, arn_of, plain
from redrive.sim.fifo_workload import FIFO_NAMES, FIFO_SHARES, FifoClients
from redrive.sim.mapping_workload import MappingClients
from redrive.sim.runtime import REPORTER

NAMES = ("main", "side", "dead")
DEAD_NAMES = ("dead", "dead.fifo")
_SHARES = {"main": 6.0, "side": 2.0, "dead": 2.0}
_HANDLES_MAX = 40

_WEIGHTS: dict[str, float] = {
    "send": 20,
    "send_batch": 8,
    "receive": 30,
    "delete": 14,
    "delete_batch": 5,
    "change": 8,
    "change_batch": 2,
    "set_attributes": 3,
    "purge": 0.7,
    "delete_queue": 0.5,
    "create_queue": 3,
    "start_move": 4,
    "cancel_move": 1,
    "look": 2,
}


_MAPPING_WEIGHTS: dict[str, float] = {
    "create_mapping": 3,
    "update_mapping": 3,
    "delete_mapping": 1,
    "limit": 1.5,
    "unlimit": 1.5,
    "invoke": 2,
    "invoke_later": 2,
}
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/sim"
_MAPPED = {"main": REPORTER, "side": "plain"}
_TENANTS = {"loud": 5.0, "calm": 1.0, "still": 1.0}


class Request(NamedTuple):
    """One request of a client."""

    service: str
    operation: str
    params: Params


def is_dead(name: str) -> bool:
    """Tell whether a queue is where others bury."""
    return name in DEAD_NAMES


def url_of(name: str) -> str:
    """Return the URL of one of the simulator's queues."""
    return f"http://sim/{ACCOUNT}/{name}"


def _lambda(operation: str, **params: Any) -> Request:
    return Request("lambda", operation, params)


def _function(name: str) -> Request:
    return _lambda(
        "CreateFunction",
        FunctionName=name,
        Runtime="python3.12",
        Role=_ROLE,
        Handler="app.handler",
        Timeout=3,
        Code={"ZipFile": name.encode()},
    )


class Workload:
    """The clients of one world."""

    def __init__(
        self,
        dice: Dice,
        *,
        has_mappings: bool,
        groups: Dice | None = None,
        has_fifo: bool = False,
        options: Dice | None = None,
    ) -> None:
        self._dice = dice
        self._has_mappings = has_mappings
        self._fifo = FifoClients(dice) if has_fifo else None
        # None: mappings have neither filters nor FIFO queues
        self._options = None if options is None else MappingClients(options, has_fifo=has_fifo)
        self._names = NAMES + (FIFO_NAMES if has_fifo else ())
        self._shares = _SHARES | (FIFO_SHARES if has_fifo else {})
        self._groups = groups  # None: nobody uses message groups on standard queues
        self._weights = _WEIGHTS | (_MAPPING_WEIGHTS if has_mappings else {})
        self._mappings: list[str] = []
        self._bodies = 0
        self._handles: list[tuple[str, str]] = []
        self._tasks: list[str] = []
        self.again: list[Request] = []

    # --- what is asked --------------------------------------------------------------------------

    def setup(self) -> list[Request]:
        """Return what makes the queues that the world begins with."""
        made = [self._create("dead"), self._create("main", policy=True), self._create("side")]
        if self._fifo is not None:
            made += [self._create("dead.fifo"), self._create("main.fifo", policy=True)]
        if self._has_mappings:
            made += [_function(name) for name in _MAPPED.values()]
            made += [self._create_mapping()]
        return made

    def wind_up(self, uuids: list[str]) -> list[Request]:
        """Return what lets all that is under way come to its end, given the mappings there are."""
        if not self._has_mappings:
            return []
        return [
            *(_lambda("DeleteFunctionConcurrency", FunctionName=n) for n in _MAPPED.values()),
            *(_lambda("UpdateEventSourceMapping", UUID=u, Enabled=False) for u in uuids),
        ]

    def next(self) -> Request:
        """Return the next request: one to be repeated, or a new one."""
        if self.again and self._dice.chance(0.5):
            return self.again.pop()
        request: Request = getattr(self, "_" + self._dice.weighted(self._weights))()
        return request

    def _sqs(self, operation: str, name: str, **params: Any) -> Request:
        return Request("sqs", operation, {"QueueUrl": url_of(name), **params})

    def _queue(self) -> str:
        return self._dice.weighted(self._shares)

    def _entry(self, name: str) -> dict[str, Any]:
        self._bodies += 1
        entry: dict[str, Any] = {"MessageBody": f"m{self._bodies}"}
        if self._dice.chance(0.3):
            entry["DelaySeconds"] = self._dice.pick((0, 1, 5, 60, 900))
        if self._dice.chance(0.1):
            entry["MessageAttributes"] = {"tint": {"DataType": "String", "StringValue": "blue"}}
        if self._groups is not None and self._groups.chance(0.8):
            entry["MessageGroupId"] = self._groups.weighted(_TENANTS)
        if self._fifo is not None and name.endswith(".fifo"):
            self._fifo.address(entry)
        return entry

    def _send(self) -> Request:
        name = self._queue()
        return self._sqs("SendMessage", name, **self._entry(name))

    def _send_batch(self) -> Request:
        name, count = self._queue(), self._dice.between(1, 5)
        entries = [{"Id": str(n), **self._entry(name)} for n in range(count)]
        return self._sqs("SendMessageBatch", name, Entries=entries)

    def _receive(self) -> Request:
        params: dict[str, Any] = {
            "MaxNumberOfMessages": self._dice.pick((1, 1, 2, 10)),
            "AttributeNames": ["All"],
        }
        if self._dice.chance(0.6):
            params["VisibilityTimeout"] = self._dice.pick((0, 1, 5, 30, 600, 43_200))
        if self._dice.chance(0.8):
            params["WaitTimeSeconds"] = self._dice.pick((0, 0, 1, 5, 20))
        name = self._queue()
        if self._fifo is not None and name.endswith(".fifo"):
            self._fifo.name_attempt(params)
        return self._sqs("ReceiveMessage", name, **params)

    def _handle(self) -> tuple[str, str]:
        if not self._handles:
            return self._queue(), "garbage"
        name, handle = self._dice.pick(self._handles)
        return (self._queue() if self._dice.chance(0.05) else name), handle

    def _same_queue(self) -> tuple[str, list[str]]:
        name, handle = self._handle()
        others = [other for of, other in self._handles if of == name and other != handle]
        return name, [handle, *others[-self._dice.between(1, 9) :]]

    def _delete(self) -> Request:
        name, handle = self._handle()
        return self._sqs("DeleteMessage", name, ReceiptHandle=handle)

    def _delete_batch(self) -> Request:
        name, handles = self._same_queue()
        entries = [{"Id": str(n), "ReceiptHandle": h} for n, h in enumerate(handles)]
        return self._sqs("DeleteMessageBatch", name, Entries=entries)

    def _change(self) -> Request:
        name, handle = self._handle()
        timeout = self._dice.pick((0, 0, 1, 5, 30, 600, 43_200))
        return self._sqs(
            "ChangeMessageVisibility", name, ReceiptHandle=handle, VisibilityTimeout=timeout
        )

    def _change_batch(self) -> Request:
        name, handles = self._same_queue()
        entries = [
            {"Id": str(n), "ReceiptHandle": h, "VisibilityTimeout": self._dice.pick((0, 1, 20))}
            for n, h in enumerate(handles)
        ]
        return self._sqs("ChangeMessageVisibilityBatch", name, Entries=entries)

    def _attributes(self, name: str, *, policy: bool) -> dict[str, str]:
        dice = self._dice
        is_fifo = name.endswith(".fifo")
        attributes = self._fifo.attributes() if self._fifo is not None and is_fifo else {}
        attributes |= {
            "VisibilityTimeout": str(dice.pick((0, 1, 5, 30, 30, 300))),
            "MessageRetentionPeriod": str(dice.pick((60, 300, 3_600, 345_600))),
        }
        if dice.chance(0.3):
            attributes["DelaySeconds"] = str(dice.pick((0, 2, 30)))
        if dice.chance(0.3):
            attributes["ReceiveMessageWaitTimeSeconds"] = str(dice.pick((0, 3, 20)))
        if policy:
            attributes["RedrivePolicy"] = orjson.dumps(
                {
                    "deadLetterTargetArn": arn_of("dead.fifo" if is_fifo else "dead"),
                    "maxReceiveCount": dice.between(1, 3),
                }
            ).decode()
        return attributes

    def _create(self, name: str, *, policy: bool = False) -> Request:
        attributes = self._attributes(name, policy=policy)
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        return Request("sqs", "CreateQueue", {"QueueName": name, "Attributes": attributes})

    def _create_queue(self) -> Request:
        name = self._dice.pick(self._names)
        return self._create(name, policy=not is_dead(name) and self._dice.chance(0.8))

    def _set_attributes(self) -> Request:
        name = self._queue()
        policy = not is_dead(name) and self._dice.chance(0.5)
        attributes = self._attributes(name, policy=policy)
        if name in ("main", "main.fifo") and self._dice.chance(0.1):
            attributes["RedrivePolicy"] = ""
        keep = self._dice.between(1, len(attributes))
        return self._sqs(
            "SetQueueAttributes", name, Attributes=dict(list(attributes.items())[-keep:])
        )

    def _purge(self) -> Request:
        return self._sqs("PurgeQueue", self._queue())

    def _delete_queue(self) -> Request:
        return self._sqs("DeleteQueue", self._queue())

    def _start_move(self) -> Request:
        source = self._dice.pick(DEAD_NAMES) if self._fifo is not None else "dead"
        params: dict[str, Any] = {"SourceArn": arn_of(source)}
        if self._dice.chance(0.5):
            to = self._dice.pick(("main", "side")) if source == "dead" else "main.fifo"
            params["DestinationArn"] = arn_of(to)
        if self._dice.chance(0.5):
            params["MaxNumberOfMessagesPerSecond"] = self._dice.pick((1, 2, 500))
        return Request("sqs", "StartMessageMoveTask", params)

    def _cancel_move(self) -> Request:
        handle = self._dice.pick(self._tasks) if self._tasks else "garbage"
        return Request("sqs", "CancelMessageMoveTask", {"TaskHandle": handle})

    def _look(self) -> Request:
        if self._dice.chance(0.5):
            return Request("redrive", "DescribeQueues", {})
        return self._sqs("GetQueueAttributes", self._queue(), AttributeNames=["All"])

    def _create_mapping(self) -> Request:
        dice = self._dice
        name = dice.pick(tuple(_MAPPED))
        params: dict[str, Any] = {
            "EventSourceArn": arn_of(name),
            "FunctionName": _MAPPED[name],
            "BatchSize": dice.pick((1, 2, 10)),
        }
        if name == "main":
            params["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
        if dice.chance(0.3):
            params["MaximumBatchingWindowInSeconds"] = dice.pick((1, 5, 30))
            params["BatchSize"] = dice.pick((2, 10, 100))
        if dice.chance(0.3):
            params["ScalingConfig"] = {"MaximumConcurrency": 2}
        if self._options is not None:
            self._options.vary(params)
        return _lambda("CreateEventSourceMapping", **params)

    def _mapping(self) -> str:
        return self._dice.pick(self._mappings) if self._mappings else "none"

    def _update_mapping(self) -> Request:
        changes: dict[str, Any] = self._dice.pick(
            (
                {"Enabled": False},
                {"Enabled": True},
                {"Enabled": True},
                {"BatchSize": self._dice.between(1, 10)},
                {"MaximumBatchingWindowInSeconds": 2, "BatchSize": 20},
            )
        )
        return _lambda("UpdateEventSourceMapping", UUID=self._mapping(), **changes)

    def _delete_mapping(self) -> Request:
        return _lambda("DeleteEventSourceMapping", UUID=self._mapping())

    def _limit(self) -> Request:
        name = self._dice.pick(tuple(_MAPPED.values()))
        most = self._dice.pick((0, 1, 1, 2))
        return _lambda(
            "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=most
        )

    def _unlimit(self) -> Request:
        name = self._dice.pick(tuple(_MAPPED.values()))
        return _lambda("DeleteFunctionConcurrency", FunctionName=name)

    def _invoke(self) -> Request:
        return _lambda("Invoke", FunctionName="plain", Payload=b'{"by": "a client"}')

    def _invoke_later(self) -> Request:
        return _lambda("Invoke", FunctionName="plain", Payload=b"{}", InvocationType="Event")

    # --- what is learnt -------------------------------------------------------------------------

    def heard(self, request: Request, reply: Reply) -> None:
        """Take a reply."""
        if reply.error is not None:
            if not isinstance(reply.error, ServiceError):
                self.silence(request)
            return
        result: Mapping[str, Any] = plain(reply.result or {})
        name = str(request.params.get("QueueUrl", "")).rsplit("/", 1)[-1]
        for message in result.get("Messages", ()):
            self._handles.append((name, message["ReceiptHandle"]))
            if self._fifo is not None and name == "dead.fifo":
                self._fifo.dead_ids.append(message["MessageId"])
        del self._handles[:-_HANDLES_MAX]
        if "TaskHandle" in result:
            self._tasks.append(result["TaskHandle"])
        if request.operation == "CreateEventSourceMapping":
            self._mappings.append(result["UUID"])

    def silence(self, request: Request) -> None:
        """Learn nothing, and perhaps ask again later."""
        if self._dice.chance(0.5):
            self.again.append(self._repeated(request))

    def _repeated(self, request: Request) -> Request:
        params = dict(request.params)
        if "MessageBody" in params:
            params["MessageBody"] += "r"
        elif request.operation == "SendMessageBatch":
            params["Entries"] = [
                {**entry, "MessageBody": entry["MessageBody"] + "r"} for entry in params["Entries"]
            ]
        return request._replace(params=params)
