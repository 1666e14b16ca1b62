"""Parameters that an SDK would have sent, from JSON that a person wrote, and checked by the model.

What a request does for clients this does for calls that come from no client: universal targets of
EventBridge Scheduler. Members are named as SDKs name them, the first letter in upper case whatever
the model has. Text stands for a blob; a number of seconds or text for a timestamp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from redrive.core.effects import Params
from redrive.core.errors import ServiceError
from redrive.wire.model import Member, Model, Shape, load_model
from redrive.wire.overlays import overlay_of
from redrive.wire.timestamps import parse_timestamp
from redrive.wire.validate import Validator, compile_validator

_NO_MODELS: Mapping[str, Path] = MappingProxyType({})
_WHOLE, _REAL = ("integer", "long", "short", "byte"), ("float", "double")


class SdkReader:
    """Knows the models of some services; each is read when it is first asked for."""

    def __init__(self, services: tuple[str, ...], own: Mapping[str, Path] = _NO_MODELS) -> None:
        self._services = frozenset(services)
        self._own = own
        self._models: dict[str, Model] = {}
        self._validators: dict[tuple[str, str], Validator | None] = {}

    def has(self, service: str, operation: str) -> bool:
        """Tell whether the service's model has the operation."""
        return service in self._services and self._model(service).has(operation)

    def read(self, service: str, operation: str, given: Mapping[str, Any]) -> Params:
        """Return the parameters of an operation that the model has, as its service takes them.

        Raises ServiceError: SerializationException for a member that is not in the model or has the
        wrong type, and what the service says of values that the model does not allow.
        """
        model = self._model(service)
        shape = model.operation(operation).input
        params = {} if shape is None else _structure(shape, given, operation)
        key = service, operation
        if key not in self._validators:
            found = compile_validator(model.operation(operation), overlay_of(service))
            self._validators[key] = found
        validate = self._validators[key]
        if validate is not None:
            validate(params)
        return params

    def _model(self, service: str) -> Model:
        if service not in self._models:
            self._models[service] = load_model(service, self._own.get(service))
        return self._models[service]


def _wrong(path: str, wanted: str) -> ServiceError:
    return ServiceError("SerializationException", f"{path} must be {wanted}.", status=400)


def _structure(shape: Shape, given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise _wrong(path, "an object")
    read = {}
    for name, value in given.items():
        member = _member(shape, name)
        if member is None:
            text = f"{path} has no parameter {name}."
            raise ServiceError("SerializationException", text, status=400)
        if value is not None:
            read[member.name] = _value(member.shape, value, f"{path}.{name}")
    return read


def _member(shape: Shape, name: str) -> Member | None:
    return shape.members.get(name) or shape.members.get(name[:1].lower() + name[1:])


def _value(shape: Shape, given: Any, path: str) -> Any:
    if shape.traits.get("document"):
        return given
    return _KINDS[shape.type](shape, given, path)


def _list(shape: Shape, given: Any, path: str) -> list[Any]:
    assert shape.element is not None
    if not isinstance(given, list):
        raise _wrong(path, "a list")
    return [_value(shape.element.shape, item, f"{path}[{n}]") for n, item in enumerate(given)]


def _map(shape: Shape, given: Any, path: str) -> dict[str, Any]:
    assert shape.value is not None
    if not isinstance(given, Mapping):
        raise _wrong(path, "an object")
    return {
        name: _value(shape.value.shape, value, f"{path}.{name}")
        for name, value in given.items()
        if value is not None
    }


def _number(shape: Shape, given: Any, path: str) -> Any:
    kind = int if shape.type in _WHOLE else int | float
    if isinstance(given, bool) or not isinstance(given, kind):
        raise _wrong(path, "a number")
    return given


def _timestamp(_shape: Shape, given: Any, path: str) -> int:
    at_ms = parse_timestamp(given)
    if at_ms is None:
        raise _wrong(path, "a timestamp")
    return at_ms


def _blob(_shape: Shape, given: Any, path: str) -> bytes:
    if not isinstance(given, str):
        raise _wrong(path, "a text")
    return given.encode()


def _plain(kind: type, wanted: str, _shape: Shape, given: Any, path: str) -> Any:
    if not isinstance(given, kind):
        raise _wrong(path, wanted)
    return given


_KINDS: Mapping[str, Callable[[Shape, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": partial(_plain, str, "a text"),
    "character": partial(_plain, str, "a text"),
    "boolean": partial(_plain, bool, "true or false"),
    "blob": _blob,
    "timestamp": _timestamp,
    **dict.fromkeys((*_WHOLE, *_REAL), _number),
}
