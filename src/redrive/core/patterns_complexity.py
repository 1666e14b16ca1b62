"""How much a value can keep the wildcards of one field busy. Pure.

A reader of a value is, after each character, at many places of the wildcards at once: behind each
asterisk that it has passed, for good, and within whatever may follow one of those. What is counted
is how many places that can be, at most, for any value.

    *a*aa     of "aaa" the reader is at   *|   *a|   *a*|   *a*a|   *a*aa|      five places

AWS: aws/event-ruler, MachineComplexityEvaluator: "the maximum number of wildcard rule prefixes that
could match a theoretical input value".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

Parts = tuple[str, ...]
"""A wildcard, split at its asterisks."""


def complexity(wildcards: Collection[Parts]) -> int:
    """Return at how many places a reader of any value can be at once."""
    heads = {parts[0] for parts in wildcards}
    # A value that passes the first asterisk of one wildcard passes those that begin like it, too.
    return max(
        (_together([parts for parts in wildcards if head.startswith(parts[0])]) for head in heads),
        default=0,
    )


def _together(wildcards: Iterable[Parts]) -> int:
    """Do the same for wildcards whose first asterisks one value can all pass."""
    behind: dict[Parts, set[str]] = {}
    for parts in wildcards:
        for at in range(1, len(parts)):
            behind.setdefault(parts[:at], set()).add(parts[at])
    return len(behind) + _most_within([sorted(texts) for texts in behind.values()])


def _most_within(groups: Sequence[Sequence[str]]) -> int:
    """Return how many beginnings of texts any value can end with, each once for each group.

    The beginnings are a tree; from each a link leads to the longest other one that it ends with, so
    that what it ends with is one more than what is at the end of the link.
    """
    ahead: list[dict[str, int]] = [{}]
    weights = [0]
    for texts in groups:
        seen: set[int] = set()
        for text in texts:
            node = 0
            for sign in text:
                if sign not in ahead[node]:
                    ahead[node][sign] = len(ahead)
                    ahead.append({})
                    weights.append(0)
                node = ahead[node][sign]
                if node not in seen:
                    seen.add(node)
                    weights[node] += 1
    links = [0] * len(ahead)
    todo = list(ahead[0].values())
    for node in todo:  # the shorter before the longer; it grows
        weights[node] += weights[links[node]]
        for sign, following in ahead[node].items():
            link = links[node]
            while link and sign not in ahead[link]:
                link = links[link]
            links[following] = ahead[link].get(sign, 0)
            todo.append(following)
    return max(weights)
