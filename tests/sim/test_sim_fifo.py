"""FIFO queues in the simulator: planted faults that the judges find, and that worlds have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from test_sim_canaries import find, swap

from redrive.services.queues import fifo
from redrive.services.queues.fifo import Deduplication as Deduplicated
from redrive.services.queues.operations import fifo_groups, fifo_receive, fifo_settle
from redrive.sim import world
from redrive.sim.checkers import Checker
from redrive.sim.evidence import Attempt
from redrive.sim.fifo_checkers import Deduplication, GroupOrder
from redrive.sim.judge import Judge

Plant = Callable[[pytest.MonkeyPatch], None]


def reword(name: str, old: str, new: str) -> Plant:
    """Return a plant that rewrites a statement of FIFO queues."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        groups = []
        for group in world._STATEMENTS:
            if group.service == "fifo":
                assert old in group.texts[name], f"{name} has no {old}"
                text = group.texts[name].replace(old, new)
                group = group._replace(texts={**group.texts, name: text})
            groups.append(group)
        monkeypatch.setattr(world, "_STATEMENTS", tuple(groups))

    return plant


def heedless(queue: Any, members: Any, now_ms: int, *, buries: bool) -> Any:
    """Pass over what is hidden, and take what stands behind it."""
    visible = [member for member in members if member.message.visible_ms <= now_ms]
    return _plan(queue, visible, now_ms, buries=buries)


_plan = fifo.plan_group


def remove_alone(tx: Any, queue: Any, seqs: Any, now_ms: int) -> None:
    """Remove messages, and leave their groups as they were."""
    tx.run_many("queues.remove", [(seq,) for seq in seqs])


def always_due(head: Any, queue: Any, now_ms: int) -> int:
    """Take every group for free a second later, so that only the plan is in the way."""
    return now_ms + 1_000


def bold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock no group."""
    monkeypatch.setattr(fifo, "plan_group", heedless)
    monkeypatch.setattr(fifo_groups, "ready_ms", always_due)


CHECKED: dict[str, tuple[type[Checker], Plant]] = {
    "a group that is not locked": (GroupOrder, bold),
    "a group that is read from behind": (
        GroupOrder,
        reword("members", "ORDER BY sequence", "ORDER BY sequence DESC"),
    ),
    "a number that its sender did not hear": (
        GroupOrder,
        reword("number", "sequence = :sequence", "sequence = :sequence + 1"),
    ),
    "an id that is not remembered": (
        Deduplication,
        reword("accept", ":scope", ":scope || '?'"),
    ),
    "a window of ten seconds": (
        Deduplication,
        swap(fifo, "since_seq", lambda now_ms: (now_ms - 10_000 + 1) << 20),
    ),
}


@pytest.mark.parametrize("fault", CHECKED)
def test_checker_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker, alone, finds the fault that it is there for."""
    kind, plant = CHECKED[fault]
    plant(monkeypatch)
    find(kind.invariant, [kind], has_fifo=True)


ORACLES: dict[str, tuple[str, Plant]] = {
    "a group that is not locked": ("group order", bold),
    "a window of two days": (
        "deduplication",
        swap(fifo, "since_seq", lambda now_ms: (now_ms - 172_800_000 + 1) << 20),
    ),
    "a scope that is not heeded": (
        "deduplication",
        swap(fifo, "deduplication", lambda attributes: Deduplicated(False, False)),
    ),
    "a group that is freed a millisecond late": (
        "timers",
        reword("set_ready", "ready_ms = :ready_ms", "ready_ms = :ready_ms + 1"),
    ),
    "a delete that frees no group": ("timers", swap(fifo_groups, "remove", remove_alone)),
    "a lapsed handle that is taken": (
        "expired handles",
        swap(fifo_settle, "_check_lease", lambda *_: None),
    ),
    "an attempt that is never repeated": (
        "receive attempts",
        swap(fifo_receive, "repeat", lambda *_: []),
    ),
    "a burial without a new id": (
        "predicted rows",
        reword("number", "dedup_id = :dedup_id", "dedup_id = coalesce(dedup_id, :dedup_id)"),
    ),
    "an expiry that counts from the sending": (
        "timers",
        swap(fifo, "is_expired", lambda number, queue, now_ms: False),
    ),
}


@pytest.mark.parametrize("fault", ORACLES)
def test_oracle_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle, without any checker, finds what only a prediction shows."""
    invariant, plant = ORACLES[fault]
    plant(monkeypatch)
    find(invariant, has_fifo=True)


class Tally(Checker):
    """Counts what the clients of FIFO queues have met."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        self._handles: set[str] = set()
        self._ids: set[str] = set()

    def commit(self, attempt: Attempt) -> None:
        """Count duplicates, repeated receives and refusals."""
        result = attempt.result or {}
        if "SequenceNumber" in result:
            kind = "duplicate" if result["MessageId"] in self._ids else "sent"
            self._ids.add(result["MessageId"])
            self.seen[kind] += 1
        messages = result.get("Messages", ()) if attempt.operation == "ReceiveMessage" else ()
        for message in messages:
            attributes = message.get("Attributes", {})
            if "SequenceNumber" in attributes:
                kind = "repeated" if message["ReceiptHandle"] in self._handles else "received"
                self._handles.add(message["ReceiptHandle"])
                self.seen[kind] += 1
                self.seen["buried"] += "DeadLetterQueueSourceArn" in attributes


def test_worlds_meet_what_fifo_queues_have() -> None:
    """Seeds that meet no duplicate, no repeated receive and no burial would prove nothing."""
    Tally.seen.clear()
    for seed in range(12):
        played = world.World(seed, f"tally-{seed}", judge=Judge([Tally]), has_fifo=True)
        played.play(150)
        played.close()
    few = {
        kind: Tally.seen[kind] for kind in ("sent", "duplicate", "received", "repeated", "buried")
    }
    assert min(few.values()) > 0, few
