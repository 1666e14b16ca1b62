"""botocore as a client without sockets: its serializers make the requests, our wire reads them,
something of the test's carries the operations out, and its parsers read what our wire answers.

    ask = Sdk("events", wired("events", carried_by(world)))
    ask("PutRule", Name="r", EventPattern=...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.awsrequest import AWSRequest

from redrive.core.errors import ServiceError, Unavailable
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request, Response

SESSION = botocore.session.Session()
HOST = "http://localhost"

Answer = Callable[[Request], Response]
Carry = Callable[[Incoming], Any]
"""From an operation to its result; raises its error."""


class Sdk:
    """One service in one of its protocols, the model's own unless another is named.

    validates: botocore checks parameters itself before it asks, as an SDK does; else what is wrong
    reaches the wire.
    """

    def __init__(
        self, service: str, answer: Answer, protocol: str | None = None, *, validates: bool = True
    ) -> None:
        self.model = SESSION.get_service_model(service)
        self._answer = answer
        protocol = protocol or self.model.protocol
        self._serializer = botocore.serialize.create_serializer(protocol, validates)
        self._parser = botocore.parsers.create_parser(protocol)

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer, an error's too."""
        model = self.model.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        url = f"{HOST}{made['url_path']}"
        sent = AWSRequest(
            made["method"], url, params=made["query_string"], data=made["body"]
        ).prepare()
        body = sent.body or b""
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        answer = self.send(
            made["method"],
            sent.url.removeprefix(HOST),
            headers,
            body.encode() if isinstance(body, str) else body,
        )
        told = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """Send a request as it is."""
        return self._answer(Request(method, target, {"host": "localhost", **(headers or {})}, body))


def wired(service: str, carry: Carry, key: str | None = "000000000000") -> Answer:
    """Return our wire around what carries operations out. key: whose requests they are; None to
    sign nothing.
    """
    endpoint = Endpoint((service,))
    scope = f"{key}/20270115/us-east-1/{SESSION.get_service_model(service).signing_name}"
    signature = f"Credential={scope}/aws4_request, SignedHeaders=host, Signature=0"
    signed = {} if key is None else {"authorization": f"AWS4-HMAC-SHA256 {signature}"}

    def answer(request: Request) -> Response:
        try:
            incoming = endpoint.read(request._replace(headers={**request.headers, **signed}))
        except Fault as fault:
            return endpoint.fault(fault, fault.error, "id")
        try:
            result = carry(incoming)
        except (ServiceError, Unavailable) as error:
            return endpoint.fault(incoming, error, "id")
        return endpoint.reply(incoming, result, "id")

    return answer


def carried_by(world: Any) -> Carry:
    """Let a world carry operations out."""
    return lambda asked: world.call(asked.service, asked.operation, asked.caller, **asked.params)
