"""The sums of all points are the counters: across kills, restarts, deletions and rolling up."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from metrics_rig import ACCOUNT, DAY_MS, HOUR_MS, REGION, STATEMENTS, T0, Rig, Text

from redrive.core.errors import Unavailable
from redrive.core.time import MINUTE_MS
from redrive.services.metrics import rules
from redrive.services.metrics.operations import record as recording
from redrive.services.metrics.rules import FIVE_MS
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import Statements, load_statements


def play(rig: Rig, url: str, dice: random.Random, steps: int) -> None:
    """Use a queue, let time pass, kill the server now and then."""
    handles: list[str] = []
    for _ in range(steps):
        kind = dice.choice(["send", "send", "receive", "delete", "wait", "crash", "stop"])
        if kind == "send":
            rig.send(url, "x" * dice.randint(1, 500))
        elif kind == "receive":
            handles += rig.receive(url, dice.randint(1, 10))
        elif kind == "delete" and handles:
            rig.delete(url, dice.choice(handles))
        elif kind == "wait":
            rig.wait(dice.choice([1, 20, 60, 300]))
        elif kind == "crash":
            rig.crash()
        elif kind == "stop" and dice.random() < 0.5:
            rig.stop()


@pytest.mark.parametrize("seed", range(8))
def test_sums_are_the_counters_whatever_happens(rig: Rig, seed: int) -> None:
    """Sends, receives, deletes, kills and restarts in any order: nothing is lost or told twice."""
    url = rig.create()
    for _ in range(3):
        play(rig, url, random.Random(seed), 50)
        rig.minute()
        rig.minute()
        rig.check()
        counted, found = rig.rows()
        assert counted == found


def test_a_kill_between_the_calls_of_a_walk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured and not recorded, or recorded and not yet forgotten: the next walk makes it good."""
    url = rig.create()
    rig.create("gone")
    for operation in ("RecordMinute", "ForgetRetired"):
        rig.send(url)
        rig.send(url.replace("/q", "/gone"))
        if operation == "ForgetRetired":
            rig.call("DeleteQueue", QueueUrl=url.replace("/q", "/gone"))
        service = "cloudwatch" if operation == "RecordMinute" else "sqs"

        def dies(*_: Any) -> None:
            raise Unavailable("killed before this call")

        key = (service, operation)
        rig.registry._operations[key] = dies
        rig.minute()
        rig.crash()
        rig.minute()
        rig.check(**({"sent": 2, "sent_bytes": 10} if operation == "ForgetRetired" else {}))
    rig.minute()
    rig.check(sent=2, sent_bytes=10)
    assert not rig.read(lambda tx: tx.rows(Text, "queues.retired", after=0, limit=9))


def test_what_a_killed_server_counted_belongs_to_its_last_minute(rig: Rig) -> None:
    """However long the machine was away; the gauges of that minute nobody knows."""
    url = rig.create()
    rig.minute()
    rig.send(url)
    killed = rig.now_ms - rig.now_ms % MINUTE_MS
    rig.now_ms += 5 * HOUR_MS
    rig.crash()
    assert [(p["Timestamp"], p["Sum"]) for p in rig.statistics("NumberOfMessagesSent")] == [
        (T0, 0),
        (killed, 1),
    ]
    visible = rig.statistics("ApproximateNumberOfMessagesVisible")
    assert [point["Timestamp"] for point in visible] == [T0]
    rig.minute()
    assert rig.value("ApproximateNumberOfMessagesVisible") == 1
    rig.check()


def test_a_restart_within_a_minute_adds_to_it(rig: Rig) -> None:
    """One datapoint, with the sum of both servers' counts and sizes."""
    url = rig.create()
    rig.send(url, "aaaa")
    rig.wait(5)
    rig.stop()
    rig.send(url, "aa")
    rig.wait(5)
    rig.stop()
    rig.send(url, "aaaaaaaa")
    rig.minute()
    names = ["SampleCount", "Sum", "Minimum", "Maximum"]
    (point,) = rig.statistics("SentMessageSize", Statistics=names)
    assert [point[name] for name in names] == [3, 14, 2, 8]
    rig.check()


