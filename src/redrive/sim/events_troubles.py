"""Targets that fail by a script: what services ask of them is refused, or hangs.

And the servers of other people, which answer by chance and at their own time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from redrive.core.effects import Ask, Context, Fetch, Fetched, Params, Reply, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.registry import Registry
from redrive.sim.chance import Dice
from redrive.sim.evidence import ACCOUNT, CALLER, REGION, WatchedRegistry
from redrive.store.store import Store

KINDS = ("throttle", "fault", "hang")
HANG_MS = 30 * SECOND_MS
_TARGETS: Mapping[tuple[str, str], str] = {
    ("sqs", "SendMessage"): "QueueUrl",
    ("lambda", "Invoke"): "FunctionName",
    ("sns", "Publish"): "TopicArn",
    ("events", "ForwardEvents"): "EventBusName",
    ("sns", "PostNotification"): "Url",
    ("events", "InvokeApiDestination"): "ApiDestinationArn",
}
"""What is asked on behalf of rules, topics and schedules, and which member names the target."""


def queue_arn_of(text: str) -> str:
    """Return a queue's ARN, whether it is named by that or by its URL."""
    if not text.startswith("http"):
        return text
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{text.rsplit('/', 1)[-1]}"


def target_of(service: str, operation: str, params: Params) -> str | None:
    """Return the ARN or the URL of what is called; None for what is no delivery."""
    member = _TARGETS.get((service, operation))
    if member is None:
        return None
    text = str(params[member])
    return queue_arn_of(text) if member == "QueueUrl" else text


class Trouble(NamedTuple):
    """How a target fails, and until when."""

    kind: str  # one of KINDS
    until_ms: int


class TroubledRegistry(Registry):
    """A registry in which targets of deliveries fail."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.troubles: dict[str, Trouble] = {}

    def operate(
        self, service: str, operation: str, params: Params, context: Context
    ) -> Result | Wait | Ask:
        """Run an operation, unless it is for a target that fails."""
        target = target_of(service, operation, params)
        if target is None or context.caller.principal == CALLER.principal:
            return super().operate(service, operation, params, context)
        trouble = self.troubles.get(target)
        has_waited = context.now_ms >= context.arrived_ms + HANG_MS
        if trouble is None or (trouble.until_ms <= context.now_ms and not has_waited):
            return super().operate(service, operation, params, context)
        if trouble.kind == "throttle":
            raise ServiceError("ThrottlingException", "Rate exceeded", status=400)
        if trouble.kind == "hang" and not has_waited:
            return Wait(Millis(context.arrived_ms + HANG_MS), ())
        raise ServiceError("InternalFailure", "The simulated service has failed.", status=500)


class EventsRegistry(WatchedRegistry, TroubledRegistry):
    """What is asked is written down, failures by script included."""


class _Asked(NamedTuple):
    at_ms: Millis
    fetch: Fetch
    reply: Reply
    outcome: str
    done: Callable[[Reply], None]


_ANSWERS: dict[str, float] = {"200": 12, "500": 2, "503": 1, "429": 1, "404": 0.5, "slow": 1}


class Servers:
    """All servers of other people. `answered` hears each answer before the asker does."""

    def __init__(
        self,
        dice: Dice,
        now_ms: Callable[[], Millis],
        answered: Callable[[Fetch, str], None],
        dead: Mapping[str, Any],
    ) -> None:
        self._dice = dice
        self._now_ms = now_ms
        self._answered = answered
        self._dead = dead  # URL -> anything: these never answer in time
        self._asked: list[_Asked] = []

    def fetch(self, fetch: Fetch, done: Callable[[Reply], None]) -> None:
        """Take a request."""
        now_ms = self._now_ms()
        way = "slow" if fetch.url in self._dead else self._dice.weighted(_ANSWERS)
        if b'"SubscriptionConfirmation"' in fetch.body:
            way = "200"
        if way == "slow":
            error = ServiceError("FetchTimeout", f"{fetch.url} did not answer in time.")
            asked = _Asked(
                Millis(now_ms + fetch.timeout_ms), fetch, Reply(error=error), "FetchTimeout", done
            )
        else:
            takes_ms = self._dice.pick((0, 0, 1, 100, 2_000))
            reply = Reply(fetched=Fetched(int(way), (), b""))
            outcome = "" if way == "200" else way
            asked = _Asked(Millis(now_ms + takes_ms), fetch, reply, outcome, done)
        self._asked.append(asked)

    @property
    def next_ms(self) -> Millis:
        """Return when the next answer comes."""
        return min((asked.at_ms for asked in self._asked), default=NEVER)

    def end_due(self) -> bool:
        """Give the first answer whose time has come; return whether there was one."""
        now_ms = self._now_ms()
        for asked in self._asked:
            if asked.at_ms <= now_ms:
                self._asked.remove(asked)
                self._answered(asked.fetch, asked.outcome)
                asked.done(asked.reply)
                return True
        return False
