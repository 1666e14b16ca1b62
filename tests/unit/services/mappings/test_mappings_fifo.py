"""FIFO queues as sources: groups in parallel, one batch of a group at a time, order kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mappings_world import ACCOUNT, REGION, REPORTS, World, reserve, update
from stand_ins import failing

from redrive.core.arn import queue_arn
from redrive.core.effects import Ran, Run
from redrive.core.errors import ServiceError

ARN = queue_arn(REGION, ACCOUNT, "orders.fifo")
DONE = Ran(b"null")


def ready(world: World, queue: dict[str, Any] | None = None, **options: Any) -> str:
    """Create a FIFO queue, a function and their mapping; return its UUID."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **(queue or {})}
    world.queue("orders.fifo", **attributes)
    world.function()
    return str(world.map("orders.fifo", **options)["UUID"])


def send(world: World, *bodies: str) -> list[str]:
    """Send messages; a body's first letter is its group."""
    ids = []
    for body in bodies:
        ids += world.send(body, queue="orders.fifo", MessageGroupId=body[0])
    return ids


def bodies(run: Run) -> list[str]:
    """Return the bodies of an invocation."""
    return [record["body"] for record in json.loads(run.event)["Records"]]


def end(world: World, ran: Ran = DONE, at: int = 0) -> None:
    """Let one of the invocations end that are held."""
    world.held.pop(at)(ran)
    world.settle()


def test_a_record_has_what_fifo_messages_have(world: World) -> None:
    """Attributes in the order of AWS's example, SequenceNumber and group among them."""
    ready(world)
    send(world, "a1")
    (record,) = json.loads(world.runs[0].event)["Records"]
    assert list(record["attributes"]) == [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageGroupId",
        "SenderId",
        "MessageDeduplicationId",
        "ApproximateFirstReceiveTimestamp",
    ]
    assert record["attributes"]["MessageGroupId"] == "a"
    assert record["eventSourceARN"] == ARN
    assert world.counts("orders.fifo") == (0, 0)


def test_groups_run_in_parallel_and_a_group_never_beside_itself(world: World) -> None:
    """Three groups of two: three runs with one message each; the seconds follow the firsts."""
    uuid = ready(world, BatchSize=1, Enabled=False)
    send(world, "a1", "a2", "b1", "b2", "c1", "c2")
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    assert sorted(map(bodies, world.runs)) == [["a1"], ["b1"], ["c1"]]
    world.pass_s(2)
    assert len(world.runs) == 3
    first = bodies(world.runs[1])[0]
    end(world, at=1)
    assert bodies(world.runs[3]) == [first[0] + "2"]
    while world.held:
        end(world)
    assert world.counts("orders.fifo") == (0, 0)
    for group in "abc":
        runs = [body for run in world.runs for body in bodies(run) if body[0] == group]
        assert runs == [f"{group}1", f"{group}2"]


def test_a_batch_may_mix_groups_and_keeps_the_order_in_each(world: World) -> None:
    """Ten messages of two groups are one invocation."""
    uuid = ready(world, Enabled=False)
    sent = [f"{group}{n}" for n in range(5) for group in "ab"]
    send(world, *sent)
    update(world, uuid, Enabled=True)
    (run,) = world.runs
    assert sorted(bodies(run)) == sorted(sent)
    for group in "ab":
        assert [body for body in bodies(run) if body[0] == group] == [
            f"{group}{n}" for n in range(5)
        ]


def test_a_failed_batch_keeps_its_groups_hidden_and_others_go_on(world: World) -> None:
    """a1 fails: a2 waits for its return after 30 s, b flows meanwhile."""
    uuid = ready(world, BatchSize=1, Enabled=False)
    world.scripts["worker"] = lambda event: (
        failing(event) if event["Records"][0]["body"] == "a1" else DONE
    )
    send(world, "a1", "a2", "b1", "b2")
    update(world, uuid, Enabled=True)
    assert sorted(map(bodies, world.runs)) == [["a1"], ["b1"], ["b2"]]
    world.pass_s(29.999)
    assert len(world.runs) == 3
    world.scripts["worker"] = lambda _event: DONE
    world.pass_s(0.001)
    assert list(map(bodies, world.runs))[3:] == [["a1"], ["a2"]]


def test_a_partial_failure_keeps_the_rest_of_the_group_hidden(world: World) -> None:
    """m2 and what the function did not get to come back together and in order."""
    uuid = ready(world, FunctionResponseTypes=REPORTS, Enabled=False)

    def stop_at_a2(event: Any) -> Ran:
        records = event["Records"]
        seen = [record["body"] for record in records]
        failed = records[seen.index("a2") :] if "a2" in seen else []
        failed = [record for record in failed if record["body"][0] == "a"]
        items = [{"itemIdentifier": record["messageId"]} for record in failed]
        return Ran(json.dumps({"batchItemFailures": items}).encode())

    world.scripts["worker"] = stop_at_a2
    send(world, "a1", "a2", "a3", "b1")
    update(world, uuid, Enabled=True)
    send(world, "a4")
    world.pass_s(29.999)
    assert len(world.runs) == 1
    assert world.counts("orders.fifo") == (1, 2)
    world.scripts["worker"] = lambda _event: DONE
    world.pass_s(0.001)
    assert bodies(world.runs[1]) == ["a2", "a3", "a4"]
    assert world.counts("orders.fifo") == (0, 0)


