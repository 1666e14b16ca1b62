"""AddPermission, RemovePermission: statements of a queue's policy by label."""

from __future__ import annotations

import re
from typing import Any

import orjson

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.core.limits import (
    PERMISSION_ACTIONS_MAX,
    POLICY_PRINCIPALS_MAX,
    POLICY_STATEMENTS_MAX,
)
from redrive.core.policy_grammar import count_principals
from redrive.services.queues import attributes as attributes_rules
from redrive.services.queues.access import SHARED
from redrive.services.queues.model import Queue
from redrive.services.queues.room import Queues, find
from redrive.services.queues.shapes import AddPermissionParams, RemovePermissionParams
from redrive.store.store import Tx

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")


def add_permission(room: Queues, tx: Tx, params: AddPermissionParams, context: Context) -> Result:
    """Allow accounts to do actions on the queue, under a label. AWS: API_AddPermission.

    The statement's form is as captured: policy version 2008-10-17, one Id kept across labels.
    """
    queue = find(tx, params["QueueUrl"], context, "AddPermission")
    label: str = params["Label"]
    actions: list[str] = params["Actions"]
    accounts: list[str] = params["AWSAccountIds"]
    _check_permission(label, actions, accounts)
    policy = _policy(queue)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {label} for parameter Label is invalid. Reason: Already exists.",
        )
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = [f"SQS:{action}" for action in actions]
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": names[0] if len(names) == 1 else names,
            "Resource": queue.arn,
        }
    )
    _check_quotas(policy["Statement"])
    _set_policy(tx, queue, policy, context)
    return {}


def _check_quotas(statements: list[dict[str, Any]]) -> None:
    """Refuse what would be one permission too many. AWS: API_AddPermission, OverLimit."""
    for name, count, most in (
        ("Statements", len(statements), POLICY_STATEMENTS_MAX),
        ("Principals", sum(map(count_principals, statements)), POLICY_PRINCIPALS_MAX),
    ):
        if count > most:
            raise ServiceError(
                "OverLimit", f"{count} {name} were found, maximum allowed is {most}.", status=403
            )


def _check_permission(label: str, actions: list[str], accounts: list[str]) -> None:
    if _LABEL.fullmatch(label) is None:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {label} for parameter Label is invalid. Reason: Can only include alphanumeric"
            " characters, hyphens, or underscores. 1 to 80 in length.",
        )
    for name, given in (("Actions", actions), ("AWSAccountIds", accounts)):
        if not given:
            raise ServiceError(
                "MissingParameter", f"The request must contain the parameter {name}."
            )
    if len(actions) > PERMISSION_ACTIONS_MAX:
        raise ServiceError(
            "OverLimit",
            f"{len(actions)} Actions were found, maximum allowed is {PERMISSION_ACTIONS_MAX}.",
            status=403,
        )
    for action in actions:
        if action != "*" and action not in SHARED:
            raise ServiceError(
                "InvalidParameterValue",
                f"Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue"
                " owner"
                " is allowed to invoke this action.",
            )
    for account in accounts:
        if len(account) != 12 or not account.isdigit():
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {[account]} for parameter PrincipalId is invalid. Reason: Unable to"
                " verify.",
            )


def remove_permission(
    room: Queues, tx: Tx, params: RemovePermissionParams, context: Context
) -> Result:
    """Remove the statement of a label. AWS: API_RemovePermission."""
    queue = find(tx, params["QueueUrl"], context, "RemovePermission")
    label: str = params["Label"]
    policy = _policy(queue)
    kept = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
    if len(kept) == len(policy["Statement"]):
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {label} for parameter Label is invalid. Reason: can't find label.",
        )
    _set_policy(tx, queue, {**policy, "Statement": kept} if kept else None, context)
    return {}


def _policy(queue: Queue) -> dict[str, Any]:
    text = orjson.loads(queue.attributes).get("Policy")
    if not text:
        return {
            "Version": "2008-10-17",
            "Id": f"{queue.arn}/SQSDefaultPolicy",
            "Statement": [],
        }
    policy: dict[str, Any] = orjson.loads(text)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


def _set_policy(tx: Tx, queue: Queue, policy: dict[str, Any] | None, context: Context) -> None:
    text = orjson.dumps(policy).decode() if policy is not None else ""
    merged = attributes_rules.merge(
        orjson.loads(queue.attributes), {"Policy": text}, queue.account, queue.region
    )
    settings = attributes_rules.settings(merged, queue.account, queue.region)
    tx.run("queues.set_attributes", id=queue.id, now_ms=context.now_ms, **settings._asdict())
