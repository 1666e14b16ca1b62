"""Function URLs and answers in pieces, through the registry: configuration, permission, serving."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from stand_ins import REGION, caller
from tests.unit.services.functions.functions_rig import ACCOUNT, Rig

from redrive.core.effects import Caller, Ran, Run, Session
from redrive.core.errors import ServiceError
from redrive.core.policies import Policy, compile_policy
from redrive.services.functions.operations.serving import FORBIDDEN
from redrive.services.functions.url_events import (
    INTEGRATION_TYPE,
    PRELUDE_END,
    HttpRequest,
    HttpResponse,
    Signer,
)

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
OTHER = "444455556666"


class Heard:
    """A Sink that keeps what it is given."""

    def __init__(self) -> None:
        self.heads: list[Any] = []
        self.pieces: list[Any] = []

    def begin(self, head: Any) -> None:
        assert not self.pieces
        self.heads.append(head)

    def write(self, piece: Any) -> None:
        self.pieces.append(piece)


def refused(rig: Rig, operation: str, who: Caller | None = None, **params: object) -> ServiceError:
    """Return the error that an operation is refused with."""
    with pytest.raises(ServiceError) as caught:
        rig.call(operation, who, **params)
    return caught.value


def make(rig: Rig, *, public: bool = True, **members: Any) -> str:
    """Create a function with a URL that everybody may use; return the URL's id."""
    rig.create()
    if public:
        allow(rig)
    given = {"FunctionName": "orders", "AuthType": "NONE", **members}
    found = rig.call("CreateFunctionUrlConfig", **given)["FunctionUrl"]
    return str(found.removeprefix("http://").partition(".")[0])


def allow(rig: Rig, qualifier: str | None = None, principal: str = "*", auth: str = "NONE") -> None:
    """Add the two statements that a URL needs."""
    for action, members in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": auth}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        rig.call(
            "AddPermission",
            FunctionName="orders",
            StatementId=action.partition(":")[2],
            Action=action,
            Principal=principal,
            **members,
            **({} if qualifier is None else {"Qualifier": qualifier}),
        )


def visit(
    rig: Rig,
    url_id: str,
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    signer: Signer | ServiceError | None = None,
    region: str | None = REGION,
    sink: Heard | None = None,
) -> Any:
    """Ask a URL; return the operation's result."""
    host = {"host": f"{url_id}.lambda-url.{REGION}.localhost:4566"}
    request = HttpRequest(method, "/", "", host | (headers or {}), body, "127.0.0.1")
    params = {
        "UrlId": url_id,
        "Region": region,
        "Request": request,
        "Signer": signer,
        "Sink": sink,
    }
    return rig.call("ServeFunctionUrl", caller("999999999999"), **params)


def response(rig: Rig, url_id: str, *args: Any, **options: Any) -> HttpResponse:
    """Ask a URL; return what it answers."""
    found: HttpResponse = visit(rig, url_id, *args, **options)["Response"]
    return found


def signer(
    account: str = ACCOUNT,
    *,
    service: str = "lambda",
    region: str = REGION,
    session: Session | None = None,
    is_proven: bool = True,
) -> Signer:
    """Somebody who signed."""
    return Signer("AKIA1", service, caller(account, region)._replace(session=session), is_proven)


# --- configuration --------------------------------------------------------------------------------


