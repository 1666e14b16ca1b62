"""Queues themselves: create, find, list, configure, tag, purge, delete."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.limits import (
    LIST_RESULTS_MAX,
    PURGE_INTERVAL_MS,
    RECREATE_MS,
    TAGS_MAX,
)
from redrive.core.time import Millis
from redrive.services.queues import attributes as attributes_rules
from redrive.services.queues.fifo import SUFFIX
from redrive.services.queues.model import Counts, Hidden, Number, Queue
from redrive.services.queues.room import Queues, does_not_exist, find, find_by_arn, queue_url
from redrive.services.queues.shapes import (
    CreateQueueParams,
    DeleteQueueParams,
    GetQueueAttributesParams,
    GetQueueUrlParams,
    ListDeadLetterSourceQueuesParams,
    ListQueuesParams,
    ListQueueTagsParams,
    PurgeQueueParams,
    SetQueueAttributesParams,
    TagQueueParams,
    UntagQueueParams,
)
from redrive.store.store import Tx

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")


def create_queue(room: Queues, tx: Tx, params: CreateQueueParams, context: Context) -> Result:
    """Create a queue, or return the same one's URL when nothing differs. AWS: API_CreateQueue."""
    name: str = params["QueueName"]
    given: Mapping[str, str] = params.get("Attributes") or {}
    is_fifo = _check_name(name, given)
    attributes_rules.check_names(given, creating=True, is_fifo=is_fifo)
    account, region = context.caller.account, context.caller.region
    queue: Queue | None = tx.one(Queue, "queues.queue", account=account, region=region, name=name)
    merged = attributes_rules.merge({}, given, account, region)
    if queue is not None:
        differing = attributes_rules.first_difference(queue, given)
        if differing is not None:
            raise ServiceError(
                "QueueNameExists",
                "A queue already exists with the same name and a different value for attribute"
                f" {differing}",
            )
        return {"QueueUrl": queue_url(queue, context.origin)}
    _check_recreation(tx, account, region, name, context.now_ms)
    settings = attributes_rules.settings(merged, account, region)
    _check_redrive(tx, settings.dlq_arn, f"arn:aws:sqs:{region}:{account}:{name}")
    tags = dict(params.get("tags") or {})
    _check_tags(tags)
    identity = tx.one(
        Number,
        "queues.add_queue",
        account=account,
        region=region,
        name=name,
        heap=_new_heap(tx),
        now_ms=context.now_ms,
        tags=orjson.dumps(tags).decode(),
        **settings._asdict(),
    )
    assert identity is not None
    tx.run("queues.add_counts", queue=identity.value)
    tx.wake("queue:created")
    return {"QueueUrl": f"{context.origin}/{account}/{name}"}


def _check_name(name: str, given: Mapping[str, str]) -> bool:
    """Refuse a name that does not fit its kind of queue; tell whether the kind is FIFO.

    The suffix counts among the 80 characters. AWS: API_CreateQueue, QueueName; the text for FIFO
    queues is a guess.
    """
    if given.get("FifoQueue") == "true":
        if _FIFO_NAME.fullmatch(name) is None:
            raise ServiceError(
                "InvalidParameterValue",
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or"
                " underscores, must end with .fifo suffix and be 1 to 80 in length.",
            )
        return True
    if _NAME.fullmatch(name) is None:
        raise ServiceError(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    return False


def _check_recreation(tx: Tx, account: str, region: str, name: str, now_ms: Millis) -> None:
    deleted = tx.one(Number, "queues.name_deleted", account=account, region=region, name=name)
    if deleted is not None and now_ms < deleted.value + RECREATE_MS:
        raise ServiceError(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the"
            " same name.",
        )


def _check_redrive(tx: Tx, dlq_arn: str | None, source_arn: str) -> None:
    """Refuse a redrive policy whose target is missing or does not admit the source."""
    if dlq_arn is None:
        return
    if dlq_arn == source_arn:  # it would bury its messages in itself, without end
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {dlq_arn} for parameter RedrivePolicy is invalid. Reason: A queue cannot be"
            " its own dead-letter queue.",
        )
    dlq = find_by_arn(tx, dlq_arn)
    if dlq is None:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {dlq_arn} for parameter RedrivePolicy is invalid. Reason: Dead letter target"
            " does"
            " not exist.",
        )
    if dlq.is_fifo != source_arn.endswith(SUFFIX):
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {dlq_arn} for parameter RedrivePolicy is invalid. Reason: Dead-letter queue"
            " must be same type of queue as the source.",
        )
    if not attributes_rules.admits_source(orjson.loads(dlq.attributes), source_arn):
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {dlq_arn} for parameter RedrivePolicy is invalid. Reason: The redrive allow"
            " policy"
            f" of the dead-letter queue does not permit the source queue {source_arn}.",
        )


def _new_heap(tx: Tx) -> int:
    heap = tx.one(Number, "queues.add_heap")
    assert heap is not None
    return int(heap.value)


