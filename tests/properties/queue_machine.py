"""A stateful machine: clients of the shipped queues service, under the simulator's clock and judge.

The world of `redrive.sim` is the server: the real operations, dispatch, store, mover and reaper.
Its judge (the oracle and every checker) hears of each execution and looks at all rows after every
turn. Rules say what happens next, so that Hypothesis can shrink a finding to a few calls. What the
judge does not look at, which is refusals and the counts that clients read, is judged here from what
the oracle believes.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from queue_strategies import (
    BATCHES,
    COUNTS,
    DEDUP_MS,
    ELSEWHERE,
    ENTRIES,
    HOUR_MS,
    MINUTE_MS,
    NAMES,
    PASSES,
    PICKS,
    SECONDS,
    SETTINGS,
    SOURCES,
    asked,
    attributes_of,
    dead_of,
)

from redrive.core.effects import Reply
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.sim.beliefs import Item, Place
from redrive.sim.evidence import Violation, arn_of, plain
from redrive.sim.workload import Request, url_of
from redrive.sim.world import World

PAUSE_MS = 60_000  # after a deletion until a creation, after a purge until the next
STEPWISE_MS = MINUTE_MS  # what is longer passes at one blow: a server that was asleep
GONE = "QueueDoesNotExist"
INVALID = "InvalidParameterValue"

_worlds = count()


class QueueMachine(RuleBasedStateMachine):
    """What clients do, what time does, and what is judged of each answer."""

    def __init__(self) -> None:
        super().__init__()
        name = f"machine-{next(_worlds)}"
        self.world = World(0, name, has_faults=False, has_mappings=False)
        self.handles: list[tuple[str, str]] = []
        self.tasks: list[str] = []
        self.bodies = 0
        self.deleted_ms: dict[str, int] = {}
        self.purged_ms: dict[str, int] = {}
        self.latest: tuple[str, dict[str, Any]] | None = None  # a send to a FIFO queue
        self.has_tenants = False
        self.is_sound = True

    def teardown(self) -> None:
        """Let move tasks come to their end, unless something was found."""
        try:
            if self.is_sound and self.tasks:
                self._judge_moves()
        finally:
            self.world.close()

    # --- asking ---------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return self.world.clock()

    @property
    def places(self) -> dict[str, Place]:
        assert self.world.judge.oracle is not None
        return self.world.judge.oracle.places

    def ask(self, operation: str, /, *allowed: str | None, **params: Any) -> Any:
        """Return a result, or None where it was refused; `allowed` says how it must end."""
        self.is_sound = False
        code = result = None
        try:
            result = self.world.call(operation, **params)
        except ServiceError as error:
            code = error.code
        if code not in allowed:
            raise Violation("refusals", f"{operation}({params}) ended with {code}, not {allowed}")
        self.is_sound = True
        return result

    def at(self, operation: str, name: str, /, *allowed: str | None, **params: Any) -> Any:
        """Ask of a queue, which must be refused if there is none."""
        ends = (allowed or (None,)) if name in self.places else (GONE,)
        return self.ask(operation, *ends, QueueUrl=url_of(name), **params)

    def heard(self, name: str, result: Any) -> None:
        """Keep the handles of a receive."""
        for message in (result or {}).get("Messages", ()):
            self.handles.append((name, message["ReceiptHandle"]))

    # --- queues ---------------------------------------------------------------------------------

    @initialize(
        dead=SETTINGS,
        main=SETTINGS,
        drawn=BATCHES,
        has_tenants=st.booleans(),
    )
    def begin(
        self,
        dead: dict[str, Any],
        main: dict[str, Any],
        drawn: list[dict[str, Any]],
        *,
        has_tenants: bool,
    ) -> None:
        """Begin with queues of both kinds, each with a dead-letter queue and some messages.

        has_tenants: messages have groups on standard queues too, which makes these fair queues.
        """
        self.has_tenants = has_tenants
        for end in ("", ".fifo"):
            self.create(f"dead{end}", dead, buries=False)
            self.create(f"main{end}", main, buries=True)
            self.send_batch(f"main{end}", drawn)
        self.create("side", main, buries=True)

    @rule(name=NAMES, settings=SETTINGS, buries=st.booleans())
    def create(self, name: str, settings: dict[str, Any], *, buries: bool) -> None:
        """Create a queue, with a dead-letter queue or without, or find it there."""
        attributes = attributes_of(name, settings, buries=buries)
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        ends: str | None = None
        place = self.places.get(name)
        if place is not None:
            is_same = all(place.attributes.get(n) == v for n, v in attributes.items())
            ends = None if is_same else "QueueNameExists"
        elif self.now_ms < self.deleted_ms.get(name, -PAUSE_MS) + PAUSE_MS:
            ends = "QueueDeletedRecently"
        elif "RedrivePolicy" in attributes and dead_of(name) not in self.places:
            ends = INVALID
        self.ask("CreateQueue", ends, QueueName=name, Attributes=attributes)

    @rule(name=NAMES, settings=SETTINGS, buries=st.booleans())
    def set_attributes(self, name: str, settings: dict[str, Any], *, buries: bool) -> None:
        """Change a queue's settings."""
        attributes = attributes_of(name, settings, buries=buries)
        is_lost = "RedrivePolicy" in attributes and dead_of(name) not in self.places
        ends = INVALID if is_lost else None
        self.at("SetQueueAttributes", name, ends, Attributes=attributes)

    @rule(name=NAMES, whole=st.booleans())
    def purge(self, name: str, *, whole: bool) -> None:
        """Purge a queue, which is allowed once a minute, or delete it, there or not."""
        is_there, now_ms = name in self.places, self.now_ms
        if whole:
            self.ask("DeleteQueue", None, QueueUrl=url_of(name))
            self.purged_ms.pop(name, None)
            if is_there:
                self.deleted_ms[name] = now_ms
            return
        is_soon = now_ms < self.purged_ms.get(name, -PAUSE_MS) + PAUSE_MS
        self.at("PurgeQueue", name, "PurgeQueueInProgress" if is_soon else None)
        if is_there and not is_soon:
            self.purged_ms[name] = now_ms

    # --- sending --------------------------------------------------------------------------------

    def _entry(self, name: str, drawn: dict[str, Any]) -> dict[str, Any]:
        self.bodies += 1
        entry = {"MessageBody": f"m{self.bodies}"}
        is_fifo = name.endswith(".fifo")
        if (is_fifo or self.has_tenants) and drawn["lacks"] != "group":
            entry["MessageGroupId"] = drawn["group"]
        if is_fifo and drawn["lacks"] != "dedup":
            dedup = drawn["dedup"]
            entry["MessageDeduplicationId"] = f"n{self.bodies}" if dedup == "fresh" else dedup
        if drawn["delay"] is not None and not (is_fifo and drawn["lacks"] is None):
            entry["DelaySeconds"] = drawn["delay"]
        return entry

    def _is_incomplete(self, name: str, entry: dict[str, Any]) -> bool:
        """Tell whether a message lacks its group or its deduplication id."""
        place = self.places.get(name)
        if place is None or not place.is_fifo:
            return False
        reads_bodies = place.attributes.get("ContentBasedDeduplication") == "true"
        is_named = reads_bodies or "MessageDeduplicationId" in entry
        return not is_named or "MessageGroupId" not in entry

    def _end_of_send(self, name: str, entry: dict[str, Any]) -> str | None:
        """Return the code by which a send must be refused, or None."""
        place = self.places.get(name)
        if place is None or not place.is_fifo:
            return None
        if "MessageGroupId" not in entry:
            return "MissingParameter"
        is_bad = self._is_incomplete(name, entry) or entry.get("DelaySeconds")
        return INVALID if is_bad else None

    @rule(name=NAMES, drawn=ENTRIES)
    def send(self, name: str, drawn: dict[str, Any]) -> None:
        """Send a message."""
        entry = self._entry(name, drawn)
        sent = self.at("SendMessage", name, self._end_of_send(name, entry), **entry)
        if sent is not None and "SequenceNumber" in sent:
            self.latest = name, entry

    @rule(name=NAMES, drawn=BATCHES)
    def send_batch(self, name: str, drawn: list[dict[str, Any]]) -> None:
        """Send several; each succeeds or fails alone, unless one is incomplete."""
        entries = [{"Id": str(n), **self._entry(name, each)} for n, each in enumerate(drawn)]
        ends = {entry["Id"]: self._end_of_send(name, entry) for entry in entries}
        whole = INVALID if any(self._is_incomplete(name, e) for e in entries) else None
        result = self.at("SendMessageBatch", name, whole, Entries=entries)
        if result is not None:
            self._judge_batch("SendMessageBatch", ends, result)

    @precondition(lambda self: self.latest)
    @rule()
    def send_again(self) -> None:
        """Repeat a send to a FIFO queue word for word, while its id still counts."""
        assert self.latest is not None
        name, entry = self.latest
        dedup = entry.get("MessageDeduplicationId")
        if name not in self.places or dedup is None or self._end_of_send(name, entry) is not None:
            return
        group = entry["MessageGroupId"]
        accepted = [self.places[name].accepted.get((scope, dedup)) for scope in ("", group)]
        scope = self.places[name].attributes.get("DeduplicationScope")
        counts = accepted if scope == "messageGroup" else accepted[:1]
        if any(one is not None and self.now_ms < one.at_ms + DEDUP_MS for one in counts):
            self.at("SendMessage", name, **entry)

    # --- receiving ------------------------------------------------------------------------------

    @rule(
        name=NAMES,
        most=COUNTS,
        seconds=SECONDS | st.none(),
        attempt=st.sampled_from([None, None, "t1", "t2"]),
    )
    def receive(self, name: str, most: int, seconds: int | None, attempt: str | None) -> None:
        """Receive what is there."""
        self._receive(name, most, seconds, attempt)

    def _receive(
        self, name: str, most: int, seconds: int | None, attempt: str | None = None
    ) -> list[str]:
        before = len(self.handles)
        self.heard(name, self.at("ReceiveMessage", name, **asked(name, most, seconds, attempt, 0)))
        return [handle for _name, handle in self.handles[before:]]

    @rule(name=NAMES, most=COUNTS, kept=st.integers(0, 3))
    def consume(self, name: str, most: int, kept: int) -> None:
        """Receive and delete, as a consumer that does its work; all but some."""
        for handle in self._receive(name, most, 30)[kept:]:
            self.at("DeleteMessage", name, ReceiptHandle=handle)

    @rule(name=NAMES, times=st.integers(1, 4))
    def fail(self, name: str, times: int) -> None:
        """Receive and give back at once, as a consumer that fails, until messages are buried."""
        for _ in range(times):
            self._receive(name, 10, 0)

    @rule(name=NAMES, most=COUNTS, seconds=SECONDS, wait=st.sampled_from([1, 5, 20]))
    def wait_for_messages(self, name: str, most: int, seconds: int, wait: int) -> None:
        """Begin a long poll, which ends in some later step, or with a restart."""
        if name not in self.places:
            return
        params = {"QueueUrl": url_of(name), **asked(name, most, seconds, None, wait)}

        def hear(reply: Reply) -> None:
            if reply.result is not None:
                self.heard(name, plain(reply.result))

        self.is_sound = False
        self.world.request(Request("sqs", "ReceiveMessage", params), hear)
        self.world.pass_until(self.now_ms)
        self.is_sound = True

    # --- settling -------------------------------------------------------------------------------

    def _handle(self, pick: int, at: str | None) -> tuple[str, str]:
        """Return a queue and a handle: of any receive so far, of that queue or of another."""
        name, handle = self.handles[-1 - pick % len(self.handles)]
        return at or name, handle

    def _held(self, name: str, handle: str) -> Item | None:
        """Return the message that its holder may settle by the handle at this instant."""
        oracle = self.world.judge.oracle
        assert oracle is not None
        known, place = oracle.handles.get(handle), self.places.get(name)
        if known is None or place is None:
            return None
        body, identity, where, receives = known
        item = oracle.items[body]
        is_there = item.place is where is place and (item.id, item.receives) == (identity, receives)
        is_kept = self.now_ms < item.sent_ms + place.retention_ms
        return item if is_there and is_kept and item.visible_ms > self.now_ms else None

    def _end_of_delete(self, name: str, handle: str) -> tuple[str | None, ...]:
        oracle = self.world.judge.oracle
        assert oracle is not None
        if handle not in oracle.handles:
            return ("ReceiptHandleIsInvalid",)
        if self._held(name, handle) is not None:
            return (None,)
        of = oracle.handles[handle][2].name
        is_old_of_fifo = name.endswith(".fifo") and of == name
        return (None, INVALID) if is_old_of_fifo or of != name else (None,)

    def _end_of_change(self, name: str, handle: str) -> tuple[str | None, ...]:
        oracle = self.world.judge.oracle
        assert oracle is not None
        if handle not in oracle.handles:
            return ("ReceiptHandleIsInvalid",)
        return (None,) if self._held(name, handle) is not None else (None, INVALID)

    @precondition(lambda self: self.handles)
    @rule(pick=PICKS, at=ELSEWHERE)
    def delete(self, pick: int, at: str | None) -> None:
        """Delete by a handle: a current one, an old one, or one of another queue."""
        name, handle = self._handle(pick, at)
        self.at("DeleteMessage", name, *self._end_of_delete(name, handle), ReceiptHandle=handle)

    @rule(name=NAMES, word=st.sampled_from(["garbage", "AAAA", "x" * 60]))
    def delete_by_garbage(self, name: str, word: str) -> None:
        """Delete by what was never a handle."""
        self.at("DeleteMessage", name, "ReceiptHandleIsInvalid", ReceiptHandle=word)

    @precondition(lambda self: self.handles)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=5))
    def delete_batch(self, picks: list[int]) -> None:
        """Delete by several handles of one queue, perhaps one of them twice."""
        name, handles = self._of_one_queue(picks)
        entries = [{"Id": str(n), "ReceiptHandle": h} for n, h in enumerate(handles)]
        ends = {str(n): self._end_of_delete(name, h) for n, h in enumerate(handles)}
        result = self.at("DeleteMessageBatch", name, Entries=entries)
        if result is not None and len(set(handles)) == len(handles):
            self._judge_batch("DeleteMessageBatch", ends, result)

    @precondition(lambda self: self.handles)
    @rule(pick=PICKS, at=ELSEWHERE, seconds=SECONDS)
    def change(self, pick: int, at: str | None, seconds: int) -> None:
        """Change how long a message stays hidden."""
        name, handle = self._handle(pick, at)
        ends = self._end_of_change(name, handle)
        params = {"ReceiptHandle": handle, "VisibilityTimeout": seconds}
        self.at("ChangeMessageVisibility", name, *ends, **params)

    @precondition(lambda self: self.handles)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=5), seconds=SECONDS)
    def change_batch(self, picks: list[int], seconds: int) -> None:
        """Change several at once."""
        name, handles = self._of_one_queue(picks)
        ends = {str(n): self._end_of_change(name, h) for n, h in enumerate(handles)}
        entries = [
            {"Id": str(n), "ReceiptHandle": h, "VisibilityTimeout": seconds}
            for n, h in enumerate(handles)
        ]
        result = self.at("ChangeMessageVisibilityBatch", name, Entries=entries)
        if result is not None and len(set(handles)) == len(handles):
            self._judge_batch("ChangeMessageVisibilityBatch", ends, result)

    def _of_one_queue(self, picks: list[int]) -> tuple[str, list[str]]:
        """Return a queue, and a handle of its own for each pick."""
        name, first = self._handle(picks[0], None)
        own = [handle for of, handle in self.handles if of == name]
        return name, [first, *(own[-1 - pick % len(own)] for pick in picks[1:])]

    # --- moves, time and restarts ---------------------------------------------------------------

    @rule(
        source=SOURCES,
        to=st.sampled_from([None, None, None, "main", "main.fifo", "side", "dead"]),
        rate=st.sampled_from([None, 1, 500]),
    )
    def start_move(self, source: str, to: str | None, rate: int | None) -> None:
        """Redrive a dead-letter queue, to where its messages came from or elsewhere."""
        is_dead = any(place.dlq == source for place in self.places.values())
        if source not in self.places:
            ends: tuple[str | None, ...] = ("ResourceNotFoundException",)
        elif not is_dead or to == source:
            ends = (INVALID,)
        elif to is not None and to not in self.places:
            ends = ("ResourceNotFoundException",)
        elif to is not None and to.endswith(".fifo") != source.endswith(".fifo"):
            ends = (INVALID,)
        else:
            ends = (INVALID,) if "RUNNING" in self._statuses(source) else (None,)
        params: dict[str, Any] = {"SourceArn": arn_of(source)}
        if to is not None:
            params["DestinationArn"] = arn_of(to)
        if rate is not None:
            params["MaxNumberOfMessagesPerSecond"] = rate
        result = self.ask("StartMessageMoveTask", *ends, **params)
        if result is not None:
            self.tasks.append(result["TaskHandle"])

    @rule(name=st.sampled_from(["main", "main.fifo"]), rate=st.sampled_from([None, 1]))
    def bury_and_redrive(self, name: str, rate: int | None) -> None:
        """Fail until all is buried, mend the cause, and redrive."""
        self.fail(name, 4)
        self.start_move(dead_of(name), None, rate)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICKS)
    def cancel_move(self, pick: int) -> None:
        """Cancel a move task, if it still runs."""
        handle = self.tasks[-1 - pick % len(self.tasks)]
        ends = (None, INVALID, "ResourceNotFoundException")
        self.ask("CancelMessageMoveTask", *ends, TaskHandle=handle)

    def _statuses(self, source: str) -> list[str]:
        listed = self.world.call("ListMessageMoveTasks", SourceArn=arn_of(source), MaxResults=10)
        return [task["Status"] for task in listed["Results"]]

    def _judge_moves(self) -> None:
        """Judge that no task is left running when nobody has asked for anything for hours."""
        self._sleep(4 * HOUR_MS)
        self.world.pass_until(self.now_ms + MINUTE_MS)
        for source in ("dead", "dead.fifo"):
            if source in self.places and "RUNNING" in self._statuses(source):
                raise Violation("move tasks", f"a task of {source} goes on for ever")

    @rule(time_ms=PASSES)
    def let_time_pass(self, time_ms: int) -> None:
        """Let what is due come due, from one instant to the next, or late and all at once."""
        self.is_sound = False
        if time_ms > STEPWISE_MS:
            self._sleep(time_ms)
        else:
            self.world.pass_until(self.now_ms + time_ms)
        self.is_sound = True

    def _sleep(self, time_ms: int) -> None:
        self.world.raw_ms = Millis(self.now_ms + time_ms)
        self.world.pass_until(self.world.raw_ms)

    @rule(has_power=st.sampled_from([None, True, False]))
    def restart(self, has_power: bool | None) -> None:
        """End the process in order, or by a crash that may take the machine's power with it."""
        self.is_sound = False
        if has_power is None:
            self.world.restart()
        else:
            self.world.crash(power=not has_power)
        self.is_sound = True

    # --- judgements -----------------------------------------------------------------------------

    def _judge_batch(self, operation: str, ends: dict[str, Any], result: Any) -> None:
        told: dict[str, str | None] = {e["Id"]: None for e in result.get("Successful", ())}
        told |= {entry["Id"]: entry["Code"] for entry in result.get("Failed", ())}
        for identity, allowed in ends.items():
            codes = allowed if isinstance(allowed, tuple) else (allowed,)
            if told.get(identity, "nothing") not in codes:
                self.is_sound = False
                raise Violation("refusals", f"{operation}: {identity} of {told}, not {codes}")

    @invariant()
    def counts_are_the_oracles(self) -> None:
        """What clients read of each queue is what the oracle believes to be there."""
        oracle, now_ms = self.world.judge.oracle, self.now_ms
        assert oracle is not None
        self.is_sound = False
        shown = {
            row["Name"]: (row["Visible"], row["InFlight"], row["Delayed"])
            for row in self.world.call("DescribeQueues", "redrive")["Queues"]
        }
        believed = {name: [0, 0, 0] for name in oracle.places}
        for item in oracle.live.values():
            assert item.place is not None
            is_hidden = item.visible_ms > now_ms
            believed[item.place.name][0 if not is_hidden else 1 if item.receives else 2] += 1
        for name, numbers in believed.items():
            if shown.pop(name, None) != tuple(numbers):
                raise Violation("counts", f"{name} shows {shown}, believed are {believed}")
        if shown:
            raise Violation("counts", f"{sorted(shown)} are shown and were never created")
        self.is_sound = True
