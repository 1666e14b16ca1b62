"""Sample events of the shapes that AWS's services hand to functions.

AWS: Lambda Developer Guide, "Invoking Lambda with events from other AWS services", the page of each
service. Ids and instants are new ones each time, so that a handler that remembers them sees a new
event. Not here: sending them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redrive.core.effects import Chance
from redrive.core.ids import uuid4
from redrive.core.time import SECOND_MS, iso

Event = dict[str, Any]

_CONTENT_TYPE = {"content-type": "application/json"}
_AGENT = "Mozilla/5.0"
_ADDRESS = "127.0.0.1"


class NoSample(Exception):
    """There is no such sample, or it has no use for the body that was given."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """What sample events are made of.

    queue_arn: of the queue that a message is to come from, "" for one named my-queue.
    """

    chance: Chance
    now_ms: int
    account: str
    region: str
    queue_arn: str = ""

    def make(self, name: str, body: str | None = None) -> Event:
        """Return a sample event. body: its message, detail or request body. Raises NoSample."""
        if name not in SAMPLES:
            raise NoSample(f"there is no sample {name}; there are: {', '.join(SAMPLES)}")
        if body is not None and name in _WITHOUT_BODY:
            raise NoSample(f"a sample of {name} has no body")
        return SAMPLES[name](self, body)

    def arn(self, service: str, rest: str) -> str:
        """Return an ARN of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    @property
    def time(self) -> str:
        """The instant as most services write it."""
        return iso(self.now_ms)

    def id(self) -> str:
        """Return a new UUID."""
        return uuid4(self.chance)

    def number(self, digits: int) -> str:
        """Return a new number of so many digits, the first of them not 0."""
        return str(10 ** (digits - 1) + int.from_bytes(self.chance.token(24)) % 10 ** (digits - 1))


def _sqs(sampler: Sampler, body: str | None, **attributes: str) -> Event:
    text = '{"hello": "world"}' if body is None else body
    arn = sampler.queue_arn or sampler.arn("sqs", "my-queue")
    handle = base64.b64encode(sampler.chance.token(120)).decode()
    return {
        "Records": [
            {
                "messageId": sampler.id(),
                "receiptHandle": handle,
                "body": text,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(sampler.now_ms),
                    **attributes,
                    "SenderId": sampler.account,
                    "ApproximateFirstReceiveTimestamp": str(sampler.now_ms + 1),
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": sampler.region,
            }
        ]
    }


def _sqs_fifo(sampler: Sampler, body: str | None) -> Event:
    event = _sqs(
        sampler,
        body,
        SequenceNumber=sampler.number(20),
        MessageGroupId="group-1",
        MessageDeduplicationId=sampler.id(),
    )
    if not sampler.queue_arn:
        event["Records"][0]["eventSourceARN"] += ".fifo"
    return event


def _sns(sampler: Sampler, body: str | None) -> Event:
    topic = sampler.arn("sns", "my-topic")
    host = f"https://sns.{sampler.region}.amazonaws.com"
    subscription = f"{topic}:{sampler.id()}"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": sampler.id(),
                    "TopicArn": topic,
                    "Subject": "a subject",
                    "Message": '{"hello": "world"}' if body is None else body,
                    "Timestamp": sampler.time,
                    "SignatureVersion": "1",
                    "Signature": base64.b64encode(sampler.chance.token(64)).decode(),
                    "SigningCertUrl": f"{host}/SimpleNotificationService.pem",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription}",
                    "MessageAttributes": {},
                },
            }
        ]
    }


def _bus_event(sampler: Sampler, kind: str, source: str, resources: list[str]) -> Event:
    return {
        "version": "0",
        "id": sampler.id(),
        "detail-type": kind,
        "source": source,
        "account": sampler.account,
        "time": _to_second(sampler),
        "region": sampler.region,
        "resources": resources,
        "detail": {},
    }


def _eventbridge(sampler: Sampler, body: str | None) -> Event:
    event = _bus_event(sampler, "OrderPlaced", "my.shop", [])
    event["detail"] = {"order": 1} if body is None else _object(body, "eventbridge")
    return event


def _schedule(sampler: Sampler, _body: str | None) -> Event:
    rule = sampler.arn("events", "rule/my-schedule")
    return _bus_event(sampler, "Scheduled Event", "aws.events", [rule])


def _s3(sampler: Sampler, _body: str | None) -> Event:
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": sampler.region,
                "eventTime": sampler.time,
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": f"AWS:{sampler.account}"},
                "requestParameters": {"sourceIPAddress": _ADDRESS},
                "responseElements": {
                    "x-amz-request-id": sampler.chance.token(8).hex().upper(),
                    "x-amz-id-2": base64.b64encode(sampler.chance.token(48)).decode(),
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "my-configuration",
                    "bucket": {
                        "name": "my-bucket",
                        "ownerIdentity": {"principalId": sampler.account},
                        "arn": "arn:aws:s3:::my-bucket",
                    },
                    "object": {
                        "key": "folder/my+object.json",
                        "size": 1024,
                        "eTag": sampler.chance.token(16).hex(),
                        "sequencer": sampler.chance.token(9).hex().upper(),
                    },
                },
            }
        ]
    }


