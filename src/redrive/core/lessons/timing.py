"""Lessons about time: visibility timeouts, batching windows, retention, delays."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.lessons.graph import Graph
from redrive.core.lessons.rule import LAMBDA_GUIDE, SQS_API, SQS_GUIDE, Hit, rule, seconds

ADVISED = 6
"""AWS: "Using Lambda with Amazon SQS", "Configuring a queue": six times the function's timeout."""
EXTRA_S = 30  # what Lambda adds to window and timeout where the queue's visibility is shorter

_LAMBDA_SQS = LAMBDA_GUIDE + "services-sqs-configure.html"


@rule(
    "RD010",
    "error",
    "The visibility timeout is shorter than the function's timeout",
    lesson="Messages would come back while the function still works on them, so AWS refuses the"
    " mapping. It looks only when the mapping is made or changed: who shortens the queue's"
    " timeout later gets every message twice.",
    source=_LAMBDA_SQS,
)
def visibility_below_timeout(graph: Graph) -> Iterator[Hit]:
    for _mapping, queue, function in graph.joined():
        visibility, timeout = queue.visibility_s, function.timeout_s
        if visibility is not None and timeout is not None and visibility < timeout:
            yield Hit(
                queue,
                ("VisibilityTimeout",),
                f"a message is hidden for {visibility} s and {function.name} may take {timeout} s:"
                f" AWS answers `Queue visibility timeout: {visibility} seconds is less than"
                f" Function timeout: {timeout} seconds`",
                f"set VisibilityTimeout to {ADVISED * timeout}, six times the function's timeout",
            )


@rule(
    "RD011",
    "warning",
    "The visibility timeout is shorter than six times the function's timeout and the window",
    lesson="A batch that is throttled, or whose function fails slowly, needs time to be tried again"
    " while its messages stay hidden. AWS advises six times the function's timeout, and the"
    " batching window on top.",
    source=_LAMBDA_SQS,
)
def visibility_below_advice(graph: Graph) -> Iterator[Hit]:
    for mapping, queue, function in graph.joined():
        visibility, timeout, window = queue.visibility_s, function.timeout_s, mapping.window_s
        if visibility is None or timeout is None or window is None:
            continue
        advised = ADVISED * timeout + window
        is_worse = visibility < timeout or (window and visibility < window + timeout)
        if visibility < advised and not is_worse:
            sum_ = f"{ADVISED} x {timeout} s" + (f" + {window} s" if window else "")
            yield Hit(
                queue,
                ("VisibilityTimeout",),
                f"a message is hidden for {visibility} s; for {function.name} AWS advises"
                f" {sum_} = {advised} s",
                f"set VisibilityTimeout to {advised} or more, or the function's Timeout to"
                f" {max(1, (visibility - window) // ADVISED)} or less",
            )


@rule(
    "RD012",
    "warning",
    "Window and timeout together exceed the visibility timeout",
    lesson="Messages wait for their batch within their visibility timeout. Where window and timeout"
    " exceed it, Lambda hides the messages for window + timeout + 30 s instead: the queue's"
    " setting no longer says when a failed message comes back.",
    source=_LAMBDA_SQS,
)
def window_beyond_visibility(graph: Graph) -> Iterator[Hit]:
    for mapping, queue, function in graph.joined():
        visibility, timeout, window = queue.visibility_s, function.timeout_s, mapping.window_s
        if visibility is None or timeout is None or not window or visibility < timeout:
            continue
        if window + timeout > visibility:
            yield Hit(
                mapping,
                ("MaximumBatchingWindowInSeconds",),
                f"{window} s of window and {timeout} s of {function.name} exceed the {visibility} s"
                f" for which {queue.name} hides a message: failed ones come back after"
                f" {window} + {timeout} + {EXTRA_S} = {window + timeout + EXTRA_S} s, whatever the"
                " queue says",
                f"set VisibilityTimeout to {ADVISED * timeout + window}"
                f" ({ADVISED} x {timeout} + {window})",
            )


@rule(
    "RD013",
    "warning",
    "Messages expire before they can be buried",
    lesson="A message is buried at the receive after the last that it is allowed, and each takes a"
    " visibility timeout. When all of them take longer than messages are kept, a failing message"
    " disappears and never reaches the dead-letter queue.",
    source=SQS_GUIDE + "sqs-dead-letter-queues.html",
)
def expires_before_burial(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        visibility, retention, receives = queue.visibility_s, queue.retention_s, queue.receives_max
        if None in (visibility, retention, receives):
            continue
        assert visibility is not None and retention is not None and receives is not None
        if visibility * receives >= retention:
            yield Hit(
                queue,
                ("MessageRetentionPeriod", "RedrivePolicy"),
                f"{receives} receives of {visibility} s take {seconds(receives * visibility)}, and"
                f" a message is kept for {seconds(retention)}: it is gone before it is buried",
                f"keep messages for longer than {receives * visibility} s, or lower"
                " maxReceiveCount or VisibilityTimeout",
            )


@rule(
    "RD014",
    "warning",
    "The dead-letter queue keeps messages no longer than its source",
    lesson="On standard queues a buried message keeps the age that it had: its time counts from its"
    " first sending. One that failed for three of four days is gone after one more, often before"
    " anybody looks.",
    source=SQS_GUIDE + "sqs-dead-letter-queues.html",
)
def dlq_forgets(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        dlq = graph.queues.get(queue.dlq or "")
        if dlq is None or queue.is_fifo or dlq is queue:
            continue
        kept, kept_there = queue.retention_s, dlq.retention_s
        if kept is not None and kept_there is not None and kept_there <= kept:
            longest = 1_209_600
            yield Hit(
                dlq,
                ("MessageRetentionPeriod",),
                f"it keeps messages for {seconds(kept_there)} from their first sending, and"
                f" {queue.name} may already have kept them for {seconds(kept)}",
                f"set its MessageRetentionPeriod to {longest} (14 days)"
                if kept_there < longest
                else f"give {queue.name} a shorter MessageRetentionPeriod than {longest} (14 days)",
            )


@rule(
    "RD015",
    "warning",
    "Messages are delayed for as long as they are kept",
    lesson="A delayed message grows older while it waits. One that expires first is never seen.",
    source=SQS_API + "API_SetQueueAttributes.html",
)
def delayed_beyond_retention(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        delay, retention = queue.number("DelaySeconds", 0), queue.retention_s
        if delay and retention is not None and delay >= retention:
            yield Hit(
                queue,
                ("DelaySeconds", "MessageRetentionPeriod"),
                f"messages can be received after {delay} s and are gone after {retention} s",
                f"keep messages for longer than {delay} s, or delay them less",
            )


RULES = (
    visibility_below_timeout,
    visibility_below_advice,
    window_beyond_visibility,
    expires_before_burial,
    dlq_forgets,
    delayed_beyond_retention,
)
