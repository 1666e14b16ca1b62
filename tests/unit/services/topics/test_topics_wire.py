"""The operations as botocore asks them and reads them, over Query."""

from __future__ import annotations

from events_world import ACCOUNT, REGION
from topics_rig import MODEL, OTHER, Client, TopicsWorld, text_attribute

from redrive.services.topics.labels import UNOFFERED

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def test_from_topic_to_queue(world: TopicsWorld, client: Client) -> None:
    """A topic is made, subscribed to, published to and deleted by an SDK."""
    topic = client("CreateTopic", Name="t", Tags=[{"Key": "k", "Value": "v"}])["TopicArn"]
    assert topic == f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
    world.queue("q")
    raw = {"RawMessageDelivery": "true"}
    made = client("Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE, Attributes=raw)
    arn = made["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    attributes = {"a": text_attribute("1"), "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    done = client("Publish", TopicArn=topic, Message="hello", MessageAttributes=attributes)
    assert len(done["MessageId"]) == 36
    world.pass_s(1)
    (message,) = world.messages("q")
    assert message["Body"] == "hello"
    assert {name: value["DataType"] for name, value in message["MessageAttributes"].items()} == {
        "a": "String",
        "b": "Binary",
    }
    entries = [{"Id": "1", "Message": "x"}, {"Id": "2", "Message": "y"}]
    batch = client("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [entry["Id"] for entry in batch["Successful"]] == ["1", "2"]
    assert batch["Failed"] == []
    told = client("ListSubscriptionsByTopic", TopicArn=topic)["Subscriptions"]
    assert told == [
        {
            "SubscriptionArn": arn,
            "Owner": ACCOUNT,
            "Protocol": "sqs",
            "Endpoint": QUEUE,
            "TopicArn": topic,
        }
    ]
    assert client("ListSubscriptions")["Subscriptions"] == told
    assert client("ListTagsForResource", ResourceArn=topic)["Tags"] == [{"Key": "k", "Value": "v"}]
    shown = client("GetTopicAttributes", TopicArn=topic)["Attributes"]
    assert (shown["SubscriptionsConfirmed"], shown["Owner"]) == ("1", ACCOUNT)
    for _ in range(2):
        client("Unsubscribe", SubscriptionArn=arn)
        client("DeleteTopic", TopicArn=topic)
    assert client("ListTopics")["Topics"] == []
    assert client("ListSubscriptions")["Subscriptions"] == []


def test_lists_go_by_pages(client: Client) -> None:
    """Topics come a hundred at a time, each once, and only the caller's."""
    for at in range(205):
        client("CreateTopic", Name=f"t{at:03d}")
    names, token = [], None
    sizes = []
    while True:
        page = client("ListTopics", **({"NextToken": token} if token else {}))
        sizes.append(len(page["Topics"]))
        names += [topic["TopicArn"].rpartition(":")[2] for topic in page["Topics"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert names == [f"t{at:03d}" for at in range(205)]
    assert sizes == [100, 100, 5]


def test_accounts_see_their_own(world: TopicsWorld, client: Client) -> None:
    """Nothing of one account is shown to another."""
    topic = world.topic()
    world.subscribe(topic, QUEUE)
    other = Client(world, OTHER)
    assert other("ListTopics")["Topics"] == []
    assert other("ListSubscriptions")["Subscriptions"] == []
    told = other("GetTopicAttributes", TopicArn=topic)
    assert told["Error"]["Code"] == "AuthorizationError"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 403
    mine = other("CreateTopic", Name="t")["TopicArn"]
    assert mine == f"arn:aws:sns:{REGION}:{OTHER}:t"
    world.call("sns", "ResetAccount")
    assert client("ListTopics")["Topics"] == []
    assert len(other("ListTopics")["Topics"]) == 1


def test_every_operation_is_served_or_refused(world: TopicsWorld) -> None:
    """Each operation of the model exists; what is not offered is refused in the model's words."""
    for name in MODEL.operation_names:
        assert world.registry.has("sns", name), name
        codes = [shape.error_code for shape in MODEL.operation_model(name).error_shapes]
        assert name not in UNOFFERED or "InvalidParameter" in codes


def test_what_is_not_offered(client: Client) -> None:
    """Lists of what cannot exist are empty, and making it is refused with a reason."""
    assert client("ListPlatformApplications")["PlatformApplications"] == []
    assert client("ListPhoneNumbersOptedOut")["phoneNumbers"] == []
    assert client("GetSMSAttributes")["attributes"] == {}
    assert client("CheckIfPhoneNumberIsOptedOut", phoneNumber="+155501000")["isOptedOut"] is False
    told = client("CreatePlatformApplication", Name="a", Platform="GCM", Attributes={"a": "b"})
    assert told["Error"]["Code"] == "InvalidParameter"
    assert "Mobile apps are not notified" in told["Error"]["Message"]
    client("CreateTopic", Name="t")
    for protocol, endpoint in (("email", "a@b.c"), ("sms", "+155501000"), ("firehose", "arn:a")):
        told = client(
            "Subscribe",
            TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:t",
            Protocol=protocol,
            Endpoint=endpoint,
        )
        assert told["Error"]["Message"] == (
            f"Invalid parameter: Protocol Reason: this server does not deliver by {protocol}"
        )
