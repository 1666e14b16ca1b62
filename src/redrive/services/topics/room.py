"""What the operations share beside the rows: how to sign, and access to topics."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from redrive.core.arn import Arn
from redrive.core.effects import Chance, Context
from redrive.services.ports import Count, Outbox, uncounted
from redrive.services.topics.access import check_access
from redrive.services.topics.model import Key, Topic
from redrive.services.topics.names import parse_topic_arn
from redrive.services.topics.refusals import invalid, no_topic
from redrive.store.store import Tx


class Signer(Protocol):
    """Signs notifications (signing.py)."""

    id: str
    certificate: bytes  # PEM

    def sign(self, text: bytes, version: str) -> str:
        """Return the signature of a text in base64."""
        ...


class Topics:
    """The room. `count` counts for CloudWatch."""

    def __init__(self, chance: Chance, outbox: Outbox, count: Count = uncounted) -> None:
        self.chance = chance
        self.outbox = outbox
        self.count = count
        self._signers: dict[str, Signer] = {}

    def signer(self, tx: Tx, now_ms: int) -> Signer:
        """Return what signs notifications; its key is made when the first is asked for.

        The row decides which key it is, since a transaction that made one may be undone.
        """
        key: Key | None = tx.cached(Key, "topics.key")
        if key is not None and key.id in self._signers:
            return self._signers[key.id]
        # Loaded here, because cryptography takes longer to load than a server that signs nothing
        # would want to wait.
        signing: Any = import_module("redrive.services.topics.signing")
        if key is None:
            key = signing.make_key(now_ms)
            assert key is not None
            tx.run("topics.keep_key", **key._asdict())
        signer: Signer = signing.Signer(key)
        self._signers = {key.id: signer}
        return signer


def find_topic(tx: Tx, text: str, context: Context, action: str, member: str = "TopicArn") -> Topic:
    """Return the topic of an ARN that the caller may do an action to, or refuse.

    action: sns's, such as Publish. Topics are asked for in their region. AWS: as captured.
    """
    arn = parse_topic_arn(text, member)
    if arn.region != context.caller.region:
        raise invalid(member)
    topic = topic_of(tx, arn)
    caller = context.caller
    if caller.account != arn.account or caller.session is not None:
        check_access(topic, arn, context, action)
    if topic is None:
        raise no_topic()
    return topic


def topic_of(tx: Tx, arn: Arn) -> Topic | None:
    """Return the topic of an ARN, whoever asks."""
    found: Topic | None = tx.cached(Topic, "topics.topic", arn.account, arn.region, arn.resource)
    return found
