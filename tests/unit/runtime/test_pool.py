"""The pool as a table of decisions: no processes."""

from __future__ import annotations

import random

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.pool import Bind, Kill, Pool, Start, Use

IDLE_MS = Millis(1000)


def environment(name: str, revision: str = "1") -> Environment:
    """Return an environment of a function."""
    return Environment(
        function_arn=f"arn:{name}",
        function_name=name,
        version="$LATEST",
        revision=revision,
        runtime="python3.12",
        handler="app.handler",
        code_path="/code",
        timeout_ms=Millis(3000),
        memory_mb=128,
        account="000000000000",
        region="us-east-1",
    )


A, B = environment("a"), environment("b")


def pool(environments_max: int = 2, keep_warm: int = 0) -> Pool[str]:
    """Return an empty pool whose tickets are strings."""
    return Pool(environments_max, IDLE_MS, keep_warm)


def at(now: int) -> Millis:
    """Return an instant."""
    return Millis(now)


def test_first_starts_and_next_reuses() -> None:
    """An invocation starts an environment, which serves it when ready and then the next."""
    made = pool()
    assert made.submit(A, "one") == [Start(1, A, "one")]
    assert made.release(1, at(0)) == [Use(1, "one")]
    assert made.release(1, at(5)) == []
    assert made.submit(A, "two") == [Use(1, "two")]


def test_concurrent_invocations_get_an_environment_each() -> None:
    """A busy environment takes nothing; a second one is started."""
    made = pool()
    made.submit(A, "one")
    made.release(1, at(0))
    assert made.submit(A, "two") == [Start(2, A, "two")]


def test_last_used_is_used_first() -> None:
    """Of several idle ones, the last used is taken, so that the others grow old."""
    made = pool(3)
    for number, ticket in enumerate(("one", "two", "three"), 1):
        made.submit(A, ticket)
        made.release(number, at(0))
    for number in (2, 3, 1):
        made.release(number, at(number))
    assert made.submit(A, "four") == [Use(1, "four")]


def test_parked_are_served_first_come_first_served() -> None:
    """What finds no room waits in line, and takes an environment that becomes free if it fits."""
    made = pool(1)
    made.submit(A, "one")
    assert made.submit(A, "two") == []
    assert made.submit(A, "three") == []
    made.release(1, at(0))
    assert made.release(1, at(1)) == [Use(1, "two")]
    assert made.release(1, at(2)) == [Use(1, "three")]


def test_parked_of_another_function_takes_the_place() -> None:
    """The first in line has the right of way, even where that costs a warm environment."""
    made = pool(1)
    made.submit(A, "one")
    made.release(1, at(0))
    assert made.submit(B, "two") == []
    assert made.submit(A, "three") == []
    assert made.release(1, at(1)) == [Kill(1), Start(2, B, "two")]
    assert made.release(2, at(2)) == [Use(2, "two")]
    assert made.release(2, at(3)) == [Kill(2), Start(3, A, "three")]


def test_idle_of_another_function_makes_room() -> None:
    """At the limit, the environment that has been idle longest is ended for a new one."""
    made = pool(2)
    for number, (place, ticket) in enumerate(((A, "one"), (B, "two")), 1):
        made.submit(place, ticket)
        made.release(number, at(0))
        made.release(number, at(number))
    other = environment("c")
    assert made.submit(other, "three") == [Kill(1), Start(3, other, "three")]


def test_death_gives_the_place_to_a_parked_one() -> None:
    """A removed environment's place serves the line; removing it again does nothing."""
    made = pool(1)
    made.submit(A, "one")
    made.submit(B, "two")
    assert made.remove(1) == [Start(2, B, "two")]
    assert made.remove(1) == []


def test_warm_starts_one_and_no_more() -> None:
    """Warming starts one if there is none and there is room; an invocation may take it."""
    made = pool(1)
    assert made.warm(A) == [Start(1, A, None)]
    assert made.warm(A) == []
    assert made.warm(B) == []
    assert made.submit(A, "one") == [Bind(1, "one")]
    assert made.release(1, at(0)) == [Use(1, "one")]


def test_warmed_and_unused_becomes_idle() -> None:
    """An environment that was warmed for nobody waits for the first."""
    made = pool(1)
    made.warm(A)
    assert made.release(1, at(0)) == []
    assert made.submit(A, "one") == [Use(1, "one")]


def test_retire() -> None:
    """Idle environments of other revisions die, busy and starting ones after their invocation."""
    made = pool(5)
    new = environment("a", "2")
    for number, place in enumerate((A, A, A, new, B), 1):
        made.submit(place, f"t{number}")
    for number in (1, 2, 4, 5):
        made.release(number, at(0))
    made.release(1, at(1))
    assert made.retire("arn:a", "2") == [Kill(1)]
    assert made.release(2, at(2)) == [Kill(2)]
    assert made.release(3, at(3)) == [Use(3, "t3")]
    assert made.release(3, at(4)) == [Kill(3)]
    assert made.release(4, at(5)) == []
    assert made.retire("arn:a", None) == [Kill(4)]
    assert set(made.slots) == {5}


