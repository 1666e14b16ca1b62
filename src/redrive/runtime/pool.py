"""Which environment takes which invocation, as values: no processes, no clock.

    starting --ready--> idle --submit--> busy --release--> idle
        ^------------ finish (it answered, and will be ready soon) --- busy
        \\___________________ remove (from any state) ___________________> gone

Invariants:
1. An environment has at most one ticket (an invocation, opaque here) at a time.
2. There are never more than `environments_max`; what finds no room is parked and served first come,
   first served, even where that costs a warm environment of another function.
3. The environment used last is used first, so that what is surplus grows old and expires.
4. There is one environment of a function that is debugged: all that it is asked waits for that one.
5. A doomed environment (its function was changed or deleted) is never used again.

Reserved concurrency is not judged here: who submits has been admitted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from redrive.core.effects import Environment
from redrive.core.time import Millis

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Start(Generic[T]):
    """Start environment `number`; it serves the ticket when ready (None: it only gets warm)."""

    number: int
    environment: Environment
    ticket: T | None


@dataclass(frozen=True, slots=True)
class Use(Generic[T]):
    """Hand the ticket to environment `number`, which is ready."""

    number: int
    ticket: T


@dataclass(frozen=True, slots=True)
class Bind(Generic[T]):
    """Environment `number`, which was started for nobody, serves the ticket when it is ready."""

    number: int
    ticket: T


@dataclass(frozen=True, slots=True)
class Kill:
    """End environment `number`; the pool has forgotten it."""

    number: int


Action = Start[T] | Use[T] | Bind[T] | Kill


@dataclass(slots=True)
class Slot(Generic[T]):
    """One environment. idle_since_ms means something only while state is "idle"."""

    environment: Environment
    state: str  # starting | idle | busy
    ticket: T | None
    idle_since_ms: int = 0
    doomed: bool = False


@dataclass(slots=True)
class Pool(Generic[T]):
    """All environments of one executor. Every method returns what must be done, in order.

    keep_warm: how many idle environments of equal `Environment` never expire.
    """

    environments_max: int
    idle_ms: Millis
    keep_warm: int = 0
    slots: dict[int, Slot[T]] = field(default_factory=dict)
    parked: deque[tuple[Environment, T]] = field(default_factory=deque)
    _idle: dict[Environment, list[int]] = field(default_factory=dict)
    _idle_order: dict[int, None] = field(default_factory=dict)  # oldest first
    kept: dict[Environment, int] = field(default_factory=dict)  # provisioned: none of them expires
    _next: int = 1

    def submit(self, environment: Environment, ticket: T) -> list[Action[T]]:
        """Find a place for one invocation; an empty list means that it is parked."""
        waiting = self._idle.get(environment)
        if waiting:
            return [self._use(waiting[-1], ticket)]
        unbound = self._find_unbound(environment)
        if unbound is not None:
            self.slots[unbound].ticket = ticket
            return [Bind(unbound, ticket)]
        if environment.debug:
            return self._submit_alone(environment, ticket)
        actions = self._start(environment, ticket)
        if not actions:
            self.parked.append((environment, ticket))
        return actions

    def _submit_alone(self, environment: Environment, ticket: T) -> list[Action[T]]:
        """Start the one environment of a debugged function, or park what is asked of it."""
        actions = self._make_way(environment)
        started = [] if self._is_debugged(environment) else self._start(environment, ticket)
        if not started:
            self.parked.append((environment, ticket))
        return [*actions, *started]

    def _make_way(self, environment: Environment) -> list[Action[T]]:
        """End what is idle of a debugged function: it listens at the port of the next."""
        actions: list[Action[T]] = []
        for number, slot in list(self.slots.items()):
            if slot.state == "idle" and _is_alike(slot.environment, environment):
                actions += self._kill(number)
        return actions

    def _is_debugged(self, environment: Environment) -> bool:
        slots = self.slots.values()
        return any(_is_alike(slot.environment, environment) for slot in slots)

    def warm(self, environment: Environment) -> list[Action[T]]:
        """Start one environment ahead of time, unless there is one or no room for it."""
        have = any(
            slot.environment == environment and not slot.doomed for slot in self.slots.values()
        )
        if have or len(self.slots) >= self.environments_max:
            return []
        return self._start(environment, None)

    def keep(self, environment: Environment, count: int) -> list[Action[T]]:
        """Have so many environments of a kind from now on, as far as there is room; 0: none."""
        self.kept.pop(environment, None)
        if count:
            self.kept[environment] = count
        actions: list[Action[T]] = []
        for _ in range(len(self._alive(environment)), count):
            if len(self.slots) >= self.environments_max:
                break
            actions += self._start(environment, None)
        return actions

    def ready(self, environment: Environment) -> int:
        """Count the environments of a kind that are warm, whether they work or not."""
        return sum(slot.state != "starting" for slot in self._alive(environment))

    def release(self, number: int, now_ms: Millis) -> list[Action[T]]:
        """Take back an environment that became ready or has answered, and say what it does next.

        One that was started for a ticket gets it now; else the first parked invocation has the
        right of way: it gets this environment if it fits, or its place if it does not.
        """
        slot = self.slots[number]
        assert slot.state in ("starting", "busy"), slot.state
        if slot.state == "starting" and slot.ticket is not None:
            slot.state = "busy"
            return [Use(number, slot.ticket)]
        slot.ticket = None
        if slot.doomed:
            return [*self._kill(number), *self._serve_parked()]
        slot.state = "idle"
        slot.idle_since_ms = now_ms
        self._idle.setdefault(slot.environment, []).append(number)
        self._idle_order[number] = None
        return self._serve_parked()

    def finish(self, number: int) -> None:
        """Note that an environment has answered and will be ready soon, so that the next invocation
        waits for it instead of for a new one."""
        slot = self.slots[number]
        assert slot.state == "busy", slot.state
        slot.state = "starting"
        slot.ticket = None

    def remove(self, number: int) -> list[Action[T]]:
        """Forget an environment that has died or is about to; its place may serve a parked one."""
        if number not in self.slots:
            return []
        self._forget(number)
        return self._serve_parked()

    def retire(self, function_arn: str, keep_revision: str | None) -> list[Action[T]]:
        """Doom a function's environments of other revisions: idle ones die, others finish first."""
        actions: list[Action[T]] = []
        for number, slot in list(self.slots.items()):
            of_function = slot.environment.function_arn == function_arn
            if not of_function or slot.environment.revision == keep_revision:
                continue
            if slot.state == "idle" or slot.ticket is None:
                actions += self._kill(number)
            else:
                slot.doomed = True
        return actions + self._serve_parked() if actions else []

    def expire(self, now_ms: Millis) -> list[Action[T]]:
        """End the environments that have been idle for too long."""
        actions: list[Action[T]] = []
        for number in list(self._idle_order):
            slot = self.slots[number]
            if slot.idle_since_ms + self.idle_ms > now_ms:
                break
            if self._may_expire(slot.environment):
                actions += self._kill(number)
        return actions

    def next_expiry_ms(self) -> Millis | None:
        """Return when `expire` is worth calling again, or None while nothing can expire."""
        for number in self._idle_order:
            slot = self.slots[number]
            if self._may_expire(slot.environment):
                return Millis(slot.idle_since_ms + self.idle_ms)
        return None

    def _alive(self, environment: Environment) -> list[Slot[T]]:
        slots = self.slots.values()
        return [slot for slot in slots if slot.environment == environment and not slot.doomed]

    def _surplus(self) -> int:
        """Return the idle environment that makes room: the oldest, but those kept come last."""
        for number in self._idle_order:
            if self._may_expire(self.slots[number].environment):
                return number
        return next(iter(self._idle_order))

    def _may_expire(self, environment: Environment) -> bool:
        kept = max(self.keep_warm, self.kept.get(environment, 0))
        return len(self._idle[environment]) > kept

    def _use(self, number: int, ticket: T) -> Use[T]:
        slot = self.slots[number]
        self._unlist(number, slot)
        slot.state = "busy"
        slot.ticket = ticket
        return Use(number, ticket)

    def _start(self, environment: Environment, ticket: T | None) -> list[Action[T]]:
        actions: list[Action[T]] = []
        if len(self.slots) >= self.environments_max:
            if not self._idle_order:
                return []
            actions += self._kill(self._surplus())
        number = self._next
        self._next += 1
        self.slots[number] = Slot(environment, "starting", ticket)
        return [*actions, Start(number, environment, ticket)]

    def _serve_parked(self) -> list[Action[T]]:
        actions: list[Action[T]] = []
        held: list[tuple[Environment, T]] = []  # they wait for a debugged one, others do not
        while self.parked:
            environment, ticket = self.parked[0]
            waiting = self._idle.get(environment)
            if waiting:
                more: list[Action[T]] = [self._use(waiting[-1], ticket)]
            else:
                if environment.debug:
                    actions += self._make_way(environment)
                    if self._is_debugged(environment):
                        held.append(self.parked.popleft())
                        continue
                more = self._start(environment, ticket)
            if not more:
                break
            self.parked.popleft()
            actions += more
        self.parked.extendleft(reversed(held))
        return actions

    def _find_unbound(self, environment: Environment) -> int | None:
        for number, slot in self.slots.items():
            unbound = slot.state == "starting" and slot.ticket is None and not slot.doomed
            if unbound and slot.environment == environment:
                return number
        return None

    def _kill(self, number: int) -> list[Action[T]]:
        self._forget(number)
        return [Kill(number)]

    def _forget(self, number: int) -> None:
        slot = self.slots.pop(number)
        if slot.state == "idle":
            self._unlist(number, slot)

    def _unlist(self, number: int, slot: Slot[T]) -> None:
        waiting = self._idle[slot.environment]
        waiting.remove(number)
        if not waiting:
            del self._idle[slot.environment]
        del self._idle_order[number]


def _is_alike(one: Environment, other: Environment) -> bool:
    """Tell whether two environments are of one function, whatever the version."""
    return (one.account, one.region, one.function_name) == (
        other.account,
        other.region,
        other.function_name,
    )
