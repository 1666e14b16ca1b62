"""How a call of a model's operation is said in each protocol, whatever its params hold."""

from __future__ import annotations

import base64
import binascii
import json
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import cbor2

from .seeds import model_of

_NUMBERS = (int, float)
_Said = tuple[str, str, dict[str, str], bytes]


def say(protocol: str, service: str, operation: str, params: Any, random: Random) -> _Said:
    """Return method, target, headers and body."""
    model = model_of(service)
    op = model.operation_model(operation)
    if protocol == "rest":
        return _rest(op, params)
    if protocol == "query":
        return _query(model, op, params, random)
    prefix = model.metadata["targetPrefix"]
    if protocol == "cbor":
        headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        ready = _ready(params, op.input_shape)
        body = cbor2.dumps(ready, indefinite_containers=random.random() < 0.2)
        return "POST", f"/service/{prefix}/operation/{operation}", headers, body
    version = model.metadata["jsonVersion"]
    headers = {
        "x-amz-target": f"{prefix}.{operation}",
        "content-type": f"application/x-amz-json-{version}",
    }
    return "POST", "/", headers, json.dumps(params).encode()


def _rest(op: Any, params: Any) -> _Said:
    target, fields, headers = op.http["requestUri"], [], {"content-type": "application/json"}
    inside = params
    if isinstance(params, dict) and op.input_shape is not None:
        inside = dict(params)
        for name, member in op.input_shape.members.items():
            where = member.serialization.get("location")
            wire_name = member.serialization.get("name", name)
            if where is None or name not in inside:
                continue
            value = inside.pop(name)
            if where == "uri":
                target = target.replace("{" + wire_name + "}", _escaped(_text(value)))
            elif where == "querystring":
                fields += [
                    f"{_escaped(wire_name)}={_escaped(_text(item))}"
                    for item in (value if isinstance(value, list) else [value])
                ]
            else:
                headers[wire_name.lower()] = _text(value)
    if fields:
        target += ("&" if "?" in target else "?") + "&".join(fields)
    method = op.http["method"]
    body = b"" if method in ("GET", "DELETE") and not inside else json.dumps(inside).encode()
    return method, target, headers, body


def _query(model: Any, op: Any, params: Any, random: Random) -> _Said:
    fields = [("Action", op.name), ("Version", model.metadata["apiVersion"])]
    _flatten(params, op.input_shape, "", fields)
    form = "&".join(f"{_plus(name)}={_plus(text)}" for name, text in fields)
    if random.random() < 0.1:
        return "GET", f"/?{form}", {}, b""
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    return "POST", "/", {"content-type": kind}, form.encode("utf-8", "surrogateescape")


def _flatten(value: Any, shape: Any, home: str, fields: list[tuple[str, str]]) -> None:
    """Say a value whose shape is known, or not any more; a scalar where it is no structure."""
    kind = None if shape is None else shape.type_name
    if isinstance(value, dict):
        for at, (key, item) in enumerate(value.items(), 1):
            if kind == "map":
                step = f"{home}.entry.{at}"
                fields.append((f"{step}.{shape.key.serialization.get('name', 'key')}", key))
                name = shape.value.serialization.get("name", "value")
                _flatten(item, shape.value, f"{step}.{name}", fields)
            else:
                member = shape.members.get(key) if kind == "structure" else None
                name = key if member is None else member.serialization.get("name", key)
                _flatten(item, member, f"{home}.{name}" if home else str(name), fields)
    elif isinstance(value, list):
        inner = shape.member if kind == "list" else None
        step = "member" if inner is None else inner.serialization.get("name", "member")
        if not value:
            fields.append((home, ""))
        for at, item in enumerate(value, 1):
            _flatten(item, inner, f"{home}.{step}.{at}" if home else str(at), fields)
    elif value is not None:
        fields.append((home, _text(value)))


def _ready(value: Any, shape: Any) -> Any:
    """Give a value what CBOR has and JSON does not: instants, bytes, and no lone surrogates."""
    kind = None if shape is None else shape.type_name
    if isinstance(value, dict):
        return {
            _whole(key): _ready(
                item,
                shape.members.get(key)
                if kind == "structure"
                else shape.value
                if kind == "map"
                else None,
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_ready(item, shape.member if kind == "list" else None) for item in value]
    if isinstance(value, str):
        if kind == "blob":
            try:
                return base64.b64decode(value)
            except (binascii.Error, ValueError):
                return _whole(value)
        return _whole(value)
    if kind == "timestamp" and isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return cbor2.CBORTag(1, value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _escaped(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _plus(text: Any) -> str:
    return quote_plus(str(text), errors="replace")
