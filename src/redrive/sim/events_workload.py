"""Random clients of what starts work: rules, topics, schedules, pipes, archives.

Each event, message and firing has a word or a run of its own, which it keeps wherever it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from redrive.core.effects import Reply
from redrive.sim.chance import Dice
from redrive.sim.events_book import FILTERS, PATTERNS
from redrive.sim.events_schedule_clients import ScheduleClients
from redrive.sim.events_targets import (
    API,
    BUS,
    DEFAULT_BUS,
    FIFO_TOPIC,
    FUNCTION,
    HOOKS,
    NO_FUNCTION,
    NOWHERE,
    ORDERED,
    QUEUES,
    THEIRS,
    TOPIC,
)
from redrive.sim.events_timetables import Spec
from redrive.sim.evidence import ACCOUNT, REGION, arn_of
from redrive.sim.workload import Request, url_of

_TARGETS: dict[str, float] = {
    arn_of("q1"): 4,
    arn_of("q2"): 2,
    ORDERED: 3,
    FUNCTION: 3,
    NO_FUNCTION: 1,
    THEIRS: 0.5,
    BUS: 2,
    TOPIC: 2,
    NOWHERE: 1,
    API: 2,
}
_RETRIES: tuple[Mapping[str, int] | None, ...] = (
    None,
    {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    {"MaximumRetryAttempts": 1},
    {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600},
    {"MaximumEventAgeInSeconds": 300},
    {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400},
)
_WEIGHTS: dict[str, float] = {
    "put_events": 30,
    "put_rule": 6,
    "put_targets": 9,
    "remove_targets": 4,
    "toggle_rule": 2,
    "publish": 10,
    "publish_fifo": 8,
    "subscribe": 5,
    "unsubscribe": 1,
    "filter": 1,
    "create_schedule": 6,
    "change_schedule": 3,
    "delete_schedule": 2,
    "tick": 2,
    "replay": 1,
    "pipe": 5,
    "delete_queue": 0.6,
    "create_queue": 1,
}
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/sim"


class EventsWorkload:
    """The clients of one world. now_ms: what their own clocks say."""

    def __init__(self, dice: Dice, now_ms: Callable[[], int]) -> None:
        self._dice = dice
        self._now_ms = now_ms
        self._words = 0
        self._rules = {"r1": "default", "r2": "default", "r3": "default", "s1": "side"}
        self._targets: list[tuple[str, str]] = []
        self._subscriptions: list[tuple[str, str]] = []
        self._schedules = ScheduleClients(dice, now_ms)
        self._replays = 0
        self._destinations: dict[str, str] = {}
        self.again: list[Request] = []

    # --- what the world begins with -------------------------------------------------------------

    def prepare(self, call: Callable[..., Any]) -> None:
        """Make what is there before anything fails."""
        for name in QUEUES:
            call("CreateQueue", "sqs", QueueName=name, Attributes=_KEEP)
        fifo = {**_KEEP, "FifoQueue": "true", "ContentBasedDeduplication": "true"}
        for name in ("ordered.fifo", "dead.fifo"):
            call("CreateQueue", "sqs", QueueName=name, Attributes=fifo)
        redrive = f'{{"deadLetterTargetArn": "{arn_of("piped-dead")}", "maxReceiveCount": 3}}'
        call(
            "CreateQueue", "sqs", QueueName="piped", Attributes={"RedrivePolicy": redrive, **_KEEP}
        )
        call(
            "CreateFunction",
            "lambda",
            FunctionName="worker",
            Runtime="python3.12",
            Role=_ROLE,
            Handler="app.handler",
            Code={"ZipFile": b"worker"},
        )
        call("CreateEventBus", "events", Name="side")
        self._prepare_http(call)
        for name, bus in self._rules.items():
            call("PutRule", "events", Name=name, EventBusName=bus, EventPattern=self._pattern())
        call("PutRule", "events", Name="keeper", EventPattern='{"source": ["shop"]}')
        target = {"Id": "q3", "Arn": arn_of("q3")}
        call("PutTargets", "events", Rule="keeper", Targets=[target])
        call("CreateArchive", "events", ArchiveName="keep", EventSourceArn=DEFAULT_BUS)
        call("CreateTopic", "sns", Name="news")
        call("CreateTopic", "sns", Name="line.fifo", Attributes={"FifoTopic": "true"})
        call("Subscribe", "sns", **self._order())
        call(
            "CreatePipe",
            "pipes",
            Name="pipe",
            RoleArn=_ROLE,
            Source=arn_of("piped"),
            SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": _PIPE_PATTERN}]}},
            Target=arn_of("piped-out"),
        )

    def _prepare_http(self, call: Callable[..., Any]) -> None:
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "key"}}
        made = call(
            "CreateConnection",
            "events",
            Name="c",
            AuthorizationType="API_KEY",
            AuthParameters=key,
        )
        for name in ("live", "dead"):
            there = call(
                "CreateApiDestination",
                "events",
                Name=name,
                ConnectionArn=made["ConnectionArn"],
                InvocationEndpoint=f"https://{name}.sim/",
                HttpMethod="POST",
            )
            self._destinations[name] = there["ApiDestinationArn"]

    def _order(self) -> dict[str, Any]:
        redrive = f'{{"deadLetterTargetArn": "{arn_of("dead.fifo")}"}}'
        return {
            "TopicArn": FIFO_TOPIC,
            "Protocol": "sqs",
            "Endpoint": ORDERED,
            "Attributes": {"RedrivePolicy": redrive} if self._dice.chance(0.5) else {},
            "ReturnSubscriptionArn": True,
        }

    def setup(self) -> list[Request]:
        """Everything has been prepared."""
        return []

    def wind_up(self) -> list[Request]:
        """Return what ends all that goes on by itself."""
        return [
            *(
                Request("scheduler", "DeleteSchedule", {"Name": name})
                for name in self._schedules.created
            ),
            Request("events", "PutRule", {"Name": "tick", **_RESTING}),
        ]

    # --- what is heard --------------------------------------------------------------------------

    def heard(self, request: Request, reply: Reply) -> None:
        """Learn from an answer."""
        if request.operation == "Subscribe" and reply.result is not None:
            arn = reply.result["SubscriptionArn"]
            self._subscriptions.append((arn, request.params["Endpoint"]))

    def silence(self, request: Request) -> None:
        """What is not answered is asked once more, where that does no harm."""
        if request.operation in ("PutRule", "PutTargets", "RemoveTargets", "PublishBatch"):
            self.again.append(request)

    def confirm(self, body: bytes) -> None:
        """Take a token that was sent to an endpoint."""
        told = orjson.loads(body)
        params = {"TopicArn": told["TopicArn"], "Token": told["Token"]}
        self.again.append(Request("sns", "ConfirmSubscription", params))

    # --- what is asked --------------------------------------------------------------------------

    def next(self) -> Request:
        """Return the next request: one to be repeated, or a new one."""
        if self.again and self._dice.chance(0.5):
            return self.again.pop()
        request: Request = getattr(self, "_" + self._dice.weighted(_WEIGHTS))()
        return request

    def _word(self) -> str:
        self._words += 1
        return f"word-{self._words}"

    def _pattern(self) -> str:
        return self._dice.pick(tuple(PATTERNS))

    def entry(self) -> dict[str, Any]:
        """Return an entry of PutEvents."""
        dice = self._dice
        detail: dict[str, Any] = {"word": self._word(), "n": dice.between(0, 9)}
        if dice.chance(0.5):
            detail["tint"] = dice.pick(("red", "blue"))
        if dice.chance(0.3):
            detail["items"] = [
                {"kind": dice.pick(("a", "b")), "size": dice.between(1, 2)} for _ in range(2)
            ]
        entry = {
            "Source": dice.pick(("shop", "shop", "shop.eu", "bank")),
            "DetailType": dice.pick(("order", "refund")),
            "Detail": orjson.dumps(detail).decode(),
        }
        if dice.chance(0.1):
            entry["EventBusName"] = dice.pick(("side", BUS))
        if dice.chance(0.03):
            entry["Detail"] = "not json"
        return entry

    def storm(self) -> list[Request]:
        """Return more events than a target takes at a time."""
        return [
            Request("events", "PutEvents", {"Entries": [self.entry() for _ in range(10)]})
            for _ in range(7)
        ]

    def _put_events(self) -> Request:
        entries = [self.entry() for _ in range(self._dice.pick((1, 1, 2, 5)))]
        return Request("events", "PutEvents", {"Entries": entries})

    def _put_rule(self) -> Request:
        name = self._dice.pick(tuple(self._rules))
        params = {
            "Name": name,
            "EventBusName": self._rules[name],
            "EventPattern": self._pattern(),
            "State": "DISABLED" if self._dice.chance(0.1) else "ENABLED",
        }
        return Request("events", "PutRule", params)

    def _toggle_rule(self) -> Request:
        name = self._dice.pick((*self._rules, "tick"))
        params = {"Name": name, "EventBusName": self._rules.get(name, "default")}
        return Request("events", self._dice.pick(("EnableRule", "DisableRule")), params)

    def _put_targets(self) -> Request:
        name = self._dice.pick(tuple(self._rules))
        bus = self._rules[name]
        chosen = {self._dice.weighted(_TARGETS) for _ in range(self._dice.pick((1, 1, 2)))}
        targets = [self._target(bus, name, arn) for arn in sorted(chosen)]
        targets = [each for each in targets if not (bus == "side" and each["Arn"] == BUS)]
        targets = targets or [self._target(bus, name, arn_of("q1"))]
        self._targets += [(name, each["Id"]) for each in targets]
        return Request(
            "events", "PutTargets", {"Rule": name, "EventBusName": bus, "Targets": targets}
        )

    def _target(self, bus: str, rule: str, arn: str) -> dict[str, Any]:
        dice = self._dice
        if arn == API:
            arn = self._destinations[dice.pick(("live", "dead"))]
        short = arn.split("/")[-2] if "api-destination" in arn else arn.rsplit(":", 1)[-1]
        target: dict[str, Any] = {"Id": short.replace("/", "-"), "Arn": arn}
        if "api-destination" in arn:
            name = f"{rule}" if bus == "default" else f"{bus}/{rule}"
            header = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"
            target["HttpParameters"] = {"HeaderParameters": {"x-rule": header}}
        if arn == ORDERED:
            target["SqsParameters"] = {"MessageGroupId": dice.pick(("a", "b"))}
        retry = dice.pick(_RETRIES)
        if "/dead/" in arn:  # 185 attempts at each would say nothing new
            retry = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600}
        if retry is not None:
            target["RetryPolicy"] = retry
        if dice.chance(0.7):
            target["DeadLetterConfig"] = {"Arn": arn_of("dead") if dice.chance(0.85) else NOWHERE}
        if dice.chance(0.3) and arn != BUS:
            target["InputTransformer"] = {
                "InputPathsMap": _PATHS,
                "InputTemplate": _TEMPLATE,
            }
        return target

    def _remove_targets(self) -> Request:
        if not self._targets:
            return self._put_targets()
        rule, target = self._dice.pick(self._targets)
        params = {"Rule": rule, "EventBusName": self._rules[rule], "Ids": [target]}
        return Request("events", "RemoveTargets", params)

    def _tick(self) -> Request:
        if self._dice.chance(0.5):
            minutes = self._dice.pick((1, 5, 60))
            spec = Spec(self._dice.pick(("rate", "every")), minutes if minutes < 60 else 30)
            params = {"Name": "tick", "ScheduleExpression": spec.expression}
            return Request("events", "PutRule", params)
        arn = self._dice.pick((arn_of("q1"), NOWHERE, FUNCTION))
        target = self._target("default", "tick", arn)
        target.pop("InputTransformer", None)
        return Request("events", "PutTargets", {"Rule": "tick", "Targets": [target]})

    def _replay(self) -> Request:
        self._replays += 1
        name, now_ms = f"rp{self._replays}", self._now_ms()
        start_ms = now_ms // 1_000 * 1_000 - self._dice.pick((60_000, 3_600_000, 86_400_000))
        end_ms = now_ms // 1_000 * 1_000 + 1_000
        params = {
            "ReplayName": name,
            "EventSourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:archive/keep",
            "EventStartTime": start_ms,
            "EventEndTime": end_ms,
            "Destination": {"Arn": DEFAULT_BUS},
        }
        return Request("events", "StartReplay", params)

    # --- topics ---------------------------------------------------------------------------------

    def _message(self) -> dict[str, Any]:
        dice = self._dice
        body = {"word": self._word(), "n": dice.between(0, 9)}
        if dice.chance(0.5):
            body["kind"] = dice.pick(("a", "b"))
        message: dict[str, Any] = {"Message": orjson.dumps(body).decode()}
        if dice.chance(0.6):
            tint = {"DataType": "String", "StringValue": dice.pick(("red", "blue", "green"))}
            message["MessageAttributes"] = {"tint": tint}
        return message

    def _publish(self) -> Request:
        return Request("sns", "Publish", {"TopicArn": TOPIC, **self._message()})

    def _publish_fifo(self) -> Request:
        entries = []
        for number in range(self._dice.pick((1, 3))):
            dedup = f"d{self._dice.between(1, 400)}"
            entries.append(
                {
                    "Id": str(number),
                    "MessageGroupId": self._dice.pick(("g", "h")),
                    "MessageDeduplicationId": dedup,
                    **self._message(),
                }
            )
        if len(entries) == 1:
            entries[0].pop("Id")
            return Request("sns", "Publish", {"TopicArn": FIFO_TOPIC, **entries[0]})
        params = {"TopicArn": FIFO_TOPIC, "PublishBatchRequestEntries": entries}
        return Request("sns", "PublishBatch", params)

    def _subscribe(self) -> Request:
        dice = self._dice
        endpoint = dice.pick((arn_of("sub1"), arn_of("sub2"), FUNCTION, NOWHERE, *HOOKS))
        protocol = "sqs" if ":sqs:" in endpoint else "lambda" if endpoint == FUNCTION else "https"
        attributes: dict[str, str] = {}
        if endpoint.endswith("sub2"):
            attributes["RawMessageDelivery"] = "true"
        if dice.chance(0.5):
            scope, policy = dice.pick(tuple(FILTERS))
            attributes |= {"FilterPolicyScope": scope, "FilterPolicy": policy}
        if dice.chance(0.6):
            dlq = arn_of("dead") if dice.chance(0.85) else arn_of("gone")
            attributes["RedrivePolicy"] = orjson.dumps({"deadLetterTargetArn": dlq}).decode()
        params = {
            "TopicArn": TOPIC,
            "Protocol": protocol,
            "Endpoint": endpoint,
            "Attributes": attributes,
            "ReturnSubscriptionArn": True,
        }
        return Request("sns", "Subscribe", params)

    def _unsubscribe(self) -> Request:
        if not self._subscriptions:
            return self._subscribe()
        place = self._dice.between(0, len(self._subscriptions) - 1)
        arn, _ = self._subscriptions.pop(place)
        return Request("sns", "Unsubscribe", {"SubscriptionArn": arn})

    def _filter(self) -> Request:
        if not self._subscriptions:
            return self._subscribe()
        arn, _ = self._dice.pick(self._subscriptions)
        params = {
            "SubscriptionArn": arn,
            "AttributeName": "FilterPolicy",
            "AttributeValue": "{}",
        }
        return Request("sns", "SetSubscriptionAttributes", params)

    def _create_schedule(self) -> Request:
        return self._schedules.create()

    def _change_schedule(self) -> Request:
        return self._schedules.change()

    def _delete_schedule(self) -> Request:
        return self._schedules.delete()

    # --- queues ---------------------------------------------------------------------------------

    def _pipe(self) -> Request:
        body = orjson.dumps({"word": self._word(), "n": self._dice.between(0, 3)}).decode()
        return Request("sqs", "SendMessage", {"QueueUrl": url_of("piped"), "MessageBody": body})

    def _delete_queue(self) -> Request:
        return Request("sqs", "DeleteQueue", {"QueueUrl": url_of("q2")})

    def _create_queue(self) -> Request:
        return Request("sqs", "CreateQueue", {"QueueName": "q2", "Attributes": _KEEP})


_PATHS = {"w": "$.detail.word", "u": "$.detail.run", "r": "$.replay-name"}
_TEMPLATE = '{"word": "<w>", "run": "<u>", "replay-name": "<r>"}'
_KEEP = {"MessageRetentionPeriod": "1209600"}
_PIPE_PATTERN = '{"body": {"n": [{"anything-but": 0}]}}'
_RESTING = {"ScheduleExpression": "rate(1 minute)", "State": "DISABLED"}
