"""Subscriptions that have to be confirmed: over HTTP, and queues of other accounts."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import orjson
import pytest
from events_world import REGION
from stand_ins import fetched
from topics_rig import OTHER, STRANGER, Client, TopicsWorld, text_attribute

from redrive.core.effects import Fetch, Reply
from redrive.core.errors import ServiceError

URL = "https://example.com/hook"


def told(fetch: Fetch) -> dict[str, str]:
    """What a request's body says."""
    return dict(json.loads(fetch.body))


def headers(fetch: Fetch) -> dict[str, str]:
    """A request's headers."""
    return dict(fetch.headers)


def visit(world: TopicsWorld, url: str) -> str:
    """Follow a link as a person does, with no credentials; return the answer's text."""
    parts = urlsplit(url)
    answer = Client(world, None).send("GET", f"{parts.path}?{parts.query}")
    return f"{answer.status} {answer.body.decode()}"


def confirmed(world: TopicsWorld, topic: str, url: str = URL, /, **attributes: str) -> str:
    """Subscribe a URL and confirm it; return the subscription's ARN."""
    arn = world.subscribe(topic, url, url.partition(":")[0], **attributes)
    visit(world, told(world.fetches[-1])["SubscribeURL"])
    world.fetches.clear()
    return arn


def test_an_endpoint_is_asked_first(world: TopicsWorld) -> None:
    """A URL gets nothing until somebody there has followed the link that it was sent."""
    topic = world.topic()
    arn = world.subscribe(topic, URL, "https")
    (ask,) = world.fetches
    assert (ask.method, ask.url) == ("POST", URL)
    assert headers(ask) == {
        "x-amz-sns-message-type": "SubscriptionConfirmation",
        "x-amz-sns-message-id": told(ask)["MessageId"],
        "x-amz-sns-topic-arn": topic,
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    assert list(told(ask)) == [
        "Type",
        "MessageId",
        "Token",
        "TopicArn",
        "Message",
        "SubscribeURL",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
    ]
    world.publish(topic)
    assert len(world.fetches) == 1
    assert world.attributes(arn)["PendingConfirmation"] == "true"
    listed = world.call("sns", "ListSubscriptions")["Subscriptions"]
    assert listed[0]["SubscriptionArn"] == "PendingConfirmation"

    assert arn in visit(world, told(ask)["SubscribeURL"])
    shown = world.attributes(arn)
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == (
        "false",
        "false",
    )
    assert arn in visit(world, told(ask)["SubscribeURL"])  # once more is no error
    identity = world.publish(topic, "hello")["MessageId"]
    notice = world.fetches[1]
    assert told(notice)["Message"] == "hello"
    assert headers(notice)["x-amz-sns-message-type"] == "Notification"
    assert headers(notice)["x-amz-sns-message-id"] == identity
    assert headers(notice)["x-amz-sns-subscription-arn"] == arn


def test_subscribe_tells_whether_it_is_confirmed(world: TopicsWorld, client: Client) -> None:
    """Without ReturnSubscriptionArn a pending subscription has no ARN; asked again, a new
    question is sent with the same token.
    """
    topic = world.topic()
    given = {"TopicArn": topic, "Protocol": "https", "Endpoint": URL}
    assert client("Subscribe", **given)["SubscriptionArn"] == "pending confirmation"
    arn = client("Subscribe", **given, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    first, second = map(told, world.fetches)
    assert first["Token"] == second["Token"]
    token = first["Token"]
    assert client("ConfirmSubscription", TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    assert world.attributes(arn)["ConfirmationWasAuthenticated"] == "true"
    assert client("Subscribe", **given)["SubscriptionArn"] == arn


def test_questions_are_open_for_two_days(world: TopicsWorld) -> None:
    """A token is good for two days; then the subscription is gone."""
    topic = world.topic()
    arn = world.subscribe(topic, URL, "https")
    link = told(world.fetches[0])["SubscribeURL"]
    world.pass_s(2 * 86_400)
    assert visit(world, link).startswith("400")
    assert world.call("sns", "ListSubscriptions")["Subscriptions"] == []
    assert world.subscribe(topic, URL, "https") != arn


def test_raw_posts(world: TopicsWorld) -> None:
    """Raw delivery posts the text alone, and says so; attributes are not sent."""
    topic = world.topic()
    arn = confirmed(world, topic, RawMessageDelivery="true")
    world.publish(topic, "hello", MessageAttributes={"a": text_attribute("x")})
    (post,) = world.fetches
    assert post.body == b"hello"
    assert headers(post)["x-amz-sns-rawdelivery"] == "true"
    assert headers(post)["x-amz-sns-subscription-arn"] == arn


def test_names_and_passwords_in_a_url(world: TopicsWorld) -> None:
    """Credentials in the URL become basic authentication and are not sent in the URL."""
    topic = world.topic()
    confirmed(world, topic, "http://me:p%40ss@example.com:81/x?y=1")
    world.publish(topic)
    (post,) = world.fetches
    assert post.url == "http://example.com:81/x?y=1"
    assert headers(post)["Authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_clients_error_is_final(world: TopicsWorld, status: int) -> None:
    """A status from 400 to 499 is not tried again."""
    topic = world.topic()
    policy = json.dumps({"deadLetterTargetArn": world.queue("dead")})
    confirmed(world, topic, RedrivePolicy=policy)
    world.server = fetched(status)
    world.publish(topic, "hello")
    assert len(world.fetches) == 1
    (message,) = world.messages("dead")
    assert json.loads(message["Body"])["Message"] == "hello"
    code = message["MessageAttributes"]["ErrorCode"]
    assert code == {"DataType": "Number", "StringValue": str(status)}


@pytest.mark.parametrize("status", [302, 429, 500, 503])
def test_other_failures_are_retried(world: TopicsWorld, status: int) -> None:
    """Other statuses are tried again by the default policy: three times, 20 seconds apart."""
    topic = world.topic()
    policy = json.dumps({"deadLetterTargetArn": world.queue("dead")})
    confirmed(world, topic, RedrivePolicy=policy)
    world.server = fetched(status)
    begin_ms = world.now_ms
    world.publish(topic)
    world.pass_s(600)
    posts = [
        at_ms - begin_ms
        for at_ms, service, operation, _params in world.registry.asked
        if (service, operation) == ("sns", "PostNotification") and at_ms >= begin_ms
    ]
    assert posts[-4:] == [0, 20_000, 40_000, 60_000]
    assert len(world.fetches) == 4
    assert len(world.bodies("dead")) == 1
    assert world.counted("NumberOfNotificationsFailed") == 4


def test_an_endpoint_that_does_not_answer(world: TopicsWorld) -> None:
    """A timeout is retried, and what answers later gets the message once more."""
    topic = world.topic()
    confirmed(world, topic)
    world.server = lambda _fetch: Reply(error=ServiceError("FetchTimeout", "no answer"))
    world.publish(topic)
    world.pass_s(10)
    world.server = fetched(204)
    world.pass_s(10)
    assert len(world.fetches) == 2
    assert not world.given_up


def test_delivery_policies(world: TopicsWorld) -> None:
    """A subscription's own policy goes before its topic's, unless that one forbids it."""
    retries = {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 1}
    topic_policy = {"http": {"defaultHealthyRetryPolicy": {**retries, "numRetries": 2}}}
    topic = world.topic(DeliveryPolicy=json.dumps(topic_policy))
    arn = confirmed(world, topic)
    world.server = fetched(500)
    world.publish(topic)
    world.pass_s(60)
    assert len(world.fetches) == 3
    own = {"healthyRetryPolicy": retries, "requestPolicy": {"headerContentType": "text/html"}}
    world.set_attribute(arn, "DeliveryPolicy", json.dumps(own))
    effective = json.loads(world.attributes(arn)["EffectiveDeliveryPolicy"])
    assert effective["healthyRetryPolicy"]["numRetries"] == 1
    world.fetches.clear()
    world.publish(topic)
    world.pass_s(60)
    assert len(world.fetches) == 2
    assert headers(world.fetches[0])["Content-Type"] == "text/html"
    topic_policy["http"]["disableSubscriptionOverrides"] = True  # type: ignore[assignment]
    params = {"AttributeName": "DeliveryPolicy", "AttributeValue": json.dumps(topic_policy)}
    world.call("sns", "SetTopicAttributes", TopicArn=topic, **params)
    world.fetches.clear()
    world.publish(topic)
    world.pass_s(60)
    assert len(world.fetches) == 3


def test_throttles(world: TopicsWorld) -> None:
    """maxReceivesPerSecond spreads the deliveries of a subscription, across restarts."""
    topic = world.topic()
    confirmed(world, topic, DeliveryPolicy='{"throttlePolicy":{"maxReceivesPerSecond":2}}')
    for at in range(5):
        world.publish(topic, str(at))
    assert len(world.fetches) == 1
    world.crash()
    world.pass_s(1)
    assert len(world.fetches) == 3
    world.pass_s(10)
    assert [told(fetch)["Message"] for fetch in world.fetches] == [*"01234"]


def test_whoever_has_the_link_may_unsubscribe(world: TopicsWorld) -> None:
    """The link in a notification ends the subscription; the endpoint is told, and may undo it."""
    topic = world.topic()
    arn = confirmed(world, topic)
    world.publish(topic)
    assert visit(world, told(world.fetches[0])["UnsubscribeURL"]).startswith("200")
    goodbye = told(world.fetches[1])
    assert goodbye["Type"] == "UnsubscribeConfirmation"
    assert headers(world.fetches[1])["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert world.call("sns", "ListSubscriptions")["Subscriptions"] == []
    world.publish(topic)
    assert len(world.fetches) == 2
    assert arn in visit(world, goodbye["SubscribeURL"])
    world.publish(topic, "again")
    assert told(world.fetches[2])["Message"] == "again"
    shown = world.call("sns", "GetTopicAttributes", TopicArn=topic)["Attributes"]
    assert (shown["SubscriptionsConfirmed"], shown["SubscriptionsDeleted"]) == ("1", "1")


def test_guarded_subscriptions(world: TopicsWorld, client: Client) -> None:
    """After AuthenticateOnUnsubscribe a link is not enough; the owner's key is."""
    topic = world.topic()
    arn = world.subscribe(topic, URL, "https")
    token = told(world.fetches[0])["Token"]
    client("ConfirmSubscription", TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    link = f"http://localhost/?Action=Unsubscribe&SubscriptionArn={arn}"
    assert visit(world, link).startswith("403")
    assert Client(world, OTHER)("Unsubscribe", SubscriptionArn=arn)["Error"]["Code"] == (
        "AuthorizationError"
    )
    assert "Error" not in client("Unsubscribe", SubscriptionArn=arn)
    assert world.call("sns", "ListSubscriptions")["Subscriptions"] == []


def test_links_lead_to_nothing_else(world: TopicsWorld) -> None:
    """Without a signature only what a link leads to may be asked for as nobody."""
    world.topic()
    answer = Client(world, None).send("GET", "/?Action=DeleteTopic&TopicArn=x")
    assert b"InvalidParameter" in answer.body  # asked as the account that needs no key
    answer = Client(world, None).send("GET", "/?Action=ConfirmSubscription&TopicArn=x")
    assert answer.status == 400


def test_queues_of_others_are_asked(world: TopicsWorld) -> None:
    """Who subscribes somebody else's queue has it asked; who subscribes their own does not."""
    topic = world.topic()
    queue = f"arn:aws:sqs:{REGION}:{OTHER}:q"
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        },
    }
    given = {"QueueName": "q", "Attributes": {"Policy": json.dumps(policy)}}
    world.call("sqs", "CreateQueue", STRANGER, **given)
    world.subscribe(topic, queue)
    world.publish(topic, "too early")

    def take() -> list[dict[str, str]]:
        url = f"/{OTHER}/q"
        params = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        found = world.call("sqs", "ReceiveMessage", STRANGER, **params)
        return [
            json.loads(one["Body"])
            for one in orjson.loads(orjson.dumps(found)).get("Messages") or []
        ]

    (ask,) = take()
    assert ask["Type"] == "SubscriptionConfirmation"
    given = {"TopicArn": topic, "Token": ask["Token"]}
    world.call("sns", "ConfirmSubscription", STRANGER, **given)
    world.publish(topic, "now")
    assert [note["Message"] for note in take()] == ["now"]


def test_a_queue_that_lets_nobody_in(world: TopicsWorld) -> None:
    """A queue of another account without a policy for the topic is a client-side error."""
    topic = world.topic()
    allowed = {"Label": "l", "AWSAccountId": [OTHER], "ActionName": ["Subscribe"]}
    world.call("sns", "AddPermission", TopicArn=topic, **allowed)
    world.call("sqs", "CreateQueue", STRANGER, QueueName="q")
    arn = world.subscribe(topic, f"arn:aws:sqs:{REGION}:{OTHER}:q", "sqs", STRANGER)
    assert world.attributes(arn)["Owner"] == OTHER
    policy = json.dumps({"deadLetterTargetArn": world.queue("dead")})
    world.set_attribute(arn, "RedrivePolicy", policy)
    world.publish(topic, "hello")
    (note,) = world.notices("dead")
    assert (note["Message"], note["TopicArn"]) == ("hello", topic)
