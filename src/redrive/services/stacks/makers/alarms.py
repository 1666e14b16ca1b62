"""AWS::CloudWatch::* and AWS::Logs::* as requests."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target, removed_tags, tag_map
from redrive.services.stacks.makers.plain import Params, PlainMaker, Tagging
from redrive.services.stacks.makers.queues import attribute_text
from redrive.services.stacks.model import Request

_TAGGING = Tagging()
_GONE = ("ResourceNotFound", "ResourceNotFoundException")


def _body_as_text(properties: Properties) -> Params:
    return {**properties, "DashboardBody": attribute_text(properties["DashboardBody"])}


ALARM = PlainMaker(
    "cloudwatch",
    "PutMetricAlarm",
    "PutMetricAlarm",
    "DeleteAlarms",
    "AlarmNames",
    "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    gone=_GONE,
    tagging=_TAGGING,
    is_list_named=True,
)
COMPOSITE_ALARM = PlainMaker(
    "cloudwatch",
    "PutCompositeAlarm",
    "PutCompositeAlarm",
    "DeleteAlarms",
    "AlarmNames",
    "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    gone=_GONE,
    tagging=_TAGGING,
    is_list_named=True,
)
DASHBOARD = PlainMaker(
    "cloudwatch",
    "PutDashboard",
    "PutDashboard",
    "DeleteDashboards",
    "DashboardNames",
    "arn:aws:cloudwatch::{account}:dashboard/{name}",
    params=_body_as_text,
    gone=_GONE,
    is_list_named=True,
)

_EXISTS = ("ResourceAlreadyExistsException",)
_NOT_THERE = ("ResourceNotFoundException",)


class LogGroupMaker:
    """A log group. Its Ref is its name."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateLogGroup, and PutRetentionPolicy; a group that is there is taken over.

        What a function has written before its stack was made has made the group already.
        """
        params: Params = {"logGroupName": target.physical_id}
        if properties.get("Tags"):
            params["tags"] = tag_map(properties["Tags"])
        made = Request("logs", "CreateLogGroup", params, gone=_EXISTS)
        return (made, *_retention(target.physical_id, properties))

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the retention and the tags that changed."""
        name, world = target.physical_id, target.world
        requests: list[Request] = []
        if "RetentionInDays" in changes:
            requests += _retention(name, new) or (
                Request("logs", "DeleteRetentionPolicy", {"logGroupName": name}),
            )
        arn = f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}"
        if removed := removed_tags(old, new):
            params: Params = {"resourceArn": arn, "tagKeys": removed}
            requests.append(Request("logs", "UntagResource", params))
        if "Tags" in changes and new.get("Tags"):
            params = {"resourceArn": arn, "tags": tag_map(new["Tags"])}
            requests.append(Request("logs", "TagResource", params))
        return tuple(requests)

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteLogGroup."""
        params = {"logGroupName": target.physical_id}
        return (Request("logs", "DeleteLogGroup", params, gone=_NOT_THERE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name, and the ARN with :* as CloudFormation has it."""
        name, world = target.physical_id, target.world
        arn = f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}:*"
        return name, {"Ref": name, "Arn": arn}


def _retention(name: str, properties: Properties) -> tuple[Request, ...]:
    days = properties.get("RetentionInDays")
    if days is None:
        return ()
    params = {"logGroupName": name, "retentionInDays": days}
    return (Request("logs", "PutRetentionPolicy", params),)


class LogStreamMaker:
    """A stream of a log group."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateLogStream."""
        return (Request("logs", "CreateLogStream", _stream(target, properties), gone=_EXISTS),)

    def update(
        self, _target: Target, _old: Properties, _new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return nothing: each change makes another stream."""
        return ()

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeleteLogStream."""
        if "LogGroupName" not in properties:
            return ()
        return (Request("logs", "DeleteLogStream", _stream(target, properties), gone=_NOT_THERE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name."""
        return target.physical_id, {"Ref": target.physical_id}


def _stream(target: Target, properties: Properties) -> Params:
    return {"logGroupName": properties["LogGroupName"], "logStreamName": target.physical_id}
