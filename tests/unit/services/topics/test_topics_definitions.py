"""Topics and subscriptions as they are made, shown, changed and shared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events_world import ACCOUNT, CALLER, REGION
from topics_rig import OTHER, STRANGER, Client, TopicsWorld, topic_arn

from redrive.core.errors import ServiceError

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def shown(world: TopicsWorld, topic: str) -> dict[str, Any]:
    """A topic's attributes."""
    return dict(world.call("sns", "GetTopicAttributes", TopicArn=topic)["Attributes"])


def set_topic(world: TopicsWorld, topic: str, name: str, value: str) -> None:
    """Set an attribute of a topic."""
    params = {"TopicArn": topic, "AttributeName": name, "AttributeValue": value}
    world.call("sns", "SetTopicAttributes", **params)


def test_a_new_topic(world: TopicsWorld) -> None:
    """A topic begins with AWS's policy and delivery policy."""
    topic = world.topic()
    attributes = shown(world, topic)
    policy = json.loads(attributes.pop("Policy"))
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    effective = json.loads(attributes.pop("EffectiveDeliveryPolicy"))["http"]
    assert effective["defaultHealthyRetryPolicy"] == {
        "minDelayTarget": 20,
        "maxDelayTarget": 20,
        "numRetries": 3,
        "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0,
        "numMinDelayRetries": 0,
        "backoffFunction": "linear",
    }
    assert attributes == {
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "DisplayName": "",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    fifo = shown(world, world.topic("t.fifo"))
    assert (fifo["FifoTopic"], fifo["ContentBasedDeduplication"]) == ("true", "false")


def test_subscriptions_are_counted(world: TopicsWorld) -> None:
    """A topic tells how many subscriptions it has, waits for and has had."""
    topic = world.topic()
    arn = world.subscribe(topic, QUEUE)
    world.subscribe(topic, "https://example.com/", "https")
    world.subscribe(topic, f"{QUEUE}2")
    world.call("sns", "Unsubscribe", SubscriptionArn=arn)
    attributes = shown(world, topic)
    assert attributes["SubscriptionsConfirmed"] == "1"
    assert attributes["SubscriptionsPending"] == "1"
    assert attributes["SubscriptionsDeleted"] == "1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DisplayName", "A name"),
        ("SignatureVersion", "2"),
        ("MaximumMessageSize", "2048"),
        ("KmsMasterKeyId", "alias/aws/sns"),
        ("TracingConfig", "Active"),
        ("SQSSuccessFeedbackRoleArn", "arn:aws:iam::000000000000:role/r"),
        ("LambdaSuccessFeedbackSampleRate", "100"),
        ("DeliveryPolicy", '{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":5}}}'),
    ],
)
def test_attributes_are_kept(world: TopicsWorld, name: str, value: str) -> None:
    """What is set is shown, survives a restart, and is forgotten when it is set to nothing."""
    topic = world.topic()
    before = shown(world, topic)
    if not name.endswith("SampleRate") and name != "MaximumMessageSize":
        set_topic(world, topic, name, value)
        set_topic(world, topic, name, "")
        assert shown(world, topic) == before
    set_topic(world, topic, name, value)
    world.crash()
    assert shown(world, topic)[name] == value
    assert world.topic("t") == topic  # nothing is asked for, so nothing differs
    assert world.topic("t", **{name: value}) == topic


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Unknown", "x"),
        ("FifoTopic", "true"),
        ("SignatureVersion", "3"),
        ("TracingConfig", "On"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MaximumMessageSize", "many"),
        ("DisplayName", "x" * 101),
        ("HTTPSuccessFeedbackSampleRate", "101"),
        ("ContentBasedDeduplication", "true"),
        ("ArchivePolicy", '{"MessageRetentionPeriod":"30"}'),
        ("Policy", "{}"),
        ("Policy", "no"),
        ("DeliveryPolicy", "no"),
        ("DeliveryPolicy", '{"https":{}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":0}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"maxDelayTarget":3601}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numNoDelayRetries":9}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"backoffFunction":"x"}}}'),
        ("DeliveryPolicy", '{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}}'),
        ("DeliveryPolicy", '{"http":{"defaultRequestPolicy":{"headerContentType":"a/b"}}}'),
    ],
)
def test_attributes_are_checked(world: TopicsWorld, name: str, value: str) -> None:
    """What a topic cannot have is refused and changes nothing."""
    topic = world.topic()
    before = shown(world, topic)
    with pytest.raises(ServiceError) as caught:
        set_topic(world, topic, name, value)
    assert caught.value.code == "InvalidParameter"
    assert shown(world, topic) == before
    if name != "FifoTopic":
        with pytest.raises(ServiceError, match="Attributes Reason"):
            world.topic("other", **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Unknown", "x"),
        ("RedrivePolicy", "[]"),
        ("RedrivePolicy", '{"deadLetterTargetArn":"arn:aws:sns:us-east-1:000000000000:t"}'),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": f"{QUEUE}.fifo"})),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": QUEUE.replace("east", "west")})),
        ("DeliveryPolicy", '{"healthyRetryPolicy":{"numRetries":-1}}'),
        ("DeliveryPolicy", '{"requestPolicy":{"headerContentType":"text/html\\r\\nX: y"}}'),
        ("ReplayPolicy", "{}"),
        ("SubscriptionRoleArn", "arn:aws:iam::000000000000:role/r"),
    ],
)
def test_settings_are_checked(world: TopicsWorld, name: str, value: str) -> None:
    """What a subscription cannot have is refused, when it is made and later."""
    topic = world.topic()
    arn = world.subscribe(topic, QUEUE)
    for attempt in (
        lambda: world.set_attribute(arn, name, value),
        lambda: world.subscribe(topic, f"{QUEUE}2", **{name: value}),
    ):
        with pytest.raises(ServiceError) as caught:
            attempt()
        assert caught.value.code == "InvalidParameter"


