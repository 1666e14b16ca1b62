"""Every error that AWS was seen to give for SQS, over both protocols: status, code, text, whole.

Each line is AWS's recorded answer (LocalStack's AWS-validated snapshots of test_sqs and
test_sqs_move_task, 2024 to 2025); `code` is what SDKs show as Error.Code.
"""

from __future__ import annotations

from xml.etree import ElementTree

import orjson
import pytest
from queues_rig import arn
from sheet_rig import (
    Line,
    deleted,
    entries,
    fifo,
    handle_of,
    lapsed,
    made_before,
    moving,
    permitted,
    plain,
    purged,
    received,
    small,
    standard,
    with_dlq,
)
from stand_ins import caller
from wire_rig import PREFIX, PROTOCOLS, SPACE, WireRig

from redrive.wire.messages import Response

MAX, WAIT = "MaxNumberOfMessages", "WaitTimeSeconds"
BETWEEN = "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10,"
WITHIN = "for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
BAD_ID = (
    "Value {0} for parameter {1} is invalid. Reason: {1} can only include alphanumeric and"
    " punctuation characters. 1 to 128 in length."
)
EXISTS = "A queue already exists with the same name and a different value for attribute "
INVALID, ATTRIBUTE = "InvalidParameterValue", "InvalidAttributeName"
GROUP, DEDUPLICATION = "MessageGroupId", "MessageDeduplicationId"
ONE = {"MessageBody": "b"}
MISSING = "http://127.0.0.1:4566/000000000000/missing"

