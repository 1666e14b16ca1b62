"""What keeps JSONata within bounds: a guard over each evaluation, and functions of our own in the
place of those that could make much of little, or that ask for time or chance. Pure.

They are written for the library jsonata-python, whose names and values they use; expressions.py
alone uses them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.services.custom_buses.library import Functions, Jsonata, Utils

STEPS_MAX = 100_000
"""Parts of an expression evaluated for one event: about half a second."""

DEPTH_MAX = 150
"""Parts of an expression within each other; Python's own limit may come first."""

SIZE_MAX = 4 * 1_048_576
"""Of any value on the way: characters of texts, and eight for every other part."""

_ROMAN_MAX = 100_000


class Moment(NamedTuple):
    """What an evaluation may know of the world: an instant, and bytes of chance."""

    now_ms: int
    chance: bytes


class Guard:
    """Counts steps and depth, and measures what each step has made. Each container is looked into
    once: what holds it again adds its size as it is known.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._depth = 0
        self._sizes: dict[int, tuple[Any, int]] = {}

    def enter(self, _part: Any, _input: Any, _frame: Any) -> None:
        """Count a step."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"more than {DEPTH_MAX} parts within each other")
        self.spend(1)

    def leave(self, part: Any, _input: Any, _frame: Any, result: Any) -> None:
        """Measure what a step has made."""
        self._depth -= 1
        if part.type == "transform":
            self._sizes.clear()  # it changes a copy in place
        self.measure(result)

    def spend(self, steps: int) -> None:
        """Take steps from what there is."""
        self._steps += steps
        if self._steps > STEPS_MAX:
            raise ValueError(f"more than {STEPS_MAX} steps")

    def measure(self, value: Any) -> int:
        """Return a value's size. Raises ValueError for one that is too large."""
        size = self._size(value)
        if size > SIZE_MAX:
            raise ValueError(f"a value is larger than {SIZE_MAX}")
        return size

    def _size(self, value: Any) -> int:
        if isinstance(value, str):
            return len(value)
        if isinstance(value, int):
            if value.bit_length() > 1_024:
                raise ValueError("a number is out of range")
            return 8
        if not isinstance(value, list | dict):
            return 8
        known = self._sizes.get(id(value))
        if known is not None and known[0] is value and not isinstance(value, Utils.JList):
            return known[1]
        if len(value) * 8 > SIZE_MAX:
            return SIZE_MAX + 1
        self.spend(len(value) // 16)
        size = 8
        for part in value.values() if isinstance(value, dict) else value:
            size += 8 + self._size(part)
            if size > SIZE_MAX:
                return size
        if isinstance(value, dict):
            size += sum(len(name) for name in value)
        self._sizes[id(value)] = (value, size)  # held, so that its id stays its own
        return size


def plain(value: Any) -> Any:
    """Return the library's own lists as JSON's; functions are no values. Raises TypeError."""
    if isinstance(value, list):
        return list(value)
    raise TypeError(f"the result holds a {type(value).__name__}")


# --- functions of our own -----------------------------------------------------------------------


def own_functions(moment: Moment, guard: Guard) -> Mapping[str, Any]:
    """Return the functions that take the place of the library's, by name."""
    own = _Functions(moment, guard)
    return {
        name: _Native(name, signature, body, count)
        for name, signature, body, count in (
            ("pad", "<s-ns?:s>", own.pad, 3),
            ("join", "<a<s>s?:s>", own.join, 2),
            ("string", "<x-b?:s>", own.string, 2),
            ("formatInteger", "<n-s:s>", own.format_integer, 2),
            ("replace", "<s-(sf)(sf)n?:s>", _replace, 4),
            ("distinct", "<x:x>", own.distinct, 1),
            ("shuffle", "<a:a>", own.shuffle, 1),
            ("random", "<:n>", own.random, 0),
            ("eval", "<sx?:x>", own.eval, 2),
            ("millis", "<:n>", own.millis, 0),
            ("now", "<s?s?:s>", own.now, 2),
        )
    }


class _Native(Jsonata.JNativeFunction):  # type: ignore[misc]
    """A function of the library's kind with our own body."""

    def __init__(self, name: str, signature: str, body: Callable[..., Any], arguments: int) -> None:
        super().__init__(name, signature, Functions, "string")  # it insists on finding a body
        self.method = body
        self.nargs = arguments


class _Functions:
    """Those that need the guard or the moment."""

    def __init__(self, moment: Moment, guard: Guard) -> None:
        self._moment = moment
        self._guard = guard
        self._bytes = _chain(moment.chance)

    def pad(self, text: Any, width: Any, char: Any) -> Any:
        if isinstance(width, int | float) and abs(width) > SIZE_MAX:
            raise ValueError(f"$pad: a width above {SIZE_MAX}")
        return Functions.pad(text, width, char)

    def join(self, texts: Any, separator: Any) -> Any:
        if texts is not None:
            between = len(separator or "") * len(texts)
            if between + sum(len(text) for text in texts) > SIZE_MAX:
                raise ValueError(f"$join: more than {SIZE_MAX} characters")
        return Functions.join(texts, separator)

    def string(self, value: Any, prettify: Any) -> Any:
        if prettify and self._guard.measure(value) > SIZE_MAX // 64:
            raise ValueError("$string: too large a value to be made pretty")
        return Functions.string(value, prettify)

    def format_integer(self, value: Any, picture: Any) -> Any:
        if isinstance(value, int | float) and abs(value) > _ROMAN_MAX and "i" in picture.lower():
            raise ValueError(f"$formatInteger: a number above {_ROMAN_MAX} in Roman numerals")
        return Functions.format_integer(value, picture)

    def distinct(self, values: Any) -> Any:
        if not isinstance(values, list) or len(values) <= 1:
            return values
        self._guard.spend(self._guard.measure(values) // 16)
        found: dict[bytes, Any] = {}
        for value in values:
            key = orjson.dumps(value, default=plain, option=orjson.OPT_SORT_KEYS)
            found.setdefault(key, value)
        return Utils.create_sequence_from_iter(found.values())

    def shuffle(self, values: Any) -> Any:
        if values is None or len(values) <= 1:
            return values
        keyed = [(self._draw(8), value) for value in values]
        return [value for _key, value in sorted(keyed, key=lambda pair: pair[0])]

    def random(self) -> float:
        return self._draw(6) / 2**48

    def _draw(self, count: int) -> int:
        return int.from_bytes([next(self._bytes) for _ in range(count)], "big")

    def eval(self, _text: Any, _focus: Any) -> Any:
        raise ValueError("$eval is not offered")

    def millis(self) -> int:
        return self._moment.now_ms

    def now(self, picture: Any, zone: Any) -> Any:
        return Functions.datetime_from_millis(self._moment.now_ms, picture, zone)


def _chain(seed: bytes) -> Iterator[int]:
    """Yield bytes without end, drawn from a few."""
    while True:
        seed = hashlib.sha256(seed).digest()
        yield from seed


def _replace(text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    """Replace as JSONata's documentation has it: $0 to $n in a text, or a function of a match."""
    if text is None:
        return None
    if isinstance(limit, int | float) and limit < 0:
        raise ValueError("$replace: a limit below 0")
    if pattern == "":
        raise ValueError("$replace: an empty pattern")
    count = len(text) + 1 if limit is None else int(limit)
    parts: list[str] = []
    size, at = 0, 0
    for begin, end, groups in _matches(text, pattern):
        if count <= 0:
            break
        count -= 1
        made = _replacement(replacement, groups, begin, SIZE_MAX - size)
        parts += (text[at:begin], made)
        size += begin - at + len(made)
        at = end
        if size > SIZE_MAX:
            raise ValueError(f"$replace: more than {SIZE_MAX} characters")
    return "".join((*parts, text[at:]))


def _matches(text: str, pattern: Any) -> Iterator[tuple[int, int, Sequence[str | None]]]:
    """Yield where a pattern is, and its groups, the first of them the whole."""
    if not isinstance(pattern, str):
        for found in pattern.finditer(text):
            if not found.group():
                raise ValueError("$replace: a regular expression that matches nothing")
            yield found.start(), found.end(), (found.group(), *found.groups())
        return
    at = text.find(pattern)
    while at >= 0:
        yield at, at + len(pattern), (pattern,)
        at = text.find(pattern, at + len(pattern))


_REFERENCE = re.compile(r"\$(\$|\d+)")


def _replacement(replacement: Any, groups: Sequence[str | None], index: int, size_max: int) -> str:
    if not isinstance(replacement, str):
        told = {"match": groups[0], "index": index, "groups": list(groups[1:])}
        made = Functions.func_apply(replacement, [told])
        if not isinstance(made, str):
            raise ValueError("$replace: the function must return a string")
        return made
    if len(groups) == 1 and "$" not in replacement:
        return replacement
    size = 0

    def resolve(found: re.Match[str]) -> str:
        nonlocal size
        digits = found[1]
        if digits == "$":
            return "$"
        rest = ""
        while len(digits) > 1 and int(digits) >= len(groups):
            digits, rest = digits[:-1], digits[-1] + rest
        number = int(digits)
        value = (groups[number] or "") if number < len(groups) else ""
        size += len(value)
        if size > size_max:
            raise ValueError(f"$replace: more than {SIZE_MAX} characters")
        return value + rest

    return _REFERENCE.sub(resolve, replacement)
