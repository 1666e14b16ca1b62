"""Every error that AWS was seen to give for SNS and that can be met here: status, code, text.

Each line is AWS's recorded answer (LocalStack's AWS-validated snapshots of test_sns); code is what
SDKs show as Error.Code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from events_world import ACCOUNT, REGION
from topics_rig import Client, TopicsWorld, text_attribute, topic_arn

Params = dict[str, Any]
Arrange = Callable[[TopicsWorld], Params]

INVALID = "InvalidParameter"
VALUE = "ParameterValueInvalid"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
NO_PLACE = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
QUOTE = (
    "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to"
    f" start field name\n at [Source: {NO_PLACE}; line: 1, column: 2]"
)
TOKEN = (
    "failed to parse JSON. Unrecognized token 'invalid': was expecting (JSON String, Number, Array,"
    f" Object or token 'null', 'true' or 'false')\n at [Source: {NO_PLACE}; line: 1, column: 8]"
)


class Line(NamedTuple):
    """One line of the sheet: arrange makes what it needs and returns the request's params."""

    operation: str
    arrange: Arrange
    text: str
    code: str = INVALID
    status: int = 400


def plain(**params: Any) -> Arrange:
    """A request that needs nothing."""
    return lambda world: params


def to_topic(name: str = "t", **params: Any) -> Arrange:
    """A request to a topic that is there."""
    return lambda world: {"TopicArn": world.topic(name), **params}


def publishing(**params: Any) -> Arrange:
    """A message to a standard topic."""
    return to_topic(**{"Message": "m", **params})


def subscribing(**attributes: str) -> Arrange:
    """A queue subscribed with attributes."""
    return to_topic(Protocol="sqs", Endpoint=QUEUE, Attributes=attributes)


def setting(name: str, value: str, topic: str = "t", endpoint: str = QUEUE) -> Arrange:
    """An attribute set of a subscription that is there."""

    def arrange(world: TopicsWorld) -> Params:
        arn = world.subscribe(world.topic(topic), endpoint)
        return {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}

    return arrange


def batch(*entries: Params, topic: str = "t") -> Arrange:
    """A batch to a topic."""
    return to_topic(topic, PublishBatchRequestEntries=list(entries))


def attributed(name: str = "attr1", **value: Any) -> Arrange:
    """A message with one attribute."""
    return publishing(MessageAttributes={name: value})


def created(name: str, before: Params, now: Params) -> Arrange:
    """A topic created a second time."""

    def arrange(world: TopicsWorld) -> Params:
        world.call("sns", "CreateTopic", Name=name, **before)
        return {"Name": name, **now}

    return arrange


