"""STS GetCallerIdentity."""

from __future__ import annotations

from pathlib import Path

from redrive.core.effects import Caller, Context
from redrive.core.time import Millis
from redrive.services.identity.operations import register
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore


def test_caller_identity(tmp_path: Path) -> None:
    """A caller is told its account and its principal."""
    store = SqliteStore(str(tmp_path / "redrive.db"), ())
    registry = Registry(store)
    register(registry)
    account = "123456789012"
    arn = f"arn:aws:iam::{account}:root"
    caller = Caller(account, "eu-west-1", arn, account)
    context = Context(caller, Millis(0), Millis(0), "request", "http://127.0.0.1:4566")
    answer = registry.operate("sts", "GetCallerIdentity", {}, context)
    assert answer == {"UserId": account, "Account": account, "Arn": arn}
    store.close()
