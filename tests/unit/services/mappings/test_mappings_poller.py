"""The poller, driven through the real queues, functions and store under a virtual clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mappings_world import ACCOUNT, CALLER, QUEUE_ARN, T0, World, answering, failing

from redrive.core.effects import Ran

REPORTS = ["ReportBatchItemFailures"]


def update(world: World, uuid: str, **change: Any) -> Any:
    """Change a mapping."""
    return world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, **change)


def reserve(world: World, count: int) -> None:
    """Reserve concurrency for the function; 0 throttles all of it."""
    world.call(
        "lambda",
        "PutFunctionConcurrency",
        FunctionName="worker",
        ReservedConcurrentExecutions=count,
    )


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
    """Without traffic there is one waiting receive, renewed when its 20 s are over, and nothing else."""
    world.ready()
    world.registry.asked.clear()
    world.pass_s(600)
    assert {name for _service, name, _params in world.registry.asked} == {"ReceiveMessage"}
    # Each is tried when it is made and when its time is over; its renewal is the next one's first try.
    assert len(world.registry.asked) == 2 * 30
    assert world.dispatch.waiting == 1
    assert world.asked("ReceiveMessage")[-1] == {
        "QueueUrl": f"/{ACCOUNT}/orders",
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
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


def test_a_backlog_is_received_by_all_free_slots_in_one_step(world: World) -> None:
    """After the first full receive the four other slots receive together; none beyond them."""
    uuid = world.ready(Enabled=False)
    world.send(*map(str, range(200)))
    world.scripts["worker"] = lambda _event: None
    world.registry.asked.clear()
    update(world, uuid, Enabled=True)
    polls = [params["WaitTimeSeconds"] for params in world.asked("ReceiveMessage")]
    assert polls == [20, 0, 0, 0, 0]
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
    """Window 40 + timeout 3 > visibility 30: 73 s are asked for, so a failed message is back then."""
    world.ready(MaximumBatchingWindowInSeconds=40)
    assert world.asked("ReceiveMessage")[-1]["VisibilityTimeout"] == 73
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
    assert "VisibilityTimeout" not in world.asked("ReceiveMessage")[-1]
    world.call("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=900)
    world.pass_s(100)
    assert world.asked("ReceiveMessage")[-1]["VisibilityTimeout"] == 970


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
    """All messages of a failed batch come back together; their life-lines hold the function's error."""
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


def test_a_slow_function_slows_no_other_mapping(world: World) -> None:
    """While one mapping's slots are all taken, another one's messages flow at once."""
    world.ready(BatchSize=1)
    world.queue("quick")
    world.function("quick")
    world.map("quick", "quick")
    world.scripts["worker"] = lambda _event: None
    world.send(*map(str, range(50)))
    assert len(world.held) == 5
    for n in range(20):
        world.send(str(n), queue="quick")
    assert world.counts("quick") == (0, 0)


def test_disabling_cancels_the_poll_and_lets_the_batch_end(world: World) -> None:
    """No receive afterwards; the batch under way is settled, and only then the state is Disabled."""
    uuid = world.ready()
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    assert (len(world.held), world.dispatch.waiting) == (1, 1)
    update(world, uuid, Enabled=False)
    assert world.dispatch.waiting == 0
    assert world.mapping(uuid)["State"] == "Disabling"
    world.send("b")
    world.pass_s(10)
    assert world.counts() == (1, 1)
    world.held.pop()(Ran(b"null"))
    world.settle()
    assert world.counts() == (1, 0)
    assert world.mapping(uuid)["State"] == "Disabled"
    world.scripts.clear()
    update(world, uuid, Enabled=True)
    assert world.events()[-1] == ["b"]


