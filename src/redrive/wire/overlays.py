"""What AWS's services do that their models do not say, as one table.

SQS: the older Query protocol, which today's JSON model no longer describes: its names, its texts,
and its codes and statuses, which clients of the JSON protocol see in the header x-amzn-query-error.
AWS: SQS API reference, "Common errors", and the service's model of before 2023.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from redrive.wire.model import QueryNames

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Query(NamedTuple):
    """A Query protocol that the model no longer describes.

    messages gives the texts that differ, by those of the other protocols. A path that fits
    `address` names a resource: it is the value of the member `addressed` when the form has none.
    not_addressed are the operations that such a path does not take. lists are members that are
    empty when nothing is said of them, required or not. versions are those beside the model's.
    """

    names: QueryNames
    messages: Mapping[str, str]
    address: re.Pattern[str]
    addressed: str
    not_addressed: frozenset[str]
    lists: frozenset[str]
    versions: frozenset[str]


class Overlay(NamedTuple):
    """One service's additions to its model.

    validation: "required" checks only that required members are there, in SQS's words; "coral"
    checks every constraint of the model, in the words that most services share. unreadable_code
    is given to bodies that are not in the protocol's format. enums_unchecked names (operation,
    member) pairs whose values the service judges itself, in words of its own. enum_orders gives, by
    shape, the order in which AWS was seen to list an enum's values where it is not the model's.
    signing_name is the one of credential scopes where it is not the service's. prolog and detail
    are what some services' XML holds beyond the protocol. unsigned names operations that a link
    leads to: whoever has it may ask.
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
    signing_name: str = ""
    query: Query | None = None
    prolog: str = ""
    detail: str = ""
    unsigned: frozenset[str] = frozenset()


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

_SQS_LISTS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
    **{
        f"{operation}Batch{side}EntryList": f"{operation}Batch{side}Entry"
        for operation in ("ChangeMessageVisibility", "DeleteMessage", "SendMessage")
        for side in ("Request", "Result")
    },
}

_SQS_MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}

_SQS_QUERY = Query(
    QueryNames("http://queue.amazonaws.com/doc/2012-11-05/", _SQS_LISTS, _SQS_MAPS),
    messages={
        "The specified queue does not exist.": (
            "The specified queue does not exist for this wsdl version."
        )
    },
    address=re.compile(
        r"(?:/queue/[a-z0-9-]{1,64})?/[0-9]{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?/?", re.ASCII
    ),
    addressed="QueueUrl",
    not_addressed=frozenset({"CreateQueue", "ListQueues"}),
    lists=frozenset({"Entries"}),
    versions=frozenset({"2008-01-01", "2009-02-01", "2011-10-01"}),
)

_QUERY_COMMON = {
    "ExpiredTokenException": "ExpiredToken",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
"""What AWS's framework says in Query, for services whose clients still look for it."""

OVERLAYS: Mapping[str, Overlay] = {
    # AWS: CloudWatch API reference, "Common Errors": ValidationError, whatever the protocol.
    "cloudwatch": Overlay(
        validation_code="ValidationError",
        query_codes=_QUERY_COMMON,
        signing_name="monitoring",
        error_namespace="com.amazonaws.cloudwatch#",
    ),
    "sqs": Overlay(
        validation="required",
        query_codes={
            **{name: f"AWS.SimpleQueueService.{name}" for name in _SQS_PREFIXED},
            "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
            "QueueNameExists": "QueueAlreadyExists",
            **_QUERY_COMMON,
        },
        statuses={
            "InvalidAddress": 404,
            "OverLimit": 403,
            "PurgeQueueInProgress": 403,
            "ResourceNotFoundException": 404,
        },
        error_namespace="com.amazonaws.sqs#",
        query=_SQS_QUERY,
        prolog='<?xml version="1.0"?>',
        detail="<Detail/>",
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
    "eventbridgev2": Overlay(validation_code="InvalidInputException"),
    "iam": Overlay(validation_code="ValidationError"),
    "logs": Overlay(validation_code="InvalidParameterException"),
    "sns": Overlay(
        validation_code="ValidationError",
        unsigned=frozenset({"ConfirmSubscription", "Unsubscribe"}),
    ),
    "sts": Overlay(validation_code="ValidationError"),
}

PLAIN = Overlay()
"""For services that need nothing beyond their model."""


def overlay_of(service: str) -> Overlay:
    """Return a service's overlay."""
    return OVERLAYS.get(service, PLAIN)
