"""Function URLs, the pure part: requests to events, answers to responses, Cors to headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.functions.cors import check_cors, cors_headers, preflight, shared
from redrive.services.functions.url_events import (
    INTEGRATION_TYPE,
    PRELUDE_BYTES_MAX,
    PRELUDE_END,
    HttpRequest,
    HttpResponse,
    Occasion,
    Signer,
    StreamReader,
    make_event,
    read_response,
    read_stream,
)

ID = "a" * 32
DOMAIN = f"{ID}.lambda-url.us-east-1.localhost"
OCCASION = Occasion(ID, DOMAIN, "r-1", "Root=1-2", Millis(1_583_348_638_390))
JSON = ("Content-Type", "application/json")
STREAM = ("Content-Type", "application/octet-stream")


def request(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    body: bytes = b"",
    **headers: str,
) -> HttpRequest:
    """A request with some headers; _ stands for -."""
    given = {"host": f"{DOMAIN}:4566", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return HttpRequest(method, path, query, given, body, "127.0.0.1")


def event_of(asked: HttpRequest, signer: Signer | None = None) -> Any:
    """The event of a request."""
    return json.loads(make_event(asked, OCCASION, signer))


def test_an_event_has_all_that_payload_format_2_has() -> None:
    """Every member of a POST with a query string, cookies and a body."""
    asked = request(
        "POST",
        "/a%20b/c",
        "x=1&x=2&y=&z=%C3%A9",
        b'{"k": 1}',
        content_type="application/json; charset=utf-8",
        cookie="one=1; two=2",
        user_agent="probe",
        accept="a,b",
    )
    assert event_of(asked) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a%20b/c",
        "rawQueryString": "x=1&x=2&y=&z=%C3%A9",
        "cookies": ["one=1", "two=2"],
        "headers": {
            "accept": "a,b",
            "content-type": "application/json; charset=utf-8",
            "host": f"{DOMAIN}:4566",
            "user-agent": "probe",
            "x-amzn-trace-id": "Root=1-2",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"x": "1,2", "y": "", "z": "é"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": ID,
            "domainName": DOMAIN,
            "domainPrefix": ID,
            "http": {
                "method": "POST",
                "path": "/a%20b/c",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "probe",
            },
            "requestId": "r-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390,
        },
        "body": '{"k": 1}',
        "isBase64Encoded": False,
    }


def test_what_a_request_does_not_have_its_event_has_not() -> None:
    """No query string, cookies or body: no such members."""
    found = event_of(request())
    assert not {"cookies", "queryStringParameters", "body"} & set(found)
    assert (found["rawQueryString"], found["isBase64Encoded"]) == ("", False)


def test_a_signer_is_told_of() -> None:
    """With AWS_IAM the event names the caller."""
    caller = Caller("111122223333", "us-east-1", "arn:aws:iam::111122223333:user/ann", "AIDAANN")
    context = event_of(request(), Signer("AKIA1", "lambda", caller, True))["requestContext"]
    assert context["accountId"] == "111122223333"
    assert context["authorizer"]["iam"] == {
        "accessKey": "AKIA1",
        "accountId": "111122223333",
        "callerId": "AIDAANN",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::111122223333:user/ann",
        "userId": "AIDAANN",
    }


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("text/plain", b"caf\xc3\xa9", ("café", False)),
        ("text/plain", b"\xff", ("/w==", True)),
        ("application/json", b"{}", ("{}", False)),
        ("application/problem+json", b"{}", ("{}", False)),
        ("image/svg+xml", b"<a/>", ("PGEvPg==", True)),
        ("application/xml;charset=utf-8", b"<a/>", ("<a/>", False)),
        ("APPLICATION/JSON", b"{}", ("{}", False)),
        ("application/x-www-form-urlencoded", b"a=1", ("YT0x", True)),
        ("application/octet-stream", b"abc", ("YWJj", True)),
        (None, b"abc", ("abc", False)),
        (None, b"\x80", ("gA==", True)),
    ],
)
def test_a_body_is_text_or_base64(
    kind: str | None, body: bytes, expected: tuple[str, bool]
) -> None:
    """By its Content-Type, and never so that a byte is lost."""
    headers = {} if kind is None else {"content_type": kind}
    found = event_of(request("POST", body=body, **headers))
    assert (found["body"], found["isBase64Encoded"]) == expected


def test_addresses_of_proxies_are_kept() -> None:
    """X-Forwarded-For grows by the peer's address."""
    headers = event_of(request(x_forwarded_for="10.0.0.1"))["headers"]
    assert headers["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Hello", (200, (JSON,), b'"Hello"')),
        (None, (200, (JSON,), b"null")),
        ({"a": 1}, (200, (JSON,), b'{"a": 1}')),
        ([1], (200, (JSON,), b"[1]")),
        ({"statusCode": 201}, (201, (JSON,), b"")),
        ({"statusCode": "404", "body": "x"}, (404, (JSON,), b"x")),
        ({"statusCode": 204, "body": "x"}, (204, (), b"")),
        ({"statusCode": 304, "headers": {"etag": "1"}}, (304, (("etag", "1"),), b"")),
        (
            {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": "é"},
            (200, (("content-type", "text/html"),), b"\xc3\xa9"),
        ),
        (
            {"statusCode": 200, "headers": {"a": 1, "b": True, "c": 1.5, "d": "é"}},
            (200, (JSON, ("a", "1"), ("b", "true"), ("c", "1.5"), ("d", "\xc3\xa9")), b""),
        ),
        (
            {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"]},
            (200, (JSON, ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")), b""),
        ),
        (
            {"statusCode": 200, "body": "gIE=", "isBase64Encoded": True},
            (200, (JSON,), b"\x80\x81"),
        ),
        (
            {"statusCode": 200, "headers": {"Connection": "close", "Transfer-Encoding": "x"}},
            (200, (JSON, ("x-amzn-Remapped-Connection", "close")), b""),
        ),
        ({"statusCode": 200, "headers": None, "cookies": None, "body": None}, (200, (JSON,), b"")),
        # What stands for no response:
        ({"statusCode": "x"}, None),
        ({"statusCode": None}, None),
        ({"statusCode": True}, None),
        ({"statusCode": 99}, None),
        ({"statusCode": 101}, None),
        ({"statusCode": 600}, None),
        ({"statusCode": 200.5}, None),
        ({"statusCode": 200, "headers": []}, None),
        ({"statusCode": 200, "headers": {"a": ["x"]}}, None),
        ({"statusCode": 200, "headers": {"a b": "x"}}, None),
        ({"statusCode": 200, "headers": {"": "x"}}, None),
        ({"statusCode": 200, "headers": {"a": "x\r\nSet-Cookie: b=1"}}, None),
        ({"statusCode": 200, "cookies": "a=1"}, None),
        ({"statusCode": 200, "cookies": [1]}, None),
        ({"statusCode": 200, "cookies": ["a=1\nx"]}, None),
        ({"statusCode": 200, "body": {"a": 1}}, None),
        ({"statusCode": 200, "body": "*", "isBase64Encoded": True}, None),
    ],
)
def test_what_an_answer_stands_for(answer: Any, expected: Any) -> None:
    """An object with a statusCode says it; everything else is the body."""
    assert read_response(json.dumps(answer).encode()) == expected


PRELUDE = json.dumps({"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=1"]}).encode()
HEAD = HttpResponse(201, (STREAM, ("a", "b"), ("Set-Cookie", "c=1")), b"")


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1_000])
def test_a_prelude_is_found_however_it_is_cut(size: int) -> None:
    """Status, headers and cookies come before eight zero bytes; all after them is body."""
    whole = PRELUDE + PRELUDE_END + b"body\0\0" + PRELUDE_END
    for kind in (INTEGRATION_TYPE, None):
        reader, body = StreamReader(kind), b""
        for at in range(0, len(whole), size):
            body += reader.feed(whole[at : at + size])
        body += reader.finish()
        assert (reader.head, reader.is_bad, body) == (HEAD, False, b"body\0\0" + PRELUDE_END)
    assert read_response(whole) == read_stream(whole) == HEAD._replace(body=body)


