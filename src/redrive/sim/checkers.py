"""The invariants, each a judge of its own that knows little and trusts nobody, the oracle least.

conservation · lease exclusivity · receive counts · receive bound · acknowledged writes ·
acknowledged deletes · move tasks · clock. The oracle judges what needs a prediction: timers, one
place, nothing lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from redrive.core.effects import Run
from redrive.sim.evidence import Attempt, Audit, Violation, born_ms, name_in
from redrive.sim.workload import Request, is_dead


class Checker:
    """A judge; each hook may raise a Violation."""

    invariant = ""

    def commit(self, attempt: Attempt) -> None:
        """Hear of an execution that was committed, in order."""

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Hear of a success that left the server."""

    def audit(self, audit: Audit) -> None:
        """Look at the rows between two groups."""

    def restart(self, high_water_ms: int) -> None:
        """Hear of the instant that a restarted server takes for the earliest possible."""

    def refused(self) -> None:
        """Hear that a whole group was not committed."""

    def started(self, run: Run) -> None:
        """Hear that a function has begun."""

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Hear that it has ended, and which messages of its batch it shall have failed."""

    def rest(self) -> None:
        """Hear that nothing runs and nothing is under way any more."""

    def fail(self, message: str) -> Violation:
        """Return the violation of this checker's invariant."""
        return Violation(self.invariant, message)


class Settings:
    """Two settings of each queue, as its committed requests say."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, str]] = {}

    def commit(self, attempt: Attempt) -> None:
        name = name_in(attempt.params)
        if attempt.error is not None:
            return
        if attempt.operation == "CreateQueue":
            self._of.setdefault(name, dict(attempt.params.get("Attributes") or {}))
        elif attempt.operation == "SetQueueAttributes":
            self._of[name].update(attempt.params["Attributes"])
        elif attempt.operation == "DeleteQueue":
            self._of.pop(name, None)

    def visibility_ms(self, name: str) -> int:
        return int(self._of[name].get("VisibilityTimeout", 30)) * 1000

    def receives_max(self, name: str) -> int | None:
        policy = self._of[name].get("RedrivePolicy")
        if not policy:
            return None
        parsed = orjson.loads(policy)
        dlq = parsed["deadLetterTargetArn"].rsplit(":", 1)[-1]
        return int(parsed["maxReceiveCount"]) if dlq in self._of else None


def deliveries(attempt: Attempt) -> list[Mapping[str, Any]]:
    """Return the messages that an execution delivered."""
    if attempt.operation != "ReceiveMessage" or attempt.result is None:
        return []
    return list(attempt.result.get("Messages", ()))


def deletions(
    operation: str, params: Mapping[str, Any], result: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield the handles by which a successful execution deleted."""
    if result is None:
        return
    if operation == "DeleteMessage":
        yield params["ReceiptHandle"]
    elif operation == "DeleteMessageBatch":
        done = {entry["Id"] for entry in result.get("Successful", ())}
        yield from (e["ReceiptHandle"] for e in params["Entries"] if e["Id"] in done)
    elif operation == "SettleBatch":
        yield from params["Delete"]


class Conservation(Checker):
    """What came in is there or has a reason to be gone: by counters, and counters by rows."""

    invariant = "conservation"

    def audit(self, audit: Audit) -> None:
        """Count."""
        heaps = {row.id: row for row in audit.queues}
        if heaps.keys() != {row.queue for row in audit.counts}:
            raise self.fail("counters without a queue, or a queue without counters")
        by_heap: dict[int, list[int]] = {}
        for message in audit.messages:
            by_heap.setdefault(message.heap, []).append(message.receives)
        for row in audit.counts:
            queue = heaps[row.queue]
            rows = by_heap.get(queue.heap, [])
            if (row.messages, row.touched) != (len(rows), sum(n > 0 for n in rows)):
                raise self.fail(f"{queue.name} counts {row} and has the rows {rows}")
            came = row.sent + row.buried_in + row.moved_in
            went = row.deleted + row.expired + row.purged + row.buried_out + row.moved_out
            if came - went != row.messages or min(row) < 0:
                raise self.fail(f"{queue.name}: came {came}, went {went}, has {row.messages}")


