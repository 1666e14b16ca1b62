"""Lists in pages: MaxResults and NextToken. Pure.

A token holds the key that a page ended with, so that what is made or deleted in between neither
repeats nor hides anything else.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from redrive.core.effects import Params
from redrive.services.schedules.refusals import invalid

PAGE_MAX = 100  # API_ListSchedules, MaxResults


def size(params: Params) -> int:
    """Return how many items a page has at most."""
    return int(params.get("MaxResults") or PAGE_MAX)


def after(params: Params, parts: int) -> tuple[str, ...]:
    """Return the key that a page begins behind, of so many texts, each "" for the first page.

    Raises ServiceError ValidationException.
    """
    token = params.get("NextToken")
    if token is None:
        return ("",) * parts
    try:
        found = urlsafe_b64decode(token).decode().split("\n")
    except (Base64Error, ValueError):
        found = []
    if len(found) != parts:
        raise invalid("Invalid NextToken.")
    return tuple(found)


def token_of(*key: str) -> str:
    """Return the token of a page that ended with this key."""
    return urlsafe_b64encode("\n".join(key).encode()).decode()
