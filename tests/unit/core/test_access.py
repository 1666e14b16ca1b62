"""Who may do what: the caller's policy and the resource's together."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.access import facts_of, refusal
from redrive.core.effects import Caller, Session
from redrive.core.keys import Key, Keyring
from redrive.core.policies import compile_policy
from redrive.core.time import Millis

US, THEM = "000000000000", "111122223333"
ARN = f"arn:aws:sqs:us-east-1:{US}:q"
NOW = Millis(1_795_253_400_123)
SEND: dict[str, Any] = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
NOT_SEND: dict[str, Any] = {**SEND, "Effect": "Deny"}

NO_IDENTITY = "because no identity-based policy allows the sqs:SendMessage action"
NO_RESOURCE = "because no resource-based policy allows the sqs:SendMessage action"
IDENTITY_DENIES = "with an explicit deny in an identity-based policy"
RESOURCE_DENIES = "with an explicit deny in a resource-based policy"


def caller(account: str, user: str = "", *statements: dict[str, Any]) -> Caller:
    """Return a caller who is judged; without statements its policy is that of an administrator."""
    policy = None
    if statements:
        policy = compile_policy({"Statement": list(statements)}, names_principals=False)
    whole = Key("k", "s", account, user).caller("us-east-1")
    return whole._replace(session=Session(policy, {"aws:sourceip": "10.1.2.3"}))


ROOT, ALICE = caller(US), caller(US, "alice", SEND)
NOBODY = caller(US, "nobody", {**SEND, "Action": "sqs:ListQueues"})
BARRED = caller(US, "barred", {**SEND, "Action": "*"}, NOT_SEND)
BOB = caller(THEM, "bob", SEND)
BOBS_FRIEND = caller(THEM, "friend", {**SEND, "Action": "sqs:ListQueues"})
BOBS_ROOT = caller(THEM)


def to(account: str, user: str = "", **changes: Any) -> dict[str, Any]:
    named = f"arn:aws:iam::{account}:{f'user/{user}' if user else 'root'}"
    return {**SEND, "Principal": {"AWS": named}, **changes}


ANYONE = {**SEND, "Principal": "*"}
NO_ONE = {**NOT_SEND, "Principal": "*"}
CASES: list[tuple[str, Caller, list[dict[str, Any]], str | None]] = [
    ("root needs no policy", ROOT, [], None),
    ("but a denial counts", ROOT, [NO_ONE], RESOURCE_DENIES),
    ("a user's own policy is enough", ALICE, [], None),
    ("a denial wins over it", ALICE, [NO_ONE], RESOURCE_DENIES),
    ("nothing allows", NOBODY, [], NO_IDENTITY),
    ("the queue's policy is enough for who is named", NOBODY, [to(US, "nobody")], None),
    ("and for who is anyone", NOBODY, [ANYONE], None),
    ("naming the account is not naming its users", NOBODY, [to(US)], NO_IDENTITY),
    ("another user is named", NOBODY, [to(US, "alice")], NO_IDENTITY),
    ("own denial wins over all", BARRED, [ANYONE], IDENTITY_DENIES),
    ("strangers need the queue's policy", BOB, [], NO_RESOURCE),
    ("and have it", BOB, [to(THEM, "bob")], None),
    ("their account passes it on", BOB, [to(THEM)], None),
    ("or does not", BOBS_FRIEND, [to(THEM)], NO_IDENTITY),
    ("naming them alone is not enough", BOBS_FRIEND, [to(THEM, "friend")], NO_IDENTITY),
    ("their root may what the account may", BOBS_ROOT, [to(THEM)], None),
    ("not what only a user may", BOBS_ROOT, [to(THEM, "bob")], NO_RESOURCE),
    ("a denial wins here too", BOB, [to(THEM), NO_ONE], RESOURCE_DENIES),
    (
        "a denial of the account",
        BOB,
        [ANYONE, to(THEM, Effect="Deny")],
        RESOURCE_DENIES,
    ),
    (
        "where it comes from",
        BOB,
        [to(THEM, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
        None,
    ),
    (
        "or does not",
        BOB,
        [to(THEM, Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
        NO_RESOURCE,
    ),
]


@pytest.mark.parametrize(
    ("who", "statements", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_who_may_send(who: Caller, statements: list[dict[str, Any]], told: str | None) -> None:
    """AWS's evaluation logic, and its words."""
    policy = compile_policy({"Statement": statements}) if statements else None
    found = refusal(who, "sqs:SendMessage", ARN, owner=US, policy=policy, now_ms=NOW)
    assert found == told


