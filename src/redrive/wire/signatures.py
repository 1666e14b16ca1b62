"""AWS Signature Version 4: requests signed, and signatures checked. No clock, no I/O.

    canonical request ─sha256─> string to sign ─HMAC with a key derived from the secret─> signature

    Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…
    or, presigned: ?X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Date=…&X-Amz-Expires=…
                    &X-Amz-SignedHeaders=…&X-Amz-Signature=…

Invariants
1. Whatever the request holds, the answer is who signed it or a ServiceError.
2. What was signed is what is served: method, path, query, the signed headers and the body.
3. Only a good signature is remembered; what is remembered is bounded.
AWS: IAM User Guide, "Create a signed AWS API request"; error texts as AWS's services tell them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hmac import compare_digest, digest
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from redrive.core.errors import ServiceError
from redrive.core.keys import Key, Keyring
from redrive.core.time import DAY_MS, MINUTE_MS, SECOND_MS, Millis
from redrive.wire.messages import Request
from redrive.wire.sigv4 import (
    Lent,
    Signed,
    check_expiry,
    incomplete,
    missing_parts,
    split_credential,
)

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
SKEW_MS_MAX = 15 * MINUTE_MS
EXPIRES_S_MAX = 7 * DAY_MS // SECOND_MS
KNOWN_MAX = 1_024
"""Scopes with their derived keys that are remembered: one a day for each client, region, service
and set of signed headers."""

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_INSTANT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date")
_EXCEPTIONS: Mapping[str, str] = {
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details."
)


def spelled(error: ServiceError, protocol: str) -> ServiceError:
    """Return an error under the name that it has in a protocol: the query one's differ."""
    name = _EXCEPTIONS.get(error.code)
    if name is None or protocol == "query":
        return error
    return ServiceError(name, error.message, status=error.status)


def mismatch(message: str = _MISMATCH) -> ServiceError:
    """Return AWS's error for a signature that is not the one we would make."""
    return ServiceError("SignatureDoesNotMatch", message, status=403)


class _Known(NamedTuple):
    """What is derived from a credential and a list of signed headers: the same for a whole day."""

    signed: Signed
    key: Key
    day: str  # 20261121
    middle: str  # what stands between the date and the hash in the string to sign
    inner: Any  # SHA-256 states that have taken in the signing key, as HMAC does
    outer: Any
    names: tuple[str, ...]
    listed: str  # names as the canonical request ends with them
    signs_target: bool

    def sign(self, date: str, canonical: str) -> bytes:
        """Return the signature of a canonical request in hexadecimal digits."""
        hashed = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
        inner = self.inner.copy()
        inner.update(f"{ALGORITHM}\n{date}{self.middle}{hashed}".encode("latin-1", "replace"))
        outer = self.outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode()  # type: ignore[no-any-return]


