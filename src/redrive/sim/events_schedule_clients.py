"""Random clients of EventBridge Scheduler: schedules of all kinds, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from redrive.sim.chance import Dice
from redrive.sim.events_targets import BUS, FUNCTION, NO_FUNCTION, NOWHERE, ORDERED, TOPIC
from redrive.sim.events_timetables import MINUTE_MS, ZONES, Spec
from redrive.sim.evidence import ACCOUNT, arn_of
from redrive.sim.workload import Request, url_of

_SCHEDULES_MAX = 6


class ScheduleClients:
    """The part of the workload that knows schedules."""

    def __init__(self, dice: Dice, now_ms: Callable[[], int]) -> None:
        self._dice = dice
        self._now_ms = now_ms
        self._count = 0
        self._schedules: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []
        """All names that there have been."""

    def _spec(self, *, is_once: bool) -> Spec:
        dice = self._dice
        window_ms = dice.pick((0, 0, 0, 5, 30)) * MINUTE_MS
        kind = "at" if is_once else dice.pick(("at", "rate", "every", "daily"))
        if kind == "at":
            wait_ms = dice.pick((-60_000, 1_000, 60_000, 3_600_000, 20_000_000))
            return Spec(kind, (self._now_ms() + wait_ms) // 1_000 * 1_000, "UTC", window_ms)
        if kind == "daily":
            return Spec(kind, dice.between(0, 1_439), dice.pick(tuple(ZONES)), window_ms)
        number = dice.pick((1, 7, 60)) if kind == "rate" else dice.pick((5, 15, 30))
        return Spec(kind, number, "UTC", window_ms)

    def create(self) -> Request:
        """Return a request for a new one."""
        if len(self._schedules) >= _SCHEDULES_MAX:
            return self.change()
        self._count += 1
        name = f"n{self._count}"
        self.created.append(name)
        target = self._scheduled(name)
        # A call that starts a move task does not say which run it is of: there is only one.
        is_once = target["Arn"].endswith("MoveTask")
        self._schedules[name] = params = {
            "Name": name,
            **self._timing(is_once=is_once),
            "Target": target,
            "ActionAfterCompletion": self._dice.pick(("NONE", "DELETE")),
        }
        return Request("scheduler", "CreateSchedule", params)

    def _timing(self, *, is_once: bool = False) -> dict[str, Any]:
        spec = self._spec(is_once=is_once)
        window: dict[str, Any] = {"Mode": "OFF"}
        if spec.window_ms:
            window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": spec.window_ms // MINUTE_MS}
        return {
            "ScheduleExpression": spec.expression,
            "ScheduleExpressionTimezone": spec.zone,
            "FlexibleTimeWindow": window,
            "State": "DISABLED" if self._dice.chance(0.15) else "ENABLED",
        }

    def _scheduled(self, name: str) -> dict[str, Any]:
        dice = self._dice
        text = orjson.dumps(_INPUT).decode()
        sdk = "arn:aws:scheduler:::aws-sdk:sqs"
        ways: tuple[dict[str, Any], ...] = (
            {"Arn": arn_of("q1"), "Input": text},
            {"Arn": arn_of("q3"), "Input": text},
            {"Arn": ORDERED, "Input": text, "SqsParameters": {"MessageGroupId": "a"}},
            {"Arn": NOWHERE, "Input": text},
            {"Arn": FUNCTION, "Input": text},
            {"Arn": NO_FUNCTION, "Input": text},
            {"Arn": TOPIC, "Input": text},
            {"Arn": BUS, "Input": text, "EventBridgeParameters": _PUT},
            {"Arn": f"{sdk}:sendMessage", "Input": _send("q3", text)},
            {"Arn": f"{sdk}:sendMessage", "Input": _send("nowhere", text)},
            {"Arn": f"{sdk}:startMessageMoveTask", "Input": _MOVE_INPUT},
        )
        target = dict(dice.pick(ways))
        target["RoleArn"] = f"arn:aws:iam::{ACCOUNT}:role/sched-{name}"
        most, age_s = dice.pick(((0, 60), (2, 3_600), (10, 600), (185, 86_400)))
        target["RetryPolicy"] = {"MaximumRetryAttempts": most, "MaximumEventAgeInSeconds": age_s}
        if dice.chance(0.7):
            target["DeadLetterConfig"] = {"Arn": arn_of("dead") if dice.chance(0.85) else NOWHERE}
        return target

    def change(self) -> Request:
        """Return a change of one, or one that changes nothing."""
        if not self._schedules:
            return self.create()
        name = self._dice.pick(tuple(self._schedules))
        is_once = self._schedules[name]["Target"]["Arn"].endswith("MoveTask")
        if self._dice.chance(0.7) and not is_once:
            self._schedules[name] = {**self._schedules[name], **self._timing()}
        return Request("scheduler", "UpdateSchedule", self._schedules[name])

    def delete(self) -> Request:
        """Return the end of one."""
        if not self._schedules:
            return self.create()
        name = self._dice.pick(tuple(self._schedules))
        del self._schedules[name]
        return Request("scheduler", "DeleteSchedule", {"Name": name})


_PUT = {"Source": "clock", "DetailType": "fired"}
_INPUT = {
    "time": "<aws.scheduler.scheduled-time>",
    "run": "<aws.scheduler.execution-id>",
    "number": "<aws.scheduler.attempt-number>",
}
_MOVE_INPUT = orjson.dumps({"SourceArn": arn_of("piped-dead")}).decode()


def _send(queue: str, text: str) -> str:
    return orjson.dumps({"QueueUrl": url_of(queue), "MessageBody": text}).decode()
