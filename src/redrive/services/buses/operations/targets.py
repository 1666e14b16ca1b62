"""PutTargets and what else is done to the targets of a rule."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.buses.lookup import named_bus, named_rule
from redrive.services.buses.model import EventRule, Target
from redrive.services.buses.operations.rules import refuse_managed, targets_of
from redrive.services.buses.paging import invalid_token, page_of, paged
from redrive.services.buses.refusals import limit_exceeded
from redrive.services.buses.room import Buses
from redrive.services.buses.target_checks import check_target
from redrive.store.store import Tx

TARGETS_MAX = 5
"""AWS: API_PutTargets, of one rule."""


def put_targets(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Add targets to a rule, or replace those with the same ids; all of them or none.

    AWS: API_PutTargets; only too many requests at a time make it fail in part, which is nothing
    that happens here.
    """
    rule = _rule(tx, params, context, "PutTargets")
    refuse_managed(rule, params)
    for body in params["Targets"]:
        check_target(body, room.outbox, rule.key)
    ids = {target.id for target in targets_of(tx, rule)}
    if len(ids | {body["Id"] for body in params["Targets"]}) > TARGETS_MAX:
        raise limit_exceeded()
    for body in params["Targets"]:
        tx.run(
            "buses.set_target",
            **_key(rule),
            id=body["Id"],
            arn=body["Arn"],
            place=tx.sequence(context.now_ms),
            body=orjson.dumps(body).decode(),
        )
    return {"FailedEntryCount": 0, "FailedEntries": []}


def remove_targets(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Remove targets from a rule; an id that is not there is told of. AWS: API_RemoveTargets."""
    del room
    rule = _rule(tx, params, context, "RemoveTargets")
    refuse_managed(rule, params)
    failed = []
    for name in params["Ids"]:
        if not tx.run("buses.delete_target", **_key(rule), id=name):
            text = f"Rule {rule.name} does not have a target with the Id {name}."
            failed.append(
                {
                    "TargetId": name,
                    "ErrorCode": "ResourceNotFoundException",
                    "ErrorMessage": text,
                }
            )
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def list_targets_by_rule(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List the targets of a rule, as they were given and in that order. AWS:
    API_ListTargetsByRule.
    """
    del room
    rule = _rule(tx, params, context, "ListTargetsByRule")
    after, count = page_of(params)
    found = targets_of(tx, rule)
    if after:
        if not after.isdecimal():
            raise invalid_token()
        found = [target for target in found if target.place > int(after)]
    return paged("Targets", found[:count], count, _place_of, _shown)


def _rule(tx: Tx, params: Params, context: Context, action: str) -> EventRule:
    name = params["Rule"]
    return named_rule(tx, named_bus(tx, params.get("EventBusName"), context, action, name), name)


def _key(rule: EventRule) -> dict[str, str]:
    return {**rule.key._asdict(), "rule": rule.name}


def _place_of(target: Target) -> str:
    return str(target.place)


def _shown(target: Target) -> Any:
    return orjson.loads(target.body)


OPERATIONS = {
    "PutTargets": put_targets,
    "RemoveTargets": remove_targets,
    "ListTargetsByRule": list_targets_by_rule,
}
