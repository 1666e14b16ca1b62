"""Judge what comes in by the caller's own policy, where no queue's policy has a say.

With authorisation on, the front asks this gate before an operation is begun, but for those of SQS
that name a queue: these judge themselves, together with the queue's policy (queues/access). Whom a
function's policy lets in from another account is judged by the functions service, after this.
AWS: Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

import re
from typing import Any

from redrive.core.access import refusal
from redrive.core.arn import function_arn, queue_arn
from redrive.core.effects import Caller, Params
from redrive.core.errors import ServiceError
from redrive.core.time import Millis

_FREE = frozenset({"sts"})
"""GetCallerIdentity needs no permission. AWS: API_GetCallerIdentity."""

_WITHOUT_QUEUE = frozenset({"CreateQueue", "ListQueues"})

_ACTIONS = {
    "Invoke": "InvokeFunction",
    "InvokeAsync": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}
"""Operations whose permission has another name."""

_OF_ALL = frozenset({"CreateEventSourceMapping", "ListEventSourceMappings"})
"""Operations of Lambda that name a function and are about none."""

_FUNCTION = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?P<region>[a-z]{2}[a-z-]*-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]+)(?::[$a-zA-Z0-9-_]+)?"
)
"""AWS: API_Invoke, "FunctionName" (name formats)."""


def check_caller(
    service: str, operation: str, params: Params, caller: Caller, now_ms: Millis
) -> None:
    """Refuse an operation that the caller's policy does not allow. Raises ServiceError."""
    is_sqs = service == "sqs"
    if service in _FREE or (is_sqs and operation not in _WITHOUT_QUEUE):
        return
    action = f"{service}:{_ACTIONS.get(operation, operation)}"
    resource = resource_of(service, operation, params, caller)
    why = refusal(caller, action, resource, owner=caller.account, policy=None, now_ms=now_ms)
    if why is None:
        return
    if is_sqs:  # it tells actions in lower case
        why, action = why.replace(action, action.lower()), action.lower()
    raise ServiceError(
        "AccessDenied" if is_sqs else "AccessDeniedException",
        f"User: {caller.principal} is not authorized to perform: {action} on resource: {resource}"
        f" {why}",
        status=403,
    )


def resource_of(service: str, operation: str, params: Params, caller: Caller) -> str:
    """Return the ARN of what an operation is about, or * when that is no single resource."""
    account, region = caller.account, caller.region
    if service == "sqs" and "QueueName" in params:
        return queue_arn(region, account, params["QueueName"])
    if service != "lambda" or operation in _OF_ALL:
        return "*"
    if "UUID" in params:
        return f"arn:aws:lambda:{region}:{account}:event-source-mapping:{params['UUID']}"
    named: Any = params.get("Resource") or params.get("FunctionName")
    if not isinstance(named, str):
        return "*"
    if ":event-source-mapping:" in named:
        return named
    found = _FUNCTION.fullmatch(named)
    if found is None:
        return named
    return function_arn(found["region"] or region, found["account"] or account, found["name"])