@pytest.mark.parametrize(
    ("kind", "pieces", "head", "body"),
    [
        (None, [b"abc", b"def"], (200, (STREAM,), b""), b"abcdef"),
        (None, [b'{"a"', b": 1}"], (200, (STREAM,), b""), b'{"a": 1}'),
        (None, [], (200, (STREAM,), b""), b""),
        ("text/plain", [b"{", b"}"], (200, (("Content-Type", "text/plain"),), b""), b"{}"),
        ("text/\nplain", [b"a"], (200, (STREAM,), b""), b"a"),
        (None, [b"{" + b"a" * PRELUDE_BYTES_MAX], (200, (STREAM,), b""), b"{" + b"a" * 16_384),
    ],
)
def test_a_stream_without_a_prelude_is_all_body(
    kind: str | None, pieces: list[bytes], head: Any, body: bytes
) -> None:
    """Its type is what the runtime said, else that of a stream of bytes."""
    reader = StreamReader(kind)
    found = b"".join(reader.feed(piece) for piece in pieces) + reader.finish()
    assert (reader.head, found) == (head, body)


def test_a_type_that_is_known_keeps_nothing_back() -> None:
    """Only what may be a prelude waits for its end."""
    assert StreamReader("application/json").feed(b"{") == b"{"
    assert StreamReader(None).feed(b"[") == b"["


