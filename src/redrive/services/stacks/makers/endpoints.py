"""AWS::Lambda::Url and ::EventInvokeConfig as Lambda requests: how a qualifier is invoked."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.arn import function_arn, parse_arn
from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import EXISTS, GONE, Properties, Target
from redrive.services.stacks.model import Json, Request

_COLONS_QUALIFIED = 7  # arn:aws:lambda:<region>:<account>:function:<name>:<qualifier>
_URL_DEFAULTS: dict[str, Json] = {"AuthType": None, "Cors": {}, "InvokeMode": "BUFFERED"}


class UrlMaker:
    """A function URL."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateFunctionUrlConfig; of one left by a crash, what it is."""
        where = _url_of(properties)
        params = {name: properties[name] for name in _URL_DEFAULTS if name in properties}
        found = Request("lambda", "GetFunctionUrlConfig", where)
        exists, instead = (EXISTS, (found,)) if target.unsure else ((), ())
        operation = "CreateFunctionUrlConfig"
        return (Request("lambda", operation, {**where, **params}, exists=exists, instead=instead),)

    def update(
        self, _target: Target, _old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return UpdateFunctionUrlConfig with what changed, defaults for what is gone."""
        given = {
            name: new.get(name, default)
            for name, default in _URL_DEFAULTS.items()
            if name in changes
        }
        if not given:
            return ()
        return (Request("lambda", "UpdateFunctionUrlConfig", {**_url_of(new), **given}),)

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeleteFunctionUrlConfig."""
        if "TargetFunctionArn" not in properties:
            return ()
        where = _url_of(properties)
        return (Request("lambda", "DeleteFunctionUrlConfig", where, gone=GONE),)

    def outcome(
        self, target: Target, properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the function's ARN, with the qualifier if there is one, and the URL."""
        world, name = target.world, str(properties["TargetFunctionArn"])
        arn = name if parse_arn(name) else function_arn(world.region, world.account, name)
        qualifier = properties.get("Qualifier")
        if qualifier and not arn.endswith(f":{qualifier}"):
            arn = f"{arn}:{qualifier}"
        return arn, {"Ref": arn, "FunctionArn": arn, "FunctionUrl": str(replies[-1]["FunctionUrl"])}


class InvokeConfigMaker:
    """How asynchronous events of a version or an alias are treated."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PutFunctionEventInvokeConfig, which replaces all of it."""
        return (Request("lambda", "PutFunctionEventInvokeConfig", dict(properties)),)

    def update(
        self, target: Target, _old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the same again, with what it is to be."""
        return self.create(target, new)

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeleteFunctionEventInvokeConfig."""
        if "FunctionName" not in properties:
            return ()
        params = {name: properties[name] for name in ("FunctionName", "Qualifier")}
        return (Request("lambda", "DeleteFunctionEventInvokeConfig", params, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the name generated for it."""
        return target.physical_id, {"Ref": target.physical_id}


def _url_of(properties: Properties) -> dict[str, Json]:
    """Return the function and the qualifier, which may stand in an alias's ARN as well."""
    name, qualifier = str(properties["TargetFunctionArn"]), properties.get("Qualifier")
    if parse_arn(name) is not None and name.count(":") == _COLONS_QUALIFIED:
        name, _colon, own = name.rpartition(":")
        qualifier = qualifier or own
    return {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}
