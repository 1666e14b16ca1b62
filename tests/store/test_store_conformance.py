"""What every engine promises: groups, works undone alone, caches, tallies, topics, sequences."""

from __future__ import annotations

from typing import Any

import pytest
from engines import NAMED, STEP_1, STEP_2, T0, THINGS, Engine, Id, Sum, Thing, add, names

from redrive.core.errors import ServiceError
from redrive.core.ids import SEQ_BITS
from redrive.core.time import Millis
from redrive.store.migrations import SchemaTooNew
from redrive.store.statements import parse_statements
from redrive.store.store import Tx


class Refused(Exception):
    """What a work raises here."""


def write_and_fail(tx: Tx) -> None:
    tx.run("things.add", id=None, name="half", size=1)
    raise Refused


def test_a_group_is_there_after_its_commit(engine: Engine) -> None:
    """What several works wrote before a commit is found by the next opening."""
    store = engine.open()
    add(store, "a", "b")
    store.commit(T0)
    assert names(engine.open()) == ["a", "b"]


def test_a_group_is_nowhere_before_its_commit(engine: Engine) -> None:
    """Without a commit nothing of a group outlives the process."""
    store = engine.open()
    add(store, "a")
    store.commit(T0)
    add(store, "b")
    assert names(engine.open()) == ["a"]


def test_works_of_a_group_see_each_other(engine: Engine) -> None:
    """A later work reads what an earlier one of its group wrote."""
    store = engine.open()
    add(store, "a")
    assert names(store) == ["a"]


def test_a_failing_work_is_undone_alone(engine: Engine) -> None:
    """Of a group only the work that raised is undone; its exception arrives as it was."""
    store = engine.open()
    add(store, "a")
    with pytest.raises(Refused):
        store.transact(write_and_fail)
    add(store, "b")
    store.commit(T0)
    assert names(engine.open()) == ["a", "b"]


@pytest.mark.parametrize("error", [ServiceError("Code", "text"), AssertionError(), KeyError(1)])
def test_whatever_a_work_raises_undoes_it(engine: Engine, error: Exception) -> None:
    """Mistakes of the caller and bugs of ours leave nothing behind alike."""

    def work(tx: Tx) -> None:
        tx.run("things.add", id=None, name="half", size=1)
        raise error

    store = engine.open()
    with pytest.raises(type(error)):
        store.transact(work)
    store.commit(T0)
    assert names(store) == []


def test_a_broken_rule_of_the_schema_is_a_bug_of_ours(engine: Engine) -> None:
    """A CHECK that fails is an AssertionError; the work is undone, the group stands."""

    def work(tx: Tx) -> None:
        tx.run("things.add", id=None, name="good", size=1)
        tx.run("things.add", id=None, name="bad", size=-1)

    store = engine.open()
    add(store, "a")
    with pytest.raises(AssertionError, match="a statement failed"):
        store.transact(work)
    store.commit(T0)
    assert names(engine.open()) == ["a"]


def test_run_says_how_many_rows_it_changed(engine: Engine) -> None:
    """The number of rows is that of this statement."""
    store = engine.open()
    add(store, "a", "b")
    assert store.transact(lambda tx: tx.run("things.resize", size=2, name="a")) == 1
    assert store.transact(lambda tx: tx.run("things.resize", size=2, name="z")) == 0


def test_returning_writes_are_undone_too(engine: Engine) -> None:
    """A statement that writes and RETURNs is known to write, by one() and by rows()."""

    def work(tx: Tx) -> None:
        assert tx.one(Id, "things.add_returning", name="b", size=7) == Id(2)
        assert tx.rows(Thing, "things.remove", size=1) == [Thing(1, "a", 1)]
        raise Refused

    store = engine.open()
    add(store, "a")
    store.commit(T0)
    with pytest.raises(Refused):
        store.transact(work)
    store.commit(T0)
    assert names(engine.open()) == ["a"]


def test_returning_writes_are_kept(engine: Engine) -> None:
    """The same statements are committed when their work succeeds."""
    store = engine.open()
    store.transact(lambda tx: tx.one(Id, "things.add_returning", name="a", size=1))
    store.commit(T0)
    store = engine.open()
    assert names(store) == ["a"]
    store.transact(lambda tx: tx.rows(Thing, "things.remove", size=1))
    store.commit(T0)
    assert names(engine.open()) == []


def test_run_many_and_run_values_bind_by_position(engine: Engine) -> None:
    """Tuples are bound in the order in which the parameters first appear."""
    store = engine.open()
    store.transact(lambda tx: tx.run_many("things.add", [(1, "a", 5), (2, "b", 6)]))
    store.transact(lambda tx: tx.run_values("things.resize", (9, "a")))
    store.commit(T0)
    rows = engine.open().transact(lambda tx: tx.rows(Thing, "things.all"))
    assert rows == [Thing(1, "a", 9), Thing(2, "b", 6)]


