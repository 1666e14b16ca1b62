"""AWS/Lambda: what becomes a figure of functions and of mappings, and under which dimensions.

Services do not know of metrics; the composition root puts these in their way, and gives `note` and
`count` to those who count something themselves.

    Invocations, Errors, Duration      of each run, in the minute in which it began
    ConcurrentExecutions, Unreserved…  how many run: looked at when one begins, and each minute
    Throttles                          refused by Invoke: neither an invocation nor an error
    Async…, DeadLetterErrors, …        noted by whoever keeps asynchronous events

Each is recorded for the function, for the function and the version or alias that was asked for
(Resource), for an alias and the version that ran (ExecutedVersion), and for the account.
AWS: Lambda Developer Guide, "Types of metrics for Lambda functions", "Dimensions".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from redrive.core.effects import Context, Params, Ran, Run
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.metrics.families import Family, labels
from redrive.services.metrics.gatherer import Cell, Dimensions, Gatherer
from redrive.services.metrics.rules import minute_of
from redrive.services.registry import Operation
from redrive.store.store import Tx

NAMESPACE = "AWS/Lambda"
MILLISECONDS = frozenset({"AsyncEventAge", "Duration", "PostRuntimeExtensionsDuration"})
PERCENT = frozenset({"ProvisionedConcurrencyUtilization"})
TOTALS_MAX = 10_000
"""Functions of which Prometheus is told; the figures of others are not summed up."""

Runner = Callable[[Run, Callable[[Ran], None]], None]

Place = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, str]
"""Account, region; then a function's name; then the name that was asked for."""


class Target(Protocol):
    """A function, as another service names it."""

    @property
    def account(self) -> str:
        """Return its account."""
        ...

    @property
    def region(self) -> str:
        """Return its region."""
        ...

    @property
    def name(self) -> str:
        """Return its name."""
        ...

    @property
    def qualifier(self) -> str | None:
        """Return the version or alias that was asked for, if one was."""
        ...


class Asked(NamedTuple):
    """A function as a caller named it. resource: name, or name:qualifier."""

    account: str
    region: str
    name: str
    resource: str

    @property
    def is_alias(self) -> bool:
        """Tell whether the qualifier is an alias' name."""
        qualifier = self.resource[len(self.name) + 1 :]
        return bool(qualifier) and qualifier != "$LATEST" and not qualifier.isdigit()

    def dimensions(self, version: str | None = None) -> Iterable[Dimensions]:
        """Yield all that a figure is recorded under. version: that which ran, when one did."""
        function = ("FunctionName", self.name)
        resource = ("Resource", self.resource)
        yield ()
        yield (function,)
        yield (function, resource)
        if version is not None and self.is_alias:
            yield (("ExecutedVersion", version), function, resource)


class _Runs:
    """The runs of a function's version, by one name, that began in a minute."""

    __slots__ = ("durations", "errors")

    def __init__(self) -> None:
        self.durations = Cell()
        self.errors = 0


class _Level:
    """How many invocations of a function, of one of its names or of an account run."""

    __slots__ = ("looks", "pool", "running")

    def __init__(self) -> None:
        self.running = 0
        self.looks: dict[int, Cell] = {}  # by minute
        self.pool: dict[int, Cell] = {}  # of an account: those without a reservation

    def look(self, minute_ms: int) -> None:
        """Add a sample."""
        cell = self.looks.get(minute_ms)
        if cell is None:
            cell = self.looks[minute_ms] = Cell()
        cell.add(self.running)


class _Name(NamedTuple):
    """A name under which a function is invoked, with what is looked up once for it."""

    asked: Asked
    levels: tuple[_Level, ...]
    runs: dict[tuple[str, int], _Runs]  # by version and minute
    sums: dict[str, float]


