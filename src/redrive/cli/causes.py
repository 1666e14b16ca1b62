"""Why a message failed when the function's answer does not say: a partial batch response has room
for ids only, so the reason is in the function's own log of that invocation.

Pure but for the client that reads the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from redrive.cli.client import Client, Refusal

_LINES_MAX = 40
_CODE_FOLDER = re.compile(r"/\S*/code/[0-9a-f]{64}/")


def add_causes(client: Client, told: dict[str, Any]) -> None:
    """Give each failure without an error what the invocation logged of the message.

    The log names a message by the id that it had then, which a redrive changes.
    """
    ids = [event["MessageId"] for event in told["Events"] if "MessageId" in event]
    ids += [event["Detail"]["new"] for event in told["Events"] if event["Kind"] == "redriven"]
    for event in told["Events"]:
        detail = event.get("Detail", {})
        if event["Kind"] != "failed" or detail.get("error") or not detail.get("request"):
            continue
        lines = list(_logged(client, detail, ids))
        if lines:
            detail["logged"] = lines[-_LINES_MAX:]


def _logged(client: Client, detail: Mapping[str, Any], ids: list[str]) -> Iterator[str]:
    try:
        read = client.call(
            "redrive",
            "ReadLogs",
            FunctionName=detail["function"].rpartition(":")[2],
            RequestId=detail["request"],
        )
    except Refusal:  # the log has been let go: the life-line is told without it
        return
    for line in "".join(piece["Text"] for piece in read["Logs"]).splitlines():
        if any(identity in line for identity in ids):
            yield from _readable(line)


def _readable(line: str) -> Iterator[str]:
    """Yield a log line; of a structured one the exception, or else the message."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        yield line
        return
    if isinstance(entry, dict):
        said = entry.get("exception") or entry.get("message") or line
        yield from short_paths(str(said)).splitlines()


def short_paths(text: str) -> str:
    """Return text in which paths into a function's code begin at the function."""
    return _CODE_FOLDER.sub("", text)
