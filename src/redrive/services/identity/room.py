"""What the operations of the identity service share: chance, and what makes temporary keys."""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.effects import Chance
from redrive.core.keys import Keyring
from redrive.core.mint import Mint
from redrive.core.time import Millis
from redrive.services.identity.model import Secret
from redrive.store.store import Store, Tx

SECRET_BYTES = 32


class Identity(NamedTuple):
    """The room. Nothing in it changes. keyring: the keys of the server's file, if it has one."""

    chance: Chance
    mint: Mint
    keyring: Keyring | None = None


def open_room(store: Store, chance: Chance, keyring: Keyring | None = None) -> Identity:
    """Return the room with the store's secret, which is made when there is none.

    It lies in the database, whose reader has all that temporary keys could open anyway.
    """

    def secret(tx: Tx) -> bytes:
        kept = tx.one(Secret, "identity.secret")
        if kept is not None:
            return bytes(kept.secret)
        made = chance.token(SECRET_BYTES)
        tx.run("identity.keep_secret", secret=made)
        return made

    return Identity(chance, Mint(store.transact(secret)), keyring)


def first_instant_ms(now_ms: Millis) -> int:
    """Return an instant as IAM keeps it: in whole seconds."""
    return now_ms // 1_000 * 1_000
