"""Invoke: answers, throttling, asynchronous delivery, and the sweeping of code."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from functions_rig import ACCOUNT, T0, Rig
from stand_ins import REGION, caller, package

from redrive.core.effects import Context, Ran, Reply, Run
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import HOUR_MS, Millis
from redrive.services.functions.courier import FUNCTION_RUNS_MAX, Courier, Dropped
from redrive.services.functions.operations.invocation import invoke
from redrive.services.functions.sweeper import GRACE_MS, Sweeper

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
FAILED = Ran(b'{"errorType":"E"}', "Unhandled", "error")


def throttled(rig: Rig, name: str = "orders") -> ServiceError:
    """Return the error of an invocation that may not start."""
    with pytest.raises(ServiceError) as error:
        rig.call("Invoke", FunctionName=name)
    assert error.value.code == "TooManyRequestsException"
    return error.value


# --- synchronous ----------------------------------------------------------------------------------


def test_run_and_answer(rig: Rig) -> None:
    """The runtime gets all that it needs, and its end is the answer."""
    created = rig.create(Timeout=7, MemorySize=256, Environment={"Variables": {"A": "1"}})
    context = base64.b64encode(b'{"custom":{}}').decode()
    answer = rig.call("Invoke", FunctionName="orders", Payload=b'{"n":1}', ClientContext=context)
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b'{"n":1}'}
    (run,) = rig.runs
    assert (run.event, run.deadline_ms, run.client_context) == (
        b'{"n":1}',
        T0 + 7_000,
        b'{"custom":{}}',
    )
    environment = run.environment
    assert (environment.function_arn, environment.function_name) == (ARN, "orders")
    assert environment.revision == created["RevisionId"]
    assert (environment.runtime, environment.handler) == ("python3.12", "app.handler")
    assert (environment.timeout_ms, environment.memory_mb) == (7_000, 256)
    assert environment.variables == (("A", "1"),)
    assert (environment.account, environment.region) == (ACCOUNT, REGION)
    assert (Path(environment.code_path) / "app.py").is_file()


def test_function_error_and_log(rig: Rig) -> None:
    """A function that fails answers 200 with FunctionError; the log comes when it is asked for."""
    rig.create()
    rig.ends = lambda run: Ran(b'{"errorType":"E"}', "Unhandled", "error", b"the log")
    answer = rig.call("Invoke", FunctionName="orders", LogType="Tail")
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert base64.b64decode(answer["LogResult"]) == b"the log"
    assert "LogResult" not in rig.call("Invoke", FunctionName="orders", LogType="None")
    assert rig.runs[0].event == b"{}"


def test_dry_run(rig: Rig) -> None:
    """A dry run answers 204 and runs nothing."""
    rig.create()
    answer = rig.call("Invoke", FunctionName="orders", InvocationType="DryRun")
    assert answer == {"StatusCode": 204}
    assert rig.runs == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Payload": b"{"}, "InvalidRequestContentException"),
        ({"ClientContext": "%"}, "InvalidRequestContentException"),
        ({"TenantId": "t"}, "InvalidParameterValueException"),
        ({"DurableExecutionName": "d"}, "InvalidParameterValueException"),
        ({"Payload": b'"' + b"x" * 6_291_455 + b'"'}, "RequestTooLargeException"),
    ],
)
def test_refused_before_it_runs(rig: Rig, params: dict[str, Any], code: str) -> None:
    """What is refused takes no concurrency and runs nothing."""
    rig.create()
    with pytest.raises(ServiceError) as error:
        rig.call("Invoke", FunctionName="orders", **params)
    assert error.value.code == code
    assert rig.runs == []
    assert rig.room.running.of_function(ARN) == 0


def test_reserved_concurrency_throttles(rig: Rig) -> None:
    """Beyond its reservation a function is throttled, until an invocation has ended."""
    rig.create()
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=2)
    rig.ends = lambda run: None
    replies = [rig.start("Invoke", {"FunctionName": "orders"}) for _ in range(2)]
    error = throttled(rig)
    assert (error.status, error.message) == (429, "Rate Exceeded.")
    assert error.extra == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
    }
    assert error.headers == {"Retry-After": "1"}
    rig.held.pop(0)(Ran(b"1"))
    rig.settle()
    assert replies[0][0].result is not None
    assert replies[1] == []
    rig.start("Invoke", {"FunctionName": "orders"})
    assert rig.room.running.of_function(ARN) == 2


def test_nothing_runs_at_zero(rig: Rig) -> None:
    """A reservation of 0 throttles everything."""
    rig.create()
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=0)
    throttled(rig)


def test_account_concurrency_throttles(tmp_path: Path) -> None:
    """Functions without a reservation share what the reservations leave, account by account."""
    rig = Rig(tmp_path, concurrency=6, unreserved_floor=2)
    for name in ("one", "two", "reserved"):
        rig.create(name)
    rig.call("PutFunctionConcurrency", FunctionName="reserved", ReservedConcurrentExecutions=3)
    rig.ends = lambda run: None
    for name in ("one", "two", "one"):
        rig.start("Invoke", {"FunctionName": name})
    for name in ("one", "two"):
        assert throttled(rig, name).extra["Reason"] == "ConcurrentInvocationLimitExceeded"
    for _ in range(3):
        rig.start("Invoke", {"FunctionName": "reserved"})
    throttled(rig, "reserved")
    rig.create("one", caller("222222222222"))
    assert rig.start("Invoke", {"FunctionName": "one"}, caller("222222222222")) == []
    rig.call("DeleteFunctionConcurrency", FunctionName="reserved")
    # What started under a reservation does not burden the pool afterwards.
    rig.start("Invoke", {"FunctionName": "two"})
    for held in rig.held:
        held(Ran(b"1"))
    rig.settle()
    assert rig.room.running.of_pool(ACCOUNT, REGION) == 0
    assert rig.room.running.of_function(ARN.replace("orders", "reserved")) == 0
    rig.store.close()


def test_deleted_while_it_runs(rig: Rig) -> None:
    """An invocation ends as usual when its function was deleted meanwhile."""
    rig.create()
    rig.ends = lambda run: None
    replies = rig.start("Invoke", {"FunctionName": "orders"})
    rig.call("DeleteFunction", FunctionName="orders")
    rig.held.pop()(Ran(b'"late"'))
    rig.settle()
    assert replies[0].result is not None
    assert replies[0].result["Payload"] == b'"late"'
    assert rig.room.running.of_function(ARN) == 0


def test_slot_is_given_back_once(rig: Rig) -> None:
    """An invocation that never started gives its slot back; one that ends twice is a fault of
    ours."""
    rig.create()
    params = {"FunctionName": "orders"}

    def start(tx: Any) -> Any:
        return invoke(rig.room, tx, params, _context())

    ask = rig.store.transact(start)
    assert rig.room.running.of_function(ARN) == 1
    with pytest.raises(Unavailable, match="full"):
        ask.resume(None, Reply(error=Unavailable("full")), T0)
    assert rig.room.running.of_function(ARN) == 0
    with pytest.raises(AssertionError, match="ended twice"):
        ask.resume(None, Reply(ran=Ran(b"1")), T0)


def _context() -> Context:
    return Context(caller(), T0, T0, "request", "http://127.0.0.1:4566")


# --- asynchronous ---------------------------------------------------------------------------------


class Post:
    """A courier in service, and what it gave up."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.dropped: list[Dropped] = []
        self.start()

    def start(self) -> None:
        self.rig.dispatch.post(Courier(self.dropped.append))
        self.rig.pass_time(self.rig.now_ms)

    def send(self, name: str = "orders", payload: bytes = b'{"n":1}') -> None:
        answer = self.rig.call("Invoke", FunctionName=name, InvocationType="Event", Payload=payload)
        assert answer == {"StatusCode": 202, "Payload": b""}

    def waiting(self) -> int:
        found = self.rig.store.transact(
            lambda tx: tx.rows(_Row, "functions.due_events", now_ms=2**52, limit=10_000)
        )
        return len(found)


