"""What every simulated world has: one machine under a virtual clock, its disk, its clients, faults.

    request · time passes · a function ends · a fault is armed ──> turn: advance, settle, maintain
                                                                    │            └──> audit
                                    crash <──Crash, StoreFailed─────┘
                                      └──> what the disk kept ──> everything is built anew ──> audit

Which services run on it, who asks them and who judges is for the worlds to say (world.py,
events_world.py). Nothing here reads a real clock or real chance, touches a file or waits. Equal
seeds give equal traces.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from redrive.core.effects import Fetch, Ran, Reply, Run, Worker
from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS, NEVER, Millis
from redrive.services.dispatch import Dispatch, Ticket
from redrive.sim.chance import Dice
from redrive.sim.evidence import CALLER, Attempt, Poll, Violation, WatchedRegistry, plain
from redrive.sim.faults import Crash, CrashingStore
from redrive.sim.runtime import Ending, MemoryCode, Scripts
from redrive.sim.vfs import Disk, MemoryVfs
from redrive.sim.workload import Request
from redrive.store.sqlite import SqliteStore
from redrive.store.store import StoreFailed

ORIGIN = "http://sim"
START_MS = Millis(1_800_000_000_000)
REFUSED_PAUSE_MS = 1_000  # as services.dispatch has it
_TRACE_KEPT = 60
_TURNS_MAX = 2_000
"""Turns at one instant after which something spins."""

STEPS: Mapping[str, float] = {
    "request": 60,
    "due": 20,
    "pass": 10,
    "jump": 1,
    "crash_at_commit": 3,
    "crash_at_write": 2,
    "kill": 1,
    "sync_fails": 0.7,
    "disk_full": 1.2,
    "restart": 0.7,
    "cancel": 1,
}


class Judging(Protocol):
    """Whoever may say that an invariant does not hold."""

    def commit(self, group: list[Attempt]) -> None:
        """Hear of a committed group."""
        ...

    def audit(self, audit: Any) -> None:
        """Look at the rows."""
        ...

    def resolve(self, group: list[Attempt], audit: Any) -> Judging:
        """Return the judge who knows whether an interrupted group was committed."""
        ...

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Hear of a success that left the server."""
        ...

    def restart(self, high_water_ms: int) -> None:
        """Hear of a restart."""
        ...

    def refused(self) -> None:
        """Hear that a group was refused."""
        ...

    def started(self, run: Run) -> None:
        """Hear that a function has begun."""
        ...

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Hear that a function has ended."""
        ...

    def rest(self) -> None:
        """Hear that nothing is under way."""
        ...


class Asking(Protocol):
    """The clients of a world."""

    def setup(self) -> list[Request]:
        """Return what the world begins with."""
        ...

    def next(self) -> Request:
        """Return the next request."""
        ...

    def heard(self, request: Request, reply: Reply) -> None:
        """Take an answer."""
        ...

    def silence(self, request: Request) -> None:
        """Hear that there will be no answer."""
        ...


@dataclass(slots=True, eq=False)
class Pending:
    """A request that has not been answered."""

    request: Request
    poll: Poll | None
    ticket: Ticket | None = None  # None while it is being entered


class VirtualClock:
    """A process's clock: the world's time, never back, not before the store's high-water mark."""

    def __init__(self, world: Machine, floor_ms: Millis) -> None:
        self._world = world
        self._last_ms = floor_ms

    def __call__(self) -> Millis:
        """Return the present instant."""
        self._last_ms = max(self._last_ms, self._world.raw_ms)
        return self._last_ms