def test_the_life_of_a_url(rig: Rig) -> None:
    """Created, shown, changed, listed, deleted; another one has another address."""
    rig.create()
    cors = {"AllowOrigins": ["*"], "MaxAge": 5}
    made = rig.call("CreateFunctionUrlConfig", FunctionName="orders", AuthType="AWS_IAM", Cors=cors)
    url = made["FunctionUrl"]
    url_id, _, rest = url.removeprefix("http://").partition(".")
    assert (len(url_id), rest) == (32, "lambda-url.us-east-1.localhost:4566/")
    created = "2027-01-15T08:00:00.000Z"
    assert made == {
        "FunctionUrl": url,
        "FunctionArn": ARN,
        "AuthType": "AWS_IAM",
        "Cors": cors,
        "CreationTime": created,
        "InvokeMode": "BUFFERED",
    }
    shown = {**made, "LastModifiedTime": created}
    assert rig.call("GetFunctionUrlConfig", FunctionName=ARN) == shown
    rig.pass_time(rig.now_ms + 1_500)
    changed = rig.call(
        "UpdateFunctionUrlConfig", FunctionName="orders", InvokeMode="RESPONSE_STREAM", Cors={}
    )
    assert changed == {
        "FunctionUrl": url,
        "FunctionArn": ARN,
        "AuthType": "AWS_IAM",
        "CreationTime": created,
        "LastModifiedTime": "2027-01-15T08:00:01.500Z",
        "InvokeMode": "RESPONSE_STREAM",
    }
    kept = rig.call("UpdateFunctionUrlConfig", FunctionName="orders", AuthType="NONE")
    assert (kept["AuthType"], kept["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    assert rig.call("ListFunctionUrlConfigs", FunctionName="orders") == {
        "FunctionUrlConfigs": [kept]
    }
    assert rig.call("DeleteFunctionUrlConfig", FunctionName="orders") == {}
    gone = refused(rig, "GetFunctionUrlConfig", FunctionName="orders")
    assert (gone.code, gone.message) == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
    again = rig.call("CreateFunctionUrlConfig", FunctionName="orders", AuthType="NONE")
    assert again["FunctionUrl"] != url


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        ("Create", {"FunctionName": "none"}, "ResourceNotFound", "Function does not exist"),
        ("Create", {"Qualifier": "none"}, "ResourceNotFound", "Function does not exist"),
        ("Update", {"FunctionName": "none"}, "ResourceNotFound", "Function does not exist"),
        ("Update", {"Qualifier": "none"}, "ResourceNotFound", "Function does not exist"),
        ("Update", {"Qualifier": "bare"}, "ResourceNotFound", "you requested does not exist."),
        ("Get", {"FunctionName": "none"}, "ResourceNotFound", "you requested does not exist."),
        ("Get", {"Qualifier": "none"}, "ResourceNotFound", "you requested does not exist."),
        ("Delete", {"FunctionName": "none"}, "ResourceNotFound", "you requested does not exist."),
        ("Delete", {"Qualifier": "bare"}, "ResourceNotFound", "you requested does not exist."),
        (
            "Create",
            {},
            "ResourceConflict",
            f"Failed to create function url config for [functionArn = {ARN}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function",
        ),
        ("Create", {"Qualifier": "1"}, "Validation", "Value '1' at 'qualifier' failed to satisfy"),
        ("Get", {"Qualifier": "$LATEST"}, "Validation", "Value '$LATEST' at 'qualifier' failed"),
        ("Delete", {"FunctionName": "orders:2"}, "Validation", "Value '2' at 'qualifier' failed"),
        ("Create", {"AuthType": None}, "Validation", "Value null at 'authType' failed"),
        ("Create", {"AuthType": "ALL"}, "Validation", "enum value set: [NONE, AWS_IAM]"),
        (
            "Update",
            {"InvokeMode": "UNKNOWN"},
            "Validation",
            "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
        ),
        ("Create", {"Cors": {"AllowMethods": ["get"]}}, "Validation", "'cors.allowMethods'"),
    ],
)
def test_refusals(
    rig: Rig, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    """What cannot be, in AWS's words."""
    make(rig)
    rig.call("PublishVersion", FunctionName="orders")
    rig.call("CreateAlias", FunctionName="orders", Name="bare", FunctionVersion="1")
    given = {"FunctionName": "orders", "AuthType": "NONE", **params}
    error = refused(rig, f"{operation}FunctionUrlConfig", **given)
    assert error.code == f"{code}Exception"
    assert message in error.message


def test_urls_of_aliases_are_listed_in_pages(rig: Rig) -> None:
    """A function's own comes first, then those of its aliases by name; they go with these."""
    make(rig)
    rig.call("PublishVersion", FunctionName="orders")
    for name in ("b", "a"):
        rig.call("CreateAlias", FunctionName="orders", Name=name, FunctionVersion="1")
        rig.call("CreateFunctionUrlConfig", FunctionName="orders", AuthType="NONE", Qualifier=name)
    arns, page = [], {}
    for _ in range(3):
        listed = rig.call("ListFunctionUrlConfigs", FunctionName="orders", MaxItems=1, **page)
        arns.append(listed["FunctionUrlConfigs"][0]["FunctionArn"])
        page = {"Marker": listed.get("NextMarker")}
    assert (arns, page) == ([ARN, f"{ARN}:a", f"{ARN}:b"], {"Marker": None})
    assert refused(rig, "ListFunctionUrlConfigs", FunctionName="none").message == (
        "Function does not exist"
    )
    rig.call("DeleteAlias", FunctionName="orders", Name="a")
    assert len(rig.call("ListFunctionUrlConfigs", FunctionName="orders")["FunctionUrlConfigs"]) == 2
    rig.call("DeleteFunction", FunctionName="orders")
    rig.create()
    assert rig.call("ListFunctionUrlConfigs", FunctionName="orders") == {"FunctionUrlConfigs": []}


def test_another_account_is_told_nothing(rig: Rig) -> None:
    """Whether there is a function or a URL is the owner's."""
    make(rig)
    for name in (ARN, f"{ARN}s"):
        error = refused(rig, "GetFunctionUrlConfig", caller(OTHER), FunctionName=name)
        assert error.code == "AccessDeniedException"


# --- permission -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "is_allowed"),
    [
        ([], False),
        ([("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"})], False),
        ([("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})], False),
        (
            [
                ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
                ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
            ],
            True,
        ),
        (
            [
                ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "AWS_IAM"}),
                ("lambda:InvokeFunction", {}),
            ],
            False,
        ),
        (
            [("lambda:InvokeFunctionUrl", {}), ("lambda:InvokeFunction", {"Principal": ACCOUNT})],
            False,
        ),
        ([("lambda:*", {})], True),
        ([("lambda:*", {"SourceAccount": ACCOUNT})], False),
    ],
)
def test_a_public_url_needs_a_policy(
    rig: Rig, statements: list[tuple[str, dict[str, Any]]], is_allowed: bool
) -> None:
    """AuthType NONE opens nothing by itself: both actions must be allowed to everybody."""
    url_id = make(rig, public=False)
    for n, (action, members) in enumerate(statements):
        given = {"Principal": "*", **members}
        rig.call(
            "AddPermission", FunctionName="orders", StatementId=f"s{n}", Action=action, **given
        )
    found = response(rig, url_id)
    assert found.status == (200 if is_allowed else 403)
    if not is_allowed:
        assert json.loads(found.body) == {"Message": FORBIDDEN}
        assert dict(found.headers)["x-amzn-ErrorType"] == "AccessDeniedException"
        assert "no resource-based policy allows" in dict(found.headers)["x-redrive-reason"]
    assert len(rig.runs) == is_allowed


