"""Which member lies where in a message: protocol x codec x locations, compiled for each operation.

    json, query, smithy-rpc-v2-cbor
                  everything in the body; in query a path may name the resource
    rest-json     uri, querystring, header, headers, statusCode, and the body: one payload member,
                  or the structure of all members without a location

A further protocol is a line in PROTOCOLS and, where its body format is new, one file in `codecs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from redrive.core.effects import Params, Result
from redrive.core.errors import ServiceError
from redrive.wire.codecs import cbor, eventstream, form, json, xml
from redrive.wire.codecs.codec import BodyReader, Codec, Unreadable, wrong_type
from redrive.wire.codecs.form import read_scalar
from redrive.wire.messages import Request, Response, Route
from redrive.wire.model import Member, Model, Operation, Shape
from redrive.wire.overlays import Overlay, Query
from redrive.wire.timestamps import RFC, write_timestamp
from redrive.wire.validate import Validator, compile_validator


class Protocol(NamedTuple):
    """A protocol: how its bodies are said and whether parts of a message lie outside of them."""

    codec: Codec
    content_type: str
    located: bool = False  # path, query string, headers and status carry members
    form: bool = False  # a GET's query string is the body
    headers: tuple[tuple[str, str], ...] = ()  # that every answer has


PROTOCOLS: Mapping[str, Protocol] = {
    "json": Protocol(json.CODEC, "application/x-amz-json-1.0"),
    "rest-json": Protocol(json.CODEC, "application/json", located=True),
    "query": Protocol(Codec(form.compile_reader, xml.compile_writer), "text/xml", form=True),
    "smithy-rpc-v2-cbor": Protocol(
        cbor.CODEC, "application/cbor", headers=(("smithy-protocol", "rpc-v2-cbor"),)
    ),
}

PathParts = Callable[[str], Mapping[str, str]]
"""Takes a raw path apart into its {labels}; the router's, as it knows the pattern."""

_Locate = Callable[[Request, Mapping[str, str], Mapping[str, list[str]], dict[str, Any]], None]


def content_type_of(protocol: str, model: Model | None) -> str:
    """Return the Content-Type of a protocol's bodies, in the version that the model names."""
    version = model.metadata.get("jsonVersion", "1.0") if model is not None else "1.0"
    return PROTOCOLS[protocol].content_type.replace("1.0", str(version))


def compile_route(
    model: Model, name: str, protocol: str, overlay: Overlay, parts: PathParts | None = None
) -> Route:
    """Compile one operation of a model in a protocol. `parts` is for protocols with paths."""
    operation = model.operation(name)
    validate = compile_validator(operation, overlay)
    kind = PROTOCOLS[protocol]
    if kind.located:
        assert parts is not None
        parse = _located_parser(operation, kind, overlay, validate, parts)
        serialize = _located_serializer(operation, model, kind)
    else:
        if kind.form and overlay.query is not None and operation.input is not None:
            parse = _body_parser(operation, kind, overlay, None)
            parse = _addressed_parser(parse, operation.input, overlay.query, validate)
        else:
            parse = _body_parser(operation, kind, overlay, validate)
        serialize = _body_serializer(operation, model, kind, content_type_of(protocol, model))
        if kind.headers:
            serialize = _with_headers(serialize, kind.headers)
    return Route(model.name, name, protocol, parse, serialize, _events(operation, model, kind))


def _events(
    operation: Operation, model: Model, kind: Protocol
) -> Callable[[Iterable[Result]], bytes] | None:
    """Return the writer of an operation's events; None for one whose answer is no event stream."""
    shape = operation.output
    payload = shape.traits.get("payload") if shape is not None and kind.located else None
    if shape is None or payload is None:
        return None
    stream = shape.members[payload].shape
    if not stream.traits.get("eventstream"):
        return None
    return eventstream.compile_writer(stream, operation, model, kind.codec)


# --- everything in the body -------------------------------------------------------------


def _body_parser(
    operation: Operation, kind: Protocol, overlay: Overlay, validate: Validator | None
) -> Callable[[Request], Params]:
    if operation.input is None:
        return lambda _request: {}
    read = kind.codec.reader(operation.input)
    in_target = kind.form

    def parse(request: Request) -> Params:
        body = request.body
        if in_target and "?" in request.target:
            body = request.target.partition("?")[2].encode(errors="replace") + (
                b"&" + body if body else b""
            )
        try:
            params = read(body)
        except Unreadable as error:
            raise _unreadable(overlay, error) from None
        if validate is not None:
            validate(params)
        return params

    return parse


