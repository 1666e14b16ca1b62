"""Valid requests of every operation of some services, made from botocore's models.

A request has only what is required, or some of what is not, or all of it. Values are such that
requests meet: few names, the ARNs that answers have named, documents of the kinds that services
read (patterns, expressions, policies). What no hint knows comes from the shape's own constraints.
"""

from __future__ import annotations

import json
import re
from functools import cache
from random import Random
from typing import Any

import botocore.session

from redrive.wire.validate import compile_pattern

from .scene import ACCOUNT, FUNCTION, NOW_S, QUEUE, ROLE, SCENE

_HOME = f"us-east-1:{ACCOUNT}"

SPOKEN = {
    "json": ("events", "events", "cloudwatch"),
    "rest": ("scheduler", "pipes"),
    "query": ("sns", "sns", "cloudwatch"),
    "cbor": ("eventbridgev2", "eventbridgev2", "cloudwatch"),
}
"""The services whose every operation is asked for, by protocol; one named twice, twice as often."""

COMMON: dict[str, tuple[str, ...]] = {
    "cloudwatch": ("ValidationError", "AccessDenied"),
    "events": ("ValidationException", "AccessDeniedException", "InvalidToken"),
}
"""Errors that operations tell beyond their models, as AWS does."""

_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "*"},
    }
)
_PATTERNS = (
    *('{"source":["a"]}', '{"detail":{"n":[{"numeric":[">",0,"<=",5]}]}}', "{}", '{"source":[]}'),
    *('{"detail":{"a":[{"wildcard":"*a*b*"},{"exists":false}]}}', '{"$or":[{"a":[1]},{"b":[2]}]}'),
    *('{"source":[{"anything-but":{"prefix":"x"}}]}', '{"detail":{"a":[{"cidr":"10.0.0.0/8"}]}}'),
    *('{"a":[{"equals-ignore-case":"É"},{"suffix":{"equals-ignore-case":"z"}},null,1e2]}', "[]"),
    *('{"a":[{"wildcard":"' + "*a" * 60 + '"}]}', '{"a":' * 60 + "[1]" + "}" * 60, '{"a":[{}]}'),
)
_EVENT = json.dumps(
    {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "t",
        "source": "a",
        "account": ACCOUNT,
        "time": "2026-11-11T21:29:54Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"a": "aab", "n": 3},
    }
)
_SCHEDULES = (
    *("rate(1 minute)", "rate(5 minutes)", "cron(0/5 * * * ? *)", "cron(0 10 ? * MON-FRI *)"),
    *("at(2027-01-15T08:00:10)", "rate(2 minute)", "cron(0 0 31 2 ? *)", "cron(* * L * ? 2199)"),
    *("cron(0 0 ? * 2#5 *)", "cron(0 0 LW * ? *)", "at(2027-02-30T00:00:00)", "rate(0 minutes)"),
)
_TEMPLATES = (
    *('{"a": <a>, "b": "<b>"}', '"<a> and <b>"', "<aws.events.event.json>", "<a", '{"x": <$.a>}'),
    *('{"a": "<aws.scheduler.scheduled-time>"}', "", "{% $event.detail %}", '"<aws.pipes.x>"'),
)
_BODIES = (
    *('{"a": 1, "b": ["x", 2]}', "plain", "{}", '{"default": "d", "sqs": "s", "http": 1}', _EVENT),
    *(
        '{"MessageBody": "x", "QueueUrl": "http://127.0.0.1:4566/111122223333/q"}',
        "",
        "[",
        '"é\ud83d"',
    ),
)
_LINKS = ("http://127.0.0.1:9/x", "https://127.0.0.1:9/x/*/y", "https://localhost:9/?a=b")
_NAMES = ("a", "b", "c")
_ATTRIBUTES = {
    "Policy": _POLICY,
    "DisplayName": "d",
    "RawMessageDelivery": "true",
    "FilterPolicy": '{"a":["b",{"prefix":"c"},{"numeric":[">",1]}]}',
    "FilterPolicyScope": "MessageBody",
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{_HOME}:dlq"}),
    "DeliveryPolicy": '{"http":{"defaultHealthyRetryPolicy":{"numRetries":5}}}',
    "FifoTopic": "true",
    "ContentBasedDeduplication": "true",
    "SignatureVersion": "2",
    "TracingConfig": "Active",
    "ArchivePolicy": '{"MessageRetentionPeriod":"1"}',
    "ReplayPolicy": '{"PointType":"Timestamp","StartingPoint":"2027-01-15T08:00:00.000Z"}',
    "KmsMasterKeyId": "alias/aws/sns",
    "SubscriptionRoleArn": ROLE,
}
_WIDGET = {
    "type": "metric",
    "x": 0,
    "y": 0,
    "width": 6,
    "height": 6,
    "properties": {"metrics": [["AWS/SQS", "NumberOfMessagesSent"]], "region": "us-east-1"},
}

HINTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        (
            *("Name", "ResourceName", "Rule", "RuleName", "ArchiveName", "ReplayName", "GroupName"),
            *("Id", "ScheduleName", "ScheduleGroupName", "AlarmName", "AlarmNamePrefix", "Label"),
            *("NamePrefix", "DashboardName", "TargetId", "StatementId", "EventSourceName", "Key"),
            *("SubscriberName", "SourceName", "BusName", "Identifier"),
        ),
        _NAMES,
    ),
    "AlarmNames": (["a"], ["a", "b"], []),
    "DashboardNames": (["a"], ["b"]),
    "ActionsEnabled": (True, False),
    "Names": (["a"], ["a", "b"]),
    "EventBusName": ("default", "a", f"arn:aws:events:{_HOME}:event-bus/a"),
    "EventPattern": _PATTERNS,
    "FilterPattern": _PATTERNS,
    "Pattern": _PATTERNS,
    "Event": (_EVENT, "{}", '{"id":1}', "["),
    "Detail": ('{"a": "aab", "n": 3}', "{}", "1", "["),
    "DetailType": ("t",),
    "Source": ("a", QUEUE),
    "ScheduleExpression": _SCHEDULES,
    "ScheduleExpressionTimezone": ("UTC", "Europe/Berlin", "Mars/X"),
    "InputTemplate": _TEMPLATES,
    "InputPathsMap": ({"a": "$.detail.a", "b": "$.x[0]"}, {"a": "$"}),
    "Input": _BODIES,
    "InputPath": ("$.detail", "$", "$.detail.a[0]", "x"),
    "Message": _BODIES,
    "MessageStructure": ("json",),
    "Subject": ("s",),
    "MessageGroupId": ("g",),
    "MessageDeduplicationId": ("d", "e"),
    "Protocol": ("sqs", "sqs", "lambda", "http", "https", "email", "sms"),
    "Endpoint": (QUEUE, QUEUE, FUNCTION, _LINKS[0], _LINKS[1], "a@b.example"),
    "AttributeName": tuple(_ATTRIBUTES),
    "AttributeValue": tuple(_ATTRIBUTES.values()),
    "Policy": (_POLICY,),
    "DataProtectionPolicy": (_POLICY,),
    "Condition": ({"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"},),
    "Principal": ("*", ACCOUNT),
    "Action": ("events:PutEvents", "Publish"),
    "ActionName": (["Publish"],),
    "AWSAccountId": ([ACCOUNT],),
    "InvocationEndpoint": _LINKS,
    "AuthorizationEndpoint": _LINKS,
    "DashboardBody": (json.dumps({"widgets": [_WIDGET]}), '{"widgets":[{}]}', "{}", "["),
    "AlarmRule": (
        *("ALARM(a)", "NOT (OK(b) OR ALARM(c)) AND TRUE", "AT_LEAST(1, ALARM, (a, b))", "ALARM("),
        "(" * 80 + "TRUE" + ")" * 80,
    ),
    "Namespace": ("AWS/SQS", "own"),
    "MetricName": ("NumberOfMessagesSent", "m"),
    "Expression": (
        "m1 / 60",
        "SUM(METRICS())",
        "IF(m1 > 1, m1, 0)",
        "$.a",
        "ANOMALY_DETECTION_BAND(m1)",
    ),
    "Period": (60, 300, 10),
    "EvaluationPeriods": (1, 3),
    "DatapointsToAlarm": (1,),
    "Threshold": (0.0, 1.0),
    "ExtendedStatistic": ("p99",),
    "Stat": ("Sum", "p99", "TM(1%:99%)"),
    "StateValue": ("ALARM", "OK", "INSUFFICIENT_DATA"),
    "StateReasonData": ("{}",),
    "RoleArn": (ROLE,),
    "RoleARN": (ROLE,),
    "ExecutionRoleArn": (ROLE,),
    "StartTime": (NOW_S, NOW_S - 3_600),
    "EndTime": (NOW_S + 3_600,),
    "EventStartTime": (NOW_S - 3_600,),
    "EventEndTime": (NOW_S + 3_600,),
    "StartDate": (NOW_S + 10,),
    "EndDate": (NOW_S + 36_000,),
    "Time": (NOW_S,),
    "Timestamp": (NOW_S, NOW_S + 60),
    "RetentionDays": (0, 1),
    "MaxResults": (1, 10),
    "Limit": (1, 10),
    "State": ("ENABLED", "DISABLED"),
    "DesiredState": ("RUNNING", "STOPPED"),
    "GraphQLOperation": ("query a { a }",),
    "NextToken": ("NextToken",),
    "Token": ("Token",),
    "ClientToken": ("t1", "t2"),
    "Target": (QUEUE, FUNCTION, f"arn:aws:events:{_HOME}:event-bus/a"),
    "Enrichment": (FUNCTION,),
    "PhoneNumber": ("+15550100",),
    "PhoneNumbers": (["+15550100"],),
    "phoneNumber": ("+15550100",),
    "OpenIdConnectTokenUrl": _LINKS,
    "TagKeys": (["a"], ["a", "b"]),
    "tagKeys": (["a"],),
}
"""Values by the name of the member, for whichever service."""

