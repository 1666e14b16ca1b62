"""What stands in for callers, chance, a function's code, what functions do, and other servers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from redrive.core.effects import Caller, Fetch, Fetched, Ran, Reply

ACCOUNT = "000000000000"
REGION = "us-east-1"


def caller(account: str = ACCOUNT, region: str = REGION) -> Caller:
    """The root user of an account."""
    return Caller(account, region, f"arn:aws:iam::{account}:root", account)


class CountedChance:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, count: int) -> bytes:
        """Return the next number."""
        self._count += 1
        return self._count.to_bytes(count, "big")


def package(body: str = "def handler(event, context):\n    return event\n", **others: str) -> bytes:
    """A zip file with app.py and other files; always the same bytes for the same texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {"app.py": body, **others}.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def failing(_event: Any) -> Ran:
    """A script that raises."""
    body = {"errorMessage": "no", "errorType": "ValueError", "requestId": "", "stackTrace": []}
    return Ran(json.dumps(body).encode(), error="Unhandled", status="error")


def answering(answer: Any) -> Callable[[Any], Ran]:
    """A script that returns the same to every event."""
    return lambda _event: Ran(json.dumps(answer).encode())


def fetched(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[Fetch], Reply]:
    """A script of another server that answers the same to every request."""
    return lambda _fetch: Reply(fetched=Fetched(status, tuple(headers.items()), body))
