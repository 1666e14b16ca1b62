"""CBOR bodies, for smithy-rpc-v2-cbor. cbor2 reads and writes them; here their values meet shapes.

Of CBOR's tags only 1, seconds since 1970, has a meaning in the protocol; all others are refused
before cbor2 makes anything of them: references back, big numbers, regular expressions.
AWS: Smithy, "Smithy RPC v2 CBOR protocol", "Shape serialization".

Invariant: a reader raises nothing but Unreadable and ServiceError, whatever the bytes.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any, NoReturn

import cbor2

from redrive.core.effects import Params, Result
from redrive.wire.codecs.codec import (
    DEPTH_MAX,
    BodyReader,
    BodyWriter,
    Codec,
    Convert,
    Unreadable,
    thawed,
    wrong_type,
)
from redrive.wire.codecs.json import INTEGER_RANGES
from redrive.wire.model import Model, Operation, Shape
from redrive.wire.timestamps import EPOCH, parse_timestamp, write_timestamp

BODY_BYTES_MAX = 4 * 1_048_576
"""An empty list is one byte here and 56 in memory. AWS: PutMetricData takes 1 MiB at most."""

_TIMESTAMP = 1


class _Stamp:
    """What stood behind tag 1."""

    __slots__ = ("value",)

    def __init__(self, value: object, _immutable: object = None) -> None:
        self.value = value


def _refuse_tag(_value: object, _immutable: object = None) -> NoReturn:
    raise ValueError("a tag without a meaning in this protocol")


class _Tags(dict[int, Callable[..., Any]]):
    def __missing__(self, tag: int) -> Callable[..., Any]:
        return _refuse_tag


_TAGS = _Tags({_TIMESTAMP: _Stamp})


def encode(value: Any) -> bytes:
    """Return the bytes of a value of dicts, lists, texts, numbers, bytes and tags."""
    return cbor2.dumps(value)


def _decode(body: bytes) -> Any:
    if len(body) > BODY_BYTES_MAX:
        raise Unreadable(f"more than {BODY_BYTES_MAX} bytes")
    stream = BytesIO(body)
    try:
        value = cbor2.CBORDecoder(stream, semantic_decoders=_TAGS, max_depth=DEPTH_MAX).decode()
    except cbor2.CBORDecodeError as error:
        raise Unreadable(str(error)) from None
    if stream.tell() != len(body):
        raise Unreadable("more bytes than one value")
    return value


# --- reading ----------------------------------------------------------------------------


def _is_null(value: Any) -> bool:
    return value is None or value is cbor2.undefined


def _refuse(wanted: str) -> Exception:
    return wrong_type(f"Expected {wanted}")


def _of_class(kind: type, wanted: str) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _refuse(wanted)
        return value

    return read


def _read_float(value: Any) -> Any:
    if type(value) is not float and type(value) is not int:
        raise _refuse("a floating-point number")
    try:
        return float(value)
    except OverflowError:
        raise _refuse("a floating-point number") from None


def _read_timestamp(value: Any) -> Any:
    at_ms = parse_timestamp(value.value) if type(value) is _Stamp else None
    if at_ms is None:
        raise _refuse("a timestamp: tag 1 and a number")
    return at_ms


def _integer_reader(kind: str) -> Convert:
    low, high = INTEGER_RANGES[kind]

    def read_integer(value: Any) -> Any:
        if type(value) is not int or not low <= value <= high:
            raise _refuse(f"an integer between {low} and {high}")
        return value

    return read_integer


_READERS: dict[str, Convert] = {
    "string": _of_class(str, "a text"),
    "character": _of_class(str, "a text"),
    "boolean": _of_class(bool, "a boolean"),
    "blob": _of_class(bytes, "bytes"),
    "float": _read_float,
    "double": _read_float,
    "timestamp": _read_timestamp,
    **{kind: _integer_reader(kind) for kind in INTEGER_RANGES},
}


class _Compiler:
    """Compiles shapes to converters; recursion goes through the table."""

    def __init__(
        self,
        scalars: dict[str, Convert],
        structure: Callable[[dict[str, tuple[str, Convert]]], Convert],
        items: Callable[[Convert], Convert],
        entries: Callable[[Convert], Convert],
    ) -> None:
        self._scalars = scalars
        self._structure, self._items, self._entries = structure, items, entries
        self._made: dict[int, Convert] = {}

    def of(self, shape: Shape) -> Convert:
        assert not shape.traits.get("document"), "this protocol has no documents"
        scalar = self._scalars.get(shape.type)
        if scalar is not None:
            return scalar
        key = id(shape)
        if key not in self._made:
            self._made[key] = lambda value: self._made[key](value)
            self._made[key] = self._compile(shape)
        return self._made[key]

    def _compile(self, shape: Shape) -> Convert:
        if shape.type == "list":
            assert shape.element is not None
            return self._items(self.of(shape.element.shape))
        if shape.type == "map":
            assert shape.value is not None
            return self._entries(self.of(shape.value.shape))
        assert shape.type == "structure", f"{shape.name} is a {shape.type}"
        return self._structure(
            {m.name: (m.wire_name, self.of(m.shape)) for m in shape.members.values()}
        )


def _structure_reader(parts: dict[str, tuple[str, Convert]]) -> Convert:
    members = {wire: (name, convert) for name, (wire, convert) in parts.items()}

    def read_structure(value: Any) -> Any:
        if type(value) is not dict:
            raise _refuse("a structure")
        out = {}
        for wire, item in value.items():
            member = members.get(wire)
            if member is not None and not _is_null(item):
                out[member[0]] = member[1](item)
        return out

    return read_structure


def _list_reader(convert: Convert) -> Convert:
    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise _refuse("a list")
        return [convert(item) for item in value if not _is_null(item)]

    return read_list


def _map_reader(convert: Convert) -> Convert:
    def read_map(value: Any) -> Any:
        if type(value) is not dict or not all(type(key) is str for key in value):
            raise _refuse("a map with texts as keys")
        return {key: convert(item) for key, item in value.items() if not _is_null(item)}

    return read_map


def compile_reader(shape: Shape) -> BodyReader:
    """Return a reader of bodies that hold this structure. An empty body is an empty structure."""
    read = _Compiler(_READERS, _structure_reader, _list_reader, _map_reader).of(shape)

    def read_body(body: bytes) -> Params:
        params: Params = read(_decode(body)) if body else {}
        return params

    return read_body


# --- writing ----------------------------------------------------------------------------


def _as_is(value: Any) -> Any:
    return value


def _write_blob(value: Any) -> Any:
    # A blob in a Fragment is base64 text.
    return b64decode(value) if isinstance(value, str) else bytes(value)


_WRITERS: dict[str, Convert] = {
    **dict.fromkeys(("string", "character", "boolean", *INTEGER_RANGES), _as_is),
    "float": float,
    "double": float,
    "blob": _write_blob,
    "timestamp": lambda at_ms: cbor2.CBORTag(_TIMESTAMP, write_timestamp(at_ms, EPOCH)),
}


def _structure_writer(parts: dict[str, tuple[str, Convert]]) -> Convert:
    def write_structure(value: Any) -> Any:
        return {
            wire: convert(value[name])
            for name, (wire, convert) in parts.items()
            if value.get(name) is not None
        }

    return write_structure


def _list_writer(convert: Convert) -> Convert:
    return lambda value: [convert(item) for item in value]


def _map_writer(convert: Convert) -> Convert:
    return lambda value: {key: convert(item) for key, item in value.items()}


def compile_writer(shape: Shape | None, _operation: Operation, _model: Model) -> BodyWriter:
    """Return a writer of results; without an output shape the body is empty, as Smithy has it."""
    if shape is None:
        return lambda _result, _request_id: b""
    convert = _Compiler(_WRITERS, _structure_writer, _list_writer, _map_writer).of(shape)

    def write_body(result: Result, _request_id: str) -> bytes:
        return encode(convert(thawed(result)))

    return write_body


CODEC = Codec(compile_reader, compile_writer)