# --- run_alone ---------------------------------------------------------------------------------


def test_run_alone_is_kept(engine: Engine) -> None:
    """A work whose only write went without a savepoint is committed like any other."""
    store = engine.open()
    store.transact(lambda tx: tx.run_alone("things.add", (1, "a", 1)))
    store.commit(T0)
    assert names(engine.open()) == ["a"]


@pytest.mark.parametrize("second", ["run", "run_alone", "run_values", "run_many", "one", "rows"])
def test_nothing_may_be_written_after_run_alone(engine: Engine, second: str) -> None:
    """A second statement that writes is a bug: neither it nor the first is committed."""
    writes: dict[str, Any] = {
        "run": lambda tx: tx.run("things.add", id=2, name="b", size=1),
        "run_alone": lambda tx: tx.run_alone("things.add", (2, "b", 1)),
        "run_values": lambda tx: tx.run_values("things.add", (2, "b", 1)),
        "run_many": lambda tx: tx.run_many("things.add", [(2, "b", 1)]),
        "one": lambda tx: tx.one(Id, "things.add_returning", name="b", size=1),
        "rows": lambda tx: tx.rows(Thing, "things.remove", size=9),
    }

    def work(tx: Tx) -> None:
        tx.run_alone("things.add", (1, "a", 1))
        writes[second](tx)

    store = engine.open()
    with pytest.raises(AssertionError):
        store.transact(work)
    with pytest.raises(Exception, match="rolled back"):
        store.commit(T0)
    assert names(engine.open()) == []


def test_run_alone_must_be_first(engine: Engine) -> None:
    """After another write run_alone is refused, and the work is undone alone."""

    def work(tx: Tx) -> None:
        tx.run("things.add", id=1, name="a", size=1)
        tx.run_alone("things.add", (2, "b", 1))

    store = engine.open()
    with pytest.raises(AssertionError):
        store.transact(work)
    add(store, "c")
    store.commit(T0)
    assert names(engine.open()) == ["c"]


def test_a_work_that_fails_after_run_alone_costs_its_group(engine: Engine) -> None:
    """There is no savepoint to go back to: the whole group goes, and says so; the next stands."""

    def work(tx: Tx) -> None:
        tx.run_alone("things.add", (2, "b", 1))
        raise Refused

    store = engine.open()
    add(store, "a")
    with pytest.raises(Refused):
        store.transact(work)
    with pytest.raises(Exception, match="rolled back") as seen:
        add(store, "c")
    assert type(seen.value).__name__ == "Unavailable"
    with pytest.raises(Exception, match="rolled back"):
        store.commit(T0)
    add(store, "d")
    store.commit(T0)
    assert names(engine.open()) == ["d"]


def test_a_lone_statement_that_fails_costs_nobody_else(engine: Engine) -> None:
    """One statement is atomic: when it fails by itself the rest of the group stands."""
    store = engine.open()
    add(store, "a")
    with pytest.raises(AssertionError, match="a statement failed"):
        store.transact(lambda tx: tx.run_alone("things.add", (2, "a", 1)))
    add(store, "b")
    store.commit(T0)
    assert names(engine.open()) == ["a", "b"]


# --- cached ------------------------------------------------------------------------------------


def look(tx: Tx) -> Thing | None:
    found: Thing | None = tx.cached(Thing, "things.named", "a")
    return found


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (lambda tx: tx.run("things.resize", size=5, name="a"), 5),
        (lambda tx: tx.run_values("things.resize", (5, "a")), 5),
        (lambda tx: tx.run_many("things.resize", [(5, "a")]), 5),
        (lambda tx: tx.run_alone("things.resize", (5, "a")), 5),
        (lambda tx: tx.rows(Thing, "things.remove", size=1), None),
        (lambda tx: tx.one(Thing, "things.remove", size=1), None),
    ],
)
def test_a_cached_row_follows_every_kind_of_write(engine: Engine, write: Any, size: Any) -> None:
    """After any write to its table a cached row is read anew, in the same work and in later."""

    def work(tx: Tx) -> Thing | None:
        write(tx)
        return look(tx)

    store = engine.open()
    add(store, "a")
    assert store.transact(look) == Thing(1, "a", 1)
    expected = None if size is None else Thing(1, "a", size)
    assert store.transact(work) == expected
    assert store.transact(look) == expected


def test_absence_is_cached_and_found_out(engine: Engine) -> None:
    """A row that was not there is seen as soon as it is."""
    store = engine.open()
    assert store.transact(look) is None
    add(store, "a")
    assert store.transact(look) == Thing(1, "a", 1)


