"""Record, RollUp and ResetAccount: the internal operations that write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.time import HOUR_MS
from redrive.services.metrics.model import Mark, Minute, Named, Number, Roll, Series
from redrive.services.metrics.operations.gathered import forget_account, roll_metric
from redrive.services.metrics.room import Gauges, Metrics
from redrive.services.metrics.rules import (
    FIVE_MS,
    POINTS_MAX,
    Ages,
    Sets,
    ages,
    begin_mark,
    join_all,
    next_squeeze,
    read_sets,
    record,
    roll_up,
    sets_of,
    write_sets,
)
from redrive.store.store import Tx

ROWS_MAX = 2_000
"""Rows read of one series in one transaction: some ten milliseconds in which nobody else is
served."""

SERIES_MAX = 50
"""Series looked at in one transaction; of most of them nothing is old enough."""


def record_minute(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Write a minute and a mark for each queue of a chunk that is active (internal).

    params: AtMs, when the minute began; HasGauges, whether the gauges are those of its end; After;
    Measured, a reply of sqs.MeasureQueues. A chunk that comes twice adds nothing the second time.
    """
    at_ms, after = params["AtMs"], params["After"]
    measured = params["Measured"]
    up_to = measured["UpTo"]
    marks = {mark.queue: mark for mark in tx.rows(Mark, "metrics.marks", after=after, up_to=up_to)}
    new_marks: list[Mark] = []
    points = 0
    if not after:
        room.fresh = {}
    for one in (*measured["Queues"], *measured["Retired"]):
        mark = marks.get(one["Id"])
        is_first = mark is None
        if mark is None:
            mark = begin_mark(one, _series_id(tx, one))
        recorded = record(one, mark, at_ms, context.now_ms, has_gauges=params["HasGauges"])
        if recorded.mark is not None or is_first:
            new_marks.append(recorded.mark or mark)
        if recorded.minute is not None:
            points += _write_minute(tx, recorded.minute)
        if "Visible" in one:
            room.fresh[one["Id"]] = Gauges(
                one["Visible"], one["InFlight"], one["Delayed"], one["AgeS"]
            )
    if new_marks:
        tx.run_many("metrics.set_mark", new_marks)
    _forget_marks(tx, marks, measured, after)
    if points:
        tx.run("metrics.grow", points=points)
    if not measured["More"]:
        room.gauges = room.fresh
    return {"Points": points}


def _series_id(tx: Tx, one: Mapping[str, Any]) -> int:
    place = {"account": one["Account"], "region": one["Region"], "name": one["Name"]}
    found = tx.one(Series, "metrics.series", **place)
    if found is not None:
        return int(found.id)
    added = tx.one(Number, "metrics.add_series", **place)
    assert added is not None
    return int(added.value)


def _write_minute(tx: Tx, minute: Minute) -> int:
    """Write a minute; return how many rows that makes more."""
    if minute.sent or minute.noisy_groups is not None:
        _set_kinds(tx, minute)
    row = minute._asdict()
    if tx.run("metrics.add_minute", **row):
        return 1
    tx.run("metrics.merge_minute", **row)
    return 0


def _set_kinds(tx: Tx, minute: Minute) -> None:
    tx.run(
        "metrics.set_kinds",
        id=minute.series,
        is_sized=int(minute.sent > 0),
        is_fair=int(minute.noisy_groups is not None),
    )


def _forget_marks(
    tx: Tx, marks: Mapping[int, Mark], measured: Mapping[str, Any], after: int
) -> None:
    alive = [one["Id"] for one in (*measured["Queues"], *measured["Retired"])]
    if marks.keys() - set(alive):
        queues = orjson.dumps(alive).decode()
        tx.run("metrics.forget_marks", after=after, up_to=measured["UpTo"], queues=queues)


# --- rolling up -------------------------------------------------------------------------------


