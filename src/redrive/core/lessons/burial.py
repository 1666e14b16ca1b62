"""Lessons about dead-letter queues and redrive policies."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.lessons.graph import Graph, Queue
from redrive.core.lessons.rule import LAMBDA_GUIDE, SQS_API, SQS_GUIDE, Hit, rule, seconds

_DLQS = SQS_GUIDE + "sqs-dead-letter-queues.html"
_ALLOW = SQS_API + "API_SetQueueAttributes.html"


@rule(
    "RD020",
    "warning",
    "A queue that feeds a function has no dead-letter queue",
    lesson="A message that can never be processed comes back after every visibility timeout until"
    " it expires: it costs an invocation each time, takes its batch with it, and is then lost"
    " without a trace.",
    source=_DLQS,
)
def no_dlq(graph: Graph) -> Iterator[Hit]:
    told = set()
    for mapping, queue in graph.sources():
        if queue.has_dlq or mapping.queue in told:
            continue
        told.add(mapping.queue)
        visibility, retention = queue.visibility_s, queue.retention_s
        often = ""
        if visibility and retention is not None:
            often = (
                f", about {retention // visibility:,} times in {seconds(retention)} at a visibility"
                f" timeout of {visibility} s"
            )
        yield Hit(
            queue,
            (),
            f"a message that fails is delivered again until it expires{often}",
            "give it a RedrivePolicy with a dead-letter queue and a maxReceiveCount of 5",
        )


@rule(
    "RD021",
    "error",
    "A queue and its dead-letter queue are of different types",
    lesson="The dead-letter queue of a FIFO queue is a FIFO queue, that of a standard queue a"
    " standard one. AWS refuses the redrive policy, or buries nothing.",
    source=_DLQS,
)
def mixed_types(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        if queue.dlq is None:
            continue
        dlq = graph.queues.get(queue.dlq)
        is_fifo = dlq.is_fifo if dlq is not None else queue.dlq.endswith(".fifo")
        if is_fifo != queue.is_fifo and (dlq is not None or ":" in queue.dlq):
            kinds = ("a standard queue", "a FIFO queue")
            name = dlq.name if dlq is not None else queue.dlq
            yield Hit(
                queue,
                ("RedrivePolicy.deadLetterTargetArn", "RedrivePolicy"),
                f"it is {kinds[queue.is_fifo]}, and its dead-letter queue {name} is"
                f" {kinds[is_fifo]}",
                f"make the dead-letter queue {kinds[queue.is_fifo]}",
            )


@rule(
    "RD022",
    "warning",
    "Dead-letter queues lead back to where they began",
    lesson="A buried message that is received from its dead-letter queue often enough is buried"
    " again, into the queue that it came from: it goes round until it expires.",
    source=_DLQS,
)
def goes_round(graph: Graph) -> Iterator[Hit]:
    for key, queue in graph.queues.items():
        path = [key]
        while (target := graph.queues[path[-1]].dlq) in graph.queues and target not in path:
            assert target is not None
            path.append(target)
        # A ring is told once, at the first of its queues by name.
        if target == key and key == min(path):
            names = [graph.queues[each].name for each in (*path, key)]
            yield Hit(
                queue,
                ("RedrivePolicy",),
                f"messages are buried in a ring: {' -> '.join(names)}",
                "take the RedrivePolicy away from the dead-letter queue",
            )


@rule(
    "RD023",
    "error",
    "The dead-letter queue does not allow its source",
    lesson="A RedriveAllowPolicy says which queues may use this one as their dead-letter queue."
    " AWS refuses a redrive policy that it does not allow.",
    source=_ALLOW,
)
def denied(graph: Graph) -> Iterator[Hit]:
    for key, queue in graph.queues.items():
        dlq = graph.queues.get(queue.dlq or "")
        if dlq is None or dlq.allowed is None or dlq.has_unknown_sources:
            continue
        if key not in dlq.allowed:
            named = ", ".join(sorted(dlq.allowed)) or "nobody"
            yield Hit(
                dlq,
                ("RedriveAllowPolicy",),
                f"{queue.name} buries its messages here, and the policy allows {named}",
                f"name the ARN of {queue.name} in sourceQueueArns, with redrivePermission byQueue",
            )


@rule(
    "RD024",
    "note",
    "Nobody watches the dead-letter queue",
    lesson="Messages in a dead-letter queue make no noise. An alarm on"
    " ApproximateNumberOfMessagesVisible says that there are some; NumberOfMessagesSent does not"
    " count buried ones.",
    source=SQS_GUIDE + "dead-letter-queues-alarms-cloudwatch.html",
)
def unwatched(graph: Graph) -> Iterator[Hit]:
    if graph.watched is None:
        return
    fed = {mapping.queue for mapping in graph.mappings}
    for key, queue in graph.queues.items():
        buried_here = [each.name for each in graph.queues.values() if each.dlq == key]
        if buried_here and key not in graph.watched and key not in fed:
            yield Hit(
                queue,
                (),
                f"{', '.join(buried_here)} buries messages here, and neither an alarm nor a"
                " function looks at them",
                "add an AWS::CloudWatch::Alarm on ApproximateNumberOfMessagesVisible of this"
                " queue, greater than 0",
            )


@rule(
    "RD025",
    "warning",
    "Messages are buried after a single receive",
    lesson="A receive is counted when it begins, whatever becomes of it: a throttle, a deployment"
    " or a lost environment spends it as well as a failure. With one receive, the first such"
    " accident buries a healthy message.",
    source=LAMBDA_GUIDE + "services-sqs-configure.html",
)
def single_receive(graph: Graph) -> Iterator[Hit]:
    for queue in _fed(graph):
        if queue.receives_max == 1:
            yield Hit(
                queue,
                ("RedrivePolicy.maxReceiveCount", "RedrivePolicy"),
                "maxReceiveCount is 1: one throttle or one lost environment, and a message that"
                " was never looked at is buried",
                "set maxReceiveCount to 5 or more",
            )


@rule(
    "RD026",
    "error",
    "The dead-letter queue does not exist",
    lesson="A redrive policy outlives the queue that it names. Nothing is buried then: failing"
    " messages are delivered again until they expire.",
    source=_DLQS,
)
def missing_dlq(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        if graph.is_whole and queue.dlq is not None and queue.dlq not in graph.queues:
            yield Hit(
                queue,
                ("RedrivePolicy",),
                f"its redrive policy names {queue.dlq}, and there is no such queue",
                "make that queue, or name another one",
            )


@rule(
    "RD027",
    "note",
    "Failing messages rest for longer than they work",
    lesson="A failed message comes back at the end of its visibility timeout and not before. When"
    " that is hours, a short outage delays its messages by hours, and a poison message takes days"
    " to be buried.",
    source=SQS_GUIDE + "sqs-visibility-timeout.html",
)
def rests_for_hours(graph: Graph) -> Iterator[Hit]:
    told = set()
    for mapping, queue, function in graph.joined():
        visibility, timeout, window = queue.visibility_s, function.timeout_s, mapping.window_s
        if visibility is None or timeout is None or window is None or mapping.queue in told:
            continue
        if visibility >= 3_600 and visibility > 20 * (timeout + window):
            told.add(mapping.queue)
            receives = queue.receives_max
            until = f", and is buried after {seconds(receives * visibility)}" if receives else ""
            yield Hit(
                queue,
                ("VisibilityTimeout",),
                f"{function.name} takes {timeout} s at most, and a message that fails rests for"
                f" {seconds(visibility)}{until}",
                f"set VisibilityTimeout nearer to {6 * timeout + window}, or let the function call"
                " ChangeMessageVisibility for what is worth a longer rest",
            )


def _fed(graph: Graph) -> Iterator[Queue]:
    fed = {mapping.queue for mapping in graph.mappings}
    yield from (queue for key, queue in graph.queues.items() if key in fed)


RULES = (
    no_dlq,
    mixed_types,
    goes_round,
    denied,
    unwatched,
    single_receive,
    missing_dlq,
    rests_for_hours,
)
