"""Errors on the wire: the status, headers and body of AWS's errors in each protocol.

    json       {"__type": "<namespace>#<Shape>", "message": ...} and, for services that once spoke
               Query, the header x-amzn-query-error: <query code>;Sender|Receiver
    rest-json  x-amzn-ErrorType: <Shape>, {"Type": "User", "Message": ...} as its shape spells it
    query      <ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>
    cbor       {"__type": "<namespace>#<Shape>", "message": ...} and the header smithy-protocol

A further protocol is a function here and a line in WRITERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from redrive.core.errors import ServiceError, Unavailable
from redrive.wire.bindings import PROTOCOLS, content_type_of
from redrive.wire.codecs.cbor import encode
from redrive.wire.codecs.xml import escape
from redrive.wire.messages import Response
from redrive.wire.model import ErrorShape, Model
from redrive.wire.overlays import PLAIN, Overlay, overlay_of

Error = ServiceError | Unavailable | AssertionError

_FRAMEWORK = "com.amazon.coral.service#"
_FRAMEWORK_CODES = frozenset(
    {
        "IncompleteSignature",
        "InternalFailure",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SerializationException",
        "ServiceUnavailable",
        "UnknownOperationException",
        "UnrecognizedClientException",
    }
)
"""Told by AWS's framework before, or instead of, the service."""

_WITHOUT_QUERY_CODE = frozenset({"SerializationException", "UnknownOperationException"})


class Told(NamedTuple):
    """An error resolved against its service's model: all that any protocol says of it."""

    code: str  # the shape's name, or the literal code
    query_code: str
    status: int
    message: str
    sender: bool
    shape: ErrorShape | None
    extra: Mapping[str, str]
    headers: Mapping[str, str]


def resolve(error: Error, model: Model | None) -> Told:
    """Return what is told of an error. An AssertionError's own text is for the log alone."""
    if isinstance(error, AssertionError):
        error = ServiceError(
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
            status=500,
        )
    elif isinstance(error, Unavailable):
        error = ServiceError(
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
            status=503,
        )
    overlay: Overlay = PLAIN if model is None else overlay_of(model.name)
    shape = None if model is None else model.error(error.code)
    code = error.code if shape is None else shape.name
    status = (shape.status if shape is not None else None) or overlay.statuses.get(code)
    status = status or error.status or 400
    query_code = overlay.query_codes.get(code, code if shape is None else shape.code)
    sender = status < 500 if shape is None or shape.status is None else shape.sender
    return Told(code, query_code, status, error.message, sender, shape, error.extra, error.headers)


def write_fault(error: Error, protocol: str, model: Model | None, request_id: str) -> Response:
    """Return AWS's error response in a protocol."""
    told = resolve(error, model)
    headers, body = WRITERS[protocol](told, model, request_id)
    return Response(
        told.status,
        (
            ("x-amzn-RequestId", request_id),
            ("Content-Type", content_type_of(protocol, model)),
            *PROTOCOLS[protocol].headers,
            *headers,
            *told.headers.items(),
        ),
        body,
    )


_Written = tuple[tuple[tuple[str, str], ...], bytes]


def _write_json(told: Told, model: Model | None, _request_id: str) -> _Written:
    headers, body = _body_and_query_error(told, model)
    return headers, orjson.dumps(body)


def _write_cbor(told: Told, model: Model | None, _request_id: str) -> _Written:
    headers, body = _body_and_query_error(told, model)
    return headers, encode(body)


def _body_and_query_error(
    told: Told, model: Model | None
) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """Return the error's body, and for services that once spoke Query the header of its code."""
    overlay = PLAIN if model is None else overlay_of(model.name)
    namespace = _FRAMEWORK if told.code in _FRAMEWORK_CODES else overlay.error_namespace
    body = {"__type": f"{namespace}{told.code}"}
    if told.message:
        body[told.shape.message_member if told.shape is not None else "message"] = told.message
    body.update(told.extra)
    headers: tuple[tuple[str, str], ...] = ()
    speaks_query = model is not None and "awsQueryCompatible" in model.metadata
    if speaks_query and told.code not in _WITHOUT_QUERY_CODE:
        side = "Sender" if told.sender else "Receiver"
        headers = (("x-amzn-query-error", f"{told.query_code};{side}"),)
    return headers, body


def _write_rest_json(told: Told, _model: Model | None, _request_id: str) -> _Written:
    shape = told.shape
    body: dict[str, str] = {}
    if shape is not None and "Type" in shape.members:
        body["Type"] = "User" if told.sender else "Service"
    body[shape.message_member if shape is not None else "message"] = told.message
    body.update(told.extra)
    return (("x-amzn-ErrorType", told.code),), orjson.dumps(body)


def _write_query(told: Told, model: Model | None, request_id: str) -> _Written:
    overlay = PLAIN if model is None else overlay_of(model.name)
    if told.code == "UnknownOperationException" and not told.message:
        # AWS: the whole answer to a queue's address without an Action.
        return (), b"<UnknownOperationException/>"
    message = told.message
    if overlay.query is not None:
        message = overlay.query.messages.get(message, message)
    space = f' xmlns="{escape(model.namespace)}"' if model is not None and model.namespace else ""
    extra = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in told.extra.items())
    return (), (
        f"{overlay.prolog}<ErrorResponse{space}>"
        f"<Error><Type>{'Sender' if told.sender else 'Receiver'}</Type>"
        f"<Code>{escape(told.query_code)}</Code><Message>{escape(message)}</Message>"
        f"{extra or overlay.detail}</Error>"
        f"<RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
    ).encode()


WRITERS: Mapping[str, Callable[[Told, Model | None, str], _Written]] = {
    "json": _write_json,
    "rest-json": _write_rest_json,
    "query": _write_query,
    "smithy-rpc-v2-cbor": _write_cbor,
}
