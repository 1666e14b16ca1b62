"""A world of what starts work, beside that of queues (world.py): all shipped services, store and
workers under a virtual clock and one seed (machine.py), with targets that fail.

rules · topics · schedules · pipes · archives ──> deliveries ──> queues, functions, buses, servers
                                                                    │ fail, hang, are not there
                                                                    v
                                                              dead-letter queues
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

import orjson

from redrive.core.effects import Fetch, Ran, Reply, Run, Worker
from redrive.core.errors import Unavailable
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, NEVER, SECOND_MS, Millis
from redrive.rooms import SDK_SERVICES, STATEMENTS, Parts, add_rooms
from redrive.services import functions as functions_package
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.functions import operations as functions
from redrive.services.functions.courier import Courier
from redrive.services.functions.room import Functions
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.recorder import Recorder
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.mover import Mover
from redrive.services.queues.room import Queues
from redrive.services.topics.room import Signer, Topics
from redrive.sim.chance import Dice
from redrive.sim.events_judge import EventsAudit, EventsJudge
from redrive.sim.events_targets import CAN_FAIL, DEAD_URL
from redrive.sim.events_troubles import KINDS, EventsRegistry, Servers, Trouble
from redrive.sim.events_workload import EventsWorkload
from redrive.sim.evidence import AUDIT_STATEMENTS, CALLER, MessageRow, QueueRow
from redrive.sim.faults import CrashingStore
from redrive.sim.machine import STEPS, Machine
from redrive.sim.runtime import Ending
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import Store, Tx
from redrive.wire.sdk import SdkReader

_SERVICES = Path(functions_package.__file__).parent.parent
_FILES = (
    "queues/queues",
    "queues/fifo",
    "functions/functions",
    "delivery/delivery",
    "mappings/mappings",
    "metrics/metrics",
    *STATEMENTS,
)
_STATEMENTS = (
    *load_statements(_SERVICES / f"{name}.sql" for name in _FILES),
    *AUDIT_STATEMENTS,
    *load_statements([Path(__file__).with_name("events_audit.sql")]),
)
_API = SdkReader(SDK_SERVICES)
"""One for all worlds of a process: it holds nothing but models."""
_DEAD = {DEAD_URL: True, "https://dead.sim/": True}
_AT_REST_MS = DAY_MS + HOUR_MS


class _Number(NamedTuple):
    value: int


class _Unsigned(Topics):
    """Topics without a key: real ones are made by a chance that is not the seed's."""

    def signer(self, tx: Tx, now_ms: int) -> Signer:
        """Return what signs for show."""
        del tx, now_ms
        return _Stamp()


class _Stamp:
    id = "simulated"
    certificate = b""

    def sign(self, text: bytes, version: str) -> str:
        """Return a text of the length of a signature."""
        del text, version
        return "A" * 344


class MarkingStore(CrashingStore):
    """A store whose commits carry a mark, so that what a crash has interrupted is known."""

    mark = 0
    """That of the latest commit that is known to have happened."""

    def commit(self, now_ms: Millis) -> tuple[str, ...]:
        """Commit the group with the next mark."""
        if not self.has_writes:
            return super().commit(now_ms)
        before = self.mark
        with suppress(Unavailable):  # the commit itself will say so
            self.inner.transact(lambda tx: tx.run("events_audit.set_mark", mark=before + 1))
        topics = super().commit(now_ms)
        self.mark = before + 1
        return topics