def test_raw_delivery_is_not_for_functions(world: TopicsWorld) -> None:
    """A function gets records; it cannot be sent raw messages."""
    with pytest.raises(ServiceError, match=r"\[lambda\] does not support raw message delivery"):
        world.subscribe(world.topic(), world.function(), "lambda", RawMessageDelivery="true")


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("http", "https://example.com/"),
        ("https", "example.com"),
        ("http", "http://"),
        ("http", "http://exa mple.com/"),
        ("http", "http://example.com:99999/"),
        ("http", ""),
        ("sqs", "arn:aws:sqs:us-east-1"),
        ("lambda", QUEUE),
    ],
)
def test_endpoints_are_checked(world: TopicsWorld, protocol: str, endpoint: str) -> None:
    """An endpoint has to be one of its protocol's."""
    with pytest.raises(ServiceError) as caught:
        world.subscribe(world.topic(), endpoint, protocol)
    assert caught.value.code == "InvalidParameter"


def test_a_subscription_is_shown(world: TopicsWorld) -> None:
    """A subscription's attributes are AWS's, with defaults for what was not set."""
    topic = world.topic()
    arn = world.subscribe(topic, QUEUE, FilterPolicy='{"a":["b"]}')
    assert world.attributes(arn) == {
        "SubscriptionArn": arn,
        "TopicArn": topic,
        "Protocol": "sqs",
        "Endpoint": QUEUE,
        "Owner": ACCOUNT,
        "ConfirmationWasAuthenticated": "true",
        "PendingConfirmation": "false",
        "RawMessageDelivery": "false",
        "FilterPolicy": '{"a":["b"]}',
        "FilterPolicyScope": "MessageAttributes",
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
    }
    assert world.subscribe(topic, QUEUE) == arn
    assert world.subscribe(topic, QUEUE, RawMessageDelivery="false") == arn


