"""AWS::Events::*, AWS::Scheduler::* and AWS::Pipes::Pipe as requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from redrive.core.effects import Result
from redrive.core.time import SECOND_MS
from redrive.services.stacks.makers.maker import Properties, Target, removed_tags
from redrive.services.stacks.makers.plain import Params, PlainMaker, Tagging
from redrive.services.stacks.makers.queues import attribute_text
from redrive.services.stacks.model import Json, Request

GONE = ("ResourceNotFoundException",)
EXISTS = ("ResourceAlreadyExistsException",)
_DEFAULT_BUS = "default"
_TARGETS_MAX = 5  # API_PutTargets, of one rule


class RuleMaker:
    """A rule with its targets. Its Ref is its name, or bus|name on a bus of its own."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PutRule and PutTargets, which also make one anew that a crash has left."""
        where = _place(target, properties)
        kept = ("Description", "EventPattern", "RoleArn", "ScheduleExpression", "State")
        params = {name: properties[name] for name in kept if name in properties}
        if "EventPattern" in params:
            params["EventPattern"] = attribute_text(params["EventPattern"])
        if properties.get("Tags"):
            params["Tags"] = properties["Tags"]
        put = Request("events", "PutRule", {"Name": where["Rule"], **_bus_of(where), **params})
        return (put, *_put_targets(where, properties.get("Targets") or []))

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the rule as it is to be, without the targets that are gone."""
        where = _place(target, new)
        untagged = {name: value for name, value in new.items() if name != "Tags"}
        put, *others = self.create(target, untagged)
        ids = {one["Id"] for one in new.get("Targets") or ()}
        gone = [one["Id"] for one in old.get("Targets") or () if one["Id"] not in ids]
        removal = [Request("events", "RemoveTargets", {**where, "Ids": gone})] if gone else []
        # New targets come before old ones go, where there is room for both: no event is missed.
        is_room = len(ids) + len(gone) <= _TARGETS_MAX
        requests = [put, *others, *removal] if is_room else [put, *removal, *others]
        arn = {"ResourceARN": _rule_arn(target, new)}
        if removed := removed_tags(old, new):
            requests.append(Request("events", "UntagResource", {**arn, "TagKeys": removed}))
        if new.get("Tags"):
            requests.append(Request("events", "TagResource", {**arn, "Tags": new["Tags"]}))
        return tuple(requests)

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return RemoveTargets and DeleteRule."""
        where = _place(target, properties)
        ids = [one["Id"] for one in properties.get("Targets") or ()]
        named = {"Name": where["Rule"], **_bus_of(where)}
        removal = Request("events", "RemoveTargets", {**where, "Ids": ids}, gone=GONE)
        deletion = Request("events", "DeleteRule", named, gone=GONE)
        return (removal, deletion) if ids else (deletion,)

    def outcome(
        self, target: Target, properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return bus|name and the ARN. AWS: AWS::Events::Rule, "Return values"."""
        where = _place(target, properties)
        bus = where.get("EventBusName", _DEFAULT_BUS)
        ref = where["Rule"] if bus == _DEFAULT_BUS else f"{_last(bus)}|{where['Rule']}"
        return ref, {"Ref": ref, "Arn": _rule_arn(target, properties)}


def _place(target: Target, properties: Properties) -> dict[str, str]:
    where = {"Rule": target.physical_id.rpartition("|")[2]}
    bus = properties.get("EventBusName")
    return {**where, "EventBusName": str(bus)} if bus else where


def _bus_of(where: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in where.items() if name == "EventBusName"}


def _last(bus: str) -> str:
    return bus.rpartition("/")[2]


def _rule_arn(target: Target, properties: Properties) -> str:
    where, world = _place(target, properties), target.world
    bus = _last(where.get("EventBusName", _DEFAULT_BUS))
    name = where["Rule"] if bus == _DEFAULT_BUS else f"{bus}/{where['Rule']}"
    return f"arn:aws:events:{world.region}:{world.account}:rule/{name}"


def _put_targets(where: dict[str, str], targets: list[dict[str, Json]]) -> tuple[Request, ...]:
    if not targets:
        return ()
    shown = [_texts_in(one, "Input") for one in targets]
    return (Request("events", "PutTargets", {**where, "Targets": shown}),)


def _texts_in(values: dict[str, Json], *names: str) -> dict[str, Json]:
    """Return an object in which some members are JSON as text, however the template has them."""
    texts = {name: attribute_text(values[name]) for name in names if name in values}
    return {**values, **texts}


class BusPolicyMaker:
    """A statement of an event bus's policy."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PutPermission, which replaces one left by a crash."""
        return (Request("events", "PutPermission", dict(properties)),)

    def update(
        self, target: Target, _old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the same again, with what it is to be."""
        return self.create(target, new)

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return RemovePermission."""
        keys = {
            name: properties[name] for name in ("EventBusName", "StatementId") if name in properties
        }
        return (Request("events", "RemovePermission", keys, gone=GONE),) if keys else ()

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name generated for it."""
        return target.physical_id, {"Ref": target.physical_id}


class BusMaker(PlainMaker):
    """An event bus, with the policy that it may be given."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateEventBus, and PutPermission."""
        own = {name: value for name, value in properties.items() if name != "Policy"}
        return (*PlainMaker.create(self, target, own), *self._policy(target, properties))

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return UpdateEventBus, and PutPermission or RemovePermission."""
        old_own = {name: value for name, value in old.items() if name != "Policy"}
        own = {name: value for name, value in new.items() if name != "Policy"}
        rest = [name for name in changes if name != "Policy"]
        requests = list(PlainMaker.update(self, target, old_own, own, rest))
        if "Policy" in changes:
            requests += self._policy(target, new) or (
                Request(
                    "events",
                    "RemovePermission",
                    {"EventBusName": target.physical_id, "RemoveAllPermissions": True},
                ),
            )
        return tuple(requests)

    def _policy(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        if not properties.get("Policy"):
            return ()
        policy = attribute_text(properties["Policy"])
        params = {"EventBusName": target.physical_id, "Policy": policy}
        return (Request("events", "PutPermission", params),)


def _patterned(properties: Properties) -> Params:
    params = _texts_in(dict(properties), "EventPattern")
    if "SourceArn" in params:
        params["EventSourceArn"] = params.pop("SourceArn")
    return params


def _scheduled(properties: Properties) -> Params:
    params = dict(properties)
    for name in ("StartDate", "EndDate"):
        if name in params:
            params[name] = _instant(str(params[name]))
    if isinstance(params.get("Target"), dict):
        params["Target"] = _texts_in(params["Target"], "Input")
    return params


def _instant(text: str) -> Json:
    """Return an ISO 8601 text as an instant; what is none is left to be refused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * SECOND_MS)


BUS = BusMaker(
    "events",
    "CreateEventBus",
    "UpdateEventBus",
    "DeleteEventBus",
    "Name",
    "arn:aws:events:{region}:{account}:event-bus/{name}",
    find="DescribeEventBus",
    exists=EXISTS,
    defaults={"Description": "", "DeadLetterConfig": {}},
    attributes={"Name": "Name"},
    tagging=Tagging(),
    is_shown_later=True,
)
ARCHIVE = PlainMaker(
    "events",
    "CreateArchive",
    "UpdateArchive",
    "DeleteArchive",
    "ArchiveName",
    "arn:aws:events:{region}:{account}:archive/{name}",
    params=_patterned,
    only_new=("SourceArn",),
    find="DescribeArchive",
    exists=EXISTS,
    attributes={"ArchiveName": "ArchiveName"},
    is_shown_later=True,
    defaults={"Description": "", "EventPattern": "", "RetentionDays": 0},
)
CONNECTION = PlainMaker(
    "events",
    "CreateConnection",
    "UpdateConnection",
    "DeleteConnection",
    "Name",
    "",
    find="DescribeConnection",
    exists=EXISTS,
    defaults={"Description": ""},
    attributes={
        "Arn": "ConnectionArn",
        "ArnForPolicy": "ConnectionArn",
        "SecretArn": "SecretArn",
    },
    is_shown_later=True,
)
API_DESTINATION = PlainMaker(
    "events",
    "CreateApiDestination",
    "UpdateApiDestination",
    "DeleteApiDestination",
    "Name",
    "",
    find="DescribeApiDestination",
    exists=EXISTS,
    defaults={"Description": "", "InvocationRateLimitPerSecond": 300},
    attributes={"Arn": "ApiDestinationArn", "ArnForPolicy": "ApiDestinationArn"},
)
SCHEDULE = PlainMaker(
    "scheduler",
    "CreateSchedule",
    "UpdateSchedule",
    "DeleteSchedule",
    "Name",
    "arn:aws:scheduler:{region}:{account}:schedule/{place}/{name}",
    params=_scheduled,
    find="GetSchedule",
    exists=("ConflictException",),
    place=("GroupName", "default"),
)
SCHEDULE_GROUP = PlainMaker(
    "scheduler",
    "CreateScheduleGroup",
    "",
    "DeleteScheduleGroup",
    "Name",
    "arn:aws:scheduler:{region}:{account}:schedule-group/{name}",
    find="GetScheduleGroup",
    exists=("ConflictException",),
    attributes={"State": "State"},
    is_shown_later=True,
    tagging=Tagging(arn="ResourceArn"),
)
PIPE = PlainMaker(
    "pipes",
    "CreatePipe",
    "UpdatePipe",
    "DeletePipe",
    "Name",
    "arn:aws:pipes:{region}:{account}:pipe/{name}",
    only_new=("Source",),
    find="DescribePipe",
    exists=("ConflictException",),
    gone=("NotFoundException",),
    defaults={
        "Description": "",
        "DesiredState": "RUNNING",
        "Enrichment": "",
        "EnrichmentParameters": {"InputTemplate": ""},
    },
    attributes={"CurrentState": "CurrentState"},
    tagging=Tagging("resourceArn", tags="tags", keys="tagKeys", is_object=True),
)
