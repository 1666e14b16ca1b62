"""Signatures: AWS's example, botocore as the other side, and every way to be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.core.errors import ServiceError
from redrive.core.keys import Key, Keyring
from redrive.core.time import Millis
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request
from redrive.wire.signatures import KNOWN_MAX, Verifier, sign

AKID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = Key(AKID, SECRET, "111122223333", "alice")
SESSION = Key("ASIDEXAMPLE", SECRET, "444455556666", token="the-token")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
DATE = "20150830T123600Z"
HOST = "localhost:4566"
MINUTE = 60_000


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now_ms = int(NOW.timestamp() * 1000)

    def __call__(self) -> Millis:
        return Millis(self.now_ms)


@pytest.fixture
def wall() -> Wall:
    """The instant at which botocore signs."""
    return Wall()


@pytest.fixture
def verifier(wall: Wall) -> Verifier:
    """A verifier of two keys."""
    return Verifier(Keyring((KEY, SESSION), b"seed"), wall)


@pytest.fixture(autouse=True)
def botocores_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let botocore sign at that instant."""
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: NOW.replace(tzinfo=None))
    yield


def signed(
    method: str = "POST",
    url: str = "/",
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    *,
    key: Key = KEY,
    secret: str = SECRET,
    region: str = "eu-west-1",
    service: str = "sqs",
    expires: int | None = None,
) -> Request:
    """Return a request that botocore has signed: by header, or for some seconds by its query."""
    given = {"Host": HOST, **(headers or {})}
    request = AWSRequest(method, f"http://{HOST}{url}", given, body)
    credentials = Credentials(key.id, secret, key.token)
    if expires is None:
        auth.SigV4Auth(credentials, service, region).add_auth(request)
    else:
        auth.SigV4QueryAuth(credentials, service, region, expires).add_auth(request)
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    sent = {str(name).lower(): str(value) for name, value in request.headers.items()}
    return Request(method, target, sent, body)


def changed(request: Request, **headers: str | None) -> Request:
    """Return a request with other headers; None leaves one out."""
    merged = {**request.headers, **{n.replace("_", "-"): v for n, v in headers.items()}}
    return request._replace(headers={n: v for n, v in merged.items() if v is not None})


def refused(verifier: Verifier, request: Request) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        verifier.check(request)
    return caught.value


# --- what is good --------------------------------------------------------------------------------


def test_awss_own_example(verifier: Verifier) -> None:
    """The suite's `get-vanilla`: the signature that AWS publishes."""
    signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    request = Request(
        "GET",
        "/",
        {
            "host": "example.amazonaws.com",
            "x-amz-date": DATE,
            "authorization": f"AWS4-HMAC-SHA256 Credential={AKID}/20150830/us-east-1/service"
            f"/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}",
        },
        b"",
    )
    found = verifier.check(request)
    assert (found.access_key, found.service, found.caller.region) == (AKID, "service", "us-east-1")


GOOD: list[dict[str, Any]] = [
    {},
    {"method": "GET", "body": b""},
    {"body": b"x" * 100_000},
    {"url": "/111122223333/orders"},
    {"url": "/2015-03-31/functions/f/invocations", "service": "lambda"},
    {"url": "/2015-03-31/functions/arn%3Aaws%3Alambda%3Af", "service": "lambda"},
    {"url": "/a//b/./c/../d/"},
    {"url": "/.hidden/%20/~tilde"},
    {"method": "GET", "url": "/?Action=SendMessage&MessageBody=a%20b%2Bc&Attribute.1.Name=x"},
    {"method": "GET", "url": "/?b=2&a=1&b=1&flag=&empty"[:-6]},
    {"method": "GET", "url": "/?z=%C3%A4&Z=1&%C3%A4=z"},
    {"headers": {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "x"}},
    {"headers": {"X-Spaces": "  a   b  ", "X-Quoted": '"a   b"'}},
    {"headers": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}},
    {"headers": {"Date": "yes"}},
    {"key": SESSION},
]


@pytest.mark.parametrize("options", GOOD)
@pytest.mark.parametrize("expires", [None, 60])
def test_what_botocore_signs(
    verifier: Verifier, options: dict[str, Any], expires: int | None
) -> None:
    """By header and presigned, twice: the second time what was derived is remembered."""
    if expires is not None:
        options = {**options, "body": b""}
    request = signed(**options, expires=expires)
    if "UNSIGNED" in str(options):
        request = request._replace(body=b"something else")
    key = options.get("key", KEY)
    for _ in range(2):
        found = verifier.check(request)
        assert found.access_key == key.id
        assert found.service == options.get("service", "sqs")
        assert found.caller == key.caller("eu-west-1")


