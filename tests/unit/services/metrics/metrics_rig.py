"""The queues and the metrics service on a real store, driven by the real dispatch under a virtual
clock; `crash` is a kill -9.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from stand_ins import ACCOUNT, REGION, CountedChance, caller

import redrive.services
from redrive.core.effects import Caller, Reply
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, NEVER, Millis
from redrive.services.dispatch import Dispatch
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.model import METRICS, Mark, Minute, Number, Series, Set
from redrive.services.metrics.recorder import Recorder
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.rules import FIVE_MS, join_all, read_sets, sets_of
from redrive.services.queues import operations as queues
from redrive.services.queues.model import Counts
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import Store, Tx

_SERVICES = Path(next(iter(redrive.services.__path__)))
STATEMENTS = [
    _SERVICES / f"{name}.sql" for name in ("queues/queues", "queues/fifo", "metrics/metrics")
]
OTHER = "111122223333"
T0 = Millis(1_800_000_000_000)  # the beginning of an hour
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS
COUNTERS = ("sent", "received", "delete_calls", "empty_receives", "deduplicated")


class Rig:
    """One server's worth of queues and metrics in a directory; nobody reaps."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.folder = folder
        self._chance = CountedChance()
        self._open()

    def _open(self) -> None:
        self.store = SqliteStore(str(self.folder / "redrive.db"), load_statements(STATEMENTS))
        self.registry = Registry(self.store)
        self.room = Metrics()
        queues.register(self.registry, Queues(self.store, self._chance))
        metrics.register(self.registry, self.room)
        self.store.commit(self.now_ms)
        self.now_ms = max(self.now_ms, self.store.high_water_ms)
        self.dispatch = self._dispatch(self.store)
        self.dispatch.post(Recorder(caller(), self.store.high_water_ms, self.room.gatherer))
        self.settle()

    def _dispatch(self, store: Store) -> Dispatch:
        return Dispatch(
            self.registry,
            store,
            clock=lambda: self.now_ms,
            chance=self._chance,
            run=lambda run, done: None,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )

    def crash(self) -> None:
        """Let go of everything that was not committed, and start anew on the same files."""
        self.store.close()
        self._open()

    def stop(self) -> None:
        """End in order, and start anew."""
        self.dispatch.drain()
        self.settle()
        assert self.dispatch.is_at_rest
        self.crash()

    # --- calls ---

    def start(
        self, operation: str, of: str = "sqs", who: Caller | None = None, /, **params: Any
    ) -> list[Reply]:
        """Enter an operation and settle; the list holds its reply once there is one."""
        replies: list[Reply] = []
        self.dispatch.enter(of, operation, params, who or caller(), replies.append)
        self.settle()
        return replies

    def call(
        self, operation: str, of: str = "sqs", who: Caller | None = None, /, **params: Any
    ) -> Any:
        """Return an operation's result or raise its error."""
        (reply,) = self.start(operation, of, who, **params)
        if reply.error is not None:
            raise reply.error
        return reply.result

    def refused(self, operation: str, /, **params: Any) -> tuple[str, str]:
        """Return the code and message with which a CloudWatch operation is refused."""
        (reply,) = self.start(operation, "cloudwatch", **params)
        assert isinstance(reply.error, ServiceError), reply
        return reply.error.code, reply.error.message

    # --- time ---

    def settle(self) -> None:
        """Commit and go on until nothing is left to do at this instant; ours must not fail."""
        self.dispatch.advance()
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        if self.faults:
            raise self.faults[0]

    def pass_to(self, until_ms: int) -> None:
        """Let the clock jump from one due instant to the next, up to and including an instant."""
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.settle()
        self.now_ms = Millis(max(self.now_ms, until_ms))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_to(self.now_ms + round(seconds * 1_000))

    def minute(self) -> int:
        """Let the minute end and be recorded; return when it began."""
        at_ms = self.now_ms - self.now_ms % MINUTE_MS
        self.pass_to(at_ms + MINUTE_MS)
        return at_ms

    # --- queues ---

    def create(self, name: str = "q", who: Caller | None = None, /, **attributes: str) -> str:
        """Create a queue; return its URL."""
        made = self.call("CreateQueue", "sqs", who, QueueName=name, Attributes=attributes)
        url: str = made["QueueUrl"]
        return url

    def send(self, url: str, body: str = "hello", **params: Any) -> Any:
        """Send a message."""
        return self.call("SendMessage", QueueUrl=url, MessageBody=body, **params)

    def receive(self, url: str, count: int = 10, **params: Any) -> list[str]:
        """Receive messages; return their handles."""
        result = self.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=count, **params)
        found = orjson.loads(orjson.dumps(result.get("Messages", [])))
        return [message["ReceiptHandle"] for message in found]

    def delete(self, url: str, handle: str) -> None:
        """Delete a message."""
        self.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)

    # --- metrics ---

    def statistics(
        self, metric: str, name: str = "q", who: Caller | None = None, /, **params: Any
    ) -> list[dict[str, Any]]:
        """Return GetMetricStatistics' datapoints of a queue's metric, of all time."""
        asked = {
            "Namespace": "AWS/SQS",
            "MetricName": metric,
            "Dimensions": [{"Name": "QueueName", "Value": name}],
            "StartTime": self.now_ms - 23 * HOUR_MS,
            "EndTime": self.now_ms + MINUTE_MS,
            "Period": 60,
            **params,
        }
        if "ExtendedStatistics" not in asked:
            asked.setdefault("Statistics", ["Sum"])
        result = self.call("GetMetricStatistics", "cloudwatch", who, **asked)
        datapoints: list[dict[str, Any]] = result["Datapoints"]
        return datapoints

    def value(self, metric: str, name: str = "q", statistic: str = "Sum", /) -> float | None:
        """Return one statistic of the minute that has just ended; None: it has no datapoint."""
        found = self.statistics(
            metric,
            name,
            Statistics=[statistic],
            StartTime=self.now_ms - MINUTE_MS,
            EndTime=self.now_ms,
        )
        return found[0][statistic] if found else None

    def read(self, work: Any) -> Any:
        """Run a work on the store."""
        result = self.store.transact(work)
        self.store.commit(self.now_ms)
        return result

    def totals(self) -> dict[str, int]:
        """Return the sums of all points of all queues, of counters and of bytes."""
        sets = join_all(
            all_sets for series in self.all_series() for _at, all_sets in self.points(series.id)
        )
        found = {name: int(sets[name].total) if name in sets else 0 for name in COUNTERS}
        return found | {"sent_bytes": int(sets["size"].total) if "size" in sets else 0}

    def all_series(self) -> list[Series]:
        """Return all series."""
        found: list[Series] = self.read(
            lambda tx: tx.rows(Series, "metrics.series_after", after=0, limit=-1)
        )
        return found

    def points(self, series: int) -> list[tuple[int, dict[str, Set]]]:
        """Return all points of a series, of every resolution."""

        def work(tx: Tx) -> list[tuple[int, dict[str, Set]]]:
            minutes = tx.rows(Minute, "metrics.minutes", series=series, before_ms=NEVER, limit=-1)
            found = [(minute.at_ms, sets_of(minute)) for minute in minutes]
            for period_ms in (FIVE_MS, HOUR_MS):
                found += [
                    (roll[0], read_sets(roll[1]))
                    for roll in tx.rows(
                        Text,
                        "metrics.rolls",
                        series=series,
                        period_ms=period_ms,
                        start_ms=0,
                        end_ms=NEVER,
                        limit=-1,
                    )
                ]
            return found

        points: list[tuple[int, dict[str, Set]]] = self.read(work)
        return points

    def rows(self) -> tuple[int, int]:
        """Return how many rows are counted, and how many there are."""
        counted = self.read(lambda tx: tx.one(Number, "metrics.points")).value
        return counted, sum(len(self.points(series.id)) for series in self.all_series())

    def check(self, **gone: int) -> None:
        """Demand that the points of all queues add up to their counters, to the last one.

        gone is what deleted queues have counted.
        """

        def work(tx: Tx) -> list[tuple[Mark, Counts]]:
            marks = tx.rows(Mark, "metrics.marks", after=0, up_to=2**62)
            counts = ((m, tx.one(Counts, "queues.counts", queue=m.queue)) for m in marks)
            return [(mark, found) for mark, found in counts if found is not None]

        expected = dict.fromkeys((*COUNTERS, "sent_bytes"), 0)
        for _mark, counts in self.read(work):
            for name in expected:
                expected[name] += getattr(counts, name)
        for name, count in gone.items():
            expected[name] += count
        # Only FIFO queues have a metric for them.
        assert self.totals() == expected


class Text(tuple[Any, ...]):
    """A row as it is."""


def redrive(dlq: str = "dlq", count: int = 3) -> str:
    """A redrive policy."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dlq}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})


ALWAYS = [name for name, metric in METRICS.items() if metric.kind == "every"]
