"""What a temporary key was lent for: the claims that its session token carries."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_NONE: Mapping[str, str] = MappingProxyType({})


class Grant(NamedTuple):
    """One session of a role, of a user or of an account's root.

    role: the ARN of the role that was assumed, "" for a session of the user's or the root's own.
    policy and policy_arns narrow what the role may do. transitive are the keys of tags that a
    further role takes over. source is the SourceIdentity. Instants are seconds since 1970.
    """

    account: str
    issued_s: int
    expires_s: int
    role: str = ""
    role_id: str = ""  # AROA…; a role that is made anew under the same name is another one
    name: str = ""  # RoleSessionName
    user: str = ""  # whose own session it is; "" for a role's and for the root's
    policy: str = ""  # JSON text; "" when none was given
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = _NONE
    transitive: tuple[str, ...] = ()
    source: str = ""

    @property
    def principal(self) -> str:
        """The ARN of who asks with the key. AWS: IAM User Guide, "IAM identifiers"."""
        if self.role:
            role = self.role.rpartition("/")[2]
            return f"arn:aws:sts::{self.account}:assumed-role/{role}/{self.name}"
        return f"arn:aws:iam::{self.account}:{f'user/{self.user}' if self.user else 'root'}"
