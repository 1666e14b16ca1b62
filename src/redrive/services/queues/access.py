"""Who may do what to a queue: its policy and the caller's, judged.

Another account may only do what AWS lets policies share. AWS: SQS API reference, "Cross-account
permissions don't apply to this action" (the pages of all other actions).
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from redrive.core.access import refusal
from redrive.core.effects import Context
from redrive.core.errors import ServiceError
from redrive.core.policies import Policy, compile_policy
from redrive.services.queues.model import Queue

SHARED = frozenset(
    (
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    )
)
"""What a policy may allow to another account. AWS: API_AddPermission, Actions."""

_UNDENIABLE = frozenset(("GetQueueAttributes", "GetQueueUrl", "SetQueueAttributes"))
"""With these the owner's root undoes a policy that denies everybody everything. AWS: managed policy
SQSUnlockQueuePolicy."""

POLICIES_KEPT_MAX = 256


def check_access(queue: Queue, context: Context, action: str) -> None:
    """Refuse a caller that may not do an action (SendMessage, for its batch too) to a queue.

    Raises ServiceError AccessDenied. AWS: texts as captured, the action in lower case.
    """
    caller = context.caller
    told = f"sqs:{action}"
    is_shareable = caller.account == queue.account or action in SHARED
    why = refusal(
        caller,
        told,
        queue.arn,
        owner=queue.account,
        policy=_policy(queue.attributes) if is_shareable else None,
        now_ms=context.now_ms,
        is_undeniable=action in _UNDENIABLE,
    )
    if why is not None:
        raise ServiceError(
            "AccessDenied",
            f"User: {caller.principal} is not authorized to perform: {told.lower()} on resource:"
            f" {queue.arn} {why.replace(told, told.lower())}",
            status=403,
        )


@lru_cache(POLICIES_KEPT_MAX)
def _policy(attributes: str) -> Policy | None:
    text = orjson.loads(attributes).get("Policy")
    return compile_policy(orjson.loads(text)) if text else None
