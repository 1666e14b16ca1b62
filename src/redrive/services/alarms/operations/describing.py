"""DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmContributors, DescribeAlarmHistory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import SEQ_BITS
from redrive.services.alarms.alarm_rules import names_in, parse_rule
from redrive.services.alarms.definitions import ACTIONS, ALARMS_MAX
from redrive.services.alarms.model import METRIC, Alarm, AlarmRow, History, Name
from redrive.services.alarms.pages import read_token, write_token
from redrive.services.alarms.refusals import bad_token, invalid, not_found
from redrive.services.alarms.room import Alarms
from redrive.services.alarms.showing import show
from redrive.store.store import Tx

PAGE = 50
"""Records of a page when MaxRecords does not say. AWS has no number; the console shows 50."""

ROWS_MAX = 500
"""Alarms looked at for one page; a page may be short, or empty, and have a next one."""

INSTANT_MAX = 1 << 42
"""In 2109; the sequence numbers of later instants would be too large."""

_LAST = "\U0010ffff"


def _after(params: Params) -> str:
    after = read_token(params.get("NextToken"))
    if after is None:
        raise bad_token()
    return after


def _place(context: Context) -> dict[str, str]:
    return {"account": context.caller.account, "region": context.caller.region}


def describe_alarms(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return alarms in order of name: metric alarms, unless AlarmTypes names others.

    AWS: API_DescribeAlarms. The order, and the texts of refusals, are guesses.
    """
    del room
    for relation, work in (("ChildrenOfAlarmName", _children), ("ParentsOfAlarmName", _parents)):
        if relation in params:
            others = params.keys() - {relation, "MaxRecords", "NextToken"}
            if others:
                raise invalid(f"{relation} cannot be specified together with {min(others)}.")
            return work(tx, params, context)
    if "AlarmNames" in params and "AlarmNamePrefix" in params:
        raise invalid("AlarmNames and AlarmNamePrefix are mutually exclusive.")
    kinds = params.get("AlarmTypes") or [METRIC]
    limit = params.get("MaxRecords", PAGE)
    after = _after(params)
    names = params.get("AlarmNames")
    if names:
        found = tx.rows(
            AlarmRow, "alarms.named", **_place(context), names=orjson.dumps(names).decode()
        )
        state = params.get("StateValue")
        rows = [
            row
            for row in found
            if row.name > after and row.kind in kinds and state in (None, row.state)
        ]
    else:
        prefix = params.get("AlarmNamePrefix", "")
        rows = tx.rows(
            AlarmRow,
            "alarms.page",
            **_place(context),
            after=after,
            beginning=prefix,
            ending=prefix + _LAST,
            kinds=orjson.dumps(kinds).decode(),
            state=params.get("StateValue", ""),
            limit=ROWS_MAX if "ActionPrefix" in params else limit + 1,
        )
    return _page([Alarm(row) for row in rows], params, limit, ROWS_MAX)


def _page(alarms: Sequence[Alarm], params: Params, limit: int, looked_max: int) -> Result:
    """Show a page of alarms that hold an action with the prefix that is asked for."""
    prefix = params.get("ActionPrefix", "")
    result: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    count, last = 0, ""
    for alarm in alarms:
        if prefix and not _acts_on(alarm, prefix):
            last = alarm.name
            continue
        if count == limit:
            return {**result, "NextToken": write_token(last)}
        count, last = count + 1, alarm.name
        result["CompositeAlarms" if alarm.is_composite else "MetricAlarms"].append(show(alarm))
    if prefix and len(alarms) == looked_max:
        result["NextToken"] = write_token(last)
    return result


def _acts_on(alarm: Alarm, prefix: str) -> bool:
    return any(action.startswith(prefix) for name in ACTIONS for action in alarm.config[name])


def _children(tx: Tx, params: Params, context: Context) -> Result:
    """Return the alarms in a composite alarm's rule, in short; none of what is not one."""
    name = params["ChildrenOfAlarmName"]
    row: AlarmRow | None = tx.one(AlarmRow, "alarms.by_name", **_place(context), name=name)
    if row is None or not Alarm(row).is_composite:
        return {"MetricAlarms": [], "CompositeAlarms": []}
    names = names_in(parse_rule(Alarm(row).config["AlarmRule"]))
    rows = tx.rows(AlarmRow, "alarms.named", **_place(context), names=orjson.dumps(names).decode())
    after = _after(params)
    alarms = [Alarm(one) for one in rows if one.name > after]

    def shown(alarm: Alarm) -> dict[str, Any]:
        return {
            "AlarmName": alarm.name,
            "AlarmArn": alarm.arn,
            "StateValue": alarm.state,
            "StateUpdatedTimestamp": alarm.row.updated_ms,
        }

    return _short(alarms, params.get("MaxRecords", PAGE), shown)


