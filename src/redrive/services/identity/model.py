"""Rows of the identity service, and its quotas.

A role has policies of its own (inline) and managed policies that are attached to it; those of AWS
are not rows but `managed`. Names are an account's, whatever the region: IAM is global.
AWS: IAM User Guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

from typing import NamedTuple

ROLES_MAX = 1_000
POLICIES_MAX = 1_500
ATTACHED_MAX = 10  # to one role
VERSIONS_MAX = 5
TAGS_MAX = 50
TRUST_CHARACTERS_MAX = 2_048  # without white space, as the next two
INLINE_CHARACTERS_MAX = 10_240  # of all of a role's together
POLICY_CHARACTERS_MAX = 6_144
PAGE_DEFAULT = 100  # AWS: API_ListRoles, MaxItems
SESSION_S_DEFAULT = 3_600
CHAINED_S_MAX = 3_600  # AWS: IAM User Guide, "Role chaining"
ROOT_SESSION_S_MAX = 3_600  # AWS: API_GetSessionToken, DurationSeconds
TOKEN_SESSION_S_DEFAULT = 43_200  # the same page


class Role(NamedTuple):
    """A role. path begins and ends with a slash; boundary: the ARN of a policy, or None."""

    account: str
    name: str
    id: str
    path: str
    trust: str
    description: str | None
    max_session_s: int
    boundary: str | None
    tags: str
    created_ms: int

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"


class Policy(NamedTuple):
    """A managed policy, of an account or of AWS (account "aws")."""

    account: str
    name: str
    arn: str
    id: str
    path: str
    description: str | None
    default_version: int
    latest_version: int
    tags: str
    created_ms: int
    updated_ms: int


class Version(NamedTuple):
    """One version of a managed policy."""

    version: int
    document: str
    created_ms: int


class Inline(NamedTuple):
    """A policy inside a role."""

    name: str
    document: str


class Text(NamedTuple):
    """One column of text: an ARN or a document."""

    text: str


class Rows(NamedTuple):
    """A number of rows."""

    number: int


class Use(NamedTuple):
    """How often a managed policy is attached, and how often it is a boundary."""

    policy: str
    attached: int
    bounding: int


class Entity(NamedTuple):
    """A role that has a managed policy. kind: policy or boundary."""

    name: str
    id: str
    path: str
    kind: str


class Secret(NamedTuple):
    """What temporary keys are made of."""

    secret: bytes
