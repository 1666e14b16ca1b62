"""What deliveries are made with: signatures, HTTP, raw messages with binary attributes. Internal.

The courier of the delivery service calls PostNotification and SendRaw; the front asks for the
certificate.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit

import orjson

from redrive.core.effects import Ask, Call, Context, Fetch, Fetched, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.time import SECOND_MS, Millis
from redrive.services.topics.envelopes import Notification, Signature, canonical
from redrive.services.topics.fanout import with_bytes
from redrive.services.topics.model import Key, Topic
from redrive.services.topics.room import Topics
from redrive.store.store import Tx

POST_MS_MAX = 15 * SECOND_MS
"""AWS: SNS Developer Guide, "Fanout Amazon SNS notifications to HTTPS endpoints": an endpoint has
15 seconds to answer."""
_ANSWER_BYTES_MAX = 4_096
"""Nobody reads it; more is left alone."""


class Signatures:
    """Signs notifications of one topic, each text once: a signature costs as much as a dozen rows.

    Those of FIFO topics are not signed. AWS: as captured.
    """

    def __init__(self, room: Topics, tx: Tx, topic: Topic, context: Context) -> None:
        self._room = room
        self._tx = tx
        self._is_fifo = bool(topic.is_fifo)
        self._version = orjson.loads(topic.attributes).get("SignatureVersion", "1")
        self._context = context
        self._made: dict[bytes, Signature] = {}

    def __call__(self, notification: Notification) -> Signature | None:
        """Return the signature of a notification."""
        if self._is_fifo:
            return None
        text = canonical(notification)
        made = self._made.get(text)
        if made is None:
            signer = self._room.signer(self._tx, self._context.now_ms)
            url = f"{self._context.origin}/SimpleNotificationService-{signer.id}.pem"
            made = Signature(self._version, signer.sign(text, self._version), url)
            self._made[text] = made
        return made


def get_signing_certificate(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Return the certificate of an Id as PEM, which anybody may have."""
    del room, context
    key: Key | None = tx.cached(Key, "topics.key")
    if key is None or key.id != params["Id"]:
        raise ServiceError("NotFound", "There is no such certificate", status=404)
    return {"Certificate": key.certificate}


def send_raw(room: Topics, tx: Tx, params: Params, context: Context) -> Ask:
    """Send a message whose binary attributes are base64, as a row keeps them."""
    del room, tx
    attributes = with_bytes(params["MessageAttributes"])
    message = {**params, "MessageAttributes": attributes}
    return Ask(Call("sqs", "SendMessage", message, context.caller), _sent)


def _sent(_tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
    if reply.error is not None:
        raise reply.error
    return reply.result or {}


def post_notification(room: Topics, tx: Tx, params: Params, context: Context) -> Ask:
    """Send a Body to a Url over HTTP; Headers are pairs.

    A name and a password in the URL become basic authentication. AWS: "Fanout Amazon SNS
    notifications to HTTPS endpoints".
    """
    del room, tx, context
    url, credentials = _apart(params["Url"])
    headers = [(name, value) for name, value in params["Headers"]]
    if credentials:
        headers.append(("Authorization", credentials))
    fetch = Fetch(
        "POST",
        url,
        tuple(headers),
        params["Body"].encode(),
        timeout_ms=POST_MS_MAX,
        body_bytes_max=_ANSWER_BYTES_MAX,
    )
    return Ask(fetch, _posted)


def _apart(url: str) -> tuple[str, str]:
    """Return a URL without the name and password in it, and what says them in a header."""
    parts = urlsplit(url)
    named, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    name, _, password = named.partition(":")
    token = b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")
    return parts._replace(netloc=host).geturl(), f"Basic {token}"


def _posted(_tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
    """Tell whether an endpoint has taken a notification.

    AWS: SNS Developer Guide, "Amazon SNS message delivery retries": statuses from 400 to 499 but
    429 are permanent; others are tried again.
    """
    if reply.error is not None:
        raise reply.error
    fetched = reply.fetched
    assert isinstance(fetched, Fetched), "a Fetch is answered with what was fetched"
    status = fetched.status
    if 200 <= status < 300:
        return {}
    code = "TargetRefused" if 400 <= status < 500 else "TargetFailed"
    if status == 429:
        code = "TargetThrottled"
    raise ServiceError(code, f"The endpoint answered with status {status}", status=status)
