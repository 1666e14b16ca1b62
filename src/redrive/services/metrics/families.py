"""A family of Prometheus' text format: a metric with its samples, and labels as it writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Family(NamedTuple):
    """A metric of a kind (counter or gauge) with its samples: (labels as text, value)."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[str, float]]


def labels(pairs: Mapping[str, str]) -> str:
    """Return labels as they stand behind a name; none is an empty text."""
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
