"""Temporary keys: lent, used, over; what they may do when everybody is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from identity_rig import (
    REGION,
    SECOND_MS,
    T0,
    THEM,
    TRUSTS_LAMBDA,
    TRUSTS_US,
    US,
    Refused,
    Rig,
    lent_key,
    refused,
)

from redrive.core.keys import Key
from redrive.core.policies import compile_policy

ROLE = f"arn:aws:iam::{US}:role/worker"
QUEUE = f"arn:aws:sqs:{REGION}:{US}:orders"
EXPIRED = "The security token included in the request is expired"
INVALID = "The security token included in the request is invalid"


def allows(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def key_of(name: str, account: str = US, user: str = "", *statements: Any) -> Key:
    compiled = None
    if statements:
        compiled = compile_policy(json.loads(policy(*statements)), names_principals=False)
    return Key(f"AKIA{name:0>16}", f"secret-of-{name}", account, user, policy=compiled)


ROOT, BOB = key_of("ROOT"), key_of("BOB", THEM, "bob")
ALICE = key_of("ALICE", US, "alice", allows("sts:AssumeRole"))
CAROL = key_of("CAROL", US, "carol", allows("sqs:*"))
KEYS = (ROOT, BOB, ALICE, CAROL)


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Rig]:
    """A server with keys and authorisation."""
    made = Rig(tmp_path, keys=KEYS, is_judging=True)
    yield made
    made.close()


def assume(rig: Rig, who: Key | str = ROOT, role: str = ROLE, **params: Any) -> Key:
    params = {"RoleSessionName": "tuesday", **params}
    return lent_key(rig.client("sts", who)("AssumeRole", RoleArn=role, **params))


def make_role(rig: Rig, trust: str = TRUSTS_US, name: str = "worker", **params: Any) -> Any:
    iam = rig.client("iam", ROOT)
    return iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, **params)["Role"]


def put(rig: Rig, *statements: Any, name: str = "worker") -> None:
    iam = rig.client("iam", ROOT)
    iam("PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))


def orders_url(rig: Rig) -> str:
    return str(rig.client("sqs", ROOT)("CreateQueue", QueueName="orders")["QueueUrl"])


# --- without keys ---------------------------------------------------------------------------------


def test_any_role_can_be_assumed_without_authorisation(rig: Rig) -> None:
    """The temporary key carries the role's account, in its id as AWS's do, and the session."""
    sts = rig.client("sts", THEM)
    told = sts("AssumeRole", RoleArn=ROLE, RoleSessionName="tuesday", DurationSeconds=900)
    user = told["AssumedRoleUser"]
    assert user["Arn"] == f"arn:aws:sts::{US}:assumed-role/worker/tuesday"
    assert told["Credentials"]["Expiration"].timestamp() == T0 // 1000 + 900
    key = lent_key(told)
    assert (len(key.id), len(key.secret)) == (20, 40)
    who = rig.client("sts", key)("GetCallerIdentity")
    assert (who["Account"], who["Arn"]) == (US, user["Arn"])
    assert who["UserId"] == user["AssumedRoleId"]
    url = rig.client("sqs", key)("CreateQueue", QueueName="orders")["QueueUrl"]
    assert url == f"http://localhost:4566/{US}/orders"
    assert sts("GetAccessKeyInfo", AccessKeyId=key.id)["Account"] == US


def test_a_role_that_is_known_has_its_own_id_and_limit(rig: Rig) -> None:
    """The role's id shows in the session's; its MaxSessionDuration bounds it."""
    made = rig.client("iam")(
        "CreateRole", RoleName="worker", AssumeRolePolicyDocument=TRUSTS_LAMBDA
    )["Role"]
    key = assume(rig, US)
    who = rig.client("sts", key)("GetCallerIdentity")
    assert who["UserId"] == f"{made['RoleId']}:tuesday"
    text = "exceeds the MaxSessionDuration set for this role"
    with refused("ValidationError", text):
        assume(rig, US, DurationSeconds=3601)
    assume(rig, US, f"arn:aws:iam::{US}:role/unknown", DurationSeconds=43200)
    with refused("ValidationError", "role chaining"):
        assume(rig, key, f"arn:aws:iam::{US}:role/unknown", DurationSeconds=3601)
    with refused("ValidationError", "at 'durationSeconds'"):
        assume(rig, US, DurationSeconds=899)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"RoleArn": "arn:aws:iam::1:role/x/y/z"}, "ValidationError", "is invalid"),
        ({"RoleArn": f"arn:aws:iam::{US}:user/alice"}, "ValidationError", "is invalid"),
        ({"RoleSessionName": "a b"}, "ValidationError", "roleSessionName"),
        ({"Policy": "{"}, "MalformedPolicyDocument", "Syntax errors"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None"}]}, "MalformedPolicyDocument", ""),
        ({"SerialNumber": "arn:aws:iam::x:mfa/y", "TokenCode": "123456"}, "AccessDenied", "MFA"),
        ({"TransitiveTagKeys": ["a"]}, "ValidationError", "must be included"),
        (
            {"ProvidedContexts": [{"ProviderArn": "a" * 20, "ContextAssertion": "abcd"}]},
            "ValidationError",
            "ProvidedContexts",
        ),
        (
            {
                "Policy": policy(
                    allows(*(f"sqs:{sha256(bytes([n])).hexdigest()}" for n in range(120)))
                )
            },
            "PackedPolicyTooLarge",
            "% of allotted space, please use smaller policy.",
        ),
    ],
)
def test_bad_requests_are_refused(rig: Rig, params: Any, code: str, text: str) -> None:
    """In AWS's words."""
    given = {"RoleArn": ROLE, "RoleSessionName": "tuesday", **params}
    with refused(code, text):
        rig.client("sts")("AssumeRole", **given)


