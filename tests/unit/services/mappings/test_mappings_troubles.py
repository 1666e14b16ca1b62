"""Changes and troubles: what the poller does when mapping, ends or store are not as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mappings_world import ACCOUNT, CALLER, T0, World, reserve, update, watch_steps
from stand_ins import CountedChance

from redrive.core.effects import Ran, Reply
from redrive.services.mappings.poller import Poller


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
    """No receive afterwards; the batch under way is settled, then the state is Disabled."""
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
    """The mapping says what is wrong and tries every 30 s; a new queue of the name is served."""
    uuid = world.ready()
    world.call("sqs", "DeleteQueue", QueueUrl=f"/{ACCOUNT}/orders")
    assert "NonExistentQueue" in world.mapping(uuid)["StateTransitionReason"]
    world.pass_s(60)
    world.registry.asked.clear()
    world.pass_s(300)
    assert len(world.asked("ReceiveRecords")) == 10
    world.queue()
    world.pass_s(31)
    assert world.mapping(uuid)["StateTransitionReason"] == "USER_INITIATED"
    world.send("a")
    assert world.events() == [["a"]]


@pytest.mark.parametrize(
    "operation", ["ReceiveRecords", "Invoke", "SettleBatch", "GetQueueAttributes"]
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
    """A mapping that was Deleting at the crash is gone; one that was Creating is Enabled."""
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
    steps = watch_steps(world)
    world.ready()
    world.send("a")
    calls = [call for step in steps for call in step.calls]
    named = [call.request_id for call in calls if call.operation == "Invoke"]
    assert [params["RequestId"] for params in world.asked("SettleBatch")] == named
    assert len(named) == 1
    assert named[0]


def test_draining_ends_what_runs_and_takes_nothing_new(world: World) -> None:
    """After drain no message is received; it is over when the last batch has been settled."""
    uuid = world.ready()
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    world.dispatch.drain()
    world.settle()
    world.send("b")
    assert world.dispatch.waiting == 0
    assert not world.poller.is_drained
    world.held.pop()(Ran(b"null"))
    world.settle()
    assert world.poller.is_drained
    assert world.counts() == (1, 0)
    assert world.mapping(uuid)["State"] == "Enabled"


def test_a_batch_that_waited_beyond_its_visibility_is_not_invoked(world: World) -> None:
    """With no slot free for 31 s the batch is forgotten, and its messages are received again."""
    world.ready(ScalingConfig={"MaximumConcurrency": 2})
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    world.send(*(str(n) * 1_000_000 for n in range(10)))
    assert len(world.held) == 2  # the second half of the ten waits for a slot
    world.pass_s(31)
    world.scripts.clear()
    held, world.held = world.held, []
    for ended in reversed(held):  # the six that ran are settled before anything is received
        ended(Ran(b"null"))
    world.settle()
    later = [record for run in world.runs[2:] for record in json.loads(run.event)["Records"]]
    # "a" is there too: its run outlived its visibility, which is at-least-once.
    assert {record["body"][0] for record in later} == {"6", "7", "8", "9", "a"}
    assert {record["attributes"]["ApproximateReceiveCount"] for record in later} == {"2"}
    assert world.counts() == (0, 0)


def test_a_change_during_a_look_leads_to_another_look() -> None:
    """Woken while it waits for the list of mappings, the poller asks for it once more."""
    poller = Poller(CALLER, CountedChance())
    (first,) = poller.step(T0).calls
    assert poller.step(T0).calls == ()
    (second,) = poller.done(first.reply_to, Reply(result={"Mappings": []}), T0).calls
    assert second.operation == "ListMappings"
    assert poller.done(second.reply_to, Reply(result={"Mappings": []}), T0).calls == ()
