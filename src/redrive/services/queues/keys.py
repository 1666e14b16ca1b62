"""The key file of encryption at rest: one key a line, the newest first.

    # any words
    <64 hexadecimal digits>      seals what is sent from now on
    <64 hexadecimal digits>      opens what was sealed before

A key's id is the beginning of its SHA-256. The store remembers the ids of all keys that it has
sealed with; one that is missing from the file stops the start while a message needs it, so that a
wrong file is told at once and never met as garbage.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from redrive.core.effects import Chance
from redrive.services.queues.model import Message, Number, Queue
from redrive.store.store import Store, StoreFailed, Tx

_SECRET_BYTES = 32
_ID_BYTES = 8
_SESSION_BYTES = 4
_LINE = re.compile(r"[0-9A-Fa-f]{64}")
_HEAD = (
    "# Keys of Redrive's encryption at rest, the newest first. Whoever has one can read the\n"
    "# messages; without it nobody can. A new one: openssl rand -hex 32, as the first line.\n"
)


class Key(NamedTuple):
    """A key of AES-256."""

    id: bytes
    secret: bytes


class Cipher(Protocol):
    """What `sealing.Sealer` does for the operations."""

    def sealed(
        self, queue: Queue, seq: int, content: bytes, attributes: bytes | None
    ) -> tuple[bytes, bytes | None]:
        """Return content and attributes as a message of the queue keeps them."""
        ...

    def opened(self, message: Message) -> Message:
        """Return a message whose content and attributes are JSON text."""
        ...


class _Id(NamedTuple):
    id: bytes


def open_cipher(store: Store, chance: Chance, path: Path, *, seals: bool) -> Cipher | None:
    """Return what seals and opens the store's messages; None when it neither has nor wants any.

    With `seals` a file that is not there is made. Raises StoreFailed when the file cannot be used,
    or lacks a key that a message of the store is sealed with.
    """
    known = store.transact(lambda tx: [row.id for row in tx.rows(_Id, "queues.sealing_keys")])
    if not seals and not known:
        return None
    if seals and not known and not path.exists():
        _make_file(path, chance.token(_SECRET_BYTES))
    keys = read_keys(path)
    held = {key.id for key in keys}
    for lost in known:
        if lost not in held:
            _let_go(store, lost, path)
    if seals and keys[0].id not in known:
        store.transact(lambda tx: tx.run("queues.keep_sealing_key", id=keys[0].id))
    sealing: Any = import_module("redrive.services.queues.sealing")
    cipher: Cipher = sealing.Sealer(keys, chance.token(_SESSION_BYTES), seals=seals)
    return cipher


def read_keys(path: Path) -> Sequence[Key]:
    """Return the keys of a file, the newest first. Raises StoreFailed, naming the file."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise StoreFailed(
            f"{path} is not there, and messages are sealed with a key of it: put it back, or name"
            " the file that holds the key (encryption_key_file)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreFailed(f"{path} cannot be read: {error}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise StoreFailed(f"{path} can be read by others: chmod 600 {path}")
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if _LINE.fullmatch(word) is None:
            raise StoreFailed(f"{path}, line {number}: a key is 64 hexadecimal digits")
        secret = bytes.fromhex(word)
        keys.append(Key(sha256(secret).digest()[:_ID_BYTES], secret))
    if not keys:
        raise StoreFailed(f"{path} holds no key")
    return keys


def _make_file(path: Path, secret: bytes) -> None:
    """Write a file with a key, on the platter before anything is sealed with it."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, f"{_HEAD}{secret.hex()}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreFailed(f"{path} cannot be made: {error.strerror}") from error


def _let_go(store: Store, lost: bytes, path: Path) -> None:
    """Forget a key that was taken out of the file, unless a message needs it.

    Looks through all messages, which takes a while and happens once.
    """

    def forget(tx: Tx) -> bool:
        if tx.one(Number, "queues.sealed_with", head=b"\x01" + lost) is not None:
            return False
        tx.run("queues.forget_sealing_key", id=lost)
        return True

    if not store.transact(forget):
        raise StoreFailed(
            f"messages are sealed with key {lost.hex()}, which is not in {path}: they cannot be"
            " read without it. Put the key back into the file; it may be taken out when none of"
            " them is left"
        )
