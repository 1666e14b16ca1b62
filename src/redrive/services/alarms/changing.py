"""A change of an alarm's state, and everything that it sets off, within one transaction.

change_state ── the row ── a line of history ── composite alarms that depend on it ── the event
     └── actions, unless nobody is to be told (disabled, in warm-up, suppressed)
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Call, Caller
from redrive.core.ids import SEQ_BITS
from redrive.core.time import DAY_MS, Millis
from redrive.services.alarms import notices
from redrive.services.alarms.model import TOPIC, Alarm, AlarmRow, State
from redrive.services.alarms.room import Alarms
from redrive.services.ports import EVENTS_RETRY
from redrive.store.store import Tx

HISTORY_MAX = 500
"""Lines of history that are kept of an alarm's name."""

HISTORY_AGE_MS = 30 * DAY_MS
"""AWS: CloudWatch User Guide, "Viewing and managing metric alarms": 30 days."""

TOPICS_SERVICE = "cloudwatch.amazonaws.com"
FUNCTIONS_SERVICE = "lambda.alarms.cloudwatch.amazonaws.com"
"""As whom topics and functions are asked. AWS: CloudWatch User Guide, "Invoke a Lambda function
from an alarm"."""

PURPOSE = "alarm"

_ACTIONS = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}


def reread(tx: Tx, alarm: Alarm) -> Alarm:
    """Return an alarm as it is now."""
    row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_id", id=alarm.id)
    assert row is not None, alarm.name
    return Alarm(row)


def change_state(
    room: Alarms,
    tx: Tx,
    alarm: Alarm,
    state: State,
    reason: str,
    data: str,
    now_ms: Millis,
    suppressed_by: str = "",
) -> notices.Change | None:
    """Write a state and what follows from it but for the actions; None when it is not another.

    suppressed_by: what keeps the actions of a composite alarm back from now on.
    """
    row = alarm.row
    tx.run(
        "alarms.set_state", id=row.id, state=state, reason=reason, reason_data=data, now_ms=now_ms
    )
    if state == row.state:
        return None
    change = notices.Change(
        row.state,
        row.reason,
        row.reason_data,
        row.updated_ms,
        state,
        reason,
        data,
        now_ms,
        suppressed_by,
    )
    summary = f"Alarm updated from {row.state} to {state}"
    note(tx, alarm, "StateUpdate", summary, notices.history_of_change(change), now_ms)
    concern(tx, alarm, now_ms)
    _tell_bus(room, tx, alarm, change, now_ms)
    return change


def concern(tx: Tx, alarm: Alarm, now_ms: Millis) -> None:
    """Let the composite alarms that depend on an alarm look at it."""
    row = alarm.row
    if tx.run(
        "alarms.concern", account=row.account, region=row.region, child=row.name, now_ms=now_ms
    ):
        tx.wake(TOPIC)


def note(tx: Tx, alarm: Alarm, kind: str, summary: str, data: str, now_ms: Millis) -> None:
    """Add a line of history, and let go of those that are too many."""
    row = alarm.row
    place = {"account": row.account, "region": row.region, "name": row.name}
    tx.run(
        "alarms.note",
        id=tx.sequence(now_ms),
        **place,
        kind=row.kind,
        at_ms=now_ms,
        type=kind,
        summary=summary[:255],
        data=data,
    )
    tx.run("alarms.trim_history", **place, kept=HISTORY_MAX)


def forget_old_history(tx: Tx, now_ms: Millis, limit: int) -> bool:
    """Let go of some lines that are too old; return whether there may be more."""
    before = (now_ms - HISTORY_AGE_MS) << SEQ_BITS
    return tx.run("alarms.forget_history", before=before, limit=limit) == limit


# --- actions ----------------------------------------------------------------------------------


def tell(room: Alarms, tx: Tx, alarm: Alarm, change: notices.Change, now_ms: Millis) -> None:
    """Owe the actions of the state that a change has led to, unless they are off."""
    row = alarm.row
    if not row.actions_enabled or (row.warm_ms is not None and now_ms < row.warm_ms):
        return
    actions: Sequence[str] = alarm.config[_ACTIONS[change.new]]
    for action in actions:
        is_topic = ":sns:" in action
        params = {
            "AlarmName": row.name,
            "AlarmRegion": row.region,
            "AlarmKind": row.kind,
            "Action": action,
            "ChangedMs": change.at_ms,
            "Subject": notices.subject(alarm, change) if is_topic else "",
            "Message": notices.message(alarm, change)
            if is_topic
            else orjson.dumps(notices.event(alarm, change)).decode(),
        }
        arn = parse_arn(action)
        assert arn is not None, action
        service = TOPICS_SERVICE if is_topic else FUNCTIONS_SERVICE
        caller = Caller(row.account, arn.region, service, row.account, source=alarm.arn)
        room.outbox.put(
            tx,
            Call("alarms", "PerformAction", params, caller),
            now_ms,
            target=action,
            purpose=PURPOSE,
            source=alarm.arn,
            retry=EVENTS_RETRY,
        )


def _tell_bus(room: Alarms, tx: Tx, alarm: Alarm, change: notices.Change, now_ms: Millis) -> None:
    """Owe the event to the default bus, where there is one."""
    if not room.outbox.offers("events", "PutServiceEvents"):
        return
    row = alarm.row
    caller = Caller(row.account, row.region, TOPICS_SERVICE, row.account, source=alarm.arn)
    room.outbox.put(
        tx,
        Call("events", "PutServiceEvents", {"Events": [notices.bus_event(alarm, change)]}, caller),
        now_ms,
        target=f"arn:aws:events:{row.region}:{row.account}:event-bus/default",
        purpose=PURPOSE,
        source=alarm.arn,
        retry=EVENTS_RETRY,
    )
