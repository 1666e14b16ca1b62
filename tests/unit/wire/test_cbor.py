"""CBOR bodies, and one service over all of its protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cbor2
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.core.errors import ServiceError
from redrive.wire.codecs.cbor import BODY_BYTES_MAX
from redrive.wire.codecs.codec import DEPTH_MAX
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request, Response

MODEL = {
    "metadata": {
        "apiVersion": "2026-01-01",
        "endpointPrefix": "thing",
        "protocol": "smithy-rpc-v2-cbor",
        "protocols": ["smithy-rpc-v2-cbor", "json", "query"],
        "jsonVersion": "1.1",
        "targetPrefix": "com.example.Thing_2026",
        "xmlNamespace": "http://thing/",
        "serviceId": "Thing",
    },
    "operations": {
        "Do": {
            "name": "Do",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "All"},
            "output": {"shape": "All", "resultWrapper": "DoResult"},
        },
        "Rest": {"name": "Rest", "http": {"method": "POST", "requestUri": "/"}},
    },
    "shapes": {
        "All": {
            "type": "structure",
            "members": {
                "Text": {"shape": "Text"},
                "Whole": {"shape": "Whole"},
                "Yes": {"shape": "Yes"},
                "Blob": {"shape": "Blob"},
                "When": {"shape": "When"},
                "Real": {"shape": "Real"},
                "List": {"shape": "List"},
                "Map": {"shape": "Map"},
                "Self": {"shape": "All"},
            },
        },
        "Text": {"type": "string"},
        "Whole": {"type": "integer"},
        "Yes": {"type": "boolean"},
        "Blob": {"type": "blob"},
        "When": {"type": "timestamp"},
        "Real": {"type": "double"},
        "List": {"type": "list", "member": {"shape": "Text"}},
        "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Whole"}},
        "Gone": {"type": "structure", "exception": True, "members": {"message": {"shape": "Text"}}},
    },
}
PATH = "/service/Thing_2026/operation/Do"
HEADERS = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
HALF, DOUBLE = bytes.fromhex("f93e00"), bytes.fromhex("fb3ff8000000000000")  # both are 1.5


@pytest.fixture(name="endpoint", scope="module")
def make_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    file: Path = tmp_path_factory.mktemp("model") / "service-2.json"
    file.write_bytes(orjson.dumps(MODEL))
    return Endpoint((), {"thing": file})


def read(endpoint: Endpoint, body: bytes, path: str = PATH) -> Incoming:
    return endpoint.read(Request("POST", path, HEADERS, body))


def refused(endpoint: Endpoint, request: Request) -> tuple[Fault, Response]:
    with pytest.raises(Fault) as caught:
        endpoint.read(request)
    return caught.value, endpoint.fault(caught.value, caught.value.error, "rid")


def member(name: str, value: bytes) -> bytes:
    return b"\xa1" + cbor2.dumps(name) + value


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (b"", {}),
        (b"\xa0", {}),
        (b"\xbf\xff", {}),
        (cbor2.dumps({"Text": "é", "Nobody": [1, {"a": b"b"}]}), {"Text": "é"}),
        (cbor2.dumps({"Text": None, "Whole": cbor2.undefined}), {}),
        (cbor2.dumps({"Whole": -5, "Yes": True, "Blob": b"\x00\xff"}), None),
        (cbor2.dumps({"List": ["a", None, "b"]}), {"List": ["a", "b"]}),
        (b"\xbf\x64List\x9f\x61a\xff\xff", {"List": ["a"]}),
        (cbor2.dumps({"Map": {"k": 7, "n": None}}), {"Map": {"k": 7}}),
        (cbor2.dumps({"Self": {"Self": {"Real": 1}}}), {"Self": {"Self": {"Real": 1.0}}}),
        (member("Real", HALF), {"Real": 1.5}),
        (member("Real", DOUBLE), {"Real": 1.5}),
        (member("When", b"\xc1\x01"), {"When": 1_000}),
        (member("When", b"\xc1\x20"), {"When": -1_000}),
        (member("When", b"\xc1" + DOUBLE), {"When": 1_500}),
        (member("When", cbor2.dumps(cbor2.CBORTag(1, 1_700_000_000.123))), {"When": 1700000000123}),
    ],
)
def test_values_become_params(endpoint: Endpoint, body: bytes, params: Any) -> None:
    """Bytes are bytes, tag 1 is a timestamp, nulls and unknown members are dropped."""
    found = read(endpoint, body).params
    assert found == (cbor2.loads(body) if params is None else params)
    assert all(type(found[name]) is type(value) for name, value in (params or {}).items())


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x80",
        b"\x01",
        b"\xf6",
        b"\xa1",
        b"\xa0\xa0",
        b"\xbf\x64Text",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        member("Text", b"\x01"),
        member("Text", b"\x61\xff"),
        member("Text", b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
        member("Blob", b"\x61a"),
        member("Yes", b"\x01"),
        member("Whole", b"\x1a\x80\x00\x00\x00"),
        member("Whole", b"\xf5"),
        member("Whole", DOUBLE),
        member("Whole", bytes.fromhex("c2490100000000000000 00".replace(" ", ""))),
        member("Real", b"\x61a"),
        member("When", b"\x01"),
        member("When", b"\xc1\x61a"),
        member("When", b"\xc1\xf97e00"),
        member("When", b"\xc1\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
        member("When", b"\xc0\x74" + b"2013-03-21T20:04:00Z"),
        member("When", b"\xc1\xc1\x01"),
        member("List", b"\xa0"),
        member("List", b"\x81\x01"),
        member("Map", b"\x80"),
        member("Map", b"\xa1\x01\x01"),
        member("Map", b"\xa1\x80\x01"),
        member("Self", b"\x80"),
        member("Self", b"\xe0"),
        member("Nobody", b"\xd8\x1c\x81\xd8\x1d\x00"),  # a list that holds itself
        member("Nobody", b"\xd9\x01\x00\x82\x61a\x61a"),
        member("Nobody", b"\xd8\x23\x63a++"),  # a regular expression
        member("Nobody", b"\xd9\xd9\xf7\xa0"),
        member("Nobody", b"\xda\x00\xff\xff\xff\x01"),
        b"\xa1\x64Self" * (DEPTH_MAX + 1) + b"\xa0",
        b"\x81" * 1_000_000,
        b"\xc1" * 1_000_000,
        b"\x9f" * 1_000_000,
        b"\x80" * (BODY_BYTES_MAX + 1),
    ],
)
def test_bad_bytes_are_refused(endpoint: Endpoint, body: bytes) -> None:
    """What is not CBOR, not the model's, too deep, too large or too clever is a 400, in CBOR."""
    fault, response = refused(endpoint, Request("POST", PATH, HEADERS, body))
    assert (fault.error.code, response.status) == ("SerializationException", 400)
    assert cbor2.loads(response.body)["__type"].endswith("#SerializationException")


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(endpoint: Endpoint, body: bytes) -> None:
    """Reading raises nothing but faults."""
    try:
        read(endpoint, body)
    except Fault as fault:
        assert fault.protocol == "smithy-rpc-v2-cbor"


