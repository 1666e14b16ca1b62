"""Which operation a request names, and what is told when it names none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request
from redrive.wire.routing import compile_path

ENDPOINT = Endpoint()
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
UUID = "0" * 36


def signed(service: str) -> dict[str, str]:
    scope = f"a/20260101/eu-west-1/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h, Signature=s"}


@pytest.mark.parametrize(
    ("method", "target", "service", "operation", "params"),
    [
        ("GET", "/2015-03-31/functions", "lambda", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "lambda", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/?MaxItems=5", "lambda", "ListFunctions", {"MaxItems": 5}),
        ("GET", "/2015-03-31/functions/f", "lambda", "GetFunction", {"FunctionName": "f"}),
        (
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af",
            "lambda",
            "GetFunction",
            {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f"},
        ),
        (
            "DELETE",
            "/2015-03-31/functions/f?Qualifier=7",
            "lambda",
            "DeleteFunction",
            {"FunctionName": "f", "Qualifier": "7"},
        ),
        (
            "GET",
            f"/2015-03-31/event-source-mappings/{UUID}",
            "lambda",
            "GetEventSourceMapping",
            {"UUID": UUID},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?List=ALL",
            "lambda",
            "ListProvisionedConcurrencyConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
            "lambda",
            "GetProvisionedConcurrencyConfig",
            {"FunctionName": "f", "Qualifier": "1"},
        ),
        ("GET", "/2018-10-31/layers", "lambda", "ListLayers", {}),
        ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts", "GetCallerIdentity", {}),
    ],
)
@pytest.mark.parametrize("is_signed", [True, False])
def test_addresses_name_operations(
    method: str, target: str, service: str, operation: str, params: Any, is_signed: bool
) -> None:
    """Method, path, query literals and Action find the operation, signed or not."""
    incoming = ENDPOINT.read(Request(method, target, signed(service) if is_signed else {}, b""))
    assert (incoming.service, incoming.operation) == (service, operation)
    assert incoming.params == params


def test_repeated_query_fields_are_lists() -> None:
    """UntagResource's tagKeys come as repeated fields."""
    arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af"
    target = f"/2017-03-31/tags/{arn}?tagKeys=a&tagKeys=b%20c"
    assert ENDPOINT.read(Request("DELETE", target, {}, b"")).params["TagKeys"] == ["a", "b c"]


def test_invoke_takes_any_body() -> None:
    """The wire does not read the event: bytes that are no JSON are the operation's to judge."""
    headers = {"x-amz-invocation-type": "Event", "x-amz-log-type": "Tail"}
    request = Request("POST", "/2015-03-31/functions/f/invocations", headers, b"\xff{")
    assert ENDPOINT.read(request).params == {
        "FunctionName": "f",
        "InvocationType": "Event",
        "LogType": "Tail",
        "Payload": b"\xff{",
    }


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "protocol", "code", "status"),
    [
        (
            "POST",
            "/",
            {"x-amz-target": "AmazonSQS.Nope"},
            b"{}",
            "json",
            "UnknownOperationException",
            404,
        ),
        (
            "POST",
            "/",
            {"x-amz-target": "Nope.Nope"},
            b"{}",
            "json",
            "UnknownOperationException",
            404,
        ),
        ("POST", "/", {"x-amz-target": ""}, b"{}", "json", "UnknownOperationException", 404),
        ("POST", "/", signed("sqs"), b"{}", "json", "UnknownOperationException", 404),
        ("GET", "/nowhere", {}, b"", "rest-json", "UnknownOperationException", 404),
        ("PUT", "/2015-03-31/functions", {}, b"", "rest-json", "UnknownOperationException", 404),
        (
            "GET",
            "/2015-03-31/functions/a/b/c",
            {},
            b"",
            "rest-json",
            "UnknownOperationException",
            404,
        ),
        ("POST", "/", FORM, b"Action=FooBar", "query", "InvalidAction", 400),
        (
            "POST",
            "/",
            {**FORM, **signed("sqs")},
            b"Action=FooBar",
            "query",
            "InvalidAction",
            400,
        ),
        (
            "POST",
            "/",
            {**FORM, **signed("sqs")},
            b"Action=AssumeRole",
            "query",
            "InvalidAction",
            400,
        ),
    ],
)
def test_nothing_found_is_told_in_the_callers_protocol(
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    protocol: str,
    code: str,
    status: int,
) -> None:
    """A request that names no operation gets AWS's error in the form that it spoke."""
    with pytest.raises(Fault) as caught:
        ENDPOINT.read(Request(method, target, headers, body))
    fault = caught.value
    assert (fault.protocol, fault.error.code) == (protocol, code)
    response = ENDPOINT.fault(fault, fault.error, "rid")
    assert response.status == status
    assert code.encode() in response.body + str(response.headers).encode()


