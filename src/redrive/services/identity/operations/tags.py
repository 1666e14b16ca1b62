"""Tags of roles and of managed policies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from redrive.core.effects import Context, Params, Result
from redrive.services.identity import pages
from redrive.services.identity.model import TAGS_MAX, Policy, Role
from redrive.services.identity.operations.lookup import (
    find_policy,
    find_role,
    own_policy,
    tags_view,
)
from redrive.services.identity.refusals import invalid_input, limit_exceeded
from redrive.services.identity.room import Identity
from redrive.store.store import Tx


def tag_map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return a list of tags as an object. Raises ServiceError InvalidInput.

    AWS: IAM User Guide, "Tags for IAM resources": keys differ in more than case.
    """
    made: dict[str, str] = {}
    folded: set[str] = set()
    for tag in tags:
        key = tag["Key"]
        if key.lower() in folded:
            raise invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        if key.lower().startswith("aws:"):
            raise invalid_input("System tags with the prefix 'aws:' cannot be added or changed.")
        folded.add(key.lower())
        made[key] = tag["Value"]
    return made


def _merged(before: str, given: Iterable[Mapping[str, str]]) -> str:
    """Return tags with others added; a key replaces the one that differs in case alone."""
    added = tag_map(given)
    folded = {key.lower() for key in added}
    kept = {key: value for key, value in json.loads(before).items() if key.lower() not in folded}
    merged = {**kept, **added}
    if len(merged) > TAGS_MAX:
        raise limit_exceeded("The number of tags has reached the maximum limit.")
    return json.dumps(merged)


def _without(before: str, keys: Iterable[str]) -> str:
    gone = {key.lower() for key in keys}
    return json.dumps({k: v for k, v in json.loads(before).items() if k.lower() not in gone})


def tag_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Add or replace tags. AWS: API_TagRole."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    save_role(tx, role._replace(tags=_merged(role.tags, params["Tags"])))
    return {}


def untag_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; keys that are not there are no error. AWS: API_UntagRole."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    save_role(tx, role._replace(tags=_without(role.tags, params["TagKeys"])))
    return {}


def list_role_tags(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List a role's tags by key. AWS: API_ListRoleTags."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    return _tags_page(role.tags, params)


def tag_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Add or replace tags. AWS: API_TagPolicy."""
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "TagPolicy")
    save_policy(tx, policy._replace(tags=_merged(policy.tags, params["Tags"])))
    return {}


def untag_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; keys that are not there are no error. AWS: API_UntagPolicy."""
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "UntagPolicy")
    save_policy(tx, policy._replace(tags=_without(policy.tags, params["TagKeys"])))
    return {}


def list_policy_tags(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List a managed policy's tags by key. AWS: API_ListPolicyTags."""
    del room
    policy = find_policy(tx, context.caller.account, params["PolicyArn"])
    return _tags_page(policy.tags, params)


def _tags_page(tags: str, params: Params) -> Result:
    kept, rest = pages.page_of(tags_view(tags), params, lambda tag: tag["Key"])
    return {"Tags": kept, **rest}


def save_role(tx: Tx, role: Role) -> None:
    """Write what can change of a role that exists."""
    changed = tx.run(
        "identity.change_role",
        account=role.account,
        name=role.name,
        trust=role.trust,
        description=role.description,
        max_session_s=role.max_session_s,
        boundary=role.boundary,
        tags=role.tags,
    )
    assert changed == 1, f"{role.arn} vanished within its transaction"


def save_policy(tx: Tx, policy: Policy) -> None:
    """Write what can change of a managed policy that exists."""
    changed = tx.run(
        "identity.change_policy",
        arn=policy.arn,
        default_version=policy.default_version,
        latest_version=policy.latest_version,
        tags=policy.tags,
        updated_ms=policy.updated_ms,
    )
    assert changed == 1, f"{policy.arn} vanished within its transaction"
