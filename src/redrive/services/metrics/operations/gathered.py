"""Metrics by namespace, name and dimensions: RecordGathered, PutMetricData's rows, rolling up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.time import HOUR_MS, MINUTE_MS
from redrive.services.metrics.gatherer import Key
from redrive.services.metrics.model import Named, Number, Set, SetRow
from redrive.services.metrics.reading import dimensions_text, set_of
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.rules import FIVE_MS, Ages, join
from redrive.services.metrics.spreads import write_spread
from redrive.store.store import Tx

NAMES_MAX = 100_000
"""Metrics of all accounts; more are not begun. AWS has no limit."""

ROWS_MAX = 2_000


def record_gathered(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Write what the gatherer has given out (internal). params: Points, as of Gatherer.take."""
    write_sets(tx, ((one["Key"], one["Set"]) for one in params["Points"]))
    return {}


def write_sets(tx: Tx, sets: Iterable[tuple[Key, Set]]) -> None:
    """Add sets to the minutes that they belong to."""
    grown = 0
    names: int | None = None  # how many metrics there are, once that is asked for
    for key, one in sets:
        metric = _metric_id(tx, key)
        if metric is None:
            names = _count_names(tx) if names is None else names
            if names >= NAMES_MAX:
                continue
            metric = _add_metric(tx, key)
            names += 1
        grown += _join_point(tx, metric, MINUTE_MS, key.at_ms, one)
        tx.run("metrics.tell_metric", id=metric, at_ms=key.at_ms)
    if grown:
        tx.run("metrics.grow", points=grown)


def _where(key: Key) -> dict[str, Any]:
    return {
        "account": key.account,
        "region": key.region,
        "namespace": key.namespace,
        "name": key.name,
        "dimensions": dimensions_text(key.dimensions),
        "unit": key.unit,
    }


def _metric_id(tx: Tx, key: Key) -> int | None:
    found: Named | None = tx.one(Named, "metrics.metric_named", **_where(key))
    return None if found is None else found.id


def _count_names(tx: Tx) -> int:
    count = tx.one(Number, "metrics.count_metrics")
    assert count is not None
    return int(count.value)


def _add_metric(tx: Tx, key: Key) -> int:
    added = tx.one(Number, "metrics.add_metric", **_where(key), at_ms=key.at_ms)
    assert added is not None
    return int(added.value)


def _join_point(tx: Tx, metric: int, period_ms: int, at_ms: int, one: Set) -> int:
    """Add a set to a point; return how many rows that makes more."""
    there: SetRow | None = tx.one(
        SetRow, "metrics.point", metric=metric, period_ms=period_ms, at_ms=at_ms
    )
    if there is not None:
        one = join(set_of(there), one)
    samples, total, least, most, spread = one
    tx.run(
        "metrics.set_point",
        metric=metric,
        period_ms=period_ms,
        at_ms=at_ms,
        samples=float(samples),
        total=float(total),
        least=float(least),
        most=float(most),
        spread=write_spread(spread),
    )
    return int(there is None)


def roll_metric(tx: Tx, metric: int, limits: Ages, now_ms: int) -> tuple[int, bool]:
    """Roll a metric up, and let go of what is too old for any resolution.

    Return by how many rows it has grown (or shrunk), and whether it has more to roll.
    """
    hour_ms = now_ms - now_ms % HOUR_MS
    grown, more = _roll(tx, metric, MINUTE_MS, FIVE_MS, hour_ms - limits.minutes_ms)
    if not more:
        further, more = _roll(tx, metric, FIVE_MS, HOUR_MS, hour_ms - limits.fives_ms)
        grown += further
    grown -= tx.run(
        "metrics.forget_points",
        metric=metric,
        period_ms=HOUR_MS,
        before_ms=hour_ms - limits.hours_ms,
    )
    if not grown:
        tx.run("metrics.forget_metric", id=metric)
    return grown, more


def _roll(tx: Tx, metric: int, period_ms: int, into_ms: int, before_ms: int) -> tuple[int, bool]:
    found: list[SetRow] = tx.rows(
        SetRow,
        "metrics.points_between",
        metric=metric,
        period_ms=period_ms,
        start_ms=0,
        end_ms=before_ms,
        limit=ROWS_MAX,
    )
    is_cut = len(found) == ROWS_MAX
    if is_cut:  # the last period may not be whole
        before_ms = found[-1].at_ms - found[-1].at_ms % into_ms
    rolled: dict[int, Set] = {}
    for row in found:
        if row.at_ms < before_ms:
            at_ms = row.at_ms - row.at_ms % into_ms
            one = set_of(row)
            rolled[at_ms] = join(rolled[at_ms], one) if at_ms in rolled else one
    if not rolled:
        return 0, False
    grown = sum(_join_point(tx, metric, into_ms, at_ms, one) for at_ms, one in rolled.items())
    gone = tx.run("metrics.forget_points", metric=metric, period_ms=period_ms, before_ms=before_ms)
    return grown - gone, is_cut


def forget_account(tx: Tx, account: str) -> None:
    """Remove an account's metrics."""
    found: list[Any] = tx.rows(Number, "metrics.all_metrics_of", account=account)
    for metric in found:
        gone = tx.run("metrics.drop_points", id=metric.value)
        tx.run("metrics.drop_metric", id=metric.value)
        if gone:
            tx.run("metrics.grow", points=-gone)
