"""Logs and live events: what is kept, what readers see, what a flood and a restart cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from redrive.core.effects import Caller, Context, Environment, Ran, Reply, Run
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.registry import Registry
from redrive.services.telemetry import rules
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.model import Aged
from redrive.services.telemetry.operations import register
from redrive.services.telemetry.room import Telemetry
from redrive.services.telemetry.rules import FLUSH_MS, plan_expiry, plan_squeeze
from redrive.services.telemetry.scribe import Scribe
from redrive.services.telemetry.watch import note_buried, watched_runs, watched_settling
from redrive.store.sqlite import SqliteStore

ACCOUNT, REGION = "000000000000", "us-east-1"
CALLER = Caller(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
T0 = 1_800_000_000_000


class Piece(NamedTuple):
    """What the runtime gives on."""

    function_name: str = "orders"
    account: str = ACCOUNT
    region: str = REGION
    stream: str = "stream"
    request_id: str = "r1"
    at_ms: int = T0
    text: str = "hello\n"


class Fixed:
    """The same bytes always."""

    def token(self, count: int) -> bytes:
        return bytes(count)


class Rig:
    """The telemetry service with its scribe under a virtual clock."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.store = SqliteStore(str(folder / "redrive.db"), ())
        self.room = Telemetry(LogBook(str(folder / "telemetry.db")), Millis(T0))
        self.registry = Registry(self.store)
        register(self.registry, self.room)
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=lambda: Millis(self.now_ms),
            chance=Fixed(),
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
        assert not self.faults

    def pass_ms(self, count: int) -> None:
        """Let time pass."""
        self.now_ms += count
        self.settle()

    def start(self, operation: str, **params: Any) -> list[Reply]:
        """Enter an operation; the list holds its reply once there is one."""
        replies: list[Reply] = []
        self.dispatch.enter("redrive", operation, params, CALLER, replies.append)
        self.settle()
        return replies

    def call(self, operation: str, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        (reply,) = self.start(operation, **params)
        if reply.error is not None:
            raise reply.error
        return reply.result

    def texts(self, **params: Any) -> list[str]:
        """Return the texts that ReadLogs gives."""
        logs = self.call("ReadLogs", **{"FunctionName": "orders", **params})["Logs"]
        return [log["Text"] for log in logs]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh service."""
    made = Rig(tmp_path)
    yield made
    made.room.book.close()
    made.store.close()


# --- logs -----------------------------------------------------------------------------------------


def test_a_reader_sees_all_that_was_written(rig: Rig) -> None:
    """ReadLogs gives a function's text in order, what is not yet in the file included."""
    for number in range(5):
        rig.room.append(Piece(text=f"{number}\n"))
        rig.room.append(Piece(function_name="other"))
        rig.room.append(Piece(region="eu-west-1"))
    assert rig.texts() == ["0\n", "1\n", "2\n", "3\n", "4\n"]
    assert rig.texts(Limit=2) == ["3\n", "4\n"]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders:$LATEST"
    assert len(rig.texts(FunctionName=arn)) == 5


def test_a_cursor_continues(rig: Rig) -> None:
    """Each answer's cursor leads to what came after it, nothing twice, nothing left out."""
    for number in range(7):
        rig.room.append(Piece(text=f"{number}\n"))
    cursor, seen = "0", []
    while True:
        answer = rig.call("ReadLogs", FunctionName="orders", Cursor=cursor, Limit=3)
        if not answer["Logs"]:
            break
        seen += [log["Text"] for log in answer["Logs"]]
        cursor = answer["Cursor"]
    assert seen == [f"{number}\n" for number in range(7)]


def test_one_invocation(rig: Rig) -> None:
    """RequestId narrows the log to one invocation."""
    rig.room.append(Piece(request_id="a", text="1\n"))
    rig.room.append(Piece(request_id="b", text="2\n"))
    assert rig.texts(RequestId="b") == ["2\n"]
    assert rig.texts(RequestId="b", Cursor="0") == ["2\n"]


def test_following_waits(rig: Rig) -> None:
    """A reader with nothing to read waits, is answered when something comes, or in the end."""
    cursor = rig.call("ReadLogs", FunctionName="orders")["Cursor"]
    replies = rig.start("ReadLogs", FunctionName="orders", Cursor=cursor, WaitSeconds=5.0)
    assert replies == []
    rig.room.append(Piece(text="news\n"))
    rig.pass_ms(FLUSH_MS)
    assert [log["Text"] for log in replies[0].result["Logs"]] == ["news\n"]
    cursor = replies[0].result["Cursor"]
    replies = rig.start("ReadLogs", FunctionName="orders", Cursor=cursor, WaitSeconds=5.0)
    rig.pass_ms(4_999)
    assert replies == []
    rig.pass_ms(1)
    assert replies[0].result == {"Logs": [], "Cursor": cursor}


def test_writing_is_gathered(rig: Rig) -> None:
    """However many pieces come, the file is written once for each FLUSH_MS."""
    writes: list[int] = []
    write = rig.room.book.write
    rig.room.book.write = lambda rows: writes.append(len(rows)) or write(rows)  # type: ignore[method-assign]
    for _ in range(300):
        rig.room.append(Piece())
    rig.settle()
    assert writes == []
    rig.pass_ms(FLUSH_MS)
    assert writes == [300]
    assert rig.room.book.lost_bytes == 0


def test_a_flood_is_bounded_and_told(rig: Rig) -> None:
    """More than may wait in memory is dropped, and the function's log says so."""
    large = "x" * 60_000 + "\n"
    for _ in range(2 * rules.PENDING_BYTES_MAX // len(large)):
        rig.room.append(Piece(text=large))
    pieces = rig.texts(Limit=1_000)
    kept = sum(len(piece) for piece in pieces if piece == large)
    assert kept <= rules.PENDING_BYTES_MAX
    assert "characters were not kept" in pieces[-1]


def test_one_write_is_bounded(rig: Rig) -> None:
    """A step of the scribe writes no more than its share; the rest follows in further steps."""
    sizes: list[int] = []
    write = rig.room.book.write
    rig.room.book.write = lambda rows: sizes.append(sum(len(r[-1]) for r in rows)) or write(rows)  # type: ignore[method-assign]
    large = "x" * 60_000 + "\n"
    for _ in range(60):
        rig.room.append(Piece(text=large))
    rig.pass_ms(FLUSH_MS)
    assert len(sizes) == 1
    while rig.room.has_pending:
        rig.pass_ms(rules.FLUSH_AGAIN_MS)
    assert sum(sizes) == 60 * len(large)
    assert max(sizes) <= rules.FLUSH_BYTES_MAX + len(large)


def test_an_answer_is_bounded(rig: Rig) -> None:
    """An answer holds about a mebibyte of text; its cursor leads to the rest."""
    large = "x" * 60_000 + "\n"
    for _ in range(40):
        rig.room.append(Piece(text=large))
    first = rig.call("ReadLogs", FunctionName="orders", Cursor="0", Limit=1_000)
    assert sum(len(log["Text"]) for log in first["Logs"]) <= rules.ANSWER_BYTES_MAX
    second = rig.call("ReadLogs", FunctionName="orders", Cursor=first["Cursor"], Limit=1_000)
    third = rig.call("ReadLogs", FunctionName="orders", Cursor=second["Cursor"], Limit=1_000)
    assert sum(len(answer["Logs"]) for answer in (first, second, third)) == 40


def test_logs_outlive_a_restart(tmp_path: Path) -> None:
    """What was written is there at the next start, and cursors go on."""
    first = Rig(tmp_path)
    first.room.append(Piece(text="before\n"))
    cursor = first.call("ReadLogs", FunctionName="orders")["Cursor"]
    first.room.book.close()
    first.store.close()
    second = Rig(tmp_path)
    assert second.texts() == ["before\n"]
    second.room.append(Piece(text="after\n"))
    assert second.texts(Cursor=cursor) == ["after\n"]


def test_an_unreadable_file_is_put_aside(tmp_path: Path) -> None:
    """Logs that cannot be read do not keep the server from starting."""
    (tmp_path / "telemetry.db").write_bytes(b"not a database" * 1_000)
    rig = Rig(tmp_path)
    rig.room.append(Piece())
    assert rig.texts() == ["hello\n"]
    assert (tmp_path / "telemetry.db.unreadable").exists()


def test_a_write_that_fails_is_counted(rig: Rig) -> None:
    """A disk that takes no more costs the batch and nothing else."""
    rig.room.book._file._connection.execute("PRAGMA query_only = ON")
    rig.room.append(Piece())
    rig.pass_ms(FLUSH_MS)
    assert rig.room.book.lost_bytes > 0
    rig.room.book._file._connection.execute("PRAGMA query_only = OFF")
    rig.room.append(Piece(text="later\n"))
    assert rig.texts() == ["later\n"]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30])