def get_queue_url(room: Queues, tx: Tx, params: GetQueueUrlParams, context: Context) -> Result:
    """Return a queue's URL. AWS: API_GetQueueUrl."""
    account = params.get("QueueOwnerAWSAccountId") or context.caller.account
    if len(account) != 12 or not account.isdigit():
        raise does_not_exist()
    queue = find(tx, f"/{account}/{params['QueueName']}", context, "GetQueueUrl")
    return {"QueueUrl": queue_url(queue, context.origin)}


def list_queues(room: Queues, tx: Tx, params: ListQueuesParams, context: Context) -> Result:
    """List queue URLs in order of name, up to 1,000 or a page. AWS: API_ListQueues."""
    limit, after = _page(params)
    queues = tx.rows(
        Queue,
        "queues.queues_of",
        account=context.caller.account,
        region=context.caller.region,
        prefix=params.get("QueueNamePrefix") or "",
        after=after,
        limit=limit + 1,
    )
    return _urls("QueueUrls", queues, limit, params, context)


def list_dead_letter_source_queues(
    room: Queues, tx: Tx, params: ListDeadLetterSourceQueuesParams, context: Context
) -> Result:
    """List the queues that bury their messages in this one. AWS: API_ListDeadLetterSourceQueues."""
    dlq = find(tx, params["QueueUrl"], context, "ListDeadLetterSourceQueues")
    limit, after = _page(params)
    queues = tx.rows(Queue, "queues.dead_letter_sources", arn=dlq.arn, after=after, limit=limit + 1)
    return {"queueUrls": [], **_urls("queueUrls", queues, limit, params, context)}


def _page(params: Params) -> tuple[int, str]:
    limit = params.get("MaxResults", LIST_RESULTS_MAX)
    if not 1 <= limit <= LIST_RESULTS_MAX:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {limit} for parameter MaxResults is invalid. Reason: MaxResults must be an"
            " integer"
            f" between 1 and {LIST_RESULTS_MAX}.",
        )
    token = params.get("NextToken")
    if not token:
        return limit, ""
    try:
        return limit, b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (Error, ValueError):
        raise ServiceError("InvalidParameterValue", "Invalid or expired next token.") from None


