"""The model's constraints, compiled once for each shape, told in the service's own words.

Two styles. "required": SQS, which names the first member that is missing and judges values itself.
"coral": most services, which collect every violation: length, range, pattern, enum, null.
AWS: the texts are those of AWS's replies ("1 validation error detected: Value ...").

Invariant: a validator never changes the params and raises nothing but ServiceError.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from unicodedata import category

from redrive.core.effects import Params
from redrive.core.errors import ServiceError
from redrive.wire.model import Member, Operation, Shape
from redrive.wire.overlays import Overlay

Validator = Callable[[Params], None]
_Finder = Callable[[Any, str], Iterator[str]]
"""Yields one sentence a violation of the value at a path."""

VIOLATIONS_MAX = 50
"""How many violations one answer names: a thousand bad entries get a bounded reply."""

_PROPERTIES = {
    # AWS's patterns are Java's. In all models served, the classes of letters and of numbers come
    # together with _, for which Python's word class is the same; a test over all patterns watches.
    r"[\w-_": r"[\w\-_",  # no range
    r"\p{L}": r"\w",
    r"\p{N}": "",
    r"\p{Z}": " \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000",
}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a model's pattern, which is Java's, for use with fullmatch. Raises re.error."""
    flags = 0 if r"\p{" in pattern else re.ASCII
    for java, python in _PROPERTIES.items():
        pattern = pattern.replace(java, python)
    return re.compile(_CATEGORY.sub(_members_of, pattern), flags)


_CATEGORY = re.compile(r"\\p\{([A-Z][a-z]?)\}")


def _members_of(found: re.Match[str]) -> str:
    """Write a Unicode category out as what stands in a class: its ranges."""
    wanted = found.group(1)
    return "".join(text for name, text in _categories().items() if name.startswith(wanted))


@cache
def _categories() -> dict[str, str]:
    """Return the ranges of each of Unicode's categories, as a pattern says them."""
    found: dict[str, list[str]] = {}
    first, held = 0, category("\0")
    for code in range(1, sys.maxunicode + 2):
        now = category(chr(code)) if code <= sys.maxunicode else ""
        if now != held:
            found.setdefault(held, []).append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first, held = code, now
    return {name: "".join(ranges) for name, ranges in found.items()}


def compile_validator(operation: Operation, overlay: Overlay) -> Validator | None:
    """Return a validator of an operation's params, or None when there is nothing to check."""
    if operation.input is None:
        return None
    if overlay.validation == "required":
        return _compile_required(operation.input)
    unchecked = frozenset(
        member for name, member in overlay.enums_unchecked if name == operation.name
    )
    find = _Coral(operation.input, overlay, unchecked).of_structure(operation.input)
    return None if find is None else _collector(find, overlay.validation_code)


def _collector(find: _Finder, code: str) -> Validator:
    def validate(params: Params) -> None:
        found = []
        for violation in find(params, ""):
            found.append(violation)
            if len(found) == VIOLATIONS_MAX:
                break
        if found:
            plural = "" if len(found) == 1 else "s"
            raise ServiceError(
                code,
                f"{len(found)} validation error{plural} detected: {'; '.join(found)}",
                status=400,
            )

    return validate


# --- style "required" -------------------------------------------------------------------


def _compile_required(shape: Shape) -> Validator | None:
    check = _required_in(shape, {})
    return None if check is None else lambda params: check(params, "")


_Check = Callable[[Any, str], None]


def _required_in(shape: Shape, made: dict[int, _Check | None]) -> _Check | None:
    if id(shape) in made:
        return made[id(shape)]
    made[id(shape)] = lambda value, path: _call(made[id(shape)], value, path)
    if shape.type == "structure":
        inner = {
            name: (check, _step_of(member))
            for name, member in shape.members.items()
            if (check := _required_in(member.shape, made)) is not None
        }
        made[id(shape)] = _required_members(shape.required, inner)
    elif shape.type in ("list", "map"):
        below = shape.element or shape.value
        assert below is not None
        check = _required_in(below.shape, made)
        made[id(shape)] = None if check is None else _required_items(check)
    else:
        made[id(shape)] = None
    return made[id(shape)]


def _call(check: _Check | None, value: Any, path: str) -> None:
    if check is not None:
        check(value, path)


def _step_of(member: Member) -> str:
    """The name of a nested place, as SQS tells it: SendMessageBatchRequestEntry.1.Id."""
    element = member.shape.element
    return element.shape.name if element is not None else member.name