def test_a_bad_cursor_is_refused(rig: Rig, cursor: str) -> None:
    """A cursor that is none is the caller's mistake."""
    with pytest.raises(ServiceError, match="is not a cursor"):
        rig.call("ReadLogs", FunctionName="orders", Cursor=cursor)


OLD = T0 - rules.LOG_AGE_MS_MAX
CAP = rules.LOG_BYTES_MAX


@pytest.mark.parametrize(
    ("sizes", "total", "count", "freed"),
    [
        ([], 0, 0, 0),
        ([10], 10, 0, 0),
        ([10, 10], CAP, 0, 0),
        ([10, 10, 10], CAP + 15, 2, 20),
        ([1] * (rules.REAP_ROWS_MAX + 1), 2 * CAP, rules.REAP_ROWS_MAX, rules.REAP_ROWS_MAX),
    ],
)
def test_what_is_too_much(sizes: list[int], total: int, count: int, freed: int) -> None:
    """The oldest go while all together is too large, a bounded number at a time."""
    rows = [Aged(number, 1, T0, size) for number, size in enumerate(sizes)]
    assert plan_squeeze(rows, total) == (count, freed)


@pytest.mark.parametrize(
    ("ages", "count"),
    [
        ([], 0),
        ([T0], 0),
        ([OLD, T0], 1),
        ([OLD - 1, OLD, T0], 2),
        ([OLD, T0, OLD], 1),
        ([OLD] * (rules.REAP_ROWS_MAX + 1), rules.REAP_ROWS_MAX),
    ],
)
def test_what_is_too_old(ages: list[int], count: int) -> None:
    """What lies at or before an instant goes, a bounded number at a time."""
    rows = [Aged(number, 1, at_ms, 10) for number, at_ms in enumerate(ages)]
    assert plan_expiry(rows, OLD) == (count, 10 * count)