def test_what_was_received_while_being_disabled_is_still_processed(world: World) -> None:
    """A receive whose answer is under way when its mapping is disabled loses no message."""
    uuid = world.ready()
    params = {"UUID": uuid, "Enabled": False}
    # The poll is answered in the very group in which the poller hears of the change.
    world.dispatch.enter("lambda", "UpdateEventSourceMapping", params, CALLER, lambda _r: None)
    sent = {"QueueUrl": f"/{ACCOUNT}/orders", "MessageBody": "a"}
    world.dispatch.enter("sqs", "SendMessage", sent, CALLER, lambda _r: None)
    world.settle()
    assert world.counts() == (0, 0)
    assert world.events() == [["a"]]
    assert world.mapping(uuid)["State"] == "Disabled"


def test_disabling_closes_the_window_and_lets_throttled_batches_go(world: World) -> None:
    """What was collected is invoked at once; what was only throttled is left to its visibility."""
    uuid = world.ready(MaximumBatchingWindowInSeconds=20)
    world.send("a")
    update(world, uuid, Enabled=False)
    assert world.events() == [["a"]]
    update(world, uuid, Enabled=True, MaximumBatchingWindowInSeconds=0)
    reserve(world, 0)
    (sent,) = world.send("b")
    update(world, uuid, Enabled=False)
    assert world.mapping(uuid)["State"] == "Disabled"
    assert "throttled" in world.story(sent)


def test_a_mapping_deleted_with_a_batch_under_way_settles_it_first(world: World) -> None:
    """The row is there until the batch has ended, and the batch counts."""
    uuid = world.ready()
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    world.call("lambda", "DeleteEventSourceMapping", UUID=uuid)
    world.held.pop()(Ran(b"null"))
    world.settle()
    assert world.counts() == (0, 0)
    assert world.call("lambda", "ListEventSourceMappings") == {"EventSourceMappings": []}


def test_a_shrunk_batch_size_holds_for_what_is_already_collected(world: World) -> None:
    """Messages that wait for a window are split to the new size."""
    uuid = world.ready(MaximumBatchingWindowInSeconds=60, BatchSize=100)
    world.send(*map(str, range(20)))
    update(world, uuid, BatchSize=8)
    assert [len(batch) for batch in world.events()] == [8, 8, 4]


def test_a_deleted_function_leaves_mapping_and_messages(world: World) -> None:
    """Messages are kept, polling slows down, the mapping says why; a new function gets them."""
    uuid = world.ready()
    world.call("lambda", "DeleteFunction", FunctionName="worker")
    (sent,) = world.send("a")
    assert world.counts() == (0, 1)
    shown = world.mapping(uuid)
    assert shown["State"] == "Enabled"
    assert "Function not found" in shown["StateTransitionReason"]
    world.pass_s(120)
    assert world.runs == []
    world.function()
    world.pass_s(60)
    assert world.events() == [["a"]]
    assert world.mapping(uuid)["StateTransitionReason"] == "USER_INITIATED"
    assert "failed" in world.story(sent)


def test_a_deleted_queue_is_tried_slowly_until_it_is_back(world: World) -> None:
    """The mapping says what is wrong and tries at most every 30 s; a new queue of the name is served."""
    uuid = world.ready()
    world.call("sqs", "DeleteQueue", QueueUrl=f"/{ACCOUNT}/orders")
    assert "NonExistentQueue" in world.mapping(uuid)["StateTransitionReason"]
    world.pass_s(60)
    world.registry.asked.clear()
    world.pass_s(300)
    assert len(world.asked("ReceiveMessage")) == 10
    world.queue()
    world.pass_s(31)
    assert world.mapping(uuid)["StateTransitionReason"] == "USER_INITIATED"
    world.send("a")
    assert world.events() == [["a"]]


@pytest.mark.parametrize(
    "operation", ["ReceiveMessage", "Invoke", "SettleBatch", "GetQueueAttributes"]
)
def test_a_store_that_is_away_loses_nothing(world: World, operation: str) -> None:
    """Whatever the store refuses is tried again; the message is processed once and deleted."""
    world.ready()
    world.pass_s(70)
    world.registry.away.add(operation)
    world.send("a")
    world.pass_s(20)
    world.registry.asked.clear()
    world.pass_s(5)
    assert len(world.registry.asked) < 10  # no spinning
    world.registry.away.clear()
    world.pass_s(31)
    assert world.events() == [["a"]]
    assert world.counts() == (0, 0)


