"""botocore as the other side of the wire, in both directions, for every operation served.

What its serializers write, Endpoint.read understands; what Endpoint.reply and Endpoint.fault write,
its parsers understand. Values are drawn from the models' own shapes and constraints. A service goes
over all protocols that its model lists; SQS's older one, which it does not list, has a test of its
own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.compat import HTTPHeaders
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from redrive.core.errors import ServiceError, Unavailable
from redrive.wire.bindings import compile_route
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request, Response
from redrive.wire.overlays import overlay_of
from redrive.wire.sigv4 import caller_of
from redrive.wire.validate import compile_pattern

SPOKEN = (
    ("sqs", "json"),
    ("lambda", "rest-json"),
    ("sts", "query"),
    ("iam", "query"),
    ("cloudwatch", "smithy-rpc-v2-cbor"),
    ("cloudwatch", "json"),
    ("cloudwatch", "query"),
    ("events", "json"),
    ("eventbridgev2", "smithy-rpc-v2-cbor"),
    ("scheduler", "rest-json"),
    ("pipes", "rest-json"),
    ("sns", "query"),
)
ENDPOINT = Endpoint(tuple(dict.fromkeys(service for service, _ in SPOKEN)))
START = datetime(1970, 1, 1, tzinfo=UTC)
BRIEF = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # shrinking a structure of a hundred patterns takes minutes
    suppress_health_check=list(HealthCheck),
)


@cache
def model_of(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


OPERATIONS = [
    (service, protocol, name)
    for service, protocol in SPOKEN
    for name in model_of(service).operation_names
    # Of IAM what is served; its users, devices and reports look no different on the wire.
    if service != "iam" or re.search("Role|Polic", name)
]

# --- values from shapes -----------------------------------------------------------------

PRINTABLE = st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn"))
LETTERS = st.sampled_from("ABYZabyz0189_")


def texts(shape: Any, *, plain: bool) -> st.SearchStrategy[str]:
    low = int(shape.metadata.get("min", 0))
    high = min(int(shape.metadata.get("max", low + 12)), max(low + 12, 40))
    if shape.enum:
        return st.sampled_from(shape.enum)
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return st.text(LETTERS if plain else PRINTABLE, min_size=max(low, plain), max_size=high)
    compiled = compile_pattern(pattern)
    single = re.fullmatch(r"\(?(\[[^\]]*(?:\\.[^\]]*)*\])[+*]\)?", pattern)
    if single:
        letters = st.from_regex(compile_pattern(single.group(1)), fullmatch=True)
        low = max(low, 1 if plain else 0, 1 if "+" in pattern[-2:] else 0)
        found = st.lists(letters, min_size=low, max_size=max(high, low)).map("".join)
    else:
        found = st.from_regex(compiled, fullmatch=True)
        top = int(shape.metadata.get("max", 4096))
        found = found.filter(lambda text: low <= len(text) <= top)
    found = found.filter(lambda text: text.isprintable() and compiled.fullmatch(text) is not None)
    return (
        found.filter(lambda text: text.isascii() and text.strip() not in ("", ".", ".."))
        if plain
        else found
    )


def numbers(shape: Any) -> st.SearchStrategy[Any]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 1000)
    if shape.type_name in ("float", "double"):
        return st.floats(low, high, width=32)
    return st.integers(int(low), max(int(low), int(high)))


def values(shape: Any, depth: int = 0, *, filled: bool = False, plain: bool = False) -> Any:
    """Draw a value; `filled` forbids empty containers, `plain` suits headers and paths."""
    kind = shape.type_name
    if kind == "string":
        return texts(shape, plain=plain)
    if kind in ("integer", "long", "float", "double"):
        return numbers(shape)
    if kind == "boolean":
        return st.booleans()
    if kind == "blob":
        return st.binary(min_size=1, max_size=12)
    if kind == "timestamp":
        return st.integers(0, 2**32 * 1000).map(lambda ms: START + timedelta(milliseconds=ms))
    if kind == "list":
        low = max(int(shape.metadata.get("min", 0)), int(filled))
        top = min(int(shape.metadata.get("max", 2)), 2)
        inner = values(shape.member, depth + 1, filled=filled, plain=plain)
        return st.lists(inner, min_size=low, max_size=max(low, top))
    if kind == "map":
        low = max(int(shape.metadata.get("min", 0)), int(filled))
        key = values(shape.key, depth + 1, plain=True)
        inner = values(shape.value, depth + 1, filled=filled)
        return st.dictionaries(key, inner, min_size=low, max_size=max(low, 2))
    return structures(shape, depth, filled=filled)


def structures(shape: Any, depth: int = 0, *, filled: bool = False, skip: Any = ()) -> Any:
    if shape.is_tagged_union:
        inner = [
            values(member, depth + 1, filled=filled).map(lambda item, name=name: {name: item})
            for name, member in shape.members.items()
        ]
        return st.one_of(inner)
    required, optional = {}, {}
    for name, member in shape.members.items():
        if name in skip:
            continue
        where = member.serialization.get("location")
        drawn = values(
            member, depth + 1, filled=filled or where is not None, plain=where is not None
        )
        if where == "statusCode":
            drawn = st.integers(200, 299)
        if name in shape.required_members:
            required[name] = drawn
        elif depth < 5 or (filled and not shape.required_members):
            optional[name] = drawn
    built = st.fixed_dictionaries(required, optional=optional)
    return built.filter(bool) if filled and (required or optional) else built


def in_millis(value: Any) -> Any:
    """The value as operations see it: milliseconds for datetimes."""
    if isinstance(value, datetime):
        return (value - START) // timedelta(milliseconds=1)
    if isinstance(value, dict):
        return {name: in_millis(item) for name, item in value.items()}
    return [in_millis(item) for item in value] if isinstance(value, list) else value


# --- the other side ---------------------------------------------------------------------


def written_by_botocore(service: str, protocol: str, operation: str, params: Any) -> Request:
    model = model_of(service)
    serializer = create_serializer(protocol, include_validation=False)
    raw = serializer.serialize_to_request(params, model.operation_model(operation))
    prepare_request_dict(raw, "http://127.0.0.1:4566", user_agent="test")
    sent = create_request_object(raw).prepare()
    url = urlsplit(sent.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    headers = {name.lower(): _text(value) for name, value in sent.headers.items()}
    headers["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/"
        f"{model.signing_name}/aws4_request, SignedHeaders=host, Signature=00"
    )
    body = sent.body if sent.body is not None else b""
    return Request(sent.method, target, headers, body.encode() if isinstance(body, str) else body)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def read_by_botocore(protocol: str, shape: Any, response: Response) -> Any:
    headers = HTTPHeaders()
    for name, value in response.headers:
        headers[name] = value
    parser = create_parser(protocol)
    return parser.parse(
        {"status_code": response.status, "headers": headers, "body": response.body, "context": {}},
        shape,
    )


@cache
def incoming_for(service: str, protocol: str, operation: str) -> Incoming:
    """An Incoming of the operation without a request."""
    model = ENDPOINT.model(service)
    route = compile_route(model, operation, protocol, overlay_of(service), lambda _path: {})
    return Incoming(service, operation, {}, caller_of("123456789012", "eu-west-1"), route)


# --- what is promised -------------------------------------------------------------------


@pytest.mark.parametrize(("service", "protocol", "operation"), OPERATIONS)
def test_requests_mean_what_botocore_meant(service: str, protocol: str, operation: str) -> None:
    """Whatever botocore serializes for an operation is read back as the same params."""
    shape = model_of(service).operation_model(operation).input_shape
    if shape is None:
        incoming = ENDPOINT.read(written_by_botocore(service, protocol, operation, {}))
        assert (incoming.operation, incoming.params) == (operation, {})
        return
    payload = shape.serialization.get("payload")
    # A form cannot tell an empty list from none, and an address cannot hold one.
    filled = protocol == "query"

    @BRIEF
    @given(structures(shape, filled=filled))
    def check(params: Any) -> None:
        incoming = ENDPOINT.read(written_by_botocore(service, protocol, operation, params))
        if payload not in params and incoming.params.get(payload) == {}:
            params[payload] = {}  # botocore sends {} for a structure that was not given
        assert (incoming.service, incoming.operation) == (service, operation)
        assert incoming.caller.account == "123456789012"
        assert incoming.params == in_millis(params)

    check()


@pytest.mark.parametrize(("service", "protocol", "operation"), OPERATIONS)
def test_replies_mean_what_the_operation_meant(service: str, protocol: str, operation: str) -> None:
    """Whatever an operation returns is what botocore hands to its caller."""
    shape = model_of(service).operation_model(operation).output_shape
    incoming = incoming_for(service, protocol, operation)
    if shape is None:
        response = ENDPOINT.reply(incoming, {}, "rid-1")
        assert 200 <= response.status < 300
        if protocol == "query":
            assert b"Result>" not in response.body
        else:
            assert response.body == b""
        return
    payload = shape.serialization.get("payload")
    streams = [n for n, m in shape.members.items() if m.serialization.get("eventstream")]

    @BRIEF
    @given(structures(shape, filled=protocol == "query", skip=streams))
    def check(result: Any) -> None:
        if isinstance(result.get(payload), bytes):
            result[payload] = (
                result[payload].hex().encode()
            )  # botocore shows a streamed body as text
        if streams:
            result = {name: item for name, item in result.items() if name != payload}
        response = ENDPOINT.reply(incoming, in_millis(result), "rid-1")
        if streams:
            assert response.body == b""
            return
        parsed = read_by_botocore(protocol, shape, response)
        metadata = parsed.pop("ResponseMetadata")
        assert metadata["RequestId"] == "rid-1"
        assert _comparable(parsed, shape) == _comparable(result, shape)

    check()


def _comparable(value: Any, shape: Any) -> Any:
    """Drop what botocore adds of its own accord: a status nobody gave, a streamed body as text."""
    out = in_millis(value)
    for name, member in shape.members.items():
        if member.serialization.get("location") == "statusCode":
            out.pop(name, None)
        elif shape.serialization.get("payload") == name and member.type_name == "blob":
            body = out.get(name, b"")
            out[name] = body.decode() if isinstance(body, bytes) else body
    return out


@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_errors_reach_the_client_by_code_and_message(service: str, protocol: str) -> None:
    """Each modelled error surfaces with the code that clients match on, its text and its status."""
    operation = model_of(service).operation_names[0]
    incoming = incoming_for(service, protocol, operation)
    overlay = overlay_of(service)
    for shape in model_of(service).error_shapes:
        response = ENDPOINT.fault(incoming, ServiceError(shape.name, "as told"), "rid-2")
        error = read_by_botocore(protocol, None, response)
        wanted = shape.metadata.get("error", {})
        assert error["Error"]["Message"] == "as told"
        assert error["ResponseMetadata"]["RequestId"] == "rid-2"
        told = overlay.query_codes.get(shape.name, shape.error_code)
        assert error["Error"]["Code"] == told
        status = wanted.get("httpStatusCode") or overlay.statuses.get(shape.name, 400)
        assert response.status == status
        if "awsQueryCompatible" in model_of(service).metadata and protocol != "query":
            assert error["Error"]["QueryErrorCode"] == shape.name
            assert error["Error"]["Type"] == ("Sender" if status < 500 else "Receiver")


@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (AssertionError("a secret"), "InternalFailure", 500),
        (Unavailable("a secret"), "ServiceUnavailable", 503),
        (ServiceError("InvalidParameterValue", "no"), "InvalidParameterValue", 400),
    ],
)
def test_errors_beyond_the_model(
    service: str, protocol: str, error: Any, code: str, status: int
) -> None:
    """Our faults, an absent store and unmodelled codes arrive in each protocol's form."""
    incoming = incoming_for(service, protocol, model_of(service).operation_names[0])
    response = ENDPOINT.fault(incoming, error, "rid-3")
    parsed = read_by_botocore(protocol, None, response)
    assert (response.status, parsed["Error"]["Code"]) == (status, code)
    assert b"secret" not in response.body


