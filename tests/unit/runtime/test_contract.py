"""The Runtime API and the Extensions API as a conversation, without sockets."""

from __future__ import annotations

import json

import pytest

from redrive.core.effects import Environment, Run
from redrive.core.time import Millis
from redrive.runtime.api.contract import Contract, Happened
from redrive.runtime.api.requests import Reply, Request

PLACE = Environment(
    function_arn="arn:f",
    function_name="f",
    version="3",
    revision="1",
    runtime="provided.al2023",
    handler="h",
    code_path="/code",
    timeout_ms=Millis(3000),
    memory_mb=128,
    account="123456789012",
    region="us-east-1",
)
RUNTIME = "/2018-06-01/runtime/"
EXTENSION = "/2020-01-01/extension/"


class Talk:
    """A contract and the tickets of its clients."""

    def __init__(self, *external: str) -> None:
        self.contract = Contract(PLACE, "stream", external)
        self._count = 0

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        too_large: bool = False,
        **headers: str,
    ) -> Reply | int:
        """Ask; return the reply, or the ticket of a request that waits."""
        self._count += 1
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, path, names, body, too_large, True)
        self.contract.take(self._count, request)
        return self.reply(self._count) or self._count

    def reply(self, ticket: int) -> Reply | None:
        """Return and forget what was replied to a ticket."""
        for each in self.contract.replies:
            if each[0] == ticket:
                self.contract.replies.remove(each)
                return each[1]
        return None

    def status(self, *request: object, **headers: str) -> int:
        """Ask; return the status of the reply."""
        reply = self.ask(*request, **headers)  # type: ignore[arg-type]
        assert isinstance(reply, Reply)
        return reply.status

    def next(self) -> int:
        """Ask for an invocation; return the ticket."""
        ticket = self.ask("GET", RUNTIME + "invocation/next")
        assert isinstance(ticket, int)
        return ticket

    def news(self) -> list[Happened]:
        """Return and forget what has happened."""
        happened = [each.what for each in self.contract.news]
        self.contract.news.clear()
        return happened

    def register(self, name: str, *events: str, **headers: str) -> tuple[int, str]:
        """Register an extension; return the status and its mark."""
        body = json.dumps({"events": events}).encode()
        reply = self.ask(
            "POST", EXTENSION + "register", body, lambda_extension_name=name, **headers
        )
        assert isinstance(reply, Reply)
        return reply.status, dict(reply.headers).get("Lambda-Extension-Identifier", "")

    def event_next(self, mark: str) -> Reply | int:
        """Ask for an event."""
        path = EXTENSION + "event/next"
        return self.ask("GET", path, lambda_extension_identifier=mark)


def invoke(talk: Talk, request_id: str = "id-1", **more: object) -> None:
    """Hand over an invocation."""
    run = Run(PLACE, request_id, b'{"a": 1}', Millis(0), **more)  # type: ignore[arg-type]
    talk.contract.invoke(run, Millis(99))


