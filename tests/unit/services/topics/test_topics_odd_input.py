"""Input that no client means: it gets an error of SNS's, and never the server's."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from topics_rig import TopicsWorld

from redrive.core.errors import ServiceError

DIGITS = "1" * 5_000
"""More than Python makes a number of."""


@pytest.mark.parametrize("half", ['{"default":"\\ud800"}', '{"default":"x","sqs":"\\udfff"}'])
def test_half_of_a_surrogate_pair_is_no_text(world: TopicsWorld, half: str) -> None:
    """A message for each protocol that nobody could be sent is refused."""
    topic = world.topic()
    with pytest.raises(ServiceError, match="JSON message body failed to parse"):
        world.publish(topic, half, MessageStructure="json")


@pytest.mark.parametrize("scope", ["MessageAttributes", "MessageBody"])
def test_a_filter_policy_with_too_many_digits(world: TopicsWorld, scope: str) -> None:
    """It is refused as JSON that cannot be read."""
    topic, queue = world.topic(), world.queue("q")
    policy = {"FilterPolicy": f'{{"a":[{DIGITS}]}}', "FilterPolicyScope": scope}
    with pytest.raises(ServiceError, match=r"Number value length \(5000\) exceeds"):
        world.subscribe(topic, queue, **policy)


def test_a_redrive_policy_with_too_many_digits(world: TopicsWorld) -> None:
    """It is refused as JSON that cannot be read."""
    topic, queue = world.topic(), world.queue("q")
    with pytest.raises(ServiceError, match="RedrivePolicy: failed to parse JSON"):
        world.subscribe(topic, queue, RedrivePolicy=f'{{"deadLetterTargetArn":{DIGITS}}}')


@pytest.mark.parametrize("rate", ["²", "101", "0000999", "", "-1", "1.5"])
def test_a_sample_rate_is_a_percentage(world: TopicsWorld, rate: str) -> None:
    """From 0 to 100, in digits; an empty value is none."""
    params = {"TopicArn": world.topic(), "AttributeName": "SQSSuccessFeedbackSampleRate"}
    with pytest.raises(ServiceError, match="must be an integer from 0 to 100"):
        world.call("sns", "SetTopicAttributes", **params, AttributeValue=rate)


@pytest.mark.parametrize("place", ["²", "9" * 30])
def test_a_token_of_somebody_elses(world: TopicsWorld, place: str) -> None:
    """A page begins where a token of ours says, or nowhere."""
    token = urlsafe_b64encode(place.encode()).decode()
    with pytest.raises(ServiceError, match="NextToken"):
        world.call("sns", "ListSubscriptions", NextToken=token)
    topic = world.topic()
    with pytest.raises(ServiceError, match="NextToken"):
        world.call("sns", "ListSubscriptionsByTopic", TopicArn=topic, NextToken=token)