def subscribed_again(world: TopicsWorld) -> Params:
    """A queue subscribed a second time, otherwise."""
    topic = world.topic()
    world.subscribe(topic, QUEUE)
    given = {"RawMessageDelivery": "true"}
    return {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": given}


def permitted(world: TopicsWorld) -> Params:
    """A topic with a permission."""
    given = {
        "TopicArn": world.topic(),
        "Label": "l",
        "AWSAccountId": ["111122223333"],
        "ActionName": ["Publish"],
    }
    world.call("sns", "AddPermission", **given)
    return given


def elements(member: str, count: int) -> str:
    """The text for an ARN that is too short."""
    return f"Invalid parameter: {member} Reason: An ARN must have at least 6 elements, not {count}"


ENTRY = {"Id": "1", "Message": "m"}
MISSING = "arn:aws:sns:us-east-1:000000000000:t:00000000-0000-4000-8000-0000000000ff"
TYPES = (
    "The message attribute 'attr1' has an invalid message attribute type, the set of supported type"
    " prefixes is Binary, Number, and String."
)
DEDUP = (
    "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or"
    " MessageDeduplicationId provided explicitly"
)
DATA_TYPE = (
    "1 validation error detected: Value null at '{}messageAttributes.attr1.member.dataType' failed"
    " to satisfy constraint: Member must not be null"
)


def empty(kind: str) -> str:
    """The text for an attribute without a value."""
    return (
        "The message attribute 'attr1' must contain non-empty message attribute value for message"
        f" attribute type '{kind}'."
    )


def field(kind: str, name: str) -> str:
    """The text for a value in the wrong field."""
    return f"The message attribute 'attr1' with type '{kind}' must use field '{name}'."


SHEET = [
    Line(
        "GetTopicAttributes",
        plain(TopicArn=topic_arn("none")),
        "Topic does not exist",
        "NotFound",
        404,
    ),
    Line("GetTopicAttributes", plain(TopicArn="topic"), elements("TopicArn", 1)),
    Line(
        "CreateTopic",
        plain(Name="t", Tags=[{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]),
        "Invalid parameter: Duplicated keys are not allowed.",
    ),
    Line(
        "CreateTopic",
        created("t", {}, {"Tags": [{"Key": "k", "Value": "1"}]}),
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    ),
    Line(
        "CreateTopic",
        created("t", {"Attributes": {"DisplayName": "a"}}, {"Attributes": {"DisplayName": "b"}}),
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    ),
    Line("CreateTopic", plain(Name="a b"), "Invalid parameter: Topic Name"),
    Line("CreateTopic", plain(Name="x" * 257), "Invalid parameter: Topic Name"),
    Line("CreateTopic", plain(Name="t.fifo"), "Invalid parameter: Topic Name"),
    Line("Publish", plain(TopicArn="a:b", Message="m"), elements("TopicArn", 2)),
    Line(
        "Publish",
        plain(TargetArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:endpoint/APNS/a/b", Message="m"),
        "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
    ),
    Line(
        "Publish",
        plain(TopicArn=topic_arn("none"), Message="m"),
        "Topic does not exist",
        "NotFound",
        404,
    ),
    Line(
        "Publish",
        plain(TopicArn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:t", Message="m"),
        "Invalid parameter: TopicArn",
    ),
    Line("Publish", publishing(Subject=""), "Invalid parameter: Subject"),
    Line("Publish", publishing(Subject="x" * 101), "Invalid parameter: Subject"),
    Line("Publish", publishing(Subject="a\nb"), "Invalid parameter: Subject"),
    Line("Publish", publishing(Message=""), "Invalid parameter: Empty message"),
    Line("Publish", publishing(Message="x" * 262_145), "Invalid parameter: Message too long"),
    Line(
        "Publish",
        publishing(Message="x" * 262_140, MessageAttributes={"a": {**text_attribute("bb")}}),
        "Invalid parameter: Message too long",
    ),
    Line(
        "Publish",
        publishing(Message='{"sqs":"m"}', MessageStructure="json"),
        "Invalid parameter: Message Structure - No default entry in JSON message body",
    ),
    Line(
        "Publish",
        publishing(Message='{"default":1}', MessageStructure="json"),
        "Invalid parameter: Message Structure - No default entry in JSON message body",
    ),
    Line(
        "Publish",
        publishing(Message="m", MessageStructure="json"),
        "Invalid parameter: Message Structure - JSON message body failed to parse",
    ),
    Line(
        "Publish",
        publishing(Message='{"default":"a","default":"b"}', MessageStructure="json"),
        "Invalid parameter: Message Structure - JSON message body failed to parse",
    ),
    Line(
        "Publish",
        plain(PhoneNumber="+1a234", Message="m"),
        "Invalid parameter: PhoneNumber Reason: +1a234 is not valid to publish to",
    ),
    Line(
        "Publish",
        plain(PhoneNumber="NAA+15551234567", Message="m"),
        "Invalid parameter: PhoneNumber Reason: NAA+15551234567 is not valid to publish to",
    ),
    Line(
        "Publish",
        publishing(MessageDeduplicationId="d"),
        "Invalid parameter: MessageDeduplicationId Reason: The request includes"
        " MessageDeduplicationId parameter that is not valid for this topic type",
    ),
    Line(
        "Publish",
        to_topic("t.fifo", Message="m"),
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
    ),
    Line("Publish", to_topic("t.fifo", Message="m", MessageGroupId="g"), DEDUP),
    Line("Publish", attributed(DataType="String", StringValue=""), empty("String"), VALUE),
    Line("Publish", attributed(DataType="String"), empty("String"), VALUE),
    Line("Publish", attributed(DataType="Binary", BinaryValue=b""), empty("Binary"), VALUE),
    Line(
        "Publish", attributed(DataType="String", BinaryValue=b"b"), field("String", "String"), VALUE
    ),
    Line(
        "Publish", attributed(DataType="Number", BinaryValue=b"b"), field("Number", "String"), VALUE
    ),
    Line(
        "Publish", attributed(DataType="Binary", StringValue="s"), field("Binary", "Binary"), VALUE
    ),
    Line("Publish", attributed(DataType="invalid", StringValue="s"), TYPES, VALUE),
    Line("Publish", attributed(StringValue="s"), DATA_TYPE.format(""), "ValidationError"),
    Line(
        "PublishBatch",
        batch({**ENTRY, "MessageAttributes": {"attr1": {"StringValue": "s"}}}),
        DATA_TYPE.format("publishBatchRequestEntries.1.member."),
        "ValidationError",
    ),
    Line(
        "Publish",
        attributed("a" * 257, **text_attribute("s")),
        "Length of message attribute name must be less than 256 bytes.",
        VALUE,
    ),
    Line(
        "Publish",
        attributed("a^", **text_attribute("s")),
        "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can"
        " only include alphanumeric characters, hyphens, underscores, or dots.",
        VALUE,
    ),
    Line(
        "Publish",
        attributed(".a", **text_attribute("s")),
        "Invalid message attribute name starting with character '.' was found.",
        VALUE,
    ),
    Line(
        "Publish",
        attributed("a.", **text_attribute("s")),
        "Invalid message attribute name ending with character '.' was found.",
        VALUE,
    ),
    Line(
        "Publish",
        attributed("a..b", **text_attribute("s")),
        "Message attribute name can not have successive '.' character.",
        VALUE,
    ),
    Line(
        "PublishBatch",
        batch(*({"Id": str(at), "Message": "m"} for at in range(11))),
        "The batch request contains more entries than permissible.",
        "TooManyEntriesInBatchRequest",
    ),
    Line(
        "PublishBatch",
        batch(ENTRY, ENTRY),
        "Two or more batch entries in the request have the same Id.",
        "BatchEntryIdsNotDistinct",
    ),
    Line(
        "PublishBatch",
        batch({"Id": "message.id", "Message": "m"}),
        "The Id of a batch entry in the batch request contains an impermissible character:"
        " message.id",
        "InvalidBatchEntryId",
    ),
    Line(
        "PublishBatch",
        batch({"Id": "msg@123#test", "Message": "m"}),
        "The Id of a batch entry in the batch request contains an impermissible character:"
        " msg@123#test",
        "InvalidBatchEntryId",
    ),
    Line(
        "PublishBatch",
        batch({"Id": "a" * 81, "Message": "m"}),
        f"The Id of a batch entry in the batch request is too long: {'a' * 81}",
        "InvalidBatchEntryId",
    ),
    Line(
        "PublishBatch",
        batch(*({"Id": str(at), "Message": "x" * (131_072 + at)} for at in range(2))),
        "The length of all the messages put together is more than the limit.",
        "BatchRequestTooLong",
    ),
    Line(
        "PublishBatch",
        batch(ENTRY, topic="t.fifo"),
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
    ),
    Line("PublishBatch", batch({**ENTRY, "MessageGroupId": "g"}, topic="t.fifo"), DEDUP),
    Line(
        "Subscribe",
        to_topic(Protocol="test-protocol", Endpoint="e"),
        "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol",
    ),
    Line(
        "Subscribe",
        to_topic(Protocol="sqs", Endpoint="http://localhost:4566/000000000000/q"),
        "Invalid parameter: SQS endpoint ARN",
    ),
    Line(
        "Subscribe",
        plain(TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}", Protocol="sqs", Endpoint=QUEUE),
        elements("TopicArn", 5),
    ),
    Line(
        "Subscribe",
        subscribing(RawMessageDelivery="wrongvalue"),
        "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must"
        " be true or false.",
    ),
    Line(
        "Subscribe",
        subscribing(FilterPolicy="invalid"),
        f"Invalid parameter: Attributes Reason: FilterPolicy: {TOKEN}",
    ),
    Line(
        "Subscribe",
        to_topic(Protocol="sqs", Endpoint=f"{QUEUE}.fifo"),
        "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be"
        " subscribed to standard SNS topics",
    ),
    Line(
        "Subscribe",
        subscribed_again,
        "Invalid parameter: Attributes Reason: Subscription already exists with different"
        " attributes",
    ),
    *(
        Line(
            "Subscribe",
            to_topic(Protocol="sms", Endpoint=number),
            f"Invalid SMS endpoint: {number}",
        )
        for number in (
            "invalid-number",
            "NAA+15551234567",
            "+15--551234567",
            "+15551234567.",
            "/+15551234567",
        )
    ),
    Line(
        "GetSubscriptionAttributes",
        plain(SubscriptionArn=MISSING),
        "Subscription does not exist",
        "NotFound",
        404,
    ),
    Line(
        "SetSubscriptionAttributes",
        setting("InvalidName", "v"),
        "Invalid parameter: AttributeName",
    ),
    *(
        Line(
            "SetSubscriptionAttributes",
            setting("RawMessageDelivery", value),
            f"Invalid parameter: RawMessageDelivery: Invalid value [{value}]. Must be true or"
            " false.",
        )
        for value in ("test-ValUe", "")
    ),
    Line(
        "SetSubscriptionAttributes",
        setting("RedrivePolicy", json.dumps({"deadLetterTargetArn": "fake-arn"})),
        "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn",
    ),
    Line(
        "SetSubscriptionAttributes",
        setting("RedrivePolicy", "{invalidjson}"),
        f"Invalid parameter: RedrivePolicy: {QUOTE}",
    ),
    Line(
        "SetSubscriptionAttributes",
        setting("FilterPolicy", "{invalidjson}"),
        f"Invalid parameter: FilterPolicy: {QUOTE}",
    ),
    Line(
        "SetSubscriptionAttributes",
        setting("FilterPolicyScope", "RandomValue"),
        "Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. Please use either"
        " MessageBody or MessageAttributes",
    ),
    Line(
        "SetSubscriptionAttributes",
        setting(
            "RedrivePolicy", json.dumps({"deadLetterTargetArn": QUEUE}), "t.fifo", f"{QUEUE}.fifo"
        ),
        "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to"
        " a FIFO Topic.",
    ),
    Line("ConfirmSubscription", to_topic(Token="abc123"), "Invalid parameter: Token"),
    Line("ConfirmSubscription", to_topic(Token="a" * 288), "Invalid token"),
    Line(
        "ConfirmSubscription",
        plain(TopicArn="wrong", Token="a" * 288),
        "Invalid parameter: Topic",
    ),
    Line("Unsubscribe", plain(SubscriptionArn="random"), elements("SubscriptionArn", 1)),
    Line(
        "Unsubscribe",
        plain(SubscriptionArn="arn:aws:sns:us-east-1:random"),
        elements("SubscriptionArn", 5),
    ),
    Line(
        "Unsubscribe",
        plain(SubscriptionArn=f"{topic_arn('t')}:not-an-id"),
        "Invalid parameter: SubscriptionId",
    ),
    Line(
        "Unsubscribe",
        plain(SubscriptionArn=""),
        "Invalid parameter: SubscriptionArn Reason: no value for required parameter",
    ),
    Line("AddPermission", permitted, "Invalid parameter: Statement already exists"),
    Line(
        "AddPermission",
        to_topic(Label="l", AWSAccountId=["111122223333"], ActionName=["DeleteQueue"]),
        "Invalid parameter: Policy statement action out of service scope!",
    ),
    Line(
        "OptInPhoneNumber",
        plain(phoneNumber="invalid"),
        "Invalid parameter: PhoneNumber Reason: input incorrectly formatted",
    ),
    Line(
        "GetPlatformApplicationAttributes",
        plain(PlatformApplicationArn="wrong"),
        elements("PlatformApplicationArn", 1),
    ),
    Line(
        "GetPlatformApplicationAttributes",
        plain(PlatformApplicationArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:app/ADM/none"),
        "PlatformApplication does not exist",
        "NotFound",
        404,
    ),
    Line(
        "SetEndpointAttributes",
        plain(EndpointArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/ADM", Attributes={"a": "b"}),
        "Invalid parameter: EndpointArn Reason: Wrong number of slashes in relative portion of the"
        " ARN.",
    ),
    Line(
        "SetEndpointAttributes",
        plain(
            EndpointArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/ADM/a/b", Attributes={"a": "b"}
        ),
        "Endpoint does not exist",
        "NotFound",
        404,
    ),
]


@pytest.mark.parametrize("line", SHEET, ids=lambda line: f"{line.operation}: {line.text[:60]}")
def test_errors_are_aws_own(world: TopicsWorld, client: Client, line: Line) -> None:
    """Each mistake is told as AWS tells it, and changes nothing."""
    params = line.arrange(world)
    told = client(line.operation, **params)
    error = told["Error"]
    assert (error["Code"], error["Message"]) == (line.code, line.text)
    assert told["ResponseMetadata"]["HTTPStatusCode"] == line.status
    assert error["Type"] == "Sender"
    world.pass_s(1)
    assert not world.given_up
