"""The worker that carries deployments out: plan's ready actions as calls, each result a row.

    idle ──DUE_TOPIC──> looking ──due──> carrying out, one plan a stack ──finished──> looking
                           └──nothing──> idle

For each action: its row is kept as `unsure`, then its requests are made one after the other, then
its row is kept as it is. A crash in between leaves the unsure row, and the next run makes requests
that also work when the thing is there already (`plan`).

Invariants
1. No request of an action is made before its unsure row is on stable storage.
2. A stack has one plan under way at a time.
3. A failure of one action is a failure of what depends on it, and of nothing else.
4. Whoever waits for a plan is answered: one that meets a bug of ours ends there as failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from redrive.core.effects import Call, Caller, Reply, Result, Step
from redrive.core.errors import ServiceError
from redrive.core.time import SECOND_MS, Millis
from redrive.services.stacks.model import Action, Deployed, Request, Resource
from redrive.services.stacks.operations import DUE_TOPIC
from redrive.services.stacks.plan import Deployment
from redrive.services.stacks.records import StackRow

Note = Callable[[Caller, Millis, Result], None]
"""Hears of each action that has ended: whose, when, what."""

AGAIN_MS = SECOND_MS
"""After something could not be written down: the disk is full, or a conflict was lost."""

_LOOK = "look"


@dataclass(slots=True)
class _Work:
    """One action under way."""

    action: Action
    requests: list[Request]
    replies: list[Result] = field(default_factory=list)
    adopted: bool = False


@dataclass(slots=True)
class _Run:
    """One plan under way."""

    row: StackRow
    deployment: Deployment
    caller: Caller
    works: dict[str, _Work] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    begun: dict[int, list[str]] = field(default_factory=dict)  # keys that each write begins
    writes: int = 0
    is_finishing: bool = False
    retry_ms: Millis | None = None
    carried_at: str | None = None  # a logical id while it is carried on; stays when that raises
    is_given_up: bool = False


class Deployer:
    """Carries out what DueDeployments tells; `note` hears of every action that ends."""

    name = "stacks:deployer"

    def __init__(self, caller: Caller, note: Note = lambda _caller, _at_ms, _detail: None) -> None:
        self._caller = caller
        self._note = note
        self._runs: dict[int, _Run] = {}
        self._is_looking = False
        self._looks_again = False
        self._look_ms: Millis | None = None
        self._is_draining = False

    def step(self, now_ms: Millis) -> Step:
        """Look for plans, and try again what could not be written down."""
        calls: list[Call] = []
        for run in self._runs.values():
            if run.retry_ms is not None and now_ms >= run.retry_ms:
                run.retry_ms = None
                calls += self._finish(run)
            elif run.carried_at is not None:
                calls += self._give_up(run)
        return self._step(calls + self._look())

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the answer to a look, a request or a write."""
        if reply_to == _LOOK:
            return self._step(self._take(reply, now_ms))
        stack, what, key = reply_to
        run = self._runs.get(stack)
        if run is not None and what == "finish":
            return self._step(self._finished(run, reply, now_ms))
        if run is None:
            return self._step([])  # the answer comes to a plan that was given up
        if run.carried_at is not None:
            return self._step(self._give_up(run))
        run.carried_at = "" if what == "write" else key.partition("@")[0]
        if what == "write":
            calls = self._written(run, run.begun.pop(key), reply, now_ms)
        else:
            calls = self._answered(run, key, reply, now_ms)
        run.carried_at = None
        return self._step(calls)

    def drain(self, now_ms: Millis) -> Step:
        """Begin no further action; what is left goes on at the next start."""
        del now_ms
        self._is_draining = True
        return self._step([])

    # --- looking --------------------------------------------------------------------------------

    def _look(self) -> list[Call]:
        if self._is_draining:
            return []
        if self._is_looking:
            self._looks_again = True
            return []
        self._is_looking, self._looks_again, self._look_ms = True, False, None
        return [Call("stacks", "DueDeployments", {}, self._caller, _LOOK)]

    def _take(self, reply: Reply, now_ms: Millis) -> list[Call]:
        self._is_looking = False
        if reply.result is None:
            self._look_ms = Millis(now_ms + AGAIN_MS)
            return []
        calls: list[Call] = []
        for row, stack, deployed in reply.result["Due"]:
            if row.id in self._runs:
                continue
            principal = f"arn:aws:iam::{row.account}:root"
            caller = Caller(row.account, row.region, principal, row.account)
            run = _Run(row, Deployment(stack, deployed, seed=row.seed), caller, carried_at="")
            self._runs[row.id] = run
            calls += self._go_on(run)
            run.carried_at = None
        return calls + (self._look() if self._looks_again else [])

    # --- carrying out ---------------------------------------------------------------------------

    def _go_on(self, run: _Run, keep: Iterable[Deployed] = (), forget: str = "") -> list[Call]:
        """Begin what is ready, writing it down together with what has just ended."""
        kept = list(keep)
        begun: list[str] = []
        if not self._is_draining:
            for action in run.deployment.ready():
                run.works[action.key] = _Work(action, list(action.requests))
                kept.append(run.deployment.begin(action.key))
                begun.append(action.key)
        if kept or forget:
            run.writes += 1
            run.begun[run.writes] = begun
            params = {"Stack": run.row.id, "Keep": kept, "Forget": [forget] if forget else []}
            to = (run.row.id, "write", run.writes)
            return [Call("stacks", "KeepResources", params, self._caller, to)]
        return self._finish(run) if run.deployment.finished else []

    def _written(self, run: _Run, begun: list[str], reply: Reply, now_ms: Millis) -> list[Call]:
        """Make the first requests of what has been written down as begun."""
        calls: list[Call] = []
        for key in begun:
            if reply.error is not None:
                calls += self._fail(run, key, reply.error, now_ms)
            else:
                calls += self._next_request(run, key, now_ms)
        if not begun and run.deployment.finished:
            calls += self._finish(run)
        return calls

    def _next_request(self, run: _Run, key: str, now_ms: Millis) -> list[Call]:
        work = run.works[key]
        if len(work.replies) == len(work.requests):
            return self._end(run, key, now_ms)
        request = work.requests[len(work.replies)]
        to = (run.row.id, "request", key)
        params = request.filled(work.replies)
        return [Call(request.service, request.operation, params, run.caller, to)]

    def _answered(self, run: _Run, key: str, reply: Reply, now_ms: Millis) -> list[Call]:
        work = run.works[key]
        request = work.requests[len(work.replies)]
        error = reply.error
        if error is None:
            assert reply.result is not None
            work.replies.append(reply.result)
        elif isinstance(error, ServiceError) and error.code in request.gone:
            work.replies.append({})
        elif isinstance(error, ServiceError) and error.code in request.exists:
            work.requests, work.replies, work.adopted = list(request.instead), [], True
        else:
            return self._fail(run, key, error, now_ms)
        return self._next_request(run, key, now_ms)

    def _end(self, run: _Run, key: str, now_ms: Millis) -> list[Call]:
        work = run.works.pop(key)
        replies = work.replies[-1:] if work.adopted else work.replies
        row = run.deployment.done(key, replies, work.adopted)
        if not work.adopted:  # what was adopted is updated next, and told then
            self._tell(run, work.action, now_ms, row, None)
        return self._go_on(run, (row,)) if row is not None else self._go_on(run, forget=key)

    def _fail(self, run: _Run, key: str, error: Exception, now_ms: Millis) -> list[Call]:
        work = run.works.pop(key)
        reason = _reason(error)
        run.deployment.failed(key, reason)
        self._tell(run, work.action, now_ms, None, reason)
        return self._go_on(run)

    def _tell(
        self, run: _Run, action: Action, now_ms: Millis, row: Deployed | None, reason: str | None
    ) -> None:
        detail = {
            "LogicalId": action.logical_id,
            "Type": action.type,
            "Action": action.kind,
            "PhysicalId": row.physical_id if row is not None else action.physical_id,
        }
        if reason is None:
            run.changes.append(detail)
        self._note(
            run.caller,
            now_ms,
            {
                "StackName": run.row.name,
                **detail,
                "Status": "done" if reason is None else "failed",
                "Reason": reason,
            },
        )

    # --- the end --------------------------------------------------------------------------------

    def _finish(self, run: _Run) -> list[Call]:
        if run.is_finishing:
            return []
        run.is_finishing = True
        rows, outcome = self._given_up(run) if run.is_given_up else self._ended(run)
        params = {
            "Stack": run.row.id,
            "Version": run.row.wanted,
            "Keep": rows,
            "Outcome": outcome,
        }
        to = (run.row.id, "finish", 0)
        return [Call("stacks", "FinishDeployment", params, self._caller, to)]

    def _give_up(self, run: _Run) -> list[Call]:
        """End a plan that met a bug of ours."""
        run.is_given_up = True
        return self._finish(run)

    def _given_up(self, run: _Run) -> tuple[list[Deployed], Result]:
        """Return the outcome of a plan that met a bug of ours; its rows stay as they were written.

        What was begun is unsure there, so that the next plan goes on from it.
        """
        where = run.carried_at or run.row.name
        text = "InternalFailure: a bug of this server's; its log says more"
        failure = {"LogicalId": where, "Message": text, "Line": None}
        return [], {"Failures": [failure], "Outputs": [], "Changes": run.changes}

    def _ended(self, run: _Run) -> tuple[list[Deployed], Result]:
        """Return the rows and the outcome of a plan that was carried out."""
        deployment, stack = run.deployment, run.deployment.stack
        outcome = {
            "Failures": [
                {"LogicalId": name, "Message": message, "Line": _line(stack.resources.get(name))}
                for name, message in deployment.failures.items()
            ],
            "Outputs": [
                {
                    "Name": name,
                    "Value": output.value,
                    "Description": output.description,
                    "Export": output.export,
                }
                for name, output in deployment.outputs().items()
            ],
            "Changes": run.changes,
        }
        return deployment.rows(), outcome

    def _finished(self, run: _Run, reply: Reply, now_ms: Millis) -> list[Call]:
        if reply.error is not None:
            run.is_finishing = False
            run.retry_ms = Millis(now_ms + AGAIN_MS)
            return []
        del self._runs[run.row.id]
        return self._look()  # a newer plan may have come meanwhile

    def _step(self, calls: list[Call]) -> Step:
        due = [run.retry_ms for run in self._runs.values() if run.retry_ms is not None]
        due += [self._look_ms] if self._look_ms is not None else []
        return Step(tuple(calls), min(due, default=None), (DUE_TOPIC,))


def _line(resource: Resource | None) -> int | None:
    return None if resource is None else resource.line


def _reason(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return f"{error.code}: {error.message}"
    return f"{type(error).__name__}: {error}"
