"""Effects become deeds: waits, asks, workers, drains, lost groups, bugs of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dispatch_rig import CALLER, ENVIRONMENT, T0, House, Script, asking, note, waiting

from redrive.core.effects import (
    Ask,
    Call,
    Context,
    Job,
    Ran,
    Reply,
    Run,
    Step,
    Wait,
)
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import perform
from redrive.store.store import StoreFailed, Tx


@pytest.fixture
def house() -> Iterator[House]:
    """A fresh one."""
    with TemporaryDirectory() as folder:
        made = House(Path(folder))
        yield made
        made.store.close()


# --- entering ----------------------------------------------------------------------------------


def test_an_answer_leaves_after_the_commit(house: House) -> None:
    """Nothing is answered before settle; all answers of a group leave in order."""
    house.add(note=note)
    order: list[str] = []
    for text in "abc":
        house.dispatch.enter(
            "t", "note", {"text": text}, CALLER, lambda reply, text=text: order.append(text)
        )
    assert order == []
    assert house.notes() == ["a", "b", "c"]
    house.settle()
    assert order == ["a", "b", "c"]


def test_what_an_operation_knows(house: House) -> None:
    """Caller, instants, origin, and a request id of its own or the one that was given."""
    seen: list[Context] = []
    house.add(look=lambda tx, params, context: seen.append(context) or {})
    house.enter("look")
    house.enter("look")
    house.dispatch.enter("t", "look", {}, CALLER, lambda reply: None, "mine")
    assert {(c.caller, c.now_ms, c.arrived_ms, c.origin) for c in seen} == {
        (CALLER, T0, T0, "http://here")
    }
    assert len({c.request_id for c in seen}) == 3
    assert seen[2].request_id == "mine"


def test_the_callers_mistake_is_an_answer_of_its_own(house: House) -> None:
    """A ServiceError goes to its caller; what the others of the group did stands."""

    def refuse(tx: Tx, params: Any, context: Context) -> Any:
        note(tx, params, context)
        raise ServiceError("Nope", "no")

    house.add(refuse=refuse, note=note)
    bad, good, unknown = house.enter("refuse"), house.enter("note"), house.enter("nothing")
    house.settle()
    assert isinstance(bad[0].error, ServiceError)
    assert good[0].result == {"ok": "x"}
    assert isinstance(unknown[0].error, ServiceError)
    assert unknown[0].error.code == "UnknownOperationException"
    assert (house.notes(), house.faults) == (["x"], [])


def test_a_bug_is_answered_and_the_loop_goes_on(house: House) -> None:
    """Any other exception becomes an AssertionError reply, is reported, and undoes its work."""

    def bug(tx: Tx, params: Any, context: Context) -> Any:
        note(tx, params, context)
        raise KeyError("secret")

    house.add(bug=bug, note=note)
    replies = house.enter("bug")
    house.settle()
    assert isinstance(replies[0].error, AssertionError)
    assert [type(fault) for fault in house.faults] == [KeyError]
    assert house.notes() == []
    again = house.enter("note")
    house.settle()
    assert again[0].result == {"ok": "x"}


def test_a_bug_on_the_way_out_costs_nobody_elses_answer(house: House) -> None:
    """An answer that raises is reported and told as ours; the rest of the group is answered."""
    told: list[Reply] = []

    def broken(reply: Reply) -> None:
        told.append(reply)
        if reply.error is None:
            raise ValueError

    house.add(note=note)
    house.dispatch.enter("t", "note", {}, CALLER, broken)
    good = house.enter("note")
    house.settle()
    assert good[0].result == {"ok": "x"}
    assert isinstance(told[1].error, AssertionError)
    assert [type(fault) for fault in house.faults] == [ValueError]


# --- waits -------------------------------------------------------------------------------------


def test_a_wait_is_tried_again_at_its_instant(house: House) -> None:
    """Exactly then, once, with the instant of its arrival kept."""
    house.add(look=waiting(T0 + 50))
    replies = house.enter("look")
    house.settle()
    assert (house.dispatch.waiting, house.dispatch.next_ms) == (1, T0 + 50)
    house.pass_to(T0 + 49)
    assert replies == []
    house.pass_to(T0 + 50)
    assert replies[0].result == {}
    assert (house.dispatch.waiting, house.dispatch.next_ms) == (0, NEVER)


def test_a_wait_is_tried_again_when_its_topic_wakes(house: House) -> None:
    """After the commit that woke it, whichever of its topics that was."""
    house.add(look=waiting(NEVER, "other", "note"), note=note)
    replies = house.enter("look")
    house.settle()
    house.now_ms = Millis(T0 + 7)
    house.enter("note")
    assert replies == []
    house.settle()
    assert replies[0].result == {"found": "x", "arrived": T0, "now": T0 + 7}


def test_what_wakes_and_who_is_woken_share_a_commit(house: House) -> None:
    """A long poll hears of a message in the same settling, and with one sync for both."""
    house.add(look=waiting(NEVER, "note"), note=note)
    replies = house.enter("look")
    house.settle()
    house.enter("note")
    house.dispatch.settle()
    assert replies[0].result is not None


def test_a_topic_may_be_woken_from_outside(house: House) -> None:
    """wake() tries who waits without a transaction having said so, and stirs the loop."""
    house.add(look=waiting(NEVER, "tail"))
    replies = house.enter("look")
    house.settle()
    house.store._connection.execute("INSERT INTO notes VALUES ('y')")
    before = house.stirs
    house.dispatch.wake("tail")
    assert house.stirs > before
    house.settle()
    assert replies[0].result is not None


def test_a_wait_that_is_due_is_a_bug(house: House) -> None:
    """It would spin: it is answered as ours, and the loop lives."""
    house.add(spin=lambda tx, params, context: Wait(context.now_ms, ()))
    replies = house.enter("spin")
    house.settle()
    assert isinstance(replies[0].error, AssertionError)
    assert (len(house.faults), house.dispatch.waiting) == (1, 0)


def test_who_waits_is_tried_in_order_and_alike_ones_once(house: House) -> None:
    """The first to find nothing spares those that look for the same; others are all tried."""
    tried: list[str] = []

    def look(alike: bool) -> Any:
        def operation(tx: Tx, params: Any, context: Context) -> Any:
            tried.append(params["name"])
            return Wait(Millis(context.now_ms + 1_000), ("note",), alike)

        return operation

    house.add(alike=look(True), unlike=look(False), note=note)
    for operation in ("alike", "unlike"):
        for name in "abc":
            house.enter(operation, name=name)
        house.settle()
        tried.clear()
        house.enter("note")
        house.settle()
        assert tried == (["a"] if operation == "alike" else ["a", "b", "c"])
        house.dispatch.drain()
        house.settle()


@pytest.mark.parametrize("kinds", ["AA", "AU", "AUA", "AUUA", "UA"])
def test_whoever_leaves_passes_the_watch_on(house: House, kinds: str) -> None:
    """Only the first alike one looks when woken; the others look in time once he is gone."""
    due_ms: list[int] = []

    def operation(tx: Tx, params: Any, context: Context) -> Any:
        if due_ms and context.now_ms >= due_ms[0]:
            return {"at": context.now_ms}  # there is enough for everybody
        at_ms = due_ms[0] if due_ms else T0 + 60_000
        return Wait(Millis(at_ms), ("note",), params["alike"])

    house.add(look=operation, note=note)
    replies = [house.enter("look", alike=kind == "A") for kind in kinds]
    house.settle()
    due_ms.append(T0 + 5_000)
    house.enter("note")
    house.settle()
    house.pass_to(T0 + 6_000)
    assert [found[0].result for found in replies] == [{"at": T0 + 5_000}] * len(kinds)


def test_a_cancelled_ticket_is_never_answered(house: House) -> None:
    """Whether it waits or its answer is about to leave."""
    house.add(look=waiting(T0 + 10, "note"), note=note)
    replies: list[Reply] = []
    parked = house.dispatch.enter("t", "look", {}, CALLER, replies.append)
    leaving = house.dispatch.enter("t", "note", {}, CALLER, replies.append)
    house.dispatch.cancel(parked)
    house.dispatch.cancel(leaving)
    house.settle()
    house.pass_to(T0 + 100)
    assert replies == []
    assert house.notes() == ["x"]


# --- asks --------------------------------------------------------------------------------------


def test_a_run_starts_after_the_commit_and_its_end_is_the_answer(house: House) -> None:
    """The runtime hears nothing of what was not committed; resume runs in its own transaction."""

    def resume(tx: Tx, reply: Reply, now_ms: Millis) -> Any:
        assert reply.ran is not None
        tx.run("notes.add", text=reply.ran.payload.decode())
        return {"now": now_ms}

    run = Run(ENVIRONMENT, "rid", b"{}", Millis(T0 + 3_000))
    house.add(invoke=asking(run, resume))
    replies = house.enter("invoke")
    assert house.runs == []
    house.settle()
    assert (len(house.runs), house.dispatch.asked, house.dispatch.is_at_rest) == (1, 1, False)
    house.now_ms = Millis(T0 + 20)
    house.runs[0][1](Ran(b"done"))
    assert replies == []
    house.settle()
    assert replies[0].result == {"now": T0 + 20}
    assert house.notes() == ["asked", "done"]
    assert (house.dispatch.asked, house.dispatch.is_at_rest) == (0, True)


def test_asks_chain_and_may_end_in_a_wait(house: House) -> None:
    """A resume may ask again or wait; a called operation's error arrives as it is."""

    def third(tx: Tx, reply: Reply, now_ms: Millis) -> Any:
        assert isinstance(reply.error, ServiceError)
        if now_ms < T0 + 30:
            return Wait(Millis(T0 + 30), ())
        return {"code": reply.error.code, "now": now_ms}

    def second(tx: Tx, reply: Reply, now_ms: Millis) -> Any:
        assert reply.result == {"ok": "called"}
        return Ask(Call("t", "missing", {}, CALLER), third)

    call = Call("t", "note", {"text": "called"}, CALLER)
    house.add(ask=asking(call, second), note=note)
    replies = house.enter("ask")
    house.settle()
    assert replies == []
    house.pass_to(T0 + 30)
    assert replies[0].result == {"code": "UnknownOperationException", "now": T0 + 30}


