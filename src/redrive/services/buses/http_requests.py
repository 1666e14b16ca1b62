"""Requests to the endpoints of API destinations and to authorisation servers, and what their
answers mean. Pure.

AWS: EventBridge User Guide, "API destinations as targets" (headers, response codes, timeouts) and
"Connections for API targets".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from redrive.core.effects import Fetch, Fetched
from redrive.core.errors import ServiceError
from redrive.services.buses.http_model import OAUTH, ApiDestination, Connection, Token

TIMEOUT_MS = 5_000
"""AWS: "a maximum client execution timeout of 5 seconds"."""
TOKEN_BYTES_MAX = 65_536
TOKEN_S = 3_600
"""How long a token is taken for good whose server does not say; a 401 renews it earlier."""
_TOKEN_S_MAX = 10**9
"""Some decades: a server may say any number."""
TOKEN_MARGIN_MS = 10_000
"""So much earlier a token is renewed: a request must not carry one that ends on its way."""

_FIXED = {"User-Agent": "Amazon/EventBridge/ApiDestinations", "Range": "bytes=0-1048575"}
_CONTENT_TYPE = "application/json; charset=utf-8"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_REMOVED = frozenset(
    name.lower()
    for name in (
        *("A-IM", "Accept-Charset", "Accept-Datetime", "Accept-Encoding", "Cache-Control"),
        *("Connection", "Content-Encoding", "Content-Length", "Content-MD5", "Date", "Expect"),
        *("Forwarded", "From", "Host", "HTTP2-Settings", "If-Match", "If-Modified-Since"),
        *("If-None-Match", "If-Range", "If-Unmodified-Since", "Max-Forwards", "Origin", "Pragma"),
        *("Proxy-Authorization", "Range", "Referer", "TE", "Trailer", "Transfer-Encoding"),
        *("User-Agent", "Upgrade", "Via", "Warning"),
    )
)
"""Headers that EventBridge does not let anybody set."""
_WITHOUT_BODY = ("GET", "HEAD")
_PASSING = frozenset({401, 407, 409, 429})
"""Beside 5xx: other answers are not tried again."""
_STALE = frozenset({401, 407})
"""A token is renewed when an endpoint says so. AWS: API_CreateConnection, AuthorizationType."""


def invocation(
    destination: ApiDestination,
    connection: Connection,
    payload: str,
    http: Mapping[str, Any],
    token: Token | None,
) -> Fetch:
    """Return the request that hands a payload to an endpoint.

    http: the target's HttpParameters; those of the connection take precedence.
    """
    auth = orjson.loads(connection.auth)
    added = auth.get("InvocationHttpParameters") or {}
    headers = {"Content-Type": _CONTENT_TYPE}
    given: list[tuple[str, str]] = [
        *(http.get("HeaderParameters") or {}).items(),
        *_pairs(added.get("HeaderParameters")),
    ]
    if token is not None:
        given.append(("Authorization", f"{token.kind} {token.text}"))
    else:
        given += _credentials(connection.type, auth)
    names = {name.lower(): name for name in headers}
    for name, value in given:
        if name.lower() not in _REMOVED:
            headers.pop(names.get(name.lower(), ""), None)
            names[name.lower()] = name
            headers[name] = value.strip()
    query = {
        **(http.get("QueryStringParameters") or {}),
        **dict(_pairs(added.get("QueryStringParameters"))),
    }
    url = filled(destination.endpoint, http.get("PathParameterValues") or ())
    body = _with_members(payload, dict(_pairs(added.get("BodyParameters"))))
    if destination.method in _WITHOUT_BODY:
        headers = {name: text for name, text in headers.items() if name.lower() != "content-type"}
        body = ""
    return Fetch(
        destination.method,
        _with_query(url, query),
        tuple({**headers, **_FIXED}.items()),
        body.encode(),
        TIMEOUT_MS,
    )


def filled(endpoint: str, values: Iterable[str]) -> str:
    """Return an endpoint with each * of its path replaced by the next value, encoded; one for which
    there is no value stays.
    """
    left = iter(values)
    pieces = endpoint.split("*")
    text = pieces[0]
    for piece in pieces[1:]:
        value = next(left, None)
        text += ("*" if value is None else quote(str(value), safe="")) + piece
    return text


def judged(fetched: Fetched) -> ServiceError | None:
    """Return what an endpoint's answer means to a delivery: None when it took the event.

    AWS: 401, 407, 409, 429 and 5xx are tried again, Retry-After is heeded; all else is final.
    """
    status = fetched.status
    if 200 <= status < 300:
        return None
    text = f"Unable to invoke ApiDestination endpoint: The endpoint responded with {status}."
    code = "TargetThrottled" if status == 429 else "TargetFailed"
    if status < 500 and status not in _PASSING:
        code = "TargetRefused"
    headers = {name: value for name, value in fetched.headers if name == "retry-after"}
    return ServiceError(code, text, status=status if status >= 400 else 400, headers=headers)


def is_stale(connection: Connection, fetched: Fetched) -> bool:
    """Tell whether an endpoint did not take the connection's token."""
    return connection.type == OAUTH and fetched.status in _STALE


