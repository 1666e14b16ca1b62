"""Composition root two: the shipped services, engine and workers under a virtual clock and one
seed.

    request · time passes · a function ends · a fault is armed ──> turn: advance, settle, maintain
                                                                    │            └──> audit
                                    crash <──Crash, StoreFailed─────┘
                                      └──> what the disk kept ──> everything is built anew ──> audit

Nothing here reads a real clock or real chance, touches a file or waits. Equal seeds give equal
traces.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redrive.core.effects import Ran, Reply, Run
from redrive.core.time import HOUR_MS, NEVER, SECOND_MS, Millis
from redrive.services import functions as functions_package
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.dispatch import Dispatch, Ticket
from redrive.services.functions import operations as functions
from redrive.services.functions.courier import Courier
from redrive.services.functions.room import Functions
from redrive.services.functions.sweeper import Sweeper
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.recorder import Recorder
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.mover import Mover
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.sim.chance import Dice
from redrive.sim.evidence import (
    AUDIT_STATEMENTS,
    CALLER,
    Poll,
    Violation,
    WatchedRegistry,
    plain,
    read_audit,
)
from redrive.sim.fairness import FAIRNESS
from redrive.sim.faults import Crash, CrashingStore
from redrive.sim.judge import Judge
from redrive.sim.runtime import Ending, MemoryCode, Scripts
from redrive.sim.vfs import Disk, MemoryVfs
from redrive.sim.workload import Request, Workload
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import StoreFailed

_SERVICES = Path(functions_package.__file__).parent.parent
_STATEMENTS = load_statements(
    _SERVICES / f"{name}.sql"
    for name in (
        "queues/queues",
        "queues/fifo",
        "functions/functions",
        "delivery/delivery",
        "mappings/mappings",
        "metrics/metrics",
    )
)
ORIGIN = "http://sim"
START_MS = Millis(1_800_000_000_000)
_REFUSED_PAUSE_MS = 1_000  # as services.dispatch has it
_TRACE_KEPT = 60
_TURNS_MAX = 2_000
"""Turns at one instant after which something spins."""

_STEPS: dict[str, float] = {
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


@dataclass(slots=True, eq=False)
class _Pending:
    """A request that has not been answered."""

    request: Request
    poll: Poll | None
    ticket: Ticket | None = None  # None while it is being entered


class VirtualClock:
    """A process's clock: the world's time, never back, not before the store's high-water mark."""

    def __init__(self, world: World, floor_ms: Millis) -> None:
        self._world = world
        self._last_ms = floor_ms

    def __call__(self) -> Millis:
        """Return the present instant."""
        self._last_ms = max(self._last_ms, self._world.raw_ms)
        return self._last_ms


