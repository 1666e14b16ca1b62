"""The poller, driven through the real queues, functions and store under a virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mappings_world import ACCOUNT, QUEUE_ARN, REPORTS, T0, World, reserve, update, watch_steps
from stand_ins import answering, failing

from redrive.core.effects import Ran


def test_a_message_reaches_its_function_and_is_deleted(world: World) -> None:
    """One message, one invocation at the same instant, and the queue is empty."""
    world.ready()
    (sent,) = world.send(
        "hello", MessageAttributes={"n": {"StringValue": "7", "DataType": "Number"}}
    )
    (run,) = world.runs
    (record,) = json.loads(run.event)["Records"]
    assert record["messageId"] == sent
    assert record["body"] == "hello"
    assert record["eventSourceARN"] == QUEUE_ARN
    assert record["awsRegion"] == "us-east-1"
    assert record["messageAttributes"]["n"]["stringValue"] == "7"
    assert list(record["attributes"]) == [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    ]
    assert world.counts() == (0, 0)
    assert world.story(sent) == ["sent", "received", "deleted"]


def test_an_idle_mapping_costs_one_long_poll_every_twenty_seconds(world: World) -> None:
    """Without traffic one receive waits, renewed when its 20 s are over, and nothing else."""
    world.ready()
    world.registry.asked.clear()
    world.pass_s(600)
    assert {name for _service, name, _params in world.registry.asked} == {"ReceiveRecords"}
    # Each is tried when it is made and when its time is over.
    assert len(world.registry.asked) == 2 * 30
    assert world.dispatch.waiting == 1
    assert world.asked("ReceiveRecords")[-1] == {
        "QueueUrl": f"/{ACCOUNT}/orders",
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "VisibilityTimeout": None,
    }


def test_a_backlog_flows_in_full_batches_without_waiting(world: World) -> None:
    """500 messages are 50 invocations, at one instant, each message once."""
    uuid = world.ready(Enabled=False)
    world.send(*map(str, range(500)))
    update(world, uuid, Enabled=True)
    assert [len(batch) for batch in world.events()] == [10] * 50
    assert sorted(int(body) for batch in world.events() for body in batch) == list(range(500))
    assert world.counts() == (0, 0)
    assert world.now_ms == T0


@pytest.mark.interpreted
def test_a_backlog_is_received_by_all_free_slots_in_one_step(world: World) -> None:
    """After the first full receive the four other slots receive together; none beyond them."""
    uuid = world.ready(Enabled=False)
    world.send(*map(str, range(200)))
    world.scripts["worker"] = lambda _event: None
    steps = watch_steps(world)
    update(world, uuid, Enabled=True)
    polls = [
        [
            call.params["WaitTimeSeconds"]
            for call in step.calls
            if call.operation == "ReceiveRecords"
        ]
        for step in steps
    ]
    assert [waits for waits in polls if waits] == [[20], [0, 0, 0, 0]]
    assert len(world.held) == 5
    assert world.counts() == (150, 50)


@pytest.mark.parametrize(
    ("options", "after_s", "running"),
    [({}, 0, 5), ({}, 60, 305), ({"ScalingConfig": {"MaximumConcurrency": 7}}, 60, 7)],
)
def test_concurrency_grows_while_there_is_a_backlog(
    world: World, options: dict[str, Any], after_s: int, running: int
) -> None:
    """5 at first, 300 more after a minute; never above MaximumConcurrency."""
    uuid = world.ready({"VisibilityTimeout": 3_600}, Enabled=False, BatchSize=1, **options)
    world.send(*map(str, range(400)))
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    world.pass_s(after_s)
    assert len(world.held) == running


def test_a_small_batch_size_is_what_a_receive_asks_for(world: World) -> None:
    """BatchSize 3: no invocation has more."""
    uuid = world.ready(BatchSize=3, Enabled=False)
    world.send(*map(str, range(7)))
    update(world, uuid, Enabled=True)
    assert [len(batch) for batch in world.events()] == [3, 3, 1]


def test_a_window_collects_until_it_is_over(world: World) -> None:
    """Messages that come within the window after the first one make one batch, when it is over."""
    world.ready(MaximumBatchingWindowInSeconds=10)
    world.send("a")
    world.pass_s(4)
    world.send("b")
    world.pass_s(5.999)
    assert world.events() == []
    world.pass_s(0.001)
    assert world.events() == [["a", "b"]]
    assert world.counts() == (0, 0)


def test_a_full_batch_does_not_wait_for_its_window(world: World) -> None:
    """BatchSize reached ends the window; what is beyond it begins the next one."""
    world.ready(MaximumBatchingWindowInSeconds=10, BatchSize=25)
    world.send(*map(str, range(30)))
    assert [len(batch) for batch in world.events()] == [25]
    world.pass_s(10)
    assert [len(batch) for batch in world.events()] == [25, 5]


def test_a_batch_ends_at_six_megabytes(world: World) -> None:
    """Ten messages of 1 MB are two invocations, neither above what Invoke takes."""
    uuid = world.ready(Enabled=False)
    for _ in range(10):
        world.send("x" * 1_000_000)
    update(world, uuid, Enabled=True)
    assert [len(batch) for batch in world.events()] == [6, 4]
    assert world.counts() == (0, 0)


def test_a_window_receives_with_the_visibility_that_it_needs(world: World) -> None:
    """Window 40 + timeout 3 > visibility 30: 73 s are asked for, the retry comes after them."""
    world.ready(MaximumBatchingWindowInSeconds=40)
    assert world.asked("ReceiveRecords")[-1]["VisibilityTimeout"] == 73
    world.scripts["worker"] = failing
    world.send("a")
    world.pass_s(72.999)
    assert world.counts() == (0, 1)
    world.pass_s(0.001 + 40)
    assert world.events() == [["a"], ["a"]]


def test_changes_of_queue_and_function_are_noticed_within_a_minute_or_so(world: World) -> None:
    """A longer visibility timeout of the queue ends the need for a stretched one."""
    world.ready(MaximumBatchingWindowInSeconds=40)
    world.call(
        "sqs",
        "SetQueueAttributes",
        QueueUrl=f"/{ACCOUNT}/orders",
        Attributes={"VisibilityTimeout": "600"},
    )
    world.pass_s(100)
    assert world.asked("ReceiveRecords")[-1]["VisibilityTimeout"] is None
    world.call("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=900)
    world.pass_s(100)
    assert world.asked("ReceiveRecords")[-1]["VisibilityTimeout"] == 970


def test_the_walk_of_a_message_that_always_fails(world: World) -> None:
    """maxReceiveCount 3, visibility 30 s: m2 fails at 0, 30 and 60 s and is buried at 90 s."""
    world.queue("dlq")
    policy = {
        "deadLetterTargetArn": QUEUE_ARN.replace("orders", "dlq"),
        "maxReceiveCount": 3,
    }

    def fail_m2(event: Any) -> Ran:
        failed = [r["messageId"] for r in event["Records"] if r["body"] == "m2"]
        items = [{"itemIdentifier": identity} for identity in failed]
        return Ran(json.dumps({"batchItemFailures": items}).encode())

    uuid = world.ready(
        {"RedrivePolicy": json.dumps(policy)}, FunctionResponseTypes=REPORTS, Enabled=False
    )
    world.scripts["worker"] = fail_m2
    _m1, m2, _m3 = world.send("m1", "m2", "m3")
    update(world, uuid, Enabled=True)
    assert world.events() == [["m1", "m2", "m3"]]
    assert world.counts() == (0, 1)
    world.pass_s(29.999)
    assert len(world.runs) == 1
    world.pass_s(0.001)
    world.pass_s(30)
    assert world.events()[1:] == [["m2"], ["m2"]]
    world.pass_s(30)
    assert len(world.runs) == 3
    assert (world.counts(), world.counts("dlq")) == ((0, 0), (1, 0))
    assert sorted(set(world.story(m2))) == ["buried", "failed", "received", "returned", "sent"]


def test_a_function_error_keeps_the_whole_batch_and_its_reason(world: World) -> None:
    """A failed batch comes back together; its life-lines hold the function's error."""
    uuid = world.ready(Enabled=False)
    world.scripts["worker"] = failing
    first, _second = world.send("a", "b")
    update(world, uuid, Enabled=True)
    assert world.counts() == (0, 2)
    events = world.call("redrive", "ExplainMessage", MessageId=first)["Events"]
    (failed,) = [event["Detail"] for event in events if event["Kind"] == "failed"]
    assert failed["error"]["errorType"] == "ValueError"
    assert failed["function"].endswith(":function:worker")
    world.scripts["worker"] = answering(None)
    world.pass_s(30)
    assert world.events() == [["a", "b"], ["a", "b"]]
    assert world.counts() == (0, 0)


