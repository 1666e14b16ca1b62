"""CloudFormation's intrinsic functions, worked out as far as what is known allows.

A value that hangs on a resource which does not exist yet stays a function ("pending") with
everything around it resolved, so that it can be resolved again later; `references` tells on what it
waits. Pending values hold no other function than Ref, Fn::GetAtt and the pure ones around them:
Fn::Sub becomes Fn::Join, Fn::If its chosen branch.

AWS: CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from redrive.services.stacks.model import Json, Path, World
from redrive.services.stacks.parameters import as_text
from redrive.services.stacks.template import suggest, unknown

NO_VALUE: Final = object()
"""What Ref AWS::NoValue gives: the property or list item around it goes away."""
INVALID: Final = object()
"""A value whose problem has been reported; nothing more is said about it."""

PSEUDO_PARAMETERS = tuple(
    f"AWS::{name}"
    for name in [
        "AccountId",
        "NoValue",
        "NotificationARNs",
        "Partition",
        "Region",
        "StackId",
        "StackName",
        "URLSuffix",
    ]
)
FUNCTIONS = (
    "Ref",
    *(
        f"Fn::{name}"
        for name in [
            "And",
            "Base64",
            "Equals",
            "FindInMap",
            "GetAZs",
            "GetAtt",
            "If",
            "Join",
            "Length",
            "Not",
            "Or",
            "Select",
            "Split",
            "Sub",
            "ToJsonString",
        ]
    ),
)
REFUSED = {
    "Fn::ImportValue": "values cannot come from other stacks here: use a parameter",
    "Fn::Transform": "macros are not supported",
    "Fn::Cidr": "there are no networks here",
    "Fn::ForEach": "write the resources out",
}
_CONDITION_FUNCTIONS = ("Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or")
_SUB = re.compile(r"\$\{([^}]*)\}")


@dataclass(slots=True)
class Scope:
    """What names mean. Values that are not known yet are left out, never guessed.

    resources: what Ref and Fn::GetAtt may name, with the attributes that its type has (None: of a
    type that is not known, where any attribute passes so that one mistake is told once).
    attributes: of the resources that exist, by logical id; Ref's value is under "Ref". absent:
    resources that the template has but whose condition is false.
    """

    world: World
    parameters: Mapping[str, str | list[str]] = field(default_factory=dict)
    mappings: Json = field(default_factory=dict)
    conditions: Json = field(default_factory=dict)
    resources: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def pseudo(self, name: str) -> Json:
        """Return a pseudo parameter's value."""
        world = self.world
        return {
            "AWS::AccountId": world.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": world.region,
            "AWS::StackId": world.stack_id,
            "AWS::StackName": world.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }[name]


def function_name(value: Json) -> str | None:
    """Return the name of the function that an object calls, or None when it is a plain value."""
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        if name == "Ref" or name.startswith("Fn::"):
            return str(name)
    return None


def is_pending(value: Json) -> bool:
    """Tell whether a resolved value still waits for a resource."""
    return any(True for _ in references(value))


def has_invalid(value: Json) -> bool:
    """Tell whether a part of a resolved value was reported as a problem."""
    if isinstance(value, dict | list):
        return any(map(has_invalid, value.values() if isinstance(value, dict) else value))
    return value is INVALID


def references(value: Json) -> Iterator[str]:
    """Yield the logical id of each resource on which a resolved value waits."""
    name = function_name(value)
    if name == "Ref":
        yield value["Ref"]
    elif name == "Fn::GetAtt":
        yield value["Fn::GetAtt"][0]
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


