"""Patterns and events that nearly match them, made from one seed."""

from __future__ import annotations

from random import Random
from typing import Any

from .reference import is_choice

NAMES = ("a", "b", "c", "a", "b", "c", "d", "a.b", "b.c", "$or", "")
TEXTS = (
    "",
    "a",
    "ab",
    "abc",
    "b",
    "ba",
    "B",
    "Ab",
    "aB*",
    "x\\y",
    "é",
    "10.0.0.7",
    "10.1.0.0",
    "1",
)
NUMBERS = (0, 1, 1.0, -1, 2, 2.5, 300, 3.0e2, 10**20, 1e20, 0.1)
ADDRESSES = ("10.0.0.1", "10.0.0.255", "10.0.1.0", "2001:db8::5", "::a00:1", "no")
OPERATORS = (
    *("prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"),
    *("numeric", "exists", "anything-but") * 2,
)
SIGNS = ("=", "<", "<=", ">", ">=")


class Shapes:
    """Draws everything from one random generator."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    # --- patterns ---------------------------------------------------------------------------------

    def pattern(self, depth: int = 0) -> dict[str, Any]:
        """Return a valid pattern: a JSON object."""
        chance = self._random
        made: dict[str, Any] = {}
        for _ in range(chance.choice((1, 1, 2, 3))):
            name = chance.choice(NAMES)
            if depth < 2 and chance.random() < 0.35:
                made[name] = self.pattern(depth + 1)
            else:
                made[name] = self.alternatives()
        if depth < 2 and chance.random() < 0.15:
            made["$or"] = [self.pattern(2) for _ in range(chance.randint(2, 3))]
        return made

    def alternatives(self) -> list[Any]:
        """Return what one field may be."""
        chance = self._random
        return [
            self.scalar() if chance.random() < 0.45 else self._operator()
            for _ in range(chance.choice((1, 1, 1, 2, 3)))
        ]

    def scalar(self) -> Any:
        """Return a value that is no object and no array."""
        chance = self._random
        drawn = chance.random()
        if drawn < 0.6:
            return chance.choice(TEXTS)
        return chance.choice(NUMBERS) if drawn < 0.9 else chance.choice((True, False, None))

    def _operator(self) -> dict[str, Any]:
        chance = self._random
        text = chance.choice(TEXTS)
        name = chance.choice(OPERATORS)
        if name in ("prefix", "suffix"):
            return {name: {"equals-ignore-case": text} if chance.random() < 0.3 else text}
        if name == "equals-ignore-case":
            return {name: text}
        if name == "wildcard":
            return {name: self._wildcard()}
        if name == "numeric":
            return {name: self._range()}
        if name == "cidr":
            return {name: chance.choice(("10.0.0.0/24", "10.0.0.0/8", "2001:db8::/32", "::/0"))}
        if name == "exists":
            return {name: chance.random() < 0.4}
        return {name: self._other()}

    def _wildcard(self) -> str:
        chance = self._random
        parts = [chance.choice(("", "a", "b", "ab", "\\*", "\\\\")) for _ in range(3)]
        made = "*".join(parts[: chance.randint(1, 3)])
        while "**" in made:
            made = made.replace("**", "*")
        return made

    def _range(self) -> list[Any]:
        chance = self._random
        sign, bound = chance.choice(SIGNS), chance.choice(NUMBERS)
        if sign in (">", ">=") and bound < 1_000 and chance.random() < 0.6:
            return [sign, bound, chance.choice(("<", "<=")), bound + chance.choice((0.5, 2, 300))]
        return [sign, bound]

    def _other(self) -> Any:
        """Return what a value may be anything but."""
        chance = self._random
        drawn = chance.random()
        if drawn < 0.25:
            return chance.choice((*TEXTS, *NUMBERS))
        if drawn < 0.6:
            of = TEXTS if chance.random() < 0.6 else NUMBERS
            return [chance.choice(of) for _ in range(chance.randint(1, 3))]
        name = chance.choice(("prefix", "suffix", "equals-ignore-case", "wildcard"))
        texts = [self._wildcard() if name == "wildcard" else chance.choice(TEXTS[1:]) for _ in "ab"]
        return {name: texts if chance.random() < 0.5 else texts[0]}

    # --- events -----------------------------------------------------------------------------------

    def event(self, patterns: list[dict[str, Any]]) -> dict[str, Any]:
        """Return an event that has much of what some patterns ask for, in objects and arrays."""
        chance = self._random
        made: dict[str, Any] = {}
        for _ in range(chance.randint(1, 2)):
            made = self._merged(made, self._answer(chance.choice(patterns)))
        if chance.random() < 0.3:
            made[chance.choice(NAMES)] = self._noise(0)
        return made

    def _answer(self, pattern: dict[str, Any]) -> dict[str, Any]:
        """Return an object for a pattern."""
        chance = self._random
        made: dict[str, Any] = {}
        for name, wanted in pattern.items():
            if chance.random() < 0.1:
                continue
            if isinstance(wanted, dict):
                made[name] = self._scattered(self._answer(wanted))
            elif name == "$or" and is_choice(wanted):
                made |= self._answer(chance.choice(wanted))
            else:
                value = self._meeting(chance.choice(wanted))
                made[name] = [value, self._noise(1)] if chance.random() < 0.15 else value
        return made

    def _scattered(self, one: dict[str, Any]) -> Any:
        """Return an object as it is, or its members in several elements of arrays."""
        chance = self._random
        if chance.random() < 0.5:
            return one
        elements: list[Any] = [{} for _ in range(chance.randint(1, 3))]
        for name, value in one.items():
            for element in elements:
                if chance.random() < 0.6:
                    element[name] = value if chance.random() < 0.7 else self._noise(1)
        return [elements] if chance.random() < 0.1 else elements

    def _meeting(self, alternative: Any) -> Any:
        """Return a value that often meets an alternative."""
        chance = self._random
        if not isinstance(alternative, dict):
            return alternative
        ((name, given),) = alternative.items()
        if isinstance(given, dict) and name in ("prefix", "suffix"):
            given = chance.choice((str.upper, str.lower))(given["equals-ignore-case"])
        if name == "prefix":
            return str(given) + chance.choice(("", "x", "ab"))
        if name == "suffix":
            return chance.choice(("", "x", "ab")) + str(given)
        if name == "equals-ignore-case":
            return chance.choice((str.upper, str.lower, str.title))(given)
        if name == "wildcard":
            plain = str(given).replace("\\*", "\0").replace("*", chance.choice(("", "a", "xb")))
            return plain.replace("\0", "*").replace("\\\\", "\\")
        if name == "numeric":
            return given[1] + chance.choice((0, 0, 0.25, 1, -1))
        return chance.choice(ADDRESSES) if name == "cidr" else self.scalar()

    def _noise(self, depth: int) -> Any:
        chance = self._random
        drawn = chance.random()
        if depth > 2 or drawn < 0.6:
            return self.scalar()
        if drawn < 0.8:
            return {
                chance.choice(NAMES): self._noise(depth + 1) for _ in range(chance.randint(0, 3))
            }
        return [self._noise(depth + 1) for _ in range(chance.randint(0, 3))]

    def _merged(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        made = dict(one)
        for name, value in other.items():
            known = made.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                made[name] = self._merged(known, value)
            else:
                made[name] = value
        return made
