"""examples/fan-out: a week of orders with a clock that is moved, and once for real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .rigs import ORDERS, run_demos

EXAMPLE = ORDERS.with_name("fan-out")
START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def publish(stack: Any, order: str, customer: str) -> None:
    attribute = {"DataType": "String", "StringValue": customer}
    stack.client("sns").publish(
        TopicArn=stack.outputs["Topic"],
        Message=order,
        MessageAttributes={"customer": attribute},
    )


def test_a_week_of_orders(redrive_up: Any, tmp_path: Path) -> None:
    """Billing has all, mail the members'; on the days when mail is down its orders die."""
    stack = redrive_up(EXAMPLE, parameters={"Folder": str(tmp_path)}, start=START)
    for day in range(7):
        stack.advance_to(START + timedelta(days=day))
        is_down = day in (2, 5)
        if is_down:
            (tmp_path / "mail-down").touch()
        publish(stack, f"member-{day}", "member")
        publish(stack, f"guest-{day}", "guest")
        stack.advance("1h")
        (tmp_path / "mail-down").unlink(missing_ok=True)
    billing = sorted((tmp_path / "billing.txt").read_text().split())
    assert billing == sorted(f"{kind}-{day}" for day in range(7) for kind in ("member", "guest"))
    mail = (tmp_path / "mail.txt").read_text().split()
    assert mail == [f"member-{day}" for day in range(7) if day not in (2, 5)]
    assert sorted(message["Body"] for message in stack.messages("Dead")) == [
        "member-2",
        "member-5",
    ]


def test_the_demo() -> None:
    """The same for real, with mail down for a moment."""
    code, summary, said = run_demos(EXAMPLE / "demo.py", {"it": ("--orders", "12")})["it"]
    assert code == 0, said
    assert summary == {"ok": True, "billing": 12, "mail": 4}
