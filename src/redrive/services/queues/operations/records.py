"""ReceiveRecords: what a mapping's poller receives, as the records of a function's event.

Internal. The same claim as ReceiveMessage, with two differences that AWS's own pollers have too:
nobody has to parse what the wire would have shown, and the number of messages is the batch's and
not the wire's ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import orjson

from redrive.core.effects import Context, Params, Result, Wait
from redrive.core.limits import RECORDS_MAX
from redrive.core.time import SECOND_MS
from redrive.services.queues.handles import receipt_handle
from redrive.services.queues.model import Message, Queue
from redrive.services.queues.operations.receive import take
from redrive.services.queues.room import Queues, find
from redrive.store.store import Tx

# Message.content is ready JSON text: where its MessageId and MD5OfBody begin and end, in their
# quotation marks, and where its body begins.
_ID = len('"MessageId":')
_ID_END = _ID + 38
_MD5 = _ID_END + len(',"MD5OfBody":')
_MD5_END = _MD5 + 34
_BODY = _MD5_END + len(',"Body":')


class Record(NamedTuple):
    """One message of a batch."""

    id: str
    handle: str
    text: bytes  # JSON, as it stands in the event
    group: str  # its message group, where the queue is a FIFO queue; else empty


def receive_records(room: Queues, tx: Tx, params: Params, context: Context) -> Result | Wait:
    """Lease up to MaxNumberOfMessages messages (RECORDS_MAX), or wait for the first.

    {"QueueUrl", "MaxNumberOfMessages", "WaitTimeSeconds", "VisibilityTimeout" or None for the
    queue's own} -> {"Records": [Record]}. AWS: Lambda Developer Guide, "Using Lambda with Amazon
    SQS" (the records), their keys in the order as captured.
    """
    queue = find(tx, params["QueueUrl"], context, "ReceiveMessage")
    asked = params["VisibilityTimeout"]
    visibility_ms = queue.visibility_ms if asked is None else asked * SECOND_MS
    limit = params["MaxNumberOfMessages"]
    assert 1 <= limit <= RECORDS_MAX
    tail = b',"eventSource":"aws:sqs","eventSourceARN":%b,"awsRegion":%b}' % (
        orjson.dumps(queue.arn),
        orjson.dumps(queue.region),
    )
    wait_ms = params["WaitTimeSeconds"] * SECOND_MS
    show = partial(_record, queue, tail)
    taken = take(room, tx, queue, limit, visibility_ms, wait_ms, context, None, show)
    return taken if isinstance(taken, Wait) else {"Records": taken}


def _record(
    queue: Queue, tail: bytes, message: Message, numbered: Mapping[str, str] | None
) -> Record:
    content = message.content
    handle = receipt_handle(queue.heap, message.seq, message.receives)
    identity = content[_ID:_ID_END]
    attributes, digest = b"{}", b""
    if message.attributes is not None:
        attributes = _attributes(message.attributes)
        digest = b',"md5OfMessageAttributes":"%b"' % (message.attributes_md5 or "").encode("ascii")
    text = (
        b'{"messageId":%b,"receiptHandle":"%b","body":%b,"attributes":%b,"messageAttributes":%b%b,'
        b'"md5OfBody":%b%b'
        % (
            identity,
            handle.encode("ascii"),
            content[_BODY:],
            _system(message, numbered),
            attributes,
            digest,
            content[_MD5:_MD5_END],
            tail,
        )
    )
    group = "" if numbered is None else message.group_id or ""
    return Record(identity[1:-1].decode("ascii"), handle, text, group)


def _system(message: Message, numbered: Mapping[str, str] | None) -> bytes:
    """Return the system attributes of a record, in the order that Lambda shows them in."""
    text = b'{"ApproximateReceiveCount":"%d","SentTimestamp":"%d"' % (
        message.receives,
        message.sent_ms,
    )
    rest: dict[str, str | None] = {}
    if numbered is not None:
        rest["SequenceNumber"] = numbered["SequenceNumber"]
    if message.group_id is not None:
        rest["MessageGroupId"] = message.group_id
    rest["SenderId"] = message.sender
    if numbered is not None:
        rest["MessageDeduplicationId"] = numbered["MessageDeduplicationId"]
    rest["ApproximateFirstReceiveTimestamp"] = str(message.first_receive_ms)
    if message.trace is not None:
        rest["AWSTraceHeader"] = message.trace
    if message.origin is not None:
        rest["DeadLetterQueueSourceArn"] = message.origin
    return text + b"," + orjson.dumps(rest)[1:]


def _attributes(stored: bytes) -> bytes:
    """Return message attributes as records show them; what is binary stays base64 text."""
    shown = {}
    for name, value in orjson.loads(stored).items():
        fields = {
            f"{field[0].lower()}{field[1:]}": value[field]
            for field in ("StringValue", "BinaryValue")
            if field in value
        }
        lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
        shown[name] = {**fields, **lists, "dataType": value["DataType"]}
    return orjson.dumps(shown)
