"""Composite alarms: a look at the children, and whether the actions are kept back.

    (nothing) ── ALARM, suppressor not in ALARM ──> WaitPeriod ── over ──> actions, (nothing)
        │                                               └── suppressor in ALARM ──> Alarm
        └── any change, suppressor in ALARM ──> Alarm ── suppressor leaves it ──> ExtensionPeriod
                                                  ^                                   │
                                                  └──── suppressor in ALARM again ────┤
                                                       actions, (nothing) <── over ───┘

What is told when nothing keeps it back any more is the state that the alarm then has, if it is
another than the one that was told last. AWS: API_PutCompositeAlarm; CloudWatch User Guide,
"Composite alarm action suppression".
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.time import SECOND_MS, Millis
from redrive.services.alarms import changing, notices, wording
from redrive.services.alarms.alarm_rules import is_met, parse_rule
from redrive.services.alarms.model import Alarm, AlarmRow, Child, Number, State
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx


class Keeping(NamedTuple):
    """What keeps actions back, and until when; nothing, and None."""

    by: str
    until_ms: int | None


FREE = Keeping("", None)


def look(room: Alarms, tx: Tx, alarm: Alarm, now_ms: Millis) -> None:
    """Set a composite alarm's state from its children, and act as its suppressor allows.

    An alarm that depends on itself keeps its state. AWS: API_PutCompositeAlarm, on cycles.
    """
    change = None
    if not depends_on_itself(tx, alarm):
        children = _children(tx, alarm, "rule")
        states = {child.name: child.state for child in children}
        met = is_met(parse_rule(alarm.config["AlarmRule"]), states.get)
        state: State = "ALARM" if met else "OK"
        if state != alarm.state:
            change = _change(room, tx, alarm, state, children, now_ms)
            alarm = changing.reread(tx, alarm)
    settle(room, tx, alarm, change, now_ms)


def depends_on_itself(tx: Tx, alarm: Alarm) -> bool:
    """Tell whether an alarm is met again below it."""
    seen: set[int] = set()
    ahead = [alarm.id]
    while ahead:
        parent = ahead.pop()
        below: list[Number] = tx.rows(Number, "alarms.composites_below", parent=parent)
        for one in below:
            if one.value == alarm.id:
                return True
            if one.value not in seen:
                seen.add(one.value)
                ahead.append(one.value)
    return False


def _children(tx: Tx, alarm: Alarm, role: str) -> list[Child]:
    children: list[Child] = tx.rows(Child, "alarms.children", parent=alarm.id, role=role)
    return children


def _change(
    room: Alarms, tx: Tx, alarm: Alarm, state: State, children: list[Child], now_ms: Millis
) -> notices.Change | None:
    """Write the state; the child that changed last, since the alarm was configured, is why."""
    row = alarm.row
    latest = max(children, key=lambda child: child.transitioned_ms, default=None)
    is_new = row.state == "INSUFFICIENT_DATA"
    if latest is not None and (is_new or latest.transitioned_ms < row.configured_ms):
        latest = None
    keeping = _keeping(tx, alarm, state, now_ms)
    return changing.change_state(
        room,
        tx,
        alarm,
        state,
        wording.composite_reason(alarm.arn, state, is_new, latest),
        wording.composite_data(row.account, row.region, latest),
        now_ms,
        keeping.by,
    )


# --- actions, and what keeps them back --------------------------------------------------------


def settle(
    room: Alarms, tx: Tx, alarm: Alarm, change: notices.Change | None, now_ms: Millis
) -> None:
    """Tell the state of a composite alarm that was not told yet, unless it is kept back."""
    row = alarm.row
    keeping = _keeping(tx, alarm, row.state, now_ms)
    if keeping != (row.suppressed_by, row.released_ms):
        by, until_ms = keeping
        tx.run("alarms.set_suppression", id=row.id, by=by, released_ms=until_ms)
    tx.run("alarms.set_due", due_ms=keeping.until_ms, id=row.id)
    if keeping.by or row.state == row.acted:
        return
    tx.run("alarms.set_acted", id=row.id, state=row.state)
    if change is None:  # it was kept back until now
        change = notices.Change(
            row.acted,
            "",
            "",
            row.transitioned_ms,
            row.state,
            row.reason,
            row.reason_data,
            row.transitioned_ms,
        )
    changing.tell(room, tx, alarm, change, now_ms)


def _keeping(tx: Tx, alarm: Alarm, state: State, now_ms: Millis) -> Keeping:
    """Return what keeps actions back now, with the alarm in a state."""
    row, config = alarm.row, alarm.config
    if "ActionsSuppressor" not in config:
        return FREE
    (suppressor,) = _children(tx, alarm, "suppressor") or (None,)
    if suppressor is not None and suppressor.state == "ALARM":
        return Keeping("Alarm", None)
    if row.suppressed_by == "Alarm":
        return _until(config["ActionsSuppressorExtensionPeriod"], "ExtensionPeriod", now_ms)
    if row.released_ms is not None and now_ms < row.released_ms:
        if row.suppressed_by == "ExtensionPeriod" or state == "ALARM":
            return Keeping(row.suppressed_by, row.released_ms)
        return FREE  # it went out of ALARM before anybody was told of it
    if row.released_ms is None and state == "ALARM" and row.acted != "ALARM":
        return _until(config["ActionsSuppressorWaitPeriod"], "WaitPeriod", now_ms)
    return FREE


def _until(seconds: int, by: str, now_ms: Millis) -> Keeping:
    return Keeping(by, now_ms + seconds * SECOND_MS) if seconds else FREE


def tie(tx: Tx, alarm_id: int, account: str, region: str, names: list[str], role: str) -> None:
    """Note on whom a composite alarm depends."""
    tx.run_many("alarms.tie", [(alarm_id, account, region, name, role) for name in names])


def missing(tx: Tx, account: str, region: str, names: list[str]) -> list[str]:
    """Return the alarms that do not exist."""
    place = {"account": account, "region": region}
    return [
        name for name in names if tx.one(AlarmRow, "alarms.by_name", **place, name=name) is None
    ]