def test_a_policy_of_an_alias_is_its_own(rig: Rig) -> None:
    """What a function's policy allows does not open the URL of an alias, and the alias's runs."""
    make(rig)
    rig.call("PublishVersion", FunctionName="orders")
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    made = rig.call(
        "CreateFunctionUrlConfig", FunctionName="orders", AuthType="NONE", Qualifier="live"
    )
    url_id = made["FunctionUrl"][7:39]
    assert response(rig, url_id).status == 403
    allow(rig, "live")
    assert response(rig, url_id).status == 200
    assert (rig.runs[0].environment.version, rig.runs[0].invoked_arn) == ("1", f"{ARN}:live")


def test_who_signed_may(rig: Rig) -> None:
    """AWS_IAM: the owner's account by itself, another one by the policy, nobody unsigned."""
    url_id = make(rig, public=False, AuthType="AWS_IAM")
    assert json.loads(response(rig, url_id).body) == {"Message": FORBIDDEN}
    assert response(rig, url_id, signer=signer()).status == 200
    (run,) = rig.runs
    context = json.loads(run.event)["requestContext"]
    assert context["authorizer"]["iam"]["accessKey"] == "AKIA1"
    assert response(rig, url_id, signer=signer(OTHER)).status == 403
    allow(rig, principal=OTHER, auth="AWS_IAM")
    assert response(rig, url_id, signer=signer(OTHER)).status == 200


