"""PutMetricAlarm and PutCompositeAlarm, DeleteAlarms, and the switch for actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from redrive.core.effects import Ask, Call, Caller, Context, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, SECOND_MS, Millis
from redrive.services.alarms import changing, compounding, definitions, notices, wording
from redrive.services.alarms.alarm_rules import alarm_name, names_in, parse_rule
from redrive.services.alarms.definitions import (
    ALARMS_MAX,
    COMPOSITES_MAX,
    WATCHED_PERIOD,
    composite_alarm,
    metric_alarm,
    tags_of,
)
from redrive.services.alarms.model import COMPOSITE, METRIC, TOPIC, Alarm, AlarmRow, Number
from redrive.services.alarms.refusals import invalid
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx

PARENTS_MAX = 150
"""Composite alarms that depend on one alarm. AWS: API_PutCompositeAlarm."""


def put_metric_alarm(room: Alarms, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Create or replace an alarm on a metric or an expression; its state stays as it is.

    It is evaluated at once, and then each minute. AWS: API_PutMetricAlarm.
    """
    del room
    caller = context.caller
    config = metric_alarm(params, caller)
    definitions.check_account(params, caller)
    tags = tags_of(params.get("Tags"))
    if "Metrics" not in config and "ExtendedStatistic" not in config:
        return _store_metric(tx, params, config, tags, caller, context.now_ms)
    check = {"Queries": definitions.queries_of(config)}
    call = Call("cloudwatch", "CheckFigures", check, caller)
    return Ask(call, partial(_checked, params, config, tags, caller))


def _checked(
    params: Params,
    config: dict[str, Any],
    tags: Mapping[str, str],
    caller: Caller,
    tx: Tx,
    reply: Reply,
    now_ms: Millis,
) -> Result:
    """Go on with an alarm whose statistic and expressions the metrics service has looked at."""
    error = reply.error
    if isinstance(error, ServiceError) and "Metrics" not in config:
        raise invalid(
            f"The value {config['ExtendedStatistic']} for parameter ExtendedStatistic is not"
            " supported."
        )
    if isinstance(error, ServiceError):
        raise invalid(error.message.replace("MetricDataQueries", "Metrics"))
    if error is not None:
        raise error
    assert reply.result is not None
    if "Metrics" in config:
        config[WATCHED_PERIOD] = reply.result["PeriodMs"] // SECOND_MS
        if not config[WATCHED_PERIOD]:
            raise invalid("The expression that an alarm watches must have a period.")
        definitions.check_span(config[WATCHED_PERIOD], config["EvaluationPeriods"])
    return _store_metric(tx, params, config, tags, caller, now_ms)


def _store_metric(
    tx: Tx,
    params: Params,
    config: Mapping[str, Any],
    tags: Mapping[str, str],
    caller: Caller,
    now_ms: Millis,
) -> Result:
    _store(tx, params, METRIC, config, tags, caller, now_ms)
    return {}