class _Row(tuple[Any, ...]):
    @classmethod
    def _make(cls, row: Any) -> _Row:
        return cls(row)


@pytest.fixture
def post(rig: Rig) -> Post:
    """A function and a courier."""
    rig.create()
    return Post(rig)


def moments(rig: Rig, runs: list[int]) -> Callable[[Run], Ran | None]:
    """Note when each run starts, relative to T0, and let it fail."""

    def fail(run: Run) -> Ran:
        runs.append(rig.now_ms - T0)
        return FAILED

    return fail


def test_event_is_delivered(rig: Rig, post: Post) -> None:
    """An event is run soon after the 202 and is then forgotten."""
    post.send()
    (run,) = rig.runs
    assert run.event == b'{"n":1}'
    assert post.waiting() == 0
    assert post.dropped == []


def test_errors_are_retried_twice(rig: Rig, post: Post) -> None:
    """A failing function is tried at 0, 60 and 180 s with the same request id, then given up."""
    starts: list[int] = []
    rig.ends = moments(rig, starts)
    post.send()
    rig.pass_time(T0 + HOUR_MS)
    assert starts == [0, 60_000, 180_000]
    assert len({run.request_id for run in rig.runs}) == 1
    assert [(drop.function_arn, drop.reason) for drop in post.dropped] == [
        (ARN, "RetriesExhausted")
    ]
    assert post.waiting() == 0


