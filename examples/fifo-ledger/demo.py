"""A ledger of accounts behind a FIFO queue: each account's entries are booked in order, once.

A clumsy sender sends everything twice, a worker is killed in the middle of a batch, an entry cannot
be booked, goes to the dead-letter queue and is redriven. Ends with 0 when the ledger is right after
all that, with 1 when it is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from rich.console import Console
from rich.table import Table
from worker import connect

from redrive.testing import HostError, Serving, serving

EXAMPLE = Path(__file__).resolve().parent
ACCOUNTS = ("ada", "bob", "cyd", "dan", "eve")
WORKERS = 3
RATES = {"EUR": 100, "CHF": 106}  # cents for one
POISON = ("cyd", 6, "XAU")  # account, number and currency of the entry that cannot be booked
POISON_RATE = 380_000
RECEIVES_MAX = 3
ENTRIES_MIN = 10  # of each account, so that there are some behind the poison entry
ATTEMPTS = 2_400
PAUSE_SECONDS = 0.05  # between two looks: 120 s at most for anything that is waited for
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE entries (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE, account TEXT, number INTEGER, cents INTEGER
);
CREATE TABLE rates (currency TEXT PRIMARY KEY, rate INTEGER);
CREATE TABLE frozen (account TEXT PRIMARY KEY);
CREATE TABLE repeats (id TEXT);
"""
Entry = dict[str, Any]


class DemoError(Exception):
    """The demo cannot go on."""


class Queues(NamedTuple):
    """The queue and its dead-letter queue."""

    sqs: Any
    url: str
    dead_url: str
    dead_arn: str

    def waiting(self, url: str) -> int:
        """Return how many messages a queue holds, visible or not."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        return sum(int(found["Attributes"][name]) for name in names)


class Outcome(NamedTuple):
    """What came of it."""

    twice: int  # entries that the queue stored a second time
    hung: str  # the entry that the killed worker had booked
    dead: int  # messages that went to the dead-letter queue
    booked: dict[str, list[int]]  # by account, the numbers of its entries as they were booked
    balances: dict[str, int]  # cents
    repeats: frozenset[str]  # entries that came again and were known


# --- the queues ---------------------------------------------------------------------------------


def until(is_so: Callable[[], bool], what: str) -> None:
    """Look again and again until something is so."""
    pause = threading.Event()
    for _ in range(ATTEMPTS):
        if is_so():
            return
        pause.wait(PAUSE_SECONDS)
    raise DemoError(f"waited in vain: {what}")


def make_queues(server: Serving, *, is_fifo: bool) -> Queues:
    """Create the queue and its dead-letter queue."""
    sqs = boto3.client("sqs", **server.settings, config=Config(proxies={}))
    end, kind = (".fifo", {"FifoQueue": "true"}) if is_fifo else ("", {})
    dead_url = sqs.create_queue(QueueName=f"ledger-dead{end}", Attributes=kind)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
    dead_arn = found["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": RECEIVES_MAX})
    made = sqs.create_queue(QueueName=f"ledger{end}", Attributes=kind | {"RedrivePolicy": policy})
    return Queues(sqs, made["QueueUrl"], dead_url, dead_arn)


# --- the sender ---------------------------------------------------------------------------------


def make_entries(count: int) -> list[Entry]:
    """Return deposits and withdrawals, the accounts' entries one after the other in turn."""
    entries = []
    for number in range(1, count + 1):
        for account in ACCOUNTS:
            currency = "CHF" if number % 4 == 0 else "EUR"
            if (account, number) == POISON[:2]:
                currency = POISON[2]
            amount = number * 10 if number % 2 else -number
            entry = {"id": f"{account}-{number}", "account": account, "number": number}
            entries.append(entry | {"amount": amount, "currency": currency})
    return entries