def test_what_we_sign(verifier: Verifier, wall: Wall) -> None:
    """Our own client's requests are good, and botocore would sign them alike."""
    for key in (KEY, SESSION):
        request = Request("POST", "/a?b=c", {"host": HOST, "x-amz-target": "T"}, b"{}")
        added = sign(request, key, "eu-west-1", "sqs", wall())
        whole = request._replace(headers={**request.headers, **added})
        assert verifier.check(whole).access_key == key.id
        theirs = signed("POST", "/a?b=c", b"{}", {"X-Amz-Target": "T"}, key=key)
        assert added["authorization"] == theirs.headers["authorization"]


def test_other_clients_forms_of_the_header(verifier: Verifier) -> None:
    """The order of the parts and the blanks between them are the client's affair."""
    request = signed()
    parts = request.headers["authorization"].partition(" ")[2].split(", ")
    for order in ((0, 1, 2), (2, 1, 0), (2, 0, 1)):
        for glue in (",", ", ", " ,  "):
            text = f"AWS4-HMAC-SHA256 {glue.join(parts[n] for n in order)}"
            for _ in range(2):
                assert verifier.check(changed(request, authorization=text)).access_key == AKID
    # One key's header in that order must not stand in for another key's.
    other = signed(key=SESSION)
    theirs = other.headers["authorization"].partition(" ")[2].split(", ")
    text = f"AWS4-HMAC-SHA256 {theirs[2]}, {theirs[0]}, {theirs[1]}"
    assert verifier.check(changed(other, authorization=text)).access_key == SESSION.id


# --- what was changed ----------------------------------------------------------------------------

MISMATCH = "The request signature we calculated does not match the signature you provided."


@pytest.mark.parametrize("expires", [None, 60])
def test_nothing_may_be_changed(verifier: Verifier, expires: int | None) -> None:
    """Method, path, query, signed headers, body, date, scope: each is part of the signature."""
    request = signed("POST", "/q?a=1", b"", {"X-Amz-Target": "T", "X-Mine": "m"}, expires=expires)
    verifier.check(request)
    longer = "&" if expires else "?a=1&"
    spoiled = [
        request._replace(method="GET"),
        request._replace(target=request.target.replace("/q?", "/Q?")),
        request._replace(target=request.target.replace("a=1", "a=2")),
        request._replace(target=request.target.replace("a=1", "a=1" + longer[-1] + "b=1")),
        request._replace(body=b"x"),
        changed(request, x_mine="n"),
        changed(request, x_mine=None),
        changed(request, x_amz_target="U"),
        changed(request, host="elsewhere:4566"),
    ]
    if expires is None:
        header = request.headers["authorization"]
        spoiled += [
            changed(request, x_amz_date="20150830T123601Z"),
            changed(request, authorization=header[:-1] + ("0" if header[-1] != "0" else "1")),
            changed(request, authorization=header[:-1]),
            changed(request, authorization=header + "0"),
            changed(request, authorization=header[:-64] + header[-64:].upper() + "é"),
            changed(request, authorization=header.replace("/sqs/", "/sns/")),
            changed(request, authorization=header.replace("eu-west-1", "eu-west-2")),
        ]
    else:
        spoiled += [
            request._replace(target=request.target.replace("Expires=60", "Expires=61")),
            request._replace(target=request.target.replace("T123600Z", "T123601Z")),
            request._replace(target=request.target[:-1] + "%C3%A9"),
        ]
    for each in spoiled:
        error = refused(verifier, each)
        assert (error.code, error.status) == ("SignatureDoesNotMatch", 403), each
        assert error.message.startswith(MISMATCH), each
    verifier.check(request)


@pytest.mark.parametrize("expires", [None, 60])
def test_who_may_sign(verifier: Verifier, expires: int | None) -> None:
    """A wrong secret, a key that nobody has, and session tokens that are not the key's."""
    error = refused(verifier, signed(secret="wrong", expires=expires))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    nobody = Key("AKIANOBODY", SECRET, "111122223333")
    stranger = Key(AKID, SECRET, "111122223333", token="any")
    forger = Key(SESSION.id, SECRET, "444455556666", token="another")
    tokenless = Key(SESSION.id, SECRET, "444455556666")
    for key in (nobody, stranger, forger, tokenless):
        error = refused(verifier, signed(key=key, expires=expires))
        assert (error.code, error.status) == ("InvalidClientTokenId", 403)
        assert error.message == "The security token included in the request is invalid."


