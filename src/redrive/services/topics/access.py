"""Who may do what to a topic: its policy and the caller's, judged. Pure.

AWS: SNS Developer Guide, "Example cases for Amazon SNS access control"; the text as captured of
other services.
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from redrive.core.access import refusal
from redrive.core.arn import Arn
from redrive.core.effects import Context
from redrive.core.policies import Policy, compile_policy
from redrive.services.topics.attributes import default_policy
from redrive.services.topics.model import Topic
from redrive.services.topics.refusals import not_authorised

SHARED = frozenset(
    (
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    )
)
"""What a policy may allow to another account. AWS: Service Authorization Reference, "Actions
defined by Amazon SNS": those about a topic."""

ALARMS = "cloudwatch.amazonaws.com"
"""Says whose its alarms are by aws:SourceOwner, for which the policy asks that a topic begins with:
topics need no other one for the alarms of their account. AWS: SNS Developer Guide, "Example cases
for Amazon SNS access control"."""

_POLICIES_KEPT_MAX = 256


def check_access(topic: Topic | None, arn: Arn, context: Context, action: str) -> None:
    """Refuse a caller that may not do an action (Publish, for its batch too) to a topic.

    topic: None when there is none; whoever may not know that is told the same.
    """
    caller = context.caller
    told = f"SNS:{action}"
    is_shared = caller.account == arn.account or action in SHARED
    policy = _policy(topic.attributes) if topic is not None and is_shared else None
    if caller.principal == ALARMS and caller.session is not None and topic is not None:
        owner = {**caller.session.facts, "aws:sourceowner": caller.account}
        caller = caller._replace(session=caller.session._replace(facts=owner))
        policy = policy or compile_policy(default_policy(topic))
    why = refusal(caller, told, str(arn), owner=arn.account, policy=policy, now_ms=context.now_ms)
    if why is not None:
        raise not_authorised(
            f"User: {caller.principal} is not authorized to perform: {told} on resource: {arn}"
            f" {why}"
        )


@lru_cache(_POLICIES_KEPT_MAX)
def _policy(attributes: str) -> Policy | None:
    """Return the policy that was set; the one that a topic begins with allows its owner only."""
    text = orjson.loads(attributes).get("Policy")
    return compile_policy(orjson.loads(text)) if text else None