@pytest.mark.parametrize(("reports", "second_round"), [([], 1), (REPORTS, 5)])
def test_failures_lower_the_concurrency_unless_the_function_reports_them(
    world: World, reports: list[str], second_round: int
) -> None:
    """Five failed batches leave one slot; with ReportBatchItemFailures the five stay."""
    uuid = world.ready(FunctionResponseTypes=reports, BatchSize=1, Enabled=False)
    world.send(*map(str, range(20)))
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    held, world.held = world.held, []
    for ended in held:
        ended(failing(None))
    world.settle()
    assert len(world.held) == second_round


def test_a_throttled_batch_is_tried_again_without_another_receive(world: World) -> None:
    """After 1, 2, 4 s of back-off the same batch runs; its messages were received once."""
    world.ready()
    reserve(world, 0)
    (sent,) = world.send("a")
    world.pass_s(6.5)  # tried at 0, 1, 3 s
    assert len(world.asked("Invoke")) == 3
    reserve(world, 5)
    world.pass_s(0.5)
    (run,) = world.runs
    (record,) = json.loads(run.event)["Records"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert world.story(sent) == ["sent", "received", "deleted"]


def test_throttling_alone_spends_receives_until_the_message_is_buried(world: World) -> None:
    """A throttled batch is let go when its visibility ends; two lapses of a limit of 2 bury it."""
    world.queue("dlq")
    policy = {"deadLetterTargetArn": QUEUE_ARN.replace("orders", "dlq"), "maxReceiveCount": 2}
    world.ready({"RedrivePolicy": json.dumps(policy)})
    reserve(world, 0)
    (sent,) = world.send("a")
    world.pass_s(29)
    assert world.story(sent).count("throttled") == 1
    assert world.counts() == (0, 1)
    world.pass_s(61)
    assert (world.counts(), world.counts("dlq")) == ((0, 0), (1, 0))
    assert world.story(sent).count("throttled") == 2
    assert world.runs == []