def test_unsigned(verifier: Verifier) -> None:
    """Nothing signed is told apart from something signed badly."""
    error = refused(verifier, Request("POST", "/?a=b", {"host": HOST}, b""))
    assert (error.code, error.status) == ("MissingAuthenticationToken", 403)
    assert error.message == "Request is missing Authentication Token"


HEADER = f"AWS4-HMAC-SHA256 Credential={AKID}/20150830/eu-west-1/sqs/aws4_request,"
INCOMPLETE = [
    ("", "requires 'Credential' parameter"),
    ("Bearer abc", "Authorization=Bearer"),
    ("AWS4-HMAC-SHA256", "requires 'Signature' parameter"),
    (f"{HEADER} SignedHeaders=host", "requires 'Signature' parameter"),
    (f"{HEADER} SignedHeaders=, Signature=a", "Authorization=AWS4-HMAC-SHA256"),
    (f"{HEADER} Signature=a", "requires 'SignedHeaders' parameter"),
    ("AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=a", "exactly 5 slash"),
    (HEADER.replace("HMAC", "ECDSA-P256"), "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"),
    (f"AWS {AKID}:abc", "Authorization=AWS"),
]


@pytest.mark.parametrize(("authorization", "told"), INCOMPLETE)
def test_headers_that_cannot_be_read(verifier: Verifier, authorization: str, told: str) -> None:
    """What a header lacks is said."""
    error = refused(verifier, changed(signed(), authorization=authorization))
    assert (error.code, error.status) == ("IncompleteSignature", 400)
    assert told in error.message


SCOPE = [
    ("aws4_request", "aws5_request", "valid terminator: 'aws4_request', not 'aws5_request'"),
    ("20150830", "20150829", "'20150829' != '20150830', from '20150830T123600Z'"),
    ("20150830", "2015", "Date in Credential scope does not match"),
    ("SignedHeaders=host;", "SignedHeaders=", "'Host' or ':authority' must be a 'SignedHeader'"),
    (";x-amz-target", "", "'X-Amz-Target' must be a 'SignedHeader'"),
    (";x-mine", ";x-missing", MISMATCH),
]


@pytest.mark.parametrize(("was", "becomes", "told"), SCOPE)
def test_scopes_that_do_not_fit(verifier: Verifier, was: str, becomes: str, told: str) -> None:
    """Terminator, day and the headers that have to be signed."""
    request = signed(headers={"X-Amz-Target": "T", "X-Mine": "m"})
    header = request.headers["authorization"].replace(was, becomes)
    error = refused(verifier, changed(request, authorization=header))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert told in error.message


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("0" * 64, "does not match what was computed"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "does not match what was computed"),
        ("", "does not match what was computed"),
    ],
)
def test_announced_payloads(verifier: Verifier, payload: str, told: str) -> None:
    """X-Amz-Content-SHA256 is the body's, or says that the body is not signed."""
    error = refused(verifier, signed(headers={"X-Amz-Content-SHA256": payload}))
    assert error.code == "SignatureDoesNotMatch"
    assert told in error.message


# --- time ----------------------------------------------------------------------------------------


def test_fifteen_minutes(verifier: Verifier, wall: Wall) -> None:
    """A header is good for a quarter of an hour both ways, by a clock that may go back."""
    request = signed()
    start_ms = wall.now_ms
    for offset_ms in (15 * MINUTE, -15 * MINUTE, 0):
        wall.now_ms = start_ms + offset_ms
        verifier.check(request)
    wall.now_ms = start_ms + 15 * MINUTE + 1_000
    error = refused(verifier, request)
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.message == (
        f"Signature expired: {DATE} is now earlier than 20150830T123601Z"
        " (20150830T125101Z - 15 min.)"
    )
    wall.now_ms = start_ms - 15 * MINUTE - 1_000
    assert refused(verifier, request).message == (
        f"Signature not yet current: {DATE} is still later than 20150830T123559Z"
        " (20150830T122059Z + 15 min.)"
    )