def roll_up_points(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Roll up, in a bounded step, what is too old for its resolution, and let go of what is too old
    for any (internal).

    params: After, the series at which the step before ended, or 0. Returns After, More, and IsFull:
    there were more rows than there should be, so that it is worth coming again before the hour.
    """
    after: int = params["After"]
    if after < 0:  # the walk over queues is done: now the other metrics
        return _roll_named(room, tx, after, context.now_ms)
    if not after:
        points = tx.one(Number, "metrics.points")
        assert points is not None
        room.squeeze = next_squeeze(room.squeeze, points.value)
        room.is_full = points.value > POINTS_MAX
    limits = ages(room.squeeze)
    found: list[Series] = tx.rows(Series, "metrics.series_after", after=after, limit=SERIES_MAX)
    for series in found:
        grown, has_more = _roll_series(tx, series.id, limits, context.now_ms)
        if grown:
            tx.run("metrics.grow", points=grown)
        if has_more:
            return {"After": after, "More": True, "IsFull": room.is_full}
        after = series.id
        if grown:  # enough for one transaction
            break
    is_last = len(found) < SERIES_MAX and (not found or after == found[-1].id)
    if is_last and tx.one(Named, "metrics.metrics_after", after=0, limit=1) is not None:
        return {"After": -1, "More": True, "IsFull": room.is_full}
    return {"After": after, "More": not is_last, "IsFull": room.is_full}


def _roll_named(room: Metrics, tx: Tx, after: int, now_ms: int) -> Result:
    """Roll up metrics after one, whose id is -1 - after."""
    limits = ages(room.squeeze)
    found: list[Named] = tx.rows(Named, "metrics.metrics_after", after=-1 - after, limit=SERIES_MAX)
    for metric in found:
        grown, has_more = roll_metric(tx, metric.id, limits, now_ms)
        if grown:
            tx.run("metrics.grow", points=grown)
        if has_more:
            return {"After": after, "More": True, "IsFull": room.is_full}
        after = -1 - metric.id
        if grown:  # enough for one transaction
            break
    is_last = len(found) < SERIES_MAX and (not found or after == -1 - found[-1].id)
    return {"After": after, "More": not is_last, "IsFull": room.is_full}


def _roll_series(tx: Tx, series: int, limits: Ages, now_ms: int) -> tuple[int, bool]:
    """Return by how many rows a series has grown (or shrunk), and whether it has more to roll."""
    hour_ms = now_ms - now_ms % HOUR_MS
    grown, more = _roll_minutes(tx, series, hour_ms - limits.minutes_ms)
    if not more:
        more_grown, more = _roll_fives(tx, series, hour_ms - limits.fives_ms)
        grown += more_grown
    grown -= tx.run(
        "metrics.forget_rolls",
        series=series,
        period_ms=HOUR_MS,
        before_ms=hour_ms - limits.hours_ms,
    )
    if not grown:
        tx.run("metrics.forget_series", id=series)
    return grown, more


def _roll_minutes(tx: Tx, series: int, before_ms: int) -> tuple[int, bool]:
    found: list[Minute] = tx.rows(
        Minute, "metrics.minutes", series=series, before_ms=before_ms, limit=ROWS_MAX
    )
    if not found:
        return 0, False
    is_cut = len(found) == ROWS_MAX
    if is_cut:  # the last five minutes may not be whole
        before_ms = found[-1].at_ms - found[-1].at_ms % FIVE_MS
    points = [(row.at_ms, sets_of(row)) for row in found if row.at_ms < before_ms]
    grown = _write_rolls(tx, series, FIVE_MS, roll_up(points, FIVE_MS))
    return grown - tx.run("metrics.forget_minutes", series=series, before_ms=before_ms), is_cut


def _roll_fives(tx: Tx, series: int, before_ms: int) -> tuple[int, bool]:
    found = _rolls(tx, series, FIVE_MS, 0, before_ms)
    if not found:
        return 0, False
    is_cut = len(found) == ROWS_MAX
    if is_cut:
        before_ms = found[-1].at_ms - found[-1].at_ms % HOUR_MS
    points = [(row.at_ms, read_sets(row.sets)) for row in found if row.at_ms < before_ms]
    grown = _write_rolls(tx, series, HOUR_MS, roll_up(points, HOUR_MS))
    gone = tx.run("metrics.forget_rolls", series=series, period_ms=FIVE_MS, before_ms=before_ms)
    return grown - gone, is_cut


def _rolls(tx: Tx, series: int, period_ms: int, start_ms: int, end_ms: int) -> list[Roll]:
    return tx.rows(
        Roll,
        "metrics.rolls",
        series=series,
        period_ms=period_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        limit=ROWS_MAX,
    )


def _write_rolls(tx: Tx, series: int, period_ms: int, rolled: dict[int, Sets]) -> int:
    """Write rolled up periods, into those that are there already; return how many are new.

    One is there when a server that was away for long has recorded its last minute afterwards.
    """
    there = {
        row.at_ms: read_sets(row.sets)
        for row in _rolls(tx, series, period_ms, min(rolled), max(rolled) + 1)
    }
    tx.run_many(
        "metrics.set_roll",
        [
            (series, period_ms, at_ms, write_sets(join_all((there.get(at_ms, {}), sets))))
            for at_ms, sets in rolled.items()
        ],
    )
    return len(rolled.keys() - there.keys())


def reset_account(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Remove all metrics of the caller's account, in all regions (for /_redrive/reset)."""
    for series in tx.rows(Number, "metrics.all_series_of", account=context.caller.account):
        gone = tx.run("metrics.drop_minutes", series=series.value)
        gone += tx.run("metrics.drop_rolls", series=series.value)
        tx.run("metrics.drop_marks", series=series.value)
        tx.run("metrics.drop_series", id=series.value)
        if gone:
            tx.run("metrics.grow", points=-gone)
    room.gatherer.sample(context.now_ms)
    room.gatherer.forget(context.caller.account)
    forget_account(tx, context.caller.account)
    return {}