def _required_members(
    required: tuple[str, ...], inner: dict[str, tuple[_Check, str]]
) -> _Check | None:
    if not required and not inner:
        return None

    def check_members(value: Any, path: str) -> None:
        for name in required:
            if name not in value:
                raise ServiceError(
                    "MissingParameter",
                    f"The request must contain the parameter {path}{name}.",
                    status=400,
                )
        for name, (check, step) in inner.items():
            if name in value:
                check(value[name], f"{path}{step}.")

    return check_members


def _required_items(check: _Check) -> _Check:
    def check_items(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                check(item, f"{path}{name}.")
        else:
            for at, item in enumerate(value, 1):
                check(item, f"{path}{at}.")

    return check_items


# --- style "coral" ----------------------------------------------------------------------


class _Constraint:
    """What a shape asks of its value, apart from its parts: tests and their sentences.

    Order, as AWS tells them for one value: pattern, enum, at most, at least.
    """

    def __init__(self, shape: Shape, overlay: Overlay, *, enum: bool = True) -> None:
        traits = shape.traits
        names = overlay.enum_orders.get(shape.name) or tuple(traits.get("enum", ()))
        self._enum = f"Member must satisfy enum value set: [{', '.join(names)}]"
        self.tests: list[tuple[Callable[[Any], bool], str]] = []
        is_number = shape.type in ("integer", "long", "float", "double", "short", "byte")
        measure: Callable[[Any], Any] = (lambda value: value) if is_number else len
        if "pattern" in traits and shape.type == "string":
            match = compile_pattern(traits["pattern"]).fullmatch
            text = f"Member must satisfy regular expression pattern: {traits['pattern']}"
            self.tests.append((lambda value: match(value) is not None, text))
        if enum and "enum" in traits and shape.type == "string":
            self.tests.append((frozenset(traits["enum"]).__contains__, self._enum))
        what = "value" if is_number else "length"
        real = shape.type in ("float", "double")
        if "max" in traits:
            high = traits["max"]
            text = f"Member must have {what} less than or equal to {_number(high, real)}"
            self.tests.append((lambda value: bool(measure(value) <= high), text))
        if "min" in traits and (is_number or traits["min"] > 0):
            low = traits["min"]
            text = f"Member must have {what} greater than or equal to {_number(low, real)}"
            self.tests.append((lambda value: bool(measure(value) >= low), text))
        self._shape = shape

    def broken(self, value: Any) -> Iterator[str]:
        """Yield the sentence of each test that the value fails."""
        for test, text in self.tests:
            if not test(value):
                yield text

    def summary(self, *, nullable: bool) -> str:
        """Return all that an element, a key or a value must be, in AWS's one bracket."""
        traits, real = self._shape.traits, self._shape.type in ("float", "double")
        what = "value" if real or self._shape.type in ("integer", "long") else "length"
        told = []
        if "max" in traits:
            told.append(
                f"Member must have {what} less than or equal to {_number(traits['max'], real)}"
            )
        if "min" in traits:
            told.append(
                f"Member must have {what} greater than or equal to {_number(traits['min'], real)}"
            )
        if "pattern" in traits:
            told.append(f"Member must satisfy regular expression pattern: {traits['pattern']}")
        if "enum" in traits:
            told.append(self._enum)
        # AWS leaves this out for keys, and for texts with a pattern (seen: subnet and group ids).
        if not nullable and "pattern" not in traits:
            told.append("Member must not be null")
        return f"[{', '.join(told)}]"


class _Coral:
    """Compiles shapes to finders; recursion goes through the table, as in the codecs."""

    def __init__(self, root: Shape, overlay: Overlay, enums_unchecked: frozenset[str]) -> None:
        self._root = root
        self._overlay = overlay
        self._unchecked = enums_unchecked
        self._made: dict[int, _Finder | None] = {}

    def of_structure(self, shape: Shape) -> _Finder | None:
        key = id(shape)
        if key not in self._made:
            self._made[key] = lambda value, path: self._through(key, value, path)
            self._made[key] = self._compile(shape)
        return self._made[key]

    def _through(self, key: int, value: Any, path: str) -> Iterator[str]:
        find = self._made[key]
        return iter(()) if find is None else find(value, path)

    def _compile(self, shape: Shape) -> _Finder | None:
        checks: list[tuple[str, str, bool, _Finder | None]] = []
        for name, member in shape.members.items():
            enum = not (shape is self._root and name in self._unchecked)
            find = self._of_member(member.shape, enum=enum)
            required = name in shape.required
            if find is not None or required:
                checks.append((name, _lower_first(name), required, find))
        if not checks:
            return None

        def find_in_structure(value: Any, path: str) -> Iterator[str]:
            for name, step, required, find in checks:
                if name in value:
                    if find is not None:
                        yield from find(value[name], path + step)
                elif required:
                    yield (
                        f"Value null at '{path}{step}' failed to satisfy constraint: "
                        "Member must not be null"
                    )

        return find_in_structure

    def _of_member(self, shape: Shape, *, enum: bool = True) -> _Finder | None:
        own = _Constraint(shape, self._overlay, enum=enum)
        inner = self._inner(shape)
        if not own.tests and inner is None:
            return None
        secret = bool(shape.traits.get("sensitive"))

        def find(value: Any, path: str) -> Iterator[str]:
            for text in own.broken(value):
                yield _violation(value, shape, path, text, secret=secret)
            if inner is not None:
                yield from inner(value, path)

        return find

    def _inner(self, shape: Shape) -> _Finder | None:
        if shape.type == "structure":
            find = None if shape.traits.get("document") else self.of_structure(shape)
            return None if find is None else lambda value, path: find(value, path + ".")
        if shape.type == "list":
            assert shape.element is not None
            return self._of_list(shape, shape.element.shape)
        if shape.type == "map":
            assert shape.key is not None
            assert shape.value is not None
            return self._of_map(shape, shape.key.shape, shape.value.shape)
        return None

    def _of_list(self, shape: Shape, element: Shape) -> _Finder | None:
        if element.type in ("structure", "list", "map"):
            below = self._of_member(element)
            if below is None:
                return None
            return lambda value, path: (
                violation
                for at, item in enumerate(value, 1)
                for violation in below(item, f"{path}.{at}.member")
            )
        own = _Constraint(element, self._overlay)
        if not own.tests:
            return None
        text = f"Member must satisfy constraint: {own.summary(nullable=False)}"
        return _whole(own, shape, text, keys=False)

    def _of_map(self, shape: Shape, key: Shape, below: Shape) -> _Finder | None:
        finders: list[_Finder] = []
        keys, values = _Constraint(key, self._overlay), _Constraint(below, self._overlay)
        if keys.tests:
            text = f"Map keys must satisfy constraint: {keys.summary(nullable=True)}"
            finders.append(_whole(keys, shape, text, keys=True))
        if below.type in ("structure", "list", "map"):
            inner = self._of_member(below)
            if inner is not None:
                finders.append(
                    lambda value, path: (
                        violation
                        for name, item in value.items()
                        for violation in inner(item, f"{path}.{name}.member")
                    )
                )
        elif values.tests:
            text = f"Map value must satisfy constraint: {values.summary(nullable=False)}"
            finders.append(_whole(values, shape, text, keys=False))
        if not finders:
            return None
        return lambda value, path: (
            violation for find in finders for violation in find(value, path)
        )


def _whole(own: _Constraint, shape: Shape, text: str, *, keys: bool) -> _Finder:
    """Judge simple items one by one but show the whole list or map, once, as AWS does."""
    secret = bool(shape.traits.get("sensitive"))

    def find(value: Any, path: str) -> Iterator[str]:
        items = value.values() if isinstance(value, dict) and not keys else value
        if any(True for item in items for _ in own.broken(item)):
            yield _violation(value, shape, path, text, secret=secret)

    return find


def _violation(value: Any, shape: Shape, path: str, text: str, *, secret: bool) -> str:
    shown = "Value" if secret else f"Value '{_shown(value, shape)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {text}"


_UNMODELLED = {("PutEventsRequestEntry", "TraceHeader"): ("kmsKeyIdentifier", "internalMetadata")}
"""Members that AWS shows of a structure and no model has, by its name and its last member.

AWS: as captured (PutEvents).
"""


def _shown(value: Any, shape: Shape) -> str:
    """Write a value as AWS shows it, which is as Java's toString does."""
    if shape.traits.get("sensitive"):
        return "***Sensitive Data Redacted***"
    if value is None:
        return "null"
    if shape.type == "boolean":
        return "true" if value else "false"
    if shape.type == "structure" and shape.members:
        parts = [
            f"{_lower_first(name)}={_shown(value.get(name), member.shape)}"
            for name, member in shape.members.items()
        ]
        parts += (
            f"{name}=null" for name in _UNMODELLED.get((shape.name, [*shape.members][-1]), ())
        )
        return f"{shape.name}({', '.join(parts)})"
    if shape.type == "map" and shape.value is not None:
        below = shape.value.shape
        return "{" + ", ".join(f"{k}={_shown(v, below)}" for k, v in value.items()) + "}"
    if shape.type == "list" and shape.element is not None:
        return "[" + ", ".join(_shown(item, shape.element.shape) for item in value) + "]"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


def _number(bound: Any, real: bool) -> str:
    return str(float(bound)) if real else str(bound)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
