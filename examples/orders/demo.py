"""`make demo`: a thousand orders, a handler with a bug, a SIGKILL in the middle, and a clean audit.

Runs on a copy of the example in .redrive-demo, through `redrive up` as a person would type it. Ends
with 0 when every order is in the database exactly once, with 1 when one is missing or doubled.
"""

from __future__ import annotations

import argparse
import difflib
import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from stage.books import Books
from stage.producer import Producer
from stage.screen import Screen
from stage.server import DemoError, Server
from stage.shop import ORDERS_MIN, make_orders, twice_sent

EXAMPLE = Path(__file__).resolve().parent
RETRY_AFTER_SECONDS = 5  # instead of the template's 30, so that nobody has to wait for retries
ORDERS_COME_IN_SECONDS = 4.0
KILL_AT = 0.4  # of the orders processed
STAGE_SECONDS_MAX = 90.0  # for each stage that waits; far beyond what any needs
BUG = '    return total * (100 - discount["percent"]) // 100\n'
MEND = '    if discount["kind"] == "amount":\n        return total - discount["cents"]\n' + BUG


class Demo:
    """The story, one method a chapter."""

    def __init__(self, count: int, screen: Screen) -> None:
        self.screen = screen
        self.orders = make_orders(count)
        self.doubles = twice_sent(self.orders)
        self.folder = Path(".redrive-demo").absolute() / "orders"
        self.books = Books(self.folder / "orders.db")
        self.producer: Producer | None = None
        self.summary: dict[str, Any] = {
            "orders": count,
            "sent_twice": len(self.doubles),
            "chapters": {},  # seconds that each took
        }
        self._began = time.monotonic()

    def run(self) -> bool:
        """Tell the whole story; return whether the audit at its end is clean."""
        self._copy()
        parameters = {
            # This very Python, which is surely there; the template allows up to 3.14.
            "Runtime": f"python3.{min(sys.version_info.minor, 14)}",
            "RetryAfterSeconds": str(RETRY_AFTER_SECONDS),
            "DatabasePath": str(self.folder / "orders.db"),
        }
        output = sys.stderr if self.screen.console.stderr else sys.stdout
        self.server = Server(self.folder, parameters, output.fileno())
        try:
            for chapter in (
                self._start,
                self._send,
                self._kill_in_the_middle,
                self._settle,
                self._explain,
                self._mend,
                self._redrive,
                self._audit,
            ):
                began = time.monotonic()
                chapter()
                name = chapter.__name__.strip("_")
                self.summary["chapters"][name] = round(time.monotonic() - began, 2)
            return bool(self.summary["ok"])
        finally:
            self.screen.still()
            if self.producer is not None:
                self.producer.close()
            self.server.stop()
            self.summary["seconds"] = round(time.monotonic() - self._began, 1)

    def _copy(self) -> None:
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copy(EXAMPLE / "template.yaml", self.folder)
        for name in ("consumer", "redriver"):
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(EXAMPLE / name, self.folder / name, ignore=leave)

    def _start(self) -> None:
        self.screen.step(f"redrive up --detach   [dim]in {self.folder}[/]")
        pid = self.server.up(is_shown=True)
        self.screen.step(f"the server is process {pid}")
        self.sqs, self.functions = self.server.client("sqs"), self.server.client("lambda")
        self.queue = self.sqs.get_queue_url(QueueName="orders")["QueueUrl"]
        self.dlq = self.sqs.get_queue_url(QueueName="orders-dlq")["QueueUrl"]

    def _send(self) -> None:
        slow = sum(order.is_slow for order in self.orders)
        poison = sum(order.is_poison for order in self.orders)
        self.screen.step(
            f"{len(self.orders)} orders come in: {slow} will fail twice, {poison} cannot succeed,"
            f" {len(self.doubles)} are sent twice"
        )
        messages = [*self.orders, *self.doubles]
        self.producer = Producer(self.sqs, self.queue, messages, ORDERS_COME_IN_SECONDS)

    def _kill_in_the_middle(self) -> None:
        enough = int(len(self.orders) * KILL_AT)
        self._wait(lambda: self.books.processed() >= enough, "before the kill")
        pid = self.summary["killed_pid"] = self.server.pid
        self.server.kill()
        processed = self.summary["processed_at_kill"] = self.books.processed()
        self.screen.still()
        self.screen.step(f"[bold red]kill -9 {pid}[/]   [dim]with {processed} orders processed[/]")
        self.screen.step("redrive up --detach   [dim]again, on the same data[/]")
        pid = self.summary["restarted_pid"] = self.server.up(is_shown=False)
        self.screen.step(f"the server is process {pid}")

    def _settle(self) -> None:
        """Wait until the queue is empty; what is not in the database must then be in the DLQ."""
        assert self.producer is not None
        self._wait(self._is_settled, "until every order is processed or buried")
        self.screen.still()
        letters = self._letters()
        buried = {json.loads(letter["Body"])["order_id"] for letter in letters}
        kept = self.books.order_ids()
        lost = sorted(
            order.order_id for order in self.orders if order.order_id not in kept | buried
        )
        self.summary |= {
            "sent": self.producer.messages,
            "resent": self.producer.resent,
            "processed": len(kept),
            "retried": self.books.retried() + len(buried - kept),
            "in_dlq": len(letters),
            "lost": lost,
        }
        poison = sum(order.is_poison for order in self.orders)
        by_crash = len(buried - {order.order_id for order in self.orders if order.is_poison})
        self.screen.table(
            "after the crash and all retries",
            [
                (
                    "sent",
                    self.summary["sent"],
                    f"{self.producer.resent} sent again for want of an answer",
                ),
                ("processed", len(kept), f"of {len(self.orders)} orders"),
                ("retried", self.summary["retried"], "orders received more than once"),
                ("in the DLQ", len(letters), _why_buried(poison, by_crash)),
                ("lost", len(lost), "neither processed nor in the DLQ"),
            ],
        )

    def _explain(self) -> None:
        poison = {order.order_id for order in self.orders if order.is_poison}
        found = [
            letter["MessageId"]
            for letter in self._letters()
            if json.loads(letter["Body"])["order_id"] in poison
        ]
        if not found:
            raise DemoError("no order that cannot succeed is in the dead-letter queue")
        message_id = self.summary["explained"] = found[0]
        self.screen.step(f"redrive explain {message_id}")
        self.server.show("explain", message_id)

    def _mend(self) -> None:
        path = self.folder / "consumer" / "pricing.py"
        old = path.read_text("utf-8")
        if BUG not in old:
            raise DemoError("consumer/pricing.py is not as the demo knows it: nothing to mend")
        new = old.replace(BUG, MEND)
        path.write_text(new, "utf-8")
        self.screen.step("the handler is mended")
        name = "consumer/pricing.py"
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, "", "", 1, "")
        self.screen.diff("\n".join(lines))
        self.screen.step("redrive up --detach   [dim]deploys it to the server that runs[/]")
        self.server.up(is_shown=False)

    def _redrive(self) -> None:
        self.screen.step("the redrive function is invoked: it starts a message move task")
        answer = self.functions.invoke(FunctionName="orders-redrive", Payload=b"{}")
        payload = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise DemoError(f"the redrive function failed: {payload}")
        self.summary["task_handle"] = payload["task_handle"]
        # In this order: what has left the dead-letter queue is in the queue by then.
        self._wait(lambda: not self._count(self.dlq) and self._is_settled(), "for the redrive")

    def _audit(self) -> None:
        audit = self.books.audit(self.orders)
        self.screen.still()
        self.summary |= {
            "processed_finally": self.books.processed(),
            "missing": audit.missing,
            "doubled": audit.doubled,
            "wrong": audit.wrong,
            "absorbed": audit.absorbed,
            "ok": audit.is_clean and not self.summary["lost"],
        }
        self.screen.table(
            "the audit",
            [
                (
                    "in the database",
                    self.summary["processed_finally"],
                    f"of {len(self.orders)} orders",
                ),
                ("missing", len(audit.missing), _named(audit.missing)),
                ("doubled", len(audit.doubled), _named(audit.doubled)),
                ("at a wrong price", len(audit.wrong), _named(audit.wrong)),
                ("absorbed", audit.absorbed, self._why_absorbed(audit.absorbed)),
            ],
        )

    def _why_absorbed(self, absorbed: int) -> str:
        again = absorbed - len(self.doubles)
        why = f"came again without effect: {len(self.doubles)} sent twice"
        return f"{why}, {again} delivered twice for the crash" if again > 0 else why

    # --- what the queues say ------------------------------------------------------------------

    def _count(self, queue_url: str) -> int:
        """Return how many messages a queue has, in any state."""
        names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        told = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(told["Attributes"][name]) for name in names)

    def _is_settled(self) -> bool:
        assert self.producer is not None
        return self.producer.is_done and not self._count(self.queue)

    def _letters(self) -> list[dict[str, Any]]:
        told = self.server.ask("messages", "orders-dlq", "--limit", "1000")[0]
        letters: list[dict[str, Any]] = told["Messages"]
        return letters

    def _wait(self, is_over: Callable[[], bool], what: str) -> None:
        """Draw the counts until something is so. Raises DemoError when it does not come to be."""
        ends, pause = time.monotonic() + STAGE_SECONDS_MAX, threading.Event()
        assert self.producer is not None
        while True:
            try:
                counts = {
                    "sent": self.producer.messages,
                    "processed": self.books.processed(),
                    "in the queue": self._count(self.queue),
                    "in the DLQ": self._count(self.dlq),
                }
                if is_over():
                    return
                self.screen.show(len(self.orders), counts, f"waiting {what}")
            except (BotoCoreError, ClientError) as error:
                if time.monotonic() > ends:
                    raise DemoError(f"the server is away: {error}") from error
            if time.monotonic() > ends:
                raise DemoError(f"waited {STAGE_SECONDS_MAX:.0f} s {what}: {counts}")
            pause.wait(0.1)


def _why_buried(poison: int, by_crash: int) -> str:
    why = f"{poison} cannot succeed"
    return f"{why}, {by_crash} lost a try to the crash" if by_crash else why


def _named(order_ids: list[str]) -> str:
    return ", ".join(order_ids[:5]) + (", ..." if len(order_ids) > 5 else "")


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--orders", type=int, default=1_000, help="how many (default: 1000)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    if given.orders < ORDERS_MIN:
        parser.error(f"--orders is at least {ORDERS_MIN}, so that there is one of each kind")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind
    screen = Screen(to_stderr=given.json)
    demo = Demo(given.orders, screen)
    try:
        is_clean = demo.run()
    except DemoError as error:
        screen.failed(str(error))
        demo.summary |= {"ok": False, "error": str(error)}
        is_clean = False
    except KeyboardInterrupt:
        return 130
    if given.json:
        print(json.dumps(demo.summary))
    screen.end(is_clean, len(demo.orders), demo.summary["seconds"])
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
