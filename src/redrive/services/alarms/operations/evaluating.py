"""Looking at alarms that are due: Watch, one chunk at a time, and ForgetHistory. Internal.

The figures of a chunk are read by one call; the alarms that are judged are those that the second
transaction finds, so that what was put meanwhile is never judged by figures of another metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redrive.core.effects import Ask, Call, Context, Params, Reply, Result
from redrive.core.time import MINUTE_MS, SECOND_MS, Millis
from redrive.services.alarms import changing, compounding, wording
from redrive.services.alarms.definitions import interval_ms, period_ms_of, queries_of
from redrive.services.alarms.model import COMPOSITE, METRIC, Alarm, AlarmRow, Number
from redrive.services.alarms.room import Alarms
from redrive.services.alarms.rules import Figure, Question, judge, question_of, span_of
from redrive.store.store import Tx

FIRST_SLOT_MS, SLOT_MS, SLOTS = 1 * SECOND_MS, 100, 80
"""Alarms are spread over eight seconds, from a second after the minute on."""

MINUTES_MAX = 5_000
"""Minutes of figures that are read for a chunk, but for one alarm that looks further back."""

COMPOSITES_MAX = 5
"""Composite alarms of one transaction: each may have a hundred children, and all others below."""

HISTORY_ROWS_MAX = 500


class Look(NamedTuple):
    """One alarm of a chunk: what is read of it."""

    alarm: Alarm
    question: Question
    period_ms: int
    end_ms: int


def next_slot(alarm_id: int, interval: int, now_ms: int) -> int:
    """Return when an alarm is evaluated next, each in its own part of the interval."""
    offset = FIRST_SLOT_MS + alarm_id * 37 % SLOTS * SLOT_MS
    return now_ms - (now_ms - offset) % interval + interval


def watch(room: Alarms, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Look at the alarms that have been due for longest, Limit at most; composite ones first.

    -> {"NextMs": when the next one is due, or None}
    """
    now_ms, limit = context.now_ms, params["Limit"]
    composites = _due(tx, COMPOSITE, now_ms, min(limit, COMPOSITES_MAX))
    for alarm in composites:
        compounding.look(room, tx, changing.reread(tx, alarm), now_ms)
    looks: list[Look] = []
    minutes = 0
    for alarm in _due(tx, METRIC, now_ms, limit) if not composites else ():
        row = alarm.row
        if _is_waiting(alarm, now_ms):
            assert row.warm_ms is not None
            tx.run("alarms.set_due", due_ms=row.warm_ms, id=row.id)
            continue
        look = _look(alarm, now_ms)
        minutes += look.question.periods * look.period_ms // MINUTE_MS
        if looks and minutes > MINUTES_MAX:
            break
        looks.append(look)
    if not looks:
        return _following(tx)
    watches = {"Watches": [_watch(one) for one in looks]}
    call = Call("cloudwatch", "ReadFigures", watches, context.caller)
    return Ask(call, partial(_read, room, looks))


def _due(tx: Tx, kind: str, now_ms: int, limit: int) -> list[Alarm]:
    rows: list[AlarmRow] = tx.rows(AlarmRow, "alarms.due", kind=kind, now_ms=now_ms, limit=limit)
    return [Alarm(row) for row in rows]


def _is_waiting(alarm: Alarm, now_ms: int) -> bool:
    warm_ms = alarm.row.warm_ms
    if warm_ms is None or now_ms >= warm_ms:
        return False
    warming = alarm.config.get("WarmUpConfiguration") or {}
    return bool(warming.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"))


def _look(alarm: Alarm, now_ms: int) -> Look:
    period_ms = period_ms_of(alarm.config)
    step_ms = min(MINUTE_MS, 10 * SECOND_MS if period_ms < MINUTE_MS else MINUTE_MS)
    return Look(alarm, question_of(alarm.config), period_ms, now_ms - now_ms % step_ms)


def _watch(look: Look) -> dict[str, Any]:
    start_ms, end_ms = span_of(look.question, look.period_ms, look.end_ms)
    row = look.alarm.row
    return {
        "Account": row.account,
        "Region": row.region,
        "Queries": queries_of(look.alarm.config),
        "StartMs": start_ms,
        "EndMs": end_ms,
    }


def _read(room: Alarms, looks: Sequence[Look], tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    if reply.error is not None:
        raise reply.error
    assert reply.result is not None
    ready_ms = reply.result["ReadyMs"]
    if ready_ms is not None:
        composite_ms = _next_due(tx, COMPOSITE)
        return {"NextMs": ready_ms if composite_ms is None else min(composite_ms, ready_ms)}
    slots: list[tuple[int, int]] = []
    for look, figures in zip(looks, reply.result["Figures"], strict=True):
        row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_id", id=look.alarm.id)
        if row is None or row.config != look.alarm.row.config:
            continue  # it is gone, or due again as another one
        period_ms, periods = look.period_ms, look.question.periods
        slots.append((next_slot(row.id, interval_ms(period_ms, periods), now_ms), row.id))
        _evaluate(room, tx, look._replace(alarm=Alarm(row)), figures, now_ms)
    tx.run_many("alarms.set_due", slots)
    return _following(tx)


def _following(tx: Tx) -> Result:
    due = [at_ms for kind in (METRIC, COMPOSITE) if (at_ms := _next_due(tx, kind)) is not None]
    return {"NextMs": min(due, default=None)}


def _next_due(tx: Tx, kind: str) -> int | None:
    following: Number | None = tx.one(Number, "alarms.next_due", kind=kind)
    return None if following is None else following.value


def _evaluate(
    room: Alarms, tx: Tx, look: Look, read: Iterable[Sequence[Any]] | None, now_ms: Millis
) -> None:
    """Judge an alarm by what was read; None: its expression cannot be evaluated any more."""
    alarm = look.alarm
    trouble = "EVALUATION_ERROR" if read is None else ""
    if trouble != alarm.row.trouble:
        tx.run("alarms.set_trouble", id=alarm.id, trouble=trouble, now_ms=now_ms)
    figures = [Figure(*one) for one in read or ()]
    if alarm.row.warm_ms is not None:
        is_enough = len(figures) >= look.question.periods
        if now_ms < alarm.row.warm_ms and not is_enough:
            return
        tx.run("alarms.end_warm_up", id=alarm.id)
        alarm = changing.reread(tx, alarm)
    verdict = judge(look.question, figures, look.period_ms, look.end_ms)
    if verdict is None or verdict.state == alarm.state:
        return
    change = changing.change_state(
        room,
        tx,
        alarm,
        verdict.state,
        wording.reason(look.question, verdict),
        wording.reason_data(alarm.config, look.question, verdict, look.period_ms, now_ms),
        now_ms,
    )
    assert change is not None
    changing.tell(room, tx, alarm, change, now_ms)


def forget_history(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Let go of some lines of history that are too old; More tells whether there may be others."""
    del room, params
    return {"More": changing.forget_old_history(tx, context.now_ms, HISTORY_ROWS_MAX)}
