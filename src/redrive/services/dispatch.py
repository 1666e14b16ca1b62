"""Carry out effects: who enters, who waits, who is asked, which worker is due. No sockets, no
sleeping.

Both programs drive it: the shell between socket events, the simulator between virtual instants.

    enter ──> operate ──> result ──┐
                 │                 ├─> settle: one commit for all ──> answers leave, topics wake
                 ├──> Wait: parked ┘        │
                 └──> Ask: started after the commit; its reply resumes it in another transaction

Invariants
1. An answer leaves only after the commit of the group that it belongs to.
2. Whatever enters is answered exactly once, unless it is cancelled or the process dies.
3. A wait is tried again at its instant or when its topic wakes, in the order of arrival.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from redrive.core.effects import (
    Ask,
    Call,
    Caller,
    Chance,
    Context,
    Fetch,
    Job,
    Params,
    Ran,
    Reply,
    Result,
    Run,
    Step,
    Wait,
    Worker,
)
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.ids import uuid4
from redrive.core.time import NEVER, Millis
from redrive.services.registry import Registry
from redrive.store.store import Store, StoreFailed

_BUG_PAUSE_MS = 1_000
"""Before a worker that raised is stepped again."""


def _give_up(error: StoreFailed) -> None:
    raise error


_REFUSED_PAUSE_MS = 1_000
"""Before those who wait look again after a refused commit: at once would spin on a full disk."""

_new = tuple.__new__
"""Makes a NamedTuple without its own __new__, a Python function that costs three times as much."""

_LAST_DIGITS = tuple(f"{n:03x}" for n in range(0x1000))

Answer = Callable[[Reply], None]
JobRunner = Callable[[Job, Callable[[Reply], None]], None]


def perform(job: Job) -> Reply:
    """Do a job and return how it ended; it may be called from another thread."""
    try:
        return Reply(made=job.work())
    except (ServiceError, Unavailable) as error:
        return Reply(error=error)
    except Exception as error:  # noqa: BLE001 - the same boundary, on the jobs' side
        return Reply(error=AssertionError(repr(error)))


def _at_once(job: Job, done: Callable[[Reply], None]) -> None:
    done(perform(job))


Runner = Callable[[Run, Callable[[Ran], None]], None]
Fetcher = Callable[[Fetch, Callable[[Reply], None]], None]


def _nowhere(fetch: Fetch, done: Callable[[Reply], None]) -> None:
    """Reach nobody, where there is no network."""
    done(Reply(error=ServiceError("FetchFailed", f"{fetch.url} cannot be reached from here.")))


@dataclass(slots=True, eq=False)
class Ticket:
    """Something that entered and has not been answered."""

    service: str
    operation: str
    params: Params
    caller: Caller
    request_id: str
    arrived_ms: Millis
    answer: Answer
    at_ms: Millis = NEVER  # when a parked ticket is tried again
    topics: tuple[str, ...] = ()
    again: Callable[[Any, Millis], Result | Ask | Wait] | None = None  # a resume that waits
    parked: bool = False
    alike: bool = False  # as its latest Wait said
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class _Post:
    """A worker and what it last asked for."""

    worker: Worker
    at_ms: Millis = NEVER
    topics: tuple[str, ...] = ()
    calls: dict[Hashable, Ticket] = field(default_factory=dict)


class Dispatch:
    """The one place where effects become deeds.

    clock returns the present instant and never goes back. run starts a function and calls back
    once. stirred is called when there is something to settle that the caller of `settle` may not
    know of. fault hears of every error that is ours, failed that the store has failed. job does a
    Job and calls back once, by default at once; fetch asks other servers and calls back once.
    """

    def __init__(
        self,
        registry: Registry,
        store: Store,
        *,
        clock: Callable[[], Millis],
        chance: Chance,
        run: Runner,
        origin: str,
        stirred: Callable[[], None] = lambda: None,
        fault: Callable[[BaseException], None] = lambda _error: None,
        failed: Callable[[StoreFailed], None] = _give_up,
        job: JobRunner = _at_once,
        fetch: Fetcher = _nowhere,
    ) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._id_stem = uuid4(chance)[:-12]
        self._run = run
        self._origin = origin
        self._stirred = stirred
        self._fault = fault
        self._failed = failed
        self._job = job
        self._fetch = fetch
        self._answers: list[tuple[Ticket, Reply]] = []
        self._asks: list[tuple[Ticket, Ask]] = []
        self._parked: dict[str, dict[Ticket, None]] = {}
        self._listening: dict[str, dict[_Post, None]] = {}
        self._posts: list[_Post] = []
        self._agenda: list[tuple[Millis, int, Ticket | _Post]] = []
        self._order = count()
        self.entered = 0
        self.waiting = 0
        self.asked = 0

    # --- entering -------------------------------------------------------------------------------

    def enter(
        self,
        service: str,
        operation: str,
        params: Params,
        caller: Caller,
        answer: Answer,
        request_id: str | None = None,
    ) -> Ticket:
        """Run an operation now; `answer` is called once, after the commit that `settle` makes."""
        now_ms = self._clock()
        self.entered += 1
        ticket = Ticket(
            service,
            operation,
            params,
            caller,
            request_id or self.request_id(),
            now_ms,
            answer,
        )
        self._attempt(ticket, now_ms)
        return ticket

    def _enter(self, call: Call, answer: Answer) -> Ticket:
        return self.enter(
            call.service, call.operation, call.params, call.caller, answer, call.request_id
        )

    def request_id(self) -> str:
        """Return a new request id: a UUID whose first half is this process's, the rest a count."""
        n = next(self._order)
        return f"{self._id_stem}{n >> 12:09x}{_LAST_DIGITS[n & 0xFFF]}"

    def cancel(self, ticket: Ticket) -> None:
        """Forget a ticket: a parked one is unparked and never answered; a running one loses its
        answer.
        """
        ticket.cancelled = True
        if ticket.parked:
            topics = ticket.topics
            self._unpark(ticket)
            self._pass_on(topics, self._clock())

    def post(self, worker: Worker) -> None:
        """Take a worker into service; its first step is due at once."""
        post = _Post(worker)
        self._posts.append(post)
        self._schedule(post, self._clock())
        self._stirred()

    def drain(self) -> None:
        """End the waits of clients and let the workers come to rest."""
        now_ms = self._clock()
        for post in self._posts:
            self._consult(post, post.worker.drain, now_ms)
        mine = {ticket for post in self._posts for ticket in post.calls.values()}
        waiting = dict.fromkeys(t for parked in self._parked.values() for t in parked)
        for ticket in [t for t in waiting if t not in mine]:
            self._unpark(ticket)
            error = Unavailable("the server is shutting down")
            self._answers.append((ticket, Reply(error=error)))
        self._stirred()

    @property
    def is_at_rest(self) -> bool:
        """Tell whether nothing runs, waits or is to be settled."""
        return self.is_idle and not self.asked and not any(post.calls for post in self._posts)

    # --- going on -------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Tell whether there is nothing to settle."""
        return not (self._answers or self._asks or self._store.has_group)

    @property
    def next_ms(self) -> Millis:
        """Return the instant at which `advance` has something to do; NEVER when only events bring
        it.
        """
        agenda = self._agenda
        while agenda and agenda[0][2].at_ms != agenda[0][0]:
            heapq.heappop(agenda)
        return agenda[0][0] if agenda else NEVER

    def advance(self) -> None:
        """Try the waits and step the workers whose time has come."""
        now_ms = self._clock()
        while self.next_ms <= now_ms:
            item = heapq.heappop(self._agenda)[2]
            if isinstance(item, Ticket):
                item.at_ms = NEVER
                topics = item.topics
                self._attempt(item, now_ms)
                if not item.parked:
                    self._pass_on(topics, now_ms)
            else:
                item.at_ms = NEVER
                self._consult(item, item.worker.step, now_ms)

    def settle(self) -> None:
        """Commit the group, release its answers, start what it asked for, wake who waited for it.

        Parked tickets look again before the commit, so that a message and its first receive share
        one sync; workers are stepped after it. What that sets off belongs to the next group: call
        again until `is_idle`. Raises StoreFailed, after which nothing may be answered any more.
        """
        now_ms = self._clock()
        for topic in self._store.woken():
            self._wake_tickets(topic, now_ms)
        answers, self._answers = self._answers, []
        asks, self._asks = self._asks, []
        try:
            again = self._store.woken()  # what the tickets themselves have woken
            topics = self._store.commit(now_ms)
        except Unavailable as error:
            self._refuse(answers, asks, error)
            return
        except StoreFailed as error:
            self._failed(error)
            return
        for ticket, reply in answers:
            self._tell(ticket, reply)
        for ticket, ask in asks:
            self._start(ticket, ask)
        for topic in again:
            self._wake_tickets(topic, now_ms)
        for topic in topics:
            self._wake_posts(topic, now_ms)

    def _tell(self, ticket: Ticket, reply: Reply) -> None:
        """Give one answer; a bug on the way out must not cost the others of the group theirs."""
        if ticket.cancelled:
            return
        try:
            ticket.answer(reply)
        except Exception as error:  # noqa: BLE001 - the same boundary, on the way out
            self._fault(error)
            if reply.error is None:
                self._tell(ticket, Reply(error=AssertionError(repr(error))))

    def wake(self, topic: str) -> None:
        """Wake a topic from outside of a transaction (what lives in memory only, such as live
        events).
        """
        now_ms = self._clock()
        self._wake_tickets(topic, now_ms)
        self._wake_posts(topic, now_ms)
        self._stirred()

    # --- one attempt ----------------------------------------------------------------------------

    def _attempt(self, ticket: Ticket, now_ms: Millis) -> bool:
        """Run the ticket's operation or resume it; return whether all alike would wait as well."""
        try:
            if ticket.again is not None:
                outcome = self._store.transact(ticket.again, now_ms)
            else:
                outcome = self._registry.operate(
                    ticket.service,
                    ticket.operation,
                    ticket.params,
                    _new(
                        Context,
                        (ticket.caller, now_ms, ticket.arrived_ms, ticket.request_id, self._origin),
                    ),
                )
        except (ServiceError, Unavailable) as error:
            reply = Reply(error=error)
        except StoreFailed as error:
            self._failed(error)  # nothing is answered any more
            return False
        except Exception as error:  # noqa: BLE001 - the boundary between our bugs and the loop
            self._fault(error)
            reply = Reply(error=AssertionError(repr(error)))
        else:
            if isinstance(outcome, Wait) and outcome.at_ms > now_ms:
                self._park(ticket, outcome, now_ms)
                return outcome.alike
            if isinstance(outcome, Ask):
                self._unpark(ticket)
                self._asks.append((ticket, outcome))
                return False
            if isinstance(outcome, Wait):
                bug = AssertionError(f"{ticket.operation} waits for an instant that has come")
                self._fault(bug)  # it would spin
                reply = Reply(error=bug)
            else:
                reply = Reply(outcome)
        if ticket.parked:
            self._unpark(ticket)
        self._answers.append((ticket, reply))
        return False

    def _start(self, ticket: Ticket, ask: Ask) -> None:
        effect = ask.effect
        self.asked += 1

        def resume(reply: Reply) -> None:
            self.asked -= 1
            self._resume(ticket, ask, reply)
            self._stirred()

        if isinstance(effect, Run):
            self._run(effect, lambda ran: resume(Reply(ran=ran)))
        elif isinstance(effect, Job):
            self._job(effect, resume)
        elif isinstance(effect, Fetch):
            self._fetch(effect, resume)
        else:
            self._enter(effect, resume)

    def _resume(self, ticket: Ticket, ask: Ask, reply: Reply) -> None:
        ticket.again = lambda tx, now_ms: ask.resume(tx, reply, now_ms)
        self._attempt(ticket, self._clock())

    def _refuse(
        self,
        answers: list[tuple[Ticket, Reply]],
        asks: list[tuple[Ticket, Ask]],
        error: Unavailable,
    ) -> None:
        for ticket, _reply in answers:
            self._tell(ticket, Reply(error=error))
        for ticket, ask in asks:
            # The operation may hold something that only its resume gives back (a concurrency slot).
            self._resume(ticket, ask, Reply(error=error))
        # What waits may have looked at rows that only the lost group had changed.
        again_ms = Millis(self._clock() + _REFUSED_PAUSE_MS)
        for ticket in [ticket for parked in self._parked.values() for ticket in parked]:
            self._schedule(ticket, min(ticket.at_ms, again_ms))

    # --- waiting --------------------------------------------------------------------------------

    def _park(self, ticket: Ticket, wait: Wait, now_ms: Millis) -> None:
        if ticket.cancelled:
            return
        ticket.alike = wait.alike
        if not ticket.parked:
            ticket.parked = True
            self.waiting += 1
        if ticket.topics != wait.topics:
            self._leave_topics(ticket)
            ticket.topics = wait.topics
            for topic in wait.topics:
                self._parked.setdefault(topic, {})[ticket] = None
        self._schedule(ticket, wait.at_ms)

    def _unpark(self, ticket: Ticket) -> None:
        if not ticket.parked:
            return
        ticket.parked = False
        ticket.at_ms = NEVER
        self._leave_topics(ticket)
        ticket.topics = ()
        self.waiting -= 1

    def _leave_topics(self, ticket: Ticket) -> None:
        for topic in ticket.topics:
            parked = self._parked[topic]
            del parked[ticket]
            if not parked:
                del self._parked[topic]

    def _wake_tickets(self, topic: str, now_ms: Millis) -> None:
        for ticket in list(self._parked.get(topic, ())):
            if ticket.parked and self._attempt(ticket, now_ms):
                break

    def _wake_posts(self, topic: str, now_ms: Millis) -> None:
        for post in list(self._listening.get(topic, ())):
            self._consult(post, post.worker.step, now_ms)

    def _pass_on(self, topics: tuple[str, ...], now_ms: Millis) -> None:
        """Let the next one wait in the place of a ticket that has left.

        Behind a ticket that looks for the same thing as others nobody knows when to look again.
        """
        for topic in topics:
            successor = next(iter(self._parked.get(topic, ())), None)
            if successor is not None:
                self._schedule(successor, now_ms)
                self._stirred()

    def _schedule(self, item: Ticket | _Post, at_ms: Millis) -> None:
        if item.at_ms != at_ms:
            item.at_ms = at_ms
            heapq.heappush(self._agenda, (at_ms, next(self._order), item))

    # --- workers --------------------------------------------------------------------------------

    def _consult(self, post: _Post, ask: Callable[[Millis], Step], now_ms: Millis) -> None:
        """Let a worker go on; one that has a bug is stepped again later rather than never."""
        try:
            step = ask(now_ms)
        except Exception as error:  # noqa: BLE001 - the same boundary, on the workers' side
            self._fault(error)
            step = Step(next_ms=Millis(now_ms + _BUG_PAUSE_MS), topics=post.topics)
        self._take(post, step)

    def _take(self, post: _Post, step: Step) -> None:
        for reply_to in step.cancels:
            ticket = post.calls.get(reply_to)
            if ticket is not None and ticket.parked:  # what has an answer under way keeps it
                del post.calls[reply_to]
                self.cancel(ticket)
        if post.topics != step.topics:
            for topic in post.topics:
                self._listening[topic].pop(post, None)
            post.topics = step.topics
            for topic in step.topics:
                self._listening.setdefault(topic, {})[post] = None
        if step.next_ms is None:
            post.at_ms = NEVER
        else:
            self._schedule(post, step.next_ms)
        for call in step.calls:
            self._call(post, call)

    def _call(self, post: _Post, call: Call) -> None:
        def done(reply: Reply) -> None:
            post.calls.pop(call.reply_to, None)
            self._consult(post, partial(post.worker.done, call.reply_to, reply), self._clock())

        assert call.reply_to not in post.calls, f"{post.worker.name} reuses {call.reply_to!r}"
        ticket = self._enter(call, done)
        if call.reply_to is not None:
            post.calls[call.reply_to] = ticket