def test_one_invocation_after_the_other() -> None:
    """next waits, gets the event with AWS's headers, and is told when it comes back."""
    talk = Talk()
    ticket = talk.next()
    assert talk.news() == [Happened.READY]
    invoke(talk, trace="T", invoked_arn="arn:f:live", client_context=b"{}")
    reply = talk.reply(ticket)
    assert reply is not None
    assert reply.body == b'{"a": 1}'
    assert dict(reply.headers) == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": "id-1",
        "Lambda-Runtime-Deadline-Ms": "99",
        "Lambda-Runtime-Invoked-Function-Arn": "arn:f:live",
        "Lambda-Runtime-Trace-Id": "T",
        "Lambda-Runtime-Client-Context": "{}",
    }
    assert talk.status("POST", RUNTIME + "invocation/id-1/response", b"1") == 202
    assert talk.news() == [Happened.RESPONSE]
    talk.next()
    assert talk.news() == [Happened.NEXT]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "invocation/other/response", 400, "InvalidRequestID"),
        ("POST", "invocation/other/error", 400, "InvalidRequestID"),
        ("GET", "invocation/next", 403, "InvalidStateTransition"),
        ("POST", "init/error", 403, "InvalidStateTransition"),
        ("GET", "init/error", 405, ""),
        ("POST", "invocation/next", 405, ""),
        ("GET", "invocation/id-1/response", 405, ""),
        ("POST", "invocation/id-1/other", 404, ""),
        ("POST", "invocation/id-1", 404, ""),
    ],
)
def test_what_a_runtime_may_not_do_at_work(method: str, path: str, status: int, kind: str) -> None:
    """Wrong ids are 400, wrong moments 403, wrong methods 405, and nothing has happened."""
    talk = Talk()
    talk.next()
    talk.news()
    invoke(talk)
    reply = talk.ask(method, RUNTIME + path, b"{}")
    assert isinstance(reply, Reply)
    assert reply.status == status
    if kind:
        assert json.loads(reply.body)["errorType"] == kind
    assert talk.news() == []


def test_before_the_first_invocation_there_is_nothing_to_answer() -> None:
    """A response to an empty id, or to none, is refused."""
    talk = Talk()
    assert talk.status("POST", RUNTIME + "invocation//response", b"1") == 400
    assert talk.status("POST", RUNTIME + "invocation/x/response", b"1") == 400
    assert talk.news() == []


def test_second_answer_is_refused() -> None:
    """An invocation is answered once; what comes later changes nothing."""
    talk = Talk()
    talk.next()
    invoke(talk)
    path = RUNTIME + "invocation/id-1/"
    assert talk.status("POST", path + "error", b"", lambda_runtime_function_error_type="E") == 202
    assert talk.contract.news[-1].body == b'{"errorType": "E", "errorMessage": ""}'
    assert talk.status("POST", path + "response", b"1") == 403
    talk.next()
    assert talk.status("POST", path + "response", b"1") == 403


def test_too_large_is_413_and_told() -> None:
    """A response over the limit is refused to the runtime and told to the owner."""
    talk = Talk()
    talk.next()
    talk.news()
    invoke(talk)
    assert talk.status("POST", RUNTIME + "invocation/id-1/response", b"", True) == 413
    assert talk.news() == [Happened.TOO_LARGE]


def test_a_client_that_has_gone_gets_nothing() -> None:
    """The invocation goes to the connection that still waits."""
    talk = Talk()
    gone, there = talk.next(), talk.next()
    talk.contract.forget(gone)
    invoke(talk)
    assert talk.reply(gone) is None
    assert talk.reply(there) is not None
    assert talk.news() == [Happened.READY]


def test_runtime_starts_after_the_external_extensions() -> None:
    """REGISTERED comes with the last of them, READY when all have asked for more."""
    talk = Talk("a", "b")
    assert talk.register("a", "INVOKE")[0] == 200
    assert talk.news() == []
    _, mark_b = talk.register("b", "INVOKE", "SHUTDOWN")
    assert talk.news() == [Happened.REGISTERED]
    mark_a = next(iter(talk.contract.extensions))
    talk.next()
    ticket_a = talk.event_next(mark_a)
    assert talk.news() == []
    ticket_b = talk.event_next(mark_b)
    assert talk.news() == [Happened.READY]
    invoke(talk)
    for ticket in (ticket_a, ticket_b):
        assert isinstance(ticket, int)
        reply = talk.reply(ticket)
        assert reply is not None
        assert json.loads(reply.body) == {
            "eventType": "INVOKE",
            "deadlineMs": 99,
            "requestId": "id-1",
            "invokedFunctionArn": "arn:f",
        }
    assert talk.status("POST", RUNTIME + "invocation/id-1/response", b"1") == 202
    talk.next()
    talk.event_next(mark_a)
    assert talk.news() == [Happened.RESPONSE]
    talk.event_next(mark_b)
    assert talk.news() == [Happened.NEXT]