def test_a_session_of_ones_own(rig: Rig) -> None:
    """GetSessionToken gives a key of the same principal, for an hour at most to a root."""
    told = rig.client("sts")("GetSessionToken", DurationSeconds=129_600)
    assert told["Credentials"]["Expiration"].timestamp() == T0 // 1000 + 3600
    key = lent_key(told)
    assert rig.client("sts", key)("GetCallerIdentity")["Arn"] == f"arn:aws:iam::{US}:root"
    for made in (key, assume(rig, US)):
        with refused("AccessDenied", "Cannot call GetSessionToken with session credentials"):
            rig.client("sts", made)("GetSessionToken")
    with refused("InvalidIdentityToken", "no identity providers"):
        rig.client("sts")(
            "AssumeRoleWithWebIdentity",
            RoleArn=ROLE,
            RoleSessionName="tuesday",
            WebIdentityToken="abcd",
        )


def test_a_token_is_as_large_as_it_is_asked_to_be(rig: Rig) -> None:
    """MinimumSessionTokenSize pads it, and it works all the same."""
    told = rig.client("sts")("GetSessionToken", MinimumSessionTokenSize=4000)
    assert 4000 <= len(told["Credentials"]["SessionToken"]) == told["SessionTokenSize"] <= 4003
    assert rig.client("sts", lent_key(told))("GetCallerIdentity")["Account"] == US


def test_keys_of_real_aws_mean_what_they_meant(rig: Rig) -> None:
    """A temporary key that somebody else has made belongs to the account of all other keys."""
    theirs = Key("ASIAIOSFODNN7EXAMPLE", "s", "", token="FwoGZXIvYXdzEXAMPLE==")
    assert rig.client("sts", theirs)("GetCallerIdentity")["Account"] == "000000000000"
    ours = assume(rig, US)
    swapped = Key(ours.id, ours.secret, "", token=assume(rig, US).token)
    assert rig.client("sts", swapped)("GetCallerIdentity")["Account"] == "000000000000"


