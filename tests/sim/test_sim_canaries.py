"""Planted faults: each checker, alone, finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.mappings import pump as pump_module
from redrive.services.mappings.rules import Verdict
from redrive.services.mappings.settlements import Settlements
from redrive.services.queues.operations import moves as moves_module
from redrive.services.queues.operations import receive as receive_module
from redrive.services.queues.operations import settle as settle_module
from redrive.services.queues.rules import Pace, plan_receive
from redrive.sim import checkers, world
from redrive.sim.checkers import Checker
from redrive.sim.evidence import Violation
from redrive.sim.faults import CrashingStore
from redrive.sim.judge import Judge
from redrive.sim.mapping_checkers import MappingAccounting
from redrive.store import log, opening, sqlite
from redrive.store.store import StoreFailed

SEEDS = 80
Plant = Callable[[pytest.MonkeyPatch], None]


def find(invariant: str, kinds: Sequence[type[Checker]] = (), **options: Any) -> None:
    """Play seeds until the invariant is found not to hold; fail after SEEDS of them."""
    other: Violation | None = None
    for seed in range(SEEDS):
        judge = Judge(kinds, oracle=not kinds)
        played = world.World(seed, f"canary-{seed}", judge=judge, **options)
        try:
            played.play(150)
        except Violation as violation:
            if violation.invariant == invariant:
                return
            other = violation
        except StoreFailed as failed:  # a start that is refused proves nothing of the judge
            other = Violation("store", str(failed))
        finally:
            played.close()
    pytest.fail(f"{invariant} was not found in {SEEDS} seeds; another finding: {other!r}")


def reword(name: str, old: str, new: str) -> Plant:
    """Return a plant that rewrites a statement of the queues service."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        groups = []
        for group in world._STATEMENTS:
            if group.service == "queues":
                assert old in group.texts[name], f"{name} has no {old}"
                text = group.texts[name].replace(old, new)
                group = group._replace(texts={**group.texts, name: text})
            groups.append(group)
        monkeypatch.setattr(world, "_STATEMENTS", tuple(groups))

    return plant


def swap(owner: Any, name: str, value: Any) -> Plant:
    """Return a plant that replaces an attribute."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def one_too_many(queue: Any, due: Any, now_ms: int, *, buries: bool) -> Any:
    """Bury one receive too late."""
    most = None if queue.receives_max is None else queue.receives_max + 1
    return plan_receive(queue._replace(receives_max=most), due, now_ms, buries=buries)


def unsynced(pragmas: Sequence[str]) -> tuple[str, ...]:
    """Return the pragmas of a store that syncs no commit."""
    return tuple(text.replace("synchronous = FULL", "synchronous = NORMAL") for text in pragmas)


def sync_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync no commit, and do not look at the log, which would tell of it first."""
    monkeypatch.setattr(opening, "_PRAGMAS", unsynced(opening._PRAGMAS))
    for look in ("check", "check_covers"):
        monkeypatch.setattr(log.Log, look, lambda *_arguments: None)


class ForgetfulStore(sqlite.SqliteStore):
    """A store that has lost its high-water mark."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.high_water_ms = Millis(1)


def answer_at_once(dispatch: Dispatch, ticket: Any, now_ms: Millis) -> bool:
    """Let answers to clients leave before the commit."""
    found = _attempt(dispatch, ticket, now_ms)
    for answer in list(dispatch._answers):
        if answer[0].answer.__name__ == "answer":
            dispatch._answers.remove(answer)
            answer[0].answer(answer[1])
    return found


_attempt = Dispatch._attempt


def delete_nothing(*_arguments: Any) -> int:
    """Say that it was done."""
    return 0


def only_count(_room: Any, tx: Any, queue: Any, *_arguments: Any) -> int:
    """Count a deletion, and leave the row."""
    tx.tally("queues.count", queue.id, messages=-1, touched=-1, deleted=1)
    return 1


def move_twice(*arguments: Any) -> None:
    """Send a message anew, and once more."""
    _move(*arguments)
    _move(*arguments)


_move = moves_module._move


def commit_alone(store: CrashingStore, work: Any, *arguments: Any) -> Any:
    """Commit each work by itself: a crash before the group's commit comes too late."""
    result = store.inner.transact(work, *arguments)
    store.inner.commit(Millis(0))
    return result