class LambdaTally:
    """Counts for AWS/Lambda.

    unreserved, once it is set, tells how many invocations of functions without a reservation run
    in an account and region.
    """

    def __init__(self, gatherer: Gatherer) -> None:
        self._gatherer = gatherer
        self.unreserved: Callable[[str, str], int] | None = None
        self._names: dict[str, _Name] = {}  # by ARN
        self._levels: dict[Place, _Level] = {}
        self._totals: dict[tuple[str, str, str], dict[str, float]] = {}
        gatherer.samplers.append(self._sample)

    # --- runs ---

    def watched_runs(self, run: Runner, clock: Callable[[], Millis]) -> Runner:
        """Return a runner that counts each run, before whoever waits for it hears of its end."""

        def run_watched(job: Run, done: Callable[[Ran], None]) -> None:
            minute_ms = minute_of(clock())
            arn = job.invoked_arn or job.environment.function_arn
            name = self._names.get(arn) or self._begin_name(arn, job)
            for level in name.levels:
                level.running += 1
                level.look(minute_ms)
            if self.unreserved is not None:
                self._look_unreserved(name.levels[0], name.asked[:2], minute_ms)

            def ended(ran: Ran) -> None:
                _end(name, job.environment.version, ran, minute_ms)
                done(ran)

            run(job, ended)

        return run_watched

    def _begin_name(self, arn: str, job: Run) -> _Name:
        environment = job.environment
        asked = named(environment.account, environment.region, arn)
        levels = tuple(self._levels.setdefault(place, _Level()) for place in _places(asked))
        name = self._names[arn] = _Name(asked, levels, {}, self._sums(asked))
        return name

    def _sums(self, asked: Asked) -> dict[str, float]:
        sums = self._totals.get(asked[:3])
        if sums is None:
            sums = {}
            if len(self._totals) < TOTALS_MAX:
                self._totals[asked[:3]] = sums
        return sums

    def _sample(self, now_ms: Millis) -> None:
        """Pour what was counted into the gatherer, and look at what runs."""
        for known in self._names.values():
            for (version, at_ms), runs in known.runs.items():
                self._pour(known.asked, version, at_ms, runs)
            known.runs.clear()
        minute_ms = minute_of(now_ms)
        idle = []
        for place, level in self._levels.items():
            if not level.running:
                idle.append(place)
            else:
                level.look(minute_ms)
                if len(place) == 2:
                    self._look_unreserved(level, place, minute_ms)
            for name, looks in (
                ("ConcurrentExecutions", level.looks),
                ("UnreservedConcurrentExecutions", level.pool),
            ):
                for at_ms, cell in looks.items():
                    dimensions = _of_place(place)
                    self._gatherer.join(place[:2], NAMESPACE, name, dimensions, cell, at_ms)
                looks.clear()
        if len(self._names) > TOTALS_MAX:  # those that do not run now are looked up again
            self._names = {
                arn: name for arn, name in self._names.items() if name.levels[-1].running
            }
            for place in idle:
                del self._levels[place]

    def _look_unreserved(self, level: _Level, place: tuple[str, str], minute_ms: int) -> None:
        if self.unreserved is not None:
            cell = level.pool.get(minute_ms)
            if cell is None:
                cell = level.pool[minute_ms] = Cell()
            cell.add(self.unreserved(*place))

    def _pour(self, asked: Asked, version: str, at_ms: int, runs: _Runs) -> None:
        count = runs.durations.samples
        errors, throttles, invocations = Cell(), Cell(), Cell()
        invocations.add(1.0, count)
        throttles.add(0.0, count)
        if runs.errors:
            errors.add(1.0, runs.errors)
        if count > runs.errors:
            errors.add(0.0, count - runs.errors)
        for dimensions in asked.dimensions(version):
            for name, cell, unit in (
                ("Invocations", invocations, "Count"),
                ("Errors", errors, "Count"),
                ("Throttles", throttles, "Count"),
                ("Duration", runs.durations, "Milliseconds"),
            ):
                self._gatherer.join(
                    (asked.account, asked.region), NAMESPACE, name, dimensions, cell, at_ms, unit
                )

    # --- what others count ---

    def watched_invoke(self, invoke: Operation) -> Operation:
        """Return lambda.Invoke (or its like) that counts what it refuses for want of room."""

        def invoke_watched(tx: Tx, params: Params, context: Context) -> Any:
            try:
                return invoke(tx, params, context)
            except ServiceError as error:
                if error.code == "TooManyRequestsException":
                    caller = context.caller
                    asked = named(
                        caller.account,
                        caller.region,
                        params["FunctionName"],
                        params.get("Qualifier"),
                    )
                    self._note(asked, "Throttles", 1, context.now_ms)
                raise

        return invoke_watched

    def note(self, tx: Tx, metric: str, target: Target, value: float, at_ms: Millis) -> None:
        """Count for a function: Throttles, AsyncEventsReceived, AsyncEventAge (in milliseconds),
        AsyncEventsDropped, DeadLetterErrors, DestinationDeliveryFailures, ProvisionedConcurrency….

        It stays counted when that transaction is undone. It is a `Note` of the functions service.
        """
        asked = named(target.account, target.region, target.name, target.qualifier)
        self._note(asked, metric, value, at_ms)

    def _note(self, asked: Asked, name: str, amount: float, at_ms: int) -> None:
        unit = "Milliseconds" if name in MILLISECONDS else "Count"
        unit = "Percent" if name in PERCENT else unit
        place = (asked.account, asked.region)
        for dimensions in asked.dimensions():
            self._gatherer.count(place, NAMESPACE, name, dimensions, amount, at_ms, unit)
        _add(self._sums(asked), name, amount)

    # --- Prometheus ---

    def families(self, account: str | None) -> list[Family]:
        """Return the families of functions since the start of the process: redrive_lambda_…"""
        rows = [
            (labels({"function": name, "account": owner, "region": region}), sums)
            for (owner, region, name), sums in self._totals.items()
            if account in (None, owner)
        ]
        running = [
            (labels({"function": place[2], "account": place[0], "region": place[1]}), level.running)
            for place, level in self._levels.items()
            if len(place) == 3 and level.running and account in (None, place[0])
        ]
        return [
            Family(
                f"redrive_lambda_{family}",
                "counter",
                text,
                [(label, round(sums[name], 3)) for label, sums in rows if name in sums],
            )
            for family, name, text in _FAMILIES
        ] + [Family("redrive_lambda_concurrent", "gauge", "Invocations that run now.", running)]


