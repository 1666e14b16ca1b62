"""STS: who am I, and temporary keys for a role or for oneself.

Without authorisation any role that is well named can be assumed, whether IAM knows it or not, as
clients expect of a local server; with it the role must exist, and its trust policy decides.
AWS: STS API reference; IAM User Guide, "Using temporary credentials with AWS resources".
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256
from typing import Any

from redrive.core.access import facts_of, refusal
from redrive.core.arn import parse_arn
from redrive.core.effects import Caller, Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.grants import Grant
from redrive.core.keys import Key
from redrive.core.mint import NONCE_BYTES, TOKEN_BYTES_MAX, account_of
from redrive.core.policies import Asked, Verdict, judge
from redrive.core.time import SECOND_MS
from redrive.services.identity.documents import check_policy, compiled
from redrive.services.identity.model import (
    CHAINED_S_MAX,
    ROOT_SESSION_S_MAX,
    SESSION_S_DEFAULT,
    TAGS_MAX,
    TOKEN_SESSION_S_DEFAULT,
    Role,
)
from redrive.services.identity.operations.lookup import find_policy
from redrive.services.identity.operations.tags import tag_map
from redrive.services.identity.refusals import denied, invalid, malformed
from redrive.services.identity.room import Identity
from redrive.store.store import Tx

POLICY_ARNS_MAX = 10  # AWS: API_AssumeRole, PolicyArns
NOBODYS_SESSION_S_MAX = 43_200  # of a role that IAM does not know
DEFAULT_ACCOUNT = "000000000000"

_ACCOUNT = re.compile(r"\d{12}")
_ROLE = re.compile(r"role(/[!-~]+)?/[\w+=,.@-]{1,64}", re.ASCII)


def get_caller_identity(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Tell the caller its account and principal. AWS: API_GetCallerIdentity."""
    del room, tx, params
    caller = context.caller
    return {"UserId": caller.sender_id, "Account": caller.account, "Arn": caller.principal}


def get_access_key_info(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Tell the account that a key's id means here. AWS: API_GetAccessKeyInfo."""
    del tx, context
    access_key = params["AccessKeyId"]
    key = None if room.keyring is None else room.keyring.find(access_key)
    if key is not None:
        return {"Account": key.account}
    return {"Account": account_of(access_key) or DEFAULT_ACCOUNT}


def get_session_token(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Lend the caller a temporary key of its own. AWS: API_GetSessionToken."""
    del tx
    caller = context.caller
    if caller.grant is not None:
        raise denied("Cannot call GetSessionToken with session credentials")
    _refuse_devices(params)
    lasts_s = int(params.get("DurationSeconds", TOKEN_SESSION_S_DEFAULT))
    user = caller.principal.partition(":user/")[2]
    if not user:
        lasts_s = min(lasts_s, ROOT_SESSION_S_MAX)
    now_s = context.now_ms // SECOND_MS
    grant = Grant(caller.account, now_s, now_s + lasts_s, user=user)
    return _lend(room, grant, params)


def assume_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Lend the caller a temporary key of a role's. AWS: API_AssumeRole."""
    _refuse_devices(params)
    if params.get("ProvidedContexts"):
        raise invalid("ProvidedContexts is not supported by this server: it knows no providers.")
    caller, arn = context.caller, params["RoleArn"]
    account, name = _parse_role(arn)
    role: Role | None = tx.one(Role, "identity.role", account=account, name=name)
    if role is not None and role.arn != arn:
        role = None  # it has another path
    tags, transitive = _session_tags(params, caller.grant)
    source = _source(params, caller.grant)
    if caller.session is not None:
        _check_trust(role, params, context, tags, source)
    lasts_s = _duration_s(params, role, caller.grant)
    now_s = context.now_ms // SECOND_MS
    session_name = params["RoleSessionName"]
    grant = Grant(
        account,
        now_s,
        now_s + lasts_s,
        arn,
        _unknown_id(arn) if role is None else role.id,
        session_name,
        policy=_session_policy(params),
        policy_arns=_policy_arns(tx, params, account),
        tags=tags,
        transitive=transitive,
        source=source,
    )
    answer = _lend(room, grant, params)
    answer["AssumedRoleUser"] = {
        "AssumedRoleId": f"{grant.role_id}:{session_name}",
        "Arn": grant.principal,
    }
    if source:
        answer["SourceIdentity"] = source
    if grant.policy or grant.policy_arns or grant.tags:
        answer["PackedPolicySize"] = answer["SessionTokenUtilization"]
    return answer


def assume_role_with_web_identity(
    room: Identity, tx: Tx, params: Params, context: Context
) -> Result:
    """Refuse: there is no identity provider here. AWS: API_AssumeRoleWithWebIdentity, errors."""
    del room, tx, params, context
    raise ServiceError(
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account: this server has no identity providers."
        " Use AssumeRole.",
        status=400,
    )


# --- the parts of AssumeRole ------------------------------------------------------------


def _parse_role(arn: str) -> tuple[str, str]:
    """Return account and name of a role's ARN. Raises ServiceError ValidationError."""
    parsed = parse_arn(arn)
    if (
        parsed is None
        or parsed.service != "iam"
        or parsed.region
        or not _ACCOUNT.fullmatch(parsed.account)
        or not _ROLE.fullmatch(parsed.resource)
    ):
        raise invalid(f"{arn[:2048]} is invalid")
    return parsed.account, parsed.resource.rpartition("/")[2]


def _unknown_id(arn: str) -> str:
    """Return the id of a role that IAM does not know: always the same for an ARN."""
    return "AROA" + b32encode(sha256(arn.encode()).digest())[:17].decode()


def _refuse_devices(params: Params) -> None:
    if "SerialNumber" in params or "TokenCode" in params:
        raise denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. There are no"
            " MFA devices here."
        )


def _duration_s(params: Params, role: Role | None, grant: Grant | None) -> int:
    lasts_s = int(params.get("DurationSeconds", SESSION_S_DEFAULT))
    most_s = NOBODYS_SESSION_S_MAX if role is None else role.max_session_s
    if lasts_s > most_s:
        raise invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if grant is not None and grant.role and lasts_s > CHAINED_S_MAX:
        raise invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
            " role chaining"
        )
    return lasts_s


