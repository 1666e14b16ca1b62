"""The functions service on a real SQLite store, driven by the real dispatch under a virtual clock.

Functions are scripts: a callable from the Run to its end, or None to leave it running.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stand_ins import ACCOUNT, CountedChance, caller, package

from redrive.core.effects import Caller, Params, Ran, Reply, Run
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import Dispatch
from redrive.services.functions.code import CodeStore
from redrive.services.functions.operations import register
from redrive.services.functions.room import Functions
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

SQL = Path(register.__code__.co_filename).parent.parent / "functions.sql"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
T0 = Millis(1_800_000_000_000)


class Rig:
    """One server's worth of the functions service in a directory."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.now_ms = T0
        self.ends: Callable[[Run], Ran | None] = lambda run: Ran(run.event)
        self.runs: list[Run] = []
        self.held: list[Callable[[Ran], None]] = []
        self.faults: list[BaseException] = []
        self.store = SqliteStore(str(folder / "redrive.db"), load_statements([SQL]))
        chance = CountedChance()
        self.room = Functions(CodeStore(folder / "code"), chance, **limits)
        registry = Registry(self.store)
        register(registry, self.room)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=self._run,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )

    def _run(self, run: Run, ended: Callable[[Ran], None]) -> None:
        self.runs.append(run)
        ran = self.ends(run)
        if ran is None:
            self.held.append(ended)
        else:
            ended(ran)

    def start(self, operation: str, params: Params, who: Caller | None = None) -> list[Reply]:
        """Enter an operation and settle; the list holds its reply once there is one."""
        replies: list[Reply] = []
        self.dispatch.enter("lambda", operation, params, who or caller(), replies.append)
        self.settle()
        return replies

    def call(self, operation: str, who: Caller | None = None, /, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        (reply,) = self.start(operation, params, who)
        if reply.error is not None:
            raise reply.error
        return reply.result

    def settle(self) -> None:
        """Commit and go on until nothing is left to do at this instant; ours must not fail."""
        self.dispatch.settle()
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        if self.faults:
            raise self.faults[0]

    def pass_time(self, until_ms: int) -> None:
        """Let the clock jump from one due instant to the next, up to an instant."""
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.dispatch.advance()
            self.settle()
        self.now_ms = Millis(until_ms)

    def create(self, name: str = "orders", who: Caller | None = None, **members: Any) -> Any:
        """Create a function of the usual kind."""
        params = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": package()},
            **members,
        }
        return self.call("CreateFunction", who, **params)
