"""Rules with a schedule: which are due, and one of them. Internal; the ticker calls them.

One transaction sets when a rule comes next and leaves what it owes to its targets with the outbox,
so that a crash repeats nothing and loses nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.calendar import next_after, rule_expression
from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.services.buses.envelopes import event_time
from redrive.services.buses.lookup import find_rule
from redrive.services.buses.model import BusKey, DueRule, Instant
from redrive.services.buses.operations.routing import trigger
from redrive.services.buses.room import Buses
from redrive.store.store import Tx


class _Row(NamedTuple):
    """The key of a rule that is due."""

    account: str
    region: str
    bus: str
    name: str


def due_rules(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Name rules whose schedules are due, at most Limit; and when the next is due.

    -> {"Events": [DueRule], "NextMs": int | None}
    """
    del room
    found: list[_Row] = tx.rows(
        _Row, "buses.due_rules", now_ms=context.now_ms, limit=params["Limit"]
    )
    following: Instant | None = tx.one(Instant, "buses.next_due_rule", now_ms=context.now_ms)
    return {
        "Events": [DueRule(tuple(row)) for row in found],
        "NextMs": following.at_ms if following else None,
    }


def fire_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Send the event of a due rule to its targets. Id: its key. -> {"Fired": bool}

    One that was missed, however often, fires once, and its event has the time at which it was due.
    A rate goes on in its own steps. AWS: EventBridge User Guide, "Scheduled events".
    """
    account, region, bus, name = params["Id"]
    key, now_ms = BusKey(account, region, bus), context.now_ms
    rule = find_rule(tx, key, name)
    if rule is None or rule.schedule is None or rule.due_ms is None or rule.due_ms > now_ms:
        return {"Fired": False}
    expression = rule_expression(rule.schedule)
    next_ms = next_after(expression, now_ms, anchor_ms=rule.due_ms)
    tx.run("buses.advance_rule", **key._asdict(), name=name, due_ms=next_ms)
    event = {
        "version": "0",
        "id": uuid4(room.chance),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": event_time(rule.due_ms),
        "region": region,
        "resources": [rule.arn],
        "detail": {},
    }
    trigger(room, tx, key, name, event, now_ms)
    return {"Fired": True}


OPERATIONS = {"DueRules": due_rules, "FireRule": fire_rule}