ALONE: dict[str, tuple[type[Checker], Plant]] = {
    "a counter that is not moved": (
        checkers.Conservation,
        reword("count", "deleted = deleted + :deleted", "deleted = deleted + 0 * :deleted"),
    ),
    "a row that is not removed": (
        checkers.Conservation,
        swap(settle_module, "_delete", only_count),
    ),
    "a lease that is not written": (
        checkers.LeaseExclusivity,
        reword("lease", "visible_ms = :visible_ms", "visible_ms = min(visible_ms, :visible_ms)"),
    ),
    "a lease that ends a second early": (
        checkers.LeaseExclusivity,
        reword("due", "visible_ms <= :now_ms", "visible_ms <= :now_ms + 1000"),
    ),
    "a receive that does not count": (
        checkers.ReceiveCounts,
        reword("lease", "receives = :receives", "receives = min(receives, :receives)"),
    ),
    "a burial that forgets the count": (
        checkers.ReceiveCounts,
        reword("bury", "visible_ms = :now_ms,", "visible_ms = :now_ms, receives = 0,"),
    ),
    "a receive too many": (
        checkers.ReceiveBound,
        swap(receive_module, "plan_receive", one_too_many),
    ),
    "a commit that is not synced": (
        checkers.AcknowledgedWrites,
        sync_nothing,
    ),
    "an answer before the commit": (
        checkers.AcknowledgedWrites,
        swap(Dispatch, "_attempt", answer_at_once),
    ),
    "a delete that is not done": (
        checkers.AcknowledgedDeletes,
        swap(settle_module, "_delete", delete_nothing),
    ),
    "a move task without a rate": (
        checkers.MoveTasks,
        swap(moves_module, "pace_move", lambda task, now_ms: Pace(100, Millis(now_ms + 1))),
    ),
    "a clock that goes back": (
        checkers.ClockNeverBack,
        swap(world, "SqliteStore", ForgetfulStore),
    ),
}


@pytest.mark.parametrize("fault", ALONE)
def test_checker_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker can fail: alone, it finds the fault that it is there for."""
    kind, plant = ALONE[fault]
    plant(monkeypatch)
    find(kind.invariant, [kind])


MAPPED: dict[str, Plant] = {
    "failures that are deleted": swap(
        pump_module.rules, "judge", lambda *_arguments: Verdict(frozenset())
    ),
    "successes that are kept": swap(
        pump_module.rules, "judge", lambda _p, _e, ids, _r: Verdict(frozenset(ids))
    ),
    "a batch that is not settled": swap(Settlements, "add", lambda self, params: None),
    "messages that are received and dropped": swap(
        pump_module, "gather", lambda *_arguments, **_options: []
    ),
}


@pytest.mark.parametrize("fault", MAPPED)
def test_mapping_accounting_finds_planted_fault(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a mapping polls, invokes and settles must add up."""
    MAPPED[fault](monkeypatch)
    find("mapping accounting", [MappingAccounting], has_mappings=True)


ORACLES: dict[str, tuple[str, Plant]] = {
    "a delivery a millisecond early": (
        "timers",
        reword("due", "visible_ms <= :now_ms", "visible_ms <= :now_ms + 1"),
    ),
    "a delivery a millisecond late": (
        "timers",
        reword("due", "visible_ms <= :now_ms", "visible_ms < :now_ms"),
    ),
    "a delivery after its retention": (
        "timers",
        swap(
            receive_module,
            "plan_receive",
            lambda q, due, now_ms, buries: plan_receive(
                q._replace(retention_ms=q.retention_ms + 100_000), due, now_ms, buries=buries
            ),
        ),
    ),
    "a send that wakes nobody": ("timers", swap(sqlite.SqliteTx, "wake", lambda self, topic: None)),
    "a visibility that is a millisecond off": (
        "predicted rows",
        reword("hide", "visible_ms = :visible_ms", "visible_ms = :visible_ms + 1"),
    ),
    "a move that leaves the message behind": (
        "one place",
        swap(moves_module, "_move", move_twice),
    ),
    "a burial that loses the message": (
        "nothing is lost",
        reword("bury", "heap = :heap", "heap = :heap + 1000"),
    ),
    "a delete that is not done": (
        "nothing comes back",
        swap(settle_module, "_delete", delete_nothing),
    ),
    "a work that is committed by itself": (
        "nothing comes back",
        swap(CrashingStore, "transact", commit_alone),
    ),
    "a commit that is not synced": (
        "nothing is lost",
        sync_nothing,
    ),
    "settings that are not stored": (
        "settings",
        reword("set_attributes", "WHERE id = :id", "WHERE id = -:id"),
    ),
}


@pytest.mark.parametrize("fault", ORACLES)
def test_oracle_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle can fail: without any checker, it finds what only a prediction shows."""
    invariant, plant = ORACLES[fault]
    plant(monkeypatch)
    find(invariant)


def test_bug_is_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An assertion that fails in the services stops the world, though clients hear a reply."""

    def plant(*_arguments: Any) -> Any:
        raise AssertionError("planted")

    monkeypatch.setattr(receive_module, "plan_receive", plant)
    find("no bug of ours")