class EventsWorld(Machine):
    """Rules, topics, schedules and pipes, their targets, clients and judge."""

    steps_of: ClassVar[Mapping[str, float]] = {
        **STEPS,
        "through": 7,
        "trouble": 4,
        "heal": 3,
        "storm": 0.4,
    }
    judge: EventsJudge
    workload: EventsWorkload
    registry: EventsRegistry
    store: MarkingStore

    def __init__(
        self,
        seed: int,
        name: str = "events",
        *,
        judge: EventsJudge | None = None,
        has_faults: bool = True,
    ) -> None:
        super().__init__(seed, name, has_faults=has_faults, script=self._script_of)
        self.workload = EventsWorkload(Dice(seed, "workload"), lambda: int(self.clock()))
        self.judge = judge or EventsJudge()
        self._troubles: dict[str, Trouble] = {}
        self._is_kept = False
        self._bodies: dict[str, list[str]] | None = None
        self._start()

    # --- the process ----------------------------------------------------------------------------

    def _open(self, vfs: str) -> SqliteStore:
        return SqliteStore("/redrive.db", _STATEMENTS, vfs=vfs)

    def _guarded(self, sqlite: SqliteStore) -> MarkingStore:
        store = MarkingStore(sqlite, self._committed, self._refused)
        known = self.store.mark if self._generation > 1 else 0
        store.mark = sqlite.transact(_read, "events_audit.mark")
        self._is_kept = store.mark > known
        return store

    def _registry_on(self, store: Store) -> EventsRegistry:
        registry = EventsRegistry(store)
        registry.troubles = self._troubles
        return registry

    def _furnish(self, chance: Dice) -> Iterable[Worker]:
        registry = self.registry
        outbox = Outbox(registry)
        room = Metrics()
        queues.register(registry, Queues(self.store, chance))
        functions.register(registry, Functions(self._code, chance, outbox=outbox))
        delivery.register(registry, Deliveries(outbox.tell))
        mappings.register(registry, Mappings(chance))
        metrics.register(registry, room)
        parts = Parts(
            registry, chance, outbox, CALLER, room.gatherer.count, topics=_Unsigned, api=_API
        )
        workers = add_rooms(parts)
        dice = Dice(self.seed, f"servers/{self._generation}")
        self._servers = Servers(dice, self.clock, self._answered, _DEAD)
        return (
            Mover(CALLER),
            Recorder(CALLER, self.sqlite.high_water_ms, room.gatherer),
            Courier(lambda _dropped: None),
            DeliveryCourier(CALLER, lambda _lost: None),
            Poller(CALLER, chance),
            *workers,
        )

    def _refused(self) -> None:
        self.judge.ledger.now_ms = max(self.judge.ledger.now_ms, self.clock())
        super()._refused()
        if self._disk.is_full:
            self.judge.full()

    def _script_of(self, run: Run, now_ms: Millis) -> Ending:
        dice = Dice(self.seed, f"run/{run.request_id}")
        if dice.chance(0.2):
            body = {"errorType": "ValueError", "errorMessage": "no"}
            failed = Ran(orjson.dumps(body), "Unhandled", "error")
            return Ending(now_ms, failed, frozenset())
        takes_ms = dice.pick((0, 0, 10, 500))
        return Ending(Millis(now_ms + takes_ms), Ran(b"null"), frozenset())

    # --- other servers --------------------------------------------------------------------------

    def _fetch(self, fetch: Fetch, done: Callable[[Reply], None]) -> None:
        self._tell("fetch", fetch.method, fetch.url)
        if b'"SubscriptionConfirmation"' in fetch.body:
            self.workload.confirm(fetch.body)
        self._servers.fetch(fetch, done)

    def _answered(self, fetch: Fetch, outcome: str) -> None:
        self._tell("fetched", fetch.url, outcome)
        self.judge.ledger.now_ms = max(self.judge.ledger.now_ms, self.clock())
        self.judge.fetched(fetch, outcome)

    @property
    def next_ms(self) -> Millis:
        """Return when something is due by itself."""
        return min(super().next_ms, self._servers.next_ms)

    def _end_due(self) -> bool:
        return self._servers.end_due() or super()._end_due()

    # --- what the judge sees --------------------------------------------------------------------

    def _audit(self) -> EventsAudit:
        if self.registry.group and not self.store.has_group:
            self._committed()  # calls that hang have touched no row: there is no commit of theirs
        owed: int = self.sqlite.transact(_read, "events_audit.owed")
        self.sqlite.commit(self.clock())
        return EventsAudit(int(self.clock()), owed, self._is_kept, self._bodies)

    # --- targets --------------------------------------------------------------------------------

    def hamper(self, target: str, trouble: Trouble) -> None:
        """Let a target fail from now on."""
        self._tell("trouble", target, *trouble)
        self._troubles[target] = trouble

    def heal(self, target: str) -> None:
        """Let it work again."""
        self._tell("heal", target)
        del self._troubles[target]

    # --- the play -------------------------------------------------------------------------------

    def play(self, steps: int) -> str:
        """Prepare, play so many steps and come to rest; return the trace's hash."""
        self.workload.prepare(self.call)
        return super().play(steps)

    def _step_through(self) -> None:
        """Let time pass from one due instant to the next."""
        time_ms = self._dice.pick((10 * SECOND_MS, MINUTE_MS, 10 * MINUTE_MS))
        if self._disk.is_full:  # everybody would look again each second
            time_ms = SECOND_MS
        self._tell("through", time_ms)
        self.pass_until(self.raw_ms + time_ms)

    def _step_trouble(self) -> None:
        """Let a target fail from now on."""
        dice = self._dice
        for_ms = dice.pick((SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS, NEVER))
        target, kind = dice.pick(CAN_FAIL), dice.pick(KINDS)
        self.hamper(target, Trouble(kind, min(NEVER, self.clock() + for_ms)))
        self._step_request()

    def _step_heal(self) -> None:
        if self._troubles:
            self.heal(self._dice.pick(list(self._troubles)))
        self._step_request()

    def _step_storm(self) -> None:
        for request in self.workload.storm():
            self.request(request)
        self._turn()

    def come_to_rest(self) -> None:
        """End the faults, heal most targets, let a day pass in which all retries end."""
        self._end_faults()
        for target in list(self._troubles):
            is_lasting = self._dice.chance(0.1) and target.endswith(":q1")
            if not is_lasting:
                self.heal(target)
        for request in self.workload.wind_up():
            self.request(request, lambda _reply: None)
            self._turn()
        self.pass_until(self.clock() + HOUR_MS // 4)
        self.call("StopPipe", "pipes", Name="pipe")
        self._pass_retries(self.clock() + _AT_REST_MS)
        self._troubles.clear()
        self._pass_retries(self.clock() + HOUR_MS)
        self._bodies = self._read_bodies()
        self.judge.audit(self._audit())
        self.judge.rest()

    def _pass_retries(self, until_ms: int) -> None:
        """Let time pass while something is owed, from one row's instant to the next: what only
        keeps house need not come by in between.
        """
        while self._audit().owed and self.raw_ms < until_ms:
            due_ms: int = self.sqlite.transact(self._next_due)
            self.sqlite.commit(self.clock())
            at_ms = min(due_ms, self._servers.next_ms, self.scripts.next_ms)
            if at_ms == NEVER or self._troubles:
                at_ms = min(at_ms, self.next_ms)
            self.raw_ms = max(self.raw_ms, Millis(at_ms))
            self._turn()
        self.raw_ms = max(self.raw_ms, Millis(until_ms))
        self._turn()

    def _next_due(self, tx: Tx) -> int:
        return _read(tx, "events_audit.next", now_ms=int(self.clock()), never=NEVER)

    def _read_bodies(self) -> dict[str, list[str]]:
        def read(tx: Tx) -> dict[str, list[str]]:
            rows: list[QueueRow] = tx.rows(QueueRow, "audit.queues")
            names = {row.heap: row.name for row in rows}
            found: dict[str, list[str]] = {name: [] for name in names.values()}
            messages: list[MessageRow] = tx.rows(MessageRow, "audit.messages")
            for message in messages:
                if message.heap in names:
                    found[names[message.heap]].append(message.content)
            return found

        bodies: dict[str, list[str]] = self.sqlite.transact(read)
        self.sqlite.commit(self.clock())
        return bodies


def _read(tx: Tx, name: str, **given: int) -> int:
    found: list[_Number] = tx.rows(_Number, name, **given)
    return found[0].value
