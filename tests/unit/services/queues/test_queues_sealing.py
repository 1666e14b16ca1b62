"""Encryption at rest: nothing readable reaches the disk, every key that is needed is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from queues_rig import ORIGIN, SQL, Rig, arn, bury, redrive, start_move
from stand_ins import CountedChance

from redrive.services.dispatch import Dispatch
from redrive.services.queues.keys import open_cipher, read_keys
from redrive.services.queues.operations import register
from redrive.services.queues.room import Queues
from redrive.services.queues.sealing import SEALED
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import StoreFailed

SECRET = "the kitchen door opens at seven"
NOTED = {"clue": {"DataType": "String", "StringValue": "under the third flowerpot"}}
READABLE = (SECRET.encode(), b"flowerpot", b"clue")
OTHER_KEY = "0123456789abcdef" * 4


class SealedRig(Rig):
    """The service with a key file; `encryption` may be switched between two starts."""

    def __init__(self, folder: Path) -> None:
        self.encryption = True
        self.key_path = folder / "redrive.key"
        super().__init__(folder)

    def _open(self) -> None:
        self.store = SqliteStore(str(self._folder / "redrive.db"), load_statements(SQL))
        try:
            self._wire()
        except StoreFailed:
            self.store.close()
            raise

    def _wire(self) -> None:
        registry = Registry(self.store)
        cipher = open_cipher(self.store, self._chance, self.key_path, seals=self.encryption)
        self.room = Queues(self.store, self._chance, cipher=cipher)
        register(registry, self.room)
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=self._chance,
            run=lambda run, done: None,
            origin=ORIGIN,
            fault=self.faults.append,
        )

    def start(self, *, encryption: bool) -> None:  # type: ignore[override]
        """Stop and start anew with the option on or off."""
        self.encryption = encryption
        self.wait(1)
        self.crash()

    def on_disk(self) -> bytes:
        """Return everything in the data directory but the key, the log included."""
        files = sorted(p for p in self._folder.iterdir() if p != self.key_path)
        return b"".join(p.read_bytes() for p in files)

    def rows(self) -> list[tuple[bytes, bytes | None]]:
        """Return content and attributes as they are stored."""
        found = self.store._connection.execute(
            "SELECT content, attributes FROM messages ORDER BY seq"
        ).fetchall()
        return [(bytes(content), attributes) for content, attributes in found]

    def is_sealed(self) -> list[bool]:
        """Tell of each message whether it is sealed."""
        return [content[0] == SEALED for content, _attributes in self.rows()]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SealedRig]:
    """The service with encryption on."""
    made = SealedRig(tmp_path)
    yield made
    made.store.close()


def peeked(rig: SealedRig, queue: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.call("PeekMessages", of="redrive", Queue=queue)["Messages"]
    return found


def assert_unreadable(rig: SealedRig) -> None:
    content = rig.on_disk()
    for word in READABLE:
        assert word not in content, word


def test_a_message_comes_back_as_it_was_sent(rig: SealedRig) -> None:
    """Body, attributes and digests are those that were sent; the row holds none of them."""
    url = rig.create()
    sent = rig.send(url, SECRET, MessageAttributes=NOTED)
    assert rig.is_sealed() == [True]
    (seen,) = peeked(rig, url)
    assert seen["Body"] == SECRET
    assert seen["MessageAttributes"] == NOTED
    (got,) = rig.receive(url, MessageAttributeNames=["All"])
    assert got["Body"] == SECRET
    assert got["MessageAttributes"] == NOTED
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    told = rig.call("ExplainMessage", of="redrive", MessageId=sent["MessageId"])
    assert told["Message"]["Body"] == SECRET


def test_nothing_readable_reaches_the_disk(rig: SealedRig) -> None:
    """Neither tables nor log nor freed pages, through sends, receives, burials, moves, kills."""
    dlq = rig.create("dlq")
    source = rig.create("source", RedrivePolicy=redrive())
    rig.work()
    for number in range(30):
        rig.send(source, f"{SECRET} {number}" * 40, MessageAttributes=NOTED)
        assert_unreadable(rig)
    rig.crash()
    rig.work()
    for message in rig.receive(source, VisibilityTimeout=60):
        rig.call("DeleteMessage", QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
    bury(rig, source, SECRET)
    assert_unreadable(rig)
    rig.call("StartMessageMoveTask", SourceArn=arn("dlq"))
    rig.wait(5)
    assert_unreadable(rig)
    assert rig.bodies(source, VisibilityTimeout=0)
    rig.call("PurgeQueue", QueueUrl=source)
    rig.call("DeleteQueue", QueueUrl=dlq)
    rig.store.close()
    assert_unreadable(rig)
    rig._open()


def test_without_encryption_the_disk_is_readable(tmp_path: Path) -> None:
    """The test above can fail: what is not sealed is found on the disk."""
    rig = Rig(tmp_path)
    rig.send(rig.create(), SECRET)
    rig.store.close()
    assert SECRET.encode() in (tmp_path / "redrive.db").read_bytes()


def test_a_buried_message_and_a_moved_one_are_read(rig: SealedRig) -> None:
    """A burial leaves the row as it is; a move sends it anew under its new id."""
    dlq = rig.create("dlq")
    source = rig.create("source", RedrivePolicy=redrive())
    rig.work()
    bury(rig, source, SECRET)
    assert rig.bodies(dlq, VisibilityTimeout=0) == [SECRET]
    start_move(rig)
    rig.wait(5)
    (moved,) = rig.receive(source)
    assert moved["Body"] == SECRET
    assert rig.is_sealed() == [True]


@pytest.mark.parametrize(
    ("attributes", "sealed"),
    [
        ({}, True),
        ({"SqsManagedSseEnabled": "true"}, True),
        ({"SqsManagedSseEnabled": "false"}, False),
        ({"KmsMasterKeyId": "alias/aws/sqs"}, True),
    ],
)
def test_a_queue_decides(rig: SealedRig, attributes: dict[str, str], sealed: bool) -> None:
    """SSE-SQS is on by default; it or a KMS key seals, neither does not."""
    url = rig.create(**attributes)
    rig.send(url, SECRET)
    assert rig.is_sealed() == [sealed]
    assert rig.bodies(url) == [SECRET]


def test_a_row_says_how_it_is_kept(rig: SealedRig) -> None:
    """Option and attribute may change at any time; what is there already stays readable."""
    url = rig.create()
    rig.send(url, "first")
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"SqsManagedSseEnabled": "false"})
    rig.send(url, "second")
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    rig.send(url, "third")
    rig.start(encryption=False)
    rig.send(url, "fourth")
    rig.start(encryption=True)
    rig.send(url, "fifth")
    assert rig.is_sealed() == [True, False, True, False, True]
    assert rig.bodies(url) == ["first", "second", "third", "fourth", "fifth"]


def test_equal_messages_are_sealed_unlike(rig: SealedRig) -> None:
    """No two rows share what they hold, nor do a row's two columns."""
    url = rig.create()
    for _ in range(3):
        rig.send(url, SECRET, MessageAttributes=NOTED)
    rig.crash()
    rig.send(url, SECRET, MessageAttributes=NOTED)
    texts = [text[13:45] for row in rig.rows() for text in row if text is not None]
    assert len(set(texts)) == len(texts) == 8


