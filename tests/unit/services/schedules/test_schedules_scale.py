"""Many schedules cost a row each: what one firing looks at does not grow with them."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from events_world import ACCOUNT, REGION, T0, World
from schedules_rig import create

import redrive.services
from redrive.core.arn import queue_arn
from redrive.core.rounds import Due
from redrive.core.time import MINUTE_MS
from redrive.services.schedules.model import Schedule
from redrive.services.schedules.ticker import RUNS_MAX
from redrive.store.statements import load_statements
from redrive.store.store import Tx

Q = queue_arn(REGION, ACCOUNT, "q")
SQL = [Path(redrive.services.__file__).parent / "schedules" / "schedules.sql"]
ROWS = 20_000


@pytest.fixture
def crowded(world: World) -> World:
    """A world with twenty thousand schedules that come in a year, and some that come soon."""
    create(world, "model", "cron(0 8 15 1 ? 2028)", Q)

    def fill(tx: Tx) -> None:
        found = tx.rows(Due, "schedules.due", now_ms=2**52, limit=1)[0]
        model = tx.rows(Schedule, "schedules.schedule_by_id", id=found.id)[0]
        for n in range(ROWS):
            more = model._replace(id=tx.sequence(T0), name=f"s{n}")
            tx.run("schedules.add_schedule", **more._asdict())

    world.store.transact(fill)
    for n in range(3):
        create(world, f"soon{n}", "rate(1 minute)", Q)
    return world


def test_a_firing_among_many_touches_its_own_row_only(crowded: World) -> None:
    """Looks and firings are as many as what is due asks for, however many wait."""
    crowded.registry.asked.clear()
    crowded.pass_s(60)
    assert len(crowded.messages("q")) == 3
    asked = [operation for _, _, operation, _ in crowded.registry.asked]
    assert asked.count("FireSchedule") == 3
    assert asked.count("DueSchedules") <= 3 + 2
    limits = [params["Limit"] for _, _, name, params in crowded.registry.asked if name == LOOK]
    assert set(limits) == {2 * RUNS_MAX}


LOOK = "DueSchedules"


PARAMETERS = {
    "account": ACCOUNT,
    "region": REGION,
    "grp": "default",
    "name": "s7",
    "after": "s5",
    "prefix": "s",
    "beyond": "s~",
    "limit": 10,
    "id": 7,
    "now_ms": T0,
    "since_ms": T0,
    "scheduled_ms": T0,
    "due_ms": None,
    "ends": 0,
    "change": 1,
    "token": "t",
}
STEPS_MAX = 400
"""Of SQLite's machine, for ten rows at most; a scan of the rows takes more than 100,000."""


STATEMENTS = (
    *("due", "next_due", "schedule_by_id", "advance", "schedule", "list_schedules", "totals"),
    *("group", "grow_group", "deleting_group", "token", "forget_tokens", "delete_members"),
)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_more_than_it_needs(crowded: World, name: str) -> None:
    """Neither by its plan nor by the steps that it takes among twenty thousand rows."""
    (statements,) = load_statements(SQL)
    text = statements.texts[name]
    given = {key: value for key, value in PARAMETERS.items() if f":{key}" in text}
    connection: apsw.Connection = crowded.store._connection
    explained = connection.execute(f"EXPLAIN QUERY PLAN {text}", given)
    plan = " ".join(str(row[3]) for row in explained)
    assert "SCAN" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(count, 1)
    list(connection.execute(text, given))
    connection.set_progress_handler(None)
    assert steps < STEPS_MAX, steps


def test_many_at_one_instant(world: World) -> None:
    """A thousand that are due together all fire at that instant, each once."""
    for n in range(1_000):
        create(world, f"s{n}", "at(2027-01-15T08:01:00)", Q, Input=str(n))
    world.pass_until(T0 + MINUTE_MS)
    found = world.messages("q")
    assert sorted(int(each["Body"]) for each in found) == list(range(1_000))
    assert {each["Attributes"]["SentTimestamp"] for each in found} == {str(T0 + MINUTE_MS)}
