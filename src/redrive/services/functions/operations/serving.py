"""Serve function URLs, and answers in pieces: InvokeWithResponseStream.

What a function says piece by piece goes to a Sink as it comes; what it says at once is the
operation's result. Python functions say everything at once, as on AWS.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from redrive.core.access import refusal
from redrive.core.effects import (
    Ask,
    Caller,
    Context,
    Params,
    Ran,
    Reply,
    Result,
    Run,
    Session,
    Sink,
)
from redrive.core.errors import ServiceError
from redrive.core.policies import compile_policy
from redrive.services.functions.cors import allows, preflight, shared
from redrive.services.functions.labels import refuse_unsupported
from redrive.services.functions.model import Function, Target, Url
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.invocation import place_for, routed, run_function
from redrive.services.functions.operations.lookup import find_policy, located, resolve
from redrive.services.functions.payloads import (
    PAYLOAD_BYTES_MAX,
    check_payload,
    decode_client_context,
)
from redrive.services.functions.refusals import too_many_requests
from redrive.services.functions.room import Functions
from redrive.services.functions.url_events import (
    METHODS,
    HttpRequest,
    HttpResponse,
    Occasion,
    Signer,
    StreamReader,
    make_event,
    read_response,
    read_stream,
)
from redrive.store.store import Tx

ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""Both are needed, the second by statements that may say InvokedViaFunctionUrl. AWS: Developer
Guide, "Control access to Lambda function URLs", on URLs made since October 2025; API_AddPermission,
"InvokedViaFunctionUrl"."""

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
_TRACE_CHARS_MAX = 256