def _unreadable(overlay: Overlay, error: Unreadable) -> ServiceError:
    return ServiceError(overlay.unreadable_code, f"{overlay.unreadable_prefix}{error}", status=400)


def _body_serializer(
    operation: Operation, model: Model, kind: Protocol, content_type: str
) -> Callable[[Result, str], Response]:
    write = kind.codec.writer(operation.output, operation, model)
    type_header = ("Content-Type", content_type)

    def serialize(result: Result, request_id: str) -> Response:
        headers = (("x-amzn-RequestId", request_id), type_header)
        return Response(200, headers, write(result, request_id))

    return serialize


def _addressed_parser(
    read: Callable[[Request], Params], shape: Shape, query: Query, validate: Validator | None
) -> Callable[[Request], Params]:
    """Return a parser that completes what a form says with what its path says."""
    lists = [name for name in shape.members if name in query.lists]
    is_addressed = query.addressed in shape.members

    def parse(request: Request) -> Params:
        params: dict[str, Any] = {**{name: [] for name in lists}, **read(request)}
        if is_addressed and query.addressed not in params:
            path = request.target.partition("?")[0]
            if query.address.fullmatch(path):
                params[query.addressed] = f"http://{request.headers.get('host', '')}{path}"
        if validate is not None:
            validate(params)
        return params

    return parse


def _with_headers(
    serialize: Callable[[Result, str], Response], headers: tuple[tuple[str, str], ...]
) -> Callable[[Result, str], Response]:
    def serialize_with_headers(result: Result, request_id: str) -> Response:
        response = serialize(result, request_id)
        return response._replace(headers=(*response.headers, *headers))

    return serialize_with_headers


# --- members outside the body: reading --------------------------------------------------


def _located_parser(
    operation: Operation,
    kind: Protocol,
    overlay: Overlay,
    validate: Validator | None,
    parts: PathParts,
) -> Callable[[Request], Params]:
    shape = operation.input
    if shape is None:
        return lambda _request: {}
    locate = [_locator(m) for m in shape.members.values() if m.location is not None]
    read = _payload_reader(shape, kind.codec)

    def parse(request: Request) -> Params:
        path, _, query = request.target.partition("?")
        try:
            params: dict[str, Any] = {} if read is None else dict(read(request.body))
        except Unreadable as error:
            raise _unreadable(overlay, error) from None
        try:
            labels, fields = parts(path), _query_fields(query)
        except Unreadable as error:
            raise wrong_type(f"The request's address is {error}") from None
        for put in locate:
            put(request, labels, fields, params)
        if validate is not None:
            validate(params)
        return params

    return parse


