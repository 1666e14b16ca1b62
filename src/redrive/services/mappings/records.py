"""Messages as a function gets them, and the event that holds them. Pure.

AWS: Lambda Developer Guide, "Using Lambda with Amazon SQS"; the keys' order is as captured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

EVENT_BYTES_MAX = 6_291_456
"""AWS: Lambda Developer Guide, "Batching behavior": 6 MB, metadata included; Invoke takes as
much."""

_HEAD, _TAIL = b'{"Records":[', b"]}"


class Record(NamedTuple):
    """One message of a batch."""

    id: str
    handle: str
    lease_ms: int  # until when it is ours
    text: bytes  # JSON, as it stands in the event


def parse_messages(messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Return received messages as values; they arrive as ready JSON text."""
    parsed: list[dict[str, Any]] = orjson.loads(orjson.dumps(messages))
    return parsed


def make_record(message: Mapping[str, Any], queue_arn: str, region: str, lease_ms: int) -> Record:
    """Return a received message as a record of the event."""
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    record["md5OfBody"] = message["MD5OfBody"]
    record["eventSource"] = "aws:sqs"
    record["eventSourceARN"] = queue_arn
    record["awsRegion"] = region
    return Record(message["MessageId"], message["ReceiptHandle"], lease_ms, orjson.dumps(record))


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:  # stored as base64 text, which is what functions get
        shown["binaryValue"] = value["BinaryValue"]
    shown["stringListValues"] = []
    shown["binaryListValues"] = []
    shown["dataType"] = value["DataType"]
    return shown


def make_event(records: Sequence[Record]) -> bytes:
    """Return the event of a batch."""
    return _HEAD + b",".join(record.text for record in records) + _TAIL


class Gathering:
    """A batch that is being filled. It never holds what would not fit into one event.

    first_ms is the instant of its first message, where its window begins; undefined while empty.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._bytes = len(_HEAD) + len(_TAIL)
        self.first_ms = 0

    def __len__(self) -> int:
        return len(self._records)

    def fits(self, record: Record) -> bool:
        """Tell whether the event stays within its limit with one more record."""
        return self._bytes + len(record.text) + len(self._records) <= EVENT_BYTES_MAX

    def add(self, record: Record, now_ms: int) -> None:
        """Add a record."""
        if not self._records:
            self.first_ms = now_ms
        self._records.append(record)
        self._bytes += len(record.text)

    def take(self) -> tuple[Record, ...]:
        """Return the records and begin anew."""
        records = tuple(self._records)
        self._records.clear()
        self._bytes = len(_HEAD) + len(_TAIL)
        return records


def gather(
    gathering: Gathering, records: Sequence[Record], batch_size: int, now_ms: int, *, waits: bool
) -> list[tuple[Record, ...]]:
    """Put records into a gathering; return the batches that are complete, in order.

    A batch is complete when it has batch_size records or the next one does not fit; without `waits`
    (no window) also when there are no more.
    """
    done: list[tuple[Record, ...]] = []
    for record in records:
        if len(gathering) and not gathering.fits(record):
            done.append(gathering.take())
        gathering.add(record, now_ms)
        if len(gathering) >= batch_size:
            done.append(gathering.take())
    if len(gathering) and not waits:
        done.append(gathering.take())
    return done
