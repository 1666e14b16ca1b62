"""AddPermission, RemovePermission: statements of a topic's policy by label."""

from __future__ import annotations

import re
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.topics.attributes import default_policy, is_action
from redrive.services.topics.model import Topic
from redrive.services.topics.operations.topics import keep_attributes
from redrive.services.topics.refusals import invalid
from redrive.services.topics.room import Topics, find_topic
from redrive.store.store import Tx

_ACCOUNT = re.compile(r"[0-9]{12}")


def add_permission(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Allow accounts to do actions to the topic, under a label. AWS: API_AddPermission; the form of
    the statement and its refusals as captured.
    """
    del room
    topic = find_topic(tx, params["TopicArn"], context, "AddPermission")
    label: str = params["Label"]
    accounts: list[str] = params["AWSAccountId"]
    actions: list[str] = params["ActionName"]
    policy = _policy(topic)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise invalid("Statement already exists")
    if not actions or not all(is_action(f"sns:{action}") for action in actions):
        raise invalid("Policy statement action out of service scope!")
    if not label:
        raise invalid("Label")  # [G]
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise invalid("AWSAccountId")  # [G]
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = [f"SNS:{action}" for action in actions]
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": names[0] if len(names) == 1 else names,
            "Resource": topic.arn,
        }
    )
    _keep(tx, topic, policy)
    return {}


def remove_permission(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Remove the statement of a label; one that is not there is no error. AWS:
    API_RemovePermission, which names no error for it.
    """
    del room
    topic = find_topic(tx, params["TopicArn"], context, "RemovePermission")
    policy = _policy(topic)
    left = [each for each in policy["Statement"] if each.get("Sid") != params["Label"]]
    if len(left) < len(policy["Statement"]):
        _keep(tx, topic, {**policy, "Statement": left} if left else None)
    return {}


def _policy(topic: Topic) -> dict[str, Any]:
    text = orjson.loads(topic.attributes).get("Policy")
    policy: dict[str, Any] = orjson.loads(text) if text else default_policy(topic)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


def _keep(tx: Tx, topic: Topic, policy: dict[str, Any] | None) -> None:
    kept = orjson.loads(topic.attributes)
    kept.pop("Policy", None)
    if policy is not None:
        kept["Policy"] = orjson.dumps(policy).decode()
    keep_attributes(tx, topic, kept)
