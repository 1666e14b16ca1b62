"""Tags. Event source mappings share these operations; theirs are answered by the mappings
service."""

from __future__ import annotations

import json

from redrive.core.arn import parse_arn
from redrive.core.effects import Ask, Call, Context, Params, Reply, Result
from redrive.core.time import Millis
from redrive.services.functions.model import Function
from redrive.services.functions.operations.lookup import locate
from redrive.services.functions.refusals import constraint, invalid
from redrive.services.functions.room import Functions
from redrive.services.functions.rules import merge_tags
from redrive.store.store import Tx

_MAPPING = "event-source-mapping:"


def tag_resource(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Add or replace tags. AWS: API_TagResource."""
    del room
    if _is_mapping(params):
        return _delegate("TagMapping", params, context)
    function = _tagged(tx, params, context, "TagResource")
    if not params["Tags"]:
        raise invalid("An error occurred and the request cannot be processed.")
    _save(tx, function, merge_tags(json.loads(function.tags), params["Tags"]))
    return {}


def untag_resource(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Remove tags; keys that are not there are no error. AWS: API_UntagResource."""
    del room
    if _is_mapping(params):
        return _delegate("UntagMapping", params, context)
    function = _tagged(tx, params, context, "UntagResource")
    gone = frozenset(params["TagKeys"])
    tags = {key: value for key, value in json.loads(function.tags).items() if key not in gone}
    _save(tx, function, tags)
    return {}


def list_tags(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Show a resource's tags."""
    del room
    if _is_mapping(params):
        return _delegate("ListMappingTags", params, context)
    return {"Tags": json.loads(_tagged(tx, params, context, "ListTags").tags)}


def _tagged(tx: Tx, params: Params, context: Context, action: str) -> Function:
    """Return the function that an ARN names: tags belong to functions, not to their versions."""
    arn = parse_arn(params["Resource"])
    parts = arn.resource.split(":") if arn is not None and arn.service == "lambda" else []
    if not parts or parts[0] != "function" or len(parts) not in (2, 3):
        rule = "Member must be the ARN of a function or of an event source mapping"
        raise constraint(params["Resource"], "resource", rule)
    if len(parts) == 3:
        raise invalid(
            "Tags on function aliases and versions are not supported. "
            "Please specify a function ARN."
        )
    return locate(tx, context.caller, params["Resource"], action)[1]


def _save(tx: Tx, function: Function, tags: dict[str, str]) -> None:
    changed = tx.run(
        "functions.update_tags",
        account=function.account,
        region=function.region,
        name=function.name,
        tags=json.dumps(tags),
    )
    assert changed == 1, f"{function.arn} vanished within its transaction"


def _is_mapping(params: Params) -> bool:
    arn = parse_arn(params["Resource"])
    return arn is not None and arn.resource.startswith(_MAPPING)


def _delegate(operation: str, params: Params, context: Context) -> Ask:
    """Ask the mappings service, by an internal operation of the same parameters."""
    return Ask(Call("lambda", operation, params, context.caller), _pass_on)


def _pass_on(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    del tx, now_ms
    if reply.error is not None:
        raise reply.error
    assert reply.result is not None
    return reply.result
