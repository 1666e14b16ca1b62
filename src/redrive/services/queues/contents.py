"""What a message may hold: body, attributes, delay; sizes, MD5s, and AWS's words.

Pure. Errors are ServiceErrors; a batch turns them into failed entries.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from hashlib import md5
from typing import Any, NamedTuple

import orjson

from redrive.core.errors import ServiceError
from redrive.core.limits import DELAY_MS_MAX, MESSAGE_ATTRIBUTES_MAX
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues import fifo
from redrive.services.queues.model import Queue

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ALLOWED_ASCII = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x80)))
_GROUP_ID = re.compile(r"[0-9A-Za-z!-/:-@\[-`{-~]{1,128}")
_NAME_RESERVED = re.compile(r"(aws|amazon)\.", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NUMBER_DIGITS_MAX = 38
_NUMBER_EXPONENT_MAX, _NUMBER_EXPONENT_MIN = 126, -128
_NAME_LENGTH_MAX = _TYPE_LENGTH_MAX = 256


class Content(NamedTuple):
    """An admitted message, ready to be stored."""

    body_json: bytes
    body_md5: str
    size_bytes: int  # body plus attribute names, types and values
    attributes_json: bytes | None
    attributes_md5: str | None
    system_md5: str | None
    trace: str | None
    group_id: str | None
    delay_ms: Millis


def admit(queue: Queue, params: Mapping[str, Any], *, many: bool) -> Content:
    """Check a message (a SendMessage request or a batch entry) against the rules of its queue.

    `many` chooses between the two texts that AWS has for a message that is too long.
    AWS: API_SendMessage; SQS Developer Guide, "Message attributes"; texts as captured.
    """
    body: str = params["MessageBody"]
    if not body:
        raise ServiceError(
            "MissingParameter", "The request must contain the parameter MessageBody."
        )
    raw = body.encode()
    if is_forbidden(body, raw):
        raise ServiceError(
            "InvalidMessageContents",
            "Invalid characters were found. Valid unicode characters are"
            " #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )
    attributes = params.get("MessageAttributes")
    size = len(raw)
    attributes_json = attributes_md5 = None
    if attributes:
        size += check_attributes(attributes)
        attributes_json, attributes_md5 = attributes_text(attributes), attributes_digest(attributes)
    if size > queue.bytes_max:
        cannot = "cannot be validated" if many else "are invalid"
        raise ServiceError(
            "InvalidParameterValue",
            f"One or more parameters {cannot}. Reason: Message must be shorter than"
            f" {queue.bytes_max} bytes.",
        )
    trace = system_md5 = None
    system = params.get("MessageSystemAttributes")
    if system:
        check_system_attributes(system)
        trace, system_md5 = system["AWSTraceHeader"]["StringValue"], attributes_digest(system)
    return Content(
        orjson.dumps(body),
        md5(raw, usedforsecurity=False).hexdigest(),
        size,
        attributes_json,
        attributes_md5,
        system_md5,
        trace,
        _group_id(queue, params),
        _delay_ms(queue, params),
    )


def is_forbidden(text: str, raw: bytes) -> bool:
    """Tell whether a text holds a character that SQS does not take. AWS: API_SendMessage.

    `raw` is its UTF-8. ASCII, the common case, is judged by one table: a sixth of the search's
    cost.
    """
    if len(raw) == len(text):
        return bool(raw.translate(None, _ALLOWED_ASCII))
    return _FORBIDDEN.search(text) is not None


def _delay_ms(queue: Queue, params: Mapping[str, Any]) -> Millis:
    delay = params.get("DelaySeconds")
    if delay is None:
        return Millis(queue.delay_ms)
    if queue.is_fifo:
        return fifo.delay_ms(queue, delay)
    if not 0 <= delay * SECOND_MS <= DELAY_MS_MAX:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {delay} for parameter DelaySeconds is invalid."
            " Reason: DelaySeconds must be >= 0 and <= 900.",
        )
    return Millis(delay * SECOND_MS)


def _group_id(queue: Queue, params: Mapping[str, Any]) -> str | None:
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        value = params.get(name)
        if value is not None and _GROUP_ID.fullmatch(value) is None:
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {value} for parameter {name} is invalid. Reason: {name} can only include"
                " alphanumeric and punctuation characters. 1 to 128 in length.",
            )
    if queue.is_fifo:
        return fifo.group_id(params)
    if params.get("MessageDeduplicationId") is not None:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {params['MessageDeduplicationId']} for parameter MessageDeduplicationId is"
            " invalid. Reason: The request include parameter that is not valid for this queue"
            " type.",
        )
    group: str | None = params.get("MessageGroupId")
    return group


def _refuse(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def check_attributes(attributes: Mapping[str, Any]) -> int:
    """Check user attributes; return how many bytes of names, types and values they are."""
    if len(attributes) > MESSAGE_ATTRIBUTES_MAX:
        raise _refuse(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum"
            f" [{MESSAGE_ATTRIBUTES_MAX}]."
        )
    return sum(_check_attribute(name, value) for name, value in attributes.items())


def _check_attribute(name: str, value: Mapping[str, Any]) -> int:
    if not name or len(name) > _NAME_LENGTH_MAX:
        raise _refuse("Length of message attribute name must be less than 256 bytes.")
    if _NAME_RESERVED.match(name):
        raise _refuse(
            f"The message attribute name '{name}' is invalid because it uses a reserved prefix"
            " ('AWS.' or 'Amazon.')."
        )
    if name.startswith(".") or name.endswith("."):
        place = "starting" if name.startswith(".") else "ending"
        raise _refuse(f"Invalid message attribute name {place} with character '.' was found.")
    if ".." in name:
        raise _refuse("Message attribute name can not have successive '.' character.")
    kind: str = value.get("DataType") or ""
    base = kind.split(".", 1)[0]
    if base not in ("String", "Number", "Binary") or len(kind) > _TYPE_LENGTH_MAX:
        raise _refuse(
            f"The message attribute '{name}' has an invalid message attribute type, the set of"
            " supported type prefixes is Binary, Number, and String."
        )
    field = "BinaryValue" if base == "Binary" else "StringValue"
    for unused in ("StringListValues", "BinaryListValues"):
        if value.get(unused):
            raise ServiceError(
                "UnsupportedOperation",
                "Message attribute list values in SendMessage operation are not supported.",
            )
    content = value.get(field)
    other = "StringValue" if base == "Binary" else "BinaryValue"
    if value.get(other):
        raise _refuse(
            f"The message attribute '{name}' with type '{kind}' must use field"
            f" '{field.removesuffix('Value')}'."
        )
    if not content:
        raise _refuse(
            f"Message (user) attribute '{name}' must contain a non-empty value of type"
            f" '{field.removesuffix('Value')}'."
        )
    if base == "Number":
        _check_number(name, content)
    if isinstance(content, str):
        raw = content.encode()
        if is_forbidden(content, raw):
            raise ServiceError(
                "InvalidMessageContents",
                f"Invalid characters were found in message attribute '{name}'.",
            )
        content = raw
    return len(name.encode()) + len(kind.encode()) + len(content)


def _check_number(name: str, text: str) -> None:
    if _NUMBER.fullmatch(text) is None:
        raise _refuse(f"Could not cast message attribute '{name}' value to number.")
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond any that Decimal has
        number = Decimal("Infinity")
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if number.is_infinite() or (
        digits
        and not (
            len(digits) <= _NUMBER_DIGITS_MAX
            and _NUMBER_EXPONENT_MIN <= number.adjusted() <= _NUMBER_EXPONENT_MAX
        )
    ):
        raise _refuse(
            f"Message attribute '{name}' value is out of range: a number has up to 38 digits of"
            " precision and lies between 10^-128 and 10^+126."
        )


_NO_TEXT = ("BinaryValue", "StringListValues", "BinaryListValues")


def check_system_attributes(system: Mapping[str, Any]) -> None:
    """Check system attributes: AWSTraceHeader, a String, is the only one that may be sent."""
    for name, value in system.items():
        if name != "AWSTraceHeader":
            raise _refuse(f"Message system attribute name '{name}' is invalid.")
        is_text = value.get("DataType") == "String" and value.get("StringValue")
        if not is_text or any(value.get(other) for other in _NO_TEXT):
            raise _refuse(
                "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type"
                " 'String'."
            )


def attributes_text(attributes: Mapping[str, Any]) -> bytes:
    """Return attributes as the JSON protocol shows them; binary values become base64."""
    return orjson.dumps(attributes, default=_base64)


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode("ascii")


def attributes_digest(attributes: Mapping[str, Any]) -> str:
    """Return the MD5 that SDKs compare: names sorted; lengths, names, types, transport, values.

    AWS: SQS Developer Guide, "Calculating the MD5 message digest for message attributes".
    """
    digest = md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        kind = value["DataType"]
        is_binary = kind.startswith("Binary")
        content = value["BinaryValue"] if is_binary else value["StringValue"].encode()
        if isinstance(content, str):  # as stored: base64
            content = a2b_base64(content)
        for part in (name.encode(), kind.encode()):
            digest.update(len(part).to_bytes(4) + part)
        digest.update(b"\x02" if is_binary else b"\x01")
        digest.update(len(content).to_bytes(4) + content)
    return digest.hexdigest()


def select_attributes(names: list[str], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that MessageAttributeNames asks for: names, All, .*, or prefix.*"""
    if "All" in names or ".*" in names:
        return dict(attributes)
    prefixes = tuple(name[:-1] for name in names if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in names or (prefixes and name.startswith(prefixes))
    }
