"""Form-urlencoded bodies: how a Query request says structures, lists and maps in dotted names.

    Name=v   List.member.1=v   Flat.1=v   Map.entry.1.key=k&Map.entry.1.value=v   Struct.Member=v

Names go into a tree first; the shape's reader then walks that tree, so that names which no member
has cost nothing more. AWS: "Query protocol" of the SDKs' protocol tests (Smithy awsQuery).
A flat list or map of one may go without its number: AttributeName=All (AWS: API_ReceiveMessage and
API_SetQueueAttributes of before 2023, sample requests).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from binascii import a2b_hex
from collections.abc import Callable
from typing import Any

from redrive.core.effects import Params
from redrive.core.errors import ServiceError
from redrive.wire.codecs.codec import DEPTH_MAX, BodyReader, Unreadable, wrong_type
from redrive.wire.codecs.json import INTEGER_RANGES
from redrive.wire.model import Member, Shape
from redrive.wire.timestamps import parse_timestamp

FIELDS_MAX = 20_000
"""Fields of one request. Ten messages of ten attributes need less than a thousand."""

STEPS_MAX = 100_000
"""Distinct steps in the names of one request: what they cost in memory is bounded by it."""

FORM_BYTES_MAX = 4 * 1_048_576
"""A batch of 1 MiB whose every byte is escaped is three quarters of this."""

_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_INDEX = re.compile(r"[0-9]{1,9}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class Node:
    """One step of dotted names: its own text, if it was given, and the steps below."""

    __slots__ = ("below", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.below: dict[str, Node] = {}


_Read = Callable[[Node], Any]


def parse_fields(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form in order, decoded. Raises Unreadable when it is not one."""
    if len(body) > FORM_BYTES_MAX:
        raise Unreadable(f"more than {FORM_BYTES_MAX} bytes")
    if body.count(b"&") >= FIELDS_MAX:
        raise Unreadable(f"more than {FIELDS_MAX} fields")
    fields = []
    try:
        for part in body.split(b"&"):
            if part:
                name, _, value = part.partition(b"=")
                fields.append((_unescape(name), _unescape(value)))
    except UnicodeDecodeError:
        raise Unreadable("not percent-encoded UTF-8") from None
    return fields


def _unescape(raw: bytes) -> str:
    """Return the text that stands escaped; runs are taken whole, since all of a body may be one."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = _ESCAPES.sub(lambda run: a2b_hex(run[0].replace(b"%", b"")), raw)
    return raw.decode()


def read_tree(body: bytes) -> Node:
    """Return a form's fields as a tree of their dotted names."""
    root, made = Node(), 0
    for name, value in parse_fields(body):
        steps = name.split(".")
        if len(steps) > DEPTH_MAX:
            raise Unreadable(f"a name of more than {DEPTH_MAX} parts")
        node = root
        for step in steps:
            found = node.below.get(step)
            if found is None:
                found = node.below[step] = Node()
                made += 1
            node = found
        node.text = value
        if made > STEPS_MAX:
            raise Unreadable(f"names of more than {STEPS_MAX} parts")
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


def _read_field(shape: Shape) -> _Read:
    def read_field(node: Node) -> Any:
        if node.text is None:
            return None
        try:
            return read_scalar(shape, node.text)
        except ServiceError as error:
            raise _malformed(error.message) from None

    return read_field


def _malformed(message: str) -> ServiceError:
    """Return the Query front end's error for a value that is not of its member's type.

    AWS: seen as CloudWatch's MalformedInput, "timestamp must follow ISO8601"; texts differ.
    """
    return ServiceError("MalformedInput", message, status=400)


class _Readers:
    """Compiles places; one reader for each shape, whatever refers to it, itself included."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, bool], _Read] = {}

    def of(self, shape: Shape, *, flat: bool) -> _Read:
        if shape.type not in ("structure", "list", "map"):
            return _read_field(shape)
        key = (id(shape), flat)
        if key not in self._made:
            self._made[key] = lambda node: self._made[key](node)
            self._made[key] = self._compile(shape, flat=flat)
        return self._made[key]

    def _of_place(self, member: Member) -> _Read:
        return self.of(member.shape, flat=member.is_flat)

    def _compile(self, shape: Shape, *, flat: bool) -> _Read:
        if shape.type == "list":
            assert shape.element is not None
            inner = "" if flat else shape.element.traits.get("locationName", "member")
            return _list_reader(inner, self._of_place(shape.element))
        if shape.type == "map":
            assert shape.key is not None
            assert shape.value is not None
            return _map_reader(
                "" if flat else "entry",
                (shape.key.query_name or "key", self._of_place(shape.key)),
                (shape.value.query_name or "value", self._of_place(shape.value)),
            )
        parts = {
            name: (member.name, self._of_place(member))
            for member in shape.members.values()
            for name in field_names(member)
        }

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


def field_names(member: Member) -> tuple[str, ...]:
    """Return the steps by which a member may be named; a flat list goes by its element's name.

    Where an overlay gave the names, the model's own name is understood too: some SDKs send that.
    AWS: github.com/aws/aws-sdk-java-v2/issues/2524, "Tags.1.Key" for TagQueue.
    """
    element = member.shape.element
    if element is not None and member.is_flat and element.query_name:
        name = element.query_name
        is_given = "queryName" in element.traits
    else:
        name = member.query_name
        is_given = "queryName" in member.traits
    return (name, member.name) if is_given and name != member.name else (name,)


def _numbered(home: Node) -> list[Node]:
    """Return the numbered steps below, by number. AWS closes gaps."""
    if not all(_INDEX.fullmatch(step) for step in home.below):
        raise _malformed("Key is not numbered as a list.")
    return [home.below[step] for step in sorted(home.below, key=int)]


def _list_reader(inner: str, read: _Read) -> _Read:
    def read_list(node: Node) -> Any:
        if not node.below:
            # An empty list is said as `Name=`, a flat one of one item may be as `Name=item`.
            if inner or not node.text:
                return [] if node.text == "" else None
            return [read(node)]
        home = node.below.get(inner) if inner else node
        items = [] if home is None else _numbered(home)
        return [item for below in items if (item := read(below)) is not None]

    return read_list


def _map_reader(inner: str, key: tuple[str, _Read], value: tuple[str, _Read]) -> _Read:
    def read_map(node: Node) -> Any:
        if not node.below:
            return {} if node.text == "" else None
        home = node.below.get(inner) if inner else node
        if home is None:
            return {}
        out = {}
        for entry in [home] if not inner and key[0] in home.below else _numbered(home):
            named, held = entry.below.get(key[0]), entry.below.get(value[0])
            if named is not None and held is not None:
                name, item = key[1](named), value[1](held)
                if name is not None and item is not None:
                    out[name] = item
        return out

    return read_map


def compile_reader(shape: Shape) -> BodyReader:
    """Return a reader of forms that hold this structure, Action and Version aside."""
    read = _Readers().of(shape, flat=False)

    def read_body(body: bytes) -> Params:
        params: Params = read(read_tree(body))
        return params

    return read_body