SHEET = [
    Line("max", 400, INVALID, BETWEEN + " if provided.", "ReceiveMessage", standard(**{MAX: 11})),
    Line("wait over", 400, INVALID, "Value 21 " + WITHIN, "ReceiveMessage", standard(**{WAIT: 21})),
    Line(
        "wait under", 400, INVALID, "Value -1 " + WITHIN, "ReceiveMessage", standard(**{WAIT: -1})
    ),
    Line(
        "oversized",
        400,
        INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        "SendMessage",
        standard(MessageBody="x" * 1_048_577),
    ),
    Line(
        "oversized for the queue",
        400,
        INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
        "SendMessage",
        small,
    ),
    Line(
        "batch too long",
        400,
        PREFIX + "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        "SendMessageBatch",
        standard(
            Entries=[
                {"Id": "a", "MessageBody": "x" * 524_288},
                {"Id": "b", "MessageBody": "x" * 524_289},
            ]
        ),
    ),
    Line(
        "too many entries",
        400,
        PREFIX + "TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 20.",
        "SendMessageBatch",
        standard(Entries=entries(20)),
    ),
    Line(
        "entry id",
        400,
        PREFIX + "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can"
        " be at most 80 letters long.",
        "DeleteMessageBatch",
        standard(Entries=[{"Id": "!a", "ReceiptHandle": "h"}]),
    ),
    Line(
        "no entries",
        400,
        PREFIX + "EmptyBatchRequest",
        "There should be at least one SendMessageBatchRequestEntry in the request.",
        "SendMessageBatch",
        standard(Entries=[]),
    ),
    Line(
        "recreated",
        400,
        "QueueAlreadyExists",
        EXISTS + "DelaySeconds",
        "CreateQueue",
        made_before("q", {"DelaySeconds": "1"}, {"DelaySeconds": "2"}),
    ),
    Line(
        "recreated fifo",
        400,
        "QueueAlreadyExists",
        EXISTS + "ContentBasedDeduplication",
        "CreateQueue",
        made_before(
            "q.fifo",
            {"FifoQueue": "true", "ContentBasedDeduplication": "true"},
            {"FifoQueue": "true", "ContentBasedDeduplication": "false"},
        ),
    ),
    Line(
        "deleted a moment ago",
        400,
        PREFIX + "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the"
        " same name.",
        "CreateQueue",
        deleted,
    ),
    Line(
        "purged a moment ago",
        403,
        PREFIX + "PurgeQueueInProgress",
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
        "PurgeQueue",
        purged,
    ),
    Line(
        "label twice",
        400,
        INVALID,
        "Value crossaccountpermission for parameter Label is invalid. Reason: Already exists.",
        "AddPermission",
        permitted("crossaccountpermission", anew=True),
    ),
    Line(
        "label unknown",
        400,
        INVALID,
        "Value crossaccountpermission2 for parameter Label is invalid. Reason: can't find label.",
        "RemovePermission",
        permitted("crossaccountpermission2"),
    ),
    Line(
        "empty attribute",
        400,
        INVALID,
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        "SendMessage",
        standard(
            MessageBody="b",
            MessageAttributes={"ErrorDetails": {"StringValue": "", "DataType": "String"}},
        ),
    ),
    Line(
        "empty message",
        400,
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
        "SendMessage",
        standard(MessageBody=""),
    ),
    *(
        Line(
            f"{name} {kind}",
            400,
            INVALID,
            BAD_ID.format(value, name),
            "SendMessage",
            (standard if name == GROUP else fifo)(
                **ONE, **{**({} if name == GROUP else {GROUP: "g"}), name: value}
            ),
        )
        for name in (GROUP, DEDUPLICATION)
        for kind, value in {"empty": "", "long": "a" * 129, "spaces": "group 123"}.items()
    ),
    *(
        Line(
            f"standard with {name}",
            400,
            ATTRIBUTE,
            text,
            "CreateQueue",
            plain(QueueName="q", Attributes={name: value}),
        )
        for name, value, text in (
            ("ContentBasedDeduplication", "false", "Unknown Attribute ContentBasedDeduplication."),
            (
                "DeduplicationScope",
                "queue",
                "You can specify the DeduplicationScope only when FifoQueue is set to true.",
            ),
            (
                "FifoThroughputLimit",
                "perQueue",
                "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
            ),
        )
    ),
    Line(
        "FifoQueue of a standard queue",
        400,
        ATTRIBUTE,
        "Unknown Attribute FifoQueue.",
        "SetQueueAttributes",
        standard(Attributes={"FifoQueue": "true"}),
    ),
    Line(
        "FifoQueue of a FIFO queue",
        400,
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        "SetQueueAttributes",
        fifo(Attributes={"FifoQueue": "false"}),
    ),
    Line(
        "fifo delay",
        400,
        INVALID,
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that"
        " is not valid for this queue type.",
        "SendMessage",
        fifo(**ONE, DelaySeconds=2, MessageGroupId="g", MessageDeduplicationId="d"),
    ),
    Line(
        "fifo without a group",
        400,
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
        "SendMessage",
        fifo(**ONE, MessageDeduplicationId="d"),
    ),
    Line(
        "fifo batch without a group",
        400,
        INVALID,
        "The request must contain the parameter MessageGroupId.",
        "SendMessageBatch",
        fifo(Entries=entries(1, MessageDeduplicationId="d")),
    ),
    Line(
        "fifo batch without a deduplication id",
        400,
        INVALID,
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
        " provided explicitly",
        "SendMessageBatch",
        fifo(Entries=entries(1, MessageGroupId="g")),
    ),
    Line(
        "fifo handle that has lapsed",
        400,
        INVALID,
        "Value <handle> for parameter ReceiptHandle is invalid. Reason: The receipt handle has"
        " expired.",
        "DeleteMessage",
        lapsed,
    ),
    Line(
        "garbage for a handle",
        400,
        "ReceiptHandleIsInvalid",
        'The input receipt handle "garbage" is not a valid receipt handle.',
        "DeleteMessage",
        standard(ReceiptHandle="garbage"),
    ),
    Line(
        "visibility of a deleted message",
        400,
        INVALID,
        "Value <handle> for parameter ReceiptHandle is invalid. Reason: Message does not exist or"
        " is not available for visibility timeout change.",
        "ChangeMessageVisibility",
        received(VisibilityTimeout=0),
    ),
    Line(
        "both encryptions",
        400,
        ATTRIBUTE,
        "You can use one type of server-side encryption (SSE) at one time. You can either enable"
        " KMS SSE or SQS SSE.",
        "SetQueueAttributes",
        standard(Attributes={"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}),
    ),
    Line(
        "unknown attribute",
        400,
        ATTRIBUTE,
        "Unknown Attribute Foobar.",
        "GetQueueAttributes",
        standard(AttributeNames=["Foobar"]),
    ),
    Line(
        "no such queue",
        400,
        PREFIX + "NonExistentQueue",
        "The specified queue does not exist.",
        "SendMessage",
        plain(QueueUrl=MISSING, **ONE),
    ),
    Line(
        "no such name",
        400,
        PREFIX + "NonExistentQueue",
        "The specified queue does not exist.",
        "GetQueueUrl",
        plain(QueueName="missing"),
    ),
    Line(
        "no source",
        400,
        INVALID,
        "Source queue must be configured as a Dead Letter Queue.",
        "StartMessageMoveTask",
        lambda rig: {"SourceArn": rig.attributes(rig.create())["QueueArn"]},
    ),
    Line(
        "handle of no task",
        400,
        INVALID,
        "Value for parameter TaskHandle is invalid.",
        "CancelMessageMoveTask",
        plain(TaskHandle="foobared"),
    ),
    Line(
        "handle of no source",
        404,
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
        "CancelMessageMoveTask",
        plain(TaskHandle=handle_of(arn("nope"))),
    ),
    Line(
        "handle of no task of a source",
        404,
        "ResourceNotFoundException",
        "Task does not exist.",
        "CancelMessageMoveTask",
        with_dlq(TaskHandle=handle_of(arn("dlq"))),
    ),
    Line(
        "no destination",
        404,
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
        "StartMessageMoveTask",
        with_dlq(SourceArn=arn("dlq"), DestinationArn=arn("nope")),
    ),
    Line(
        "second task",
        400,
        INVALID,
        "There is already a task running. Only one active task is allowed for a source queue arn at"
        " a given time.",
        "StartMessageMoveTask",
        moving,
    ),
]


def told_in_json(response: Response) -> tuple[str, str, str]:
    """Side, code and text, as SDKs of the JSON protocol find them."""
    headers = dict(response.headers)
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert headers["x-amzn-RequestId"]
    code, side = headers["x-amzn-query-error"].split(";")
    body = orjson.loads(response.body)
    assert body.keys() == {"__type", "message"}
    shape = body["__type"].removeprefix("com.amazonaws.sqs#")
    old = {"NonExistentQueue": "QueueDoesNotExist", "QueueAlreadyExists": "QueueNameExists"}
    assert shape == old.get(code.removeprefix(PREFIX), code.removeprefix(PREFIX))
    return side, code, body["message"]


def told_in_query(response: Response) -> tuple[str, str, str]:
    """Side, code and text, as SDKs of the Query protocol find them."""
    assert dict(response.headers)["Content-Type"] == "text/xml"
    root = ElementTree.fromstring(response.body)
    assert root.tag == f"{SPACE}ErrorResponse"
    assert [child.tag for child in root] == [f"{SPACE}Error", f"{SPACE}RequestId"]
    assert [child.tag for child in root[0]] == [
        SPACE + name for name in ("Type", "Code", "Message", "Detail")
    ]
    side, code, text, _ = (child.text or "" for child in root[0])
    return side, code, text


@pytest.mark.parametrize("line", SHEET, ids=lambda line: line.name)
@pytest.mark.parametrize("rig", list(PROTOCOLS), indirect=True)
def test_the_error_sheet(rig: WireRig, line: Line) -> None:
    """Status, side, code and text are AWS's in both protocols."""
    params = line.arrange(rig)
    ask, _ = PROTOCOLS[rig.protocol]
    response = rig.answer(ask(line.operation, params, caller()))
    side, code, text = (told_in_json if rig.protocol == "json" else told_in_query)(response)
    wanted = line.text.replace("<handle>", str(params.get("ReceiptHandle")))
    if rig.protocol == "query":
        # The one text that AWS has in two versions.
        wanted = wanted.replace(
            "queue does not exist.", "queue does not exist for this wsdl version."
        )
    assert (response.status, side, code, text) == (line.status, "Sender", line.code, wanted)