def test_results_become_cbor(endpoint: Endpoint) -> None:
    """Numbers are of the model's kind, timestamps tagged, nulls left out; Fragments are decoded."""
    piece = orjson.Fragment(b'{"Text":"t","Blob":"AP8=","Whole":null}')
    result = {
        "Text": "é",
        "Whole": 5,
        "Yes": False,
        "Blob": b"\x00\xff",
        "When": 1_500,
        "Real": 2,
        "List": ("a",),
        "Map": {"k": 1},
        "Self": piece,
        "Nobody": 1,
    }
    response = endpoint.reply(read(endpoint, b""), result, "rid")
    assert response.status == 200
    assert dict(response.headers) == {
        "x-amzn-RequestId": "rid",
        "Content-Type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
    }
    told = cbor2.loads(response.body, semantic_decoders={1: lambda value, _: ("tag 1", value)})
    assert told == {
        "Text": "é",
        "Whole": 5,
        "Yes": False,
        "Blob": b"\x00\xff",
        "When": ("tag 1", 1.5),
        "Real": 2.0,
        "List": ["a"],
        "Map": {"k": 1},
        "Self": {"Text": "t", "Blob": b"\x00\xff"},
    }
    assert type(told["Real"]) is float
    whole = endpoint.reply(read(endpoint, b""), {"When": 2_000}, "rid").body
    assert whole == b"\xa1\x64When\xc1\x02"


