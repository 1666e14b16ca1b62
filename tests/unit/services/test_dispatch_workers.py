"""Workers: stepped when they want, told of their calls, drained at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dispatch_rig import CALLER, ENVIRONMENT, T0, House, Script, asking, call, note, waiting

from redrive.core.effects import (
    Ran,
    Run,
    Step,
)
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import NEVER, Millis
from redrive.services.registry import Registry


@pytest.fixture
def house() -> Iterator[House]:
    """A fresh one."""
    with TemporaryDirectory() as folder:
        made = House(Path(folder))
        yield made
        made.store.close()


# --- workers -----------------------------------------------------------------------------------


def test_a_worker_is_stepped_when_it_wants(house: House) -> None:
    """At once, then at its instants, then when its topics wake, and no more when it wants none."""
    house.add(note=note)
    worker = Script(Step(next_ms=Millis(T0 + 10)), Step(topics=("note",)), Step())
    house.dispatch.post(worker)
    house.pass_to(T0 + 100)
    assert worker.stepped == [T0, T0 + 10]
    house.enter("note")
    house.settle()
    house.enter("note")
    house.settle()
    house.pass_to(T0 + 1_000)
    assert worker.stepped == [T0, T0 + 10, T0 + 100]


def test_a_worker_hears_of_its_calls(house: House) -> None:
    """Results and errors come with the key of the call, after the commit."""
    house.add(note=note)
    worker = Script(Step(calls=(call("note", 1), call("missing", 2), call("note", None))))
    house.dispatch.post(worker)
    house.dispatch.advance()
    assert worker.heard == []
    house.settle()
    assert [key for key, _ in worker.heard] == [1, 2, None]
    assert worker.heard[0][1].result == {"ok": "x"}
    assert isinstance(worker.heard[1][1].error, ServiceError)


def test_a_worker_cancels_what_waits(house: House) -> None:
    """A call that waits is forgotten; one whose answer is under way keeps it."""
    house.add(look=waiting(NEVER, "note"), note=note)
    worker = Script(
        Step(calls=(call("look", "wait"),), next_ms=Millis(T0 + 5)),
        Step(cancels=("wait", "nothing"), calls=(call("note", "go"),)),
        Step(cancels=("go",)),
    )
    house.dispatch.post(worker)
    house.pass_to(T0)
    assert house.dispatch.waiting == 1
    house.pass_to(T0 + 5)
    assert house.dispatch.waiting == 0
    assert [key for key, _ in worker.heard] == ["go"]


def test_a_worker_with_a_bug_is_stepped_again(house: House) -> None:
    """It is reported, others go on, and a second later it has another chance."""
    other = Script(Step(next_ms=Millis(T0 + 1)))
    worker = Script(KeyError("bug"), Step())
    for each in (worker, other):
        house.dispatch.post(each)
    house.pass_to(T0 + 5_000)
    assert len(worker.stepped) == 2
    assert other.stepped == [T0, T0 + 1]
    assert [type(fault) for fault in house.faults] == [KeyError]


# --- draining ----------------------------------------------------------------------------------


def test_a_drain_ends_the_waits_of_clients_and_asks_the_workers(house: House) -> None:
    """Clients that wait hear Unavailable, in order; workers settle their own calls."""
    house.add(look=waiting(NEVER, "note"), note=note)
    worker = Script(Step(calls=(call("look", "mine"),)))
    house.dispatch.post(worker)
    house.pass_to(T0)
    order: list[int] = []
    for n in range(20):
        house.dispatch.enter("t", "look", {}, CALLER, lambda reply, n=n: order.append(n))
    replies = house.enter("look")
    house.settle()
    house.dispatch.drain()
    house.settle()
    assert order == list(range(20))
    assert isinstance(replies[0].error, Unavailable)
    assert (worker.drained, worker.heard, house.dispatch.is_at_rest) == (1, [], False)
    worker.after = Step()
    house.enter("note")
    house.settle()
    assert [key for key, _ in worker.heard] == ["mine"]
    assert house.dispatch.is_at_rest


def test_at_rest_waits_for_runs(house: House) -> None:
    """A drain lasts until what runs has ended and was written down."""
    run = Run(ENVIRONMENT, "rid", b"{}", Millis(T0 + 3_000))
    house.add(invoke=asking(run, lambda tx, reply, now_ms: {}))
    replies = house.enter("invoke")
    house.settle()
    house.dispatch.drain()
    house.settle()
    assert not house.dispatch.is_at_rest
    house.runs[0][1](Ran(b"{}"))
    assert not house.dispatch.is_at_rest
    house.settle()
    assert house.dispatch.is_at_rest
    assert replies[0].result == {}


def test_a_name_is_registered_once() -> None:
    """Two functions for one operation would hide one of them."""

    class Nothing:
        transact = None

    registry = Registry(Nothing())  # type: ignore[arg-type]
    registry.add("t", {"a": note})
    assert registry.has("t", "a")
    assert not registry.has("t", "b")
    assert list(registry.names()) == [("t", "a")]
    with pytest.raises(AssertionError, match=r"t\.a is registered twice"):
        registry.add("t", {"a": note})
