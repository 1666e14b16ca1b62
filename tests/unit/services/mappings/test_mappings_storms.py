"""The poller in bad weather: all goes wrong at random, and in the end is as it should be.

The poison storm has 1,000 messages; REDRIVE_POISON=100000 makes it as large as one likes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mappings_world import QUEUE_ARN, T0, World, update
from stand_ins import failing

from redrive.core.effects import Ran

OPERATIONS = [
    "ReceiveRecords",
    "Invoke",
    "SettleBatch",
    "ListMappings",
    "AdvanceMapping",
    "ReportProblem",
    "DescribeForMapping",
]


class Storm:
    """One seed's worth of trouble for one mapping."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = Random(seed)
        self.successes: Counter[str] = Counter()
        world.scripts["worker"] = self.run
        self.uuid = world.ready(FunctionResponseTypes=["ReportBatchItemFailures"])
        self.sent: list[str] = []

    def run(self, event: Any) -> Ran | None:
        """Succeed, fail, partly fail, or go on for a while."""
        draw = self.chance.random()
        if draw < 0.2:
            return failing(event)
        if draw < 0.4:
            return None
        bodies = [(r["messageId"], r["body"]) for r in event["Records"]]
        failed = {i for i, _body in bodies if self.chance.random() < 0.2}
        self.successes.update(body for i, body in bodies if i not in failed)
        items = [{"itemIdentifier": i} for i in failed]
        return Ran(json.dumps({"batchItemFailures": items}).encode())

    def blow(self) -> None:
        """Let one thing happen."""
        world, chance = self.world, self.chance
        draw = chance.randrange(8)
        if draw <= 2:
            bodies = [str(len(self.sent) + n) for n in range(chance.randrange(1, 30))]
            self.sent += bodies
            world.send(*bodies)
        elif draw == 3:
            self.change(Enabled=chance.random() < 0.6)
        elif draw == 4:
            self.change(
                BatchSize=chance.choice([1, 7, 10, 40]),
                MaximumBatchingWindowInSeconds=chance.choice([1, 20]),
                ScalingConfig=chance.choice([{}, {"MaximumConcurrency": 2}]),
            )
        elif draw == 5:
            world.registry.away = set(chance.sample(OPERATIONS, chance.randrange(4)))
        elif draw == 6:
            world.call(
                "lambda",
                "PutFunctionConcurrency",
                FunctionName="worker",
                ReservedConcurrentExecutions=chance.choice([0, 1, 50]),
            )
        else:
            self.end_runs()
        world.pass_s(chance.choice([0, 0.01, 1, 15]))

    def change(self, **settings: Any) -> None:
        """Change the mapping, if it can be."""
        self.world.reply("lambda", "UpdateEventSourceMapping", UUID=self.uuid, **settings)

    def end_runs(self) -> None:
        """Let what runs fail."""
        held, self.world.held = self.world.held, []
        for ended in held:
            ended(failing(None))
        self.world.settle()

    def calm(self) -> None:
        """Mend everything and let the rest flow."""
        world = self.world
        world.registry.away = set()
        world.call("lambda", "DeleteFunctionConcurrency", FunctionName="worker")
        world.scripts["worker"] = self.succeed
        self.end_runs()
        self.change(Enabled=True)
        world.pass_s(400)

    def succeed(self, event: Any) -> Ran:
        """Succeed with all."""
        self.successes.update(r["body"] for r in event["Records"])
        return Ran(b"{}")


@pytest.mark.parametrize("seed", range(12))
def test_after_any_storm_every_message_has_been_processed_and_nothing_is_left(
    tmp_path: Path, seed: int
) -> None:
    """Each message succeeds exactly once, the queue is empty, and one long poll is left."""
    world = World(tmp_path)
    storm = Storm(world, seed)
    for _ in range(60):
        storm.blow()
    storm.calm()
    assert storm.successes == Counter(storm.sent)
    assert world.counts() == (0, 0)
    assert world.mapping(storm.uuid)["State"] == "Enabled"
    world.registry.asked.clear()
    world.pass_s(20)
    assert world.dispatch.waiting == 1
    assert len(world.asked("ReceiveRecords")) <= 2
    world.call("lambda", "DeleteEventSourceMapping", UUID=storm.uuid)
    assert world.dispatch.waiting == 0
    assert world.call("mappings", "ListMappings") == {"Mappings": []}
    assert world.now_ms > T0
    world.store.close()


POISON = int(os.environ.get("REDRIVE_POISON", "1000"))


@pytest.mark.parametrize("receives_max", range(1, 11))
def test_poison_is_delivered_as_often_as_its_queue_allows_and_buried_once(
    world: World, receives_max: int
) -> None:
    """Every message fails always: exactly maxReceiveCount deliveries each, and one burial."""
    world.queue("dead")
    policy = {
        "deadLetterTargetArn": QUEUE_ARN.replace("orders", "dead"),
        "maxReceiveCount": receives_max,
    }
    reports = ["ReportBatchItemFailures"] if receives_max % 2 else []
    uuid = world.ready(
        {"RedrivePolicy": json.dumps(policy)}, FunctionResponseTypes=reports, Enabled=False
    )
    deliveries: Counter[str] = Counter()
    counts: dict[str, list[int]] = {}

    def fail(event: Any) -> Ran:
        for record in event["Records"]:
            deliveries[record["messageId"]] += 1
            count = int(record["attributes"]["ApproximateReceiveCount"])
            counts.setdefault(record["messageId"], []).append(count)
        world.runs.clear()  # nobody looks at them
        world.registry.asked.clear()
        if not reports:
            return failing(event)
        items = [{"itemIdentifier": record["messageId"]} for record in event["Records"]]
        return Ran(json.dumps({"batchItemFailures": items}).encode())

    world.scripts["worker"] = fail
    sent = [world.send(str(n))[0] for n in range(POISON)]
    update(world, uuid, Enabled=True)
    world.pass_s(30 * receives_max)
    assert deliveries == Counter(dict.fromkeys(sent, receives_max))
    assert all(seen == list(range(1, receives_max + 1)) for seen in counts.values())
    assert world.counts() == (0, 0)
    assert world.counts("dead") == (POISON, 0)
    queues = world.call("redrive", "DescribeQueues")["Queues"]
    buried = {queue["Name"]: queue["Counts"]["buried_in"] for queue in queues}
    assert buried == {"dead": POISON, "orders": 0}
    assert world.story(sent[0]).count("buried") == 1
