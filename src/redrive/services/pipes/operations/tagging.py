"""Tags of pipes."""

from __future__ import annotations

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Caller, Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.pipes.model import Pipe
from redrive.services.pipes.operations.lookup import find, keep
from redrive.services.pipes.refusals import invalid
from redrive.services.pipes.room import Pipes
from redrive.store.store import Tx

TAGS_MAX = 50  # AWS: API_TagResource


def tag_resource(room: Pipes, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags, or give them other values. AWS: API_TagResource."""
    del room
    pipe = _find(tx, params["resourceArn"], context.caller)
    tags = {**orjson.loads(pipe.tags), **params["tags"]}
    if len(tags) > TAGS_MAX:
        raise invalid(f"A pipe has at most {TAGS_MAX} tags.")
    keep(tx, pipe._replace(tags=orjson.dumps(tags).decode()))
    return {}


def untag_resource(room: Pipes, tx: Tx, params: Params, context: Context) -> Result:
    """Take tags away. AWS: API_UntagResource."""
    del room
    pipe = _find(tx, params["resourceArn"], context.caller)
    gone = set(params["tagKeys"])
    tags = {key: value for key, value in orjson.loads(pipe.tags).items() if key not in gone}
    keep(tx, pipe._replace(tags=orjson.dumps(tags).decode()))
    return {}


def list_tags_for_resource(room: Pipes, tx: Tx, params: Params, context: Context) -> Result:
    """Show a pipe's tags. AWS: API_ListTagsForResource."""
    del room
    return {"tags": orjson.loads(_find(tx, params["resourceArn"], context.caller).tags)}


def _find(tx: Tx, text: str, caller: Caller) -> Pipe:
    arn = parse_arn(text)
    if arn is None or arn.service != "pipes" or not arn.resource.startswith("pipe/"):
        raise ServiceError("NotFoundException", f"{text} does not exist.", status=404)
    owner = caller._replace(region=arn.region)
    if arn.account != caller.account:
        raise ServiceError("NotFoundException", f"{text} does not exist.", status=404)
    return find(tx, arn.resource.removeprefix("pipe/"), owner)