# --- their time ---------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [(), KEYS])
def test_keys_survive_a_restart_and_end_in_time(tmp_path: Path, keys: tuple[Key, ...]) -> None:
    """What was lent before works after, up to the very second that was told."""
    rig = Rig(tmp_path, keys=keys)
    key = assume(rig, keys[0] if keys else US, DurationSeconds=900)
    rig.close()
    rig = Rig(tmp_path, keys=keys, now_ms=T0 + 899 * SECOND_MS)
    assert rig.client("sts", key)("GetCallerIdentity")["Account"] == US
    rig.client("sqs", key)("ListQueues")
    rig.now_ms += SECOND_MS
    with refused("ExpiredToken", EXPIRED, 403):
        rig.client("sts", key)("GetCallerIdentity")
    with refused("ExpiredToken", EXPIRED, 403):
        rig.client("sqs", key)("ListQueues")
    rig.close()


def test_another_server_does_not_know_them(tmp_path: Path) -> None:
    """The secret is the store's own."""
    (tmp_path / "other").mkdir()
    rig = Rig(tmp_path, keys=KEYS)
    key = assume(rig)
    rig.close()
    other = Rig(tmp_path / "other", keys=KEYS, now_ms=T0 + SECOND_MS)
    with refused("InvalidClientTokenId", INVALID, 403):
        other.client("sts", key)("GetCallerIdentity")
    other.close()


# --- with keys ----------------------------------------------------------------------------------


def test_signatures_of_temporary_keys_are_checked(judged: Rig) -> None:
    """A wrong secret, a missing, cut or strange token opens nothing."""
    make_role(judged)
    key = assume(judged)
    sts = judged.client("sts", key)
    assert sts("GetCallerIdentity")["Account"] == US
    put(judged, allows("sts:GetAccessKeyInfo"))
    assert sts("GetAccessKeyInfo", AccessKeyId=BOB.id)["Account"] == THEM
    other = assume(judged)
    assert key.token is not None
    for bad in (
        Key(key.id, other.secret, "", token=key.token),
        Key(key.id, key.secret, "", token=None),
        Key(key.id, key.secret, "", token=key.token[:-8]),
        Key(key.id, key.secret, "", token=other.token),
        Key(key.id, key.secret, "", token=key.token[:60] + "AAAA" + key.token[64:]),
    ):
        with pytest.raises(Refused) as caught:
            judged.client("sts", bad)("GetCallerIdentity")
        assert caught.value.code in ("InvalidClientTokenId", "SignatureDoesNotMatch")
        assert caught.value.status == 403


def test_a_role_may_do_what_its_policies_say(judged: Rig) -> None:
    """Inline, attached, one's own: each opens; without any nothing is open; changes count at once,
    for sessions too that were begun before.
    """
    url = orders_url(judged)
    make_role(judged)
    sqs = judged.client("sqs", assume(judged))

    def send() -> None:
        sqs("SendMessage", QueueUrl=url, MessageBody="m")

    def is_open() -> bool:
        try:
            send()
        except Refused as error:
            assert error.code == "AccessDenied"
            assert f"User: arn:aws:sts::{US}:assumed-role/worker/tuesday" in error.text
            assert "because no identity-based policy allows the sqs:sendmessage" in error.text
            return False
        return True

    assert not is_open()
    put(judged, allows("sqs:SendMessage", Resource=QUEUE))
    send()
    with refused("AccessDenied", "sqs:receivemessage"):
        sqs("ReceiveMessage", QueueUrl=url)
    with refused("AccessDenied", "sqs:listqueues"):
        sqs("ListQueues")
    iam = judged.client("iam", ROOT)
    iam("DeleteRolePolicy", RoleName="worker", PolicyName="p")
    assert not is_open()
    full = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    iam("AttachRolePolicy", RoleName="worker", PolicyArn=full)
    send()
    sqs("ListQueues")
    iam("DetachRolePolicy", RoleName="worker", PolicyArn=full)
    own = iam("CreatePolicy", PolicyName="x", PolicyDocument=policy(allows("sns:*")))["Policy"]
    iam("AttachRolePolicy", RoleName="worker", PolicyArn=own["Arn"])
    assert not is_open()
    document = policy(allows("sqs:SendMessage"))
    iam("CreatePolicyVersion", PolicyArn=own["Arn"], PolicyDocument=document, SetAsDefault=True)
    send()