def test_a_cached_row_is_not_what_was_undone(engine: Engine) -> None:
    """A row that was read between a write and its undoing is forgotten with it."""

    def work(tx: Tx) -> None:
        tx.run("things.resize", size=5, name="a")
        assert look(tx) == Thing(1, "a", 5)
        raise Refused

    store = engine.open()
    add(store, "a")
    store.transact(look)
    with pytest.raises(Refused):
        store.transact(work)
    assert store.transact(look) == Thing(1, "a", 1)


def test_a_cached_row_is_not_what_a_lost_group_wrote(engine: Engine) -> None:
    """When a whole group is lost, what was cached from it is too."""

    def lose(tx: Tx) -> None:
        tx.run_alone("things.add", (9, "z", 1))
        raise Refused

    store = engine.open()
    add(store, "a")
    store.commit(T0)
    store.transact(lambda tx: tx.run("things.resize", size=5, name="a"))
    assert store.transact(look) == Thing(1, "a", 5)
    with pytest.raises(Refused):
        store.transact(lose)
    with pytest.raises(Exception, match="rolled back"):
        store.commit(T0)
    assert store.transact(look) == Thing(1, "a", 1)


# --- tallies and topics ------------------------------------------------------------------------


def sums(store: Any) -> Sum | None:
    found: Sum | None = store.transact(lambda tx: tx.one(Sum, "things.sum", id=1))
    return found


def test_tallies_of_a_group_are_joined(engine: Engine) -> None:
    """Additions are seen by tallied() at once, in the row after the commit, and once each."""
    store = engine.open()
    store.transact(lambda tx: tx.run("things.begin_sum", id=1))
    store.commit(T0)
    for _ in range(3):
        store.transact(lambda tx: tx.tally("things.count", 1, a=2))
    store.transact(lambda tx: tx.tally("things.count", 1, b=-1))
    assert store.transact(lambda tx: tx.tallied("things.count", 1)) == {"a": 6, "b": -1}
    assert sums(store) == Sum(1, 0, 0)
    store.commit(T0)
    assert sums(store) == Sum(1, 6, -1)
    assert store.transact(lambda tx: tx.tallied("things.count", 1)) == {}
    store.commit(T0)
    assert sums(engine.open()) == Sum(1, 6, -1)


def test_a_failing_work_takes_its_tallies_along(engine: Engine) -> None:
    """What a failed work added is taken out again; what the others added is not."""

    def work(tx: Tx) -> None:
        tx.tally("things.count", 1, a=100, b=100)
        tx.tally("things.count", 1, a=100)
        raise Refused

    store = engine.open()
    store.transact(lambda tx: tx.run("things.begin_sum", id=1))
    store.transact(lambda tx: tx.tally("things.count", 1, a=1))
    with pytest.raises(Refused):
        store.transact(work)
    store.commit(T0)
    assert sums(engine.open()) == Sum(1, 1, 0)


def test_topics_come_with_the_commit_once_and_in_order(engine: Engine) -> None:
    """commit() returns each topic of the works that stand once, in the order of first waking."""

    def fail(tx: Tx) -> None:
        tx.wake("never")
        raise Refused

    store = engine.open()
    for topic in ("b", "a", "b"):
        store.transact(lambda tx, topic=topic: tx.wake(topic))
    with pytest.raises(Refused):
        store.transact(fail)
    assert store.commit(T0) == ("b", "a")
    assert store.commit(T0) == ()


def test_a_lost_group_wakes_nobody_and_counts_nothing(engine: Engine) -> None:
    """Topics and tallies of a group that was not committed do not reach the next one."""

    def lose(tx: Tx) -> None:
        tx.run_alone("things.add", (9, "z", 1))
        raise Refused

    store = engine.open()
    store.transact(lambda tx: tx.run("things.begin_sum", id=1))
    store.commit(T0)
    store.transact(lambda tx: (tx.wake("a"), tx.tally("things.count", 1, a=5)))
    with pytest.raises(Refused):
        store.transact(lose)
    with pytest.raises(Exception, match="rolled back"):
        store.commit(T0)
    add(store, "x")
    assert store.commit(T0) == ()
    assert sums(store) == Sum(1, 0, 0)


# --- sequences and the clock -------------------------------------------------------------------


def test_sequences_grow_whatever_the_clock_does(engine: Engine) -> None:
    """Numbers grow within an instant, over instants, and when the clock goes back."""
    store = engine.open()
    instants = [T0, T0, T0 + 5, T0 + 4, T0 - 1_000, T0 + 6]
    given = [store.transact(lambda tx, at=at: tx.sequence(Millis(at))) for at in instants]
    assert given == sorted(set(given))
    assert [n >> SEQ_BITS for n in given] == [T0, T0, T0 + 5, T0 + 5, T0 + 5, T0 + 6]


