"""Who signs: the credential scope of a request (AWS Signature Version 4), parsed.

No signature is checked here: without configured keys who asks is who they say they are. With keys
`signatures.Verifier` is asked instead. Either way a temporary key is whose its session token says.

Invariant: whatever the header holds, the answer is a scope or a ServiceError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError
from redrive.core.keys import Key
from redrive.core.mint import PREFIX, Mint
from redrive.core.policies import Policy
from redrive.core.time import SECOND_MS, Millis

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"

SCOPES_KEPT_MAX = 1024
"""Parsed scopes remembered. A client uses one a day for each region and service."""

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_PRESIGNED = re.compile(r"(?:^|[?&])X-Amz-Credential=([^&]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[?&]X-Amz-Security-Token=([^&]*)", re.IGNORECASE)
_ALGORITHMS = ("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 ")
_PARTS = ("Credential", "Signature", "SignedHeaders")


class Signed(NamedTuple):
    """A credential scope and its caller. service is "" when nothing was signed; policy is the
    identity's own, None when it may do everything in its account. is_lent: whose key it is hangs on
    its session token, which nobody has looked at.
    """

    access_key: str
    date: str
    service: str
    caller: Caller
    policy: Policy | None = None
    is_lent: bool = False


class Lent:
    """The temporary keys that this server has made, judged by a clock."""

    def __init__(self, mint: Mint, clock: Callable[[], Millis]) -> None:
        self._mint = mint
        self._clock = clock

    def find(self, access_key: str, token: str | None) -> Key | None:
        """Return a key by its id and token; None for one of somebody else's, such as real AWS's.

        Raises ServiceError ExpiredToken.
        """
        if not token or not access_key.startswith(PREFIX):
            return None
        key = self._mint.open(access_key, token)
        if key is not None:
            check_expiry(key, self._clock())
        return key


def check_expiry(key: Key, now_ms: Millis) -> None:
    """Refuse a temporary key whose time is over. AWS: as SDKs see it."""
    if key.grant is not None and key.grant.expires_s * SECOND_MS <= now_ms:
        text = "The security token included in the request is expired"
        raise ServiceError("ExpiredToken", text, status=403)


def caller_of(access_key: str, region: str) -> Caller:
    """Return the caller that an access key stands for.

    Twelve digits are an account of that number; every other key belongs to account 000000000000.
    """
    account = access_key if _ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT
    return Caller(account, region, f"arn:aws:iam::{account}:root", account)


UNSIGNED = Signed("", "", "", caller_of(DEFAULT_ACCOUNT, DEFAULT_REGION))


class Scopes:
    """Credential strings and what they mean, remembered up to a bound."""

    def __init__(self) -> None:
        self._known: dict[str, Signed] = {}

    def read(self, authorization: str | None, target: str) -> Signed:
        """Return who signed a request, by its header or by its presigned query, or UNSIGNED.

        Raises ServiceError IncompleteSignature for an Authorization header that is not Signature
        Version 4's. AWS: "Create a signed AWS API request", Authorization header.
        """
        if authorization is None:
            if "X-Amz-Credential" not in target:
                return UNSIGNED
            found = _PRESIGNED.search(target)
            return self._scope(unquote(found.group(1))) if found else UNSIGNED
        start = authorization.find("Credential=")
        if (
            start < 0
            or "SignedHeaders=" not in authorization
            or "Signature=" not in authorization
            or not authorization.startswith(_ALGORITHMS)
        ):
            raise incomplete(missing_parts(authorization))
        end = authorization.find(",", start)
        credential = authorization[start + 11 : end if end >= 0 else None]
        known = self._known.get(credential)
        return known if known is not None else self._scope(credential)

    def _scope(self, credential: str) -> Signed:
        known = self._known.get(credential)
        if known is not None:
            return known
        access_key, date, region, service, _ = split_credential(credential)
        is_lent = access_key.startswith(PREFIX)
        signed = Signed(access_key, date, service, caller_of(access_key, region), is_lent=is_lent)
        if len(self._known) >= SCOPES_KEPT_MAX:
            self._known.clear()
        self._known[credential] = signed
        return signed


def split_credential(credential: str) -> tuple[str, str, str, str, str]:
    """Return access key, day, region, service and terminator. Raises ServiceError."""
    parts = credential.strip().split("/")
    if len(parts) == 4:
        # Version 4a signs for any region and leaves it out of the scope.
        parts.insert(2, DEFAULT_REGION)
    if len(parts) != 5 or not all(parts) or not _REGION.fullmatch(parts[2]):
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential}'"
        )
    access_key, day, region, service, terminator = parts
    return access_key, day, region, service, terminator


def presigned(target: str) -> bool:
    """Tell whether an address says who has signed it."""
    return _PRESIGNED.search(target) is not None


def presigned_token(target: str) -> str | None:
    """Return the session token of a presigned address, or None."""
    found = _TOKEN.search(target)
    return unquote(found.group(1)) if found else None


def missing_parts(authorization: str) -> str:
    """Return AWS's words for what an Authorization header lacks."""
    missing = [name for name in _PARTS if f"{name}=" not in authorization]
    told = [f"Authorization header requires '{name}' parameter." for name in missing]
    return " ".join([*told, f"Authorization={authorization.partition(' ')[0]}"])


def incomplete(message: str) -> ServiceError:
    """Return AWS's error for a signature that cannot be read."""
    return ServiceError("IncompleteSignature", message, status=400)