def test_the_reaper_frees(rig: Rig) -> None:
    """Old logs are gone after a turn of the reaper, and the size counts what is left."""
    rig.room.append(Piece(at_ms=OLD, text="old\n"))
    rig.room.append(Piece(text="new\n"))
    rig.pass_ms(FLUSH_MS)
    rig.pass_ms(rules.REAP_INTERVAL_MS)
    assert rig.texts() == ["new\n"]
    assert rig.room.book.size_bytes == len("new\n") + rules.ROW_BYTES


# --- events ---------------------------------------------------------------------------------------


def note(rig: Rig, number: int, account: str = ACCOUNT) -> None:
    """Note an event."""
    rig.room.note(account, REGION, T0, "invocation", {"Number": number, "Nothing": None})


def test_events_from_a_cursor(rig: Rig) -> None:
    """A reader begins with what comes after its first call, and sees its own account only."""
    note(rig, 0)
    first = rig.call("ReadEvents")
    assert first["Events"] == []
    note(rig, 1)
    note(rig, 2, account="111122223333")
    note(rig, 3)
    answer = rig.call("ReadEvents", Cursor=first["Cursor"])
    assert [event["Detail"] for event in answer["Events"]] == [{"Number": 1}, {"Number": 3}]
    assert rig.call("ReadEvents", Cursor=answer["Cursor"])["Events"] == []


def test_events_wake_readers(rig: Rig) -> None:
    """A reader that waits hears of news, whether an event or a log came."""
    first = rig.call("ReadEvents")
    cursors = {name: first[name] for name in ("Cursor", "LogCursor")}
    replies = rig.start("ReadEvents", **cursors, WaitSeconds=20.0)
    note(rig, 1)
    rig.pass_ms(FLUSH_MS)
    assert len(replies[0].result["Events"]) == 1
    cursors = {name: replies[0].result[name] for name in ("Cursor", "LogCursor")}
    replies = rig.start("ReadEvents", **cursors, WaitSeconds=20.0)
    rig.room.append(Piece(text="news\n"))
    rig.pass_ms(FLUSH_MS)
    assert [log["Text"] for log in replies[0].result["Logs"]] == ["news\n"]


def test_events_of_a_transaction_wake_after_it(rig: Rig) -> None:
    """An event that is noted within a transaction wakes readers after the commit."""
    first = rig.call("ReadEvents")
    replies = rig.start("ReadEvents", Cursor=first["Cursor"], WaitSeconds=20.0)
    rig.store.transact(
        lambda tx: rig.room.note(ACCOUNT, REGION, T0, "buried", {"MessageId": "m"}, tx)
    )
    rig.dispatch.settle()
    rig.pass_ms(FLUSH_MS)
    assert [event["Kind"] for event in replies[0].result["Events"]] == ["buried"]