class Machine(ABC):
    """One machine and its disk; subclasses furnish it with services, clients and a judge.

    name tells its VFS from those of other worlds in the process. has_faults: crashes, full disks
    and lost replies happen.
    """

    steps_of: ClassVar[Mapping[str, float]] = STEPS
    """What is done next, by weight."""

    judge: Judging
    workload: Asking

    def __init__(
        self,
        seed: int,
        name: str,
        *,
        has_faults: bool,
        script: Callable[[Run, Millis], Ending] | None = None,
    ) -> None:
        self.seed, self._name = seed, name
        self._dice = Dice(seed, "world")
        self._fate = Dice(seed, "faults")
        self._has_faults = has_faults
        self._script = script
        self.raw_ms = START_MS
        self.trace: deque[str] = deque(maxlen=_TRACE_KEPT)
        self._digest = hashlib.sha256()
        self.steps = 0
        self._generation = 0
        self._code = MemoryCode()
        self._disk = Disk()
        self._pending: dict[int, Pending] = {}
        self._asked = 0
        self._full_for = 0
        self._patient_until_ms = 0

    # --- what a world says ----------------------------------------------------------------------

    @abstractmethod
    def _open(self, vfs: str) -> SqliteStore:
        """Open the store on a disk."""

    @abstractmethod
    def _furnish(self, chance: Dice) -> Iterable[Worker]:
        """Register all services with self.registry; return the workers."""

    @abstractmethod
    def _audit(self) -> Any:
        """Read the rows that the judge shall see."""

    @abstractmethod
    def come_to_rest(self) -> None:
        """End the faults, and let the judge say whether all is accounted for."""

    def _registry_on(self, store: CrashingStore) -> WatchedRegistry:
        return WatchedRegistry(store)

    def _guarded(self, sqlite: SqliteStore) -> CrashingStore:
        return CrashingStore(sqlite, self._committed, self._refused)

    def _poll_of(self, request: Request, now_ms: Millis) -> Poll | None:
        """Return what a request waits for that the judge shall know of."""
        del request, now_ms
        return None

    def _fetch(self, fetch: Fetch, done: Callable[[Reply], None]) -> None:
        """Ask a server of somebody else; there is none."""
        done(Reply(error=ServiceError("FetchFailed", f"{fetch.url} cannot be reached.")))

    # --- the process ----------------------------------------------------------------------------

    def _start(self) -> None:
        self._generation += 1
        name = f"{self._name}-{self._generation}"
        self._vfs = MemoryVfs(name, self._disk, lambda: self.raw_ms)
        self.sqlite = self._open(name)
        self.store = self._guarded(self.sqlite)
        self.clock = VirtualClock(self, self.sqlite.high_water_ms)
        self.registry = self._registry_on(self.store)
        chance = Dice(self.seed, f"chance/{self._generation}")
        workers = self._furnish(chance)
        self.store.commit(self.clock())
        dice = Dice(self.seed, f"scripts/{self._generation}")
        self.scripts = Scripts(dice, self.clock, self._ended, self._script)
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=self.clock,
            chance=chance,
            run=self._run,
            origin=ORIGIN,
            fault=self._fault,
            fetch=self._fetch,
        )
        for worker in workers:
            self.dispatch.post(worker)

    def close(self) -> None:
        """Let the memory go; nothing is written any more."""
        self._disk.is_off = True
        self.sqlite.close()
        self._vfs.unregister()

    def crash(self, *, power: bool = True) -> None:
        """End the process, and with power=True what the disk had not synced, and start again."""
        self._tell("crash", power)
        unknown = list(self.registry.group)
        self.close()
        self._disk = self._disk.crashed(self._fate) if power else self._disk.copied()
        self._restarted()
        self.judge = self.judge.resolve(unknown, self._audit())
        # What that group did was done before the crash: nobody has heard of it since.
        self.judge.restart(self.sqlite.high_water_ms)
        self._turn()

    def restart(self) -> None:
        """End the process in order, and start again."""
        self._tell("restart")
        self._refused()
        self.sqlite.close()
        self._disk.is_off = True
        self._vfs.unregister()
        self._disk = self._disk.copied()
        self._restarted()
        self._turn()

    def _restarted(self) -> None:
        pending, self._pending = self._pending, {}
        self._full_for = 0
        if self._fate.chance(0.2):  # somebody has set the clock
            self.raw_ms = Millis(self.raw_ms + self._fate.between(-HOUR_MS, HOUR_MS))
        self._start()
        self.judge.restart(self.sqlite.high_water_ms)
        for lost in pending.values():
            self.workload.silence(lost.request)

    def _run(self, run: Run, done: Callable[[Ran], None]) -> None:
        self._tell("run", run.environment.function_name, run.event.decode())
        self.judge.started(run)
        self.scripts.run(run, done)

    def _ended(self, run: Run, failed: frozenset[str]) -> None:
        self._tell("ran", run.request_id, sorted(failed))
        self.judge.ended(run, failed)

    def _fault(self, error: BaseException) -> None:
        if isinstance(error, Violation):
            raise error
        raise Violation("no bug of ours", repr(error)) from error

    def _committed(self) -> None:
        group = list(self.registry.group)
        self.registry.group.clear()
        self.judge.commit(group)

    def _refused(self) -> None:
        self.registry.group.clear()
        self._patient_until_ms = self.clock() + REFUSED_PAUSE_MS
        self.judge.refused()

    # --- clients --------------------------------------------------------------------------------

    def request(self, request: Request, heard: Callable[[Reply], None] | None = None) -> None:
        """Let a client ask. What it hears goes to the workload, or to `heard`."""
        self._asked += 1
        number = self._asked
        self._tell("ask", number, request.operation, dict(request.params))
        poll = self._poll_of(request, self.clock())
        pending = self._pending[number] = Pending(request, poll)

        def answer(reply: Reply) -> None:
            del self._pending[number]
            self._tell("hear", number, _shown(reply))
            if reply.result is not None:
                self.judge.reply(request, plain(reply.result))
            if heard is not None:
                heard(reply)
            elif self._has_faults and self._fate.chance(0.03):
                self.workload.silence(request)  # the reply was lost on its way
            else:
                self.workload.heard(request, reply)

        pending.ticket = self.dispatch.enter(*request, CALLER, answer)

    def call(self, operation: str, service: str = "sqs", /, **params: Any) -> Any:
        """Ask and return the result at this instant, or raise the error; for plays and tests."""
        replies: list[Reply] = []
        self.request(Request(service, operation, params), replies.append)
        self._turn()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        assert reply.result is not None
        return plain(reply.result)

    # --- time -----------------------------------------------------------------------------------

    @property
    def next_ms(self) -> Millis:
        """Return when something is due by itself."""
        return min(self.dispatch.next_ms, self.scripts.next_ms)

    def pass_until(self, at_ms: int) -> None:
        """Let time pass from one due instant to the next."""
        while self.next_ms <= at_ms:
            self.raw_ms = max(self.raw_ms, self.next_ms)
            self._turn()
        self.raw_ms = max(self.raw_ms, Millis(at_ms))
        self._turn()

    def _end_due(self) -> bool:
        """End what runs outside of the process and whose time has come, one of it."""
        return self.scripts.end_due()

    def _turn(self) -> None:
        """Do what the server's loop does, until it would sleep; then look at the rows."""
        for _ in range(_TURNS_MAX):
            while self._end_due():
                pass
            self.dispatch.advance()
            self.dispatch.settle()
            if not self.store.has_group:
                self.store.maintain()
            is_due = self.next_ms <= self.clock()
            if self.dispatch.is_idle and not is_due:
                break
        else:
            raise Violation("rest", f"no rest after {_TURNS_MAX} turns at one instant")
        self.judge.audit(self._audit())

    # --- the play -------------------------------------------------------------------------------

    def play(self, steps: int) -> str:
        """Play so many steps and come to rest; return the trace's hash. Raises Violation."""
        for request in self.workload.setup():
            self.request(request)
            self._turn()
        for _ in range(steps):
            self.step()
        self.come_to_rest()
        return self._digest.hexdigest()

    def step(self) -> None:
        """Choose the next thing and do it; a crash on the way is part of it."""
        self.steps += 1
        kind = self._dice.weighted(dict(self.steps_of))
        try:
            getattr(self, f"_step_{kind}")()
            if self._full_for:
                self._full_for -= 1
                self._disk.is_full = self._full_for > 0
        except (Crash, StoreFailed) as error:
            self._die(error)

    def _die(self, error: BaseException) -> None:
        if isinstance(error, StoreFailed) and not self._disk.is_dead:
            raise Violation("store", f"failed on a sound disk: {error}") from error
        self.crash(power=self._disk.is_dead or self._fate.chance(0.7))

    def _step_request(self) -> None:
        for _ in range(self._dice.pick((1, 1, 1, 2, 4))):
            self.request(self.workload.next())
        self._turn()

    def _step_due(self) -> None:
        """Let time pass to the next due instant, or to the last one before it."""
        if self.next_ms < NEVER:
            due_ms = Millis(self.next_ms - int(self._dice.chance(0.3)))
            self._tell("due", due_ms)
            self.raw_ms = max(self.raw_ms, due_ms)
        self._turn()

    def _step_pass(self) -> None:
        self._pass(self._dice.pick((1, 100, 1_000, 5_000, 30_000, 60_000)))

    def _step_jump(self) -> None:
        self._pass(self._dice.between(1, 30) * HOUR_MS)

    def _pass(self, time_ms: int) -> None:
        self._tell("pass", time_ms)
        self.raw_ms = Millis(self.raw_ms + time_ms)
        self._turn()

    def _step_crash_at_commit(self) -> None:
        if self._has_faults:
            self.store.crash_in = self._fate.between(0, 3)
            self.store.crash_after = self._fate.chance(0.5)
        self._step_request()

    def _step_crash_at_write(self) -> None:
        if self._has_faults:
            self._disk.dies_in = self._fate.between(0, 40)
        self._step_request()

    def _step_kill(self) -> None:
        if self._has_faults:
            for _ in range(2):
                self.request(self.workload.next())
            self.registry.group.clear()  # entered, and not committed
            self.crash(power=self._fate.chance(0.5))

    def _step_sync_fails(self) -> None:
        self._disk.sync_fails = self._has_faults
        self._step_request()

    def _step_disk_full(self) -> None:
        if self._has_faults:
            self._full_for = self._fate.between(1, 8)
            self._disk.is_full = True
        self._step_request()

    def _step_restart(self) -> None:
        self.restart()

    def _step_cancel(self) -> None:
        """Let a client hang up."""
        if self._pending:
            number = self._dice.pick(list(self._pending))
            self._tell("hang up", number)
            ticket = self._pending.pop(number).ticket
            assert ticket is not None
            self.dispatch.cancel(ticket)
        self._turn()

    def _end_faults(self) -> None:
        self._has_faults = False
        self._disk.is_full, self._disk.dies_in, self._disk.sync_fails = False, None, False
        self.store.crash_in, self._full_for = None, 0

    def _tell(self, *words: Any) -> None:
        line = f"{self.steps} {self.raw_ms - START_MS} " + " ".join(map(str, words))
        self.trace.append(line)
        self._digest.update(line.encode())


def _shown(reply: Reply) -> str:
    if reply.error is not None:
        return repr(reply.error)
    return str(plain(reply.result or {}))
