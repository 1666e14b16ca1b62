"""The judges of fair queues: the account of each tenant, and the order of delivery.

FairAccount compares what is kept with the messages. FairOrder follows leases and processing time by
itself and speaks up only where it is certain: a tenant that surely was noisy was served before one
that surely was not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from redrive.services.queues.fair import QUIET, WHOLE, Fairness
from redrive.sim.checkers import Checker, Settings, deletions, deliveries
from redrive.sim.evidence import Attempt, Audit, QueueRow, name_in

FAIRNESS = Fairness(
    share=0.2, in_flight_min=3, busy_ms_min=40_000, window_ms=60_000, silence_ms=120_000
)
"""What the simulator's queues go by: figures that a few messages can reach."""


class FairAccount(Checker):
    """What is kept of each tenant is what its messages say, and the noisy lane is theirs."""

    invariant = "fair account"

    def audit(self, audit: Audit) -> None:
        """Count messages, leases and lanes."""
        heaps = {row.heap for row in audit.queues if not row.name.endswith(".fifo")}
        rows = {row.seq: row for row in audit.messages}
        messages: Counter[tuple[int, str]] = Counter()
        noise = {(row.heap, row.group_id): row.noise for row in audit.tenants}
        for lane in audit.lanes:
            if abs(lane.heap) in heaps and lane.group_id is not None:
                messages[abs(lane.heap), lane.group_id] += 1
            if lane.heap < 0 and noise.get((-lane.heap, lane.group_id or ""), QUIET) == QUIET:
                raise self.fail(f"{rows[lane.seq].body} is in the noisy lane of a quiet tenant")
        holds: Counter[tuple[int, str]] = Counter()
        for hold in audit.holds:
            for group in {WHOLE, hold.group_id or WHOLE}:
                holds[hold.heap, group] += 1
            row = rows.get(hold.seq)
            is_open = hold.heap in heaps and hold.until_ms > audit.now_ms
            if is_open and (
                row is None or (row.heap, row.visible_ms) != (hold.heap, hold.until_ms)
            ):
                raise self.fail(f"{hold} is the lease of {row}")
        kept = {(row.heap, row.group_id): row for row in audit.tenants if row.heap in heaps}
        for key in kept.keys() | {k for k in (*messages, *holds) if k[0] in heaps}:
            found = kept.get(key)
            told = (found.messages, found.in_flight) if found else (0, 0)
            if told != (messages[key], holds[key]):
                raise self.fail(f"{key} counts {told}, has {messages[key]}, {holds[key]}")
        self._compare_leases(audit, {heap for heap, _group in kept})

    def _compare_leases(self, audit: Audit, grouped: set[int]) -> None:
        held = {hold.seq for hold in audit.holds}
        for row in audit.messages:
            is_leased = row.receives > 0 and row.visible_ms > audit.now_ms
            if row.heap in grouped and is_leased and row.seq not in held:
                raise self.fail(f"{row.body} is in flight and nobody holds it")


class Lease(NamedTuple):
    """A lease as its receiver knows it."""

    queue: str
    group: str | None
    handle: str
    since_ms: int
    until_ms: int


class Served(NamedTuple):
    """A receive that brought messages of a tenant that surely was noisy."""

    queue: str
    at_ms: int
    body: str


Key = tuple[str, str]  # queue, group