def put_composite_alarm(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Create or replace an alarm on other alarms; its state stays until its rule is looked at.

    AWS: API_PutCompositeAlarm; the text for alarms that do not exist is as users report it.
    """
    del room
    caller, now_ms = context.caller, context.now_ms
    config = composite_alarm(params, caller)
    tags = tags_of(params.get("Tags"))
    children = names_in(parse_rule(config["AlarmRule"]))
    place = (caller.account, caller.region)
    absent = compounding.missing(tx, *place, children)
    if absent:
        raise invalid(
            f"Could not save the composite alarm as alarms [{', '.join(absent)}] in the alarm rule"
            " do not exist"
        )
    suppressors = [alarm_name(config["ActionsSuppressor"])] if config.get(_SUPPRESSOR) else []
    if compounding.missing(tx, *place, suppressors):
        raise invalid(
            f"Could not save the composite alarm as the alarm {suppressors[0]} in"
            " ActionsSuppressor does not exist"
        )
    alarm = _store(tx, params, COMPOSITE, config, tags, caller, now_ms)
    tx.run("alarms.untie", parent=alarm.id)
    for name in children:
        if _needed_by(tx, caller, name) >= PARENTS_MAX:
            raise _too_many(f"{name} is in the rules of {PARENTS_MAX} composite alarms.")
    compounding.tie(tx, alarm.id, *place, children, "rule")
    compounding.tie(tx, alarm.id, *place, suppressors, "suppressor")
    return {}


_SUPPRESSOR = "ActionsSuppressor"


def _too_many(message: str) -> ServiceError:
    return ServiceError("LimitExceededFault", message)


def _needed_by(tx: Tx, caller: Caller, name: str) -> int:
    place = {"account": caller.account, "region": caller.region}
    found: Number | None = tx.one(Number, "alarms.is_needed", **place, child=name)
    return 0 if found is None else found.value


def _find(tx: Tx, caller: Caller, name: str) -> Alarm | None:
    place = {"account": caller.account, "region": caller.region}
    row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_name", **place, name=name)
    return None if row is None else Alarm(row)


def _store(
    tx: Tx,
    params: Params,
    kind: str,
    config: Mapping[str, Any],
    tags: Mapping[str, str],
    caller: Caller,
    now_ms: Millis,
) -> Alarm:
    """Write an alarm that is to be looked at now. Tags of one that is there stay."""
    name = params["AlarmName"]
    found = _find(tx, caller, name)
    values = {
        "config": orjson.dumps(config).decode(),
        "namespace": config.get("Namespace", "") if "MetricName" in config else "",
        "metric": config.get("MetricName", ""),
        "actions_enabled": int(params.get("ActionsEnabled", True)),
        "due_ms": now_ms,
        "warm_ms": _warm_ms(config, found, now_ms),
        "now_ms": now_ms,
    }
    if found is None:
        _check_quota(tx, caller, kind)
        tx.run(
            "alarms.add",
            account=caller.account,
            region=caller.region,
            name=name,
            kind=kind,
            reason=wording.INITIAL,
            tags=orjson.dumps(tags).decode(),
            **values,
        )
    elif found.row.kind != kind:
        raise invalid(f"The alarm {name} exists already, as a {found.row.kind}.")
    else:
        tx.run("alarms.configure", id=found.id, **values)
    alarm = _find(tx, caller, name)
    assert alarm is not None, name
    if alarm.row.suppressed_by and _SUPPRESSOR not in config:
        tx.run("alarms.set_suppression", id=alarm.id, by="", released_ms=None)
    verb, change = ("created", "Create") if found is None else ("updated", "Update")
    _note(tx, alarm, f'Alarm "{name}" {verb}', change, now_ms)
    tx.wake(TOPIC)
    return alarm


def _check_quota(tx: Tx, caller: Caller, kind: str) -> None:
    most = ALARMS_MAX if kind == METRIC else COMPOSITES_MAX
    place = {"account": caller.account, "region": caller.region}
    count: Number | None = tx.one(Number, "alarms.count", **place, kind=kind)
    if count is not None and count.value >= most:
        raise _too_many("The maximum number of alarms has been reached.")


def _warm_ms(config: Mapping[str, Any], found: Alarm | None, now_ms: int) -> int | None:
    """Return when the warm-up ends.

    A change of it counts from when it began; once it is over, it does not begin again.
    AWS: API_PutMetricAlarm, WarmUpConfiguration.
    """

    def length(of: Mapping[str, Any]) -> int:
        minutes: int = of["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"]
        return minutes * MINUTE_MS

    if "WarmUpConfiguration" not in config:
        return None
    if found is None or "WarmUpConfiguration" not in found.config:
        return now_ms + length(config)
    if found.row.warm_ms is None:
        return None
    return found.row.warm_ms - length(found.config) + length(config)


def _note(tx: Tx, alarm: Alarm, summary: str, change: str, now_ms: Millis) -> None:
    data = notices.history_of_configuration(alarm, change)
    changing.note(tx, alarm, "ConfigurationUpdate", summary, data, now_ms)


# --- deleting, enabling -----------------------------------------------------------------------


def delete_alarms(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Remove alarms; names that there are not are passed over. Their histories stay.

    AWS: API_DeleteAlarms: one composite alarm at most, and none on which others depend; the text
    for that is as users report it.
    """
    del room
    caller = context.caller
    names: Sequence[str] = list(dict.fromkeys(params["AlarmNames"]))
    found = [alarm for name in names if (alarm := _find(tx, caller, name)) is not None]
    if sum(alarm.is_composite for alarm in found) > 1:
        raise invalid("Only one composite alarm can be deleted per request.")
    for alarm in found:
        if _needed_by(tx, caller, alarm.name):
            raise invalid(
                f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it."
            )
    for alarm in found:
        _note(tx, alarm, f'Alarm "{alarm.name}" deleted', "Delete", context.now_ms)
        tx.run("alarms.untie", parent=alarm.id)
        tx.run("alarms.delete", id=alarm.id)
    return {}


def enable_alarm_actions(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Let alarms act on changes from now on. AWS: API_EnableAlarmActions."""
    return _switch(room, tx, params, context, is_on=True)


def disable_alarm_actions(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Let alarms change without acting. AWS: API_DisableAlarmActions."""
    return _switch(room, tx, params, context, is_on=False)


def _switch(room: Alarms, tx: Tx, params: Params, context: Context, *, is_on: bool) -> Result:
    """Names that there are not are passed over (a guess)."""
    del room
    now_ms = context.now_ms
    for name in dict.fromkeys(params["AlarmNames"]):
        alarm = _find(tx, context.caller, name)
        if alarm is None or alarm.row.actions_enabled == is_on:
            continue
        tx.run("alarms.set_enabled", id=alarm.id, actions_enabled=int(is_on), now_ms=now_ms)
        _note(tx, changing.reread(tx, alarm), f'Alarm "{name}" updated', "Update", now_ms)
    return {}