def test_throttles_back_off(rig: Rig, post: Post) -> None:
    """A throttled event backs off from one second to five minutes and spends no attempt."""
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    rig.ends = lambda run: None
    rig.start("Invoke", {"FunctionName": "orders"})
    post.send()
    rig.pass_time(T0 + 600_000)
    assert len(rig.runs) == 1
    rig.held.pop()(Ran(b"1"))
    rig.settle()
    starts: list[int] = []
    rig.ends = moments(rig, starts)
    rig.pass_time(T0 + HOUR_MS)
    assert 600_000 < starts[0] <= 900_000
    assert starts == [starts[0], starts[0] + 60_000, starts[0] + 180_000]
    assert [drop.reason for drop in post.dropped] == ["RetriesExhausted"]


def test_throttled_events_do_not_stay_in_step(rig: Rig, post: Post) -> None:
    """Events that meet at a full function come again at different instants, so that it runs them
    all while it has time for them."""
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    ends: list[int] = []

    def begin(_run: Run) -> None:
        ends.append(rig.now_ms + 300)

    rig.ends = begin
    for _ in range(25):
        post.send()
    while rig.now_ms < T0 + 600_000:
        rig.pass_time(rig.now_ms + 100)
        if rig.held and ends[-1] <= rig.now_ms:
            rig.held.pop()(Ran(b"1"))
            rig.settle()
    assert len(rig.runs) == 25
    assert post.waiting() == 0


def test_events_grow_old(rig: Rig, post: Post) -> None:
    """An event that never gets through is given up within six hours."""
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    rig.ends = lambda run: None
    rig.start("Invoke", {"FunctionName": "orders"})
    post.send()
    rig.pass_time(T0 + 5 * HOUR_MS)
    assert post.dropped == []
    rig.pass_time(T0 + 6 * HOUR_MS)
    assert [drop.reason for drop in post.dropped] == ["EventAgeExceeded"]


@pytest.mark.parametrize(
    ("operation", "params", "reason"),
    [
        ("DeleteFunction", {}, "FunctionNotFound"),
        (
            "PutFunctionConcurrency",
            {"ReservedConcurrentExecutions": 0},
            "ZeroReservedConcurrency",
        ),
    ],
)
def test_hopeless_events_are_dropped(
    rig: Rig, post: Post, operation: str, params: dict[str, Any], reason: str
) -> None:
    """An event whose function is gone, or may never run, is given up at its next attempt."""
    rig.ends = lambda run: FAILED
    post.send()
    rig.call(operation, FunctionName="orders", **params)
    rig.pass_time(T0 + 60_000)
    assert [drop.reason for drop in post.dropped] == [reason]
    assert len(rig.runs) == 1


def test_crash_delivers_again(tmp_path: Path) -> None:
    """An event that was under way when the process died is delivered by the next one."""
    before = Rig(tmp_path)
    before.create()
    before.ends = lambda run: None
    Post(before).send()
    (first,) = before.runs
    before.store.close()
    after = Rig(tmp_path)
    second_post = Post(after)
    (second,) = after.runs
    assert (second.event, second.request_id) == (first.event, first.request_id)
    assert second_post.waiting() == 0
    after.store.close()


def test_old_events_do_not_run_after_a_restart(tmp_path: Path) -> None:
    """An event that waited longer than six hours for the server is given up without a run."""
    before = Rig(tmp_path)
    before.create()
    before.call("Invoke", FunctionName="orders", InvocationType="Event")
    before.store.close()
    after = Rig(tmp_path)
    after.now_ms = Millis(T0 + 6 * HOUR_MS + 1)
    assert [drop.reason for drop in Post(after).dropped] == ["EventAgeExceeded"]
    assert after.runs == []
    after.store.close()


def test_wake_during_a_look_is_not_lost() -> None:
    """A courier that is woken while it looks, looks once more afterwards."""
    courier = Courier(lambda drop: None)
    (look,) = courier.step(T0).calls
    assert courier.step(T0).calls == ()
    nothing = Reply(result={"Events": [], "NextMs": None})
    (again,) = courier.done(look.reply_to, nothing, T0).calls
    assert again.operation == "DueAsyncEvents"
    assert courier.done(again.reply_to, nothing, T0).calls == ()


def test_under_way_once(rig: Rig, post: Post) -> None:
    """An event that runs is not started again by other events, wakes or time."""
    rig.ends = lambda run: None
    post.send(payload=b"1")
    post.send(payload=b"2")
    rig.dispatch.wake("lambda:async")
    rig.pass_time(T0 + 10_000)
    assert sorted(run.event for run in rig.runs) == [b"1", b"2"]
    rig.held.pop()(Ran(b"null"))
    rig.settle()
    assert post.waiting() == 1


