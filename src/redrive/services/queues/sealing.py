"""Bodies and message attributes, sealed: what the tables, the log and freed pages hold of them.

    JSON text ──AES-256-GCM──> 01 | key (8) | session (4) | ciphertext | tag (16)
                                nonce: session, and the message's seq with a bit for the column

A row says by its first byte how it is kept: JSON text begins with a quotation mark or a brace. So
rows of both kinds lie side by side, and each is read by the key that it names.

Invariants
1. A nonce is never used twice with a key: a seq is given once in the life of a process, and each
   process draws a session of its own. So what a crash made the store forget does no harm.
2. A row opens under its own seq only: one cannot be put in another's place.

What AWS does not encrypt either stays readable: ids, times, sender, group, trace header and the
digest of the attributes. AWS: SQS Developer Guide, "Encryption at rest", on what SSE encrypts (the
body alone).

Loaded by importlib.import_module("redrive.services.queues.sealing") once there is a key: the
library costs 60 ms and 9 MB, and a server without encryption shall not pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from redrive.services.queues.keys import Key
from redrive.services.queues.model import Message, Queue

SEALED = 1
"""The first byte of what is sealed this way."""

SESSION_BYTES = 4
_HEAD_BYTES = 1 + 8 + SESSION_BYTES
_ATTRIBUTES_BIT = 1 << 63  # a seq is less


@lru_cache(maxsize=1_024)
def wants_sealing(attributes: str) -> bool:
    """Tell whether a queue's attributes (JSON text) ask for server-side encryption.

    AWS: API_SetQueueAttributes, SqsManagedSseEnabled, which is on by default, and KmsMasterKeyId.
    """
    kept = orjson.loads(attributes)
    return bool(kept.get("KmsMasterKeyId")) or kept.get("SqsManagedSseEnabled") != "false"


class Sealer:
    """Seals with the first of the keys, and opens with whichever a row names."""

    def __init__(self, keys: Sequence[Key], session: bytes, *, seals: bool) -> None:
        """`session` is drawn anew for each process; `seals` is false when encryption is off."""
        assert len(session) == SESSION_BYTES
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self._cipher = self._ciphers[keys[0].id]
        self._head = bytes((SEALED,)) + keys[0].id + session
        self._session = session
        self._seals = seals

    def sealed(
        self, queue: Queue, seq: int, content: bytes, attributes: bytes | None
    ) -> tuple[bytes, bytes | None]:
        """Return content and attributes as a message of the queue keeps them."""
        if not self._seals or not wants_sealing(queue.attributes):
            return content, attributes
        hidden = self._seal(seq, content)
        return hidden, None if attributes is None else self._seal(seq | _ATTRIBUTES_BIT, attributes)

    def opened(self, message: Message) -> Message:
        """Return a message whose content and attributes are JSON text."""
        content, attributes = message.content, message.attributes
        if content[0] != SEALED:
            return message
        return message._replace(
            content=self._open(message.seq, content),
            attributes=None
            if attributes is None
            else self._open(message.seq | _ATTRIBUTES_BIT, attributes),
        )

    def _seal(self, number: int, text: bytes) -> bytes:
        return self._head + self._cipher.encrypt(self._session + number.to_bytes(8), text, None)

    def _open(self, number: int, hidden: bytes) -> bytes:
        session = hidden[_HEAD_BYTES - SESSION_BYTES : _HEAD_BYTES]
        cipher = self._ciphers.get(hidden[1:9])
        assert cipher is not None, f"sealed with key {hidden[1:9].hex()}, which is not there"
        try:
            return cipher.decrypt(session + number.to_bytes(8), hidden[_HEAD_BYTES:], None)
        except InvalidTag:
            raise AssertionError("a sealed message is not what was stored") from None
