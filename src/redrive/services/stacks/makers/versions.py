"""AWS::Lambda::Version and ::Alias as Lambda requests, and the concurrency provisioned for them."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.arn import function_arn, parse_arn
from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import EXISTS, GONE, Properties, Target
from redrive.services.stacks.model import FromReply, Json, Request

_PROVISIONED = "ProvisionedConcurrencyConfig"
_COUNT = "ProvisionedConcurrentExecutions"


class VersionMaker:
    """A published version. Its Ref is its ARN; a template that changes it publishes another."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PublishVersion, and what is provisioned for the number that it gives.

        It gives the newest number again while $LATEST is as it was then, so that a crash in between
        does no harm.
        """
        names = ("FunctionName", "CodeSha256", "Description")
        params = {name: properties[name] for name in names if name in properties}
        published = Request("lambda", "PublishVersion", params)
        number = FromReply(0, "Version")
        return (published, *_provision(properties["FunctionName"], number, {}, properties))

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return what changes what is provisioned."""
        return _provision(new["FunctionName"], _number(target.physical_id), old, new)

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeleteFunction of the version; nothing when it was never published."""
        number = _number(target.physical_id)
        if not number or "FunctionName" not in properties:
            return ()
        params = {"FunctionName": properties["FunctionName"], "Qualifier": number}
        return (Request("lambda", "DeleteFunction", params, gone=GONE),)

    def outcome(
        self, _target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the version's ARN and its number."""
        number = str(replies[0]["Version"])
        arn = str(replies[0]["FunctionArn"])
        arn = arn if arn.endswith(f":{number}") else f"{arn}:{number}"
        return arn, {"Ref": arn, "FunctionArn": arn, "Version": number}


class AliasMaker:
    """An alias. Its Ref is its ARN."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateAlias, and what is provisioned for it."""
        both = {name: properties[name] for name in ("FunctionName", "Name")}
        params = {**both, **_meaning(properties)}
        found = Request("lambda", "GetAlias", both)
        exists, instead = (EXISTS, (found,)) if target.unsure else ((), ())
        created = Request("lambda", "CreateAlias", params, exists=exists, instead=instead)
        provided = _provision(properties["FunctionName"], properties["Name"], {}, properties)
        return (created, *provided)

    def update(
        self, _target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return UpdateAlias with all that it means, and what changes what is provisioned."""
        requests: list[Request] = []
        if set(changes) - {_PROVISIONED}:
            both = {name: new[name] for name in ("FunctionName", "Name")}
            gone = {"Description": "", "RoutingConfig": {}}
            requests.append(Request("lambda", "UpdateAlias", {**both, **gone, **_meaning(new)}))
        return (*requests, *_provision(new["FunctionName"], new["Name"], old, new))

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeleteAlias."""
        if "FunctionName" not in properties:
            return ()
        params = {name: properties[name] for name in ("FunctionName", "Name")}
        return (Request("lambda", "DeleteAlias", params, gone=GONE),)

    def outcome(
        self, target: Target, properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the alias's ARN."""
        world, name = target.world, str(properties["FunctionName"])
        given = parse_arn(name)
        if given is not None:
            arn = f"{name}:{properties['Name']}"
        else:
            arn = function_arn(world.region, world.account, name, properties["Name"])
        return arn, {"Ref": arn, "AliasArn": arn}


def _meaning(properties: Properties) -> dict[str, Json]:
    names = ("FunctionVersion", "Description")
    meaning = {name: properties[name] for name in names if name in properties}
    shares = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
    if shares:
        weights = {share["FunctionVersion"]: share["FunctionWeight"] for share in shares}
        meaning["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    return meaning


def _provision(
    function: str, qualifier: str | FromReply, old: Properties, new: Properties
) -> tuple[Request, ...]:
    """Return what turns the old provisioned concurrency of a qualifier into the new one."""
    counts = [(each.get(_PROVISIONED) or {}).get(_COUNT) for each in (old, new)]
    if counts[0] == counts[1]:
        return ()
    params: dict[str, Json] = {"FunctionName": function, "Qualifier": qualifier}
    if counts[1] is None:
        return (Request("lambda", "DeleteProvisionedConcurrencyConfig", params, gone=GONE),)
    params[_COUNT] = counts[1]
    return (Request("lambda", "PutProvisionedConcurrencyConfig", params),)


def _number(arn: str) -> str:
    """Return the number at the end of a version's ARN; "" of a name that was never published."""
    number = arn.rpartition(":")[2]
    return number if number.isdigit() else ""
