"""The values of the stacks service: what a template says, what was deployed, what to do next.

Not here: how any of them is computed. A value inside `Resource.properties` may still hold a `Ref`
or a function (`intrinsics.is_pending`) whose resource does not exist yet; everything else is
resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from redrive.core.errors import ServiceError

Json = Any
"""What a template holds: objects, lists, strings, numbers, booleans and null."""

Path = tuple[str | int, ...]
"""Where a value stands in a template: ("Resources", "Orders", "Properties", "DelaySeconds")."""

Kind = Literal["create", "update", "replace", "delete", "retain"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a template, told to the person who wrote it."""

    message: str
    path: Path = ()
    line: int | None = None  # counted from 1; None when no line is to blame (a missing parameter)
    file: str = ""

    @property
    def logical_id(self) -> str | None:
        """The resource at fault, if it is one."""
        if len(self.path) >= 2 and self.path[0] == "Resources":
            return str(self.path[1])
        return None

    def __str__(self) -> str:
        place = f"{self.file or 'template'}:{self.line}" if self.line else self.file or "template"
        subject = ".".join(str(step) for step in self.path[1:] if step != "Properties")
        if self.path and self.path[0] != "Resources":
            subject = ".".join(str(step) for step in self.path)
        return f"{place}: {subject}: {self.message}" if subject else f"{place}: {self.message}"


class TemplateError(ServiceError):
    """A template that cannot be deployed, with every problem that was found in it.

    AWS: CloudFormation answers `ValidationError` (400) and tells of one problem at a time.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        assert self.problems
        super().__init__("ValidationError", "\n".join(map(str, self.problems)), status=400)


@dataclass(frozen=True, slots=True)
class World:
    """Where a stack lives: the values behind the pseudo parameters."""

    account: str
    region: str
    stack: str
    stack_id: str

    @classmethod
    def named(cls, account: str, region: str, stack: str, identifier: str = "0") -> World:
        """Return a world whose StackId is an ARN of CloudFormation's form."""
        stack_id = f"arn:aws:cloudformation:{region}:{account}:stack/{stack}/{identifier}"
        return cls(account, region, stack, stack_id)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template, checked, and resolved but for what hangs on another."""

    logical_id: str
    type: str
    properties: Mapping[str, Json]
    depends_on: frozenset[str] = frozenset()
    retained: bool = False  # DeletionPolicy: Retain
    replace_retained: bool = False  # UpdateReplacePolicy: Retain
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One line of a stack's result. `value` may be pending until the deployment is done."""

    value: Json
    description: str = ""
    export: Json = None  # kept and shown; nothing imports it


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter with the value it has; `shown` is stars when the template says NoEcho."""

    type: str
    value: str | list[str]
    shown: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """A whole template, checked and resolved as far as it can be before anything exists."""

    world: World
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Output] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One resource that exists: the row that the deployer keeps, and gives back next time.

    properties are those it was last given, fully resolved; a change is whatever differs from them.
    attributes: `Ref` under the key "Ref", and every Fn::GetAtt name. generation counts
    replacements, so that a replacement's generated name is new. unsure: its calls were begun and
    their end was not recorded (a crash); the plan then makes calls that also work when the thing is
    there already.
    """

    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Json]
    attributes: Mapping[str, str]
    depends_on: frozenset[str] = frozenset()
    generation: int = 0
    retained: bool = False
    unsure: bool = False

    @property
    def key(self) -> str:
        """The row's key within its stack."""
        return f"{self.logical_id}@{self.generation}"


@dataclass(frozen=True, slots=True)
class FromReply:
    """A parameter's value that is not known yet: a member of the reply to an earlier request."""

    request: int  # counted from 0, within the action
    member: str


@dataclass(frozen=True, slots=True)
class Request:
    """One AWS operation to ask of the registry. A parameter may be a FromReply.

    A reply with an error whose code is in `gone` counts as success. One whose code is in `exists`
    is answered by making the requests of `instead` (the last of them stands for this one's result).
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    gone: tuple[str, ...] = ()
    exists: tuple[str, ...] = ()
    instead: tuple[Request, ...] = ()

    def filled(self, replies: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the parameters, with what they take from the replies so far."""
        return {
            name: replies[value.request][value.member] if isinstance(value, FromReply) else value
            for name, value in self.params.items()
        }


@dataclass(frozen=True, slots=True)
class Action:
    """What to do to one resource now: make `requests` in order, then tell the deployment.

    key is that of the `Deployed` row that the action writes or removes. An action without requests
    (a role, something retained) is still to be reported as done, so that it can be shown.
    """

    key: str
    logical_id: str
    type: str
    kind: Kind
    physical_id: str  # "" while AWS has yet to choose it (an event source mapping's UUID)
    requests: tuple[Request, ...]
    changes: tuple[str, ...] = ()  # the properties that differ, for update and replace
    line: int | None = None