def test_nothing_is_received_while_settlements_wait(world: World) -> None:
    """With batches that cannot be settled no further ones are taken."""
    world.ready(BatchSize=1)
    world.registry.away.add("SettleBatch")
    world.send(*map(str, range(50)))
    world.pass_s(5)
    ran = len(world.runs)
    assert ran <= 10
    world.pass_s(5)
    assert len(world.runs) == ran
    world.registry.away.clear()
    world.pass_s(30)
    assert world.counts() == (0, 0)
    assert len(world.runs) == 50


@pytest.mark.parametrize("operation", ["ListMappings", "AdvanceMapping", "ReportProblem"])
def test_the_row_catches_up_after_the_store_was_away(world: World, operation: str) -> None:
    """Transitions and problems are written down later, without spinning meanwhile."""
    world.registry.away.add(operation)
    uuid = world.ready()
    world.call("lambda", "DeleteFunction", FunctionName="worker")
    world.send("a")
    world.registry.asked.clear()
    world.pass_s(10)
    assert len(world.asked(operation)) <= 10
    world.registry.away.clear()
    world.pass_s(40)
    shown = world.mapping(uuid)
    assert shown["State"] == "Enabled"
    assert "Function not found" in shown["StateTransitionReason"]


def test_a_crash_costs_a_redelivery_and_nothing_else(tmp_path: Path) -> None:
    """After a crash in the middle of a batch its messages come again when their visibility ends."""
    before = World(tmp_path)
    before.ready()
    before.scripts["worker"] = lambda _event: None
    before.send("a")
    before.store.close()
    after = World(tmp_path, now_ms=before.now_ms)
    assert after.runs == []
    after.pass_s(30)
    (record,) = json.loads(after.runs[0].event)["Records"]
    assert (record["body"], record["attributes"]["ApproximateReceiveCount"]) == ("a", "2")
    assert after.counts() == (0, 0)
    after.store.close()


def test_a_restart_ends_what_was_on_its_way(tmp_path: Path) -> None:
    """A mapping that was Deleting when the server died is gone; one that was Creating is Enabled."""
    before = World(tmp_path)
    uuid = before.ready()
    before.scripts["worker"] = lambda _event: None
    before.send("a")
    before.call("lambda", "DeleteEventSourceMapping", UUID=uuid)
    before.queue("second")
    before.registry.away.add("AdvanceMapping")
    second = before.map("second")["UUID"]
    before.store.close()
    after = World(tmp_path, now_ms=before.now_ms)
    (shown,) = after.call("lambda", "ListEventSourceMappings")["EventSourceMappings"]
    assert (shown["UUID"], shown["State"]) == (second, "Enabled")
    after.store.close()


def test_a_settlement_names_the_invocation_that_made_it(world: World) -> None:
    """The request id under which Invoke is called is the one that the life-line gets."""
    named = []
    done, step = world.poller.done, world.poller.step

    def note(made: Any) -> Any:
        named.extend(call.request_id for call in made.calls if call.operation == "Invoke")
        return made

    world.poller.done = lambda *given: note(done(*given))  # type: ignore[method-assign]
    world.poller.step = lambda *given: note(step(*given))  # type: ignore[method-assign]
    world.ready()
    world.send("a")
    assert [params["RequestId"] for params in world.asked("SettleBatch")] == named
    assert len(named) == 1
    assert named[0]


def test_draining_ends_what_runs_and_takes_nothing_new(world: World) -> None:
    """After drain no message is received; it is over when the last batch has been settled."""
    uuid = world.ready()
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    world.poller.drain()
    world.dispatch.wake("mappings:changed")
    world.settle()
    world.send("b")
    assert world.dispatch.waiting == 0
    assert not world.poller.is_drained
    world.held.pop()(Ran(b"null"))
    world.settle()
    assert world.poller.is_drained
    assert world.counts() == (1, 0)
    assert world.mapping(uuid)["State"] == "Enabled"
