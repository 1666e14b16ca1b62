"""The worker that delivers asynchronous events: it goes its rounds (core/rounds.py) between the
operations DueAsyncEvents and DeliverAsyncEvent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds
from redrive.services.functions.operations.invocation import ASYNC_TOPIC

FUNCTION_RUNS_MAX = 50
"""Events of one function under way at a time. AWS has no such number; one machine needs one."""

CALLER = Caller("000000000000", "us-east-1", "lambda.amazonaws.com", "lambda")
"""The service itself. Its internal operations serve all accounts."""


class Dropped(NamedTuple):
    """An event that was given up, told to whoever keeps the log."""

    function_arn: str
    request_id: str
    reason: str


class Courier(Rounds):
    """Delivers asynchronous events; `note` hears of each one that is given up."""

    def __init__(self, note: Callable[[Dropped], None]) -> None:
        def settled(told: Result) -> None:
            if told["Settled"] == "dropped":
                note(Dropped(told["FunctionArn"], told["RequestId"], told["Reason"]))

        super().__init__(
            "lambda:courier",
            CALLER,
            service="lambda",
            look="DueAsyncEvents",
            attempt="DeliverAsyncEvent",
            topic=ASYNC_TOPIC,
            runs_max=FUNCTION_RUNS_MAX,
            settled=settled,
        )
