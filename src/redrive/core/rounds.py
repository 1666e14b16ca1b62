"""A worker that sees to rows as they fall due. It holds no rows: which are under way is known in
memory only, so that a crash sees to them again.

    idle ── woken, or due ──> looking ── found due ──> under way ── settled ──> looking
      ^                          │
      └───── nothing is due ─────┘

Two internal operations of a service stand behind it. The look takes {"Limit": rows of one target}
and answers {"Events": [Due], "NextMs": int | None}; the attempt takes {"Id": int}, tries one row
and writes down what has become of it.

Invariants
1. A row is under way at most once.
2. No target has more than `runs_max` rows under way, so that one target's backlog does not keep
   another's rows waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from redrive.core.effects import Call, Caller, Reply, Result, Step
from redrive.core.time import SECOND_MS, Millis

FAULT_PAUSE_MS = 1 * SECOND_MS
"""After a look or an attempt that could not even be written down (the disk is full)."""

_LOOK = "look"


class Due(NamedTuple):
    """A row that may be seen to now."""

    id: int
    target: str


class Rounds:
    """Looks for due rows and has each seen to; `settled` hears what each attempt answered."""

    def __init__(
        self,
        name: str,
        caller: Caller,
        *,
        service: str,
        look: str,
        attempt: str,
        topic: str,
        runs_max: int,
        settled: Callable[[Result], None],
    ) -> None:
        self.name = name
        self._caller = caller
        self._service = service
        self._look = look
        self._attempt = attempt
        self._topic = topic
        self._runs_max = runs_max
        self._settled = settled
        self._under_way: dict[int, Due] = {}
        self._runs: Counter[str] = Counter()
        self._looking = False
        self._look_again = False
        self._draining = False
        self._next_ms: Millis | None = None

    def step(self, now_ms: Millis) -> Step:
        """Look for due rows, unless a look is under way; then look once more after it."""
        del now_ms
        if self._draining:
            return Step()
        if self._looking:
            self._look_again = True
            return self._wait()
        self._looking, self._look_again, self._next_ms = True, False, None
        return self._wait(self._call(self._look, self.look(), _LOOK))

    def look(self) -> Result:
        """Return what a look is asked with."""
        # Those under way are among the due ones, hence twice the number that can be started.
        return {"Limit": 2 * self._runs_max}

    def looked(self, told: Result) -> None:
        """Hear what a look has told."""

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the due rows, or the end of one attempt."""
        if reply_to == _LOOK:
            return self._take(reply, now_ms)
        due = self._under_way.pop(reply_to)
        self._runs[due.target] -= 1
        if not self._runs[due.target]:
            del self._runs[due.target]
        if reply.result is None:
            return self._pause(now_ms)
        self._settled(reply.result)
        return self.step(now_ms)

    def drain(self, now_ms: Millis) -> Step:
        """Begin nothing more; what is under way ends, the rest waits for the next start."""
        del now_ms
        self._draining = True
        return Step()

    def _take(self, reply: Reply, now_ms: Millis) -> Step:
        self._looking = False
        if self._draining:
            return Step()
        if reply.result is None:
            return self._pause(now_ms)
        self.looked(reply.result)
        following = reply.result["NextMs"]
        self._next_ms = None if following is None else Millis(following)
        calls = []
        for due in reply.result["Events"]:
            if due.id in self._under_way or self._runs[due.target] >= self._runs_max:
                continue
            self._under_way[due.id] = due
            self._runs[due.target] += 1
            calls.append(self._call(self._attempt, {"Id": due.id}, due.id))
        if self._look_again:
            again = self.step(now_ms)
            return Step((*calls, *again.calls), again.next_ms, again.topics)
        return self._wait(*calls)

    def _call(self, operation: str, params: Result, reply_to: Any) -> Call:
        return Call(self._service, operation, params, self._caller, reply_to=reply_to)

    def _pause(self, now_ms: Millis) -> Step:
        pause_ms = Millis(now_ms + FAULT_PAUSE_MS)
        self._next_ms = pause_ms if self._next_ms is None else min(self._next_ms, pause_ms)
        return self._wait()

    def _wait(self, *calls: Call) -> Step:
        if self._draining:
            return Step()
        return Step(calls, self._next_ms, (self._topic,))
