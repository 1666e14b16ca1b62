"""The handshake with an endpoint: asked, confirmed, unsubscribed, and confirmed anew.

ConfirmSubscription and Unsubscribe are open to whoever has the link that an endpoint was sent: the
caller has then no account.
"""

from __future__ import annotations

import re

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.core.time import DAY_MS
from redrive.services.topics.envelopes import Kind, Notification
from redrive.services.topics.fanout import owed_confirmation
from redrive.services.topics.model import Subscription, Topic
from redrive.services.topics.names import parse_subscription_arn, parse_topic_arn
from redrive.services.topics.operations.notifying import Signatures
from redrive.services.topics.refusals import invalid, not_authorised, unreadable
from redrive.services.topics.room import Topics
from redrive.store.store import Tx

PURPOSE = "confirmation"
CANCELLED_MS_MAX = 2 * DAY_MS
_TOKEN_BYTES = 144
_TOKEN = re.compile(r"[0-9a-f]{288}")
"""AWS: as captured, 288 hexadecimal digits."""


def new_token(room: Topics) -> str:
    """Return a token that nobody can guess."""
    return room.chance.token(_TOKEN_BYTES).hex()


def put_confirmation(
    room: Topics, tx: Tx, topic: Topic, subscription: Subscription, kind: Kind, context: Context
) -> None:
    """Owe an endpoint the question whether it wants to be subscribed, or to stay it.

    AWS: SNS Developer Guide, "Parsing Amazon SNS message formats", for the words.
    """
    token = subscription.token
    assert token is not None, "whoever is asked answers with a token"
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription,"
            " visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this"
            " operation and restore the subscription, visit the SubscribeURL included in this"
            " message."
        )
    url = f"{context.origin}/?Action=ConfirmSubscription&TopicArn={topic.arn}&Token={token}"
    notification = Notification(
        kind,
        uuid4(room.chance),
        topic.arn,
        text,
        context.now_ms,
        token=token,
        subscribe_url=url,
    )
    sign = Signatures(room, tx, topic, context)
    owed = owed_confirmation(subscription, topic, notification, sign, context.origin)
    room.outbox.put(
        tx,
        owed.call,
        context.now_ms,
        target=owed.target,
        purpose=PURPOSE,
        source=subscription.arn,
        retry=owed.retry,
    )


def confirm_subscription(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Confirm a subscription by its token; once more is no error. AWS: API_ConfirmSubscription."""
    del room
    try:
        arn = parse_topic_arn(params["TopicArn"])
    except ServiceError:
        raise invalid("Topic") from None
    token: str = params["Token"]
    if _TOKEN.fullmatch(token) is None:
        raise invalid("Token")
    found: Subscription | None = tx.one(Subscription, "topics.subscription_by_token", token=token)
    if found is None or found.topic_arn != str(arn):
        raise unreadable("Invalid token")
    if found.status == "confirmed":
        return {"SubscriptionArn": found.arn}
    if found.expires_ms <= context.now_ms:
        raise unreadable("Invalid token")
    is_known = bool(context.caller.account)
    is_guarded = params.get("AuthenticateOnUnsubscribe", "").lower() == "true"
    _settle(
        tx,
        found._replace(
            status="confirmed",
            is_authenticated=int(is_known),
            is_guarded=int(is_known and is_guarded),
        ),
    )
    return {"SubscriptionArn": found.arn}


def unsubscribe(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """End a subscription; one that is not there is no error. AWS: API_Unsubscribe.

    When it was not its owner, the endpoint is told, and may take it back for two days.
    """
    name = parse_subscription_arn(params["SubscriptionArn"])
    found: Subscription | None = tx.one(Subscription, "topics.subscription", **name._asdict())
    if found is None or not found.is_there(context.now_ms):
        return {}
    account = context.caller.account
    if account and account not in (found.owner, found.account):
        raise not_authorised("Not authorized to unsubscribe this subscription")
    if not account and found.is_guarded:
        raise not_authorised("Unsubscribing this subscription requires authentication")
    tx.run("topics.add_ending", topic=found.topic)
    if account == found.owner or found.status == "pending":
        tx.run("topics.delete_subscription", n=found.n)
        return {}
    ended = found._replace(
        status="cancelled", token=new_token(room), expires_ms=context.now_ms + CANCELLED_MS_MAX
    )
    _settle(tx, ended)
    topic: Topic | None = tx.cached(Topic, "topics.topic", found.account, found.region, found.name)
    assert topic is not None, "subscriptions go with their topic"
    put_confirmation(room, tx, topic, ended, "UnsubscribeConfirmation", context)
    return {}


def _settle(tx: Tx, subscription: Subscription) -> None:
    tx.run(
        "topics.settle_subscription",
        n=subscription.n,
        owner=subscription.owner,
        status=subscription.status,
        token=subscription.token,
        expires_ms=subscription.expires_ms,
        is_authenticated=subscription.is_authenticated,
        is_guarded=subscription.is_guarded,
    )