def invoke_with_response_stream(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result | Ask:
    """Run a function and hand on its response as events: PayloadChunk, ..., InvokeComplete.

    With a Sink, {"StatusCode", "ExecutedVersion"} begins it at the first piece, and the result's
    EventStream holds what is left to say. A function that fails is told in InvokeComplete, with
    what Invoke answers as ErrorDetails [G]. AWS: API_InvokeWithResponseStream.
    """
    refuse_unsupported(params)
    payload = check_payload(params.get("Payload"), "RequestResponse")
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    function, alias = located(tx, context.caller, target, "Invoke")
    if params.get("InvocationType") == "DryRun":
        return {"StatusCode": 204}
    function = routed(room, tx, function, alias)
    client_context = decode_client_context(params.get("ClientContext"))
    place = place_for(room, tx, function)
    if place.refusal is not None:
        raise too_many_requests(place.refusal)
    head = {"StatusCode": 200, "ExecutedVersion": function.version}
    with_log = params.get("LogType") == "Tail"
    ask = run_function(
        room,
        function,
        payload,
        context.request_id,
        context.now_ms,
        lambda _tx, reply, _now_ms: {**head, "EventStream": _last_events(reply, with_log)},
        client_context,
        invoked_arn=target.arn,
        provisioned=place.provisioned,
    )
    sink: Sink | None = params.get("Sink")
    if sink is None:
        return ask
    return Ask(replace(_run_of(ask), on_chunk=_Events(sink, head).take), ask.resume)


def _run_of(ask: Ask) -> Run:
    assert isinstance(ask.effect, Run)
    return ask.effect


def _last_events(reply: Reply, with_log: bool) -> list[Mapping[str, Any]]:
    ran = _ended(reply)
    events: list[Mapping[str, Any]] = []
    if ran.error is None and ran.payload:
        events.append({"PayloadChunk": {"Payload": ran.payload}})
    complete = {}
    if ran.error is not None:
        complete = {
            "ErrorCode": ran.error,
            "ErrorDetails": ran.payload.decode("utf-8", "replace"),
        }
    if with_log:
        complete["LogResult"] = base64.b64encode(ran.log_tail).decode()
    return [*events, {"InvokeComplete": complete}]


@dataclass(slots=True)
class _Events:
    """Hands pieces on as PayloadChunk events."""

    sink: Sink
    head: Result
    is_begun: bool = False

    def take(self, piece: bytes) -> None:
        if not self.is_begun:
            self.is_begun = True
            self.sink.begin(self.head)
        self.sink.write({"PayloadChunk": {"Payload": piece}})


def _ended(reply: Reply) -> Ran:
    if reply.error is not None:
        raise reply.error
    assert reply.ran is not None
    return reply.ran


# --- function URLs --------------------------------------------------------------------------------


def serve_function_url(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Answer a request to a function URL. Internal: no AWS model has this name.

    {"UrlId", "Region": as the host name has it or None, "Request": HttpRequest, "Signer": Signer,
    the ServiceError of a bad signature, or None, "Sink"} -> {"Response": HttpResponse}; once the
    Sink was begun {"Response": None, "IsWhole": whether the function came to its end}.

    Statuses: 403 without permission, 404 unknown URL, 405, 413, 429 throttled, 502 when the
    function fails, also by its timeout. AWS: Developer Guide, "Invoking Lambda function URLs";
    404 as API_GetFunctionUrlConfig tells it, 405 and 413 [G].
    """
    request: HttpRequest = params["Request"]
    url: Url | None = tx.one(Url, "functions.url_by_id", url_id=params["UrlId"])
    if url is None or params["Region"] not in (None, url.region):
        error = "ResourceNotFoundException"
        answer = _told(404, error, Message="The resource you requested does not exist.")
        return {"Response": _signed(answer, context.request_id)}
    visit = _Visit(room, url, request, context, params["Sink"])
    if request.method not in METHODS:
        return visit.end(_told(405, "MethodNotAllowedException", Message="Method Not Allowed"))
    found = preflight(visit.cors, request)
    if found is not None:
        return {"Response": _signed(found, context.request_id, visit.occasion.trace)}
    resolved = resolve(tx, Target(url.account, url.region, url.name, url.qualifier or None))
    assert resolved is not None, f"{url.arn} has a URL and is not there"
    function = resolved[0]
    signer: Signer | ServiceError | None = params["Signer"]
    refused = _refusal(tx, visit, function, signer)
    if refused is not None:
        return visit.end(refused)
    known = signer if url.auth_type == "AWS_IAM" and isinstance(signer, Signer) else None
    event = make_event(request, visit.occasion, known)
    if len(event) > PAYLOAD_BYTES_MAX["RequestResponse"]:
        return visit.end(_told(413, "RequestTooLargeException", Message="Request Entity Too Large"))
    function = routed(room, tx, *resolved)
    place = place_for(room, tx, function)
    if place.refusal is not None:
        told = {"Reason": place.refusal, "Type": "User", "message": "Rate Exceeded."}
        return visit.end(_told(429, "TooManyRequestsException", **told))
    ask = run_function(
        room,
        function,
        event,
        context.request_id,
        context.now_ms,
        lambda _tx, reply, _now_ms: visit.ended(_ended(reply)),
        invoked_arn=url.arn,
        provisioned=place.provisioned,
    )
    return visit.listening(ask)


def _refusal(
    tx: Tx, visit: _Visit, function: Function, signer: Signer | ServiceError | None
) -> HttpResponse | None:
    """Return the answer to a request that nobody has allowed, or None.

    AuthType NONE asks the resource's policy whether everybody may; AWS_IAM asks for a signature for
    Lambda and this region, and then for both policies as always.
    """
    url = visit.url
    facts = {
        "lambda:functionurlauthtype": url.auth_type,
        "lambda:invokedviafunctionurl": "true",
    }
    caller = Caller("anonymous", url.region, "aws:anonymous", "anonymous", Session(None, facts))
    if url.auth_type == "AWS_IAM":
        if isinstance(signer, ServiceError):
            return _told(signer.status or 403, signer.code, message=signer.message)
        if signer is None or (not signer.is_proven and visit.is_foreign):
            return _told(403, "AccessDeniedException", Message=FORBIDDEN)
        for what, given, wanted in (
            ("service", signer.service, "lambda"),
            ("region", signer.caller.region, url.region),
        ):
            if given != wanted:
                text = f"Credential should be scoped to correct {what}: '{wanted}'."
                return _told(403, "InvalidSignatureException", message=text)
        caller = signer.caller
        if caller.session is not None:
            told = {**caller.session.facts, **facts}
            caller = caller._replace(session=caller.session._replace(facts=told))
        elif caller.account != url.account:
            caller = caller._replace(session=Session(None, facts))
    policy = find_policy(tx, function, url.qualifier or None)
    document = {"Statement": [] if policy is None else json.loads(policy.policy)}
    for action in ACTIONS:
        why = refusal(
            caller,
            action,
            url.arn,
            owner=url.account,
            policy=compile_policy(document),
            now_ms=visit.context.now_ms,
        )
        if why is not None:
            answer = _told(403, "AccessDeniedException", Message=FORBIDDEN)
            reason = ("x-redrive-reason", f"{action}: {why}")
            return answer._replace(headers=(*answer.headers, reason))
    return None


@dataclass(slots=True, eq=False)
class _Visit:
    """One request to a URL, up to its answer."""

    room: Functions
    url: Url
    request: HttpRequest
    context: Context
    sink: Sink | None
    cors: Mapping[str, Any] | None = field(init=False)
    occasion: Occasion = field(init=False)
    is_begun: bool = field(init=False, default=False)
    reader: StreamReader = field(init=False, default_factory=lambda: StreamReader(None))

    def __post_init__(self) -> None:
        url, context = self.url, self.context
        self.cors = None if url.cors is None else json.loads(url.cors)
        trace = self.request.headers.get("x-amzn-trace-id", "")
        if not 0 < len(trace) <= _TRACE_CHARS_MAX:
            unique = self.room.chance.token(12).hex()
            trace = f"Root=1-{context.now_ms // 1_000:08x}-{unique}"
        self.occasion = Occasion(url.url_id, url.domain, context.request_id, trace, context.now_ms)

    @property
    def is_foreign(self) -> bool:
        """Tell whether a page that the Cors does not let in may have made the request."""
        origin = self.request.headers.get("origin")
        if origin is not None and allows(self.cors, origin):
            return False
        site = self.request.headers.get("sec-fetch-site", "none")
        own = f"http://{self.request.headers.get('host', '')}"
        return origin not in (None, own) or site not in ("none", "same-origin")

    def end(self, response: HttpResponse) -> Result:
        """Return the operation's result for a response, with the headers that all have."""
        return {"Response": self._dressed(response)}

    def _dressed(self, response: HttpResponse) -> HttpResponse:
        origin = self.request.headers.get("origin")
        response = shared(response, self.cors, origin)
        return _signed(response, self.context.request_id, self.occasion.trace)

    def listening(self, ask: Ask) -> Ask:
        """Return the run that was asked for, which is heard as it goes if the URL streams."""
        run = replace(_run_of(ask), trace=self.occasion.trace)
        if self.url.invoke_mode == "RESPONSE_STREAM" and self.sink is not None:
            run = replace(run, on_chunk=self.take, on_head=self.take_type)
        return Ask(run, ask.resume)

    def take_type(self, content_type: str) -> None:
        """Take the type of a response that comes in pieces."""
        self.reader = StreamReader(content_type)

    def take(self, piece: bytes) -> None:
        """Take a piece of the response."""
        assert self.sink is not None
        body = self.reader.feed(piece)
        head = self.reader.head
        if head is not None and not self.is_begun:
            self.is_begun = True
            self.sink.begin(self._dressed(head))
        if body:
            self.sink.write(body)

    def ended(self, ran: Ran) -> Result:
        """Return what is left to say when the function has ended."""
        if self.is_begun:
            return {"Response": None, "IsWhole": ran.error is None}
        response = None
        if ran.streamed and ran.error is None:
            body = self.reader.finish()
            if self.reader.head is not None:
                response = self.reader.head._replace(body=body)
        elif ran.error is None:
            is_stream = self.url.invoke_mode == "RESPONSE_STREAM"
            response = read_stream(ran.payload) if is_stream else read_response(ran.payload)
        if response is None:
            response = _told(502, "InternalServerErrorException", Message="Internal Server Error")
        return self.end(response)


def _told(status: int, error: str, **body: str) -> HttpResponse:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", error))
    return HttpResponse(status, headers, json.dumps(body, separators=(",", ":")).encode())


def _signed(response: HttpResponse, request_id: str, trace: str = "") -> HttpResponse:
    added = (("x-amzn-RequestId", request_id),)
    if trace:
        added = (*added, ("x-amzn-trace-id", trace))  # type: ignore[assignment]
    return response._replace(headers=(*added, *response.headers))
