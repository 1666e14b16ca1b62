"""examples/orders: its handler, its auditor, its demo whole and with planted faults, its README."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stage.books import Books
from stage.shop import ORDERS_MIN, Order, make_orders, twice_sent

from .conftest import Consume
from .rigs import CEILING_SECONDS, ORDERS, DemoRun, copy_example

COUNT = 60
FORGOTTEN = "order-00021"

TEA = {"order_id": "tea", "customer": "Ada", "provider": "quickbank"}
TEA |= {"lines": [{"sku": "tea", "quantity": 2, "unit_cents": 450}]}
SLOW = {**TEA, "order_id": "slow", "provider": "slowbank"}
VOUCHER = {**TEA, "order_id": "voucher", "discount": {"kind": "amount", "cents": 300}}
REDUCED = {**TEA, "order_id": "reduced", "discount": {"kind": "percent", "percent": 20}}


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


# --- the handler --------------------------------------------------------------------------------


def test_only_what_failed_is_named(consume: Consume, tmp_path: Path) -> None:
    """A batch's answer names the orders that failed, and the others are kept at their price."""
    batch = [("m1", TEA), ("m2", SLOW), ("m3", VOUCHER), ("m4", REDUCED)]
    answers = consume(batch)
    assert answers == [{"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]}]
    kept = rows(tmp_path / "orders.db", "SELECT order_id, cents FROM orders ORDER BY cents")
    assert kept == [("reduced", 720), ("tea", 900)]


def test_fails_twice_then_succeeds(consume: Consume, tmp_path: Path) -> None:
    """An order whose provider is away twice is kept at its third delivery."""
    answers = consume(*[[("m1", TEA), ("m2", SLOW)]] * 3)
    failures = [len(answer["batchItemFailures"]) for answer in answers]
    assert failures == [1, 1, 0]
    assert len(rows(tmp_path / "orders.db", "SELECT * FROM ledger")) == 2


def test_one_effect_however_often_it_comes(consume: Consume, tmp_path: Path) -> None:
    """Deliveries of an order that is kept change nothing, under whatever message id."""
    answers = consume([("m1", TEA), ("m1", TEA)], [("m1", TEA)], [("m2", TEA)])
    assert [answer["batchItemFailures"] for answer in answers] == [[], [], []]
    assert len(rows(tmp_path / "orders.db", "SELECT * FROM ledger")) == 1
    assert len(rows(tmp_path / "orders.db", "SELECT * FROM redeliveries")) == 3


def test_trouble_that_passes_is_waited_out_in_the_handler(consume: Consume, tmp_path: Path) -> None:
    """A database that is locked for a moment costs no receive: tenacity tries again at once."""
    before = """
import os, sqlite3, database
database.BUSY_SECONDS = 0
database.Database(os.environ["DATABASE_PATH"])._connection
other = sqlite3.connect(os.environ["DATABASE_PATH"], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
database.Database.keep.retry.before_sleep = lambda _: other.in_transaction and other.rollback()
"""
    assert consume([("m1", TEA)], before=before) == [{"batchItemFailures": []}]
    assert len(rows(tmp_path / "orders.db", "SELECT * FROM ledger")) == 1


def test_trouble_that_stays_is_the_queue_s(consume: Consume, tmp_path: Path) -> None:
    """A database that stays locked fails the batch; nothing is half kept."""
    before = """
import os, sqlite3, database
database.BUSY_SECONDS = 0
database.Database(os.environ["DATABASE_PATH"])._connection
other = sqlite3.connect(os.environ["DATABASE_PATH"], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
"""
    assert consume([("m1", TEA)], before=before) == ["BatchProcessingError"]
    assert rows(tmp_path / "orders.db", "SELECT * FROM orders") == []


# --- the shop and the auditor -------------------------------------------------------------------


@pytest.mark.parametrize("count", [ORDERS_MIN, COUNT, 1_000])
def test_there_is_one_of_each_kind(count: int) -> None:
    """Any number of orders has slow, poison and twice-sent ones, all told apart by their id."""
    orders = make_orders(count)
    assert len({order.order_id for order in orders}) == count
    assert any(order.is_slow for order in orders)
    assert any(order.is_poison for order in orders)
    assert not any(order.is_slow and order.is_poison for order in orders)
    assert twice_sent(orders)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("", {}),
        ("DELETE FROM orders WHERE order_id = 'order-00001'", {"missing": ["order-00001"]}),
        ("DELETE FROM ledger WHERE order_id = 'order-00001'", {"missing": ["order-00001"]}),
        ("INSERT INTO ledger SELECT * FROM ledger LIMIT 1", {"doubled": ["order-00000"]}),
        ("UPDATE ledger SET cents = 1 WHERE rowid = 3", {"wrong": ["order-00002"]}),
        ("UPDATE orders SET cents = 1 WHERE rowid = 3", {"wrong": ["order-00002"]}),
        ("INSERT INTO ledger VALUES ('ghost', 1, 'm')", {"wrong": ["ghost"]}),
    ],
)
def test_auditor_sees(tmp_path: Path, package: Path, fault: str, found: dict[str, Any]) -> None:
    """The auditor names what is missing, doubled or wrong, and finds nothing in clean books."""
    path = tmp_path / "orders.db"
    orders = make_orders(ORDERS_MIN)
    keep_all(path, package, orders)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(fault or "SELECT 1")
    audit = Books(path).audit(orders)
    seen = {"missing": audit.missing, "doubled": audit.doubled, "wrong": audit.wrong}
    assert seen == {"missing": [], "doubled": [], "wrong": [], **found}
    assert audit.is_clean is not bool(found)


