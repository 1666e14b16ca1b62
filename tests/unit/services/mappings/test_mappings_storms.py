"""The poller in bad weather: all goes wrong at random, and in the end is as it should be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mappings_world import T0, World, failing

from redrive.core.effects import Ran

OPERATIONS = [
    "ReceiveMessage",
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
    assert len(world.asked("ReceiveMessage")) <= 2
    world.call("lambda", "DeleteEventSourceMapping", UUID=storm.uuid)
    assert world.dispatch.waiting == 0
    assert world.call("mappings", "ListMappings") == {"Mappings": []}
    assert world.now_ms > T0
    world.store.close()
