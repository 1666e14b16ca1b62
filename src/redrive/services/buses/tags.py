"""Tags, as they are given and as they are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from redrive.services.buses.refusals import invalid

TAGS_MAX = 50
"""AWS: API_TagResource."""


def with_tags(text: str, given: Iterable[Mapping[str, str]] | None) -> str:
    """Return tags (JSON object) with others added or replaced. Raises ServiceError."""
    tags = orjson.loads(text)
    for tag in given or ():
        if tag["Key"].lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        tags[tag["Key"]] = tag["Value"]
    if len(tags) > TAGS_MAX:
        raise invalid(f"A resource can have at most {TAGS_MAX} tags.")
    return orjson.dumps(tags).decode()


def without_tags(text: str, keys: Iterable[str]) -> str:
    """Return tags without some."""
    gone = set(keys)
    kept = {key: value for key, value in orjson.loads(text).items() if key not in gone}
    return orjson.dumps(kept).decode()


def shown_tags(text: str) -> list[dict[str, Any]]:
    """Return tags as a request would give them."""
    return [{"Key": key, "Value": value} for key, value in orjson.loads(text).items()]
