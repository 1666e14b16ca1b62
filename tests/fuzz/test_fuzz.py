"""Ten thousand spoilt requests of each protocol with every test run; `make fuzz` shoots more."""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import shoot
from .mutations import Fuzz
from .speech import PROTOCOLS
from .target import Found, Target


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_spoilt_requests_do_no_harm(protocol: str, seed: int) -> None:
    """No 5xx, no exception, no hang, each request answered once; in parts and as a process."""
    statuses = shoot(seed, 5_000, protocol)
    assert statuses[200] > 1_000, "too few requests reach an operation"
    assert statuses[400] > 1_000, "too few requests are spoilt"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_same_seed_shoots_the_same(protocol: str, tmp_path: Path) -> None:
    """A seed that was printed finds its fault again."""
    seen = []
    for name in "ab":
        (tmp_path / name).mkdir()
        target = Target(Fuzz(7, protocol), tmp_path / name)
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
