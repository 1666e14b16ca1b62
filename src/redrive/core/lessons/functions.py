"""Lessons about functions: defaults that do not fit queues, failures that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.lessons.graph import MEMORY_MB_DEFAULT, TIMEOUT_S_DEFAULT, Graph
from redrive.core.lessons.rule import LAMBDA_GUIDE, Hit, rule

_ASYNC = LAMBDA_GUIDE + "invocation-async-error-handling.html"
ASYNC_CALLERS = {
    "events.amazonaws.com": "EventBridge",
    "iot.amazonaws.com": "IoT",
    "logs.amazonaws.com": "CloudWatch Logs",
    "s3.amazonaws.com": "S3",
    "scheduler.amazonaws.com": "EventBridge Scheduler",
    "ses.amazonaws.com": "SES",
    "sns.amazonaws.com": "SNS",
}
"""Who invokes a function asynchronously. AWS: Developer Guide, "Asynchronous invocation"."""
MEMORY_MB_PER_CPU = 1_769  # AWS: "Configure Lambda function memory"


@rule(
    "RD060",
    "warning",
    "Failed asynchronous events are kept nowhere",
    lesson="An event that was sent to a function asynchronously is tried three times and then"
    " dropped, unless an on-failure destination or a dead-letter queue takes it.",
    source=_ASYNC,
)
def drops_events(graph: Graph) -> Iterator[Hit]:
    kept = {config.function for config in graph.configs if config.has_on_failure}
    for key, function in graph.functions.items():
        callers = sorted(
            {ASYNC_CALLERS[each] for each in function.callers if each in ASYNC_CALLERS}
        )
        if callers and key not in kept and "DeadLetterConfig" not in function.given:
            yield Hit(
                function,
                (),
                f"{', '.join(callers)} invokes it asynchronously: after 3 attempts an event is"
                " dropped",
                "give it an AWS::Lambda::EventInvokeConfig with an OnFailure destination (SAM:"
                " EventInvokeConfig), or a DeadLetterConfig",
            )


@rule(
    "RD061",
    "warning",
    "The function's own failure settings have no effect on a queue's messages",
    lesson="A mapping invokes synchronously. The function's dead-letter queue, retries and"
    " destinations are for asynchronous events; what becomes of a queue's messages is said by the"
    " queue's redrive policy alone.",
    source=LAMBDA_GUIDE + "services-sqs-errorhandling.html",
)
def idle_failure_settings(graph: Graph) -> Iterator[Hit]:
    for key, function in graph.functions.items():
        if not graph.mappings_of(key) or function.callers:
            continue
        cure = "put the dead-letter queue into the RedrivePolicy of the queue"
        if "DeadLetterConfig" in function.given:
            yield Hit(
                function,
                ("DeadLetterConfig",),
                "only a queue invokes it, so that nothing ever reaches its own dead-letter queue",
                cure,
            )
        for config in graph.configs:
            if config.function == key:
                yield Hit(
                    config,
                    ("DestinationConfig", "MaximumRetryAttempts"),
                    f"only a queue invokes {function.name}, and these settings are for asynchronous"
                    " events",
                    cure,
                )


@rule(
    "RD062",
    "warning",
    "The timeout is the default of 3 seconds",
    lesson="Three seconds are for the whole batch, the start of a cold environment's first call to"
    " a database included. A batch that times out comes back as a whole.",
    source=LAMBDA_GUIDE + "configuration-timeout.html",
)
def default_timeout(graph: Graph) -> Iterator[Hit]:
    told = set()
    for mapping, function in graph.targets():
        if "Timeout" in function.given or mapping.function in told:
            continue
        told.add(mapping.function)
        size = mapping.batch_size
        each = f", {TIMEOUT_S_DEFAULT / size:.2g} s for each of {size}" if size and size > 1 else ""
        yield Hit(
            function,
            (),
            f"no Timeout is set: a batch has {TIMEOUT_S_DEFAULT} s{each}",
            "set Timeout to what a batch takes at worst, and the queue's VisibilityTimeout to six"
            " times that",
        )


@rule(
    "RD063",
    "note",
    "The memory is the default of 128 MB",
    lesson="CPU comes with memory: a whole core at 1,769 MB. At 128 MB imports and JSON are"
    " fourteen times slower, which often costs more than the memory saves.",
    source=LAMBDA_GUIDE + "configuration-memory.html",
)
def default_memory(graph: Graph) -> Iterator[Hit]:
    told = set()
    for mapping, function in graph.targets():
        if "MemorySize" in function.given or mapping.function in told:
            continue
        told.add(mapping.function)
        share = MEMORY_MB_DEFAULT / MEMORY_MB_PER_CPU
        yield Hit(
            function,
            (),
            f"no MemorySize is set: {MEMORY_MB_DEFAULT} MB come with {share:.0%} of a core",
            "measure with 512 or more, and set MemorySize",
        )


RULES = (drops_events, idle_failure_settings, default_timeout, default_memory)
