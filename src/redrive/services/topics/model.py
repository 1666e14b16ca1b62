"""Rows of the topics service.

A subscription's life:

    Subscribe ──> pending ──ConfirmSubscription──> confirmed ──Unsubscribe──> gone
        │            └── two days ──> gone             │  └── by nobody known ──> cancelled
        └── own queue or function ─────────────────────┘                             │
                          confirmed <──ConfirmSubscription, within two days ─────────┘
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.services.topics.names import topic_arn


class Topic(NamedTuple):
    """A topic and its settings."""

    id: int
    account: str
    region: str
    name: str
    is_fifo: int
    created_ms: int
    attributes: str  # JSON object: what was set, by AWS's names
    tags: str  # JSON object

    @property
    def arn(self) -> str:
        """The topic's ARN."""
        return topic_arn(self.region, self.account, self.name)


class Subscription(NamedTuple):
    """Who gets what is published to a topic."""

    n: int
    id: str  # a UUID
    topic: int
    account: str  # the topic's, as its region and name
    region: str
    name: str
    owner: str
    protocol: str
    endpoint: str
    status: str  # pending, confirmed or cancelled
    token: str | None
    expires_ms: int  # undefined while it is confirmed
    is_authenticated: int  # who confirmed it was known
    is_guarded: int  # only who is known may end it
    attributes: str  # JSON object: what was set, by AWS's names
    paced_ms: int  # when the next delivery may be made, with a throttle

    @property
    def topic_arn(self) -> str:
        """The ARN of its topic."""
        return topic_arn(self.region, self.account, self.name)

    @property
    def arn(self) -> str:
        """Its own ARN."""
        return f"{self.topic_arn}:{self.id}"

    def is_there(self, now_ms: int) -> bool:
        """Tell whether it is shown: it is confirmed, or may still be."""
        return self.status == "confirmed" or (self.status == "pending" and self.expires_ms > now_ms)


class Measure(NamedTuple):
    """How many subscriptions a topic has, and has had."""

    confirmed: int
    pending: int
    deleted: int


class Filters(NamedTuple):
    """How many filter policies there are."""

    of_account: int
    of_topic: int


class Published(NamedTuple):
    """A message that was published lately."""

    message_id: str
    sequence: str


class Key(NamedTuple):
    """What notifications are signed with."""

    id: str
    private_key: bytes  # PKCS #8, DER
    certificate: bytes  # X.509, PEM


class Number(NamedTuple):
    """A single number."""

    value: int
