"""All rules, and what they find in a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redrive.core.lessons import (
    batching,
    burial,
    concurrency,
    functions,
    handlers,
    limits,
    templates,
    timing,
)
from redrive.core.lessons.graph import Graph
from redrive.core.lessons.rule import LEVELS, Finding, Level, Rule

RULES: tuple[Rule, ...] = (
    *templates.RULES,
    *timing.RULES,
    *burial.RULES,
    *batching.RULES,
    *concurrency.RULES,
    *handlers.RULES,
    *functions.RULES,
    *limits.RULES,
)
IDS = frozenset(rule.id for rule in RULES)


def find(graph: Graph, ignored: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Return what the rules find, but for those that are ignored: by level, then by place."""
    left_out = frozenset(ignored)
    found = {
        finding: None
        for rule in RULES
        if rule.id not in left_out
        for finding in _findings(rule, graph)
    }
    return tuple(sorted(found, key=_place))


def at_least(level: Level) -> frozenset[Level]:
    """Return a level and those above it."""
    return frozenset(LEVELS[: LEVELS.index(level) + 1])


def _findings(rule: Rule, graph: Graph) -> Iterator[Finding]:
    for hit in rule.check(graph):
        if rule.id not in hit.thing.ignored:
            file, line = hit.place or (hit.thing.file, hit.thing.line(*hit.properties))
            yield Finding(rule, hit.thing.name, file, line, hit.thing.arn, hit.reason, hit.cure)


def _place(finding: Finding) -> tuple[int, str, int, str, str]:
    level = LEVELS.index(finding.rule.level)
    return level, finding.file, finding.line or 0, finding.arn, finding.rule.id
