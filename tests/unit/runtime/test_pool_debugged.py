"""A debugged function in the pool: one environment at a time, whatever its version."""

from __future__ import annotations

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.pool import Kill, Pool, Start, Use


def environment(version: str = "$LATEST", name: str = "one", debug: str = "x:1") -> Environment:
    """Return an environment of a function."""
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}:{version}"
    return Environment(
        function_arn=arn,
        function_name=name,
        version=version,
        revision=version,
        runtime="python3.12",
        handler="a.b",
        code_path="/code",
        timeout_ms=Millis(1),
        memory_mb=128,
        account="000000000000",
        region="us-east-1",
        debug=debug,
    )


def test_all_wait_for_the_one() -> None:
    """A second invocation waits for the first's environment; other functions do not wait."""
    pool: Pool[str] = Pool(8, Millis(1000))
    (start,) = pool.submit(environment(), "a")
    assert isinstance(start, Start)
    assert pool.submit(environment(), "b") == []
    (other,) = pool.submit(environment(name="two", debug=""), "c")
    assert isinstance(other, Start)
    assert pool.release(start.number, Millis(0)) == [Use(start.number, "a")]
    assert pool.release(start.number, Millis(1)) == [Use(start.number, "b")]
    assert not pool.parked


def test_what_is_parked_does_not_hold_others_up() -> None:
    """Behind an invocation that waits for a debugger, one that waits for room is served."""
    pool: Pool[str] = Pool(2, Millis(1000))
    (debugged,) = pool.submit(environment(), "a")
    (busy,) = pool.submit(environment(name="two", debug=""), "b")
    assert isinstance(debugged, Start)
    assert isinstance(busy, Start)
    pool.release(busy.number, Millis(0))
    assert pool.submit(environment(), "c") == []
    assert pool.submit(environment(name="two", debug=""), "d") == []
    assert pool.release(busy.number, Millis(1)) == [Use(busy.number, "d")]
    assert [ticket for _environment, ticket in pool.parked] == ["c"]
    pool.release(debugged.number, Millis(2))
    assert pool.release(debugged.number, Millis(3)) == [Use(debugged.number, "c")]


def test_an_idle_one_of_another_version_makes_way() -> None:
    """The new version listens at the same port: the old one ends first."""
    pool: Pool[str] = Pool(8, Millis(1000))
    (old,) = pool.submit(environment("1"), "a")
    assert isinstance(old, Start)
    pool.release(old.number, Millis(0))
    assert pool.submit(environment("2"), "b") == []
    actions = pool.release(old.number, Millis(1))
    assert actions[0] == Kill(old.number)
    assert isinstance(actions[1], Start)
    assert actions[1].ticket == "b"
