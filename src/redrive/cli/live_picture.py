"""A running server's queues, functions and mappings, drawn for the lessons by its own API.

Alarms cannot be seen, and there are none: what needs them is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson

from redrive.cli.client import Client, Refusal
from redrive.cli.sources import read_sources
from redrive.core.arn import parse_arn
from redrive.core.lessons.graph import Code, Function, Graph, InvokeConfig, Queue, Source

_FUNCTIONS = "/2015-03-31/functions"
_MAPPINGS = "/2015-03-31/event-source-mappings"
_NESTED = ("EphemeralStorage", "ScalingConfig", "ProvisionedPollerConfig")


def live_picture(client: Client) -> Graph:
    """Return the picture of the caller's account and region. Raises Refusal, NoServer."""
    queues = {queue.arn: queue for queue in _queues(client)}
    functions: dict[str, Function] = {}
    configs = []
    for shape in _pages(client, f"{_FUNCTIONS}/", "Functions"):
        arn = str(shape["FunctionArn"])
        name = quote(str(shape["FunctionName"]), safe="")
        functions[arn] = _function(client, name, shape)
        config = _optional(client, f"/2019-09-25/functions/{name}/event-invoke-config")
        if config is not None:
            configs.append(_config(functions[arn], config))
    mappings = tuple(
        _mapping(shape, functions)
        for shape in _pages(client, f"{_MAPPINGS}/", "EventSourceMappings")
    )
    return Graph(queues, functions, mappings, tuple(configs), is_whole=True)


def _queues(client: Client) -> Iterator[Queue]:
    token = None
    while True:
        told = client.call("sqs", "ListQueues", MaxResults=1000, NextToken=token)
        for url in told.get("QueueUrls", []):
            with suppress(Refusal):  # deleted in between
                shown = client.call(
                    "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]
                )
                yield _queue(shown["Attributes"])
        token = told.get("NextToken")
        if token is None:
            return


def _queue(attributes: Mapping[str, str]) -> Queue:
    redrive = orjson.loads(attributes.get("RedrivePolicy") or "{}")
    allow = orjson.loads(attributes.get("RedriveAllowPolicy") or "{}")
    allowed = None
    if allow.get("redrivePermission") in ("byQueue", "denyAll"):
        allowed = frozenset(map(str, allow.get("sourceQueueArns", [])))
    arn = attributes["QueueArn"]
    name = arn.rpartition(":")[2]
    numbers = {key: int(value) for key, value in attributes.items() if value.isdigit()}
    if redrive:
        numbers["RedrivePolicy.maxReceiveCount"] = int(redrive["maxReceiveCount"])
    return Queue(
        name=name,
        arn=arn,
        given=frozenset((*attributes, *numbers)) - (frozenset() if redrive else {"RedrivePolicy"}),
        numbers=numbers,
        physical=name,
        is_fifo=attributes.get("FifoQueue") == "true",
        dlq=redrive.get("deadLetterTargetArn"),
        allowed=allowed,
    )


def _function(client: Client, name: str, shape: Mapping[str, Any]) -> Function:
    shown = client.show(f"{_FUNCTIONS}/{name}") or {}
    numbers = _numbers(shape)
    reserved = shown.get("Concurrency", {}).get("ReservedConcurrentExecutions")
    if reserved is not None:
        numbers["ReservedConcurrentExecutions"] = reserved
    return Function(
        name=str(shape["FunctionName"]),
        arn=str(shape["FunctionArn"]),
        given=frozenset((*shape, *numbers)),
        numbers=numbers,
        physical=str(shape["FunctionName"]),
        runtime=shape.get("Runtime"),
        handler=shape.get("Handler"),
        variables=shape.get("Environment", {}).get("Variables", {}),
        layers=len(shape.get("Layers", [])),
        callers=frozenset(_callers(client, name)),
        code=_code(shown.get("Code", {}).get("Location"), str(shape["FunctionName"])),
    )


def _callers(client: Client, name: str) -> Iterator[str]:
    """Yield who a function's policy lets invoke it, and `url` when it has one."""
    policy = _optional(client, f"{_FUNCTIONS}/{name}/policy")
    for statement in orjson.loads((policy or {}).get("Policy") or "{}").get("Statement", []):
        principal = statement.get("Principal", "*")
        yield from map(str, principal.values() if isinstance(principal, dict) else [principal])
    if _optional(client, f"/2021-10-31/functions/{name}/url") is not None:
        yield "url"


def _code(location: str | None, name: str) -> Code | None:
    """Return the sources that lie where the server says, if that is on this machine."""
    parts = urlsplit(location or "")
    if parts.scheme != "file":
        return None
    return read_sources(Path(unquote(parts.path)), name)


def _mapping(shape: Mapping[str, Any], functions: Mapping[str, Function]) -> Source:
    arn = str(shape["FunctionArn"])
    parsed = parse_arn(arn)
    if arn not in functions and parsed is not None and parsed.resource.count(":") == 2:
        arn = arn.rpartition(":")[0]  # of a version or an alias
    queue = str(shape.get("EventSourceArn", ""))
    function = functions.get(arn)
    name = f"{queue.rpartition(':')[2]} to {function.name if function else arn.rpartition(':')[2]}"
    numbers = _numbers(shape)
    return Source(
        name=name,
        arn=str(shape.get("EventSourceMappingArn") or shape.get("UUID", "")),
        given=frozenset((*shape, *numbers)),
        numbers=numbers,
        queue=queue or None,
        function=arn,
        is_enabled=shape.get("State") not in ("Disabled", "Disabling", "Deleting"),
        reports="ReportBatchItemFailures" in (shape.get("FunctionResponseTypes") or []),
        filters=len((shape.get("FilterCriteria") or {}).get("Filters") or []),
    )


def _config(function: Function, shape: Mapping[str, Any]) -> InvokeConfig:
    target = (shape.get("DestinationConfig") or {}).get("OnFailure") or {}
    return InvokeConfig(
        name=f"{function.name}'s asynchronous invocation",
        arn=str(shape.get("FunctionArn", function.arn)),
        given=frozenset(shape),
        numbers=_numbers(shape),
        function=function.arn,
        has_on_failure="Destination" in target,
    )


def _numbers(shape: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of a shape and of the objects in it, by CloudFormation's names."""
    found = {key: value for key, value in shape.items() if type(value) is int}
    for name in _NESTED:
        inner = shape.get(name) or {}
        found |= {f"{name}.{key}": value for key, value in inner.items() if type(value) is int}
    return found


def _pages(client: Client, path: str, member: str) -> Iterator[dict[str, Any]]:
    marker = ""
    while True:
        told = client.show(f"{path}?Marker={quote(marker, safe='')}" if marker else path) or {}
        yield from told.get(member, [])
        marker = told.get("NextMarker") or ""
        if not marker:
            return


def _optional(client: Client, path: str) -> dict[str, Any] | None:
    """Return what is at a path; None also where the server does not have that operation."""
    try:
        return client.show(path)
    except Refusal:
        return None
