"""AWS's service models (service-2.json), read from botocore's files; its code is not imported.

A Model makes its Shapes and Operations when they are first asked for and keeps them. Shapes may
refer to themselves. What a shape means on a wire is the codecs' business, and its constraints are
validate's; nothing here looks at a request.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import orjson

Traits = Mapping[str, Any]


class Member(NamedTuple):
    """A structure's member, a list's element, or a map's key or value: a shape in a place."""

    name: str  # "" for elements, keys and values
    shape: Shape
    traits: Traits  # the place's own traits; the shape's are in shape.traits

    @property
    def wire_name(self) -> str:
        """The name in messages: locationName where the model gives one."""
        return str(self.traits.get("locationName", self.name))

    @property
    def query_name(self) -> str:
        """The name in forms and XML: the one that an overlay gave, else as in other messages."""
        return str(self.traits.get("queryName", self.wire_name))

    @property
    def is_flat(self) -> bool:
        """Tell whether a list or map has no element of its own around its items."""
        return bool(self.trait("flattened"))

    @property
    def location(self) -> str | None:
        """uri, querystring, header, headers or statusCode; None for the body."""
        where = self.traits.get("location")
        return None if where is None else str(where)

    def trait(self, name: str) -> Any:
        """Return a trait of the place, else of its shape, else None."""
        return self.traits.get(name, self.shape.traits.get(name))


class Shape:
    """A type of the model. Its parts are filled in after it is registered: it may recur."""

    __slots__ = ("element", "key", "members", "name", "required", "traits", "type", "value")

    def __init__(self, name: str, kind: str, traits: Traits) -> None:
        self.name = name
        self.type = kind
        self.traits = traits
        self.members: dict[str, Member] = {}
        self.required: tuple[str, ...] = ()
        self.element: Member | None = None
        self.key: Member | None = None
        self.value: Member | None = None

    def narrowed(self, names: frozenset[str]) -> Shape:
        """Return the structure with only these members: the part of it that lies in a body."""
        part = Shape(self.name, self.type, self.traits)
        part.members = {name: member for name, member in self.members.items() if name in names}
        part.required = tuple(name for name in self.required if name in names)
        return part


class QueryNames(NamedTuple):
    """What a model that no longer describes the Query protocol has lost.

    lists gives the element's name for each list's shape; maps gives the member's, the key's and the
    value's for each map's. All of them are flat. Members may still be said by the model's name.
    """

    namespace: str
    lists: Mapping[str, str]
    maps: Mapping[str, tuple[str, str, str]]


class ErrorShape(NamedTuple):
    """How a modelled error is told."""

    name: str
    code: str  # the query protocol's code
    status: int | None
    sender: bool
    message_member: str  # "message" or "Message", as the shape spells it
    members: frozenset[str]


class Operation(NamedTuple):
    """One operation as the model has it."""

    name: str
    method: str
    uri: str
    status: int
    input: Shape | None
    output: Shape | None
    result_wrapper: str | None


