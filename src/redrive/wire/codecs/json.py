"""JSON bodies, for the json and rest-json protocols.

What is hot is not walked: a structure whose members need no conversion is handed on as orjson made
it, and a result whose shape holds neither timestamp nor renamed member goes to orjson whole (blobs
are bytes, which orjson hands back to be made base64).
Repeated keys: the last one counts, as with AWS's own parser.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any

import orjson

from redrive.core.effects import Params, Result
from redrive.wire.codecs.codec import (
    DEPTH_MAX,
    BodyReader,
    BodyWriter,
    Codec,
    Convert,
    Unreadable,
    wrong_type,
)
from redrive.wire.model import Member, Model, Operation, Shape
from redrive.wire.timestamps import EPOCH, parse_timestamp, write_timestamp

INTEGER_RANGES = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
}

_ARTICLES = {"integer": "an Integer", "long": "a Long", "short": "a Short", "byte": "a Byte"}


def _token(value: Any) -> str:
    """Name a scalar as AWS's parser names its token."""
    if value is None:
        return "NULL_VALUE"
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


def _refuse(value: Any, wanted: str) -> Exception:
    if isinstance(value, dict):
        return wrong_type("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return wrong_type("Start of list found where not expected")
    return wrong_type(f"{_token(value)} can not be converted to {wanted}")


def _read_string(value: Any) -> Any:
    if type(value) is not str:
        raise _refuse(value, "a String")
    return value


def _read_boolean(value: Any) -> Any:
    if type(value) is not bool:
        raise _refuse(value, "a Boolean")
    return value


def _read_float(value: Any) -> Any:
    if type(value) is not float and type(value) is not int:
        raise _refuse(value, "a Double")
    return float(value)


def _read_blob(value: Any) -> Any:
    if type(value) is not str:
        raise _refuse(value, "a Blob")
    try:
        return b64decode(value, validate=True)
    except (Base64Error, ValueError):
        raise wrong_type("Invalid base64 encoded value for a Blob") from None


def _read_timestamp(value: Any) -> Any:
    at_ms = parse_timestamp(value)
    if at_ms is None:
        raise _refuse(value, "a Timestamp")
    return at_ms


def _read_document(value: Any) -> Any:
    return value


def _integer_reader(kind: str) -> Convert:
    low, high = INTEGER_RANGES[kind]
    wanted = _ARTICLES[kind]

    def read_integer(value: Any) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not low <= value <= high:
            raise _refuse(value, wanted)
        return value

    return read_integer


_SCALARS: dict[str, Convert] = {
    "string": _read_string,
    "character": _read_string,
    "boolean": _read_boolean,
    "float": _read_float,
    "double": _read_float,
    "blob": _read_blob,
    "timestamp": _read_timestamp,
    **{kind: _integer_reader(kind) for kind in INTEGER_RANGES},
}

_AS_IS = {"string": str, "character": str, "boolean": bool}
"""Scalars that are right when orjson gave them this class; others take the converter's way."""


class _Readers:
    """Compiles shapes; one reader for each, whatever refers to it, itself included."""

    def __init__(self) -> None:
        self._made: dict[int, Convert] = {}

    def of(self, shape: Shape) -> Convert:
        scalar = _SCALARS.get(shape.type)
        if scalar is not None:
            return scalar
        made = self._made.get(id(shape))
        if made is None:
            self._made[id(shape)] = lambda value: self._made[id(shape)](value)
            made = self._made[id(shape)] = self._compile(shape)
        return made

    def _compile(self, shape: Shape) -> Convert:
        if shape.traits.get("document"):
            return _read_document
        if shape.type == "list":
            assert shape.element is not None
            return _list_reader(self.of(shape.element.shape))
        if shape.type == "map":
            assert shape.value is not None
            return _map_reader(self.of(shape.value.shape))
        assert shape.type == "structure", f"{shape.name} is a {shape.type}"
        return _structure_reader(
            {m.wire_name: (m.name, self.of(m.shape)) for m in shape.members.values()},
            {
                m.name: _AS_IS[m.shape.type]
                for m in shape.members.values()
                if m.shape.type in _AS_IS and m.wire_name == m.name
            },
        )


def _structure_reader(members: dict[str, tuple[str, Convert]], as_is: dict[str, type]) -> Convert:
    wanted = as_is.get

    def read_structure(value: Any) -> Any:
        if type(value) is not dict:
            raise wrong_type("Expected structure or null")
        out = value
        for name, item in value.items():
            if wanted(name) is type(item):
                continue
            member = members.get(name)
            if member is None or item is None:
                if out is value:
                    out = dict(value)
                del out[name]
                continue
            target, convert = member
            read = convert(item)
            if read is not item or target != name:
                if out is value:
                    out = dict(value)
                if target != name:
                    del out[name]
                out[target] = read
        return out

    return read_structure


def _list_reader(convert: Convert) -> Convert:
    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise wrong_type("Expected list or null")
        out = value
        for at, item in enumerate(value):
            read = convert(item)
            if read is not item:
                if out is value:
                    out = list(value)
                out[at] = read
        return out

    return read_list


def _map_reader(convert: Convert) -> Convert:
    def read_map(value: Any) -> Any:
        if type(value) is not dict:
            raise wrong_type("Expected map or null")
        out = value
        for name, item in value.items():
            read = None if item is None else convert(item)
            if read is not item or item is None:
                if out is value:
                    out = dict(value)
                if read is None:
                    del out[name]
                else:
                    out[name] = read
        return out

    return read_map


_CONTAINERS = frozenset((dict, list))


def _is_flat(value: Any) -> bool:
    """Tell whether a value is an object that holds no container."""
    return type(value) is dict and _CONTAINERS.isdisjoint(map(type, value.values()))


def _is_too_deep(value: Any) -> bool:
    """Tell whether containers nest deeper than DEPTH_MAX, without recursion."""
    level = [value]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        level = below
    return any(type(item) is dict or type(item) is list for item in level)


def compile_reader(shape: Shape) -> BodyReader:
    """Return a reader of bodies that hold this structure. An empty body is an empty structure."""
    read = _Readers().of(shape)
    loads = orjson.loads

    def read_body(body: bytes) -> Params:
        if not body:
            return {}
        try:
            value = loads(body)
        except orjson.JSONDecodeError as error:
            raise Unreadable(str(error)) from None
        # Counting brackets first keeps the walk off nearly every request, and a look at the
        # members keeps the counting off those that hold one text or number each.
        if (
            not _is_flat(value)
            and body.count(b"[") + body.count(b"{") > DEPTH_MAX
            and _is_too_deep(value)
        ):
            raise Unreadable(f"nested deeper than {DEPTH_MAX} levels")
        params: Params = read(value)
        return params

    return read_body


class _Writers:
    """Compiles shapes to converters; None stands for a shape that orjson writes as it is."""

    def __init__(self) -> None:
        self._made: dict[int, Convert | None] = {}

    def of(self, member: Member) -> Convert | None:
        shape = member.shape
        if shape.type == "timestamp":
            form = str(member.trait("timestampFormat") or EPOCH)
            return lambda at_ms: write_timestamp(at_ms, form)
        if shape.type in _SCALARS:
            return None
        return self.of_shape(shape)

    def of_shape(self, shape: Shape) -> Convert | None:
        if id(shape) not in self._made:
            # A shape that refers to itself calls through the table, which is filled in a moment.
            self._made[id(shape)] = lambda value: self._through(id(shape), value)
            self._made[id(shape)] = self._compile(shape)
        return self._made[id(shape)]

    def _through(self, key: int, value: Any) -> Any:
        made = self._made[key]
        return value if made is None else made(value)

    def _compile(self, shape: Shape) -> Convert | None:
        if shape.traits.get("document"):
            return None
        if shape.type == "list":
            assert shape.element is not None
            return _each(self.of(shape.element), _write_list)
        if shape.type == "map":
            assert shape.value is not None
            return _each(self.of(shape.value), _write_map)
        parts = {m.name: (m.wire_name, self.of(m)) for m in shape.members.values()}
        if all(wire == name and convert is None for name, (wire, convert) in parts.items()):
            return None
        return lambda value: _write_structure(value, parts)


def _each(convert: Convert | None, write: Callable[[Any, Convert], Any]) -> Convert | None:
    return None if convert is None else lambda value: write(value, convert)


def _write_blob(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    raise TypeError(f"a result holds a {type(value).__name__}")


def _write_list(value: Any, convert: Convert) -> Any:
    return [convert(item) for item in value] if isinstance(value, list | tuple) else value


def _write_map(value: Any, convert: Convert) -> Any:
    return {k: convert(v) for k, v in value.items()} if isinstance(value, dict) else value


def _write_structure(value: Any, parts: dict[str, tuple[str, Convert | None]]) -> Any:
    if not isinstance(value, dict):
        return value  # a Fragment is written already
    out = {}
    for name, item in value.items():
        wire, convert = parts.get(name, (name, None))
        if item is not None:
            out[wire] = item if convert is None else convert(item)
    return out


def compile_writer(shape: Shape | None, _operation: Operation, _model: Model) -> BodyWriter:
    """Return a writer of results; without an output shape the body is empty, as AWS's is."""
    if shape is None:
        return lambda _result, _request_id: b""
    # Bytes are the only type beyond JSON's in a result; anything else is our defect.
    convert = _Writers().of_shape(shape)
    dumps = orjson.dumps
    if convert is None:
        return lambda result, _request_id: dumps(result, _write_blob)

    def write_body(result: Result, _request_id: str) -> bytes:
        return dumps(convert(result), _write_blob)

    return write_body


CODEC = Codec(compile_reader, compile_writer)
