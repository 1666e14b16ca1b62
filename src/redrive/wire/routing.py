"""From a request to one operation of one service: which model, which protocol, which name.

    X-Amz-Target: <prefix>.<Operation>   json     the service with that prefix
    Smithy-Protocol: rpc-v2-cbor         cbor     /service/<prefix>/operation/<Operation>
    Action=<Operation> (form or query)   query    the service whose resource the path names, else
                                                  the scope's, else the one that has it
    method + path                        rest     the scope's service, else that of the ARN in the
                                                  path, else the one that matches

A service is served over all protocols that its model lists and we speak; the request chooses.

Paths are compiled to patterns: {Label} is one segment, {Label+} the rest, `?key=value` literals
must be there; among matches the one with most literals wins. Models are loaded when a request first
needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.wire.bindings import PROTOCOLS, compile_route, path_label
from redrive.wire.codecs.codec import Unreadable
from redrive.wire.codecs.form import parse_fields
from redrive.wire.messages import Fault, Request, Route
from redrive.wire.model import Model, load_model
from redrive.wire.overlays import overlay_of

_ACTION = re.compile(rb"(?:^|&)Action=([^&]*)")
_VERSION = re.compile(rb"(?:^|&)Version=([^&]*)")
_RPC = re.compile(r"/service/(?:[^/]*\.)?([^/.]+)/operation/([^/.]+)")
_ARN = re.compile(r"/arn(?::|%3A)aws[a-z-]*(?::|%3A)([a-z0-9-]+)(?=:|%3A)", re.IGNORECASE)
_CBOR = "smithy-rpc-v2-cbor"
_LABEL = re.compile(r"\{([A-Za-z0-9_]+)(\+?)\}")


class _Path(NamedTuple):
    """One operation's method and path, compiled."""

    operation: str
    match: re.Pattern[str]
    literals: tuple[tuple[str, str], ...]  # query fields that must be there
    weight: tuple[int, int]  # literals of the query, then of the path: the more, the earlier

    def labels(self, path: str) -> Mapping[str, str]:
        """Return the path's labels, decoded."""
        found = self.match.fullmatch(_bare(path))
        assert found is not None, "a route was given another route's path"
        return {name: path_label(raw) for name, raw in found.groupdict().items()}


