"""Decide whether a caller may do something to a resource of an account. Pure.

    own account      Deny wins; then the caller's own policy or the resource's has to allow
    another account  Deny wins; then both have to

A session of a role may do what the role's policies, its permissions boundary and the session's own
policy allow together. A resource's policy that names the role is limited by the two latter as well,
one that names the very session is not.

An AWS service that asks on an account's behalf has no policy of its own: the resource's alone
decides, by the service's name.

A caller without a session is not judged in its own account: that is how it is without
authorisation, and for the server's own workers. An account's root, and a user without a policy, may
do everything in their account that no resource's policy denies.
AWS: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic",
"Evaluating identity-based policies with permissions boundaries".
"""

from __future__ import annotations

from redrive.core.effects import Caller
from redrive.core.grants import Grant
from redrive.core.policies import Asked, Policy, Verdict, allows_by_name, judge
from redrive.core.time import SECOND_MS, Millis, iso
from redrive.core.wildcards import Facts


def refusal(
    caller: Caller,
    action: str,
    resource: str,
    *,
    owner: str,
    policy: Policy | None,
    now_ms: Millis,
    is_undeniable: bool = False,
) -> str | None:
    """Return why a caller may not do an action, in the words of AWS's error, or None.

    action: sqs:SendMessage; owner: the account of the resource; policy: the resource's.
    is_undeniable: the owner's root may do it whatever that policy denies.
    AWS: IAM User Guide, "Troubleshoot access denied error messages".
    """
    session = caller.session
    is_own = caller.account == owner
    if is_own and session is None:
        return None
    role = caller.grant.role if caller.grant is not None else ""
    asked = Asked(caller.principal, action, resource, facts_of(caller, owner, now_ms), role)
    if is_service(caller):
        return _service_refusal(caller, asked, policy)
    own_policy = session.policy if session is not None else None
    mine = Verdict.ALLOWED if own_policy is None else judge(own_policy, asked)
    theirs = Verdict.SILENT if policy is None else judge(policy, asked)
    if mine is Verdict.DENIED:
        return "with an explicit deny in an identity-based policy"
    bounds = session.bounds if session is not None else ()
    limits = [(name, judge(bound, asked)) for name, bound in bounds]
    for name, verdict in limits:
        if verdict is Verdict.DENIED:
            return f"with an explicit deny in a {name}"
    if theirs is Verdict.DENIED:
        if is_own and is_undeniable and is_root(caller):
            return None
        return "with an explicit deny in a resource-based policy"
    if not is_own and theirs is Verdict.SILENT:
        return f"because no resource-based policy allows the {action} action"
    is_theirs = is_own and theirs is Verdict.ALLOWED
    if is_theirs and limits and policy is not None and allows_by_name(policy, asked):
        return None
    if mine is not Verdict.ALLOWED and not is_theirs:
        return f"because no identity-based policy allows the {action} action"
    for name, verdict in limits:
        if verdict is not Verdict.ALLOWED:
            return f"because no {name} allows the {action} action"
    return None


def _service_refusal(caller: Caller, asked: Asked, policy: Policy | None) -> str | None:
    """Return why an AWS service may not do something.

    Without authorisation a policy that lets the account in lets in what asks on its behalf, so that
    two accounts of one server need no more than that.
    AWS: IAM User Guide, "AWS JSON policy elements: Principal", "AWS service principals".
    """
    verdict = Verdict.SILENT if policy is None else judge(policy, asked)
    if verdict is Verdict.SILENT and policy is not None and caller.session is None:
        root = f"arn:aws:iam::{caller.account}:root"
        verdict = judge(policy, asked._replace(principal=root))
    if verdict is Verdict.DENIED:
        return "with an explicit deny in a resource-based policy"
    if verdict is Verdict.ALLOWED:
        return None
    return f"because no resource-based policy allows the {asked.action} action"


def is_service(caller: Caller) -> bool:
    """Tell whether a caller is an AWS service, such as events.amazonaws.com."""
    return ":" not in caller.principal


def source_facts(caller: Caller) -> dict[str, str]:
    """Return on whose behalf an AWS service asks, as condition keys.

    AWS: IAM User Guide, "AWS global condition context keys", aws:SourceArn, aws:SourceAccount.
    """
    if not caller.source:
        return {}
    return {"aws:sourcearn": caller.source, "aws:sourceaccount": caller.account}


def is_root(caller: Caller) -> bool:
    """Tell whether a caller is its account's root."""
    return caller.principal.endswith(":root")


def facts_of(caller: Caller, owner: str, now_ms: Millis) -> Facts:
    """Return what a request says of itself to conditions.

    What is not here, such as tags, an organisation or a VPC, is absent. The server speaks plain
    HTTP, so aws:SecureTransport is false.
    AWS: IAM User Guide, "AWS global condition context keys".
    """
    is_aws = is_service(caller)
    facts = {
        "aws:currenttime": iso(now_ms),
        "aws:epochtime": str(now_ms // SECOND_MS),
        "aws:principalisawsservice": "true" if is_aws else "false",
        "aws:requestedregion": caller.region,
        "aws:resourceaccount": owner,
        "aws:securetransport": "false",
    }
    if is_aws:
        facts["aws:principalservicename"] = caller.principal
        facts |= source_facts(caller)
    else:
        facts["aws:principalaccount"] = caller.account
        facts["aws:principalarn"] = caller.principal
        facts["aws:principaltype"] = "Account" if is_root(caller) else "User"
        facts["aws:userid"] = caller.sender_id
        if caller.grant is not None:
            _add_grant(facts, caller.grant)
        _, is_user, name = caller.principal.partition(":user/")
        if is_user:
            facts["aws:username"] = name.rpartition("/")[2]
    return {**facts, **(caller.session.facts if caller.session is not None else {})}


def _add_grant(facts: dict[str, str], grant: Grant) -> None:
    """Add what a session says of itself; aws:PrincipalArn is the role's."""
    facts["aws:tokenissuetime"] = iso(grant.issued_s * SECOND_MS)
    if grant.role:
        facts["aws:principalarn"] = grant.role
        facts["aws:principaltype"] = "AssumedRole"
    if grant.source:
        facts["aws:sourceidentity"] = grant.source
    for name, value in grant.tags.items():
        facts[f"aws:principaltag/{name.lower()}"] = value
