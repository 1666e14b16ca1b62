"""docs/compat/events.md: what is said of buses, schedules, topics and pipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.docs.tables import bullets, split, table

from redrive.services.buses.labels import LABELS as BUS_LABELS
from redrive.services.buses.operations.unoffered import UNOFFERED as BUS_UNOFFERED
from redrive.services.custom_buses.labels import LABELS as CUSTOM_BUS_LABELS
from redrive.services.custom_buses.labels import OPEN as CUSTOM_BUS_OPEN
from redrive.services.pipes.settings import LABELS as PIPE_LABELS
from redrive.services.registry import Registry
from redrive.services.schedules.labels import LABELS as SCHEDULE_LABELS
from redrive.services.topics.labels import LABELS as TOPIC_LABELS
from redrive.services.topics.labels import UNOFFERED as TOPIC_UNOFFERED
from redrive.wire.endpoint import Endpoint

SERVICES = ("events", "eventbridgev2", "scheduler", "sns", "pipes")

_BUSES = (
    "A forwarded event is not sent on from the second bus to a third.",
    "What a template makes of an event and is no JSON is not delivered: it goes to the target's"
    " dead-letter queue with ERROR_CODE INVALID_JSON. AWS's code is not known.",
    "An InputPath that finds nothing delivers null.",
    "Retries back off from one second to eight minutes, with a fifth of chance; AWS says"
    " exponential and jitter, and no figures.",
    "Which error has which ERROR_CODE is AWS's list from its pages; the rest is SDK_CLIENT_ERROR.",
    "A rule for a FIFO queue delivers in order; AWS promises none.",
    "API destinations: one request an event; 2xx is taken, 401, 407, 409, 429 and 5xx are tried"
    " again, other statuses are final.",
    "HTTP targets in private networks, and http without TLS, need the setting http_private.",
    "A target that is an API of API Gateway is refused: this server has none yet.",
)
_SCHEDULES = (
    "A schedule that fell due while the server was down fires once at its start, then goes on.",
    "Steps of cron follow Quartz's bounds; `/5` without a beginning is refused.",
    "The dead-letter message of a schedule has SCHEDULE_ARN, TARGET_ARN, SCHEDULED_TIME,"
    " EXECUTION_ID and what went wrong.",
)
_PIPES = (
    "A queue is the source, a Lambda function the enrichment; other kinds are refused.",
    "API destinations get one event a request, whatever the size of the batch.",
    "Events for a bus without Source and DetailType are named Pipe and Event from aws:sqs.",
)


def _section(
    title: str,
    service: str,
    parts: tuple[Registry, Endpoint],
    labels: Iterable[tuple[str, str, str]],
    unoffered: Mapping[str, str],
    open_questions: Iterable[str],
) -> str:
    served, missing = split(service, *parts)
    assert not missing, f"{service} does not know of {missing}"
    served = [name for name in served if name not in unoffered]
    refused = ""
    if unoffered:
        refused = "### Operations that are refused\n\n" + table(
            ("operation", "why"), sorted(unoffered.items())
        )
        refused += "\n"
    questions = bullets(open_questions)
    told = f"### Where no source says what AWS does\n\n{questions}\n" if questions else ""
    return (
        f"## {title}\n\nServed: {', '.join(served)}.\n\n{refused}"
        "### Members that are not acted on\n\n"
        + table(("member", "treatment", "what happens"), labels)
        + f"\n{told}"
    )


def events_page(registry: Registry, endpoint: Endpoint) -> str:
    """Return the page."""
    parts = (registry, endpoint)
    return (
        "# Events, schedules, topics, pipes\n\n"
        "Every operation of these models is served, or refused in its model's words.\n\n"
        + _section("EventBridge", "events", parts, BUS_LABELS, BUS_UNOFFERED, _BUSES)
        + _section(
            "EventBridge custom event buses",
            "eventbridgev2",
            parts,
            CUSTOM_BUS_LABELS,
            {},
            (f"{question}: {answer}" for question, answer in CUSTOM_BUS_OPEN),
        )
        + _section("EventBridge Scheduler", "scheduler", parts, SCHEDULE_LABELS, {}, _SCHEDULES)
        + _section("SNS", "sns", parts, TOPIC_LABELS, TOPIC_UNOFFERED, ())
        + _section("EventBridge Pipes", "pipes", parts, PIPE_LABELS, {}, _PIPES)
    ).rstrip("\n") + "\n"
