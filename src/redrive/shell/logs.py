"""Structured logs on standard error: JSON lines, or text where a person reads along."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson

from redrive.core.time import iso

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, and whatever was given as extra."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry: dict[str, Any] = {
            "time": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class Text(logging.Formatter):
    """Time of day, level when it is not ordinary, message, extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, or several when there is a traceback."""
        level = "" if record.levelno == logging.INFO else f" {record.levelname}"
        extras = "".join(f" {k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        line = f"{iso(int(record.created * 1000))[11:23]}{level} {record.getMessage()}{extras}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up_logs(log_format: str) -> None:
    """Send Redrive's logs to standard error in the form that config.log_format names."""
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Text() if is_text else JsonLines())
    log = logging.getLogger("redrive")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
