"""What to do, in which order, so that what is deployed becomes what the template says.

Pure: a Deployment is told what happened and says what may happen next. It makes no request, writes
no row.

    stack = resolve(document, parameters, world)
    deployment = Deployment(stack, rows, seed=0)      # rows: the Deployed of last time, any order
    while not deployment.finished:
        for action in deployment.ready():             # all of these may go on at once
            save(deployment.begin(action.key))        # first: a crash now leaves the row `unsure`
            ...make action.requests, as below...
            row = deployment.done(action.key, replies, adopted)       # or:
            row = deployment.failed(action.key, message, replies)
            save(row) if row else forget(action.key)
    for row in deployment.rows(): save(row)           # also those that needed no action
    deployment.failures                               # logical id -> message, skipped ones too
    deployment.outputs()

The requests of an action are made one after the other, their replies kept in that order. An error
whose code is in `request.gone` is the reply {}. One whose code is in `request.exists` means that a
crash left the thing: make `request.instead`, keep the last of its replies, leave out the action's
other requests and call `done` with adopted=True; `ready` then returns an update of it. Any other
error ends the action: `failed`, with the replies so far, in place of `done`.

    waiting -> running -> done        what does not differ goes from waiting to done at once
       |          |`----> waiting     adopted: to be updated
       |           `----> failed
        `-> skipped                   something that it depends on failed

Invariants:
1. A resource is created or updated only after all that it depends on is done and known.
2. Nothing is deleted before everything else is done, and nothing at all when something failed;
   what depends on another is deleted first.
3. A replacement is made before the replaced thing is deleted (AWS: CloudFormation User Guide,
   "Update behaviors of stack resources").
4. The same stack, rows and seed give the same actions with the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from redrive.core.effects import Result
from redrive.services.stacks import checks
from redrive.services.stacks.intrinsics import Resolver, Scope, is_pending
from redrive.services.stacks.makers import MAKERS, Target
from redrive.services.stacks.model import (
    Action,
    Deployed,
    Json,
    Output,
    Path,
    Request,
    Resource,
    Stack,
)
from redrive.services.stacks.names import physical_name, suffix
from redrive.services.stacks.resources import TYPES, replaces

State = Literal["waiting", "running", "done", "failed", "skipped"]


@dataclass(slots=True)
class _Running:
    action: Action
    target: Target
    row: Deployed  # as it will be when the action is done; for a removal, as it was


class Deployment:
    """One run towards a template. See the module's docstring for its use."""

    def __init__(
        self,
        stack: Stack,
        rows: Iterable[Deployed] = (),
        *,
        seed: int = 0,
        packages: Mapping[str, bytes] | None = None,
    ) -> None:
        self.stack = stack
        self.failures: dict[str, str] = {}
        self._seed = seed
        self._packages = packages or {}
        self._rows = {row.key: row for row in rows}
        self._states: dict[str, State] = dict.fromkeys(stack.resources, "waiting")
        self._running: dict[str, _Running] = {}
        self._attributes: dict[str, Mapping[str, str]] = {}

    @property
    def finished(self) -> bool:
        """Whether nothing is under way and nothing is left to do."""
        return (
            not self._running and not self._open() and (bool(self.failures) or not self._excess())
        )

    def ready(self) -> list[Action]:
        """Return the actions that may begin now. Each is returned once, and reported by its key."""
        actions: list[Action] = []
        moved = True
        while moved:  # what needs no action lets its dependents go on in the same round
            moved = False
            for name, resource in self.stack.resources.items():
                if self._states[name] != "waiting":
                    continue
                states = {self._states[other] for other in resource.depends_on}
                if states & {"failed", "skipped"}:
                    self._states[name] = "skipped"
                    self.failures[name] = "not begun: something that it depends on failed"
                    moved = True
                elif states <= {"done"}:
                    self._begin(resource, actions)
                    moved = True
        if not actions and not self._running and not self.failures:
            actions = self._removals()
        return actions

    def begin(self, key: str) -> Deployed:
        """Return the row to write before an action's first request: its end is not known."""
        running = self._running[key]
        old = self._rows.get(key)
        if running.action.kind in ("delete", "retain"):
            return replace(running.row, unsure=True)
        if old is None or not old.attributes:
            return replace(running.row, physical_id=running.target.physical_id, unsure=True)
        return replace(old, unsure=True)

    def done(
        self, key: str, replies: Sequence[Result] = (), adopted: bool = False
    ) -> Deployed | None:
        """Take the replies to all requests of an action. Return the row to write, or None to remove
        it.

        adopted: a request met what a crash had left, and `instead` was done: the resource is
        updated next.
        """
        running = self._running.pop(key)
        action, row = running.action, running.row
        if action.kind in ("delete", "retain"):
            self._rows.pop(key, None)
            return None
        if action.kind in ("create", "replace"):
            maker = MAKERS[action.type]
            physical_id, attributes = maker.outcome(running.target, row.properties, replies)
            row = replace(row, physical_id=physical_id, attributes=attributes)
        if adopted:
            row = replace(row, unsure=True)
            self._states[action.logical_id] = "waiting"
        else:
            self._states[action.logical_id] = "done"
            self._attributes[action.logical_id] = row.attributes
        self._rows[key] = row
        return row

    def failed(self, key: str, message: str, replies: Sequence[Result] = ()) -> Deployed | None:
        """Take note that an action failed: what depends on it is skipped, nothing is deleted.

        replies: to the requests that succeeded before the one that failed. Return the row to write,
        or None to remove it: with no request done, all is as before, so that a thing of another
        owner that stood in the way is never taken for this stack's.
        """
        begun = self.begin(key)
        action = self._running.pop(key).action
        if action.kind not in ("delete", "retain"):
            self._states[action.logical_id] = "failed"
        self.failures[action.logical_id] = message
        if replies:
            self._rows[key] = begun
        return self._rows.get(key)

    def rows(self) -> list[Deployed]:
        """Return every row as it stands."""
        return list(self._rows.values())

    def outputs(self) -> dict[str, Output]:
        """Return the outputs with their values. Only what is deployed is in them."""
        resolver = Resolver(self._scope(), _ignore)
        found = {}
        for name, output in self.stack.outputs.items():
            value = resolver.resolve(output.value, ("Outputs", name))
            export = resolver.resolve(output.export, ("Outputs", name))
            if not is_pending(value) and not is_pending(export):
                found[name] = replace(output, value=value, export=export)
        return found

    def _open(self) -> bool:
        return any(state in ("waiting", "running") for state in self._states.values())

    def _scope(self) -> Scope:
        known = {name: TYPES[item.type].attributes for name, item in self.stack.resources.items()}
        return Scope(self.stack.world, resources=known, attributes=self._attributes)

    def _current(self, logical_id: str) -> Deployed | None:
        rows = [row for row in self._rows.values() if row.logical_id == logical_id]
        return max(rows, key=lambda row: row.generation, default=None)

    def _begin(self, resource: Resource, actions: list[Action]) -> None:
        """Compare one resource with its row: done when nothing differs, else begin its action."""
        name = resource.logical_id
        messages: list[str] = []

        def report(path: Path, message: str) -> None:
            messages.append(f"{'.'.join(map(str, path))}: {message}")

        values = Resolver(self._scope(), report).resolve(resource.properties, ())
        if not messages:
            kind = TYPES[resource.type]
            values = checks.check_shape(values, kind.properties, (), report, resource.type)
        if messages:
            self._states[name] = "failed"
            self.failures[name] = "; ".join(messages)
            return
        old = self._current(name)
        row = Deployed(
            name, resource.type, "", values, {}, resource.depends_on, retained=resource.retained
        )
        if old is None or (old.unsure and not old.attributes and old.type == resource.type):
            self._start_create(resource, row, old, actions)
            return
        changes = _changes(old, row)
        if old.type != resource.type or any(replaces(TYPES[old.type], name) for name in changes):
            self._start_replace(resource, row, old, changes, actions)
        elif changes:
            row = replace(
                row,
                physical_id=old.physical_id,
                attributes=old.attributes,
                generation=old.generation,
            )
            target = self._target(row, old.physical_id)
            requests = MAKERS[row.type].update(target, old.properties, values, changes)
            self._start("update", resource, row, target, requests, changes, actions)
        else:
            self._rows[old.key] = replace(
                old, depends_on=resource.depends_on, retained=resource.retained
            )
            self._states[name] = "done"
            self._attributes[name] = old.attributes

    def _start_create(
        self, resource: Resource, row: Deployed, old: Deployed | None, actions: list[Action]
    ) -> None:
        generation = old.generation if old else 0
        row = replace(row, generation=generation)
        target = self._target(row, self._name(resource, row), unsure=old is not None)
        requests = MAKERS[row.type].create(target, row.properties)
        self._start("create", resource, row, target, requests, (), actions)

    def _start_replace(
        self,
        resource: Resource,
        row: Deployed,
        old: Deployed,
        changes: tuple[str, ...],
        actions: list[Action],
    ) -> None:
        row = replace(row, generation=old.generation + 1)
        name = self._name(resource, row)
        named_by = TYPES[row.type].named_by
        if (
            named_by in row.properties
            and old.attributes.get(_NAME_ATTRIBUTE.get(row.type, "Ref")) == name
        ):
            self._states[resource.logical_id] = "failed"
            what = ", ".join(changes)
            message = f"{what} cannot change while {named_by} stays {name}: give it another name"
            self.failures[resource.logical_id] = message
            return
        target = self._target(row, name)
        requests = MAKERS[row.type].create(target, row.properties)
        self._start("replace", resource, row, target, requests, changes, actions)

    def _start(
        self,
        kind: Literal["create", "update", "replace"],
        resource: Resource,
        row: Deployed,
        target: Target,
        requests: tuple[Request, ...],
        changes: tuple[str, ...],
        actions: list[Action],
    ) -> None:
        action = Action(
            row.key,
            resource.logical_id,
            resource.type,
            kind,
            target.physical_id,
            requests,
            changes,
            resource.line,
        )
        self._states[resource.logical_id] = "running"
        self._running[row.key] = _Running(action, target, row)
        actions.append(action)

    def _removals(self) -> list[Action]:
        """Return the removal of what no other thing to be removed depends on."""
        excess = self._excess()
        needed = {name for row in excess for name in row.depends_on if name != row.logical_id}
        # Rows of several templates could depend on each other in a ring: then the first one goes.
        free = [row for row in excess if row.logical_id not in needed] or excess[:1]
        actions = []
        for row in free:
            resource = self.stack.resources.get(row.logical_id)
            kept = resource.replace_retained if resource else row.retained
            target = self._target(row, row.physical_id, unsure=row.unsure)
            requests = () if kept else MAKERS[row.type].delete(target, row.properties)
            action = Action(
                row.key,
                row.logical_id,
                row.type,
                "retain" if kept else "delete",
                row.physical_id,
                requests,
            )
            self._running[row.key] = _Running(action, target, row)
            actions.append(action)
        return actions

    def _excess(self) -> list[Deployed]:
        """Return the rows that the template no longer has, and those that were replaced."""
        found = []
        for row in self._rows.values():
            current = self._current(row.logical_id)
            if row.logical_id not in self.stack.resources or row is not current:
                found.append(row)
        return found

    def _target(self, row: Deployed, physical_id: str, unsure: bool = False) -> Target:
        return Target(self.stack.world, row.logical_id, physical_id, unsure, self._packages)

    def _name(self, resource: Resource, row: Deployed) -> str:
        kind, world = TYPES[resource.type], self.stack.world
        given = row.properties.get(kind.named_by or "")
        if given:
            return str(given)
        if resource.type == "AWS::Lambda::EventSourceMapping":
            return ""  # AWS chooses a UUID
        end = suffix(world.stack_id, resource.logical_id, self._seed, row.generation)
        is_fifo = row.properties.get("FifoQueue") or row.properties.get("FifoTopic")
        extension = ".fifo" if is_fifo else ""
        return physical_name(world.stack, resource.logical_id, end, kind.name_length_max, extension)


_NAME_ATTRIBUTE = {"AWS::SQS::Queue": "QueueName"}


def _ignore(_path: Path, _message: str) -> None:
    """Say nothing: what an output names was checked before the deployment began."""


def _changes(old: Deployed, new: Deployed) -> tuple[str, ...]:
    """Return the names of the properties that differ; all when it is not known what was done."""
    names = sorted(old.properties.keys() | new.properties.keys())
    if old.unsure and old.type == new.type:
        # What replaces counts only when it does differ: a crash cannot have changed it.
        kind = TYPES[old.type]
        return tuple(
            name
            for name in names
            if not replaces(kind, name) or _differ(old.properties, new.properties, name)
        )
    return tuple(name for name in names if _differ(old.properties, new.properties, name))


def _differ(old: Mapping[str, Json], new: Mapping[str, Json], name: str) -> bool:
    return bool(old.get(name) != new.get(name))