def test_a_call_runs_under_the_id_that_it_names(house: House) -> None:
    """A worker's or an operation's Call hands its request id on."""
    seen: list[str] = []
    house.add(
        look=lambda tx, params, context: seen.append(context.request_id) or {},
        ask=asking(
            Call("t", "look", {}, CALLER, request_id="asked-id"), lambda tx, reply, now_ms: {}
        ),
    )
    house.enter("ask")
    house.settle()
    worker = Script(Step(calls=(Call("t", "look", {}, CALLER, "key", "worker-id"),)))
    house.dispatch.post(worker)
    house.pass_to(T0)
    assert seen == ["asked-id", "worker-id"]


def test_a_cancelled_asker_is_resumed_and_not_answered(house: House) -> None:
    """Whatever the operation holds is given back, though nobody reads the answer."""
    resumed: list[Reply] = []
    run = Run(ENVIRONMENT, "rid", b"{}", Millis(T0 + 3_000))
    house.add(invoke=asking(run, lambda tx, reply, now_ms: resumed.append(reply) or {}))
    replies: list[Reply] = []
    ticket = house.dispatch.enter("t", "invoke", {}, CALLER, replies.append)
    house.settle()
    house.dispatch.cancel(ticket)
    house.runs[0][1](Ran(b"{}"))
    house.settle()
    assert (len(resumed), replies) == (1, [])


