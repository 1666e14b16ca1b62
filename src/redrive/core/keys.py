"""Access keys, whose they are, and the ring that holds them. Pure.

A secret never appears in a repr, so that no log and no traceback shows one by accident.
"""

from __future__ import annotations

from base64 import b32encode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest

from redrive.core.effects import Caller
from redrive.core.grants import Grant
from redrive.core.policies import Policy


@dataclass(frozen=True, slots=True)
class Key:
    """One access key. user: "" for the account's root. token: the session token that has to come
    with it, None for a long-lived key. policy: None for everything in the account. grant: what a
    temporary key was lent for.
    """

    id: str
    secret: str = field(repr=False)
    account: str
    user: str = ""
    token: str | None = field(default=None, repr=False)
    policy: Policy | None = field(default=None, repr=False)
    grant: Grant | None = field(default=None, repr=False)

    @property
    def principal(self) -> str:
        """The ARN of whose key it is."""
        if self.grant is not None:
            return self.grant.principal
        return f"arn:aws:iam::{self.account}:{f'user/{self.user}' if self.user else 'root'}"

    def caller(self, region: str) -> Caller:
        """Return who asks with this key.

        A user's unique id is AIDA and 17 signs more, as AWS's are, and always the same for a name;
        a role's session is told by the role's id and its own name.
        """
        principal = self.principal
        sender = self.account
        if self.grant is not None and self.grant.role:
            sender = f"{self.grant.role_id}:{self.grant.name}"
        elif self.user:
            sender = f"AIDA{b32encode(sha256(principal.encode()).digest())[:17].decode()}"
        return Caller(self.account, region, principal, sender, grant=self.grant)


class Keyring:
    """The keys that open this server: those of its file, and those lent to its functions.

    seed is secret and random: an account's lent key is derived from it, so that it is the same as
    long as the process lives, and none is written anywhere.
    """

    def __init__(self, keys: Iterable[Key], seed: bytes) -> None:
        self._keys = {key.id: key for key in keys}
        self._seed = seed

    def find(self, access_key: str) -> Key | None:
        """Return a key by its id."""
        return self._keys.get(access_key)

    def of_user(self, account: str, user: str) -> Key | None:
        """Return one of a user's keys: all of them have the same policy."""
        keys = self._keys.values()
        return next((key for key in keys if (key.account, key.user) == (account, user)), None)

    def lend(self, account: str) -> Key:
        """Return the key with which an account's functions call back: its root's, for a session."""
        access_key = f"ASIA{self._derive('id', account)[:4].hex().upper()}{account}"
        lent = self._keys.get(access_key)
        if lent is None:
            secret, token = (
                urlsafe_b64encode(self._derive(what, account)).decode().rstrip("=")
                for what in ("secret", "token")
            )
            lent = self._keys[access_key] = Key(access_key, secret, account, token=token)
        return lent

    def _derive(self, what: str, account: str) -> bytes:
        return digest(self._seed, f"{what}:{account}".encode(), "sha256")