def test_without_a_session_only_strangers_are_judged() -> None:
    """As it is while authorisation is off."""
    deny = compile_policy({"Statement": [NO_ONE]})
    for who in (ROOT, NOBODY, BARRED):
        free = who._replace(session=None)
        assert refusal(free, "sqs:SendMessage", ARN, owner=US, policy=deny, now_ms=NOW) is None
    free = BOBS_FRIEND._replace(session=None)
    assert refusal(free, "sqs:SendMessage", ARN, owner=US, policy=None, now_ms=NOW) == NO_RESOURCE
    allow = compile_policy({"Statement": [to(THEM)]})
    assert refusal(free, "sqs:SendMessage", ARN, owner=US, policy=allow, now_ms=NOW) is None


def test_the_owners_root_can_undo_a_denial_of_everything() -> None:
    """What unlocks a queue cannot be denied to the root of its account, and to nobody else."""
    deny = compile_policy({"Statement": [{**NO_ONE, "Action": "*"}]})

    def told(who: Caller) -> str | None:
        return refusal(who, "sqs:Set", ARN, owner=US, policy=deny, now_ms=NOW, is_undeniable=True)

    assert told(ROOT) is None
    assert told(caller(US, "admin")) == RESOURCE_DENIES
    assert told(BOBS_ROOT) == RESOURCE_DENIES


def test_what_a_request_says_of_itself() -> None:
    """The condition keys, for a user, for a root and for a service."""
    assert facts_of(BOB, US, NOW) == {
        "aws:currenttime": "2026-11-21T09:30:00.123Z",
        "aws:epochtime": "1795253400",
        "aws:principalaccount": THEM,
        "aws:principalarn": f"arn:aws:iam::{THEM}:user/bob",
        "aws:principalisawsservice": "false",
        "aws:principaltype": "User",
        "aws:requestedregion": "us-east-1",
        "aws:resourceaccount": US,
        "aws:securetransport": "false",
        "aws:sourceip": "10.1.2.3",
        "aws:userid": BOB.sender_id,
        "aws:username": "bob",
    }
    root = facts_of(ROOT, US, NOW)
    assert (root["aws:principaltype"], root["aws:userid"]) == ("Account", US)
    assert "aws:username" not in root
    source = {"aws:sourcearn": "arn:aws:sns:us-east-1:1:t", "aws:sourceaccount": "1"}
    service = Caller(US, "us-east-1", "sns.amazonaws.com", "sns", Session(None, source))
    facts = facts_of(service, US, NOW)
    assert facts["aws:principalservicename"] == "sns.amazonaws.com"
    assert facts["aws:principalisawsservice"] == "true"
    assert facts["aws:sourcearn"] == source["aws:sourcearn"]
    assert "aws:principalarn" not in facts


def test_secrets_are_not_shown() -> None:
    """No repr of a key holds its secret or its token."""
    key = Key("AKIA", "very-secret", US, "alice", token="token-too")
    assert "secret" not in repr(key)
    assert "token-too" not in repr(key)
    assert "AKIA" in repr(key)


def test_lent_keys() -> None:
    """An account's functions have one key of its root, which nobody can guess from another's."""
    ring = Keyring((Key("AKIA", "secret", US),), b"seed")
    lent = ring.lend(THEM)
    assert ring.lend(THEM) is lent is ring.find(lent.id)
    assert lent.principal == f"arn:aws:iam::{THEM}:root"
    assert lent.token
    other = ring.lend(US)
    assert len({lent.id, other.id, "AKIA"}) == 3
    assert len({lent.secret, other.secret, Keyring((), b"other").lend(THEM).secret}) == 3
    assert ring.find("AKIA") == Key("AKIA", "secret", US)
    assert ring.find("ASIA") is None
