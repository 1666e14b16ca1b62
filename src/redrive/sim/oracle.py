"""A small model of what queues promise, written from AWS's words and not from the services' code.

It is told what was executed and committed, in order, and predicts every row: where each message is,
when it becomes visible, how often it was received. What a result does not tell (which messages a
full receive buried on its way, what a move task or the reaper took) stays a *maybe* until the next
audit shows it; then it must be explained by a touch: an execution at an instant at which it was
allowed.

A message is known by its body: the workload sends no body twice, and a redrive keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.sim import fifo_beliefs as fifo
from redrive.sim.beliefs import Item, Place, Touch
from redrive.sim.evidence import (
    Attempt,
    Audit,
    MessageRow,
    QueueRow,
    Violation,
    arn_of,
    name_in,
)


class Oracle:
    """The model. `commit` tells it of a committed group, `compare` judges an audit."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.items: dict[str, Item] = {}
        self.live: dict[str, Item] = {}  # of these, all that are somewhere
        self.bodies: dict[str, str] = {}  # MessageId -> body
        self.handles: dict[
            str, tuple[str, str, Place, int]
        ] = {}  # -> body, id, where, which receive
        self.touches: list[Touch] = []
        self.destinations: dict[str, set[str | None]] = {}  # source -> where its tasks may move to
        self.moved = 0

    # --- what was executed ----------------------------------------------------------------------

    def commit(self, group: list[Attempt]) -> None:
        """Take over a committed group, in the order of execution."""
        for attempt in group:
            if attempt.error is None and attempt.service == "sqs":
                work = getattr(self, "_on_" + attempt.operation, None)
                if work is not None:
                    work(attempt)

    def _on_CreateQueue(self, attempt: Attempt) -> None:
        name = name_in(attempt.params)
        if name not in self.places:
            place = self.places[name] = Place(name)
            place.set(attempt.params.get("Attributes") or {})

    def _on_SetQueueAttributes(self, attempt: Attempt) -> None:
        self.places[name_in(attempt.params)].set(attempt.params["Attributes"])

    def _on_PurgeQueue(self, attempt: Attempt) -> None:
        name = name_in(attempt.params)
        old = self.places[name]
        self._drop(old)
        new = self.places[name] = Place(name)
        new.set(old.attributes)

    def _on_DeleteQueue(self, attempt: Attempt) -> None:
        place = self.places.pop(name_in(attempt.params), None)
        if place is not None:
            self._drop(place)

    def _drop(self, place: Place) -> None:
        place.is_gone = True
        for item in self._in(place):
            self._depart(item, "dropped")

    def _depart(self, item: Item, fate: str) -> None:
        """Let a message meet its fate, if it is still where it is believed to be."""
        if any(item.body in touch.taken for touch in self.touches):
            item.doubt = fate
        else:
            item.leave(fate)

    def _in(self, place: Place) -> list[Item]:
        return [item for item in self.live.values() if item.place is place]

    def _on_SendMessage(self, attempt: Attempt) -> None:
        assert attempt.result is not None
        self._send(attempt, attempt.params, attempt.result)

    def _on_SendMessageBatch(self, attempt: Attempt) -> None:
        assert attempt.result is not None
        entries = {entry["Id"]: entry for entry in attempt.params["Entries"]}
        for sent in attempt.result.get("Successful", ()):
            self._send(attempt, entries[sent["Id"]], sent)

    def _send(self, attempt: Attempt, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
        place, identity = self.places[name_in(attempt.params)], sent["MessageId"]
        if place.is_fifo and not fifo.accept(place, params, sent, attempt.now_ms):
            return
        delay = params.get("DelaySeconds")
        delay_ms = place.delay_ms if delay is None else delay * 1000
        body = params["MessageBody"]
        if identity in self.bodies:
            raise Violation("unique ids", f"{identity} was given to two messages")
        assert body not in self.items, "the workload sent a body twice"
        self.bodies[identity] = body
        visible_ms = attempt.now_ms + (place.delay_ms if place.is_fifo else delay_ms)
        item = Item(body, identity, place, attempt.now_ms, visible_ms)
        if place.is_fifo:
            fifo.enter(item, params, sent)
        self.items[body] = self.live[body] = item

    def _on_ReceiveMessage(self, attempt: Attempt) -> None:
        params, now_ms = attempt.params, attempt.now_ms
        place = self.places[name_in(params)]
        timeout = params.get("VisibilityTimeout")
        visibility_ms = place.visibility_ms if timeout is None else timeout * 1000
        messages = (attempt.result or {}).get("Messages", [])
        if place.is_fifo and fifo.repeat(self, attempt, place, messages, now_ms + visibility_ms):
            return
        touch = self._touch("receive", now_ms, place)
        limit = params.get("MaxNumberOfMessages", 1)
        for message in messages:
            self._deliver(message, touch, now_ms + visibility_ms)
        if place.is_fifo:
            fifo.judge_order(self, touch, messages)
        if len(messages) < limit and (visibility_ms or not messages):
            self._settle_short_receive(touch, {message["Body"] for message in messages})

    def _touch(self, kind: str, now_ms: int, place: Place) -> Touch:
        dlq = None if place.dlq is None else self.places.get(place.dlq)
        touch = Touch(now_ms, place, place.retention_ms, place.receives_max, dlq)
        brought = {body for t in self.touches if t.dlq is place for body in t.buriable}
        for item in self.live.values():
            if item.place is not place and item.body not in brought:
                continue
            is_due = item.visible_ms <= now_ms or item.place is not place
            has_come = place.is_fifo and item.place is not place  # its retention has begun anew
            if now_ms >= item.sent_ms + touch.retention_ms and not has_come:
                touch.expirable.add(item.body)
            elif is_due and kind == "move":
                touch.movable.add(item.body)
            elif is_due and kind == "receive" and self._exceeds(item, touch):
                touch.buriable.add(item.body)
        self.touches.append(touch)
        return touch

    @staticmethod
    def _exceeds(item: Item, touch: Touch) -> bool:
        most = touch.receives_max
        return touch.dlq is not None and most is not None and item.receives >= most

    def _deliver(self, message: Mapping[str, Any], touch: Touch, visible_ms: int) -> None:
        body, identity, now_ms = message["Body"], message["MessageId"], touch.at_ms
        item = self.items.get(body)
        if item is None or item.place is None:
            fate = item.fate if item else "never sent"
            raise Violation("nothing comes back", f"{body} was delivered; it was {fate}")
        if item.place is not touch.place or item.id != identity:
            self._explain(item, touch.place, identity, now_ms)
        elif item.doubt is not None:
            raise Violation("nothing comes back", f"{body} was delivered; it was {item.doubt}")
        if now_ms < item.visible_ms:
            late = item.visible_ms - now_ms
            raise Violation("timers", f"{body} was delivered {late} ms before it was visible")
        if now_ms >= item.sent_ms + touch.retention_ms:
            raise Violation("timers", f"{body} was delivered after its retention")
        self._is_here(item, touch)
        item.receives += 1
        item.visible_ms = visible_ms
        if message["ReceiptHandle"] in self.handles:
            raise Violation("receive attempts", f"{body} was received twice by one handle")
        self.handles[message["ReceiptHandle"]] = (body, identity, touch.place, item.receives)

    def _is_here(self, item: Item, after: Touch) -> None:
        """Take notice of where a message was after a touch: no earlier one has another say."""
        item.doubt = None
        for touch in self.touches:
            for bodies in (touch.buriable, touch.movable, touch.expirable):
                bodies.discard(item.body)
            if touch is after:
                break

    def _settle_short_receive(self, touch: Touch, given: set[str]) -> None:
        """A receive that had room for more has taken, buried or dropped all that was due."""
        earlier = [other for other in self.touches if other is not touch]
        for item in self._in(touch.place):
            is_elsewhere = any(item.body in other.taken for other in earlier)
            if item.visible_ms > touch.at_ms or item.doubt or is_elsewhere:
                continue
            if touch.place.is_fifo and fifo.is_blocked(self, item, touch.at_ms, given):
                continue
            if item.body in touch.expirable:
                item.leave("expired")
            elif item.body in touch.buriable:
                self._bury(item, touch)
            else:
                raise Violation(
                    "timers",
                    f"{item.body} was due at {item.visible_ms} and not received at {touch.at_ms}",
                )

    def _bury(self, item: Item, touch: Touch) -> None:
        assert touch.dlq is not None
        self._is_here(item, touch)
        item.place, item.visible_ms, item.origin = touch.dlq, touch.at_ms, arn_of(touch.place.name)
        if touch.dlq.is_fifo:
            item.sent_ms, item.number, item.dedup = touch.at_ms, None, item.id
        if touch.dlq.is_gone:
            item.leave("dropped")

    def _on_DeleteMessage(self, attempt: Attempt) -> None:
        self._delete(attempt, attempt.params["ReceiptHandle"])

    def _on_DeleteMessageBatch(self, attempt: Attempt) -> None:
        assert attempt.result is not None
        handles = {entry["Id"]: entry["ReceiptHandle"] for entry in attempt.params["Entries"]}
        for done in attempt.result.get("Successful", ()):
            self._delete(attempt, handles[done["Id"]])

    def _on_SettleBatch(self, attempt: Attempt) -> None:
        for handle in attempt.params["Delete"]:
            item = self._held(attempt, handle)
            if item is not None and fifo.is_lapsed(item, attempt.now_ms):
                continue  # a FIFO queue deletes nothing by a lapsed handle
            self._delete(attempt, handle)

    def _delete(self, attempt: Attempt, handle: str) -> None:
        item = self._held(attempt, handle)
        if item is not None:
            fifo.judge_lease(self, item, attempt.now_ms)
            self._depart(item, "deleted")

    def _held(self, attempt: Attempt, handle: str) -> Item | None:
        """Return the message whose latest receive gave the handle, if it is still there."""
        place = self.places.get(name_in(attempt.params))
        known = self.handles.get(handle)
        if known is None or place is None:
            return None
        body, identity, where, receives = known
        item = self.items[body]
        is_there = item.place is place is where and item.id == identity
        return item if is_there and item.receives == receives else None

    def _on_ChangeMessageVisibility(self, attempt: Attempt) -> None:
        self._change(attempt, attempt.params)

    def _on_ChangeMessageVisibilityBatch(self, attempt: Attempt) -> None:
        assert attempt.result is not None
        entries = {entry["Id"]: entry for entry in attempt.params["Entries"]}
        for done in attempt.result.get("Successful", ()):
            self._change(attempt, entries[done["Id"]])

    def _change(self, attempt: Attempt, params: Mapping[str, Any]) -> None:
        item = self._held(attempt, params["ReceiptHandle"])
        if item is not None:
            fifo.judge_lease(self, item, attempt.now_ms)
            item.visible_ms = attempt.now_ms + params["VisibilityTimeout"] * 1000

    def _on_StartMessageMoveTask(self, attempt: Attempt) -> None:
        params = attempt.params
        source = params["SourceArn"].rsplit(":", 1)[-1]
        to = params.get("DestinationArn")
        name = None if to is None else to.rsplit(":", 1)[-1]
        self.destinations.setdefault(source, set()).add(name)

    def _on_AdvanceMoves(self, attempt: Attempt) -> None:
        for name in self.destinations:
            if name in self.places:
                self._touch("move", attempt.now_ms, self.places[name])

    def _on_Reap(self, attempt: Attempt) -> None:
        for place in self.places.values():
            self._touch("reap", attempt.now_ms, place)

    # --- what must be explained -----------------------------------------------------------------

    def _explain(self, item: Item, place: Place, identity: str, by_ms: int) -> None:
        """Account for a message that is somewhere else than predicted, or raise."""
        if identity != item.id:
            if not any(item.place is place for place in self._sources()):
                self._explain_burial(item, None)
            self._explain_move(item, place, identity, by_ms)
        elif item.place is not place:
            self._explain_burial(item, place)

    def _sources(self) -> list[Place]:
        return [self.places[name] for name in self.destinations if name in self.places]

    def _explain_burial(self, item: Item, dlq: Place | None) -> None:
        for touch in self.touches:
            if item.body in touch.buriable and (dlq is None or touch.dlq is dlq):
                self._bury(item, touch)
                return
        where = item.place.name if item.place else item.fate
        raise Violation("one place", f"{item.body} left {where} without being buried")

    def _explain_move(self, item: Item, place: Place, identity: str, by_ms: int) -> None:
        for touch in self.touches:
            allowed = self.destinations.get(touch.place.name, set())
            back = item.origin == arn_of(place.name) and None in allowed
            if (
                item.body in touch.movable
                and item.place is touch.place
                and touch.at_ms <= by_ms
                and (place.name in allowed or back)
            ):
                self._is_here(item, touch)
                if place.is_fifo:
                    fifo.move(place, item, identity, touch.at_ms)
                self.bodies[identity] = item.body
                item.id, item.place, item.origin = identity, place, None
                item.sent_ms = item.visible_ms = touch.at_ms
                item.receives = 0
                self.moved += 1
                return
        raise Violation("one place", f"{item.body} got a new id without a move task")

    def _explain_absence(self, item: Item) -> None:
        if item.doubt is not None:
            item.leave(item.doubt)
            return
        for touch in self.touches:
            if item.body in touch.expirable:
                item.leave("expired")
                return
            if item.body in touch.buriable and touch.dlq is not None and touch.dlq.is_gone:
                item.leave("dropped")
                return
            if item.body in touch.movable and fifo.is_suppressed(self, item, touch):
                item.leave("suppressed")
                return
        where = item.place.name if item.place else "?"
        raise Violation("nothing is lost", f"{item.body} is gone from {where}")

    # --- what is there --------------------------------------------------------------------------

    def compare(self, audit: Audit) -> None:
        """Judge the rows; afterwards every maybe is settled."""
        self._compare_queues(audit.queues)
        for task in audit.moves:
            to = None if task.destination_arn is None else task.destination_arn.rsplit(":", 1)[-1]
            if to not in self.destinations.get(task.source_arn.rsplit(":", 1)[-1], ()):
                raise Violation("nothing comes back", f"{task} was never started")
        names = {row.heap: row.name for row in audit.queues}
        rows: dict[str, MessageRow] = {}
        for row in audit.messages:
            if row.heap not in names:
                continue
            if row.body in rows:
                raise Violation("one place", f"{row.body} is there twice")
            rows[row.body] = row
        for body, row in rows.items():
            if body not in self.items:
                raise Violation("nothing comes back", f"{body} is stored and was never sent")
            place = self.places[names[row.heap]]
            self._compare_row(self.items[body], row, place, audit.now_ms)
        for body, item in self.live.items():
            if body not in rows and item.place is not None:
                self._explain_absence(item)
        self.touches.clear()
        self.live = {body: item for body, item in self.live.items() if item.place is not None}
        self._compare_polls(audit)

    def _compare_queues(self, rows: list[QueueRow]) -> None:
        shown = {row.name: row for row in rows}
        if shown.keys() != self.places.keys():
            raise Violation("settings", f"queues {sorted(shown)}, not {sorted(self.places)}")
        for name, place in self.places.items():
            row = shown[name]
            dlq = None if place.dlq is None else arn_of(place.dlq)
            stored = (row.visibility_ms, row.delay_ms, row.wait_ms, row.retention_ms, row.dlq_arn)
            predicted = (
                place.visibility_ms,
                place.delay_ms,
                place.wait_ms,
                place.retention_ms,
                dlq,
            )
            if stored != predicted or row.receives_max != place.receives_max:
                raise Violation("settings", f"{name} has {row}")

    def _compare_row(self, item: Item, row: MessageRow, place: Place, now_ms: int) -> None:
        if item.place is None:
            raise Violation("nothing comes back", f"{item.body} is in {place.name}: {item.fate}")
        if item.place is not place or item.id != row.id:
            self._explain(item, place, row.id, now_ms)
        elif item.doubt is not None:
            raise Violation("nothing comes back", f"{item.body} is in {place.name}: {item.doubt}")
        stored = (row.visible_ms, row.receives, row.origin)
        predicted = (item.visible_ms, item.receives, item.origin)
        if stored != predicted:
            raise Violation("predicted rows", f"{item.body} is {stored}, predicted {predicted}")
        fifo.judge_row(item, row, place)

    def _compare_polls(self, audit: Audit) -> None:
        for poll in audit.polls:
            if audit.now_ms >= poll.ends_ms:
                raise Violation("timers", f"a long poll of {poll.queue} goes on after its end")
            place = self.places.get(poll.queue)
            if place is None:
                if not poll.as_of_ms:  # a refused commit has taken the queue's creation back
                    continue
                raise Violation("timers", f"a long poll waits on {poll.queue}, which is gone")
            for item in self._in(place):
                if item.visible_ms <= poll.as_of_ms < item.sent_ms + place.retention_ms:
                    if place.receives_max is not None and item.receives >= place.receives_max:
                        continue
                    if place.is_fifo and fifo.is_blocked(self, item, poll.as_of_ms, set()):
                        continue
                    raise Violation(
                        "timers",
                        f"a long poll of {poll.queue} sleeps while {item.body} is visible",
                    )