_ARNS = {
    "Topic": r":sns:[^:]*:\d+:[^:]+$",
    "Subscription": r":sns:[^:]*:\d+:[^:]+:",
    "EventSource": ":event-bus/|:archive/",
    "Target": ":sqs:",
    "Destination": ":event-bus/",
    "DeadLetter": ":sqs:",
    "Actions": ":sns:",
    "events": ":rule/|:event-bus/",
    "eventbridgev2": ":event-busv2/|:subscriber/|:event-sourcev2/",
    "scheduler": ":schedule-group/",
    "sns": r":sns:[^:]*:\d+:[^:]+$",
    "pipes": ":pipe/",
    "cloudwatch": ":alarm:",
}
"""What an ARN holds, by how the member's name begins or ends, else by the service."""

_MOST_KEPT = 60
_KEPT = {
    "ConnectionArn": ":connection/",
    "EventBusArn": ":event-busv2/",
    "EventSourceArn": ":event-sourcev2/",
    "SubscriberArn": ":subscriber/",
}
"""ARNs that are kept by the member that told them, where they are of this kind."""


@cache
def model_of(service: str) -> Any:
    """Return a service's model."""
    return botocore.session.Session().get_service_model(service)


def input_shape(service: str, operation: str) -> Any:
    """An operation's input shape, or None."""
    return model_of(service).operation_model(operation).input_shape


def is_modelled(service: str, operation: str, code: str) -> bool:
    """Tell whether the model says that an operation fails in this way."""
    shapes = model_of(service).operation_model(operation).error_shapes
    return any(code in (shape.name, shape.error_code) for shape in shapes)


class Seeds:
    """Makes calls of one protocol's services; `known` is what answers have named."""

    def __init__(self, random: Random, known: dict[str, list[str]]) -> None:
        self._random = random
        self._known = known
        self._share = 0.0
        self._service = ""

    def call(self, protocol: str) -> tuple[str, str, Any]:
        """Return a service, an operation, and its params as JSON has them."""
        service = self._service = self._random.choice(SPOKEN[protocol])
        operation = self._random.choice(model_of(service).operation_names)
        shape = input_shape(service, operation)
        self._share = self._random.choice((0.0, 0.0, 0.15, 0.15, 0.5, 1.0))
        params = {} if shape is None else self._structure(shape, 0)
        bases = [params for *key, params in SCENE if key == [service, operation]]
        if bases and self._random.random() < 0.7:
            params |= self.filled(self._random.choice(bases))
        return service, operation, params

    def filled(self, value: Any) -> Any:
        """Put what answers have named in the place of its name."""
        if isinstance(value, dict):
            return {name: self.filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, str) and value in self._known:
            return self._random.choice(self._known[value])
        return value

    def _structure(self, shape: Any, depth: int) -> Any:
        members = list(shape.members.items())
        if shape.is_tagged_union and members:
            members = [self._random.choice(members)]
        share = self._share if depth < 6 else 0.0
        return {
            name: self._value(member, name, depth + 1)
            for name, member in members
            if name in shape.required_members
            or shape.is_tagged_union
            or self._random.random() < share
        }

    def _value(self, shape: Any, name: str, depth: int) -> Any:
        hints = HINTS.get(name)
        if hints is not None and self._random.random() < 0.95:
            hint = self._random.choice(hints)
            if _fits(hint, shape):
                known = self._known.get(hint) if name.endswith("Token") else None
                return self._random.choice(known) if known else hint
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, depth)
        if kind == "list":
            count = max(int(shape.metadata.get("min", 0)), self._random.choice((1, 1, 2)))
            return [self._value(shape.member, _one(name), depth + 1) for _ in range(count)]
        if kind == "map":
            return self._map(shape, name, depth)
        return self._string(shape, name) if kind == "string" else self._scalar(shape)

    def _map(self, shape: Any, name: str, depth: int) -> Any:
        if name == "Attributes":
            chosen = self._random.sample(list(_ATTRIBUTES), self._random.choice((0, 0, 1, 2)))
            return {key: _ATTRIBUTES[key] for key in chosen}
        return {
            self._value(shape.key, "Key", depth + 1): self._value(shape.value, "", depth + 1)
            for _ in range(self._random.choice((1, 1, 2)))
        }

    def _scalar(self, shape: Any) -> Any:
        kind, random = shape.type_name, self._random
        if kind == "boolean":
            return random.random() < 0.5
        if kind == "blob":
            return "AP8="
        if kind == "timestamp":
            return NOW_S + random.choice((-3_600, 0, 60))
        low = int(shape.metadata.get("min", 0))
        high = int(shape.metadata.get("max", low + 10))
        return random.choice((low, high, min(low + 1, high)))

    def _string(self, shape: Any, name: str) -> str:
        if shape.enum:
            return str(self._random.choice(shape.enum))
        if name.endswith(("Arn", "ARN", "Actions")):
            part = next((_ARNS[key] for key in _ARNS if key in name), _ARNS[self._service])
            fitting = [arn for arn in self._known.get("arn", ()) if re.search(part, arn)]
            own = self._known.get(name)
            if own and self._random.random() < 0.8:
                return self._random.choice(own)
            if fitting and self._random.random() < 0.9:
                return self._random.choice(fitting)
        return self._random.choice(_texts(shape))


