"""Planted faults in what starts work: each checker, alone, finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_sim_canaries import Plant, swap

from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.buses.operations import replays as replays_module
from redrive.services.delivery import operations as delivery_module
from redrive.services.delivery import outbox as outbox_module
from redrive.services.delivery import rules as delivery_rules
from redrive.services.delivery import settling as settling_module
from redrive.services.schedules import rules as schedule_rules
from redrive.services.topics import fanout as fanout_module
from redrive.services.topics.filters import Verdict
from redrive.sim import events_checkers as checkers
from redrive.sim import events_world
from redrive.sim.events_checkers import EventChecker
from redrive.sim.events_judge import EventsJudge
from redrive.sim.events_troubles import TroubledRegistry
from redrive.sim.evidence import Violation
from redrive.sim.faults import CrashingStore
from redrive.sim.replay import EVENTS_STEPS_DEFAULT
from redrive.store.store import StoreFailed

SEEDS = 60


def find(kind: type[EventChecker]) -> None:
    """Play seeds until the checker, alone, finds something; fail after SEEDS of them."""
    other: BaseException | None = None
    for seed in range(SEEDS):
        judge = EventsJudge([kind])
        world = events_world.EventsWorld(seed, f"canary-{seed}", judge=judge)
        try:
            world.play(EVENTS_STEPS_DEFAULT)
        except Violation as violation:
            if violation.invariant == kind.invariant:
                return
            other = violation
        except (StoreFailed, ServiceError) as failed:  # proves nothing of the judge
            other = failed
        finally:
            world.close()
    pytest.fail(f"{kind.invariant} was not found in {SEEDS} seeds; another finding: {other!r}")


def reword(service: str, name: str, old: str, new: str) -> Plant:
    """Return a plant that rewrites a statement."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        groups = []
        for group in events_world._STATEMENTS:
            if group.service == service:
                assert old in group.texts[name], f"{name} has no {old}"
                text = group.texts[name].replace(old, new)
                group = group._replace(texts={**group.texts, name: text})
            groups.append(group)
        monkeypatch.setattr(events_world, "_STATEMENTS", tuple(groups))

    return plant


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """Return a plant that puts something around a function."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, make(getattr(owner, name)))


def one_more(settle: Any) -> Any:
    """Grant a retry more than the policy does."""

    def settled(delivery: Any, failure: Any, now_ms: int) -> Any:
        retry = delivery_rules.retry_of(delivery.retry)
        if retry.attempts_max is not None:
            retry = retry._replace(attempts_max=retry.attempts_max + 1)
        changed = delivery._replace(retry=delivery_rules.retry_text(retry))
        return settle(changed, failure, now_ms)

    return settled


def forgiving(settle: Any) -> Any:
    """Take a final error for one that passes."""

    def settled(delivery: Any, failure: Any, now_ms: int) -> Any:
        if failure is not None:
            failure = failure._replace(is_final=False)
        return settle(delivery, failure, now_ms)

    return settled


def miscounted(bury: Any) -> Any:
    """Count a retry more in a dead letter."""

    def buried(tx: Any, attempt: Any, letter: str, over: Any, retries: int, now_ms: int) -> Any:
        return bury(tx, attempt, letter, over, retries + 1, now_ms)

    return buried


def silent_deadline(expire: Any) -> Any:
    """Drop what has grown too old, its dead letter too."""

    def expired(tx: Any, attempt: Any, _now_ms: int) -> Any:
        tx.run("delivery.delete", id=attempt.delivery.id)
        return {"GivenUp": None}

    del expire
    return expired


def no_lane(add: Any) -> Any:
    """Let nobody wait for those of his group."""

    def added(tx: Any, call: Any, now_ms: int, **terms: Any) -> None:
        add(tx, call, now_ms, **{**terms, "lane": None})

    return added


def disordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with the latest, and let none wait."""
    wrap(outbox_module, "add", no_lane)(monkeypatch)
    reword("delivery", "ready", "ORDER BY due_ms, id", "ORDER BY due_ms, id DESC")(monkeypatch)


def skipping(following: Any) -> Any:
    """Leave out every other instant."""

    def found(timing: Any, anchor_ms: int, scheduled_ms: int, now_ms: int) -> Any:
        after_ms = following(timing, anchor_ms, scheduled_ms, now_ms)
        return after_ms and following(timing, anchor_ms, after_ms, after_ms)

    return found


