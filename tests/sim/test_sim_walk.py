"""DESIGN section 4, played: one message's walk from queue to function, DLQ, redrive and rest."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from redrive.core.effects import Ran, Run
from redrive.core.time import Millis
from redrive.sim.evidence import arn_of
from redrive.sim.runtime import Ending
from redrive.sim.workload import url_of
from redrive.sim.world import START_MS, World


class Handler:
    """A function that cannot process m2 until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False
        self.batches: list[tuple[int, list[str]]] = []

    def __call__(self, run: Run, now_ms: Millis) -> Ending:
        """Report m2, take the rest."""
        records = orjson.loads(run.event)["Records"]
        self.batches.append((now_ms - START_MS, [record["body"] for record in records]))
        poison = [
            record["messageId"]
            for record in records
            if record["body"] == "m2" and not self.is_mended
        ]
        items = [{"itemIdentifier": identity} for identity in poison]
        answer = orjson.dumps({"batchItemFailures": items})
        return Ending(Millis(now_ms + 5), Ran(answer), frozenset(poison))


def build(world: World) -> None:
    """Make the pattern: a queue with a DLQ, and a function that reports batch item failures."""
    world.call("CreateQueue", QueueName="dead")
    policy = {"deadLetterTargetArn": arn_of("dead"), "maxReceiveCount": 3}
    attributes = {"VisibilityTimeout": "30", "RedrivePolicy": orjson.dumps(policy).decode()}
    world.call("CreateQueue", QueueName="main", Attributes=attributes)
    world.call(
        "CreateFunction",
        "lambda",
        FunctionName="reporter",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/worker",
        Handler="app.handler",
        Timeout=10,
        Code={"ZipFile": b"any"},
    )
    world.call(
        "CreateEventSourceMapping",
        "lambda",
        EventSourceArn=arn_of("main"),
        FunctionName="reporter",
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def peek(world: World, queue: str) -> list[dict[str, Any]]:
    """Return a queue's messages without receiving them."""
    messages: list[dict[str, Any]] = world.call(
        "PeekMessages", "redrive", Queue=queue, MaxResults=100
    ).get("Messages", [])
    return orjson.loads(orjson.dumps(messages))  # type: ignore[no-any-return]


@pytest.mark.parametrize("crashes", [False, True])
def test_walk(crashes: bool) -> None:
    """m2 fails at 0, 30 and 60 s, is buried by the receive at 90 s, redriven, and explained.

    Crashes between the receives change nothing: all of it is rows.
    """
    handler = Handler()
    world = World(1, "walk", has_faults=False, has_mappings=False, script=handler)
    build(world)
    entries = [{"Id": body, "MessageBody": body} for body in ("m1", "m2", "m3")]
    sent = world.call("SendMessageBatch", QueueUrl=url_of("main"), Entries=entries)
    identity = sent["Successful"][1]["MessageId"]
    for until_ms in (10_000, 40_000, 70_000):
        world.pass_until(START_MS + until_ms)
        if crashes:
            world.crash()
    assert handler.batches == [(0, ["m1", "m2", "m3"]), (30_000, ["m2"]), (60_000, ["m2"])]
    (waiting,) = peek(world, "main")
    assert (waiting["Body"], waiting["ReceiveCount"], waiting["State"]) == ("m2", 3, "in flight")
    world.pass_until(START_MS + 89_999)
    assert peek(world, "dead") == []
    world.pass_until(START_MS + 90_000)
    (dead,) = peek(world, "dead")
    assert peek(world, "main") == []
    assert (dead["MessageId"], dead["ReceiveCount"], dead["Source"]) == (
        identity,
        3,
        arn_of("main"),
    )
    assert len(handler.batches) == 3

    handler.is_mended = True
    world.pass_until(START_MS + 100_000)
    world.call("StartMessageMoveTask", SourceArn=arn_of("dead"))
    world.pass_until(START_MS + 101_000)
    assert handler.batches[3:] == [(100_000, ["m2"])]
    assert peek(world, "dead") == peek(world, "main") == []
    (task,) = world.call("ListMessageMoveTasks", SourceArn=arn_of("dead"))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)

    told = world.call("ExplainMessage", "redrive", MessageId=identity)["Events"]
    line = [(event["AtMs"] - START_MS, event["Kind"]) for event in told]
    assert line == [
        (0, "sent"),
        (0, "received"),
        (5, "failed"),
        (30_000, "returned"),
        (30_000, "received"),
        (30_005, "failed"),
        (60_000, "returned"),
        (60_000, "received"),
        (60_005, "failed"),
        (90_000, "returned"),
        (90_000, "buried"),
        (100_000, "redriven"),
        (100_000, "received"),
        (100_005, "deleted"),
    ]
    redriven = next(event["Detail"] for event in told if event["Kind"] == "redriven")
    assert redriven["old"] == identity != redriven["new"]
    again = world.call("ExplainMessage", "redrive", MessageId=redriven["new"])["Events"]
    assert again == told
    world.close()
