"""Every sequence of up to three mutating operations, and a loss of power at every sync of them.

A sequence runs in one process from one base; its prefixes are sequences too. Whatever a loss of
power leaves at a sync must hold exactly the rows of before the operation or those of after it, and
once the operation is acknowledged those of after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from redrive.core.time import Millis
from redrive.sim.chance import Dice
from redrive.sim.evidence import Violation, arn_of
from redrive.sim.workload import url_of
from redrive.store import sqlite

from .images import FATES, Image, images
from .inspector import Inspector, State, difference, state_of
from .machine import Machine, build

STEP_MS = 1_000
FATES_MAX = 2
"""Fates of what a sequence of one operation has not synced; one less for each operation more."""

Handles = Sequence[str]
Deed = Callable[[Machine, Handles, int], object]


_MAIN = {"QueueUrl": url_of("main")}


def _sqs(operation: str, params: Mapping[str, Any]) -> Deed:
    return lambda machine, _handles, now_ms: machine.operate(operation, params, now_ms)


def _held(operation: str, **more: Any) -> Deed:
    """Return an operation on the first message that is held."""
    return lambda machine, handles, now_ms: machine.operate(
        operation, {**_MAIN, "ReceiptHandle": handles[0], **more}, now_ms
    )


def _all_held(operation: str, **more: Any) -> Deed:
    """Return an operation on all messages that are held."""

    def do(machine: Machine, handles: Handles, now_ms: int) -> object:
        entries = [{"Id": str(n), "ReceiptHandle": h, **more} for n, h in enumerate(handles)]
        return machine.operate(operation, {**_MAIN, "Entries": entries}, now_ms)

    return do


def _checkpoint(machine: Machine, _handles: Handles, _now_ms: int) -> object:
    """Move the log into the database, whatever its length."""
    machine.store._log.pages = max(machine.store._log.pages, sqlite.CHECKPOINT_PAGES)
    return machine.store.maintain()


def _give_back(machine: Machine, _handles: Handles, _now_ms: int) -> object:
    """Do what the store does when nobody wants anything of it."""
    while machine.store.maintain(idle=True):
        pass
    return None


_BATCH = [{"Id": str(n), "MessageBody": f"sent together {n}"} for n in range(3)]
DEEDS: Mapping[str, Deed] = {
    "SendMessage": _sqs("SendMessage", {**_MAIN, "MessageBody": "sent"}),
    "SendMessageBatch": _sqs("SendMessageBatch", {**_MAIN, "Entries": _BATCH}),
    "ReceiveMessage": _sqs("ReceiveMessage", {**_MAIN, "MaxNumberOfMessages": 10}),
    "DeleteMessage": _held("DeleteMessage"),
    "DeleteMessageBatch": _all_held("DeleteMessageBatch"),
    "ChangeMessageVisibility": _held("ChangeMessageVisibility", VisibilityTimeout=0),
    "ChangeMessageVisibilityBatch": _all_held("ChangeMessageVisibilityBatch", VisibilityTimeout=9),
    "PurgeQueue": _sqs("PurgeQueue", _MAIN),
    "CreateQueue": _sqs("CreateQueue", {"QueueName": "new", "tags": {"made": "now"}}),
    "DeleteQueue": _sqs("DeleteQueue", {"QueueUrl": url_of("side")}),
    "SetQueueAttributes": _sqs(
        "SetQueueAttributes", {**_MAIN, "Attributes": {"VisibilityTimeout": "77"}}
    ),
    "TagQueue": _sqs("TagQueue", {**_MAIN, "Tags": {"team": "orders"}}),
    "StartMessageMoveTask": _sqs("StartMessageMoveTask", {"SourceArn": arn_of("dead")}),
    "AdvanceMoves": _sqs("AdvanceMoves", {}),
    "Reap": _sqs("Reap", {}),
    "checkpoint": _checkpoint,
}
"""What changes rows, by the name of the operation, and the store's own work, which must not."""

IDLE: Mapping[str, Deed] = {"give back": _give_back}


class Walk:
    """Runs sequences; a prefix that several begin with loses its power in the first of them."""

    def __init__(self, inspector: Inspector, deeds: Mapping[str, Deed] = DEEDS) -> None:
        self.inspector = inspector
        self.syncs = 0
        self.sequences = 0
        self._deeds = deeds
        self._base = build()
        machine = Machine(self._base.disk.copied())
        self.states: dict[tuple[str, ...], State] = {(): state_of(machine.store)}
        machine.kill()

    def every(self, length: int, first: Iterable[str] | None = None) -> None:
        """Run every sequence of up to that length that begins with one of `first`."""
        names = tuple(self._deeds)
        for sequence in product(first or names, *[names] * (length - 1)):
            self.run(sequence)

    def run(self, sequence: tuple[str, ...]) -> None:
        """Run a sequence. Raises Violation."""
        machine = Machine(self._base.disk.copied())
        try:
            for length in range(1, len(sequence) + 1):
                prefix = sequence[:length]
                now_ms = self._base.now_ms + length * STEP_MS
                if prefix in self.states:
                    self._do(machine, prefix[-1], now_ms)
                else:
                    self._lose_power(machine, prefix, now_ms)
        finally:
            machine.kill()

    def _do(self, machine: Machine, name: str, now_ms: int) -> None:
        self._deeds[name](machine, self._base.handles, now_ms)
        machine.store.commit(Millis(now_ms))

    def _lose_power(self, machine: Machine, prefix: tuple[str, ...], now_ms: int) -> None:
        left: list[tuple[str, Image]] = []
        dice = Dice(len(self.states), "fates")
        fates = tuple(dice.pick(FATES) for _ in range(FATES_MAX + 1 - len(prefix)))

        def watch(kind: str, _name: str) -> None:
            if kind == "sync":
                self.syncs += 1
                left.extend(images(machine.disk, dice, fates))

        machine.disk.watch = watch
        self._do(machine, prefix[-1], now_ms)
        machine.disk.watch = None
        before, after = self.states[prefix[:-1]], state_of(machine.store)
        self.states[prefix] = after
        self.sequences += 1
        for fate, image in left:
            self._judge(prefix, f"at a sync, {fate}", image, (before, after))
        for fate, image in images(machine.disk, dice, fates[1:]):
            self._judge(prefix, f"acknowledged, {fate}", image, (after,))

    def _judge(
        self, prefix: tuple[str, ...], when: str, image: Image, allowed: tuple[State, ...]
    ) -> None:
        sight = self.inspector.look(image)
        if not sight.problem and any(sight[:2] == state[:2] for state in allowed):
            return
        told = sight.problem or difference(self.inspector.read(image), allowed[-1].dump)
        raise Violation("before or after", f"{' '.join(prefix)}, {when}:\n    {told}")


def changed(walk: Walk, name: str) -> bool:
    """Tell whether an operation, alone, changes rows."""
    return walk.states[()].rows != walk.states[(name,)].rows
