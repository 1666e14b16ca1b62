"""Which queue a QueueUrl names, in every form that clients send. Pure.

    http://127.0.0.1:4566/<account>/<name>                     the region is the request's
    https://sqs.<region>.amazonaws.com/<account>/<name>        and sqs-fips, api.aws, VPC endpoints
    https://<region>.queue.amazonaws.com/<account>/<name>      the older one; queue.amazonaws.com is
                                                               us-east-1's
    http://sqs.<region>.localhost:4566/<account>/<name>        and <region>.queue.localhost; both
                                                               with .localstack.cloud behind it
    http://any-host/queue/<region>/<account>/<name>
    arn:aws:sqs:<region>:<account>:<name>
    <account>/<name>, <name>                                   what is missing is the request's

A region in an address names the queue's region, whatever region the request is signed for: the
address says where the queue is, and the signature who asks. Any other host counts for nothing:
clients reach this server by names that it does not know.
AWS: SQS Developer Guide, "Queue and message identifiers"; General Reference, "SQS endpoints".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from redrive.core.arn import parse_arn
from redrive.core.errors import ServiceError

ADDRESSES_KEPT_MAX = 4_096
"""Addresses remembered with their meaning."""

ADDRESS_LENGTH_KEPT_MAX = 300
"""A longer address is read anew each time, so that what is remembered has a bound."""

LEGACY_REGION = "us-east-1"
"""Whose queues have addresses at queue.amazonaws.com."""

_REGION = "(?P<region>[a-z0-9-]+)"
_AWS = r"amazonaws\.com(?:\.cn)?"
_LOCAL = r"localhost(?:\.localstack\.cloud)?"
_HOSTS = (
    re.compile(
        rf"(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.{_REGION}\.(?:(?:vpce\.)?{_AWS}|api\.aws|{_LOCAL})"
    ),
    re.compile(rf"(?:{_REGION}\.)?queue\.(?:{_AWS}|{_LOCAL})"),
)
_ACCOUNT = re.compile("[0-9]{12}")


class Address(NamedTuple):
    """A queue's address; None is the request's own."""

    region: str | None
    account: str | None
    name: str


_known: dict[str, Address] = {}


def read_address(text: str) -> Address:
    """Return what a QueueUrl names. Raises ServiceError InvalidAddress when it names no queue."""
    known = _known.get(text)
    if known is not None:
        return known
    address = _parse(text)
    if len(text) <= ADDRESS_LENGTH_KEPT_MAX:
        if len(_known) >= ADDRESSES_KEPT_MAX:
            _known.clear()
        _known[text] = address
    return address


def _parse(text: str) -> Address:
    if text.startswith("arn:"):
        arn = parse_arn(text)
        if arn is None or arn.service != "sqs":
            raise _invalid(text)
        return Address(arn.region or None, arn.account or None, arn.resource)
    _, is_url, rest = text.partition("://")
    host, _, path = rest.partition("/") if is_url else ("", "", text)
    steps = [step for step in path.split("/") if step]
    if len(steps) == 1 and not is_url:
        return Address(None, None, steps[0])
    if len(steps) < 2 or _ACCOUNT.fullmatch(steps[-2]) is None:
        raise _invalid(text)
    if len(steps) == 4 and steps[0] == "queue":
        return Address(steps[1], steps[2], steps[3])
    return Address(_region_of(host), steps[-2], steps[-1])


def _region_of(host: str) -> str | None:
    name = host.partition(":")[0].lower()
    for form in _HOSTS:
        found = form.fullmatch(name)
        if found is not None:
            return found["region"] or LEGACY_REGION
    return None


def _invalid(text: str) -> ServiceError:
    """AWS: InvalidAddress, as SDKs show it for an endpoint that was given as a queue's URL."""
    return ServiceError(
        "InvalidAddress",
        f"The address {text[:ADDRESS_LENGTH_KEPT_MAX]} is not valid for this endpoint.",
        status=404,
    )