class Router:
    """All served models and what has been compiled of them."""

    def __init__(self, services: Sequence[str], own_models: Mapping[str, Path]) -> None:
        self._sources: dict[str, Path | None] = {
            **dict.fromkeys(services),
            **own_models,
        }
        self._models: dict[str, Model] = {}
        self._paths: dict[str, dict[str, list[_Path]]] = {}
        self._routes: dict[tuple[str, str, str], Route] = {}
        self._targets: dict[str, Route] = {}  # only of operations that exist, so it is bounded

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the served services."""
        return tuple(self._sources)

    def model(self, service: str) -> Model:
        """Return a served service's model, read at first use."""
        model = self._models.get(service)
        if model is None:
            model = load_model(service, self._sources[service])
            query = overlay_of(service).query
            if query is not None and "query" not in model.protocols:
                model = model.with_query(query.names)
            assert not PROTOCOLS.keys().isdisjoint(model.protocols), f"{service}'s protocols"
            self._models[service] = model
        return model

    def find(self, request: Request, signed_for: str) -> Route:
        """Return the route of a request. Raises Fault when no operation fits."""
        target = request.headers.get("x-amz-target")
        if target is not None:
            known = self._targets.get(target)
            return known if known is not None else self._by_target(target, signed_for)
        if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
            return self._by_rpc(request, signed_for)
        form = self._form(request)
        action = _ACTION.search(form)
        if action is not None:
            return self._by_action(action.group(1), form, request, signed_for)
        return self._by_path(request, signed_for)

    # --- json ---

    def _by_target(self, target: str, signed_for: str) -> Route:
        prefix, _, name = target.rpartition(".")
        for service in self._likely(signed_for):
            model = self.model(service)
            if model.metadata.get("targetPrefix") == prefix and "json" in model.protocols:
                if model.has(name):
                    route = self._targets[target] = self._route(service, name, "json")
                    return route
                raise Fault(_unknown(), protocol="json", service=service)
        raise Fault(_unknown(), protocol="json")

    # --- cbor ---

    def _by_rpc(self, request: Request, signed_for: str) -> Route:
        found = _RPC.fullmatch(request.target.partition("?")[0])
        if found is None or request.method != "POST":
            raise Fault(_unknown(), protocol=_CBOR)
        prefix, name = found.groups()
        for service in self._likely(signed_for):
            model = self.model(service)
            # Smithy's name of a service is the last part of its prefix.
            theirs = str(model.metadata.get("targetPrefix", "")).rpartition(".")[2]
            if theirs == prefix and _CBOR in model.protocols:
                if model.has(name):
                    return self._route(service, name, _CBOR)
                raise Fault(_unknown(), protocol=_CBOR, service=service)
        raise Fault(_unknown(), protocol=_CBOR)

    # --- query ---

    def _form(self, request: Request) -> bytes:
        """Return the fields of the address and of a form in the body."""
        query = request.target.partition("?")[2].encode(errors="replace")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return query + b"&" + request.body if query else request.body
        return query

    def _by_action(self, raw: bytes, form: bytes, request: Request, signed_for: str) -> Route:
        action = raw.decode("ascii", "replace")
        home = self._addressed(request, signed_for)
        for service in self._likely(signed_for) if home is None else (home,):
            model, query = self.model(service), overlay_of(service).query
            if "query" in model.protocols and model.has(action):
                if home is not None and query is not None and action in query.not_addressed:
                    break
                self._check_version(service, action, form)
                return self._route(service, action, "query")
            if model.signing_name == signed_for:
                break
        served = home or next((s for s in self._sources if self._signs_as(s, signed_for)), None)
        raise Fault(
            _invalid_action(f"The action {action} is not valid for this endpoint."),
            protocol="query",
            service=served,
        )

    def _check_version(self, service: str, action: str, form: bytes) -> None:
        """Refuse a version that the service never had; none at all is the newest one."""
        found, query = _VERSION.search(form), overlay_of(service).query
        version = None if found is None else found.group(1).decode("ascii", "replace")
        older = frozenset[str]() if query is None else query.versions
        if (
            version
            and version != self.model(service).metadata.get("apiVersion")
            and version not in older
        ):
            text = f"Could not find operation {action} for version {version}"
            raise Fault(_invalid_action(text), protocol="query", service=service)

    def _addressed(self, request: Request, signed_for: str) -> str | None:
        """Return the service whose resource the path names; a scope of another's forbids it."""
        path = request.target.partition("?")[0]
        for service in self._sources:
            query = overlay_of(service).query
            if query is not None and query.address.fullmatch(path):
                return service if not signed_for or self._signs_as(service, signed_for) else None
        return None

    # --- rest ---

    def _by_path(self, request: Request, signed_for: str) -> Route:
        path, _, query = request.target.partition("?")
        protocol = "rest-json"
        known: str | None = None
        home = self._addressed(request, signed_for)
        for service in self._likely(signed_for or _named(path)) if home is None else ():
            model = self.model(service)
            if "rest-json" in model.protocols:
                found = self._match(service, request.method, path, query)
                if found is not None:
                    return found
            if model.signing_name == signed_for:
                spoken = (name for name in model.protocols if name in PROTOCOLS)
                known, protocol = service, next(spoken)
                break
        if home is not None:
            known = home
            is_json = request.headers.get("content-type", "").startswith("application/x-amz-json")
            protocol = "json" if is_json else "query"
        raise Fault(_unknown(), protocol=protocol, service=known)

    def _match(self, service: str, method: str, path: str, query: str) -> Route | None:
        if service not in self._paths:
            self._paths[service] = _compile_paths(self.model(service))
        bare = _bare(path)
        fields: list[tuple[str, str]] | None = None
        for candidate in self._paths[service].get(method, ()):
            if candidate.match.fullmatch(bare) is None:
                continue
            if candidate.literals:
                if fields is None:
                    fields = _fields_or_none(query)
                if not all(literal in fields for literal in candidate.literals):
                    continue
            return self._route(service, candidate.operation, "rest-json", candidate)
        return None

    # --- all ---

    def _likely(self, signed_for: str) -> list[str]:
        """Return the services, the credential scope's first: no other model is read for it."""
        return sorted(self._sources, key=lambda service: not self._signs_as(service, signed_for))

    def _signs_as(self, service: str, signed_for: str) -> bool:
        model = self._models.get(service)
        if model is not None:
            return signed_for == model.signing_name
        return signed_for == (overlay_of(service).signing_name or service)

    def _route(self, service: str, name: str, protocol: str, path: _Path | None = None) -> Route:
        route = self._routes.get((service, name, protocol))
        if route is None:
            model = self.model(service)
            parts = None if path is None else path.labels
            route = compile_route(model, name, protocol, overlay_of(service), parts)
            self._routes[service, name, protocol] = route
        return route


def _bare(path: str) -> str:
    """Drop a last slash: clients of earlier models end some paths with one, and AWS takes both."""
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def _named(path: str) -> str:
    """Return the service of the ARN that a path holds: several have /tags/{arn}."""
    found = _ARN.search(path)
    return "" if found is None else found[1]


def _fields_or_none(query: str) -> list[tuple[str, str]]:
    try:
        return parse_fields(query.encode(errors="replace"))
    except Unreadable:
        return []


def _invalid_action(text: str) -> ServiceError:
    return ServiceError("InvalidAction", text, status=400)


def _unknown() -> ServiceError:
    return ServiceError("UnknownOperationException", "", status=404)


def _compile_paths(model: Model) -> dict[str, list[_Path]]:
    """Return a model's paths by method, the most literal first."""
    paths: dict[str, list[_Path]] = {}
    for name in model.operation_names:
        operation = model.operation(name)
        paths.setdefault(operation.method, []).append(compile_path(name, operation.uri))
    for found in paths.values():
        found.sort(key=lambda path: path.weight, reverse=True)
    return paths


def compile_path(operation: str, uri: str) -> _Path:
    """Compile a model's requestUri, such as /2015-03-31/functions/{FunctionName}?List=ALL."""
    path, _, query = uri.partition("?")
    path = _bare(path)
    pattern, at = "", 0
    for label in _LABEL.finditer(path):
        pattern += re.escape(path[at : label.start()])
        pattern += f"(?P<{label.group(1)}>{'.+' if label.group(2) else '[^/]+'})"
        at = label.end()
    pattern += re.escape(path[at:])
    literals = tuple(
        (name, value)
        for name, _, value in (part.partition("=") for part in query.split("&") if part)
    )
    return _Path(
        operation, re.compile(pattern), literals, (len(literals), len(_LABEL.sub("", path)))
    )
