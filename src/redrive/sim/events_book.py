"""What is set up, as committed requests say: rules and their targets, topics and subscriptions.

It says which targets an event or a message is for, by readings of patterns that are the judges'
own: nothing here is shared with core/patterns or services/topics/filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from redrive.sim.events_legs import Policy
from redrive.sim.evidence import ACCOUNT, REGION, Attempt

DAY_MS = 86_400_000
DEDUP_MS = 300_000
_EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}"

Event = Mapping[str, Any]

PATTERNS: dict[str, Callable[[Event], bool]] = {
    '{"source": ["shop"]}': lambda e: e["source"] == "shop",
    '{"source": [{"prefix": "shop"}], "detail-type": ["order"]}': lambda e: (
        e["source"].startswith("shop") and e["detail-type"] == "order"
    ),
    '{"detail": {"n": [{"numeric": [">=", 3, "<", 8]}]}}': lambda e: (
        3 <= e["detail"].get("n", 0) < 8
    ),
    '{"detail": {"tint": [{"exists": false}]}}': lambda e: "tint" not in e["detail"],
    '{"detail": {"tint": [{"anything-but": "red"}]}}': lambda e: (
        e["detail"].get("tint", "red") != "red"
    ),
    '{"$or": [{"source": ["bank"]}, {"detail": {"n": [1, 2]}}]}': lambda e: (
        e["source"] == "bank" or e["detail"].get("n") in (1, 2)
    ),
    '{"detail": {"word": [{"wildcard": "word-*1*"}]}}': lambda e: (
        "1" in e["detail"].get("word", "")
    ),
    '{"detail": {"items": {"kind": ["a"], "size": [2]}}}': lambda e: any(
        (item["kind"], item["size"]) == ("a", 2) for item in e["detail"].get("items", ())
    ),
}
"""Patterns of rules, and what they mean."""

FILTERS: dict[tuple[str, str], Callable[[Any, Mapping[str, str]], bool]] = {
    ("MessageAttributes", '{"tint": ["red", {"prefix": "bl"}]}'): lambda _body, told: (
        told.get("tint") == "red" or told.get("tint", "").startswith("bl")
    ),
    ("MessageAttributes", '{"tint": [{"exists": false}]}'): lambda _body, told: "tint" not in told,
    ("MessageBody", '{"n": [{"numeric": [">", 5]}]}'): lambda body, _told: body.get("n", 0) > 5,
    ("MessageBody", '{"kind": [{"anything-but": ["a"]}]}'): lambda body, _told: (
        "kind" in body and body["kind"] != "a"
    ),
}
"""Filter policies by their scope, and what they mean."""


class Due(NamedTuple):
    """Something that has to reach a target from now on."""

    source: str
    target: str
    policy: Policy
    dlq: str | None
    lane: str | None


def rule_arn(bus: str, name: str) -> str:
    """Return a rule's ARN."""
    return f"{_EVENTS}:rule/{name}" if bus == "default" else f"{_EVENTS}:rule/{bus}/{name}"


def bus_name(text: str | None) -> str:
    """Return the name of a bus that is named so or by its ARN."""
    return "default" if text is None else text.rsplit("/", 1)[-1]


@dataclass(eq=False)
class Rule:
    """A rule as requests have left it."""

    bus: str
    name: str
    pattern: str | None
    is_enabled: bool
    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    past: list[Mapping[str, Any]] = field(default_factory=list)
    """Targets that it has had."""
    patterns: set[str] = field(default_factory=set)
    schedule: str = ""

    @property
    def arn(self) -> str:
        """Return its ARN."""
        return rule_arn(self.bus, self.name)

    def due(self, body: Mapping[str, Any]) -> Due:
        """Return what an event owes to a target."""
        retry = body.get("RetryPolicy") or {}
        age_s = retry.get("MaximumEventAgeInSeconds")
        policy = Policy(
            "events",
            retry.get("MaximumRetryAttempts", 185),
            DAY_MS if age_s is None else age_s * 1_000,
        )
        dlq = (body.get("DeadLetterConfig") or {}).get("Arn")
        is_fifo = body["Arn"].endswith(".fifo")
        lane = f"{self.arn} {body['SqsParameters']['MessageGroupId']}" if is_fifo else None
        return Due(self.arn, body["Arn"], policy, dlq, lane)


@dataclass(eq=False)
class Subscription:
    """A subscription as requests have left it."""

    arn: str
    topic: str
    protocol: str
    endpoint: str
    attributes: dict[str, str]
    is_confirmed: bool

    def due(self, group: str | None) -> Due:
        """Return what a message owes to it."""
        is_http = self.protocol == "https"
        policy = Policy("http", 3, None) if is_http else Policy("topics", 100_015, None)
        redrive = self.attributes.get("RedrivePolicy")
        dlq = orjson.loads(redrive)["deadLetterTargetArn"] if redrive else None
        lane = None if group is None else f"{self.arn} {group}"
        return Due(self.topic, self.endpoint, policy, dlq, lane)

    def passes(self, text: str, told: Mapping[str, str]) -> bool:
        """Tell whether a message is for it."""
        policy = self.attributes.get("FilterPolicy")
        if not policy or policy == "{}":
            return True
        scope = self.attributes.get("FilterPolicyScope", "MessageAttributes")
        body = orjson.loads(text)
        return FILTERS[scope, policy](body if isinstance(body, dict) else {}, told)


