"""The picture that the rules look at: queues, functions, mappings, and what joins them.

A template and a running server are both drawn as this, so that the same rules judge both. Pure
values; properties have the names that CloudFormation gives them, those of nested objects joined by
dots (`ScalingConfig.MaximumConcurrency`).

Invariants:
1. A key is a logical id where the thing is in the picture, else its ARN or name; None where it
   cannot be known before a deployment. What is not known is never guessed: rules keep silent.
2. A number that was given and is not in `numbers` is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

VISIBILITY_S_DEFAULT = 30
RETENTION_S_DEFAULT = 345_600
TIMEOUT_S_DEFAULT = 3
MEMORY_MB_DEFAULT = 128
BATCH_SIZE_DEFAULT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A resource: what it is called and where it stands.

    given: the properties that somebody wrote. lines: the line of each of them, and under "" that of
    the thing itself; empty for what is live. ignored: ids of rules that are not to speak of it.
    """

    name: str
    arn: str = ""
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    numbers: Mapping[str, int] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def line(self, *properties: str) -> int | None:
        """Return the line of the first of these properties that was written, else the thing's."""
        for name in (*properties, ""):
            if name in self.lines:
                return self.lines[name]
        return None

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return a property's number: the given one, the default, or None when not known."""
        if name in self.numbers:
            return self.numbers[name]
        return None if name in self.given else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(Thing):
    """A queue. physical: its name, None while AWS or CloudFormation has yet to choose it.

    dlq: the key of its dead-letter queue, None when it has none (`RedrivePolicy` not in `given`) or
    one that is not known. allowed: who may use it as one: None for anybody, else the keys of the
    sources; has_unknown_sources: some of those are not known.
    """

    physical: str | None = None
    is_fifo: bool = False
    dlq: str | None = None
    allowed: frozenset[str] | None = None
    has_unknown_sources: bool = False

    @property
    def visibility_s(self) -> int | None:
        """How long a received message is hidden."""
        return self.number("VisibilityTimeout", VISIBILITY_S_DEFAULT)

    @property
    def retention_s(self) -> int | None:
        """How long a message is kept."""
        return self.number("MessageRetentionPeriod", RETENTION_S_DEFAULT)

    @property
    def receives_max(self) -> int | None:
        """How often a message is received before it is buried; None without a redrive policy."""
        return self.number("RedrivePolicy.maxReceiveCount")

    @property
    def has_dlq(self) -> bool:
        """Whether messages are ever buried."""
        return "RedrivePolicy" in self.given


@dataclass(frozen=True, slots=True, eq=False)  # one look at each is enough: see handlers
class Code:
    """A function's source files by their path within its code; only those that can be judged.

    root: what stands before such a path where it is shown. lines_before: of the file in which an
    inline source stands.
    """

    files: Mapping[str, str]
    root: str = ""
    lines_before: int = 0
    is_inline: bool = False

    def place(self, path: str, line: int) -> tuple[str, int]:
        """Return the file and line to show for a line of a source."""
        shown = self.root if self.is_inline else f"{self.root}/{path}" if self.root else path
        return shown, line + self.lines_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Thing):
    """A function. callers: who but a queue invokes it: service principals
    (`events.amazonaws.com`), types of resources that name it, or `url`.
    """

    physical: str | None = None
    runtime: str | None = None
    handler: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    layers: int = 0
    callers: frozenset[str] = frozenset()
    code: Code | None = None

    @property
    def timeout_s(self) -> int | None:
        """How long one invocation may take."""
        return self.number("Timeout", TIMEOUT_S_DEFAULT)

    @property
    def reserved(self) -> int | None:
        """How many may run at once; None when it shares the account's pool, or is not known."""
        return self.number("ReservedConcurrentExecutions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Thing):
    """An event source mapping: a queue as the source of a function's events.

    reports: whether ReportBatchItemFailures is set; None when not known. patterns: of its filters,
    those that are known. foreign: options that are given and belong to streams.
    """

    queue: str | None = None
    function: str | None = None
    is_enabled: bool = True
    reports: bool | None = False
    filters: int = 0
    patterns: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def batch_size(self) -> int | None:
        """How many messages an invocation takes at most."""
        return self.number("BatchSize", BATCH_SIZE_DEFAULT)

    @property
    def window_s(self) -> int | None:
        """How long messages are gathered for a batch."""
        return self.number("MaximumBatchingWindowInSeconds", 0)

    @property
    def concurrency_max(self) -> int | None:
        """How many invocations it has under way at most; None without a limit of its own."""
        return self.number("ScalingConfig.MaximumConcurrency")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeConfig(Thing):
    """How asynchronous invocations of a function are retried, and where failures go."""

    function: str | None = None
    has_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in a template that cannot be worked out, as its reader told it."""

    message: str
    file: str
    line: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole picture. watched: the keys of queues that an alarm looks at, None where alarms
    cannot be seen. is_whole: what is not in it does not exist (a server's own resources).
    strangers: exceptions that name no rule.
    """

    queues: Mapping[str, Queue] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    mappings: tuple[Source, ...] = ()
    configs: tuple[InvokeConfig, ...] = ()
    watched: frozenset[str] | None = None
    is_whole: bool = False
    troubles: tuple[Trouble, ...] = ()
    strangers: tuple[Trouble, ...] = ()

    def joined(self) -> Iterator[tuple[Source, Queue, Function]]:
        """Yield each mapping whose queue and function are both in the picture."""
        for mapping in self.mappings:
            queue = self.queues.get(mapping.queue or "")
            function = self.functions.get(mapping.function or "")
            if queue is not None and function is not None:
                yield mapping, queue, function

    def sources(self) -> Iterator[tuple[Source, Queue]]:
        """Yield each mapping whose queue is in the picture."""
        for mapping in self.mappings:
            queue = self.queues.get(mapping.queue or "")
            if queue is not None:
                yield mapping, queue

    def targets(self) -> Iterator[tuple[Source, Function]]:
        """Yield each mapping whose function is in the picture."""
        for mapping in self.mappings:
            function = self.functions.get(mapping.function or "")
            if function is not None:
                yield mapping, function

    def mappings_of(self, function: str) -> tuple[Source, ...]:
        """Return the mappings that feed a function."""
        return tuple(each for each in self.mappings if each.function == function)
