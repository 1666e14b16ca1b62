"""The Runtime API and the Extensions API of one environment: requests in, replies out. No sockets.

    runtime     started --next--> ready --an invocation--> running --response, error--> responded
                                    ^-------------------- next --------------------------'
    extension   registered --next--> ready --an event--> running --next--> ready

Nothing is answered to `next` before there is something: the request waits, under the ticket that it
came with. What the environment's owner must know is told as `News`.

AWS: Lambda Developer Guide, "Lambda runtime API" (2018-06-01) and "Lambda Extensions API"
(2020-01-01). Error bodies: those that AWS's runtime emulator gives.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from redrive.core.effects import Environment, Run
from redrive.core.time import Millis
from redrive.runtime.api.requests import Reply, Request
from redrive.runtime.frames import RESPONSE_BYTES_MAX
from redrive.runtime.layers import EXTENSIONS_MAX

RUNTIME = "/2018-06-01/runtime/"
EXTENSION = "/2020-01-01/extension/"
JSON = (("Content-Type", "application/json"),)


class Happened(Enum):
    """What an environment's owner hears."""

    REGISTERED = "registered"  # every external extension: the runtime may start
    READY = "ready"  # everybody waits, for the first time
    NEXT = "next"  # everybody waits again
    RESPONSE = "response"
    FAILURE = "failure"
    TOO_LARGE = "too-large"
    INIT_ERROR = "init-error"
    BROKEN = "broken"  # an extension has given up


class News(NamedTuple):
    """body: the response, or AWS's error body."""

    what: Happened
    body: bytes = b""


@dataclass(slots=True)
class Extension:
    """state: registered | ready | running | shut. waiting: the ticket of its `next`."""

    id: str
    name: str
    is_internal: bool
    events: tuple[str, ...]
    state: str = "registered"
    waiting: int | None = None