def test_presigned_requests_expire(verifier: Verifier, wall: Wall) -> None:
    """They last as long as they say, from one second to a week."""
    week = signed("GET", body=b"", expires=604_800)
    request = signed("GET", body=b"", expires=3_600)
    wall.now_ms += 60 * MINUTE
    verifier.check(request)
    wall.now_ms += 1_000
    error = refused(verifier, request)
    assert (error.code, error.status) == ("RequestExpired", 400)
    verifier.check(week)
    wall.now_ms -= 76 * MINUTE
    assert refused(verifier, request).message.startswith("Signature not yet current")


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "x", "", "1e3", "٣", "9" * 5_000])
def test_impossible_lifetimes(verifier: Verifier, expires: str) -> None:
    """X-Amz-Expires is 1 to 604800 seconds."""
    request = signed("GET", body=b"", expires=60)
    target = request.target.replace("Expires=60", f"Expires={expires}")
    error = refused(verifier, request._replace(target=target))
    assert (error.code, error.status) == ("IncompleteSignature", 400)
    assert len(error.message) < 300


def test_presigned_without_a_lifetime(verifier: Verifier, wall: Wall) -> None:
    """It lasts as long as a header does."""
    request = signed("GET", body=b"", expires=60)
    target = request.target.replace("X-Amz-Expires=60&", "")
    assert refused(verifier, request._replace(target=target)).message.startswith(MISMATCH)
    wall.now_ms += 16 * MINUTE
    error = refused(verifier, request._replace(target=target))
    assert error.message.startswith("Signature expired")


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "SignedHeaders", "Signature"])
def test_presigned_parts(verifier: Verifier, name: str) -> None:
    """What is missing is named; another algorithm is none of ours."""
    request = signed("GET", "/?a=b", b"", expires=60)
    target = re.sub(rf"&X-Amz-{name}=[^&]*", "", request.target)
    error = refused(verifier, request._replace(target=target))
    assert error.code == "IncompleteSignature"
    assert f"must include 'X-Amz-{name}'" in error.message
    other = request._replace(target=request.target.replace("HMAC-SHA256", "HMAC-MD5"))
    assert "Unsupported AWS 'algorithm'" in refused(verifier, other).message


@pytest.mark.parametrize("date", ["", "x", "20150830", "20151330T000000Z", "2015-08-30T12:36:00Z"])
def test_dates_that_are_none(verifier: Verifier, date: str) -> None:
    """ISO 8601's basic form, in both ways to sign."""
    error = refused(verifier, changed(signed(), x_amz_date=date))
    assert error.code == "IncompleteSignature"
    request = signed("GET", "/?a=b", b"", expires=60)
    presigned = request._replace(target=request.target.replace(DATE, date))
    assert refused(verifier, presigned).code == "IncompleteSignature"