class MappingTally:
    """Counts for event source mappings: it is a `Tally` of theirs."""

    def __init__(self, gatherer: Gatherer) -> None:
        self._gatherer = gatherer

    def count(
        self, account: str, region: str, uuid: str, name: str, amount: float, at_ms: int
    ) -> None:
        """Count PolledEventCount, FilteredOutEventCount, InvokedEventCount, FailedInvokeEventCount,
        DeletedEventCount, DroppedEventCount, OnFailureDestinationDeliveredEventCount.

        AWS: Lambda Developer Guide, "Event source mapping metrics".
        """
        dimensions = (("EventSourceMappingUUID", uuid),)
        self._gatherer.count((account, region), NAMESPACE, name, dimensions, amount, at_ms)


_FAMILIES = (
    ("invocations_total", "Invocations", "Runs of functions that have ended."),
    ("errors_total", "Errors", "Runs that ended with an error of the function."),
    ("throttles_total", "Throttles", "Requests that were refused for want of concurrency."),
    ("duration_milliseconds_total", "Duration", "Time that functions have run."),
    ("async_events_received_total", "AsyncEventsReceived", "Events kept to be run later."),
    ("async_events_dropped_total", "AsyncEventsDropped", "Events that were given up."),
    ("dead_letter_errors_total", "DeadLetterErrors", "Events that no dead-letter queue took."),
    (
        "destination_delivery_failures_total",
        "DestinationDeliveryFailures",
        "Records that a destination did not take.",
    ),
)


def named(account: str, region: str, function: str, qualifier: str | None = None) -> Asked:
    """Return a function by a name, a partial ARN or an ARN, with its qualifier in it or beside."""
    parts = function.split(":")
    if "function" in parts[:-1]:
        parts = parts[parts.index("function") + 1 :]
    name = parts[0]
    qualifier = qualifier or (parts[1] if len(parts) > 1 else None)
    return Asked(account, region, name, name if qualifier is None else f"{name}:{qualifier}")


def _places(asked: Asked) -> tuple[Place, ...]:
    account, region, name, resource = asked
    return (account, region), (account, region, name), (account, region, name, resource)


def _of_place(place: Place) -> Dimensions:
    return tuple(zip(("FunctionName", "Resource"), place[2:], strict=False))


def _end(name: _Name, version: str, ran: Ran, minute_ms: int) -> None:
    for level in name.levels:
        level.running -= 1
    runs = name.runs.get((version, minute_ms))
    if runs is None:
        runs = name.runs[version, minute_ms] = _Runs()
    # Hundredths, as the REPORT line has them: so that equal durations are equal.
    duration_ms = round(ran.duration_ms, 2)
    runs.durations.add(duration_ms)
    is_error = ran.error is not None
    runs.errors += is_error
    _add(name.sums, "Invocations", 1)
    _add(name.sums, "Errors", is_error)
    _add(name.sums, "Duration", duration_ms)


def _add(sums: dict[str, float], name: str, amount: float) -> None:
    sums[name] = sums.get(name, 0) + amount
