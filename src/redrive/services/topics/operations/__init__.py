"""The operations of the service `sns`, and internal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.registry import Registry
from redrive.services.topics.operations import (
    confirming,
    notifying,
    permissions,
    publishing,
    subscriptions,
    tagging,
    topics,
    unoffered,
)
from redrive.services.topics.operations.metrics import count_settled
from redrive.services.topics.room import Topics
from redrive.store.store import Tx


def reset_account(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions."""
    del room, params
    account = context.caller.account
    for name in ("reset_published", "reset_endings", "reset_subscriptions", "reset"):
        tx.run(f"topics.{name}", account=account)
    return {}


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "AddPermission": permissions.add_permission,
    "ConfirmSubscription": confirming.confirm_subscription,
    "CreateTopic": topics.create_topic,
    "DeleteTopic": topics.delete_topic,
    "GetDataProtectionPolicy": topics.get_data_protection_policy,
    "GetSubscriptionAttributes": subscriptions.get_subscription_attributes,
    "GetTopicAttributes": topics.get_topic_attributes,
    "ListSubscriptions": subscriptions.list_subscriptions,
    "ListSubscriptionsByTopic": subscriptions.list_subscriptions_by_topic,
    "ListTagsForResource": tagging.list_tags_for_resource,
    "ListTopics": topics.list_topics,
    "Publish": publishing.publish,
    "PublishBatch": publishing.publish_batch,
    "PutDataProtectionPolicy": topics.put_data_protection_policy,
    "RemovePermission": permissions.remove_permission,
    "SetSubscriptionAttributes": subscriptions.set_subscription_attributes,
    "SetTopicAttributes": topics.set_topic_attributes,
    "Subscribe": subscriptions.subscribe,
    "TagResource": tagging.tag_resource,
    "Unsubscribe": confirming.unsubscribe,
    "UntagResource": tagging.untag_resource,
    **unoffered.OPERATIONS,
    # Internal: no model holds these names.
    "GetSigningCertificate": notifying.get_signing_certificate,
    "PostNotification": notifying.post_notification,
    "ResetAccount": reset_account,
    "SendRaw": notifying.send_raw,
}


def register(registry: Registry, room: Topics) -> None:
    """Add the operations to the registry, and hear what becomes of deliveries."""
    registry.add("sns", {name: partial(work, room) for name, work in _OPERATIONS.items()})
    room.outbox.listen(publishing.PURPOSE, partial(count_settled, room))
