"""A world with topics, and botocore as a client of it over Query."""

from __future__ import annotations

import json
from typing import Any

import botocore.awsrequest
import botocore.parsers
import botocore.serialize
import botocore.session
from events_world import ACCOUNT, CALLER, REGION, World

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request, Response

OTHER = "111122223333"
STRANGER = Caller(OTHER, REGION, f"arn:aws:iam::{OTHER}:root", OTHER)
MODEL = botocore.session.Session().get_service_model("sns")


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


class Client:
    """botocore's serializer and parser around a world. key: None to sign nothing."""

    def __init__(self, world: World, key: str | None = ACCOUNT) -> None:
        self._world = world
        self._key = key
        self._endpoint = Endpoint(("sns",))
        self._serializer = botocore.serialize.create_serializer("query", include_validation=False)
        self._parser = botocore.parsers.create_parser("query")

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer."""
        model = MODEL.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        body = botocore.awsrequest.AWSRequest("POST", "http://h/", data=made["body"]).prepare().body
        body = body.encode() if isinstance(body, str) else body
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        answer = self.send("POST", "/", headers, body)
        told = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """Send one request."""
        headers = {"host": "localhost", **(headers or {})}
        if self._key is not None:
            scope = f"{self._key}/20270115/{REGION}/sns/aws4_request"
            headers["authorization"] = (
                f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
            )
        try:
            incoming = self._endpoint.read(Request(method, target, headers, body))
        except Fault as fault:
            return self._endpoint.fault(fault, fault.error, "id")
        try:
            result = self._world.call(
                incoming.service, incoming.operation, incoming.caller, **incoming.params
            )
        except ServiceError as error:
            return self._endpoint.fault(incoming, error, "id")
        return self._endpoint.reply(incoming, result, "id")
