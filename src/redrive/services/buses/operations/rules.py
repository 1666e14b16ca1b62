"""PutRule and what else is done to rules."""

from __future__ import annotations

from typing import Any

from redrive.core.calendar import first_due
from redrive.core.effects import Context, Params, Result
from redrive.core.time import Millis
from redrive.services.buses.lookup import find_rule, named_bus, named_rule
from redrive.services.buses.matching import renew
from redrive.services.buses.model import DEFAULT, DUE_TOPIC, EventRule, Name, Target
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.pattern_texts import checked_pattern
from redrive.services.buses.refusals import invalid, managed
from redrive.services.buses.room import Buses
from redrive.services.buses.tags import with_tags
from redrive.store.store import Tx


def put_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Create a rule, or replace all of it but its tags.

    A schedule that stays as it is goes on; a new one counts from now.
    AWS: API_PutRule; texts as captured, the one about what is missing as users tell it.
    """
    del room
    name = params["Name"]
    bus = named_bus(tx, params.get("EventBusName"), context, "PutRule", name)
    pattern, schedule = params.get("EventPattern"), params.get("ScheduleExpression") or None
    if pattern is None and schedule is None:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern is not None:
        checked_pattern(pattern)
    if schedule is not None and bus.name != DEFAULT:
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    before = find_rule(tx, bus.key, name)
    if before is not None and before.managed_by is not None:
        raise managed(name)
    state = params.get("State") or "ENABLED"
    rule = EventRule(
        *bus.key,
        name,
        pattern,
        schedule,
        state,
        params.get("Description") or None,
        params.get("RoleArn") or None,
        None,
        context.caller.account,
        with_tags("{}", params.get("Tags")) if before is None else before.tags,
        _due_ms(schedule, state, before, context.now_ms),
        context.now_ms,
    )
    _write(tx, rule, before, context.now_ms)
    return {"RuleArn": rule.arn}


def _due_ms(
    schedule: str | None, state: str, before: EventRule | None, now_ms: Millis
) -> int | None:
    if schedule is None:
        return None
    due_ms = first_due(schedule, now_ms)
    if state == "DISABLED":
        return None
    is_going_on = before is not None and before.schedule == schedule and before.due_ms is not None
    return before.due_ms if before is not None and is_going_on else due_ms


def _write(tx: Tx, rule: EventRule, before: EventRule | None, now_ms: Millis) -> None:
    tx.run("buses.set_rule", **rule._asdict())
    if before is None or (before.pattern, before.state) != (rule.pattern, rule.state):
        renew(tx, rule.key, now_ms)
    if rule.due_ms is not None:
        tx.wake(DUE_TOPIC)


def delete_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a rule without targets; one that is not there is deleted already.

    AWS: API_DeleteRule; the text as captured.
    """
    del room
    name = params["Name"]
    bus = named_bus(tx, params.get("EventBusName"), context, "DeleteRule", name)
    rule = find_rule(tx, bus.key, name)
    if rule is None:
        return {}
    refuse_managed(rule, params)
    if targets_of(tx, rule):
        raise invalid("Rule can't be deleted since it has targets.")
    tx.run("buses.delete_rule", **bus.key._asdict(), name=name)
    renew(tx, bus.key, context.now_ms)
    return {}


def refuse_managed(rule: EventRule, params: Params) -> None:
    """Refuse to change a rule that a service of AWS's has made, unless Force says so."""
    if rule.managed_by is not None and not params.get("Force"):
        raise managed(rule.name)


def targets_of(tx: Tx, rule: EventRule) -> list[Target]:
    """Return the targets of a rule in their order."""
    found: list[Target] = tx.rows(Target, "buses.targets", **rule.key._asdict(), rule=rule.name)
    return found


def enable_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Let a rule match, and its schedule count from now. AWS: API_EnableRule."""
    del room
    return _set_state(tx, params, context, "EnableRule", "ENABLED")


def disable_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Let a rule match nothing, and its schedule rest. AWS: API_DisableRule."""
    del room
    return _set_state(tx, params, context, "DisableRule", "DISABLED")


def _set_state(tx: Tx, params: Params, context: Context, action: str, state: str) -> Result:
    name, now_ms = params["Name"], context.now_ms
    bus = named_bus(tx, params.get("EventBusName"), context, action, name)
    before = named_rule(tx, bus, name)
    refuse_managed(before, params)
    due_ms = _due_ms(before.schedule, state, before, now_ms)
    _write(tx, before._replace(state=state, due_ms=due_ms), before, now_ms)
    return {}


def describe_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a rule. AWS: API_DescribeRule."""
    del room
    bus = named_bus(tx, params.get("EventBusName"), context, "DescribeRule", params["Name"])
    rule = named_rule(tx, bus, params["Name"])
    return {**_shown(rule), "CreatedBy": rule.created_by}


def list_rules(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List the rules of a bus by name. AWS: API_ListRules."""
    del room
    bus = named_bus(tx, params.get("EventBusName"), context, "ListRules")
    after, count = page_of(params)
    found: list[EventRule] = tx.rows(
        EventRule,
        "buses.rules",
        **bus.key._asdict(),
        after=after,
        prefix=params.get("NamePrefix") or "",
        limit=count,
    )
    return paged("Rules", found, count, lambda rule: rule.name, _shown)


def list_rule_names_by_target(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List the names of the rules of a bus that have a target. AWS: API_ListRuleNamesByTarget."""
    del room
    bus = named_bus(tx, params.get("EventBusName"), context, "ListRuleNamesByTarget")
    after, count = page_of(params)
    found: list[Name] = tx.rows(
        Name,
        "buses.rules_by_target",
        **bus.key._asdict(),
        arn=params["TargetArn"],
        after=after,
        limit=count,
    )
    return paged("RuleNames", found, count, lambda row: row.name, lambda row: row.name)


def _shown(rule: EventRule) -> dict[str, Any]:
    told = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": rule.state,
        "Description": rule.description,
        "RoleArn": rule.role,
        "ManagedBy": rule.managed_by,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in told.items() if value is not None}


OPERATIONS = {
    "PutRule": put_rule,
    "DeleteRule": delete_rule,
    "EnableRule": enable_rule,
    "DisableRule": disable_rule,
    "DescribeRule": describe_rule,
    "ListRules": list_rules,
    "ListRuleNamesByTarget": list_rule_names_by_target,
}
