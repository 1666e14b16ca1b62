"""What AWS refuses, said before it is asked: ranges, names, runtimes, options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from redrive.core.lessons.graph import Graph, Thing
from redrive.core.lessons.rule import LAMBDA_API, LAMBDA_GUIDE, SQS_API, Hit, rule
from redrive.core.patterns import PatternError, compile_pattern

_CREATE_FUNCTION = LAMBDA_API + "API_CreateFunction.html"
_CREATE_QUEUE = SQS_API + "API_CreateQueue.html"
_CREATE_MAPPING = LAMBDA_API + "API_CreateEventSourceMapping.html"


class Range(NamedTuple):
    """What a number may be, both ends included."""

    least: int
    most: int


RANGES: Mapping[str, Range] = {
    # AWS: API_SetQueueAttributes
    "DelaySeconds": Range(0, 900),
    "MaximumMessageSize": Range(1_024, 1_048_576),
    "MessageRetentionPeriod": Range(60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": Range(0, 20),
    "VisibilityTimeout": Range(0, 43_200),
    "KmsDataKeyReusePeriodSeconds": Range(60, 86_400),
    "RedrivePolicy.maxReceiveCount": Range(1, 1_000),
    # AWS: Lambda quotas; the model's higher ends are those of managed instances
    "Timeout": Range(1, 900),
    "MemorySize": Range(128, 10_240),
    "EphemeralStorage.Size": Range(512, 10_240),
    "ReservedConcurrentExecutions": Range(0, 2**31 - 1),
    # AWS: API_CreateEventSourceMapping, API_ScalingConfig, API_ProvisionedPollerConfig
    "BatchSize": Range(1, 10_000),
    "MaximumBatchingWindowInSeconds": Range(0, 300),
    "ScalingConfig.MaximumConcurrency": Range(2, 1_000),
    "ProvisionedPollerConfig.MinimumPollers": Range(1, 200),
    "ProvisionedPollerConfig.MaximumPollers": Range(1, 10_000),
    # AWS: API_PutFunctionEventInvokeConfig
    "MaximumRetryAttempts": Range(0, 2),
    "MaximumEventAgeInSeconds": Range(60, 21_600),
}
QUEUE_NAME_MAX, FUNCTION_NAME_MAX, HANDLER_MAX = 80, 64, 128
LAYERS_MAX = 5
VARIABLES_BYTES_MAX = 4_096
FILTERS_MAX, FILTERS_QUOTA = 5, 10
PATTERN_SHOWN = 60  # characters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RUNTIMES = _words(
    "dotnet6 dotnet8 dotnet10 java8.al2 java8.al2023 java11 java11.al2023 java17 java17.al2023"
    " java21 java25 nodejs16.x nodejs18.x nodejs20.x nodejs22.x nodejs24.x nodejs26.x"
    " provided.al2 provided.al2023 python3.8 python3.9 python3.10 python3.11 python3.12"
    " python3.13 python3.14 python3.15 ruby3.2 ruby3.3 ruby3.4 ruby4.0"
)
RETIRED = _words(
    "dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 go1.x java8 nodejs nodejs4.3"
    " nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x provided python2.7"
    " python3.6 python3.7 ruby2.5 ruby2.7"
)
RESERVED_VARIABLES = _words(
    "_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV"
    " AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION"
    " AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME"
    " AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_KEY AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
    " AWS_SECURITY_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR"
)
"""AWS: "Using Lambda environment variables", "Defined runtime environment variables"."""

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CHARACTERS = "letters, digits, - and _"


@rule(
    "RD070",
    "error",
    "A number is outside of AWS's range",
    lesson="AWS refuses it when the stack is deployed, after everything before it was made.",
    source=SQS_API + "API_SetQueueAttributes.html",
)
def out_of_range(graph: Graph) -> Iterator[Hit]:
    for thing in _things(graph):
        for name, value in thing.numbers.items():
            span = RANGES.get(name)
            if span is not None and not span.least <= value <= span.most:
                yield Hit(
                    thing,
                    (name,),
                    f"{name} is {value:,}, and AWS takes {span.least:,} to {span.most:,}",
                    f"set it to {span.least if value < span.least else span.most} or"
                    f" {'more' if value < span.least else 'less'}",
                )


@rule(
    "RD071",
    "error",
    "The runtime does not exist, or no more",
    lesson="AWS makes and updates no functions of a runtime that it has retired, and knows no"
    " other names than its own.",
    source=LAMBDA_GUIDE + "lambda-runtimes.html",
)
def unknown_runtime(graph: Graph) -> Iterator[Hit]:
    for function in graph.functions.values():
        runtime = function.runtime
        if runtime is None or runtime in RUNTIMES:
            continue
        family = re.match(r"[a-z]+", runtime.lower())
        near = [each for each in RUNTIMES if family and each.startswith(family[0])]
        newest = max(near, key=_version, default="python3.14")
        yield Hit(
            function,
            ("Runtime",),
            f"{runtime} is no longer supported for creating or updating functions"
            if runtime in RETIRED
            else f"AWS has no runtime {runtime}",
            f"use a supported one, like {newest}",
        )


@rule(
    "RD072",
    "error",
    "A name is too long, or has characters that AWS does not take",
    lesson="A queue's name has 80 characters at most (`.fifo` included), a function's 64.",
    source=_CREATE_QUEUE,
)
def bad_name(graph: Graph) -> Iterator[Hit]:
    kinds = (
        (graph.queues.values(), "QueueName", QUEUE_NAME_MAX, _QUEUE_NAME),
        (graph.functions.values(), "FunctionName", FUNCTION_NAME_MAX, _FUNCTION_NAME),
    )
    for things, member, most, pattern in kinds:
        for thing in things:
            name = thing.physical
            if name is None or (len(name) <= most and pattern.fullmatch(name)):
                continue
            reason = (
                f"{name} has {len(name)} characters, {len(name) - most} too many"
                if len(name) > most
                else f"{name} is not made of {_CHARACTERS}"
            )
            yield Hit(thing, (member,), reason, f"use at most {most} of {_CHARACTERS}")


@rule(
    "RD073",
    "error",
    "Only FIFO queues end in .fifo, and all of them do",
    lesson="The name and FifoQueue must agree. FifoQueue is true or not given at all: AWS refuses"
    " false.",
    source=_CREATE_QUEUE,
)
def fifo_name(graph: Graph) -> Iterator[Hit]:
    for queue in graph.queues.values():
        if queue.physical is None or queue.physical.endswith(".fifo") == queue.is_fifo:
            continue
        yield Hit(
            queue,
            ("QueueName", "FifoQueue"),
            f"it is a FIFO queue, and its name {queue.physical} does not end in .fifo"
            if queue.is_fifo
            else f"its name {queue.physical} ends in .fifo, and FifoQueue is not true",
            f"name it {queue.physical}.fifo" if queue.is_fifo else "set FifoQueue to true",
        )


@rule(
    "RD074",
    "error",
    "A function has more layers or variables than AWS takes",
    lesson="Five layers, and 4 KB of environment variables, names and JSON's own characters"
    " included. Some names belong to Lambda.",
    source=LAMBDA_GUIDE + "gettingstarted-limits.html",
)
def too_much(graph: Graph) -> Iterator[Hit]:
    for function in graph.functions.values():
        if function.layers > LAYERS_MAX:
            reason = f"it has {function.layers} layers: `Cannot reference more than 5 layers.`"
            yield Hit(function, ("Layers",), reason, "merge layers")
        text = json.dumps(dict(function.variables), separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode())
        if size > VARIABLES_BYTES_MAX:
            reason = f"its environment variables take {size:,} bytes, and AWS takes 4,096"
            cure = "keep what is large in Parameter Store, Secrets Manager or S3"
            yield Hit(function, ("Environment.Variables", "Environment"), reason, cure)
        for name in sorted(function.variables.keys() & RESERVED_VARIABLES):
            reason = f"{name} is Lambda's own: `Reserved keys used in this request: {name}`"
            yield Hit(function, (f"Environment.Variables.{name}",), reason, "name it otherwise")


@rule(
    "RD075",
    "error",
    "An option of the mapping is not for queues",
    lesson="Retries, destinations, positions and splitting are for streams. AWS refuses them for a"
    " queue, whose redrive policy says what becomes of failures.",
    source=_CREATE_MAPPING,
)
def not_for_queues(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        for name in mapping.foreign:
            yield Hit(
                mapping,
                (name,),
                f"AWS answers `Unsupported {name} parameter for given event source mapping type.`",
                "leave it out",
            )


@rule(
    "RD076",
    "error",
    "Provisioned pollers and MaximumConcurrency exclude each other",
    lesson="Provisioned pollers are the limit: a mapping has either.",
    source=LAMBDA_GUIDE + "services-sqs-scaling.html",
)
def two_limits(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        limit = mapping.concurrency_max
        if limit is not None and any("ProvisionedPoller" in name for name in mapping.given):
            yield Hit(
                mapping,
                ("ProvisionedPollerConfig",),
                f"MaximumConcurrency is {limit}, and the pollers are provisioned",
                "leave one of the two out",
            )


@rule(
    "RD077",
    "error",
    "A mapping has too many filters",
    lesson="Five, unless AWS has raised the quota for the account, to ten at most.",
    source=LAMBDA_GUIDE + "invocation-eventfiltering.html",
)
def too_many_filters(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        if mapping.filters > FILTERS_MAX:
            yield Hit(
                mapping,
                ("FilterCriteria",),
                f"it has {mapping.filters} filters, and AWS takes {FILTERS_MAX}"
                f" ({FILTERS_QUOTA} where the quota was raised)",
                "join patterns: a field takes a list of values",
            )


@rule(
    "RD078",
    "error",
    "A filter is no pattern",
    lesson="A pattern is a JSON object whose values are arrays or objects. AWS refuses others, and"
    " says no more than that.",
    source=LAMBDA_GUIDE + "invocation-eventfiltering.html",
)
def bad_pattern(graph: Graph) -> Iterator[Hit]:
    for mapping in graph.mappings:
        for text in mapping.patterns:
            try:
                compile_pattern(text)
            except PatternError as error:
                shown = text if len(text) <= PATTERN_SHOWN else f"{text[:PATTERN_SHOWN]}…"
                yield Hit(
                    mapping,
                    ("FilterCriteria",),
                    f"AWS answers `Invalid filter pattern definition.` to {shown}: {error}",
                    'write it like {"body": {"kind": ["order"]}}',
                )


def _things(graph: Graph) -> Iterable[Thing]:
    return chain(graph.queues.values(), graph.functions.values(), graph.mappings, graph.configs)


def _version(runtime: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", runtime))


RULES = (
    out_of_range,
    unknown_runtime,
    bad_name,
    fifo_name,
    too_much,
    not_for_queues,
    two_limits,
    too_many_filters,
    bad_pattern,
)
