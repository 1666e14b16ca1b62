"""A bus of custom events in a world, and words for what its tests do with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from events_world import ACCOUNT, CALLER, T0, World

from redrive.core.effects import Caller

ROLE = f"arn:aws:iam::{ACCOUNT}:role/deliver"
SERVICE = "eventbridgev2"
OTHER = Caller("111111111111", "us-east-1", "arn:aws:iam::111111111111:root", "111111111111")


class Buses(World):
    """A world with one bus; `bus` is its ARN."""

    def __init__(self, folder: Path, **members: Any) -> None:
        super().__init__(folder)
        self.bus = self.ask("CreateEventBus", Name="orders", **members)["EventBusArn"]

    def ask(self, operation: str, who: Caller = CALLER, /, **params: Any) -> Any:
        """Ask the service for an operation."""
        return self.call(SERVICE, operation, who, **params)

    def put(self, *numbers: Any, group: str | None = None, **members: Any) -> Any:
        """Publish events with these numbers in their details."""
        system = {"SystemMetadata": {"EventGroupId": group}} if group else {}
        entries = [
            {
                "Source": "shop",
                "DetailType": "order",
                "Detail": json.dumps({"n": n}),
                **system,
                **members,
            }
            for n in numbers
        ]
        return self.ask("PutEvents", EventBusArn=self.bus, Entries=entries)

    def subscribe(self, target: str, name: str = "reader", **members: Any) -> str:
        """Make a subscriber; return its ARN. Members of the invocation end with Parameters."""
        invoke = {"RoleArn": ROLE, "TargetArn": target}
        invoke |= {key: members.pop(key) for key in list(members) if key.endswith("Parameters")}
        answer = self.ask(
            "CreateSubscriber",
            Name=name,
            EventBusArn=self.bus,
            InvokeConfiguration=invoke,
            **members,
        )
        return str(answer["SubscriberArn"])

    def taken(self, queue: str) -> list[Any]:
        """Return the numbers of the events that a queue has got, and remove them."""
        return [json.loads(body)["detail"]["n"] for body in self.bodies(queue)]

    def given_up_events(self, queue: str = "lost") -> list[tuple[Any, dict[str, str]]]:
        """Return the number and the attributes of each event in an on-failure queue."""
        return [
            (
                json.loads(message["Body"])["Data"]["detail"]["n"],
                {k: v["StringValue"] for k, v in message["MessageAttributes"].items()},
            )
            for message in self.messages(queue)
        ]

    def invoked(self, function: str = "worker") -> list[list[Any]]:
        """Return the numbers of each batch that a function was given."""
        return [[event["detail"]["n"] for event in batch] for batch in self.events(function)]

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        told = self.store._connection.execute(f"SELECT count(*) FROM {table}")
        return int(next(iter(told))[0])

    def owed(self) -> int:
        """Return how many batches there are."""
        return self.count("custom_batches")

    def put_and_crash(self, commits: int, number: Any, group: str) -> bool:
        """Publish an event, end the process after so many commits and begin another.

        Return whether the event was acknowledged.
        """
        replies: list[Any] = []
        entry = {
            "Source": "shop",
            "DetailType": "order",
            "Detail": json.dumps({"n": number}),
            "SystemMetadata": {"EventGroupId": group},
        }
        params = {"EventBusArn": self.bus, "Entries": [entry]}
        self.dispatch.enter(SERVICE, "PutEvents", params, CALLER, replies.append)
        for _ in range(commits):
            self.dispatch.advance()
            self.dispatch.settle()
        self.crash()
        return bool(replies)

    def metric(self, name: str, **dimensions: str) -> float:
        """Return the sum of what was counted so far."""
        answer = self.call(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace="AWS/Events",
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
            StartTime=T0,
            EndTime=self.now_ms + 60_000,
            Period=3600,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))