class FairOrder(Checker):
    """Nobody is served while he is noisy and somebody quiet has something due."""

    invariant = "fair order"

    def __init__(self) -> None:
        self._settings = Settings()
        self._leases: dict[str, Lease] = {}  # MessageId ->
        self._of: dict[str, str] = {}  # handle -> MessageId
        self._latest: dict[str, str] = {}  # MessageId -> handle
        self._stirred_ms: dict[Key, int] = {}  # the latest send or receive
        self._spent: dict[Key, list[tuple[int, int]]] = {}  # when processing ended, how long it was
        self._suspects: set[Key] = set()  # who may be noisy
        self._served: list[Served] = []
        self._is_in_doubt = False

    # --- what happens ---------------------------------------------------------------------------

    def commit(self, attempt: Attempt) -> None:
        """Follow leases, and notice who is served."""
        name = name_in(attempt.params)
        self._settings.commit(attempt)
        self._end_lapsed(attempt.now_ms)
        if attempt.operation in ("Reap", "SetQueueAttributes"):
            self._is_in_doubt = True  # what is too old may be gone, from flight too
        if attempt.error is not None:
            return
        if attempt.operation in ("PurgeQueue", "DeleteQueue"):
            self._leases = {i: lease for i, lease in self._leases.items() if lease.queue != name}
            self._suspects = {key for key in self._suspects if key[0] != name}
        for group in _sent_groups(attempt):
            self._stirred_ms[name, group] = attempt.now_ms
        self._change(attempt)
        for handle in deletions(attempt.operation, attempt.params, attempt.result):
            self._end(handle, attempt.now_ms)
        self._receive(attempt, name)

    def _receive(self, attempt: Attempt, name: str) -> None:
        messages = deliveries(attempt)
        if not messages or name.endswith(".fifo"):
            return
        noisy = self._surely_noisy(name, attempt.now_ms)
        timeout = attempt.params.get("VisibilityTimeout")
        loud = None
        for message in messages:
            group = message.get("Attributes", {}).get("MessageGroupId")
            if group in noisy:
                loud = message["Body"]
                self._served.append(Served(name, attempt.now_ms, loud))
            elif loud and self._is_surely_quiet(name, group, attempt.now_ms):
                raise self.fail(f"{message['Body']} is quiet, and came after {loud}")
        for message in messages:
            group = message.get("Attributes", {}).get("MessageGroupId")
            if group is not None:
                self._stirred_ms[name, group] = attempt.now_ms
            length_ms = self._settings.visibility_ms(name) if timeout is None else timeout * 1000
            identity, handle = message["MessageId"], message["ReceiptHandle"]
            self._of[handle], self._latest[identity] = identity, handle
            until_ms = attempt.now_ms + length_ms
            self._leases[identity] = Lease(name, group, handle, attempt.now_ms, until_ms)
        self._suspect(name, attempt.now_ms)

    def _change(self, attempt: Attempt) -> None:
        if attempt.operation == "ChangeMessageVisibility":
            changes: list[Any] = [attempt.params]
        elif attempt.operation == "ChangeMessageVisibilityBatch" and attempt.result is not None:
            done = {entry["Id"] for entry in attempt.result.get("Successful", ())}
            changes = [entry for entry in attempt.params["Entries"] if entry["Id"] in done]
        else:
            return
        self._is_in_doubt = True  # a lapsed lease that is taken up again is a new one
        for change in changes:
            identity = self._of.get(change["ReceiptHandle"], "")
            lease = self._leases.get(identity)
            if lease is None or lease.handle != change["ReceiptHandle"]:
                continue
            if change["VisibilityTimeout"] == 0:
                self._end(lease.handle, attempt.now_ms)
            else:
                until_ms = attempt.now_ms + change["VisibilityTimeout"] * 1000
                self._leases[identity] = lease._replace(until_ms=until_ms)

    def _end(self, handle: str, at_ms: int) -> None:
        identity = self._of.get(handle, "")
        lease = self._leases.get(identity)
        if lease is not None and lease.handle == handle:
            del self._leases[identity]
            if lease.group is not None:
                spent = self._spent.setdefault((lease.queue, lease.group), [])
                spent.append((at_ms, at_ms - lease.since_ms))

    def _end_lapsed(self, now_ms: int) -> None:
        for lease in [lease for lease in self._leases.values() if lease.until_ms <= now_ms]:
            self._end(lease.handle, lease.until_ms)

    # --- who is noisy ---------------------------------------------------------------------------

    def _in_flight(self, name: str) -> Counter[str | None]:
        return Counter(lease.group for lease in self._leases.values() if lease.queue == name)

    def _surely_noisy(self, name: str, now_ms: int) -> set[str | None]:
        """Return who is over the threshold of messages in flight, and not silent."""
        if self._is_in_doubt:
            return set()
        in_flight = self._in_flight(name)
        most = FAIRNESS.share * in_flight.total()
        return {
            group
            for group, count in in_flight.items()
            if group is not None
            and count >= FAIRNESS.in_flight_min
            and count > most
            and now_ms - self._stirred_ms.get((name, group), 0) < FAIRNESS.silence_ms
        }

    def _suspect(self, name: str, now_ms: int) -> None:
        """Suspect everybody who may be over one of the thresholds, whatever the share."""
        for group, count in self._in_flight(name).items():
            if group is not None and count >= FAIRNESS.in_flight_min:
                self._suspects.add((name, group))
        for key, spent in self._spent.items():
            recent_ms = sum(ms for at, ms in spent if now_ms - at < 2 * FAIRNESS.window_ms)
            if recent_ms >= FAIRNESS.busy_ms_min:
                self._suspects.add(key)

    def _is_surely_quiet(self, name: str, group: str | None, now_ms: int) -> bool:
        self._suspect(name, now_ms)
        return group is None or (name, group) not in self._suspects

    # --- who was passed over --------------------------------------------------------------------

    def audit(self, audit: Audit) -> None:
        """Look for what was due, quiet and not delivered; then learn what the rows tell."""
        self._end_lapsed(audit.now_ms)  # after a crash nothing was committed since
        queues = {row.name: row for row in audit.queues}
        groups = {lane.seq: lane.group_id for lane in audit.lanes}
        for served in self._served:
            queue = queues.get(served.queue)
            if queue is not None:
                self._look_for_passed_over(audit, queue, served, groups)
        self._served.clear()
        names = {row.heap: row.name for row in audit.queues}
        rows = [row for row in audit.messages if row.heap in names]
        known, self._leases = self._leases, {}
        for row in rows:
            if row.receives > 0 and row.visible_ms > audit.now_ms:
                place = (names[row.heap], groups[row.seq], self._latest.get(row.id, ""))
                since_ms = known[row.id].since_ms if row.id in known else row.receive_ms
                self._leases[row.id] = Lease(*place, since_ms, row.visible_ms)
        waiting = {
            (names[row.heap], groups[row.seq])
            for row in rows
            if row.visible_ms <= audit.now_ms or row.receives == 0
        }
        busy = {(lease.queue, lease.group) for lease in self._leases.values()}
        self._suspects &= waiting | busy
        self._is_in_doubt = False

    def _look_for_passed_over(
        self, audit: Audit, queue: QueueRow, served: Served, groups: dict[int, str | None]
    ) -> None:
        for row in audit.messages:
            is_old = (row.seq >> 20) + queue.retention_ms <= served.at_ms
            is_dead = queue.receives_max is not None and row.receives >= queue.receives_max
            # What is said to be visible at an instant was put so then or before it.
            if row.heap != queue.heap or row.visible_ms >= served.at_ms or is_old or is_dead:
                continue
            if self._is_surely_quiet(queue.name, groups[row.seq], served.at_ms):
                raise self.fail(
                    f"{row.body} was due in {queue.name} at {served.at_ms}, and {served.body}"
                    " of a noisy tenant was delivered"
                )


def _sent_groups(attempt: Attempt) -> Iterator[str]:
    if attempt.result is None:
        return
    if attempt.operation == "SendMessage":
        entries = [attempt.params]
    elif attempt.operation == "SendMessageBatch":
        done = {sent["Id"] for sent in attempt.result.get("Successful", ())}
        entries = [entry for entry in attempt.params["Entries"] if entry["Id"] in done]
    else:
        return
    yield from (entry["MessageGroupId"] for entry in entries if "MessageGroupId" in entry)


FAIR_CHECKERS: tuple[type[Checker], ...] = (FairAccount, FairOrder)
