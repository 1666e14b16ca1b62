"""Which queues a DeadLetterConfig may name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.arn import parse_arn
from redrive.services.buses.refusals import invalid_parameter


def check_dead_letter(config: Mapping[str, Any] | None) -> str | None:
    """Return the ARN of a DeadLetterConfig, None for an empty one. Raises ServiceError.

    AWS: EventBridge User Guide, "Using dead-letter queues": a standard queue; texts are guesses but
    for the one on the form, as that of targets.
    """
    named: str | None = (config or {}).get("Arn")
    if not named:
        return None
    arn = parse_arn(named)
    if arn is None or arn.service != "sqs" or not arn.region or not arn.account:
        raise invalid_parameter("DeadLetterConfig.Arn", "Provided Arn is not in correct format.")
    if arn.resource.endswith(".fifo"):
        reason = "A FIFO queue can't be a dead-letter queue."
        raise invalid_parameter("DeadLetterConfig.Arn", reason)
    return named
