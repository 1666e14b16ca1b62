"""Valid requests, and the ways in which they are spoilt. All chance comes from one seed."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

from redrive.wire.messages import Request

from .saying import say
from .scene import ACCOUNT
from .seeds import Seeds, keep_arns, model_of
from .speech import NASTY_BYTES, NASTY_FIELDS, cbor_of, form_of

ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
URL = f"http://127.0.0.1:4566/{ACCOUNT}/"
REDRIVE = json.dumps({"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": 1})


def _package() -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 1, 1, 0, 0, 0)), "def handler(e, c): ...")
    return base64.b64encode(buffer.getvalue()).decode()


SQS: dict[str, dict[str, Any]] = {
    "AddPermission": {
        "QueueUrl": URL + "q",
        "Label": "l",
        "AWSAccountIds": [ACCOUNT],
        "Actions": ["SendMessage"],
    },
    "CancelMessageMoveTask": {"TaskHandle": "TaskHandle"},
    "ChangeMessageVisibility": {
        "QueueUrl": URL + "q",
        "ReceiptHandle": "ReceiptHandle",
        "VisibilityTimeout": 1,
    },
    "ChangeMessageVisibilityBatch": {
        "QueueUrl": URL + "q",
        "Entries": [{"Id": "a", "ReceiptHandle": "ReceiptHandle", "VisibilityTimeout": 1}],
    },
    "CreateQueue": {
        "QueueName": "fresh",
        "Attributes": {"VisibilityTimeout": "3", "RedrivePolicy": REDRIVE},
        "tags": {"a": "b"},
    },
    "DeleteMessage": {"QueueUrl": URL + "q", "ReceiptHandle": "ReceiptHandle"},
    "DeleteMessageBatch": {
        "QueueUrl": URL + "q",
        "Entries": [{"Id": "a", "ReceiptHandle": "ReceiptHandle"}],
    },
    "DeleteQueue": {"QueueUrl": URL + "q2"},
    "GetQueueAttributes": {"QueueUrl": URL + "q", "AttributeNames": ["All"]},
    "GetQueueUrl": {"QueueName": "q", "QueueOwnerAWSAccountId": ACCOUNT},
    "ListDeadLetterSourceQueues": {"QueueUrl": URL + "dlq", "MaxResults": 1, "NextToken": "eA=="},
    "ListMessageMoveTasks": {"SourceArn": ARN + "dlq", "MaxResults": 10},
    "ListQueueTags": {"QueueUrl": URL + "q"},
    "ListQueues": {"QueueNamePrefix": "q", "MaxResults": 1, "NextToken": "NextToken"},
    "PurgeQueue": {"QueueUrl": URL + "q2"},
    "ReceiveMessage": {
        "QueueUrl": URL + "q",
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 1,
        "VisibilityTimeout": 1,
        "AttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All", "a.*"],
        "ReceiveRequestAttemptId": "x",
    },
    "RemovePermission": {"QueueUrl": URL + "q", "Label": "l"},
    "SendMessage": {
        "QueueUrl": URL + "q",
        "MessageBody": "hello",
        "DelaySeconds": 1,
        "MessageAttributes": {
            "a": {"DataType": "String", "StringValue": "x"},
            "n": {"DataType": "Number", "StringValue": "1e3"},
            "b": {"DataType": "Binary", "BinaryValue": "AP8="},
        },
        "MessageSystemAttributes": {
            "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}
        },
        "MessageGroupId": "g",
    },
    "SendMessageBatch": {
        "QueueUrl": URL + "q",
        "Entries": [
            {"Id": "a", "MessageBody": "one"},
            {"Id": "b", "MessageBody": "two", "DelaySeconds": 2, "MessageGroupId": "g"},
        ],
    },
    "SetQueueAttributes": {
        "QueueUrl": URL + "q",
        "Attributes": {
            "RedrivePolicy": REDRIVE,
            "RedriveAllowPolicy": '{"redrivePermission":"allowAll"}',
            "Policy": '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]}',
            "MessageRetentionPeriod": "60",
        },
    },
    "StartMessageMoveTask": {
        "SourceArn": ARN + "dlq",
        "DestinationArn": ARN + "q",
        "MaxNumberOfMessagesPerSecond": 5,
    },
    "TagQueue": {"QueueUrl": URL + "q", "Tags": {"a": "b"}},
    "UntagQueue": {"QueueUrl": URL + "q", "TagKeys": ["a"]},
}
PERSONS: dict[str, dict[str, Any]] = {
    "DescribeQueues": {},
    "ExplainMessage": {"MessageId": "MessageId"},
    "PeekMessages": {"Queue": "q", "MaxResults": 5},
}
LAMBDA: list[tuple[str, str, dict[str, Any] | None]] = [
    (
        "POST",
        "/2015-03-31/functions",
        {
            "FunctionName": "f",
            "Runtime": "python3.12",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
            "Handler": "app.handler",
            "Code": {"ZipFile": _package()},
            "Environment": {"Variables": {"A": "b"}},
            "Timeout": 3,
            "MemorySize": 128,
        },
    ),
    ("GET", "/2015-03-31/functions?MaxItems=5", None),
    ("GET", "/2015-03-31/functions/f?Qualifier=1", None),
    ("PUT", "/2015-03-31/functions/f/configuration", {"Timeout": 5}),
    ("POST", "/2015-03-31/functions/f/invocations", {"key": "value"}),
    ("DELETE", "/2015-03-31/functions/g", None),
    (
        "POST",
        "/2015-03-31/event-source-mappings",
        {"EventSourceArn": ARN + "q", "FunctionName": "f", "BatchSize": 10},
    ),
    ("GET", "/2015-03-31/event-source-mappings?FunctionName=f", None),
]
STS = "Action=GetCallerIdentity&Version=2011-06-15"

CLOUDWATCH: dict[str, dict[str, Any]] = {
    "GetMetricData": {
        "MetricDataQueries": [
            {
                "Id": "m1",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SQS",
                        "MetricName": "NumberOfMessagesSent",
                        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": True,
            },
            {"Id": "e1", "Expression": "m1 / 60", "Label": "rate"},
        ],
        "StartTime": 1_800_000_000,
        "EndTime": 1_800_003_600,
        "ScanBy": "TimestampDescending",
        "MaxDatapoints": 100,
        "LabelOptions": {"Timezone": "+0100"},
    },
    "GetMetricStatistics": {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "StartTime": 1_800_000_000.5,
        "EndTime": 1_800_003_600,
        "Period": 60,
        "Statistics": ["Sum", "Average"],
        "Unit": "Count",
    },
    "ListMetrics": {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "RecentlyActive": "PT3H",
        "IncludeLinkedAccounts": False,
    },
}
TARGET_PREFIX = "GraniteServiceVersion20100801"

MODELLED_SHARE = {"json": 0.5, "rest": 0.9, "query": 0.5, "cbor": 0.6}
"""How many of a protocol's requests are made from models; the others are those above."""

