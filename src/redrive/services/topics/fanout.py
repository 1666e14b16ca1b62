"""From a message and a subscription to the call that is owed. Pure.

sqs      SendMessage, the notification as JSON, or raw with its attributes
lambda   Invoke, as an event
http     sns.PostNotification
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Call, Caller
from redrive.services.ports import TOPICS_RETRY, DeadLetter, Retry
from redrive.services.topics import delivery_policies
from redrive.services.topics.contents import Attributes, Message
from redrive.services.topics.envelopes import (
    Notification,
    Signature,
    envelope,
    http_headers,
    lambda_event,
)
from redrive.services.topics.filters import BODY, Verdict, judge_attributes, judge_body
from redrive.services.topics.model import Subscription, Topic
from redrive.services.topics.names import SUFFIX

PRINCIPAL = "sns.amazonaws.com"
QUEUE_ATTRIBUTES_MAX = 10
"""AWS: SNS Developer Guide, "Amazon SNS message attributes": a raw message with more is discarded
as a client-side error, which is how SQS answers it."""

Sign = Callable[[Notification], Signature | None]


class Owed(NamedTuple):
    """A delivery to be left in the outbox."""

    call: Call
    target: str
    retry: Retry
    dead_letter: DeadLetter | None
    lane: str | None
    interval_ms: int = 0  # between deliveries of the subscription


class Published(NamedTuple):
    """A message that was accepted."""

    topic: Topic
    message: Message
    message_id: str
    at_ms: int
    sequence: str | None
    dedup_id: str | None
    origin: str  # where clients reach this server


def judge(subscription: Subscription, message: Message) -> Verdict:
    """Tell whether a message passes a subscription's filter policy."""
    attributes = _attributes_of(subscription)
    policy = attributes.get("FilterPolicy")
    if not policy:
        return Verdict.PASSES
    if attributes.get("FilterPolicyScope") == BODY:
        return judge_body(policy, message.text_for(subscription.protocol))
    return judge_attributes(policy, message.attributes)


def owed(subscription: Subscription, published: Published, sign: Sign) -> Owed:
    """Return the delivery of a message to a subscription."""
    message = published.message
    notification = Notification(
        "Notification",
        published.message_id,
        published.topic.arn,
        message.text_for(subscription.protocol),
        published.at_ms,
        message.subject,
        message.attributes,
        published.sequence,
    )
    return _owed(
        subscription,
        published.topic,
        notification,
        sign,
        published.origin,
        _Ordering(message.group, published.dedup_id),
    )


def owed_confirmation(
    subscription: Subscription, topic: Topic, notification: Notification, sign: Sign, origin: str
) -> Owed:
    """Return the delivery of a request to confirm something."""
    made = _owed(subscription, topic, notification, sign, origin, _Ordering(None, None))
    return made._replace(dead_letter=None, interval_ms=0)


class _Ordering(NamedTuple):
    group: str | None
    dedup_id: str | None

    def members_for(self, queue: str) -> dict[str, str]:
        """Return what a queue is told: a standard one takes no deduplication id, and a group only
        for fairness. AWS: API_Publish, "MessageGroupId".
        """
        members = {}
        if self.group is not None:
            members["MessageGroupId"] = self.group
        if self.dedup_id is not None and queue.endswith(SUFFIX):
            members["MessageDeduplicationId"] = self.dedup_id
        return members


def _owed(
    subscription: Subscription,
    topic: Topic,
    notification: Notification,
    sign: Sign,
    origin: str,
    ordering: _Ordering,
) -> Owed:
    attributes = _attributes_of(subscription)
    wants_raw = attributes.get("RawMessageDelivery") == "true"
    is_raw = wants_raw and notification.kind == "Notification"
    made = _Made(subscription, topic, notification, sign, origin, is_raw)
    lane = None
    if topic.is_fifo and ordering.group is not None:
        lane = f"{subscription.arn} {ordering.group}"
    dead_letter = _dead_letter(attributes.get("RedrivePolicy"), made, ordering)
    if subscription.protocol == "sqs":
        call, retry = _to_queue(made, ordering), TOPICS_RETRY
        return Owed(call, subscription.endpoint, retry, dead_letter, lane)
    if subscription.protocol == "lambda":
        return Owed(_to_function(made), subscription.endpoint, TOPICS_RETRY, dead_letter, lane)
    topic_policy = orjson.loads(topic.attributes).get("DeliveryPolicy")
    terms = delivery_policies.terms(topic_policy, attributes.get("DeliveryPolicy"))
    call = _to_url(made, terms.content_type)
    return Owed(call, subscription.endpoint, terms.retry, dead_letter, lane, terms.interval_ms)


