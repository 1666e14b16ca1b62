"""A life-line as a person reads it."""

from __future__ import annotations

import json
from typing import Any, cast

from redrive.cli.causes import add_causes
from redrive.cli.client import Client
from redrive.cli.explain import SAME, life_line

T0 = 1_800_000_000_000
QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:consumer"


def failure(at_ms: int, count: int, trace: str, request: str) -> dict[str, Any]:
    """A receive that failed."""
    error = {
        "errorType": "KeyError",
        "errorMessage": "'id'",
        "requestId": request,
        "stackTrace": [trace],
    }
    detail = {"count": count, "function": FUNCTION, "request": request, "error": error}
    return {"AtMs": at_ms, "Kind": "failed", "Detail": detail}


def text_of(told: dict[str, Any]) -> list[str]:
    """Return the lines without their styles."""
    return [
        "".join(part if isinstance(part, str) else part[0] for part in line).rstrip()
        for line in life_line(told)
    ]


def test_repeated_errors_are_abbreviated() -> None:
    """The first and the last traceback are shown, the same one between them is only named."""
    events = [{"AtMs": T0, "Kind": "sent", "MessageId": "m1"}]
    events += [failure(T0 + n * 30_000, n, '  File "app.py", line 1\n', f"r{n}") for n in (1, 2, 3)]
    lines = text_of({"Events": events})
    assert sum("Traceback (most recent call last):" in line for line in lines) == 2
    assert sum(line.strip() == SAME for line in lines) == 1
    assert lines[-1].strip() == "KeyError: '" + "id'"
    assert "Traceback" in lines[-3]


def test_different_errors_are_all_shown() -> None:
    """An error that is not the same as an earlier one is told in full."""
    events = [failure(T0 + n, n, f'  File "app.py", line {n}\n', "r") for n in (1, 2, 3)]
    lines = text_of({"Events": events})
    assert [line.strip() for line in lines if "app.py" in line] == [
        f'File "app.py", line {n}' for n in (1, 2, 3)
    ]


def test_every_kind_has_its_words() -> None:
    """Each event tells when, how long after the sending, what, and why."""
    dead = QUEUE + "-dead"
    events = [
        {"AtMs": T0, "Kind": "sent", "MessageId": "m1"},
        {"AtMs": T0 + 5, "Kind": "received", "Detail": {"count": 1, "queue": QUEUE}},
        {
            "AtMs": T0 + 9,
            "Kind": "throttled",
            "Detail": {
                "count": 1,
                "function": FUNCTION,
                "request": "r1",
                "error": {"errorType": "TooManyRequestsException", "errorMessage": "Rate"},
            },
        },
        {"AtMs": T0 + 30_000, "Kind": "returned", "Detail": {"count": 1}},
        {
            "AtMs": T0 + 90_000,
            "Kind": "buried",
            "Detail": {"count": 3, "receives_max": 3, "source": QUEUE, "dlq": dead},
        },
        {
            "AtMs": T0 + 3_600_000,
            "Kind": "redriven",
            "Detail": {"old": "m1", "new": "m2", "source": dead, "destination": QUEUE},
        },
        {"AtMs": T0 + 3_600_001, "Kind": "failed", "Detail": {"count": 2}},
        {
            "AtMs": T0 + 90_000_000,
            "Kind": "deleted",
            "Detail": {"count": 1, "queue": QUEUE, "request": "r2"},
        },
        {"AtMs": T0 + 90_000_000, "Kind": "expired", "Detail": {"queue": QUEUE}},
    ]
    lines = text_of({"Events": events})[2:]
    assert lines == [
        "2027-01-15T08:00:00.000Z               sent      as m1",
        "2027-01-15T08:00:00.005Z      +5.0 ms  received  for the 1st time from orders",
        "2027-01-15T08:00:00.009Z      +9.0 ms  throttled TooManyRequestsException: Rate"
        " (consumer, request r1)",
        "2027-01-15T08:00:30.000Z      +30.0 s  returned  visible again: the 1st receive's"
        " visibility timeout ended",
        "2027-01-15T08:01:30.000Z  +1 min 30 s  buried    in orders-dead: 3 receives of orders,"
        " maxReceiveCount is 3",
        "2027-01-15T09:00:00.000Z   +1 h 0 min  redriven  to orders as m2",
        "2027-01-15T09:00:00.001Z   +1 h 0 min  failed    named in batchItemFailures",
        "2027-01-16T09:00:00.000Z     +1 d 1 h  deleted   from orders (request r2)",
        "2027-01-16T09:00:00.000Z     +1 d 1 h  expired   in orders: its retention period ended",
    ]


def test_where_the_message_is() -> None:
    """The first line says where the message is now, or that it is in no queue any more."""
    message = {"State": "in flight", "ReceiveCount": 2}
    told = {"Events": [], "Message": message, "Queue": QUEUE}
    assert text_of(told)[0] == "in orders, in flight, received 2 times"
    assert text_of({"Events": []})[0] == "no longer in any queue"


class Logs:
    """Stands for a server that has the log of one invocation."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Answer ReadLogs."""
        assert (service, operation) == ("redrive", "ReadLogs")
        self.asked.append(params)
        return {"Logs": [{"Text": self.text}]}


def test_partial_failure_is_explained_by_the_log() -> None:
    """A failure told by an id alone shows what the function logged of that message."""
    logged = {"message_id": "m1", "exception": 'Traceback\n  File "/x/code/' + "a" * 64 + '/p.py"'}
    text = '{"message_id":"m2","exception":"not ours"}\n' + json.dumps(logged) + "\n"
    detail = {"count": 1, "function": FUNCTION, "request": "r1"}
    told = {
        "Events": [
            {"AtMs": T0, "Kind": "sent", "MessageId": "m1"},
            {"AtMs": T0 + 1, "Kind": "failed", "Detail": detail},
        ]
    }
    logs = Logs(text)
    add_causes(cast(Client, logs), told)
    assert logs.asked == [{"FunctionName": "consumer", "RequestId": "r1"}]
    assert [line.strip() for line in text_of(told)[-2:]] == ["Traceback", 'File "p.py"']
    assert "named in batchItemFailures" in text_of(told)[-3]
