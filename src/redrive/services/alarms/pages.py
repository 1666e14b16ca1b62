"""Tokens of pages: the last name of a page, as text that says nothing. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def write_token(after: str) -> str:
    """Return the token of the page after a name."""
    return urlsafe_b64encode(after.encode()).decode()


def read_token(token: str | None) -> str | None:
    """Return the name after which a page begins: "" at first, None for what is no token of ours."""
    if token is None:
        return ""
    try:
        after = urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        return None
    return after if after and write_token(after) == token else None