class Verifier:
    """Checks who signed requests.

    clock is the wall clock as it stands, which may go back: skew is judged by it, not by the time
    that leases live in. lent knows the temporary keys; without it there are none.
    """

    def __init__(
        self, keyring: Keyring, clock: Callable[[], Millis], lent: Lent | None = None
    ) -> None:
        self._keyring = keyring
        self._clock = clock
        self._lent = lent
        self._known: dict[str, _Known] = {}
        self._instants: dict[str, int] = {}

    def check(self, request: Request) -> Signed:
        """Return who signed a request. Raises ServiceError with the query protocol's codes."""
        method, target, headers, body = request[:4]
        authorization = headers.get("authorization")
        path, _, query = target.partition("?")
        if authorization is None:
            if "X-Amz-" not in query:
                raise ServiceError(
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                    status=403,
                )
            return self._check_presigned(request, path, query)
        head, _, signature = authorization.rpartition("Signature=")
        known = self._known.get(head)
        is_new = known is None
        if known is None:
            credential, listed, signature = _parse(authorization)
            known = self._derive(credential, listed, headers.get("x-amz-security-token"))
        date = headers.get("x-amz-date")
        if date is None:
            date = _date_header(headers)
        self._check_skew(date, known.day)
        if known.key.token is not None or "x-amz-security-token" in headers:
            _check_token(known.key, headers.get("x-amz-security-token"))
            check_expiry(known.key, self._clock())
        canonical = _canonical(method, path, query, headers, body, known)
        if not compare_digest(known.sign(date, canonical), signature.encode("latin-1", "replace")):
            raise mismatch()
        if is_new and authorization.endswith(f"Signature={signature}"):
            self._remember(head, known)
        return known.signed

    # --- the steps ------------------------------------------------------------------------------

    def _derive(self, credential: str, listed: str, token: str | None) -> _Known:
        """Look a credential up and derive its signing key."""
        access_key, day, region, service, terminator = split_credential(credential)
        key = self._keyring.find(access_key) or self._temporary(access_key, token)
        if key is None:
            raise _unrecognized()
        if terminator != TERMINATOR:
            raise mismatch(
                f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not"
                f" '{terminator[:80]}'."
            )
        signed = Signed(access_key, day, service, key.caller(region), key.policy)
        known = _derived(signed, key, region, listed)
        if "host" not in known.names:
            raise mismatch(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
            )
        return known

    def _temporary(self, access_key: str, token: str | None) -> Key | None:
        """Return a temporary key; a user's may do what the user may, while there is the user."""
        key = None if self._lent is None else self._lent.find(access_key, token)
        if key is None or not key.user:
            return key
        owner = self._keyring.of_user(key.account, key.user)
        return None if owner is None else replace(key, policy=owner.policy)

    def _remember(self, head: str, known: _Known) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[head] = known

    def _check_skew(self, date: str, day: str) -> int:
        """Refuse a date too far from now, or not of the scope's day; return its instant."""
        at_ms = self._instants.get(date)
        if at_ms is None:
            at_ms = _instant(date)
            if len(self._instants) >= KNOWN_MAX:
                self._instants.clear()
            self._instants[date] = at_ms
        now_ms = self._clock()
        if at_ms + SKEW_MS_MAX < now_ms:
            raise mismatch(
                f"Signature expired: {date} is now earlier than {_basic(now_ms - SKEW_MS_MAX)}"
                f" ({_basic(now_ms)} - 15 min.)"
            )
        self._check_current(date, day, at_ms, now_ms)
        return at_ms

    def _check_current(self, date: str, day: str, at_ms: int, now_ms: int) -> None:
        if at_ms - SKEW_MS_MAX > now_ms:
            raise mismatch(
                f"Signature not yet current: {date} is still later than"
                f" {_basic(now_ms + SKEW_MS_MAX)} ({_basic(now_ms)} + 15 min.)"
            )
        if not date.startswith(day) or len(day) != 8:
            raise mismatch(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
                f" from HTTP: '{day[:80]}' != '{date[:8]}', from '{date}'."
            )

    def _check_presigned(self, request: Request, path: str, query: str) -> Signed:
        fields = dict(_fields(query))
        for name in (*_PRESIGNED, "X-Amz-Signature"):
            if not fields.get(name):
                raise incomplete(
                    f"AWS query-string parameters must include '{name}'. Re-examine the"
                    " query-string parameters."
                )
        algorithm, credential, listed, date = (fields[name] for name in _PRESIGNED)
        if algorithm != ALGORITHM:
            raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:80]}'.")
        token = fields.get("X-Amz-Security-Token", request.headers.get("x-amz-security-token"))
        known = self._derive(credential, listed, token)
        self._check_expiry(date, known.day, fields.get("X-Amz-Expires"))
        _check_token(known.key, token)
        canonical = _canonical(request.method, path, query, request.headers, request.body, known)
        given = fields["X-Amz-Signature"].encode("ascii", "replace")
        if not compare_digest(known.sign(date, canonical), given):
            raise mismatch()
        return known.signed

    def _check_expiry(self, date: str, day: str, expires: str | None) -> None:
        """Judge a presigned request's time; without X-Amz-Expires it lasts as a header's does."""
        if expires is None:
            self._check_skew(date, day)
            return
        if not (expires.isascii() and expires.isdigit() and 1 <= int(expires[:9]) <= EXPIRES_S_MAX):
            raise incomplete(
                f"X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_S_MAX}, a week; got"
                f" '{expires[:80]}'."
            )
        at_ms = _instant(date)
        now_ms = self._clock()
        self._check_current(date, day, at_ms, now_ms)
        if at_ms + int(expires) * SECOND_MS < now_ms:
            raise ServiceError("RequestExpired", "Request has expired.", status=400)


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the key that signs one day's requests to one service of one region."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, TERMINATOR):
        key = digest(key, part.encode("utf-8", "replace"), "sha256")
    return key


def _derived(signed: Signed, key: Key, region: str, listed: str) -> _Known:
    padded = signing_key(key.secret, signed.date, region, signed.service).ljust(64, b"\0")
    names = tuple(listed.lower().split(";"))
    return _Known(
        signed,
        key,
        signed.date,
        f"\n{signed.date}/{region}/{signed.service}/{TERMINATOR}\n",
        hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
        names,
        f"\n{listed}\n",
        "x-amz-target" in names,
    )


