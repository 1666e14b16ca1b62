"""What an operation names: a group by name or ARN, a stream by name."""

from __future__ import annotations

import re

from redrive.core.effects import Caller, Params
from redrive.core.errors import Unavailable
from redrive.services.telemetry.archive import Archive
from redrive.services.telemetry.cloudwatch.refusals import (
    NO_GROUP,
    NO_STREAM,
    invalid,
    not_found,
)
from redrive.services.telemetry.model import Group, Stream

_ARN = re.compile(
    r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":log-group:(?P<name>[.\-_/#A-Za-z0-9]{1,512})(?::\*)?"
)


def group_arn(caller: Caller, name: str) -> str:
    """Return a group's ARN, without the ":*" that stands for its streams."""
    return f"arn:aws:logs:{caller.region}:{caller.account}:log-group:{name}"


def named_group(archive: Archive, caller: Caller, name: str) -> Group:
    """Return a group. Raises ResourceNotFoundException."""
    found = archive.group(caller.account, caller.region, name)
    if found is None:
        raise not_found(NO_GROUP)
    return found


def identified_group(archive: Archive, caller: Caller, identifier: str) -> Group:
    """Return a group by its name or ARN; another account's or region's is not there."""
    found = _ARN.fullmatch(identifier)
    if found is None:
        return named_group(archive, caller, identifier)
    if (found["account"], found["region"]) != (caller.account, caller.region):
        raise not_found(NO_GROUP)
    return named_group(archive, caller, found["name"])


def asked_group(archive: Archive, caller: Caller, params: Params) -> Group:
    """Return the group of a request that takes a name or an identifier, and not both."""
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid(
            "Exactly one of logGroupName and logGroupIdentifier must be specified."
            if name is None
            else "LogGroup name and LogGroup ARN are mutually exclusive parameters."
        )
    if name is not None:
        return named_group(archive, caller, name)
    assert identifier is not None
    return identified_group(archive, caller, identifier)


def named_stream(archive: Archive, group: Group, name: str) -> Stream:
    """Return a stream. Raises ResourceNotFoundException."""
    found = archive.stream(group.id, name)
    if found is None:
        raise not_found(NO_STREAM)
    return found


def must(is_written: bool) -> None:
    """Say that the disk took nothing, where it did not. Raises Unavailable."""
    if not is_written:
        raise Unavailable("the log file takes no more")
