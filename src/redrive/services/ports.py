"""What a room is handed by the composition root instead of a sibling: shapes and protocols only.

tx ──Outbox.put──> a row ──courier──> Call ──┬─ taken ──> forgotten
                    ^                        ├─ again ──> due later, by its ladder
                    └────────────────────────┘  buried ─> owed to its dead-letter queue instead
                                                dropped > forgotten, counted and logged

What an owner does: it makes a Call (services/targets.py: `target_call` for a target's ARN,
`service_caller` for who asks), puts it, and may `listen` to what becomes of those of a purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from redrive.core.effects import Call
from redrive.core.time import DAY_MS, HOUR_MS, SECOND_MS, Millis
from redrive.store.store import Tx

Ladder = Literal["lambda", "events", "topics"]
"""How attempts follow each other; delivery/rules has the delays.

lambda: 1 s, doubled up to 5 minutes. events: 1 s, doubled up to 8 minutes, each up to a fifth
longer or shorter by chance. topics: the phases of Steps.
"""

BACKOFFS = ("linear", "arithmetic", "geometric", "exponential")


class Steps(NamedTuple):
    """The phases of a ladder "topics", in their order: at once, at min_ms, growing, at max_ms.

    retries counts them all; what the other three leave of it grows from min_ms to max_ms.
    AWS: SNS Developer Guide, "Amazon SNS message delivery retries", "Creating an HTTP/S delivery
    policy": minDelayTarget, maxDelayTarget, numRetries, numNoDelayRetries, numMinDelayRetries,
    numMaxDelayRetries, backoffFunction.
    """

    min_ms: int
    max_ms: int
    retries: int
    no_delay: int = 0
    min_delay: int = 0
    max_delay: int = 0
    backoff: str = "linear"  # one of BACKOFFS


def steps_of(policy: Mapping[str, Any]) -> Steps:
    """Return the phases that a healthyRetryPolicy of SNS describes; it was judged when it was set.

    What it leaves out is as in AWS's default policy: three retries, 20 seconds apart.
    """
    return Steps(
        int(policy.get("minDelayTarget", 20) * SECOND_MS),
        int(policy.get("maxDelayTarget", 20) * SECOND_MS),
        int(policy.get("numRetries", 3)),
        int(policy.get("numNoDelayRetries", 0)),
        int(policy.get("numMinDelayRetries", 0)),
        int(policy.get("numMaxDelayRetries", 0)),
        str(policy.get("backoffFunction", "linear")),
    )


class Retry(NamedTuple):
    """How often and how long a call is tried.

    attempts_max: attempts after the first one, None for as many as fit into the time. age_ms_max:
    no attempt begins later than so long after the call was owed, or after its due_ms; None: no
    limit but the attempts'. steps: those of "topics". mark: a text in the call's parameters that
    is replaced by the number of the attempt, from 1.
    """

    ladder: Ladder = "lambda"
    attempts_max: int | None = None
    age_ms_max: int | None = 6 * HOUR_MS
    """As long as Lambda keeps an asynchronous event; AWS says no number for what follows it."""
    steps: Steps | None = None
    mark: str = ""


LAMBDA_RETRY = Retry()
EVENTS_RETRY = Retry("events", 185, DAY_MS)
"""AWS: EventBridge User Guide, "Retry policies and dead-letter queues"; Scheduler has the same."""
SERVER_STEPS = Steps(1 * SECOND_MS, 20 * SECOND_MS, 100_015, 3, 2, 100_000, "exponential")
"""Over 23 days. AWS: SNS Developer Guide, "Amazon SNS message delivery retries", AWS managed
endpoints: 3 at once, 2 at 1 s, 10 from 1 s to 20 s, 100,000 at 20 s.
"""
TOPICS_RETRY = Retry("topics", None, None, SERVER_STEPS)
"""For what SNS delivers to queues and functions."""
HTTP_TOPICS_RETRY = Retry("topics", None, None, steps_of({}))
"""For what SNS delivers over HTTP without a delivery policy."""


class DeadLetter(NamedTuple):
    """Where a call goes that was given up.

    queue: ARN. message: parameters of SendMessage but for the queue's URL: MessageBody,
    MessageAttributes, for a FIFO queue MessageGroupId and MessageDeduplicationId. What tells of the
    failure is added to its MessageAttributes, as `style` says: ERROR_CODE, ERROR_MESSAGE,
    EXHAUSTED_RETRY_CONDITION and RETRY_ATTEMPTS ("events", to which the owner gives RULE_ARN and
    TARGET_ARN, or EXECUTION_ID); RequestID, ErrorCode and ErrorMessage ("topics").
    """

    queue: str
    message: Mapping[str, Any]
    style: Literal["events", "topics"] = "events"


class Settlement(NamedTuple):
    """What has become of one attempt, told in the transaction that writes it down.

    taken, again, buried (it is owed to its dead-letter queue from now on), dropped (given up, and
    there is no such queue); after `buried`, buried-taken or buried-dropped: the queue took it or
    did not. attempts: how many have been made, this one included. code: as ERROR_CODE has it, empty
    for what was taken; reason: for people.
    """

    outcome: Literal["taken", "again", "buried", "dropped", "buried-taken", "buried-dropped"]
    purpose: str
    source: str
    target: str
    attempts: int
    code: str = ""
    reason: str = ""
    queue: str = ""  # ARN of the dead-letter queue that it is owed to, or was


Heard = Callable[[Tx, Settlement, Millis], None]


class Outbox(Protocol):
    """Where calls that are owed are left within a transaction; each is made at least once."""

    def offers(self, service: str, operation: str) -> bool:
        """Tell whether this server has an operation to deliver to."""
        ...

    def listen(self, purpose: str, heard: Heard) -> None:
        """Have every settlement of a purpose told; a purpose has one listener, set at the start."""
        ...

    def put(
        self,
        tx: Tx,
        call: Call,
        now_ms: Millis,
        *,
        target: str,
        purpose: str,
        source: str,
        retry: Retry = LAMBDA_RETRY,
        dead_letter: DeadLetter | None = None,
        lane: str | None = None,
        due_ms: int | None = None,
    ) -> None:
        """Owe a call from the commit of this transaction on.

        The call's parameters are what JSON can say, and bytes of UTF-8 text at the top. Its caller
        is made by services/targets.service_caller where AWS's service itself asks (rules, topics,
        schedules): that is whom the target's policy judges. target is the ARN of what is called, or
        the URL: those of one target wait for each other only, 50 at a time. source is the ARN on
        whose behalf, purpose the owner's own word: both come back when it is settled. Calls of one
        lane (a FIFO message group) are made one after another, in the order in which they were put,
        each when the one before is taken or given up; a lane's name is the owner's and begins with
        an ARN of its own. due_ms: the first attempt, when it is not to be made at once.
        """
        ...


class Count(Protocol):
    """Counts for CloudWatch; what is counted is written once a minute.

    place: account and region. dimensions: (name, value) in order of name.
    """

    def __call__(
        self,
        place: tuple[str, str],
        namespace: str,
        name: str,
        dimensions: Mapping[str, str] | tuple[tuple[str, str], ...],
        value: float,
        at_ms: int,
        unit: str = "Count",
        samples: float = 1,
    ) -> None:
        """Add a sample, or several alike."""
        ...


def uncounted(*counted: Any, **named: Any) -> None:
    """Count nothing."""
    del counted, named