LEARNT = ("QueueUrl", "ReceiptHandle", "TaskHandle", "MessageId", "NextToken", "Token")
WEIRD: tuple[Any, ...] = (
    *(None, True, False, "", " ", "\x00", "\ufffe", "é", "漢\U0001f600", "x" * 300, "x" * 5_000),
    *(0, -1, 1, 10, 11, 20, 21, 43_200, 43_201, 1e400, 1.5, -0.0, 2**31, 2**63, 2**64, -(2**63)),
    *([], {}, [[]], [None], {"": ""}, [{}], "0", "-1", "null", "{}", "[]", "All", ".*", "*"),
    *(URL + "q", URL + "q2", "q", "//", "http://x/1/2", ARN + "q", ARN, "arn:aws:sqs:::", "a.fifo"),
    *('{"deadLetterTargetArn":"' + ARN + 'q","maxReceiveCount":1}', REDRIVE, '{"Statement":[{}]}'),
    *(
        '{"Statement":{"Effect":"Deny","Principal":{"AWS":[{}]},"NotAction":7,"Condition":{"a":{}}}}',
    ),
    *LEARNT,
)
HEADERS = ("Host", "Origin", "Referer", "Sec-Fetch-Site", "Content-Type", "X-Amz-Target")


def authorization(account: str, service: str) -> str:
    """A header as SDKs sign."""
    scope = f"{account}/20261121/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