def test_paths_prefer_literals_to_labels() -> None:
    """Query literals weigh most, then the length of what is literal; {Label+} takes slashes."""
    plain, literal = compile_path("A", "/x/{Y}"), compile_path("B", "/x/{Y}?List=ALL")
    assert literal.weight > plain.weight
    assert compile_path("C", "/x/list").weight > plain.weight
    assert plain.match.fullmatch("/x/a/b") is None
    assert dict(compile_path("D", "/x/{Y+}").labels("/x/a/b")) == {"Y": "a/b"}


OWN = {
    "metadata": {
        "endpointPrefix": "redrive",
        "protocol": "json",
        "jsonVersion": "1.0",
        "targetPrefix": "Redrive",
        "serviceId": "Redrive",
    },
    "operations": {
        "Look": {
            "name": "Look",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "LookRequest"},
            "output": {"shape": "LookResponse"},
        }
    },
    "shapes": {
        "LookRequest": {
            "type": "structure",
            "required": ["At"],
            "members": {"At": {"shape": "When"}},
        },
        "LookResponse": {
            "type": "structure",
            "members": {"At": {"shape": "When"}, "Tree": {"shape": "Tree", "locationName": "tree"}},
        },
        "When": {"type": "timestamp"},
        "Trees": {"type": "list", "member": {"shape": "Tree"}},
        "Tree": {
            "type": "structure",
            "members": {"Trees": {"shape": "Trees"}, "At": {"shape": "When"}},
        },
    },
}


@pytest.mark.parametrize("as_directory", [True, False])
def test_models_of_our_own_are_served(tmp_path: Path, as_directory: bool) -> None:
    """A model file beside ours is routed by its target prefix; shapes that hold themselves work."""
    file = tmp_path / "service-2.json"
    file.write_bytes(orjson.dumps(OWN))
    endpoint = Endpoint(("sqs",), {"redrive": tmp_path if as_directory else file})
    headers = {"x-amz-target": "Redrive.Look"}
    incoming = endpoint.read(Request("POST", "/", headers, b'{"At": 1.5}'))
    assert (incoming.service, incoming.params) == ("redrive", {"At": 1500})
    tree = {"At": 1000, "Trees": [{"At": 2500, "Trees": []}]}
    body = endpoint.reply(incoming, {"At": 1500, "Tree": tree}, "rid").body
    assert orjson.loads(body) == {"At": 1.5, "tree": {"At": 1, "Trees": [{"At": 2.5, "Trees": []}]}}
    with pytest.raises(Fault) as caught:
        endpoint.read(Request("POST", "/", headers, b"{}"))
    assert caught.value.error.code == "ValidationException"


_TAGGED = {
    "scheduler": "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/g",
    "pipes": "arn:aws:pipes:eu-west-1:123456789012:pipe/p",
}


@pytest.mark.parametrize("service", _TAGGED)
@pytest.mark.parametrize("manner", ["signed", "presigned", "escaped", "plain"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_tags_of_services_that_share_a_path(service: str, manner: str, method: str) -> None:
    """/tags/{arn} is the scope's service's; without a signature, that of the ARN."""
    endpoint = Endpoint(("sqs", "lambda", "scheduler", "pipes"))
    arn = _TAGGED[service]
    escaped = arn.replace("/", "%2F")
    target = f"/tags/{escaped if manner == 'plain' else escaped.replace(':', '%3A')}"
    fields = ["TagKeys=a", "tagKeys=a"] if method == "DELETE" else []
    if manner == "presigned":
        fields.append(f"X-Amz-Credential=a%2F20260101%2Feu-west-1%2F{service}%2Faws4_request")
    tags: Any = [{"Key": "a", "Value": "b"}] if service == "scheduler" else {"a": "b"}
    body = orjson.dumps({"Tags": tags, "tags": tags}) if method == "POST" else b""
    headers = signed(service) if manner == "signed" else {}
    target += f"?{'&'.join(fields)}" if fields else ""
    read = endpoint.read(Request(method, target, headers, body))
    names = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}
    assert (read.service, read.operation) == (service, names[method])
    assert arn in read.params.values()
