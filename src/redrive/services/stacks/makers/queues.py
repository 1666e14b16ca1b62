"""AWS::SQS::Queue and AWS::SQS::QueuePolicy as SQS requests."""

from __future__ import annotations

import json
from collections.abc import Sequence

from redrive.core.arn import queue_arn
from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target, removed_tags, tag_map
from redrive.services.stacks.model import Json, Request

GONE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
EXISTS = ("QueueNameExists", "QueueAlreadyExists")

# What an attribute goes back to when a template no longer gives it (AWS: API_SetQueueAttributes).
_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": '{"redrivePermission":"allowAll"}',
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


class QueueMaker:
    """A queue. Its Ref is its URL."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateQueue; of one left by a crash with other attributes, its URL."""
        attributes = {
            name: attribute_text(value)
            for name, value in properties.items()
            if name in _DEFAULTS or (name == "FifoQueue" and value)
        }
        params: dict[str, Json] = {"QueueName": target.physical_id, "Attributes": attributes}
        if properties.get("Tags"):
            params["tags"] = tag_map(properties["Tags"])
        found = Request("sqs", "GetQueueUrl", {"QueueName": target.physical_id})
        exists, instead = (EXISTS, (found,)) if target.unsure else ((), ())
        return (Request("sqs", "CreateQueue", params, exists=exists, instead=instead),)

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return SetQueueAttributes for what changed, defaults for what is gone, and the tags."""
        url = target.physical_id
        attributes = {
            name: attribute_text(new[name]) if name in new else _DEFAULTS[name]
            for name in changes
            if name in _DEFAULTS
        }
        requests = []
        if attributes:
            params = {"QueueUrl": url, "Attributes": attributes}
            requests.append(Request("sqs", "SetQueueAttributes", params))
        if removed := removed_tags(old, new):
            requests.append(Request("sqs", "UntagQueue", {"QueueUrl": url, "TagKeys": removed}))
        if "Tags" in changes and new.get("Tags"):
            params = {"QueueUrl": url, "Tags": tag_map(new["Tags"])}
            requests.append(Request("sqs", "TagQueue", params))
        return tuple(requests)

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteQueue; of a queue whose URL was never told, by AWS's form of it."""
        url, world = target.physical_id, target.world
        if "/" not in url:
            url = f"https://sqs.{world.region}.amazonaws.com/{world.account}/{url}"
        return (Request("sqs", "DeleteQueue", {"QueueUrl": url}, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the queue's URL and its Arn, QueueName and QueueUrl."""
        url, world = str(replies[-1]["QueueUrl"]), target.world
        return url, {
            "Ref": url,
            "Arn": queue_arn(world.region, world.account, target.physical_id),
            "QueueName": target.physical_id,
            "QueueUrl": url,
        }


class QueuePolicyMaker:
    """A policy put on one or more queues, each named by its URL."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return SetQueueAttributes for each queue."""
        policy = attribute_text(properties["PolicyDocument"])
        return tuple(_set_policy(url, policy) for url in properties["Queues"])

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the policy for each queue named, its removal from each no longer named."""
        left = [url for url in old.get("Queues", ()) if url not in new["Queues"]]
        return (*(_set_policy(url, "") for url in left), *self.create(target, new))

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return the policy's removal from each queue."""
        return tuple(_set_policy(url, "") for url in properties.get("Queues", ()))

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name generated for it; AWS keeps no id of a queue's policy either."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


def attribute_text(value: Json) -> str:
    """Return a template's value as SQS keeps it: every attribute is a string, objects are JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def _set_policy(url: str, policy: str) -> Request:
    params = {"QueueUrl": url, "Attributes": {"Policy": policy}}
    return Request("sqs", "SetQueueAttributes", params, gone=() if policy else GONE)
