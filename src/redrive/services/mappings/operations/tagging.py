"""Tags of mappings: TagResource and its kin, passed on when the ARN is a mapping's."""

from __future__ import annotations

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.refusals import untaggable
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.settings import check_tags
from redrive.store.store import Tx


def tag_mapping(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Add or replace tags. AWS: API_TagResource."""
    del room
    mapping = _tagged(tx, params, context)
    _save(tx, mapping, {**orjson.loads(mapping.tags), **params["Tags"]})
    return {}


def untag_mapping(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; keys that are not there are no error. AWS: API_UntagResource."""
    del room
    mapping = _tagged(tx, params, context)
    gone = frozenset(params["TagKeys"])
    tags = orjson.loads(mapping.tags)
    _save(tx, mapping, {key: value for key, value in tags.items() if key not in gone})
    return {}


def list_mapping_tags(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Show a mapping's tags. AWS: API_ListTags."""
    del room
    return {"Tags": orjson.loads(_tagged(tx, params, context).tags)}


def _tagged(tx: Tx, params: Params, context: Context) -> Mapping:
    arn = parse_arn(params["Resource"])
    caller = context.caller
    mapping: Mapping | None = None
    if arn is not None and (arn.account, arn.region) == (caller.account, caller.region):
        mapping = tx.one(
            Mapping,
            "mappings.mapping",
            uuid=arn.resource.partition(":")[2],
            account=arn.account,
            region=arn.region,
        )
    if mapping is None:
        raise untaggable(params["Resource"])
    return mapping


def _save(tx: Tx, mapping: Mapping, tags: dict[str, str]) -> None:
    check_tags(tags)
    tx.run("mappings.set_tags", n=mapping.n, tags=orjson.dumps(tags).decode())