def _parents(tx: Tx, params: Params, context: Context) -> Result:
    """Return the composite alarms in whose rules an alarm is, in short."""
    limit = params.get("MaxRecords", PAGE)
    found: list[Name] = tx.rows(
        Name,
        "alarms.parents",
        **_place(context),
        child=params["ParentsOfAlarmName"],
        after=_after(params),
        limit=limit + 1,
    )
    names = orjson.dumps([one.name for one in found]).decode()
    rows = tx.rows(AlarmRow, "alarms.named", **_place(context), names=names)
    return _short(
        [Alarm(row) for row in rows],
        limit,
        lambda alarm: {"AlarmName": alarm.name, "AlarmArn": alarm.arn},
    )


def _short(alarms: Sequence[Alarm], limit: int, shown: Callable[[Alarm], Any]) -> Result:
    result: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm in alarms[:limit]:
        result["CompositeAlarms" if alarm.is_composite else "MetricAlarms"].append(shown(alarm))
    if len(alarms) > limit:
        result["NextToken"] = write_token(alarms[limit - 1].name)
    return result


def describe_alarms_for_metric(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return the alarms on one metric, with exactly its dimensions.

    AWS: API_DescribeAlarmsForMetric: neither those on expressions nor composite ones.
    """
    del room
    rows = tx.rows(
        AlarmRow,
        "alarms.of_metric",
        **_place(context),
        namespace=params["Namespace"],
        metric=params["MetricName"],
        limit=ALARMS_MAX,
    )
    wanted = _dimensions(params)
    found = [
        alarm
        for alarm in map(Alarm, rows)
        if _dimensions(alarm.config) == wanted
        and all(
            params.get(name) in (None, alarm.config.get(name))
            for name in ("Statistic", "ExtendedStatistic", "Period", "Unit")
        )
    ]
    return {"MetricAlarms": [show(alarm) for alarm in found]}


def _dimensions(given: Any) -> list[tuple[str, str]]:
    return sorted((one["Name"], one["Value"]) for one in given.get("Dimensions") or ())


def describe_alarm_contributors(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return none: alarms are on single time series. AWS: API_DescribeAlarmContributors."""
    del room
    name = params["AlarmName"]
    if tx.one(AlarmRow, "alarms.by_name", **_place(context), name=name) is None:
        raise not_found("Alarm", name)
    return {"AlarmContributors": []}


# --- history ----------------------------------------------------------------------------------


def describe_alarm_history(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return what happened to an alarm, or to all metric alarms, the latest first by default.

    AWS: API_DescribeAlarmHistory. AlarmContributorId finds nothing: there are no contributors.
    """
    del room
    result: dict[str, Any] = {"AlarmHistoryItems": []}
    if "AlarmContributorId" in params:
        return result
    limit = params.get("MaxRecords", PAGE)
    is_rising = params.get("ScanBy") == "TimestampAscending"
    after_id = (_instant(params, "StartDate", 0) << SEQ_BITS) - 1
    before_id = (_instant(params, "EndDate", INSTANT_MAX - 1) + 1) << SEQ_BITS
    token = _history_token(params)
    if token is not None and is_rising:
        after_id = max(after_id, token)
    elif token is not None:
        before_id = min(before_id, token)
    name = params.get("AlarmName")
    of, named = ("history_of", {"name": name}) if name else ("history", {})
    found: list[History] = tx.rows(
        History,
        f"alarms.{of}{'_up' if is_rising else ''}",
        **_place(context),
        **named,
        after=after_id,
        before=before_id,
        kinds=orjson.dumps(params.get("AlarmTypes") or [METRIC]).decode(),
        type=params.get("HistoryItemType", ""),
        limit=limit + 1,
    )
    result["AlarmHistoryItems"] = [_line(one) for one in found[:limit]]
    if len(found) > limit:
        result["NextToken"] = write_token(str(found[limit - 1].id))
    return result


def _instant(params: Params, name: str, default: int) -> int:
    at_ms: int = params.get(name, default)
    return min(max(at_ms, 0), INSTANT_MAX - 1)


def _history_token(params: Params) -> int | None:
    text = _after(params)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_token()
    return min(int(text), 2**63 - 1)


def _line(line: History) -> dict[str, Any]:
    return {
        "AlarmName": line.name,
        "AlarmType": line.kind,
        "Timestamp": line.at_ms,
        "HistoryItemType": line.type,
        "HistorySummary": line.summary,
        "HistoryData": line.data,
    }