def test_sizes_that_a_killed_server_took_along_are_bounded(rig: Rig) -> None:
    """Sum and count stay exact; least and greatest are at least as far apart as the mean tells."""
    url = rig.create()
    rig.send(url, "a" * 10)
    rig.send(url, "a" * 20)
    rig.crash()
    rig.minute()
    names = ["SampleCount", "Sum", "Minimum", "Maximum"]
    (point,) = rig.statistics("SentMessageSize", Statistics=names)
    assert [point[name] for name in names] == [2, 30, 15, 15]


def test_a_full_disk_delays_a_minute_and_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that is refused is tried again, empty receives and sizes included."""
    url = rig.create()
    rig.minute()
    rig.send(url, "aaa")
    rig.receive(url)
    rig.receive(url)
    refused = []

    def commit(store: SqliteStore, now_ms: Any) -> tuple[str, ...]:
        if store.has_group and len(refused) < 7:
            refused.append(now_ms)
            store._execute("ROLLBACK")
            store._open = False
            store._tx.take()
            store._tx.has_written = False
            store._tx.forget()
            raise Unavailable("the disk is full")
        return real(store, now_ms)

    real = SqliteStore.commit
    monkeypatch.setattr(SqliteStore, "commit", commit)
    at_ms = rig.minute()
    rig.wait(20)
    assert len(refused) == 7
    told = {
        name: [p["Sum"] for p in rig.statistics(name) if p["Timestamp"] == at_ms]
        for name in ("NumberOfMessagesSent", "NumberOfEmptyReceives", "SentMessageSize")
    }
    assert told == {
        "NumberOfMessagesSent": [1],
        "NumberOfEmptyReceives": [1],
        "SentMessageSize": [3],
    }
    rig.check()


def test_a_deleted_queue_keeps_its_metrics(rig: Rig) -> None:
    """What it counted since the last minute too; a new queue of the name goes on with them."""
    url = rig.create()
    rig.send(url)
    rig.minute()
    rig.send(url)
    rig.receive(url)
    rig.receive(url)
    rig.call("DeleteQueue", QueueUrl=url)
    rig.minute()
    assert rig.value("NumberOfMessagesSent") == 1
    assert rig.value("NumberOfEmptyReceives") == 1
    assert rig.value("ApproximateNumberOfMessagesVisible") is None
    rig.minute()
    assert rig.value("NumberOfMessagesSent") is None
    rig.wait(60)
    rig.create()
    rig.send(url)
    rig.minute()
    sums = [point["Sum"] for point in rig.statistics("NumberOfMessagesSent")]
    assert sum(sums) == 3
    assert len(rig.all_series()) == 1
    rig.check(sent=2, received=2, sent_bytes=10, empty_receives=1)


OLD = {
    "queue": "INSERT INTO queues (account, region, name, heap, created_ms, modified_ms,"
    " visibility_ms, delay_ms, wait_ms, retention_ms, bytes_max, attributes, tags)"
    " VALUES (:account, :region, 'q', 1, :at_ms, :at_ms, 30000, 0, 0, 345600000, 1024, '{}', '{}')",
    "heap": "INSERT INTO heaps DEFAULT VALUES",
    "counts": "INSERT INTO queue_counts (queue, sent, received, deleted) VALUES (1, 9, 7, 9)",
}


def test_queues_of_an_older_redrive_begin_at_their_counters(folder: Path) -> None:
    """What was counted before metrics were kept is in no minute, and what comes after is."""
    (now,) = load_statements(STATEMENTS[:1])
    before = Statements("queues", now.steps[:3], OLD)  # the fourth step is that of metrics
    store = SqliteStore(str(folder / "redrive.db"), [before])

    def fill_old(tx: Any) -> None:
        tx.run("queues.queue", account=ACCOUNT, region=REGION, at_ms=T0 - DAY_MS)
        tx.run("queues.heap")
        tx.run("queues.counts")

    store.transact(fill_old)
    store.commit(T0 - DAY_MS)
    store.close()
    rig = Rig(folder)
    url = "http://127.0.0.1:4566/000000000000/q"
    rig.send(url)
    rig.minute()
    told = [point["Sum"] for point in rig.statistics("NumberOfMessagesSent")]
    assert sum(told) == 1
    rig.send(url)
    rig.call("DeleteQueue", QueueUrl=url)
    rig.minute()
    assert rig.totals() == dict.fromkeys(rig.totals(), 0) | {"sent": 2, "sent_bytes": 10}
    rig.store.close()


def test_many_queues_are_measured_in_chunks(rig: Rig) -> None:
    """A walk is several calls, each about its own range; all queues are told of."""
    for n in range(250):
        rig.create(f"q{n:03}")
    asked = []
    measure = rig.registry._operations["sqs", "MeasureQueues"]

    def watched(tx: Any, params: Any, context: Any) -> Any:
        asked.append(params["After"])
        return measure(tx, params, context)

    rig.registry._operations["sqs", "MeasureQueues"] = watched
    for n in (0, 99, 100, 249):
        rig.send(f"http://127.0.0.1:4566/000000000000/q{n:03}")
    rig.minute()
    assert len(asked) == 3
    assert [rig.value("NumberOfMessagesSent", f"q{n:03}") for n in (0, 99, 100, 249, 7)] == [
        1,
        1,
        1,
        1,
        0,
    ]
    rig.check()


# --- rolling up -------------------------------------------------------------------------------


def fill(rig: Rig, url: str, days: int, every_ms: int = 4 * HOUR_MS) -> None:
    """Use a queue now and then, for so many days."""
    for n in range(days * DAY_MS // every_ms):
        rig.send(url, "x" * (n % 7 + 1))
        rig.wait(1)
        if n % 2:
            rig.receive(url)
        rig.pass_to(rig.now_ms + every_ms)


def test_ages_are_cloudwatchs() -> None:
    """15, 63 and 455 days; halved for want of room, down to three hours, six, a day."""
    assert rules.ages(0) == (15 * DAY_MS, 63 * DAY_MS, 455 * DAY_MS)
    assert rules.ages(1) == (180 * HOUR_MS, 756 * HOUR_MS, 5_460 * HOUR_MS)
    assert rules.ages(rules.SQUEEZE_MAX) == (3 * HOUR_MS, 6 * HOUR_MS, DAY_MS)


def test_points_are_rolled_up_and_keep_their_sums(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After their age to five minutes; sums, counts, extremes stay."""
    monkeypatch.setattr(rules, "MINUTES_AGE_MS", DAY_MS)
    url = rig.create("q", None, MessageRetentionPeriod="60")
    fill(rig, url, 3)
    rig.check()
    (series,) = rig.all_series()
    old = [at for at, _sets in rig.points(series.id) if at < rig.now_ms - DAY_MS - HOUR_MS]
    assert old
    assert all(at % FIVE_MS == 0 for at in old)
    counted, found = rig.rows()
    assert counted == found
    sizes = [sets["size"] for _at, sets in rig.points(series.id) if "size" in sets]
    assert (min(s.least for s in sizes), max(s.most for s in sizes)) == (1, 7)
    start = {"StartTime": T0, "EndTime": T0 + DAY_MS, "Period": 300}
    by_fives = rig.statistics("NumberOfMessagesSent", **start, Statistics=["Sum", "SampleCount"])
    assert sum(point["Sum"] for point in by_fives) == 6
    assert max(point["SampleCount"] for point in by_fives) == 5
    assert rig.statistics("NumberOfMessagesSent", **{**start, "Period": 60}) == []


