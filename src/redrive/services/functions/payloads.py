"""What an invocation may carry: size and form of the payload and of the client context. Pure.

With url_events the only user of orjson in this service: 6 MB are checked in a few milliseconds.
"""

from __future__ import annotations

import base64
import binascii

import orjson

from redrive.services.functions.refusals import content_error, payload_too_large

PAYLOAD_BYTES_MAX = {"RequestResponse": 6_291_456, "Event": 1_048_576}
"""AWS: Lambda quotas, "Invocation payload": 6 MB synchronous, 1 MB asynchronous."""

CLIENT_CONTEXT_BYTES_MAX = 3_583
"""AWS: API_Invoke, "ClientContext"."""

_EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_SOURCE = "at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
_BLANKS = b" \t\r\n"


def check_payload(payload: bytes | None, invocation_type: str) -> bytes:
    """Return the event's JSON text; nothing at all means an empty object.

    Raises RequestTooLargeException and InvalidRequestContentException. A payload that is neither
    sync nor Event (DryRun) has the limit of a sync one.
    AWS: API_Invoke, "Payload"; the parser's text is that of AWS's own parser (Jackson), in the
    cases seen.
    """
    if not payload:
        return b"{}"
    limit_bytes = PAYLOAD_BYTES_MAX.get(invocation_type, PAYLOAD_BYTES_MAX["RequestResponse"])
    if len(payload) > limit_bytes:
        raise payload_too_large(len(payload), invocation_type, limit_bytes)
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        trouble, offset = _explain(payload, error.pos)
        line = payload.count(b"\n", 0, offset) + 1
        column = offset - payload.rfind(b"\n", 0, offset)
        raise content_error(
            "Could not parse request body into json: Could not parse payload into json: "
            f"{trouble}\n {_SOURCE}; line: {line}, column: {column}]"
        ) from None
    return payload


def _explain(payload: bytes, stopped_at: int) -> tuple[str, int]:
    """Return the parser's complaint and the byte offset that it points at."""
    start = len(payload) - len(payload.lstrip(_BLANKS))
    if start == len(payload):
        return "No content to map due to end-of-input", start
    first = payload[start]
    if not (0x20 <= first < 0x7F) or chr(first) not in '{["-0123456789ntfabcdeghijklmopqrsuvwxyz':
        return _unexpected(first), start
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        # The parser has read the bad byte when it complains, and counts columns from one.
        return f"Invalid UTF-8 start byte 0x{payload[error.start]:02x}", error.start + 1
    if chr(first).isalpha():
        token = payload[start:].split(maxsplit=1)[0].decode("utf-8")
        word = next((token[:at] for at, char in enumerate(token) if not char.isalnum()), token)
        if word not in ("null", "true", "false"):
            end = start + len(word)
            return f"Unrecognized token '{word}': was expecting {_EXPECTED}", end
    stopped_at = len(payload.decode("utf-8")[:stopped_at].encode("utf-8"))
    if stopped_at >= len(payload):
        return "Unexpected end-of-input", len(payload)
    return _unexpected(payload[stopped_at]), stopped_at


def _unexpected(byte: int) -> str:
    shown = f"'{chr(byte)}' (code {byte})" if 0x20 <= byte < 0x7F else f"(CTRL-CHAR, code {byte})"
    return f"Unexpected character ({shown}): expected a valid value {_EXPECTED}"


def decode_client_context(text: str | None) -> bytes | None:
    """Return the client context as JSON text, as the function's process takes it."""
    if not text:
        return None
    if len(text) > CLIENT_CONTEXT_BYTES_MAX:
        raise content_error(
            f"Client context must be at most {CLIENT_CONTEXT_BYTES_MAX} bytes, was {len(text)}."
        )
    try:
        context = base64.b64decode(text, validate=True)
        is_object = isinstance(orjson.loads(context), dict)
    except (binascii.Error, orjson.JSONDecodeError):
        is_object = False
    if not is_object:
        raise content_error("Client context must be a valid Base64-encoded JSON object.")
    return context
