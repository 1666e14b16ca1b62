"""Requests to `events` as botocore asks them and reads them, and what tests say again and again."""

from __future__ import annotations

import json
from typing import Any

import botocore.parsers
import botocore.serialize
import botocore.session
from events_world import ACCOUNT, CALLER, REGION, World

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request, Response

ENDPOINT = Endpoint(("events",))
MODEL = botocore.session.Session().get_service_model("events")
OTHER = "111122223333"
NOBODY = f"arn:aws:sqs:{REGION}:{ACCOUNT}:nobody"


def other(account: str = OTHER, region: str = REGION) -> Caller:
    """The root of another account."""
    return Caller(account, region, f"arn:aws:iam::{account}:root", account)


def bus_arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    """A bus's ARN."""
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def entry(source: str = "shop", **members: Any) -> dict[str, Any]:
    """An entry of PutEvents."""
    return {"Source": source, "DetailType": "order", "Detail": '{"id": 1}', **members}


def put(world: World, *entries: dict[str, Any], who: Caller = CALLER) -> Any:
    """Put events; return the answer."""
    return world.call("events", "PutEvents", who, Entries=list(entries) or [entry()])


def rule(world: World, *targets: dict[str, Any], who: Caller = CALLER, **members: Any) -> str:
    """Make a rule for everything from shop, with targets; return its name."""
    given = {"Name": "r", "EventPattern": json.dumps({"source": ["shop"]}), **members}
    world.call("events", "PutRule", who, **given)
    named = {key: given[key] for key in ("EventBusName",) if key in given}
    if targets:
        world.call("events", "PutTargets", who, Rule=given["Name"], Targets=targets, **named)
    return str(given["Name"])


def target(arn: str, name: str = "1", **members: Any) -> dict[str, Any]:
    """A target."""
    return {"Id": name, "Arn": arn, **members}


def attributes(message: dict[str, Any]) -> dict[str, str]:
    """A message's attributes as texts."""
    given = message.get("MessageAttributes") or {}
    return {name: value["StringValue"] for name, value in given.items()}


class Wire:
    """botocore's serializer and parser, around a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._serializer = botocore.serialize.create_serializer("json", include_validation=False)
        self._parser = botocore.parsers.create_parser("json")

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer, with its status."""
        model = MODEL.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        headers["host"] = "localhost"
        scope = f"{ACCOUNT}/20270115/{REGION}/events/aws4_request"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        )
        body = made["body"]
        body = body.encode() if isinstance(body, str) else body
        answer = self._answer(Request(made["method"], made["url_path"], headers, body))
        told = {
            "status_code": answer.status,
            "headers": dict(answer.headers),
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def _answer(self, request: Request) -> Response:
        try:
            incoming = ENDPOINT.read(request)
        except Fault as fault:
            return ENDPOINT.fault(fault, fault.error, "id")
        try:
            result = self._world.call("events", incoming.operation, **incoming.params)
        except ServiceError as error:
            return ENDPOINT.fault(incoming, error, "id")
        return ENDPOINT.reply(incoming, result, "id")