def _session_policy(params: Params) -> str:
    text = params.get("Policy")
    if text is None:
        return ""
    return check_policy(text, size_max=None)  # the token's size bounds it


def _policy_arns(tx: Tx, params: Params, account: str) -> tuple[str, ...]:
    """Return the ARNs of the managed policies that narrow a session. Raises ServiceError."""
    arns = tuple(each["arn"] for each in params.get("PolicyArns", ()) if "arn" in each)
    if len(arns) > POLICY_ARNS_MAX:
        raise invalid(f"PolicyArns may name {POLICY_ARNS_MAX} policies at most.")
    for arn in arns:
        try:
            find_policy(tx, account, arn)
        except ServiceError as error:
            raise malformed(error.message) from None
    return arns


def _session_tags(params: Params, grant: Grant | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return a session's tags and which of them go on. AWS: "Chaining roles with session tags"."""
    try:
        given = tag_map(params.get("Tags", ()))
    except ServiceError as error:
        raise invalid(error.message) from None
    handed = {} if grant is None else {key: grant.tags[key] for key in grant.transitive}
    folded = {key.lower() for key in handed}
    if any(key.lower() in folded for key in given):
        raise invalid("One of the specified transitive tag keys can't be set because it conflicts")
    wanted = tuple(params.get("TransitiveTagKeys", ()))
    if not set(wanted) <= given.keys():
        raise invalid("The specified transitive tag key must be included in the requested tags.")
    tags = {**handed, **given}
    if len(tags) > TAGS_MAX:
        raise invalid(f"A session has {TAGS_MAX} tags at most.")
    return tags, (*handed, *wanted)


def _source(params: Params, grant: Grant | None) -> str:
    """Return the SourceIdentity, which cannot be changed once it is set."""
    given = str(params.get("SourceIdentity", ""))
    if grant is None or not grant.source:
        return given
    if given and given != grant.source:
        raise denied("SourceIdentity is already set and cannot be changed.")
    return grant.source


def _check_trust(
    role: Role | None, params: Params, context: Context, tags: dict[str, str], source: str
) -> None:
    """Refuse a caller that the role does not trust, or that may not assume it."""
    arn = params["RoleArn"]
    caller = _with_facts(context.caller, params, tags, source)
    actions = ["sts:AssumeRole"]
    if params.get("Tags"):
        actions.append("sts:TagSession")
    if "SourceIdentity" in params:
        actions.append("sts:SetSourceIdentity")
    for action in actions:
        why = _distrust(role, caller, action, arn, context)
        if why is not None:
            raise denied(
                f"User: {caller.principal} is not authorized to perform: {action} on resource:"
                f" {arn} {why}"
            )


def _distrust(
    role: Role | None, caller: Caller, action: str, arn: str, context: Context
) -> str | None:
    """Return why a role does not let a caller in: its policy has to, in its own account too."""
    nobody = f"because no resource-based policy allows the {action} action"
    if role is None:
        return nobody
    trust = compiled(role.trust, names_principals=True)
    why = refusal(caller, action, arn, owner=role.account, policy=trust, now_ms=context.now_ms)
    if why is not None:
        return why
    as_role = caller.grant.role if caller.grant is not None else ""
    facts = facts_of(caller, role.account, context.now_ms)
    asked = Asked(caller.principal, action, arn, facts, as_role)
    return nobody if judge(trust, asked) is Verdict.SILENT else None


def _with_facts(caller: Caller, params: Params, tags: dict[str, str], source: str) -> Caller:
    """Return a caller with what AssumeRole itself says to conditions."""
    assert caller.session is not None
    facts: dict[str, Any] = {"sts:rolesessionname": params["RoleSessionName"]}
    if "ExternalId" in params:
        facts["sts:externalid"] = params["ExternalId"]
    if source:
        facts["sts:sourceidentity"] = source
    for key, value in tags.items():
        facts[f"aws:requesttag/{key.lower()}"] = value
    if tags:
        facts["aws:tagkeys"] = tuple(tags)
    session = caller.session._replace(facts={**caller.session.facts, **facts})
    return caller._replace(session=session)


def _lend(room: Identity, grant: Grant, params: Params) -> dict[str, Any]:
    """Return the part of an answer that holds a temporary key."""
    size_min = int(params.get("MinimumSessionTokenSize", 0))
    key: Key = room.mint.issue(grant, room.chance.token(NONCE_BYTES), size_min)
    assert key.token is not None
    used = -(-100 * len(key.token) // TOKEN_BYTES_MAX)
    if used > 100:
        raise ServiceError(
            "PackedPolicyTooLarge",
            f"Packed policy consumes {used}% of allotted space, please use smaller policy.",
            status=400,
        )
    return {
        "Credentials": {
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "SessionToken": key.token,
            "Expiration": grant.expires_s * SECOND_MS,
        },
        "SessionTokenSize": len(key.token),
        "SessionTokenUtilization": used,
    }