class _Made(NamedTuple):
    """A notification and all that its forms are made of."""

    subscription: Subscription
    topic: Topic
    notification: Notification
    sign: Sign
    origin: str
    is_raw: bool

    @property
    def unsubscribe_url(self) -> str:
        return f"{self.origin}/?Action=Unsubscribe&SubscriptionArn={self.subscription.arn}"

    def as_json(self) -> str:
        return envelope(self.notification, self.sign(self.notification), self.unsubscribe_url)

    def caller(self, region: str) -> Caller:
        account = self.topic.account
        return Caller(account, region, PRINCIPAL, account, source=self.topic.arn)


def _to_queue(made: _Made, ordering: _Ordering) -> Call:
    queue = made.subscription.endpoint
    params: dict[str, Any] = {"QueueUrl": queue, **ordering.members_for(queue)}
    arn = parse_arn(queue)
    caller = made.caller(arn.region if arn is not None else made.topic.region)
    if not made.is_raw:
        return Call("sqs", "SendMessage", {**params, "MessageBody": made.as_json()}, caller)
    attributes = made.notification.attributes
    params["MessageBody"] = made.notification.text
    if attributes:
        params["MessageAttributes"] = raw_attributes(attributes)
    if has_binary(attributes):
        return Call("sns", "SendRaw", params, caller)
    return Call("sqs", "SendMessage", params, caller)


def _to_function(made: _Made) -> Call:
    subscription = made.subscription
    arn = parse_arn(subscription.endpoint)
    event = lambda_event(
        made.notification,
        made.sign(made.notification),
        subscription.arn,
        made.unsubscribe_url,
    )
    params = {"FunctionName": subscription.endpoint, "InvocationType": "Event", "Payload": event}
    return Call("lambda", "Invoke", params, made.caller(arn.region if arn else made.topic.region))


def _to_url(made: _Made, content_type: str) -> Call:
    subscription = made.subscription
    headers = http_headers(made.notification, subscription.arn, content_type, is_raw=made.is_raw)
    params = {
        "Url": subscription.endpoint,
        "Headers": [list(header) for header in headers],
        "Body": made.notification.text if made.is_raw else made.as_json(),
    }
    return Call("sns", "PostNotification", params, made.caller(made.topic.region))


def _dead_letter(policy: str | None, made: _Made, ordering: _Ordering) -> DeadLetter | None:
    """Return what a dead-letter queue gets: the message as it would have been delivered.

    What a queue could not hold raw, because it has no text, binary attributes or too many, goes as
    JSON, which loses nothing. AWS: SNS Developer Guide, "Amazon SNS dead-letter queues".
    """
    if not policy:
        return None
    queue: str = orjson.loads(policy)["deadLetterTargetArn"]
    message: dict[str, Any] = ordering.members_for(queue)
    attributes = made.notification.attributes
    fits = len(attributes) <= QUEUE_ATTRIBUTES_MAX and not has_binary(attributes)
    if made.is_raw and fits and made.notification.text:
        message["MessageBody"] = made.notification.text
        if attributes:
            message["MessageAttributes"] = raw_attributes(attributes)
    else:
        message["MessageBody"] = made.as_json()
    return DeadLetter(queue, message, "topics")


def has_binary(attributes: Attributes) -> bool:
    """Tell whether an attribute is no text."""
    return any(str(given["DataType"]).startswith("Binary") for given in attributes.values())


def raw_attributes(attributes: Attributes) -> dict[str, dict[str, str]]:
    """Return attributes as SendMessage has them, but for binary values, which are base64."""
    return {
        name: (
            {
                "DataType": given["DataType"],
                "BinaryValue": b64encode(given["BinaryValue"]).decode("ascii"),
            }
            if str(given["DataType"]).startswith("Binary")
            else {"DataType": given["DataType"], "StringValue": given["StringValue"]}
        )
        for name, given in attributes.items()
    }


def with_bytes(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Return what `raw_attributes` made as SendMessage has it."""
    return {
        name: {
            key: b64decode(value) if key == "BinaryValue" else value for key, value in given.items()
        }
        for name, given in attributes.items()
    }


def _attributes_of(subscription: Subscription) -> dict[str, str]:
    attributes: dict[str, str] = orjson.loads(subscription.attributes)
    return attributes
