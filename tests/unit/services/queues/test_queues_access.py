"""Queue policies: what may be stored, and whom they bind when authorisation is on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import ACCOUNT, OTHER, REGION, Rig, arn
from stand_ins import caller

from redrive.core.effects import Caller, Session
from redrive.core.keys import Key
from redrive.core.policies import compile_policy

ROOT = caller()._replace(session=Session(None, {"aws:sourceip": "10.1.2.3"}))
STRANGER = caller(OTHER)._replace(session=Session(None, {}))


def user(*actions: str, name: str = "alice", account: str = ACCOUNT) -> Caller:
    """Return a user who may do some actions on every queue, judged."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = compile_policy({"Statement": statement}, names_principals=False)
    whole = Key("k", "s", account, name).caller(REGION)
    return whole._replace(session=Session(policy, {}))


def statement(**changes: Any) -> dict[str, Any]:
    whole = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": arn("q")}
    return {**whole, **changes}


def put(rig: Rig, url: str, *statements: dict[str, Any], who: Caller = ROOT) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    rig.call("SetQueueAttributes", who, QueueUrl=url, Attributes={"Policy": policy})


def code(rig: Rig, operation: str, who: Caller, **params: Any) -> str | None:
    """Return the code of an operation's refusal, None when it was done."""
    (reply,) = rig.start(operation, who, **params)
    return None if reply.error is None else reply.error.code  # type: ignore[union-attr]


CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("SendMessage", {"MessageBody": "x"}, "SendMessage"),
    ("SendMessageBatch", {"Entries": [{"Id": "a", "MessageBody": "x"}]}, "SendMessage"),
    ("ReceiveMessage", {}, "ReceiveMessage"),
    ("DeleteMessageBatch", {"Entries": [{"Id": "a", "ReceiptHandle": "x"}]}, "DeleteMessage"),
    (
        "ChangeMessageVisibilityBatch",
        {"Entries": [{"Id": "a", "ReceiptHandle": "x"}]},
        "ChangeMessageVisibility",
    ),
    ("GetQueueAttributes", {"AttributeNames": ["QueueArn"]}, "GetQueueAttributes"),
    ("ListDeadLetterSourceQueues", {}, "ListDeadLetterSourceQueues"),
    ("ListQueueTags", {}, "ListQueueTags"),
    ("TagQueue", {"Tags": {"a": "b"}}, "TagQueue"),
    ("SetQueueAttributes", {"Attributes": {"DelaySeconds": "1"}}, "SetQueueAttributes"),
    ("PurgeQueue", {}, "PurgeQueue"),
    ("DeleteQueue", {}, "DeleteQueue"),
]


@pytest.mark.parametrize(("operation", "params", "action"), CALLS)
def test_each_operation_is_judged_by_its_action(
    rig: Rig, url: str, operation: str, params: dict[str, Any], action: str
) -> None:
    """A batch by its single action. A user may do what its policy says, and nothing else."""
    everything_else = [name for _, _, name in CALLS if name != action]
    denied = user(*(f"sqs:{name}" for name in everything_else))
    told = rig.refused(operation, denied, QueueUrl=url, **params)
    assert told == (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform:"
        f" sqs:{action.lower()} on resource: {arn('q')} because no identity-based policy allows"
        f" the sqs:{action.lower()} action",
    )
    assert code(rig, operation, user(f"SQS:{action}"), QueueUrl=url, **params) is None


@pytest.mark.parametrize(("operation", "params", "action"), CALLS)
def test_what_a_policy_cannot_share(
    rig: Rig, url: str, operation: str, params: dict[str, Any], action: str
) -> None:
    """Another account may use a queue, and never administer it, whatever the policy says."""
    put(rig, url, statement())
    is_use = action not in ("ListQueueTags", "TagQueue", "SetQueueAttributes", "DeleteQueue")
    for stranger in (STRANGER, STRANGER._replace(session=None)):
        found = code(rig, operation, stranger, QueueUrl=url, **params)
        assert found == (None if is_use else "AccessDenied")
        if operation == "PurgeQueue":
            return


