"""The gate: operations without a queue are judged by the caller's own policy."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.effects import Caller, Session
from redrive.core.errors import ServiceError
from redrive.core.keys import Key
from redrive.core.policies import compile_policy
from redrive.core.time import Millis
from redrive.services.functions.names import parse_function_name
from redrive.services.identity.gate import check_caller, resource_of

ACCOUNT, REGION = "111122223333", "eu-west-1"
ROOT = Key("k", "s", ACCOUNT).caller(REGION)._replace(session=Session(None, {}))
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


def alice(action: str, resource: str = "*") -> Caller:
    """Return a user who may do one thing."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    policy = compile_policy({"Statement": statement}, names_principals=False)
    caller = Key("k", "s", ACCOUNT, "alice").caller(REGION)
    return caller._replace(session=Session(policy, {}))


def is_let_in(caller: Caller, service: str, operation: str, **params: Any) -> bool:
    try:
        check_caller(service, operation, params, caller, Millis(0))
    except ServiceError as error:
        assert error.code == ("AccessDenied" if service == "sqs" else "AccessDeniedException")
        assert error.status == 403
        return False
    return True


GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"
CASES: list[tuple[str, str, str, str, dict[str, Any], bool]] = [
    ("sqs:CreateQueue", "*", "sqs", "CreateQueue", {"QueueName": "q"}, True),
    ("sqs:CreateQueue", "arn:aws:sqs:*:*:q", "sqs", "CreateQueue", {"QueueName": "q"}, True),
    ("sqs:CreateQueue", "arn:aws:sqs:*:*:q", "sqs", "CreateQueue", {"QueueName": "z"}, False),
    ("sqs:*", "*", "sqs", "ListQueues", {}, True),
    ("lambda:*", "*", "sqs", "ListQueues", {}, False),
    ("lambda:*", "*", "sqs", "SendMessage", {}, True),  # judged with the queue's policy, later
    ("lambda:InvokeFunction", FUNCTION, "lambda", "Invoke", {"FunctionName": "f"}, True),
    ("lambda:InvokeFunction", FUNCTION, "lambda", "Invoke", {"FunctionName": "f:1"}, True),
    ("lambda:InvokeFunction", FUNCTION, "lambda", "Invoke", {"FunctionName": "g"}, False),
    ("lambda:Invoke", FUNCTION, "lambda", "Invoke", {"FunctionName": "f"}, False),
    ("lambda:GetFunction", FUNCTION, "lambda", "GetFunction", {"FunctionName": FUNCTION}, True),
    ("lambda:ListFunctions", "*", "lambda", "ListFunctions", {}, True),
    ("lambda:ListFunctions", FUNCTION, "lambda", "ListFunctions", {}, False),
    ("lambda:TagResource", FUNCTION, "lambda", "TagResource", {"Resource": FUNCTION}, True),
    ("redrive:DescribeQueues", "*", "redrive", "DescribeQueues", {}, True),
    ("redrive:DescribeQueues", "*", "redrive", "Deploy", {}, False),
    ("redrive:DescribeQueues", "*", "redrive", "ResetAccount", {}, False),
    ("sqs:ListQueues", "*", "sts", "GetCallerIdentity", {}, True),
    ("logs:PutLogEvents", f"{GROUP}:*", "logs", "PutLogEvents", {"logGroupName": "g"}, True),
    ("logs:PutLogEvents", f"{GROUP}:*", "logs", "PutLogEvents", {"logGroupName": "h"}, False),
    ("logs:*", f"{GROUP}:*", "logs", "FilterLogEvents", {"logGroupIdentifier": GROUP}, True),
    ("logs:*", f"{GROUP}:*", "logs", "TagResource", {"resourceArn": f"{GROUP}:*"}, True),
    ("logs:*", f"{GROUP}:*", "logs", "DescribeLogGroups", {}, False),
    (
        "logs:*",
        f"{GROUP}:log-stream:s",
        "logs",
        "GetLogEvents",
        {"logGroupName": "g", "logStreamName": "t"},
        False,
    ),
]


@pytest.mark.parametrize(
    ("action", "resource", "service", "operation", "params", "is_allowed"), CASES
)
def test_what_one_permission_opens(
    action: str,
    resource: str,
    service: str,
    operation: str,
    params: dict[str, Any],
    is_allowed: bool,
) -> None:
    """A user may do what its policy names, on what it names; a root may do everything."""
    assert is_let_in(alice(action, resource), service, operation, **params) == is_allowed
    assert is_let_in(ROOT, service, operation, **params)


def test_what_a_refusal_says() -> None:
    """Who, what, on what, and why, in AWS's words; SQS tells actions in lower case."""
    with pytest.raises(ServiceError) as caught:
        check_caller("lambda", "Invoke", {"FunctionName": "f"}, alice("sqs:*"), Millis(0))
    assert caught.value.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform:"
        f" lambda:InvokeFunction on resource: {FUNCTION} because no identity-based policy allows"
        " the lambda:InvokeFunction action"
    )
    with pytest.raises(ServiceError, match=r"perform: sqs:listqueues on .* the sqs:listqueues act"):
        check_caller("sqs", "ListQueues", {}, alice("lambda:*"), Millis(0))


@pytest.mark.parametrize(
    "name",
    [
        "f",
        "f:1",
        "f:$LATEST",
        "function:f",
        "function:f:live",
        f"{ACCOUNT}:f",
        f"{ACCOUNT}:function:f",
        f"{ACCOUNT}:function:f:1",
        f"{REGION}:{ACCOUNT}:function:f",
        "444455556666:function:f",
        "444455556666:f",
        FUNCTION,
        f"{FUNCTION}:1",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:f",
        f"arn:aws:lambda:{REGION}:444455556666:function:f",
        "arn:aws:lambda:function:f",
        "arn:aws:lambda:f",
    ],
)
def test_names_mean_what_they_mean_to_the_operation(name: str) -> None:
    """Whatever form a name has, the function that is judged is the one that is used."""
    found = resource_of("lambda", "Invoke", {"FunctionName": name}, ROOT)
    assert found == parse_function_name(name, ROOT).unqualified_arn


def test_what_concerns_no_single_resource() -> None:
    """Mappings have ARNs of their own; lists and new mappings concern everything."""
    mapping = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:u"
    both = {"UUID": "u", "FunctionName": "f"}
    assert resource_of("lambda", "UpdateEventSourceMapping", both, ROOT) == mapping
    assert resource_of("lambda", "ListTags", {"Resource": mapping}, ROOT) == mapping
    for operation in ("CreateEventSourceMapping", "ListEventSourceMappings"):
        assert resource_of("lambda", operation, {"FunctionName": "f"}, ROOT) == "*"
    assert resource_of("redrive", "Deploy", {"StackName": "s"}, ROOT) == "*"
