"""Function URLs: an HTTP request as the function's event, and the function's answer as a response.

    request ─ make_event ─> payload format 2.0 ─ the function ─> read_response ─> response
                                                 └ in pieces ──> StreamReader ──> head, pieces

Pure. AWS: Lambda Developer Guide, "Invoking Lambda function URLs", "Request and response payloads";
"Response streaming". Marked [G] is what no source that we have says.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from redrive.core.effects import Caller
from redrive.core.time import SECOND_MS, Millis

METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))

INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response"
"""The Content-Type of a streamed response that begins with status and headers as JSON."""

PRELUDE_END = b"\0" * 8
PRELUDE_BYTES_MAX = 16_384
"""How far the end of that JSON is looked for [G]."""

JSON_TYPE = "application/json"
STREAM_TYPE = "application/octet-stream"

_TEXT = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|javascript)|application/x-javascript", re.ASCII
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,1024}")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REMAPPED = frozenset(
    ("connection", "content-length", "date", "host", "server", "www-authenticate")
)
_DROPPED = frozenset(("keep-alive", "te", "trailer", "transfer-encoding", "upgrade"))
_BODILESS = (204, 304)

Headers = tuple[tuple[str, str], ...]


class HttpRequest(NamedTuple):
    """A request to a function URL. path and query as they were sent; header names in lower case,
    the values of a repeated one joined with commas.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str


class HttpResponse(NamedTuple):
    """What goes back. Header values hold one character a byte, and no line breaks."""

    status: int
    headers: Headers
    body: bytes


class Signer(NamedTuple):
    """Who signed a request, for which service. is_proven: the signature was checked."""

    access_key: str
    service: str
    caller: Caller
    is_proven: bool


class Occasion(NamedTuple):
    """What an event tells of its request besides what the client sent."""

    url_id: str
    domain: str  # <url id>.lambda-url.<region>.localhost
    request_id: str
    trace: str
    now_ms: Millis


def make_event(request: HttpRequest, occasion: Occasion, signer: Signer | None) -> bytes:
    """Return the event as JSON text. signer: of a URL with AWS_IAM, else None.

    Without a query string, cookies or a body there is no such member, as AWS has it.
    """
    path = request.path
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
    }
    cookies = [part.strip() for part in request.headers.get("cookie", "").split(";")]
    if any(cookies):
        event["cookies"] = [cookie for cookie in cookies if cookie]
    event["headers"] = _event_headers(request, occasion)
    fields: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    if fields:
        event["queryStringParameters"] = fields
    event["requestContext"] = _context(request, occasion, signer)
    if request.body:
        event["body"], event["isBase64Encoded"] = _event_body(request)
    else:
        event["isBase64Encoded"] = False
    return orjson.dumps(event)


def _event_headers(request: HttpRequest, occasion: Occasion) -> dict[str, str]:
    """Return the client's headers but for its cookies, and those that AWS's front end adds."""
    port = request.headers.get("host", "").rpartition(":")[2]
    added = {
        "x-amzn-trace-id": occasion.trace,
        "x-forwarded-for": request.source_ip,
        "x-forwarded-port": port if port.isdigit() else "80",
        "x-forwarded-proto": "http",
    }
    kept = {name: value for name, value in request.headers.items() if name != "cookie"}
    before = kept.get("x-forwarded-for")
    if before:
        added["x-forwarded-for"] = f"{before}, {request.source_ip}"
    return dict(sorted({**kept, **added}.items()))


