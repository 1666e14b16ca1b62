"""The lines of AWS's error sheet, and what has to be there before each is seen."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from fifo_rig import make
from queues_rig import arn, bury, redrive
from wire_rig import WireRig

Params = dict[str, Any]


class Line(NamedTuple):
    """One line of the sheet. `arrange` makes what it needs and returns the request's params."""

    name: str
    status: int
    code: str
    text: str
    operation: str
    arrange: Callable[[WireRig], Params]


def standard(**params: Any) -> Callable[[WireRig], Params]:
    """A request to a standard queue with AWS's defaults."""
    return lambda rig: {"QueueUrl": rig.create(), **params}


def fifo(**params: Any) -> Callable[[WireRig], Params]:
    """A request to a FIFO queue without content-based deduplication."""
    return lambda rig: {"QueueUrl": make(rig), **params}


def plain(**params: Any) -> Callable[[WireRig], Params]:
    """A request that needs nothing."""
    return lambda rig: params


def entries(count: int, **parts: Any) -> list[Params]:
    """Entries of a batch."""
    return [{"Id": str(at), "MessageBody": "b", **parts} for at in range(count)]


def small(rig: WireRig) -> Params:
    """A message one byte too long for a queue of a kibibyte."""
    return {"QueueUrl": rig.create("q", MaximumMessageSize="1024"), "MessageBody": "x" * 1025}


def made_before(name: str, before: Params, now: Params) -> Callable[[WireRig], Params]:
    """A queue made a second time with other attributes."""

    def arrange(rig: WireRig) -> Params:
        rig.create(name, **before)
        return {"QueueName": name, "Attributes": now}

    return arrange


def purged(rig: WireRig) -> Params:
    """A queue that was purged a moment ago."""
    url = rig.create()
    rig.call("PurgeQueue", QueueUrl=url)
    return {"QueueUrl": url}


def permitted(label: str, **more: Any) -> Callable[[WireRig], Params]:
    """A queue with a permission of the label crossaccountpermission."""

    def arrange(rig: WireRig) -> Params:
        given = {"AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]}
        url = rig.create()
        rig.call("AddPermission", QueueUrl=url, Label="crossaccountpermission", **given)
        return {"QueueUrl": url, "Label": label, **(given if more else {})}

    return arrange


def deleted(rig: WireRig) -> Params:
    """The name of a queue that was deleted a moment ago."""
    rig.call("DeleteQueue", QueueUrl=rig.create())
    return {"QueueName": "q"}


def received(**more: Any) -> Callable[[WireRig], Params]:
    """A message of a standard queue that was received and deleted."""

    def arrange(rig: WireRig) -> Params:
        url = rig.create()
        rig.send(url)
        handle = rig.receive(url)[0]["ReceiptHandle"]
        rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
        return {"QueueUrl": url, "ReceiptHandle": handle, **more}

    return arrange


def lapsed(rig: WireRig) -> Params:
    """A message of a FIFO queue whose visibility timeout has ended."""
    url = make(rig)
    rig.send(url, MessageGroupId="g", MessageDeduplicationId="d")
    handle = rig.receive(url, VisibilityTimeout=1)[0]["ReceiptHandle"]
    rig.wait(2)
    return {"QueueUrl": url, "ReceiptHandle": handle}


def handle_of(arn_: str, task: str = "00000000-0000-0000-0000-000000000000") -> str:
    """A move task's handle as AWS makes them."""
    return base64.b64encode(json.dumps({"taskId": task, "sourceArn": arn_}).encode()).decode()


def with_dlq(**params: Any) -> Callable[[WireRig], Params]:
    """A dead-letter queue with a source."""

    def arrange(rig: WireRig) -> Params:
        rig.create("dlq")
        rig.create("source", RedrivePolicy=redrive())
        return params

    return arrange


def moving(rig: WireRig) -> Params:
    """A dead-letter queue from which a task moves messages, slowly."""
    rig.create("dlq")
    bury(rig, rig.create("source", RedrivePolicy=redrive()), *"abcdef")
    params = {"SourceArn": arn("dlq"), "MaxNumberOfMessagesPerSecond": 1}
    rig.call("StartMessageMoveTask", **params)
    return params
