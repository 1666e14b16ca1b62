"""The worker that delivers asynchronous events. It holds no rows: which events are under way is
known in memory only, so that a crash delivers them again.

    idle ── woken, or due ──> looking ── found due ──> under way ── settled ──> looking
      ^                          │
      └───── nothing is due ─────┘

Looking is the operation DueAsyncEvents, being under way is DeliverAsyncEvent.

Invariants
1. An event is under way at most once.
2. No function has more than FUNCTION_RUNS_MAX events under way, so that one function's backlog does
   not keep another's events waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.time import SECOND_MS, Millis
from redrive.services.functions.model import DueEvent
from redrive.services.functions.operations.invocation import ASYNC_TOPIC

FUNCTION_RUNS_MAX = 50
"""Events of one function under way at a time. AWS has no such number; one machine needs one."""

FAULT_PAUSE_MS = 1 * SECOND_MS
"""After a look or an attempt that could not even be written down (the disk is full)."""

CALLER = Caller("000000000000", "us-east-1", "lambda.amazonaws.com", "lambda")
"""The service itself. Its internal operations serve all accounts."""

_LOOK = "look"


class Dropped(NamedTuple):
    """An event that was given up, told to whoever keeps the log."""

    function_arn: str
    request_id: str
    reason: str


class Courier:
    """Delivers asynchronous events; `note` hears of each one that is given up."""

    name = "lambda:courier"

    def __init__(self, note: Callable[[Dropped], None]) -> None:
        self._note = note
        self._under_way: dict[int, DueEvent] = {}
        self._runs: Counter[str] = Counter()
        self._looking = False
        self._look_again = False
        self._draining = False
        self._next_ms: Millis | None = None

    def step(self, now_ms: Millis) -> Step:
        """Look for due events, unless a look is under way; then look once more after it."""
        del now_ms
        if self._draining:
            return Step()
        if self._looking:
            self._look_again = True
            return self._wait()
        self._looking, self._look_again, self._next_ms = True, False, None
        # Those under way are among the due ones, hence twice the number that can be started.
        params = {"Limit": 2 * FUNCTION_RUNS_MAX}
        return self._wait(Call("lambda", "DueAsyncEvents", params, CALLER, reply_to=_LOOK))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the due events, or the end of one."""
        if reply_to == _LOOK:
            return self._take(reply, now_ms)
        event = self._under_way.pop(reply_to)
        self._runs[event.function_arn] -= 1
        if not self._runs[event.function_arn]:
            del self._runs[event.function_arn]
        if reply.result is None:
            return self._pause(now_ms)
        if reply.result["Settled"] == "dropped":
            told = reply.result
            self._note(Dropped(told["FunctionArn"], told["RequestId"], told["Reason"]))
        return self.step(now_ms)

    def drain(self, now_ms: Millis) -> Step:
        """Deliver nothing more; what is under way ends, the rest waits for the next start."""
        del now_ms
        self._draining = True
        return Step()

    def _take(self, reply: Reply, now_ms: Millis) -> Step:
        self._looking = False
        if self._draining:
            return Step()
        if reply.result is None:
            return self._pause(now_ms)
        following = reply.result["NextMs"]
        self._next_ms = None if following is None else Millis(following)
        calls = []
        for event in reply.result["Events"]:
            if event.id in self._under_way or self._runs[event.function_arn] >= FUNCTION_RUNS_MAX:
                continue
            self._under_way[event.id] = event
            self._runs[event.function_arn] += 1
            params = {"Id": event.id}
            calls.append(Call("lambda", "DeliverAsyncEvent", params, CALLER, reply_to=event.id))
        if self._look_again:
            again = self.step(now_ms)
            return Step((*calls, *again.calls), again.next_ms, again.topics)
        return self._wait(*calls)

    def _pause(self, now_ms: Millis) -> Step:
        pause_ms = Millis(now_ms + FAULT_PAUSE_MS)
        self._next_ms = pause_ms if self._next_ms is None else min(self._next_ms, pause_ms)
        return self._wait()

    def _wait(self, *calls: Call) -> Step:
        if self._draining:
            return Step()
        return Step(calls, self._next_ms, (ASYNC_TOPIC,))