@pytest.mark.parametrize(
    "form",
    [
        "Sun, 30 Aug 2015 12:36:00 -0000",
        "Sun, 30 Aug 2015 12:36:00 GMT",
        "Sun, 30 Aug 2015 14:36:00 +0200",
        DATE,
    ],
)
def test_the_date_header(verifier: Verifier, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """It counts when there is no X-Amz-Date, in whatever form it names the instant."""
    monkeypatch.setattr(auth, "formatdate", lambda _at: form)
    request = signed(headers={"Date": "replaced by the signer"})
    assert "x-amz-date" not in request.headers
    assert request.headers["date"] == form
    verifier.check(request)
    assert refused(verifier, changed(request, date="noon")).code == "IncompleteSignature"
    error = refused(verifier, changed(request, date=None))
    assert "either a 'X-Amz-Date' or a 'Date' header" in error.message


# --- in the endpoint -----------------------------------------------------------------------------


@pytest.fixture
def endpoint(verifier: Verifier) -> Endpoint:
    """An endpoint that asks for signatures."""
    return Endpoint(verifier=verifier)


def told(endpoint: Endpoint, request: Request) -> tuple[int, dict[str, str], str]:
    with pytest.raises(Fault) as caught:
        endpoint.read(request)
    response = endpoint.fault(caught.value, caught.value.error, "rid")
    return response.status, dict(response.headers), response.body.decode()


SQS = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PROTOCOLS: list[tuple[dict[str, Any], bool]] = [
    ({"headers": SQS}, False),
    ({"method": "GET", "url": "/2015-03-31/functions", "body": b"", "service": "lambda"}, False),
    ({"headers": FORM, "body": b"Action=GetCallerIdentity", "service": "sts"}, True),
]
NAMES = [
    ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    ("SignatureDoesNotMatch", "InvalidSignatureException"),
    ("InvalidClientTokenId", "UnrecognizedClientException"),
]


@pytest.mark.parametrize(("options", "is_query"), PROTOCOLS)
def test_errors_have_their_protocols_names(
    endpoint: Endpoint, options: dict[str, Any], is_query: bool
) -> None:
    """Query's codes, the JSON protocols' shapes, and for SQS both."""
    requests = (
        changed(signed(**options), authorization=None),
        signed(**options, secret="wrong"),
        signed(**options, key=Key("AKIANOBODY", SECRET, "")),
    )
    endpoint.read(signed(**options))
    for (query, json), request in zip(NAMES, requests, strict=True):
        status, headers, body = told(endpoint, request)
        assert status == 403
        if is_query:
            assert f"<Code>{query}</Code>" in body
        elif "x-amz-target" in request.headers:
            assert f'"__type":"com.amazon.coral.service#{json}"' in body
            assert headers["x-amzn-query-error"] == f"{query};Sender"
        else:
            assert headers["x-amzn-ErrorType"] == json


def test_what_was_signed_for_another_service(endpoint: Endpoint) -> None:
    """A signature opens the service of its scope alone."""
    status, _headers, body = told(endpoint, signed(headers=SQS, service="lambda"))
    assert status == 403
    assert "Credential should be scoped to correct service: 'sqs'." in body


def test_the_caller_is_the_keys(endpoint: Endpoint, verifier: Verifier) -> None:
    """Account, principal and unique id; a session only when authorisation is on."""
    request = signed(headers={**SQS, "User-Agent": "ua"})._replace(peer="10.1.2.3")
    caller = endpoint.read(request).caller
    assert caller == endpoint.caller(request) == KEY.caller("eu-west-1")
    assert caller.principal == "arn:aws:iam::111122223333:user/alice"
    assert caller.session is None
    judged = Endpoint(verifier=verifier, is_judging=True).read(request).caller
    assert judged.session is not None
    assert judged.session.facts == {"aws:sourceip": "10.1.2.3", "aws:useragent": "ua"}
    claimed = Endpoint(is_judging=True).read(request).caller
    assert (claimed.account, claimed.session is not None) == ("000000000000", True)


def test_resetting_is_signed_too(endpoint: Endpoint) -> None:
    """Who a request comes from is known only when it is signed."""
    with pytest.raises(Fault) as caught:
        endpoint.caller(changed(signed(), authorization=None))
    assert caught.value.error.code == "MissingAuthenticationTokenException"


# --- whatever comes ------------------------------------------------------------------------------

TEXTS = st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40
) | st.from_regex(r"(AWS4-HMAC-SHA256 |Credential=|SignedHeaders=|Signature=|[,;/ =&?%+a-z0-9])*")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.booleans())
def test_whatever_comes(
    authorization: str, date: str, query: str, host: str, is_presigned: bool
) -> None:
    """An error of AWS's, and nothing else."""
    verifier = Verifier(Keyring((KEY,), b""), Wall())
    headers = {"host": host, "x-amz-date": date, "x-amz-security-token": query}
    target = f"/{date}?{query}"
    if is_presigned:
        target += f"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={authorization}"
        target += f"&X-Amz-Date={DATE}&X-Amz-SignedHeaders=host&X-Amz-Signature={date}"
    else:
        headers["authorization"] = f"{HEADER} SignedHeaders=host, Signature={authorization}"
        if len(query) % 2:
            headers["authorization"] = authorization
    assert refused(verifier, Request("POST", target, headers, b"")).status in (400, 403)


def test_what_is_remembered_is_bounded(verifier: Verifier) -> None:
    """Only good signatures are remembered, and no more than the bound."""
    for number in range(50):
        refused(verifier, signed(region=f"r-{number}", secret="wrong"))
        refused(verifier, changed(signed(), x_amz_date=f"20150830T1235{number:02}Z"))
    assert not verifier._known
    for number in range(KNOWN_MAX + 10):
        request = Request("POST", "/", {"host": HOST}, b"")
        added = sign(request, KEY, f"r-{number}", "sqs", Millis(int(NOW.timestamp() * 1000)))
        verifier.check(request._replace(headers={**request.headers, **added}))
    assert len(verifier._known) <= KNOWN_MAX
    assert len(verifier._instants) <= KNOWN_MAX
