"""Temporary keys: what is lent is known again, and nothing else is."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from redrive.core.grants import Grant
from redrive.core.mint import NONCE_BYTES, Mint, account_of

SECRET = bytes(range(32))
GRANT = Grant(
    "111122223333",
    1_800_000_000,
    1_800_000_900,
    "arn:aws:iam::111122223333:role/team/worker",
    "AROAEXAMPLE",
    "tuesday",
    policy='{"Statement": []}',
    policy_arns=("arn:aws:iam::aws:policy/AmazonSQSFullAccess",),
    tags={"team": "blé"},
    transitive=("team",),
    source="alice",
)


def nonce(number: int = 1) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


@pytest.mark.parametrize("size_min", [0, 1, 500, 501, 502, 503, 4096])
@pytest.mark.parametrize("grant", [GRANT, Grant("000000000000", 1, 2), Grant("9" * 12, 1, 2)])
def test_what_is_lent_is_known_again(grant: Grant, size_min: int) -> None:
    """By another mint of the same secret, with all that was granted; padding changes nothing."""
    key = Mint(SECRET).issue(grant, nonce(), size_min)
    assert key.token is not None
    assert len(key.token) >= size_min
    again = Mint(SECRET).open(key.id, key.token)
    assert again is not None
    assert again == key
    assert again.grant == grant
    assert account_of(key.id) == grant.account


def test_what_is_changed_is_not() -> None:
    """Any bit of a token, the id that comes with it, or the secret."""
    mint = Mint(SECRET)
    key = mint.issue(GRANT, nonce())
    assert key.token is not None
    raw = b64decode(key.token)
    for at in range(len(raw)):
        spoilt = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert Mint(SECRET).open(key.id, b64encode(spoilt).decode()) is None
    for token in ("", "x", "ä", key.token[:-4], key.token + "AAAA"):
        assert mint.open(key.id, token) is None
    other = mint.issue(GRANT, nonce(2))
    assert other.id != key.id
    assert other.secret != key.secret
    for _ in range(2):  # unremembered and remembered
        assert mint.open(other.id, key.token) is None
        assert mint.open(key.id, key.token) is not None
    assert Mint(SECRET[::-1]).open(key.id, key.token) is None


@pytest.mark.parametrize(
    ("access_key", "account"),
    [
        ("ASIAQNZGKIQY56JQ7WML", "029608264753"),  # as published in a write-up of AWS's form
        ("AKIAIOSFODNN7EXAMPLE", None),  # of before 2019
        ("111122223333", None),
        ("ASIAZZZZ", None),
        ("", None),
    ],
)
def test_the_account_in_an_id(access_key: str, account: str | None) -> None:
    """It is where AWS's ids have it."""
    assert account_of(access_key) == account


def test_no_secret_shows() -> None:
    """Neither in the text of a key nor of its grant's policy."""
    key = Mint(SECRET).issue(GRANT, nonce())
    assert key.token is not None
    assert key.secret not in repr(key)
    assert key.token not in repr(key)
