"""What a role's session may do: the role's policies, and what bounds them.

They are looked up for each request, so that what is attached, changed or detached counts at once,
for sessions too that have begun before. AWS: IAM User Guide, "Session policies".
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError
from redrive.core.grants import Grant
from redrive.core.policies import Policy
from redrive.services.identity.documents import compiled
from redrive.services.identity.model import Inline, Role
from redrive.services.identity.operations.lookup import attached_to, default_document
from redrive.store.store import Tx

SESSION_POLICY = "session policy"
BOUNDARY = "permissions boundary"


def bind_caller(tx: Tx, caller: Caller) -> Caller:
    """Return a caller with what its role may do; others as they are.

    Raises ServiceError InvalidClientTokenId for a session of a role that is gone, or was made anew.
    """
    grant, session = caller.grant, caller.session
    if grant is None or session is None or not grant.role:
        return caller
    name = grant.role.rpartition("/")[2]
    role: Role | None = tx.one(Role, "identity.role", account=grant.account, name=name)
    if role is None or role.id != grant.role_id:
        raise ServiceError(
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            status=403,
        )
    tags = {
        f"aws:principaltag/{key.lower()}": value
        for key, value in {**orjson.loads(role.tags), **grant.tags}.items()
    }
    return caller._replace(
        session=session._replace(
            policy=_policy_of(tx, role),
            facts={**session.facts, **tags},
            bounds=_bounds_of(tx, role, grant),
        )
    )


def _policy_of(tx: Tx, role: Role) -> Policy:
    """Return all that a role's own policies say."""
    inlines = tx.rows(Inline, "identity.role_policies", account=role.account, role=role.name)
    documents = [inline.document for inline in inlines]
    return _joined([*documents, *_managed(tx, role.account, attached_to(tx, role))])


def _bounds_of(tx: Tx, role: Role, grant: Grant) -> tuple[tuple[str, Policy], ...]:
    bounds = []
    if role.boundary is not None:
        bounds.append((BOUNDARY, _joined(_managed(tx, role.account, (role.boundary,)))))
    if grant.policy or grant.policy_arns:
        given = [grant.policy] if grant.policy else []
        given += _managed(tx, role.account, grant.policy_arns)
        bounds.append((SESSION_POLICY, _joined(given)))
    return tuple(bounds)


def _managed(tx: Tx, account: str, arns: Iterable[str]) -> list[str]:
    """Return what managed policies say now; one that is gone says nothing."""
    found = (default_document(tx, account, arn) for arn in arns)
    return [document for document in found if document is not None]


def _joined(documents: Iterable[str]) -> Policy:
    return tuple(statement for text in documents for statement in compiled(text))