def test_shutdown_reaches_who_wants_it() -> None:
    """SHUTDOWN goes to those that registered for it, also to one that asks later."""
    talk = Talk("a", "b")
    talk.register("a", "INVOKE")
    _, mark = talk.register("b", "SHUTDOWN")
    assert talk.contract.shut_down("timeout", Millis(7)) == ["b"]
    reply = talk.event_next(mark)
    assert isinstance(reply, Reply)
    event = {"eventType": "SHUTDOWN", "shutdownReason": "timeout", "deadlineMs": 7}
    assert json.loads(reply.body) == event
    assert isinstance(talk.event_next(mark), int)


@pytest.mark.parametrize(
    ("name", "events", "kind"),
    [
        ("", ("INVOKE",), "Extension.InvalidExtensionName"),
        ("mine", ("SHUTDOWN",), "Extension.InvalidEventType"),
        ("a", ("OTHER",), "Extension.InvalidEventType"),
        ("twice", ("INVOKE",), "Extension.InvalidExtensionState"),
    ],
)
def test_registrations_that_are_refused(name: str, events: tuple[str, ...], kind: str) -> None:
    """No name, an event that does not exist or is not for internal ones, a second time."""
    talk = Talk("a")
    talk.register("twice", "INVOKE")
    body = json.dumps({"events": events}).encode()
    reply = talk.ask("POST", EXTENSION + "register", body, lambda_extension_name=name)
    assert isinstance(reply, Reply)
    assert (reply.status, json.loads(reply.body)["errorType"]) == (403, kind)


def test_registrations_have_limits() -> None:
    """Ten extensions, of readable JSON, before the runtime is ready."""
    talk = Talk()
    for body in (b"{", b"[]", b'{"events": 1}'):
        path = EXTENSION + "register"
        assert talk.status("POST", path, body, lambda_extension_name="x") == 400
    for n in range(10):
        assert talk.register(f"e{n}")[0] == 200
    assert talk.register("e10")[0] == 403
    late = Talk()
    late.next()
    assert late.register("x")[0] == 403


def test_marks_are_asked_for() -> None:
    """Without the mark of its registration an extension hears nothing."""
    talk = Talk()
    path = EXTENSION + "event/next"
    assert talk.status("GET", path) == 403
    assert talk.status("GET", path, lambda_extension_identifier="x") == 403
    assert talk.status("GET", "/nowhere") == 404
    assert talk.status("GET", EXTENSION + "nowhere") == 404
    reply = talk.ask(
        "POST",
        EXTENSION + "register",
        b"{}",
        lambda_extension_name="x",
        lambda_extension_accept_feature="accountId",
    )
    assert isinstance(reply, Reply)
    assert json.loads(reply.body) == {
        "functionName": "f",
        "functionVersion": "3",
        "handler": "h",
        "accountId": "123456789012",
    }


def test_extension_that_gives_up() -> None:
    """init/error fails the init; exit/error later ends the environment."""
    talk = Talk("a")
    _, mark = talk.register("a", "INVOKE")
    talk.news()
    head = {
        "lambda_extension_identifier": mark,
        "lambda_extension_function_error_type": "Extension.Bad",
    }
    body = b'{"errorMessage": "why"}'
    assert talk.status("POST", EXTENSION + "init/error", body, **head) == 202
    (told,) = talk.contract.news
    assert told.what is Happened.INIT_ERROR
    assert json.loads(told.body) == {"errorType": "Extension.Bad", "errorMessage": "why"}
    talk.news()
    talk.next()
    talk.event_next(mark)
    talk.news()
    assert talk.status("POST", EXTENSION + "init/error", body, **head) == 403
    assert talk.status("POST", EXTENSION + "exit/error", b"x", **head) == 202
    assert talk.news() == [Happened.BROKEN]
