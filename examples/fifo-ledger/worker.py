"""A worker that books the entries of all accounts, each account's in the order of sending.

It knows one rule: an entry that cannot be booked is not deleted, and neither is what comes behind
it in its account; FIFO queues keep the rest of the order. An entry is booked in a transaction and
then deleted, so that after a crash in between it comes again and is known by its id.

    python worker.py ENDPOINT QUEUE_URL DATABASE [hang]

With `hang` it books one entry of a batch, prints "hung" and never goes on: whoever started it
kills it. Without, it ends by itself when its standard input is closed.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

BUSY_SECONDS = 60.0
BATCH = 10
GIVE_BACK = 0


class Refused(Exception):
    """An entry that cannot be booked."""


def connect(path: str) -> sqlite3.Connection:
    """Open the ledger."""
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def book(ledger: sqlite3.Connection, entry: dict[str, Any]) -> None:
    """Book an entry once, in one transaction. Raises Refused and books nothing."""
    currency = entry["currency"]
    ledger.execute("BEGIN IMMEDIATE")
    try:
        if ledger.execute("SELECT 1 FROM entries WHERE id = ?", (entry["id"],)).fetchone() is None:
            rate = ledger.execute("SELECT cents FROM rates WHERE currency = ?", (currency,))
            found = rate.fetchone()
            if found is None:
                raise Refused(f"{entry['id']}: no rate for {currency}")
            row = entry["id"], entry["account"], entry["number"], entry["amount"] * found[0]
            ledger.execute("INSERT INTO entries (id, account, number, cents) VALUES (?,?,?,?)", row)
        ledger.execute("COMMIT")
    except BaseException:
        ledger.execute("ROLLBACK")
        raise


def book_batch(
    sqs: Any, queue_url: str, messages: list[Any], book_one: Callable[[dict[str, Any]], None]
) -> None:
    """Book in order; give an account's entries back from the first that was refused."""
    stopped: set[str] = set()
    for message in messages:
        handle = {"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]}
        entry = json.loads(message["Body"])
        if entry["account"] not in stopped:
            try:
                book_one(entry)
            except Refused:
                stopped.add(entry["account"])
            else:
                sqs.delete_message(**handle)
                continue
        sqs.change_message_visibility(**handle, VisibilityTimeout=GIVE_BACK)


def work(sqs: Any, queue_url: str, ledger: sqlite3.Connection, is_over: threading.Event) -> None:
    """Receive and book until it is over."""
    while not is_over.is_set():
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=1
        )
        book_batch(sqs, queue_url, answer.get("Messages", []), lambda e: book(ledger, e))


def hang(sqs: Any, queue_url: str, ledger: sqlite3.Connection) -> None:
    """Book the first entry of a batch, delete nothing, and stand still."""
    messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=BATCH)["Messages"]
    book(ledger, json.loads(messages[0]["Body"]))
    print(f"hung {len(messages)}", flush=True)
    threading.Event().wait()


def _listen(is_over: threading.Event) -> None:
    sys.stdin.read()
    is_over.set()


def main() -> None:
    """Work, or hang."""
    url, queue_url, path, *how = sys.argv[1:]
    sqs = boto3.client("sqs", endpoint_url=url, config=Config(proxies={}))
    ledger = connect(path)
    if how:
        hang(sqs, queue_url, ledger)
        return
    is_over = threading.Event()
    threading.Thread(target=_listen, args=(is_over,), daemon=True).start()
    work(sqs, queue_url, ledger, is_over)


if __name__ == "__main__":
    main()
