"""The rules of FIFO queues, as tables: rows and an instant in, a decision out."""

from __future__ import annotations

import pytest

from redrive.core.ids import SEQ_BITS
from redrive.services.queues import fifo
from redrive.services.queues.fifo import Head, Numbered
from redrive.services.queues.model import Message, Queue

NOW_MS = 1_800_000_000_000
RETENTION_MS = 60_000


def queue(receives_max: int | None = None) -> Queue:
    """A queue with a short retention."""
    return Queue(
        1, "0" * 12, "r", "q.fifo", 1, 0, 0, 0, 30_000, 0, 0, RETENTION_MS, 1, None, receives_max,
        "{}", "{}", 0, 1,
    )  # fmt: skip


def member(place: int, kind: str) -> Numbered:
    """A message by its letter: visible, hidden, received twice, expired, expired while hidden."""
    age_ms = RETENTION_MS if kind in "xX" else 1_000
    sequence = ((NOW_MS - age_ms) << SEQ_BITS) + place
    visible_ms = NOW_MS + (1 if kind in "hX" else 0)
    receives = 2 if kind == "b" else 0
    return Numbered(
        sequence,
        "d",
        Message(place, visible_ms, receives, 0, 0, "s", None, None, None, "g", None, None, b""),
    )


@pytest.mark.parametrize(
    ("group", "deliver", "bury", "drop", "is_blocked"),
    [
        ("", "", "", "", False),
        ("vvv", "012", "", "", False),
        ("hvv", "", "", "", True),
        ("vhv", "0", "", "", True),
        ("vvh", "01", "", "", True),
        ("bvb", "1", "02", "", False),
        ("vbhv", "0", "1", "", True),
        ("xvv", "12", "", "0", False),
        ("Xvv", "12", "", "0", False),
        ("vXxv", "03", "", "12", False),
        ("hx", "", "", "", True),
    ],
)
def test_the_beginning_of_a_group(
    group: str, deliver: str, bury: str, drop: str, is_blocked: bool
) -> None:
    """What is receivable ends before the first hidden message that has not expired."""
    members = [member(place, kind) for place, kind in enumerate(group)]
    plan = fifo.plan_group(queue(2), members, NOW_MS, buries=True)
    found = ["".join(str(m.message.seq) for m in part) for part in plan[:3]]
    assert (found, plan.is_blocked) == ([deliver, bury, drop], is_blocked)


@pytest.mark.parametrize(("receives_max", "buries"), [(2, False), (3, True), (None, True)])
def test_what_is_not_buried_is_delivered(receives_max: int | None, buries: bool) -> None:
    """Without a dead-letter queue, or below the count."""
    plan = fifo.plan_group(queue(receives_max), [member(0, "b")], NOW_MS, buries=buries)
    assert (len(plan.deliver), len(plan.bury)) == (1, 0)


@pytest.mark.parametrize(
    ("visible_in_ms", "age_ms", "ready_in_ms"),
    [(-5, 0, 0), (0, 0, 0), (7, 0, 7), (100_000, 0, RETENTION_MS), (100_000, RETENTION_MS, 0)],
)
def test_when_a_group_is_ready(visible_in_ms: int, age_ms: int, ready_in_ms: int) -> None:
    """When its first message is visible or expires, not before now."""
    head = Head((NOW_MS - age_ms) << SEQ_BITS, NOW_MS + visible_in_ms)
    assert fifo.ready_ms(head, queue(), NOW_MS) == NOW_MS + ready_in_ms


@pytest.mark.parametrize("sequence", [0, 1, (NOW_MS << SEQ_BITS) + 5, (1 << 63) - 1])
def test_numbers_have_twenty_digits(sequence: int) -> None:
    """And keep their order as texts."""
    shown = fifo.sequence_number(sequence)
    assert len(shown) == 20
    assert shown < fifo.sequence_number(sequence + 1)