def test_what_was_signed_for_something_else(rig: Rig) -> None:
    """A bad signature, another service and another region are told as AWS tells them."""
    url_id = make(rig, AuthType="AWS_IAM")
    bad = ServiceError("InvalidSignatureException", "it does not match", status=403)
    for given, words in (
        (bad, "it does not match"),
        (signer(service="sqs"), "Credential should be scoped to correct service: 'lambda'."),
        (signer(region="eu-west-1"), "Credential should be scoped to correct region: 'us-east-1'."),
    ):
        found = response(rig, url_id, signer=given)
        assert (found.status, json.loads(found.body)) == (403, {"message": words})
        assert dict(found.headers)["x-amzn-ErrorType"] == "InvalidSignatureException"
    rig.call("UpdateFunctionUrlConfig", FunctionName="orders", AuthType="NONE")
    assert response(rig, url_id, signer=bad).status == 200, "nobody asks who signed"


def policy(*actions: str, **condition: str) -> Policy:
    """An identity's policy."""
    statement = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": ARN,
        "Condition": {"StringEquals": condition} if condition else {},
    }
    return compile_policy({"Statement": [statement]}, names_principals=False)


@pytest.mark.parametrize(
    ("held", "status"),
    [
        (policy("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"), 200),
        (policy("lambda:InvokeFunctionUrl"), 403),
        (policy("lambda:*", **{"lambda:FunctionUrlAuthType": "AWS_IAM"}), 200),
        (policy("lambda:*", **{"lambda:FunctionUrlAuthType": "NONE"}), 403),
        (None, 200),
    ],
)
def test_with_authorisation_a_callers_policy_counts(
    rig: Rig, held: Policy | None, status: int
) -> None:
    """A user's own policy must allow both actions; root has none and may."""
    url_id = make(rig, public=False, AuthType="AWS_IAM")
    who = signer(session=Session(held, {}))
    assert response(rig, url_id, signer=who).status == status


