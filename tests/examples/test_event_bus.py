"""examples/event-bus: a week of orders with a clock that is moved, and once for real."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .rigs import ORDERS, run_demos

EXAMPLE = ORDERS.with_name("event-bus")
START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def place(stack: Any, order: str, total: int) -> None:
    """Put an order on the bus."""
    detail = json.dumps({"order": order, "total": total, "country": "IL"})
    entry = {"Source": "shop.checkout", "DetailType": "Order placed", "Detail": detail}
    told = stack.client("events").put_events(Entries=[{**entry, "EventBusName": "shop"}])
    assert told["FailedEntryCount"] == 0
    stack.settle()


def test_a_week_of_orders(redrive_up: Any, tmp_path: Path) -> None:
    """Large orders are told of; what fails has its retries, and then a queue to lie in."""
    stack = redrive_up(EXAMPLE, parameters={"Folder": str(tmp_path)}, start=START)
    for day in range(7):
        stack.advance_to(START + timedelta(days=day))
        place(stack, f"o-{day}", 100 + day)
        place(stack, f"small-{day}", 99)
        place(stack, f"bad-{day}", 500)
        stack.advance("170s")
        assert stack.depth("Failed") == day
        stack.advance("20s")  # the retries, after one minute and two more, are over
        assert stack.depth("Failed") == day + 1
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert told == [f"order o-{day} is worth {100 + day}" for day in range(7)]
    bad = stack.receive("Failed", MessageAttributeNames=["All"])
    assert sorted(json.loads(message["Body"])["order"] for message in bad) == [
        f"bad-{day}" for day in range(7)
    ]
    assert "cannot tell" in bad[0]["MessageAttributes"]["ErrorMessage"]["StringValue"]
    stack.client("lambda").delete_function(FunctionName="notify")
    place(stack, "late", 400)
    (message,) = stack.receive("Undelivered", MessageAttributeNames=["All"])
    attributes = {name: v["StringValue"] for name, v in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert ":rule/shop/" in attributes["RULE_ARN"]
    assert attributes["TARGET_ARN"].endswith(":function:notify")
    assert json.loads(message["Body"])["detail"]["order"] == "late"


def test_the_demo() -> None:
    """The same for real, without retries."""
    code, summary, said = run_demos(EXAMPLE / "demo.py", {"it": ()})["it"]
    assert code == 0, said
    assert summary["ok"] is True