def send_twice(queues: Queues, entries: list[Entry], *, is_fifo: bool) -> int:
    """Send each batch, and once more, as after a lost answer; return how many were stored twice."""
    twice = 0
    for first in range(0, len(entries), 10):
        batch = []
        for entry in entries[first : first + 10]:
            message = {"Id": entry["id"], "MessageBody": json.dumps(entry)}
            if is_fifo:
                message["MessageGroupId"] = entry["account"]
                message["MessageDeduplicationId"] = entry["id"]
            batch.append(message)
        ids = []
        for _ in range(2):
            answer = queues.sqs.send_message_batch(QueueUrl=queues.url, Entries=batch)
            if answer.get("Failed"):
                raise DemoError(f"not sent: {answer['Failed']}")
            ids.append({sent["Id"]: sent["MessageId"] for sent in answer["Successful"]})
        twice += sum(ids[0][name] != ids[1][name] for name in ids[0])
    return twice


# --- the workers --------------------------------------------------------------------------------


class Worker:
    """A worker's process."""

    def __init__(self, server: Serving, queue_url: str, ledger: Path, *how: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(EXAMPLE / "worker.py"), server.url, queue_url, str(ledger), *how],
            env=server.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self, word: str) -> str:
        """Return what it says after a word."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(word):
            raise DemoError(f"a worker said {line!r} and not {word}")
        return line.removeprefix(word).strip()

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def is_well(self) -> bool:
        """Tell whether it runs."""
        return self._process.poll() is None

    def end(self) -> int:
        """Let it end by itself; return its exit code."""
        self._process.communicate()
        return self._process.returncode

    def kill(self) -> None:
        """End it at once, wherever it is: kill -9."""
        self._process.kill()
        self._process.communicate()


def mend(queues: Queues, ledger: Path) -> None:
    """Add the rate that was missing, thaw the account, and redrive."""
    with closing(connect(str(ledger))) as books:
        books.execute("INSERT INTO rates VALUES (?, ?)", (POISON[2], POISON_RATE))
        books.execute("DELETE FROM frozen")
    queues.sqs.start_message_move_task(SourceArn=queues.dead_arn)


# --- the play -----------------------------------------------------------------------------------


def play(server: Serving, folder: Path, entries: list[Entry], *, is_fifo: bool) -> Outcome:
    """Send, book, kill, mend and redrive; return what came of it."""
    ledger = folder / "ledger.db"
    with closing(connect(str(ledger))) as books:
        books.executescript(SCHEMA)
        books.executemany("INSERT INTO rates VALUES (?, ?)", RATES.items())
    queues = make_queues(server, is_fifo=is_fifo)
    twice = send_twice(queues, entries, is_fifo=is_fifo)
    with ExitStack() as stack:
        victim = Worker(server, queues.url, ledger, "hang")
        stack.callback(victim.kill)
        workers = [Worker(server, queues.url, ledger) for _ in range(WORKERS)]
        for worker in workers:
            stack.callback(worker.kill)
        for worker in (victim, *workers):
            worker.hear("ready")

        def is_done(queue_url: str) -> bool:
            if not all(worker.is_well() for worker in workers):
                raise DemoError("a worker has ended")
            return queues.waiting(queue_url) == 0

        victim.begin()
        hung = victim.hear("hung")
        for worker in workers:
            worker.begin()
        victim.kill()
        until(lambda: is_done(queues.url), "all is booked or dead")
        dead = queues.waiting(queues.dead_url)
        mend(queues, ledger)
        until(lambda: is_done(queues.dead_url), "all is redriven")
        until(lambda: is_done(queues.url), "the rest is booked")
        dead_after = queues.waiting(queues.dead_url)
        codes = [worker.end() for worker in workers]
    if any(codes) or dead_after:
        raise DemoError(f"the workers ended with {codes}; {dead_after} messages are dead again")
    return read_ledger(ledger, twice, hung, dead)


def read_ledger(ledger: Path, twice: int, hung: str, dead: int) -> Outcome:
    """Read what was booked, in the order of booking."""
    booked: dict[str, list[int]] = {account: [] for account in ACCOUNTS}
    balances = dict.fromkeys(ACCOUNTS, 0)
    with closing(connect(str(ledger))) as books:
        rows = books.execute("SELECT account, number, cents FROM entries ORDER BY place")
        for account, number, cents in rows:
            booked[account].append(number)
            balances[account] += cents
        repeats = frozenset(row[0] for row in books.execute("SELECT id FROM repeats"))
    return Outcome(twice, hung, dead, booked, balances, repeats)


def right_balances(entries: list[Entry]) -> dict[str, int]:
    """Return what each account must hold, in cents."""
    rates = {**RATES, POISON[2]: POISON_RATE}
    right = dict.fromkeys(ACCOUNTS, 0)
    for entry in entries:
        right[entry["account"]] += entry["amount"] * rates[entry["currency"]]
    return right


def judge(entries: list[Entry], outcome: Outcome) -> list[str]:
    """Return what is wrong."""
    wrong = []
    for account, numbers in outcome.booked.items():
        sent = [entry["number"] for entry in entries if entry["account"] == account]
        if sorted(numbers) != sent:
            wrong.append(f"{account}: {len(numbers)} of {len(sent)} entries are booked")
        elif numbers != sent:
            first = next(n for n, number in enumerate(numbers) if number != sent[n])
            wrong.append(f"{account}: out of order, {numbers[first]} instead of {sent[first]}")
    if outcome.balances != right_balances(entries):
        wrong.append(f"balances {outcome.balances} instead of {right_balances(entries)}")
    if outcome.twice:
        wrong.append(f"{outcome.twice} entries that were sent again were stored again")
    if outcome.hung not in outcome.repeats:
        wrong.append(f"{outcome.hung}, which the killed worker had, did not come again")
    frozen = sum(e["account"] == POISON[0] and e["number"] >= POISON[1] for e in entries)
    if outcome.dead != frozen:
        wrong.append(f"{outcome.dead} messages were dead instead of {frozen}")
    return wrong


def show(console: Console, entries: list[Entry], outcome: Outcome) -> None:
    """Print the accounts."""
    table = Table(title="The ledger", title_justify="left")
    for heading in ("account", "entries", "in order", "balance"):
        table.add_column(heading, justify="left" if heading == "account" else "right")
    for account, numbers in outcome.booked.items():
        is_in_order = numbers == sorted(numbers)
        balance = f"{outcome.balances[account] / 100:,.2f}"
        table.add_row(account, str(len(numbers)), "yes" if is_in_order else "no", balance)
    console.print(table)
    console.print(
        f"{len(entries)} entries were sent twice, {outcome.twice} stored twice;"
        f" {outcome.hung} was booked by the worker that was killed;"
        f" {outcome.dead} messages were dead and came back."
    )


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--entries", type=int, default=20, help="of each account (default: 20)")
    parser.add_argument(
        "--standard", action="store_true", help="use standard queues: the demo fails"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    if given.entries < ENTRIES_MIN:
        parser.error(f"--entries is at least {ENTRIES_MIN}")
    console = Console(stderr=given.json, highlight=False)
    entries = make_entries(given.entries)
    outcome: Outcome | None = None
    try:
        with tempfile.TemporaryDirectory() as folder, serving() as server:
            outcome = play(server, Path(folder), entries, is_fifo=not given.standard)
        show(console, entries, outcome)
        wrong = judge(entries, outcome)
    except (DemoError, HostError) as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        return 130
    summary: dict[str, Any] = {"ok": not wrong, "wrong": wrong}
    if outcome is not None:
        summary |= outcome._asdict() | {"repeats": sorted(outcome.repeats)}
    if given.json:
        print(json.dumps(summary))
    for line in wrong:
        console.print(f"[bold red]Wrong:[/] {line}")
    if not wrong:
        console.print("Every account's entries are booked in the order of sending, each once.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