def test_a_receive_too_large_for_one_event_stays_in_order(world: World) -> None:
    """Ten messages of 1 MB: the last four of the group run after the first six, not beside them."""
    uuid = ready(world, Enabled=False)
    send(world, *(f"a{n}" + "x" * 1_000_000 for n in range(10)))
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    assert [len(bodies(run)) for run in world.runs] == [6]
    end(world)
    assert [body[:2] for body in bodies(world.runs[1])] == ["a6", "a7", "a8", "a9"]
    end(world)
    assert world.counts("orders.fifo") == (0, 0)


@pytest.mark.parametrize("way", ["fails", "is throttled"])
def test_what_a_failed_part_has_left_behind_is_not_invoked(world: World, way: str) -> None:
    """The last four stay hidden when the first six are not processed, and come behind them."""
    uuid = ready(world, Enabled=False)
    send(world, *(f"a{n}" + "x" * 1_000_000 for n in range(10)))
    world.scripts["worker"] = failing
    if way == "is throttled":
        reserve(world, 0)
    update(world, uuid, Enabled=True)
    world.pass_s(29.999)
    assert [len(bodies(run)) for run in world.runs] == ([6] if way == "fails" else [])
    world.call("lambda", "DeleteFunctionConcurrency", FunctionName="worker")
    world.runs.clear()
    world.scripts["worker"] = lambda _event: DONE
    world.pass_s(31)
    assert [body[:2] for run in world.runs for body in bodies(run)] == [f"a{n}" for n in range(10)]
    assert world.counts("orders.fifo") == (0, 0)


def test_a_throttled_batch_holds_its_group_and_spends_a_receive(world: World) -> None:
    """Concurrency 0: a1 is retried until its visibility lapses, a2 is never received before it."""
    world.queue("dead.fifo", FifoQueue="true")
    policy = {"deadLetterTargetArn": queue_arn(REGION, ACCOUNT, "dead.fifo"), "maxReceiveCount": 2}
    ready(world, {"RedrivePolicy": json.dumps(policy)}, BatchSize=1)
    reserve(world, 0)
    first, second = send(world, "a1", "a2")
    world.pass_s(59)
    assert world.story(first).count("throttled") == 2
    assert world.story(second) == ["sent"]
    world.pass_s(10)
    assert world.counts("dead.fifo") == (1, 0)
    assert "received" in world.story(second)
    assert world.runs == []


def test_a_success_after_the_visibility_timeout_deletes_nothing(world: World) -> None:
    """A FIFO queue refuses a lapsed handle: the message is processed once more."""
    uuid = ready(world, {"VisibilityTimeout": 3})
    world.scripts["worker"] = lambda _event: None
    send(world, "a1")
    update(world, uuid, Enabled=False)  # so that nobody receives it when it comes back
    world.pass_s(3.5)
    end(world)
    assert world.counts("orders.fifo") == (1, 0)
    update(world, uuid, Enabled=True)
    assert list(map(bodies, world.runs)) == [["a1"], ["a1"]]
    end(world)
    assert world.counts("orders.fifo") == (0, 0)


def test_filtered_messages_free_their_group(world: World) -> None:
    """What is filtered out is deleted at once; what stands behind it flows in order."""
    pattern = json.dumps({"body": [{"anything-but": {"suffix": "1"}}]})
    uuid = ready(
        world, BatchSize=1, FilterCriteria={"Filters": [{"Pattern": pattern}]}, Enabled=False
    )
    send(world, "a1", "a2", "a3", "b1")
    update(world, uuid, Enabled=True)
    assert list(map(bodies, world.runs)) == [["a2"], ["a3"]]
    assert world.counts("orders.fifo") == (0, 0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"BatchSize": 11}, "Maximum batch size for FIFO queues is 10."),
        (
            {"MaximumBatchingWindowInSeconds": 1},
            "Batching window is not supported for FIFO queues.",
        ),
    ],
)
def test_a_fifo_queue_takes_no_window_and_no_large_batch(
    world: World, options: dict[str, Any], text: str
) -> None:
    """Create and Update refuse both."""
    uuid = ready(world)
    other = {"EventSourceArn": ARN, "FunctionName": "worker", **options}
    for operation, params in (
        ("CreateEventSourceMapping", other),
        ("UpdateEventSourceMapping", {"UUID": uuid, **options}),
    ):
        error = world.reply("lambda", operation, **params).error
        assert isinstance(error, ServiceError)
        assert (error.code, error.message) == ("InvalidParameterValueException", text)
