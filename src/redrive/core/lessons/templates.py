"""Lessons about the template itself, and about what is written in it for these rules."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.lessons.graph import Graph, Thing
from redrive.core.lessons.rule import Hit, rule

_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"


@rule(
    "RD001",
    "error",
    "A value of the template cannot be worked out",
    lesson="A reference to what is not there, or a function that is used wrongly: CloudFormation"
    " refuses the template as a whole.",
    source=_GUIDE + "intrinsic-function-reference.html",
)
def broken_value(graph: Graph) -> Iterator[Hit]:
    for trouble in graph.troubles:
        lines = {} if trouble.line is None else {"": trouble.line}
        thing = Thing(name=trouble.name, file=trouble.file, lines=lines)
        yield Hit(thing, (), trouble.message, "mend the reference")


@rule(
    "RD002",
    "warning",
    "An exception names no rule",
    lesson="`Metadata: {Redrive: {Ignore: [RD003]}}` silences rules of one resource, or of the"
    " template. An id that is not one silences nothing.",
    source=_GUIDE + "metadata-section-structure.html",
)
def unknown_exception(graph: Graph) -> Iterator[Hit]:
    for stranger in graph.strangers:
        lines = {} if stranger.line is None else {"": stranger.line}
        thing = Thing(name=stranger.name, file=stranger.file, lines=lines)
        yield Hit(thing, (), stranger.message, "use the id of a rule, like RD003")


RULES = (broken_value, unknown_exception)
