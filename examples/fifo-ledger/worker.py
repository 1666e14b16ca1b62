"""A worker that books the entries of all accounts, each account's in the order in which they come.

It books an entry in a transaction of the ledger and then deletes it from the queue: after a crash
in between it comes again, and is known by its id. An entry that cannot be booked freezes its
account, so that nothing overtakes it: what is behind it is refused as well, until a person mends
the cause. Nothing here compares numbers: the order is the queue's.

    python worker.py ENDPOINT QUEUE_URL LEDGER [hang]

It prints "ready", begins when a line comes in, and ends when its standard input is closed. With
`hang` it books the first entry of a batch, prints "hung" and stands still, until it is killed.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BATCH = 10
LOCK_SECONDS_MAX = 60.0
HUNG_LEASE_SECONDS = 3  # so that the demo does not wait for half a minute


def connect(path: str) -> sqlite3.Connection:
    """Open the ledger; transactions begin where they are written."""
    return sqlite3.connect(path, timeout=LOCK_SECONDS_MAX, isolation_level=None)


def book(ledger: sqlite3.Connection, entry: dict[str, Any]) -> bool:
    """Book an entry, if it is not there yet; return False, with its account frozen, if it cannot
    be booked."""
    ledger.execute("BEGIN IMMEDIATE")
    try:
        is_booked = _book(ledger, entry)
        ledger.execute("COMMIT")
    except BaseException:
        ledger.execute("ROLLBACK")
        raise
    return is_booked


def _book(ledger: sqlite3.Connection, entry: dict[str, Any]) -> bool:
    account = entry["account"]
    if ledger.execute("SELECT 1 FROM entries WHERE id = ?", (entry["id"],)).fetchone():
        ledger.execute("INSERT INTO repeats (id) VALUES (?)", (entry["id"],))
        return True
    rates = "SELECT rate FROM rates WHERE currency = ?"
    rate = ledger.execute(rates, (entry["currency"],)).fetchone()
    if rate is None:
        ledger.execute("INSERT OR IGNORE INTO frozen (account) VALUES (?)", (account,))
    if ledger.execute("SELECT 1 FROM frozen WHERE account = ?", (account,)).fetchone():
        return False
    ledger.execute(
        "INSERT INTO entries (id, account, number, cents) VALUES (?, ?, ?, ?)",
        (entry["id"], account, entry["number"], entry["amount"] * rate[0]),
    )
    return True


def work(sqs: Any, queue_url: str, ledger: sqlite3.Connection, is_over: threading.Event) -> None:
    """Receive, book and delete; give back what is refused."""
    while not is_over.is_set():
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", []):
            held = {"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]}
            is_booked = book(ledger, json.loads(message["Body"]))
            try:
                if is_booked:
                    sqs.delete_message(**held)
                else:
                    sqs.change_message_visibility(**held, VisibilityTimeout=0)
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidParameterValue":
                    raise  # else it was held for too long; it comes again, and is known


def hang(sqs: Any, queue_url: str, ledger: sqlite3.Connection) -> None:
    """Book the first entry of a batch, delete nothing, and stand still."""
    messages = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=BATCH, VisibilityTimeout=HUNG_LEASE_SECONDS
    )["Messages"]
    entry = json.loads(messages[0]["Body"])
    book(ledger, entry)
    print(f"hung {entry['id']}", flush=True)
    threading.Event().wait()


def _listen(is_over: threading.Event) -> None:
    sys.stdin.read()
    is_over.set()


def main() -> None:
    """Work, or hang."""
    url, queue_url, path, *how = sys.argv[1:]
    sqs = boto3.client("sqs", endpoint_url=url, config=Config(proxies={}))
    ledger = connect(path)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    if how:
        hang(sqs, queue_url, ledger)
    is_over = threading.Event()
    threading.Thread(target=_listen, args=(is_over,), daemon=True).start()
    work(sqs, queue_url, ledger, is_over)


if __name__ == "__main__":
    main()
