"""Lessons about batches: their size, their window, their partial failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from redrive.core.lessons.graph import Graph, Source
from redrive.core.lessons.rule import LAMBDA_API, LAMBDA_GUIDE, Hit, rule

_CREATE = LAMBDA_API + "API_CreateEventSourceMapping.html"
_FAILURES = LAMBDA_GUIDE + "services-sqs-errorhandling.html"
_SIZE, _WINDOW = "BatchSize", "MaximumBatchingWindowInSeconds"
RECEIVE_MAX = 10  # what one ReceiveMessage returns; beyond it Lambda gathers


@rule(
    "RD030",
    "warning",
    "One failing message fails its whole batch",
    lesson="Without ReportBatchItemFailures a batch is deleted as a whole or comes back as a whole:"
    " with one poison message in it, its neighbours are processed again each time, and buried"
    " with it in the end although nothing is wrong with them.",
    source=_FAILURES,
)
def fails_together(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        size = mapping.batch_size
        if size is None or size == 1 or mapping.reports is not False:
            continue
        queue = graph.queues.get(mapping.queue or "")
        receives = queue.receives_max if queue is not None else None
        often = f" up to {receives} times, and are then buried with it" if receives else ""
        yield Hit(
            mapping,
            ("FunctionResponseTypes", _SIZE),
            f"up to {size - 1} healthy messages are processed again with one that fails{often}",
            "set FunctionResponseTypes to [ReportBatchItemFailures] and let the handler return the"
            " messages that failed, or set BatchSize to 1",
        )


@rule(
    "RD032",
    "error",
    "A batch of more than ten needs a window",
    lesson="One receive returns ten messages at most; Lambda gathers more only while a window is"
    " open.",
    source=_CREATE,
)
def large_without_window(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        size = mapping.batch_size
        if size is None or size <= RECEIVE_MAX or mapping.window_s != 0 or _is_fifo(graph, mapping):
            continue
        yield Hit(
            mapping,
            (_SIZE,),
            f"BatchSize is {size}, and there is no window: AWS answers `Maximum batch window in"
            " seconds must be greater than 0 if maximum batch size is greater than 10`",
            "set MaximumBatchingWindowInSeconds to 1 or more, or BatchSize to 10 or less",
        )


@rule(
    "RD033",
    "error",
    "A FIFO queue has no batching window",
    lesson="Lambda does not gather messages of FIFO queues over time; AWS refuses the option.",
    source=_CREATE,
)
def fifo_window(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        if mapping.window_s and _is_fifo(graph, mapping):
            yield Hit(
                mapping,
                (_WINDOW,),
                f"the queue is a FIFO queue, and the window is {mapping.window_s} s",
                "leave MaximumBatchingWindowInSeconds out",
            )


@rule(
    "RD034",
    "error",
    "A batch of a FIFO queue has ten messages at most",
    lesson="What holds for a single receive holds for a FIFO queue's batches: ten messages.",
    source=_CREATE,
)
def fifo_batch(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        size = mapping.batch_size
        if size is not None and size > RECEIVE_MAX and _is_fifo(graph, mapping):
            yield Hit(
                mapping,
                (_SIZE,),
                f"BatchSize is {size}, and a FIFO queue's batch has at most 10",
                "set BatchSize to 10 or less",
            )


@rule(
    "RD035",
    "note",
    "The window has no effect",
    lesson="A batch goes to the function when it is full, its window is over, or its messages reach"
    " 6 MB. A batch of one is full at once.",
    source=LAMBDA_GUIDE + "invocation-eventsourcemapping.html",
)
def idle_window(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        if mapping.batch_size == 1 and mapping.window_s and not _is_fifo(graph, mapping):
            yield Hit(
                mapping,
                (_WINDOW,),
                f"BatchSize is 1: a batch is full before {mapping.window_s} s have begun",
                "leave MaximumBatchingWindowInSeconds out, or raise BatchSize",
            )


@rule(
    "RD036",
    "error",
    "A queue is mapped to the same function twice",
    lesson="AWS keeps one mapping for a queue and a function, and refuses a second one.",
    source=_CREATE,
)
def mapped_twice(graph: Graph) -> Iterator[Hit]:
    seen: dict[tuple[str, str], Source] = {}
    for mapping in graph.mappings:
        if mapping.queue is None or mapping.function is None:
            continue
        first = seen.setdefault((mapping.queue, mapping.function), mapping)
        if first is not mapping:
            yield Hit(
                mapping,
                (),
                f"{first.name} joins the same queue and function: AWS answers `An event source"
                " mapping with SQS arn … and function … already exists`",
                "take one of the two away",
            )


@rule(
    "RD037",
    "warning",
    "Two functions compete for the messages of one queue",
    lesson="Each message goes to one of them, by chance. Who wants both to see every message gives"
    " each a queue of its own, subscribed to one topic or event bus.",
    source=LAMBDA_GUIDE + "with-sqs.html",
)
def competing(graph: Graph) -> Iterator[Hit]:
    functions: dict[str, dict[str, Source]] = defaultdict(dict)
    for mapping in graph.mappings:
        if mapping.queue is not None and mapping.function is not None and mapping.is_enabled:
            functions[mapping.queue].setdefault(mapping.function, mapping)
    for queue, found in functions.items():
        first, *others = found
        name = graph.queues[queue].name if queue in graph.queues else queue
        for other in others:
            # Different filters would still delete what the other one wants.
            yield Hit(
                found[other],
                ("EventSourceArn",),
                f"{first} takes messages of {name} as well: each message goes to one of the two",
                "give each function a queue of its own",
            )


@rule(
    "RD038",
    "note",
    "Messages that no filter lets through are deleted",
    lesson="A filter on a queue is not a selection: what does not match is deleted, not left for"
    " somebody else, and does not reach the dead-letter queue. A body that is not JSON never"
    " matches a filter on the body's members.",
    source=LAMBDA_GUIDE + "with-sqs-filtering.html",
)
def filtered(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        if mapping.filters:
            said = (
                "its filter does" if mapping.filters == 1 else f"its {mapping.filters} filters do"
            )
            yield Hit(
                mapping,
                ("FilterCriteria",),
                f"what {said} not let through is deleted from the queue",
                "filter before the queue (subscription or rule) where others want those messages",
            )


def _is_fifo(graph: Graph, mapping: Source) -> bool:
    queue = graph.queues.get(mapping.queue or "")
    return queue.is_fifo if queue is not None else (mapping.queue or "").endswith(".fifo")


RULES = (
    fails_together,
    large_without_window,
    fifo_window,
    fifo_batch,
    idle_window,
    mapped_twice,
    competing,
    filtered,
)
