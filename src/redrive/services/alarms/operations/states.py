"""SetAlarmState: a state for a test, which is acted on as any other."""

from __future__ import annotations

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.alarms import changing, compounding
from redrive.services.alarms.model import Alarm, AlarmRow
from redrive.services.alarms.refusals import unknown_alarm
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx


def set_alarm_state(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Set an alarm's state until it is evaluated next. AWS: API_SetAlarmState."""
    caller, now_ms = context.caller, context.now_ms
    place = {"account": caller.account, "region": caller.region}
    row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_name", **place, name=params["AlarmName"])
    data = params.get("StateReasonData", "")
    if data:
        try:
            orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ServiceError(
                "InvalidFormatFault", "StateReasonData is not syntactically valid JSON."
            ) from None
    if row is None:
        raise unknown_alarm(params["AlarmName"])
    alarm = Alarm(row)
    change = changing.change_state(
        room, tx, alarm, params["StateValue"], params["StateReason"], data, now_ms
    )
    alarm = changing.reread(tx, alarm)
    if alarm.is_composite:
        compounding.settle(room, tx, alarm, change, now_ms)
    elif change is not None:
        changing.tell(room, tx, alarm, change, now_ms)
    return {}
