"""The wire's one door: a Request becomes an Incoming or a Fault; a result or error, a Response.

Invariants
1. `read` raises nothing but Fault, whatever the bytes.
2. `fault` always answers, in the protocol that the caller speaks as far as it was understood.
3. Nothing is compiled twice; what is remembered of requests is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from redrive.core.effects import Caller, Result, Session
from redrive.core.errors import ServiceError
from redrive.wire.faults import Error, write_fault
from redrive.wire.messages import Fault, Incoming, Request, Response, Route
from redrive.wire.model import Model
from redrive.wire.overlays import overlay_of
from redrive.wire.packing import HEADER, SIGNED_FOR, unpack
from redrive.wire.routing import Router
from redrive.wire.signatures import Verifier, mismatch, spelled
from redrive.wire.sigv4 import DEFAULT_REGION, Lent, Scopes, Signed, presigned, presigned_token

BODY_BYTES_MAX = 70_167_211
"""The largest body that any served operation takes: CreateFunction with a zip inside.
AWS: "Request must be smaller than 70167211 bytes for the CreateFunction operation"."""

NOBODY = Caller("", DEFAULT_REGION, "anonymous", "")
"""Who asks with a link alone. AWS: the principal of unsigned requests is anonymous."""

_NO_MODELS: Mapping[str, Path] = MappingProxyType({})


class Endpoint:
    """Reads requests for some services and writes their answers. It holds no connection.

    own_models names models beyond botocore's: service -> a service-2.json, or the directory of one.
    Model files are read when a request first needs them. verifier: checks every signature; without
    one, callers are whom they say, and `lent` tells whose temporary keys are. is_judging:
    authorisation is on, so that callers get a session.
    """

    body_bytes_max = BODY_BYTES_MAX

    def __init__(
        self,
        services: Sequence[str] = ("sqs", "lambda", "sts"),
        own_models: Mapping[str, Path] = _NO_MODELS,
        verifier: Verifier | None = None,
        *,
        is_judging: bool = False,
        lent: Lent | None = None,
    ) -> None:
        self._router = Router(services, own_models)
        self._scopes = Scopes()
        self._verifier = verifier
        self._is_judging = is_judging
        self._lent = lent

    def read(self, request: Request) -> Incoming:
        """Return what a request asks for, parsed and checked against the model.

        Raises Fault, which holds AWS's error and the protocol to tell it in.
        """
        if "authorization" not in request.headers:
            linked = self._linked(request)
            if linked is not None:
                return linked
        try:
            signed = (
                self._scopes.read(request.headers.get("authorization"), request.target)
                if self._verifier is None
                else self._verifier.check(request)
            )
            if signed.is_lent:
                signed = self._borrower(signed, request)
        except ServiceError as error:
            raise self._unsigned_fault(request, error) from None
        if signed.service == SIGNED_FOR and HEADER in request.headers:
            request = unpack(request)
        route = self._router.find(request, signed.service)
        if self._verifier is not None:
            self._check_service(route, signed)
        try:
            params = route.parse(request)
        except ServiceError as error:
            raise Fault(
                error, protocol=route.protocol, service=route.service, operation=route.operation
            ) from None
        caller = _in_session(signed, request) if self._is_judging else signed.caller
        return Incoming(route.service, route.operation, params, caller, route)

    def _linked(self, request: Request) -> Incoming | None:
        """Return what a request asks for that nobody has signed and that needs nobody's signature.

        Raises Fault.
        """
        if presigned(request.target):
            return None
        try:
            route = self._router.find(request, "")
        except Fault:
            return None
        if route.operation not in overlay_of(route.service).unsigned:
            return None
        try:
            params = route.parse(request)
        except ServiceError as error:
            raise Fault(
                error, protocol=route.protocol, service=route.service, operation=route.operation
            ) from None
        return Incoming(route.service, route.operation, params, NOBODY, route)

    def caller(self, request: Request) -> Caller:
        """Return who a request comes from, whatever it asks for. Raises Fault."""
        try:
            if self._verifier is not None:
                signed = self._verifier.check(request)
            else:
                signed = self._scopes.read(request.headers.get("authorization"), request.target)
                if signed.is_lent:
                    signed = self._borrower(signed, request)
        except ServiceError as error:
            raise Fault(spelled(error, "json"), protocol="json") from None
        return _in_session(signed, request) if self._is_judging else signed.caller

    @property
    def is_verifying(self) -> bool:
        """Tell whether signatures are checked, and not only read."""
        return self._verifier is not None

    def signed(self, request: Request) -> Signed | None:
        """Return what a request to something else than an API was signed with; None: with nothing.

        Raises ServiceError for a bad signature.
        """
        if self._verifier is None:
            signed = self._scopes.read(request.headers.get("authorization"), request.target)
            if signed.is_lent:
                signed = self._borrower(signed, request)
        elif "authorization" in request.headers or "X-Amz-Signature=" in request.target:
            signed = self._verifier.check(request)
        else:
            return None
        if not signed.access_key:
            return None
        return signed._replace(caller=_in_session(signed, request)) if self._is_judging else signed

    def reply(self, incoming: Incoming, result: Result, request_id: str) -> Response:
        """Return the response that carries an operation's result."""
        return incoming.route.serialize(result, request_id)

    def fault(self, where: Incoming | Fault | None, error: Error, request_id: str) -> Response:
        """Return the response that carries an error.

        `where` is what had been understood: the Incoming, the Fault that `read` raised (then
        `error` is its `.error`), or None. AssertionError is told as a 500 InternalFailure without
        its text, Unavailable as a 503 ServiceUnavailable.
        """
        if where is None:
            return write_fault(error, "json", None, request_id)
        protocol = where.route.protocol if isinstance(where, Incoming) else where.protocol
        model = None if where.service is None else self.model(where.service)
        return write_fault(error, protocol, model, request_id)

    def model(self, service: str) -> Model:
        """Return a served service's model."""
        return self._router.model(service)

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the served services."""
        return self._router.services

    def _borrower(self, signed: Signed, request: Request) -> Signed:
        """Return whose session an unchecked request belongs to; another's token changes nothing.

        Raises ServiceError ExpiredToken.
        """
        token = request.headers.get("x-amz-security-token") or presigned_token(request.target)
        key = None if self._lent is None else self._lent.find(signed.access_key, token)
        if key is None:
            return signed
        return signed._replace(caller=key.caller(signed.caller.region))

    def _unsigned_fault(self, request: Request, error: ServiceError) -> Fault:
        """Tell a bad signature in the protocol of the operation that was meant."""
        try:
            route = self._router.find(request, "")
        except Fault as fault:
            error = spelled(error, fault.protocol)
            return Fault(error, protocol=fault.protocol, service=fault.service)
        return _fault(route, error)

    def _check_service(self, route: Route, signed: Signed) -> None:
        """Refuse what was signed for another service. Raises Fault."""
        wanted = self.model(route.service).signing_name
        if signed.service != wanted:
            raise _fault(
                route, mismatch(f"Credential should be scoped to correct service: '{wanted}'.")
            )


def _fault(route: Route, error: ServiceError) -> Fault:
    return Fault(
        spelled(error, route.protocol),
        protocol=route.protocol,
        service=route.service,
        operation=route.operation,
    )


def _in_session(signed: Signed, request: Request) -> Caller:
    """Return a caller with what it is judged by: its policy, and what the request says of it."""
    facts = {"aws:sourceip": request.peer} if request.peer else {}
    for header, key in (("user-agent", "aws:useragent"), ("referer", "aws:referer")):
        value = request.headers.get(header)
        if value is not None:
            facts[key] = value
    caller = signed.caller
    # What a role may do is looked up by the gate; until then its session may do nothing.
    policy = () if caller.grant is not None and caller.grant.role else signed.policy
    return caller._replace(session=Session(policy, facts))