def test_a_foreign_page_cannot_make_up_a_signature(rig: Rig) -> None:
    """Where signatures are not checked, a page counts only if the Cors lets its origin in."""
    cors = {"AllowOrigins": ["http://good"]}
    url_id = make(rig, AuthType="AWS_IAM", Cors=cors)
    host = f"{url_id}.lambda-url.{REGION}.localhost:4566"
    for headers, status in (
        ({}, 200),
        ({"origin": "http://good", "sec-fetch-site": "cross-site"}, 200),
        ({"origin": f"http://{host}", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://evil"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ):
        said = signer(is_proven=False)
        assert response(rig, url_id, headers=headers, signer=said).status == status, headers
    evil = {"origin": "http://evil"}
    assert response(rig, url_id, headers=evil, signer=signer()).status == 200, "it was checked"


# --- serving --------------------------------------------------------------------------------------


def test_an_answer_carries_ids(rig: Rig) -> None:
    """The request id is the invocation's; a trace that comes along goes on."""
    url_id = make(rig)
    rig.ends = lambda run: Ran(b'{"statusCode": 201, "body": "made"}')
    found = response(rig, url_id, headers={"x-amzn-trace-id": "Root=1-2-3"})
    headers = dict(found.headers)
    assert (found.status, found.body) == (201, b"made")
    assert headers["x-amzn-RequestId"] == rig.runs[0].request_id
    assert headers["x-amzn-trace-id"] == rig.runs[0].trace == "Root=1-2-3"
    traced = dict(response(rig, url_id).headers)["x-amzn-trace-id"]
    assert traced.startswith("Root=1-6b49d200-")
    assert json.loads(rig.runs[1].event)["headers"]["x-amzn-trace-id"] == traced


@pytest.mark.parametrize(
    ("ran", "status", "body"),
    [
        (Ran(b'{"errorMessage": "x"}', "Unhandled", "error"), 502, "Internal Server Error"),
        (Ran(b"{}", "Unhandled", "timeout"), 502, "Internal Server Error"),
        (Ran(b'{"statusCode": "x"}'), 502, "Internal Server Error"),
        (Ran(b'{"statusCode": 404, "body": "{}"}'), 404, None),
    ],
)
def test_a_function_that_fails(rig: Rig, ran: Ran, status: int, body: str | None) -> None:
    """Its error is its own: the client hears of none of it."""
    url_id = make(rig)
    rig.ends = lambda _run: ran
    found = response(rig, url_id)
    assert found.status == status
    assert json.loads(found.body) == ({"Message": body} if body else {})


def test_what_never_reaches_the_function(rig: Rig) -> None:
    """Unknown URLs and regions, strange methods, what is too large, and throttles."""
    url_id = make(rig)
    for given, status in (
        ({"url_id": "b" * 32}, 404),
        ({"region": "eu-west-1"}, 404),
        ({"method": "TRACE"}, 405),
        ({"method": "PROPFIND"}, 405),
        ({"body": b"x" * 6_291_456, "method": "POST"}, 413),
        ({"body": b"\xff" * 4_718_592, "method": "POST"}, 413),
    ):
        assert response(rig, **{"url_id": url_id, **given}).status == status, status
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=0)
    found = response(rig, url_id)
    assert (found.status, json.loads(found.body)) == (
        429,
        {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        },
    )
    assert not rig.runs


def test_a_slot_is_given_back(rig: Rig) -> None:
    """With one reserved, a second visit is throttled until the first has ended."""
    url_id = make(rig)
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    rig.ends = lambda _run: None
    host = {"host": "x"}
    params = {
        "UrlId": url_id,
        "Region": None,
        "Request": HttpRequest("GET", "/", "", host, b"", "127.0.0.1"),
        "Signer": None,
        "Sink": None,
    }
    first = rig.start("ServeFunctionUrl", params)
    assert response(rig, url_id).status == 429
    rig.held.pop()(Ran(b"1"))
    rig.settle()
    assert first[0].result is not None
    assert first[0].result["Response"].body == b"1"


def test_cors_of_every_answer(rig: Rig) -> None:
    """A preflight needs no permission and runs nothing; refusals carry the headers too."""
    url_id = make(rig, public=False, Cors={"AllowOrigins": ["http://a"], "AllowMethods": ["*"]})
    asked = {"origin": "http://a", "access-control-request-method": "POST"}
    found = response(rig, url_id, "OPTIONS", headers=asked)
    assert (found.status, found.body) == (200, b"")
    assert dict(found.headers)["access-control-allow-methods"] == "*"
    found = response(rig, url_id, headers={"origin": "http://a"})
    assert (found.status, dict(found.headers)["access-control-allow-origin"]) == (403, "http://a")
    assert not rig.runs


# --- pieces ---------------------------------------------------------------------------------------


def streaming(
    *pieces: bytes, kind: str | None = None, ran: Ran | None = None
) -> Callable[[Run], Ran]:
    """A function that says pieces one by one."""

    def run(run: Run) -> Ran:
        if run.on_chunk is None:
            return Ran(b"".join(pieces))
        if kind is not None:
            assert run.on_head is not None
            run.on_head(kind)
        for piece in pieces:
            run.on_chunk(piece)
        return ran or Ran(b"", streamed=True)

    return run


PRELUDE = b'{"statusCode": 201, "headers": {"a": "b"}}' + PRELUDE_END


def test_a_streaming_url_hands_pieces_on(rig: Rig) -> None:
    """Each as it comes, behind a head with the headers that all answers have."""
    cors = {"AllowOrigins": ["*"]}
    url_id = make(rig, InvokeMode="RESPONSE_STREAM", Cors=cors)
    rig.ends = streaming(PRELUDE[:5], PRELUDE[5:] + b"one", b"two", kind=INTEGRATION_TYPE)
    sink = Heard()
    found = visit(rig, url_id, headers={"origin": "http://a"}, sink=sink)
    assert found == {"Response": None, "IsWhole": True}
    (head,) = sink.heads
    headers = dict(head.headers)
    assert (head.status, headers["a"], headers["access-control-allow-origin"]) == (201, "b", "*")
    assert headers["x-amzn-RequestId"] == rig.runs[0].request_id
    assert sink.pieces == [b"one", b"two"]


@pytest.mark.parametrize(
    ("ends", "status", "body"),
    [
        (lambda _run: Ran(b'{"statusCode": 404}'), 200, b'{"statusCode": 404}'),
        (streaming(), 200, b""),
        (streaming(PRELUDE, kind=INTEGRATION_TYPE), None, b""),
        (streaming(b"{half", kind=INTEGRATION_TYPE), 502, None),
        (streaming(b"{half"), 200, b"{half"),
        (streaming(ran=Ran(b"{}", "Unhandled", streamed=True)), 502, None),
    ],
)
def test_a_streaming_url_whose_function_says_it_at_once(
    rig: Rig, ends: Callable[[Run], Ran], status: int | None, body: bytes | None
) -> None:
    """Without a piece before the end there is an ordinary answer."""
    url_id = make(rig, InvokeMode="RESPONSE_STREAM")
    rig.ends = ends
    sink = Heard()
    found = visit(rig, url_id, sink=sink)["Response"]
    if status is None:
        assert (found, sink.heads[0].status) == (None, 201)
    else:
        assert (found.status, sink.heads) == (status, [])
        assert body is None or found.body == body


def test_a_stream_that_breaks_off_is_not_whole(rig: Rig) -> None:
    """A function that fails after its first piece."""
    url_id = make(rig, InvokeMode="RESPONSE_STREAM")
    rig.ends = streaming(b"one", ran=Ran(b"{}", "Unhandled", "timeout", streamed=True))
    assert visit(rig, url_id, sink=Heard()) == {"Response": None, "IsWhole": False}


def test_a_buffered_url_waits_for_the_whole(rig: Rig) -> None:
    """Nobody listens to pieces there, and a prelude is understood all the same."""
    url_id = make(rig)
    rig.ends = streaming(PRELUDE, b"one", b"two")
    sink = Heard()
    found = visit(rig, url_id, sink=sink)["Response"]
    assert (found.status, found.body, sink.heads) == (201, b"onetwo", [])


def test_invoke_with_a_stream_of_events(rig: Rig) -> None:
    """Pieces leave as PayloadChunk; InvokeComplete is what is left for the result."""
    rig.create()
    rig.ends = streaming(b"one", b"two")
    sink = Heard()
    found = rig.call("InvokeWithResponseStream", FunctionName="orders", Sink=sink)
    head = {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert sink.heads == [head]
    assert sink.pieces == [{"PayloadChunk": {"Payload": p}} for p in (b"one", b"two")]
    assert found == {**head, "EventStream": [{"InvokeComplete": {}}]}


@pytest.mark.parametrize(
    ("params", "ran", "events"),
    [
        ({}, Ran(b"1"), [{"PayloadChunk": {"Payload": b"1"}}, {"InvokeComplete": {}}]),
        (
            {"LogType": "Tail"},
            Ran(b"1", log_tail=b"log"),
            [{"PayloadChunk": {"Payload": b"1"}}, {"InvokeComplete": {"LogResult": "bG9n"}}],
        ),
        (
            {},
            Ran(b'{"errorMessage":"x"}', "Unhandled", "error"),
            [
                {
                    "InvokeComplete": {
                        "ErrorCode": "Unhandled",
                        "ErrorDetails": '{"errorMessage":"x"}',
                    }
                }
            ],
        ),
    ],
)
def test_invoke_with_a_function_that_does_not_stream(
    rig: Rig, params: dict[str, Any], ran: Ran, events: list[Any]
) -> None:
    """The whole payload is one chunk; an error is told in the last event."""
    rig.create()
    rig.ends = lambda _run: ran
    sink = Heard()
    given = {"FunctionName": "orders", "Sink": sink, **params}
    assert rig.call("InvokeWithResponseStream", **given)["EventStream"] == events
    assert (sink.heads, sink.pieces) == ([], [])


def test_invoking_with_a_stream_is_checked_as_invoking_is(rig: Rig) -> None:
    """Dry runs, throttles, unknown functions, bad payloads."""
    rig.create()
    dry = rig.call("InvokeWithResponseStream", FunctionName="orders", InvocationType="DryRun")
    assert dry == {"StatusCode": 204}
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=0)
    for params, code in (
        ({}, "TooManyRequestsException"),
        ({"FunctionName": "none"}, "ResourceNotFoundException"),
        ({"Payload": b"{"}, "InvalidRequestContentException"),
        ({"TenantId": "t"}, "InvalidParameterValueException"),
    ):
        given = {"FunctionName": "orders", **params}
        assert refused(rig, "InvokeWithResponseStream", **given).code == code
    assert not rig.runs