class LeaseExclusivity(Checker):
    """Nobody is given a message while another receive holds it."""

    invariant = "lease exclusivity"

    def __init__(self) -> None:
        self._settings = Settings()
        self._leases: dict[str, tuple[str, int]] = {}  # MessageId -> handle, until
        self._of: dict[str, str] = {}  # handle -> MessageId

    def commit(self, attempt: Attempt) -> None:
        """Keep the leases."""
        self._settings.commit(attempt)
        for message in deliveries(attempt):
            identity, handle = message["MessageId"], message["ReceiptHandle"]
            old, until_ms = self._leases.get(identity, ("", 0))
            if attempt.now_ms < until_ms and handle != old:  # else: a receive that is repeated
                raise self.fail(f"{message['Body']} was delivered at {attempt.now_ms} < {until_ms}")
            timeout = attempt.params.get("VisibilityTimeout")
            visibility_ms = self._settings.visibility_ms(name_in(attempt.params))
            length_ms = visibility_ms if timeout is None else timeout * 1000
            self._leases[identity] = (handle, attempt.now_ms + length_ms)
            self._of[handle] = identity
        if attempt.operation == "ChangeMessageVisibility" and attempt.error is None:
            self._change(attempt, attempt.params)
        elif attempt.operation == "ChangeMessageVisibilityBatch" and attempt.result is not None:
            done = {entry["Id"] for entry in attempt.result.get("Successful", ())}
            for entry in attempt.params["Entries"]:
                if entry["Id"] in done:
                    self._change(attempt, entry)

    def _change(self, attempt: Attempt, params: Mapping[str, Any]) -> None:
        handle = params["ReceiptHandle"]
        identity = self._of.get(handle, "")
        if self._leases.get(identity, ("", 0))[0] == handle:
            until_ms = attempt.now_ms + params["VisibilityTimeout"] * 1000
            self._leases[identity] = (handle, until_ms)


class ReceiveCounts(Checker):
    """Every delivery of a message counts one more; the count never falls, in a DLQ neither."""

    invariant = "receive counts"

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._handles: set[str] = set()

    def commit(self, attempt: Attempt) -> None:
        """Follow the counts that receivers are told; a repeated receive counts no more."""
        for message in deliveries(attempt):
            if message["ReceiptHandle"] in self._handles:
                continue
            self._handles.add(message["ReceiptHandle"])
            told = message.get("Attributes", {}).get("ApproximateReceiveCount")
            count = self._counts.get(message["MessageId"], 0) + 1
            if told is not None and int(told) != count:
                raise self.fail(f"{message['Body']}: delivery {count} says {told}")
            self._counts[message["MessageId"]] = count

    def audit(self, audit: Audit) -> None:
        """Compare the rows with the deliveries."""
        for row in audit.messages:
            if row.receives != self._counts.get(row.id, 0):
                raise self.fail(
                    f"{row.body} was delivered {self._counts.get(row.id, 0)} times, its row says"
                    f" {row.receives}"
                )


class ReceiveBound(Checker):
    """A queue with a dead-letter queue delivers no message more often than its policy says.

    What a repeated attempt of a FIFO queue returns again is the receive that it was, under the same
    handle, though the policy may have become stricter since.
    """

    invariant = "receive bound"

    def __init__(self) -> None:
        self._settings = Settings()
        self._known: set[str] = set()  # receipt handles of receives that were judged

    def commit(self, attempt: Attempt) -> None:
        """Compare the count that is told with the policy."""
        self._settings.commit(attempt)
        for message in deliveries(attempt):
            most = self._settings.receives_max(name_in(attempt.params))
            told = message.get("Attributes", {}).get("ApproximateReceiveCount")
            if message["ReceiptHandle"] in self._known:
                continue
            self._known.add(message["ReceiptHandle"])
            if most is not None and told is not None and int(told) > most:
                raise self.fail(f"{message['Body']} was delivered {told} times, at most {most}")


