"""What subscribers get: the JSON of a notification, a function's event, HTTP headers. Pure.

AWS: SNS Developer Guide, "Parsing Amazon SNS message formats", "Verifying the signatures of Amazon
SNS messages"; Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson

from redrive.core.time import iso
from redrive.services.topics.contents import Attributes

Kind = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]

AGENT = "Amazon Simple Notification Service Agent"

_NO_ATTRIBUTES: Attributes = {}


class Notification(NamedTuple):
    """One message on its way to one subscriber."""

    kind: Kind
    message_id: str
    topic_arn: str
    text: str
    at_ms: int
    subject: str | None = None
    attributes: Attributes = _NO_ATTRIBUTES
    sequence: str | None = None  # of a FIFO topic, whose messages are not signed
    token: str = ""  # of a confirmation, as its URL
    subscribe_url: str = ""


class Signature(NamedTuple):
    """A notification's signature, and where the certificate is."""

    version: str
    text: str  # base64
    certificate_url: str


def canonical(notification: Notification) -> bytes:
    """Return what is signed: names and values in order of name, a line each."""
    values = {
        "Message": notification.text,
        "MessageId": notification.message_id,
        "Subject": notification.subject,
        "SubscribeURL": notification.subscribe_url or None,
        "Timestamp": iso(notification.at_ms),
        "Token": notification.token or None,
        "TopicArn": notification.topic_arn,
        "Type": notification.kind,
    }
    lines = [f"{name}\n{value}\n" for name, value in values.items() if value is not None]
    return "".join(lines).encode()


def envelope(notification: Notification, signature: Signature | None, unsubscribe_url: str) -> str:
    """Return a notification as JSON, in the form and the order in which AWS writes it."""
    is_notification = notification.kind == "Notification"
    members: dict[str, Any] = {
        "Type": notification.kind,
        "MessageId": notification.message_id,
        "SequenceNumber": notification.sequence,
        "Token": notification.token or None,
        "TopicArn": notification.topic_arn,
        "Subject": notification.subject,
        "Message": notification.text,
        "SubscribeURL": notification.subscribe_url or None,
        "Timestamp": iso(notification.at_ms),
    }
    if signature is not None:
        members["SignatureVersion"] = signature.version
        members["Signature"] = signature.text
        members["SigningCertURL"] = signature.certificate_url
    if is_notification:
        members["UnsubscribeURL"] = unsubscribe_url
    lines = [f'  "{name}" : {_json(value)}' for name, value in members.items() if value is not None]
    if notification.attributes:
        attributes = ",\n".join(
            f"    {_json(name)} : {_json(shown)}"
            for name, shown in shown_attributes(notification.attributes).items()
        )
        lines.append(f'  "MessageAttributes" : {{\n{attributes}\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}"


def lambda_event(
    notification: Notification,
    signature: Signature | None,
    subscription_arn: str,
    unsubscribe_url: str,
) -> bytes:
    """Return the event that a function is invoked with."""
    told: dict[str, Any] = {
        "Type": notification.kind,
        "MessageId": notification.message_id,
        "TopicArn": notification.topic_arn,
        "Subject": notification.subject,
        "Message": notification.text,
        "Timestamp": iso(notification.at_ms),
    }
    if signature is not None:
        told["SignatureVersion"] = signature.version
        told["Signature"] = signature.text
        told["SigningCertUrl"] = signature.certificate_url
    if notification.token:
        told["Token"] = notification.token
        told["SubscribeUrl"] = notification.subscribe_url
    told["UnsubscribeUrl"] = unsubscribe_url
    told["MessageAttributes"] = shown_attributes(notification.attributes)
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": told,
    }
    return orjson.dumps({"Records": [record]})


def http_headers(
    notification: Notification, subscription_arn: str, content_type: str, *, is_raw: bool
) -> list[tuple[str, str]]:
    """Return the headers of a POST. AWS: "HTTP/HTTPS headers"."""
    headers = [
        ("x-amz-sns-message-type", notification.kind),
        ("x-amz-sns-message-id", notification.message_id),
        ("x-amz-sns-topic-arn", notification.topic_arn),
    ]
    if notification.kind == "Notification":
        headers.append(("x-amz-sns-subscription-arn", subscription_arn))
    if is_raw:
        headers.append(("x-amz-sns-rawdelivery", "true"))
    return [*headers, ("Content-Type", content_type), ("User-Agent", AGENT)]


def shown_attributes(attributes: Attributes) -> dict[str, dict[str, str]]:
    """Return message attributes as notifications show them; binary values are base64."""
    return {
        name: {"Type": given["DataType"], "Value": _text_of(given)}
        for name, given in attributes.items()
    }


def _text_of(given: Mapping[str, Any]) -> str:
    if str(given["DataType"]).startswith("Binary"):
        return b64encode(given["BinaryValue"]).decode("ascii")
    return str(given["StringValue"])


def _json(value: Any) -> str:
    """Return JSON text; the two characters that no queue takes as they are stand escaped."""
    text = orjson.dumps(value).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