def test_an_operation_without_output_has_no_body(endpoint: Endpoint) -> None:
    """As Smithy has it; an empty output is an empty map."""
    rest = read(endpoint, b"", "/service/Thing_2026/operation/Rest")
    assert endpoint.reply(rest, {}, "rid").body == b""
    assert endpoint.reply(read(endpoint, b""), {}, "rid").body == b"\xa0"


def test_faults_are_told_in_cbor(endpoint: Endpoint) -> None:
    """The shape's name is in the body, the protocol in a header."""
    response = endpoint.fault(read(endpoint, b""), ServiceError("Gone", "away", status=410), "rid")
    assert response.status == 410
    assert ("smithy-protocol", "rpc-v2-cbor") in response.headers
    assert ("Content-Type", "application/cbor") in response.headers
    assert cbor2.loads(response.body) == {"__type": "Gone", "message": "away"}


@pytest.mark.parametrize(
    ("request_", "protocol"),
    [
        (Request("POST", PATH, HEADERS, member("Text", b"\x61a")), "smithy-rpc-v2-cbor"),
        (
            Request(
                "POST",
                "/service/com.example.Thing_2026/operation/Do?x=y",
                HEADERS,
                member("Text", b"\x61a"),
            ),
            "smithy-rpc-v2-cbor",
        ),
        (
            Request("POST", "/", {"x-amz-target": "com.example.Thing_2026.Do"}, b'{"Text":"a"}'),
            "json",
        ),
        (
            Request(
                "POST",
                "/",
                {"content-type": "application/x-www-form-urlencoded"},
                b"Action=Do&Version=2026-01-01&Text=a",
            ),
            "query",
        ),
        (Request("GET", "/?Action=Do&Text=a", {}, b""), "query"),
    ],
)
def test_a_service_speaks_all_of_its_protocols(
    endpoint: Endpoint, request_: Request, protocol: str
) -> None:
    """The request chooses, and the answer comes in the same protocol."""
    incoming = endpoint.read(request_)
    assert (incoming.operation, incoming.params) == ("Do", {"Text": "a"})
    assert incoming.route.protocol == protocol
    kinds = {
        "smithy-rpc-v2-cbor": "application/cbor",
        "json": "application/x-amz-json-1.1",
        "query": "text/xml",
    }
    for response in (
        endpoint.reply(incoming, {"Text": "b"}, "rid"),
        endpoint.fault(incoming, ServiceError("Gone", "away"), "rid"),
    ):
        assert dict(response.headers)["Content-Type"] == kinds[protocol]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/service/Thing_2026/operation/Nope"),
        ("POST", "/service/Nope/operation/Do"),
        ("POST", "/service/Thing_2026"),
        ("POST", "/"),
        ("GET", PATH),
    ],
)
def test_what_is_not_there_is_told_in_cbor(endpoint: Endpoint, method: str, path: str) -> None:
    """404, as in the other protocols."""
    fault, response = refused(endpoint, Request(method, path, HEADERS, b""))
    assert (fault.error.code, response.status) == ("UnknownOperationException", 404)
    assert cbor2.loads(response.body)["__type"].endswith("#UnknownOperationException")


def test_a_version_that_never_was_is_refused(endpoint: Endpoint) -> None:
    """Query requests may name the model's version."""
    fault, response = refused(endpoint, Request("GET", "/?Action=Do&Version=2001-01-01", {}, b""))
    assert (fault.error.code, response.status) == ("InvalidAction", 400)
    assert fault.error.message == "Could not find operation Do for version 2001-01-01"


def test_another_protocols_service_is_not_served_in_this_one() -> None:
    """SQS's model does not list CBOR."""
    endpoint = Endpoint()
    fault, _ = refused(
        endpoint, Request("POST", "/service/AmazonSQS/operation/ListQueues", HEADERS, b"")
    )
    assert fault.error.code == "UnknownOperationException"
