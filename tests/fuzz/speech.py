"""How a call is said in each protocol, whatever its params hold; and what an answer says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from random import Random
from typing import Any
from urllib.parse import quote_plus

import cbor2

from redrive.wire.messages import Response

PROTOCOLS = ("json", "rest", "query", "cbor")

LISTS = {
    "AttributeNames": "AttributeName",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "TagKeys": "TagKey",
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
}
MAPS = {
    "Attributes": ("Attribute", "Name", "Value"),
    "MessageAttributes": ("MessageAttribute", "Name", "Value"),
    "MessageSystemAttributes": ("MessageSystemAttribute", "Name", "Value"),
    "tags": ("Tag", "Key", "Value"),
    "Tags": ("Tag", "Key", "Value"),
}
MEMBERS = ("Dimensions", "ExtendedStatistics", "MetricDataQueries", "Statistics")
TIMES = ("StartTime", "EndTime")

NASTY_FIELDS = (
    *("&", "=", "%", "%%", "%zz", "%ff=%ff", "a=%C3", "+", "Action=", "Action=FooBar", "Version=1"),
    *("Version=2009-02-01", "QueueUrl=", "QueueUrl.1=x", "AttributeName=All", "Attribute.Name=x"),
    *("Attribute.1.Name.Value=x", "Attribute.x.Name=y", "Attribute..=", "MessageBody.1=x", "."),
    *("Tag.0.Key=a&Tag.0.Value=b", "Tag.999999999.Key=a", "Tag.9999999999.Key=a", "Tag.-1.Key=a"),
    *("MessageAttribute.1.Value.DataType=", "SendMessageBatchRequestEntry=x", "a.b." * 40 + "c=1"),
    *("&".join(f"a{at}=1" for at in range(3_000)), "DelaySeconds=1e3", "DelaySeconds=%31"),
    *("X-Amz-Credential=a/b/c/sqs/d", "X-Amz-Credential=%ff", "é=é", "\x00=\x00"),
)
NASTY_BYTES = (
    *(b"\xff", b"\xf7", b"\xf6", b"\xe0", b"\xf8\x20", b"\x9f", b"\xbf", b"\x5f", b"\x7f", b"\xc1"),
    *(b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\x5b" + b"\xff" * 8, b"\x7b" + b"\xff" * 8),
    *(b"\x1b" + b"\xff" * 8, b"\x3b" + b"\xff" * 8, b"\xf9\x7e\x00", b"\xf9\x7c\x00", b"\xc2\x41a"),
    *(b"\xd8\x1c\x81\xd8\x1d\x00", b"\xd9\x01\x00", b"\xd8\x23\x63a++", b"\xd9\xd9\xf7", b"\xc0a"),
    *(b"\x81" * 2_000, b"\xa1\x61a" * 2_000, b"\xc1" * 2_000, b"\xa1\x80\x80", b"\xa1\xf6\xf6"),
    *(b"\x80" * 3_000, b"\xc1\xfb\x7f\xef" + b"\xff" * 6, b"\x61\xff", b"\x62\xed\xa0"),
)


def form_of(operation: str, params: Any) -> str:
    """A call as a form, with SQS's old names where it has them."""
    fields = [("Action", operation)]
    for name, value in params.items() if isinstance(params, dict) else (("x", params),):
        _flatten(operation, name, value, "", fields)
    return "&".join(f"{quote_plus(n, errors='replace')}={_escaped(v)}" for n, v in fields)


def _escaped(text: str) -> str:
    return quote_plus(text, errors="replace")


def _flatten(
    operation: str, name: str, value: Any, home: str, fields: list[tuple[str, str]]
) -> None:
    if isinstance(value, dict):
        step, key, held = MAPS.get(name, ("", "", ""))
        for at, (text, item) in enumerate(value.items(), 1):
            if step:
                fields.append((f"{home}{step}.{at}.{key}", text))
                _flatten(operation, held, item, f"{home}{step}.{at}.", fields)
            else:
                _flatten(operation, text, item, f"{home}{name}.", fields)
    elif isinstance(value, list):
        member = f"{name}.member" if name in MEMBERS else name
        step = f"{operation}RequestEntry" if name == "Entries" else LISTS.get(name, member)
        for at, item in enumerate(value, 1):
            _flatten(operation, str(at), item, f"{home}{step}.", fields)
    elif isinstance(value, bool):
        fields.append((f"{home}{name}", "true" if value else "false"))
    elif value is not None:
        fields.append((f"{home}{name}", str(value)))


def cbor_of(params: Any, random: Random) -> bytes:
    """A call's params in CBOR; indefinite lengths at times."""
    return cbor2.dumps(_tagged(params, ""), indefinite_containers=random.random() < 0.2)


def _tagged(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {_whole(key): _tagged(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item, name) for item in value]
    if isinstance(value, str):
        return _whole(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return cbor2.CBORTag(1, value) if name in TIMES and is_number else value


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def heard(kind: str, body: bytes) -> Any:
    """What an answer says, by its Content-Type. Raises when it is not in that format."""
    if not body:
        return None
    if "json" in kind:
        return json.loads(body)
    if "cbor" in kind:
        return cbor2.loads(body)
    if "xml" in kind:
        return [{node.tag.rpartition("}")[2]: node.text} for node in ET.fromstring(body).iter()]
    return None


def is_error(protocol: str, response: Response) -> bool:
    """Tell whether an answer is an error as a protocol says it."""
    kind = dict(response.headers)["Content-Type"]
    if protocol == "rest-json":
        return "x-amzn-ErrorType" in dict(response.headers) and bool(json.loads(response.body))
    said = heard(kind, response.body)
    if protocol == "query":
        if response.body == b"<UnknownOperationException/>":
            return True
        return any(node.get("Code") for node in said) and "Error" in {*said[1]}
    return bool(said.get("__type"))