def token_request(connection: Connection) -> Fetch:
    """Return the request for a token: the client's credentials, as a form or with GET as a query.

    A Content-Type of JSON among the additional headers makes it JSON. AWS says which parameters
    there are and not how they are sent [G]; the form is RFC 6749's, section 4.4.2.
    """
    auth = orjson.loads(connection.auth)["OAuthParameters"]
    client, added = auth["ClientParameters"], auth.get("OAuthHttpParameters") or {}
    fields = {
        "grant_type": "client_credentials",
        "client_id": client["ClientID"],
        "client_secret": client["ClientSecret"],
        **dict(_pairs(added.get("BodyParameters"))),
    }
    query = dict(_pairs(added.get("QueryStringParameters")))
    headers = {
        name: value.strip()
        for name, value in _pairs(added.get("HeaderParameters"))
        if name.lower() not in _REMOVED
    }
    kind = next((v for name, v in headers.items() if name.lower() == "content-type"), None)
    body = b""
    if auth["HttpMethod"] == "GET":
        query = {**fields, **query}
    else:
        if kind is None:
            headers["Content-Type"] = kind = _FORM
        is_json = kind.startswith("application/json")
        body = orjson.dumps(fields) if is_json else urlencode(fields).encode()
    return Fetch(
        auth["HttpMethod"],
        _with_query(auth["AuthorizationEndpoint"], query),
        tuple(
            {**headers, "User-Agent": _FIXED["User-Agent"], "Accept": "application/json"}.items()
        ),
        body,
        TIMEOUT_MS,
        TOKEN_BYTES_MAX,
    )


def token_of(fetched: Fetched, now_ms: int) -> Token:
    """Return the token of an authorisation server's answer. Raises ServiceError.

    AWS: "OAuth"; RFC 6749, section 5.1.
    """
    if not 200 <= fetched.status < 300:
        status = fetched.status
        is_passing = status >= 500 or status == 429
        text = f"The authorization endpoint responded with {status}."
        raise ServiceError("TargetFailed" if is_passing else "AuthorizationError", text)
    try:
        told = orjson.loads(fetched.body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
        text = "The authorization endpoint responded without an access token."
        raise ServiceError("AuthorizationError", text)
    lasts_s = told.get("expires_in")
    if isinstance(lasts_s, str) and lasts_s.isdecimal():
        lasts_s = int(lasts_s[:9])
    if isinstance(lasts_s, bool) or not isinstance(lasts_s, int | float) or lasts_s <= 0:
        lasts_s = TOKEN_S
    lasts_ms = int(min(lasts_s, _TOKEN_S_MAX) * 1_000)
    margin_ms = min(TOKEN_MARGIN_MS, lasts_ms // 2)
    kind = str(told.get("token_type"))
    is_named = "token_type" in told and kind.isalpha() and kind.lower() != "bearer"
    return Token(
        kind if is_named else "Bearer", told["access_token"], now_ms + lasts_ms - margin_ms
    )


def _credentials(kind: str, auth: Mapping[str, Any]) -> list[tuple[str, str]]:
    if kind == "BASIC":
        basic = auth["BasicAuthParameters"]
        text = b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
        return [("Authorization", f"Basic {text}")]
    if kind == "API_KEY":
        key = auth["ApiKeyAuthParameters"]
        return [(key["ApiKeyName"], key["ApiKeyValue"])]
    return []


def _pairs(parameters: Iterable[Mapping[str, Any]] | None) -> list[tuple[str, str]]:
    return [(str(each["Key"]), str(each.get("Value", ""))) for each in parameters or ()]


def _with_query(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    given = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=given + urlencode(query, quote_via=quote)))


def _with_members(payload: str, members: Mapping[str, str]) -> str:
    """Return a JSON object with members added; what is no object has none."""
    if not members:
        return payload
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    return orjson.dumps({**body, **members}).decode() if isinstance(body, dict) else payload