class Book:
    """All that is set up."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, str], Rule] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.archived: dict[str, tuple[int, Event]] = {}
        self._dedup: dict[tuple[str, str], int] = {}

    # --- what requests change -------------------------------------------------------------------

    def change(self, attempt: Attempt) -> None:
        """Take a committed request of a client that has succeeded."""
        handler = getattr(self, f"_do_{attempt.operation}", None)
        if handler is not None:
            handler(attempt.params, attempt.result)

    def _rule(self, params: Mapping[str, Any], name: str) -> Rule:
        return self.rules[bus_name(params.get("EventBusName")), params[name]]

    def _do_PutRule(self, params: Mapping[str, Any], _result: Any) -> None:
        key = bus_name(params.get("EventBusName")), params["Name"]
        rule = self.rules.get(key)
        if rule is None:
            rule = self.rules[key] = Rule(*key, None, is_enabled=True)
        rule.pattern = params.get("EventPattern")
        if rule.pattern is not None:
            rule.patterns.add(rule.pattern)
        rule.is_enabled = params.get("State", "ENABLED") == "ENABLED"

    def _do_EnableRule(self, params: Mapping[str, Any], _result: Any) -> None:
        self._rule(params, "Name").is_enabled = True

    def _do_DisableRule(self, params: Mapping[str, Any], _result: Any) -> None:
        self._rule(params, "Name").is_enabled = False

    def _do_PutTargets(self, params: Mapping[str, Any], _result: Any) -> None:
        rule = self._rule(params, "Rule")
        for body in params["Targets"]:
            rule.targets[body["Id"]] = body
            rule.past.append(body)

    def _do_RemoveTargets(self, params: Mapping[str, Any], _result: Any) -> None:
        for name in params["Ids"]:
            self._rule(params, "Rule").targets.pop(name, None)

    def _do_Subscribe(self, params: Mapping[str, Any], result: Any) -> None:
        arn = result["SubscriptionArn"]
        if arn not in self.subscriptions:
            self.subscriptions[arn] = Subscription(
                arn,
                params["TopicArn"],
                params["Protocol"],
                params["Endpoint"],
                dict(params.get("Attributes") or {}),
                params["Protocol"] != "https",
            )

    def _do_ConfirmSubscription(self, _params: Any, result: Any) -> None:
        self.subscriptions[result["SubscriptionArn"]].is_confirmed = True

    def _do_SetSubscriptionAttributes(self, params: Any, _result: Any) -> None:
        attributes = self.subscriptions[params["SubscriptionArn"]].attributes
        attributes[params["AttributeName"]] = params["AttributeValue"]

    def _do_Unsubscribe(self, params: Any, _result: Any) -> None:
        self.subscriptions.pop(params["SubscriptionArn"], None)

    # --- what follows ---------------------------------------------------------------------------

    def routed(self, bus: str, event: Event, *, is_forwarded: bool) -> Iterator[Due]:
        """Yield what an event owes on a bus. Events of another bus go to no third one."""
        for rule in self.rules.values():
            if rule.bus != bus or not rule.is_enabled or rule.pattern is None:
                continue
            if not PATTERNS[rule.pattern](event):
                continue
            for body in rule.targets.values():
                if not (is_forwarded and ":event-bus/" in body["Arn"]):
                    yield rule.due(body)

    def published(
        self, topic: str, text: str, told: Mapping[str, str], group: str | None
    ) -> Iterator[Due]:
        """Yield what a message owes to a topic's subscriptions."""
        for subscription in self.subscriptions.values():
            is_his = subscription.topic == topic and subscription.is_confirmed
            if is_his and subscription.passes(text, told):
                yield subscription.due(group)

    def is_repeated(self, topic: str, dedup_id: str, now_ms: int) -> bool:
        """Tell whether a FIFO topic has taken a message within five minutes; remember it if not."""
        key = topic, dedup_id
        if self._dedup.get(key, -1) > now_ms:
            return True
        self._dedup[key] = now_ms + DEDUP_MS
        return False

    def replayed(self, source: str, target: str, word: str) -> Due | None:
        """Return what a replayed event owes to a target, if it may be sent to it at all."""
        rule = next((rule for rule in self.rules.values() if rule.arn == source), None)
        if rule is None or word not in self.archived:
            return None
        event = self.archived[word][1]
        # It may have been changed since the replay sent the event to a target that hangs.
        if not any(PATTERNS[pattern](event) for pattern in rule.patterns):
            return None
        body = next((body for body in reversed(rule.past) if body["Arn"] == target), None)
        return None if body is None else rule.due(body)
