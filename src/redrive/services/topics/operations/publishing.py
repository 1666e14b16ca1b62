"""Publish, PublishBatch: one row for each subscription that a message passes to.

What is owed is written in the transaction that accepts the message: a crash loses neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.core.limits import DEDUPLICATION_MS
from redrive.services.topics import attributes as attribute_rules
from redrive.services.topics import contents, fanout
from redrive.services.topics.contents import Message
from redrive.services.topics.filters import Verdict
from redrive.services.topics.model import Published, Subscription, Topic
from redrive.services.topics.operations.metrics import count_filtered, count_published
from redrive.services.topics.operations.notifying import Signatures
from redrive.services.topics.refusals import invalid
from redrive.services.topics.room import Topics, find_topic
from redrive.store.store import Tx

PURPOSE = "notification"

_NUMBER_FIRST = 10**19  # so that every sequence number has twenty digits
_PHONE = re.compile(r"\+[0-9]{1,15}")
_ENDPOINT = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]*:[0-9]*:endpoint/.*")


def publish(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Publish a message to a topic. AWS: API_Publish."""
    topic = _find(tx, params, context)
    message = _admit(topic, params)
    if message.size_bytes > attribute_rules.bytes_max(orjson.loads(topic.attributes)):
        raise invalid("Message too long")
    return _Publisher(room, tx, topic, context).publish(message)


def publish_batch(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Publish up to ten messages; one that is malformed has all refused. AWS: API_PublishBatch."""
    topic = find_topic(tx, params["TopicArn"], context, "Publish")
    entries: Sequence[Mapping[str, Any]] = params["PublishBatchRequestEntries"]
    contents.check_entries(entries)
    messages = [_admit(topic, entry) for entry in entries]
    contents.check_batch_size(messages, attribute_rules.bytes_max(orjson.loads(topic.attributes)))
    publisher = _Publisher(room, tx, topic, context)
    done = [
        {"Id": entry["Id"], **publisher.publish(message)}
        for entry, message in zip(entries, messages, strict=True)
    ]
    return {"Successful": done, "Failed": []}


def _find(tx: Tx, params: Params, context: Context) -> Topic:
    """Return the topic that a message is for; phones and apps are not reached from here."""
    phone = params.get("PhoneNumber")
    if phone is not None:
        if _PHONE.fullmatch(phone) is None:
            raise invalid(f"PhoneNumber Reason: {phone} is not valid to publish to")
        raise invalid("PhoneNumber Reason: text messages are not sent by this server")
    member = "TopicArn" if params.get("TopicArn") is not None else "TargetArn"
    target: str | None = params.get(member)
    if target is None:
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if member == "TargetArn" and _ENDPOINT.fullmatch(target):
        raise invalid("TargetArn Reason: No endpoint found for the target arn specified")
    return find_topic(tx, target, context, "Publish", member)


def _admit(topic: Topic, params: Mapping[str, Any]) -> Message:
    return contents.admit(
        params,
        is_fifo=bool(topic.is_fifo),
        is_content_based=attribute_rules.is_content_based(orjson.loads(topic.attributes)),
    )


class _Publisher:
    """Publishes to one topic within one transaction."""

    def __init__(self, room: Topics, tx: Tx, topic: Topic, context: Context) -> None:
        self._room = room
        self._tx = tx
        self._topic = topic
        self._context = context
        self._attributes: dict[str, str] = orjson.loads(topic.attributes)
        self._sign = Signatures(room, tx, topic, context)
        self._subscriptions: list[Subscription] | None = None
        self._paced: dict[int, int] = {}

    def publish(self, message: Message) -> dict[str, str]:
        """Accept a message; one that was published lately is accepted and not delivered."""
        if not self._topic.is_fifo:
            message_id = uuid4(self._room.chance)
            self._deliver(message, message_id, None, None)
            return {"MessageId": message_id}
        return self._publish_in_order(message)

    def _publish_in_order(self, message: Message) -> dict[str, str]:
        tx, now_ms = self._tx, self._context.now_ms
        dedup_id = message.dedup_id or sha256(message.body.encode()).hexdigest()
        by_group = attribute_rules.is_by_group(self._attributes)
        scope = message.group or "" if by_group else ""
        place = {"topic": self._topic.id, "scope": scope, "dedup_id": dedup_id}
        earlier: Published | None = tx.one(Published, "topics.published", **place, now_ms=now_ms)
        if earlier is not None:
            return {"MessageId": earlier.message_id, "SequenceNumber": earlier.sequence}
        message_id = uuid4(self._room.chance)
        sequence = str(_NUMBER_FIRST + tx.sequence(now_ms))
        tx.run("topics.forget_published", now_ms=now_ms)
        tx.run(
            "topics.add_published",
            **place,
            until_ms=now_ms + DEDUPLICATION_MS,
            message_id=message_id,
            sequence=sequence,
        )
        self._deliver(message, message_id, sequence, dedup_id)
        return {"MessageId": message_id, "SequenceNumber": sequence}

    def _deliver(
        self, message: Message, message_id: str, sequence: str | None, dedup_id: str | None
    ) -> None:
        topic, now_ms = self._topic, self._context.now_ms
        count_published(self._room, topic, message.size_bytes, now_ms)
        if self._subscriptions is None:
            self._subscriptions = self._tx.rows(Subscription, "topics.confirmed", topic=topic.id)
        published = fanout.Published(
            topic, message, message_id, now_ms, sequence, dedup_id, self._context.origin
        )
        for subscription in self._subscriptions:
            verdict = fanout.judge(subscription, message)
            if verdict is Verdict.PASSES:
                self._put(subscription, fanout.owed(subscription, published, self._sign))
            else:
                count_filtered(self._room, topic, verdict, now_ms)

    def _put(self, subscription: Subscription, owed: fanout.Owed) -> None:
        self._room.outbox.put(
            self._tx,
            owed.call,
            self._context.now_ms,
            target=owed.target,
            purpose=PURPOSE,
            source=subscription.arn,
            retry=owed.retry,
            dead_letter=owed.dead_letter,
            lane=owed.lane,
            due_ms=self._pace(subscription, owed.interval_ms) if owed.interval_ms else None,
        )

    def _pace(self, subscription: Subscription, interval_ms: int) -> int:
        """Return when a throttled delivery may be made, and put the next one after it."""
        after_ms = self._paced.get(subscription.n, subscription.paced_ms)
        due_ms = max(self._context.now_ms, after_ms)
        self._paced[subscription.n] = due_ms + interval_ms
        self._tx.run("topics.pace", n=subscription.n, paced_ms=due_ms + interval_ms)
        return due_ms