class Model:
    """One service's model."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.metadata: Traits = raw["metadata"]
        self._operations: Mapping[str, Any] = raw["operations"]
        self._raw: Mapping[str, Any] = raw["shapes"]
        self._shapes: dict[str, Shape] = {}
        self._errors: dict[str, ErrorShape | None] = {}
        self._by_code: dict[str, str] | None = None

    def with_query(self, names: QueryNames) -> Model:
        """Return the model with the Query protocol added; the other protocols see no change."""
        shapes = {name: _with_query(name, raw, names) for name, raw in self._raw.items()}
        metadata = {
            **self.metadata,
            "protocols": [*self.protocols, "query"],
            "xmlNamespace": names.namespace,
        }
        raw = {"metadata": metadata, "operations": self._operations, "shapes": shapes}
        return Model(self.name, raw)

    @property
    def protocol(self) -> str:
        """The protocol that the model prefers: json, rest-json, query, smithy-rpc-v2-cbor."""
        return str(self.metadata["protocol"])

    @property
    def protocols(self) -> tuple[str, ...]:
        """All protocols of the service, the preferred one first."""
        told = self.metadata.get("protocols", ())
        return (self.protocol, *(str(name) for name in told if name != self.protocol))

    @property
    def signing_name(self) -> str:
        """The service's name in a credential scope."""
        return str(self.metadata.get("signingName", self.metadata["endpointPrefix"]))

    @property
    def namespace(self) -> str:
        """The XML namespace, or "" when the model has none."""
        given = self.metadata.get("xmlNamespace", "")
        return str(given["uri"] if isinstance(given, dict) else given)

    @property
    def operation_names(self) -> tuple[str, ...]:
        """All operations, in the model's order."""
        return tuple(self._operations)

    def has(self, operation: str) -> bool:
        """Tell whether the model holds the operation."""
        return operation in self._operations

    def operation(self, name: str) -> Operation:
        """Return an operation that the model holds."""
        raw = self._operations[name]
        http = raw.get("http", {})
        return Operation(
            name,
            str(http.get("method", "POST")),
            str(http.get("requestUri", "/")),
            int(http.get("responseCode", 200)),
            self._referred(raw.get("input")),
            self._referred(raw.get("output")),
            raw.get("output", {}).get("resultWrapper"),
        )

    def shape(self, name: str) -> Shape:
        """Return a shape that the model holds."""
        shape = self._shapes.get(name)
        if shape is None:
            raw = self._raw[name]
            shape = self._shapes[name] = Shape(name, raw["type"], raw)
            for member, place in raw.get("members", {}).items():
                shape.members[member] = self._place(member, place)
            shape.required = tuple(raw.get("required", ()))
            shape.element = self._place("", raw["member"]) if "member" in raw else None
            shape.key = self._place("", raw["key"]) if "key" in raw else None
            shape.value = self._place("", raw["value"]) if "value" in raw else None
        return shape

    def error(self, code: str) -> ErrorShape | None:
        """Return the modelled error of this shape name, or of this query code, or None."""
        if self._by_code is None:
            self._by_code = {
                raw["error"]["code"]: name
                for name, raw in self._raw.items()
                if raw.get("exception") and "code" in raw.get("error", {})
            }
        if code not in self._errors:
            raw = self._raw.get(code) or self._raw.get(self._by_code.get(code, ""))
            known = raw is not None and bool(raw.get("exception"))
            name = code if code in self._raw else self._by_code.get(code, code)
            self._errors[code] = _error_shape(name, raw) if known and raw is not None else None
        return self._errors[code]

    def _referred(self, place: Mapping[str, Any] | None) -> Shape | None:
        return None if place is None else self.shape(place["shape"])

    def _place(self, name: str, raw: Mapping[str, Any]) -> Member:
        return Member(name, self.shape(raw["shape"]), raw)


def _with_query(name: str, raw: Mapping[str, Any], names: QueryNames) -> Mapping[str, Any]:
    if name in names.lists:
        place = {**raw["member"], "queryName": names.lists[name]}
        return {**raw, "flattened": True, "member": place}
    if name in names.maps:
        _, key, value = names.maps[name]
        places = {"key": {**raw["key"], "queryName": key}}
        places["value"] = {**raw["value"], "queryName": value}
        return {**raw, "flattened": True, **places}
    if raw["type"] != "structure":
        return raw
    members = {
        member: {**place, "queryName": names.maps[place["shape"]][0]}
        if place["shape"] in names.maps
        else place
        for member, place in raw.get("members", {}).items()
    }
    return {**raw, "members": members}


def _error_shape(name: str, raw: Mapping[str, Any]) -> ErrorShape:
    told = raw.get("error", {})
    members = frozenset(raw.get("members", ()))
    status = told.get("httpStatusCode")
    return ErrorShape(
        name,
        str(told.get("code", name)),
        status,
        bool(told.get("senderFault", status is None or status < 500)),
        "Message" if "Message" in members else "message",
        members,
    )


def load_model(service: str, own: Path | None = None) -> Model:
    """Read a service's newest model from botocore's data, or from `own`.

    `own` is a service-2.json file, or a directory that holds one. Raises FileNotFoundError.
    """
    if own is not None:
        path = own / "service-2.json" if own.is_dir() else own
    else:
        path = _newest(service)
    data = path.read_bytes()
    return Model(service, orjson.loads(gzip.decompress(data) if path.suffix == ".gz" else data))


def _newest(service: str) -> Path:
    spec = find_spec("botocore")
    assert spec is not None, "botocore, whose data holds the models, is not installed"
    assert spec.submodule_search_locations is not None
    for home in spec.submodule_search_locations:
        found = sorted((Path(home) / "data" / service).glob("*/service-2.json*"))
        if found:
            return found[-1]
    raise FileNotFoundError(f"botocore has no model of {service!r}")