def keep_all(path: Path, package: Path, orders: list[Order]) -> None:
    """Write orders as the consumer does, with the schema of the consumer."""
    schema = re.search(r'SCHEMA = """(.*?)"""', (package / "database.py").read_text(), re.DOTALL)
    assert schema is not None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema[1])
        for order in orders:
            kept = (order.order_id, "Ada", order.cents, "m", 1)
            connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", kept)
            connection.execute("INSERT INTO ledger VALUES (?, ?, 'm')", (kept[0], kept[2]))


# --- the demo -----------------------------------------------------------------------------------

ABSORBED = 'run("INSERT INTO redeliveries VALUES (?, ?)", (order_id, message_id))'
SPOILT: dict[str, dict[str, tuple[str, str]]] = {
    "whole": {},
    # Books a redelivery as if it were the first.
    "twofold": {
        "consumer/database.py": (
            ABSORBED,
            'run("INSERT INTO ledger VALUES (?, ?, ?)", (order_id, cents, message_id))',
        )
    },
    # Says that one order succeeded and has not kept it.
    "forgetful": {
        "consumer/app.py": (
            "    cents = total_cents(order)",
            f'    if order["order_id"] == "{FORGOTTEN}":\n            return\n'
            "        cents = total_cents(order)",
        )
    },
}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DemoRun]]:
    """The demo as it is and with planted faults, all at once: each waits for its retries mostly."""
    runs = {
        name: DemoRun(tmp_path_factory.mktemp(name), spoil, COUNT) for name, spoil in SPOILT.items()
    }
    try:
        for run in runs.values():
            run.wait()
        yield runs
    finally:
        for run in runs.values():
            run.close()


def test_demo_ends_well(demos: dict[str, DemoRun]) -> None:
    """With a SIGKILL in the middle every order is in the database exactly once, and it says so."""
    run = demos["whole"]
    summary = run.summary
    assert run.code == 0, run.said
    assert summary["ok"]
    assert summary["processed_finally"] == COUNT
    assert [summary[name] for name in ("lost", "missing", "doubled", "wrong")] == [[]] * 4
    assert f"All {COUNT} orders are in the database, each exactly once." in run.said


def test_demo_shows_the_pattern(demos: dict[str, DemoRun]) -> None:
    """Orders were killed under way, retried, buried, explained and redriven, not just processed."""
    summary = demos["whole"].summary
    orders = make_orders(COUNT)
    slow = sum(order.is_slow for order in orders)
    poison = sum(order.is_poison for order in orders)
    assert 0 < summary["processed_at_kill"] < COUNT
    assert summary["killed_pid"] != summary["restarted_pid"]
    assert summary["sent"] == COUNT + len(twice_sent(orders))
    assert summary["retried"] >= slow + poison
    assert summary["in_dlq"] >= poison
    assert summary["absorbed"] >= len(twice_sent(orders))
    assert "maxReceiveCount is 3" in demos["whole"].said
    assert "KeyError: 'percent'" in demos["whole"].said


def test_demo_sees_a_double_effect(demos: dict[str, DemoRun]) -> None:
    """A consumer that is not idempotent makes the demo fail and name the doubled orders."""
    run = demos["twofold"]
    assert run.code == 1, run.said
    doubled = {order.order_id for order in twice_sent(make_orders(COUNT))}
    assert doubled <= set(run.summary["doubled"])
    assert not run.summary["missing"]


def test_demo_sees_a_lost_order(demos: dict[str, DemoRun]) -> None:
    """A consumer that acknowledges an order without keeping it makes the demo fail and name it."""
    run = demos["forgetful"]
    assert run.code == 1, run.said
    assert run.summary["missing"] == run.summary["lost"] == [FORGOTTEN]
    assert not run.summary["doubled"]


# --- the README ---------------------------------------------------------------------------------


def test_readme_by_hand(tmp_path: Path) -> None:
    """Every command and the snippet of "By hand" run as they stand."""
    text = (ORDERS / "README.md").read_text("utf-8").partition("## By hand")[2]
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippet is not None
    commands = re.findall(r"^    (redrive .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    folder = copy_example(tmp_path)
    environment = {**os.environ, "PWD": str(folder), "PATH": _path()}

    def run(command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=CEILING_SECONDS,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    up, *rest = commands
    assert up.startswith("redrive up") and len(rest) == 6
    said = run([*_words(up, folder), "--port", "0", "--detach"])
    try:
        exported = re.search(r"export (AWS_ENDPOINT_URL=.*)", said)
        assert exported is not None
        environment.update(pair.split("=", 1) for pair in exported[1].split())
        message_id = run([sys.executable, "-c", snippet[1]]).strip()
        for command in rest:
            run(_words(command.replace("MESSAGE_ID", message_id), folder))
    finally:
        lock = (folder / ".redrive" / "lock").read_text("utf-8")
        process = re.search(r"process (\d+)", lock)
        assert process is not None
        os.kill(int(process[1]), 15)


def _words(command: str, folder: Path) -> list[str]:
    return shlex.split(command.replace("$PWD", str(folder)))


def _path() -> str:
    """Return a PATH on which `redrive` is the one of this interpreter."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