class AcknowledgedWrites(Checker):
    """A message whose sending was acknowledged is stored until something may take it away."""

    invariant = "acknowledged writes"

    def __init__(self) -> None:
        self._untouched: set[str] = set()  # MessageIds that nothing may have taken away yet
        self._fresh: dict[str, str] = {}  # MessageId -> body; of these, the acknowledged ones
        self._of: dict[str, str] = {}
        self._queue: dict[str, str] = {}

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Keep what is promised."""
        if request.operation == "SendMessage":
            sent = [(result["MessageId"], request.params["MessageBody"])]
        elif request.operation == "SendMessageBatch":
            bodies = {entry["Id"]: entry["MessageBody"] for entry in request.params["Entries"]}
            sent = [(e["MessageId"], bodies[e["Id"]]) for e in result.get("Successful", ())]
        else:
            return
        for identity, body in sent:
            if identity not in self._queue:
                raise self.fail(f"{body} was acknowledged before its commit")
            if identity in self._untouched:  # the same group may hold a purge that came after it
                self._fresh[identity] = body

    def commit(self, attempt: Attempt) -> None:
        """Release what may be gone: deleted, purged, dropped, moved, or perhaps expired."""
        self._store(attempt)
        for message in deliveries(attempt):
            self._of[message["ReceiptHandle"]] = message["MessageId"]
        for handle in deletions(attempt.operation, attempt.params, attempt.result):
            self._release({self._of.get(handle, "")}.__contains__)
        if attempt.error is not None:
            return
        if attempt.operation in ("PurgeQueue", "DeleteQueue"):
            # A message may have been buried in the meantime, so the dead-letter queue takes all.
            name = name_in(attempt.params)
            self._release(lambda i: is_dead(name) or self._queue[i] == name)
        elif attempt.operation in ("StartMessageMoveTask", "AdvanceMoves"):
            self._release(lambda i: i in self._of.values() or is_dead(self._queue[i]))

    def _store(self, attempt: Attempt) -> None:
        if attempt.result is None:
            return
        if attempt.operation == "SendMessage":
            ids = [attempt.result["MessageId"]]
        elif attempt.operation == "SendMessageBatch":
            ids = [sent["MessageId"] for sent in attempt.result.get("Successful", ())]
        else:
            return
        # A duplicate may be one of a message that was moved here and is gone, unseen.
        new = (i for i in ids if i not in self._queue and born_ms(i) >= attempt.now_ms)
        self._untouched.update(new)
        self._queue.update(dict.fromkeys(ids, name_in(attempt.params)))

    def _release(self, is_released: Callable[[str], bool]) -> None:
        for identity in [i for i in self._untouched if is_released(i)]:
            self._untouched.discard(identity)
            self._fresh.pop(identity, None)

    def audit(self, audit: Audit) -> None:
        """Look for each one; what is older than the shortest retention may be gone."""
        stored = {row.id for row in audit.messages}
        for identity in stored:  # one that came by a move, and may answer a duplicate
            self._queue.setdefault(identity, "")
        for identity, body in list(self._fresh.items()):
            if identity in stored:
                continue
            age_ms = audit.now_ms - born_ms(identity)
            if age_ms < 60_000:
                raise self.fail(f"{body} was acknowledged and is gone")
            del self._fresh[identity]


class AcknowledgedDeletes(Checker):
    """What was deleted by its current handle, with an acknowledgement, is never seen there again.

    There: in that queue. A message that has been buried meanwhile is not its receiver's any more,
    which the oracle knows and this checker does not.
    """

    invariant = "acknowledged deletes"

    def __init__(self) -> None:
        self._latest: dict[str, tuple[str, str]] = {}  # MessageId -> handle, queue
        self._of: dict[str, str] = {}
        self._current: set[tuple[str, str]] = set()  # handle, queue: current when executed
        self._dead: set[tuple[str, str]] = set()  # MessageId, queue

    def commit(self, attempt: Attempt) -> None:
        """Know which handle is current."""
        for message in deliveries(attempt):
            identity = message["MessageId"]
            if (identity, name_in(attempt.params)) in self._dead:
                raise self.fail(f"{message['Body']} was delivered after its deletion")
            self._latest[identity] = (message["ReceiptHandle"], name_in(attempt.params))
            self._of[message["ReceiptHandle"]] = identity
        for handle in deletions(attempt.operation, attempt.params, attempt.result):
            latest = self._latest.get(self._of.get(handle, ""))
            if latest == (handle, name_in(attempt.params)):
                self._current.add(latest)

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Take an acknowledgement at its word."""
        for handle in deletions(request.operation, request.params, result):
            if (handle, name_in(request.params)) in self._current:
                self._dead.add((self._of[handle], name_in(request.params)))

    def audit(self, audit: Audit) -> None:
        """Look for the dead."""
        names = {row.heap: row.name for row in audit.queues}
        for row in audit.messages:
            if (row.id, names.get(row.heap, "")) in self._dead:
                raise self.fail(f"{row.body} is stored after its deletion")


class MoveTasks(Checker):
    """A task counts what it moves, at its rate, and rests when it has ended."""

    invariant = "move tasks"

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}
        self._moved_out = 0

    def audit(self, audit: Audit) -> None:
        """Compare tasks with their past."""
        for row in audit.moves:
            status, moved = self._seen.get(row.id, ("RUNNING", 0))
            ended = status in ("COMPLETED", "CANCELLED", "FAILED")
            if row.moved < moved or (ended and (row.status, row.moved) != (status, moved)):
                raise self.fail(f"{row} was {status} with {moved} moved")
            if row.rate is not None:
                earned = (audit.now_ms - row.started_ms) * row.rate // 1000 + 1
                if row.moved > earned:
                    raise self.fail(f"{row} has moved more than {earned}")
            self._seen[row.id] = (row.status, row.moved)


class ClockNeverBack(Checker):
    """No restart begins before what was last committed."""

    invariant = "clock"

    def __init__(self) -> None:
        self._last_ms = 0

    def commit(self, attempt: Attempt) -> None:
        """Keep the latest instant at which something was stored."""
        if attempt.operation == "SendMessage" and attempt.error is None:
            self._last_ms = max(self._last_ms, attempt.now_ms)

    def restart(self, high_water_ms: int) -> None:
        """Compare."""
        if high_water_ms < self._last_ms:
            raise self.fail(f"restarted at {high_water_ms}, before {self._last_ms}")


CHECKERS: tuple[type[Checker], ...] = (
    Conservation,
    LeaseExclusivity,
    ReceiveCounts,
    ReceiveBound,
    AcknowledgedWrites,
    AcknowledgedDeletes,
    MoveTasks,
    ClockNeverBack,
)