# --- lost groups -------------------------------------------------------------------------------


def test_a_lost_group_is_refused_as_a_whole(house: House) -> None:
    """Every answer of the group becomes Unavailable; asks are not started but resumed with it."""
    given_back: list[Any] = []

    def resume(tx: Tx, reply: Reply, now_ms: Millis) -> Any:
        given_back.append(reply.error)
        tx.run("notes.add", text="given back")
        raise reply.error  # type: ignore[misc]

    run = Run(ENVIRONMENT, "rid", b"{}", Millis(T0 + 3_000))
    house.add(invoke=asking(run, resume), note=note, look=waiting(NEVER, "note"))
    waiter = house.enter("look")
    house.settle()
    replies = [house.enter("note"), house.enter("invoke"), house.enter("missing")]
    house.lose_the_group()
    house.settle()
    assert [type(reply[0].error) for reply in replies] == [Unavailable] * 3
    assert house.runs == []
    assert [type(error) for error in given_back] == [Unavailable]
    assert house.notes() == []
    assert waiter == []
    assert house.enter("note") == []
    house.settle()
    assert waiter[0].result is not None
    assert house.notes() == ["x"]


@pytest.mark.interpreted
@pytest.mark.parametrize("where", ["commit", "transact"])
def test_a_failed_store_answers_nobody(house: House, where: str) -> None:
    """StoreFailed is reported each time; nothing of the group, nor of a later one, is answered."""

    def fail(*_args: Any) -> Any:
        raise StoreFailed("gone")

    house.add(note=note)
    replies = house.enter("note") if where == "commit" else []
    setattr(house.store, where, fail)
    house.registry._transact = house.store.transact
    if where == "transact":
        replies = house.enter("note")
    else:
        house.dispatch.settle()
    assert [str(failure) for failure in house.failures] == ["gone"]
    assert replies == []


# --- jobs --------------------------------------------------------------------------------------


def test_others_are_served_while_a_job_goes_on(house: House) -> None:
    """A job begins after the commit of who asked; nobody waits for it but its asker."""
    house.add(ask=asking(Job(lambda: 7), lambda _tx, reply, _now: {"made": reply.made}), note=note)
    asked = house.enter("ask")
    assert not house.jobs
    house.settle()
    ((job, done),) = house.jobs
    assert house.enter("note") == []
    house.settle()
    assert house.notes() == ["asked", "x"]
    assert asked == []
    assert not house.dispatch.is_at_rest
    done(perform(job))
    house.settle()
    assert asked == [Reply(result={"made": 7})]
    assert house.dispatch.is_at_rest


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServiceError("Bad", "no"), ServiceError),
        (Unavailable("full"), Unavailable),
        (ZeroDivisionError("oops"), AssertionError),
    ],
)
def test_a_job_that_fails_is_heard_of(error: Exception, kind: type[Exception]) -> None:
    """What a job raises reaches its asker as one of the three kinds of error."""

    def work() -> None:
        raise error

    reply = perform(Job(work))
    assert type(reply.error) is kind
