"""Clients that send, receive, change visibility and delete until the server dies under them.

A client repeats no request of a standard queue: what got no answer may have happened or not, and
the ledger keeps both open. Sends to a FIFO queue are repeated in the next life, with their
deduplication id: they must be there once. Which request comes next is drawn from the client's own
seed.
"""

from __future__ import annotations

import http.client
import threading
from random import Random
from time import monotonic
from typing import Any

from .ledger import Ledger, place_of
from .server import Client, CrashServer, Refused

LEASE_S = 1
"""The queue's visibility timeout, the shortest there is: a drain waits for it."""

CLIENTS = 6
_PAD = "x" * 900


class Worker:
    """One client thread on one connection."""

    def __init__(self, name: str, client: Client, url: str, ledger: Ledger, seed: int) -> None:
        self._name = name
        self._client = client
        self._url = url
        self._ledger = ledger
        self._random = Random(seed)
        self._sent = 0
        self.unsure: list[str] = []  # bodies to be sent again first

    def run(self) -> None:
        """Work until the connection breaks. A refusal is booked as a violation."""
        steps = (self._send, self._send_batch, self._receive)
        try:
            self._send_again()
            while True:
                self._random.choices(steps, weights=(5, 2, 6))[0]()
        except (OSError, http.client.HTTPException):
            return
        except Refused as error:
            self._ledger.book_failure(f"an answer that nobody should get: {error}")
        finally:
            self._client.close()

    def _body(self) -> str:
        self._sent += 1
        return f"{self._name}-{self._sent} " + _PAD[: self._random.choice((0, 10, 900))]

    def _send(self) -> None:
        body = self._body()
        self._ledger.attempt_send([body])
        delay = {"DelaySeconds": 1} if self._random.random() < 0.1 else {}
        if self._ledger.is_fifo:
            delay = {}  # a FIFO queue has one for all
        answer = self._client.call(
            "SendMessage", QueueUrl=self._url, MessageBody=body, **delay, **self._group(body)
        )
        self._ledger.book_send(body, answer)

    def _group(self, body: str) -> dict[str, str]:
        """Return the parameters of a FIFO queue's message, or of some of a fair queue's."""
        group, _place = place_of(body)
        if self._ledger.is_fifo:
            return {"MessageGroupId": group, "MessageDeduplicationId": body.split()[0]}
        return {"MessageGroupId": group} if self._random.random() < 0.5 else {}

    def _send_again(self) -> None:
        """Repeat sends that nobody has confirmed: a FIFO queue takes each once."""
        for body in self.unsure:
            answer = self._client.call(
                "SendMessage", QueueUrl=self._url, MessageBody=body, **self._group(body)
            )
            self._ledger.book_send(body, answer)

    def _send_batch(self) -> None:
        bodies = {str(n): self._body() for n in range(self._random.randint(1, 10))}
        self._ledger.attempt_send(bodies.values())
        entries = [
            {"Id": key, "MessageBody": body, **self._group(body)} for key, body in bodies.items()
        ]
        answer = self._client.call("SendMessageBatch", QueueUrl=self._url, Entries=entries)
        for entry in answer.get("Successful", ()):
            self._ledger.book_send(bodies[entry["Id"]], entry)
        if answer.get("Failed"):
            self._ledger.book_failure(f"entries failed: {answer['Failed']}")

    def _receive(self) -> None:
        messages = receive(self._client, self._url, self._ledger)
        if not messages:
            return
        draw = self._random.random()
        if draw < 0.35:
            delete_batch(self._client, self._url, self._ledger, messages)
        elif draw < 0.75:
            for message in messages[:3]:
                self._delete(message)
        elif draw < 0.9:
            for message in messages[:3]:
                self._change_visibility(message)
        # else: the client forgets them, as one that crashed would

    def _delete(self, message: dict[str, Any]) -> None:
        self._ledger.attempt_delete([message["MessageId"]])
        self._client.call(
            "DeleteMessage", QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
        )
        self._ledger.book_delete(message["MessageId"], _count(message))

    def _change_visibility(self, message: dict[str, Any]) -> None:
        self._ledger.attempt_change(message["MessageId"])
        try:
            self._client.call(
                "ChangeMessageVisibility",
                QueueUrl=self._url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=self._random.choice((0, LEASE_S)),
            )
        except Refused as error:
            # A lease may have lapsed while the server was busy, and another client got the message.
            if error.status != 400:
                raise
            return
        self._ledger.book_change()


def receive(
    client: Client, url: str, ledger: Ledger, *, wait_s: int = 0, lease_s: int = LEASE_S
) -> list[dict[str, Any]]:
    """Receive up to ten messages and book them."""
    began = monotonic()
    answer = client.call(
        "ReceiveMessage",
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=wait_s,
        VisibilityTimeout=lease_s,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    ledger.book_receive(began, lease_s, messages)
    return messages


def delete_batch(client: Client, url: str, ledger: Ledger, messages: list[dict[str, Any]]) -> None:
    """Delete messages with the handles that came with them, and book what was acknowledged."""
    by_id = {str(n): message for n, message in enumerate(messages)}
    ledger.attempt_delete(message["MessageId"] for message in messages)
    entries = [{"Id": n, "ReceiptHandle": m["ReceiptHandle"]} for n, m in by_id.items()]
    answer = client.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    for entry in answer.get("Successful", ()):
        message = by_id[entry["Id"]]
        ledger.book_delete(message["MessageId"], _count(message))
    if answer.get("Failed"):
        ledger.book_failure(f"deletes failed: {answer['Failed']}")


def start_load(
    server: CrashServer, url: str, ledger: Ledger, random: Random, name: str, clients: int = CLIENTS
) -> list[threading.Thread]:
    """Start the client threads; they end when the server is gone."""
    threads = []
    for n in range(clients):
        worker = Worker(f"{name}-{n}", server.client(), url, ledger, random.getrandbits(64))
        if ledger.is_fifo and n == 0:
            worker.unsure = ledger.unsure()
        threads.append(threading.Thread(target=worker.run, name=f"client {n}", daemon=True))
    for thread in threads:
        thread.start()
    return threads


def held(client: Client, url: str) -> int:
    """Return how many messages the queue's counters speak of."""
    answer = client.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
    names = ("", "NotVisible", "Delayed")
    return sum(int(answer["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in names)


def drain(client: Client, url: str, ledger: Ledger) -> set[str]:
    """Empty a queue that nobody else works on, and compare its counters on the way.

    Leases and delays of before are waited out by long polls, which return when one has lapsed.
    """
    drained: set[str] = set()
    before = held(client, url)
    while True:
        is_said_empty = held(client, url) == 0
        # When the counters say that nothing is left, one look must find nothing.
        messages = receive(
            client, url, ledger, wait_s=0 if is_said_empty else LEASE_S + 1, lease_s=60
        )
        if not messages:
            break
        delete_batch(client, url, ledger, messages)
        drained.update(message["MessageId"] for message in messages)
    after = held(client, url)
    if (before, after) != (len(drained), 0):
        ledger.book_failure(
            f"the counters said {before} and then {after}; {len(drained)} messages were there"
        )
    return drained


def _count(message: dict[str, Any]) -> int:
    return int(message["Attributes"]["ApproximateReceiveCount"])
