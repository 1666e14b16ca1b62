"""What AWS's services do that their models do not say, as one table.

SQS: the codes and statuses of the older Query protocol, which today's JSON model no longer holds;
clients still see them through the header x-amzn-query-error.
AWS: SQS API reference, "Common errors", and the service's model of before 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Overlay(NamedTuple):
    """One service's additions to its model.

    validation: "required" checks only that required members are there, in SQS's words; "coral"
    checks every constraint of the model, in the words that most services share. unreadable_code
    is given to bodies that are not in the protocol's format. enums_unchecked names (operation,
    member) pairs whose values the service judges itself, in words of its own. enum_orders gives, by
    shape, the order in which AWS was seen to list an enum's values where it is not the model's.
    """

    validation: str = "coral"
    validation_code: str = "ValidationException"
    unreadable_code: str = "SerializationException"
    unreadable_prefix: str = ""
    query_codes: Mapping[str, str] = _NONE
    statuses: Mapping[str, int] = MappingProxyType({})
    error_namespace: str = ""
    enums_unchecked: frozenset[tuple[str, str]] = frozenset()
    enum_orders: Mapping[str, tuple[str, ...]] = _NO_ORDERS


_SQS_PREFIXED = (
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "MessageNotInflight",
    "PurgeQueueInProgress",
    "QueueDeletedRecently",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
)

OVERLAYS: Mapping[str, Overlay] = {
    "sqs": Overlay(
        validation="required",
        query_codes={
            **{name: f"AWS.SimpleQueueService.{name}" for name in _SQS_PREFIXED},
            "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
            "QueueNameExists": "QueueAlreadyExists",
        },
        statuses={"PurgeQueueInProgress": 403, "OverLimit": 403, "ResourceNotFoundException": 404},
        error_namespace="com.amazonaws.sqs#",
    ),
    "lambda": Overlay(
        unreadable_code="InvalidRequestContentException",
        unreadable_prefix="Could not parse request body into json: ",
        enums_unchecked=frozenset(
            {("CreateFunction", "Runtime"), ("UpdateFunctionConfiguration", "Runtime")}
        ),
        enum_orders={
            "EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"),
            "InvokeMode": ("RESPONSE_STREAM", "BUFFERED"),
            "RecursiveLoop": ("Terminate", "Allow"),
        },
    ),
    "sts": Overlay(validation_code="ValidationError"),
}

PLAIN = Overlay()
"""For services that need nothing beyond their model."""


def overlay_of(service: str) -> Overlay:
    """Return a service's overlay."""
    return OVERLAYS.get(service, PLAIN)
