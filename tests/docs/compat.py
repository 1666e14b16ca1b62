"""Write docs/compat from the registry, the models and the tables of what is only kept.

`python -m tests.docs.compat` writes; tests/docs/test_compat.py compares.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from redrive.app import STATEMENTS
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.labels import LABELS
from redrive.services.functions.room import Functions
from redrive.services.identity import operations as identity
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.room import Mappings
from redrive.services.queues import operations as queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.stacks.resources import labels, refusals
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.wire.endpoint import Endpoint

FOLDER = Path(__file__).parents[2] / "docs" / "compat"
_HEAD = "<!-- Written by `make docs` from the code; changes made here are lost. -->\n\n"


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
        identity.register(registry)
        store.commit(1)
        store.close()
        return registry


SQS_NOTES: Mapping[str, str] = {
    "CreateQueue": "Standard queues; a name in .fifo is refused with UnsupportedOperation.",
    "SetQueueAttributes": "Holds at once; AWS takes up to a minute.",
    "DeleteQueue": "At once; the name is free again after AWS's 60 seconds.",
    "PurgeQueue": "At once; AWS takes up to a minute.",
    "SendMessage": "MessageGroupId is kept and returned; fair ordering is not applied yet.",
    "AddPermission": "Policies are evaluated for callers of other accounts.",
}
SQS_LABELS = (
    ("ReceiveRequestAttemptId", "Taken; it says something on FIFO queues only."),
    ("KmsMasterKeyId", "Shown; bodies are stored unencrypted."),
    ("KmsDataKeyReusePeriodSeconds", "Shown when a key is set; bodies are stored unencrypted."),
    ("SqsManagedSseEnabled", "Shown; bodies are stored unencrypted."),
)
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
)


def pages() -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of each page."""
    registry, endpoint = registered(), Endpoint()
    yield "sqs.md", _HEAD + _sqs(registry, endpoint)
    yield "lambda.md", _HEAD + _lambda(registry, endpoint)
    yield "templates.md", _HEAD + _templates()


def _operations(
    service: str, registry: Registry, endpoint: Endpoint
) -> tuple[list[str], list[str]]:
    names = sorted(endpoint.model(service).operation_names)
    served = [name for name in names if registry.has(service, name)]
    return served, [name for name in names if name not in served]


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _sqs(registry: Registry, endpoint: Endpoint) -> str:
    served, missing = _operations("sqs", registry, endpoint)
    assert not missing, missing
    rows = ((name, SQS_NOTES.get(name, "")) for name in served)
    return (
        "# SQS\n\nJSON 1.0 protocol, standard queues. Every operation of the model is served.\n\n"
        + _table(("operation", "what differs"), rows)
        + "\n## Kept and shown, without effect\n\n"
        + _table(("attribute or parameter", "what happens"), iter(SQS_LABELS))
    )


def _lambda(registry: Registry, endpoint: Endpoint) -> str:
    served, missing = _operations("lambda", registry, endpoint)
    rows = ((label.member, label.treatment, label.sentence) for label in LABELS)
    return (
        "# Lambda\n\nREST-JSON, functions in Python, event source mappings from SQS.\n\n"
        f"Served: {', '.join(served)}.\n\n"
        f"Answered with UnknownOperationException: {', '.join(missing)}.\n\n"
        "## Members that are not acted on\n\n"
        + _table(("member", "treatment", "what happens"), rows)
        + "\n## Where no source says what AWS does\n\n"
        + _table(("question", "what is done here"), iter(OPEN))
    )


def _templates() -> str:
    kept = ((kind, path) for kind, path in labels())
    return (
        "# Templates\n\nA type or property that is neither in these tables nor acted on is an"
        " error that"
        " names the logical id, the line and what is supported.\n\n## Kept and shown, without"
        " effect\n\n"
        + _table(("type", "property"), kept)
        + "\n## Refused by name\n\n"
        + _table(("type", "property", "why"), refusals())
    )


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