@pytest.mark.parametrize(
    "pieces",
    [
        [b"no json" + PRELUDE_END],
        [b"[]" + PRELUDE_END],
        [b'{"statusCode": "x"}' + PRELUDE_END],
        [b"{}"],
        [],
        [b"{" + b" " * PRELUDE_BYTES_MAX],
    ],
)
def test_a_bad_prelude_is_no_response(pieces: list[bytes]) -> None:
    """What is announced as a prelude and is none ends in a 502, not in a body."""
    reader = StreamReader(INTEGRATION_TYPE)
    assert b"".join(reader.feed(piece) for piece in pieces) + reader.finish() == b""
    assert (reader.head, reader.is_bad) == (None, True)


def test_a_whole_answer_of_a_streaming_url_is_its_body() -> None:
    """What a function that does not stream returns is sent as it is."""
    payload = b'{"statusCode": 404, "body": "x"}'
    assert read_stream(payload) == (200, (JSON,), payload)


# --- Cors -----------------------------------------------------------------------------------------

CORS = {
    "AllowOrigins": ["https://a.example", "http://localhost:3000"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["x-one", "x-two"],
    "ExposeHeaders": ["date"],
    "AllowCredentials": True,
    "MaxAge": 60,
}
A = "https://a.example"
TOLD = (
    ("Vary", "Origin"),
    ("access-control-allow-origin", A),
    ("access-control-allow-credentials", "true"),
    ("access-control-expose-headers", "date"),
)


@pytest.mark.parametrize(
    ("cors", "origin", "expected"),
    [
        (None, A, ()),
        (CORS, None, ()),
        (CORS, A, TOLD),
        (CORS, "https://a.example.evil", (("Vary", "Origin"),)),
        (CORS, "HTTPS://A.EXAMPLE", (("Vary", "Origin"),)),
        (CORS, "null", (("Vary", "Origin"),)),
        ({"AllowOrigins": ["*"]}, A, (("access-control-allow-origin", "*"),)),
        ({"AllowMethods": ["*"]}, A, (("Vary", "Origin"),)),
    ],
)
def test_who_may_read_an_answer(cors: Any, origin: str | None, expected: Any) -> None:
    """The headers name an origin that is allowed, and no other."""
    assert cors_headers(cors, origin) == expected


def test_the_configuration_wins_over_the_function() -> None:
    """Headers of the function's own are replaced where there is a Cors, and kept where not."""
    said = HttpResponse(200, (JSON, ("Access-Control-Allow-Origin", "http://evil")), b"")
    assert shared(said, None, A) == said
    assert shared(said, CORS, A).headers == (JSON, *TOLD)
    assert shared(said, CORS, "http://evil").headers == (JSON, ("Vary", "Origin"))


def test_a_preflight_is_answered_without_the_function() -> None:
    """Methods, headers and age come from the configuration, for an origin that is allowed."""
    asked = request("OPTIONS", origin=A, access_control_request_method="POST")
    found = preflight(CORS, asked)
    assert found is not None
    assert found.headers == (
        *TOLD,
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "x-one,x-two"),
        ("access-control-max-age", "60"),
    )
    other = request("OPTIONS", origin="http://evil", access_control_request_method="POST")
    assert preflight(CORS, other) == (200, (("Vary", "Origin"),), b"")


@pytest.mark.parametrize(
    ("cors", "asked"),
    [
        (None, request("OPTIONS", origin=A, access_control_request_method="POST")),
        (CORS, request("OPTIONS", origin=A)),
        (CORS, request("OPTIONS", access_control_request_method="POST")),
        (CORS, request("POST", origin=A, access_control_request_method="POST")),
    ],
)
def test_what_is_no_preflight_goes_to_the_function(cors: Any, asked: HttpRequest) -> None:
    """An OPTIONS request of another kind is the function's to answer."""
    assert preflight(cors, asked) is None


def test_methods_of_a_cors() -> None:
    """AWS's methods and *; an empty Cors takes the configuration away."""
    assert check_cors({"AllowMethods": ["*", "DELETE"]}) == {"AllowMethods": ["*", "DELETE"]}
    assert check_cors({}) is None
    with pytest.raises(ServiceError, match="allowMethods"):
        check_cors({"AllowMethods": ["TRACE"]})
