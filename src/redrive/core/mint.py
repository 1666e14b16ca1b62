"""Temporary keys: made of a server's secret, and known again without being stored. Pure.

    body  = version, the claims as compressed JSON, padding
    token = base64(HMAC-SHA-256(secret, "token" + body) + body)
    key   = ASIA + 16 signs that hold the account as AWS's do
    secret access key = base64(HMAC-SHA-256(secret, "secret" + body)), 40 signs

Nothing is written when one is made, nothing has to be cleaned up when it ends, and one works for
its whole life, over restarts too, as long as the server's secret is the same. What is granted is
not in the token but for what narrows it: a role's policies are looked up when they are needed.
AWS: a session token's form is opaque, and its size is not fixed (STS API reference).
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b32decode, b32encode, b64decode, b64encode
from binascii import Error as Base64Error
from hmac import compare_digest, digest

from redrive.core.grants import Grant
from redrive.core.keys import Key

PREFIX = "ASIA"
NONCE_BYTES = 5
TOKEN_BYTES_MAX = 4_096
"""AWS: API_AssumeRole, MinimumSessionTokenSize, which is at most the largest token."""

_VERSION = b"\x01"
_MAC_BYTES = 32
_OPENED_MAX = 1_024
_NUMBERED = re.compile(r"A[A-Z]IA[Q-Z2-7][A-Z2-7]{15}")
_ACCOUNT_BITS = 0x7FFFFFFFFF80


class Mint:
    """Makes temporary keys and knows its own again. What it remembers is bounded."""

    def __init__(self, secret: bytes) -> None:
        assert len(secret) >= 32, "a short secret can be found by trying"
        self._secret = secret
        self._opened: dict[str, Key] = {}

    def issue(self, grant: Grant, nonce: bytes, size_min: int = 0) -> Key:
        """Return a key for a grant. nonce: NONCE_BYTES of chance; size_min: of the token."""
        access_key = _access_key(grant.account, nonce)
        claims = json.dumps([access_key, *grant], separators=(",", ":"), default=dict)
        body = _VERSION + zlib.compress(claims.encode(), 9)
        body += bytes(max(0, -(-size_min // 4) * 3 - _MAC_BYTES - len(body)))
        token = b64encode(self._sign("token", body) + body).decode()
        return self._key(access_key, token, body, grant)

    def open(self, access_key: str, token: str) -> Key | None:
        """Return the key that a token belongs to, or None for one of somebody else's.

        It may have expired: whoever asks has a clock.
        """
        known = self._opened.get(token)
        if known is not None:
            return known if known.id == access_key else None
        try:
            raw = b64decode(token, validate=True)
        except (Base64Error, ValueError):
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not compare_digest(mac, self._sign("token", body)) or body[:1] != _VERSION:
            return None
        # Padding follows the compressed text, which knows its own end.
        claims = json.loads(zlib.decompressobj().decompress(body[1:]))
        if claims.pop(0) != access_key:
            return None
        grant = Grant._make(tuple(each) if isinstance(each, list) else each for each in claims)
        if len(self._opened) >= _OPENED_MAX:
            self._opened.clear()
        key = self._opened[token] = self._key(access_key, token, body, grant)
        return key

    def _key(self, access_key: str, token: str, body: bytes, grant: Grant) -> Key:
        secret = b64encode(self._sign("secret", body)[:30]).decode()
        return Key(access_key, secret, grant.account, grant.user, token, None, grant)

    def _sign(self, what: str, body: bytes) -> bytes:
        return digest(self._secret, what.encode() + body, "sha256")


def _access_key(account: str, nonce: bytes) -> str:
    """Return a key's id that holds its account where AWS's ids hold it."""
    assert len(nonce) == NONCE_BYTES
    low = int.from_bytes(nonce, "big")
    head = 1 << 47 | int(account) << 7 | low >> 33
    number = head << 32 | low & 0xFFFFFFFF
    return PREFIX + b32encode(number.to_bytes(10, "big")).decode()


def account_of(access_key: str) -> str | None:
    """Return the account that a key's id holds, or None when it is of no such form.

    AWS: API_GetAccessKeyInfo; ids made since 2019 hold the account in bits 7 to 46 of the first 48.
    """
    if _NUMBERED.fullmatch(access_key) is None:
        return None
    head = int.from_bytes(b32decode(access_key[4:])[:6], "big")
    number = (head & _ACCOUNT_BITS) >> 7
    return f"{number:012d}" if number < 10**12 else None
