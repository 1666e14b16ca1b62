"""Planted faults of fair queues: its checkers find them, and so do those that know no tenants."""

from __future__ import annotations

from typing import Any

import pytest
from test_sim_canaries import Plant, find, reword, swap

from redrive.services.queues import fair as rules
from redrive.services.queues.operations import fair as operations
from redrive.services.queues.operations.fair_ledger import Ledger
from redrive.sim import checkers
from redrive.sim.evidence import Audit
from redrive.sim.fairness import FairAccount, FairOrder
from redrive.sim.judge import Judge
from redrive.sim.world import World


def noisy_first(room: Any, tx: Any, queue: Any, limit: int, now_ms: Any) -> Any:
    """Serve the noisy lane before the quiet one."""
    found = _due(room, tx, queue._replace(is_grouped=0), limit, now_ms)
    noisy = tx.rows(operations.Message, "queues.due", heap=-queue.heap, now_ms=now_ms, limit=limit)
    return [*noisy, *(message for message in found if message not in noisy)][:limit]


_due = operations.due


ALONE: dict[str, tuple[type[checkers.Checker], Plant]] = {
    "a rule that finds nobody noisy": (
        FairOrder,
        swap(rules, "holds_too_much", lambda *_arguments: False),
    ),
    "a claim that serves the noisy first": (FairOrder, swap(operations, "due", noisy_first)),
    "a lease that is not counted": (FairAccount, swap(Ledger, "take", lambda *_arguments: None)),
    "a message that is not counted out": (
        FairAccount,
        swap(Ledger, "depart", lambda *_arguments: None),
    ),
    "a lapse that nobody notices": (
        FairAccount,
        reword("holds_lapsed", "until_ms <= :now_ms", "until_ms <= :now_ms + 5000"),
    ),
    "messages that stay in the noisy lane": (
        FairAccount,
        reword("unshift", "SET heap = -heap", "SET heap = heap"),
    ),
    "a delete that looks into one lane": (
        checkers.AcknowledgedDeletes,
        reword("leases", "abs(heap) = :heap", "heap = :heap"),
    ),
}


@pytest.mark.parametrize("fault", ALONE)
def test_checker_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker can fail: alone, it finds the fault that it is there for."""
    kind, plant = ALONE[fault]
    plant(monkeypatch)
    find(kind.invariant, [kind], has_groups=True)


ORACLES: dict[str, Plant] = {
    "a long poll that waits for one lane": swap(
        operations,
        "next_due",
        lambda tx, queue: tx.one(operations.Number, "queues.next_due", heap=queue.heap),
    ),
    "a receive that takes nothing from the noisy lane": swap(
        operations, "due", lambda *arguments: [m for m in _due(*arguments) if m.group_id != "loud"]
    ),
}


@pytest.mark.parametrize("fault", ORACLES)
def test_oracle_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle knows nothing of tenants, and that what is due is received."""
    ORACLES[fault](monkeypatch)
    find("timers", has_groups=True)


class Watch(checkers.Checker):
    """Counts the sights of messages in noisy lanes, and of tenants whose messages go back."""

    noisy = calming = 0

    def audit(self, audit: Audit) -> None:
        """Look."""
        Watch.noisy += sum(lane.heap < 0 for lane in audit.lanes)
        Watch.calming += sum(tenant.noise == rules.CALMING for tenant in audit.tenants)


def test_the_rule_has_something_to_say_in_the_simulator() -> None:
    """Its figures and its clients are such that tenants become noisy, and quiet again."""
    for seed in range(20):
        world = World(seed, f"noise-{seed}", judge=Judge([Watch], oracle=False), has_groups=True)
        world.play(150)
        world.close()
    assert Watch.noisy > 500
    assert Watch.calming > 5
