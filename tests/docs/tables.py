"""What the pages of docs/compat are made of: tables, a model's members, proof that they are read.

Whether a member is honoured is not taken on trust: the sources of its service must name it. A
member that a new botocore brings is named nowhere, and so stops the pages until it was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from redrive.core.effects import Caller
from redrive.services.registry import Registry
from redrive.wire.endpoint import Endpoint
from redrive.wire.model import Shape

SERVICES = Path(__file__).parents[2] / "src" / "redrive" / "services"
HEAD = "<!-- Written by `make docs` from the code; changes made here are lost. -->\n\n"

NOBODY = Caller("000000000000", "us-east-1", "arn:aws:iam::000000000000:root", "000000000000")
FIFO_ARN = "arn:aws:sqs:us-east-1:000000000000:orders.fifo"
"""A caller and a queue of its own, to ask the code what it refuses."""


class Fact(NamedTuple):
    """What is done with a member: honoured, refused or label, and what there is to say of it."""

    treatment: str
    sentence: str


Facts = Mapping[tuple[str, str], Fact]
"""By (operation or *, path of the member)."""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; a line that would break it is told at once."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        assert len(row) == len(head), row
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def bullets(sentences: Iterable[str]) -> str:
    """Return a list."""
    return "".join(f"* {sentence}\n" for sentence in sentences)


def split(service: str, registry: Registry, endpoint: Endpoint) -> tuple[list[str], list[str]]:
    """Return the operations of a model that are served, and those that are not."""
    names = sorted(endpoint.model(service).operation_names)
    served = [name for name in names if registry.has(service, name)]
    return served, [name for name in names if name not in served]


def members(shape: Shape | None, path: str = "") -> Iterator[str]:
    """Yield the path of each member of an input: Entries[].MessageAttributes{}.DataType."""
    for name, member in shape.members.items() if shape is not None else ():
        place, inner = path + name, member.shape
        while inner.type in ("list", "map"):
            part = inner.element if inner.type == "list" else inner.value
            place += "[]" if inner.type == "list" else "{}"
            assert part is not None
            inner = part.shape
        yield place
        if inner.type == "structure":
            yield from members(inner, f"{place}.")


def member_rows(
    service: str, folder: str, operations: Iterable[str], endpoint: Endpoint, facts: Facts
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (operation, member, treatment, sentence) of every input member of the operations."""
    sources = "".join(
        path.read_text("utf-8")
        for path in sorted((SERVICES / folder).rglob("*.py"))
        if path.name != "shapes.py"
    )
    used = set()
    for operation in operations:
        for path in members(endpoint.model(service).operation(operation).input):
            bare = path.removeprefix("Entries[].")
            keys = ((operation, path), (operation, bare), ("*", bare))
            key = next((key for key in keys if key in facts), None)
            fact = Fact("honoured", "") if key is None else facts[key]
            used.add(key)
            leaf = path.rpartition(".")[2].rstrip("[]{}")
            if fact.treatment == "honoured":
                assert f'"{leaf}"' in sources, f"{service} does not read {operation}'s {path}"
            yield operation, f"`{path}`", fact.treatment, fact.sentence
    assert not facts.keys() - used, f"no such members: {facts.keys() - used}"
