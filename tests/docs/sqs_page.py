"""docs/compat/sqs.md: what is said of SQS, and where the code is asked for its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.docs.tables import FIFO_ARN, NOBODY, Fact, bullets, member_rows, split, table

from redrive.config import Config
from redrive.core import limits
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, SECOND_MS
from redrive.services.mappings.settings import parse_source
from redrive.services.queues import fifo
from redrive.services.queues.access import SHARED
from redrive.services.queues.addresses import read_address
from redrive.services.queues.attributes import COMPUTED, NUMBERS, RECEIVES_MAX, SETTABLE
from redrive.services.queues.operations.receive import RECEIVABLE
from redrive.services.registry import Registry
from redrive.wire.codecs.form import FIELDS_MAX, FORM_BYTES_MAX, STEPS_MAX
from redrive.wire.endpoint import Endpoint
from redrive.wire.model import Shape
from redrive.wire.signatures import SKEW_MS_MAX

_WAIT_S = limits.WAIT_MS_MAX // SECOND_MS
_VISIBILITY_S = limits.VISIBILITY_MS_MAX // SECOND_MS

OPERATIONS: Mapping[str, str] = {
    "AddPermission": "Policies bind callers of other accounts; with `authorisation = on` all.",
    "CreateQueue": "A name that ends with .fifo and FifoQueue = true go together.",
    "DeleteQueue": "At once; the name is free again after AWS's 60 seconds.",
    "GetQueueAttributes": "The approximate numbers are exact.",
    "PurgeQueue": "At once; AWS takes up to a minute.",
    "ReceiveMessage": "Looks at the whole queue, with WaitTimeSeconds 0 too.",
    "SetQueueAttributes": "Holds at once; AWS takes up to a minute, or 15 for the retention.",
    "StartMessageMoveTask": "Does not ask whether the caller may SendMessage to the destination.",
}

_LIST = Fact("refused", "UnsupportedOperation, as with AWS.")
_BESIDE = Fact("label", "Taken beside a StringValue, and not looked at.")
MEMBERS = {
    ("*", "DelaySeconds"): Fact(
        "honoured",
        f"0 to {limits.DELAY_MS_MAX // SECOND_MS}. On a FIFO queue any but 0 is refused with"
        " InvalidParameterValue, as with AWS.",
    ),
    ("*", "MessageGroupId"): Fact(
        "honoured",
        "FIFO: the order; required (MissingParameter, in a batch InvalidParameterValue)."
        " Standard: the tenant of a fair queue.",
    ),
    ("*", "MessageDeduplicationId"): Fact(
        "honoured", "On a standard queue it is refused with InvalidParameterValue."
    ),
    ("*", "MessageAttributes{}.StringListValues[]"): _LIST,
    ("*", "MessageAttributes{}.BinaryListValues[]"): _LIST,
    ("*", "MessageSystemAttributes{}"): Fact(
        "honoured", "AWSTraceHeader; any other is refused with InvalidParameterValue."
    ),
    ("*", "MessageSystemAttributes{}.BinaryValue"): _BESIDE,
    ("*", "MessageSystemAttributes{}.StringListValues[]"): _BESIDE,
    ("*", "MessageSystemAttributes{}.BinaryListValues[]"): _BESIDE,
    ("ChangeMessageVisibility", "VisibilityTimeout"): Fact(
        "honoured", f"0 to {_VISIBILITY_S}, and no more than that since the receive."
    ),
    ("ListMessageMoveTasks", "MaxResults"): Fact("honoured", "1 to 10."),
    ("ListQueues", "MaxResults"): Fact("honoured", f"1 to {limits.LIST_RESULTS_MAX}."),
    ("ListDeadLetterSourceQueues", "MaxResults"): Fact(
        "honoured", f"1 to {limits.LIST_RESULTS_MAX}."
    ),
    ("ReceiveMessage", "AttributeNames[]"): Fact(
        "honoured", "The older member; MessageSystemAttributeNames[] goes before it."
    ),
    ("ReceiveMessage", "MaxNumberOfMessages"): Fact(
        "honoured", f"1 to {limits.RECEIVE_COUNT_MAX}."
    ),
    ("ReceiveMessage", "VisibilityTimeout"): Fact("honoured", f"0 to {_VISIBILITY_S}."),
    ("ReceiveMessage", "WaitTimeSeconds"): Fact("honoured", f"0 to {_WAIT_S}."),
    ("ReceiveMessage", "ReceiveRequestAttemptId"): Fact(
        "honoured", "FIFO queues. On a standard queue a label: taken, without effect."
    ),
    ("StartMessageMoveTask", "MaxNumberOfMessagesPerSecond"): Fact(
        "honoured", f"1 to {limits.MOVE_RATE_MAX}; without it as fast as the server goes."
    ),
}

_SSE = 'With `encryption = "on"`'
ATTRIBUTES: Mapping[str, tuple[str, str, str]] = {
    "Policy": (f"JSON, up to {limits.POLICY_BYTES_MAX:,} bytes", "none", "Evaluated; see below."),
    "RedrivePolicy": (
        f"a queue of this account, region and kind; maxReceiveCount 1 to {RECEIVES_MAX:,}",
        "none",
        "Honoured. The API reference gives no upper bound of maxReceiveCount.",
    ),
    "RedriveAllowPolicy": ("allowAll, denyAll, byQueue with 1 to 10 ARNs", "none", "Honoured."),
    "FifoQueue": ("true, at creation", "", "Honoured. false is refused, as with AWS."),
    "ContentBasedDeduplication": ("true, false", "false", "Honoured on FIFO queues."),
    "DeduplicationScope": ("queue, messageGroup", "queue", "Honoured on FIFO queues."),
    "FifoThroughputLimit": (
        "perQueue, perMessageGroupId",
        "perQueue",
        "Label: checked and shown; quotas of calls a second are not emulated.",
    ),
    "SqsManagedSseEnabled": (
        "true, false",
        "true",
        f"{_SSE} it says whether new bodies are encrypted. Else a label: checked and shown.",
    ),
    "KmsMasterKeyId": (
        "any text",
        "none",
        f"{_SSE} new bodies are encrypted by the server's own key: there is no KMS, and which key"
        " is named changes nothing. Else a label.",
    ),
    "KmsDataKeyReusePeriodSeconds": ("", "", "Label: checked, shown when there is a KMS key."),
}
_ON_FIFO = "On FIFO queues."
RECEIVED: Mapping[str, str] = {
    "SequenceNumber": f"{_ON_FIFO} Twenty digits.",
    "MessageDeduplicationId": _ON_FIFO,
    "MessageGroupId": "When the sender gave one.",
    "AWSTraceHeader": "When the sender gave one.",
    "DeadLetterQueueSourceArn": "In a dead-letter queue.",
    "SenderId": "The account, or the unique id of the user who sent.",
}

ADDRESSES = (
    "http://127.0.0.1:4566/111122223333/orders",
    "https://sqs.eu-west-1.amazonaws.com/111122223333/orders",
    "https://eu-west-1.queue.amazonaws.com/111122223333/orders",
    "https://queue.amazonaws.com/111122223333/orders",
    "https://sqs-fips.us-west-2.amazonaws.com/111122223333/orders",
    "https://vpce-1a2b.sqs.eu-west-1.vpce.amazonaws.com/111122223333/orders",
    "http://sqs.eu-west-1.localhost:4566/111122223333/orders",
    "http://sqs.eu-west-1.localhost.localstack.cloud:4566/111122223333/orders",
    "http://any-host/queue/eu-west-1/111122223333/orders",
    "arn:aws:sqs:eu-west-1:111122223333:orders",
    "111122223333/orders",
    "orders",
)


def sqs_page(registry: Registry, endpoint: Endpoint) -> str:
    """Return the page."""
    served, missing = split("sqs", registry, endpoint)
    assert not missing, missing
    assert OPERATIONS.keys() <= set(served)
    protocols = ", ".join(endpoint.model("sqs").protocols)
    treated = member_rows("sqs", "queues", served, endpoint, MEMBERS)
    return (
        f"# SQS\n\nStandard queues, fair ones too, and FIFO queues. Protocols: {protocols}.\n\n"
        "A label is checked, kept and shown, and changes nothing.\n\n"
        "## Operations\n\nEvery operation of the model is served.\n\n"
        + table(("operation", "what differs"), ((n, OPERATIONS.get(n, "")) for n in served))
        + "\n## Members of requests\n\n"
        + table(("operation", "member", "", "what there is to say"), treated)
        + "\n## Queue attributes\n\n"
        + table(("attribute", "values", "default", "what is done"), _attributes(endpoint))
        + "\n## Message system attributes\n\nAWSTraceHeader can be sent; all can be received.\n\n"
        + table(("attribute", "when"), _received(endpoint))
        + "\n## Queue URLs\n\nWhat a QueueUrl does not say is the request's. A region in it names"
        " the queue's region, whichever the request is signed for.\n\n"
        + table(("QueueUrl", "region", "account", "name"), _addresses())
        + "\nA QueueUrl that names no queue at all is InvalidAddress; one whose queue is not there"
        " is QueueDoesNotExist. GET and POST on a queue's URL speak the Query protocol about it.\n"
        + "\n## What differs from AWS\n\n"
        + bullets(_differences())
    )


def _enum(shape: Shape | None) -> list[str]:
    assert shape is not None
    return [name for name in shape.traits["enum"] if name != "All"]


def _element(endpoint: Endpoint, operation: str, member: str) -> Shape:
    given = endpoint.model("sqs").operation(operation).input
    assert given is not None
    element = given.members[member].shape.element
    assert element is not None
    return element.shape


def _attributes(endpoint: Endpoint) -> Iterator[tuple[str, str, str, str]]:
    for name in sorted(_enum(_element(endpoint, "GetQueueAttributes", "AttributeNames"))):
        if name in COMPUTED:
            yield name, "", "", "Shown; cannot be set."
            continue
        assert name in SETTABLE, name
        values, default, done = ATTRIBUTES.get(name, ("", "", "Honoured."))
        if name in NUMBERS:
            span = NUMBERS[name]
            values, default = f"{span.least:,} to {span.most:,}", f"{span.default:,}"
        elif name in fifo.DEFAULTS:
            for value in values.removesuffix(", at creation").split(", "):
                fifo.check_choice(name, value)
            assert default in ("", fifo.DEFAULTS[name])
        assert values, name
        yield name, values, default, done


def _received(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    names = _enum(_element(endpoint, "ReceiveMessage", "MessageSystemAttributeNames"))
    assert set(names) <= RECEIVABLE
    assert RECEIVED.keys() <= set(names)
    return ((name, RECEIVED.get(name, "Always.")) for name in sorted(names))


def _addresses() -> Iterator[tuple[str, str, str, str]]:
    for text in ADDRESSES:
        region, account, name = read_address(text)
        yield f"`{text}`", region or "the request's", account or "the request's", name


def _differences() -> Iterator[str]:
    config = Config()
    yield (
        "Order on a standard queue is that of becoming visible. AWS promises none; a program that"
        " counts on it here may fail there."
    )
    yield (
        f"Quotas: {limits.IN_FLIGHT_MAX:,} messages in flight (OverLimit; on a FIFO queue an empty"
        " receive) and the sizes hold. Calls a second are not limited, on FIFO queues neither."
    )
    yield (
        f"Fair queues: a message group is noisy above {config.fair_share:.0%} of what is in flight"
        f" or of processing time, from {config.fair_in_flight_min} in flight on, and quiet after"
        f" {config.fair_silence_s:.0f} seconds of silence: AWS's figures, which we know at second"
        f" hand. That less than {config.fair_processing_s_min:.0f} seconds of processing time make"
        f" nobody noisy, and that it counts for {config.fair_window_s:.0f} seconds, is ours. All"
        " are settings: `fair_…`."
    )
    yield (
        'Encryption: bodies and message attributes are encrypted on disk with `encryption = "on"`,'
        " by a key in a file, on queues that ask for it, as they do by default. AWS encrypts the"
        " body only. What was sent before stays as it was."
    )
    yield (
        "Authorisation is off by default: then an account does what it likes with its own queues,"
        " and policies bind callers of other accounts. With `keys_file` and"
        ' `authorisation = "on"` they bind all. Roles, sessions and KMS are not evaluated;'
        " condition keys of tags, organisations, VPCs and MFA are absent, and judged as IAM judges"
        " absent keys; aws:SecureTransport is always false. What the server's own workers do (event"
        " source mappings, move tasks, burials) is not judged in their own account."
    )
    yield f"What a policy can share with another account: {', '.join(sorted(SHARED))}."
    yield (
        "Signatures are checked when there is a `keys_file`. A presigned URL without X-Amz-Expires"
        f" is good for {SKEW_MS_MAX // MINUTE_MS} minutes. SigV4a and STREAMING payloads are"
        " refused."
    )
    yield (
        "The Query protocol answers in XML, whatever Accept says. Forms of more than"
        f" {FORM_BYTES_MAX // 1_048_576} MiB, {FIELDS_MAX:,} fields or {STEPS_MAX:,} parts of names"
        " are refused."
    )
    yield (
        "A dead-letter queue with a dead-letter queue: receives are counted on from the source, so"
        " that the second burial may come at once. No source says what AWS does."
    )
    yield (
        "A move task whose FIFO destination knows a message already takes it out of its source."
        " That is a guess."
    )
    if not _feeds_functions():
        yield "A FIFO queue is refused as the event source of a function (lambda.md)."


def _feeds_functions() -> bool:
    """Tell whether a FIFO queue may be an event source."""
    try:
        parse_source({"EventSourceArn": FIFO_ARN}, NOBODY)
    except ServiceError:
        return False
    return True
