"""ARNs of custom event buses and of what belongs to them, and the errors of the model. Pure."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Chance
from redrive.core.errors import ServiceError

SUFFIX_LENGTH = 25
"""AWS: the shape EventBusArn: its last segment."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ARN = re.compile(
    r"arn:aws(?:-[a-z0-9]+)*:events:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
    r"(?P<kind>event-busv2|subscriber|event-sourcev2/aws\.(?:service|partner))/"
    r"(?P<name>[A-Za-z0-9][._A-Za-z0-9-]{0,255})/[a-z0-9]{25}"
)

BUS, SUBSCRIBER, SOURCE = "event-busv2", "subscriber", "event-sourcev2/aws.service"


class Named(NamedTuple):
    """What an ARN names. kind: the beginning of its resource."""

    region: str
    account: str
    kind: str
    name: str


def read_arn(text: str) -> Named | None:
    """Return what an ARN of this service names, or None when it is none."""
    found = _ARN.fullmatch(text)
    if found is None:
        return None
    return Named(found["region"], found["account"], found["kind"], found["name"])


def make_arn(chance: Chance, region: str, account: str, kind: str, name: str) -> str:
    """Return a new resource's ARN. AWS: the shapes EventBusArn, SubscriberArn, EventSourceArn."""
    number = int.from_bytes(chance.token(16), "big")
    suffix = ""
    for _ in range(SUFFIX_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        suffix = _DIGITS[digit] + suffix
    return f"arn:aws:events:{region}:{account}:{kind}/{name}/{suffix}"


def fingerprint(params: Mapping[str, Any]) -> str:
    """Return what tells whether two requests with one client token ask for the same."""
    asked = {name: value for name, value in params.items() if name != "ClientToken"}
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


# --- paging -------------------------------------------------------------------------------------

PAGE_MAX = 100
"""AWS: the shape MaxResults; it is also what a page holds when nothing is asked for."""


def page_of(params: Mapping[str, Any]) -> tuple[str, int]:
    """Return (the name after which a page begins, its size). Raises InvalidInputException."""
    token = params.get("NextToken")
    size = params.get("MaxResults") or PAGE_MAX
    if token is None:
        return "", size
    try:
        after = urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise invalid("The NextToken is not valid.") from None
    if token_after(after) != token:
        raise invalid("The NextToken is not valid.")
    return after, size


def token_after(name: str) -> str:
    """Return the token of the page that follows a name."""
    return urlsafe_b64encode(name.encode()).decode()


# --- errors -------------------------------------------------------------------------------------


def invalid(text: str) -> ServiceError:
    """Return "A request parameter is missing or not valid"."""
    return ServiceError("InvalidInputException", text, status=400)


def not_found(what: str) -> ServiceError:
    """Return "The resource does not exist"."""
    return ServiceError("ResourceNotFoundException", f"{what} does not exist.", status=404)


def exists(what: str) -> ServiceError:
    """Return "A resource with the same name already exists"."""
    text = f"{what} already exists."
    return ServiceError("ResourceAlreadyExistsException", text, status=409)


def wrong_state(text: str) -> ServiceError:
    """Return "The resource is not in a state that allows the operation"."""
    return ServiceError("InvalidStateException", text, status=409)


def mismatch() -> ServiceError:
    """Return the error of a client token that was used for something else."""
    return ServiceError(
        "IdempotentParameterMismatchException",
        "The request reuses the client token of an earlier request with different parameters.",
        status=409,
    )
