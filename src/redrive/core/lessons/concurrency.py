"""Lessons about concurrency: throttles consume receives."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.lessons.graph import Function, Graph, Queue, Source
from redrive.core.lessons.rule import LAMBDA_GUIDE, Hit, plural, rule, seconds

_SCALING = LAMBDA_GUIDE + "services-sqs-scaling.html"
_CONFIGURE = LAMBDA_GUIDE + "services-sqs-configure.html"
RECEIVES_ADVISED = 5
"""AWS: "Using Lambda with Amazon SQS": maxReceiveCount of the redrive policy at least 5."""
POLLERS_FIRST = 5  # batches under way at once when a mapping begins
POLLERS_MAX = 1_250
CONCURRENCY_MIN = 2  # the least that MaximumConcurrency can be

_LIMIT = "ScalingConfig.MaximumConcurrency"
_RESERVED = "ReservedConcurrentExecutions"
_COUNT = ("RedrivePolicy.maxReceiveCount", "RedrivePolicy")


@rule(
    "RD040",
    "warning",
    "Throttles bury healthy messages",
    lesson="Lambda receives messages before it knows whether the function has room. A batch that is"
    " throttled is held until its visibility timeout lapses, and that receive is spent. With few"
    " receives and little concurrency, a backlog alone sends messages to the dead-letter queue"
    " that no function has ever seen.",
    source=_SCALING,
)
def throttled_to_death(graph: Graph) -> Iterator[Hit]:
    for mapping, queue, function in graph.joined():
        receives, room = queue.receives_max, function.reserved
        if receives is None or not room or receives >= RECEIVES_ADVISED:
            continue
        if _exceeds(mapping, room):
            yield Hit(
                queue,
                _COUNT,
                f"{_room(function, room)} and {_asked(mapping)}; what is throttled has spent one"
                f" of its {plural(receives, 'receive')}{_sum(mapping, queue, function, room)}",
                f"{_limit_cure(room)}; set maxReceiveCount to {RECEIVES_ADVISED} or more",
            )


@rule(
    "RD041",
    "note",
    "Few receives, and nothing that limits the mapping",
    lesson="Without MaximumConcurrency a mapping takes up to 1,250 batches at once from the"
    " account's common pool, which all functions without a reservation share. When that is used up,"
    " throttles spend receives; AWS advises at least five.",
    source=_CONFIGURE,
)
def few_receives(graph: Graph) -> Iterator[Hit]:
    for mapping, queue, function in graph.joined():
        receives = queue.receives_max
        is_limited = _LIMIT in mapping.given or _RESERVED in function.given
        if receives is not None and 1 < receives < RECEIVES_ADVISED and not is_limited:
            yield Hit(
                queue,
                _COUNT,
                f"maxReceiveCount is {receives}, and {function.name} shares the account's pool"
                f" (1,000 by default) with all others, while the mapping may take up to"
                f" {POLLERS_MAX:,} batches at once",
                f"set maxReceiveCount to {RECEIVES_ADVISED} or more, or limit the mapping by"
                " ScalingConfig.MaximumConcurrency",
            )


@rule(
    "RD042",
    "warning",
    "MaximumConcurrency exceeds the reserved concurrency",
    lesson="The mappings of a function may together have more under way than the function can run."
    " What is beyond is throttled, and throttles spend receives.",
    source=_SCALING,
)
def more_than_reserved(graph: Graph) -> Iterator[Hit]:
    for key, function in graph.functions.items():
        room = function.reserved
        limited = [
            (mapping, mapping.concurrency_max)
            for mapping in graph.mappings_of(key)
            if mapping.is_enabled and mapping.concurrency_max is not None
        ]
        total = sum(limit for _, limit in limited if limit)
        if room and limited and total > room:
            parts = " + ".join(str(limit) for _, limit in limited)
            shown = f"{parts} = {total}" if len(limited) > 1 else parts
            yield Hit(
                limited[-1][0],
                (_LIMIT,),
                f"{function.name} runs {room} at once, and its mappings ask for {shown}",
                f"lower MaximumConcurrency to {room} in all, or reserve {total}"
                if room >= CONCURRENCY_MIN * len(limited)
                else f"reserve {total}: the least that MaximumConcurrency can be is 2",
            )


@rule(
    "RD043",
    "warning",
    "One message at a time, and few at once",
    lesson="A batch size of one and a low concurrency bound the throughput to what a few"
    " invocations can do. The queue grows, messages grow old, and with reserved concurrency the"
    " pollers are throttled from the first moment.",
    source=_SCALING,
)
def narrow(graph: Graph) -> Iterator[Hit]:
    for mapping, function in graph.targets():
        limits = [each for each in (mapping.concurrency_max, function.reserved) if each]
        if mapping.batch_size != 1 or not limits or min(limits) > POLLERS_FIRST:
            continue
        timeout = function.timeout_s
        rate = ""
        if timeout:
            rate = f": at {timeout} s each that is {min(limits) / timeout:.3g} messages/s"
        yield Hit(
            mapping,
            ("BatchSize",),
            f"BatchSize is 1 and {function.name} runs {min(limits)} at once{rate}",
            "raise BatchSize (with ReportBatchItemFailures), or the concurrency",
        )


@rule(
    "RD044",
    "error",
    "The function may not run at all",
    lesson="Reserved concurrency 0 throttles every invocation. The mapping goes on receiving, so"
    " that each message spends its receives unprocessed and is buried, or expires.",
    source=LAMBDA_GUIDE + "configuration-concurrency.html",
)
def never_runs(graph: Graph) -> Iterator[Hit]:
    for mapping, function in graph.targets():
        if function.reserved == 0 and mapping.is_enabled:
            yield Hit(
                function,
                (_RESERVED,),
                f"it has reserved concurrency 0, and {mapping.name} goes on receiving for it",
                "set Enabled: false on the mapping to pause it, and reserve at least 1",
            )


@rule(
    "RD045",
    "warning",
    "Reserved concurrency is used to limit a mapping",
    lesson="A reservation does not slow the pollers down: they receive, are throttled, and wait."
    " MaximumConcurrency is what tells them how many batches to take.",
    source=_SCALING,
)
def limited_by_throttles(graph: Graph) -> Iterator[Hit]:
    for mapping, function in graph.targets():
        room = function.reserved
        queue = graph.queues.get(mapping.queue or "")
        receives = queue.receives_max if queue is not None else None
        is_told = receives is not None and receives < RECEIVES_ADVISED  # by RD040
        if room and _LIMIT not in mapping.given and not is_told and mapping.is_enabled:
            yield Hit(
                mapping,
                (),
                f"{_room(function, room)} and {_asked(mapping)}; what is throttled spends receives",
                _limit_cure(room),
            )


def _exceeds(mapping: Source, room: int) -> bool:
    if not mapping.is_enabled:
        return False
    limit = mapping.concurrency_max
    return limit > room if limit is not None else _LIMIT not in mapping.given


def _room(function: Function, room: int) -> str:
    return f"{function.name} runs {room} at once"


def _asked(mapping: Source) -> str:
    limit = mapping.concurrency_max
    if limit is not None:
        return f"the mapping takes up to {limit} batches"
    return f"the mapping begins with {POLLERS_FIRST} batches and takes up to {POLLERS_MAX:,}"


def _sum(mapping: Source, queue: Queue, function: Function, room: int) -> str:
    """Return how many messages are worked off before the first untouched one is buried."""
    visibility, receives = queue.visibility_s, queue.receives_max
    timeout, size = function.timeout_s, mapping.batch_size
    if not visibility or not receives or not timeout or not size:
        return ""
    span = visibility * receives
    done = room * span // timeout * size
    return (
        f". After {receives} x {visibility} s = {seconds(span)} untouched messages are buried; by"
        f" then {room} x {span} / {timeout} s x batch {size} = {done:,} are worked off when"
        " invocations take their whole timeout"
    )


def _limit_cure(room: int) -> str:
    if room >= CONCURRENCY_MIN:
        return f"set ScalingConfig.MaximumConcurrency to {room}"
    return (
        "take the reservation away and set ScalingConfig.MaximumConcurrency to 2, its least (a FIFO"
        " queue with one message group gives one at a time)"
    )


RULES = (
    throttled_to_death,
    few_receives,
    more_than_reserved,
    narrow,
    never_runs,
    limited_by_throttles,
)