def test_a_session_policy_and_a_boundary_narrow(judged: Rig) -> None:
    """What is allowed is what all of them allow, told by what is missing."""
    url = orders_url(judged)
    make_role(judged)
    put(judged, allows("sqs:*"))

    def send(**params: Any) -> None:
        key = assume(judged, **params)
        judged.client("sqs", key)("SendMessage", QueueUrl=url, MessageBody="m")

    send()
    send(Policy=policy(allows("sqs:SendMessage")))
    read_only = [{"arn": "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}]
    send(Policy=policy(allows("sqs:SendMessage")), PolicyArns=read_only)
    nothing = "because no session policy allows the sqs:sendmessage action"
    with refused("AccessDenied", nothing, 403):
        send(PolicyArns=read_only)
    with refused("AccessDenied", "with an explicit deny in a session policy"):
        denies = allows("sqs:SendMessage", Effect="Deny")
        send(Policy=policy(allows("*"), denies))
    iam = judged.client("iam", ROOT)
    iam("PutRolePermissionsBoundary", RoleName="worker", PermissionsBoundary=read_only[0]["arn"])
    with refused("AccessDenied", "because no permissions boundary allows the sqs:sendmessage"):
        send()


def test_a_queue_may_name_a_role_or_its_session(judged: Rig) -> None:
    """Naming the role lets its sessions in, as far as their own policies let them; naming the
    session lets it in as it is.
    """
    url = orders_url(judged)
    make_role(judged)
    narrow = {"Policy": policy(allows("sqs:ReceiveMessage"))}
    session = f"arn:aws:sts::{US}:assumed-role/worker/tuesday"

    def send(**params: Any) -> None:
        key = assume(judged, **params)
        judged.client("sqs", key)("SendMessage", QueueUrl=url, MessageBody="m")

    for named, is_bound in ((ROLE, True), (session, False)):
        statement = allows("sqs:SendMessage", Principal={"AWS": named}, Resource=QUEUE)
        judged.client("sqs", ROOT)(
            "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy(statement)}
        )
        send()
        if is_bound:
            with refused("AccessDenied", "because no session policy allows"):
                send(**narrow)
        else:
            send(**narrow)
            with refused("AccessDenied"):
                send(RoleSessionName="wednesday")


def test_a_role_of_another_account_sends_when_both_sides_agree(judged: Rig) -> None:
    """Bob's account assumes our role only if it is trusted; ours needs no policy of his queue."""
    url = orders_url(judged)
    make_role(judged, TRUSTS_US.replace(US, THEM))
    put(judged, allows("sqs:SendMessage"))
    key = assume(judged, BOB)
    judged.client("sqs", key)("SendMessage", QueueUrl=url, MessageBody="m")
    with refused("AccessDenied", "no resource-based policy allows the sts:AssumeRole action"):
        assume(judged, ROOT)


def test_who_may_assume_a_role(judged: Rig) -> None:
    """The trust policy has to allow, and when it names the account, the caller's policy too."""
    make_role(judged)
    assume(judged, ALICE)
    carol = f"User: arn:aws:iam::{US}:user/carol is not authorized to perform: sts:AssumeRole on"
    with refused("AccessDenied", f"{carol} resource: {ROLE} because no identity-based", 403):
        assume(judged, CAROL)
    make_role(judged, TRUSTS_US.replace("root", "user/carol"), "carols")
    carols = f"arn:aws:iam::{US}:role/carols"
    assume(judged, CAROL, carols)
    with refused("AccessDenied", "no resource-based policy allows"):
        assume(judged, ALICE, carols)
    make_role(judged, TRUSTS_LAMBDA, "lambdas")
    for role in ("lambdas", "none"):
        with refused("AccessDenied", "no resource-based policy allows"):
            assume(judged, ALICE, f"arn:aws:iam::{US}:role/{role}")


def test_conditions_of_trust(judged: Rig) -> None:
    """ExternalId, the session's name, tags and source identity are judged, each by its key."""
    guarded = {
        "Effect": "Allow",
        "Principal": {"AWS": US},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {"sts:ExternalId": "e-1"},
            "StringLike": {"sts:RoleSessionName": "tue*"},
        },
    }
    make_role(judged, policy(guarded))
    good = {"ExternalId": "e-1"}
    assume(judged, **good)
    for bad in ({"ExternalId": "e-2"}, {}, {**good, "RoleSessionName": "monday"}):
        with refused("AccessDenied", "sts:AssumeRole"):
            assume(judged, **bad)
    assume(judged, **good, Tags=[{"Key": "team", "Value": "blue"}])
    with refused("AccessDenied", "sts:SetSourceIdentity"):
        assume(judged, **good, SourceIdentity="alice")


def test_tags_of_a_session_are_its_principals(judged: Rig) -> None:
    """They are judged as aws:PrincipalTag, win over the role's own, and go on when they shall."""
    url = orders_url(judged)
    trust = TRUSTS_US.replace('"sts:AssumeRole"', '["sts:AssumeRole", "sts:TagSession"]')
    make_role(judged, trust, Tags=[{"Key": "team", "Value": "red"}])
    make_role(judged, trust, "next")
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    put(judged, allows("sqs:*", Condition=condition), allows("sts:*"))
    put(judged, allows("sqs:*", Condition=condition), name="next")

    def send(key: Key) -> None:
        judged.client("sqs", key)("SendMessage", QueueUrl=url, MessageBody="m")

    blue = {"Tags": [{"Key": "team", "Value": "blue"}]}
    send(assume(judged, **blue))
    with refused("AccessDenied"):
        send(assume(judged))
    following = f"arn:aws:iam::{US}:role/next"
    send(assume(judged, assume(judged, **blue, TransitiveTagKeys=["team"]), following))
    with refused("AccessDenied"):
        send(assume(judged, assume(judged, **blue), following))


def test_a_role_that_was_made_anew_is_another(judged: Rig) -> None:
    """Sessions of a deleted role open nothing, and nothing again when its name returns."""
    make_role(judged)
    key = assume(judged)
    iam = judged.client("iam", ROOT)
    iam("DeleteRole", RoleName="worker")
    with refused("InvalidClientTokenId", INVALID, 403):
        judged.client("sts", key)("GetCallerIdentity")
    make_role(judged)
    with refused("InvalidClientTokenId", INVALID, 403):
        judged.client("sqs", key)("ListQueues")


def test_a_users_own_session(judged: Rig) -> None:
    """It may do what the user may, but ask IAM."""
    told = judged.client("sts", CAROL)("GetSessionToken")
    assert told["Credentials"]["Expiration"].timestamp() == T0 // 1000 + 43_200
    key = lent_key(told)
    assert judged.client("sts", key)("GetCallerIdentity")["Arn"].endswith(":user/carol")
    judged.client("sqs", key)("ListQueues")
    make_role(judged)
    with refused("AccessDenied", "sts:AssumeRole"):
        assume(judged, key)
    mine = lent_key(judged.client("sts", ROOT)("GetSessionToken"))
    with refused("InvalidClientTokenId", INVALID, 403):
        judged.client("iam", mine)("ListRoles")


def test_iam_itself_is_judged(judged: Rig) -> None:
    """By the ARN of the role or policy, with its path."""
    make_role(judged, Path="/team/")
    role = f"arn:aws:iam::{US}:role/team/worker"
    put(judged, allows("iam:GetRole", Resource=role), allows("iam:CreateRole", Resource=role))
    iam = judged.client("iam", assume(judged, role=role))
    assert iam("GetRole", RoleName="worker")["Role"]["Arn"] == role
    with refused("AccessDenied", f"iam:DeleteRole on resource: {role} because", 403):
        iam("DeleteRole", RoleName="worker")
    with refused("AccessDenied", "iam:ListRoles on resource: *"):
        iam("ListRoles")
    with refused("EntityAlreadyExists"):
        iam(
            "CreateRole",
            RoleName="worker",
            Path="/team/",
            AssumeRolePolicyDocument=TRUSTS_US,
        )
    with refused("AccessDenied", "iam:GetRole"):
        judged.client("iam", CAROL)("GetRole", RoleName="worker")
