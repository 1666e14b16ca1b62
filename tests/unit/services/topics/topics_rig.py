"""A world with topics, and botocore as a client of it over Query."""

from __future__ import annotations

import json
from typing import Any

from events_world import ACCOUNT, CALLER, REGION, World
from sdk import SESSION, Sdk, carried_by, wired

from redrive.core.effects import Caller

OTHER = "111122223333"
STRANGER = Caller(OTHER, REGION, f"arn:aws:iam::{OTHER}:root", OTHER)
MODEL = SESSION.get_service_model("sns")


def topic_arn(name: str, account: str = ACCOUNT) -> str:
    """A topic's ARN."""
    return f"arn:aws:sns:{REGION}:{account}:{name}"


def text_attribute(value: str) -> dict[str, str]:
    """A message attribute of type String."""
    return {"DataType": "String", "StringValue": value}


class TopicsWorld(World):
    """The world, with shorter words for topics."""

    def topic(self, name: str = "t", who: Caller = CALLER, /, **attributes: str) -> str:
        """Create a topic; return its ARN."""
        if name.endswith(".fifo"):
            attributes = {"FifoTopic": "true", **attributes}
        made = self.call("sns", "CreateTopic", who, Name=name, Attributes=attributes)
        return str(made["TopicArn"])

    def subscribe(
        self,
        topic: str,
        endpoint: str,
        protocol: str = "sqs",
        who: Caller = CALLER,
        /,
        **attributes: str,
    ) -> str:
        """Subscribe; return the subscription's ARN."""
        made = self.call(
            "sns",
            "Subscribe",
            who,
            TopicArn=topic,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(made["SubscriptionArn"])

    def publish(self, topic: str, message: str = "hello", **params: Any) -> Any:
        """Publish; what that sets off at this instant has happened."""
        return self.call("sns", "Publish", TopicArn=topic, Message=message, **params)

    def notices(self, queue: str) -> list[dict[str, Any]]:
        """Take a queue's messages as notifications."""
        return [json.loads(body) for body in self.bodies(queue)]

    def set_attribute(self, arn: str, name: str, value: str) -> None:
        """Set an attribute of a subscription."""
        params = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
        self.call("sns", "SetSubscriptionAttributes", **params)

    def attributes(self, arn: str) -> dict[str, str]:
        """The attributes of a subscription."""
        told = self.call("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)
        return dict(told["Attributes"])

    def counted(self, name: str, topic: str = "t") -> float:
        """The sum of a metric of a topic over the last hour."""
        self.pass_s(120)
        told = self.call(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace="AWS/SNS",
            MetricName=name,
            Dimensions=[{"Name": "TopicName", "Value": topic}],
            StartTime=self.now_ms - 3_600_000,
            EndTime=self.now_ms + 60_000,
            Period=3600,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in told["Datapoints"]))


class Client(Sdk):
    """botocore around a world; it checks nothing itself. key: None to sign nothing."""

    def __init__(self, world: TopicsWorld, key: str | None = ACCOUNT) -> None:
        super().__init__("sns", wired("sns", carried_by(world), key), validates=False)