class Resolver:
    """Resolves values in one scope; a problem goes to `report` and leaves INVALID in its place."""

    def __init__(self, scope: Scope, report: Callable[[Path, str], None]) -> None:
        self.scope = scope
        self._report = report
        self._conditions: dict[str, bool | None] = {}  # None while it is being worked out

    def resolve(self, value: Json, path: Path) -> Json:
        """Return `value` with every function carried out that can be.

        Objects and lists lose the members that are AWS::NoValue; the whole may be NO_VALUE or
        INVALID.
        """
        name = function_name(value)
        if name is not None:
            return self._call(name, value[name], (*path, name))
        if isinstance(value, dict):
            if strange := [key for key in value if str(key).startswith("Fn::")]:
                return self._fail((*path, strange[0]), f"{strange[0]} stands beside other keys")
            items = {key: self.resolve(item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not NO_VALUE}
        if isinstance(value, list):
            found = [self.resolve(item, (*path, index)) for index, item in enumerate(value)]
            return [item for item in found if item is not NO_VALUE]
        return value

    def condition(self, name: Json, path: Path) -> bool:
        """Return whether a condition of the template holds. A broken one is reported and false."""
        declared = self.scope.conditions
        if not isinstance(name, str) or name not in declared:
            near = suggest(name, declared) if isinstance(name, str) else ""
            self._fail(path, f"the template has no condition {name}{near}")
            return False
        if name not in self._conditions:
            self._conditions[name] = None
            self._conditions[name] = self._truth(declared[name], ("Conditions", name))
        held = self._conditions[name]
        if held is None:
            self._fail(("Conditions", name), "the condition depends on itself")
        return bool(held)

    def _truth(self, value: Json, path: Path) -> bool:
        if isinstance(value, dict) and list(value) == ["Condition"]:
            return self.condition(value["Condition"], (*path, "Condition"))
        name = function_name(value)
        if name not in _CONDITION_FUNCTIONS:
            supported = ", ".join((*_CONDITION_FUNCTIONS, "Condition"))
            self._fail(path, f"a condition is made of {supported}")
            return False
        args, here = value[name], (*path, name)
        if name == "Fn::Equals":
            return self._equals(args, here)
        low, high = (1, 1) if name == "Fn::Not" else (2, 10)
        if not isinstance(args, list) or not low <= len(args) <= high:
            counts = "one condition" if high == 1 else "two to ten conditions"
            self._fail(here, f"{name} takes a list of {counts}")
            return False
        truths = [self._truth(item, (*here, index)) for index, item in enumerate(args)]
        if name == "Fn::Not":
            return not truths[0]
        return all(truths) if name == "Fn::And" else any(truths)

    def _equals(self, args: Json, path: Path) -> bool:
        if not isinstance(args, list) or len(args) != 2:
            self._fail(path, "Fn::Equals takes a list of two values")
            return False
        sides = [self.resolve(item, (*path, index)) for index, item in enumerate(args)]
        if any(is_pending(side) for side in sides):
            self._fail(path, "a condition cannot depend on a resource")
        if has_invalid(sides):
            return False
        return bool(_comparable(sides[0]) == _comparable(sides[1]))

    def _call(self, name: str, args: Json, path: Path) -> Json:
        if name in REFUSED:
            return self._fail(path, f"{name} is not supported: {REFUSED[name]}")
        if name in _CONDITION_FUNCTIONS:
            return self._fail(path, f"{name} may only stand in Conditions; use Fn::If")
        lazy = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
        }
        if name in lazy:
            return lazy[name](args, path)
        eager = _EAGER.get(name)
        if eager is None:
            return self._fail(path, unknown("function", name, FUNCTIONS))
        resolved = self.resolve(args, path)
        if has_invalid(resolved):
            return INVALID
        if resolved is NO_VALUE:
            return self._fail(path, f"{name} cannot take AWS::NoValue")
        try:
            return eager(resolved, self.scope.world.region)
        except _Pending:
            return {name: resolved}
        except ValueError as error:
            return self._fail(path, f"{name} {error}")

    def _ref(self, name: Json, path: Path) -> Json:
        scope = self.scope
        if not isinstance(name, str):
            return self._fail(path, "Ref takes the name of a parameter or a resource")
        if name in scope.parameters:
            return scope.parameters[name]
        if name in PSEUDO_PARAMETERS:
            return scope.pseudo(name)
        if name in scope.attributes:
            return scope.attributes[name]["Ref"]
        if name in scope.resources:
            return {"Ref": name}
        return self._unknown_name(name, path)

    def _unknown_name(self, name: str, path: Path) -> Json:
        if name in self.scope.absent:
            return self._fail(path, f"{name} is not created, its condition is false: use Fn::If")
        near = suggest(name, (*self.scope.parameters, *self.scope.resources, *PSEUDO_PARAMETERS))
        return self._fail(path, f"the template has no parameter or resource {name}{near}")

    def _get_att(self, args: Json, path: Path) -> Json:
        parts = args.split(".", 1) if isinstance(args, str) else args
        if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str):
            return self._fail(path, "Fn::GetAtt takes a resource and the name of an attribute")
        target, attribute = parts[0], self.resolve(parts[1], (*path, 1))
        if attribute is INVALID:
            return INVALID
        if target not in self.scope.resources:
            return self._unknown_name(target, path)
        known = self.scope.resources[target]
        if known is not None and attribute not in known:
            names = ", ".join(known) or "none"
            near = suggest(str(attribute), known)
            return self._fail(
                path, f"{target} has no attribute {attribute}{near} (it has: {names})"
            )
        if target in self.scope.attributes:
            return self.scope.attributes[target][attribute]
        return {"Fn::GetAtt": [target, attribute]}

    def _sub(self, args: Json, path: Path) -> Json:
        text, given = (
            (args[0], args[1]) if isinstance(args, list) and len(args) == 2 else (args, {})
        )
        if not isinstance(text, str) or not isinstance(given, dict):
            return self._fail(path, "Fn::Sub takes a string, or a list of a string and an object")
        pieces: list[Json] = []
        end = 0
        for match in _SUB.finditer(text):
            pieces.append(text[end : match.start()])
            end = match.end()
            name = match[1].strip()
            if name.startswith("!"):
                pieces.append("${" + name[1:] + "}")
            elif name in given:
                pieces.append(self.resolve(given[name], (*path, 1, name)))
            elif "." in name:
                pieces.append(self._get_att(name, path))
            else:
                pieces.append(self._ref(name, path))
        pieces.append(text[end:])
        if any(piece is INVALID for piece in pieces):
            return INVALID
        if any(isinstance(piece, list) or piece is NO_VALUE for piece in pieces):
            return self._fail(
                path, "Fn::Sub can only put strings into its text, not lists or NoValue"
            )
        return _join_texts("", pieces)

    def _if(self, args: Json, path: Path) -> Json:
        if not isinstance(args, list) or len(args) != 3:
            return self._fail(path, "Fn::If takes a condition's name and two values")
        chosen = 1 if self.condition(args[0], (*path, 0)) else 2
        return self.resolve(args[chosen], (*path, chosen))

    def _find_in_map(self, args: Json, path: Path) -> Json:
        if not isinstance(args, list) or len(args) not in (3, 4):
            return self._fail(
                path, "Fn::FindInMap takes a map, a top-level key and a second-level key"
            )
        keys = [self.resolve(item, (*path, index)) for index, item in enumerate(args[:3])]
        if any(key is INVALID for key in keys):
            return INVALID
        if any(isinstance(key, dict | list) for key in keys):
            return self._fail(
                path, "the keys of Fn::FindInMap must be strings that are known before"
            )
        found: Json = self.scope.mappings
        for depth, key in enumerate(map(as_text, keys)):
            if isinstance(found, dict) and key in found:
                found = found[key]
                continue
            if len(args) == 4 and isinstance(args[3], dict) and "DefaultValue" in args[3]:
                return self.resolve(args[3]["DefaultValue"], (*path, 3, "DefaultValue"))
            what = ("map", "top-level key", "second-level key")[depth]
            near = suggest(key, found) if isinstance(found, dict) else ""
            return self._fail(path, f"Mappings has no {what} {key}{near}")
        return found

    def _fail(self, path: Path, message: str) -> object:
        self._report(path, message)
        return INVALID