@dataclass(slots=True)
class Contract:
    """external: names of the extensions that must register before the runtime starts."""

    environment: Environment
    stream: str
    external: Sequence[str] = ()
    runtime: str = "started"  # started | ready | running | responded
    extensions: dict[str, Extension] = field(default_factory=dict)
    replies: list[tuple[int, Reply]] = field(default_factory=list)  # to be sent, by ticket
    news: list[News] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)  # tickets of the runtime's `next`
    request_id: str = ""
    is_first: bool = True
    shutdown: bytes = b""

    # What comes from outside.

    def take(self, ticket: int, request: Request) -> None:
        """Take a request; its reply is among `replies` now or later."""
        path = request.path.partition("?")[0]
        if path.startswith(RUNTIME):
            reply = self._take_of_runtime(ticket, request, path[len(RUNTIME) :])
        elif path.startswith(EXTENSION):
            reply = self._take_of_extension(ticket, request, path[len(EXTENSION) :])
        else:
            reply = Reply(404, (), b"404 page not found\n")
        if reply is not None:
            self.replies.append((ticket, reply))

    def may_answer(self, path: str) -> bool:
        """Tell whether a path is that of the response that is owed."""
        owed = f"{RUNTIME}invocation/{self.request_id}/response"
        return self.runtime == "running" and path.partition("?")[0] == owed

    def cut_short(self) -> None:
        """Note that the runtime has left a response in the middle."""
        self.runtime = "responded"
        text = "The response ended before it was complete"
        self.news.append(News(Happened.FAILURE, error_body("Runtime.TruncatedResponse", text)))

    def forget(self, ticket: int) -> None:
        """Forget a request whose connection is gone."""
        if ticket in self.waiting:
            self.waiting.remove(ticket)
        for extension in self.extensions.values():
            if extension.waiting == ticket:
                extension.waiting = None

    def invoke(self, run: Run, ends_ms: Millis) -> None:
        """Hand an invocation to the runtime, and its event to the extensions that want it."""
        assert self.runtime == "ready"
        arn = run.invoked_arn or self.environment.function_arn
        head = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", run.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(ends_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", arn),
        ]
        if run.trace:
            head.append(("Lambda-Runtime-Trace-Id", run.trace))
        if run.client_context:
            context = run.client_context.decode("utf-8", "replace")
            head.append(("Lambda-Runtime-Client-Context", context))
        self.runtime = "running"
        self.request_id = run.request_id
        if self.waiting:
            self.replies.append((self.waiting.pop(0), Reply(200, tuple(head), run.event)))
        event = {
            "eventType": "INVOKE",
            "deadlineMs": ends_ms,
            "requestId": run.request_id,
            "invokedFunctionArn": arn,
        }
        if run.trace:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": run.trace}
        for extension in self.extensions.values():
            if "INVOKE" in extension.events:
                self._send(extension, json.dumps(event).encode())

    def shut_down(self, reason: str, ends_ms: Millis) -> list[str]:
        """Tell external extensions of the end; return the names of those that want to know."""
        event = {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": ends_ms}
        self.shutdown = json.dumps(event).encode()
        told = []
        for extension in self.extensions.values():
            if "SHUTDOWN" in extension.events:
                told.append(extension.name)
                if extension.waiting is not None:
                    self._send(extension, self.shutdown)
                    extension.state = "shut"
        return told

    # The runtime.

    def _take_of_runtime(self, ticket: int, request: Request, path: str) -> Reply | None:
        parts = path.split("/")
        if path == "invocation/next":
            return _only("GET", request) or self._next(ticket)
        if path == "init/error":
            return _only("POST", request) or self._init_error(request)
        if len(parts) == 3 and parts[0] == "invocation" and parts[2] in ("response", "error"):
            return _only("POST", request) or self._answer(request, parts[1], parts[2])
        return Reply(404, (), b"404 page not found\n")

    def _next(self, ticket: int) -> Reply | None:
        if self.runtime == "running":
            return _bad_state("Running", "Ready")
        self.waiting.append(ticket)
        if self.runtime != "ready":
            self.runtime = "ready"
            self._look_around()
        return None

    def _answer(self, request: Request, request_id: str, kind: str) -> Reply:
        target = "InvocationResponse" if kind == "response" else "InvocationErrorResponse"
        if not self.request_id or request_id != self.request_id:
            return error_reply(400, "InvalidRequestID", "Invalid request ID")
        if self.runtime != "running":
            return _bad_state("Ready" if self.runtime == "ready" else "ResponseSent", target)
        self.runtime = "responded"
        if request.is_too_large:
            self.news.append(News(Happened.TOO_LARGE))
            words = f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
            return error_reply(413, "RequestEntityTooLarge", words)
        late = request.headers.get("lambda-runtime-function-error-body")
        if kind == "response" and late is not None:  # a stream that failed says so at its end
            self.news.append(News(Happened.FAILURE, _decoded(late)))
        elif kind == "response":
            self.news.append(News(Happened.RESPONSE, request.body))
        else:
            self.news.append(News(Happened.FAILURE, _error_of(request)))
        return ACCEPTED

    def _init_error(self, request: Request) -> Reply:
        if self.runtime != "started":
            return _bad_state(self.runtime.capitalize(), "InitError")
        self.news.append(News(Happened.INIT_ERROR, _error_of(request)))
        return ACCEPTED

    # Extensions.

    def _take_of_extension(self, ticket: int, request: Request, path: str) -> Reply | None:
        if path == "register":
            return _only("POST", request) or self._register(request)
        if path not in ("event/next", "init/error", "exit/error"):
            return Reply(404, (), b"404 page not found\n")
        wrong = _only("GET" if path == "event/next" else "POST", request)
        if wrong is not None:
            return wrong
        given = request.headers.get("lambda-extension-identifier", "")
        if not given:
            text = "Missing Lambda-Extension-Identifier header"
            return error_reply(403, "Extension.MissingExtensionIdentifier", text)
        extension = self.extensions.get(given)
        if extension is None:
            text = f"Unknown extension {given}"
            return error_reply(403, "Extension.UnknownExtensionIdentifier", text)
        if path == "event/next":
            return self._event_next(ticket, extension)
        if path == "init/error" and extension.state != "registered":
            text = f"State transition from {extension.state.capitalize()} to InitError failed"
            return error_reply(403, "Extension.InvalidExtensionState", text)
        kind = request.headers.get("lambda-extension-function-error-type", "Extension.Unknown")
        body = error_body(kind, _message_of(request) or f"{extension.name} has given up")
        what = Happened.INIT_ERROR if self.is_first else Happened.BROKEN
        self.news.append(News(what, body))
        return ACCEPTED

    def _register(self, request: Request) -> Reply:
        name = request.headers.get("lambda-extension-name", "")
        if not name:
            text = "Empty extension name"
            return error_reply(403, "Extension.InvalidExtensionName", text)
        try:
            wish = json.loads(request.body or b"{}")
            events = tuple(str(each) for each in wish.get("events") or ())
        except (ValueError, AttributeError, TypeError):
            text = "The body of the registration is not valid JSON"
            return error_reply(400, "InvalidRequestFormat", text)
        is_internal = name not in self.external
        known = ("INVOKE",) if is_internal else ("INVOKE", "SHUTDOWN")
        for event in events:
            if event not in known:
                text = f"{event}: event type is not supported for this extension"
                return error_reply(403, "Extension.InvalidEventType", text)
        if any(each.name == name for each in self.extensions.values()):
            text = f"Extension {name} has registered before"
            return error_reply(403, "Extension.InvalidExtensionState", text)
        if self.runtime != "started" or not self.is_first:
            text = "Extensions register before the runtime asks for its first invocation"
            return error_reply(403, "Extension.RegistrationClosed", text)
        if len(self.extensions) >= EXTENSIONS_MAX:
            text = f"No more than {EXTENSIONS_MAX} extensions can be registered"
            return error_reply(403, "Extension.TooManyExtensions", text)
        extension = Extension(self._id_of(name), name, is_internal, events)
        self.extensions[extension.id] = extension
        place = self.environment
        body = {
            "functionName": place.function_name,
            "functionVersion": place.version,
            "handler": place.handler,
        }
        if "accountid" in request.headers.get("lambda-extension-accept-feature", "").lower():
            body["accountId"] = place.account
        if not is_internal and self.all_registered():
            self.news.append(News(Happened.REGISTERED))
        head = (("Lambda-Extension-Identifier", extension.id), *JSON)
        return Reply(200, head, json.dumps(body).encode())

    def all_registered(self) -> bool:
        """Tell whether every external extension has registered."""
        names = {each.name for each in self.extensions.values()}
        return all(name in names for name in self.external)

    def _event_next(self, ticket: int, extension: Extension) -> Reply | None:
        extension.waiting = ticket
        if self.shutdown and "SHUTDOWN" in extension.events and extension.state != "shut":
            self._send(extension, self.shutdown)
            extension.state = "shut"
            return None
        if extension.state != "ready":
            extension.state = "ready"
            self._look_around()
        return None

    def _send(self, extension: Extension, event: bytes) -> None:
        ticket, extension.waiting = extension.waiting, None
        extension.state = "running"
        if ticket is not None:
            marks = (("Lambda-Extension-Event-Identifier", self._id_of(event.decode())), *JSON)
            self.replies.append((ticket, Reply(200, marks, event)))

    def _look_around(self) -> None:
        """Tell when everybody waits for the next event."""
        others = self.extensions.values()
        if self.runtime == "ready" and all(each.state == "ready" for each in others):
            self.news.append(News(Happened.READY if self.is_first else Happened.NEXT))
            self.is_first = False

    def _id_of(self, text: str) -> str:
        digits = hashlib.sha256(f"{self.stream} {text}".encode()).hexdigest()
        cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        return "-".join(digits[first:last] for first, last in cuts)


def error_body(kind: str, message: str) -> bytes:
    """Return an error body in AWS's shape."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def error_reply(status: int, kind: str, message: str) -> Reply:
    """Return a refusal."""
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return Reply(status, JSON, body)


ACCEPTED = Reply(202, JSON, b'{"status":"OK"}\n')


def _only(method: str, request: Request) -> Reply | None:
    return None if request.method == method else Reply(405, (("Allow", method),))


def _bad_state(source: str, target: str) -> Reply:
    text = (
        f"State transition from {source} to {target} failed for runtime."
        " Error: State transition is not allowed"
    )
    return error_reply(403, "InvalidStateTransition", text)


def _error_of(request: Request) -> bytes:
    """Return the body of an error; one without a body has what its header says."""
    if request.body:
        return request.body
    kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
    return error_body(kind, "")


def _message_of(request: Request) -> str:
    try:
        body = json.loads(request.body)
        return str(body.get("errorMessage", "")) if isinstance(body, dict) else ""
    except ValueError:
        return ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return error_body("Runtime.Unknown", text)