def _one(name: str) -> str:
    return name.removesuffix("s") if name.endswith(("Arns", "Names", "ARNs")) else name


def _fits(hint: Any, shape: Any) -> bool:
    kind = {str: "string", list: "list", dict: ("structure", "map"), bool: "boolean"}
    wanted = kind.get(type(hint), ("integer", "long", "double", "float", "timestamp"))
    if shape.type_name not in ((wanted,) if isinstance(wanted, str) else wanted):
        return False
    if not isinstance(hint, str):
        return True
    pattern = shape.metadata.get("pattern")
    if len(hint) <= 1 and pattern is not None and not _pattern(pattern).fullmatch(hint):
        return False  # a name that is none here; longer ones are wrong on purpose
    return not shape.enum or hint in shape.enum


_CANDIDATES = (
    *("a", "b", QUEUE, FUNCTION, ROLE, *_LINKS, "t1", "aws.x", "2027-01-15T08:00:00Z", "$.a", "1"),
    *(f"arn:aws:events:{_HOME}:event-bus/a", f"arn:aws:sns:{_HOME}:a", f"arn:aws:sns:{_HOME}:a:b"),
    *(f"arn:aws:events:{_HOME}:rule/a", f"arn:aws:scheduler:{_HOME}:schedule-group/a", "us-east-1"),
    *(
        f"arn:aws:pipes:{_HOME}:pipe/a",
        f"arn:aws:kinesis:{_HOME}:stream/a",
        ACCOUNT,
        "a.b/c",
        "abcd",
    ),
    *(f"arn:aws:cloudwatch:{_HOME}:alarm:a", f"arn:aws:events:{_HOME}:archive/a", "PT3H", "x" * 30),
    *(f"arn:aws:secretsmanager:{_HOME}:secret:a-AbCdEf", f"arn:aws:dynamodb:{_HOME}:table/a"),
    *("smk://a.b", "sha", "/a", "subnet-0abc", "sg-0abc", "a:9092", "aws.partner/a.b/c"),
    *("arn:aws:route53:::healthcheck/a", f"arn:aws:events:{_HOME}:endpoint/a", "123456", "default"),
    *(f"arn:aws:kms:{_HOME}:key/a",),
)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return compile_pattern(pattern)


@cache
def _texts(shape: Any) -> tuple[str, ...]:
    """Return texts that fit a shape, or all when none does."""
    low = int(shape.metadata.get("min", 0))
    high = int(shape.metadata.get("max", 1_000_000))
    pattern = shape.metadata.get("pattern")
    fitting = [text for text in _CANDIDATES if low <= len(text) <= high]
    if pattern is not None:
        compiled = _pattern(pattern)
        found = [text for text in fitting if compiled.fullmatch(text)]
        return tuple(found or fitting or ("x" * low,))
    names = [text for text in fitting if len(text) <= 4]
    return tuple(names or fitting or ("x" * low,))


def forget_arns(known: dict[str, list[str]]) -> None:
    """Forget what there is no more."""
    for name in ("arn", *_KEPT):
        known.pop(name, None)


def keep_arns(name: str, value: Any, known: dict[str, list[str]]) -> None:
    """Take an ARN that an answer names, by its member's name too."""
    if isinstance(value, str) and value.startswith("arn:aws:") and len(value) < 300:
        kept = known.setdefault("arn", [])
        if value not in kept:
            kept.append(value)
            del kept[:-_MOST_KEPT]
        if _KEPT.get(name, "no") in value:
            known[name] = [value, *known.get(name, [])[:3]]
