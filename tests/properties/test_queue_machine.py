"""Whatever clients, time and restarts do to standard, fair and FIFO queues, the judge agrees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from queue_machine import QueueMachine

from redrive.core.ids import SEQ_BITS
from redrive.services.queues import fifo
from redrive.services.queues.model import Queue
from redrive.services.queues.operations import fair_claim, fifo_settle
from redrive.services.queues.operations import receive as receive_module
from redrive.services.queues.operations import settle as settle_module
from redrive.services.queues.rules import plan_receive
from redrive.sim.evidence import Violation

USUAL = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_the_judge_agrees_with_the_server() -> None:
    """Every answer, every row and every count is what the oracle says."""
    run_state_machine_as_test(QueueMachine, settings=USUAL)


def remember_nothing(now_ms: int) -> int:
    """Say that only what will be sent later suppresses duplicates."""
    return (now_ms + 1) << SEQ_BITS


def one_too_many(queue: Queue, due: Any, now_ms: int, *, buries: bool) -> Any:
    """Bury one receive too late."""
    most = None if queue.receives_max is None else queue.receives_max + 1
    return plan_receive(queue._replace(receives_max=most), due, now_ms, buries=buries)


def always_gone(*_arguments: Any) -> None:
    """Say that a deletion was done, and leave all as it is."""


def refuse(_tx: Any, _queue: Queue, _handle: Any, text: str, _now_ms: int) -> None:
    """Take every handle for a lapsed one."""
    raise fifo.lapsed(text)


PLANTS: dict[str, list[tuple[Any, str, Any]]] = {
    "a duplicate that is accepted": [(fifo, "since_seq", remember_nothing)],
    "a burial that comes too late": [
        (receive_module, "plan_receive", one_too_many),
        (fair_claim, "plan_receive", one_too_many),
    ],
    "a deletion that deletes nothing": [(settle_module, "_delete", always_gone)],
    "a handle that is refused while it is held": [(fifo_settle, "check_held", refuse)],
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine, at most as long, finds a rule that is broken."""
    for owner, name, value in PLANTS[plant]:
        monkeypatch.setattr(owner, name, value)
    found = settings(USUAL, phases=[Phase.generate])  # to shrink it is for those who read it
    with pytest.raises(Violation):
        run_state_machine_as_test(QueueMachine, settings=found)
