"""Lists of IAM in pages: MaxItems, Marker, IsTruncated. Pure.

A marker is the name that a page ends with, so that what is added or removed in between neither
repeats nor hides anything else.
AWS: API_ListRoles, "Marker".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from redrive.core.effects import Params
from redrive.services.identity.model import PAGE_DEFAULT
from redrive.services.identity.refusals import invalid

T = TypeVar("T")


def after(params: Params) -> str:
    """Return the name that a page begins behind, "" for the first. Raises ServiceError."""
    marker = params.get("Marker")
    if marker is None:
        return ""
    try:
        return b64decode(marker, validate=True).decode()
    except (Base64Error, ValueError):
        raise invalid("Invalid Marker.") from None


def size(params: Params) -> int:
    """Return how many items a page has at most."""
    return int(params.get("MaxItems", PAGE_DEFAULT))


def page(found: list[T], params: Params, name_of: Callable[[T], str]) -> tuple[list[T], Any]:
    """Return one page's items and the members that tell of the next, from one item more or all."""
    count = size(params)
    kept = found[:count]
    if len(found) <= count:
        return kept, {"IsTruncated": False}
    marker = b64encode(name_of(kept[-1]).encode()).decode()
    return kept, {"IsTruncated": True, "Marker": marker}


def page_of(items: Iterable[T], params: Params, name_of: Callable[[T], str]) -> Any:
    """Return one page of items that are all at hand, in the order of their names."""
    start = after(params)
    rest = sorted((item for item in items if name_of(item) > start), key=name_of)
    return page(rest, params, name_of)
