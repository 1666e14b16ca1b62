"""What may be published: sizes, subjects, message attributes, a message for each protocol. Pure.

AWS: API_Publish, API_PublishBatch; SNS Developer Guide, "Amazon SNS message attributes"; texts as
captured, but where [G] marks a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redrive.core.errors import ServiceError
from redrive.services.topics.refusals import bad_value, invalid

Attributes = Mapping[str, Mapping[str, Any]]
"""Message attributes as Publish has them: name -> DataType, StringValue or BinaryValue (bytes)."""

MESSAGE_BYTES = 262_144
MESSAGE_BYTES_LEAST, MESSAGE_BYTES_MOST = 1_024, 1_048_576
"""AWS: API_CreateTopic, "MaximumMessageSize"."""

BATCH_MAX = 10
_SUBJECT_LENGTH_MAX = 100
_NAME_LENGTH_MAX = 256
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NAME_SIGN = re.compile(r"[A-Za-z0-9_.-]")
_ENTRY_SIGN = re.compile(r"[A-Za-z0-9_-]*")
_ENTRY_LENGTH_MAX = 80
_GROUP = re.compile(r"[0-9A-Za-z!-/:-@\[-`{-~]{1,128}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Message(NamedTuple):
    """What is published, checked."""

    body: str  # as it was given
    by_protocol: Mapping[str, str] | None  # with MessageStructure json
    subject: str | None
    attributes: Attributes
    group: str | None
    dedup_id: str | None
    size_bytes: int

    def text_for(self, protocol: str) -> str:
        """Return what a protocol's subscribers get."""
        if self.by_protocol is None:
            return self.body
        return self.by_protocol.get(protocol, self.by_protocol["default"])


def admit(params: Mapping[str, Any], *, is_fifo: bool, is_content_based: bool) -> Message:
    """Check a message: a Publish request or an entry of a batch. Its size is the caller's."""
    body: str = params["Message"]
    _check_subject(params.get("Subject"))
    if not body:
        raise invalid("Empty message")
    attributes: Attributes = params.get("MessageAttributes") or {}
    size = len(body.encode()) + sum(check_attribute(name, attributes[name]) for name in attributes)
    _check_order(params, is_fifo=is_fifo, is_content_based=is_content_based)
    structure = params.get("MessageStructure")
    if structure not in (None, "", "json"):
        raise invalid("Message structure")  # [G]
    return Message(
        body,
        _by_protocol(body) if structure == "json" else None,
        params.get("Subject"),
        attributes,
        params.get("MessageGroupId"),
        params.get("MessageDeduplicationId"),
        size,
    )


def _check_subject(subject: str | None) -> None:
    """AWS: API_Publish, "Subject": up to 100 characters without line breaks and control signs."""
    if subject is not None and (
        not subject or len(subject) > _SUBJECT_LENGTH_MAX or _CONTROL.search(subject)
    ):
        raise invalid("Subject")


def _check_order(params: Mapping[str, Any], *, is_fifo: bool, is_content_based: bool) -> None:
    group, dedup_id = params.get("MessageGroupId"), params.get("MessageDeduplicationId")
    if is_fifo and not group:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if is_fifo and not dedup_id and not is_content_based:
        raise invalid(
            "The topic should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly"
        )
    if not is_fifo and dedup_id is not None:
        raise invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter"
            " that is not valid for this topic type"
        )
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup_id)):
        if value is not None and _GROUP.fullmatch(value) is None:
            raise invalid(  # [G]
                f"{name} Reason: {name} can only include alphanumeric and punctuation characters. 1"
                " to 128 in length"
            )


def _by_protocol(body: str) -> Mapping[str, str]:
    """AWS: API_Publish, "Message", JSON-specific constraints."""
    try:
        given = json.loads(body, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    if "default" not in texts:
        raise invalid("Message Structure - No default entry in JSON message body")
    return texts


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    for value in made.values():
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair is no text: that raises a ValueError
    return made


# --- message attributes -------------------------------------------------------------------------


def check_attribute(name: str, given: Mapping[str, Any]) -> int:
    """Check a message attribute; return its bytes: name, type and value."""
    _check_attribute_name(name)
    kind: str = given["DataType"]
    base = kind.split(".", 1)[0]
    if base not in ("String", "Number", "Binary"):
        raise bad_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of"
            " supported type prefixes is Binary, Number, and String."
        )
    field = "Binary" if base == "Binary" else "String"
    value = given.get(f"{field}Value")
    if value is None and any(given.get(other) is not None for other in _VALUES):
        raise bad_value(
            f"The message attribute '{name}' with type '{kind}' must use field '{field}'."
        )
    if not value:
        raise bad_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for"
            f" message attribute type '{kind}'."
        )
    if base == "Number" and _NUMBER.fullmatch(value) is None:
        raise bad_value(f"Could not cast message attribute '{name}' value to number.")  # [G]
    raw = value.encode() if isinstance(value, str) else value
    return len(name.encode()) + len(kind.encode()) + len(raw)


_VALUES = ("StringValue", "BinaryValue")


def _check_attribute_name(name: str) -> None:
    if not name or len(name) > _NAME_LENGTH_MAX:
        raise bad_value("Length of message attribute name must be less than 256 bytes.")
    for place, sign in (("starting", name[0]), ("ending", name[-1])):
        if sign == ".":
            raise bad_value(f"Invalid message attribute name {place} with character '.' was found.")
    for sign in name:
        if _NAME_SIGN.fullmatch(sign) is None:
            raise bad_value(
                f"Invalid non-alphanumeric character '#x{ord(sign):X}' was found in the message"
                " attribute name. Can only include alphanumeric characters, hyphens, underscores,"
                " or dots."
            )
    if ".." in name:
        raise bad_value("Message attribute name can not have successive '.' character.")


# --- batches ------------------------------------------------------------------------------------


def check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a batch as a whole: empty, too many, malformed or repeated ids."""
    if not entries:
        raise _batch("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > BATCH_MAX:
        raise _batch(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        )
    for entry in entries:
        identity: str = entry["Id"]
        told = "The Id of a batch entry in the batch request"
        if len(identity) > _ENTRY_LENGTH_MAX:
            raise _batch("InvalidBatchEntryId", f"{told} is too long: {identity}")
        if not identity or _ENTRY_SIGN.fullmatch(identity) is None:
            text = f"{told} contains an impermissible character: {identity}"
            raise _batch("InvalidBatchEntryId", text)
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise _batch(
            "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."
        )


def check_batch_size(messages: Sequence[Message], bytes_max: int) -> None:
    """Refuse a batch whose messages are too long together."""
    if sum(message.size_bytes for message in messages) > bytes_max:
        raise _batch(
            "BatchRequestTooLong",
            "The length of all the messages put together is more than the limit.",
        )


def _batch(code: str, text: str) -> ServiceError:
    return ServiceError(code, text, status=400)