def _query_fields(query: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    if query:
        for name, value in form.parse_fields(query.encode(errors="replace")):
            fields.setdefault(name, []).append(value)
    return fields


def _payload_reader(shape: Shape, codec: Codec) -> BodyReader | None:
    """Return the reader of the params that lie in the body, or None when none do."""
    payload = shape.traits.get("payload")
    if payload is None:
        inside = frozenset(n for n, m in shape.members.items() if m.location is None)
        return codec.reader(shape.narrowed(inside)) if inside else None
    member = shape.members[payload]
    if member.shape.type == "structure":
        read = codec.reader(member.shape)
        return lambda body: {payload: read(body)} if body else {}
    if member.shape.type == "blob":
        # Opaque bytes: what they mean is the operation's business.
        return lambda body: {payload: body} if body else {}
    return lambda body: {payload: _utf8(body)} if body else {}


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None


def _locator(member: Member) -> _Locate:
    name, shape = member.name, member.shape
    if member.location == "uri":
        label = member.wire_name

        def from_path(
            _request: Request, labels: Mapping[str, str], _fields: Any, params: dict[str, Any]
        ) -> None:
            params[name] = read_scalar(shape, labels[label])

        return from_path
    if member.location == "querystring":
        return _query_locator(member)
    if member.location == "headers":
        prefix = member.wire_name.lower()

        def from_headers(request: Request, _l: Any, _f: Any, params: dict[str, Any]) -> None:
            found = {
                k[len(prefix) :]: v for k, v in request.headers.items() if k.startswith(prefix)
            }
            if found:
                params[name] = found

        return from_headers
    assert member.location == "header", f"{name} lies in {member.location}"
    header = member.wire_name.lower()

    def from_header(request: Request, _l: Any, _f: Any, params: dict[str, Any]) -> None:
        text = request.headers.get(header)
        if text is not None and not text.isascii():
            raise wrong_type(f"The header {member.wire_name} is not ASCII text")
        if text is not None:
            params[name] = _header_value(shape, text)

    return from_header


def _header_value(shape: Shape, text: str) -> Any:
    if shape.element is not None:
        items = (item.strip() for item in text.split(","))
        return [read_scalar(shape.element.shape, item) for item in items]
    return read_scalar(shape, text)


def _query_locator(member: Member) -> _Locate:
    name, shape, key = member.name, member.shape, member.wire_name
    element = shape.element

    def from_query(
        _request: Request, _l: Any, fields: Mapping[str, list[str]], params: dict[str, Any]
    ) -> None:
        if shape.type == "map":
            # A map takes every field, as the model's "query params" trait has it.
            params[name] = {
                k: v if shape.value and shape.value.shape.element else v[0]
                for k, v in fields.items()
            }
            return
        values = fields.get(key)
        if values is not None:
            params[name] = (
                read_scalar(shape, values[0])
                if element is None
                else [read_scalar(element.shape, value) for value in values]
            )

    return from_query


def path_label(raw: str) -> str:
    """Return a path label decoded. Raises Unreadable when it is not percent-encoded UTF-8."""
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeError:
        raise Unreadable("not percent-encoded UTF-8") from None


# --- members outside the body: writing --------------------------------------------------


def _located_serializer(
    operation: Operation, model: Model, kind: Protocol
) -> Callable[[Result, str], Response]:
    shape = operation.output
    is_stream = _events(operation, model, kind) is not None
    type_header = ("Content-Type", eventstream.TYPE if is_stream else kind.content_type)
    if shape is None:
        return lambda _result, request_id: Response(
            operation.status, (("x-amzn-RequestId", request_id), type_header), b""
        )
    outside = [m for m in shape.members.values() if m.location in ("header", "headers")]
    write = _payload_writer(shape, operation, model, kind.codec)
    status_member = next((n for n, m in shape.members.items() if m.location == "statusCode"), None)
    own_type = any(m.wire_name.lower() == "content-type" for m in outside)

    def serialize(result: Result, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id)]
        for member in outside:
            value = result.get(member.name)
            if value is not None:
                headers.extend(_header_lines(member, value))
        if not own_type or not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(type_header)
        status = operation.status if status_member is None else result.get(status_member)
        return Response(
            operation.status if status is None else int(status),
            tuple(headers),
            write(result, request_id),
        )

    return serialize


def _payload_writer(
    shape: Shape, operation: Operation, model: Model, codec: Codec
) -> Callable[[Result, str], bytes]:
    payload = shape.traits.get("payload")
    if payload is None:
        inside = frozenset(n for n, m in shape.members.items() if m.location is None)
        write = codec.writer(shape.narrowed(inside), operation, model)
        if len(inside) == len(shape.members):
            return write
        return lambda result, request_id: write(
            {name: item for name, item in result.items() if name in inside}, request_id
        )
    member = shape.members[payload]
    if member.shape.traits.get("eventstream"):
        say = eventstream.compile_writer(member.shape, operation, model, codec)
        return lambda result, _request_id: say(result.get(payload) or ())
    if member.shape.type == "structure":
        inner = codec.writer(member.shape, operation, model)
        return lambda result, request_id: inner(result.get(payload) or {}, request_id)
    return lambda result, _request_id: _raw(result.get(payload))


def _raw(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def _header_lines(member: Member, value: Any) -> list[tuple[str, str]]:
    if member.location == "headers":
        return [(f"{member.wire_name}{name}", _header_text(item)) for name, item in value.items()]
    if member.shape.type == "timestamp":
        form_name = str(member.trait("timestampFormat") or RFC)
        return [(member.wire_name, str(write_timestamp(value, form_name)))]
    if isinstance(value, list | tuple):
        return [(member.wire_name, ",".join(map(_header_text, value)))]
    return [(member.wire_name, _header_text(value))]


def _header_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    # A line break in a header would let a value write headers of its own.
    assert "\r" not in text and "\n" not in text, "a header's value holds a line break"
    return text
