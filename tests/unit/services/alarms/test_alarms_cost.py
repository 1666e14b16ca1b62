"""What many alarms cost: no statement scans, and no step takes more than a chunk."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from alarms_rig import minute, put, sample, state
from events_world import CALLER, World

from redrive.services.alarms import model
from redrive.services.alarms.definitions import ALARMS_MAX
from redrive.services.alarms.operations.evaluating import (
    FIRST_SLOT_MS,
    MINUTES_MAX,
    SLOT_MS,
    SLOTS,
    next_slot,
)
from redrive.services.alarms.watchman import CHUNK
from redrive.store.statements import load_statements

SQL = Path(model.__file__).with_name("alarms.sql")
(STATEMENTS,) = load_statements([SQL])
OF_A_RESET = {"reset_ties", "reset_history", "reset_dashboards", "reset"}
MINUTE_MS = 60_000


@pytest.mark.parametrize("name", [name for name in STATEMENTS.texts if name not in OF_A_RESET])
def test_no_statement_scans(name: str) -> None:
    """Each finds its rows by an index, also where nobody has counted them."""
    database = sqlite3.connect(":memory:")
    database.executescript(";".join(STATEMENTS.steps))
    text = STATEMENTS.texts[name]
    names = [word.strip(",();") for word in text.replace("(", " ").split() if word[0] == ":"]
    plan = database.execute(f"EXPLAIN QUERY PLAN {text}", {word[1:]: 0 for word in names})
    scans = [
        row[3]
        for row in plan
        if row[3].startswith("SCAN") and not ("json_each" in row[3] or "CONSTANT" in row[3])
    ]
    assert scans == []
    if name != "page":
        return
    plan = database.execute(f"EXPLAIN QUERY PLAN {text}", {word[1:]: 0 for word in names})
    assert not any("TEMP B-TREE" in row[3] for row in plan)
    database.close()


def test_slots_are_spread_and_come_once(world: World) -> None:
    """Each alarm once a minute, in the first ten seconds, not all at once."""
    now_ms = world.now_ms
    slots = Counter(next_slot(alarm_id, MINUTE_MS, now_ms) - now_ms for alarm_id in range(5_000))
    assert len(slots) == SLOTS
    assert max(slots.values()) <= 2 * 5_000 // SLOTS
    assert min(slots) == FIRST_SLOT_MS
    assert max(slots) < FIRST_SLOT_MS + SLOTS * SLOT_MS
    for at_ms in (now_ms, now_ms + 999, now_ms + 1_000, now_ms + 59_999):
        following = next_slot(0, MINUTE_MS, at_ms)
        assert at_ms < following <= at_ms + MINUTE_MS


def test_thousands_are_evaluated_in_chunks(world: World) -> None:
    """Each once a minute; no look takes more than a chunk, and other requests come in between."""
    count = 1_000
    for n in range(count):
        put(world, f"a{n:04}")
    sample(world, 1)
    minute(world)
    assert state(world, "a0000") == state(world, "a0999") == "ALARM"
    world.registry.asked.clear()
    minute(world)
    reads = [params for _at, _s, name, params in world.registry.asked if name == "ReadFigures"]
    sizes = [len(params["Watches"]) for params in reads]
    assert sum(sizes) == count
    assert max(sizes) <= CHUNK <= 50


def test_alarms_that_look_far_back_are_read_a_few_at_a_time(world: World) -> None:
    """A chunk reads a bounded number of figures."""
    for n in range(10):
        put(world, f"a{n}", EvaluationPeriods=1_440, DatapointsToAlarm=1)
    sample(world, 1)
    world.registry.asked.clear()
    minute(world)
    reads = [params for _at, _s, name, params in world.registry.asked if name == "ReadFigures"]
    assert max(len(params["Watches"]) for params in reads) == MINUTES_MAX // 1_440
    assert [state(world, f"a{n}") for n in range(10)] == ["ALARM"] * 10


def test_there_are_no_more_than_the_quota(world: World) -> None:
    """The 5,001st metric alarm is refused; those that are there can be changed."""
    put(world, "a")

    def fill(tx: object) -> None:
        row = {
            "account": CALLER.account,
            "region": CALLER.region,
            "kind": "MetricAlarm",
            "config": "{}",
            "namespace": "",
            "metric": "",
            "actions_enabled": 0,
            "reason": "",
            "due_ms": 2**50,
            "warm_ms": None,
            "tags": "{}",
            "now_ms": 0,
        }
        for n in range(ALARMS_MAX - 1):
            tx.run("alarms.add", name=f"b{n}", **row)  # type: ignore[attr-defined]

    world.store.transact(fill)
    put(world, "a", Threshold=5.0)
    with pytest.raises(Exception, match="LimitExceededFault"):
        put(world, "one more")
