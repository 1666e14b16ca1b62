"""What a resource type must be able to say: which requests make, change and unmake it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from redrive.core.effects import Result
from redrive.services.stacks.model import Json, Request, World

Properties = Mapping[str, Json]

GONE = ("ResourceNotFoundException",)
EXISTS = ("ResourceConflictException",)
"""What Lambda answers when the thing is not there, or is there already."""


@dataclass(frozen=True, slots=True)
class Target:
    """The resource that requests are for.

    physical_id: the name given or generated; "" before AWS has chosen one. unsure: a crash left it
    open whether the resource exists. packages: zips of code folders, by the folder's path; code
    that is not among them is passed on by its place.
    """

    world: World
    logical_id: str
    physical_id: str
    unsure: bool = False
    packages: Mapping[str, bytes] = field(default_factory=dict)


class Maker(Protocol):
    """The requests of one type. Properties are fully resolved and of their tables' forms."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return what makes the resource; with `target.unsure`, also when it is there already."""
        ...

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return what turns `old` into `new`; none of `changes` needs a replacement."""
        ...

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return what removes the resource; none of it fails when the resource is gone."""
        ...

    def outcome(
        self, target: Target, properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the physical id and the attributes ("Ref" too) from the replies to `create`."""
        ...


def tag_map(tags: Json) -> dict[str, str]:
    """Return a template's list of tags as an API's object."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def removed_tags(old: Properties, new: Properties) -> list[str]:
    """Return the keys of tags that an update takes away."""
    return sorted(tag_map(old.get("Tags")).keys() - tag_map(new.get("Tags")).keys())
