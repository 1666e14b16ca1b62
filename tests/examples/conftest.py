"""The orders example: its consumer with what it requires, and copies of it that can be spoilt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from redrive.cli.packages import Installer, build_package

from .rigs import CEILING_SECONDS, ORDERS

sys.path.insert(0, str(ORDERS))

# Reads batches of (message id, order) and writes the consumer's answers, one line each.
DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from app import handler

class Context:
    function_name, memory_limit_in_mb, aws_request_id = "orders-consumer", 256, "request"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:orders-consumer"

{before}
answers = []
for batch in json.load(sys.stdin):
    records = [
        {{
            "messageId": message_id,
            "receiptHandle": "handle",
            "body": json.dumps(order),
            "attributes": {{"ApproximateReceiveCount": "1"}},
            "messageAttributes": {{}},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
            "awsRegion": "us-east-1",
        }}
        for message_id, order in batch
    ]
    try:
        answers.append(handler({{"Records": records}}, Context()))
    except Exception as error:
        answers.append(type(error).__name__)
print("ANSWERS " + json.dumps(answers))
"""

Consume = Callable[..., list[Any]]


def _run(command: list[str], hear: Callable[[str], None]) -> int:
    done = subprocess.run(command, capture_output=True, text=True, timeout=CEILING_SECONDS)
    for line in (done.stdout + done.stderr).splitlines():
        hear(line)
    return done.returncode


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer's code with what it requires beside it, as a function gets it."""
    cache = tmp_path_factory.mktemp("packages")
    python = f"3.{sys.version_info.minor}"
    installer = Installer(sys.executable, python, _run)
    return build_package(ORDERS / "consumer", cache, installer).path


@pytest.fixture
def consume(package: Path, tmp_path: Path) -> Consume:
    """Runs batches through the handler, in a process of its own, with a database in tmp_path."""

    def run(*batches: list[tuple[str, dict[str, Any]]], before: str = "") -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-c", DRIVER.format(before=before), str(package)],
            input=json.dumps(batches),
            env={**os.environ, "DATABASE_PATH": str(tmp_path / "orders.db")},
            capture_output=True,
            text=True,
            timeout=CEILING_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        last = done.stdout.splitlines()[-1]
        answers: list[Any] = json.loads(last.removeprefix("ANSWERS "))
        return answers

    return run