def _http_body(body: str | None) -> str:
    return '{"hello":"world"}' if body is None else body


def _apigateway(sampler: Sampler, body: str | None) -> Event:
    """Return what a REST API's proxy integration sends, format 1.0."""
    headers = {**_CONTENT_TYPE, "Host": _http_host(sampler), "User-Agent": _AGENT}
    path = "/orders"
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {"dry": "1"},
        "multiValueQueryStringParameters": {"dry": ["1"]},
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": sampler.account,
            "apiId": "abcdef1234",
            "domainName": _http_host(sampler),
            "domainPrefix": "abcdef1234",
            "extendedRequestId": sampler.chance.token(8).hex(),
            "httpMethod": "POST",
            "identity": {"sourceIp": _ADDRESS, "userAgent": _AGENT},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": sampler.id(),
            "requestTimeEpoch": sampler.now_ms,
            "resourceId": "123456",
            "resourcePath": path,
            "stage": "prod",
        },
        "body": _http_body(body),
        "isBase64Encoded": False,
    }


def _apigateway_v2(sampler: Sampler, body: str | None) -> Event:
    """Return what an HTTP API sends, format 2.0."""
    return _http_event(sampler, body, _http_host(sampler), "POST /orders")


def _function_url(sampler: Sampler, body: str | None) -> Event:
    host = f"abcdef1234.lambda-url.{sampler.region}.on.aws"
    return _http_event(sampler, body, host, "$default")


def _http_event(sampler: Sampler, body: str | None, host: str, route: str) -> Event:
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/orders",
        "rawQueryString": "dry=1",
        "headers": {**_CONTENT_TYPE, "host": host, "user-agent": _AGENT},
        "queryStringParameters": {"dry": "1"},
        "requestContext": {
            "accountId": sampler.account,
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": "POST",
                "path": "/orders",
                "protocol": "HTTP/1.1",
                "sourceIp": _ADDRESS,
                "userAgent": _AGENT,
            },
            "requestId": sampler.id(),
            "routeKey": route,
            "stage": "$default",
            "timeEpoch": sampler.now_ms,
        },
        "body": _http_body(body),
        "isBase64Encoded": False,
    }


def _dynamodb(sampler: Sampler, _body: str | None) -> Event:
    return {
        "Records": [
            {
                "eventID": sampler.chance.token(16).hex(),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": sampler.region,
                "dynamodb": {
                    "ApproximateCreationDateTime": sampler.now_ms // SECOND_MS,
                    "Keys": {"id": {"S": "1"}},
                    "NewImage": {"id": {"S": "1"}, "name": {"S": "ada"}},
                    "SequenceNumber": sampler.number(21),
                    "SizeBytes": 16,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": sampler.arn("dynamodb", f"table/my-table/stream/{sampler.time}"),
            }
        ]
    }


def _kinesis(sampler: Sampler, body: str | None) -> Event:
    number = sampler.number(56)
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": number,
                    "data": base64.b64encode(_http_body(body).encode()).decode(),
                    "approximateArrivalTimestamp": sampler.now_ms / SECOND_MS,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": f"arn:aws:iam::{sampler.account}:role/my-role",
                "awsRegion": sampler.region,
                "eventSourceARN": sampler.arn("kinesis", "stream/my-stream"),
            }
        ]
    }


def _destination(sampler: Sampler, body: str | None) -> Event:
    """Return the record that an asynchronous invocation's failure destination gets."""
    payload = {"hello": "world"} if body is None else _object(body, "destination")
    return {
        "version": "1.0",
        "timestamp": sampler.time,
        "requestContext": {
            "requestId": sampler.id(),
            "functionArn": sampler.arn("lambda", "function:my-function:$LATEST"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": {"errorMessage": "it failed", "errorType": "ValueError"},
    }


def _to_second(sampler: Sampler) -> str:
    return sampler.time[:19] + "Z"


def _http_host(sampler: Sampler) -> str:
    return f"abcdef1234.execute-api.{sampler.region}.amazonaws.com"


def _object(body: str, name: str) -> Any:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NoSample(f"the body of a sample of {name} is a JSON object")
    return value


SAMPLES: Mapping[str, Callable[[Sampler, str | None], Event]] = {
    "sqs": _sqs,
    "sqs-fifo": _sqs_fifo,
    "sns": _sns,
    "eventbridge": _eventbridge,
    "schedule": _schedule,
    "s3": _s3,
    "apigateway": _apigateway,
    "apigateway-v2": _apigateway_v2,
    "function-url": _function_url,
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "destination": _destination,
}
"""Every sample, by the name that a person types."""

_WITHOUT_BODY = ("schedule", "s3", "dynamodb")