def sign(request: Request, key: Key, region: str, service: str, now_ms: Millis) -> dict[str, str]:
    """Return the headers that sign a request, whose `host` header is there already."""
    date = _basic(now_ms)
    added = {"x-amz-date": date}
    if key.token is not None:
        added["x-amz-security-token"] = key.token
    headers = {**request.headers, **added}
    listed = ";".join(sorted(headers))
    signed = Signed(key.id, date[:8], service, key.caller(region))
    known = _derived(signed, key, region, listed)
    path, _, query = request.target.partition("?")
    canonical = _canonical(request.method, path, query, headers, request.body, known)
    added["authorization"] = (
        f"{ALGORITHM} Credential={key.id}/{date[:8]}/{region}/{service}/{TERMINATOR},"
        f" SignedHeaders={listed}, Signature={known.sign(date, canonical).decode()}"
    )
    return added


# --- the canonical request -----------------------------------------------------------------------


def _canonical(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, known: _Known
) -> str:
    """Return a request in the one form in which it is signed. Raises ServiceError for a header that
    was to be signed and is not there, and for a body that is not the announced one.
    """
    if not known.signs_target and "x-amz-target" in headers:
        raise mismatch("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")
    payload = headers.get("x-amz-content-sha256")
    if payload != UNSIGNED_PAYLOAD:
        hashed = hashlib.sha256(body).hexdigest()
        if payload is not None and payload != hashed:
            raise mismatch(
                "The provided 'x-amz-content-sha256' header does not match what was computed."
            )
        payload = hashed
    lines = ""
    try:
        for name in known.names:
            value = headers[name]
            lines += f"{name}:{_trimmed(value) if '  ' in value else value.strip(' ')}\n"
    except KeyError:
        raise mismatch() from None
    path = path if path == "/" or _PLAIN_PATH.fullmatch(path) else _canonical_path(path)
    query = _canonical_query(query) if query else ""
    return f"{method}\n{path or '/'}\n{query}\n{lines}{known.listed}{payload}"


def _trimmed(value: str) -> str:
    return " ".join(part for part in value.split(" ") if part)


def _canonical_path(path: str) -> str:
    """Return a path without dots and doubled slashes, encoded once more than it was sent."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    end = "/" if parts and path.endswith(("/", "/.", "/..")) else ""
    joined = f"/{'/'.join(parts)}{end}"
    return quote(joined.encode("latin-1", "replace"), safe="/-_.~")


def _fields(query: str) -> list[tuple[str, str]]:
    """Return a query string's fields, decoded to one character a byte."""
    fields = []
    for part in query.split("&"):
        if part:
            name, _, value = part.replace("+", " ").partition("=")
            fields.append((_decoded(name), _decoded(value)))
    return fields


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1", "replace")).decode("latin-1")


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name.encode("latin-1"), safe="-_.~"), quote(value.encode("latin-1"), safe="-_.~"))
        for name, value in _fields(query)
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


# --- what a signature says -----------------------------------------------------------------------


def _parse(authorization: str) -> tuple[str, str, str]:
    """Return an Authorization header's credential, signed headers and signature."""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm.startswith("AWS4-") and algorithm != ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:80]}'.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    found = tuple(parts.get(name, "") for name in ("Credential", "SignedHeaders", "Signature"))
    if algorithm != ALGORITHM or not all(found):
        raise incomplete(missing_parts(authorization))
    credential, listed, signature = found
    return credential, listed, signature


def _date_header(headers: Mapping[str, str]) -> str:
    """Return the Date header in the form that is signed."""
    date = headers.get("date")
    if date is None:
        raise incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if _INSTANT.fullmatch(date):
        return date
    try:
        moment = parsedate_to_datetime(date)
        # It has no zone when the header says -0000, which is UTC.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
        return moment.strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        raise _no_date(date) from None


def _instant(date: str) -> int:
    found = _INSTANT.fullmatch(date)
    try:
        if found is None:
            raise ValueError
        moment = datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        raise _no_date(date) from None
    return int(moment.timestamp()) * SECOND_MS


def _basic(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // SECOND_MS, UTC).strftime("%Y%m%dT%H%M%SZ")


def _no_date(date: str) -> ServiceError:
    return incomplete(
        f"Date must be in ISO-8601 'basic format'. Got '{date[:80]}'."
        " See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _unrecognized() -> ServiceError:
    return ServiceError(
        "InvalidClientTokenId", "The security token included in the request is invalid.", status=403
    )


def _check_token(key: Key, token: str | None) -> None:
    """Refuse a session token that is not the key's; a long-lived key has none."""
    wanted = (key.token or "").encode()
    if not compare_digest(wanted, (token or "").encode("utf-8", "replace")):
        raise _unrecognized()
