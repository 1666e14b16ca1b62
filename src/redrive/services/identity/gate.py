"""Judge what comes in by the caller's own policy, where no queue's policy has a say; before that,
look up what a role's session may do.

With authorisation on, the front asks this gate before an operation is begun, but for those of SQS
that name a queue: these judge themselves, together with the queue's policy (queues/access), and so
does PutEvents. Whom a function's policy lets in from another account is judged by the functions
service, after this.
AWS: Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from redrive.core.access import refusal
from redrive.core.arn import function_arn, queue_arn
from redrive.core.effects import Caller, Params
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import Millis
from redrive.services.identity.binding import bind_caller
from redrive.services.identity.event_resources import OF_SERVICES
from redrive.services.identity.model import Role
from redrive.store.store import Store, StoreFailed, Tx

_FREE = frozenset(
    {
        ("sts", "AssumeRole"),
        ("sts", "AssumeRoleWithWebIdentity"),
        ("sts", "GetCallerIdentity"),
        ("sts", "GetSessionToken"),
    }
)
"""These need no permission, but AssumeRole, which judges itself by the role's trust policy.
AWS: API_GetCallerIdentity; IAM User Guide, "Permissions for GetSessionToken"."""

_OF_TOPICS = (
    "AddPermission",
    "DeleteTopic",
    "GetDataProtectionPolicy",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "PublishBatch",
    "PutDataProtectionPolicy",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
    "TagResource",
    "UntagResource",
)
_JUDGED_THERE = frozenset({("events", "PutEvents"), *(("sns", name) for name in _OF_TOPICS)})
"""What they name, buses and topics, has policies with a say (buses/lookup, topics/access)."""

_JUDGE_THEMSELVES = frozenset({"eventbridgev2"})
"""Services that judge all of their operations, whose resources have policies."""

_QUERY = frozenset({"iam", "sns", "sqs", "sts"})
"""Services whose protocol calls the error AccessDenied."""

_WITHOUT_QUEUE = frozenset({"CreateQueue", "ListQueues"})

_ACTIONS = {
    "Invoke": "InvokeFunction",
    "InvokeAsync": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}
"""Operations whose permission has another name."""

_OF_ALL = frozenset({"CreateEventSourceMapping", "ListEventSourceMappings"})
"""Operations of Lambda that name a function and are about none."""

_OF_GROUP = ("logGroupName", "logGroupIdentifier", "resourceArn")
"""Members with which operations of CloudWatch Logs name a group."""

_FUNCTION = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?P<region>[a-z]{2}[a-z-]*-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]+)(?::[$a-zA-Z0-9-_]+)?"
)
"""AWS: API_Invoke, "FunctionName" (name formats)."""


class Gate:
    """The front's gate. failed hears that the store has failed: nothing is answered any more."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Millis],
        failed: Callable[[StoreFailed], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._failed = failed

    def __call__(self, service: str, operation: str, params: Params, caller: Caller) -> Caller:
        """Return who asks, with what its role may do. Raises ServiceError, Unavailable."""
        now_ms = self._clock()
        if caller.grant is None and service != "iam":
            check_caller(service, operation, params, caller, now_ms)
            return caller
        return self._look(_admit, service, operation, params, caller, now_ms)

    def bind(self, caller: Caller) -> Caller:
        """Return a caller with what its role may do. Raises ServiceError, Unavailable."""
        return caller if caller.grant is None else self._look(bind_caller, caller)

    def _look(self, work: Callable[..., Caller], *args: Any) -> Caller:
        try:
            return self._store.transact(work, *args)
        except StoreFailed as error:
            self._failed(error)
            raise Unavailable("the store has failed") from error


def _admit(
    tx: Tx, service: str, operation: str, params: Params, caller: Caller, now_ms: Millis
) -> Caller:
    """Look up what a caller may do, and judge it."""
    caller = bind_caller(tx, caller)
    path = "/"
    if service == "iam" and caller.grant is not None and not caller.grant.role:
        raise _no_session()
    if service == "iam" and operation != "CreateRole" and "RoleName" in params:
        keys = {"account": caller.account, "name": params["RoleName"]}
        role: Role | None = tx.one(Role, "identity.role", **keys)
        path = path if role is None else role.path
    check_caller(service, operation, params, caller, now_ms, path)
    return caller


def _no_session() -> ServiceError:
    """Return AWS's error for IAM asked with GetSessionToken's keys. AWS: API_GetSessionToken."""
    text = "The security token included in the request is invalid"
    return ServiceError("InvalidClientTokenId", text, status=403)


def check_caller(
    service: str, operation: str, params: Params, caller: Caller, now_ms: Millis, path: str = "/"
) -> None:
    """Refuse an operation that the caller's policy does not allow. Raises ServiceError.

    path: of the role that an operation of IAM names.
    """
    is_sqs = service == "sqs"
    asked = (service, operation)
    if service in _JUDGE_THEMSELVES:
        return
    if asked in _FREE or asked in _JUDGED_THERE or (is_sqs and operation not in _WITHOUT_QUEUE):
        return
    action = f"{service}:{_ACTIONS.get(operation, operation)}"
    resources = resource_of(service, operation, params, caller, path)
    for resource in [resources] if isinstance(resources, str) else resources:
        why = refusal(caller, action, resource, owner=caller.account, policy=None, now_ms=now_ms)
        if why is not None:
            break
    else:
        return
    if is_sqs:  # it tells actions in lower case
        why, action = why.replace(action, action.lower()), action.lower()
    raise ServiceError(
        "AccessDenied" if service in _QUERY else "AccessDeniedException",
        f"User: {caller.principal} is not authorized to perform: {action} on resource: {resource}"
        f" {why}",
        status=403,
    )


def resource_of(
    service: str, operation: str, params: Params, caller: Caller, path: str = "/"
) -> str | list[str]:
    """Return the ARN of what an operation is about, those of all that it names, or * when that is
    no resource of its own.
    """
    account, region = caller.account, caller.region
    if service == "iam":
        return _resource_of_iam(params, account, path)
    if service == "sqs" and "QueueName" in params:
        return queue_arn(region, account, params["QueueName"])
    if service == "logs":
        return _resource_of_logs(params, caller)
    if service in OF_SERVICES:
        return OF_SERVICES[service](operation, params, caller)
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


def _resource_of_logs(params: Params, caller: Caller) -> str:
    """Return a group's ARN with that of its stream, or of all of them: as AWS's refusals show it.

    AWS: Service Authorization Reference, "Actions defined by Amazon CloudWatch Logs".
    """
    named = next((params[name] for name in _OF_GROUP if isinstance(params.get(name), str)), None)
    if named is None:
        return "*"
    if not named.startswith("arn:"):
        named = f"arn:aws:logs:{caller.region}:{caller.account}:log-group:{named}"
    stream = params.get("logStreamName", "")
    return f"{named.removesuffix(':*')}:log-stream:{stream}"


def _resource_of_iam(params: Params, account: str, path: str) -> str:
    """AWS: Service Authorization Reference, "Actions defined by AWS IAM"."""
    if "RoleName" in params:
        return f"arn:aws:iam::{account}:role{params.get('Path', path)}{params['RoleName']}"
    if "PolicyArn" in params:
        return str(params["PolicyArn"])
    if "PolicyName" in params:
        return f"arn:aws:iam::{account}:policy{params.get('Path', '/')}{params['PolicyName']}"
    return "*"
