"""Composition root two: the shipped services, engine and workers under a virtual clock and one
seed (machine.py): queues, functions and mappings. events_world.py has what starts work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from redrive.core.effects import Run, Worker
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services import functions as functions_package
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
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
from redrive.sim.evidence import AUDIT_STATEMENTS, CALLER, Audit, Poll, read_audit
from redrive.sim.fairness import FAIRNESS
from redrive.sim.judge import Judge
from redrive.sim.machine import START_MS, Machine
from redrive.sim.runtime import Ending
from redrive.sim.workload import Request, Workload
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

__all__ = ["START_MS", "World"]

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


class World(Machine):
    """Queues, functions and mappings, their clients and their judge.

    has_mappings: functions are mapped to queues. has_groups: messages are of tenants, on standard
    queues. has_fifo: there are FIFO queues as well.
    """

    judge: Judge
    workload: Workload

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
        super().__init__(seed, name, has_faults=has_faults, script=script)
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
        self._start()

    def _open(self, vfs: str) -> SqliteStore:
        return SqliteStore("/redrive.db", (*_STATEMENTS, *AUDIT_STATEMENTS), vfs=vfs)

    def _furnish(self, chance: Dice) -> Iterable[Worker]:
        registry = self.registry
        queues.register(registry, Queues(self.store, chance, fairness=FAIRNESS))
        outbox = Outbox(registry)
        functions.register(registry, Functions(self._code, chance, outbox=outbox))
        delivery.register(registry, Deliveries(outbox.tell))
        mappings.register(registry, Mappings(chance))
        metrics.register(registry, Metrics())
        return (
            Mover(CALLER),
            Reaper(CALLER),
            Recorder(CALLER, self.sqlite.high_water_ms),
            Courier(lambda _dropped: None),
            DeliveryCourier(CALLER, lambda _lost: None),
            Sweeper(),
            Poller(CALLER, chance),
        )

    def _poll_of(self, request: Request, now_ms: Millis) -> Poll | None:
        if request.operation != "ReceiveMessage":
            return None
        wait = request.params.get("WaitTimeSeconds")
        ends_ms = NEVER if wait is None else now_ms + wait * SECOND_MS
        return Poll(str(request.params["QueueUrl"]).rsplit("/", 1)[-1], ends_ms, now_ms)

    def _audit(self) -> Audit:
        now_ms = self.clock()
        # After a refused commit the server lets those who wait look again after a pause.
        as_of_ms = 0 if now_ms <= self._patient_until_ms else now_ms
        polls = [p.poll._replace(as_of_ms=as_of_ms) for p in self._pending.values() if p.poll]
        return read_audit(self.sqlite, now_ms, polls)

    def come_to_rest(self) -> None:
        """End the faults, let what runs end, and let the judge say whether all is accounted for."""
        self._end_faults()
        listed = self.call("ListEventSourceMappings", "lambda")
        uuids = [mapping["UUID"] for mapping in listed["EventSourceMappings"]]
        for request in self.workload.wind_up(uuids):
            self.request(request, lambda _reply: None)
            self._turn()
        self.pass_until(self.clock() + 600 * SECOND_MS)
        if not self.scripts.count:
            self.judge.rest()