def early(draw: Any) -> Any:
    """Fire a second before the time."""
    return lambda timing, scheduled_ms, chance: draw(timing, scheduled_ms, chance) - 1_000


def commit_alone(store: CrashingStore, work: Any, *arguments: Any) -> Any:
    """Commit each work by itself."""
    result = store.inner.transact(work, *arguments)
    store.inner.commit(Millis(0))
    return result


def forgetful(operate: Any) -> Any:
    """Answer that a message was taken."""

    def operated(self: Any, service: str, operation: str, params: Any, context: Any) -> Any:
        if operation == "SendMessage" and str(params["QueueUrl"]).endswith(":q1"):
            return {"MessageId": "nobody's", "MD5OfMessageBody": ""}
        return operate(self, service, operation, params, context)

    return operated


def bury_nothing(*_arguments: Any) -> str:
    """Owe nothing to the dead-letter queue."""
    return ""


FAULTS: dict[str, tuple[type[EventChecker], Plant]] = {
    "a filter policy that lets everything through": (
        checkers.NoStrays,
        swap(fanout_module, "judge", lambda *_arguments: Verdict.PASSES),
    ),
    "a target that is not removed": (
        checkers.NoStrays,
        reword("buses", "delete_target", "id = :id", "id = :id || '-'"),
    ),
    "a work that is committed by itself": (
        checkers.NoStrays,
        swap(CrashingStore, "transact", commit_alone),
    ),
    "a delivery that is not forgotten": (
        checkers.NoRepetition,
        reword("delivery", "delete", "id = :id", "id = :id AND attempts > 0"),
    ),
    "a burial that leaves the row": (
        checkers.NoRepetition,
        reword("delivery", "delete", "id = :id", "id = :id AND dead_letter IS NULL"),
    ),
    "a retry a fifth too early": (
        checkers.LadderKept,
        wrap(delivery_rules, "delay_ms", lambda delay: lambda *a: round(delay(*a) * 0.6)),
    ),
    "a retry too many": (checkers.LadderKept, wrap(delivery_rules, "settle", one_more)),
    "a final error that is tried again": (
        checkers.LadderKept,
        wrap(delivery_rules, "settle", forgiving),
    ),
    "a dead letter that miscounts": (
        checkers.DeadLetters,
        wrap(settling_module, "_bury", miscounted),
    ),
    "a final error that is buried in a second": (
        checkers.Promptness,
        wrap(delivery_rules, "settle", forgiving),
    ),
    "a retry twice too late": (
        checkers.Promptness,
        wrap(delivery_rules, "delay_ms", lambda delay: lambda *a: 2 * delay(*a)),
    ),
    "a dead target that holds up the others": (
        checkers.Promptness,
        swap(delivery_rules, "share_of", lambda free: int(free == 4_000)),
    ),
    "a burial that is not owed": (
        checkers.Promptness,
        swap(settling_module, "_bury", bury_nothing),
    ),
    "a group that is not kept in order": (checkers.Order, disordered),
    "a deduplication of a minute": (
        checkers.Deduplication,
        reword("topics", "published", "until_ms > :now_ms", "until_ms > :now_ms + 240000"),
    ),
    "an instant that is left out": (
        checkers.SchedulesFire,
        wrap(schedule_rules, "following", skipping),
    ),
    "a schedule that fires early": (checkers.SchedulesFire, wrap(schedule_rules, "draw", early)),
    "a schedule that is not deleted": (
        checkers.SchedulesFire,
        reword("schedules", "delete_schedule", "id = :id", "id = -:id"),
    ),
    "what is too old and is dropped": (
        checkers.AllAccounted,
        wrap(delivery_module, "expire", silent_deadline),
    ),
    "a burial that loses the message": (
        checkers.AllAccounted,
        swap(settling_module, "_bury", bury_nothing),
    ),
    "a replay that sends nothing": (
        checkers.Replays,
        swap(replays_module, "route", lambda *_arguments, **_options: None),
    ),
    "a queue that takes a message and has it not": (
        checkers.Held,
        wrap(TroubledRegistry, "operate", forgetful),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_event_checker_finds_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker can fail: alone, it finds the fault that it is there for."""
    kind, plant = FAULTS[fault]
    plant(monkeypatch)
    find(kind)