def test_event_streams_are_read_by_botocore() -> None:
    """InvokeWithResponseStream's events arrive in order, chunks whole."""
    operation = "InvokeWithResponseStream"
    shape = model_of("lambda").operation_model(operation).output_shape
    events = [
        {"PayloadChunk": {"Payload": b"one"}},
        {"PayloadChunk": {"Payload": bytes(range(256))}},
        {"InvokeComplete": {"ErrorCode": "E", "ErrorDetails": "why"}},
    ]
    result = {"StatusCode": 200, "ResponseStreamContentType": "text/plain", "EventStream": events}
    response = ENDPOINT.reply(incoming_for("lambda", "rest-json", operation), result, "rid-4")
    assert ("Content-Type", "text/plain") in response.headers

    class Whole:
        def stream(self) -> Any:
            yield response.body

    streamed = response._replace(body=Whole())  # type: ignore[arg-type]
    assert list(read_by_botocore("rest-json", shape, streamed)["EventStream"]) == events


def test_faults_of_reading_are_told_in_the_protocol() -> None:
    """A request that cannot be read is answered so that botocore sees AWS's code."""
    operations = {
        "sqs": "SendMessage",
        "lambda": "GetFunction",
        "sts": "AssumeRole",
        "iam": "CreateRole",
        "cloudwatch": "GetMetricStatistics",
        "events": "PutRule",
        "eventbridgev2": "DescribeEventBus",
        "scheduler": "GetSchedule",
        "sns": "CreateTopic",
        "pipes": "DescribePipe",
        "logs": "CreateLogGroup",
    }
    for service, protocol in SPOKEN:
        operation = operations[service]
        shape = model_of(service).operation_model(operation).input_shape
        params = {
            name: {"string": "x", "integer": 1, "timestamp": START}[shape.members[name].type_name]
            for name in shape.required_members
        }
        request = written_by_botocore(service, protocol, operation, params)
        broken = request._replace(
            headers={**request.headers, "authorization": "AWS4-HMAC-SHA256 x"}
        )
        with pytest.raises(Fault) as caught:
            ENDPOINT.read(broken)
        response = ENDPOINT.fault(caught.value, caught.value.error, "rid-5")
        parsed = read_by_botocore(protocol, None, response)
        assert parsed["Error"]["Code"] == "IncompleteSignature"