@pytest.mark.parametrize("clock", [0, 1, -60_000, 60_000])
def test_sequences_grow_across_openings(engine: Engine, clock: int) -> None:
    """After a restart the first number lies beyond all earlier ones, wherever the clock stands."""

    def work(tx: Tx) -> int:
        tx.run("things.add", id=None, name="a", size=1)
        return [tx.sequence(T0) for _ in range(5)][-1]

    store = engine.open()
    last = store.transact(work)
    store.commit(T0)
    first = engine.open().transact(lambda tx: tx.sequence(Millis(T0 + clock)))
    assert first > last


def test_the_high_water_mark_never_sinks(engine: Engine) -> None:
    """It is the latest instant at which a group that wrote was committed."""
    store = engine.open()
    assert store.high_water_ms <= 1
    add(store, "a")
    store.commit(T0)
    add(store, "b")
    store.commit(Millis(T0 - 5))
    assert engine.open().high_water_ms >= T0


def test_a_tally_alone_raises_the_high_water_mark(engine: Engine) -> None:
    """A group that only counted is a group that wrote."""
    store = engine.open()
    store.transact(lambda tx: tx.run("things.begin_sum", id=1))
    store.commit(T0)
    store.transact(lambda tx: tx.tally("things.count", 1, a=1))
    store.commit(Millis(T0 + 7))
    assert engine.open().high_water_ms >= T0 + 7


def test_has_group_tells_whether_there_is_something_to_commit(engine: Engine) -> None:
    """A work opens a group, a commit ends it."""
    store = engine.open()
    assert not store.has_group
    add(store, "a")
    assert store.has_group
    store.commit(T0)
    assert not store.has_group


def test_has_writes_tells_whether_a_commit_syncs(engine: Engine) -> None:
    """Reading writes nothing; a row, or a counter alone, does."""
    store = engine.open()
    store.transact(lambda tx: tx.rows(Thing, "things.all"))
    assert (store.has_group, store.has_writes) == (True, False)
    add(store, "a")
    assert store.has_writes
    store.commit(T0)
    assert not store.has_writes
    store.transact(lambda tx: tx.run("things.begin_sum", id=1))
    store.commit(T0)
    store.transact(lambda tx: tx.tally("things.count", 1, a=1))
    assert store.has_writes


# --- migrations --------------------------------------------------------------------------------


def test_migrations_go_forward(engine: Engine) -> None:
    """A newer program applies the steps that are missing, once, and keeps the rows."""
    add(store := engine.open(), "a")
    store.commit(T0)
    colour = (
        "\n-- name: colour\n-- A thing's colour.\nSELECT colour FROM things WHERE name = :name;\n"
    )
    newer = parse_statements("things", STEP_1 + STEP_2 + NAMED + colour)
    for _ in range(2):
        row = engine.open(newer).transact(lambda tx: tx.one(Id, "things.colour", name="a"))
        assert row == ("grey",)


def test_a_new_service_gets_its_tables(engine: Engine) -> None:
    """A service that the database has not met is added beside the others."""
    add(store := engine.open(), "a")
    store.commit(T0)
    other = parse_statements(
        "others",
        "-- schema 1: others\nCREATE TABLE others (id INTEGER PRIMARY KEY) STRICT;\n"
        "-- name: all\n-- All.\nSELECT id FROM others;\n",
    )
    store = engine.open(THINGS, other)
    assert store.transact(lambda tx: tx.rows(Id, "others.all")) == []
    assert names(store) == ["a"]


def test_a_newer_schema_is_refused_unchanged(engine: Engine) -> None:
    """An older program names what it found, and changes not a byte."""
    newer = parse_statements("things", STEP_1 + STEP_2 + NAMED)
    store = engine.open(newer)
    add(store, "a")
    store.commit(T0)
    before = engine.image()
    with pytest.raises(SchemaTooNew) as seen:
        engine.open(THINGS)
    assert str(seen.value) == (
        "the tables of things are at step 2, and this program knows 1: start the newer Redrive"
        " that wrote them"
    )
    assert engine.image() == before
    assert names(engine.open(newer)) == ["a"]


def test_a_failing_step_changes_nothing(engine: Engine) -> None:
    """Steps are applied together or not at all."""
    bad = parse_statements(
        "things", STEP_1 + STEP_2 + "-- schema 3: wrong\nALTER TABLE nothing ADD x;\n" + NAMED
    )
    add(store := engine.open(), "a")
    store.commit(T0)
    with pytest.raises(Exception, match="nothing"):
        engine.open(bad)
    assert names(engine.open()) == ["a"]


def test_statements_say_what_they_do(engine: Engine) -> None:
    """A statement that is known neither to read nor to write cannot be undone: it is refused."""
    odd = parse_statements("odd", "-- name: x\n-- Odd.\nREPLACE INTO things VALUES (1, 'a', 1);\n")
    with pytest.raises(AssertionError, match=r"odd\.x neither reads nor writes"):
        engine.open(THINGS, odd)