class _Pending(Exception):
    """An argument is not known yet."""


def _known(value: Json) -> Json:
    if is_pending(value):
        raise _Pending
    return value


def _join_texts(separator: str, pieces: list[Json]) -> Json:
    """Join scalars; with pending ones among them, into a Fn::Join of as few as possible."""
    if not any(isinstance(piece, dict) for piece in pieces):
        return separator.join(map(as_text, pieces))
    if separator:
        return {"Fn::Join": [separator, pieces]}
    joined: list[Json] = []
    for piece in pieces:
        if not isinstance(piece, dict) and joined and isinstance(joined[-1], str):
            joined[-1] += as_text(piece)
        elif isinstance(piece, dict) or as_text(piece):
            joined.append(piece if isinstance(piece, dict) else as_text(piece))
    return joined[0] if len(joined) == 1 else {"Fn::Join": ["", joined]}


def _base64(args: Json, _region: str) -> Json:
    text = _known(args)
    if isinstance(text, dict | list):
        raise ValueError("takes a string")
    return base64.b64encode(as_text(text).encode()).decode()


def _join(args: Json, _region: str) -> Json:
    if not isinstance(args, list) or len(args) != 2 or not isinstance(args[0], str):
        raise ValueError("takes a separator and a list")
    separator, items = args
    if function_name(items):
        raise _Pending
    if not isinstance(items, list) or any(isinstance(item, list) for item in items):
        raise ValueError("takes a separator and a list of strings")
    if any(isinstance(item, dict) and not function_name(item) for item in items):
        raise ValueError("takes a separator and a list of strings")
    return _join_texts(separator, items)


def _split(args: Json, _region: str) -> Json:
    if not isinstance(args, list) or len(args) != 2 or not args[0] or not isinstance(args[0], str):
        raise ValueError("takes a separator and a string")
    text = _known(args[1])
    if not isinstance(text, str):
        raise ValueError("takes a separator and a string")
    return text.split(args[0])


def _select(args: Json, _region: str) -> Json:
    if not isinstance(args, list) or len(args) != 2:
        raise ValueError("takes an index and a list")
    index, items = _known(args[0]), args[1]
    if function_name(items):
        raise _Pending
    try:
        position = int(index)
    except (TypeError, ValueError):
        raise ValueError(f"takes an index and a list, not {index!r}") from None
    if not isinstance(items, list) or not 0 <= position < len(items):
        size = len(items) if isinstance(items, list) else 0
        raise ValueError(f"has no item {position} in its list of {size}")
    return items[position]


def _length(args: Json, _region: str) -> Json:
    if function_name(args):
        raise _Pending
    if not isinstance(args, list):
        raise ValueError("takes a list")
    return len(args)


def _to_json_string(args: Json, _region: str) -> Json:
    value = _known(args)
    if not isinstance(value, dict | list):
        raise ValueError("takes an object or a list")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _get_azs(args: Json, region: str) -> Json:
    """Return three zones of the region: which ones an account sees differs, these are usual."""
    return [f"{_known(args) or region}{letter}" for letter in "abc"]


def _comparable(value: Json) -> Json:
    return value if isinstance(value, dict | list) or value is NO_VALUE else as_text(value)


_EAGER: Mapping[str, Callable[[Json, str], Json]] = {
    "Fn::Base64": _base64,
    "Fn::GetAZs": _get_azs,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::ToJsonString": _to_json_string,
}
