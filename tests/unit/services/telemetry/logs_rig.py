"""CloudWatch Logs on a real file under a virtual clock, with the scribe that writes and reaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from stand_ins import ACCOUNT, REGION, caller

from redrive.core.effects import Caller, Reply
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.registry import Registry
from redrive.services.telemetry import cloudwatch
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.operations import register
from redrive.services.telemetry.room import Telemetry
from redrive.services.telemetry.scribe import Scribe
from redrive.store.sqlite import SqliteStore

OTHER = "111122223333"
T0 = 1_800_000_000_000
GROUP = "/aws/lambda/orders"


class Chunk(NamedTuple):
    """What the runtime gives on."""

    text: str = "hello\n"
    at_ms: int = T0
    function_name: str = "orders"
    stream: str = "2027/01/15/[$LATEST]a"
    request_id: str = "r1"
    account: str = ACCOUNT
    region: str = REGION


class Zeros:
    """The same bytes always."""

    def token(self, count: int) -> bytes:
        return bytes(count)


class LogsRig:
    """The telemetry service as CloudWatch Logs sees it."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.store = SqliteStore(str(folder / "redrive.db"), ())
        self.room = Telemetry(LogBook(str(folder / "telemetry.db")), Millis(T0))
        self.registry = Registry(self.store)
        register(self.registry, self.room)
        cloudwatch.register(self.registry, self.room)
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=lambda: Millis(self.now_ms),
            chance=Zeros(),
            run=lambda _run, _done: None,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )
        self.room.wake = self.dispatch.wake
        self.dispatch.post(Scribe(self.room))
        self.settle()

    def settle(self) -> None:
        """Go on until nothing is left to do at this instant."""
        self.dispatch.advance()
        while not self.dispatch.is_idle:
            self.dispatch.settle()
            self.dispatch.advance()
        if self.faults:
            raise self.faults[0]

    def pass_ms(self, count: int) -> None:
        """Let time pass, from one due instant to the next for a while."""
        self.now_ms += count
        for _ in range(50):
            self.settle()
            if self.dispatch.next_ms > self.now_ms + 20:
                break
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)

    def write(self, *texts: str, **chunk: Any) -> None:
        """Let a function write, now unless at_ms says otherwise."""
        for text in texts:
            self.room.append(Chunk(text, **{"at_ms": self.now_ms, **chunk}))

    def call(self, operation: str, who: Caller | None = None, /, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        replies: list[Reply] = []
        service = "redrive" if operation.startswith("Read") else "logs"
        self.dispatch.enter(service, operation, params, who or caller(), replies.append)
        self.settle()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        return reply.result

    def refused(self, operation: str, /, **params: Any) -> tuple[str, str]:
        """Return the code and message with which an operation is refused."""
        try:
            self.call(operation, **params)
        except ServiceError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused")

    def create(self, group: str = "own", stream: str | None = "s") -> None:
        """Create a group with a stream."""
        self.call("CreateLogGroup", logGroupName=group)
        if stream is not None:
            self.call("CreateLogStream", logGroupName=group, logStreamName=stream)

    def put(self, *events: tuple[int, str], group: str = "own", stream: str = "s") -> Any:
        """Put events, (milliseconds from now, message) each."""
        return self.call(
            "PutLogEvents",
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": self.now_ms + at, "message": text} for at, text in events],
        )

    def get(self, group: str = "own", stream: str = "s", **params: Any) -> Any:
        """Return GetLogEvents' answer."""
        return self.call("GetLogEvents", logGroupName=group, logStreamName=stream, **params)

    def filter(self, group: str = "own", **params: Any) -> list[str]:
        """Return the messages of all pages of FilterLogEvents."""
        found: list[str] = []
        token: dict[str, str] = {}
        for _ in range(1_000):
            page = self.call("FilterLogEvents", logGroupName=group, **params, **token)
            found += [event["message"] for event in page["events"]]
            if "nextToken" not in page:
                return found
            assert page["nextToken"] != token.get("nextToken"), "a page that leads nowhere"
            token = {"nextToken": page["nextToken"]}
        raise AssertionError("there is no end")

    def close(self) -> None:
        """Release the files."""
        self.room.book.close()
        self.store.close()


def messages(answer: Any) -> list[str]:
    """Return the messages of a page."""
    return [event["message"] for event in answer["events"]]