def test_permissions(world: TopicsWorld, client: Client) -> None:
    """A label lets another account do what it names, and nothing else, until it is removed."""
    topic = world.topic()

    def publish() -> None:
        world.call("sns", "Publish", STRANGER, TopicArn=topic, Message="m")

    with pytest.raises(ServiceError, match="AuthorizationError"):
        publish()
    given = {"Label": "l", "AWSAccountId": [OTHER], "ActionName": ["Publish"]}
    client("AddPermission", TopicArn=topic, **given)
    publish()
    with pytest.raises(ServiceError, match="SNS:Subscribe"):
        world.subscribe(topic, f"arn:aws:sqs:{REGION}:{OTHER}:q", "sqs", STRANGER)
    policy = json.loads(shown(world, topic)["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "SNS:Publish",
        "Resource": topic,
    }
    client("RemovePermission", TopicArn=topic, Label="l")
    client("RemovePermission", TopicArn=topic, Label="l")
    with pytest.raises(ServiceError, match="AuthorizationError"):
        publish()


def test_strangers_learn_nothing(world: TopicsWorld) -> None:
    """A topic that is not there and one that is not shared are the same to another account."""
    there = world.topic()
    told = []
    for arn in (there, topic_arn("none")):
        with pytest.raises(ServiceError) as caught:
            world.call("sns", "Publish", STRANGER, TopicArn=arn, Message="m")
        told.append(caught.value.message.replace(arn, "-"))
    assert told[0] == told[1]
    arn = world.subscribe(there, QUEUE)
    for operation in ("GetSubscriptionAttributes", "Unsubscribe"):
        with pytest.raises(ServiceError, match="AuthorizationError"):
            world.call("sns", operation, STRANGER, SubscriptionArn=arn)


def test_tags(world: TopicsWorld, client: Client) -> None:
    """Tags are set, overwritten and removed; fifty are enough."""
    topic = world.topic()
    tag = {"Key": "a", "Value": "1"}
    client("TagResource", ResourceArn=topic, Tags=[tag, {"Key": "b", "Value": ""}])
    client("TagResource", ResourceArn=topic, Tags=[{**tag, "Value": "2"}])
    client("UntagResource", ResourceArn=topic, TagKeys=["b", "c"])
    told = client("ListTagsForResource", ResourceArn=topic)["Tags"]
    assert told == [{"Key": "a", "Value": "2"}]
    many = [{"Key": str(at), "Value": ""} for at in range(50)]
    error = client("TagResource", ResourceArn=topic, Tags=many)["Error"]
    assert error["Code"] == "TagLimitExceeded"
    error = client("TagResource", ResourceArn=topic_arn("none"), Tags=[tag])["Error"]
    assert error["Code"] == "ResourceNotFound"


def test_limits(world: TopicsWorld) -> None:
    """A FIFO topic has a hundred subscriptions, a topic two hundred filter policies."""
    fifo = world.topic("t.fifo")
    for at in range(100):
        world.subscribe(fifo, f"{QUEUE}{at}")
    with pytest.raises(ServiceError, match="SubscriptionLimitExceeded"):
        world.subscribe(fifo, QUEUE)
    topic = world.topic()
    for at in range(200):
        world.subscribe(topic, f"{QUEUE}{at}", FilterPolicy='{"a":["b"]}')
    with pytest.raises(ServiceError, match="FilterPolicyLimitExceeded"):
        world.subscribe(topic, QUEUE, FilterPolicy='{"a":["b"]}')
    arn = world.subscribe(topic, QUEUE)
    with pytest.raises(ServiceError, match="FilterPolicyLimitExceeded"):
        world.set_attribute(arn, "FilterPolicy", '{"a":["b"]}')


def test_a_reset_forgets_one_account(world: TopicsWorld) -> None:
    """A reset takes an account's topics and subscriptions, and leaves the others'."""
    mine, theirs = world.topic(), world.topic("t", STRANGER)
    world.subscribe(mine, QUEUE)
    world.subscribe(theirs, f"arn:aws:sqs:{REGION}:{OTHER}:q", "sqs", STRANGER)
    world.call("sns", "ResetAccount", CALLER)
    assert world.call("sns", "ListTopics")["Topics"] == []
    left = world.call("sns", "ListSubscriptions", STRANGER)["Subscriptions"]
    assert [one["TopicArn"] for one in left] == [theirs]


def test_data_protection_is_refused(world: TopicsWorld, client: Client) -> None:
    """Messages are not inspected, so no policy says that they were."""
    topic = world.topic()
    told = client("PutDataProtectionPolicy", ResourceArn=topic, DataProtectionPolicy="{}")
    assert told["Error"]["Code"] == "InvalidParameter"
    assert client("CreateTopic", Name="other", DataProtectionPolicy="{}")["Error"]["Code"] == (
        "InvalidParameter"
    )
    assert "Error" not in client("GetDataProtectionPolicy", ResourceArn=topic)
