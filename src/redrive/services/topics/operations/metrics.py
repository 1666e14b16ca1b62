"""What is counted for CloudWatch, under AWS/SNS, by TopicName.

AWS: SNS Developer Guide, "Monitoring Amazon SNS topics using CloudWatch".
"""

from __future__ import annotations

from redrive.core.time import Millis
from redrive.services.ports import Settlement
from redrive.services.topics.filters import Verdict
from redrive.services.topics.model import Topic
from redrive.services.topics.names import parse_subscription_arn
from redrive.services.topics.room import Topics
from redrive.store.store import Tx

NAMESPACE = "AWS/SNS"

_COUNTED = {
    "taken": "NumberOfNotificationsDelivered",
    "buried": "NumberOfNotificationsFailed",
    "dropped": "NumberOfNotificationsFailed",
    "buried-taken": "NumberOfNotificationsRedrivenToDlq",
    "buried-dropped": "NumberOfNotificationsFailedToRedriveToDlq",
}


def count_published(room: Topics, topic: Topic, size_bytes: int, now_ms: int) -> None:
    """Count a message that was accepted."""
    place, dimensions = (topic.account, topic.region), {"TopicName": topic.name}
    room.count(place, NAMESPACE, "NumberOfMessagesPublished", dimensions, 1, now_ms)
    room.count(place, NAMESPACE, "PublishSize", dimensions, size_bytes, now_ms, "Bytes")


def count_filtered(room: Topics, topic: Topic, verdict: Verdict, now_ms: int) -> None:
    """Count a message that a filter policy has kept from a subscription."""
    place, dimensions = (topic.account, topic.region), {"TopicName": topic.name}
    name = "NumberOfNotificationsFilteredOut"
    for told in (name, f"{name}-{verdict.value}"):
        room.count(place, NAMESPACE, told, dimensions, 1, now_ms)


def count_settled(room: Topics, tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
    """Count what has become of a delivery; over HTTP, each attempt that fails is a failure."""
    del tx
    name = _COUNTED.get(settlement.outcome)
    if settlement.outcome == "again" and settlement.target.startswith("http"):
        name = "NumberOfNotificationsFailed"
    if name is None:
        return
    subscription = parse_subscription_arn(settlement.source)
    place = (subscription.account, subscription.region)
    room.count(place, NAMESPACE, name, {"TopicName": subscription.name}, 1, now_ms)