class World:
    """One machine, its disk, its clients and its judge.

    name tells its VFS from those of other worlds in the process. has_faults: crashes, full disks
    and lost replies happen. has_mappings: functions are mapped to queues. has_groups: messages are
    of tenants, on standard queues. has_fifo: there are FIFO queues as well.
    """

    def __init__(
        self,
        seed: int,
        name: str = "world",
        *,
        judge: Judge | None = None,
        has_faults: bool = True,
        has_mappings: bool | None = None,
        has_fifo: bool | None = None,
        has_groups: bool | None = None,
        script: Callable[[Run, Millis], Ending] | None = None,
    ) -> None:
        self.seed, self._name = seed, name
        self._dice = Dice(seed, "world")
        self._fate = Dice(seed, "faults")
        self._has_faults = has_faults
        self._script = script
        if has_mappings is None:
            has_mappings = self._dice.chance(0.5)
        if has_fifo is None:
            has_fifo = Dice(seed, "fifo").chance(0.5)
        groups = Dice(seed, "groups")
        if has_groups is None:
            has_groups = groups.chance(0.5)
        self.workload = Workload(
            Dice(seed, "workload"),
            has_mappings=has_mappings,
            groups=groups if has_groups else None,
            has_fifo=has_fifo,
            options=Dice(seed, "mappings"),
        )
        self.judge = judge or Judge()
        self.raw_ms = START_MS
        self.trace: deque[str] = deque(maxlen=_TRACE_KEPT)
        self._digest = hashlib.sha256()
        self.steps = 0
        self._generation = 0
        self._code = MemoryCode()
        self._disk = Disk()
        self._pending: dict[int, _Pending] = {}
        self._asked = 0
        self._full_for = 0
        self._patient_until_ms = 0
        self._start()

    # --- the process ----------------------------------------------------------------------------

    def _start(self) -> None:
        self._generation += 1
        name = f"{self._name}-{self._generation}"
        self._vfs = MemoryVfs(name, self._disk, lambda: self.raw_ms)
        statements = (*_STATEMENTS, *AUDIT_STATEMENTS)
        self.sqlite = SqliteStore("/redrive.db", statements, vfs=name)
        self.store = CrashingStore(self.sqlite, self._committed, self._refused)
        self.clock = VirtualClock(self, self.sqlite.high_water_ms)
        self.registry = WatchedRegistry(self.store)
        chance = Dice(self.seed, f"chance/{self._generation}")
        queues.register(self.registry, Queues(self.store, chance, fairness=FAIRNESS))
        outbox = Outbox(self.registry)
        functions.register(self.registry, Functions(self._code, chance, outbox=outbox))
        delivery.register(self.registry, Deliveries())
        mappings.register(self.registry, Mappings(chance))
        metrics.register(self.registry, Metrics())
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
        )
        for worker in (
            Mover(CALLER),
            Reaper(CALLER),
            Recorder(CALLER, self.sqlite.high_water_ms),
            Courier(lambda _dropped: None),
            DeliveryCourier(CALLER, lambda _lost: None),
            Sweeper(),
            Poller(CALLER, chance),
        ):
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
        audit = read_audit(self.sqlite, self.clock(), [])
        self.judge = self.judge.resolve(unknown, audit)
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
        self._patient_until_ms = self.clock() + _REFUSED_PAUSE_MS
        self.judge.refused()

    # --- clients --------------------------------------------------------------------------------

    def request(self, request: Request, heard: Callable[[Reply], None] | None = None) -> None:
        """Let a client ask. What it hears goes to the workload, or to `heard`."""
        self._asked += 1
        number = self._asked
        self._tell("ask", number, request.operation, dict(request.params))
        now_ms = self.clock()
        poll = None
        if request.operation == "ReceiveMessage":
            wait = request.params.get("WaitTimeSeconds")
            ends_ms = NEVER if wait is None else now_ms + wait * SECOND_MS
            poll = Poll(str(request.params["QueueUrl"]).rsplit("/", 1)[-1], ends_ms, now_ms)
        pending = self._pending[number] = _Pending(request, poll)

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

    def _turn(self) -> None:
        """Do what the server's loop does, until it would sleep; then look at the rows."""
        for _ in range(_TURNS_MAX):
            while self.scripts.end_due():
                pass
            self.dispatch.advance()
            self.dispatch.settle()
            if not self.store.has_group:
                self.store.maintain()
            is_due = self.scripts.next_ms <= self.clock() or self.dispatch.next_ms <= self.clock()
            if self.dispatch.is_idle and not is_due:
                break
        else:
            raise Violation("rest", f"no rest after {_TURNS_MAX} turns at one instant")
        now_ms = self.clock()
        # After a refused commit the server lets those who wait look again after a pause.
        as_of_ms = 0 if now_ms <= self._patient_until_ms else now_ms
        polls = [p.poll._replace(as_of_ms=as_of_ms) for p in self._pending.values() if p.poll]
        self.judge.audit(read_audit(self.sqlite, now_ms, polls))

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
        kind = self._dice.weighted(_STEPS)
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

    def come_to_rest(self) -> None:
        """End the faults, let what runs end, and let the judge say whether all is accounted for."""
        self._has_faults = False
        self._disk.is_full, self._disk.dies_in, self._disk.sync_fails = False, None, False
        self.store.crash_in, self._full_for = None, 0
        listed = self.call("ListEventSourceMappings", "lambda")
        uuids = [mapping["UUID"] for mapping in listed["EventSourceMappings"]]
        for request in self.workload.wind_up(uuids):
            self.request(request, lambda _reply: None)
            self._turn()
        self.pass_until(self.clock() + 600 * SECOND_MS)
        if not self.scripts.count:
            self.judge.rest()

    def _tell(self, *words: Any) -> None:
        line = f"{self.steps} {self.raw_ms - START_MS} " + " ".join(map(str, words))
        self.trace.append(line)
        self._digest.update(line.encode())


def _shown(reply: Reply) -> str:
    if reply.error is not None:
        return repr(reply.error)
    return str(plain(reply.result or {}))