def test_old_points_become_hours_and_go(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with the ages shortened, to the end of all of them."""
    monkeypatch.setattr(rules, "MINUTES_AGE_MS", 4 * HOUR_MS)
    monkeypatch.setattr(rules, "FIVES_AGE_MS", 12 * HOUR_MS)
    monkeypatch.setattr(rules, "HOURS_AGE_MS", 2 * DAY_MS)
    url = rig.create()
    for hour in range(40):
        rig.send(url)
        rig.pass_to(T0 + hour * HOUR_MS)
    rig.check()
    (series,) = rig.all_series()
    hours = [at for at, s in rig.points(series.id) if s["visible"].samples == 60]
    fives = [at for at, s in rig.points(series.id) if s["visible"].samples == 5]
    assert hours == [T0 + n * HOUR_MS for n in range(len(hours))]
    assert len(hours) == 39 - 12
    assert len(fives) == (12 - 4) * 12
    rig.call("DeleteQueue", QueueUrl=url)
    rig.pass_to(T0 + 100 * HOUR_MS)
    assert rig.all_series() == []
    assert rig.rows() == (0, 0)


def test_too_many_points_are_rolled_up_before_their_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ages are halved until the rows fit; the sums stay until hours go."""
    monkeypatch.setattr(rules, "POINTS_MAX", 1_500)
    monkeypatch.setattr(recording, "POINTS_MAX", 1_500)
    for name in ("a", "b"):
        rig.send(rig.create(name))
    most = 0
    for hour in range(30):
        rig.pass_to(T0 + hour * HOUR_MS)
        most = max(most, rig.rows()[0])
    assert most < 1_500 + 2 * 60 + 10
    assert rig.room.squeeze > 0
    rig.check()


def test_rolling_up_goes_in_bounded_steps(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step reads no more rows than it may, and the next one goes on."""
    url = rig.create()
    rig.send(url)
    rig.pass_to(T0 + 20 * HOUR_MS)
    monkeypatch.setattr(rules, "MINUTES_AGE_MS", 4 * HOUR_MS)
    monkeypatch.setattr(recording, "ROWS_MAX", 100)
    steps = []
    roll = rig.registry._operations["cloudwatch", "RollUp"]

    def watched(tx: Any, params: Any, context: Any) -> Any:
        steps.append(params["After"])
        return roll(tx, params, context)

    rig.registry._operations["cloudwatch", "RollUp"] = watched
    rig.pass_to(T0 + 21 * HOUR_MS + MINUTE_MS)
    assert len(steps) > 9
    (series,) = rig.all_series()
    assert sum(s["visible"].samples == 5 for _at, s in rig.points(series.id)) == 17 * 12
    rig.check()


def test_resetting_an_account_removes_its_metrics(rig: Rig) -> None:
    """All of them, and nobody else's."""
    rig.send(rig.create())
    rig.minute()
    for service in ("sqs", "cloudwatch"):
        rig.call("ResetAccount", service)
    rig.minute()
    assert rig.all_series() == []
    assert rig.rows() == (0, 0)


# --- canaries ---------------------------------------------------------------------------------


def forgets_a_mark(measured: Any, mark: Any, *rest: Any, **named: Any) -> Any:
    """Record a minute and leave the mark behind."""
    return rules.record(measured, mark, *rest, **named)._replace(mark=None)


def loses_a_minute(measured: Any, mark: Any, *rest: Any, **named: Any) -> Any:
    """Move the mark and write no minute."""
    return rules.record(measured, mark, *rest, **named)._replace(minute=None)


def miscounts(measured: Any, mark: Any, *rest: Any, **named: Any) -> Any:
    """Tell one too many."""
    recorded = rules.record(measured, mark, *rest, **named)
    assert recorded.minute is not None
    return recorded._replace(minute=recorded.minute._replace(sent=recorded.minute.sent + 1))


@pytest.mark.parametrize("error", [forgets_a_mark, loses_a_minute, miscounts])
def test_a_planted_error_in_the_deltas_is_found(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    """What judges the sums can fail."""
    monkeypatch.setattr(recording, "record", error)
    url = rig.create()
    rig.send(url)
    rig.minute()
    rig.send(url)
    rig.minute()
    with pytest.raises(AssertionError):
        rig.check()
