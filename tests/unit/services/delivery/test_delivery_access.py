"""As whom deliveries are made, and what the policies of queues and functions say to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from events_world import ACCOUNT, CALLER, REGION
from owing import Owing, attributes_of, letter
from stand_ins import package

from redrive.core.access import refusal
from redrive.core.effects import Call, Caller, Session
from redrive.core.policies import compile_policy
from redrive.core.time import Millis
from redrive.services.ports import EVENTS_RETRY
from redrive.services.targets import service_caller

OTHER = CALLER._replace(account="222222222222", principal="arn:aws:iam::222222222222:root")
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"
EVENTS = service_caller("events", ACCOUNT, REGION, RULE)
JUDGED = EVENTS._replace(session=Session((), {}))


class _Judging(Owing):
    is_judging = True


@pytest.fixture(params=[False, True], ids=["off", "on"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Owing]:
    """A world without authorisation, and one with it; dead letters are let in."""
    world = (_Judging if request.param else Owing)(tmp_path)
    world.queue("dead", Policy=policy("Service", "events.amazonaws.com"))
    yield world
    world.close()


def policy(kind: str, who: str, **condition: Any) -> str:
    """A queue's policy that lets somebody send."""
    statement = {
        "Effect": "Allow",
        "Principal": who if kind == "*" else {kind: who},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue(world: Owing, owner: Caller, text: str | None) -> str:
    """Make a queue of an account, with a policy or without; return its ARN."""
    attributes = {} if text is None else {"Policy": text}
    world.call("sqs", "CreateQueue", owner, QueueName="q", Attributes=attributes)
    return f"arn:aws:sqs:{REGION}:{owner.account}:q"


def sent(world: Owing, target: str, caller: Caller = EVENTS) -> bool:
    """Deliver a message to a queue; tell whether it arrived: else it is buried."""
    call = Call("sqs", "SendMessage", {"QueueUrl": target, "MessageBody": "m"}, caller)
    world.owe(call=call, target=target, retry=EVENTS_RETRY, dead_letter=letter())
    found = world.messages("dead")
    for message in found:
        assert attributes_of(message)["ERROR_CODE"] == "NO_PERMISSIONS"
        assert "not authorized" in attributes_of(message)["ERROR_MESSAGE"]
    return not found


SERVICE = policy("Service", "events.amazonaws.com")
OF_RULE = policy("Service", "events.amazonaws.com", ArnEquals={"aws:SourceArn": RULE})
OF_ACCOUNT = policy("Service", "events.amazonaws.com", StringEquals={"aws:SourceAccount": ACCOUNT})
OF_ANOTHER = policy("Service", "events.amazonaws.com", ArnLike={"aws:SourceArn": RULE + "x"})
DENIED = SERVICE.replace("Allow", "Deny")
TABLE = [
    # (the queue's owner, its policy, arrives without authorisation, arrives with it)
    (CALLER, None, True, False),
    (CALLER, SERVICE, True, True),
    (CALLER, policy("Service", "sns.amazonaws.com"), True, False),
    (CALLER, policy("AWS", ACCOUNT), True, False),
    (CALLER, policy("*", "*"), True, True),
    (CALLER, OF_RULE, True, True),
    (CALLER, OF_ANOTHER, True, False),
    (CALLER, DENIED, True, False),
    (OTHER, None, False, False),
    (OTHER, SERVICE, True, True),
    (OTHER, policy("Service", "sns.amazonaws.com"), False, False),
    (OTHER, policy("AWS", ACCOUNT), True, False),
    (OTHER, policy("AWS", "333333333333"), False, False),
    (OTHER, OF_RULE, True, True),
    (OTHER, OF_ACCOUNT, True, True),
    (OTHER, OF_ANOTHER, False, False),
    (OTHER, DENIED, False, False),
]


@pytest.mark.parametrize(("owner", "text", "off", "on"), TABLE)
def test_queues(world: Owing, owner: Caller, text: str | None, off: bool, on: bool) -> None:
    """A service is let in by the queue's policy: with authorisation on always, without it where the
    queue is another account's; there the account may be named instead."""
    target = queue(world, owner, text)
    assert sent(world, target) is (on if world.is_judging else off)


@pytest.mark.parametrize(
    ("owner", "permission", "off", "on"),
    [
        (CALLER, None, True, False),
        (CALLER, {"Principal": "events.amazonaws.com"}, True, True),
        (CALLER, {"Principal": "sns.amazonaws.com"}, True, False),
        (CALLER, {"Principal": ACCOUNT}, True, False),
        (CALLER, {"Principal": "events.amazonaws.com", "SourceArn": RULE}, True, True),
        (CALLER, {"Principal": "events.amazonaws.com", "SourceArn": RULE + "x"}, True, False),
        (OTHER, None, False, False),
        (OTHER, {"Principal": "events.amazonaws.com"}, True, True),
        (OTHER, {"Principal": "events.amazonaws.com", "SourceAccount": ACCOUNT}, True, True),
        (OTHER, {"Principal": "events.amazonaws.com", "SourceAccount": "3" * 12}, False, False),
        (OTHER, {"Principal": ACCOUNT}, True, False),
    ],
)
def test_functions(
    world: Owing, owner: Caller, permission: dict[str, str] | None, off: bool, on: bool
) -> None:
    """The same for what AddPermission has let in."""
    arn = _function(world, owner)
    if permission is not None:
        world.call(
            "lambda",
            "AddPermission",
            owner,
            FunctionName="f",
            StatementId="s",
            Action="lambda:InvokeFunction",
            **permission,
        )
    params = {"FunctionName": arn, "InvocationType": "Event", "Payload": b"{}"}
    call = Call("lambda", "Invoke", params, EVENTS)
    world.owe(call=call, target=arn, retry=EVENTS_RETRY, dead_letter=letter())
    is_invoked = on if world.is_judging else off
    assert len(world.events("f")) == is_invoked
    codes = [attributes_of(each)["ERROR_CODE"] for each in world.messages("dead")]
    assert codes == ([] if is_invoked else ["NO_PERMISSIONS"])


def _function(world: Owing, owner: Caller) -> str:
    made = world.call(
        "lambda",
        "CreateFunction",
        owner,
        FunctionName="f",
        Role=f"arn:aws:iam::{owner.account}:role/r",
        Handler="app.handler",
        Runtime="python3.12",
        Code={"ZipFile": package()},
    )
    return str(made["FunctionArn"])


def test_who_has_sent_a_message(world: Owing) -> None:
    """A message shows the service as its sender."""
    target = queue(world, CALLER, SERVICE)
    assert sent(world, target)
    (message,) = world.messages("q")
    assert message["Attributes"]["SenderId"] == "events.amazonaws.com"


def test_a_dead_letter_queue_that_lets_nobody_in(world: Owing) -> None:
    """Its policy is asked as well: with authorisation on the dead letter is lost, and told."""
    call = Call("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "m"}, EVENTS)
    world.queue("closed")
    world.owe(call=call, retry=EVENTS_RETRY, dead_letter=letter("closed"))
    expected = "buried-dropped" if world.is_judging else "buried-taken"
    assert world.outcomes()[-1] == expected


def test_roles_are_not_services(world: Owing) -> None:
    """What is called as a role of its own account is not judged by the courier."""
    target = queue(world, CALLER, None)
    role = Caller(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:role/r", ACCOUNT)
    assert sent(world, target, role)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:PrincipalServiceName": "events.amazonaws.com"}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"}}, True),
        ({"StringEquals": {"AWS:SourceAccount": "333333333333"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, False),
    ],
)
@pytest.mark.parametrize("caller", [JUDGED, EVENTS])
def test_conditions(caller: Caller, condition: dict[str, Any], allowed: bool) -> None:
    """What a service says of itself, and on whose behalf it asks."""
    compiled = compile_policy(json.loads(policy("Service", "events.amazonaws.com", **condition)))
    why = refusal(
        caller, "sqs:SendMessage", "arn:q", owner=OTHER.account, policy=compiled, now_ms=Millis(0)
    )
    assert (why is None) is allowed
