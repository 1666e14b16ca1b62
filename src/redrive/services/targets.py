"""Targets of rules, schedules and pipes: from an ARN and a payload to the call that delivers. Pure.

arn:aws:lambda:…:function:f            lambda   Invoke, as an event
arn:aws:sqs:…                          sqs      SendMessage
arn:aws:sns:…                          sns      Publish
arn:aws:events:…:event-bus/b           events   ForwardEvents
arn:aws:events:…:api-destination/d/id  events   InvokeApiDestination
arn:aws:logs:…:log-group:g             logs     DeliverEvents
arn:aws:scheduler:::aws-sdk:sqs:sendMessage     any operation of a service that is served
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Call, Caller


class TargetError(Exception):
    """An ARN that nothing can be delivered to; the text says why."""


def service_caller(service: str, account: str, region: str, source: str) -> Caller:
    """Return the Caller of what an AWS service asks on an account's behalf.

    service: events, sns, scheduler, pipes, cloudwatch; source: the ARN of the rule, the topic, the
    schedule: what aws:SourceArn of a policy is compared with; aws:SourceAccount is the account.
    Without authorisation it may do everything in that account; another account's resource has to
    have a policy that allows the service's name or the account. With authorisation on the policy of
    the resource alone decides, in the same account too: the courier sees to that.
    AWS: IAM User Guide, "AWS service principals" and "The confused deputy problem".
    """
    principal = f"{service}.amazonaws.com"
    return Caller(account, region, principal, principal, source=source)


def role_caller(role: str, account: str, region: str) -> Caller:
    """Return the Caller of what is asked as a role, by its ARN.

    A role of another account is nobody's to pass on: then it is the account's root that asks. AWS
    refuses such a role when it is named (iam:PassRole); here account numbers in templates are often
    not one's own.
    """
    arn = parse_arn(role)
    is_own = arn is not None and arn.account == account
    principal = role if is_own else f"arn:aws:iam::{account}:root"
    return Caller(account, region, principal, account)


_KINDS: Mapping[tuple[str, str], tuple[str, str]] = {
    # (service, beginning of the resource) -> (service, operation)
    ("lambda", "function:"): ("lambda", "Invoke"),
    ("sqs", ""): ("sqs", "SendMessage"),
    ("sns", ""): ("sns", "Publish"),
    ("events", "event-bus/"): ("events", "ForwardEvents"),
    ("events", "api-destination/"): ("events", "InvokeApiDestination"),
    ("logs", "log-group:"): ("logs", "DeliverEvents"),
}


def target_operation(arn: Arn) -> tuple[str, str]:
    """Return the service and the operation that a target's ARN stands for. Raises TargetError."""
    for (service, beginning), operation in _KINDS.items():
        if arn.service == service and arn.resource.startswith(beginning):
            return operation
    raise TargetError(f"{arn} is no target that this server delivers to")


def target_call(
    target: str, payload: str, caller: Caller, options: Mapping[str, Any] | None = None
) -> Call:
    """Return the call that delivers a payload (the text that the target gets) to a target.

    options are the target's own, by AWS's names: MessageGroupId and MessageDeduplicationId of SQS
    and of SNS; HttpParameters and EventId of an API destination; Event (the event as it is
    forwarded) of a bus. The caller's region becomes the target's. Raises TargetError.
    """
    arn = parse_arn(target)
    if arn is None:
        raise TargetError(f"{target} is no ARN")
    service, operation = target_operation(arn)
    caller = caller._replace(region=arn.region or caller.region)
    params = _PARAMS[service, operation](arn, payload, options or {})
    return Call(service, operation, params, caller)


def _invoke(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"FunctionName": str(arn), "InvocationType": "Event", "Payload": payload.encode()}


def _send(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"QueueUrl": str(arn), "MessageBody": payload, **_grouping(options)}


def _publish(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"TopicArn": str(arn), "Message": payload, **_grouping(options)}


def _grouping(options: Mapping[str, Any]) -> dict[str, Any]:
    names = ("MessageGroupId", "MessageDeduplicationId")
    return {name: options[name] for name in names if options.get(name) is not None}


def _forward(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"EventBusName": str(arn), "Event": options.get("Event") or orjson.loads(payload)}


def _request(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ApiDestinationArn": str(arn),
        "Payload": payload,
        "HttpParameters": options.get("HttpParameters") or {},
    }


def _log(arn: Arn, payload: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"LogGroupArn": str(arn), "Message": payload}


_PARAMS: Mapping[tuple[str, str], Callable[[Arn, str, Mapping[str, Any]], dict[str, Any]]] = {
    ("lambda", "Invoke"): _invoke,
    ("sqs", "SendMessage"): _send,
    ("sns", "Publish"): _publish,
    ("events", "ForwardEvents"): _forward,
    ("events", "InvokeApiDestination"): _request,
    ("logs", "DeliverEvents"): _log,
}