def test_a_denial_binds_the_owner_too(rig: Rig, url: str) -> None:
    """With a session everybody; without authorisation nobody of the queue's own account."""
    put(rig, url, statement(Effect="Deny", Action="sqs:SendMessage"))
    told = rig.refused("SendMessage", ROOT, QueueUrl=url, MessageBody="x")
    assert told[1].endswith(f"{arn('q')} with an explicit deny in a resource-based policy")
    assert code(rig, "SendMessage", user("sqs:*"), QueueUrl=url, MessageBody="x") == "AccessDenied"
    assert code(rig, "ReceiveMessage", ROOT, QueueUrl=url) is None
    assert code(rig, "SendMessage", caller(), QueueUrl=url, MessageBody="x") is None


def test_the_root_unlocks_what_it_locked(rig: Rig, url: str) -> None:
    """A denial of everything to everybody leaves the owner's root a way out."""
    put(rig, url, statement(Effect="Deny"))
    assert code(rig, "ReceiveMessage", ROOT, QueueUrl=url) == "AccessDenied"
    gone = {"Attributes": {"Policy": ""}}
    assert code(rig, "SetQueueAttributes", user("sqs:*"), QueueUrl=url, **gone) == "AccessDenied"
    assert code(rig, "SetQueueAttributes", ROOT, QueueUrl=url, **gone) is None
    assert code(rig, "ReceiveMessage", ROOT, QueueUrl=url) is None


def test_the_queues_policy_opens_it_to_its_own_users(rig: Rig, url: str) -> None:
    """Who is named needs no policy of their own; naming the account names none of its users."""
    nobody = user("sqs:ListQueues", name="nobody")
    send = {"QueueUrl": url, "MessageBody": "x"}
    put(rig, url, statement(Principal={"AWS": ACCOUNT}))
    assert code(rig, "SendMessage", nobody, **send) == "AccessDenied"
    put(rig, url, statement(Principal={"AWS": nobody.principal}))
    assert code(rig, "SendMessage", nobody, **send) is None


def test_another_accounts_user_needs_both(rig: Rig, url: str) -> None:
    """The queue's policy, and their own."""
    send = {"QueueUrl": url, "MessageBody": "x"}
    may, may_not = user("sqs:*", account=OTHER), user("sqs:ListQueues", account=OTHER)
    assert code(rig, "SendMessage", may, **send) == "AccessDenied"
    rig.call("AddPermission", QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=["*"])
    assert code(rig, "SendMessage", may, **send) is None
    assert code(rig, "SendMessage", may_not, **send) == "AccessDenied"


def test_conditions_of_the_request(rig: Rig, url: str) -> None:
    """Where it comes from, when, and whether it was encrypted."""
    far = ROOT._replace(session=Session(None, {"aws:sourceip": "192.0.2.1"}))
    send = {"QueueUrl": url, "MessageBody": "x"}
    near = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    put(rig, url, statement(Effect="Deny", Action="sqs:SendMessage", Condition=near))
    assert code(rig, "SendMessage", ROOT, **send) is None
    assert code(rig, "SendMessage", far, **send) == "AccessDenied"
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    put(rig, url, statement(Effect="Deny", Action="sqs:SendMessage", Condition=plain))
    assert code(rig, "SendMessage", ROOT, **send) == "AccessDenied"
    late = {"DateGreaterThan": {"aws:CurrentTime": "2027-01-16T00:00:00Z"}}
    put(rig, url, statement(Effect="Deny", Action="sqs:SendMessage", Condition=late))
    assert code(rig, "SendMessage", ROOT, **send) is None
    rig.pass_to(rig.now_ms + 7 * 86_400_000)
    assert code(rig, "SendMessage", ROOT, **send) == "AccessDenied"


