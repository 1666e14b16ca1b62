"""Write docs/compat from the registry, the models and the tables of what is only kept.

`python -m tests.docs.compat` writes; tests/docs/test_compat.py compares.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.alarms_page import alarms_page
from tests.docs.cloudwatch_page import cloudwatch_page
from tests.docs.events_page import SERVICES, events_page
from tests.docs.logs_page import logs_page
from tests.docs.sqs_page import sqs_page
from tests.docs.tables import FIFO_ARN, HEAD, NOBODY, split, table

from redrive.app import STATEMENTS
from redrive.core.errors import ServiceError
from redrive.core.mint import Mint
from redrive.core.time import Millis
from redrive.rooms import Parts, add_rooms
from redrive.services.delivery.outbox import Outbox
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.labels import LABELS
from redrive.services.functions.operations.unoffered import UNOFFERED
from redrive.services.functions.room import Functions
from redrive.services.identity import operations as identity
from redrive.services.identity.room import Identity
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.settings import LABELS as MAPPING_LABELS
from redrive.services.mappings.settings import parse_source, refuse_unsupported
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.stacks.resources import labels, refusals
from redrive.services.telemetry import cloudwatch as logs
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.room import Telemetry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.wire.endpoint import Endpoint
from redrive.wire.model import Shape

_QUEUE_ARN = FIFO_ARN.removesuffix(".fifo")
FOLDER = Path(__file__).parents[2] / "docs" / "compat"


class _Zeros:
    def token(self, count: int) -> bytes:
        return bytes(count)


def registered() -> Registry:
    """Return a registry that holds every AWS operation that the server has."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(f"{folder}/db", load_statements(STATEMENTS))
        registry = Registry(store)
        queues.register(registry, Queues(store, _Zeros()))
        functions.register(registry, Functions(CodeStore(Path(folder) / "code"), _Zeros()))
        mappings.register(registry, Mappings(_Zeros()))
        metrics.register(registry, Metrics())
        book = LogBook(f"{folder}/telemetry.db")
        logs.register(registry, Telemetry(book, Millis(0)))
        book.close()
        identity.register(registry, Identity(_Zeros(), Mint(bytes(32))))
        add_rooms(Parts(registry, _Zeros(), Outbox(registry), NOBODY))
        store.commit(1)
        store.close()
        return registry


OPEN = (
    ("`[{}]` in batchItemFailures", "A complete failure: the rule for a bad key name."),
    (
        "An object without batchItemFailures",
        "A complete success, as an empty response is; AWS's page names only empty and null ones.",
    ),
    (
        "A dead-letter queue with a dead-letter queue",
        "Receives are counted on from the source, so that the second burial may come at once.",
    ),
    ("maxReceiveCount", "1 to 1,000; the API reference gives no upper bound."),
    ("GetFunction's Location", "A file:// path to the unpacked code, not a signed URL."),
    ("ScalingConfig, idle pollers", "Concurrency falls back to 5 at the pace at which it grew."),
    (
        "FilterCriteria, bodies that are a JSON number or text",
        "They are JSON, so that a pattern for plain text does not match them.",
    ),
    (
        "FilterCriteria, wildcards that are too complex",
        "Refused in AWS's words; where the limit is, AWS does not publish: ours is a guess.",
    ),
    (
        "More than five filters; a window or a large batch of a FIFO queue; provisioned pollers"
        " with MaximumConcurrency",
        "Refused; the texts are guesses.",
    ),
    (
        "A receive of a FIFO queue that is too large for one event",
        "What does not fit waits for the first part, and is left to its visibility timeout when"
        " that is not processed.",
    ),
    (
        "Provisioned pollers",
        "Ten concurrent invocations each; AWS's limits of 1 MB and ten polls a second are not"
        " emulated.",
    ),
    (
        "FailedInvokeEventCount",
        "Counts the messages of every try that failed: refused, throttled, an error, or named in"
        " batchItemFailures.",
    ),
)


def pages() -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of each page."""
    registry = registered()
    endpoint = Endpoint(("sqs", "lambda", "sts", "cloudwatch", "logs", *SERVICES))
    yield "sqs.md", HEAD + sqs_page(registry, endpoint)
    yield "cloudwatch.md", HEAD + cloudwatch_page(registry, endpoint)
    yield "alarms.md", HEAD + alarms_page(endpoint)
    yield "events.md", HEAD + events_page(registry, endpoint)
    yield "logs.md", HEAD + logs_page(registry, endpoint)
    yield "lambda.md", HEAD + _lambda(registry, endpoint)
    yield "templates.md", HEAD + _templates()


def _lambda(registry: Registry, endpoint: Endpoint) -> str:
    served, missing = split("lambda", registry, endpoint)
    served = [name for name in served if name not in UNOFFERED]
    unknown = f"Answered with UnknownOperationException: {', '.join(missing)}.\n\n"
    rows = [(label.member, label.treatment, label.sentence) for label in LABELS]
    rows += [(f"{name} of an event source mapping", *told) for name, *told in MAPPING_LABELS]
    return (
        "# Lambda\n\nREST-JSON, functions in Python, Node.js and as programs, event source "
        "mappings from SQS.\n\n"
        f"Served: {', '.join(served)}.\n\n"
        f"{unknown if missing else ''}"
        "## Operations that are refused with InvalidParameterValueException\n\n"
        + table(("operation", "why"), sorted(UNOFFERED.items()))
        + "\n## Members that are not acted on\n\n"
        + table(("member", "treatment", "what happens"), rows)
        + "\n## Members of event source mappings that are refused\n\n"
        + table(("member", "error", "text"), _refused_of_mappings(endpoint))
        + "\n## Where no source says what AWS does\n\n"
        + table(("question", "what is done here"), OPEN)
    )


def _refused_of_mappings(endpoint: Endpoint) -> Iterator[tuple[str, str, str]]:
    """Give each member of CreateEventSourceMapping to the code that refuses; yield what it says."""
    given = endpoint.model("lambda").operation("CreateEventSourceMapping").input
    assert given is not None
    for name, member in sorted(given.members.items()):
        sample = FIFO_ARN if name == "EventSourceArn" else _sample(member.shape)
        try:
            refuse_unsupported({name: sample})
            parse_source({"EventSourceArn": _QUEUE_ARN, name: sample}, NOBODY)
        except ServiceError as error:
            yield name, error.code, error.message


def _sample(shape: Shape) -> Any:
    """Return a value that says something."""
    if shape.type == "structure":
        return {name: _sample(member.shape) for name, member in shape.members.items()}
    if shape.type == "list":
        assert shape.element is not None
        return [_sample(shape.element.shape)]
    if shape.type == "map":
        assert shape.value is not None
        return {"x": _sample(shape.value.shape)}
    return {"boolean": True, "integer": 1, "timestamp": 1}.get(shape.type, "x")


def _templates() -> str:
    kept = ((kind, path) for kind, path in labels())
    return (
        "# Templates\n\nA type or property that is neither in these tables nor acted on is an"
        " error that"
        " names the logical id, the line and what is supported.\n\n## Kept and shown, without"
        " effect\n\n"
        + table(("type", "property"), kept)
        + "\n## Refused by name\n\n"
        + table(("type", "property", "why"), refusals())
    )


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