def _context(request: HttpRequest, occasion: Occasion, signer: Signer | None) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": "anonymous" if signer is None else signer.caller.account,
        "apiId": occasion.url_id,
    }
    if signer is not None:
        caller = signer.caller
        context["authorizer"] = {
            "iam": {
                "accessKey": signer.access_key,
                "accountId": caller.account,
                "callerId": caller.sender_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": caller.principal,
                "userId": caller.sender_id,
            }
        }
    moment = datetime.fromtimestamp(occasion.now_ms // SECOND_MS, UTC)
    return {
        **context,
        "domainName": occasion.domain,
        "domainPrefix": occasion.url_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": occasion.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": occasion.now_ms,
    }


def _event_body(request: HttpRequest) -> tuple[str, bool]:
    """Return the body as text, or in base64: by its Content-Type, and whenever it is not UTF-8.

    A form is in base64, as AWS has it; without a Content-Type, text is text [G].
    """
    kind = request.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if _TEXT.fullmatch(kind):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


# --- the function's answer ------------------------------------------------------------------------


def read_response(payload: bytes) -> HttpResponse | None:
    """Return the response that a function's whole answer stands for, None when it stands for none.

    An object with a statusCode says what the response is; everything else is its body, as JSON.
    None, which clients hear as 502: a status, header, cookie or body of a wrong kind.
    """
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return read_stream(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpResponse(200, (("Content-Type", JSON_TYPE),), payload)
    head = _head(answer, JSON_TYPE)
    body = _body(answer)
    if head is None or body is None:
        return None
    return head._replace(body=b"" if head.status in _BODILESS else body)


def read_stream(payload: bytes) -> HttpResponse | None:
    """Read what was said at once and would have been taken piece by piece: it is the body as it is,
    whatever it says of a status, unless it begins with status and headers as a stream does.
    """
    if PRELUDE_END not in payload[: PRELUDE_BYTES_MAX + len(PRELUDE_END)]:
        return HttpResponse(200, (("Content-Type", JSON_TYPE),), payload)
    reader = StreamReader(INTEGRATION_TYPE)
    body = reader.feed(payload)
    return None if reader.head is None else reader.head._replace(body=body)


def _head(answer: Mapping[str, Any], default_type: str) -> HttpResponse | None:
    """Return status and headers of an answer, without its body."""
    status = _status(answer.get("statusCode", 200))
    headers = answer.get("headers")
    cookies = answer.get("cookies")
    if (
        status is None
        or not (headers is None or isinstance(headers, dict))
        or not (cookies is None or isinstance(cookies, list))
    ):
        return None
    lines = []
    for name, value in (headers or {}).items():
        line = _line(name, value)
        if line is None:
            return None
        lines.append(line)
    for cookie in cookies or ():
        line = _line("Set-Cookie", cookie) if isinstance(cookie, str) else None
        if line is None:
            return None
        lines.append(line)
    kept = [_remapped(line) for line in lines if line[0].lower() not in _DROPPED]
    if not any(name.lower() == "content-type" for name, _ in kept) and status not in _BODILESS:
        kept.insert(0, ("Content-Type", default_type))
    return HttpResponse(status, tuple(kept), b"")


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 200 <= value <= 599 else None


def _line(name: str, value: object) -> tuple[str, str] | None:
    """Return a header as it is sent: what is beyond ASCII as UTF-8; None when it cannot be one."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float) or _TOKEN.fullmatch(name) is None:
        return None
    text = str(value).strip()
    if _UNSAFE.search(text):
        return None
    try:
        return name, text.encode().decode("latin-1")
    except UnicodeEncodeError:
        return None


def _remapped(line: tuple[str, str]) -> tuple[str, str]:
    """Rename what belongs to the connection, as AWS's front ends do."""
    return (f"x-amzn-Remapped-{line[0]}", line[1]) if line[0].lower() in _REMAPPED else line


def _body(answer: Mapping[str, Any]) -> bytes | None:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return None
    try:
        if answer.get("isBase64Encoded") is True:
            return base64.b64decode(body, validate=True)
        return body.encode()
    except (binascii.Error, ValueError):
        return None


class StreamReader:
    """Finds the head of a response that comes in pieces.

    content_type: as the runtime said it; None when it said nothing: then the head is found by its
    look. `head` is set once it is known; `is_bad` tells that none can be made of what came.
    """

    def __init__(self, content_type: str | None) -> None:
        self.head: HttpResponse | None = None
        self.is_bad = False
        self._kept = b""
        self._type = content_type
        self._is_sure = (content_type or "").partition(";")[0].strip().lower() == INTEGRATION_TYPE
        if content_type is not None and not self._is_sure:
            self._begin(b"")

    def feed(self, piece: bytes) -> bytes:
        """Take a piece; return what of it and of those before is body, if that is known."""
        if self.is_bad:
            return b""
        if self.head is not None:
            return piece if self.head.status not in _BODILESS else b""
        self._kept += piece
        if not self._is_sure and not self._kept.startswith(b"{"):
            return self._begin(self._kept)
        prelude, end, body = self._kept.partition(PRELUDE_END)
        if end:
            self._read(prelude)
            return self.feed(body) if body else b""
        if len(self._kept) < PRELUDE_BYTES_MAX:
            return b""
        return self.finish()

    def finish(self) -> bytes:
        """Take the end of the stream; return what is left of the body."""
        if self.head is not None or self.is_bad:
            return b""
        self.is_bad = self._is_sure
        return b"" if self.is_bad else self._begin(self._kept)

    def _begin(self, body: bytes) -> bytes:
        line = _line("Content-Type", self._type or STREAM_TYPE)
        self.head = HttpResponse(200, (line or ("Content-Type", STREAM_TYPE),), b"")
        self._kept = b""
        return body

    def _read(self, prelude: bytes) -> None:
        try:
            answer = orjson.loads(prelude)
        except orjson.JSONDecodeError:
            answer = None
        self.head = _head(answer, STREAM_TYPE) if isinstance(answer, dict) else None
        self.is_bad = self.head is None
        self._kept = b""