def test_a_services_source_is_judged(rig: Rig, url: str) -> None:
    """A service comes with what it acts for."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
    service = Caller("999999999999", REGION, "sns.amazonaws.com", "sns")
    from_topic = service._replace(session=Session(None, {"aws:sourcearn": topic}))
    from_other = service._replace(session=Session(None, {"aws:sourcearn": topic + "2"}))
    put(
        rig,
        url,
        statement(
            Principal={"Service": "sns.amazonaws.com"},
            Action="sqs:SendMessage",
            Condition={"ArnEquals": {"aws:SourceArn": topic}},
        ),
    )
    send = {"QueueUrl": url, "MessageBody": "x"}
    assert code(rig, "SendMessage", from_topic, **send) is None
    assert code(rig, "SendMessage", from_other, **send) == "AccessDenied"
    assert code(rig, "SendMessage", service, **send) == "AccessDenied"


def test_a_long_poll_is_judged_each_time(rig: Rig, url: str) -> None:
    """Who waits when the policy changes is not given what comes later."""
    waiting = rig.start("ReceiveMessage", ROOT, QueueUrl=url, WaitTimeSeconds=20)
    assert not waiting
    put(rig, url, statement(Effect="Deny", Action="sqs:ReceiveMessage"))
    rig.call("SendMessage", ROOT, QueueUrl=url, MessageBody="x")
    (reply,) = waiting
    assert getattr(reply.error, "code", None) == "AccessDenied"


# --- what may be stored --------------------------------------------------------------------------

INVALID = ("InvalidAttributeValue", "Invalid value for the parameter Policy.")
BAD_POLICIES = [
    "x",
    "{",
    "[]",
    "{}",
    json.dumps({"Statement": []}),
    json.dumps({"Statement": [statement(Principal={"AWS": "alice"})]}),
    json.dumps({"Statement": [statement(Action="SendMessage")]}),
    json.dumps({"Statement": [statement(Condition={"Madeup": {"a": "b"}})]}),
    json.dumps({"Version": "2021-01-01", "Statement": [statement()]}),
    json.dumps({"Statement": [statement(Sid=str(n)) for n in range(21)]}),
    json.dumps({"Statement": [statement(Resource=[arn("q" * 79)] * 90)]}),
]


@pytest.mark.parametrize("policy", BAD_POLICIES)
def test_what_is_no_policy_is_not_stored(rig: Rig, url: str, policy: str) -> None:
    """Neither by SetQueueAttributes nor by CreateQueue; what was there stays."""
    put(rig, url, statement())
    kept = rig.attributes(url)["Policy"]
    given = {"Attributes": {"Policy": policy}}
    assert rig.refused("SetQueueAttributes", QueueUrl=url, **given) == INVALID
    assert rig.refused("CreateQueue", QueueName="new", **given) == INVALID
    assert rig.attributes(url)["Policy"] == kept


def test_permissions_have_the_same_limits(rig: Rig, url: str) -> None:
    """A twenty-first statement, a fifty-first principal."""
    for n in range(20):
        label = {"Label": f"l{n}", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]}
        rig.call("AddPermission", QueueUrl=url, **label)
    one_more = {"Label": "x", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]}
    assert rig.refused("AddPermission", QueueUrl=url, **one_more) == (
        "OverLimit",
        "21 Statements were found, maximum allowed is 20.",
    )
    rig.call("RemovePermission", QueueUrl=url, Label="l0")
    many = {**one_more, "AWSAccountIds": [f"{n:012}" for n in range(32)]}
    assert rig.refused("AddPermission", QueueUrl=url, **many) == (
        "OverLimit",
        "51 Principals were found, maximum allowed is 50.",
    )
    rig.call("AddPermission", QueueUrl=url, **{**many, "AWSAccountIds": many["AWSAccountIds"][:31]})


def test_a_move_needs_what_it_does(rig: Rig, url: str) -> None:
    """Who may begin moves and may not receive, delete or send there is refused."""
    target = rig.call("CreateQueue", QueueName="target")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn("q"), "maxReceiveCount": 1})
    rig.call("SetQueueAttributes", QueueUrl=target, Attributes={"RedrivePolicy": policy})
    needed = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "SendMessage")
    for missing in needed:
        who = user(*(f"sqs:{action}" for action in needed if action != missing))
        for to in ({}, {"DestinationArn": arn("target")}):
            assert code(rig, "StartMessageMoveTask", who, SourceArn=arn("q"), **to) == (
                "AccessDenied"
            ), missing
    assert (
        code(
            rig,
            "StartMessageMoveTask",
            user(*(f"sqs:{action}" for action in needed)),
            SourceArn=arn("q"),
        )
        is None
    )