def test_backlogs_do_not_block_each_other(rig: Rig, post: Post) -> None:
    """A function with a long backlog has a bounded number under way; another's event starts at
    once."""
    rig.ends = lambda run: None
    for number in range(FUNCTION_RUNS_MAX + 30):
        post.send(payload=b"%d" % number)
    assert len(rig.runs) == FUNCTION_RUNS_MAX
    rig.create("other")
    post.send("other")
    assert rig.runs[-1].environment.function_name == "other"
    rig.ends = lambda run: Ran(b"null")
    for held in list(rig.held):
        held(Ran(b"null"))
        rig.settle()
    delivered = [int(run.event) for run in rig.runs if run.environment.function_name == "orders"]
    assert delivered == list(range(FUNCTION_RUNS_MAX + 30))
    assert post.waiting() == 0


def test_reset_while_under_way(rig: Rig, post: Post) -> None:
    """An event whose account was reset while it ran settles without a trace."""
    rig.ends = lambda run: None
    post.send()
    rig.call("ResetAccount")
    rig.held.pop()(FAILED)
    rig.settle()
    assert post.waiting() == 0
    assert post.dropped == []


def test_courier_pauses_when_nothing_can_be_written() -> None:
    """When a look or an attempt fails, the courier tries again a second later."""
    courier = Courier(lambda drop: None)
    (look,) = courier.step(T0).calls
    paused = courier.done(look.reply_to, Reply(error=Unavailable("full")), T0)
    assert (paused.calls, paused.next_ms) == ((), T0 + 1_000)
    (again,) = courier.step(Millis(T0 + 1_000)).calls
    assert again.operation == "DueAsyncEvents"


# --- code -----------------------------------------------------------------------------------------


def test_unused_code_goes_in_two_looks(rig: Rig) -> None:
    """Code that nothing names goes a grace period later, not at once; named code stays."""
    rig.create()
    rig.create("other", Code={"ZipFile": package("other = 1\n")})
    rig.dispatch.post(Sweeper())
    rig.pass_time(T0)
    (kept,) = {path for path in rig.room.code.hashes() if _is_of(rig, "other", path)}
    rig.call("DeleteFunction", FunctionName="orders")
    rig.pass_time(T0 + 2 * GRACE_MS - 1)
    assert len(rig.room.code.hashes()) == 2
    rig.pass_time(T0 + 2 * GRACE_MS)
    assert rig.room.code.hashes() == [kept]
    assert rig.dispatch.next_ms > T0 + HOUR_MS, "nothing is left to look for"


def _is_of(rig: Rig, name: str, code_hash: str) -> bool:
    location = rig.call("GetFunction", FunctionName=name)["Code"]["Location"]
    return str(location).endswith(code_hash)


def test_running_code_stays(rig: Rig) -> None:
    """Code of a deleted function stays while an invocation runs it."""
    rig.create()
    rig.ends = lambda run: None
    rig.start("Invoke", {"FunctionName": "orders"})
    rig.dispatch.post(Sweeper())
    rig.call("DeleteFunction", FunctionName="orders")
    for _ in range(3):
        unused = rig.call("SweepCode", Condemned=rig.room.code.hashes())
        assert unused == {"Unused": []}
    rig.held.pop()(Ran(b"1"))
    rig.settle()
    hashes = rig.room.code.hashes()
    rig.call("SweepCode", Condemned=())  # forgets that it was put recently
    assert rig.call("SweepCode", Condemned=hashes) == {"Unused": []}
    assert rig.room.code.hashes() == []


def test_code_that_came_back_is_not_removed(rig: Rig) -> None:
    """Code that was put again since it was condemned must be condemned anew."""
    rig.create()
    rig.call("DeleteFunction", FunctionName="orders")
    condemned = rig.call("SweepCode", Condemned=())["Unused"]
    rig.create()
    rig.call("DeleteFunction", FunctionName="orders")
    assert rig.call("SweepCode", Condemned=condemned) == {"Unused": condemned}
    assert rig.room.code.hashes() == condemned


def test_left_over_code_goes_after_a_restart(tmp_path: Path) -> None:
    """Code whose row was never committed is found at the start and removed."""
    rig = Rig(tmp_path)
    rig.room.code.put_zip(package())
    rig.store.close()
    again = Rig(tmp_path)
    again.dispatch.post(Sweeper())
    again.pass_time(T0 + GRACE_MS)
    assert again.room.code.hashes() == []
    again.store.close()
