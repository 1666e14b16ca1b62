"""What every body format offers: a compiler from shapes to readers and writers.

Readers turn bytes into params as operations know them: str, int, float, bool, bytes for blobs,
milliseconds for timestamps, lists and dicts under the model's member names. Writers do the reverse.
Unknown members and nulls are dropped on the way in, as AWS drops them.

A result may hold orjson.Fragment values: ready JSON text. Inside a fragment everything is in its
JSON wire form already (a blob is base64 text); no member in it may be a timestamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Params, Result
from redrive.core.errors import ServiceError
from redrive.wire.model import Model, Operation, Shape

DEPTH_MAX = 64
"""How deep a body may nest: far beyond AWS's shapes, and short of exhausting the stack."""

BodyReader = Callable[[bytes], Params]
BodyWriter = Callable[[Result, str], bytes]
Convert = Callable[[Any], Any]


class Unreadable(Exception):
    """The body is not in the format at all; the service decides what that is called."""


def wrong_type(message: str) -> ServiceError:
    """Return AWS's error for a value whose type is not the model's."""
    return ServiceError("SerializationException", message, status=400)


def thawed(value: Any) -> Any:
    """Return the value with every Fragment decoded to what its JSON text says."""
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    if isinstance(value, dict):
        return {name: thawed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [thawed(item) for item in value]
    return value


class Codec(NamedTuple):
    """One body format. `shape` is the structure in the body, which a binding may have narrowed."""

    reader: Callable[[Shape], BodyReader]
    writer: Callable[[Shape | None, Operation, Model], BodyWriter]
