"""AWS::SNS::* as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target, removed_tags
from redrive.services.stacks.makers.queues import attribute_text
from redrive.services.stacks.model import FromReply, Json, Request

GONE = ("NotFound", "NotFoundException")

# What an attribute goes back to when a template no longer gives it.
_TOPIC_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DisplayName": "",
    "FifoThroughputScope": "Topic",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
_SUBSCRIPTION_DEFAULTS = {
    "DeliveryPolicy": "",
    "FilterPolicy": "",
    "FilterPolicyScope": "MessageAttributes",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "",
}


class TopicMaker:
    """A topic with the subscriptions that it names itself. Its Ref is its ARN."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateTopic, which finds one left by a crash, and Subscribe."""
        attributes = {
            name: attribute_text(value)
            for name, value in properties.items()
            if name in _TOPIC_DEFAULTS or (name == "FifoTopic" and value)
        }
        params: dict[str, Json] = {"Name": target.physical_id, "Attributes": attributes}
        if properties.get("Tags"):
            params["Tags"] = properties["Tags"]
        subscribed = (
            Request("sns", "Subscribe", {"TopicArn": FromReply(0, "TopicArn"), **one})
            for one in properties.get("Subscription") or ()
        )
        return (Request("sns", "CreateTopic", params), *subscribed)

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return SetTopicAttributes for what changed, the tags, and new subscriptions.

        A subscription that the template no longer names stays, as CloudFormation leaves it.
        """
        arn = target.physical_id
        requests = [
            _set("Topic", arn, name, attribute_text(new.get(name, _TOPIC_DEFAULTS[name])))
            for name in changes
            if name in _TOPIC_DEFAULTS
        ]
        if removed := removed_tags(old, new):
            params = {"ResourceArn": arn, "TagKeys": removed}
            requests.append(Request("sns", "UntagResource", params))
        if "Tags" in changes and new.get("Tags"):
            params = {"ResourceArn": arn, "Tags": new["Tags"]}
            requests.append(Request("sns", "TagResource", params))
        before = old.get("Subscription") or []
        for one in new.get("Subscription") or ():
            if one not in before:
                requests.append(Request("sns", "Subscribe", {"TopicArn": arn, **one}))
        return tuple(requests)

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteTopic; of a topic whose ARN was never told, by AWS's form of it."""
        arn = _topic_arn(target)
        return (Request("sns", "DeleteTopic", {"TopicArn": arn}, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the ARN and the name."""
        arn = _topic_arn(target)
        return arn, {"Ref": arn, "TopicArn": arn, "TopicName": arn.rpartition(":")[2]}


def _topic_arn(target: Target) -> str:
    if target.physical_id.startswith("arn:"):
        return target.physical_id
    return f"arn:aws:sns:{target.world.region}:{target.world.account}:{target.physical_id}"


def _set(kind: str, arn: str, name: str, text: str) -> Request:
    params = {f"{kind}Arn": arn, "AttributeName": name, "AttributeValue": text}
    return Request("sns", f"Set{kind}Attributes", params)


class SubscriptionMaker:
    """A subscription. Its Ref is its ARN."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return Subscribe, which finds one left by a crash."""
        params = {
            "TopicArn": properties["TopicArn"],
            "Protocol": properties["Protocol"],
            "Attributes": _attributes(properties),
            "ReturnSubscriptionArn": True,
        }
        if properties.get("Endpoint"):
            params["Endpoint"] = properties["Endpoint"]
        return (Request("sns", "Subscribe", params),)

    def update(
        self, target: Target, _old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return SetSubscriptionAttributes for what changed."""
        given = {**_SUBSCRIPTION_DEFAULTS, **_attributes(new)}
        return tuple(
            _set("Subscription", target.physical_id, name, given[name])
            for name in sorted(changes, key=_scope_first)
            if name in _SUBSCRIPTION_DEFAULTS
        )

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return Unsubscribe; one that was never told of goes with its topic."""
        if not target.physical_id.startswith("arn:"):
            return ()
        params = {"SubscriptionArn": target.physical_id}
        return (Request("sns", "Unsubscribe", params, gone=GONE),)

    def outcome(
        self, _target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the ARN."""
        arn = str(replies[-1]["SubscriptionArn"])
        return arn, {"Ref": arn, "Arn": arn}


def _scope_first(name: str) -> tuple[bool, str]:
    """A filter policy is judged by the scope that it has."""
    return name != "FilterPolicyScope", name


def _attributes(properties: Properties) -> dict[str, str]:
    return {
        name: attribute_text(properties[name])
        for name in _SUBSCRIPTION_DEFAULTS
        if name in properties
    }


class TopicPolicyMaker:
    """A policy put on one or more topics: `Topics`, or the one `TopicArn` of an inline policy."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return SetTopicAttributes for each topic."""
        policy = attribute_text(properties["PolicyDocument"])
        return tuple(_set("Topic", arn, "Policy", policy) for arn in _topics(properties))

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the policy for each topic named, AWS's own for each no longer named."""
        left = [arn for arn in _topics(old) if arn not in _topics(new)]
        return (*(_unset(arn) for arn in left), *self.create(target, new))

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return AWS's own policy for each topic."""
        return tuple(_unset(arn) for arn in _topics(properties))

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name generated for it."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


def _topics(properties: Mapping[str, Json]) -> list[str]:
    return properties.get("Topics") or [properties["TopicArn"]] if properties else []


def _unset(arn: str) -> Request:
    """Return a topic's policy as it is without one: its own account may do all."""
    account = arn.split(":")[4]
    actions = ("Subscribe", "Publish", "GetTopicAttributes", "SetTopicAttributes", "DeleteTopic")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    document = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    params = {
        "TopicArn": arn,
        "AttributeName": "Policy",
        "AttributeValue": attribute_text(document),
    }
    return Request("sns", "SetTopicAttributes", params, gone=GONE)
