"""Four thousand spoilt requests of each protocol with every test run; `make fuzz` shoots more."""

from __future__ import annotations

from pathlib import Path

import pytest

from redrive.core.errors import ServiceError

from .__main__ import shoot
from .mutations import Fuzz
from .speech import PROTOCOLS
from .target import Found, Target


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_spoilt_requests_do_no_harm(protocol: str, seed: int) -> None:
    """No 5xx, no exception, no hang, each request answered once; in parts and as a process."""
    statuses = shoot(seed, 2_000, protocol)
    assert statuses[200] > 250, "too few requests reach an operation"
    assert statuses[400] > 500, "too few requests are spoilt"


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


@pytest.mark.parametrize("code", ["NoSuchCode", "ValidationError"])
def test_errors_of_no_model_are_found(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation that ends with an error that its model does not have is shown."""

    def odd(*_args: object) -> object:
        raise ServiceError(code, "planted")

    target = Target(Fuzz(7, "rest"), tmp_path)
    registry = target.dispatch._registry
    monkeypatch.setitem(registry._operations, ("scheduler", "ListSchedules"), odd)
    with pytest.raises(Found, match="ListSchedules has no error"):
        for _ in range(1_000):
            target.shoot()


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