def test_a_row_in_anothers_place_does_not_open(rig: SealedRig) -> None:
    """What somebody has put there is an error of ours, and never a message."""
    url = rig.create()
    rig.send(url, "first")
    rig.send(url, "second")
    execute = rig.store._connection.execute
    execute("UPDATE messages SET content = (SELECT content FROM messages ORDER BY seq LIMIT 1)")
    assert rig.bodies(url, 1) == ["first"]
    with pytest.raises(AssertionError, match="not what was stored"):
        rig.receive(url)


def test_fifo_messages_are_sealed(rig: SealedRig) -> None:
    """In order, and moved as well."""
    url = rig.create("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for word in ("one", "two"):
        rig.send(url, f"{SECRET} {word}", MessageGroupId="g")
    assert rig.is_sealed() == [True, True]
    assert_unreadable(rig)
    assert rig.bodies(url) == [f"{SECRET} one", f"{SECRET} two"]


# --- the key file -------------------------------------------------------------------------------


def test_a_key_is_made_for_its_owner_alone(rig: SealedRig) -> None:
    """At the first start with encryption on; the next one uses it."""
    assert rig.key_path.stat().st_mode & 0o777 == 0o600
    (key,) = read_keys(rig.key_path)
    rig.crash()
    assert read_keys(rig.key_path) == [key]


def test_without_encryption_no_key_is_made(tmp_path: Path) -> None:
    """A server that seals nothing asks for no file."""
    store = SqliteStore(str(tmp_path / "redrive.db"), load_statements(SQL))
    path = tmp_path / "redrive.key"
    assert open_cipher(store, CountedChance(), path, seals=False) is None
    assert not path.exists()
    store.close()


@pytest.mark.parametrize("encryption", [True, False])
@pytest.mark.parametrize("harm", ["gone", "another", "none in it", "no key", "open to others"])
def test_a_file_that_does_not_fit_is_refused(rig: SealedRig, harm: str, encryption: bool) -> None:
    """At the start, in words that name the file; the messages are still there afterwards."""
    url = rig.create()
    rig.send(url, SECRET)
    good = rig.key_path.read_text()
    rig.encryption = encryption
    rig.store.close()
    told = {
        "gone": "is not there",
        "another": "which is not in",
        "none in it": "holds no key",
        "no key": "line 2: a key is 64 hexadecimal digits",
        "open to others": "chmod 600",
    }[harm]
    if harm == "gone":
        rig.key_path.unlink()
    elif harm == "open to others":
        rig.key_path.chmod(0o640)
    else:
        words = {"another": OTHER_KEY, "none in it": "# nothing", "no key": "#\nopen sesame"}
        rig.key_path.write_text(words[harm] + "\n")
    with pytest.raises(StoreFailed, match=told) as seen:
        rig._open()
    assert str(rig.key_path) in str(seen.value)
    assert harm == "gone" or rig.key_path.exists()
    rig.key_path.touch()
    rig.key_path.chmod(0o600)
    rig.key_path.write_text(good)
    rig._open()
    assert rig.bodies(url) == [SECRET]


def test_keys_are_rotated(rig: SealedRig) -> None:
    """The first of the file seals; the others open; one that is not needed any more may go."""
    url = rig.create()
    rig.send(url, "old")
    old = rig.key_path.read_text()
    rig.key_path.write_text(f"{OTHER_KEY}\n{old}")
    rig.crash()
    rig.send(url, "new")
    first, second = (row[0][1:9] for row in rig.rows())
    assert first != second
    rig.store.close()
    rig.key_path.write_text(OTHER_KEY)
    with pytest.raises(StoreFailed, match=first.hex()):
        rig._open()
    rig.key_path.write_text(f"{OTHER_KEY}\n{old}")
    rig._open()
    got = rig.receive(url)
    assert [message["Body"] for message in got] == ["old", "new"]
    rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    rig.store.close()
    rig.key_path.write_text(OTHER_KEY)
    rig._open()
    rig.wait(31)
    assert rig.bodies(url) == ["new"]
