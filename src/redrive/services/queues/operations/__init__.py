"""SQS's operations, and the internal ones that workers and the command line use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.services.queues.operations.fair_measure import describe_fairness
from redrive.services.queues.operations.inspect import (
    describe_queues,
    explain_message,
    peek_messages,
)
from redrive.services.queues.operations.measures import (
    count_queues,
    forget_retired,
    measure_queues,
)
from redrive.services.queues.operations.moves import (
    advance_moves,
    cancel_message_move_task,
    list_message_move_tasks,
    start_message_move_task,
)
from redrive.services.queues.operations.permissions import add_permission, remove_permission
from redrive.services.queues.operations.queues import (
    create_queue,
    delete_queue,
    get_queue_attributes,
    get_queue_url,
    list_dead_letter_source_queues,
    list_queue_tags,
    list_queues,
    purge_queue,
    set_queue_attributes,
    tag_queue,
    untag_queue,
)
from redrive.services.queues.operations.reap import reap, reset_account
from redrive.services.queues.operations.receive import receive_message
from redrive.services.queues.operations.records import receive_records
from redrive.services.queues.operations.send import send_message, send_message_batch
from redrive.services.queues.operations.settle import (
    change_message_visibility,
    change_message_visibility_batch,
    delete_message,
    delete_message_batch,
    settle_batch,
)
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry

SQS: Mapping[str, Callable[..., Any]] = {
    "AddPermission": add_permission,
    "CancelMessageMoveTask": cancel_message_move_task,
    "ChangeMessageVisibility": change_message_visibility,
    "ChangeMessageVisibilityBatch": change_message_visibility_batch,
    "CreateQueue": create_queue,
    "DeleteMessage": delete_message,
    "DeleteMessageBatch": delete_message_batch,
    "DeleteQueue": delete_queue,
    "GetQueueAttributes": get_queue_attributes,
    "GetQueueUrl": get_queue_url,
    "ListDeadLetterSourceQueues": list_dead_letter_source_queues,
    "ListMessageMoveTasks": list_message_move_tasks,
    "ListQueueTags": list_queue_tags,
    "ListQueues": list_queues,
    "PurgeQueue": purge_queue,
    "ReceiveMessage": receive_message,
    "RemovePermission": remove_permission,
    "SendMessage": send_message,
    "SendMessageBatch": send_message_batch,
    "SetQueueAttributes": set_queue_attributes,
    "StartMessageMoveTask": start_message_move_task,
    "TagQueue": tag_queue,
    "UntagQueue": untag_queue,
}
INTERNAL: Mapping[str, Callable[..., Any]] = {
    "AdvanceMoves": advance_moves,
    "CountQueues": count_queues,
    "DescribeFairness": describe_fairness,
    "ForgetRetired": forget_retired,
    "MeasureQueues": measure_queues,
    "Reap": reap,
    "ReceiveRecords": receive_records,
    "ResetAccount": reset_account,
    "SettleBatch": settle_batch,
}
PERSONS: Mapping[str, Callable[..., Any]] = {
    "DescribeQueues": describe_queues,
    "ExplainMessage": explain_message,
    "PeekMessages": peek_messages,
}


def register(registry: Registry, room: Queues) -> None:
    """Add the queues' operations to the registry."""
    registry.add("sqs", {name: partial(work, room) for name, work in {**SQS, **INTERNAL}.items()})
    registry.add("redrive", {name: partial(work, room) for name, work in PERSONS.items()})