class Fuzz:
    """Makes requests of one protocol for the most part, and JSON's and REST's in between, so that
    there is something to ask for. `known` holds what answers have named: handles, ids, tokens.
    """

    def __init__(self, seed: int, protocol: str = "json") -> None:
        self.random = Random(seed)
        self.protocol = protocol
        self.known: dict[str, list[str]] = {}
        self.seeds = Seeds(self.random, self.known)

    def learn(self, value: Any) -> None:
        """Take what an answer names, so that later requests go deeper."""
        if isinstance(value, list):
            for item in value[:60]:
                self.learn(item)
        elif isinstance(value, dict):
            for name, item in value.items():
                if isinstance(item, str) and name in LEARNT:
                    self.known.setdefault(name, []).append(item)
                    del self.known[name][:-20]
                else:
                    keep_arns(name, item, self.known)
                    self.learn(item)

    def request(self) -> Request:
        """Return a request, spoilt in up to three ways."""
        if self.random.random() < MODELLED_SHARE[self.protocol]:
            return self._around(*self._modelled())
        if self.protocol != "json" and self.random.random() < 0.9:
            method, target, headers, body = self._spoken()
            return self._around(method, target, headers, body)
        method, target, headers, body = self._valid()
        spoils: list[Callable[..., Any]] = []
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            spoils.append(self.random.choice((*[self._spoil_params] * 4, self._bytes)))
        for spoil in spoils:
            body = spoil(body)
        return self._around(method, target, headers, body)

    def _around(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Request:
        """Return a request whose method, address and headers are spoilt at times."""
        if self.random.random() < 0.15:
            self._spoil_headers(headers)
        if self.random.random() < 0.1:
            target = self._spoil_text(target)
        if self.random.random() < 0.03:
            method = self.random.choice(("GET", "HEAD", "PUT", "PATCH", "OPTIONS", "X", ""))
        # The shell reads header and target as Latin-1: no other character can be in them.
        seen = {name: _latin(value) for name, value in headers.items()}
        return Request(method, _latin(target), seen, body)

    def raw(self) -> bytes:
        """Return one or several requests as bytes, perhaps spoilt as bytes."""
        data = b""
        for _ in range(self.random.choice((1, 1, 2, 5))):
            method, target, headers, body, *_ = self.request()
            lines = {"host": "localhost", **headers, "content-length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            data += f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body
        return self._bytes(data) if self.random.random() < 0.5 else data

    # --- what is valid ---

    def _valid(self) -> tuple[str, str, dict[str, str], bytes]:
        pick = self.random.random()
        headers = {"host": "localhost:4566"}
        if pick < 0.8:
            persons = pick > 0.75
            operation = self.random.choice(list(PERSONS if persons else SQS))
            prefix, service = ("Redrive", "redrive") if persons else ("AmazonSQS", "sqs")
            headers["x-amz-target"] = f"{prefix}.{operation}"
            headers["content-type"] = "application/x-amz-json-1.0"
            headers["authorization"] = authorization(ACCOUNT, service)
            params = self._filled((PERSONS if persons else SQS)[operation])
            return "POST", "/", headers, json.dumps(params).encode()
        if pick < 0.97:
            method, target, params = self.random.choice(LAMBDA)
            headers["authorization"] = authorization(ACCOUNT, "lambda")
            headers["content-type"] = "application/json"
            return method, target, headers, b"" if params is None else json.dumps(params).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
        headers["authorization"] = authorization(ACCOUNT, "sts")
        return "POST", "/", headers, STS.encode()

    def _spoken(self) -> tuple[str, str, dict[str, str], bytes]:
        """Return a call in Query or CBOR, its params and its bytes spoilt at times."""
        calls = CLOUDWATCH if self.protocol == "cbor" or self.random.random() < 0.15 else SQS
        operation = self.random.choice(list(calls))
        params: Any = self._filled(calls[operation])
        manners = [self.random.random() for _ in range(self.random.choice((0, 0, 1, 1, 2)))]
        for manner in manners:
            if manner < 0.75:
                params = json.loads(self._spoil_params(json.dumps(params).encode()))
        service = "monitoring" if calls is CLOUDWATCH else "sqs"
        headers = {"host": "localhost:4566", "authorization": authorization(ACCOUNT, service)}
        spoils = sum(manner >= 0.75 for manner in manners)
        if self.protocol == "cbor":
            headers |= {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
            body = cbor_of(params, self.random)
            for _ in range(spoils):
                body = self._inserted(body, NASTY_BYTES)
            return "POST", f"/service/{TARGET_PREFIX}/operation/{operation}", headers, body
        return self._query(operation, params, headers, spoils)

    def _modelled(self) -> tuple[str, str, dict[str, str], bytes]:
        """Return a call of a service whose operations its model tells, spoilt at times."""
        service, operation, params = self.seeds.call(self.protocol)
        manners = [self.random.random() for _ in range(self.random.choice((0, 0, 1, 1, 2)))]
        for manner in manners:
            if manner < 0.75:
                params = json.loads(self._spoil_params(json.dumps(params).encode()))
        method, target, headers, body = say(self.protocol, service, operation, params, self.random)
        name = model_of(service).metadata.get("signingName", service)
        scope = "monitoring" if service == "cloudwatch" else name
        if self.random.random() < 0.9:
            headers["authorization"] = authorization(ACCOUNT, scope)
        for _ in range(sum(manner >= 0.75 for manner in manners)):
            if self.protocol == "query":
                form = self._spoilt_form(body.decode("utf-8", "surrogateescape"))
                body = form.encode("utf-8", "surrogateescape")
            elif self.protocol == "cbor":
                body = self._inserted(body, NASTY_BYTES)
            else:
                body = self._bytes(body)
        return method, target, {"host": "localhost:4566", **headers}, body

    def _query(
        self, operation: str, params: Any, headers: dict[str, str], spoils: int
    ) -> tuple[str, str, dict[str, str], bytes]:
        path = self.random.choice(
            ("/", "/", f"/{ACCOUNT}/q", f"/{ACCOUNT}/q2", f"/queue/us-east-1/{ACCOUNT}/q", "/x/y")
        )
        if operation == "DeleteQueue":  # the others are wanted for longer
            path = f"/{ACCOUNT}/q2"
        if (
            path.startswith(("/1", "/queue"))
            and isinstance(params, dict)
            and self.random.random() < 0.8
        ):
            params.pop("QueueUrl", None)
        if self.random.random() < 0.1:
            headers.pop("authorization")
        form = form_of(operation, params)
        for _ in range(spoils):
            form = self._spoilt_form(form)
        if self.random.random() < 0.2:
            return "GET", f"{path}?{form}", headers, b""
        headers["content-type"] = "application/x-www-form-urlencoded"
        return "POST", path, headers, form.encode("utf-8", "surrogateescape")

    def _spoilt_form(self, form: str) -> str:
        fields, manner = form.split("&"), self.random.random()
        at = self.random.randrange(len(fields))
        if manner < 0.3:
            fields.insert(at, self.random.choice(NASTY_FIELDS))
        elif manner < 0.5:
            fields[at] = self._spoil_text(fields[at])
        elif manner < 0.6:
            del fields[at]
        elif manner < 0.7:
            fields.append(fields[at])
        elif manner < 0.8:
            fields[at] = fields[at].replace("1", self.random.choice(("0", "", "-1", "01", "9" * 9)))
        else:
            raw = form.encode("utf-8", "surrogateescape")
            return self._bytes(raw).decode("utf-8", "surrogateescape")
        return "&".join(fields)

    def _inserted(self, data: bytes, pieces: tuple[bytes, ...]) -> bytes:
        if self.random.random() < 0.5:
            return self._bytes(data)
        at = self.random.randrange(len(data) + 1)
        skipped = at + self.random.randrange(3)
        return data[:at] + self.random.choice(pieces) + data[skipped:]

    def _filled(self, value: Any) -> Any:
        """Put what is known in the place of its name; leave out optional things at times."""
        if isinstance(value, dict):
            return {n: self._filled(v) for n, v in value.items() if self.random.random() < 0.93}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        known = self.known.get(value) if isinstance(value, str) else None
        return self.random.choice(known) if known else value

    # --- what spoils it ---

    def _spoil_params(self, body: bytes) -> bytes:
        try:
            params = json.loads(body)
        except (ValueError, RecursionError):
            return self._bytes(body)
        places: list[tuple[Any, Any]] = []

        def walk(value: Any) -> None:
            items = (
                value.items()
                if isinstance(value, dict)
                else enumerate(value)
                if isinstance(value, list)
                else ()
            )
            for key, item in items:
                places.append((value, key))
                walk(item)

        walk(params)
        if not places:
            return json.dumps(self._filled(self.random.choice(WEIRD))).encode()
        holder, key = self.random.choice(places)
        manner = self.random.random()
        if manner < 0.6:
            holder[key] = self._filled(self.random.choice(WEIRD))
        elif manner < 0.7 and isinstance(holder, dict):
            del holder[key]
        elif manner < 0.8 and isinstance(holder, dict):
            holder[self._spoil_text(str(key))] = holder.pop(key)
        elif manner < 0.9 and isinstance(holder, list):
            holder.extend([holder[key]] * self.random.choice((1, 10, 100)))
        elif isinstance(holder[key], str):
            holder[key] = self._spoil_text(holder[key])
        return json.dumps(params, ensure_ascii=self.random.random() < 0.5).encode(
            "utf-8", "replace"
        )

    def _spoil_text(self, text: str) -> str:
        at = self.random.randrange(len(text) + 1)
        put = self.random.choice(
            ("", "%", "%ff", "\x00", "é", "\udc80", "/", "//", "?", "&", "=", "..", "x" * 300, "{")
        )
        return text[:at] + put + text[at + self.random.randrange(3) :]

    def _spoil_headers(self, headers: dict[str, str]) -> None:
        name = self.random.choice([*headers, *HEADERS]).lower()
        manner = self.random.random()
        if manner < 0.3:
            headers.pop(name, None)
        elif manner < 0.6:
            headers[name] = self.random.choice(
                (
                    "",
                    "\x00",
                    "x" * 5_000,
                    "null",
                    "http://evil",
                    "localhost",
                    "\xff",
                    "application/cbor",
                )
            )
        else:
            headers[name] = self._spoil_text(headers.get(name, ""))

    def _bytes(self, data: bytes) -> bytes:
        random, manner = self.random, self.random.random()
        at = random.randrange(len(data) + 1)
        if manner < 0.3 and data:
            at %= len(data)
            return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]
        if manner < 0.5:
            return data[:at]
        if manner < 0.7:
            return data[:at] + random.randbytes(random.randrange(1, 20)) + data[at:]
        if manner < 0.8:
            return data[:at] + data[at:] * random.choice((2, 3))
        if manner < 0.9:
            return data[:at] + random.choice((b"[" * 2_000, b'{"a":' * 2_000, b'"', b"\\u0000"))
        return base64.b64encode(data)
