"""From a message to its subscribers: forms, order, duplicates, dead letters, crashes."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from events_world import ACCOUNT, REGION
from stand_ins import failing
from topics_rig import Client, TopicsWorld, text_attribute

from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS


def redrive(queue: str) -> str:
    """A RedrivePolicy."""
    return json.dumps({"deadLetterTargetArn": queue})


def ordered(topic: TopicsWorld, arn: str, *messages: str, group: str = "g") -> list[Any]:
    """Publish messages to a FIFO topic, each its own deduplication id."""
    given = {"MessageGroupId": group}
    return [topic.publish(arn, text, MessageDeduplicationId=text, **given) for text in messages]


# --- forms --------------------------------------------------------------------------------------


def test_a_notification_is_written_as_aws_writes_it(world: TopicsWorld) -> None:
    """The JSON of a notification has AWS's members in AWS's order and form."""
    topic = world.topic()
    arn = world.subscribe(topic, world.queue("q"))
    attributes = {
        "a": text_attribute("ä"),
        "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        "n": {"DataType": "Number", "StringValue": "1.5"},
    }
    identity = world.publish(topic, 'say "hi"\n', Subject="s", MessageAttributes=attributes)
    (body,) = world.bodies("q")
    told = json.loads(body)
    signed, url = told["Signature"], told["SigningCertURL"]
    assert url.startswith("http://127.0.0.1:4566/SimpleNotificationService-")
    assert body == "\n".join(
        [
            "{",
            '  "Type" : "Notification",',
            f'  "MessageId" : "{identity["MessageId"]}",',
            f'  "TopicArn" : "{topic}",',
            '  "Subject" : "s",',
            '  "Message" : "say \\"hi\\"\\n",',
            '  "Timestamp" : "2027-01-15T08:00:00.000Z",',
            '  "SignatureVersion" : "1",',
            f'  "Signature" : "{signed}",',
            f'  "SigningCertURL" : "{url}",',
            '  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn='
            f'{arn}",',
            '  "MessageAttributes" : {',
            '    "a" : {"Type":"String","Value":"ä"},',
            '    "b" : {"Type":"Binary","Value":"AP8="},',
            '    "n" : {"Type":"Number","Value":"1.5"}',
            "  }",
            "}",
        ]
    )


@pytest.mark.parametrize("text", ["\x00\x01", "\ufffe\uffff", "\U0001f600", "\u2028", "é" * 1000])
def test_all_texts_arrive(world: TopicsWorld, text: str) -> None:
    """What a queue takes in no message arrives within a notification."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"))
    world.publish(topic, text)
    assert [note["Message"] for note in world.notices("q")] == [text]


def test_raw_messages(world: TopicsWorld) -> None:
    """A raw message is the text and the attributes, and nothing else."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"), RawMessageDelivery="true")
    attributes = {
        "a": text_attribute("x"),
        "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        "c": {"DataType": "String.Array", "StringValue": '["x"]'},
    }
    world.publish(topic, "hello", Subject="s", MessageAttributes=attributes)
    (message,) = world.messages("q")
    assert message["Body"] == "hello"
    shown = message["MessageAttributes"]
    assert shown["a"] == text_attribute("x")
    assert shown["b"] == {"DataType": "Binary", "BinaryValue": b64encode(b"\0\xff").decode()}
    assert shown["c"] == {"DataType": "String.Array", "StringValue": '["x"]'}


def test_functions_get_records(world: TopicsWorld) -> None:
    """A function is invoked with one record, its own subscription and null for no subject."""
    topic = world.topic()
    arn = world.subscribe(topic, world.function(), "lambda")
    identity = world.publish(topic, "hello", MessageAttributes={"a": text_attribute("x")})
    (event,) = world.events()
    (record,) = event["Records"]
    assert list(record) == ["EventVersion", "EventSubscriptionArn", "EventSource", "Sns"]
    assert (record["EventVersion"], record["EventSource"]) == ("1.0", "aws:sns")
    assert record["EventSubscriptionArn"] == arn
    told = record["Sns"]
    assert set(told) == {
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertUrl",
        "UnsubscribeUrl",
        "MessageAttributes",
    }
    assert (told["Subject"], told["Message"]) == (None, "hello")
    assert told["MessageId"] == identity["MessageId"]
    assert told["MessageAttributes"] == {"a": {"Type": "String", "Value": "x"}}


def test_a_text_for_each_protocol(world: TopicsWorld) -> None:
    """With MessageStructure json each protocol gets its own text, the others the default."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"))
    world.subscribe(topic, world.function(), "lambda")
    texts = {"default": "d", "sqs": "s", "lambda": 7, "carrier-pigeon": "c"}
    world.publish(topic, json.dumps(texts), MessageStructure="json")
    assert [note["Message"] for note in world.notices("q")] == ["s"]
    assert world.events()[0]["Records"][0]["Sns"]["Message"] == "d"


