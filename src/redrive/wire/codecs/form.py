"""Form-urlencoded bodies: how a Query request says structures, lists and maps in dotted names.

    Name=v   List.member.1=v   Flat.1=v   Map.entry.1.key=k&Map.entry.1.value=v   Struct.Member=v

Names go into a tree first; the shape's reader then walks that tree, so that names which no member
has cost nothing more. AWS: "Query protocol" of the SDKs' protocol tests (Smithy awsQuery).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from redrive.core.effects import Params
from redrive.core.errors import ServiceError
from redrive.wire.codecs.codec import DEPTH_MAX, BodyReader, Unreadable, wrong_type
from redrive.wire.codecs.json import INTEGER_RANGES
from redrive.wire.model import Member, Shape
from redrive.wire.timestamps import parse_timestamp

FIELDS_MAX = 20_000
"""Fields of one request. Ten messages of ten attributes need less than a thousand."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_INDEX = re.compile(r"[0-9]{1,9}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class Node:
    """One step of dotted names: its own text, if it was given, and the steps below."""

    __slots__ = ("below", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.below: dict[str, Node] = {}


_Read = Callable[[Node], Any]


def parse_fields(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form in order, decoded. Raises Unreadable when it is not one."""
    if body.count(b"&") >= FIELDS_MAX:
        raise Unreadable(f"more than {FIELDS_MAX} fields")
    try:
        text = body.decode("ascii")
        fields = []
        for part in text.split("&"):
            if part:
                name, _, value = part.partition("=")
                fields.append(
                    (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
                )
    except UnicodeDecodeError:
        raise Unreadable("not percent-encoded UTF-8") from None
    return fields


def read_tree(body: bytes) -> Node:
    """Return a form's fields as a tree of their dotted names."""
    root = Node()
    for name, value in parse_fields(body):
        steps = name.split(".")
        if len(steps) > DEPTH_MAX:
            raise Unreadable(f"a name of more than {DEPTH_MAX} parts")
        node = root
        for step in steps:
            found = node.below.get(step)
            if found is None:
                found = node.below[step] = Node()
            node = found
        node.text = value
    return root


def read_scalar(shape: Shape, text: str) -> Any:
    """Return a scalar that was said as text: in a form, a header, a query string or a path."""
    kind = shape.type
    if kind in ("string", "character"):
        return text
    if kind in INTEGER_RANGES:
        low, high = INTEGER_RANGES[kind]
        if _INTEGER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
    elif kind == "boolean":
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
    elif kind in ("float", "double"):
        if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
            return float(text)
    elif kind == "timestamp":
        at_ms = parse_timestamp(text)
        if at_ms is not None:
            return at_ms
    elif kind == "blob":
        try:
            return b64decode(text, validate=True)
        except (Base64Error, ValueError):
            pass
    raise wrong_type(f"STRING_VALUE can not be converted to {_ARTICLES.get(kind, 'a ' + kind)}")


_ARTICLES = {
    "integer": "an Integer",
    "long": "a Long",
    "boolean": "a Boolean",
    "timestamp": "a Timestamp",
    "blob": "a Blob",
    "float": "a Float",
    "double": "a Double",
}


class _Readers:
    """Compiles shapes; one reader for each, whatever refers to it, itself included."""

    def __init__(self) -> None:
        self._made: dict[int, _Read] = {}

    def of(self, shape: Shape) -> _Read:
        if shape.type not in ("structure", "list", "map"):
            return lambda node: None if node.text is None else read_scalar(shape, node.text)
        key = id(shape)
        if key not in self._made:
            self._made[key] = lambda node: self._made[key](node)
            self._made[key] = self._compile(shape)
        return self._made[key]

    def _compile(self, shape: Shape) -> _Read:
        if shape.type == "list":
            assert shape.element is not None
            inner = "" if _is_flat(shape) else shape.element.traits.get("locationName", "member")
            return _list_reader(inner, self.of(shape.element.shape))
        if shape.type == "map":
            assert shape.key is not None
            assert shape.value is not None
            return _map_reader(
                "" if _is_flat(shape) else "entry",
                (shape.key.traits.get("locationName", "key"), self.of(shape.key.shape)),
                (shape.value.traits.get("locationName", "value"), self.of(shape.value.shape)),
            )
        parts = {field_name(m): (m.name, self.of(m.shape)) for m in shape.members.values()}

        def read_structure(node: Node) -> Any:
            out = {}
            for wire, below in node.below.items():
                member = parts.get(wire)
                if member is not None:
                    value = member[1](below)
                    if value is not None:
                        out[member[0]] = value
            return out

        return read_structure


def _is_flat(shape: Shape) -> bool:
    return bool(shape.traits.get("flattened"))


def field_name(member: Member) -> str:
    """Return the step that a member adds to a name; a flat list goes by its element's name."""
    element = member.shape.element
    if element is not None and _is_flat(member.shape) and "locationName" in element.traits:
        return str(element.traits["locationName"])
    return member.wire_name


def _numbered(node: Node, inner: str) -> list[Node]:
    """Return the numbered steps below, by number. AWS closes gaps."""
    home = node.below.get(inner) if inner else node
    if home is None:
        return []
    if not all(_INDEX.fullmatch(step) for step in home.below):
        raise ServiceError("MalformedInput", "Key is not numbered as a list.", status=400)
    return [home.below[step] for step in sorted(home.below, key=int)]


def _list_reader(inner: str, read: _Read) -> _Read:
    def read_list(node: Node) -> Any:
        if not node.below:
            # An empty list is said as `Name=`.
            return [] if node.text == "" else None
        return [item for below in _numbered(node, inner) if (item := read(below)) is not None]

    return read_list


def _map_reader(inner: str, key: tuple[str, _Read], value: tuple[str, _Read]) -> _Read:
    def read_map(node: Node) -> Any:
        if not node.below:
            return {} if node.text == "" else None
        out = {}
        for entry in _numbered(node, inner):
            named, held = entry.below.get(key[0]), entry.below.get(value[0])
            if named is not None and held is not None:
                name, item = key[1](named), value[1](held)
                if name is not None and item is not None:
                    out[name] = item
        return out

    return read_map


def compile_reader(shape: Shape) -> BodyReader:
    """Return a reader of forms that hold this structure, Action and Version aside."""
    read = _Readers().of(shape)

    def read_body(body: bytes) -> Params:
        params: Params = read(read_tree(body))
        return params

    return read_body
