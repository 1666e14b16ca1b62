"""XML bodies as the Query protocol answers them.

    <XResponse xmlns=...>
      <XResult>members</XResult><ResponseMetadata><RequestId/></ResponseMetadata>
    </XResponse>

Values that hold orjson.Fragments are decoded first (`orjson.loads(orjson.dumps(fragment))`): a blob
in one is base64 text already.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from redrive.core.effects import Result
from redrive.wire.codecs.codec import BodyWriter, thawed
from redrive.wire.model import Member, Model, Operation, Shape
from redrive.wire.overlays import overlay_of
from redrive.wire.timestamps import ISO, write_timestamp

_Write = Callable[[Any, list[str]], None]

# Characters that XML 1.0 cannot hold at all become U+FFFD; a bare CR would be read back as LF.
_ESCAPES = str.maketrans(
    {
        **{code: "\ufffd" for code in range(32) if code not in (9, 10, 13)},
        **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd"),
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\r": "&#xD;",
    }
)


def escape(text: str) -> str:
    """Return text as XML holds it, in an element or an attribute."""
    return text.translate(_ESCAPES)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def _scalar_text(member: Member) -> Callable[[Any], str]:
    if member.shape.type == "blob":
        return lambda value: b64encode(value).decode() if isinstance(value, bytes) else _text(value)
    if member.shape.type == "timestamp":
        form = str(member.trait("timestampFormat") or ISO)
        return lambda value: escape(str(write_timestamp(value, form)))
    return _text


class _Writers:
    """Compiles places to writers of elements; recursion goes through the table."""

    def __init__(self) -> None:
        self._inside: dict[int, _Write] = {}

    def element(self, member: Member, name: str) -> _Write:
        """Return a writer of `<name>value</name>`, several of them for a flat list or map."""
        shape = member.shape
        if shape.type in ("list", "map") and member.is_flat:
            return self._flat(shape, name)
        if shape.type in ("structure", "list", "map"):
            inside = self.inside(shape)

            def write_nested(value: Any, out: list[str]) -> None:
                out.append(f"<{name}>")
                inside(value, out)
                out.append(f"</{name}>")

            return write_nested
        say = _scalar_text(member)
        return lambda value, out: out.append(f"<{name}>{say(value)}</{name}>")

    def inside(self, shape: Shape) -> _Write:
        """Return a writer of what stands between a shape's tags."""
        key = id(shape)
        if key not in self._inside:
            self._inside[key] = lambda value, out: self._inside[key](value, out)
            self._inside[key] = self._compile(shape)
        return self._inside[key]

    def _compile(self, shape: Shape) -> _Write:
        if shape.type == "list":
            assert shape.element is not None
            return _each(self.element(shape.element, shape.element.query_name or "member"))
        if shape.type == "map":
            return self._entries(shape, "entry")
        parts = [
            (name, self.element(member, _element_name(member)))
            for name, member in shape.members.items()
        ]

        def write_members(value: Any, out: list[str]) -> None:
            for name, write in parts:
                item = value.get(name)
                if item is not None:
                    write(item, out)

        return write_members

    def _flat(self, shape: Shape, name: str) -> _Write:
        if shape.type == "map":
            return self._entries(shape, name)
        assert shape.element is not None
        return _each(self.element(shape.element, name))

    def _entries(self, shape: Shape, name: str) -> _Write:
        assert shape.key is not None
        assert shape.value is not None
        key = self.element(shape.key, shape.key.query_name or "key")
        below = self.element(shape.value, shape.value.query_name or "value")

        def write_entries(value: Any, out: list[str]) -> None:
            for text, item in value.items():
                out.append(f"<{name}>")
                key(text, out)
                below(item, out)
                out.append(f"</{name}>")

        return write_entries


def _each(write: _Write) -> _Write:
    def write_each(value: Any, out: list[str]) -> None:
        for item in value:
            write(item, out)

    return write_each


def _element_name(member: Member) -> str:
    element = member.shape.element
    if element is not None and member.is_flat and element.query_name:
        return element.query_name
    return member.query_name


def compile_writer(shape: Shape | None, operation: Operation, model: Model) -> BodyWriter:
    """Return a writer of an operation's whole answer: wrapper, namespace and request id."""
    inside = None if shape is None else _Writers().inside(shape)
    name = operation.name
    wrapper = operation.result_wrapper or f"{name}Result"
    prolog = overlay_of(model.name).prolog
    head = f'{prolog}<{name}Response xmlns="{escape(model.namespace)}">'

    def write_body(result: Result, request_id: str) -> bytes:
        out = [head]
        if inside is not None:
            out.append(f"<{wrapper}>")
            inside(thawed(result), out)
            out.append(f"</{wrapper}>")
        out.append(
            f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>"
            f"</{name}Response>"
        )
        return "".join(out).encode()

    return write_body
