"""A few thousand spoilt requests with every test run; `make fuzz` shoots any number."""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import shoot
from .mutations import Fuzz
from .target import Found, Target


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spoilt_requests_do_no_harm(seed: int) -> None:
    """No 5xx, no exception, no hang, each request answered once; in parts and as a process."""
    statuses = shoot(seed, 3_000)
    assert statuses[200] > 500, "too few requests reach an operation"
    assert statuses[400] > 500, "too few requests are spoilt"


def test_the_same_seed_shoots_the_same(tmp_path: Path) -> None:
    """A seed that was printed finds its fault again."""
    assert [Fuzz(7).request() for _ in range(1)] == [Fuzz(7).request() for _ in range(1)]
    seen = []
    for name in "ab":
        (tmp_path / name).mkdir()
        target = Target(Fuzz(7), tmp_path / name)
        for _ in range(200):
            target.shoot()
        target.finish()
        seen.append((target.statuses, target.fuzz.random.random()))
    assert seen[0] == seen[1]


def test_harm_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bug planted behind one operation the fuzzer stops and shows the request."""

    def broken(*_args: object) -> object:
        raise KeyError("planted")

    target = Target(Fuzz(7), tmp_path)
    registry = target.dispatch._registry
    monkeypatch.setitem(registry._operations, ("sqs", "ListQueues"), broken)
    with pytest.raises(Found, match="ListQueues"):
        for _ in range(1_000):
            target.shoot()
