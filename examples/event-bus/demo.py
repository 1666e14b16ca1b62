"""Orders as events: the large ones are told of, and what fails is kept. See it happen.

It is `template.yaml`, with no retries of the function so that nobody has to wait three minutes.
Ends with 0 when every event is where it belongs, with 1 when not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rich.console import Console

from redrive.testing import RunningStack, template_up

TEMPLATE = Path(__file__).with_name("template.yaml")
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 60
_NEVER = threading.Event()


def place(events: Any, order: str, total: int) -> None:
    """Put an order on the bus."""
    detail = json.dumps({"order": order, "total": total, "country": "IL"})
    entry = {"Source": "shop.checkout", "DetailType": "Order placed", "Detail": detail}
    told = events.put_events(Entries=[{**entry, "EventBusName": "shop"}])
    assert told["FailedEntryCount"] == 0


def wait_for(stack: RunningStack, queue: str, count: int) -> list[dict[str, Any]]:
    """Wait until a queue holds so many messages; return them."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if stack.depth(queue) >= count:
            break
        _NEVER.wait(LOOK_SECONDS)
    return stack.receive(queue, MessageAttributeNames=["All"])


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    with tempfile.TemporaryDirectory() as folder:
        parameters = {"Folder": folder}
        with template_up(TEMPLATE, parameters=parameters, clock="system") as stack:
            client = {**stack.settings, "config": Config(proxies={})}
            events, functions = boto3.client("events", **client), boto3.client("lambda", **client)
            functions.put_function_event_invoke_config(
                FunctionName="notify", MaximumRetryAttempts=0
            )
            for order, total in (("o-1", 250), ("o-2", 30), ("bad-1", 900)):
                console.print(f"order {order}, {total}")
                place(events, order, total)
            failed = wait_for(stack, "Failed", 1)
            functions.delete_function(FunctionName="notify")
            console.print("the function is deleted; one more order")
            place(events, "o-3", 400)
            undelivered = wait_for(stack, "Undelivered", 1)
        books = Path(folder, "told.txt")
        told = books.read_text().splitlines() if books.exists() else []
    codes = [m["MessageAttributes"]["ERROR_CODE"]["StringValue"] for m in undelivered]
    bad = [json.loads(m["Body"])["order"] for m in failed]
    console.print(f"told: {told}\nfailed: {bad}\nundelivered: {codes}")
    is_right = (told, bad, codes) == (["order o-1 is worth 250"], ["bad-1"], ["NO_RESOURCE"])
    if options.json:
        print(json.dumps({"ok": is_right, "told": told, "failed": bad, "undelivered": codes}))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
