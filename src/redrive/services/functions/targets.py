"""What asynchronous events may be sent on to: which ARNs are taken, which refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redrive.core.arn import parse_arn
from redrive.services.functions.records import OPERATIONS
from redrive.services.functions.refusals import invalid

Offers = Callable[[str, str], bool]
"""Tells whether this server has an operation of a service."""

_DEAD_LETTER_SERVICES = ("sqs", "sns")


def check_destinations(config: Mapping[str, Any], offers: Offers) -> list[str]:
    """Return the ARNs that a DestinationConfig names, each of a kind that can be delivered to.

    AWS: API_PutFunctionEventInvokeConfig; the text for a service that is no destination as
    captured. A bucket, which AWS takes for failures, and a service that this server does not have
    are refused in our words.
    """
    given = {way: (config.get(way) or {}).get("Destination") for way in ("OnSuccess", "OnFailure")}
    for arn in filter(None, given.values()):
        service = _service_of(arn)
        if service not in (*OPERATIONS, "s3"):
            raise invalid(
                "The provided destination config DestinationConfig("
                f"onSuccess={_shown('OnSuccess', given['OnSuccess'])}, "
                f"onFailure={_shown('OnFailure', given['OnFailure'])}) is invalid."
            )
        _check_offered(service, arn, tuple(OPERATIONS), offers)
        if service in ("sqs", "sns") and arn.endswith(".fifo"):
            raise invalid(f"The destination ARN {arn} is invalid.")
    return [arn for arn in given.values() if arn]


def check_dead_letter(arn: str, offers: Offers) -> None:
    """Refuse a dead-letter target that is no standard queue or topic, or is none of this server.

    AWS: API_DeadLetterConfig; Developer Guide, "Dead-letter queues". The texts are ours.
    """
    service = _service_of(arn)
    if service not in _DEAD_LETTER_SERVICES:
        raise invalid(
            f"The dead letter target {arn} is invalid. It must be the ARN of a standard queue or "
            "of a standard topic."
        )
    if arn.endswith(".fifo"):
        raise invalid(
            f"The dead letter target {arn} is invalid. FIFO queues and topics are not supported."
        )
    _check_offered(service, arn, _DEAD_LETTER_SERVICES, offers)


def _check_offered(service: str, arn: str, services: tuple[str, ...], offers: Offers) -> None:
    if service in services and offers(service, OPERATIONS[service]):
        return
    had = [name for name in services if offers(name, OPERATIONS[name])]
    raise invalid(
        f"{arn} cannot be delivered to: this server has no service {service}. "
        f"It delivers to: {', '.join(had) or 'nothing'}."
    )


def _service_of(text: str) -> str:
    arn = parse_arn(text)
    return "" if arn is None else arn.service


def _shown(way: str, arn: str | None) -> str:
    return f"{way}(destination={arn})" if arn else "null"
