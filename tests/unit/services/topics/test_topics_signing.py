"""Signatures, verified as a client verifies them: with what it was sent and the certificate."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from topics_rig import TopicsWorld

from redrive.core.errors import ServiceError

NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


def verify(world: TopicsWorld, note: dict[str, Any]) -> None:
    """Do what AWS tells clients to do. Raises InvalidSignature."""
    names = NOTIFICATION if note["Type"] == "Notification" else CONFIRMATION
    text = "".join(f"{name}\n{note[name]}\n" for name in names if note.get(name) is not None)
    url = note.get("SigningCertURL") or note["SigningCertUrl"]
    beginning = "http://127.0.0.1:4566/SimpleNotificationService-"
    assert url.startswith(beginning)
    identity = url.removeprefix(beginning).removesuffix(".pem")
    pem = world.call("sns", "GetSigningCertificate", Id=identity)["Certificate"]
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    how = {"1": hashes.SHA1(), "2": hashes.SHA256()}[note["SignatureVersion"]]
    key.verify(b64decode(note["Signature"]), text.encode(), padding.PKCS1v15(), how)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "A subject"])
def test_notifications(world: TopicsWorld, version: str, subject: str | None) -> None:
    """A notification is signed in the topic's version, with and without a subject."""
    topic = world.topic(SignatureVersion=version)
    world.subscribe(topic, world.queue("q"))
    world.subscribe(topic, world.function(), "lambda")
    world.publish(topic, "über\nalles", **({"Subject": subject} if subject else {}))
    (note,) = world.notices("q")
    assert note["SignatureVersion"] == version
    verify(world, note)
    verify(world, world.events()[0]["Records"][0]["Sns"])
    with pytest.raises(InvalidSignature):
        verify(world, {**note, "Message": "another"})


def test_confirmations(world: TopicsWorld) -> None:
    """What asks for a confirmation is signed, its link included."""
    world.subscribe(world.topic(), "http://example.com/", "http")
    note = json.loads(world.fetches[0].body)
    verify(world, note)
    with pytest.raises(InvalidSignature):
        verify(world, {**note, "SubscribeURL": "http://example.org/"})


def test_a_restart_keeps_the_key(world: TopicsWorld) -> None:
    """There is one key for a data directory; what was signed before a crash is still good."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"))
    world.publish(topic, "before")
    world.crash()
    world.publish(topic, "after")
    before, after = world.notices("q")
    assert before["SigningCertURL"] == after["SigningCertURL"]
    verify(world, before)
    verify(world, after)


def test_texts_for_protocols_have_their_own_signatures(world: TopicsWorld) -> None:
    """Each protocol's text is signed as it is sent."""
    topic = world.topic()
    world.subscribe(topic, world.queue("q"))
    world.subscribe(topic, world.function(), "lambda")
    world.publish(topic, '{"default":"d","sqs":"s"}', MessageStructure="json")
    (note,) = world.notices("q")
    verify(world, note)
    verify(world, world.events()[0]["Records"][0]["Sns"])


def test_a_certificate_that_is_not_there(world: TopicsWorld) -> None:
    """Another key's certificate is not there, before the first signature and after it."""
    with pytest.raises(ServiceError, match="no such certificate"):
        world.call("sns", "GetSigningCertificate", Id="0" * 32)
