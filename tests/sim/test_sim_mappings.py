"""Mappings with filters and of FIFO queues: planted faults, and what the worlds meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
import pytest
from test_sim_canaries import find, swap
from test_sim_fifo import bold

from redrive.core.effects import Run
from redrive.services.mappings import pump as pump_module
from redrive.services.mappings.batches import Ready
from redrive.services.mappings.filters import Sieve
from redrive.services.mappings.pump import Pump
from redrive.services.queues.operations import fifo_settle
from redrive.sim import world
from redrive.sim.checkers import Checker
from redrive.sim.evidence import Attempt
from redrive.sim.judge import Judge
from redrive.sim.mapping_checkers import MappedGroups, MappingAccounting

Plant = Callable[[pytest.MonkeyPatch], None]


def take_any(self: Ready, _under_way: Any) -> Any:
    """Hold no batch back for its groups."""
    return self._batches.popleft() if self._batches else None


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock no group, neither in the queue nor in the mapping."""
    bold(monkeypatch)
    monkeypatch.setattr(Ready, "take", take_any)


def torn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a batch of each message, and hold none back for its group."""

    def gather(_gathering: Any, records: Any, *_arguments: Any, **_options: Any) -> Any:
        return [(record,) for record in records]

    monkeypatch.setattr(pump_module, "gather", gather)
    monkeypatch.setattr(Ready, "take", take_any)


CHECKED: dict[str, tuple[type[Checker], Plant]] = {
    "a filter that lets everything through": (
        MappingAccounting,
        swap(Sieve, "passes", lambda _self, _record: True),
    ),
    "a filter that lets nothing through": (
        MappingAccounting,
        swap(Sieve, "passes", lambda _self, _record: False),
    ),
    "messages that are filtered out and left": (
        MappingAccounting,
        swap(Pump, "_filter", lambda _self, sieve, records: list(filter(sieve.passes, records))),
    ),
    "a group that is not locked": (MappedGroups, unlocked),
    "a receive that is torn up": (MappedGroups, torn),
}


@pytest.mark.parametrize("fault", CHECKED)
def test_checker_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker, alone, finds the fault that it is there for."""
    kind, plant = CHECKED[fault]
    plant(monkeypatch)
    find(kind.invariant, [kind], has_mappings=True, has_fifo=True)


def test_oracle_finds_a_settlement_by_a_lapsed_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO queue that deletes what it has let go of loses a message."""
    monkeypatch.setattr(fifo_settle, "only_held", lambda _tx, _queue, handles, _now: list(handles))
    find("nothing is lost", has_mappings=True, has_fifo=True)


class Tally(Checker):
    """Counts what mappings have met."""

    seen: ClassVar[Counter[str]] = Counter()

    def commit(self, attempt: Attempt) -> None:
        """Count messages that were filtered out."""
        if attempt.operation == "SettleBatch" and attempt.params["Outcome"] == "filtered":
            self.seen["filtered"] += len(attempt.params["Delete"])

    def started(self, run: Run) -> None:
        """Count batches of FIFO queues, those with several groups, and filtered ones."""
        event = orjson.loads(run.event)
        groups = {
            record["attributes"]["MessageGroupId"]
            for record in event.get("Records", ())
            if record["eventSourceARN"].endswith(".fifo")
        }
        self.seen["of FIFO queues"] += bool(groups)
        self.seen["with several groups"] += len(groups) > 1


def test_worlds_meet_filters_and_fifo_sources() -> None:
    """Seeds in which nothing is filtered and no group is mapped would prove nothing."""
    Tally.seen.clear()
    for seed in range(12):
        played = world.World(
            seed, f"tally-{seed}", judge=Judge([Tally]), has_mappings=True, has_fifo=True
        )
        played.play(150)
        played.close()
    assert len(Tally.seen) == 3, Tally.seen
    assert min(Tally.seen.values()) > 0, Tally.seen