def test_groups_of_standard_topics_reach_fair_queues(world: TopicsWorld) -> None:
    """A message group of a standard topic is passed on to a standard queue."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"))
    world.publish(topic, MessageGroupId="tenant")
    (message,) = world.messages("q")
    assert message["Attributes"]["MessageGroupId"] == "tenant"


# --- sizes --------------------------------------------------------------------------------------


def test_sizes_follow_the_topic(world: TopicsWorld) -> None:
    """A topic takes what its MaximumMessageSize says, attributes included, to the byte."""
    small = world.topic("small", MaximumMessageSize="1024")
    world.publish(small, "x" * 1024)
    with pytest.raises(ServiceError, match="Message too long"):
        world.publish(small, "x" * 1025)
    with pytest.raises(ServiceError, match="Message too long"):
        world.publish(small, "x" * 1016, MessageAttributes={"ab": text_attribute("c")})
    large = world.topic("large", MaximumMessageSize="1048576")
    world.subscribe(large, world.queue("q"), RawMessageDelivery="true")
    world.publish(large, "x" * 1_048_576)
    assert [len(body) for body in world.bodies("q")] == [1_048_576]
    with pytest.raises(ServiceError, match="must be an Amazon SQS"):
        world.subscribe(large, "https://example.com/", "https")


# --- dead letters -------------------------------------------------------------------------------


def test_a_dead_subscription_keeps_its_messages(world: TopicsWorld) -> None:
    """A queue that is gone is a client-side error: the message is in the dead-letter queue at
    once, as it would have been delivered.
    """
    topic = world.topic()
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    policy = redrive(world.queue("dead"))
    raw = world.subscribe(topic, gone, RawMessageDelivery="true", RedrivePolicy=policy)
    world.subscribe(topic, world.queue("q"))
    world.publish(topic, "hello", MessageAttributes={"a": text_attribute("x")})
    (message,) = world.messages("dead")
    assert message["Body"] == "hello"
    attributes = message["MessageAttributes"]
    assert attributes["a"] == text_attribute("x")
    assert {"RequestID", "ErrorCode", "ErrorMessage"} <= set(attributes)
    world.set_attribute(raw, "RawMessageDelivery", "false")
    world.publish(topic, "hello")
    (note,) = world.notices("dead")
    assert note["Message"] == "hello"
    assert note["UnsubscribeURL"].endswith(raw)
    assert len(world.bodies("q")) == 2
    assert world.counted("NumberOfMessagesPublished") == 2
    assert world.counted("PublishSize") == 18  # of which the attribute is 8
    assert world.counted("NumberOfNotificationsDelivered") == 2
    assert world.counted("NumberOfNotificationsFailed") == 2
    assert world.counted("NumberOfNotificationsRedrivenToDlq") == 2


def test_too_many_attributes_for_a_raw_message(world: TopicsWorld) -> None:
    """Eleven attributes are too many for a queue: the message goes to the dead-letter queue, as
    JSON, which holds them all.
    """
    topic = world.topic()
    policy = redrive(world.queue("dead"))
    world.subscribe(topic, world.queue("q"), RawMessageDelivery="true", RedrivePolicy=policy)
    attributes = {f"a{at}": text_attribute("x") for at in range(11)}
    world.publish(topic, MessageAttributes=attributes)
    assert world.bodies("q") == []
    (note,) = world.notices("dead")
    assert set(note["MessageAttributes"]) == set(attributes)


def test_a_dead_letter_queue_that_is_gone(world: TopicsWorld) -> None:
    """What not even the dead-letter queue takes is given up, told and counted."""
    topic = world.topic()
    missing = [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("gone", "dead")]
    world.subscribe(topic, missing[0], RedrivePolicy=redrive(missing[1]))
    world.publish(topic)
    world.pass_s(60)
    assert world.given_up
    assert world.counted("NumberOfNotificationsFailedToRedriveToDlq") == 1


def test_a_passing_fault_is_retried_for_weeks(world: TopicsWorld) -> None:
    """While a queue's store is away the message is owed, for as long as AWS's ladder lasts."""
    topic = world.topic()
    world.subscribe(topic, world.function("f"), "lambda")
    world.registry.away.add(("lambda", "Invoke"))
    world.publish(topic)
    world.pass_s(600)
    assert world.events("f") == []
    world.registry.away.clear()
    world.pass_s(600)
    assert len(world.events("f")) == 1
    assert not world.given_up


def test_a_function_that_raises_has_taken_the_message(world: TopicsWorld) -> None:
    """SNS's part ends when Lambda has the event; its retries are Lambda's."""
    topic = world.topic()
    world.scripts["f"] = failing
    policy = redrive(world.queue("dead"))
    world.subscribe(topic, world.function("f"), "lambda", RedrivePolicy=policy)
    world.publish(topic)
    world.pass_s(3600)
    assert len(world.events("f")) == 3
    assert world.bodies("dead") == []


def test_what_was_published_survives_a_crash(world: TopicsWorld) -> None:
    """A crash right after a message was accepted costs none of its deliveries."""
    topic = world.topic()
    for name in ("a", "b"):
        world.subscribe(topic, world.queue(name), RawMessageDelivery="true")
    world.registry.away.add(("sqs", "SendMessage"))
    world.publish(topic, "m")
    world.crash()
    world.pass_s(60)
    assert (world.bodies("a"), world.bodies("b")) == (["m"], ["m"])


# --- FIFO ---------------------------------------------------------------------------------------


def test_order_and_numbers(world: TopicsWorld) -> None:
    """Messages of a group arrive in their order, with growing numbers of twenty digits."""
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q.fifo"))
    told = ordered(world, topic, *"abcdef")
    numbers = [one["SequenceNumber"] for one in told]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {20}
    messages = world.messages("q.fifo")
    notes = [json.loads(message["Body"]) for message in messages]
    assert [note["Message"] for note in notes] == [*"abcdef"]
    assert [note["SequenceNumber"] for note in notes] == numbers
    assert list(notes[0]) == [
        "Type",
        "MessageId",
        "SequenceNumber",
        "TopicArn",
        "Message",
        "Timestamp",
        "UnsubscribeURL",
    ]
    first = messages[0]["Attributes"]
    assert (first["MessageGroupId"], first["MessageDeduplicationId"]) == ("g", "a")


def test_a_fault_does_not_break_the_order(world: TopicsWorld) -> None:
    """While one message of a group is retried, those after it wait, and other groups do not."""
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q.fifo"), RawMessageDelivery="true")
    world.registry.away.add(("sqs", "SendMessage"))
    ordered(world, topic, "a1", group="a")
    world.registry.away.clear()
    ordered(world, topic, "a2", group="a")
    ordered(world, topic, "b1", group="b")
    assert world.bodies("q.fifo") == ["b1"]
    world.pass_s(60)
    assert world.bodies("q.fifo") == ["a1", "a2"]


def test_duplicates_for_five_minutes(world: TopicsWorld) -> None:
    """An id is accepted again and not delivered, for five minutes, restarts included."""
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q.fifo"), RawMessageDelivery="true")
    first = ordered(world, topic, "a")
    world.crash()
    assert ordered(world, topic, "a", group="other") == first
    world.pass_s(299.9)
    assert ordered(world, topic, "a") == first
    assert world.bodies("q.fifo") == ["a"]
    world.pass_s(0.1)
    assert ordered(world, topic, "a") != first
    assert world.bodies("q.fifo") == ["a"]


def test_duplicates_within_a_group(world: TopicsWorld) -> None:
    """With FifoThroughputScope MessageGroup an id counts for its group."""
    topic = world.topic("t.fifo", FifoThroughputScope="MessageGroup")
    world.subscribe(topic, world.queue("q"))
    ordered(world, topic, "x", group="a")
    ordered(world, topic, "x", group="a")
    ordered(world, topic, "x", group="b")
    assert len(world.bodies("q")) == 2


def test_duplicates_by_content(world: TopicsWorld) -> None:
    """With ContentBasedDeduplication the body is the id, an explicit one goes before it."""
    topic = world.topic("t.fifo", ContentBasedDeduplication="true")
    world.subscribe(topic, world.queue("q.fifo"), RawMessageDelivery="true")
    group = {"MessageGroupId": "g"}
    for text in ("a", "a", "b"):
        world.publish(topic, text, **group)
    world.publish(topic, "a", MessageDeduplicationId="own", **group)
    assert world.bodies("q.fifo") == ["a", "b", "a"]


def test_ids_are_forgotten(world: TopicsWorld) -> None:
    """Ids whose time is over go as others come: the table does not grow for ever."""
    topic = world.topic("t.fifo")
    for at in range(20):
        ordered(world, topic, f"m{at}")
        world.pass_s(100)

    def count(tx: Any) -> int:
        rows = [
            tx.one(_Row, "topics.published", topic=1, scope="", dedup_id=f"m{at}", now_ms=0)
            for at in range(20)
        ]
        return sum(row is not None for row in rows)

    assert world.store.transact(count) <= 4


class _Row(tuple[Any, ...]):
    @classmethod
    def _make(cls, values: Any) -> _Row:
        return cls(values)


def test_fifo_topics_have_their_own_subscribers(world: TopicsWorld) -> None:
    """Queues of both kinds may be subscribed to a FIFO topic; functions may not."""
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q"))
    with pytest.raises(ServiceError, match="can not be subscribed to FIFO SNS topics"):
        world.subscribe(topic, world.function(), "lambda")


# --- batches ------------------------------------------------------------------------------------


def test_a_batch_is_in_order_and_without_duplicates(world: TopicsWorld) -> None:
    """Entries are published one after the other; a duplicate is accepted and not delivered."""
    topic = world.topic("t.fifo", ContentBasedDeduplication="true")
    world.subscribe(topic, world.queue("q.fifo"), RawMessageDelivery="true")
    entries = [
        {"Id": str(at), "Message": text, "MessageGroupId": "g"} for at, text in enumerate("abca")
    ]
    told = world.call("sns", "PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    done = told["Successful"]
    assert [one["Id"] for one in done] == ["0", "1", "2", "3"]
    assert done[0]["SequenceNumber"] == done[3]["SequenceNumber"]
    assert world.bodies("q.fifo") == [*"abc"]


def test_a_batch_fills_a_topics_limit(world: TopicsWorld) -> None:
    """All messages of a batch together may be as long as one alone, to the byte."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"), RawMessageDelivery="true")
    entries = [{"Id": str(at), "Message": "x" * 131_072} for at in range(2)]
    world.call("sns", "PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [len(body) for body in world.bodies("q")] == [131_072, 131_072]


def test_a_batch_that_is_empty(client: Client, world: TopicsWorld) -> None:
    """A batch of nothing is refused."""
    told = client("PublishBatch", TopicArn=world.topic(), PublishBatchRequestEntries=[])
    assert told["Error"]["Code"] == "EmptyBatchRequest"


# --- other services -----------------------------------------------------------------------------


def test_a_function_has_a_topic_as_destination_and_dead_letter_queue(world: TopicsWorld) -> None:
    """What a function gives up is published to a topic, and from there to a queue."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"), RawMessageDelivery="true")
    world.scripts["f"] = failing
    world.function("f", DeadLetterConfig={"TargetArn": topic})
    world.call(
        "lambda",
        "PutFunctionEventInvokeConfig",
        FunctionName="f",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": topic}},
    )
    world.call("lambda", "Invoke", FunctionName="f", InvocationType="Event", Payload=b'{"a":1}')
    world.pass_s(60)
    messages = world.messages("q")
    letter = next(message for message in messages if message["Body"] == '{"a":1}')
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
    (record,) = [json.loads(one["Body"]) for one in messages if one is not letter]
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"a": 1}


def test_topics_are_forgotten_whole(world: TopicsWorld) -> None:
    """With a topic go its subscriptions and its ids; one of the same name begins anew."""
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q.fifo"), RawMessageDelivery="true")
    ordered(world, topic, "a")
    world.call("sns", "DeleteTopic", TopicArn=topic)
    assert world.call("sns", "ListSubscriptions")["Subscriptions"] == []
    assert world.topic("t.fifo") == topic
    ordered(world, topic, "b")
    world.pass_s(DAY_MS / 1000)
    assert world.bodies("q.fifo") == ["a"]