def test_doomed_environment_takes_nothing() -> None:
    """An invocation of the old revision after the change gets an environment of its own."""
    made = pool(5)
    made.warm(A)
    made.submit(A, "one")
    made.retire("arn:a", "2")
    assert made.submit(A, "two") == [Start(2, A, "two")]


def test_expiry() -> None:
    """Idle environments end after idle_ms, oldest first; busy ones never."""
    made = pool(3)
    for number in (1, 2, 3):
        made.submit(A, "t")
        made.release(number, at(0))
    assert made.next_expiry_ms() is None
    made.release(1, at(0))
    made.release(2, at(500))
    assert made.next_expiry_ms() == 1000
    assert made.expire(at(999)) == []
    assert made.expire(at(1000)) == [Kill(1)]
    assert made.next_expiry_ms() == 1500
    assert made.expire(at(5000)) == [Kill(2)]
    assert made.next_expiry_ms() is None


def test_keep_warm() -> None:
    """So many idle environments of each kind never expire."""
    made = pool(4, keep_warm=1)
    for number, place in enumerate((A, A, B), 1):
        made.submit(place, "t")
        made.release(number, at(0))
    for number in (1, 2, 3):
        made.release(number, at(0))
    assert made.expire(at(9999)) == [Kill(1)]
    assert made.next_expiry_ms() is None


def test_one_that_finishes_is_waited_for() -> None:
    """What comes between an answer and the readiness for more waits for that environment."""
    made = pool()
    made.submit(A, "one")
    made.release(1, at(0))
    made.finish(1)
    assert made.submit(A, "two") == [Bind(1, "two")]
    assert made.release(1, at(1)) == [Use(1, "two")]
    made.finish(1)
    assert made.release(1, at(2)) == []
    assert made.submit(A, "three") == [Use(1, "three")]


def test_any_history_keeps_the_promises() -> None:
    """In random histories no limit is exceeded and no ticket lost, doubled or misplaced."""
    chance = random.Random(7)
    for _ in range(200):
        step_through(chance)


def step_through(chance: random.Random) -> None:
    """Play one random history and compare it with a plain account of tickets."""
    made = pool(chance.randint(1, 4))
    kinds = [A, B, environment("a", "2")]
    held: dict[int, str] = {}
    running: dict[int, Environment] = {}
    want: dict[str, Environment] = {}
    for turn in range(60):
        number = chance.choice([*made.slots, 0])
        slot = made.slots.get(number)
        if slot is not None and slot.state != "idle" and chance.random() < 0.6:
            if slot.state == "busy":
                want.pop(held.pop(number))
                if chance.random() < 0.3:
                    made.finish(number)
            actions = made.release(number, at(turn))
        elif slot is not None and chance.random() < 0.2:
            if slot.ticket is not None:
                want.pop(slot.ticket)
            held.pop(number, None)
            running.pop(number)
            actions = made.remove(number)
        elif chance.random() < 0.1:
            actions = made.retire("arn:a", chance.choice(["1", "2", None]))
        else:
            want[f"t{turn}"] = chance.choice(kinds)
            actions = made.submit(want[f"t{turn}"], f"t{turn}")
        for action in actions:
            if isinstance(action, Start):
                running[action.number] = action.environment
            elif isinstance(action, Kill):
                assert action.number not in held
                del running[action.number]
            elif isinstance(action, Use):
                assert running[action.number] == want[action.ticket]
                assert action.number not in held
                held[action.number] = action.ticket
        assert running.keys() == made.slots.keys()
        assert len(running) <= made.environments_max
        starting = {s.ticket for s in made.slots.values() if s.state == "starting" and s.ticket}
        parked = {ticket for _, ticket in made.parked}
        assert starting | parked | set(held.values()) == set(want)
        idle = [s for s in made.slots.values() if s.state == "idle"]
        assert not (parked and idle), "somebody waits though there is room"


def test_what_is_kept_is_started_and_does_not_expire() -> None:
    """Provisioned environments start ahead of time, stay when idle, and go once let go."""
    held = pool(environments_max=3)
    assert held.keep(A, 2) == [Start(1, A, None), Start(2, A, None)]
    assert (held.keep(A, 2), held.ready(A)) == ([], 0)
    held.release(1, at(0))
    held.release(2, at(0))
    assert held.ready(A) == 2
    assert held.submit(B, "b") == [Start(3, B, "b")]
    assert held.keep(A, 5) == [], "there is no room for more"
    held.keep(A, 2)
    held.release(3, at(0))
    held.release(3, at(1))
    assert held.submit(environment("c"), "c") == [Kill(3), Start(4, environment("c"), "c")]
    assert held.expire(at(5_000)) == []
    held.remove(2)
    assert held.keep(A, 2) == [Start(5, A, None)], "one that has died is started anew"
    assert held.keep(A, 0) == []
    assert held.expire(at(5_000)) == [Kill(1)]