def _urls(
    member: str, queues: list[Queue], limit: int, params: Params, context: Context
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if queues:
        result[member] = [queue_url(queue, context.origin) for queue in queues[:limit]]
    if len(queues) > limit and "MaxResults" in params:
        result["NextToken"] = urlsafe_b64encode(queues[limit - 1].name.encode()).decode()
    return result


def get_queue_attributes(
    room: Queues, tx: Tx, params: GetQueueAttributesParams, context: Context
) -> Result:
    """Return the attributes asked for, all values as text. AWS: API_GetQueueAttributes."""
    queue = find(tx, params["QueueUrl"], context, "GetQueueAttributes")
    names: list[str] = params.get("AttributeNames") or []
    known = attributes_rules.SETTABLE.union(attributes_rules.COMPUTED)
    for name in names:
        if name != "All" and name not in known:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")
    if not names:
        return {}
    counts, hidden = measure(tx, queue, context.now_ms)
    shown = attributes_rules.shown(queue, counts, hidden)
    if "All" not in names:
        shown = {name: value for name, value in shown.items() if name in names}
    return {"Attributes": shown} if shown else {}


def measure(tx: Tx, queue: Queue, now_ms: Millis) -> tuple[Counts, Hidden]:
    """Return a queue's counters, with what the open group adds, and what is hidden at this
    instant.
    """
    counts: Counts | None = tx.one(Counts, "queues.counts", queue=queue.id)
    assert counts is not None
    return add_open(tx, queue.id, counts), count_hidden(tx, queue.heap, now_ms)


def add_open(tx: Tx, queue: int, counts: Counts) -> Counts:
    """Return a queue's counters with what the open group adds."""
    added = tx.tallied("queues.count", queue)
    if not added:
        return counts
    return Counts._make(
        value + added.get(name, 0) for name, value in zip(counts._fields, counts, strict=True)
    )


def count_hidden(tx: Tx, heap: int, now_ms: Millis) -> Hidden:
    """Return how many messages of a heap cannot be received at this instant."""
    hidden: Hidden | None = tx.one(Hidden, "queues.count_hidden", heap=heap, now_ms=now_ms)
    assert hidden is not None
    return hidden


def set_queue_attributes(
    room: Queues, tx: Tx, params: SetQueueAttributesParams, context: Context
) -> Result:
    """Change attributes, at once. AWS: API_SetQueueAttributes (there: within a minute)."""
    queue = find(tx, params["QueueUrl"], context, "SetQueueAttributes")
    given: Mapping[str, str] = params["Attributes"]
    attributes_rules.check_names(given, creating=False, is_fifo=bool(queue.is_fifo))
    merged = attributes_rules.merge(
        orjson.loads(queue.attributes), given, queue.account, queue.region
    )
    settings = attributes_rules.settings(merged, queue.account, queue.region)
    if given.get("RedrivePolicy"):
        _check_redrive(tx, settings.dlq_arn, queue.arn)
    tx.run("queues.set_attributes", id=queue.id, now_ms=context.now_ms, **settings._asdict())
    if queue.is_fifo and settings.retention_ms != queue.retention_ms:
        tx.run(
            "fifo.retain",
            heap=queue.heap,
            now_ms=context.now_ms,
            retention_ms=settings.retention_ms,
        )
    tx.wake(queue.topic)
    return {}


def purge_queue(room: Queues, tx: Tx, params: PurgeQueueParams, context: Context) -> Result:
    """Delete all messages of a queue, delayed and in flight too. AWS: API_PurgeQueue."""
    queue = find(tx, params["QueueUrl"], context, "PurgeQueue")
    if queue.purged_ms and context.now_ms < queue.purged_ms + PURGE_INTERVAL_MS:
        raise ServiceError(
            "PurgeQueueInProgress",
            f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds.",
        )
    counts, _hidden = measure(tx, queue, context.now_ms)
    _drop_heap(tx, queue.heap, context.now_ms)
    tx.run("queues.purge", id=queue.id, heap=_new_heap(tx), now_ms=context.now_ms)
    tx.tally(
        "queues.count",
        queue.id,
        messages=-counts.messages,
        touched=-counts.touched,
        purged=counts.messages,
    )
    return {}


def _drop_heap(tx: Tx, heap: int, now_ms: Millis) -> None:
    tx.run("queues.drop_heap", heap=heap, now_ms=now_ms)
    tx.wake("queue:dropped")


def delete_queue(room: Queues, tx: Tx, params: DeleteQueueParams, context: Context) -> Result:
    """Delete a queue and its messages; a missing one is no error. AWS: API_DeleteQueue."""
    try:
        queue = find(tx, params["QueueUrl"], context, "DeleteQueue")
    except ServiceError as error:
        if error.code != does_not_exist().code:
            raise
        return {}
    retire(room, tx, queue)
    remove(tx, queue, context.now_ms)
    tx.run(
        "queues.bury_name",
        account=queue.account,
        region=queue.region,
        name=queue.name,
        now_ms=context.now_ms,
    )
    return {}


def retire(room: Queues, tx: Tx, queue: Queue) -> None:
    """Keep the last counters of a queue that is about to go, for whoever records them."""
    counts: Counts | None = tx.one(Counts, "queues.counts", queue=queue.id)
    assert counts is not None
    counts = add_open(tx, queue.id, counts)
    written = counts.empty_receives
    tx.run(
        "queues.retire",
        queue=queue.id,
        account=queue.account,
        region=queue.region,
        name=queue.name,
        created_ms=queue.created_ms,
        sent=counts.sent,
        received=counts.received,
        delete_calls=counts.delete_calls,
        empty_receives=written + room.unwritten_empty(queue.id, written),
        sent_bytes=counts.sent_bytes,
        deduplicated=counts.deduplicated,
    )


def remove(tx: Tx, queue: Queue, now_ms: Millis) -> None:
    """Remove a queue; its messages are left to the reaper, and nothing can reach them any more."""
    _drop_heap(tx, queue.heap, now_ms)
    tx.run("queues.delete_queue", id=queue.id)
    tx.run("queues.delete_counts", id=queue.id)
    tx.wake(queue.topic)


def tag_queue(room: Queues, tx: Tx, params: TagQueueParams, context: Context) -> Result:
    """Set tags, keeping the others. AWS: API_TagQueue."""
    queue = find(tx, params["QueueUrl"], context, "TagQueue")
    tags = {**orjson.loads(queue.tags), **params["Tags"]}
    _check_tags(tags)
    tx.run("queues.set_tags", id=queue.id, tags=orjson.dumps(tags).decode())
    return {}


def untag_queue(room: Queues, tx: Tx, params: UntagQueueParams, context: Context) -> Result:
    """Remove tags; one that is not there is no error. AWS: API_UntagQueue."""
    queue = find(tx, params["QueueUrl"], context, "UntagQueue")
    removed = set(params["TagKeys"])
    tags = {key: value for key, value in orjson.loads(queue.tags).items() if key not in removed}
    tx.run("queues.set_tags", id=queue.id, tags=orjson.dumps(tags).decode())
    return {}


def list_queue_tags(room: Queues, tx: Tx, params: ListQueueTagsParams, context: Context) -> Result:
    """Return the tags; none is an empty result. AWS: API_ListQueueTags."""
    queue = find(tx, params["QueueUrl"], context, "ListQueueTags")
    tags = orjson.loads(queue.tags)
    return {"Tags": tags} if tags else {}


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise ServiceError(
            "InvalidParameterValue", f"Too many tags added for queue: the limit is {TAGS_MAX}."
        )
