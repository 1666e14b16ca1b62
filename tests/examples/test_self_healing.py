"""examples/self-healing: a week of the calendar with a clock that is moved, and once for real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .rigs import ORDERS, run_demos

EXAMPLE = ORDERS.with_name("self-healing")
SUNDAY = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
NIGHT_HOUR = 21  # 23:00 in Jerusalem, in winter


def run_week(stack: Any, folder: Path) -> dict[str, list[str]]:
    """Break the back end for an hour of each day; return what is in the books each morning."""
    seen: dict[str, list[str]] = {}
    for day in range(7):
        morning = SUNDAY + timedelta(days=day)
        stack.advance_to(morning)
        books = folder / "done.txt"
        seen[f"{morning:%a}"] = sorted(books.read_text().split()) if books.exists() else []
        (folder / "down").touch()
        for queue in ("Orders", "Jobs"):
            stack.send(queue, f"{queue}-{morning:%a}")
        stack.advance("1h")
        (folder / "down").unlink()
        assert stack.depth("Orders") == stack.depth("Jobs") == 0
    return seen


def test_a_week_of_nights(redrive_up: Any, tmp_path: Path) -> None:
    """Dead letters go back at 23:00 from Sunday to Thursday, by a function and by none."""
    stack = redrive_up(EXAMPLE, parameters={"Folder": str(tmp_path)}, start=SUNDAY)
    seen = run_week(stack, tmp_path)
    days = list(seen)
    assert days == ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    for number, day in enumerate(days[:6]):
        dead = [f"{queue}-{each}" for queue in ("Jobs", "Orders") for each in days[:number]]
        assert seen[day] == sorted(dead), f"on the morning of {day}"
    assert seen["Sat"] == seen["Fri"]  # nothing on Friday's night
    assert (stack.depth("DeadOrders"), stack.depth("DeadJobs")) == (2, 2)
    stack.advance_to(SUNDAY.replace(hour=NIGHT_HOUR) + timedelta(days=7, seconds=-1))
    assert (stack.depth("DeadOrders"), stack.depth("DeadJobs")) == (2, 2)
    stack.advance("1m")
    assert (stack.depth("DeadOrders"), stack.depth("DeadJobs")) == (0, 0)
    assert len((tmp_path / "done.txt").read_text().split()) == 14
    assert stack.logs("Redriver").count("redrive started") == 5  # logs of the last seven days
    assert stack.depth("Missed") == 0


def test_the_demo() -> None:
    """The same for real, with one night some seconds ahead."""
    code, summary, said = run_demos(EXAMPLE / "demo.py", {"it": ("--messages", "5")})["it"]
    assert code == 0, said
    assert summary == {"ok": True, "sent": 10, "done": 10, "died": True}