def test_the_ring_is_bounded_and_says_what_was_missed(rig: Rig) -> None:
    """Only the latest events are remembered; a slow reader hears how many it missed."""
    cursor = rig.call("ReadEvents")["Cursor"]
    for number in range(rules.EVENTS_MAX + 7):
        note(rig, number)
    seen, missed = [], 0
    while True:
        answer = rig.call("ReadEvents", Cursor=cursor)
        if not answer["Events"]:
            break
        missed += answer["Missed"]
        seen += [event["Detail"]["Number"] for event in answer["Events"]]
        cursor = answer["Cursor"]
    assert missed == 7
    assert seen == list(range(7, rules.EVENTS_MAX + 7))


def test_a_cursor_of_another_run(rig: Rig) -> None:
    """A reader that comes with a cursor from before a restart sees all that is remembered."""
    note(rig, 1)
    assert len(rig.call("ReadEvents", Cursor="123-99")["Events"]) == 1


# --- what becomes an event ------------------------------------------------------------------------

QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
ENVIRONMENT = Environment(
    f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders",
    "orders",
    "$LATEST",
    "1",
    "python3.12",
    "app.handler",
    "/code",
    Millis(3_000),
    128,
    ACCOUNT,
    REGION,
)


@pytest.mark.parametrize(
    ("ran", "told"),
    [
        (
            Ran(b"{}", duration_ms=1.234, memory_mb=30),
            {"Status": "ok", "DurationMs": 1.23, "MemoryMb": 30},
        ),
        (
            Ran(
                b'{"errorType":"KeyError","errorMessage":"x"}', "Unhandled", "error", b"", 2.0, 9.0
            ),
            {
                "Status": "error",
                "DurationMs": 2.0,
                "InitMs": 9.0,
                "ErrorType": "KeyError",
                "ErrorMessage": "x",
            },
        ),
        (Ran(b"nonsense", "Unhandled", "exit"), {"Status": "exit", "DurationMs": 0.0}),
        (Ran(b"[1]", "Unhandled", "error"), {"Status": "error", "DurationMs": 0.0}),
    ],
)
def test_invocations_are_noted(rig: Rig, ran: Ran, told: dict[str, Any]) -> None:
    """How an invocation ended is an event, and whoever waits for it still hears."""
    cursor = rig.call("ReadEvents")["Cursor"]
    ended: list[Ran] = []
    run = watched_runs(lambda _run, done: done(ran), rig.room, lambda: Millis(T0))
    run(Run(ENVIRONMENT, "r1", b"{}", Millis(T0 + 3_000)), ended.append)
    assert ended == [ran]
    (event,) = rig.call("ReadEvents", Cursor=cursor)["Events"]
    assert event["Kind"] == "invocation"
    assert event["Detail"] == {"FunctionName": "orders", "RequestId": "r1", **told}


def test_batches_are_noted(rig: Rig) -> None:
    """What became of a mapping's batch is an event, by the queue's and the function's names."""
    cursor = rig.call("ReadEvents")["Cursor"]
    settle = watched_settling(lambda _tx, _params, _context: {"Deleted": 8, "Kept": 2}, rig.room)
    params = {
        "QueueArn": QUEUES + "main",
        "FunctionArn": ENVIRONMENT.function_arn,
        "RequestId": "r1",
        "Outcome": "failed",
    }
    context = Context(CALLER, Millis(T0), Millis(T0), "x", "http://127.0.0.1:4566")
    rig.store.transact(lambda tx: settle(tx, params, context))
    rig.settle()
    (batch,) = rig.call("ReadEvents", Cursor=cursor)["Events"]
    assert batch["Detail"] == {
        "QueueName": "main",
        "FunctionName": "orders",
        "RequestId": "r1",
        "Outcome": "failed",
        "Deleted": 8,
        "Kept": 2,
    }


def test_burials_are_noted(rig: Rig) -> None:
    """A message that is buried is an event, by the names of its queues."""
    cursor = rig.call("ReadEvents")["Cursor"]
    told = {
        "AtMs": T0,
        "MessageId": "m",
        "ReceiveCount": 3,
        "Source": QUEUES + "main",
        "DeadLetterQueue": QUEUES + "dead",
    }
    rig.store.transact(lambda tx: note_buried(rig.room, tx, told))
    rig.settle()
    (buried,) = rig.call("ReadEvents", Cursor=cursor)["Events"]
    assert (buried["Kind"], buried["AtMs"]) == ("buried", T0)
    assert buried["Detail"] == {
        "MessageId": "m",
        "ReceiveCount": 3,
        "QueueName": "main",
        "DeadLetterQueueName": "dead",
    }
