"""Tags of topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.topics.model import Topic
from redrive.services.topics.refusals import invalid, no_resource
from redrive.services.topics.room import Topics, find_topic
from redrive.store.store import Tx

TAGS_MAX = 50
"""AWS: SNS Developer Guide, "Amazon SNS topic tagging"."""


def given_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return a list of tags as a map, or refuse it. AWS: as captured, but for the limit's text."""
    made = {tag["Key"]: tag["Value"] for tag in tags}
    if len(made) < len(tags):
        raise invalid("Duplicated keys are not allowed.")
    _check_count(made)
    return made


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        text = "Could not complete request: tag quota of per resource exceeded"
        raise ServiceError("TagLimitExceeded", text, status=400)


def tag_resource(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Set tags, keeping the others. AWS: API_TagResource."""
    del room
    topic = _find(tx, params, context, "TagResource")
    tags = {**orjson.loads(topic.tags), **given_tags(params["Tags"])}
    _check_count(tags)
    tx.run("topics.set_tags", id=topic.id, tags=orjson.dumps(tags).decode())
    return {}


def untag_resource(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; one that is not there is no error. AWS: API_UntagResource."""
    del room
    topic = _find(tx, params, context, "UntagResource")
    removed = set(params["TagKeys"])
    tags = {key: value for key, value in orjson.loads(topic.tags).items() if key not in removed}
    tx.run("topics.set_tags", id=topic.id, tags=orjson.dumps(tags).decode())
    return {}


def list_tags_for_resource(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """List tags. AWS: API_ListTagsForResource."""
    del room
    topic = _find(tx, params, context, "ListTagsForResource")
    tags = orjson.loads(topic.tags)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _find(tx: Tx, params: Params, context: Context, action: str) -> Topic:
    try:
        return find_topic(tx, params["ResourceArn"], context, action, "ResourceArn")
    except ServiceError as error:
        if error.code == "NotFound":
            raise no_resource() from None
        raise
