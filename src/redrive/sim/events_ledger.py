"""From what is committed to legs: what is owed, and what was seen of each.

    a client's request ──> Book ──> legs that are owed
    a service's call   ──> the leg that it is an attempt at; one that was taken may owe more

It judges nothing. What it has found goes to the checkers as facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Fetch
from redrive.sim.events_book import Book, Due, bus_name
from redrive.sim.events_legs import Leg, Letterhead, Policy, Try
from redrive.sim.events_timetables import Spec, Timetable, spec_of
from redrive.sim.events_troubles import queue_arn_of, target_of
from redrive.sim.events_words import (
    MOVE,
    instance_of,
    instant_of,
    is_for,
    schedule_arn,
    source_of,
    text_of,
)
from redrive.sim.evidence import ACCOUNT, CALLER, REGION, Attempt

PIPE_SOURCE = "piped"
GRACE_MS = 302_000
"""After a refused group calls are put off: up to five minutes."""


class Sight(NamedTuple):
    """A call that a service has made."""

    source: str
    target: str
    text: str
    attempt: Attempt


class Plan(NamedTuple):
    """What a schedule calls."""

    target: str
    policy: Policy
    dlq: str | None


class Ledger:
    """The legs of one world."""

    def __init__(self, listeners: Sequence[Any]) -> None:
        """Have listeners hear of facts: the hooks of events_checkers.EventChecker."""
        self._listeners = listeners
        self.book = Book()
        self.legs: dict[tuple[str, str, str], Leg] = {}
        self.unsettled: dict[Leg, None] = {}
        """Those that may still have something to come."""
        self.tables: dict[str, Timetable] = {}
        self.plans: dict[str, list[Plan]] = {}
        self.epoch = 0
        self.now_ms = 0
        self.fault_ms = -1
        self.refused_ms = -GRACE_MS
        self.invoked: set[str] = set()
        self.ran: set[str] = set()
        self.piped: dict[str, bool] = {}
        self.replays: dict[str, tuple[int, int, int]] = {}
        """Times of events from and to, and when it was asked for."""
        self.letters_open: dict[str, str] = {}
        """Queues that hang over a letter, by the id of the request."""
        self.listed: set[str] = set()
        """Names of schedules, when they were last listed."""
        self._requests: dict[str, tuple[Leg, Try]] = {}
        self._lanes: dict[str, int] = {}
        self._instances: dict[str, list[Leg]] = {}
        self._ids: dict[tuple[str, str], str] = {}

    # --- what happens ---------------------------------------------------------------------------

    def commit(self, attempt: Attempt) -> None:
        """Take one committed execution."""
        self.now_ms = max(self.now_ms, attempt.now_ms)
        caller = attempt.caller
        assert caller is not None
        if caller.principal == CALLER.principal and not caller.source:
            if attempt.result is not None:
                self._asked(attempt)
        elif (attempt.service, attempt.operation) == ("sqs", "StartMessageMoveTask"):
            text = str(attempt.params["SourceArn"])
            self._called(Sight(source_of(attempt), text, MOVE, attempt))
        else:
            self._by_service(attempt)

    def fault(self, *, is_refused: bool) -> None:
        """Take a crash, or a group that was refused."""
        self.epoch += 1
        self.fault_ms = self.now_ms
        if is_refused:
            self.refused_ms = self.now_ms

    def restarted(self, high_water_ms: int) -> None:
        """What was open is lost; the clock may go back to what was written down."""
        self.fault(is_refused=False)
        self.now_ms = high_water_ms
        self.letters_open.clear()
        for leg, one in self._requests.values():
            if one.ended_ms is None:
                one.is_lost = True
                self.unsettled[leg] = None

    def fetched(self, fetch: Fetch, outcome: str) -> None:
        """Take the answer of a server."""
        instance = instance_of(fetch.body.decode())
        for leg in self._instances.get(instance, ()):
            if not is_for(leg, fetch):
                continue
            for one in leg.tries:
                if one.ended_ms is None and not one.is_lost:
                    self._end(leg, one, outcome)
                    return

    @property
    def is_calm(self) -> bool:
        """Tell whether nothing was refused lately, so that all that is due has been tried."""
        return self.now_ms > self.refused_ms + GRACE_MS

    def pass_silently(self) -> None:
        """Let rules without targets fire: nobody sees it."""
        for rule in self.book.rules.values():
            table = self.tables.get(rule.arn)
            if table is None or rule.targets or table.next_ms is None:
                continue
            if table.next_ms <= self.now_ms:
                table.after_ms = self.now_ms

    # --- clients --------------------------------------------------------------------------------

    def _asked(self, attempt: Attempt) -> None:
        name, params, result = attempt.operation, attempt.params, attempt.result
        assert result is not None
        if name == "PutEvents":
            self._put(attempt)
        elif name == "Publish":
            self._publish(attempt, params, result)
        elif name == "PublishBatch":
            told = {entry["Id"]: entry for entry in result["Successful"]}
            for entry in params["PublishBatchRequestEntries"]:
                whole = {**entry, "TopicArn": params["TopicArn"]}
                self._publish(attempt, whole, told[entry["Id"]])
        elif name == "SendMessage" and PIPE_SOURCE in str(params["QueueUrl"]):
            word = instance_of(params["MessageBody"])
            self.piped[word] = orjson.loads(params["MessageBody"])["n"] != 0
        elif name == "StartReplay":
            times = params["EventStartTime"], params["EventEndTime"]
            self.replays[params["ReplayName"]] = (*times, attempt.now_ms)
        elif attempt.service == "scheduler":
            self._schedule(attempt)
        else:
            self.book.change(attempt)
            if name in ("PutRule", "EnableRule", "DisableRule"):
                self._tick(attempt)

    def _put(self, attempt: Attempt) -> None:
        assert attempt.result is not None
        entries = zip(attempt.params["Entries"], attempt.result["Entries"], strict=True)
        for entry, told in entries:
            if "EventId" not in told:
                continue
            event = {
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "detail": orjson.loads(entry["Detail"]),
            }
            bus = bus_name(entry.get("EventBusName"))
            self._route(bus, event, attempt.now_ms, is_forwarded=False)

    def _route(
        self, bus: str, event: Mapping[str, Any], now_ms: int, *, is_forwarded: bool
    ) -> None:
        text = orjson.dumps(event).decode()
        instance = instance_of(text)
        if bus == "default" and "word" in event["detail"]:
            self.book.archived[event["detail"]["word"]] = (now_ms, event)
        for due in self.book.routed(bus, event, is_forwarded=is_forwarded):
            self._owe(due, instance, now_ms)

    def _publish(
        self, attempt: Attempt, params: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        topic, text = params["TopicArn"], params["Message"]
        instance = instance_of(text)
        group = params.get("MessageGroupId") if topic.endswith(".fifo") else None
        if topic.endswith(".fifo"):
            key = topic, params["MessageDeduplicationId"]
            if self.book.is_repeated(*key, attempt.now_ms):
                for listener in self._listeners:
                    listener.deduplicated(attempt, self._ids[key])
                return
            self._ids[key] = result["MessageId"]
        told = {
            name: value.get("StringValue", "")
            for name, value in (params.get("MessageAttributes") or {}).items()
        }
        for due in self.book.published(topic, text, told, group):
            self._owe(due, instance, attempt.now_ms)

    def _owe(self, due: Due, instance: str, now_ms: int) -> None:
        leg = self._leg(due, instance)
        leg.owed_ms.append(now_ms)
        for listener in self._listeners:
            listener.owed(leg)

    def _leg(self, due: Due, instance: str) -> Leg:
        key = due.source, due.target, instance
        leg = self.legs.get(key)
        if leg is None:
            place = 0
            if due.lane is not None:
                place = self._lanes[due.lane] = self._lanes.get(due.lane, 0) + 1
            leg = Leg(*key, due.policy, due.dlq, due.lane, place)
            self.legs[key] = leg
            self._instances.setdefault(instance, []).append(leg)
        self.unsettled[leg] = None
        return leg

    # --- schedules ------------------------------------------------------------------------------

    def _schedule(self, attempt: Attempt) -> None:
        name, params, now_ms = attempt.operation, attempt.params, attempt.now_ms
        if name == "ListSchedules":
            assert attempt.result is not None
            self.listed = {each["Name"] for each in attempt.result["Schedules"]}
        if name not in ("CreateSchedule", "UpdateSchedule", "DeleteSchedule"):
            return
        arn = schedule_arn(params["Name"])
        table = self.tables.setdefault(arn, Timetable(None, now_ms, now_ms, now_ms))
        if name == "DeleteSchedule":
            table.set(None, now_ms)
            return
        window = params["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
        zone = params.get("ScheduleExpressionTimezone", "UTC")
        spec = spec_of(params["ScheduleExpression"], zone, window * 60_000)
        given = spec if params.get("State", "ENABLED") == "ENABLED" else None
        if given != table.spec:
            table.set(given, now_ms)
        target = params["Target"]
        retry = target["RetryPolicy"]
        policy = Policy(
            "events", retry["MaximumRetryAttempts"], retry["MaximumEventAgeInSeconds"] * 1_000
        )
        called = queue_arn_of(target["Arn"])
        if "aws-sdk" in called:
            given_input = orjson.loads(target["Input"])
            called = queue_arn_of(given_input.get("QueueUrl") or given_input["SourceArn"])
        dlq = (target.get("DeadLetterConfig") or {}).get("Arn")
        self.plans.setdefault(arn, []).append(Plan(called, policy, dlq))

    def _tick(self, attempt: Attempt) -> None:
        """Take a change of a rule with a schedule."""
        name = attempt.params["Name"]
        rule = self.book.rules[bus_name(attempt.params.get("EventBusName")), name]
        expression = attempt.params.get("ScheduleExpression")
        if expression is None and rule.arn not in self.tables:
            return
        table = self.tables.setdefault(rule.arn, Timetable(None, 0, 0, attempt.now_ms))
        spec: Spec | None = None
        if rule.is_enabled:
            spec = spec_of(expression or rule.schedule, "UTC", 0)
        if expression is not None:
            rule.schedule = expression
        if spec != table.spec:
            table.set(spec, attempt.now_ms)

    # --- services -------------------------------------------------------------------------------

    def _by_service(self, attempt: Attempt) -> None:
        service, name, params = attempt.service, attempt.operation, attempt.params
        if name in ("SendMessageBatch", "PublishBatch") or attempt.error == "interrupted":
            return  # a pipe's, whose account is made at rest; what a full disk has undone
        if '"SubscriptionConfirmation"' in str(params.get("Body", "")):
            return
        if (service, name) == ("events", "PutEvents"):
            if attempt.result is not None:
                self._put(attempt)
            name = bus_name(params["Entries"][0].get("EventBusName"))
            bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"
            self._called(Sight(source_of(attempt), bus, params["Entries"][0]["Detail"], attempt))
            return
        target = target_of(service, name, params)
        if target is None:
            return
        attributes = params.get("MessageAttributes") or {}
        if service == "sqs" and ({"ERROR_CODE", "ErrorCode"} & attributes.keys()):
            self._letter(attempt, target)
            return
        text = text_of(params)
        if (service, name) == ("lambda", "Invoke"):
            if params.get("InvocationType") != "Event":
                return
            if attempt.result is not None:
                self.invoked.add(f"{target} {instance_of(text)}")
        self._called(Sight(source_of(attempt), target, text, attempt))

    def _called(self, sight: Sight) -> None:
        attempt = sight.attempt
        leg = self._find(sight)
        if leg is None:
            return
        known = self._requests.get(attempt.request_id)
        if known is not None and known[0] is leg and known[1].ended_ms is None:
            one = known[1]  # it has waited
        else:
            one = Try(attempt.now_ms, self.epoch, attempt.request_id)
            for listener in self._listeners:
                listener.begun(leg, one)
            leg.tries.append(one)
            self.unsettled[leg] = None
            self._requests[attempt.request_id] = leg, one
        is_asking = attempt.result is None and attempt.error is None
        if attempt.waits or is_asking:
            return
        self._end(leg, one, attempt.error or "")
        if one.is_taken:
            self._goes_on(sight)

    def _end(self, leg: Leg, one: Try, error: str) -> None:
        one.ended_ms, one.error = self.now_ms, error
        for listener in self._listeners:
            listener.ended(leg, one)

    def _goes_on(self, sight: Sight) -> None:
        """Owe what follows from something that a bus or a topic has taken."""
        attempt = sight.attempt
        if attempt.operation == "ForwardEvents":
            bus = bus_name(sight.target)
            self._route(bus, attempt.params["Event"], attempt.now_ms, is_forwarded=True)
        elif attempt.operation == "Publish":
            assert attempt.result is not None
            self._publish(attempt, attempt.params, attempt.result)

    def _find(self, sight: Sight) -> Leg | None:
        instance = instance_of(sight.text)
        key = sight.source, sight.target, instance
        leg = self.legs.get(key)
        if leg is None:
            leg = self._discover(sight, instance)
        if leg is None:
            for listener in self._listeners:
                listener.stray(sight, f"{instance} was not to go there")
        return leg

    def _discover(self, sight: Sight, instance: str) -> Leg | None:
        """Return the leg of what is not foreseen: what a schedule or a replay has set off."""
        now_ms = sight.attempt.now_ms
        due = None
        if sight.source in self.tables:
            due = self._planned(sight)
        elif "@rp" in instance:
            due = self.book.replayed(sight.source, sight.target, instance.split("@")[0])
        if due is None:
            return None
        leg = self._leg(due, instance)
        leg.owed_ms.append(now_ms)
        leg.is_found = True
        if sight.source in self.tables:
            self._fire(leg, sight)
        return leg

    def _planned(self, sight: Sight) -> Due | None:
        for plan in reversed(self.plans.get(sight.source, [])):
            if plan.target == sight.target:
                return Due(sight.source, plan.target, plan.policy, plan.dlq, None)
        for rule in self.book.rules.values():
            if rule.arn == sight.source:
                bodies = [body for body in rule.past if body["Arn"] == sight.target]
                return rule.due(bodies[-1]) if bodies else None
        return None

    def _fire(self, leg: Leg, sight: Sight) -> None:
        table, now_ms = self.tables[leg.source], sight.attempt.now_ms
        second_ms = instant_of(sight.text)
        if second_ms is None:
            assert leg.instance == MOVE, sight.text
            second_ms = table.next_ms or table.anchor_ms
        others = [
            other
            for other in self._instances[leg.instance]
            if other is not leg and other.source == leg.source
        ]
        wrong = "" if others else table.fired(second_ms, now_ms, self.fault_ms)
        for listener in self._listeners:
            listener.fired(leg.source, wrong, leg)

    def _letter(self, attempt: Attempt, queue: str) -> None:
        told = {
            name: value["StringValue"]
            for name, value in attempt.params["MessageAttributes"].items()
        }
        body = attempt.params["MessageBody"]
        source = told.get("RULE_ARN") or told.get("SCHEDULE_ARN") or source_of(attempt)
        target = queue_arn_of(told.get("TARGET_ARN", ""))
        if "RequestID" in told and told["RequestID"] in self._requests:
            leg: Leg | None = self._requests[told["RequestID"]][0]
        else:
            if "aws-sdk" in target:
                target = self.plans[source][-1].target
            text = MOVE if "SourceArn" in body else body
            leg = self._find(Sight(source, target, text, attempt))
        if leg is None:
            return
        if attempt.waits:
            leg.letters_waiting += 1
            self.letters_open[attempt.request_id] = queue
            return
        self.letters_open.pop(attempt.request_id, None)
        one = Try(attempt.now_ms, self.epoch, attempt.request_id, attempt.now_ms)
        one.error = attempt.error or ""
        one.letter = Letterhead(queue, body, told)
        for listener in self._listeners:
            listener.buried(leg, one)
        leg.letters.append(one)
        self.unsettled[leg] = None
