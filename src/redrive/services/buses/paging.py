"""Pages of lists: a token says after which name the next one begins. Pure."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redrive.core.effects import Params
from redrive.core.errors import ServiceError

PAGE_MAX = 100
"""AWS: API_ListRules, "Limit", and its like."""

R = TypeVar("R")


def page_of(params: Params) -> tuple[str, int]:
    """Return after which name a page begins, "" for the first, and how many rows to read for it:
    one more than it shows, which tells whether there is another. Raises InvalidToken.
    """
    limit = params.get("Limit") or PAGE_MAX
    token = params.get("NextToken")
    if not token:
        return "", limit + 1
    try:
        after = b64decode(token, b"-_", validate=True).decode()
    except ValueError:
        raise invalid_token() from None
    return after, limit + 1


def invalid_token() -> ServiceError:
    """Return the error for a token that no page gave. AWS: API_ListRules, "NextToken"."""
    return ServiceError("InvalidToken", "The token is not valid.", status=400)


def paged(
    member: str,
    rows: Sequence[R],
    count: int,
    name_of: Callable[[R], str],
    show: Callable[[R], Any],
) -> dict[str, Any]:
    """Return the answer of a list: of `count` rows that were asked for the last is not shown."""
    shown = rows[: count - 1]
    result: dict[str, Any] = {member: [show(row) for row in shown]}
    if len(rows) == count:
        result["NextToken"] = urlsafe_b64encode(name_of(shown[-1]).encode()).decode()
    return result
