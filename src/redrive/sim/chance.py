"""Chance out of a seed: the simulator's only source of it, and the only user of `random` besides
tests.

Streams are drawn by name, so that one part's draws do not shift another's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of choices; equal names of equal seeds give equal streams in every process."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed}/{name}")  # a text is hashed by SHA-512, not by hash()

    def token(self, count: int) -> bytes:
        """Return `count` bytes (this makes it a `core.effects.Chance`)."""
        return self._random.randbytes(count)

    def chance(self, probability: float) -> bool:
        """Return True that often."""
        return self._random.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self._random.randrange(len(items))]

    def weighted(self, weights: dict[T, float]) -> T:
        """Return one of the keys, by weight."""
        return self._random.choices(list(weights), list(weights.values()))[0]

    def between(self, least: int, most: int) -> int:
        """Return a whole number of least..most."""
        return self._random.randint(least, most)
